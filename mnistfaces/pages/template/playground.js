"use strict";
// The cost over two weights, from the numbers each image brings; two descents on it; their picture.

const MARGIN = { left: 52, right: 10, top: 10, bottom: 44 };
const FOLDED = 512; // factors of at most 3 whose product a double still holds

// e^x for x <= 0, to 15 digits and three times as fast as Math.exp: a power of two from a table, times the start of the
// series of what is left. Below LEAST it stays at e^LEAST, which is nothing beside the 1 that it is added to.
const LEAST = -50;
const PARTS = Math.LN2 / 32;
const POWERS = Float64Array.from({ length: Math.ceil(-LEAST / PARTS) + 2 }, (_, k) => 2 ** (-k / 32));
function exponential(x) {
  const bounded = x < LEAST ? LEAST : x;
  const k = (0.5 - bounded / PARTS) | 0;
  const r = bounded + k * PARTS;
  return POWERS[k] * (1 + r * (1 + r * (0.5 + r * (1 / 6 + r * (1 / 24 + r * (1 / 120))))));
}

// Returns a function of two weights that has the values of another, [cost, slope along w1, slope along w2], to 12 digits
// and in a thirtieth of the time where many points are asked for. The plane is cut into square tiles. A tile is made when
// as many points of it have been asked for as it takes to make one, so it never costs more than twice what it saves: the
// three numbers at NODES x NODES Chebyshev nodes, as sums of Chebyshev polynomials. With weights of pixels in [0, 1] the
// function is smooth to a distance of pi (where 1 + e^z has a zero), so that a sum misses it by about
// (pi + sqrt(pi^2 + 1))^-NODES. A tile that misses its own check, and what lies far out, is asked of every image.
const TILE = 2; // its side, in weights
const NODES = 17;
const FAR = 64;
const GOOD = 1e-12; // of the largest value in a tile
const CHECKED = [[0.13, -0.71], [-0.93, 0.97], [0.55, 0.39]];

function tiledSurface(exact) {
  const known = new Map(); // by place: how often it was asked for, then its coefficients, or null
  const nodes = Array.from({ length: NODES }, (_, k) => Math.cos((Math.PI * (k + 0.5)) / NODES));
  const [across, up] = [new Float64Array(NODES), new Float64Array(NODES)];
  const fill = (terms, x) => {
    terms[0] = 1;
    terms[1] = x;
    for (let n = 2; n < NODES; n++) terms[n] = 2 * x * terms[n - 1] - terms[n - 2];
  };
  const TERMS = nodes.map((x) => {
    const terms = new Float64Array(NODES);
    fill(terms, x);
    return terms;
  });

  // Returns the three numbers at a place of a tile, from -1 to 1 either way.
  function valueAt(coefficients, x, y) {
    fill(across, x);
    fill(up, y);
    const found = [0, 0, 0];
    for (let which = 0, at = 0; which < 3; which++) {
      let sum = 0;
      for (let i = 0; i < NODES; i++) {
        let row = 0;
        for (let j = 0; j < NODES; j++) row += coefficients[at++] * up[j];
        sum += row * across[i];
      }
      found[which] = sum;
    }
    return found;
  }

  function make(column, row) {
    const place = (x, y) => exact(TILE * (column + (x + 1) / 2), TILE * (row + (y + 1) / 2));
    const values = nodes.map((x) => nodes.map((y) => place(x, y)));
    const coefficients = new Float64Array(3 * NODES * NODES);
    const most = [0, 0, 0];
    for (let which = 0; which < 3; which++) {
      // the cosine transform, along one axis and then along the other
      const half = values.map((line) => {
        for (const numbers of line) most[which] = Math.max(most[which], Math.abs(numbers[which]));
        return Float64Array.from(nodes, (_, j) => line.reduce((sum, numbers, l) => sum + numbers[which] * TERMS[l][j], 0));
      });
      for (let i = 0; i < NODES; i++) {
        for (let j = 0; j < NODES; j++) {
          const sum = half.reduce((total, terms, k) => total + terms[j] * TERMS[k][i], 0);
          coefficients[(which * NODES + i) * NODES + j] = (sum * (i ? 2 : 1) * (j ? 2 : 1)) / NODES ** 2;
        }
      }
    }
    const good = CHECKED.every(([x, y]) => {
      const wanted = place(x, y);
      return valueAt(coefficients, x, y).every((value, which) => Math.abs(value - wanted[which]) <= GOOD * most[which]);
    });
    return good ? coefficients : null;
  }

  function at(w1, w2) {
    if (!(Math.abs(w1) < FAR && Math.abs(w2) < FAR)) return exact(w1, w2);
    const [column, row] = [Math.floor(w1 / TILE), Math.floor(w2 / TILE)];
    const key = column * 2 * FAR + row;
    let tile = known.has(key) ? known.get(key) : 0;
    if (typeof tile === "number") {
      tile = tile + 1 < NODES * NODES ? tile + 1 : make(column, row);
      known.set(key, tile);
    }
    if (!(tile instanceof Float64Array)) return exact(w1, w2);
    return valueAt(tile, 2 * (w1 / TILE - column) - 1, 2 * (w2 / TILE - row) - 1);
  }
  return { at, count: () => [...known.values()].filter((tile) => tile instanceof Float64Array).length };
}

function startPlayground(root, SURFACE) {
  const element = (name) => root.querySelector(`[data-name="${name}"]`);

  // --- the surface -----------------------------------------------------------------------------------------------

  const IMAGES = SURFACE.images;
  const [O1, O2] = SURFACE.offsets.map((text) => new Float64Array(bytesOf(text)));
  const TARGET = new Uint8Array(bytesOf(SURFACE.target));
  const [A, B] = SURFACE.pixels.map((text, axis) =>
    SURFACE.bytes
      ? Float64Array.from(new Uint8Array(bytesOf(text)), (value) => (SURFACE.signs[axis] * value) / 255)
      : new Float64Array(bytesOf(text)),
  );
  const costAndGradient = O2 === undefined ? ofOneLogit : ofTwoLogits;
  const tiles = tiledSurface(costAndGradient);

  // Both return [cost, slope along w1, slope along w2], by the surface's reduction. With one logit moved, both weights
  // move it; with two, one each. Logits are relative to the log-sum-exp of those that stay. The logarithms of many
  // images are taken at once, of their product: what is left per image is one exponential or two.
  function ofOneLogit(w1, w2) {
    let [cost, slope1, slope2, product] = [SURFACE.constant, 0, 0, 1];
    for (let n = 0; n < IMAGES; n++) {
      const logit = O1[n] + (A[n] * w1 + B[n] * w2);
      const odds = exponential(logit > 0 ? -logit : logit);
      const total = 1 + odds;
      const error = (logit > 0 ? 1 : odds) / total - TARGET[n];
      product *= total;
      if (n % FOLDED === 0) {
        cost += Math.log(product);
        product = 1;
      }
      cost += (logit > 0 ? logit : 0) - TARGET[n] * logit;
      slope1 += error * A[n];
      slope2 += error * B[n];
    }
    cost += Math.log(product);
    return [SURFACE.scale * cost, SURFACE.scale * slope1, SURFACE.scale * slope2];
  }

  function ofTwoLogits(w1, w2) {
    let [cost, slope1, slope2, product] = [SURFACE.constant, 0, 0, 1];
    for (let n = 0; n < IMAGES; n++) {
      const target = TARGET[n];
      const first = O1[n] + A[n] * w1;
      const second = O2[n] + B[n] * w2;
      const peak = Math.max(first, second, 0);
      const odds1 = exponential(first - peak);
      const odds2 = exponential(second - peak);
      const total = exponential(-peak) + (odds1 + odds2);
      product *= total;
      if (n % FOLDED === 0) {
        cost += Math.log(product);
        product = 1;
      }
      cost += peak - (target === 1 ? first : target === 2 ? second : 0);
      slope1 += (odds1 / total - (target === 1)) * A[n];
      slope2 += (odds2 / total - (target === 2)) * B[n];
    }
    cost += Math.log(product);
    return [SURFACE.scale * cost, SURFACE.scale * slope1, SURFACE.scale * slope2];
  }

  // What each optimizer steps, w <- w - step, from the weights and the slopes; each remembers its own past. The formulas
  // and their numbers are those of the command's rules.
  const USUAL = SURFACE.usual;
  const each = (make) => [0, 1].map(make);
  const RULES = {
    gd(lr, momentum) {
      let v = [0, 0];
      return (w, g) => (v = each((n) => momentum * v[n] + lr * g[n]));
    },
    nesterov(lr, momentum) {
      let v = [0, 0];
      return (w, g) => {
        v = each((n) => momentum * v[n] + g[n]);
        return each((n) => lr * (g[n] + momentum * v[n]));
      };
    },
    rmsprop(lr) {
      let s = [0, 0];
      return (w, g) => {
        s = each((n) => USUAL.rmspropAlpha * s[n] + (1 - USUAL.rmspropAlpha) * g[n] ** 2);
        return each((n) => (lr * g[n]) / (Math.sqrt(s[n]) + USUAL.rmspropEps));
      };
    },
    adagrad(lr) {
      let s = [0, 0];
      return (w, g) => {
        s = each((n) => s[n] + g[n] ** 2);
        return each((n) => (lr * g[n]) / (Math.sqrt(s[n]) + USUAL.adagradEps));
      };
    },
    adam(lr) {
      const [beta1, beta2] = USUAL.adamBetas;
      let [m, s, steps] = [[0, 0], [0, 0], 0];
      return (w, g) => {
        steps += 1;
        m = each((n) => beta1 * m[n] + (1 - beta1) * g[n]);
        s = each((n) => beta2 * s[n] + (1 - beta2) * g[n] ** 2);
        return each((n) => (lr * m[n]) / (1 - beta1 ** steps) / (Math.sqrt(s[n] / (1 - beta2 ** steps)) + USUAL.adamEps));
      };
    },
    adamw(lr) {
      const adam = RULES.adam(lr);
      return (w, g) => {
        const step = adam(w, g);
        return each((n) => lr * USUAL.adamwDecay * w[n] + step[n]);
      };
    },
  };
  const takesMomentum = (optimizer) => SURFACE.momentous.includes(optimizer);

  function descend(start, rule, steps) {
    let [w1, w2] = start;
    const path = { points: [], loss: [] };
    for (let step = 0; step <= steps; step++) {
      const [cost, slope1, slope2] = tiles.at(w1, w2);
      path.points.push([w1, w2]);
      path.loss.push(cost);
      const [step1, step2] = rule([w1, w2], [slope1, slope2]);
      w1 -= step1;
      w2 -= step2;
    }
    return path;
  }

  // --- state -----------------------------------------------------------------------------------------------------

  const state = { ...SURFACE.initial, start: [...SURFACE.initial.start], shown: Infinity };
  const BETAS = [...Array(10).keys()].map((n) => n / 10);
  BETAS.push(0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99, 0.995, 0.999, ...SURFACE.presets.map((p) => p.momentum ?? 0), USUAL.nesterov, state.momentum);
  const MOMENTA = [...new Set(BETAS)].sort((x, y) => x - y);
  const WHOLE = SURFACE.range;
  // Optimizers that divide by the size of the gradient have a learning rate of their own: the length of a step.
  const rateName = () => (takesMomentum(state.optimizer) ? "lr" : "own");
  const rate = () => state[rateName()];
  const otherName = () => (state.optimizer === "gd" ? "momentum" : state.optimizer);
  const say = announcer(element("said"));
  let view = [...WHOLE];
  let paths = {};
  let field = null; // the surface over the view: {columns, rows, values, heights}

  function recompute() {
    paths = {
      vanilla: descend(state.start, RULES.gd(state.lr, 0), state.steps),
      momentum: descend(state.start, RULES[state.optimizer](rate(), state.momentum), state.steps),
    };
    state.shown = Infinity;
    showNumbers();
    draw();
  }

  // Computing waits for the next frame, so a drag never queues more than one.
  let pending = false;
  function schedule() {
    stop();
    if (pending) return;
    pending = true;
    requestAnimationFrame(() => {
      pending = false;
      recompute();
    });
  }

  // For whoever looks at the page from outside.
  root.read = () => {
    if (pending) recompute();
    return { start: state.start, lr: state.lr, own: state.own, optimizer: state.optimizer, momentum: state.momentum, steps: state.steps, shown: state.shown, paths, view, tiles: tiles.count() };
  };
  root.recompute = recompute;

  // --- the picture of the surface --------------------------------------------------------------------------------

  const stored = new Uint16Array(bytesOf(SURFACE.grid.values));

  function wholeField() {
    const { columns, rows, low, high } = SURFACE.grid;
    return { columns, rows, values: Float64Array.from(stored, (level) => low + ((high - low) * level) / 65535) };
  }

  function computedField() {
    const side = Math.max(20, Math.min(96, Math.floor(Math.sqrt(1.2e7 / Math.max(1, IMAGES)))));
    const values = new Float64Array(side * side);
    for (let row = 0; row < side; row++) {
      for (let column = 0; column < side; column++) {
        const w1 = view[0] + ((view[1] - view[0]) * column) / (side - 1);
        const w2 = view[2] + ((view[3] - view[2]) * row) / (side - 1);
        values[row * side + column] = tiles.at(w1, w2)[0];
      }
    }
    return { columns: side, rows: side, values };
  }

  // The heights of the contours: between two of them lies an equal part of the map, so steep walls do not take them all.
  function heightsOf(values) {
    const sorted = Float64Array.from(values).sort();
    const [low, high] = [sorted[0], sorted[sorted.length - 1]];
    if (!(high - low > 1e-12 * Math.max(1, Math.abs(high)))) return [low];
    const heights = [];
    for (let n = 0; n <= SURFACE.levels; n++) {
      const height = sorted[Math.round((n / SURFACE.levels) * (sorted.length - 1))];
      if (!heights.length || height > heights[heights.length - 1]) heights.push(height);
    }
    return heights;
  }

  function setView(box) {
    view = box;
    field = box.every((end, index) => end === WHOLE[index]) ? wholeField() : computedField();
    field.heights = heightsOf(field.values);
    background = null;
    draw();
    showLevels();
  }

  // Returns how many heights lie below a value, and how far it is to the next.
  function levelOf(value) {
    const { heights } = field;
    if (heights.length < 2) return 0;
    let [low, high] = [0, heights.length - 1];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (heights[middle] <= value) low = middle;
      else high = middle;
    }
    return low + (value - heights[low]) / (heights[high] - heights[low]);
  }

  // Returns the surface in contour levels over width x height pixels, top row first.
  function levelsOver(width, height) {
    const { columns, rows, values } = field;
    const levels = new Float32Array(width * height);
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
        levels[y * width + x] = levelOf(lower * (1 - up) + upper * up);
      }
    }
    return levels;
  }

  function showLevels() {
    const { heights } = field;
    const [low, high] = [heights[0], heights[heights.length - 1]];
    element("levels").textContent =
      high > low
        ? `From ${low.toPrecision(6)} to ${high.toPrecision(6)} nats; an equal part of the map lies between each contour and the next.`
        : `Flat: ${low.toPrecision(6)} nats everywhere.`;
  }

  let background = null;

  function paintBackground(width, height) {
    const levels = levelsOver(width, height);
    const most = Math.max(1, field.heights.length - 1);
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
        const shade = Math.floor(level) / most;
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

  const minus = (text) => text.replaceAll("-", "\u2212");

  function ticks(low, high, most) {
    const rough = (high - low) / most;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= rough);
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const values = [];
    for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; n++) values.push(n * step);
    return values.map((value) => [value, minus(value.toFixed(Math.min(digits, 20)))]);
  }

  function drawAxes(context, box, ranges, names) {
    const [left, top, right, bottom] = box;
    context.strokeStyle = style("--line");
    context.fillStyle = style("--ink");
    context.lineWidth = 1;
    context.strokeRect(left, top, right - left, bottom - top);
    context.textAlign = "center";
    context.textBaseline = "top";
    for (const [value, text] of ticks(ranges[0], ranges[1], Math.max(4, (right - left) / 80))) {
      context.fillText(text, left + ((value - ranges[0]) / (ranges[1] - ranges[0])) * (right - left), bottom + 5);
    }
    context.fillText(names[0], (left + right) / 2, bottom + 23, right - left);
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const [value, text] of ticks(ranges[2], ranges[3], Math.max(4, (bottom - top) / 50))) {
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

  // --- numbers and controls --------------------------------------------------------------------------------------

  const shortly = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(7))) : "not finite");

  function showSlider(name, place, value = state[name]) {
    element(`${name}-value`).textContent = String(value);
    element(name).value = place;
    element(name).setAttribute("aria-valuetext", String(value));
  }

  function showNumbers() {
    element("optimizer").value = state.optimizer;
    element("momentum").disabled = !takesMomentum(state.optimizer);
    element("other-name").textContent = otherName();
    showSlider("lr", Math.round(20 * Math.log10(rate() / SURFACE.initial[rateName()])), rate());
    showSlider("momentum", MOMENTA.indexOf(state.momentum));
    showSlider("steps", state.steps);
    for (const [axis, name] of ["start-1", "start-2"].entries()) {
      if (document.activeElement !== element(name)) element(name).value = state.start[axis];
    }
    for (const name of ["vanilla", "momentum"]) {
      const { points, loss } = paths[name];
      element(`${name}-end`).textContent = minus(points[points.length - 1].map((w) => Number(w.toPrecision(5))).join(", "));
      element(`${name}-cost`).textContent = shortly(loss[loss.length - 1]);
    }
    const map = element("map");
    map.setAttribute("aria-valuemin", WHOLE[0]);
    map.setAttribute("aria-valuemax", WHOLE[1]);
    map.setAttribute("aria-valuenow", state.start[0]);
    map.setAttribute("aria-valuetext", `${state.start[0]} and ${state.start[1]}, cost ${shortly(paths.vanilla.loss[0])}`);
    const gain = paths.vanilla.loss[state.steps] - paths.momentum.loss[state.steps];
    const steps = state.steps === 1 ? "step" : "steps";
    const said = `After ${state.steps} ${steps} ${otherName()} is ${shortly(Math.abs(gain))} nats ${gain < 0 ? "above" : "below"} vanilla.`;
    element("verdict").textContent =
      IMAGES === 0
        ? "No image uses either pixel: the surface is flat, and nothing descends."
        : `${said} Trained (+): ${shortly(SURFACE.trainedLoss)}; minimum of the grid (×): ${shortly(SURFACE.minimum[0])}.`;
    say(IMAGES === 0 ? element("verdict").textContent : said);
    const line = (options) =>
      `mnf trajectory ${quoted(SURFACE.source)} --start=${state.start.join(",")} ${options} --steps ${state.steps}`;
    const momentum = takesMomentum(state.optimizer) ? ` --momentum ${state.momentum}` : "";
    const repeated =
      state.optimizer === "gd"
        ? line(`--lr ${state.lr} --momentum ${state.momentum ? `0,${state.momentum}` : "0"}`)
        : `${line(`--lr ${state.lr} --momentum 0`)} && ${line(`--optimizer ${state.optimizer} --lr ${rate()}${momentum}`)}`;
    // a line ends between words only
    const words = repeated.split(" ").map((word) => Object.assign(document.createElement("span"), { textContent: word }));
    element("command").replaceChildren(...words.flatMap((word, n) => (n ? [" ", word] : [word])));
  }

  // Returns a word as a shell takes it.
  function quoted(word) {
    return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
  }

  // Moves the start, rounded to what a pixel of the view can mean, so that the command can repeat it.
  function moveStart(point) {
    state.start = point.map((value, axis) => {
      const [low, high] = view.slice(2 * axis, 2 * axis + 2);
      const digits = Math.min(15, Math.max(0, 3 - Math.floor(Math.log10(high - low))));
      return Number(value.toFixed(digits));
    });
    schedule();
  }

  function followPointer(event) {
    const { left, top } = element("map").getBoundingClientRect();
    const inside = (part) => Math.min(1, Math.max(0, part));
    const right = inside((event.clientX - left - place.left) / (place.right - place.left));
    const up = inside((place.bottom - (event.clientY - top)) / (place.bottom - place.top));
    moveStart([view[0] + right * (view[1] - view[0]), view[2] + up * (view[3] - view[2])]);
  }

  // Moves the view, as large as it is, until a point that a key was pressed for lies in it.
  function follow(point) {
    const moved = [...view];
    for (const [axis, value] of point.entries()) {
      const [low, high] = view.slice(2 * axis, 2 * axis + 2);
      if (value >= low && value <= high) continue;
      moved[2 * axis] = value - (high - low) / 2;
      moved[2 * axis + 1] = value + (high - low) / 2;
    }
    if (moved.some((end, index) => end !== view[index])) setView(moved);
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
    moveStart(state.start.map((at, axis) => at + direction[axis] * part * (view[2 * axis + 1] - view[2 * axis])));
    follow(state.start);
    event.preventDefault();
  });
  element("lr").addEventListener("input", (event) => {
    state[rateName()] = Number((SURFACE.initial[rateName()] * 10 ** (event.target.value / 20)).toPrecision(2));
    schedule();
  });
  element("optimizer").addEventListener("change", (event) => {
    state.optimizer = event.target.value;
    if (state.optimizer === "nesterov" && !state.momentum) state.momentum = USUAL.nesterov;
    schedule();
  });
  element("momentum").addEventListener("input", (event) => {
    state.momentum = MOMENTA[event.target.value] || (state.optimizer === "nesterov" ? MOMENTA[1] : 0);
    schedule();
  });
  element("steps").addEventListener("input", (event) => {
    state.steps = Number(event.target.value);
    schedule();
  });
  for (const [axis, name] of ["start-1", "start-2"].entries()) {
    element(name).addEventListener("change", (event) => {
      if (event.target.value !== "" && Number.isFinite(event.target.valueAsNumber)) {
        state.start[axis] = event.target.valueAsNumber;
      }
      schedule();
    });
  }
  function boxOfPaths() {
    const points = [...paths.vanilla.points, ...paths.momentum.points].filter((point) => point.every(Number.isFinite));
    const ends = [0, 1].map((axis) => points.map((point) => point[axis]));
    const sizes = ends.map((values) => Math.max(...values) - Math.min(...values));
    const widest = Math.max(...sizes) || 1;
    return ends.flatMap((values, axis) => {
      const middle = (Math.max(...values) + Math.min(...values)) / 2;
      const half = 0.65 * Math.max(sizes[axis], widest / 4);
      return [middle - half, middle + half];
    });
  }
  element("whole").addEventListener("click", () => setView([...WHOLE]));
  element("zoom").addEventListener("click", () => setView(boxOfPaths()));

  // One loop at a time draws step after step; who asks for less motion gets a tenth of the steps with every press.
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let playing = 0;
  function stop() {
    cancelAnimationFrame(playing);
    playing = 0;
    element("play").textContent = still.matches ? "Step" : "Play";
  }
  function showTo(step) {
    state.shown = step >= state.steps ? Infinity : step;
    draw();
  }
  element("play").addEventListener("click", () => {
    if (still.matches) {
      const shown = state.shown === Infinity ? 0 : state.shown;
      showTo(shown + Math.max(1, Math.ceil(state.steps / 10)));
      return;
    }
    if (playing) {
      stop();
      showTo(Infinity);
      return;
    }
    const began = performance.now();
    const pace = Math.max(4, state.steps / 4); // steps a second
    const frame = (now) => {
      showTo(Math.floor(((now - began) / 1000) * pace));
      if (state.shown === Infinity) stop();
      else playing = requestAnimationFrame(frame);
    };
    playing = requestAnimationFrame(frame);
    element("play").textContent = "Stop";
  });
  still.addEventListener("change", () => {
    stop();
    showTo(Infinity);
  });

  element("data").textContent = SURFACE.data;
  element("map").setAttribute("aria-label", `Where both descents start. ${SURFACE.title}`);
  element("momentum").max = MOMENTA.length - 1;
  element("steps").max = Math.max(300, state.steps);
  for (const name of Object.keys(RULES)) element("optimizer").append(new Option(name));
  for (const preset of SURFACE.presets) {
    const button = document.createElement("button");
    button.type = "button";
    const named = preset.optimizer === "gd" ? "" : `${preset.optimizer}, `;
    const beta = takesMomentum(preset.optimizer) ? `, β ${preset.momentum}` : "";
    button.textContent = `${named}lr ${preset.lr ?? preset.own}${beta}`;
    button.addEventListener("click", () => {
      Object.assign(state, preset);
      schedule();
    });
    element("presets").append(button);
  }
  new ResizeObserver(() => {
    background = null;
    draw();
  }).observe(element("map"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    background = null;
    draw();
  });
  stop();
  field = { ...wholeField(), heights: [0] };
  recompute();
  setView(boxOfPaths());
}

mount("playground", startPlayground);
