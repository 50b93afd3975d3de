// Browser of example cases. Everything it shows is in the model's traits, so it works without
// a kernel; task, mode and percentile are written back, so that Python or a link can follow.

import { digits, followScheme, h, s, set, STAR } from "./kit/js/dom.js";
import { fromRuns, outline } from "./kit/js/masks.js";

const MAX_SCALE = 48; // CSS pixels per image pixel
const PIXELATED_FROM = 3; // from here on a reader wants to see the pixels, not a blur
const KEYS = [
  ["← →", "percentile"],
  ["↑ ↓", "task"],
  ["1 – 5", "mode"],
  ["z", "zoom to the object, or whole image"],
  ["+ −", "zoom; also double click, pinch, or wheel once the image has focus"],
  ["g r p", "ground truth, prediction, prompts on or off"],
  ["?", "these keys"],
];
let views = 0; // radio groups need a name of their own in each view

function render({ model, el }) {
  const get = (name) => model.get(name);
  const uid = `mpb${views++}`;
  const paths = new Map(); // mask name -> contour; a mask is traced once
  const shown = { truth: true, prediction: true, prompt: true };
  let toObject = true;
  let view = null; // {x, y, scale}: image point in the middle of the stage, CSS px per pixel
  let moved = false; // the reader zoomed or panned: keep the view while the image stays
  let current = null; // what is drawn: {key, case, bounds}

  // ---------------------------------------------------------------- elements
  const root = h("div", { class: "mpb mkit", "data-lm-suppress-shortcuts": "true" });
  const task = h("select", { id: `${uid}-task` });
  for (const [key, title] of get("tasks")) task.append(h("option", { value: key }, title));

  const readout = {};
  const figures = h("div", { class: "mpb-figures" });
  for (const [name, label] of [
    ["iou", "IoU"],
    ["dice", "Dice"],
    ["score", "Model’s estimate"],
  ]) {
    readout[name] = h("span", { class: `mpb-${name}` });
    figures.append(h("div", {}, h("span", { class: "mpb-label" }, label), readout[name]));
  }
  readout.id = h("p", { class: "mpb-id" });

  const picture = s("image", { x: 0, y: 0, preserveAspectRatio: "none" });
  const layers = {
    truth: s("g", { class: "mpb-truth" }),
    prediction: s("g", { class: "mpb-prediction" }),
    prompt: s("g", { class: "mpb-prompt" }),
  };
  const svg = s("svg", { class: "mpb-svg", role: "img" }, picture, ...Object.values(layers));
  const mapPicture = s("image", { x: 0, y: 0, preserveAspectRatio: "none" });
  const mapFrame = s("rect", { class: "mpb-frame" });
  const map = s("svg", { class: "mpb-map", "aria-hidden": "true" }, mapPicture, mapFrame);
  const none = h("p", { class: "mpb-none", hidden: "" }, "No case here");
  const hint = h("p", { class: "mpb-hint", "aria-hidden": "true" }, "Click first, or hold Ctrl, to zoom with the wheel");
  const button = (label, text, action, pressed) => {
    const made = h("button", { type: "button", title: label, "aria-label": label }, text);
    if (pressed !== undefined) made.setAttribute("aria-pressed", String(pressed));
    made.addEventListener("click", action);
    return made;
  };
  const objectButton = button("Fit object: zoom to it (z)", "Fit object", toggleObject, toObject);
  const helpButton = button("Keys (?)", "?", toggleHelp, false);
  const tools = h(
    "div",
    { class: "mpb-tools" },
    objectButton,
    button("Zoom out (−)", "−", () => zoomBy(1 / 1.5)),
    button("Zoom in (+)", "+", () => zoomBy(1.5)),
    helpButton,
  );
  const keys = h("div", {});
  for (const [key, what] of KEYS) keys.append(h("kbd", {}, key), h("span", {}, what));
  const help = h("div", { class: "mpb-help", hidden: "" }, h("p", {}, "Keys, while the image has focus"), keys);
  const stage = h(
    "div",
    { class: "mpb-stage", tabindex: "0", role: "group", "aria-label": "Image. Press ? for keys." },
    svg, map, none, readout.id, hint, help, tools,
  );

  const percentiles = radios("Percentile", "percentile", get("percentiles").map((p) => [p, h("span", {}, ordinal(p))]));
  const bars = new Map();
  const modes = radios(
    "Mode",
    "mode",
    get("modes").map(([k, words]) => {
      const bar = h("i", {});
      const value = h("b", {});
      bars.set(k, { bar, value });
      const label = h("span", {}, h("em", {}, String(k)), h("span", {}, words.replace("≤ ", "≤\u00a0")), value, h("span", { class: "mpb-bar", "aria-hidden": "true" }, bar));
      return [k, label];
    }),
  );
  const toggles = h("fieldset", { class: "mpb-layers" }, h("legend", {}, "Show"));
  const boxes = {};
  for (const [name, label, key] of [
    ["truth", "Ground truth", "g"],
    ["prediction", "Prediction", "r"],
    ["prompt", "Prompts", "p"],
  ]) {
    boxes[name] = h("input", { type: "checkbox", checked: "" });
    boxes[name].addEventListener("change", () => show(name, boxes[name].checked));
    toggles.append(h("label", { title: `${label} (${key})` }, boxes[name], swatch(name), h("span", {}, label)));
  }
  const status = h("p", { class: "mkit-unseen", role: "status", "aria-live": "polite" });

  root.append(
    h("div", { class: "mpb-head mkit-head" }, h("label", { for: task.id }, "Task"), task, h("p", {}, get("about"))),
    h("div", { class: "mpb-body" }, h("div", { class: "mpb-main" }, figures, stage), h("div", { class: "mpb-side" }, percentiles.box, modes.box, toggles)),
    status,
  );
  el.append(root);
  const unfollow = followScheme(root);

  // --------------------------------------------------------------- selection
  function select(name, value) {
    if (get(name) === value) return;
    model.set(name, value);
    model.save_changes();
  }
  function step(name, values, by) {
    const at = values.indexOf(get(name)) + by;
    if (at >= 0 && at < values.length) select(name, values[at]);
  }
  function radios(legend, trait, options) {
    const box = h("fieldset", { class: `mpb-${trait}` }, h("legend", {}, legend));
    const inputs = new Map();
    for (const [value, label] of options) {
      const input = h("input", { type: "radio", name: `${uid}-${trait}`, value: String(value) });
      input.addEventListener("change", () => select(trait, value));
      inputs.set(value, input);
      box.append(h("label", {}, input, label));
    }
    return { box, inputs };
  }
  task.addEventListener("change", () => select("task", task.value));

  // ----------------------------------------------------------------- drawing
  function slot(k = get("mode")) {
    return get("cases")[get("task")]?.[k]?.[get("percentile")] ?? null;
  }
  function contour(name, size) {
    if (!paths.has(name)) paths.set(name, outline(fromRuns(get("masks")[name], size), size));
    return paths.get(name);
  }

  function update(announce = true) {
    const found = slot();
    task.value = get("task");
    percentiles.inputs.get(get("percentile")).checked = true;
    modes.inputs.get(get("mode")).checked = true;
    for (const [k, { bar, value }] of bars) {
      const iou = slot(k)?.iou;
      value.textContent = digits(iou, 2);
      bar.style.inlineSize = `${100 * Math.max(0, iou ?? 0)}%`;
    }
    readout.iou.textContent = digits(found?.iou);
    readout.dice.textContent = digits(found?.dice);
    readout.score.textContent = digits(found?.score);
    readout.id.textContent = found?.id ?? "";
    readout.id.title = found?.id ?? "";
    none.hidden = found !== null;
    svg.style.visibility = found ? "" : "hidden";
    root.classList.toggle("mpb-empty", !found);
    if (found) draw(found);
    else current = null;
    const where = `${task.selectedOptions[0]?.text}, mode ${get("mode")}, ${ordinal(get("percentile"))} percentile`;
    const values = found ? `IoU ${digits(found.iou)}, Dice ${digits(found.dice)}` : "no case here";
    svg.setAttribute("aria-label", `${found?.id ?? ""}: ${where}. ${values}.`);
    // Not on the first drawing: a page should not begin to speak by itself.
    if (announce) status.textContent = `${where}: ${values}.`;
    place();
  }

  function draw(found) {
    const [rows, columns] = found.size;
    for (const image of [picture, mapPicture]) {
      set(image, { href: get("images")[found.image], width: columns, height: rows });
    }
    map.setAttribute("viewBox", `0 0 ${columns} ${rows}`);
    // The halo below each line keeps it legible on bright and on dark tissue.
    for (const name of ["truth", "prediction"]) {
      const d = contour(found[name], found.size);
      layers[name].replaceChildren(s("path", { d, class: "mpb-halo" }), s("path", { d, class: "mpb-line" }));
    }
    const prompts = [];
    for (const [x0, y0, x1, y1] of found.boxes) {
      // Ends are inside: the box reaches to the far edge of its last pixel.
      const at = { x: x0, y: y0, width: x1 - x0 + 1, height: y1 - y0 + 1 };
      prompts.push(s("rect", { ...at, class: "mpb-halo" }), s("rect", { ...at, class: "mpb-line" }));
    }
    found.points.forEach(([x, y], i) => {
      const kind = found.labels[i] ? "mpb-star" : "mpb-star mpb-negative";
      prompts.push(s("path", { d: STAR, class: kind, "data-x": x + 0.5, "data-y": y + 0.5 }));
    });
    layers.prompt.replaceChildren(...prompts);
    const key = `${found.image} ${found.truth}`;
    if (current?.key !== key) moved = false;
    current = { key, found, bounds: bounds(get("masks")[found.truth], found.size) };
    if (!moved) view = null;
  }

  function show(name, on) {
    shown[name] = on;
    boxes[name].checked = on;
    layers[name].style.display = on ? "" : "none";
  }

  // ------------------------------------------------------------- zoom and pan
  function fit() {
    const [rows, columns] = current.found.size;
    const { clientWidth: w, clientHeight: t } = stage;
    const whole = { x: columns / 2, y: rows / 2, scale: Math.min(w / columns, t / rows) };
    if (!toObject || !current.bounds) return whole;
    const [x0, y0, x1, y1] = current.bounds;
    // Half of the stage for the object: what surrounds it explains the errors.
    const scale = Math.min(w / (x1 - x0) / 2, t / (y1 - y0) / 2, MAX_SCALE / 2);
    return { x: (x0 + x1) / 2, y: (y0 + y1) / 2, scale: Math.max(scale, whole.scale) };
  }
  function place() {
    const { clientWidth: w, clientHeight: t } = stage;
    if (!current || !w || !t) return;
    const [rows, columns] = current.found.size;
    const whole = Math.min(w / columns, t / rows);
    view ??= fit();
    view.scale = Math.min(Math.max(view.scale, whole), Math.max(MAX_SCALE, whole));
    // An image smaller than the stage stays in the middle, a larger one fills it.
    const hold = (at, length, half) => (2 * half >= length ? length / 2 : Math.min(Math.max(at, half), length - half));
    view.x = hold(view.x, columns, w / view.scale / 2);
    view.y = hold(view.y, rows, t / view.scale / 2);
    const box = [view.x - w / view.scale / 2, view.y - t / view.scale / 2, w / view.scale, t / view.scale];
    svg.setAttribute("viewBox", box.map((v) => +v.toFixed(4)).join(" "));
    set(mapFrame, { x: box[0], y: box[1], width: box[2], height: box[3] });
    map.style.display = view.scale > 1.2 * whole ? "" : "none";
    picture.classList.toggle("mpb-pixels", view.scale >= PIXELATED_FROM);
    for (const star of layers.prompt.querySelectorAll(".mpb-star")) {
      star.setAttribute("transform", `translate(${star.dataset.x} ${star.dataset.y}) scale(${1 / view.scale})`);
    }
    stage.classList.toggle("mpb-moved", moved);
  }
  // (px, py): the point, in CSS pixels from the middle of the stage, that stays where it is.
  function zoomBy(factor, px = 0, py = 0) {
    if (!current) return;
    moved = true;
    const before = view.scale;
    const least = Math.min(stage.clientWidth / current.found.size[1], stage.clientHeight / current.found.size[0]);
    view.scale = Math.min(Math.max(before * factor, least), Math.max(MAX_SCALE, least));
    view.x += px / before - px / view.scale;
    view.y += py / before - py / view.scale;
    place();
  }
  function pan(dx, dy) {
    if (!current) return;
    moved = true;
    view.x -= dx / view.scale;
    view.y -= dy / view.scale;
    place();
  }
  function toggleObject() {
    toObject = moved ? toObject : !toObject; // after a zoom by hand: first back to where it was
    moved = false;
    view = null;
    objectButton.setAttribute("aria-pressed", String(toObject));
    place();
  }
  function toggleHelp() {
    help.hidden = !help.hidden;
    helpButton.setAttribute("aria-pressed", String(!help.hidden));
  }
  const fromMiddle = (event) => {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
  };

  let hintTimer = 0;
  stage.addEventListener(
    "wheel",
    (event) => {
      // A wheel over a page scrolls the page, until the reader asks for the image.
      if (!event.ctrlKey && !event.metaKey && !stage.contains(document.activeElement)) {
        hint.classList.add("mpb-on");
        clearTimeout(hintTimer);
        hintTimer = setTimeout(() => hint.classList.remove("mpb-on"), 1200);
        return;
      }
      event.preventDefault();
      const lines = event.deltaMode ? 16 : 1;
      zoomBy(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.008 : 0.002)), ...fromMiddle(event));
    },
    { passive: false },
  );
  svg.addEventListener("dblclick", (event) => zoomBy(event.shiftKey ? 0.5 : 2, ...fromMiddle(event)));

  const pointers = new Map();
  svg.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, fromMiddle(event));
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    const was = pointers.get(event.pointerId);
    if (!was) return;
    const now = fromMiddle(event);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const apart = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]) || 1;
      zoomBy(apart(now) / apart(was), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      pan((now[0] - was[0]) / 2, (now[1] - was[1]) / 2);
    } else if (moved || Math.hypot(now[0] - was[0], now[1] - was[1]) > 3) {
      pan(now[0] - was[0], now[1] - was[1]);
    } else {
      return; // a click with a trembling hand is no pan
    }
    pointers.set(event.pointerId, now);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    svg.addEventListener(end, (event) => pointers.delete(event.pointerId));
  }

  // ---------------------------------------------------------------- keyboard
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target === task) return;
    const { key } = event;
    // Arrows inside a group of radio buttons are the browser's, as everywhere.
    if (key.startsWith("Arrow") && event.target.type === "radio") return event.stopPropagation();
    const actions = {
      ArrowLeft: () => step("percentile", get("percentiles"), -1),
      ArrowRight: () => step("percentile", get("percentiles"), 1),
      ArrowUp: () => step("task", get("tasks").map(([name]) => name), -1),
      ArrowDown: () => step("task", get("tasks").map(([name]) => name), 1),
      z: toggleObject,
      "+": () => zoomBy(1.5),
      "=": () => zoomBy(1.5),
      "-": () => zoomBy(1 / 1.5),
      g: () => show("truth", !shown.truth),
      r: () => show("prediction", !shown.prediction),
      p: () => show("prompt", !shown.prompt),
      "?": toggleHelp,
    };
    if (key === "Escape" && !help.hidden) actions.Escape = toggleHelp;
    const mode = get("modes").find(([k]) => String(k) === key);
    const action = mode ? () => select("mode", mode[0]) : actions[key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  });

  // --------------------------------------------------------------- lifecycle
  const changed = () => update();
  const traits = ["task", "mode", "percentile"].map((name) => `change:${name}`);
  for (const name of traits) model.on(name, changed);
  // Which proportions the stage has is decided once: nothing jumps when the case changes.
  stage.style.aspectRatio = proportions(get("cases"));
  update(false);
  const resized = new ResizeObserver(() => {
    if (!moved) view = null;
    place();
  });
  resized.observe(stage);
  return () => {
    for (const name of traits) model.off(name, changed);
    resized.disconnect();
    unfollow();
    clearTimeout(hintTimer);
  };
}

// ------------------------------------------------------------------- masks
// [x0, y0, x1, y1] of a mask, far edges included; null where it is empty.
function bounds(runs, size) {
  const [rows, columns] = size;
  const bits = fromRuns(runs, size);
  let [x0, y0, x1, y1] = [columns, rows, 0, 0];
  for (let i = 0; i < bits.length; i++) {
    if (!bits[i]) continue;
    const [x, y] = [i % columns, Math.floor(i / columns)];
    [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x + 1), Math.max(y1, y + 1)];
  }
  return x1 > x0 ? [x0, y0, x1, y1] : null;
}

// ------------------------------------------------------------------ helpers
function proportions(cases) {
  const ratios = Object.values(cases)
    .flatMap((modes) => Object.values(modes).flatMap((found) => Object.values(found)))
    .map(({ size: [rows, columns] }) => columns / rows)
    .sort((a, b) => a - b);
  return String(Math.min(Math.max(ratios[Math.floor(ratios.length / 2)], 1), 1.5).toFixed(3));
}

function ordinal(n) {
  const tens = n % 100;
  const end = tens > 10 && tens < 14 ? "th" : ({ 1: "st", 2: "nd", 3: "rd" }[n % 10] ?? "th");
  return `${n}${end}`;
}

function swatch(name) {
  const drawn = name === "prompt"
    ? s("path", { d: STAR, class: "mpb-star", transform: "translate(12 8) scale(0.8)" })
    : s("path", { d: "M1 8H23", class: "mpb-line" });
  const group = s("g", { class: `mpb-${name}` }, drawn);
  return s("svg", { class: "mpb-swatch", viewBox: "0 0 24 16", "aria-hidden": "true" }, group);
}

export default { render };
