// Examples by task, case, mode and choice of mask. Everything it shows is in the model's traits, so
// it works without a kernel; the selection is written back, so that Python or a link can follow.

import { barRadios, card, check, follow, onKeys, selection } from "./kit/js/card.js";
import { button, digits, h, ordinal, radios, s, set } from "./kit/js/dom.js";
import { casePicture, keepSize, swatch } from "./kit/js/drawing.js";

const MAX_SCALE = 48; // CSS pixels per image pixel
const SHORT = { top: "Scored", oracle: "Oracle" };
const KEYS = [
  ["← →", "case"],
  ["↑ ↓", "mode; also 1 to 5"],
  ["o", "the other mask: the scored one, or the oracle"],
  ["z", "zoom to the object, or whole image"],
  ["+ −", "zoom; also double click, pinch, or wheel once the image has focus"],
  ["g r p", "ground truth, prediction, prompts on or off"],
  ["?", "these keys"],
];
let views = 0; // radio groups need a name of their own in each view

function render({ model, el }) {
  const get = (name) => model.get(name);
  const uid = `mex${views++}`;
  const { select, step } = selection(model);
  const shown = { truth: true, prediction: true, prompt: true };
  let toObject = true;
  let view = null; // {x, y, scale}: image point in the middle of the stage, CSS px per pixel
  let moved = false; // the reader zoomed or panned: keep the view while the image stays
  let current = null; // what is drawn: {key, found, bounds}
  const numbers = get("modes").map(([k]) => k);
  const choices = get("choices").map(([choice]) => choice);

  // ---------------------------------------------------------------- elements
  const readout = {};
  const figures = h("div", { class: "mex-figures" });
  for (const [name, label] of [
    ["iou", "IoU"],
    ["dice", "Dice"],
    ["score", "Model’s estimate"],
  ]) {
    readout[name] = h("span", { class: `mex-${name}` });
    figures.append(h("div", {}, h("span", { class: "mex-label" }, label), readout[name]));
  }
  readout.id = h("p", { class: "mkit-id" });

  const { svg, layers, trace, draw } = casePicture(get("masks"));
  const mapPicture = s("image", { x: 0, y: 0, preserveAspectRatio: "none" });
  const mapFrame = s("rect", { class: "mex-frame" });
  const map = s("svg", { class: "mex-map", "aria-hidden": "true" }, mapPicture, mapFrame);
  const none = h("p", { class: "mex-none", hidden: "" }, "No result here");
  const hint = h("p", { class: "mex-hint", "aria-hidden": "true" }, "Click first, or hold Ctrl, to zoom with the wheel");
  const tool = (label, text, action, pressed) =>
    button(text, label, action, { "aria-label": label, ...(pressed === undefined ? {} : { "aria-pressed": String(pressed) }) });
  const objectButton = tool("Fit object: zoom to it (z)", "Fit object", toggleObject, toObject);
  const helpButton = tool("Keys (?)", "?", toggleHelp, false);
  const tools = h(
    "div",
    { class: "mex-tools" },
    objectButton,
    tool("Zoom out (−)", "−", () => zoomBy(1 / 1.5)),
    tool("Zoom in (+)", "+", () => zoomBy(1.5)),
    helpButton,
  );
  const keys = h("div", {});
  for (const [key, what] of KEYS) keys.append(h("kbd", {}, key), h("span", {}, what));
  const help = h("div", { class: "mex-help", hidden: "" }, h("p", {}, "Keys, while the image has focus"), keys);
  const stage = h(
    "div",
    { class: "mex-stage mkit-stage", tabindex: "0", role: "group", "aria-label": "Image. Press ? for keys." },
    svg, map, none, readout.id, hint, help, tools,
  );

  const modes = barRadios("Mode and its IoU", `${uid}-mode`, get("modes"), (k) => select("mode", k));
  for (const { track } of modes.bars.values()) track.append(h("i", { class: "mex-tick" }));
  const masks = radios("Mask", `${uid}-choice`, choices.map((choice) => [choice, SHORT[choice]]), (choice) => select("choice", choice));
  const percentiles = radios("Case: percentile of IoU", `${uid}-percentile`, get("percentiles").map((p) => [p, ordinal(p)]), (p) => select("percentile", p));
  const tick = h("p", { class: "mex-legend" }, h("span", { class: "mex-key" }, h("i", { class: "mex-tick" })), "");
  tick.hidden = masks.box.hidden = choices.length < 2;
  const toggles = h("fieldset", { class: "mex-layers" }, h("legend", {}, "Show"));
  const boxes = {};
  for (const [name, label, key] of [
    ["truth", "Ground truth", "g"],
    ["prediction", "Prediction", "r"],
    ["prompt", "Prompts", "p"],
  ]) {
    const { input, node } = check(label, (on) => showLayer(name, on), swatch(name === "prompt" ? "positive" : name));
    boxes[name] = set(input, { checked: "" });
    toggles.append(set(node, { title: `${label} (${key})` }));
  }
  const { root, task, status } = card("mex", uid, get, [figures, stage], [modes.box, tick, masks.box, percentiles.box, toggles]);
  el.append(root);

  // --------------------------------------------------------------- selection
  task.addEventListener("change", () => select("task", task.value));

  // ----------------------------------------------------------------- drawing
  const results = (k) => get("cases")[get("task")]?.[get("percentile")]?.[k] ?? {};
  const result = (k, choice = get("choice")) => results(k)[choice] ?? null;

  function update(announce = true) {
    const [mode, choice] = [get("mode"), get("choice")];
    const now = result(mode);
    // Any result of the image: all are of one object.
    const found = numbers.flatMap((k) => Object.values(results(k)))[0] ?? null;
    task.value = get("task");
    modes.inputs.get(mode).checked = true;
    masks.inputs.get(choice).checked = true;
    percentiles.inputs.get(get("percentile")).checked = true;
    const rest = choices.find((one) => one !== choice);
    for (const k of numbers) {
      modes.show(k, result(k)?.iou);
      const at = rest ? result(k, rest)?.iou : null;
      const mine = modes.bars.get(k).track.querySelector(".mex-tick");
      mine.hidden = at === null || at === undefined;
      mine.style.insetInlineStart = `${100 * (at ?? 0)}%`;
    }
    if (rest) tick.lastChild.textContent = `IoU of the ${words(rest)}`;
    for (const name of ["iou", "dice", "score"]) readout[name].textContent = digits(now?.[name]);
    readout.id.textContent = found?.id ?? "";
    readout.id.title = found?.id ?? "";
    none.hidden = now !== null;
    svg.style.visibility = found ? "" : "hidden";
    root.classList.toggle("mex-empty", !found);
    if (found) show(found, now, Object.values(results(mode))[0]);
    else current = null;
    const where = `${task.selectedOptions[0]?.text}, mode ${mode}: ${get("modes").find(([k]) => k === mode)[1]}, ${words(choice)}`;
    const value = now ? `IoU ${digits(now.iou)}` : "no result";
    svg.setAttribute("aria-label", `${where}. ${value}. ${found?.id ?? ""}, ${ordinal(get("percentile"))} percentile.`);
    // Not on the first drawing: a page should not begin to speak by itself.
    if (announce) status.textContent = `${where}. ${value}.`;
    place();
  }
  function words(choice) {
    return get("choices").find(([one]) => one === choice)[1];
  }

  // The object and image of a case, with the prediction and the prompt of the mode.
  function show(found, now, prompt = { points: [], labels: [], boxes: [] }) {
    const [rows, columns] = found.size;
    const href = get("images")[found.image];
    draw(href, found, { prediction: now?.prediction ?? null, prompt, markSize: 1.2 });
    set(mapPicture, { href, width: columns, height: rows });
    map.setAttribute("viewBox", `0 0 ${columns} ${rows}`);
    const key = `${found.image} ${found.truth}`;
    if (current?.key !== key) moved = false;
    current = { key, found, bounds: bounds(trace(found.truth, found.size).bits, found.size) };
    if (!moved) view = null;
  }

  function showLayer(name, on) {
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
    keepSize(svg, view.scale);
    stage.classList.toggle("mex-moved", moved);
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
        hint.classList.add("mex-on");
        clearTimeout(hintTimer);
        hintTimer = setTimeout(() => hint.classList.remove("mex-on"), 1200);
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
  onKeys(root, (key) => {
    const other = choices[(choices.indexOf(get("choice")) + 1) % choices.length];
    const actions = {
      ArrowLeft: () => step("percentile", get("percentiles"), -1),
      ArrowRight: () => step("percentile", get("percentiles"), 1),
      ArrowUp: () => step("mode", numbers, -1),
      ArrowDown: () => step("mode", numbers, 1),
      o: () => select("choice", other),
      z: toggleObject,
      "+": () => zoomBy(1.5),
      "=": () => zoomBy(1.5),
      "-": () => zoomBy(1 / 1.5),
      g: () => showLayer("truth", !shown.truth),
      r: () => showLayer("prediction", !shown.prediction),
      p: () => showLayer("prompt", !shown.prompt),
      "?": toggleHelp,
    };
    if (key === "Escape" && !help.hidden) actions.Escape = toggleHelp;
    if (numbers.includes(Number(key))) return () => select("mode", Number(key));
    return actions[key];
  }, task);

  // --------------------------------------------------------------- lifecycle
  // Which proportions the stage has is decided once: nothing jumps when the case changes.
  stage.style.aspectRatio = proportions(get("cases"));
  update(false);
  const changed = () => update();
  const unfollow = follow(model, { task: changed, mode: changed, percentile: changed, choice: changed }, root, stage, () => {
    if (!moved) view = null;
    place();
  });
  return () => {
    unfollow();
    clearTimeout(hintTimer);
  };
}

// ------------------------------------------------------------------- masks
// [x0, y0, x1, y1] of a mask, far edges included; null where it is empty.
function bounds(bits, [rows, columns]) {
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
  const under = (found) => Object.values(found);
  const ratios = under(cases).flatMap(under).flatMap(under).flatMap(under)
    .map(({ size: [rows, columns] }) => columns / rows)
    .sort((a, b) => a - b);
  return String(Math.min(Math.max(ratios[Math.floor(ratios.length / 2)], 1), 1.5).toFixed(3));
}

export default { render };
