// What both widgets have: head, image, side; an image to choose; words for who does not see it.

import { backend } from "./backends.js";
import { followScheme, h } from "../../kit/js/dom.js";
import { askToLoad, idleCard, makeStage } from "./stage.js";

let views = 0;

// of: { label, hint, point, box, hover, cursor, key, changed, ready }
export function makeFrame({ model, el }, of) {
  const uid = `mlv${views++}`;
  const cases = model.get("cases");
  const answers = backend(model);
  const stage = makeStage(cases, of, of.label);
  const select = h("select", { id: `${uid}-case` });
  cases.forEach(({ id }, i) => select.append(h("option", { value: i }, id)));
  const line = h("p", { class: "mlv-told" }, of.hint);
  const status = h("p", { class: "mkit-unseen", role: "status", "aria-live": "polite" });
  const side = h("div", { class: "mlv-side" });
  const left = h("div", {}, stage.node, line);
  const body = h("div", { class: "mlv-body" }, left, side);
  const root = h(
    "div",
    { class: `mlv mkit mlv-${model.get("kind")}`, "data-lm-suppress-shortcuts": "true" },
    h("div", { class: "mlv-head mkit-head" }, h("label", { for: select.id }, "Image"), select, h("p", {}, model.get("about"))),
    body,
    status,
  );

  let [own, atOwn] = [null, false]; // the reader's image has no number: Python does not know it
  const current = () => (atOwn ? own : cases[model.get("case")]);
  select.addEventListener("change", () => {
    atOwn = select.value === "own";
    if (atOwn || Number(select.value) === model.get("case")) return changed();
    model.set("case", Number(select.value));
    model.save_changes();
  });
  function showOwn(found) {
    if (!own) select.append(h("option", { value: "own" }, ""));
    [own, atOwn] = [found, true];
    select.lastChild.textContent = found.id;
    changed();
  }
  function changed() {
    select.value = atOwn ? "own" : String(model.get("case"));
    stage.showCase(current());
    line.textContent = of.hint; // what was said is of the image before
    of.changed();
    fetchImage();
  }

  function chosen() {
    atOwn = false;
    changed();
  }

  // The features of an image are fetched when it is looked at with a model at hand.
  async function fetchImage() {
    const wanted = current();
    if (!answers.ready || wanted.raw) return;
    try {
      await answers.image(wanted);
      if (current() === wanted) of.ready?.();
    } catch (error) {
      tell(`The image could not be prepared: ${error.message}`);
    }
  }

  function tell(words, aloud = true) {
    line.textContent = words;
    if (aloud) status.textContent = words;
  }

  let unfollow = () => {};
  function start() {
    el.append(root);
    changed();
    model.on("change:case", chosen);
    unfollow = askToLoad(stage, answers, ({ ready, asked }) => {
      if (asked && ready) status.textContent = "The model is ready.";
      if (ready) fetchImage();
    });
    idleCard(stage, answers);
    const unscheme = followScheme(root);
    return () => {
      model.off("change:case", chosen);
      unfollow();
      unscheme();
    };
  }

  // Only the newest question waits: a pointer is faster than a model.
  let [busy, next] = [false, null];
  async function ask(prompt, then) {
    next = { prompt, then, found: current() };
    if (busy) return;
    busy = true;
    root.classList.add("mlv-busy");
    while (next) {
      const now = next;
      next = null;
      try {
        await answers.image(now.found);
        const result = await answers.ask(now.found, cases.indexOf(now.found), now.prompt);
        if (current() === now.found) now.then(result);
      } catch (error) {
        tell(error.message);
      }
    }
    busy = false;
    root.classList.remove("mlv-busy");
  }

  return { uid, current, answers, stage, body, left, side, start, tell, ask, showOwn };
}
