// One DICOM file: dicom-parser reads what it holds; pixels that are not compressed are read here.

import { inflateSync } from "./fflate.js";
import { MOST, numbers, tooLarge } from "./numbers.js";
import { Volume } from "./volume.js";

const [IMPLICIT, EXPLICIT, DEFLATED, BIG] = ["", ".1", ".1.99", ".2"].map((end) => `1.2.840.10008.1.2${end}`);
const PACKED = {
  50: "JPEG", 51: "JPEG, 12 bits", 57: "JPEG lossless", 70: "JPEG lossless", 80: "JPEG-LS lossless",
  81: "JPEG-LS", 90: "JPEG 2000 lossless", 91: "JPEG 2000", 201: "High-Throughput JPEG 2000 lossless",
  202: "High-Throughput JPEG 2000 lossless", 203: "High-Throughput JPEG 2000",
}; // 1.2.840.10008.1.2.4.<number>
const KINDS = { 8: [Uint8Array, Int8Array], 16: [Uint16Array, Int16Array], 32: [Uint32Array, Int32Array] };
const NO_PICTURES = ["SEG", "RTDOSE", "RTSTRUCT", "SR", "PR"];
const SAME_GAP = 0.01; // as a part of the gap between slices

// parser: dicom-parser.
export async function openDicom(file, parser) {
  if (file.size > MOST) throw tooLarge("It has", file.size);
  const bytes = new Uint8Array(await file.arrayBuffer());
  const found = parsed(bytes, parser);
  check(found);
  const { frames, affine, ordered } = inOrder(framesOf(found), found);
  const shape = [found.uint16("x00280011"), found.uint16("x00280010"), frames.length];
  const volume = new Volume({ shape, affine, data: pixels(found, shape), slabs: slabsOf(found, frames, shape) });
  return { images: 1, volume: () => volume, plane: planeOf(volume), films: !ordered, intensity: intensityOf(found) };
}

function parsed(bytes, parser) {
  const inflater = (all, at) => {
    const rest = inflateSync(all.subarray(at));
    const whole = new Uint8Array(at + rest.length);
    whole.set(all.subarray(0, at));
    whole.set(rest, at);
    return whole;
  };
  const named = String.fromCharCode(...bytes.subarray(128, 132)) === "DICM";
  // Without its first part a file does not say how it is stored: these two are the usual ways.
  const ways = named ? [{}] : [{ TransferSyntaxUID: IMPLICIT }, { TransferSyntaxUID: EXPLICIT }];
  let why = "it holds no picture";
  for (const way of ways) {
    try {
      const found = parser.parseDicom(bytes, { inflater, ...way });
      if (named || found.elements.x00280010) return Object.assign(found, { syntax: way.TransferSyntaxUID ?? found.string("x00020010") });
    } catch (error) {
      why = error.exception?.message ?? error.exception ?? error.message ?? String(error);
    }
  }
  throw new Error(`It cannot be read as DICOM (${why}). Allowed: a complete DICOM file. Download or export it again.`);
}

function check(found) {
  const { syntax, elements } = found;
  const kind = found.string("x00080060") ?? "unknown";
  if (!elements.x00280010 || NO_PICTURES.includes(kind)) {
    throw new Error(`It holds no image (its modality is ${kind}). Allowed: CT, MR, X-ray and other images. Choose one of these.`);
  }
  if (![IMPLICIT, EXPLICIT, DEFLATED, BIG].includes(syntax)) {
    const name = PACKED[syntax.match(/^1\.2\.840\.10008\.1\.2\.4\.(\d+)$/)?.[1]] ?? (syntax === "1.2.840.10008.1.2.5" ? "RLE" : "");
    throw new Error(
      `Its pixels are compressed (${name ? `${name}, ` : ""}transfer syntax ${syntax}). Allowed here: uncompressed or ` +
        "deflated files. Unpack it first, for example with gdcmconv --raw or dcmdjpeg.",
    );
  }
  const photometric = found.string("x00280004") ?? "";
  if (found.uint16("x00280002") !== 1 || !photometric.startsWith("MONOCHROME")) {
    throw new Error(`It holds colours (${photometric}). Allowed: one grey channel (MONOCHROME1, MONOCHROME2). Save it as PNG, and choose that.`);
  }
  const bits = found.uint16("x00280100");
  if (!KINDS[bits] || !elements.x7fe00010) {
    throw new Error(`Its pixels have ${elements.x7fe00010 ? bits : "no whole"} bits each. Allowed: whole numbers of 8, 16 or 32 bits. Convert it first.`);
  }
  if (elements.x00283000) {
    throw new Error("Its values are given by a table (Modality LUT). Allowed: a rescale slope and intercept. Convert it first.");
  }
}

// Position, orientation, spacing, slope and intercept of each picture.
function framesOf(found) {
  const groups = (name) => found.elements[name]?.items?.map(({ dataSet }) => dataSet) ?? [];
  const each = groups("x52009230");
  const shared = groups("x52009229");
  const count = each.length || Number(found.string("x00280008")) || 1;
  return Array.from({ length: count }, (_, index) => {
    const part = (name) =>
      each.length ? [each[index], ...shared].map((group) => group?.elements[name]?.items?.[0]?.dataSet).find(Boolean) : found;
    const measures = part("x00289110");
    return {
      index,
      position: values(part("x00209113"), "x00200032", 3),
      orientation: values(part("x00209116"), "x00200037", 6),
      spacing: values(measures, "x00280030", 2) ?? values(found, "x00181164", 2) ?? [1, 1],
      thick: Math.abs(values(measures, "x00180088", 1)?.[0] || values(measures, "x00180050", 1)?.[0] || 1),
      slope: values(part("x00289145"), "x00281053", 1)?.[0] ?? 1,
      intercept: values(part("x00289145"), "x00281052", 1)?.[0] ?? 0,
    };
  });
}

function values(found, name, count) {
  const all = Array.from({ length: count }, (_, n) => found?.floatString(name, n));
  return all.every(Number.isFinite) ? all : null;
}

// Frames along their normal with an affine, where all tell places that are equally far apart.
function inOrder(frames, found) {
  const [first] = frames;
  const stored = { frames, affine: null, ordered: frames.length < 2 };
  if (!frames.every(({ position, orientation }) => position && String(orientation) === String(first.orientation)) || !first.orientation) {
    return stored;
  }
  const [row, column] = [first.orientation.slice(0, 3), first.orientation.slice(3)];
  const normal = [0, 1, 2].map((n) => row[(n + 1) % 3] * column[(n + 2) % 3] - row[(n + 2) % 3] * column[(n + 1) % 3]);
  const height = ({ position }) => position.reduce((sum, value, n) => sum + value * normal[n], 0);
  const sorted = [...frames].sort((a, b) => height(a) - height(b));
  const gaps = sorted.slice(1).map((frame, n) => height(frame) - height(sorted[n]));
  const usual = gaps.length ? (height(sorted.at(-1)) - height(sorted[0])) / gaps.length : first.thick;
  if (gaps.some((gap) => gap < 1e-3 || Math.abs(gap - usual) > SAME_GAP * usual + 0.01)) return stored;
  const [from, to] = [sorted[0].position, sorted.at(-1).position];
  const step = gaps.length ? from.map((value, n) => (to[n] - value) / gaps.length) : normal.map((value) => value * usual);
  // DICOM counts to the patient's left and posterior.
  const affine = [0, 1, 2].map((world) => {
    const sign = world < 2 ? -1 : 1;
    return [row[world] * first.spacing[1], column[world] * first.spacing[0], step[world], from[world]].map((v) => sign * v);
  });
  return { frames: sorted, affine, ordered: true };
}

function pixels(found, shape) {
  const element = found.elements.x7fe00010;
  const bits = found.uint16("x00280100");
  const signed = found.uint16("x00280103") === 1;
  const count = shape[0] * shape[1] * shape[2];
  const data = numbers(found.byteArray, element.dataOffset, count, KINDS[bits][Number(signed)], found.syntax !== BIG);
  const unused = bits - (found.uint16("x00280101") ?? bits);
  // What lies above the bits in use (an old overlay) is no part of a value; >> keeps the sign.
  const shift = 32 - bits + unused;
  if (unused) for (let n = 0; n < count; n++) data[n] = signed ? (data[n] << shift) >> shift : (data[n] << shift) >>> shift;
  return data;
}

// Lowest and highest number that can be stored, added: MONOCHROME1 is turned round with it.
function ends(found) {
  if (found.string("x00280004") !== "MONOCHROME1") return null;
  return found.uint16("x00280103") === 1 ? -1 : 2 ** (found.uint16("x00280101") ?? found.uint16("x00280100")) - 1;
}

function slabsOf(found, frames, shape) {
  const both = ends(found);
  return frames.map(({ index, slope, intercept }) => ({
    offset: index * shape[0] * shape[1],
    slope: both === null ? slope : -slope,
    intercept: both === null ? intercept : slope * both + intercept,
  }));
}

// The plane in which the pictures are stored.
function planeOf(volume) {
  return volume.planes().find(({ name }) => volume.axes(name)[0] === 2)?.name;
}

// The file's own window; for CT without one that of soft tissue; else by the maximum.
function intensityOf(found) {
  const [frame] = framesOf(found);
  const groups = ["x52009230", "x52009229"].map((name) => found.elements[name]?.items?.[0]?.dataSet);
  const view = groups.map((group) => group?.elements.x00289132?.items?.[0]?.dataSet).find(Boolean) ?? found;
  let level = values(view, "x00281050", 1)?.[0];
  const width = values(view, "x00281051", 1)?.[0];
  const own = Number.isFinite(level) && width > 0;
  const both = ends(found);
  if (own && both !== null) level = frame.slope * both + 2 * frame.intercept - level;
  if (own) return { way: "window", level, width };
  return { way: found.string("x00080060") === "CT" ? "window" : "max", level: 40, width: 400 };
}
