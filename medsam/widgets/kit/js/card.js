// The card of a widget of cases, and its controls.

import { digits, h, radios } from "./dom.js";

// A menu of tasks over the image and, beside it, what changes it; status is spoken, not seen.
export function card(name, uid, get, main, side) {
  const task = h("select", { id: `${uid}-task` });
  for (const [key, title] of get("tasks")) task.append(h("option", { value: key }, title));
  const status = h("p", { class: "mkit-unseen", role: "status", "aria-live": "polite" });
  const root = h("div", { class: `${name} mkit`, "data-lm-suppress-shortcuts": "true" },
    h("div", { class: "mkit-head" }, h("label", { for: task.id }, "Task"), task, h("p", {}, get("about"))),
    h("div", { class: "mkit-body" }, h("div", {}, ...main), h("div", { class: "mkit-side" }, ...side)),
    status);
  return { root, task, status };
}

// Radio buttons with a value and a bar each: [number, words]; show(number, value of 0 to 1 or null).
export function barRadios(legend, name, options, choose) {
  const bars = new Map();
  const rows = options.map(([key, words]) => {
    const bar = { value: h("b", {}), fill: h("i", {}) };
    bar.track = h("span", { class: "mkit-bar", "aria-hidden": "true" }, bar.fill);
    bars.set(key, bar);
    return { key, parts: [h("em", {}, String(key)), h("span", {}, words.replace("≤ ", "≤\u00a0")), bar.value, bar.track] };
  });
  const { box, inputs } = radios(legend, name, rows.map(({ key }) => [key, ""]), choose);
  box.className = "mkit-bars";
  for (const { key, parts } of rows) inputs.get(key).parentNode.append(...parts);
  const show = (key, value) => {
    bars.get(key).value.textContent = digits(value, 2);
    bars.get(key).fill.style.inlineSize = `${100 * Math.max(0, value ?? 0)}%`;
  };
  return { box, inputs, bars, show };
}

export function check(label, act, ...before) {
  const input = h("input", { type: "checkbox" });
  input.addEventListener("change", () => act(input.checked));
  return { input, node: h("label", { class: "mkit-check" }, input, ...before, label) };
}
