// The table of all materials: sorted, filtered, its columns chosen, what is shown downloaded.

const PERIODS = [
  "H . . . . . . . . . . . . . . . . He",
  "Li Be . . . . . . . . . . B C N O F Ne",
  "Na Mg . . . . . . . . . . Al Si P S Cl Ar",
  "K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr",
  "Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe",
  "Cs Ba La Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn",
  "Fr Ra Ac Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og",
  ". . . Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu .",
  ". . . Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr .",
].map((row) => row.split(" "));

const GATES = [
  ["passes_connectivity", "connected"], ["passes_prescreen_published", "prescreen"], ["passes_prescreen_text", "prescreen, text"],
  ["selected_published", "cluster"], ["selected_text", "cluster, text"], ["passes_chemistry", "chemistry"],
  ["survives_published", "survives"], ["survives_text", "survives, text"], ["is_known_conductor", "known conductor"],
  ["ordered", "ordered"], ["is_representative", "unique"],
];
const RANGED = ["r_connected_A", "rho_cycles_published", "E_3D_eV", "v3_over_d3", "n_sites", "activation_energy_crystal_eV", "window_width_V", "conductivity_measured_S_per_cm"];
const PAGE = 100;

/** What is asked and how it is ordered; kept while the reader looks at other pages. */
const asked = { text: "", gates: {}, ranges: {}, elements: {}, words: {}, sort: "", down: false, shown: null };

function chosenRows() {
  const { rows, count } = report;
  const tokens = asked.text.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = Object.entries(asked.elements);
  const gates = Object.entries(asked.gates).filter(([, value]) => known(value));
  const ranges = Object.entries(asked.ranges).filter(([, [low, high]]) => known(low) || known(high));
  const words = Object.entries(asked.words).filter(([, value]) => value);
  const found = [];
  for (let k = 0; k < count; k++) {
    if (gates.some(([field, value]) => rows[field][k] !== value)) continue;
    if (wanted.some(([symbol, with_]) => rows.elements[k].includes(symbol) !== with_)) continue;
    if (words.some(([field, value]) => rows[field][k] !== value)) continue;
    if (ranges.some(([field, [low, high]]) => {
      const value = rows[field][k];
      return !known(value) || (known(low) && value < low) || (known(high) && value > high);
    })) continue;
    if (tokens.length) {
      const text = report.search[k] ??= [rows.material_id[k], rows.reduced_formula[k], rows.cluster_published[k], rows.cluster_text[k],
        rows.elements[k].join(" "), (rows.releases[k] || []).join(" ")].join(" ").toLowerCase();
      if (!tokens.every((token) => text.includes(token))) continue;
    }
    found.push(k);
  }
  if (asked.sort) {
    const values = rows[asked.sort], sign = asked.down ? -1 : 1;
    const simple = (value) => (Array.isArray(value) ? value.join(" ") : value);
    const compare = new Intl.Collator("en", { numeric: true }).compare;
    // What is not known comes last, whichever way.
    found.sort((i, j) => {
      const a = simple(values[i]), b = simple(values[j]);
      if (!known(a) || !known(b)) return known(a) ? -1 : known(b) ? 1 : i - j;
      return sign * (typeof a === "string" ? compare(a, b) : a - b) || i - j;
    });
  }
  return found;
}

function cell(column, k) {
  const value = report.rows[column.field][k];
  if (column.field === "material_id") return h("td", { title: value }, h("a", { href: addressOf(value) }, value));
  if (column.kind === "formula") return h("td", {}, formula(value));
  if (column.kind === "number") return h("td.n", {}, fmt(value));
  if (column.kind === "list") return h("td", {}, known(value) ? value.join(", ") || "none" : "–");
  if (column.kind === "flag") return h("td", {}, known(value) ? (value ? "✓" : "·") : "–");
  return h("td", {}, known(value) ? value : "–");
}

function tableView() {
  asked.shown ||= new Set(report.columns.filter((column) => column.shown && (column.field === "material_id" || report.rows[column.field].some(known))).map((column) => column.field));
  let chosen = [], shownRows = 0;
  const count = h("span.count", { role: "status", "aria-live": "polite" });
  const head = h("tr"), body = h("tbody");
  const more = h("button", { click: () => add(PAGE) }, "show more");
  const columns = () => report.columns.filter((column) => asked.shown.has(column.field));

  const add = (number) => {
    const until = Math.min(chosen.length, shownRows + number), visible = columns();
    const piece = document.createDocumentFragment();
    for (; shownRows < until; shownRows++) piece.append(h("tr", {}, visible.map((column) => cell(column, chosen[shownRows]))));
    body.append(piece);
    more.hidden = shownRows >= chosen.length;
    more.textContent = `show more (${chosen.length - shownRows})`;
  };
  const heading = (column) => {
    const sorted = asked.sort === column.field;
    return h(column.kind === "number" ? "th.n" : "th", { scope: "col", "aria-sort": sorted ? (asked.down ? "descending" : "ascending") : "none" },
      h("button", { title: column.tip, click: () => {
        asked.down = sorted ? !asked.down : column.kind === "number" && ["priority", "v3_over_d3"].includes(column.field);
        asked.sort = column.field;
        update();
        head.querySelector(`[data-field="${column.field}"]`)?.focus();
      }, "data-field": column.field }, `${column.label}${sorted ? (asked.down ? " ▾" : " ▴") : ""}`));
  };
  const update = () => {
    chosen = report.order = chosenRows();
    shownRows = 0;
    count.textContent = `${chosen.length} of ${report.count} materials`;
    head.replaceChildren(...columns().map(heading));
    body.replaceChildren();
    add(PAGE);
    if (!chosen.length) body.append(h("tr", {}, h("td", { colspan: columns().length }, report.count ? "Nothing meets all that is asked." : "Nothing is screened yet; mtl screen does it.")));
  };
  let timer = 0;
  const soon = () => { clearTimeout(timer); timer = setTimeout(update, 120); };

  const search = h("input", { type: "search", placeholder: "formula, id, element, cluster, release", "aria-label": "search", value: asked.text, input: (event) => { asked.text = event.target.value; soon(); } });
  const filters = filterPanel(update, soon);
  const choose = h("details.filters", {}, h("summary", {}, "Columns"), h("div.choose", {}, report.columns.map((column) =>
    h("label", { title: column.tip }, h("input", { type: "checkbox", checked: asked.shown.has(column.field), disabled: column.field === "material_id", change: (event) => {
      if (event.target.checked) asked.shown.add(column.field); else asked.shown.delete(column.field);
      update();
    } }), " ", column.label))));
  const view = h("section", { "aria-label": "all materials" },
    h("div.bar", {}, search, h("button", { click: () => save("csv") }, "CSV"), h("button", { click: () => save("json") }, "JSON"),
      h("button", { click: () => { Object.assign(asked, { text: "", gates: {}, ranges: {}, elements: {}, words: {}, sort: "", down: false }); view.replaceWith(tableView()); } }, "clear"), count),
    filters, choose,
    h("div.scroll", { tabindex: 0, role: "region", "aria-label": "table of materials" }, h("table.rows", {}, h("thead", {}, head), body)),
    h("div.bar", {}, more));
  const save = (kind) => {
    const visible = columns(), values = (k) => visible.map((column) => report.rows[column.field][k]);
    if (kind === "json") {
      const records = chosen.map((k) => Object.fromEntries(visible.map((column, n) => [column.field, values(k)[n]])));
      download(`${report.meta.screening}.json`, "application/json", JSON.stringify(records, null, 1));
      return;
    }
    const text = (value) => (known(value) ? (Array.isArray(value) ? value.join(" ") : String(value)) : "");
    const quoted = (value) => (/[",\n\r]/.test(text(value)) ? `"${text(value).replace(/"/g, '""')}"` : text(value));
    const lines = [visible.map((column) => column.field), ...chosen.map(values)].map((row) => row.map(quoted).join(","));
    download(`${report.meta.screening}.csv`, "text/csv", lines.join("\r\n") + "\r\n");
  };
  update();
  whenSeen(more, function next() { if (shownRows < chosen.length && shownRows < 3 * PAGE) { add(PAGE); whenSeen(more, next); } });
  return view;
}

function filterPanel(update, soon) {
  const pressed = (value) => (value === true ? "true" : value === false ? "mixed" : "false");
  const threefold = (store, key, text, title) => {
    const button = h("button", { "aria-pressed": pressed(store[key]), title, click: () => {
      if (store[key] === undefined) store[key] = true;
      else if (store[key]) store[key] = false;
      else delete store[key];
      button.setAttribute("aria-pressed", pressed(store[key]));
      update();
    } }, text);
    return button;
  };
  const number = (field, end, label) => h("input", { type: "number", step: "any", "aria-label": `${label}, ${end ? "at most" : "at least"}`, placeholder: end ? "to" : "from",
    value: asked.ranges[field]?.[end] ?? "", input: (event) => {
      asked.ranges[field] ||= [null, null];
      asked.ranges[field][end] = event.target.value === "" ? null : Number(event.target.value);
      soon();
    } });
  const range = (field) => {
    const column = report.columns.find((one) => one.field === field);
    return h("span", { title: column.tip }, h("span.name", {}, column.label), number(field, 0, column.label), "…", number(field, 1, column.label));
  };
  const ranges = h("div.ranges", {}, [...new Set([...RANGED, ...Object.keys(asked.ranges)])].map(range));
  const others = report.columns.filter((column) => column.kind === "number" && !RANGED.includes(column.field));
  const add = h("select", { "aria-label": "another range", change: (event) => { if (event.target.value) ranges.append(range(event.target.value)); event.target.value = ""; } },
    h("option", { value: "" }, "another range …"), others.map((column) => h("option", { value: column.field }, column.label)));
  const word = (field, label) => {
    const values = [...new Set(report.rows[field].filter(known))].sort();
    return values.length > 0 && h("label", {}, `${label} `, h("select", { change: (event) => { asked.words[field] = event.target.value; update(); } },
      h("option", { value: "" }, "any"), values.map((value) => h("option", { value, selected: asked.words[field] === value }, value))));
  };
  const present = new Set(report.rows.elements.flat());
  const elements = h("div.elements", {}, PERIODS.flatMap((row) => row.map((symbol) => symbol === "." ? h("span") :
    present.has(symbol) ? threefold(asked.elements, symbol, symbol, `${symbol}: once must be in it, twice must not`) : h("button", { disabled: true, tabindex: -1 }, symbol))));
  const open = innerWidth > 900;
  return h("details.filters", { open: open || undefined }, h("summary", {}, "Filter"), h("div.grid", {},
    h("fieldset.w7", {}, h("legend", {}, "gates and kinds: once for passed or yes, twice for failed or no"),
      h("div.bar", {}, GATES.map(([field, text]) => threefold(asked.gates, field, text))),
      h("div.bar", {}, word("verdict", "verdict"), word("dynamics_status", "dynamics"), word("furthest_stage", "came to"), word("cluster_published", "cluster")),
      h("div", {}, ranges, h("div.bar", {}, add))),
    h("fieldset.w5", {}, h("legend", {}, "elements: once must be in it, twice must not"), elements)));
}
