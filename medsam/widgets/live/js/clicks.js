// Clicks and boxes until the mask fits, beside the clicks of Algorithm 1.

import { button, digits, h, megabytes, radios } from "../../kit/js/dom.js";
import { makeFrame } from "./frame.js";
import { fromRuns, overlap } from "../../kit/js/masks.js";
import { ownImage } from "./own.js";
import { makePlot } from "./plot.js";

const BEAT = 900; // milliseconds between two clicks that are played

export function clicks({ model, el }) {
  const boxes = model.get("accepts").includes("box");
  let truths = [];
  let target = 0;
  let whose = "mine";
  let tool = "positive";
  let mine = []; // one entry a click or box: { prompt, mask, score }
  let replayed = []; // the same for Algorithm 1, as far as it was shown
  let at = 0; // how many of its clicks are shown
  let playing = 0;
  let kept = null; // what a reader did before the model was here

  const frame = makeFrame(
    { model, el },
    {
      label: "Image. Arrow keys move the cross, Shift for single pixels, Enter clicks, Shift and Enter is a negative click. P, N and B choose the tool, U undoes, R starts again.",
      hint: "Click on an object. Right button: not this." + (boxes ? " Drag: a box." : ""),
      point: ({ x, y, negative }) => step({ point: [x, y], label: negative || tool === "negative" ? 0 : 1 }),
      box: boxes ? (box) => step({ box }) : undefined,
      cursor: ({ x, y }) => frame.tell(`x ${x}, y ${y}`),
      key: ({ key }) => {
        const actions = { p: () => use("positive"), n: () => use("negative"), u: undo, Backspace: undo, r: reset };
        if (boxes) actions.b = () => use("box");
        if (!actions[key]) return false;
        actions[key]();
        return true;
      },
      changed,
      ready: () => kept && step(kept),
    },
  );
  const { uid } = frame;

  // ---------------------------------------------------------------- controls
  const object = h("select", { id: `${uid}-object` });
  object.addEventListener("change", () => {
    target = Number(object.value);
    [replayed, at] = [[], 0];
    stop();
    update(true);
  });
  const layers = {};
  const layer = (name, words) => {
    layers[name] = h("input", { type: "checkbox" });
    layers[name].checked = true;
    layers[name].addEventListener("change", () => draw());
    return h("label", { class: "mkit-check" }, layers[name], h("span", {}, words));
  };
  const tools = radios("Tool", `${uid}-tool`, [
    ["positive", "+ Object", "A click on the object (p)"],
    ["negative", "− Not this", "A click beside it (n); also the right button"],
    ...(boxes ? [["box", "▭ Box", "Drag a box, or Enter at two corners (b); with a mouse, drag with any tool"]] : []),
  ], use);
  const undoButton = button("Undo", "Take the last one back (u)", undo);
  const resetButton = button("Start again", "Take all back (r)", reset);
  const back = button("◀", "One click back", () => show(at - 1), { "aria-label": "One click back" });
  const on = button("▶", "Next click", () => show(at + 1), { "aria-label": "Next click" });
  const play = button("Play", "Show click after click", () => (playing ? stop() : run()));
  const count = h("span", { class: "mlv-count" });
  const who = radios("Whose clicks", `${uid}-whose`, [["mine", "Mine"], ["algorithm", "Algorithm 1’s"]], (value) => {
    whose = value;
    stop();
    update(false);
  });
  const panels = {
    mine: h("div", { class: "mlv-panel" }, tools.box, h("div", { class: "mlv-buttons" }, undoButton, resetButton)),
    algorithm: h("div", { class: "mlv-panel" },
      h("p", { class: "mlv-note" }, "Each next click goes where the error is widest."),
      h("div", { class: "mlv-buttons" }, back, count, on, play)),
  };
  const readout = {};
  const figures = h("div", { class: "mlv-figures" });
  for (const [name, words] of [["iou", "IoU"], ["dice", "Dice"], ["score", "Model’s estimate"]]) {
    readout[name] = h("span", { class: `mlv-${name}` }, "–");
    figures.append(h("div", {}, h("span", { class: "mlv-label" }, words), readout[name]));
  }
  const plot = makePlot("Number of prompts");
  frame.side.append(
    h("div", { class: "mlv-field" }, h("label", { for: object.id }, "Compare with"), object),
    who.box, h("div", { class: "mlv-panels" }, panels.mine, panels.algorithm), figures, plot.node,
    h("div", { class: "mlv-layers" }, layer("truth", "Ground truth"), layer("mask", "Mask")),
  );
  if (frame.answers.encode && !frame.answers.refusal) {
    const { uid, tell, showOwn: show, answers, stage, left, body } = frame;
    const own = ownImage({ uid, bytes: answers.encoderBytes, take: encode, show, tell, near: stage.node });
    left.append(own.scan); // at the image, however narrow the page is
    body.append(own.node);
  }
  who.inputs.get("mine").checked = true;
  use(tool);

  // ------------------------------------------------------------------ states
  function changed() {
    const found = frame.current();
    truths = found.objects.map(({ mask }) => fromRuns(mask, found.size));
    const was = object.selectedOptions[0]?.text;
    object.replaceChildren(...found.objects.map(({ title }, i) => h("option", { value: i }, title)));
    if (!found.objects.length) object.append(h("option", {}, "nothing is labelled"));
    object.disabled = !found.objects.length;
    target = Math.max(0, found.objects.findIndex(({ title }) => title === was));
    object.selectedIndex = target;
    [mine, replayed, at, kept] = [[], [], 0, null];
    stop();
    update(false);
  }
  async function encode(found, picture) {
    const { answers, tell } = frame;
    tell("Loading the model …");
    await answers.load();
    let got = 0;
    await answers.encode(found, picture, (bytes) => {
      got += bytes;
      const all = got >= answers.encoderBytes;
      tell(all ? "Encoding the image: some seconds …" : `Loading the encoder: ${megabytes(got)} of ${megabytes(answers.encoderBytes)}`, false);
    });
    frame.showOwn(found);
    tell(`${found.id} is ready: click on it.`);
  }
  function use(name) {
    tool = name;
    tools.inputs.get(name).checked = true;
    frame.stage.useTool(name);
  }
  // The prompt after the steps so far: all points, and the last box.
  function promptOf(steps) {
    const points = steps.filter(({ point }) => point);
    return {
      points: points.map(({ point }) => point),
      labels: points.map(({ label }) => label),
      box: steps.findLast(({ box }) => box)?.box ?? null,
    };
  }
  function step(added) {
    if (frame.current().raw) return frame.tell("Encode this slice first: the button is below the image.");
    kept = frame.answers.ready ? null : added;
    if (kept) return frame.tell("Load the model first: the button is on the image. Then this is answered.");
    if (whose !== "mine") {
      whose = "mine";
      who.inputs.get("mine").checked = true;
      stop();
    }
    mine.push(added);
    answer(mine);
  }
  function undo() {
    if (whose !== "mine" || !mine.length) return;
    mine.pop();
    if (mine.length && !mine.at(-1).mask) answer(mine);
    else update(true);
  }
  function reset() {
    if (whose !== "mine" || !mine.length) return;
    mine = [];
    update(true);
  }
  // Ask for the newest prompt; those that a quick hand has overtaken are asked afterwards.
  function answer(steps) {
    update(false);
    frame.tell(`${steps.length}: asking the model …`, false);
    const k = steps.length;
    const last = steps[k - 1];
    frame.ask(promptOf(steps), ({ masks, scores, first }) => {
      const scored = model.get("top") === "first" ? first : 0; // the most confident mask comes first
      Object.assign(last, { mask: masks[scored], score: scores[scored] });
      const shown = shownSteps();
      const newest = Boolean(shown.at(-1)?.mask);
      update(newest);
      const open = shown.findIndex(({ mask }) => !mask);
      if (newest && open >= 0) answer(shown.slice(0, open + 1));
    });
  }
  function recorded() {
    return frame.current().objects[target]?.clicks ?? null;
  }
  function show(k) {
    const run = recorded();
    if (!run || k < 0 || k > run.points.length) return stop();
    if (!frame.answers.ready) {
      stop();
      return frame.tell("Load the model first: the button is on the image.");
    }
    at = k;
    while (replayed.length < k) {
      replayed.push({ point: run.points[replayed.length], label: run.labels[replayed.length] });
    }
    const open = replayed.slice(0, k);
    if (k && !open[k - 1].mask) answer(open);
    else update(true);
  }
  function run() {
    if (at >= (recorded()?.points.length ?? 0)) [replayed, at] = [replayed, 0];
    play.textContent = "Stop";
    show(at + 1);
    playing = setInterval(() => {
      if (!el.isConnected || at >= recorded().points.length) stop();
      else show(at + 1);
    }, BEAT);
  }
  function stop() {
    clearInterval(playing);
    playing = 0;
    play.textContent = "Play";
  }

  // ----------------------------------------------------------------- drawing
  const shownSteps = () => (whose === "mine" ? mine : replayed.slice(0, at));
  function measured(steps) {
    return steps.map(({ mask }) => (mask && truths[target] ? overlap(mask, truths[target]) : { iou: null, dice: null }));
  }
  function draw() {
    const steps = shownSteps();
    // Until its own answer is here, a click stands on the mask before it.
    const mask = steps.findLast((each) => each.mask)?.mask ?? null;
    frame.stage.showArea("truth", layers.truth.checked ? truths[target] : null);
    frame.stage.showArea("prediction", layers.mask.checked ? mask : null, true);
    frame.stage.showPrompts(promptOf(steps));
  }
  function update(aloud) {
    draw();
    const steps = shownSteps();
    const values = measured(steps);
    const now = values.at(-1);
    readout.iou.textContent = digits(now?.iou);
    readout.dice.textContent = digits(now?.dice);
    readout.score.textContent = digits(steps.at(-1)?.score);
    for (const [name, panel] of Object.entries(panels)) panel.toggleAttribute("inert", name !== whose);
    undoButton.disabled = resetButton.disabled = !mine.length;
    const run = recorded();
    const total = run?.points.length ?? 0;
    count.textContent = run ? `${at} of ${total}` : "no run";
    back.disabled = at < 1;
    on.disabled = at >= total;
    play.disabled = !total;
    const own = measured(mine);
    plot.update([
      { name: "Your IoU", kind: "iou", values: own.map(({ iou }) => iou) },
      { name: "Your Dice", kind: "dice", values: own.map(({ dice }) => dice) },
      { name: "Algorithm 1’s IoU", kind: "run", values: run?.iou ?? [] },
    ], steps.length || null);
    if (!aloud) return;
    if (!steps.length) return frame.tell("Nothing is asked yet.");
    const last = steps.at(-1);
    const what = last.box ? "box" : `${last.label ? "positive" : "negative"} click at x ${last.point[0]}, y ${last.point[1]}`;
    const title = frame.current().objects[target]?.title;
    const fit = title ? `${title}: IoU ${digits(now.iou)}, Dice ${digits(now.dice)}.` : `The model’s estimate of its IoU: ${digits(last.score)}.`;
    const who_ = whose === "mine" ? "" : "Algorithm 1, ";
    const inRun = whose === "mine" ? "" : ` In the run: ${digits(run.iou[at - 1])}.`;
    frame.tell(`${who_}${steps.length}: ${what}. ${fit}${inRun}`);
  }

  const ended = frame.start();
  return () => {
    stop();
    ended();
  };
}
