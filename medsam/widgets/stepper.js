// The clicks of Algorithm 1, one by one. Everything it shows is in the model's traits, so it
// works without a kernel; task and step are written back, so that Python or a link can follow.

import { button, digits, followScheme, h, s, set, STAR } from "./kit/js/dom.js";
import { fromRuns, outline } from "./kit/js/masks.js";

const MINUS = "M-8 -3H8V3H-8Z";
const CHART = { width: 260, height: 130, left: 30, right: 10, top: 10, bottom: 24 };
const KINDS = { missed: "Missed", surplus: "Surplus" };
let steppers = 0; // patterns and labels need a name of their own in each view

function render({ model, el }) {
  const get = (name) => model.get(name);
  const uid = `mcs${steppers++}`;
  const traced = new Map(); // mask name -> {bits, d}; a mask is traced once
  const wrong = new Map(); // prediction name -> {missed, surplus}
  let errors = false;
  let whole = false;
  let drawn = ""; // the case whose chart is drawn

  // ---------------------------------------------------------------- elements
  const root = h("div", { class: "mcs mkit", "data-lm-suppress-shortcuts": "true" });
  const task = h("select", { id: `${uid}-task` });
  for (const [key, title] of get("tasks")) task.append(h("option", { value: key }, title));
  const iou = h("b", { class: "mcs-iou" });
  const change = h("span", { class: "mcs-change" });
  const name = h("p", { class: "mcs-id" });

  const patterns = {
    missed: s("pattern", { id: `${uid}-missed`, width: 6, height: 6, patternUnits: "userSpaceOnUse" },
      s("rect", { width: 6, height: 6, class: "mcs-missed-ground" }), s("path", { d: "M0 3H6", class: "mcs-missed-mark" })),
    surplus: s("pattern", { id: `${uid}-surplus`, width: 6, height: 6, patternUnits: "userSpaceOnUse" },
      s("rect", { width: 6, height: 6, class: "mcs-surplus-ground" }), s("circle", { cx: 3, cy: 3, r: 1.7, class: "mcs-surplus-mark" })),
  };
  const picture = s("image", { x: 0, y: 0, preserveAspectRatio: "none" });
  const layer = (kind) => s("g", { class: `mcs-${kind}` });
  const [map, truth, prediction, clicks] = ["errors", "truth", "prediction", "clicks"].map(layer);
  const svg = s("svg", { class: "mcs-svg", role: "img" },
    s("defs", {}, ...Object.values(patterns)), picture, map, truth, prediction, clicks);
  const stage = h("div", { class: "mcs-stage", tabindex: "0", role: "group", "aria-label": "Image. Left and right arrow keys go from click to click." }, svg, name);

  const previous = button("‹", "Previous click (left arrow)", () => go(get("step") - 1), { class: "mcs-previous", "aria-label": "Previous click" });
  const next = button("›", "Next click (right arrow)", () => go(get("step") + 1), { class: "mcs-next", "aria-label": "Next click" });
  const slider = h("input", { type: "range", min: 1, step: 1, id: `${uid}-step` });
  const at = h("label", { for: slider.id, class: "mcs-at" });
  slider.addEventListener("input", () => go(Number(slider.value)));

  const chart = s("svg", { class: "mcs-chart", role: "img", viewBox: `0 0 ${CHART.width} ${CHART.height}` });
  const toggle = (label, act) => {
    const input = h("input", { type: "checkbox" });
    input.addEventListener("change", () => act(input.checked));
    return h("label", { class: "mcs-toggle" }, input, label);
  };
  const counts = {};
  const legend = h("div", { class: "mcs-legend" });
  const entry = (swatch, ...words) => legend.append(h("p", {}, s("svg", { class: "mcs-swatch", viewBox: "-15 -10 30 20", "aria-hidden": "true" }, swatch), ...words));
  entry(s("path", { d: "M-12 0H12", class: "mcs-line mcs-truth-line" }), "Ground truth");
  entry(s("path", { d: "M-12 0H12", class: "mcs-line mcs-prediction-line" }), "Prediction");
  entry(s("path", { d: STAR, class: "mcs-positive" }), "Positive click");
  entry(s("path", { d: MINUS, class: "mcs-negative" }), "Negative click");
  for (const [kind, label] of Object.entries(KINDS)) {
    counts[kind] = h("b", { class: `mcs-count-${kind}` });
    entry(s("rect", { x: -13, y: -8, width: 26, height: 16, fill: `url(#${uid}-${kind}-key)` }), `${label}: `, counts[kind], " px");
    // The patterns of the image grow and shrink with it; those of the legend do not.
    const key = patterns[kind].cloneNode(true);
    key.id = `${uid}-${kind}-key`;
    legend.lastChild.firstChild.prepend(s("defs", {}, key));
  }
  const toggles = h("div", { class: "mcs-toggles" },
    toggle("Error map", (on) => { errors = on; map.style.display = on ? "" : "none"; }),
    toggle("Whole image", (on) => { whole = on; place(); }));
  map.style.display = "none";
  const status = h("p", { class: "mkit-unseen", role: "status", "aria-live": "polite" });

  root.append(
    h("div", { class: "mcs-head mkit-head" }, h("label", { for: task.id }, "Task"), task, h("p", {}, get("about"))),
    h("div", { class: "mcs-body" },
      h("div", {}, stage, h("div", { class: "mcs-steps" }, previous, slider, next)),
      h("div", { class: "mcs-side" }, h("div", {}, at, h("p", { class: "mcs-value" }, "IoU ", iou, " ", change)), chart, toggles, legend)),
    status,
  );
  el.append(root);
  const unfollow = followScheme(root);

  // --------------------------------------------------------------- selection
  const current = () => get("cases")[get("task")];
  function go(step) {
    if (step < 1 || step > current().steps.length || step === get("step")) return;
    model.set("step", step);
    model.save_changes();
  }
  task.addEventListener("change", () => {
    const last = get("cases")[task.value].steps.length;
    model.set("task", task.value);
    if (get("step") > last) model.set("step", last);
    model.save_changes();
  });
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    // Arrows in a menu and on a slider are the browser's, as everywhere.
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || event.target === task || event.target === slider) return;
    event.preventDefault();
    event.stopPropagation(); // the page around may have a use of its own for these keys
    go(get("step") + by);
  });
  for (const own of [task, slider]) own.addEventListener("keydown", (event) => event.stopPropagation());

  // ----------------------------------------------------------------- drawing
  function trace(mask, size) {
    if (!traced.has(mask)) {
      const bits = fromRuns(get("masks")[mask], size);
      traced.set(mask, { bits, d: outline(bits, size) });
    }
    return traced.get(mask);
  }
  function differences(of, found) {
    const key = `${found.truth} ${of}`;
    if (!wrong.has(key)) {
      const [a, b] = [trace(found.truth, found.size).bits, trace(of, found.size).bits];
      const area = (inside) => ({ count: inside.reduce((sum, bit) => sum + bit, 0), d: outline(inside, found.size) });
      wrong.set(key, { missed: area(a.map((bit, i) => bit & ~b[i])), surplus: area(b.map((bit, i) => bit & ~a[i])) });
    }
    return wrong.get(key);
  }
  // The halo below each line keeps it legible on bright and on dark tissue.
  const lines = (d, kind) => [s("path", { d, class: "mcs-halo" }), s("path", { d, class: `mcs-line mcs-${kind}-line` })];
  function mark([x, y], i, newest) {
    const label = s("text", { x: 8, y: -6, class: "mcs-number" }, String(i + 1));
    const positive = current().labels[i] === 1;
    return s("g", { class: "mcs-click", "data-x": x + 0.5, "data-y": y + 0.5, "data-size": newest ? 1.2 : 0.8 },
      s("path", { d: positive ? STAR : MINUS, class: positive ? "mcs-positive" : "mcs-negative" }), label);
  }
  function update(announce) {
    const [found, step] = [current(), get("step")];
    if (!found || step > found.steps.length) return; // between two changes
    const [now, before] = [found.steps[step - 1], found.steps[step - 2]];
    const [rows, columns] = found.size;
    task.value = get("task");
    set(picture, { href: get("images")[found.image], width: columns, height: rows });
    truth.replaceChildren(...lines(trace(found.truth, found.size).d, "truth"));
    prediction.replaceChildren(...lines(trace(now.prediction, found.size).d, "prediction"));
    const areas = differences(now.prediction, found);
    map.replaceChildren(...Object.keys(KINDS).map((kind) =>
      s("path", { d: areas[kind].d, "fill-rule": "evenodd", fill: `url(#${uid}-${kind})`, "data-kind": kind })));
    for (const kind of Object.keys(KINDS)) counts[kind].textContent = areas[kind].count.toLocaleString("en");
    clicks.replaceChildren(...found.points.slice(0, step).map((point, i) => mark(point, i, i === step - 1)));
    place();

    set(slider, { max: found.steps.length });
    slider.value = step;
    previous.setAttribute("aria-disabled", String(step === 1));
    next.setAttribute("aria-disabled", String(step === found.steps.length));
    name.textContent = found.id;
    at.textContent = `Click ${step} of ${found.steps.length}`;
    iou.textContent = digits(now.iou);
    const by = before ? now.iou - before.iou : null;
    change.textContent = by === null ? "" : `(${by < 0 ? "−" : "+"}${digits(Math.abs(by))})`;
    const kind = found.labels[step - 1] === 1 ? "positive" : "negative";
    const words = `Click ${step} of ${found.steps.length}, ${kind}: IoU ${digits(now.iou)}`;
    slider.setAttribute("aria-valuetext", words);
    const title = task.selectedOptions[0]?.text;
    svg.setAttribute("aria-label", `${title}, ${found.id}. ${words}. Missed: ${areas.missed.count} pixels, surplus: ${areas.surplus.count}.`);
    // Not on the first drawing: a page should not begin to speak by itself.
    if (announce) status.textContent = `${drawn === get("task") ? "" : `${title}. `}${words}.`;
    plot(found, step);
    drawn = get("task");
  }

  function plot(found, step) {
    const { width, height, left, right, top, bottom } = CHART;
    const last = found.steps.length;
    const x = (k) => left + ((k - 0.5) / last) * (width - left - right);
    const y = (value) => top + (1 - value) * (height - top - bottom);
    const parts = [];
    for (const value of [0, 0.5, 1]) {
      parts.push(s("path", { d: `M${left} ${y(value)}H${width - right}`, class: "mcs-grid" }));
      parts.push(s("text", { x: left - 5, y: y(value) + 4, "text-anchor": "end" }, value.toFixed(1)));
    }
    parts.push(s("path", { d: `M${x(step)} ${top}V${height - bottom}`, class: "mcs-now" }));
    const known = found.steps.map((one, i) => [x(i + 1), one.iou, i + 1]).filter(([, value]) => value !== null);
    parts.push(s("path", { d: known.map(([px, value], i) => `${i ? "L" : "M"}${px} ${y(value)}`).join(""), class: "mcs-curve" }));
    for (const [px, value, k] of known) {
      parts.push(s("circle", { cx: px, cy: y(value), r: k === step ? 5 : 3, class: k === step ? "mcs-dot mcs-here" : "mcs-dot" }));
    }
    const wide = (width - left - right) / last;
    found.steps.forEach((one, i) => {
      const k = i + 1;
      parts.push(s("text", { x: x(k), y: height - 8, "text-anchor": "middle", class: k === step ? "mcs-here" : "" }, String(k)));
      const hit = s("rect", { x: x(k) - wide / 2, y: 0, width: wide, height, class: "mcs-hit", "data-step": k }, s("title", {}, `Click ${k}: IoU ${digits(one.iou)}`));
      hit.addEventListener("click", () => go(k));
      parts.push(hit);
    });
    chart.setAttribute("aria-label", `IoU by click: ${found.steps.map((one, i) => `${i + 1}: ${digits(one.iou, 2)}`).join(", ")}.`);
    chart.replaceChildren(...parts);
  }

  // Marks and patterns keep their size on the screen.
  function place() {
    const found = current();
    const [rows, columns] = found.size;
    const [x0, y0, x1, y1] = whole ? [0, 0, columns - 1, rows - 1] : found.view;
    const [width, height] = [x1 - x0 + 1, y1 - y0 + 1];
    svg.setAttribute("viewBox", `${x0} ${y0} ${width} ${height}`);
    const scale = Math.min(stage.clientWidth / width, stage.clientHeight / height);
    if (!scale) return;
    picture.classList.toggle("mcs-pixels", scale >= 3);
    for (const [kind, turn] of [["missed", " rotate(45)"], ["surplus", ""]]) {
      patterns[kind].setAttribute("patternTransform", `scale(${1 / scale})${turn}`);
    }
    for (const one of clicks.children) {
      one.setAttribute("transform", `translate(${one.dataset.x} ${one.dataset.y}) scale(${one.dataset.size / scale})`);
    }
  }
  const sized = new ResizeObserver(place);
  sized.observe(stage);

  const follow = () => update(true);
  model.on("change:task", follow);
  model.on("change:step", follow);
  update(false);
  return () => {
    unfollow();
    sized.disconnect();
    model.off("change:task", follow);
    model.off("change:step", follow);
  };
}

export default { render };
