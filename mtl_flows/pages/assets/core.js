// Elements, numbers, colours, and what waits until it is seen. Where the data is, `source` knows: embedded.js or live.js.
"use strict";

/** An element: tag with classes, attributes (functions listen), children. Text is always text, never markup. */
function h(spec, attributes, ...children) {
  const [tag, ...classes] = spec.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const known = (value) => value !== null && value !== undefined;

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const superscript = (number) =>
  String(number).replace("-", "⁻").replace(/\d/g, (digit) => SUPERSCRIPTS[digit]);

/** A number in few characters; powers of ten where it is small or large; – where there is none. */
function fmt(value, digits = 3) {
  if (!known(value)) return "–";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) {
    const [mantissa, exponent] = value.toExponential(Math.max(0, digits - 2)).split("e");
    return `${mantissa}·10${superscript(Number(exponent))}`;
  }
  return String(Number(value.toPrecision(digits)));
}

const interval = (low, high, digits = 2) =>
  known(low) && known(high) ? `[${fmt(low, digits)}, ${fmt(high, digits)}]` : "";

/** A formula with its numbers set low. */
function formula(text) {
  const parts = String(text || "").split(/(?<=[A-Za-z)\]])(\d+(?:\.\d+)?)/);
  return h("span", {}, parts.map((part, k) => (k % 2 ? h("sub", {}, part) : part)));
}

/** Text that plotly takes for text: it understands some markup. */
const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const plainFormula = (text) => plain(text).replace(/([A-Za-z)\]])(\d+(?:\.\d+)?)/g, "$1<sub>$2</sub>");

const badge = (text, kind = "") => h(kind ? `span.badge.${kind}` : "span.badge", {}, text);
const OUTCOMES = { pass: "✓ passes", fail: "✗ fails", pending: "… pending", undecided: "? undecided" };
const outcome = (word) => badge(OUTCOMES[word] || word, word in OUTCOMES ? word : "");

/** A card with a heading; `width` is one of the classes w3 … w8. */
function card(title, width, ...children) {
  return h(`figure.card${width ? "." + width : ""}`, {}, title && h("h3", {}, title), ...children);
}
const caption = (...text) => h("figcaption", {}, ...text);

/** A table of rows of cells; numbers to the right. */
function grid(headings, rows, attributes = {}) {
  const isNumber = headings.map((_, k) => rows.length > 0 && rows.every((row) => row[k] === null || typeof row[k] === "number"));
  return h("div.scroll", {}, h("table.wrap", attributes,
    h("thead", {}, h("tr", {}, headings.map((text, k) => h(isNumber[k] ? "th.n" : "th", { scope: "col" }, text)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, k) =>
      h(isNumber[k] ? "td.n" : "td", {}, cell instanceof Node || Array.isArray(cell) ? cell : fmt(cell))))))));
}

let plotlyScript = null;
function plotly() {
  plotlyScript ||= source.plotly().then(({ address, done }) => new Promise((resolve, reject) => {
    const script = h("script", { src: address });
    script.onload = () => { done(); resolve(window.Plotly); };
    script.onerror = () => reject(new Error("plotly.js could not be read"));
    document.head.append(script);
  }));
  return plotlyScript;
}

/** An element that is filled once a part of the data is there. */
function later(host, part, build) {
  host.replaceChildren(h("p.muted", {}, "…"));
  source.need(part).then(() => host.replaceChildren(...build().flat().filter(Boolean)), (error) => host.replaceChildren(h("p.error", {}, String(error))));
  return host;
}

/** Does something once an element comes near the window. */
const seen = new Map();
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const act = entry.isIntersecting && seen.get(entry.target);
    if (!act) continue;
    watcher.unobserve(entry.target);
    seen.delete(entry.target);
    act();
  }
}, { rootMargin: "150px" });
function whenSeen(element, act) {
  seen.set(element, act);
  watcher.observe(element);
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const onTheme = new Set();
function themed() {
  for (const act of onTheme) act();
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", themed);

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
function switchTheme() {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  try { localStorage.setItem("mtl-theme", document.documentElement.dataset.theme); } catch { /* no storage for files */ }
  themed();
}

function download(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  fetched(address, name);
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
function fetched(address, name) {
  const link = h("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
}
