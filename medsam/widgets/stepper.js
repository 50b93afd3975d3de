// The clicks of Algorithm 1, one by one. Everything it shows is in the model's traits, so it
// works without a kernel; task and step are written back, so that Python or a link can follow.

import { card, check, follow } from "./kit/js/card.js";
import { button, digits, h, s, set } from "./kit/js/dom.js";
import { casePicture, mark, partOf, showPart, swatch } from "./kit/js/drawing.js";
import { outline } from "./kit/js/masks.js";

const CHART = { width: 260, height: 130, left: 30, right: 10, top: 10, bottom: 24 };
const KINDS = { missed: "Missed", surplus: "Surplus" };
const TURNS = { missed: " rotate(45)", surplus: "" }; // of the stripes and of the dots
const NUMBER = { high: 14, digit: 8.5, away: 8 }; // of a click, in CSS pixels
let steppers = 0; // patterns and labels need a name of their own in each view

function render({ model, el }) {
  const get = (name) => model.get(name);
  const uid = `mcs${steppers++}`;
  const wrong = new Map(); // prediction name -> {missed, surplus}
  let whole = false;
  let drawn = ""; // the case whose chart is drawn

  // ---------------------------------------------------------------- elements
  const iou = h("b", { class: "mcs-iou" });
  const change = h("span", { class: "mcs-change" });
  const name = h("p", { class: "mkit-id" });

  const pattern = (kind, drawing) =>
    s("pattern", { id: `${uid}-${kind}`, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: TURNS[kind].trim() },
      s("rect", { width: 6, height: 6, class: `mcs-${kind}-ground` }), drawing);
  const patterns = {
    missed: pattern("missed", s("path", { d: "M0 3H6", class: "mcs-missed-mark" })),
    surplus: pattern("surplus", s("circle", { cx: 3, cy: 3, r: 1.7, class: "mcs-surplus-mark" })),
  };
  const map = s("g", { class: "mcs-errors" });
  const { svg, layers, trace, draw } = casePicture(get("masks"), s("defs", {}, ...Object.values(patterns)), map);
  const stage = h("div", { class: "mcs-stage mkit-stage", tabindex: "0", role: "group", "aria-label": "Image. Left and right arrow keys go from click to click." }, svg, name);

  const previous = button("‹", "Previous click (left arrow)", () => go(get("step") - 1), { class: "mcs-previous", "aria-label": "Previous click" });
  const next = button("›", "Next click (right arrow)", () => go(get("step") + 1), { class: "mcs-next", "aria-label": "Next click" });
  const slider = h("input", { type: "range", min: 1, step: 1, id: `${uid}-step` });
  const at = h("label", { for: slider.id, class: "mcs-at" });
  slider.addEventListener("input", () => go(Number(slider.value)));

  const chart = s("svg", { class: "mcs-chart", role: "img", viewBox: `0 0 ${CHART.width} ${CHART.height}` });
  const counts = {};
  const legend = h("div", { class: "mcs-legend" });
  for (const [kind, words] of [["truth", "Ground truth"], ["prediction", "Prediction"], ["positive", "Positive click"], ["negative", "Negative click"]]) {
    legend.append(h("p", {}, swatch(kind), words));
  }
  for (const [kind, label] of Object.entries(KINDS)) {
    counts[kind] = h("b", { class: `mcs-count-${kind}` });
    // The patterns of the image grow and shrink with it; those of the legend do not.
    const key = set(patterns[kind].cloneNode(true), { id: `${uid}-${kind}-key` });
    const area = s("rect", { width: 24, height: 16, fill: `url(#${uid}-${kind}-key)` });
    legend.append(h("p", {}, s("svg", { class: "mkit-swatch", viewBox: "0 0 24 16", "aria-hidden": "true" }, s("defs", {}, key), area), `${label}: `, counts[kind], " px"));
  }
  const toggles = h("div", { class: "mcs-toggles" },
    check("Error map", (on) => { map.style.display = on ? "" : "none"; }).node,
    check("Whole image", (on) => { whole = on; place(); }).node);
  map.style.display = "none";

  const { root, task, status } = card("mcs", uid, get,
    [stage, h("div", { class: "mcs-steps" }, previous, slider, next)],
    [h("div", {}, at, h("p", { class: "mcs-value" }, "IoU ", iou, " ", change)), chart, toggles, legend]);
  el.append(root);

  // --------------------------------------------------------------- selection
  const steps = () => get("cases")[get("task")];
  function go(step) {
    if (step < 1 || step > steps().length || step === get("step")) return;
    model.set("step", step);
    model.save_changes();
  }
  task.addEventListener("change", () => {
    const last = get("cases")[task.value].length;
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
  function differences({ truth, prediction, size }) {
    const key = `${truth} ${prediction}`;
    if (!wrong.has(key)) {
      const [a, b] = [trace(truth, size).bits, trace(prediction, size).bits];
      const area = (inside) => ({ count: inside.reduce((sum, bit) => sum + bit, 0), d: outline(inside, size) });
      wrong.set(key, { missed: area(a.map((bit, i) => bit & ~b[i])), surplus: area(b.map((bit, i) => bit & ~a[i])) });
    }
    return wrong.get(key);
  }
  // Clicks on one pixel are one mark with all their numbers; its kind and size are the newest's.
  function marks({ points, labels }) {
    const places = new Map();
    points.forEach((point, i) => {
      const key = `${point} ${labels[i]}`;
      places.set(key, { point, label: labels[i], numbers: [...(places.get(key)?.numbers ?? []), i + 1] });
    });
    return [...places.values()].map(({ point, label, numbers }) => {
      const words = numbers.join(", ");
      return mark(point, label === 1, numbers.includes(points.length) ? 1.2 : 0.8, s("text", { class: "mcs-number" }, words));
    });
  }
  function update(announce) {
    const [all, step] = [steps(), get("step")];
    if (!all || step > all.length) return; // between two changes
    const [now, before] = [all[step - 1], all[step - 2]];
    task.value = get("task");
    draw(get("images")[now.image], now);
    const areas = differences(now);
    map.replaceChildren(...Object.keys(KINDS).map((kind) =>
      s("path", { d: areas[kind].d, "fill-rule": "evenodd", fill: `url(#${uid}-${kind})`, "data-kind": kind })));
    for (const kind of Object.keys(KINDS)) counts[kind].textContent = areas[kind].count.toLocaleString("en");
    layers.prompt.replaceChildren(...marks(now));
    place();

    set(slider, { max: all.length });
    slider.value = step;
    previous.setAttribute("aria-disabled", String(step === 1));
    next.setAttribute("aria-disabled", String(step === all.length));
    name.textContent = now.id;
    at.textContent = `Click ${step} of ${all.length}`;
    iou.textContent = digits(now.iou);
    const by = before ? now.iou - before.iou : null;
    change.textContent = by === null ? "" : `(${by < 0 ? "−" : "+"}${digits(Math.abs(by))})`;
    const kind = now.labels[step - 1] === 1 ? "positive" : "negative";
    const words = `Click ${step} of ${all.length}, ${kind}: IoU ${digits(now.iou)}`;
    slider.setAttribute("aria-valuetext", words);
    const title = task.selectedOptions[0]?.text;
    svg.setAttribute("aria-label", `${title}, ${now.id}. ${words}. Missed: ${areas.missed.count} pixels, surplus: ${areas.surplus.count}.`);
    // Not on the first drawing: a page should not begin to speak by itself.
    if (announce) status.textContent = `${drawn === get("task") ? "" : `${title}. `}${words}.`;
    plot(all, step);
    drawn = get("task");
  }

  function plot(all, step) {
    const { width, height, left, right, top, bottom } = CHART;
    const last = all.length;
    const x = (k) => left + ((k - 0.5) / last) * (width - left - right);
    const y = (value) => top + (1 - value) * (height - top - bottom);
    const parts = [];
    for (const value of [0, 0.5, 1]) {
      parts.push(s("path", { d: `M${left} ${y(value)}H${width - right}`, class: "mcs-grid" }));
      parts.push(s("text", { x: left - 5, y: y(value) + 4, "text-anchor": "end" }, value.toFixed(1)));
    }
    parts.push(s("path", { d: `M${x(step)} ${top}V${height - bottom}`, class: "mcs-now" }));
    const known = all.map((one, i) => [x(i + 1), one.iou, i + 1]).filter(([, value]) => value !== null);
    parts.push(s("path", { d: known.map(([px, value], i) => `${i ? "L" : "M"}${px} ${y(value)}`).join(""), class: "mcs-curve" }));
    for (const [px, value, k] of known) {
      parts.push(s("circle", { cx: px, cy: y(value), r: k === step ? 5 : 3, class: k === step ? "mcs-dot mcs-here" : "mcs-dot" }));
    }
    const wide = (width - left - right) / last;
    all.forEach((one, i) => {
      const k = i + 1;
      parts.push(s("text", { x: x(k), y: height - 8, "text-anchor": "middle", class: k === step ? "mcs-here" : "" }, String(k)));
      const hit = s("rect", { x: x(k) - wide / 2, y: 0, width: wide, height, class: "mcs-hit", "data-step": k }, s("title", {}, `Click ${k}: IoU ${digits(one.iou)}`));
      hit.addEventListener("click", () => go(k));
      parts.push(hit);
    });
    chart.setAttribute("aria-label", `IoU by click: ${all.map((one, i) => `${i + 1}: ${digits(one.iou, 2)}`).join(", ")}.`);
    chart.replaceChildren(...parts);
  }

  // Marks and patterns keep their size on the screen.
  function place() {
    const scale = showPart(stage, svg, partOf(steps()[0], whole));
    if (!scale) return;
    for (const [kind, turn] of Object.entries(TURNS)) {
      patterns[kind].setAttribute("patternTransform", `scale(${1 / scale})${turn}`);
    }
    placeNumbers([...layers.prompt.children], scale);
  }

  const changed = () => update(true);
  update(false);
  return follow(model, { task: changed, step: changed }, root, stage, place);
}

// Each number on the side of its click where it hides least of the other clicks and numbers.
function placeNumbers(marks, scale) {
  const middles = marks.map(({ dataset: { x, y } }) => [x * scale, y * scale]);
  const taken = middles.map(([x, y]) => [x - 8, y - 8, x + 8, y + 8]);
  const shared = (a, b) => Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  marks.forEach((one, i) => {
    const text = one.querySelector("text");
    const { high, digit, away } = NUMBER;
    const wide = digit * text.textContent.length;
    const sides = [[away, -away], [-away - wide, -away], [away, away + high], [-away - wide, away + high]].map(([dx, dy]) => {
      const box = [middles[i][0] + dx, middles[i][1] + dy - high, middles[i][0] + dx + wide, middles[i][1] + dy];
      return { dx, dy, box, hidden: taken.reduce((sum, other) => sum + shared(box, other), 0) };
    });
    const best = sides.reduce((a, b) => (b.hidden < a.hidden ? b : a));
    taken.push([best.box[0] - high, best.box[1], best.box[2] + high, best.box[3]]); // "1, 2" and "3" are not "1, 2 3"
    // The mark around it is drawn at its own size.
    const { size } = one.dataset;
    set(text, { x: best.dx / size, y: best.dy / size, "font-size": (high + 1) / size });
  });
}

export default { render };
