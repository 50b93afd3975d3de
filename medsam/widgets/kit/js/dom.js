// Elements, and light or dark.

export const SVG = "http://www.w3.org/2000/svg";
export const STAR = starPath(9, 3.9); // a click, around 0 0

export function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

export function h(tag, attributes, ...children) {
  const node = set(document.createElement(tag), attributes);
  node.append(...children);
  return node;
}

export function s(tag, attributes, ...children) {
  const node = set(document.createElementNS(SVG, tag), attributes);
  node.append(...children);
  return node;
}

export function button(label, title, action, more = {}) {
  const made = h("button", { type: "button", title, ...more }, label);
  made.addEventListener("click", action);
  return made;
}

// A group of radio buttons: [value, label node] each; choose(value) is called with a choice.
export function radios(legend, name, options, choose) {
  const box = h("fieldset", { class: "mkit-radios" }, h("legend", {}, legend));
  const inputs = new Map();
  for (const [value, label, title] of options) {
    const input = h("input", { type: "radio", name, value });
    input.addEventListener("change", () => choose(value));
    inputs.set(value, input);
    box.append(h("label", title ? { title } : {}, input, label));
  }
  return { box, inputs };
}

export function digits(value, count = 3) {
  return value === null || value === undefined || Number.isNaN(value) ? "–" : value.toFixed(count);
}

export function ordinal(n) {
  const tens = n % 100;
  const end = tens > 10 && tens < 14 ? "th" : ({ 1: "st", 2: "nd", 3: "rd" }[n % 10] ?? "th");
  return `${n}${end}`;
}

export function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(bytes < 9.95e6 ? 1 : 0)} MB`;
}

// The book's switch, then JupyterLab's, then the reader's system.
export function followScheme(root) {
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const choose = () => {
    const book = document.documentElement.dataset.theme;
    const lab = document.body.dataset.jpThemeLight;
    const dark = book ? book === "dark" : lab ? lab === "false" : system.matches;
    root.dataset.scheme = dark ? "dark" : "light";
  };
  const watch = new MutationObserver(choose);
  watch.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  watch.observe(document.body, { attributeFilter: ["data-jp-theme-light"] });
  system.addEventListener("change", choose);
  choose();
  return () => {
    watch.disconnect();
    system.removeEventListener("change", choose);
  };
}

function starPath(outer, inner) {
  const corners = Array.from({ length: 10 }, (_, i) => {
    const [r, a] = [i % 2 ? inner : outer, (Math.PI * i) / 5];
    return `${(r * Math.sin(a)).toFixed(2)} ${(-r * Math.cos(a)).toFixed(2)}`;
  });
  return `M${corners.join("L")}Z`;
}
