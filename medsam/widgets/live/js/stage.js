// The image: what is drawn on it, and where the reader points.

import { button, h, megabytes, s, set } from "../../kit/js/dom.js";
import { boxLines, keepSize, lines, mark } from "../../kit/js/drawing.js";
import { outline } from "../../kit/js/masks.js";

const DRAG = 5; // CSS pixels from which on a click is a box

// on: { point({x, y, negative, key}), box([x0, y0, x1, y1]), hover({x, y} | null), key(event) }
// Points are whole pixels of the image, boxes too, with both ends inside.
export function makeStage(cases, on, label) {
  let [size, view] = [cases[0].size, cases[0].view];
  let tool = "point";
  let cursor = null; // where the keys are
  let corner = null; // first corner of a box that is drawn with keys
  let drag = null;

  const picture = s("image", { x: 0, y: 0, preserveAspectRatio: "none" });
  const areas = s("g", {});
  const prompts = s("g", { class: "mlv-prompts mkit-prompt" });
  const rubber = s("rect", { class: "mlv-rubber" });
  const cross = s("path", { class: "mlv-cross" });
  const svg = s("svg", { class: "mkit-svg", "aria-hidden": "true" }, picture, areas, prompts, rubber, cross);
  const name = h("p", { class: "mkit-id" });
  const ways = Object.fromEntries(["left", "right", "top", "bottom"].map((way) => [way, h("span", { class: `mlv-way mlv-way-${way}` })]));
  const card = h("div", { class: "mlv-card", hidden: "" });
  const surface = h("div", { class: "mlv-surface", tabindex: "0", role: "application", "aria-label": label }, svg, name, ...Object.values(ways));
  const node = h("div", { class: "mkit-stage" }, surface, card);
  const ratios = cases.map(({ view: [x0, y0, x1, y1] }) => (x1 - x0 + 1) / (y1 - y0 + 1)).sort((a, b) => a - b);
  // Decided once: nothing jumps when another image comes.
  node.style.aspectRatio = String(Math.min(Math.max(ratios[ratios.length >> 1], 0.85), 1.5).toFixed(3));

  // ----------------------------------------------------------------- drawing
  const scale = () => Math.min(svg.clientWidth / (view[2] - view[0] + 1), svg.clientHeight / (view[3] - view[1] + 1)) || 1;
  function place() {
    keepSize(svg, scale());
    cross.style.display = cursor ? "" : "none";
    if (cursor) {
      const [x, y, r] = [cursor.x + 0.5, cursor.y + 0.5, 11 / scale()];
      cross.setAttribute("d", `M${x - r} ${y}H${x - r / 3}M${x + r / 3} ${y}H${x + r}M${x} ${y - r}V${y - r / 3}M${x} ${y + r / 3}V${y + r}`);
    }
    const ends = drag?.box ?? (corner && cursor ? [corner, cursor] : null);
    rubber.style.display = ends ? "" : "none";
    if (ends) set(rubber, frame(boxOf(...ends)));
  }
  function frame([x0, y0, x1, y1]) {
    return { x: x0, y: y0, width: x1 - x0 + 1, height: y1 - y0 + 1 };
  }
  function boxOf(a, b) {
    return [Math.min(a.x, b.x), Math.min(a.y, b.y), Math.max(a.x, b.x), Math.max(a.y, b.y)];
  }

  function showCase(found) {
    ({ size, view } = found);
    const [rows, columns] = size;
    set(picture, { href: found.image, width: columns, height: rows });
    // Without the dark border that many scans have; the pixels are the same.
    svg.setAttribute("viewBox", Object.values(frame(view)).join(" "));
    name.textContent = found.id;
    name.title = found.id;
    // Where the sides of a scan lie in the patient.
    for (const [way, node] of Object.entries(ways)) node.textContent = found.sides?.[way] ?? "";
    [cursor, corner, drag] = [null, null, null];
    areas.replaceChildren();
    showPrompts({ points: [], labels: [] });
  }
  // One area a name: its bits, or none.
  function showArea(kind, bits, filled = false) {
    let group = areas.querySelector(`[data-kind="${kind}"]`);
    if (!group) {
      group = s("g", { "data-kind": kind, class: `mkit-${kind.split("-")[0]} mlv-${kind}` });
      areas.append(group);
    }
    if (!bits) return group.replaceChildren();
    const d = outline(bits, size);
    const parts = lines(d);
    if (filled) parts.unshift(s("path", { d, class: "mlv-fill", "fill-rule": "evenodd" }));
    return group.replaceChildren(...parts);
  }
  function showPrompts({ points, labels, box }) {
    const marks = points.map((point, i) => mark(point, labels[i]));
    prompts.replaceChildren(...(box ? boxLines(box) : []), ...marks);
    place();
  }

  // ----------------------------------------------------------------- pointer
  function at(event) {
    const matrix = svg.getScreenCTM();
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    const [x, y] = [Math.floor(point.x), Math.floor(point.y)];
    const clamp = (v, length) => Math.min(Math.max(v, 0), length - 1);
    return { x: clamp(x, size[1]), y: clamp(y, size[0]), inside: x >= 0 && y >= 0 && x < size[1] && y < size[0] };
  }
  surface.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 && event.button !== 2) return;
    // Not yet captured: a finger that moves on scrolls the page, unless the tool is the box.
    drag = { start: at(event), x: event.clientX, y: event.clientY, negative: event.button === 2 || event.ctrlKey, box: null };
    [cursor, corner] = [null, null];
  });
  surface.addEventListener("pointermove", (event) => {
    const now = at(event);
    if (drag && on.box && (tool === "box" || event.pointerType === "mouse") && !drag.negative) {
      if (drag.box || Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > DRAG) {
        if (!drag.box) surface.setPointerCapture(event.pointerId);
        drag.box = [drag.start, now];
        place();
      }
    } else if (!drag && event.pointerType !== "touch") {
      on.hover?.(now.inside ? now : null);
    }
  });
  surface.addEventListener("pointerup", (event) => {
    const done = drag;
    drag = null;
    place();
    if (!done) return;
    if (done.box) on.box(boxOf(...done.box));
    else if (done.start.inside && Math.hypot(event.clientX - done.x, event.clientY - done.y) <= 2 * DRAG) {
      on.point({ ...done.start, negative: done.negative, key: false });
    }
  });
  surface.addEventListener("pointercancel", () => {
    drag = null;
    place();
  });
  surface.addEventListener("pointerleave", () => !drag && on.hover?.(null));
  surface.addEventListener("contextmenu", (event) => event.preventDefault());

  // ---------------------------------------------------------------- keyboard
  surface.addEventListener("keydown", (event) => {
    if (event.metaKey || event.altKey || event.ctrlKey) return;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (move) {
      cursor ??= { x: (view[0] + view[2]) >> 1, y: (view[1] + view[3]) >> 1 };
      const step = event.shiftKey ? 1 : Math.max(1, Math.round(Math.max(...size) / 50));
      cursor = {
        x: Math.min(Math.max(cursor.x + step * move[0], 0), size[1] - 1),
        y: Math.min(Math.max(cursor.y + step * move[1], 0), size[0] - 1),
      };
      place();
      on.cursor?.(cursor);
    } else if (event.key === "Enter" || event.key === " ") {
      cursor ??= { x: (view[0] + view[2]) >> 1, y: (view[1] + view[3]) >> 1 };
      if (tool === "box" && !corner) corner = { ...cursor };
      else if (tool === "box") {
        const box = boxOf(corner, cursor);
        corner = null;
        on.box(box);
      } else on.point({ ...cursor, negative: event.shiftKey, key: true });
      place();
    } else if (event.key === "Escape" && (corner || cursor)) {
      [cursor, corner] = [null, null];
      place();
    } else if (!on.key?.(event)) return;
    event.preventDefault();
    event.stopPropagation();
  });
  surface.addEventListener("blur", () => {
    [cursor, corner] = [null, null];
    place();
  });
  new ResizeObserver(place).observe(node);

  function useTool(name) {
    tool = name;
    corner = null;
    surface.classList.toggle("mlv-boxing", name === "box");
    place();
  }
  return { node, surface, card, showCase, showArea, showPrompts, useTool };
}

// On the image, until the model is here: what loading it means, how far it is, what went wrong.
export function askToLoad(stage, answers, changed) {
  const words = h("p", {});
  const bar = h("progress", { max: 1, value: 0, "aria-label": "Loading the model" });
  const size = megabytes(answers.bytes ?? 0);
  const load = button(`Load the model (${size})`, "Fetches the model from this site, once", () =>
    answers.load().catch(() => {}),
  );
  stage.card.append(load, bar, words);
  return answers.follow ? answers.follow(update) : () => {};

  function update({ ready, progress, error }) {
    stage.card.hidden = Boolean(ready);
    load.hidden = progress !== undefined;
    bar.hidden = progress === undefined;
    if (progress > 0 && progress < 1) bar.value = progress;
    else bar.removeAttribute("value"); // it moves by itself
    if (error) words.textContent = error;
    else if (progress !== undefined) {
      words.textContent = progress < 1 ? `${megabytes(progress * answers.bytes)} of ${size}` : "Starting the model …";
    }
    changed({ ready, error, asked: !answers.live });
  }
}

export function idleCard(stage, answers) {
  const words = stage.card.querySelector("p");
  stage.card.hidden = answers.ready;
  stage.card.querySelector("progress").hidden = true;
  if (answers.refusal) {
    stage.card.querySelector("button").hidden = true;
    words.textContent = answers.refusal;
  } else if (!answers.live) {
    words.textContent = `Then ${megabytes(answers.imageBytes)} an image. Nothing is sent.`;
  }
}
