// One image, five ways of prompting. Everything it shows is in the model's traits, so it works
// without a kernel; the selection is written back, so that Python or a link can follow.

import { barRadios, card, check, follow, onKeys, selection } from "./kit/js/card.js";
import { digits, h, ordinal, radios } from "./kit/js/dom.js";
import { casePicture, partOf, showPart, swatch } from "./kit/js/drawing.js";

const SHORT = { top: "Most confident", oracle: "Oracle" };
let switchers = 0; // radio groups need a name of their own in each view

function render({ model, el }) {
  const get = (name) => model.get(name);
  const uid = `mms${switchers++}`;
  const { select, step } = selection(model);
  const numbers = get("modes").map(([k]) => k);
  const choices = get("choices").map(([choice]) => choice);
  let whole = false;

  // ---------------------------------------------------------------- elements
  const name = h("p", { class: "mkit-id" });
  const { svg, draw } = casePicture(get("masks"));
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

  // --------------------------------------------------------------- selection
  task.addEventListener("change", () => select("task", task.value));
  onKeys(root, (key) => {
    const other = choices[(choices.indexOf(get("choice")) + 1) % choices.length];
    if (numbers.includes(Number(key))) return () => select("mode", Number(key));
    return {
      ArrowUp: () => step("mode", numbers, -1),
      ArrowDown: () => step("mode", numbers, 1),
      ArrowLeft: () => step("percentile", get("percentiles"), -1),
      ArrowRight: () => step("percentile", get("percentiles"), 1),
      o: () => select("choice", other),
    }[key];
  }, task);

  // ----------------------------------------------------------------- drawing
  const results = (k) => get("cases")[get("task")][get("percentile")]?.[k] ?? {};
  const result = (k, choice) => results(k)[choice] ?? null;
  // Any result of the image: all are of one object.
  const current = () => numbers.flatMap((k) => Object.values(results(k)))[0] ?? null;

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
    if (found) {
      const prompt = Object.values(results(mode))[0] ?? { points: [], labels: [], boxes: [] };
      draw(get("images")[found.image], found, { prediction: now?.prediction ?? null, prompt, markSize: 1.2 });
      place();
    }
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
  function place() {
    const found = current();
    if (found) showPart(stage, svg, partOf(found, whole));
  }

  const changed = () => update(true);
  update(false);
  return follow(model, { task: changed, percentile: changed, mode: changed, choice: changed }, root, stage, place);
}

export default { render };
