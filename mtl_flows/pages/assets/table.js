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

function cell(column, row) {
  const value = row[column.field];
  if (column.field === "material_id") return h("td", { title: value }, h("a", { href: addressOf(value) }, value));
  if (column.kind === "formula") return h("td", {}, formula(value));
  if (column.kind === "number") return h("td.n", {}, fmt(value));
  if (column.kind === "list") return h("td", {}, known(value) ? value.join(", ") || "none" : "–");
  if (column.kind === "flag") return h("td", {}, known(value) ? (value ? "✓" : "·") : "–");
  return h("td", {}, known(value) ? value : "–");
}

function tableView() {
  asked.shown ||= new Set(report.columns.filter((column) => column.shown && column.filled).map((column) => column.field));
  let shown = [], next = null, total = 0, turn = 0, waiting = 0;
  const count = h("span.count", { role: "status", "aria-live": "polite" });
  const head = h("tr"), body = h("tbody");
  const more = h("button", { click: () => add().catch(failed) }, "show more");
  const columns = () => report.columns.filter((column) => asked.shown.has(column.field));

  /** Shows a page of rows: the first, or the one after what is shown. */
  const add = async () => {
    if (waiting === turn) return;
    const mine = waiting = turn, first = next === null, visible = columns();
    const answer = await source.rows(asked, next, PAGE).finally(() => { if (waiting === mine) waiting = 0; });
    if (mine !== turn) return;
    if (first) { body.replaceChildren(); shown = []; total = answer.total; count.textContent = `${total} of ${report.count} materials`; }
    shown.push(...answer.rows);
    report.order = shown.map((row) => row.material_id);
    next = answer.next;
    body.append(...answer.rows.map((row) => h("tr", {}, visible.map((column) => cell(column, row)))));
    more.hidden = next === null;
    more.textContent = `show more (${total - shown.length})`;
    if (first && !total) body.append(h("tr", {}, h("td", { colspan: visible.length }, report.count ? "Nothing meets all that is asked." : "Nothing is screened yet; mtl screen does it.")));
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
  let settled;
  const failed = (error) => { console.error(error); body.replaceChildren(h("tr", {}, h("td.error", {}, String(error)))); };
  const update = () => {
    turn++;
    next = null;
    head.replaceChildren(...columns().map(heading));
    return (settled = add().catch(failed));
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
  const save = (kind) => source.save(kind, asked, columns().map((column) => column.field));
  update();
  whenSeen(more, async function further() {
    await settled;
    if (next === null || shown.length >= 3 * PAGE) return;
    await add().catch(failed);
    whenSeen(more, further);
  });
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
    const values = report.words[field];
    return values.length > 0 && h("label", {}, `${label} `, h("select", { change: (event) => { asked.words[field] = event.target.value; update(); } },
      h("option", { value: "" }, "any"), values.map((value) => h("option", { value, selected: asked.words[field] === value }, value))));
  };
  const present = new Set(Object.keys(report.elements));
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
