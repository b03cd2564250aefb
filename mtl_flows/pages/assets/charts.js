// Charts: plotly draws them once they are near the window, and again when the colours change.

const drawn = new Set();
function forgetCharts() {
  for (const chart of drawn) chart.end();
  drawn.clear();
}

const SERIES = ["blue", "orange", "green", "purple", "yellow", "sky"];
const series = (number) => colour(SERIES[number % SERIES.length]);
const DASHES = ["solid", "dash", "dot", "dashdot"];

function baseLayout(layout) {
  const axis = {
    gridcolor: colour("line"), zerolinecolor: colour("line"), linecolor: colour("muted"), automargin: true,
    title: { standoff: 8 },
  };
  const made = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, DejaVu Sans, sans-serif", size: 12, color: colour("ink") },
    margin: { l: 52, r: 14, t: 10, b: 42 }, colorway: SERIES.map((name) => colour(name)), hovermode: "closest",
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, font: { size: 11 } },
    hoverlabel: { bgcolor: colour("card"), bordercolor: colour("muted"), font: { color: colour("ink") } },
    ...layout,
  };
  for (const name of Object.keys(layout).filter((key) => /^[xy]axis/.test(key)).concat("xaxis", "yaxis")) {
    const own = layout[name] || {};
    made[name] = { ...axis, ...own, title: { ...axis.title, ...(typeof own.title === "string" ? { text: own.title } : own.title) } };
  }
  return made;
}

/** A chart: `build` gives traces and layout in the colours of the moment. */
function chart(label, build, { tall = false, onclick = null } = {}) {
  const host = h(`div.chart${tall ? ".tall" : ""}`, { role: "img", "aria-label": label });
  const config = {
    responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
    toImageButtonOptions: { format: "svg", filename: label.replace(/\W+/g, "-") },
  };
  const draw = async () => {
    const library = await plotly();
    if (!host.isConnected) return;
    const { data, layout } = build();
    await library.react(host, data, baseLayout(layout), config);
    host.dataset.drawn = "yes";
    if (onclick && !host.dataset.clickable) {
      host.dataset.clickable = "yes";
      host.on("plotly_click", (event) => onclick(event.points[0]));
    }
  };
  host.redraw = () => { if (host.dataset.drawn) draw(); };
  whenSeen(host, draw);
  onTheme.add(host.redraw);
  drawn.add({ end: () => { onTheme.delete(host.redraw); if (window.Plotly && host.dataset.drawn) window.Plotly.purge(host); } });
  return host;
}

const line = (x0, x1, y0, y1, more = {}) => ({
  type: "line", x0, x1, y0, y1, line: { color: colour("ink"), width: 1.3, dash: "dash", ...more },
});
const upright = (x, more) => ({ ...line(x, x, 0, 1, more), yref: "paper" });

function distributionChart(data) {
  const clip = (values) => values.map((value) => Math.min(value, data.upper));
  return chart(`distribution of ${data.label}`, () => ({
    data: [
      { type: "histogram", x: clip(data.values), xbins: { start: 0, end: data.upper * 1.001, size: data.upper / 40 },
        marker: { color: colour("blue") }, name: "materials", hovertemplate: "%{x}: %{y}<extra></extra>" },
      { type: "scatter", mode: "markers", x: clip(data.values.slice(0, 5000)), y: data.values.slice(0, 5000).map(() => "all"), yaxis: "y2",
        marker: { symbol: "line-ns-open", size: 9, color: colour("green"), line: { width: 1 } }, hoverinfo: "x", showlegend: false },
      { type: "scatter", mode: "markers", x: clip(data.known), y: data.known.map(() => "known"), yaxis: "y2",
        marker: { symbol: "line-ns-open", size: 9, color: colour("orange"), line: { width: 1.6 } }, hoverinfo: "x", showlegend: false },
    ],
    layout: {
      showlegend: false, bargap: 0.03,
      xaxis: { title: plain(data.label), range: [0, data.upper], anchor: "y2" },
      yaxis: { title: "materials", domain: [0.24, 1] },
      yaxis2: { domain: [0, 0.17], showgrid: false, zeroline: false, categoryarray: ["known", "all"], categoryorder: "array" },
      shapes: [upright(data.threshold)],
    },
  }));
}

function clusterChart(data) {
  const names = data.clusters.map((bar) => bar.name);
  const trace = (name, values, colours) => ({
    type: "bar", orientation: "h", y: names, x: values, name, marker: { color: colours },
    hovertemplate: "%{y}: %{x}<extra>" + name + "</extra>",
  });
  return chart(`clusters, ${data.protocol}`, () => ({
    data: [
      trace("others", data.clusters.map((bar) => bar.size - bar.known), data.clusters.map((bar) => colour(bar.selected ? "yellow" : "pale"))),
      trace("known conductors", data.clusters.map((bar) => bar.known), colour("orange")),
    ].reverse(),
    layout: {
      barmode: "stack", yaxis: { autorange: "reversed", type: "category", nticks: 24 },
      xaxis: { title: "materials" }, showlegend: false, bargap: 0.15,
    },
  }));
}

function mapChart(data) {
  const names = [...new Set(data.clusters)].sort();
  const symbols = ["circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "x"];
  return chart(`map of the features, ${data.protocol}`, () => ({
    data: names.map((name, number) => {
      const members = data.clusters.flatMap((cluster, k) => (cluster === name ? [k] : []));
      return {
        type: "scatter", mode: "markers", name: plain(name), x: members.map((k) => data.x[k]), y: members.map((k) => data.y[k]),
        text: members.map((k) => plain(data.materials[k])), customdata: members.map((k) => data.materials[k]),
        marker: {
          color: series(number), size: members.map((k) => (data.known[k] ? 10 : 6)), symbol: symbols[Math.floor(number / 6) % 7],
          line: { color: colour("ink"), width: members.map((k) => (data.known[k] ? 1.8 : 0)) },
        },
        hovertemplate: `%{text}<extra>${plain(name)}</extra>`,
      };
    }),
    layout: {
      showlegend: false,
      xaxis: { title: `component 1 (${(100 * data.explained[0]).toFixed(0)} %)` },
      yaxis: { title: `component 2 (${(100 * data.explained[1]).toFixed(0)} %)` },
    },
  }), { tall: true, onclick: (point) => openMaterial(point.customdata) });
}

function conductionChart(data) {
  const groups = [["the article", data.article, "diamond"], ["simulated here", data.simulated, "circle"]];
  return chart("conductivity over activation energy", () => ({
    data: groups.filter(([, points]) => points.length).map(([name, points, symbol]) => {
      const value = (quantity) => points.map((p) => p[quantity].value);
      const error = (quantity) => ({
        type: "data", symmetric: false, thickness: 1, width: 2, color: colour("muted"),
        array: points.map((p) => p[quantity].high - p[quantity].value), arrayminus: points.map((p) => p[quantity].value - p[quantity].low),
      });
      return {
        type: "scatter", mode: points.length > 30 ? "markers" : "markers+text", name,
        x: value("activation_energy_eV"), y: value("conductivity_S_per_cm"),
        text: points.map((p) => plainFormula(p.formula)), textposition: "top center", textfont: { size: 10 },
        customdata: points.map((p) => p.material_id),
        ...(name === "the article" ? {} : { error_x: error("activation_energy_eV"), error_y: error("conductivity_S_per_cm") }),
        marker: {
          symbol, size: 10, color: points.map((p) => p.window_V ?? 0), cmin: 0, cmax: 4, colorscale: "Cividis",
          line: { color: points.map((p) => colour(p.known ? "orange" : "ink")), width: 1.2 },
          ...(name === "the article" ? { colorbar: { title: { text: "window, V", side: "right" }, thickness: 10, len: 0.9 } } : {}),
        },
        hovertemplate: "%{text}: %{x:.3g} eV, %{y:.2e} S/cm<extra>%{customdata}</extra>",
      };
    }),
    layout: {
      xaxis: { title: "activation energy, eV" },
      yaxis: { title: "σ(300 K), S/cm", type: "log", exponentformat: "power", nticks: 8 },
      shapes: [{ type: "rect", yref: "paper", y0: 0, y1: 1, x0: data.energy_range_eV[0] ?? 0, x1: data.energy_range_eV[1] ?? 2,
        fillcolor: colour("shade"), line: { width: 0 }, layer: "below" }],
    },
  }), { tall: true, onclick: (point) => openMaterial(point.customdata) });
}

function rankingChart(points, here = null) {
  const plainOnes = points.filter((p) => !known(p.measured_S_per_cm));
  const measured = points.filter((p) => known(p.measured_S_per_cm) && p.measured_S_per_cm > 0);
  const place = (list) => ({
    x: list.map((p) => p.v3_over_d3), y: list.map((p) => Math.min(p.E_3D_eV, 3)), customdata: list.map((p) => p.material_id),
    text: list.map((p) => `${plainFormula(p.formula)}, priority ${fmt(p.priority)}` + (known(p.measured_S_per_cm) ? `, ${fmt(p.measured_S_per_cm)} S/cm` : "")),
    hovertemplate: "%{customdata}: %{text}<extra></extra>", type: "scatter", mode: "markers",
  });
  return chart("barrier against v3/d3", () => ({
    data: [
      { ...place(plainOnes), name: "not measured", marker: { color: colour("pale"), size: 6 } },
      { ...place(measured), name: "measured", marker: {
        size: 9, color: measured.map((p) => Math.log10(p.measured_S_per_cm)), colorscale: "Viridis", cmin: -12, cmax: -2,
        colorbar: { title: { text: "log₁₀ σ measured", side: "right" }, thickness: 10, len: 0.9 },
        line: { color: measured.map((p) => colour(p.known ? "orange" : "paper")), width: 1.3 } } },
      ...(here ? [{ ...place([here]), name: "this one", marker: { symbol: "star", size: 15, color: colour("orange"), line: { color: colour("ink"), width: 1 } } }] : []),
    ],
    layout: { xaxis: { title: "v3/d3", rangemode: "tozero" }, yaxis: { title: "E<sub>3D</sub>, eV", range: [0, 3.05] } },
  }), { tall: true, onclick: (point) => openMaterial(point.customdata) });
}

function flowChart(steps, protocol) {
  const gates = steps.filter((step) => known(step.counts[protocol]) && step.is_gate);
  const narrow = innerWidth < 700;
  return chart(`flow through the gates, ${protocol}`, () => {
    const labels = [], colours = [], link = { source: [], target: [], value: [], color: [], label: [] };
    gates.forEach((step) => { labels.push(narrow ? `${step.counts[protocol]}` : `${step.counts[protocol]} ${plain(shortLabel(step))}`); colours.push(colour("blue")); });
    gates.slice(1).forEach((step, k) => {
      const left = step.counts[protocol], lost = gates[k].counts[protocol] - left;
      if (left) { link.source.push(k); link.target.push(k + 1); link.value.push(left); link.color.push(colour("blue") + "55"); }
      if (lost) {
        labels.push(narrow ? `−${lost}` : `${lost} lost`); colours.push(colour("pale"));
        link.source.push(k); link.target.push(labels.length - 1); link.value.push(lost); link.color.push(colour("pale") + "88");
      }
    });
    return {
      data: [{ type: "sankey", node: { label: labels, color: colours, pad: 18, thickness: 14, line: { width: 0 } }, link,
        textfont: { color: colour("ink"), size: narrow ? 10 : 12 } }],
      layout: { margin: { l: 8, r: 8, t: 8, b: 8 } },
    };
  }, { tall: true });
}
const SHORT = { materials: "unique", connectivity: "connected", prescreen: "prescreen", cluster: "cluster", chemistry: "chemical rules" };
const shortLabel = (step) => SHORT[step.key] || step.label;
