// IoU and Dice against the number of clicks, as in Fig. 5.

import { digits, h, s } from "../../kit/js/dom.js";

const [WIDTH, HEIGHT] = [248, 142];
const [LEFT, RIGHT, TOP, BOTTOM] = [26, 6, 6, 30];

// tracks: [{ name, values, class }]; marked: the click that is shown now, from 1.
export function makePlot(caption) {
  const svg = s("svg", { class: "mlv-plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  const legend = h("p", { class: "mlv-legend", "aria-hidden": "true" });
  const node = h("figure", { class: "mlv-figure" }, svg, legend);
  function update(tracks, marked) {
    const most = Math.max(9, ...tracks.map(({ values }) => values.length));
    const x = (k) => LEFT + ((k - 1) * (WIDTH - LEFT - RIGHT)) / (most - 1);
    const y = (value) => TOP + (1 - value) * (HEIGHT - TOP - BOTTOM);
    const parts = [];
    for (const value of [0, 0.25, 0.5, 0.75, 1]) {
      parts.push(s("path", { class: "mlv-grid", d: `M${LEFT} ${y(value)}H${WIDTH - RIGHT}` }));
      if (value * 2 === Math.round(value * 2)) parts.push(text(LEFT - 5, y(value) + 3.5, value === 0.5 ? "0.5" : String(value), "end"));
    }
    const every = Math.ceil(most / 12);
    for (let k = 1; k <= most; k += every) parts.push(text(x(k), HEIGHT - BOTTOM + 13, String(k), "middle"));
    parts.push(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, caption, "middle"));
    if (marked) parts.push(s("path", { class: "mlv-now", d: `M${x(marked)} ${TOP}V${HEIGHT - BOTTOM}` }));
    for (const { values, kind } of tracks) {
      const known = values.map((value, i) => [i + 1, value]).filter(([, value]) => value !== null && !Number.isNaN(value));
      if (!known.length) continue;
      const d = known.map(([k, value], i) => `${i ? "L" : "M"}${x(k).toFixed(1)} ${y(value).toFixed(1)}`).join("");
      parts.push(s("path", { class: `mlv-track mlv-track-${kind}`, d }));
      for (const [k, value] of known) parts.push(s("circle", { class: `mlv-dot mlv-track-${kind}`, cx: x(k).toFixed(1), cy: y(value).toFixed(1), r: 2.2 }));
    }
    svg.replaceChildren(...parts);
    const words = tracks.filter(({ values }) => values.length).map(({ name, values }) => `${name} ${values.map((v) => digits(v, 2)).join(", ")}`);
    svg.setAttribute("aria-label", words.length ? `${caption}: ${words.join("; ")}.` : `${caption}: none yet.`);
    legend.replaceChildren(...tracks.map(({ name, kind }) => h("span", {}, s("svg", { viewBox: "0 0 22 8" }, s("path", { class: `mlv-track mlv-track-${kind}`, d: "M1 4H21" })), name)));
  }
  return { node, update };
}

function text(x, y, words, anchor) {
  const node = s("text", { x, y, "text-anchor": anchor });
  node.textContent = words;
  return node;
}
