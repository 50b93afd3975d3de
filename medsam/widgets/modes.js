// One image, five ways of prompting. Everything it shows is in the model's traits, so it works
// without a kernel; the selection is written back, so that Python or a link can follow.

import { barRadios, card, check } from "./kit/js/card.js";
import { digits, followScheme, h, ordinal, radios, s, set } from "./kit/js/dom.js";
import { boxLines, lines, mark, showPart, swatch, tracer } from "./kit/js/drawing.js";

const SHORT = { top: "Most confident", oracle: "Oracle" };
let switchers = 0; // radio groups need a name of their own in each view

function render({ model, el }) {
  const get = (name) => model.get(name);
  const uid = `mms${switchers++}`;
  const trace = tracer(get("masks"));
  const numbers = get("modes").map(([k]) => k);
  const choices = get("choices").map(([choice]) => choice);
  let whole = false;

  // ---------------------------------------------------------------- elements
  const name = h("p", { class: "mkit-id" });
  const picture = s("image", { x: 0, y: 0, preserveAspectRatio: "none" });
  const [truth, prediction, prompt] = ["truth", "prediction", "prompt"].map((kind) => s("g", { class: `mkit-${kind}` }));
  const svg = s("svg", { class: "mkit-svg", role: "img" }, picture, truth, prediction, prompt);
  const none = h("p", { class: "mms-none", hidden: "" }, "No result here");
  const stage = h("div", { class: "mms-stage mkit-stage", tabindex: "0", role: "group",
    "aria-label": "Image. Up and down arrow keys and the digits 1 to 5 change the mode, left and right the case, O the mask." }, svg, name, none);

  const iou = h("b", { class: "mms-iou" });
  const score = h("span", { class: "mms-score" });
  const told = h("p", { class: "mms-told" }, "IoU ", iou, score);
  const modes = barRadios("Mode and its IoU", `${uid}-mode`, get("modes"), (k) => select("mode", k));
  for (const { track } of modes.bars.values()) {
    track.append(h("i", { class: "mms-tick" }));
  }
  const masks = radios("Mask", `${uid}-choice`, choices.map((choice) => [choice, SHORT[choice]]), (choice) => select("choice", choice));
  const percentiles = radios("Case: percentile of IoU", `${uid}-percentile`, get("percentiles").map((p) => [p, ordinal(p)]), (p) => select("percentile", p));
  const legend = h("div", { class: "mms-legend" });
  for (const [kind, words] of [["truth", "Ground truth"], ["prediction", "Prediction"], ["positive", "Prompt"]]) {
    legend.append(h("p", {}, swatch(kind), words));
  }
  const tick = h("p", {}, h("span", { class: "mms-key" }, h("i", { class: "mms-tick" })), "");
  if (choices.length > 1) legend.append(tick);
  const side = [told, modes.box, masks.box, percentiles.box, legend, check("Whole image", (on) => { whole = on; place(); }).node];
  const { root, task, status } = card("mms", uid, get, [stage], side);
  el.append(root);
  const unfollow = followScheme(root);

  // --------------------------------------------------------------- selection
  function select(trait, value) {
    if (get(trait) === value) return;
    model.set(trait, value);
    model.save_changes();
  }
  function step(trait, values, by) {
    const at = values.indexOf(get(trait)) + by;
    if (at >= 0 && at < values.length) select(trait, values[at]);
  }
  task.addEventListener("change", () => select("task", task.value));
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target === task) return;
    const { key } = event;
    // Arrows inside a group of radio buttons are the browser's, as everywhere.
    if (key.startsWith("Arrow") && event.target.type === "radio") return event.stopPropagation();
    const other = choices[(choices.indexOf(get("choice")) + 1) % choices.length];
    const actions = {
      ArrowUp: () => step("mode", numbers, -1),
      ArrowDown: () => step("mode", numbers, 1),
      ArrowLeft: () => step("percentile", get("percentiles"), -1),
      ArrowRight: () => step("percentile", get("percentiles"), 1),
      o: () => select("choice", other),
    };
    const action = numbers.includes(Number(key)) ? () => select("mode", Number(key)) : actions[key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation(); // the page around may have a use of its own for these keys
    action();
  });

  // ----------------------------------------------------------------- drawing
  const current = () => get("cases")[get("task")][get("percentile")] ?? null;
  const result = (k, choice) => current()?.modes[k]?.[choice] ?? null;

  function update(announce) {
    const [found, mode, choice] = [current(), get("mode"), get("choice")];
    const now = result(mode, choice);
    task.value = get("task");
    modes.inputs.get(mode).checked = true;
    masks.inputs.get(choice).checked = true;
    percentiles.inputs.get(get("percentile")).checked = true;
    const rest = choices.find((one) => one !== choice);
    for (const k of numbers) {
      modes.show(k, result(k, choice)?.iou);
      const at = result(k, rest)?.iou;
      const mine = modes.bars.get(k).track.querySelector(".mms-tick");
      mine.hidden = at === null || at === undefined;
      mine.style.insetInlineStart = `${100 * (at ?? 0)}%`;
    }
    if (rest) tick.lastChild.textContent = `IoU of the ${words(rest)}`;
    iou.textContent = digits(now?.iou);
    score.textContent = `Model’s estimate ${digits(now?.score)}`;
    name.textContent = found?.id ?? "";
    name.title = found?.id ?? "";
    none.hidden = now !== null;
    if (found) draw(found, now, found.modes[mode]);
    svg.style.visibility = found ? "" : "hidden";
    const where = `${task.selectedOptions[0]?.text}, mode ${mode}: ${get("modes").find(([k]) => k === mode)[1]}, ${words(choice)}`;
    const value = now ? `IoU ${digits(now.iou)}` : "no result";
    svg.setAttribute("aria-label", `${where}. ${value}. ${found?.id ?? ""}, ${ordinal(get("percentile"))} percentile.`);
    // Not on the first drawing: a page should not begin to speak by itself.
    if (announce) status.textContent = `${where}. ${value}.`;
  }
  function words(choice) {
    return get("choices").find(([one]) => one === choice)[1];
  }
  function draw(found, now, asked) {
    const [rows, columns] = found.size;
    set(picture, { href: get("images")[found.image], width: columns, height: rows });
    truth.replaceChildren(...lines(trace(found.truth, found.size).d));
    prediction.replaceChildren(...(now ? lines(trace(now.prediction, found.size).d) : []));
    prompt.replaceChildren(
      ...(asked?.boxes ?? []).flatMap(boxLines),
      ...(asked?.points ?? []).map((point, i) => mark(point, asked.labels[i], 1.2)),
    );
    place();
  }
  function place() {
    const found = current();
    if (found) showPart(stage, svg, whole ? [0, 0, found.size[1] - 1, found.size[0] - 1] : found.view);
  }

  const sized = new ResizeObserver(place);
  sized.observe(stage);
  const follow = () => update(true);
  const traits = ["task", "percentile", "mode", "choice"].map((trait) => `change:${trait}`);
  for (const trait of traits) model.on(trait, follow);
  update(false);
  return () => {
    unfollow();
    sized.disconnect();
    for (const trait of traits) model.off(trait, follow);
  };
}

export default { render };
