// One point, three masks: what SAM thinks that a point may mean.

import { digits, h } from "../../kit/js/dom.js";
import { swatch } from "../../kit/js/drawing.js";
import { makeFrame } from "./frame.js";
import { fromRuns, overlap } from "../../kit/js/masks.js";

export function explorer({ model, el }) {
  const first = model.get("first");
  const counts = model.get("cases").map(({ objects }) => objects.length);
  const most = Math.max(...counts);
  let point = null;
  let kept = null; // the point of a click before the model was here
  let pinned = false; // a click holds the point, until the next one or Escape
  let result = null;
  let truths = []; // bits of each object of the image
  const shown = [true, true, true];
  const outlined = new Set(); // titles of objects, which stay chosen from image to image

  const frame = makeFrame(
    { model, el },
    {
      label: "Image. Arrow keys move the cross, Shift for single pixels, Enter asks there. 1, 2 and 3 show or hide a mask.",
      hint: "Point anywhere: three masks, most confident first.",
      point: ({ x, y }) => {
        pinned = true;
        go({ x, y }, true);
      },
      hover: (where) => {
        if (where && !pinned && follow.checked && frame.answers.ready) go(where, false);
      },
      key: ({ key }) => {
        if (key === "Escape" && pinned) pinned = false;
        else if (shown[Number(key) - 1] !== undefined) toggle(Number(key) - 1, !shown[Number(key) - 1]);
        else return false;
        return true;
      },
      changed,
      // A click is answered, or asked, already, unless it came before the model.
      ready: () => (kept ? go(kept, true) : point && !pinned && go(point, false)),
    },
  );

  // ---------------------------------------------------------------- controls
  const follow = h("input", { type: "checkbox" });
  follow.checked = window.matchMedia("(hover: hover)").matches;
  follow.addEventListener("change", () => (pinned = pinned && !follow.checked));
  const masks = h("fieldset", { class: "mlv-masks" }, h("legend", {}, "Masks and their estimated IoU"));
  const rows = shown.map((_, k) => {
    const box = h("input", { type: "checkbox" });
    box.checked = true;
    box.addEventListener("change", () => toggle(k, box.checked));
    const value = h("b", {}, "–");
    const bar = h("i", {});
    masks.append(
      h("label", { title: `Show mask ${k + 1} (${k + 1})` },
        box, swatch(`mask mlv-mask-${k}`), h("span", {}, `Mask ${k + 1}`), value,
        h("span", { class: "mkit-bar", "aria-hidden": "true" }, bar)),
    );
    return { box, value, bar };
  });
  const body = h("tbody", {});
  const heads = shown.map((_, k) => h("th", { scope: "col" }, swatch(`mask mlv-mask-${k}`), h("span", {}, String(k + 1))));
  const table = h("table", {},
    h("caption", {}, "IoU of each mask with each labelled object"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Object"), ...heads)), body);
  frame.side.append(masks, h("div", { class: "mlv-table" }, table), h("label", { class: "mkit-check" }, follow, h("span", {}, "Follow the pointer until a click")));

  // ------------------------------------------------------------------ states
  function changed() {
    [point, kept, result, pinned] = [null, null, null, false];
    const found = frame.current();
    truths = found.objects.map(({ mask }) => fromRuns(mask, found.size));
    body.replaceChildren(...found.objects.map(({ title }, i) => objectRow(title, i)));
    // Rows that other images have and this one has not keep their room.
    for (let i = found.objects.length; i < most; i++) {
      body.append(h("tr", { "aria-hidden": "true" }, h("th", {}, "\u00a0"), h("td", {}), h("td", {}), h("td", {})));
    }
    if (first && model.get("case") === first.case) {
      const [x, y] = first.points[0];
      show({ x, y }, { scores: first.scores, masks: first.masks.map((runs) => fromRuns(runs, found.size)) }, false);
    } else draw();
    truths.forEach((_, i) => outlineObject(i));
  }
  function objectRow(title, i) {
    const box = h("input", { type: "checkbox", "aria-label": `Outline ${title}` });
    box.checked = outlined.has(title);
    box.addEventListener("change", () => {
      outlined[box.checked ? "add" : "delete"](title);
      outlineObject(i);
    });
    return h("tr", {}, h("th", { scope: "row" }, h("label", { title: `Outline ${title}` }, box, h("span", {}, title))), ...shown.map(() => h("td", {}, "–")));
  }
  function outlineObject(i) {
    const on = outlined.has(frame.current().objects[i].title);
    frame.stage.showArea(`truth-${i}`, on ? truths[i] : null);
  }
  function toggle(k, on) {
    shown[k] = on;
    rows[k].box.checked = on;
    frame.stage.showArea(`mask-${k}`, on ? result?.masks[k] : null, true);
  }
  function go(where, aloud) {
    kept = frame.answers.ready ? null : where;
    if (kept) return frame.tell("Load the model first: the button is on the image. Then this is answered.");
    point = where;
    frame.stage.showPrompts({ points: [[where.x, where.y]], labels: [1] });
    frame.ask({ points: [[where.x, where.y]], labels: [1], box: null }, (answer) => show(where, answer, aloud));
  }
  function show(where, answer, aloud) {
    [point, result] = [where, answer];
    draw();
    const { objects, size } = frame.current();
    // The object under the point is what a reader means; where there is none, any that a mask meets.
    const under = objects.filter((_, i) => truths[i][where.y * size[1] + where.x]);
    const best = { iou: -1 };
    answer.masks.forEach((mask, k) => truths.forEach((truth, i) => {
      if (under.length && !under.includes(objects[i])) return;
      const { iou } = overlap(mask, truth);
      if (iou > best.iou) Object.assign(best, { iou, k, title: objects[i].title });
    }));
    const scores = answer.scores.map((score) => digits(score, 2)).join(", ");
    const there = under.length ? `Under the point: ${under.map(({ title }) => title).join(", ")}.` : "No labelled object under the point.";
    const match = best.iou > 0 ? `${there} Best match: mask ${best.k + 1} with ${best.title}, IoU ${digits(best.iou, 2)}.` : `${there} No mask meets ${under.length ? "it" : "a labelled object"}.`;
    frame.tell(`x ${where.x}, y ${where.y}: estimates ${scores}. ${match}`, aloud);
  }
  function draw() {
    if (point) frame.stage.showPrompts({ points: [[point.x, point.y]], labels: [1] });
    rows.forEach(({ value, bar }, k) => {
      const score = result?.scores[k];
      value.textContent = digits(score, 2);
      bar.style.inlineSize = `${100 * Math.min(Math.max(score ?? 0, 0), 1)}%`;
      frame.stage.showArea(`mask-${k}`, shown[k] ? result?.masks[k] : null, true);
    });
    const { size } = frame.current();
    truths.forEach((truth, i) => {
      const row = body.rows[i];
      const here = point && truth[point.y * size[1] + point.x];
      row.classList.toggle("mlv-here", Boolean(here));
      shown.forEach((_, k) => {
        const iou = result?.masks[k] ? overlap(result.masks[k], truth).iou : null;
        const cell = row.cells[k + 1];
        cell.textContent = digits(iou, 2);
        cell.style.setProperty("--part", String(Math.round(100 * (iou ?? 0))));
      });
    });
  }

  return frame.start();
}
