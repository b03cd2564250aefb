// The data of a page that stands alone: in the page itself, deflated, unpacked when it is asked for.

const whole = new Promise((resolve) => {
  if (document.readyState !== "loading") resolve();
  else document.addEventListener("DOMContentLoaded", resolve);
});

async function inflated(id) {
  let holder = document.getElementById(id);
  if (!holder) {
    await whole;
    holder = document.getElementById(id);
  }
  const letters = atob(holder.textContent.trim());
  const bytes = new Uint8Array(letters.length);
  for (let k = 0; k < letters.length; k++) bytes[k] = letters.charCodeAt(k);
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"))).text();
}
const unpacked = async (id) => JSON.parse(await inflated(id));

const places = new Map(), blocks = new Map(), haystacks = [];
const rowAt = (k) => Object.fromEntries(Object.entries(report.rows).map(([field, values]) => [field, values[k]]));

const source = {
  async start() {
    const found = await unpacked("overview");
    found.rows.material_id.forEach((id, k) => places.set(id, k));
    return { ...found, count: places.size };
  },
  need: async () => {},
  has: (id) => places.has(id),
  row: async (id) => (places.has(id) ? rowAt(places.get(id)) : null),
  /** What there is of a material beside its row. */
  async record(id) {
    const size = report.meta.block_size, number = places.get(id), block = Math.floor(number / size);
    await whole;
    if (!blocks.has(block)) blocks.set(block, unpacked(`block-${block}`));
    return (await blocks.get(block))[number % size];
  },
  async rows(asked, after, limit) {
    const chosen = chosenRows(asked), end = (after ?? 0) + limit;
    return { rows: chosen.slice(after ?? 0, end).map(rowAt), total: chosen.length, next: end < chosen.length ? end : null };
  },
  save(kind, asked, fields) {
    const records = chosenRows(asked).map((k) => Object.fromEntries(fields.map((field) => [field, report.rows[field][k]])));
    if (kind === "json") {
      download(`${report.meta.screening}.json`, "application/json", JSON.stringify(records, null, 1));
      return;
    }
    const text = (value) => (known(value) ? (Array.isArray(value) ? value.join(" ") : String(value)) : "");
    const quoted = (value) => (/[",\n\r]/.test(text(value)) ? `"${text(value).replace(/"/g, '""')}"` : text(value));
    const lines = [fields, ...records.map(Object.values)].map((row) => row.map(quoted).join(","));
    download(`${report.meta.screening}.csv`, "text/csv", lines.join("\r\n") + "\r\n");
  },
  structures: () => [],
  follow() {},
  async plotly() {
    await whole;
    const address = URL.createObjectURL(new Blob([await inflated("library-plotly")], { type: "text/javascript" }));
    return { address, done: () => URL.revokeObjectURL(address) };
  },
};

/** Numbers of the rows that meet what is asked, in the order asked for. */
function chosenRows(asked) {
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
      const text = haystacks[k] ??= [rows.material_id[k], rows.reduced_formula[k], rows.cluster_published[k], rows.cluster_text[k],
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
