// The page of one material.

async function materialPage(id) {
  const row = await source.row(id);
  if (!row) return [h("h1", {}, "Not here"), h("p", {}, `No material ${id} is in this screening. `, h("a", { href: "#/" }, "All materials"))];
  const record = await source.record(id);
  const place = report.order ? report.order.indexOf(id) : -1;
  const neighbour = (step, text) => {
    const other = place < 0 ? undefined : report.order[place + step];
    return other !== undefined && h("a", { href: addressOf(other), rel: step < 0 ? "prev" : "next" }, text);
  };
  const sections = [structureCards, standingCards, topologyCards, rankingCards, dynamicsCards, windowCards, closingCards];
  return [
    h("div.bar", {}, h("a", { href: "#/" }, "← all materials"), neighbour(-1, "previous"), neighbour(1, "next")),
    h("h1", {}, formula(row.reduced_formula), " ", h("span.muted", {}, `${id} · ${record.about.space_group} (${row.space_group_number}) · ${row.n_sites} sites`)),
    badges(record, row), ...sections.flatMap((section) => section(record, row)),
  ];
}

const material = (id) => (source.has(id) ? h("a", { href: addressOf(id) }, id) : id);
const listed = (ids) => ids.flatMap((id, k) => [k ? ", " : "", material(id)]);

function badges(record, row) {
  const { about } = record, found = [];
  if (row.is_known_conductor) found.push(badge("known conductor", "pass"));
  if (known(row.conductivity_measured_S_per_cm)) found.push(badge(`measured ${fmt(row.conductivity_measured_S_per_cm)} S/cm`));
  found.push(row.verdict ? badge(`verdict: ${row.verdict}`, row.verdict) : badge(`came to: ${row.furthest_stage}`));
  for (const [protocol, survives] of [["published", row.survives_published], ["text", row.survives_text]]) if (known(survives)) found.push(badge(`${survives ? "survives" : "dropped"}, ${protocol}`, survives ? "pass" : "fail"));
  if (row.pending.length) found.push(badge(`waits for ${row.pending.join(", ")}`, "pending"));
  if (!row.is_representative) found.push(badge(["duplicate of ", about.representative].join("")));
  for (const flag of about.flags) found.push(badge(flag.replaceAll("_", " "), "undecided"));
  if (about.theoretical) found.push(badge("calculated, not measured"));
  return h("p", {}, found);
}

function structureCards(record, row) {
  const { about, drawing } = record, ion = report.meta.ion;
  const pairs = [["formula", about.formula], ["from", [about.source, about.file, about.block].filter(Boolean).join(" · ")], ["releases", row.releases.join(", ")], ["revision", about.revision],
    ["cell", `${fmt(about.volume_A3, 4)} Å³, ${fmt(about.n_atoms)} atoms, ${fmt(about.density_g_cm3)} g/cm³`], ["measured at", known(about.temperature_K) ? `${fmt(about.temperature_K)} K` : null], ["title", about.title], ["doi", about.doi]];
  const files = source.structures(row.material_id).slice(0, row.ordered ? 2 : 1);
  const stands = about.representative === row.material_id
    ? about.group.length ? ["stands for ", listed(about.group), about.others ? ` and ${about.others} more` : ""] : "stands for itself"
    : ["the same crystal as ", material(about.representative), ", which stands for it"];
  return [h("div.grid", {},
    card("a · Crystal", "w4", viewer(`crystal ${row.material_id}`, () => sceneOf(drawing, ["mobile", "framework"])), caption("Drag, or focus and use the arrow keys, + and −, 0. Sectors of a sphere are occupancies, white is vacant.")),
    card(`b · ${ion}-only`, "w4", viewer(`${ion}-only sublattice of ${row.material_id}`, () => sceneOf(drawing, ["mobile"]))),
    card(`c · ${ion}-free`, "w4", viewer(`${ion}-free sublattice of ${row.material_id}`, () => sceneOf(drawing, ["framework"]))),
    card("What it is, and where from", "", h("dl", {}, pairs.filter(([, value]) => known(value) && value !== "").flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, String(value))]), h("dt", {}, "group"), h("dd", {}, stands), files.length > 0 && [h("dt", {}, "files"), h("dd", {}, files.flatMap(([text, address], k) => [k ? ", " : "", h("a", { href: address, download: "" }, text)]))]),
      about.notes.length > 0 && h("details", {}, h("summary", {}, `${about.notes.length} notes of reading`), h("ul", {}, about.notes.map((note) => h("li", {}, note))))))];
}

const GATE_NAMES = { connectivity: "connected", prescreen: "prescreen", cluster: "cluster", chemistry: "chemistry" };
function standingCards(record) {
  const rows = record.gates.flatMap((gate) => (gate.checks.length ? gate.checks : [[gate.reason, null, null, gate.outcome]]).map(([rule, value, , how]) =>
    [gate.protocol, GATE_NAMES[gate.gate] || gate.gate, rule || "–", known(value) ? fmt(value) : "", outcome(how)]));
  const failed = record.rules.filter((rule) => !rule.passed).length;
  const clusters = record.clusters.map((c) => h("p", {}, h("b", {}, `${c.protocol}: ${c.cluster}`), ` of ${c.size}, ${c.n_known} known conductors`, c.known.length ? [" (", listed(c.known), c.n_known > c.known.length ? ", …" : "", ")"] : "", "; exemplar ", material(c.exemplar), c.nearest_known ? ["; nearest known ", material(c.nearest_known), known(c.distance) ? ` at ${fmt(c.distance)}` : ""] : "", c.provisional ? "; provisional" : ""));
  return [h("div.grid", {},
    card("Gates", "w7", grid(["protocol", "gate", "rule", "value", "stands"], rows)),
    card("Chemical rules", "w5", record.rules.length ? [h("p", {}, failed ? `${failed} of ${record.rules.length} object` : `none of ${record.rules.length} objects`),
      grid(["", "rule", "why", ""], record.rules.map((rule) => [rule.rule, rule.name.replaceAll("_", " "), `${rule.reason}${rule.confidence === "certain" ? "" : ` (${rule.confidence})`}`, outcome(rule.passed ? "pass" : "fail")]))] : missing("chemistry")),
    clusters.length > 0 && card("Clusters", "", clusters))];
}

function topologyCards(record) {
  const { bars } = record;
  if (!bars) return [h("div.grid", {}, card("Topology", "", missing("topology")))];
  const host = h("div"), clouds = bars.clouds;
  const show = (k) => host.replaceChildren(h("div.grid", {}, h("div.w7", {}, barcodeChart(clouds[k], bars)), h("div.w5", {}, persistenceChart(clouds[k], bars))));
  const choose = h("select", { "aria-label": "which sites", change: (event) => show(Number(event.target.value)) }, clouds.map((cloud, k) => h("option", { value: k }, `${cloud.cloud} (${cloud.n_points} sites)`)));
  show(0);
  return [h("div.grid", {}, card(["Barcodes and persistence ", choose], "", host, caption("H₀: components, H₁: loops; dashed: r connected, where loops are counted. Bars that reach the end never die within it.")))];
}

const spread = (bars, cutoff) => bars.flatMap(([birth, death, n]) => Array.from({ length: Math.min(n, 400) }, () => [birth, death ?? cutoff]));
function barcodeChart(cloud, bars) {
  return chart(`barcodes, ${cloud.cloud}`, () => {
    let height = 0;
    const data = [["H₀", cloud.components, "blue"], ["H₁", cloud.loops, "orange"]].map(([name, some, tint]) => {
      const x = [], y = [];
      for (const [birth, death] of spread(some, bars.cutoff_A)) { x.push(birth, death, null); y.push(height, height, null); height++; }
      height += 2;
      return { type: "scatter", mode: "lines", x, y, name: `${name}: ${some.reduce((sum, bar) => sum + bar[2], 0)}`, line: { color: colour(tint), width: Math.max(1, Math.min(4, 180 / Math.max(height, 1))) }, hovertemplate: "%{x:.2f} Å<extra>" + name + "</extra>" };
    });
    return { data, layout: { xaxis: { title: "edge length, Å", range: [0, bars.cutoff_A] }, yaxis: { showticklabels: false, showgrid: false, zeroline: false }, shapes: known(bars.r_connected_A) ? [upright(bars.r_connected_A)] : [],
      annotations: known(bars.r_connected_A) ? [{ x: bars.r_connected_A, y: 0.02, yref: "paper", yanchor: "bottom", xanchor: "left", text: `r connected ${fmt(bars.r_connected_A)} Å`, showarrow: false, bgcolor: colour("card") }] : [] } };
  });
}

function persistenceChart(cloud, bars) {
  return chart(`persistence diagram, ${cloud.cloud}`, () => ({
    data: [["H₀", cloud.components, "blue", "circle"], ["H₁", cloud.loops, "orange", "triangle-up"]].map(([name, some, tint, symbol]) => ({
      type: "scatter", mode: "markers", name, x: some.map(([birth]) => birth), y: some.map(([, death]) => death ?? bars.cutoff_A), text: some.map(([, death, n]) => `${n} alike${known(death) ? "" : ", never dies"}`),
      marker: { color: colour(tint), symbol, size: some.map(([, , n]) => 6 + 2 * Math.sqrt(n)), opacity: 0.75 }, hovertemplate: "%{x:.2f} → %{y:.2f} Å, %{text}<extra>" + name + "</extra>" })),
    layout: { xaxis: { title: "birth, Å", range: [-0.3, bars.cutoff_A] }, yaxis: { title: "death, Å", range: [0, bars.cutoff_A * 1.04] },
      shapes: [line(0, bars.cutoff_A, 0, bars.cutoff_A, { dash: "solid", color: colour("line") }), ...(known(bars.r_connected_A) ? [upright(bars.r_connected_A)] : [])] },
  }));
}

function rankingCards(record, row) {
  const { ranking, landscape, drawing } = record, cards = [];
  const width = landscape || source.landscape ? "w4" : "w7";
  const lengths = (values, unit) => values.map((value) => fmt(value)).join(" / ") + ` ${unit}`;
  cards.push(card("Ranking", width === "w4" ? "w4" : "w5", h("dl", {}, [
    ["priority", fmt(ranking.priority)], ["v3/d3", fmt(ranking.v3_over_d3)], ["hops d1 / d2 / d3", lengths(ranking.d_A, "Å")], ["channels v1 / v2 / v3", lengths(ranking.v_A, "Å")], ["E 1D / 2D / 3D", lengths(ranking.E_eV, "eV")]].flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    ranking.reason && h("p.muted", {}, ranking.reason), ranking.interpolated.length > 0 && h("p.muted", {}, `bond-valence parameters that are not published ones: ${ranking.interpolated.join(", ")}`)));
  if (landscape) cards.push(landscapeCard(landscape, drawing, row));
  else if (source.landscape) {
    const place = card("Bond-valence landscape", "w4", h("button", { click: async (event) => {
      event.target.disabled = true;
      event.target.textContent = "computing …";
      await source.landscape(row.material_id).then((found) => place.replaceWith(landscapeCard(found, drawing, row)), (error) => event.target.replaceWith(h("p.error", {}, String(error))));
    } }, "compute it"), caption("It is not stored. Computing takes some seconds."));
    cards.push(place);
  }
  if (known(row.priority) && known(row.E_3D_eV)) {
    const here = { ...row, formula: row.reduced_formula, measured_S_per_cm: row.conductivity_measured_S_per_cm };
    cards.push(card("Among all", width, later(h("div"), "ranking", () => [rankingChart(report.ranking, here)])));
  }
  return [h("div.grid", {}, cards)];
}

/** The landscape's surface, at the level at which it first percolates or any other. */
function landscapeCard(landscape, drawing, row) {
  let share = 100;
  const told = h("output", {}, `${fmt(landscape.level_eV)} eV`);
  const look = viewer(`landscape of ${row.material_id}`, () => ({ ...sceneOf(drawing, ["framework"]), faces: surfaceOf(landscape, (landscape.level * share) / 100, true, drawing.lattice_A), hue: 205 }));
  const level = h("input", { type: "range", min: 10, max: 240, step: 5, value: 100, "aria-label": "level of the surface", input: (event) => {
    share = Number(event.target.value);
    told.textContent = `${fmt((landscape.level_eV * share) / 100)} eV`;
    look.refresh();
  } });
  return card("Bond-valence landscape", "w4", look, h("div.bar", {}, h("label", {}, "below ", level), told), caption(`It first spans three dimensions at ${fmt(landscape.level_eV)} eV; coarse.`));
}

function dynamicsCards(record, row) {
  const { msd, arrhenius, density, about, potentials } = record;
  if (!msd && !arrhenius) return [h("div.grid", {}, card("Dynamics", "", h("p.muted", {}, "Nothing was simulated. ", h("code", {}, `mtl launch ${row.material_id}`), " hands it in.")))];
  const cards = [];
  if (msd) cards.push(card("Mean square displacement", "w4", msd.curves.some((curve) => curve.lag_ps.length) ? msdChart(msd) : h("p.muted", {}, "No run is long enough for a curve yet."), msd.curves.some((curve) => curve.lag_ps.length) && caption("Heavy: window of the fit; dotted: how far the framework went, vibration averaged out.")));
  if (arrhenius) cards.push(card("Arrhenius", "w4", arrheniusChart(arrhenius), caption(energies(arrhenius.numbers))));
  if (density) cards.push(densityCard(density, row));
  const chunks = msd ? msd.curves.filter((curve) => curve.chunks.length) : [];
  if (chunks.length) cards.push(card("Temperature and energy of the run", "w6", runChart(chunks), caption("Means of each chunk; energies against the first.")));
  if (msd) cards.push(card("Simulations", "w6", grid(["K", "no.", "ps", "D, cm²/s", "status"], msd.curves.map((c) => [c.temperature_K, c.ordering, c.length_ps, c.D_cm2_per_s, [badge(c.status.replaceAll("_", " "), c.status === "converged" ? "pass" : c.status === "running" ? "" : "undecided"), " ", c.reason ? h("small", {}, c.reason) : ""]])),
    known(about.result_of) && !about.result_of.startsWith(row.material_id) && caption("The run is that of ", about.result_of, about.result_is_earlier ? ", whose crystal has been read anew or refined since" : "", ".")));
  if (potentials.orderings?.length) cards.push(card("By potential", "", potentialTable(potentials)));
  return [h("h2", {}, "Dynamics"), h("div.grid", {}, cards)];
}

const energies = (n) => {
  const estimate = (of, what, unit) => known(n[`${what}_${of}${unit}`]) && `${of}: ${fmt(n[`${what}_${of}${unit}`])} ${interval(n[`${what}_${of}_low${unit}`], n[`${what}_${of}_high${unit}`])}`;
  const told = ["simulated", "crystal"].map((of) => estimate(of, "activation_energy", "_eV")).filter(Boolean);
  const sigma = ["simulated", "crystal"].map((of) => estimate(of, "conductivity_300K", "_S_per_cm")).filter(Boolean);
  return [told.length ? `E_a, eV: ${told.join("; ")}. ` : "", sigma.length ? `σ(300 K), S/cm: ${sigma.join("; ")}. ` : "", known(n.P_conducts_crystal) ? `P(σ ≥ 10⁻⁴ S/cm) = ${fmt(n.P_conducts_crystal)}. ` : "",
    known(n.potential_error_eV) ? `The crystal's band (wide) has the potential's error of ${fmt(n.potential_error_eV)} eV (${n.potential_error_source}).` : ""].join("");
};

function msdChart(msd) {
  const temperatures = [...new Set(msd.curves.map((curve) => curve.temperature_K))].sort((a, b) => a - b);
  return chart("mean square displacement", () => ({
    data: msd.curves.flatMap((curve) => {
      const number = temperatures.indexOf(curve.temperature_K), tint = series(number), dash = DASHES[curve.ordering % 4];
      const inside = curve.window_ps ? curve.lag_ps.flatMap((lag, k) => (lag >= curve.window_ps[0] && lag <= curve.window_ps[1] ? [k] : [])) : [];
      const base = { type: "scatter", mode: "lines", hovertemplate: `%{x:.3g} ps: %{y:.3g} Å²<extra>${fmt(curve.temperature_K)} K</extra>` };
      const end = curve.lag_ps.at(-1);
      return [{ ...base, x: curve.lag_ps, y: curve.msd_A2, name: `${fmt(curve.temperature_K)} K`, line: { color: tint, width: 1.2, dash }, legendgroup: number, showlegend: msd.curves.findIndex((c) => c.temperature_K === curve.temperature_K) === msd.curves.indexOf(curve) },
        { ...base, x: inside.map((k) => curve.lag_ps[k]), y: inside.map((k) => curve.msd_A2[k]), line: { color: tint, width: 3.5 }, legendgroup: number, showlegend: false },
        ...(known(curve.framework_msd_A2) && end ? [{ ...base, x: [0, end], y: [curve.framework_msd_A2, curve.framework_msd_A2], line: { color: tint, width: 1, dash: "dot" }, legendgroup: number, showlegend: false }] : [])];
    }),
    layout: { xaxis: { title: "lag, ps", rangemode: "tozero" }, yaxis: { title: "MSD, Å²", rangemode: "tozero" } },
  }));
}

function arrheniusChart(data) {
  const inverse = (T) => 1000 / T, ten = (value) => 10 ** value;
  return chart("Arrhenius", () => {
    const band = (b, name, tint, opacity) => [
      { type: "scatter", mode: "lines", x: b.T.map(inverse), y: b.low.map(ten), line: { width: 0 }, hoverinfo: "skip", showlegend: false },
      { type: "scatter", mode: "lines", x: b.T.map(inverse), y: b.high.map(ten), fill: "tonexty", fillcolor: colour(tint) + opacity, line: { width: 0 }, hoverinfo: "skip", showlegend: false },
      { type: "scatter", mode: "lines", x: b.T.map(inverse), y: b.median.map(ten), name, line: { color: colour(tint), width: 1.6 }, hovertemplate: "%{y:.2e} cm²/s<extra>" + name + "</extra>" }];
    const told = data.points.filter((p) => known(p[2]) && known(p[3]) && known(p[4])), bounds = data.points.filter((p) => !known(p[2]) && known(p[4]) && p[4] > 0);
    return {
      data: [...band(data.crystal, "crystal", "orange", "2a"), ...band(data.simulated, "simulation", "blue", "4d"),
        { type: "scatter", mode: "markers", name: "simulated", x: told.map((p) => inverse(p[0])), y: told.map((p) => p[2]), error_y: { type: "data", symmetric: false, array: told.map((p) => p[4] - p[2]), arrayminus: told.map((p) => p[2] - p[3]), color: colour("ink"), thickness: 1.2 },
          marker: { size: 8, color: told.map((p) => (p[5] === "converged" ? colour("ink") : colour("paper"))), line: { color: colour("ink"), width: 1.5 } }, text: told.map((p) => `${fmt(p[0])} K, ${p[5].replaceAll("_", " ")}`), hovertemplate: "%{text}: %{y:.2e} cm²/s<extra></extra>", showlegend: false },
        { type: "scatter", mode: "markers", x: bounds.map((p) => inverse(p[0])), y: bounds.map((p) => p[4]), marker: { symbol: "arrow-down-open", size: 14, color: colour("ink"), line: { width: 1.8 } }, text: bounds.map((p) => `${fmt(p[0])} K, at most`), hovertemplate: "%{text} %{y:.2e} cm²/s<extra></extra>", showlegend: false }],
      layout: { xaxis: { title: "1000 K / T" }, yaxis: { title: "D, cm²/s", type: "log", exponentformat: "power", nticks: 7, range: [Math.max(Math.min(...data.crystal.low), -20) - 0.3, Math.max(...data.crystal.high) + 0.5] }, shapes: [upright(1000 / 300, { dash: "dot", width: 1 })],
        annotations: [{ x: 1000 / 300, y: 1, yref: "paper", xanchor: "right", yanchor: "top", text: "300 K", showarrow: false }] },
    };
  });
}

function densityCard(density, row) {
  let share = "0.7";
  const look = viewer(`density of the ions of ${row.material_id}`, () => ({ ...sceneOf(density.drawing, ["framework"]), faces: surfaceOf(density, density.levels[share], false, density.drawing.lattice_A), hue: 150 }));
  const choose = h("select", { "aria-label": "share of the ions inside the surface", change: (event) => { share = event.target.value; look.refresh(); } }, Object.keys(density.levels).map((name) => h("option", { value: name, selected: name === share }, `${100 * name} %`)));
  return card([`${report.meta.ion} density at ${fmt(density.temperature_K)} K, `, choose, " inside"], "w4", look, caption("Surface over the framework of the first frame."));
}

function runChart(curves) {
  return chart("temperature and energy of the run", () => ({
    data: curves.flatMap((curve, number) => {
      const x = curve.chunks.map(([t]) => t), base = { type: "scatter", mode: "lines+markers", x, line: { color: series(number) }, marker: { size: 5 }, legendgroup: number };
      return [{ ...base, y: curve.chunks.map(([, T]) => T), name: `${fmt(curve.temperature_K)} K, no. ${curve.ordering}` },
        { ...base, y: curve.chunks.map(([, , E]) => E - curve.chunks[0][2]), yaxis: "y2", showlegend: false, name: `${fmt(curve.temperature_K)} K` }];
    }),
    layout: { xaxis: { title: "ps", anchor: "y2", rangemode: "tozero" }, yaxis: { title: "T, K", domain: [0.56, 1] }, yaxis2: { title: "ΔE, eV", domain: [0, 0.44] } },
  }));
}

function potentialTable(potentials) {
  const rows = potentials.posterior.map((p) => [p.series, p.orderings, p.temperatures_K.map((T) => fmt(T)).join(", "), `${fmt(p.activation_energy_eV)} ${interval(...p.activation_energy_interval_eV)}`, `${fmt(p.conductivity_300K_S_per_cm)} ${interval(...p.conductivity_300K_interval_S_per_cm)}`, p.P_conducts]);
  return [grid(["potential and protocol", "orderings", "K", "E_a, eV", "σ(300 K), S/cm", "P(σ ≥ 10⁻⁴)"], rows),
    potentials.directions.length > 0 && h("details", {}, h("summary", {}, "by direction"), grid(["K", "no.", "principal D, cm²/s", "dimensions"], potentials.directions.map((d) => [d.temperature_K, d.ordering, d.principal_cm2_per_s.map((D) => fmt(D)).join(" / "), d.dimensionality])))];
}

function windowCards(record) {
  const { window: found } = record;
  if (!found) return [];
  const products = found.steps.map((step) => [`${fmt(step.voltage_V)} V`, `${step.exchanged_per_formula > 0 ? "+" : ""}${fmt(step.exchanged_per_formula)} ${found.ion}`,
    step.products.flatMap(([amount, name], k) => [k ? " + " : "", `${fmt(amount)} `, formula(name)])]);
  const notes = [found.hull, found.energies, found.missing.length ? `missing: ${found.missing.join(", ")}` : "", found.open_edges.length ? `open: ${found.open_edges.join(", ")}` : "", known(found.e_above_hull_eV_per_atom) ? `${fmt(1000 * found.e_above_hull_eV_per_atom)} meV/atom above the hull` : "", found.older_hull ? "older hull: other phases compete now" : ""].filter(Boolean).join(" · ");
  return [h("h2", {}, "Stability"), h("div.grid", {}, card("Electrochemical window", "w6", found.steps.length ? windowChart(found) : h("p", {}, "The window is unknown."), caption(notes)), card("Products by voltage", "w6", products.length ? grid(["from", "taken up", "phases"], products) : h("p.muted", {}, "–")))];
}

function windowChart(found) {
  return chart("voltage profile", () => {
    const right = Math.max(5, found.steps.at(-1).voltage_V + 0.5), x = [...found.steps.map((step, k) => (k ? step.voltage_V : Math.min(0, step.voltage_V))), right];
    const y = [...found.steps.map((step) => step.exchanged_per_formula), found.steps.at(-1).exchanged_per_formula];
    const open = known(found.low_V) && known(found.high_V);
    return {
      data: [{ type: "scatter", mode: "lines", x, y, line: { shape: "hv", color: colour("blue"), width: 2 }, hovertemplate: "%{x:.2f} V: %{y}<extra></extra>" }],
      layout: { showlegend: false, xaxis: { title: `V against ${found.ion}` }, yaxis: { title: `${found.ion} taken up per formula` },
        shapes: open ? [{ type: "rect", yref: "paper", y0: 0, y1: 1, x0: found.low_V, x1: found.high_V, fillcolor: colour("green") + "33", line: { width: 0 } }] : [],
        annotations: open ? [{ x: (found.low_V + found.high_V) / 2, y: 1, yref: "paper", yanchor: "top", text: `${found.low_V.toFixed(2)} … ${found.high_V.toFixed(2)} V`, showarrow: false, bgcolor: colour("card") }] : [] },
    };
  });
}

function closingCards(record, row) {
  const { verdict, provenance } = record, id = /^[\w@.+-]+$/.test(row.material_id) ? row.material_id : `'${row.material_id.replaceAll("'", "'\\''")}'`;
  const limits = (c) => [known(c.minimum) ? `≥ ${fmt(c.minimum)}` : "", known(c.maximum) ? `≤ ${fmt(c.maximum)}` : ""].filter(Boolean).join(", ");
  const judged = verdict && card("Verdict", "", h("p", {}, outcome(verdict.outcome)),
    grid(["quantity", "asked", "value", "95 %", "probability", "", "what would decide"], verdict.criteria.map((c) => [c.quantity, limits(c), known(c.value) ? fmt(c.value) : "–", interval(c.low, c.high), known(c.probability) ? fmt(c.probability) : "", outcome(c.outcome), c.what_would_decide || c.note])));
  const commands = [`mtl explain ${id} --full`, `mtl plot barcode ${id} -o barcode.pdf`, `mtl query --formula ${row.reduced_formula}`];
  if (record.msd) commands.push(`mtl plot arrhenius ${id} -o arrhenius.pdf`, `mtl plot msd ${id} -o msd.pdf`, `mtl transport ${id}`, `mtl density ${id} -o density.vasp`);
  else commands.push(`mtl launch ${id}`);
  const libraries = (one) => Object.entries(one.libraries).map(([name, version]) => `${name} ${version}`).join(", ");
  return [h("h2", {}, "Verdict and evidence"), h("div.grid", {}, judged || card("Verdict", "", h("p.muted", {}, "There is none yet: it needs dynamics and a window.")),
    card("The same from the command line", "w6", h("pre", {}, h("code", {}, commands.join("\n")))),
    card("Provenance", "w6", h("details", {}, h("summary", {}, `${provenance.length} documents`), grid(["stage", "when", "mtl_flows", "parameters", "libraries"], provenance.map((one) => [one.stage, one.when, one.code, one.parameters, libraries(one)])))))];
}
