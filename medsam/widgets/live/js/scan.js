// A slice of the reader's own scan: which plane, which slice, which grey values; then it is encoded.

import { button, h, radios } from "../../kit/js/dom.js";
import { fitSize } from "./prompt.js";
import { program } from "./program.js";

const PLANE_WORDS = { axial: "Axial", coronal: "Coronal", sagittal: "Sagittal", stored: "As stored" };
const WAYS = [["max", "By its maximum"], ["percentile", "0.5th to 99.5th percentile"], ["window", "A window"]];
const FIRST_BYTES = 352; // of a file: as many as tell its kind

// Whether a file is a NIfTI or DICOM file rather than a picture, by its first bytes or its name.
export async function isScan(file) {
  const bytes = await file.slice(0, FIRST_BYTES).arrayBuffer();
  const view = new DataView(bytes);
  const header = bytes.byteLength >= 4 && [true, false].some((little) => [348, 540].includes(view.getInt32(0, little)));
  const dicom = bytes.byteLength >= 132 && view.getUint32(128) === 0x4449434d; // "DICM"
  return header || dicom || /\.(nii|gz|dcm|ima)$/i.test(file.name);
}

// of: { uid, take, show, tell, near, name } as in own.js; name() is a new name for features.
export function makeScan({ uid, take, show, tell, near, name }) {
  let [file, scan, read, shown] = [null, null, null, null];
  let made = new Map(); // slices that are encoded, by what they are
  let newest = 0;

  // ---------------------------------------------------------------- controls
  const planes = h("div", {});
  const slider = h("input", { type: "range", min: 0, step: 1, id: `${uid}-slice` });
  const sliderName = h("label", { for: slider.id }, "Slice");
  const count = h("output", { class: "mlv-slice", for: slider.id });
  const image = h("input", { type: "number", min: 0, step: 1, value: 0, id: `${uid}-volume` });
  const imageField = h("div", { class: "mlv-field" }, h("label", { for: image.id }, ""), image);
  const way = h("select", { id: `${uid}-way` }, ...WAYS.map(([value, words]) => h("option", { value }, words)));
  const level = h("input", { type: "number", step: "any", id: `${uid}-level` });
  const width = h("input", { type: "number", step: "any", id: `${uid}-width` });
  const field = (words, input) => h("div", { class: "mlv-field" }, h("label", { for: input.id }, words), input);
  const windowFields = [field("Level", level), field("Width", width)];
  const encode = button("Encode this slice", "Then it can be clicked on", encodeSlice);
  const about = h("p", { class: "mlv-note" });
  const wrong = h("p", { class: "mlv-wrong", role: "alert" });
  const node = h("fieldset", { class: "mlv-scan", hidden: "" },
    h("legend", {}, "Slice of your scan"), planes,
    h("div", { class: "mlv-field" }, sliderName, h("div", { class: "mlv-slide" }, slider, count)), imageField,
    h("div", { class: "mlv-grey" }, field("Grey values", way), ...windowFields), about, wrong, encode);
  for (const input of [slider, image, way, level, width]) input.addEventListener("input", () => look());

  const plane = () => scan.planes.find((one) => one.name === scan.plane);
  function usePlane(chosen) {
    scan.plane = chosen;
    const { count: slices, spacing } = plane();
    slider.max = slices - 1;
    slider.value = (slices - 1) >> 1;
    slider.disabled = slices < 2;
    about.textContent = spacing
      ? `Pixels of ${spacing.map((mm) => mm.toFixed(2)).join(" x ")} mm (rows x columns), shown as squares.`
      : "The file does not tell how it lies in the patient: no letters at the sides.";
  }
  function intensity() {
    return { way: way.value, level: Number(level.value), width: Number(width.value) };
  }

  // ------------------------------------------------------------------ states
  async function open(chosen) {
    read ??= program("scan/reader.js");
    tell(`Reading ${chosen.name} …`, false);
    scan = await read("open", { file: chosen });
    [file, made] = [chosen, new Map()];
    const choice = radios("Plane", `${uid}-plane`, scan.planes.map((one) => [one.name, PLANE_WORDS[one.name]]), (value) => {
      usePlane(value);
      look();
    });
    choice.inputs.get(scan.plane).checked = true;
    planes.replaceChildren(choice.box);
    sliderName.textContent = scan.films ? "Frame" : "Slice";
    imageField.hidden = scan.images < 2;
    imageField.querySelector("label").textContent = `Image of the file (0 to ${scan.images - 1})`;
    [image.value, image.max] = [0, scan.images - 1];
    [way.value, level.value, width.value] = [scan.intensity.way, scan.intensity.level, scan.intensity.width];
    usePlane(scan.plane);
    node.hidden = false;
    near.scrollIntoView({ block: "nearest" });
    if (await look()) tell(`${chosen.name}: choose a slice below, then encode it.`);
  }
  function close() {
    node.hidden = true;
    shown = null;
  }
  // Show the slice that is chosen, if it can be; of those that a quick hand passes over the last.
  async function look() {
    const asked = (newest += 1);
    const { name: cut, count: slices, sides } = plane();
    const index = Number(slider.value);
    const what = { image: Math.min(Math.max(Math.round(Number(image.value)), 0), scan.images - 1), plane: cut, index, intensity: intensity() };
    count.textContent = `${index} (0 to ${slices - 1})`;
    slider.setAttribute("aria-valuetext", `${cut} ${index}, of 0 to ${slices - 1}`);
    for (const one of windowFields) one.hidden = way.value !== "window";
    try {
      const { grey, rows, columns } = await read("slice", what);
      if (asked !== newest || node.hidden) return false;
      wrong.textContent = "";
      const id = `${file.name} ${cut} ${index}${scan.images > 1 ? ` of image ${what.image}` : ""}`;
      const key = JSON.stringify(what);
      const found = made.get(key) ?? { ...caseOf(id, [rows, columns], painted(grey, rows, columns)), sides, raw: true };
      shown = { found, key, picture: { pixels: grey, channels: 1, size: [rows, columns] } };
      encode.disabled = !found.raw;
      encode.textContent = found.raw ? "Encode this slice" : "Encoded: click on the image";
      show(found);
      if (found.raw) tell(`${id}: not encoded yet; the button is below.`, false);
      return true;
    } catch (error) {
      encode.disabled = true;
      wrong.textContent = `This slice cannot be used: ${error.message}`;
      return false;
    }
  }
  async function encodeSlice() {
    const { found, key, picture } = shown;
    node.disabled = true;
    try {
      const done = { ...found, key: name(), raw: false };
      await take(done, picture);
      made.set(key, done);
      [encode.disabled, encode.textContent] = [true, "Encoded: click on the image"];
    } catch (error) {
      wrong.textContent = `This slice cannot be encoded: ${error.message}`;
    }
    node.disabled = false;
  }
  return { node, open, close };
}

// What a widget shows: an image of the reader's, of which nothing is labelled.
export function caseOf(id, size, image) {
  if (Math.min(...fitSize(size)) < 1) throw new Error("it is too narrow for the model");
  return { id, size, view: [0, 0, size[1] - 1, size[0] - 1], image, objects: [] };
}

function painted(grey, rows, columns) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [columns, rows];
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(columns, rows);
  grey.forEach((value, n) => pixels.data.fill(value, 4 * n, 4 * n + 3).fill(255, 4 * n + 3, 4 * n + 4));
  context.putImageData(pixels, 0, 0);
  return canvas.toDataURL("image/png");
}
