// A small viewer of crystals on a canvas: spheres, bonds, the cell, a surface; drag, arrow keys and + − turn and zoom.

const FACE = 0.01;
const BOND = 1.15;

const times = (m, v) => [0, 1, 2].map((k) => v[0] * m[0][k] + v[1] * m[1][k] + v[2] * m[2][k]);
const minus = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];

/** Atoms of some parts of a drawing (those on a face of the cell also on the other), their bonds, and the cell. */
function sceneOf(drawing, parts) {
  const atoms = [];
  for (const [kind, ...place] of drawing.sites) {
    const { species, mobile } = drawing.kinds[kind];
    if (!parts.includes(mobile ? "mobile" : "framework")) continue;
    const shifts = place.map((x) => (x < FACE ? [0, 1] : x > 1 - FACE ? [0, -1] : [0]));
    const radius = Math.max(...species.map(([symbol]) => elementOf(symbol)[1]));
    for (const i of shifts[0]) for (const j of shifts[1]) for (const k of shifts[2])
      atoms.push({ at: times(drawing.lattice_A, [place[0] + i, place[1] + j, place[2] + k]), kind, species, mobile, radius });
  }
  const bonds = [];
  atoms.forEach((one, i) => {
    if (one.mobile) return;
    for (let j = i + 1; j < atoms.length; j++) {
      const other = atoms[j];
      if (other.mobile) continue;
      const d = minus(one.at, other.at), apart = dot(d, d), reach = BOND * (one.radius + other.radius);
      if (apart < reach * reach && apart > 0.16) bonds.push([i, j]);
    }
  });
  const edges = [];
  for (let axis = 0; axis < 3; axis++) for (const a of [0, 1]) for (const b of [0, 1]) {
    const from = [a, b, a], to = [a, b, a];
    const others = [0, 1, 2].filter((k) => k !== axis);
    from[others[0]] = to[others[0]] = a; from[others[1]] = to[others[1]] = b; from[axis] = 0; to[axis] = 1;
    edges.push([times(drawing.lattice_A, from), times(drawing.lattice_A, to)]);
  }
  return { atoms, bonds, edges, faces: [], lattice: drawing.lattice_A };
}

/** Quads of the surface at a level of a periodic grid (surface nets): one vertex in each voxel that the surface crosses. */
function surfaceOf(volume, level, below, lattice) {
  const [n1, n2, n3] = volume.shape;
  const value = (i, j, k) => volume.values[((i % n1) * n2 + (j % n2)) * n3 + (k % n3)] - level;
  const inside = (v) => (below ? v <= 0 : v >= 0);
  const vertices = new Map();
  const at = (i, j, k) => (i * (n2 + 1) + j) * (n3 + 1) + k;
  for (let i = 0; i < n1; i++) for (let j = 0; j < n2; j++) for (let k = 0; k < n3; k++) {
    const corner = [];
    for (let c = 0; c < 8; c++) corner.push(value(i + (c & 1), j + ((c >> 1) & 1), k + ((c >> 2) & 1)));
    let sum = [0, 0, 0], crossings = 0;
    for (let c = 0; c < 8; c++) for (const bit of [1, 2, 4]) {
      if (c & bit) continue;
      const a = corner[c], b = corner[c | bit];
      if (inside(a) === inside(b)) continue;
      const t = a === b ? 0.5 : a / (a - b);
      sum = [sum[0] + (c & 1) + (bit === 1 ? t : 0), sum[1] + ((c >> 1) & 1) + (bit === 2 ? t : 0), sum[2] + ((c >> 2) & 1) + (bit === 4 ? t : 0)];
      crossings++;
    }
    if (!crossings) continue;
    const place = [(i + sum[0] / crossings) / n1 + volume.origin[0], (j + sum[1] / crossings) / n2 + volume.origin[1], (k + sum[2] / crossings) / n3 + volume.origin[2]];
    vertices.set(at(i, j, k), times(lattice, place));
  }
  const faces = [];
  const quad = (...keys) => { const found = keys.map((key) => vertices.get(key)); if (found.every(Boolean)) faces.push(found); };
  for (let i = 0; i < n1; i++) for (let j = 0; j < n2; j++) for (let k = 0; k < n3; k++) {
    const here = inside(value(i, j, k));
    if (j && k && here !== inside(value(i + 1, j, k))) quad(at(i, j, k), at(i, j - 1, k), at(i, j - 1, k - 1), at(i, j, k - 1));
    if (i && k && here !== inside(value(i, j + 1, k))) quad(at(i, j, k), at(i - 1, j, k), at(i - 1, j, k - 1), at(i, j, k - 1));
    if (i && j && here !== inside(value(i, j, k + 1))) quad(at(i, j, k), at(i - 1, j, k), at(i - 1, j - 1, k), at(i, j - 1, k));
  }
  return faces;
}

const elementOf = (symbol) => report.elements[symbol] || ["#999999", 1.2];

/** A sphere as a picture: species as sectors, what is not occupied left light. */
const sprites = new Map();
function sprite(species) {
  const key = JSON.stringify(species);
  if (sprites.has(key)) return sprites.get(key);
  const size = 96, half = size / 2, picture = h("canvas", { width: size, height: size }), pen = picture.getContext("2d");
  let angle = -Math.PI / 2;
  pen.fillStyle = "#ffffff";
  pen.beginPath(); pen.arc(half, half, half - 2, 0, 7); pen.fill();
  for (const [symbol, amount] of species) {
    const end = angle + 2 * Math.PI * Math.min(1, amount);
    pen.fillStyle = elementOf(symbol)[0];
    pen.beginPath(); pen.moveTo(half, half); pen.arc(half, half, half - 2, angle, end); pen.fill();
    angle = end;
  }
  const light = pen.createRadialGradient(half * 0.68, half * 0.6, size * 0.03, half, half, half);
  light.addColorStop(0, "rgba(255,255,255,.75)"); light.addColorStop(0.35, "rgba(255,255,255,.08)");
  light.addColorStop(0.8, "rgba(0,0,0,.22)"); light.addColorStop(1, "rgba(0,0,0,.55)");
  pen.fillStyle = light;
  pen.beginPath(); pen.arc(half, half, half - 2, 0, 7); pen.fill();
  sprites.set(key, picture);
  return picture;
}

const START = [-0.42, 0.2];

/** A canvas that shows a scene; `make` is called once it is near the window. */
function viewer(label, make, { tall = false } = {}) {
  const canvas = h("canvas", { tabindex: 0, role: "img", "aria-label": `${label}; arrow keys turn it, plus and minus zoom` });
  const key = h("div.key");
  const host = h(`div.viewer${tall ? ".tall" : ""}`, {}, canvas, key);
  let scene = null, [turn, tilt] = START, zoom = 1, waiting = false;

  const paint = () => {
    waiting = false;
    if (!scene || !canvas.isConnected) return;
    const width = canvas.clientWidth, height = canvas.clientHeight, ratio = Math.min(devicePixelRatio || 1, 2);
    if (canvas.width !== Math.round(width * ratio)) { canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio); }
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const scale = (zoom * 1.12 * Math.min(width, height)) / (2 * scene.reach);
    const [ct, st, cl, sl] = [Math.cos(turn), Math.sin(turn), Math.cos(tilt), Math.sin(tilt)];
    const project = (p) => {
      const [x, y, z] = minus(p, scene.centre);
      const across = ct * x + st * y, deep = -st * x + ct * y;
      return [width / 2 + scale * across, height / 2 - scale * (cl * z + sl * deep), -(cl * deep - sl * z)];
    };
    const parts = [];
    for (const [from, to] of scene.edges) {
      const a = project(from), b = project(to);
      parts.push([(a[2] + b[2]) / 2 - 0.5, () => stroke(pen, a, b, 1, colour("muted"))]);
    }
    const places = scene.atoms.map((atom) => project(atom.at));
    const size = (atom) => scale * (atom.mobile ? 0.36 : 0.42) * atom.radius;
    for (const [i, j] of scene.bonds) {
      const middle = places[i].map((x, k) => (x + places[j][k]) / 2);
      for (const end of [i, j]) {
        const tint = elementOf(scene.atoms[end].species[0][0])[0];
        parts.push([(places[end][2] + middle[2]) / 2 - 0.05, () => {
          stroke(pen, places[end], middle, Math.max(2, scale * 0.2), "rgba(0,0,0,.45)");
          stroke(pen, places[end], middle, Math.max(1.2, scale * 0.15), tint);
        }]);
      }
    }
    scene.atoms.forEach((atom, k) => parts.push([places[k][2], () => {
      const radius = size(atom);
      pen.drawImage(sprite(atom.species), places[k][0] - radius, places[k][1] - radius, 2 * radius, 2 * radius);
    }]));
    for (const face of scene.faces) {
      const corners = face.map(project), depth = corners.reduce((sum, p) => sum + p[2], 0) / 4;
      const normal = cross(minus(corners[2], corners[0]), minus(corners[3], corners[1]));
      const length = Math.hypot(...normal) || 1, lit = Math.abs(0.35 * normal[0] - 0.45 * normal[1] + 0.82 * normal[2]) / length;
      parts.push([depth, () => {
        pen.fillStyle = `hsla(${scene.hue}, 62%, ${Math.round(28 + 38 * lit)}%, .62)`;
        pen.beginPath();
        corners.forEach(([x, y], k) => (k ? pen.lineTo(x, y) : pen.moveTo(x, y)));
        pen.fill();
      }]);
    }
    parts.sort((a, b) => a[0] - b[0]);
    for (const [, draw] of parts) draw();
    host.dataset.drawn = "yes";
  };
  const again = () => { if (!waiting) { waiting = true; requestAnimationFrame(paint); } };
  const show = () => {
    const made = make();
    const corners = made.edges.flat();
    made.centre = times(made.lattice, [0.5, 0.5, 0.5]);
    made.reach = Math.max(...corners.map((p) => Math.hypot(...minus(p, made.centre)))) + 0.6;
    made.hue ??= 205;
    scene = made;
    const symbols = [...new Set(made.atoms.flatMap((atom) => atom.species.map(([symbol]) => symbol)))].sort();
    key.replaceChildren(...symbols.map((symbol) => h("span", {}, dotOf(symbol), symbol)));
    again();
  };
  host.refresh = () => { if (scene) show(); };
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); canvas.style.cursor = "grabbing"; });
  canvas.addEventListener("pointerup", () => { canvas.style.cursor = ""; });
  canvas.addEventListener("pointermove", (event) => {
    if (!event.buttons) return;
    turn += 0.01 * event.movementX; tilt += event.pointerType === "touch" ? 0 : 0.01 * event.movementY;
    again();
  });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== canvas) return;
    event.preventDefault();
    zoom = Math.min(6, Math.max(0.4, zoom * Math.exp(-0.0015 * event.deltaY)));
    again();
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [-0.12, 0], ArrowRight: [0.12, 0], ArrowUp: [0, -0.12], ArrowDown: [0, 0.12] }[event.key];
    if (steps) { turn += steps[0]; tilt += steps[1]; }
    else if (event.key === "+" || event.key === "=") zoom = Math.min(6, zoom * 1.15);
    else if (event.key === "-") zoom = Math.max(0.4, zoom / 1.15);
    else if (event.key === "0") { [turn, tilt] = START; zoom = 1; }
    else return;
    event.preventDefault();
    again();
  });
  const resized = new ResizeObserver(again);
  resized.observe(canvas);
  onTheme.add(paint);
  drawn.add({ end: () => { resized.disconnect(); onTheme.delete(paint); } });
  whenSeen(host, show);
  return host;
}

function dotOf(symbol) {
  const mark = h("i");
  mark.style.background = elementOf(symbol)[0];
  return mark;
}

function stroke(pen, from, to, width, style) {
  pen.strokeStyle = style; pen.lineWidth = width; pen.lineCap = "round";
  pen.beginPath(); pen.moveTo(from[0], from[1]); pen.lineTo(to[0], to[1]); pen.stroke();
}
