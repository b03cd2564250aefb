// The data of a living store: asked of the server that gave this page, and looked at again while the page is open.

const LOOK_MS = 5000;
const screeningAsked = new URLSearchParams(location.search).get("screening") || "";
const parts = new Map(), materials = new Map();

function addressFor(path, parameters = {}) {
  const asked = new URLSearchParams(screeningAsked ? { screening: screeningAsked } : {});
  for (const [name, value] of Object.entries(parameters)) for (const one of [value].flat()) if (known(one) && one !== "") asked.append(name, one);
  return `api/v1/${path}${asked.size ? `?${asked}` : ""}`;
}

/** An answer of the server; null where there is no such thing. */
async function got(path, parameters) {
  const answer = await fetch(addressFor(path, parameters));
  if (answer.status === 404) return null;
  if (answer.status === 401) location.href = "login";
  if (!answer.ok) throw new Error(`${answer.status}: ${(await answer.json().catch(() => ({}))).message || answer.statusText}`);
  return answer.json();
}

function parametersOf({ text, gates, ranges, elements, words, sort, down }) {
  const having = (object, value) => Object.entries(object).filter(([, one]) => one === value).map(([name]) => name).join(",");
  const limits = (end) => Object.entries(ranges).filter(([, range]) => known(range[end])).map(([field, range]) => `${field}:${range[end]}`);
  return {
    search: text.trim(), passes: having(gates, true), fails: having(gates, false), elements: having(elements, true), without: having(elements, false),
    equal: Object.entries(words).filter(([, value]) => value).map((pair) => pair.join(":")), at_least: limits(0), at_most: limits(1),
    sort: sort && `${down ? "-" : ""}${sort}`,
  };
}

const material_ = (id) => {
  if (!materials.has(id)) materials.set(id, got(`materials/${encodeURIComponent(id)}`));
  return materials.get(id);
};

const source = {
  async start() {
    const found = await got("screening");
    if (!found) throw new Error(`there is no screening ${screeningAsked}`);
    return found;
  },
  need(part) {
    if (!parts.has(part)) {
      const coming = got(`parts/${part}`).then((found) => Object.assign(report, found));
      coming.catch(() => parts.delete(part));
      parts.set(part, coming);
    }
    return parts.get(part);
  },
  has: () => true,
  async row(id) {
    const found = await material_(id);
    if (!found) materials.delete(id);
    return found && found.row;
  },
  record: async (id) => (await material_(id)).record,
  async rows(asked, after, limit) {
    const found = await got("rows", { ...parametersOf(asked), columns: ["material_id", ...asked.shown].join(","), limit, after });
    return { rows: found.rows, total: found.total, next: found.after };
  },
  save: (kind, asked, fields) => fetched(addressFor(`rows.${kind}`, { ...parametersOf(asked), columns: fields.join(",") }), `${report.meta.screening}.${kind}`),
  plotly: async () => ({ address: document.body.dataset.charts, done: () => {} }),
  structures: (id) => ["cif", "poscar"].map((format) => [format === "cif" ? "CIF" : "POSCAR", `api/v1/structures/${format}/${encodeURIComponent(id)}`]),
  async landscape(id) {
    const found = await got(`landscapes/${encodeURIComponent(id)}`);
    if (!found) throw new Error("it is not there any more");
    return found;
  },
  /** Looks every few seconds whether what is shown has changed: a material is shown anew, the table when the reader asks. */
  follow(again) {
    const notice = h("button", { hidden: true, click: async () => {
      notice.hidden = true;
      parts.clear(); materials.clear();
      report = await source.start();
      again();
    } }, "new results: show them");
    document.querySelector(".top .right").prepend(notice);
    let shown = "", state = "";
    const look = async () => {
      const [name, id] = location.hash.replace(/^#\/?/, "").split("/");
      if (name === "material") {
        const found = await got(`progress/${id}`);
        if (shown === id && found && state !== found.state) {
          materials.delete(decodeURIComponent(id));
          await again({ stay: true });
        }
        [shown, state] = [id, found?.state];
      }
      const now = await got("state");
      if (now && now.state !== report.state) notice.hidden = false;
    };
    setInterval(() => { if (!document.hidden) look().catch(() => {}); }, LOOK_MS);
  },
};
