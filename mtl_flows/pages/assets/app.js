// Which page is shown: the part of the address after #.

let report = null;
const addressOf = (id) => `#/material/${encodeURIComponent(id)}`;
const openMaterial = (id) => { if (id && source.has(id)) location.hash = addressOf(id).slice(1); };
const PAGES = { "": ["Overview", overviewPage], figures: ["Figures", figuresPage], ranking: ["Ranking", rankingPage], about: ["About", aboutPage] };
let scrolled = 0, turns = 0;

async function route({ stay = false } = {}) {
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  const main = document.getElementById("main");
  if (main.dataset.page === "") scrolled = scrollY;
  const here = scrollY;
  const turn = ++turns;
  main.setAttribute("aria-busy", "true");
  forgetCharts();
  let content, title;
  try {
    if (name === "material") {
      const id = decodeURIComponent(rest.join("/"));
      content = await materialPage(id);
      title = id;
    } else {
      const [heading, page] = PAGES[name] || PAGES[""];
      content = await page();
      title = heading;
    }
  } catch (error) {
    console.error(error);
    content = [h("h1", {}, "This page cannot be shown"), h("p.error", {}, String(error))];
    title = "error";
  }
  if (turn !== turns) return;
  main.removeAttribute("aria-busy");
  document.title = `${title} · ${report.meta.screening} · mtl_flows`;
  main.replaceChildren(...content.flat().filter(Boolean));
  const moved = main.dataset.page !== undefined && !stay;
  main.dataset.page = name;
  for (const link of document.querySelectorAll(".top nav a")) {
    if (link.getAttribute("href") === `#/${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (moved) { main.focus({ preventScroll: true }); scrollTo(0, name === "" ? scrolled : 0); }
  if (stay) scrollTo(0, here);
  main.dataset.ready = location.hash || "#/";
}

/** Paper is light, and everything on it has been seen. */
let onScreen;
function forPaper() {
  onScreen = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
  for (const [target, act] of [...seen]) { seen.delete(target); watcher.unobserve(target); act(); }
  themed();
}
function forScreen() {
  if (onScreen) document.documentElement.dataset.theme = onScreen;
  else delete document.documentElement.dataset.theme;
  themed();
}

async function start() {
  try {
    const chosen = localStorage.getItem("mtl-theme");
    if (chosen) document.documentElement.dataset.theme = chosen;
  } catch { /* no storage for files */ }
  report = await source.start();
  const { siblings, screening } = report.meta;
  document.querySelector(".top").append(
    h("nav", { "aria-label": "pages" }, Object.entries(PAGES).map(([name, [text]]) => h("a", { href: `#/${name}` }, text))),
    h("span.right", {}, siblings.length > 1 && h("label", {}, "screening ", h("select", { change: (event) => { location.href = event.target.value; } },
      siblings.map(([name, file]) => h("option", { value: file, selected: name === screening }, name)))),
      h("button", { click: switchTheme, "aria-label": "light or dark" }, "◐")));
  document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); document.getElementById("main").focus(); });
  addEventListener("hashchange", () => route());
  addEventListener("beforeprint", forPaper);
  addEventListener("afterprint", forScreen);
  await route();
  source.follow(route);
}
start().catch((error) => {
  console.error(error);
  document.getElementById("main").replaceChildren(h("p.error", {}, `This page cannot be shown: ${error}`));
});
