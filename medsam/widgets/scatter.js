// Size against IoU, a point an object; the case of the point chosen beside it.

import { digits, followScheme, h, s, set } from "./kit/js/dom.js";
import { fromRuns, outline } from "./kit/js/masks.js";

const [WIDE, HIGH, LEFT, TOP, RIGHT, BOTTOM] = [480, 340, 44, 10, 10, 42];
let scatters = 0;

function render({ model, el }) {
  const get = (name) => model.get(name);
  const uid = `mss${scatters++}`;
  const tasks = new Map(get("tasks").map(([key, title, colour]) => [key, { title, colour }]));
  const objects = get("objects");
  const [low, high] = [Math.log10(objects[0][2]) - 0.1, Math.log10(objects[objects.length - 1][2]) + 0.1];
  const x = (px) => LEFT + ((Math.log10(px) - low) / (high - low)) * (WIDE - LEFT - RIGHT);
  const y = (iou) => TOP + (1 - iou) * (HIGH - TOP - BOTTOM);
  const put = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };
  const pick = (label, id, options, change) => {
    const select = h("select", { id: `${uid}-${id}` }, ...options.map(([value, words]) => h("option", { value }, words)));
    select.addEventListener("change", () => change(select.value));
    return [select, h("label", { for: `${uid}-${id}` }, label, select)];
  };
  const [mode, modeLabel] = pick("Mode ", "mode", get("modes").map(([k, words]) => [k, `${k}: ${words}`]), (v) => put("mode", Number(v)));
  const titles = [["", "all tasks"], ...get("tasks")];
  const [task, taskLabel] = pick("Task ", "task", titles, (v) => put("task", v));
  const rho = h("p", { class: "mss-rho", "aria-live": "polite" });
  const points = s("g", {});
  const ring = s("circle", { class: "mss-ring", r: 8 });
  const plot = s("svg", { class: "mss-plot", viewBox: `0 0 ${WIDE} ${HIGH}`, tabindex: 0, role: "img",
    "aria-label": "Object size against IoU. Arrow keys go to the next object by size." });
  for (let t = 0; t <= 4; t++) plot.append(s("path", { class: "mss-grid", d: `M${LEFT} ${y(t / 4)}H${WIDE - RIGHT}` }), word(LEFT - 6, y(t / 4) + 4, (t / 4).toFixed(2), "end"));
  for (let e = Math.ceil(low); e <= high; e++) plot.append(word(x(10 ** e), HIGH - BOTTOM + 16, (10 ** e).toLocaleString("en"), "middle"));
  plot.append(word(WIDE / 2, HIGH - 6, "object size, pixels (log scale)", "middle"), word(LEFT + 4, TOP + 14, "IoU", "start"), points, ring);
  const card = h("div", { class: "mss-card", "aria-live": "polite" });
  const root = h("div", { class: "mss mkit", "data-lm-suppress-shortcuts": "true" }, h("div", { class: "mss-top" }, modeLabel, taskLabel), rho,
    h("div", { class: "mss-both" }, plot, card), h("p", { class: "mss-note" }, `${get("about")} Filled points open a picture.`));
  el.append(root);

  const shown = () => objects.flatMap(([key], i) => ((!get("task") || get("task") === key) && get("ious")[get("mode")][i] !== null ? [i] : []));
  function draw() {
    [mode.value, task.value] = [get("mode"), get("task")];
    points.replaceChildren(...shown().map((i) => {
      const colour = tasks.get(objects[i][0]).colour;
      const fill = get("cases")[`${get("mode")}/${i}`] ? colour : "transparent";
      return s("circle", { "data-at": i, cx: x(objects[i][2]), cy: y(get("ious")[get("mode")][i]), r: 4.5, stroke: colour, fill });
    }));
    const [value, count] = get("rhos")[`${get("mode")}/${get("task")}`];
    rho.textContent = value !== null ? `Spearman’s ρ ${digits(value, 2).replace("-", "−")} over ${count} objects` : count ? `${count} objects; Spearman’s ρ is not told of so few, or of equal values.` : "Nothing to show: no object has a result in this selection.";
    choose();
  }
  function choose() {
    const at = get("selected");
    const there = at >= 0 && shown().includes(at);
    ring.style.display = there ? "" : "none";
    if (!there) return card.replaceChildren(h("p", {}, "Choose a point: click it, or press an arrow key."));
    const [key, id, px, share] = objects[at];
    const iou = get("ious")[get("mode")][at];
    set(ring, { cx: x(px), cy: y(iou) });
    const found = get("cases")[`${get("mode")}/${at}`];
    const words = `${tasks.get(key).title}, ${px.toLocaleString("en")} pixels (${(100 * share).toPrecision(2)} % of the image), IoU ${digits(iou)}`;
    card.replaceChildren(h("p", { class: "mss-id" }, id), h("p", {}, words), found ? picture(found) : h("p", {}, "No picture of this case is in the page."));
  }
  function picture(found) {
    const [rows, columns] = found.size;
    const path = (name) => s("path", { class: `mss-${name}`, d: outline(fromRuns(get("masks")[found[name]], found.size), found.size) });
    const prompts = found.boxes.map(([x0, y0, x1, y1]) => s("rect", { class: "mss-box", x: x0, y: y0, width: x1 - x0 + 1, height: y1 - y0 + 1 }));
    const r = Math.max(rows, columns) / 60;
    prompts.push(...found.points.map(([px, py]) => s("circle", { class: "mss-point", cx: px + 0.5, cy: py + 0.5, r })));
    return s("svg", { class: "mss-case", viewBox: `0 0 ${columns} ${rows}`, role: "img", "aria-label": "The image; ground truth solid green, prediction dashed red, prompt teal" },
      s("image", { href: get("images")[found.image], width: columns, height: rows, preserveAspectRatio: "none" }), path("truth"), path("prediction"), ...prompts);
  }
  plot.addEventListener("click", (event) => {
    const box = plot.getBoundingClientRect();
    const [mx, my] = [((event.clientX - box.left) * WIDE) / box.width, ((event.clientY - box.top) * HIGH) / box.height];
    let [best, least] = [-1, 14 ** 2]; // a finger is wide
    for (const i of shown()) {
      const far = (x(objects[i][2]) - mx) ** 2 + (y(get("ious")[get("mode")][i]) - my) ** 2;
      if (far < least) [best, least] = [i, far];
    }
    if (best >= 0) put("selected", best);
  });
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    const all = shown();
    if (!step || !all.length) return;
    event.preventDefault();
    const now = all.indexOf(get("selected"));
    put("selected", all[now < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, now + step))]);
  });
  const stop = followScheme(root);
  for (const name of ["mode", "task"]) model.on(`change:${name}`, draw);
  model.on("change:selected", choose);
  draw();
  return () => {
    stop();
    for (const name of ["mode", "task"]) model.off(`change:${name}`, draw);
    model.off("change:selected", choose);
  };
}

function word(x, y, text, anchor) {
  return s("text", { x, y, "text-anchor": anchor }, text);
}

export default { render };
