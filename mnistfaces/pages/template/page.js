"use strict";
// The cost over two weights, from the numbers each image brings; two descents on it; their picture.

// --- the surface -------------------------------------------------------------------------------------------------

const bytesOf = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0)).buffer;
const IMAGES = SURFACE.images;
const OFFSETS = SURFACE.offsets.map((text) => new Float64Array(bytesOf(text)));
const TARGET = new Uint8Array(bytesOf(SURFACE.target));
const PIXELS = SURFACE.pixels.map((text, axis) =>
  SURFACE.bytes
    ? Float64Array.from(new Uint8Array(bytesOf(text)), (value) => (SURFACE.signs[axis] * value) / 255)
    : new Float64Array(bytesOf(text)),
);

// Returns [cost, slope along w1, slope along w2], by the surface's reduction. With one logit moved, both weights move
// it; with two, one each. Logits are relative to the log-sum-exp of those that stay.
function costAndGradient(w1, w2) {
  const [a, b] = PIXELS;
  const [o1, o2] = OFFSETS;
  let cost = SURFACE.constant;
  let slope1 = 0;
  let slope2 = 0;
  for (let n = 0; n < IMAGES; n++) {
    const target = TARGET[n];
    if (o2 === undefined) {
      const logit = o1[n] + (a[n] * w1 + b[n] * w2);
      const peak = Math.max(logit, 0);
      const odds = Math.exp(logit - peak);
      const total = Math.exp(-peak) + odds;
      cost += peak - (target ? logit : 0) + Math.log(total);
      const error = odds / total - target;
      slope1 += error * a[n];
      slope2 += error * b[n];
    } else {
      const first = o1[n] + a[n] * w1;
      const second = o2[n] + b[n] * w2;
      const peak = Math.max(first, second, 0);
      const odds1 = Math.exp(first - peak);
      const odds2 = Math.exp(second - peak);
      const total = Math.exp(-peak) + (odds1 + odds2);
      cost += peak - (target === 1 ? first : target === 2 ? second : 0) + Math.log(total);
      slope1 += (odds1 / total - (target === 1)) * a[n];
      slope2 += (odds2 / total - (target === 2)) * b[n];
    }
  }
  return [SURFACE.scale * cost, SURFACE.scale * slope1, SURFACE.scale * slope2];
}

// v <- momentum v + lr gradient, w <- w - v.
function descend(start, lr, momentum, steps) {
  let [w1, w2] = start;
  let v1 = 0;
  let v2 = 0;
  const path = { points: [], loss: [] };
  for (let step = 0; step <= steps; step++) {
    const [cost, slope1, slope2] = costAndGradient(w1, w2);
    path.points.push([w1, w2]);
    path.loss.push(cost);
    v1 = momentum * v1 + lr * slope1;
    v2 = momentum * v2 + lr * slope2;
    w1 -= v1;
    w2 -= v2;
  }
  return path;
}

// --- state -------------------------------------------------------------------------------------------------------

const element = (id) => document.getElementById(id);
const state = { ...SURFACE.initial, start: [...SURFACE.initial.start], shown: Infinity };
const BETAS = [...Array(10).keys()].map((n) => n / 10);
BETAS.push(0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99, 0.995, 0.999, ...SURFACE.presets.map((p) => p.momentum), state.momentum);
const MOMENTA = [...new Set(BETAS)].sort((x, y) => x - y);
const WHOLE = SURFACE.range;
let view = [...WHOLE];
let paths = {};
let field = null; // the surface over the view: {columns, rows, values, low, high}

function recompute() {
  paths = {
    vanilla: descend(state.start, state.lr, 0, state.steps),
    momentum: descend(state.start, state.lr, state.momentum, state.steps),
  };
  state.shown = Infinity;
  showNumbers();
  draw();
}

// Computing waits for the next frame, so a drag never queues more than one.
let pending = false;
function schedule() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => {
    pending = false;
    recompute();
  });
}

window.playground = {
  read: () => {
    if (pending) recompute();
    return { start: state.start, lr: state.lr, momentum: state.momentum, steps: state.steps, paths, view };
  },
  costAndGradient,
};

// --- the picture of the surface ----------------------------------------------------------------------------------

const stored = new Uint16Array(bytesOf(SURFACE.grid.values));

function wholeField() {
  const { columns, rows, low, high } = SURFACE.grid;
  const values = Float64Array.from(stored, (level) => low + ((high - low) * level) / 65535);
  return { columns, rows, values, low, high };
}

function computedField() {
  const side = Math.max(20, Math.min(96, Math.floor(Math.sqrt(1.2e7 / Math.max(1, IMAGES)))));
  const values = new Float64Array(side * side);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const w1 = view[0] + ((view[1] - view[0]) * column) / (side - 1);
      const w2 = view[2] + ((view[3] - view[2]) * row) / (side - 1);
      values[row * side + column] = costAndGradient(w1, w2)[0];
    }
  }
  return { columns: side, rows: side, values, low: Math.min(...values), high: Math.max(...values) };
}

function setView(box) {
  view = box;
  field = box.every((end, index) => end === WHOLE[index]) ? wholeField() : computedField();
  background = null;
  draw();
  showLevels();
}

// Returns the surface in contour levels over width x height pixels, top row first.
function levelsOver(width, height) {
  const { columns, rows, values, low, high } = field;
  const levels = new Float32Array(width * height);
  const scale = high - low > 1e-12 * Math.max(1, Math.abs(high)) ? SURFACE.levels / (high - low) : 0;
  for (let y = 0; y < height; y++) {
    const atRow = ((height - 1 - y) / (height - 1)) * (rows - 1);
    const row = Math.min(rows - 2, Math.floor(atRow));
    const up = atRow - row;
    for (let x = 0; x < width; x++) {
      const atColumn = (x / (width - 1)) * (columns - 1);
      const column = Math.min(columns - 2, Math.floor(atColumn));
      const right = atColumn - column;
      const corner = row * columns + column;
      const lower = values[corner] * (1 - right) + values[corner + 1] * right;
      const upper = values[corner + columns] * (1 - right) + values[corner + columns + 1] * right;
      levels[y * width + x] = (lower * (1 - up) + upper * up - low) * scale;
    }
  }
  return levels;
}

function showLevels() {
  const { low, high } = field;
  element("levels").textContent =
    high > low
      ? `Contours every ${((high - low) / SURFACE.levels).toPrecision(3)} nats, from ${low.toPrecision(6)}.`
      : `Flat: ${low.toPrecision(6)} nats everywhere.`;
}

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const triple = (name) => style(name).split(" ").map(Number);
let background = null;

function paintBackground(width, height) {
  const levels = levelsOver(width, height);
  const [low, high, line] = [triple("--low"), triple("--high"), triple("--contour")];
  const image = new ImageData(width, height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      const level = levels[at];
      const slope = Math.hypot(
        levels[at + (x + 1 < width ? 1 : 0)] - levels[at - (x > 0 ? 1 : 0)],
        levels[at + (y + 1 < height ? width : 0)] - levels[at - (y > 0 ? width : 0)],
      ) / 2;
      const distance = Math.abs(level - Math.round(level)) / Math.max(slope, 1e-9); // pixels to the next line
      const ink = Math.round(level) > 0 ? 0.75 * Math.max(0, Math.min(1, 1.2 - distance)) : 0;
      const shade = Math.floor(level) / SURFACE.levels;
      for (let channel = 0; channel < 3; channel++) {
        const tone = low[channel] + (high[channel] - low[channel]) * shade;
        image.data[4 * at + channel] = tone + (line[channel] - tone) * ink;
      }
      image.data[4 * at + 3] = 255;
    }
  }
  background = document.createElement("canvas");
  background.width = width;
  background.height = height;
  background.getContext("2d").putImageData(image, 0, 0);
}

// --- drawing -----------------------------------------------------------------------------------------------------

const MARGIN = { left: 52, right: 10, top: 10, bottom: 44 };

// Sizes a canvas to its place and the screen's pixels, and returns its context and size in CSS pixels.
function prepared(canvas) {
  const density = Math.min(window.devicePixelRatio || 1, 2);
  const { width, height } = canvas.getBoundingClientRect();
  const pixels = [Math.max(1, Math.round(width * density)), Math.max(1, Math.round(height * density))];
  if (canvas.width !== pixels[0] || canvas.height !== pixels[1]) [canvas.width, canvas.height] = pixels;
  const context = canvas.getContext("2d");
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = "12px system-ui, sans-serif";
  return { context, width, height, density };
}

function ticks(low, high, most) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= rough);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const values = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; n++) values.push(n * step);
  return values.map((value) => [value, value.toFixed(Math.min(digits, 20))]);
}

function drawAxes(context, box, ranges, names) {
  const [left, top, right, bottom] = box;
  context.strokeStyle = style("--line");
  context.fillStyle = style("--ink");
  context.lineWidth = 1;
  context.strokeRect(left, top, right - left, bottom - top);
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const [value, text] of ticks(ranges[0], ranges[1], Math.max(2, (right - left) / 80))) {
    context.fillText(text, left + ((value - ranges[0]) / (ranges[1] - ranges[0])) * (right - left), bottom + 5);
  }
  context.fillText(names[0], (left + right) / 2, bottom + 23, right - left);
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const [value, text] of ticks(ranges[2], ranges[3], Math.max(2, (bottom - top) / 50))) {
    context.fillText(text, left - 5, bottom - ((value - ranges[2]) / (ranges[3] - ranges[2])) * (bottom - top), left - 16);
  }
  context.save();
  context.translate(1, (top + bottom) / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.textBaseline = "top";
  context.fillText(names[1], 0, 0, bottom - top);
  context.restore();
}

let place = null; // where the map's frame is, in CSS pixels
const toX = (w1) => place.left + ((w1 - view[0]) / (view[1] - view[0])) * (place.right - place.left);
const toY = (w2) => place.bottom - ((w2 - view[2]) / (view[3] - view[2])) * (place.bottom - place.top);

function marker(context, shape, x, y, size) {
  context.beginPath();
  if (shape === "circle") context.arc(x, y, size, 0, 2 * Math.PI);
  else context.rect(x - size, y - size, 2 * size, 2 * size);
}

const shownPoints = (path) => path.points.slice(0, state.shown + 1).filter((point) => point.every(Number.isFinite));

function drawLine(context, path, color, width) {
  context.strokeStyle = color;
  context.lineWidth = width;
  context.lineJoin = "round";
  context.beginPath();
  shownPoints(path).forEach(([w1, w2]) => context.lineTo(toX(w1), toY(w2)));
  context.stroke();
}

function drawSteps(context, path, color, shape) {
  context.fillStyle = color;
  for (const [w1, w2] of shownPoints(path)) {
    marker(context, shape, toX(w1), toY(w2), 3);
    context.fill();
  }
}

function drawEnd(context, path, color, shape) {
  const points = shownPoints(path);
  if (points.length === 0) return;
  const [w1, w2] = points[points.length - 1];
  marker(context, shape, toX(w1), toY(w2), 7);
  context.fillStyle = color;
  context.fill();
  context.strokeStyle = style("--halo");
  context.lineWidth = 2;
  context.stroke();
}

function drawPaths(context) {
  const both = [
    [paths.vanilla, style("--vanilla"), "circle"],
    [paths.momentum, style("--momentum"), "square"],
  ];
  for (const [path] of both) drawLine(context, path, style("--halo"), 5);
  for (const [path, color] of both) drawLine(context, path, color, 2);
  for (const [path, color, shape] of both) drawSteps(context, path, color, shape);
  for (const [path, color, shape] of both) drawEnd(context, path, color, shape);
}

function drawCross(context, x, y, turned) {
  context.save();
  context.translate(x, y);
  if (turned) context.rotate(Math.PI / 4);
  for (const [stroke, width] of [["#000000", 6], [turned ? "#ffffff" : style("--mark"), 3]]) {
    context.strokeStyle = stroke;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(-7, 0);
    context.lineTo(7, 0);
    context.moveTo(0, -7);
    context.lineTo(0, 7);
    context.stroke();
  }
  context.restore();
}

function drawMap() {
  const { context, width, height, density } = prepared(element("map"));
  place = { left: MARGIN.left, right: width - MARGIN.right, top: MARGIN.top, bottom: height - MARGIN.bottom };
  const inner = [place.right - place.left, place.bottom - place.top].map((size) => Math.max(2, Math.round(size * density)));
  if (!background || background.width !== inner[0] || background.height !== inner[1]) paintBackground(...inner);
  context.drawImage(background, place.left, place.top, place.right - place.left, place.bottom - place.top);
  context.save();
  context.beginPath();
  context.rect(place.left, place.top, place.right - place.left, place.bottom - place.top);
  context.clip();
  drawPaths(context);
  drawCross(context, toX(SURFACE.minimum[1]), toY(SURFACE.minimum[2]), true);
  drawCross(context, toX(SURFACE.trained[0]), toY(SURFACE.trained[1]), false);
  for (const [stroke, size] of [[style("--halo"), 6], [style("--ink"), 3]]) {
    context.strokeStyle = stroke;
    context.lineWidth = size;
    marker(context, "circle", toX(state.start[0]), toY(state.start[1]), 12);
    context.stroke();
  }
  context.restore();
  drawAxes(context, [place.left, place.top, place.right, place.bottom], view, SURFACE.names);
}

function drawCosts() {
  const { context, width, height } = prepared(element("costs"));
  const all = [...paths.vanilla.loss, ...paths.momentum.loss].filter(Number.isFinite);
  let [low, high] = [Math.min(...all), Math.max(...all)];
  if (!(high > low)) [low, high] = [low - 1, low + 1];
  const pad = 0.06 * (high - low);
  const ranges = [0, state.steps, low - pad, high + pad];
  const box = [64, 8, width - 10, height - 40];
  const x = (step) => box[0] + (step / state.steps) * (box[2] - box[0]);
  const y = (cost) => box[3] - ((cost - ranges[2]) / (ranges[3] - ranges[2])) * (box[3] - box[1]);
  for (const [name, shape, dash] of [["vanilla", "circle", []], ["momentum", "square", [6, 4]]]) {
    context.strokeStyle = context.fillStyle = style(`--${name}`);
    context.lineWidth = 2;
    context.setLineDash(dash);
    context.beginPath();
    const loss = paths[name].loss.slice(0, state.shown + 1);
    loss.forEach((cost, step) => context.lineTo(x(step), y(cost)));
    context.stroke();
    context.setLineDash([]);
    marker(context, shape, x(loss.length - 1), y(loss[loss.length - 1]), 4);
    context.fill();
  }
  drawAxes(context, box, ranges, ["step", `cost (nats${SURFACE.reduction === "mean" ? " an image" : ""})`]);
}

function draw() {
  drawMap();
  drawCosts();
}

// --- numbers and controls ----------------------------------------------------------------------------------------

const shortly = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(7))) : "not finite");

function showNumbers() {
  element("lr-value").textContent = String(state.lr);
  element("momentum-value").textContent = String(state.momentum);
  element("steps-value").textContent = String(state.steps);
  element("lr").value = Math.round(20 * Math.log10(state.lr / SURFACE.initial.lr));
  element("momentum").value = MOMENTA.indexOf(state.momentum);
  element("steps").value = state.steps;
  for (const [axis, id] of ["start-1", "start-2"].entries()) {
    if (document.activeElement !== element(id)) element(id).value = state.start[axis];
  }
  for (const name of ["vanilla", "momentum"]) {
    const { points, loss } = paths[name];
    element(`${name}-end`).textContent = points[points.length - 1].map((w) => Number(w.toPrecision(5))).join(", ");
    element(`${name}-cost`).textContent = shortly(loss[loss.length - 1]);
  }
  const gain = paths.vanilla.loss[state.steps] - paths.momentum.loss[state.steps];
  const steps = state.steps === 1 ? "step" : "steps";
  element("verdict").textContent =
    IMAGES === 0
      ? "No image uses either pixel: the surface is flat, and nothing descends."
      : `After ${state.steps} ${steps} momentum is ${shortly(Math.abs(gain))} nats ${gain < 0 ? "above" : "below"} vanilla. ` +
        `Trained (+): ${shortly(SURFACE.trainedLoss)}; minimum of the grid (×): ${shortly(SURFACE.minimum[0])}.`;
  element("command").textContent =
    `mnf trajectory last --start=${state.start.join(",")} --lr ${state.lr} ` +
    `--momentum ${state.momentum ? `0,${state.momentum}` : "0"} --steps ${state.steps}`;
}

// Moves the start to a point of the view, rounded to what a pixel can mean, so that the command can repeat it.
function moveStart(w1, w2) {
  state.start = [w1, w2].map((value, axis) => {
    const [low, high] = view.slice(2 * axis, 2 * axis + 2);
    const digits = Math.min(15, Math.max(0, 3 - Math.floor(Math.log10(high - low))));
    return Number(Math.min(high, Math.max(low, value)).toFixed(digits));
  });
  schedule();
}

function followPointer(event) {
  const { left, top } = element("map").getBoundingClientRect();
  const right = (event.clientX - left - place.left) / (place.right - place.left);
  const up = (place.bottom - (event.clientY - top)) / (place.bottom - place.top);
  moveStart(view[0] + right * (view[1] - view[0]), view[2] + up * (view[3] - view[2]));
}

element("map").addEventListener("pointerdown", (event) => {
  element("map").setPointerCapture(event.pointerId);
  element("map").focus({ preventScroll: true });
  followPointer(event);
  event.preventDefault();
});
element("map").addEventListener("pointermove", (event) => {
  if (element("map").hasPointerCapture(event.pointerId)) followPointer(event);
});
element("map").addEventListener("keydown", (event) => {
  const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key];
  if (!direction || event.ctrlKey || event.metaKey || event.altKey) return;
  const part = event.shiftKey ? 0.001 : 0.01;
  moveStart(
    state.start[0] + direction[0] * part * (view[1] - view[0]),
    state.start[1] + direction[1] * part * (view[3] - view[2]),
  );
  event.preventDefault();
});
element("lr").addEventListener("input", (event) => {
  state.lr = Number((SURFACE.initial.lr * 10 ** (event.target.value / 20)).toPrecision(2));
  schedule();
});
element("momentum").addEventListener("input", (event) => {
  state.momentum = MOMENTA[event.target.value];
  schedule();
});
element("steps").addEventListener("input", (event) => {
  state.steps = Number(event.target.value);
  schedule();
});
for (const [axis, id] of ["start-1", "start-2"].entries()) {
  element(id).addEventListener("change", (event) => {
    if (event.target.value !== "" && Number.isFinite(event.target.valueAsNumber)) {
      state.start[axis] = event.target.valueAsNumber;
    }
    schedule();
  });
}
element("whole").addEventListener("click", () => setView([...WHOLE]));
element("zoom").addEventListener("click", () => {
  const points = [...paths.vanilla.points, ...paths.momentum.points].filter((point) => point.every(Number.isFinite));
  const ends = [0, 1].map((axis) => points.map((point) => point[axis]));
  const sizes = ends.map((values) => Math.max(...values) - Math.min(...values));
  const widest = Math.max(...sizes) || 1;
  setView(
    ends.flatMap((values, axis) => {
      const middle = (Math.max(...values) + Math.min(...values)) / 2;
      const half = 0.65 * Math.max(sizes[axis], widest / 4);
      return [middle - half, middle + half];
    }),
  );
});
element("play").addEventListener("click", () => {
  const began = performance.now();
  const pace = Math.max(4, state.steps / 4); // steps a second
  const frame = (now) => {
    state.shown = Math.floor(((now - began) / 1000) * pace);
    if (state.shown >= state.steps || pending) state.shown = Infinity;
    draw();
    if (state.shown !== Infinity) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
});

element("title").textContent = SURFACE.title;
element("data").textContent = SURFACE.data;
element("map").setAttribute("aria-label", `Contours of the cost. ${SURFACE.title}`);
document.title = SURFACE.title;
element("momentum").max = MOMENTA.length - 1;
element("steps").max = Math.max(300, state.steps);
for (const preset of SURFACE.presets) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = `lr ${preset.lr}, β ${preset.momentum}`;
  button.addEventListener("click", () => {
    Object.assign(state, preset);
    schedule();
  });
  element("presets").append(button);
}
window.addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  background = null;
  draw();
});
field = wholeField();
recompute();
showLevels();
