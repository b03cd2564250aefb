// The pages that show all materials together.

const tile = (number, text) => h("div.tile", {}, h("b", {}, fmt(number)), text);
const PROTOCOL_NOTES = { published: "as the released tables have it", text: "as the article's text says", ranked: "chemical rules alone, in the order of priority" };

function overviewPage() {
  const { meta } = report;
  const last = (key, protocol) => report.funnel.steps.find((step) => step.key === key)?.counts[protocol];
  const protocol = h("select", { "aria-label": "protocol of the flow", change: (event) => show(event.target.value) },
    ["published", "text", "ranked"].map((name) => h("option", { value: name }, name)));
  const flow = h("div");
  const show = (name) => { flow.replaceChildren(flowChart(report.funnel.steps, name), caption(PROTOCOL_NOTES[name])); };
  const empty = report.count === 0;
  return [
    h("h1", {}, `${meta.ion} conductors: candidates`),
    h("p.muted", {}, `screening ${meta.screening} · mtl_flows ${meta.version}, ${meta.made_at} · store ${meta.store}`),
    later(h("div.tiles"), "overview", () => [tile(report.count, "materials"), tile(last("materials", "published"), "unique"), tile(report.counts.known, "known conductors"),
      tile(last("chemistry", "published"), "survive, published"), tile(last("chemistry", "text"), "survive, text"), tile(last("chemistry", "ranked"), "to be ranked"),
      tile(report.counts.simulated, "simulated"), tile(report.counts.pass, "verdict: pass")]),
    empty && h("p", {}, "Nothing is screened yet. ", h("code", {}, "mtl ingest"), " reads structures, ", h("code", {}, "mtl screen"), " screens them; then make this page again."),
    !empty && later(h("div.grid"), "overview", () => { show("published"); return [card("2d · Funnel", "w6", funnelTable(report.funnel.steps), caption("Unique materials after each gate, and what its survivors came to; the article's counts (doi:10.1021/jacs.5c04828) beside ours where the thresholds are its.")),
      card(["Flow ", protocol], "w6", flow)]; }),
    h("h2", {}, "All materials"),
    tableView(),
  ];
}

function funnelTable(steps) {
  const names = ["published", "text", "ranked", "article"], tints = ["blue", "green", "orange", "muted"];
  const count = (step, name) => (name === "article" ? step.article : step.counts[name]);
  const largest = names.map((name) => Math.max(1, ...steps.map((step) => count(step, name) ?? 0)));
  const meter = (value, k) => {
    if (!known(value)) return "–";
    const bar = h("i");
    bar.style.width = `${(100 * value) / largest[k]}%`;
    bar.style.background = colour(tints[k]);
    return h("div.meter", {}, bar, h("span", {}, value));
  };
  return h("div.scroll", {}, h("table.steps", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "after"), names.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, steps.map((step) => h("tr", {}, h("th", { scope: "row" }, step.label), names.map((name, k) => h("td", {}, meter(count(step, name), k))))))));
}

async function figuresPage() {
  await Promise.all(["overview", "figures"].map(source.need));
  const article = (text) => caption("The article: ", text);
  const cards = [card("2d · Funnel", "w6", funnelTable(report.funnel.steps), caption("Counts of the article beside ours."))];
  const found = { "2e": "1443 of 2590 below 5 Å; all known conductors below, by its text (in its own tables 20 of the 119 that were screened are not).", "2f": "770 of 1443 are kept; threshold 0.6." };
  for (const data of report.distributions) {
    const below = (values) => values.filter((value) => value < data.threshold).length;
    cards.push(card(`${data.figure} · ${data.label}`, "w6", data.values.length ? distributionChart(data) : missing("topology"),
      caption(`${below(data.values)} of ${data.values.length} below ${fmt(data.threshold)} (dashed), ${below(data.known)} of ${data.known.length} known conductors. Ticks: all materials (green), known conductors (orange).`), article(found[data.figure])));
  }
  for (const data of report.clusters) cards.push(card(`2g · Clusters, ${data.protocol}`, "w6", clusterChart(data),
    caption(`${data.clusters.filter((bar) => bar.selected).length} of ${data.clusters.length} clusters of ${data.n_materials} materials hold a known conductor (orange); the others of a kept cluster are yellow.`), article("8 of 32 clusters of 770 materials; 339 are kept.")));
  if (!report.clusters.length) cards.push(card("2g · Clusters", "w6", missing("clustering")));
  for (const data of report.maps) cards.push(card(`S1 · Features that were clustered, ${data.protocol}`, "w6", mapChart(data),
    caption("In kind: the plane that holds most of the variance of the features; colour and shape are the cluster, ringed points known conductors. A click opens the material.")));
  const { simulated, article: fourteen } = report.conduction;
  cards.push(card(["3a · σ(300 K) over E", h("sub", {}, "a")], "w8", conductionChart(report.conduction),
    caption(`Circles: ${simulated.length} simulated here, with 95 % intervals; diamonds: the article's ${fourteen.length}, without errors; colour: width of the electrochemical window (0: unknown); orange rim: known conductor; shaded: what the verdict asks.`)));
  cards.push(card("3b–3e, S2–S15", "w4", h("p", {}, "Structures, Arrhenius plots and densities of single materials are on the pages of these materials."),
    h("ul", {}, report.simulated.map((id) => h("li", {}, h("a", { href: addressOf(id) }, id))))));
  return [h("h1", {}, "The article's figures, of this store"), h("p.muted", {}, "D. Chen et al., J. Am. Chem. Soc. 2025, doi:10.1021/jacs.5c04828. Numbers are those of its figures."), h("div.grid", {}, cards)];
}

const missing = (stage) => h("p.muted", {}, `Nothing to show: the stage ${stage} has not run.`);

async function rankingPage() {
  await source.need("ranking");
  const points = report.ranking;
  const best = points.slice(0, 25).map((p) => [h("a", { href: addressOf(p.material_id) }, p.material_id), formula(p.formula), p.priority, p.E_3D_eV, p.v3_over_d3, known(p.measured_S_per_cm) ? p.measured_S_per_cm : null, p.known ? "known" : ""]);
  const measured = points.filter((p) => known(p.measured_S_per_cm));
  const cards = [
    card("Barrier against v3/d3", "w7", points.length ? rankingChart(points) : missing("barrier"), caption("Both make the priority, ln v3/d3 − E", h("sub", {}, "3D"), `/0.5 eV: the lower right comes first. Colour: measured conductivity; orange rim: known conductor.${report.ranked > points.length ? ` The first ${points.length} of ${report.ranked}, and what is measured.` : ""}`)),
    card("Measured conductivity over priority", "w5", measured.length ? measuredChart(measured) : h("p.muted", {}, "No material is labelled with a conductivity; mtl label states one."), caption("As far as materials are labelled.")),
    card("First by priority", "", points.length ? grid(["material", "formula", "priority", "E 3D, eV", "v3/d3", "σ measured, S/cm", ""], best) : missing("barrier")),
  ];
  if (report.benchmark) cards.push(card("What gates and rankings are worth", "", benchmarkTable(report.benchmark)));
  return [h("h1", {}, "Ranking"), h("div.grid", {}, cards)];
}

function measuredChart(measured) {
  return chart("measured conductivity over priority", () => ({
    data: [{ type: "scatter", mode: "markers", x: measured.map((p) => p.priority), y: measured.map((p) => p.measured_S_per_cm),
      text: measured.map((p) => plainFormula(p.formula)), customdata: measured.map((p) => p.material_id),
      marker: { size: 8, color: measured.map((p) => colour(p.known ? "orange" : "blue")), symbol: measured.map((p) => (p.known ? "diamond" : "circle")) },
      hovertemplate: "%{customdata}, %{text}: %{y:.2e} S/cm<extra></extra>" }],
    layout: { xaxis: { title: "priority" }, yaxis: { title: "σ measured, S/cm", type: "log", exponentformat: "power", nticks: 8 }, shapes: [{ ...line(0, 1, 1e-4, 1e-4), xref: "paper" }] },
  }), { tall: true, onclick: (point) => openMaterial(point.customdata) });
}

function benchmarkChart(scores) {
  const names = scores.scores.map((s) => s.score.replaceAll("_", " "));
  const bars = (quantity, axis) => ({
    type: "scatter", mode: "markers", y: names, x: scores.scores.map((s) => s[quantity].value), xaxis: axis, yaxis: "y",
    error_x: { type: "data", symmetric: false, color: colour("muted"), array: scores.scores.map((s) => s[quantity].by_family[1] - s[quantity].value), arrayminus: scores.scores.map((s) => s[quantity].value - s[quantity].by_family[0]) },
    marker: { size: 10, color: colour("blue") }, hovertemplate: "%{y}: %{x:.2f}<extra></extra>",
  });
  return chart("what the rankings are worth", () => ({
    data: [bars("auc", "x"), bars("top_enrichment", "x2")],
    layout: { showlegend: false, yaxis: { autorange: "reversed" }, xaxis: { title: "AUC", domain: [0, 0.47], range: [0, 1.02] }, xaxis2: { title: "enrichment", domain: [0.53, 1], rangemode: "tozero" },
      shapes: [upright(0.5), { ...upright(1), xref: "x2" }] },
  }));
}

function benchmarkTable(scores) {
  return [benchmarkChart(scores), grid(["ranking", "of", "AUC", "95 %", "enrichment of the best quarter", "95 %"], scores.scores.map((s) => [s.score.replaceAll("_", " "), s.n, s.auc.value, interval(...s.auc.by_family), s.top_enrichment.value, interval(...s.top_enrichment.by_family)])),
    caption(`On ${scores.n} labelled materials, ${scores.n_good} of them with σ ≥ 10⁻⁴ S/cm. AUC 0.5 and enrichment 1 (dashed) are chance; intervals are bootstrap over whole families.`)];
}

function aboutPage() {
  const { meta } = report;
  const told = (value) => (Array.isArray(value) ? value.map(told).join(Array.isArray(value[0]) || typeof value[0] === "object" ? "; " : ", ") || "none" : value === null ? "none" : typeof value === "object" ? Object.entries(value).map(([name, item]) => `${name} ${told(item)}`).join(", ") : String(value));
  const pairs = (object) => h("dl", {}, Object.entries(object).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, told(value))]));
  return [h("h1", {}, "About this page"), h("div.grid", {},
    card("What it holds", "w6", h("p", {}, `All of the screening ${meta.screening} for ${meta.ion} of the store ${meta.store}, as of ${meta.made_at}. ${meta.asks}`),
      h("p", {}, "Made with "), h("pre", {}, h("code", {}, meta.command))),
    card("Potentials", "w6", meta.potentials.length ? grid(["potential", "hash", "software"], meta.potentials) : h("p.muted", {}, "Nothing was simulated.")),
    Object.entries(meta.parameters).filter(([, values]) => typeof values === "object" && values !== null).map(([section, values]) => card(`Parameters: ${section.replaceAll("_", " ")}`, "w6", pairs(values))),
    meta.libraries.map((one) => card(`${one.name}, ${one.version}`, "", h("details", {}, h("summary", {}, "licence"), h("pre", {}, one.licence)))))];
}
