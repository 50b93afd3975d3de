// NIfTI files (.nii, .nii.gz): nifti-reader-js reads the header.

import * as nifti from "./nifti/nifti.js";
import { MOST, numbers, tooLarge } from "./numbers.js";
import { Volume } from "./volume.js";

const { NIFTI1 } = nifti;
const KINDS = new Map([
  [NIFTI1.TYPE_UINT8, Uint8Array],
  [NIFTI1.TYPE_INT8, Int8Array],
  [NIFTI1.TYPE_INT16, Int16Array],
  [NIFTI1.TYPE_UINT16, Uint16Array],
  [NIFTI1.TYPE_INT32, Int32Array],
  [NIFTI1.TYPE_UINT32, Uint32Array],
  [NIFTI1.TYPE_INT64, BigInt64Array],
  [NIFTI1.TYPE_UINT64, BigUint64Array],
  [NIFTI1.TYPE_FLOAT32, Float32Array],
  [NIFTI1.TYPE_FLOAT64, Float64Array],
]);

export async function openNifti(file) {
  const bytes = await unpacked(file);
  if (!nifti.isNIFTI(bytes.buffer)) {
    throw new Error("It is no NIfTI inside. Allowed: NIfTI-1 and NIfTI-2 in one file (.nii, .nii.gz). Convert it first.");
  }
  const header = nifti.readHeader(bytes.buffer);
  const Kind = KINDS.get(header.datatypeCode);
  if (!Kind) {
    throw new Error(
      `Its values are of NIfTI type ${header.datatypeCode} (colours, complex numbers, or more than 64 bits). ` +
        "Allowed: one real number a pixel, of up to 64 bits. Convert it first.",
    );
  }
  const sizes = Array.from(header.dims.slice(1, header.dims[0] + 1), (n) => Math.max(1, n));
  const shape = [0, 1, 2].map((axis) => sizes[axis] ?? 1);
  const images = sizes.slice(3).reduce((product, n) => product * n, 1);
  const each = shape[0] * shape[1] * shape[2];
  const data = numbers(bytes, header.vox_offset, each * images, Kind, header.littleEndian);
  const told = header.scl_slope && Number.isFinite(header.scl_slope);
  const [slope, intercept] = told ? [header.scl_slope, header.scl_inter] : [1, 0];
  const affine = affineOf(header, new DataView(bytes.buffer));
  const slabs = (image) =>
    Array.from({ length: shape[2] }, (_, k) => ({ offset: image * each + k * shape[0] * shape[1], slope, intercept }));
  return {
    images,
    volume: (image) => new Volume({ shape, affine, data, slabs: slabs(image) }),
    plane: "axial",
    intensity: { way: "max", level: 40, width: 400 },
  };
}

// The sform, else the qform, else the sizes of a voxel alone (x to the left, as nibabel takes it).
function affineOf(header, view) {
  const { qform_code, sform_code, littleEndian, pixDims } = header;
  if (sform_code > 0) {
    const two = nifti.isNIFTI2(view.buffer);
    const value = (n) => (two ? view.getFloat64(400 + 8 * n, littleEndian) : view.getFloat32(280 + 4 * n, littleEndian));
    return [0, 1, 2].map((row) => [0, 1, 2, 3].map((column) => value(4 * row + column)));
  }
  if (qform_code > 0) {
    const { quatern_b, quatern_c, quatern_d, qoffset_x, qoffset_y, qoffset_z } = header;
    const turn = [quatern_b, quatern_c, quatern_d, qoffset_x, qoffset_y, qoffset_z];
    const [, dx, dy, dz] = pixDims;
    return NIFTI1.prototype.convertNiftiQFormToNiftiSForm.call(header, ...turn, dx, dy, dz, pixDims[0]).slice(0, 3);
  }
  const [x, y, z] = [1, 2, 3].map((axis) => pixDims[axis] || 1);
  return [[-x, 0, 0, 0], [0, y, 0, 0], [0, 0, z, 0]];
}

// All bytes of a file, unpacked by the browser; stops where they are too many.
async function unpacked(file) {
  const [first, second] = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  const packed = first === 0x1f && second === 0x8b;
  if (!packed) {
    if (file.size > MOST) throw tooLarge("It has", file.size);
    return new Uint8Array(await file.arrayBuffer());
  }
  const parts = [];
  let length = 0;
  try {
    const stream = file.stream().pipeThrough(new DecompressionStream("gzip"));
    for (const reader = stream.getReader(); length <= MOST; ) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      length += value.length;
      if (length > MOST) await reader.cancel();
    }
  } catch (error) {
    throw new Error(`It cannot be unpacked (${error.message}). Allowed: a complete .nii.gz. Download or export it again.`);
  }
  if (length > MOST) throw tooLarge("It unpacks to");
  const whole = new Uint8Array(length);
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
}
