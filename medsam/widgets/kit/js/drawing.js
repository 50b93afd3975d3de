// What is drawn on an image: outlines along pixel edges, and prompts of one size on the screen.

import { s, set, STAR } from "./dom.js";
import { fromRuns, outline } from "./masks.js";

const MINUS = "M-8 -3H8V3H-8Z";
const PIXELATED_FROM = 3; // from here on a reader wants to see the pixels, not a blur

// A mask by its name is traced once: { bits, d }.
export function tracer(masks) {
  const traced = new Map();
  return (name, size) => {
    if (!traced.has(name)) {
      const bits = fromRuns(masks[name], size);
      traced.set(name, { bits, d: outline(bits, size) });
    }
    return traced.get(name);
  };
}

// An image with its object, prediction and prompt; further layers lie under these.
export function casePicture(masks, ...under) {
  const trace = tracer(masks);
  const image = s("image", { x: 0, y: 0, preserveAspectRatio: "none" });
  const layers = {};
  for (const kind of ["truth", "prediction", "prompt"]) layers[kind] = s("g", { class: `mkit-${kind}` });
  const svg = s("svg", { class: "mkit-svg", role: "img" }, image, ...under, ...Object.values(layers));

  // found: a case; prediction and prompt may be of another, or none.
  function draw(href, found, { prediction = found.prediction, prompt = found, markSize = 1 } = {}) {
    const [rows, columns] = found.size;
    set(image, { href, width: columns, height: rows });
    layers.truth.replaceChildren(...lines(trace(found.truth, found.size).d));
    layers.prediction.replaceChildren(...(prediction ? lines(trace(prediction, found.size).d) : []));
    layers.prompt.replaceChildren(
      ...prompt.boxes.flatMap(boxLines),
      ...prompt.points.map((point, i) => mark(point, prompt.labels[i], markSize)),
    );
  }
  return { svg, layers, trace, draw };
}

// The part [x0, y0, x1, y1] of a case to show.
export function partOf({ size: [rows, columns], view }, whole) {
  return whole ? [0, 0, columns - 1, rows - 1] : view;
}

// The halo below each line keeps it legible on bright and on dark tissue.
export function lines(d) {
  return [s("path", { d, class: "mkit-halo" }), s("path", { d, class: "mkit-line" })];
}

export function boxLines([x0, y0, x1, y1]) {
  // Ends are inside: the box reaches to the far edge of its last pixel.
  const at = { x: x0, y: y0, width: x1 - x0 + 1, height: y1 - y0 + 1 };
  return [s("rect", { ...at, class: "mkit-halo" }), s("rect", { ...at, class: "mkit-line" })];
}

// A star, or a minus where the click says what is not the object; keepSize places it.
export function mark([x, y], label, size = 1, ...more) {
  const shape = s("path", label ? { d: STAR, class: "mkit-positive" } : { d: MINUS, class: "mkit-negative" });
  return s("g", { class: "mkit-mark", "data-x": x + 0.5, "data-y": y + 0.5, "data-size": size }, shape, ...more);
}

// scale: CSS pixels per pixel of the image.
export function keepSize(svg, scale) {
  svg.querySelector("image").classList.toggle("mkit-pixels", scale >= PIXELATED_FROM);
  for (const one of svg.querySelectorAll(".mkit-mark")) {
    const { x, y, size } = one.dataset;
    one.setAttribute("transform", `translate(${x} ${y}) scale(${size / scale})`);
  }
}

// Shows a part [x0, y0, x1, y1] of the image, ends inside; gives the scale, 0 before there is room.
export function showPart(stage, svg, [x0, y0, x1, y1]) {
  const [width, height] = [x1 - x0 + 1, y1 - y0 + 1];
  svg.setAttribute("viewBox", `${x0} ${y0} ${width} ${height}`);
  const scale = Math.min(stage.clientWidth / width, stage.clientHeight / height);
  if (scale) keepSize(svg, scale);
  return scale;
}

export function swatch(kind) {
  const drawn = { positive: STAR, negative: MINUS }[kind];
  const part = drawn
    ? s("path", { d: drawn, class: `mkit-${kind}`, transform: "translate(12 8) scale(0.8)" })
    : s("g", { class: `mkit-${kind}` }, s("path", { d: "M1 8H23", class: "mkit-line" }));
  return s("svg", { class: "mkit-swatch", viewBox: "0 0 24 16", "aria-hidden": "true" }, part);
}
