"use strict";
// A pad to draw on: strokes become pixels, pixels become what the model takes, and the model answers and says why.
// S is the side of what the model takes; the pad is S * ZOOM pixels wide, so that a pixel of an image is a whole square.

// --- the model ---------------------------------------------------------------------------------------------------

const ACTIVATIONS = {
  relu: [(sum) => Math.max(sum, 0), (unit) => (unit > 0 ? 1 : 0)],
  tanh: [Math.tanh, (unit) => 1 - unit * unit],
};

class Network {
  // Layers are {weight, bias, rows, columns}: weights of rows x columns, row by row.
  constructor(layers, activation) {
    this.layers = layers;
    [this.activate, this.slope] = ACTIVATIONS[activation];
  }

  sums({ weight, bias, rows, columns }, seen) {
    const sums = Float64Array.from(bias);
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let column = 0, at = row * columns; column < columns; column++, at++) sum += weight[at] * seen[column];
      sums[row] += sum;
    }
    return sums;
  }

  // Returns what every layer sees, [inputs, units, ...], and the logits, from the units of a layer on.
  forward(seen, from = 0) {
    const all = [seen];
    for (const [number, layer] of this.layers.entries()) {
      if (number < from) continue;
      const sums = this.sums(layer, all[all.length - 1]);
      if (number === this.layers.length - 1) return { seen: all, logits: sums };
      all.push(sums.map(this.activate));
    }
  }

  // Returns the slope of one logit less another along every input.
  slopes(seen, first, second) {
    const last = this.layers.length - 1;
    let back = new Float64Array(this.layers[last].rows);
    back[first] += 1;
    back[second] -= 1;
    for (let number = last; number >= 0; number--) {
      const { weight, rows, columns } = this.layers[number];
      const onward = new Float64Array(columns);
      for (let row = 0; row < rows; row++) {
        if (back[row] === 0) continue;
        for (let column = 0, at = row * columns; column < columns; column++, at++) onward[column] += back[row] * weight[at];
      }
      back = number ? onward.map((slope, unit) => slope * this.slope(seen[number][unit])) : onward;
    }
    return back;
  }

  // Returns by how much one logit less another falls when a unit of the first hidden layer is silenced, unit by unit.
  silenced(seen, logits, first, second) {
    const units = seen[1];
    const { weight, columns } = this.layers[1];
    if (this.layers.length === 2) {
      return units.map((unit, number) => unit * (weight[first * columns + number] - weight[second * columns + number]));
    }
    const difference = logits[first] - logits[second];
    return units.map((unit, number) => {
      if (unit === 0) return 0;
      const without = Float64Array.from(units);
      without[number] = 0;
      const left = this.forward(without, 1).logits;
      return difference - (left[first] - left[second]);
    });
  }
}

function softmax(logits) {
  const peak = Math.max(...logits);
  const odds = logits.map((logit) => Math.exp(logit - peak));
  const total = odds.reduce((sum, one) => sum + one, 0);
  return odds.map((one) => one / total);
}

// --- pixels ------------------------------------------------------------------------------------------------------

// Returns bytes of `width` x `height` brought to `across` x `down` as Pillow does it with Lanczos' filter: across, then
// down, each in whole numbers of 2^-22, rounded to bytes.
function resize(bytes, width, height, across, down) {
  const turned = resizeRows(bytes, width, height, across);
  return transpose(resizeRows(transpose(turned, across, height), height, across, down), down, across);
}

function resizeRows(bytes, width, height, across) {
  if (across === width) return bytes;
  const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
  const lanczos = (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0);
  const scale = width / across;
  const wide = Math.max(scale, 1);
  const small = new Uint8Array(across * height);
  for (let x = 0; x < across; x++) {
    const centre = (x + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - 3 * wide + 0.5));
    const to = Math.min(width, Math.trunc(centre + 3 * wide + 0.5));
    const parts = [];
    for (let at = from; at < to; at++) parts.push(lanczos((at - centre + 0.5) / wide));
    const total = parts.reduce((sum, part) => sum + part, 0);
    const whole = parts.map((part) => Math.trunc((part / total) * 4194304 + (part / total < 0 ? -0.5 : 0.5)));
    for (let y = 0; y < height; y++) {
      let sum = 2097152;
      for (let n = 0; n < whole.length; n++) sum += bytes[y * width + from + n] * whole[n];
      small[y * across + x] = Math.max(0, Math.min(255, Math.floor(sum / 4194304)));
    }
  }
  return small;
}

function transpose(bytes, width, height) {
  const turned = new Uint8Array(bytes.length);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) turned[x * height + y] = bytes[y * width + x];
  return turned;
}

// The outermost pixels' lower median, and whether strokes are darker than it.
function groundOf(bytes, width, height) {
  const edge = [];
  for (let place = 0; place < bytes.length; place++) {
    const [x, y] = [place % width, Math.floor(place / width)];
    if (x === 0 || y === 0 || x === width - 1 || y === height - 1) edge.push(bytes[place]);
  }
  edge.sort((a, b) => a - b);
  return edge[Math.floor((edge.length - 1) / 2)];
}

function hasDarkStrokes(bytes, width, height) {
  const ground = groundOf(bytes, width, height);
  let [least, most] = [255, 0];
  for (const value of bytes) [least, most] = [Math.min(least, value), Math.max(most, value)];
  return ground - least > most - ground;
}

// Returns a drawing in MNIST's form, by the steps of datasets/normalisation.py, in whole numbers as there; null where
// nothing is drawn.
function mnistForm(bytes, width, height, side, dark) {
  const ground = groundOf(bytes, width, height);
  const ink = bytes.map((value) => Math.max(0, dark ? ground - value : value - ground));
  const strongest = ink.reduce((most, value) => Math.max(most, value), 0);
  if (strongest < 16) return null;
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (8 * ink[y * width + x] <= strongest) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
  }
  const [wide, high] = [right - left + 1, bottom - top + 1];
  const longer = Math.max(wide, high);
  const [across, down] = [wide, high].map((length) => Math.max(1, Math.floor((40 * length + longer) / (2 * longer))));
  const [columns, rows] = [shared(wide, across), shared(high, down)];
  const sums = new Float64Array(across * down);
  for (const [i, y, high] of rows) {
    for (const [j, x, wide] of columns) sums[i * across + j] += high * wide * ink[(top + y) * width + left + x];
  }
  const most = sums.reduce((peak, sum) => Math.max(peak, sum), 0);
  const digit = sums.map((sum) => Math.floor((510 * sum + most) / (2 * most)));
  let [mass, momentX, momentY] = [0, 0, 0];
  for (let place = 0; place < digit.length; place++) {
    mass += digit[place];
    momentX += digit[place] * (place % across);
    momentY += digit[place] * Math.floor(place / across);
  }
  const corner = (moment, length) => Math.min(Math.max(Math.floor((29 * mass - 2 * moment) / (2 * mass)), 0), 28 - length);
  const [fromX, fromY] = [corner(momentX, across), corner(momentY, down)];
  const placed = new Uint8Array(28 * 28);
  for (let y = 0; y < down; y++) for (let x = 0; x < across; x++) placed[(fromY + y) * 28 + fromX + x] = digit[y * across + x];
  return placed;
}

// Returns [target, source, how much of it], times `target`, of every source pixel that a target pixel covers.
function shared(source, target) {
  const parts = [];
  for (let i = 0; i < target; i++) {
    for (let y = Math.floor((i * source) / target); y < source && y * target < (i + 1) * source; y++) {
      const part = Math.min((i + 1) * source, (y + 1) * target) - Math.max(i * source, y * target);
      if (part > 0) parts.push([i, y, part]);
    }
  }
  return parts;
}

const NORMALISATIONS = {
  mnist: mnistForm,
  square: (bytes, width, height, side, dark) => {
    const small = resize(bytes, width, height, side, side);
    return dark ? small.map((value) => 255 - value) : small;
  },
};

// Normal deviates that are the same each time: a slider at rest shows one picture.
function deviates(count) {
  let seed = 1;
  const uniform = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return (seed + 0.5) / 4294967296;
  };
  return Float64Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
}

// Returns the pixels turned by `rotate` degrees, moved, inverted, and with noise added.
function changed(pixels, side, { rotate, right, down, invert, noise }) {
  const middle = (side - 1) / 2;
  const [cos, sin] = [Math.cos((rotate * Math.PI) / 180), Math.sin((rotate * Math.PI) / 180)];
  const at = (x, y) => (x >= 0 && x < side && y >= 0 && y < side ? pixels[y * side + x] : 0);
  const random = noise ? deviates(side * side) : null;
  return Uint8Array.from(pixels, (_, place) => {
    const [x, y] = [(place % side) - middle - right, Math.floor(place / side) - middle - down];
    const [fromX, fromY] = [cos * x + sin * y + middle, cos * y - sin * x + middle];
    const [left, top] = [Math.floor(fromX), Math.floor(fromY)];
    const [partX, partY] = [fromX - left, fromY - top];
    const upper = at(left, top) * (1 - partX) + (partX ? at(left + 1, top) * partX : 0);
    const lower = partY ? at(left, top + 1) * (1 - partX) + (partX ? at(left + 1, top + 1) * partX : 0) : 0;
    let value = upper * (1 - partY) + lower * partY;
    if (invert) value = 255 - value;
    if (random) value += 255 * noise * random[place];
    return Math.max(0, Math.min(255, Math.round(value)));
  });
}

// --- the pad -----------------------------------------------------------------------------------------------------

const UNITS_SHOWN = 8;
const CLASSES_SHOWN = 10;
const NEUTRAL = { rotate: 0, right: 0, down: 0, invert: false, noise: 0 };

function startPad(root, told) {
  const find = (name) => root.querySelector(`[data-name="${name}"]`);
  const side = told.side;
  const zoom = Math.max(1, Math.round(280 / side));
  const width = side * zoom;
  const images = new Uint8Array(bytesOf(told.images));
  const network = new Network(
    told.layers.map(({ weight, bias, rows, columns }) => ({
      weight: new Float32Array(bytesOf(weight)),
      bias: new Float32Array(bytesOf(bias)),
      rows,
      columns,
    })),
    told.activation,
  );
  const state = { strokes: [], shown: -1, erase: false, change: { ...NEUTRAL }, pen: [width / 2, width / 2], down: false };
  const say = announcer(find("said"));
  let found = {};

  // The pad's pixels: a test image or nothing, with every stroke in its turn.
  function ink() {
    const pixels = new Float64Array(width * width);
    if (state.shown >= 0) {
      for (let place = 0; place < pixels.length; place++) {
        const [x, y] = [Math.floor((place % width) / zoom), Math.floor(Math.floor(place / width) / zoom)];
        pixels[place] = images[(state.shown * side + y) * side + x];
      }
    }
    for (const stroke of state.strokes) drawStroke(pixels, stroke);
    return Uint8Array.from(pixels, Math.round);
  }

  function drawStroke(pixels, { points, radius, erase }) {
    const cover = new Map();
    for (let n = 0; n < points.length; n++) {
      const [[x1, y1], [x2, y2]] = [points[Math.max(0, n - 1)], points[n]];
      const length = (x2 - x1) ** 2 + (y2 - y1) ** 2;
      for (let y = Math.max(0, Math.floor(Math.min(y1, y2) - radius - 1)); y <= Math.min(width - 1, Math.max(y1, y2) + radius + 1); y++) {
        for (let x = Math.max(0, Math.floor(Math.min(x1, x2) - radius - 1)); x <= Math.min(width - 1, Math.max(x1, x2) + radius + 1); x++) {
          const along = length ? Math.max(0, Math.min(1, ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length)) : 0;
          const away = Math.hypot(x - x1 - along * (x2 - x1), y - y1 - along * (y2 - y1));
          const covered = Math.max(0, Math.min(1, radius + 0.5 - away));
          if (covered > 0) cover.set(y * width + x, Math.max(covered, cover.get(y * width + x) ?? 0));
        }
      }
    }
    for (const [place, covered] of cover) {
      pixels[place] = erase ? pixels[place] * (1 - covered) : Math.max(pixels[place], 255 * covered);
    }
  }

  // What the model takes: a test image as it is, its strokes averaged over each pixel; a drawing in the form that
  // the run keeps.
  function seen(pixels) {
    if (state.shown < 0) {
      if (!pixels.some((value) => value > 0)) return null;
      const dark = told.looks && hasDarkStrokes(pixels, width, width);
      return NORMALISATIONS[told.normalisation](pixels, width, width, side, dark);
    }
    const means = new Uint8Array(side * side);
    for (let place = 0; place < means.length; place++) {
      const [left, top] = [(place % side) * zoom, Math.floor(place / side) * zoom];
      let sum = 0;
      for (let y = top; y < top + zoom; y++) for (let x = left; x < left + zoom; x++) sum += pixels[y * width + x];
      means[place] = Math.round(sum / (zoom * zoom));
    }
    return means;
  }

  function answer() {
    const drawing = ink();
    const plain = seen(drawing);
    const pixels = plain && changed(plain, side, state.change);
    found = { drawing, pixels };
    if (pixels) {
      const forward = network.forward(Float64Array.from(pixels, (value) => value / 255));
      found = { ...found, ...forward, inputs: forward.seen[0], probabilities: softmax(forward.logits) };
      found.order = [...found.probabilities.keys()].sort((a, b) => found.logits[b] - found.logits[a]);
    }
  }

  function paint(canvas, size, colour) {
    canvas.width = canvas.height = size;
    const image = new ImageData(size, size);
    for (let place = 0; place < size * size; place++) image.data.set(colour(place), 4 * place);
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  const gray = (pixels) => (place) => [pixels[place], pixels[place], pixels[place], 255];
  const percent = (share) => (share < 1 && share > 0.9995 ? "> 99.9 %" : `${(100 * share).toFixed(1)} %`);
  const words = new Intl.NumberFormat("en", { notation: "compact", compactDisplay: "long", maximumSignificantDigits: 3 });
  const times = (ratio) => (ratio < 1e6 ? Number(ratio.toPrecision(3)).toLocaleString("en") : ratio < 1e15 ? words.format(ratio) : ratio.toExponential(1));
  const signed = (value) => `${value < 0 ? "\u2212" : "+"}${Math.abs(value).toFixed(2)}`;

  function show() {
    paint(find("draw"), width, gray(found.drawing));
    if (document.activeElement === find("draw")) showPen();
    const empty = !found.pixels;
    find("answers").hidden = empty;
    root.dataset.empty = empty ? "yes" : "no";
    find("undo").disabled = !state.strokes.length;
    find("place").textContent = state.shown < 0 ? "your drawing" : `test image ${state.shown + 1} of ${told.labels.length}: ${told.classes[told.labels[state.shown]]}`;
    if (empty) {
      find("answer").textContent = "The pad is empty: draw something, or step through test images.";
      say("The pad is empty.");
      return;
    }
    const best = found.order[0];
    find("answer").textContent = `${told.classes[best]}, ${percent(found.probabilities[best])}`;
    say(`The model says ${told.classes[best]}, ${percent(found.probabilities[best])}`);
    showBars();
    paint(find("sees"), side, gray(found.pixels));
    const saved = find("save");
    saved.href = find("sees").toDataURL("image/png");
    showWhy();
  }

  function showPen() {
    const context = find("draw").getContext("2d");
    context.strokeStyle = state.down ? "#ffd24d" : "#8cc4ff";
    context.lineWidth = 2;
    context.beginPath();
    context.arc(...state.pen, Number(find("brush").value) * zoom, 0, 7);
    context.stroke();
  }

  function showBars() {
    const few = told.classes.length <= CLASSES_SHOWN;
    const numbers = few ? [...told.classes.keys()] : found.order.slice(0, CLASSES_SHOWN);
    find("bars").replaceChildren(
      ...numbers.map((number) => {
        const item = document.createElement("li");
        const [name, track, share] = ["span", "span", "span"].map((tag) => document.createElement(tag));
        name.textContent = told.classes[number];
        share.textContent = percent(found.probabilities[number]);
        track.className = "track";
        const fill = document.createElement("span");
        fill.style.width = `${100 * found.probabilities[number]}%`;
        track.append(fill);
        item.classList.toggle("most", number === found.order[0]);
        item.append(name, track, share);
        return item;
      }),
    );
  }

  // One class of two: as chosen, else the likeliest and the next.
  function pair() {
    const [first, second] = ["first", "second"].map((name) => (find(name).value === "" ? -1 : Number(find(name).value)));
    const one = first >= 0 ? first : found.order.find((number) => number !== second);
    return [one, second >= 0 && second !== one ? second : found.order.find((number) => number !== one)];
  }

  function showWhy() {
    const [one, other] = pair();
    const slopes = network.slopes(found.seen, one, other);
    const evidence = slopes.map((slope, place) => slope * found.inputs[place]);
    const limit = Math.max(...evidence.map(Math.abs)) || 1;
    const dark = { for: [255, 139, 77], against: [104, 168, 255] };
    paint(find("why"), side, (place) => {
      const part = Math.sqrt(Math.abs(evidence[place]) / limit);
      const colour = evidence[place] > 0 ? dark.for : dark.against;
      const ground = 0.28 * found.pixels[place];
      return [...colour.map((tone) => ground + (tone - ground) * part), 255];
    });
    const sum = (wanted) => evidence.reduce((total, part) => total + (wanted(part) ? part : 0), 0);
    const [speaks, against] = [sum((part) => part > 0), sum((part) => part < 0)];
    const difference = found.logits[one] - found.logits[other];
    const rest = difference - speaks - against;
    const [name, rival] = [told.classes[one], told.classes[other]];
    find("evidence").textContent =
      `For ${name} rather than ${rival}: pixels ${signed(speaks)} for, ${signed(against)} against, ` +
      `${network.layers.length > 1 && told.activation !== "relu" ? "the rest of the network" : "biases"} ${signed(rest)}; ` +
      `together ${signed(difference)}, so ${name} is ${times(Math.exp(difference))} times as likely.`;
    found.why = { classes: [one, other], evidence, rest, difference };
    if (network.layers.length > 1) showUnits(one, other);
  }

  function showUnits(one, other) {
    const speaks = network.silenced(found.seen, found.logits, one, other);
    found.why.units = speaks;
    const loudest = [...speaks.keys()].sort((a, b) => Math.abs(speaks[b]) - Math.abs(speaks[a])).slice(0, UNITS_SHOWN);
    const [warm, cool] = [triple("--for"), triple("--against")];
    const { weight, columns } = network.layers[0];
    find("units").replaceChildren(
      ...loudest.filter((unit) => speaks[unit] !== 0).map((unit) => {
        const item = document.createElement("li");
        const canvas = document.createElement("canvas");
        const own = weight.subarray(unit * columns, (unit + 1) * columns);
        const limit = own.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
        paint(canvas, side, (place) => [...(own[place] > 0 ? warm : cool), Math.round((255 * Math.abs(own[place])) / limit)]);
        canvas.setAttribute("role", "img");
        canvas.setAttribute("aria-label", `weights into unit ${unit}`);
        const text = document.createElement("span");
        text.textContent = `unit ${unit}: ${signed(speaks[unit])}`;
        item.append(canvas, text);
        return item;
      }),
    );
  }

  // Computing waits for the next frame, so a stroke never queues more than one.
  let pending = false;
  function schedule() {
    if (pending) return;
    pending = true;
    requestAnimationFrame(refresh);
  }
  function refresh() {
    pending = false;
    answer();
    show();
  }

  // --- what a person does ---

  const place = (event) => {
    const box = find("draw").getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * width];
  };
  const begin = (point) => {
    state.strokes.push({ points: [point], radius: Number(find("brush").value) * zoom, erase: state.erase });
    schedule();
  };
  const extend = (point) => {
    state.strokes[state.strokes.length - 1].points.push(point);
    schedule();
  };
  const draw = find("draw");
  draw.addEventListener("pointerdown", (event) => {
    draw.setPointerCapture(event.pointerId);
    begin(place(event));
    event.preventDefault();
  });
  draw.addEventListener("pointermove", (event) => {
    if (!draw.hasPointerCapture(event.pointerId)) return;
    const coalesced = event.getCoalescedEvents?.() ?? [];
    for (const one of coalesced.length ? coalesced : [event]) extend(place(one));
  });
  draw.addEventListener("keydown", (event) => {
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " ") {
      state.down = !state.down;
      if (state.down) begin([...state.pen]);
    } else if (direction) {
      state.pen = state.pen.map((at, axis) => Math.max(0, Math.min(width, at + direction[axis] * zoom)));
      if (state.down) extend([...state.pen]);
    } else return;
    schedule();
    event.preventDefault();
  });
  draw.addEventListener("blur", () => {
    state.down = false;
    schedule();
  });
  draw.addEventListener("focus", schedule);

  find("undo").addEventListener("click", () => {
    state.strokes.pop();
    schedule();
  });
  find("clear").addEventListener("click", () => {
    state.strokes = [];
    state.shown = -1;
    schedule();
  });
  find("erase").addEventListener("click", () => {
    state.erase = !state.erase;
    find("erase").setAttribute("aria-pressed", String(state.erase));
  });
  const step = (by) => {
    const count = told.labels.length;
    state.shown = state.shown < 0 ? (by > 0 ? 0 : count - 1) : (state.shown + by + count) % count;
    state.strokes = [];
    schedule();
  };
  find("previous").addEventListener("click", () => step(-1));
  find("next").addEventListener("click", () => step(1));
  if (!told.labels.length) find("stepping").hidden = true;
  for (const link of document.querySelectorAll("a[data-pad]")) {
    link.addEventListener("click", () => {
      state.shown = Number(link.dataset.pad);
      state.strokes = [];
      schedule();
    });
  }
  for (const name of ["rotate", "right", "down", "noise"]) {
    const slider = find(name);
    const output = find(`${name}-value`);
    const read = () => {
      state.change[name] = Number(slider.value);
      output.textContent = `${slider.value.replace("-", "\u2212")}${slider.dataset.unit}`;
      slider.setAttribute("aria-valuetext", output.textContent);
    };
    slider.addEventListener("input", () => {
      read();
      schedule();
    });
    slider.read = read;
    read();
  }
  find("invert").addEventListener("change", () => {
    state.change.invert = find("invert").checked;
    schedule();
  });
  find("reset").addEventListener("click", () => {
    for (const name of ["rotate", "right", "down", "noise"]) {
      find(name).value = 0;
      find(name).read();
    }
    state.change.invert = find("invert").checked = false;
    schedule();
  });
  for (const [name, first] of [["first", "the likeliest"], ["second", "the next"]]) {
    find(name).append(new Option(first, ""), ...told.classes.map((text, number) => new Option(text, number)));
    find(name).addEventListener("change", schedule);
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", schedule);

  // For whoever looks at the page from outside: what is drawn, what the model takes of it, what it answers and why.
  root.read = () => {
    if (pending) refresh();
    const { drawing, pixels, probabilities, why } = found;
    const plain = (values) => values && [...values];
    return {
      width,
      side,
      shown: state.shown,
      strokes: state.strokes.length,
      drawing: plain(drawing),
      pixels: plain(pixels),
      probabilities: plain(probabilities),
      why: why && { ...why, evidence: plain(why.evidence), units: plain(why.units) },
    };
  };
  refresh();
}

mount("pad", startPad);
