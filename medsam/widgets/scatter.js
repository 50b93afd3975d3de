// Size against IoU, a point an object; beside it the case of the point chosen. Everything it shows
// is in the model's traits, so it works without a kernel; the selection is written back.

import { card, check, follow } from "./kit/js/card.js";
import { button, digits, h, radios, s, set } from "./kit/js/dom.js";
import { casePicture, partOf, showPart, swatch } from "./kit/js/drawing.js";

const EDGE = { left: 40, right: 22, top: 10, bottom: 44 };
const AXES = {
  share: ["% of image", "object size: share of the image (log scale)"],
  px: ["pixels", "object size: pixels (log scale)"],
  mm2: ["mm²", "object size: mm² (log scale)"],
};
const MASKS = { top: "scored", oracle: "oracle" };
const DIAMOND = "M0 -6.5L6.5 0L0 6.5L-6.5 0Z";
const REACH = { mouse: 16, pen: 16, touch: 28 }; // pixels; a finger is wide
let scatters = 0; // labels need a name of their own in each view

function render({ model, el }) {
  const get = (name) => model.get(name);
  const uid = `mss${scatters++}`;
  const titles = new Map(get("tasks"));
  const objects = get("objects");
  let over = -1; // the point under the mouse
  let whole = false;
  let size = [0, 0]; // of the plot, in pixels of the screen

  // ---------------------------------------------------------------- elements
  const put = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };
  const groups = {
    mode: radios("Mode", `${uid}-mode`, get("modes").map(([k, words]) => [String(k), `${k}: ${words.replace("≤ ", "≤\u00a0")}`]), (v) => turn("mode", Number(v))),
    choice: radios("Mask", `${uid}-choice`, get("choices").map(([key, words]) => [key, MASKS[key], words]), (v) => turn("choice", v)),
    axis: radios("Size in", `${uid}-axis`, get("axes").map((key) => [key, AXES[key][0]]), (v) => turn("axis", v)),
  };
  const rho = h("p", { class: "mss-rho" });
  const [grid, others, points, rings] = ["grid", "others", "points", "rings"].map((name) => s("g", { class: `mss-${name}` }));
  const plot = s("svg", { class: "mss-plot", role: "img" }, grid, others, points, rings);
  const field = h("div", { class: "mss-field mkit-stage", tabindex: "0", role: "group",
    "aria-label": "Object size against IoU. Left and right arrow keys go to the next smaller or larger object, up and down to the next with a picture." }, plot);
  const tip = h("p", { class: "mss-tip" });
  const slider = h("input", { type: "range", min: 0, step: 1, "aria-label": "Object, from small to large" });
  const steps = h("div", { class: "mss-steps" },
    button("‹", "Next smaller (left arrow)", () => go(-1), { "aria-label": "Next smaller object" }), slider,
    button("›", "Next larger (right arrow)", () => go(1), { "aria-label": "Next larger object" }));
  slider.addEventListener("input", () => choose(shown()[Number(slider.value)]));

  const { svg, draw: drawCase } = casePicture(get("masks"));
  const name = h("p", { class: "mkit-id" });
  const none = h("p", { class: "mss-none" });
  const stage = h("div", { class: "mss-case mkit-stage" }, svg, name, none);
  const key = h("p", { class: "mss-key" }, ...[["Ground truth", "truth"], ["Prediction", "prediction"], ["Prompt", "positive", "prompt"]].map(([words, ...kinds]) => h("span", {}, ...kinds.map(swatch), words)));
  const symbol = (shape) => s("svg", { class: "mss-mark", viewBox: "-9 -9 18 18", "aria-hidden": "true" }, shape);
  const legend = h("p", { class: "mss-legend" },
    h("span", {}, symbol(s("path", { d: DIAMOND, class: "mss-opens" })), "opens a picture"),
    h("span", {}, symbol(s("circle", { r: 4, class: "mss-point" })), "numbers only"),
    h("span", { class: "mss-floor-key" }, symbol(s("path", { d: "M-9 0H9", class: "mss-floor" })), "a mask of the whole image"));
  const modalities = new Map(Object.values(get("colours")));
  if (modalities.size > 1) {
    for (const [modality, colour] of modalities) legend.append(h("span", {}, symbol(coloured(s("circle", { r: 5, class: "mss-solid" }), colour)), modality));
  }
  const all = check("Whole image", (on) => { whole = on; place(); }).node;
  const { root, task, status } = card("mss", uid, get, [field, tip, steps, legend], [stage, all, key]);
  root.querySelector(".mkit-body").before(h("div", { class: "mss-choices" }, ...Object.values(groups).map(({ box }) => box)), rho);
  task.addEventListener("change", () => turn("task", task.value));
  el.append(root);

  // --------------------------------------------------------------- selection
  const setting = () => `${get("choice")}/${get("mode")}`;
  const ious = () => get("ious")[setting()] ?? [];
  const sizeOf = (i) => objects[i][2][get("axis")];
  const opens = (i) => get("cases")[`${setting()}/${i}`];
  const title = (i) => titles.get(objects[i][0]);
  const within = (i) => !get("task") || get("task") === objects[i][0];
  const known = () => objects.flatMap((_, i) => (typeof ious()[i] === "number" ? [i] : []));
  // From small to large by the size that is shown: pixels of images may differ in area.
  const shown = () => known().filter(within).sort((a, b) => sizeOf(a) - sizeOf(b) || a - b);

  function choose(i) {
    over = -1;
    put("selected", i);
    status.textContent = words(i) + (opens(i) ? " With a picture." : "");
  }
  function go(by, only = () => true) {
    const all = shown();
    let at = all.indexOf(get("selected"));
    if (at < 0) at = by > 0 ? -1 : all.length;
    for (at += by; at >= 0 && at < all.length; at += by) if (only(all[at])) return choose(all[at]);
  }
  function turn(trait, value) {
    put(trait, value);
    const all = shown();
    if (all.length && !all.includes(get("selected"))) {
      const best = all.filter(opens);
      const from = best.length ? best : all;
      put("selected", from[Math.floor((from.length - 1) / 2)]);
    }
    status.textContent = rho.textContent;
  }
  function words(i) {
    const sizes = { share: (v) => `${short(100 * v)} % of the image`, px: (v) => `${v.toLocaleString("en")} px`, mm2: (v) => `${short(v)} mm²` };
    const told = get("axes").map((axis) => sizes[axis](objects[i][2][axis]));
    return `${title(i)}, ${objects[i][1]}: ${told.join(", ")}; IoU ${digits(ious()[i])}.`;
  }

  // ----------------------------------------------------------------- drawing
  let x;
  let y;
  function scales() {
    const sizes = objects.map((_, i) => sizeOf(i));
    const low = Math.log10(Math.min(...sizes) / 1.3);
    const most = Math.max(...sizes) * 1.3;
    const high = Math.max(Math.log10(get("axis") === "share" ? Math.min(1, most) : most), low + 0.3);
    const [width, height] = size;
    x = (value) => EDGE.left + ((Math.log10(value) - low) / (high - low)) * (width - EDGE.left - EDGE.right);
    y = (iou) => EDGE.top + (1 - iou) * (height - EDGE.top - EDGE.bottom);
    return [10 ** low, 10 ** high];
  }
  function axes() {
    const [low, high] = scales();
    const [width, height] = size;
    const parts = [];
    for (const value of [0, 0.25, 0.5, 0.75, 1]) {
      parts.push(s("path", { d: `M${EDGE.left} ${y(value)}H${width - EDGE.right}` }), text(EDGE.left - 6, y(value) + 4, value.toFixed(2), "end"));
    }
    parts.push(s("text", { transform: `translate(${EDGE.left + 6} ${EDGE.top + 12})` }, "IoU"));
    const unit = (v) => (get("axis") === "share" ? `${short(100 * v)} %` : short(v));
    for (let e = Math.floor(Math.log10(low)); 10 ** e < high; e++) {
      for (const m of high / low > 30 ? [1] : [1, 2, 5]) {
        const at = m * 10 ** e;
        if (at < low || at > high) continue;
        parts.push(s("path", { d: `M${x(at)} ${EDGE.top}V${height - EDGE.bottom}` }), text(x(at), height - EDGE.bottom + 16, unit(at), "middle"));
      }
    }
    parts.push(text((EDGE.left + width - EDGE.right) / 2, height - 6, AXES[get("axis")][1], "middle"));
    if (get("axis") === "share") {
      // A mask of the whole image has the size of the object as its IoU.
      const line = Array.from({ length: 60 }, (_, i) => low * (high / low) ** (i / 59)).map((v) => `${x(v).toFixed(1)} ${y(v).toFixed(1)}`);
      parts.push(s("path", { class: "mss-floor", d: `M${line.join("L")}` }));
    }
    legend.querySelector(".mss-floor-key").hidden = get("axis") !== "share";
    grid.replaceChildren(...parts);
  }
  function point(i) {
    const at = `translate(${x(sizeOf(i)).toFixed(1)} ${y(ious()[i]).toFixed(1)})`;
    const shape = opens(i) ? s("path", { d: DIAMOND, class: "mss-opens" }) : s("circle", { r: 3.5, class: "mss-point" });
    return coloured(set(shape, { transform: at }), get("colours")[objects[i][0]][1]);
  }
  function draw() {
    over = -1;
    task.value = get("task");
    for (const trait of Object.keys(groups)) groups[trait].inputs.get(String(get(trait))).checked = true;
    correlation();
    [size[0], size[1]] = [plot.clientWidth, plot.clientHeight];
    if (size[0]) {
      set(plot, { viewBox: `0 0 ${size[0]} ${size[1]}` });
      axes();
      const all = shown();
      // Those that open a picture lie on top.
      const ordered = [...all.filter((i) => !opens(i)), ...all.filter(opens)];
      points.replaceChildren(...ordered.map((i) => set(point(i), { "data-at": i })));
      others.replaceChildren(...known().filter((i) => !within(i)).map((i) => s("circle", { r: 2.5, cx: x(sizeOf(i)).toFixed(1), cy: y(ious()[i]).toFixed(1) })));
    }
    plot.setAttribute("aria-label", `${AXES[get("axis")][1]}, against IoU. ${rho.textContent}`);
    update();
  }
  function correlation() {
    const [value, low, high, count, of] = get("rhos")[`${setting()}/${get("axis")}`]?.[get("task")] ?? [null, null, null, 0, 0];
    const sign = (v) => `${v < 0 ? "−" : "+"}${digits(Math.abs(v), 2)}`;
    const where = get("task") ? titles.get(get("task")) : "Within the tasks";
    if (value === null) rho.textContent = `${where}: no correlation of so few objects, or of equal values.`;
    else {
      const interval = low === null ? "" : ` (95 % interval ${sign(low)} to ${sign(high)})`;
      const pooled = get("task") ? "" : `, pooled over ${of} tasks`;
      rho.textContent = `${where}: Spearman’s ρ of size and IoU ${sign(value)}${interval}, ${count.toLocaleString("en")} objects${pooled}.`;
    }
  }
  function update() {
    const all = shown();
    const index = all.indexOf(get("selected"));
    set(slider, { max: Math.max(0, all.length - 1), "aria-valuetext": index < 0 ? "none chosen" : words(all[index]) });
    slider.value = Math.max(0, index);
    tell();
    picture(index < 0 ? -1 : all[index]);
  }
  // The point under the mouse before the one chosen.
  function tell() {
    const chosen = shown().includes(get("selected")) ? get("selected") : -1;
    const ring = (i, kind) => s("circle", { class: `mss-ring mss-${kind}`, r: 10, cx: x(sizeOf(i)).toFixed(1), cy: y(ious()[i]).toFixed(1) });
    const ringed = size[0] ? [[chosen, "here"], [over, "over"]].filter(([i]) => i >= 0) : [];
    rings.replaceChildren(...ringed.map((one) => ring(...one)));
    const told = over >= 0 ? over : chosen;
    tip.textContent = told >= 0 ? words(told) : shown().length ? "Choose a point: click it, or press an arrow key." : "Nothing to show: no object has a result in this selection.";
  }

  // -------------------------------------------------------------------- case
  let current; // the case that is drawn
  function picture(i) {
    current = i >= 0 ? opens(i) : undefined;
    name.textContent = i >= 0 ? objects[i][1] : "";
    none.textContent = current ? "" : i >= 0 ? "The page carries no picture of this object. Filled diamonds have one." : "No point is chosen.";
    svg.style.display = current ? "" : "none";
    if (!current) return;
    drawCase(get("images")[current.image], current);
    set(svg, { "aria-label": `${words(i)} Ground truth solid green, prediction dashed red, prompt teal.` });
    place();
  }
  function place() {
    if (current) showPart(stage, svg, partOf(current, whole));
  }

  // -------------------------------------------------------------------- hands
  function nearest(event) {
    const box = plot.getBoundingClientRect();
    const [mx, my] = [event.clientX - box.left, event.clientY - box.top];
    let [best, least] = [-1, (REACH[event.pointerType] ?? REACH.touch) ** 2];
    for (const i of shown()) {
      const far = (x(sizeOf(i)) - mx) ** 2 + (y(ious()[i]) - my) ** 2;
      if (far < least) [best, least] = [i, far];
    }
    return best;
  }
  plot.addEventListener("click", (event) => {
    const i = nearest(event);
    if (i >= 0) choose(i);
  });
  plot.addEventListener("pointermove", (event) => {
    const i = event.pointerType === "touch" ? -1 : nearest(event);
    field.classList.toggle("mss-hit", i >= 0);
    if (i === over) return;
    over = i;
    tell();
  });
  plot.addEventListener("pointerleave", () => {
    over = -1;
    tell();
  });
  field.addEventListener("keydown", (event) => {
    const way = { ArrowRight: [1], ArrowLeft: [-1], ArrowUp: [1, opens], ArrowDown: [-1, opens] }[event.key];
    const end = { Home: 0, End: -1 }[event.key];
    if ((!way && end === undefined) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    if (way) go(...way);
    else if (shown().length) choose(shown().at(end));
  });

  draw();
  const calls = { task: draw, mode: draw, choice: draw, axis: draw, selected: update };
  return follow(model, calls, root, field, () => { draw(); place(); });
}

function coloured(shape, colour) {
  shape.style.setProperty("--mss-colour", colour);
  return shape;
}

function text(x, y, words, anchor) {
  return s("text", { x, y, "text-anchor": anchor }, words);
}

function short(value) {
  return value.toLocaleString("en", { maximumSignificantDigits: 3 });
}

export default { render };
