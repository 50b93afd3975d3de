// The reader's own image: read, made small enough, encoded here. It does not leave the browser.

import { h, megabytes } from "../../kit/js/dom.js";
import { fitSize, SIDE } from "./prompt.js";

let taken = 0;

// A label that is a file button. take(case, pixels, rows, columns) encodes; failures are told.
export function ownImage(bytes, take, tell) {
  const input = h("input", { type: "file", accept: "image/*", class: "mkit-unseen" });
  const words = `Try an image of your own (${megabytes(bytes)} more)`;
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (!file) return;
    input.disabled = true;
    try {
      await take(...(await readImage(file)));
    } catch (error) {
      tell(`${file.name} cannot be used: ${error.message}`);
    }
    [input.disabled, input.value] = [false, ""];
  });
  const note = h("p", { class: "mlv-note" }, "The encoder comes to your browser; the image is not uploaded.");
  return h("div", { class: "mlv-own" }, h("label", { class: "mlv-file" }, input, h("span", {}, words)), note);
}

async function readImage(file) {
  const bitmap = await createImageBitmap(file);
  const whole = [bitmap.height, bitmap.width];
  const [rows, columns] = fitSize(whole);
  if (!rows || !columns) throw new Error("it is too narrow");
  const pixels = drawn(bitmap, rows, columns).getContext("2d").getImageData(0, 0, columns, rows).data;
  // Masks have the image's own pixels, up to those that the encoder sees.
  const size = Math.max(...whole) > SIDE ? [rows, columns] : whole;
  const found = {
    id: file.name,
    key: `own-${(taken += 1)}`,
    size,
    view: [0, 0, size[1] - 1, size[0] - 1],
    image: drawn(bitmap, ...size).toDataURL("image/png"),
    objects: [],
  };
  return [found, pixels, rows, columns];
}

function drawn(bitmap, rows, columns) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [columns, rows];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#000"; // what is transparent is dark
  context.fillRect(0, 0, columns, rows);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, columns, rows);
  return canvas;
}
