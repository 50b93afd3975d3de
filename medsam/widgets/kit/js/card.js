// The card of a widget of cases, and its controls.

import { digits, followScheme, h, radios } from "./dom.js";

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

// What the reader selects is written to the model's traits.
export function selection(model) {
  function select(trait, value) {
    if (model.get(trait) === value) return;
    model.set(trait, value);
    model.save_changes();
  }
  // The value that stands so many places further in a list, if there is one.
  function step(trait, values, by) {
    const at = values.indexOf(model.get(trait)) + by;
    if (at >= 0 && at < values.length) select(trait, values[at]);
  }
  return { select, step };
}

// Keys anywhere on a card: actionOf(key) gives what it does, or nothing.
export function onKeys(root, actionOf, ...own) {
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || own.includes(event.target)) return;
    // Arrows inside a group of radio buttons are the browser's, as everywhere.
    if (event.key.startsWith("Arrow") && event.target.type === "radio") return event.stopPropagation();
    const action = actionOf(event.key);
    if (!action) return;
    event.preventDefault();
    event.stopPropagation(); // the page around may have a use of its own for these keys
    action();
  });
}

// Calls by trait of the model, and when the stage gets another size; gives what ends it.
export function follow(model, calls, root, stage, resized) {
  const unfollow = followScheme(root);
  const sized = new ResizeObserver(resized);
  sized.observe(stage);
  for (const [trait, call] of Object.entries(calls)) model.on(`change:${trait}`, call);
  return () => {
    unfollow();
    sized.disconnect();
    for (const [trait, call] of Object.entries(calls)) model.off(`change:${trait}`, call);
  };
}
