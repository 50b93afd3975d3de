// The reader's own image: read and encoded here. It does not leave the browser.

import { h, megabytes } from "../../kit/js/dom.js";
import { fitSize, SIDE } from "./prompt.js";
import { caseOf, isScan, makeScan } from "./scan.js";

let taken = 0;

// A label that is a file button, and what a scan needs besides. of: { uid, bytes, take, show, tell,
// near }; take(found, picture) encodes, show(found) only shows, near the image; failures are told.
export function ownImage({ uid, bytes, take, show, tell, near }) {
  // Any file may be chosen: a DICOM file often has no ending.
  const input = h("input", { type: "file", class: "mkit-unseen" });
  const words = `Try an image of your own (${megabytes(bytes)} more)`;
  const note = h("p", { class: "mlv-note" },
    "A picture, or a scan: NIfTI (.nii, .nii.gz) or DICOM. The encoder comes to your browser; the file is not uploaded.");
  const wrong = h("p", { class: "mlv-wrong", role: "alert" });
  const scan = makeScan({ uid, take, show, tell, near, name: () => `own-${(taken += 1)}` });
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (!file) return;
    input.disabled = true;
    wrong.textContent = "";
    try {
      if (await isScan(file)) await scan.open(file);
      else {
        await take(...(await readImage(file)));
        scan.close();
      }
    } catch (error) {
      wrong.textContent = `${file.name} cannot be used: ${error.message}`;
      tell("This file cannot be used: the reason is below.", false);
    }
    [input.disabled, input.value] = [false, ""];
  });
  const node = h("div", { class: "mlv-own" },
    h("label", { class: "mlv-file" }, input, h("span", {}, words)), note, wrong);
  return { node, scan: scan.node };
}

async function readImage(file) {
  const bitmap = await createImageBitmap(file);
  const whole = [bitmap.height, bitmap.width];
  const fitted = fitSize(whole);
  const pixels = drawn(bitmap, ...whole).getContext("2d").getImageData(0, 0, whole[1], whole[0]).data;
  // Masks have the image's own pixels, up to those that the encoder sees.
  const size = Math.max(...whole) > SIDE ? fitted : whole;
  const image = drawn(bitmap, ...size).toDataURL("image/png");
  const found = { ...caseOf(file.name, size, image), key: `own-${(taken += 1)}` };
  return [found, { pixels, channels: 4, size: whole }];
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
