// What goes into SAM's decoder and what comes out of it, as medsam/models/onnx_sam.py does it.

export const SIDE = 1024; // longest side of what the encoder sees
export const LOW = 256; // side of the decoder's logits

// [rows, columns] after the longest side is brought to 1024, rounded as SAM does.
export function fitSize([rows, columns]) {
  const scale = SIDE / Math.max(rows, columns);
  return [Math.floor(rows * scale + 0.5), Math.floor(columns * scale + 0.5)];
}

// Coordinates and labels of a prompt: pixels of the image in, pixels of the encoder's view out.
export function feed(size, { points, labels, box }) {
  const [fitRows, fitColumns] = fitSize(size);
  const [sx, sy] = [fitColumns / size[1], fitRows / size[0]];
  const at = points.map(([x, y]) => [x * sx, y * sy]);
  const kinds = [...labels];
  if (box) {
    // The corners of a box are two points of their own labels.
    at.push([box[0] * sx, box[1] * sy], [box[2] * sx, box[3] * sy]);
    kinds.push(2, 3);
  } else {
    // Without a box SAM pads the points with a point that is not one.
    at.push([0, 0]);
    kinds.push(-1);
  }
  return { coordinates: Float32Array.from(at.flat()), labels: Float32Array.from(kinds) };
}

// Which of 256 values make one pixel, and with what weights: bilinear to 1024, cut to the
// image's part, bilinear to the image; both with half-pixel centres.
export function taps(length, fit) {
  const made = [];
  const linear = (at, last) => {
    const low = Math.floor(at);
    const clamp = (i) => Math.min(Math.max(i, 0), last);
    return [[clamp(low), 1 - (at - low)], [clamp(low + 1), at - low]];
  };
  for (let i = 0; i < length; i++) {
    const weights = new Map();
    for (const [j, outer] of linear(((i + 0.5) * fit) / length - 0.5, fit - 1)) {
      for (const [k, inner] of linear(((j + 0.5) * LOW) / SIDE - 0.5, LOW - 1)) {
        weights.set(k, (weights.get(k) ?? 0) + outer * inner);
      }
    }
    made.push([...weights]);
  }
  return made;
}

// Bits of one mask, row by row: where the logits, brought to the size of the image, are above 0.
export function toMask(logits, size) {
  const [rows, columns] = size;
  const [fitRows, fitColumns] = fitSize(size);
  const down = taps(rows, fitRows);
  // The same number of taps for each column, in flat arrays: this is the inner loop.
  const across = taps(columns, fitColumns);
  const most = Math.max(...across.map((each) => each.length));
  const [places, weights] = [new Int32Array(columns * most), new Float64Array(columns * most)];
  across.forEach((each, x) => each.forEach(([k, weight], t) => {
    [places[x * most + t], weights[x * most + t]] = [k, weight];
  }));
  const bits = new Uint8Array(rows * columns);
  const line = new Float64Array(LOW);
  for (let y = 0; y < rows; y++) {
    line.fill(0);
    for (const [k, weight] of down[y]) {
      for (let x = 0; x < LOW; x++) line[x] += weight * logits[k * LOW + x];
    }
    for (let x = 0, t = 0; x < columns; x++) {
      let value = 0;
      for (const end = t + most; t < end; t++) value += weights[t] * line[places[t]];
      if (value > 0) bits[y * columns + x] = 1;
    }
  }
  return bits;
}

// Numbers of 16 bits as numbers of 32; not every browser knows Float16Array.
export function fromHalf(halves) {
  const bits = new Uint32Array(halves.length);
  const numbers = new Float32Array(bits.buffer);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i];
    const [sign, exponent, fraction] = [(half & 0x8000) << 16, (half >> 10) & 31, half & 1023];
    if (exponent) bits[i] = sign | ((exponent + 112) << 23) | (fraction << 13);
    else numbers[i] = (sign ? -1 : 1) * fraction * 2 ** -24;
  }
  return numbers;
}

// Pixels brought to another size as Pillow's bilinear filter does it: first along the rows, then
// down the columns, each rounded to 8 bit. pixels: channel after channel of each pixel.
export function resized(pixels, channels, [rows, columns], [toRows, toColumns]) {
  const along = new Uint8ClampedArray(rows * toColumns * channels);
  triangles(columns, toColumns).forEach(({ from, weights }, x) => {
    for (let y = 0; y < rows; y++) {
      for (let c = 0; c < channels; c++) {
        let value = 0;
        weights.forEach((weight, t) => (value += weight * pixels[(y * columns + from + t) * channels + c]));
        along[(y * toColumns + x) * channels + c] = Math.floor(value + 0.5);
      }
    }
  });
  const line = toColumns * channels;
  const whole = new Uint8ClampedArray(toRows * line);
  triangles(rows, toRows).forEach(({ from, weights }, y) => {
    for (let x = 0; x < line; x++) {
      let value = 0;
      weights.forEach((weight, t) => (value += weight * along[(from + t) * line + x]));
      whole[y * line + x] = Math.floor(value + 0.5);
    }
  });
  return whole;
}

// Which pixels make one of the new ones: a triangle around its centre, wider where it shrinks.
function triangles(length, to) {
  const scale = length / to;
  const wide = Math.max(scale, 1);
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const from = Math.max(0, Math.floor(centre - wide + 0.5));
    const end = Math.min(length, Math.floor(centre + wide + 0.5));
    const raw = Array.from({ length: end - from }, (_, t) => Math.max(0, 1 - Math.abs((from + t - centre + 0.5) / wide)));
    const sum = raw.reduce((total, weight) => total + weight, 0);
    // Pillow's weights have 22 bits after the point.
    return { from, weights: raw.map((weight) => Math.floor(weight / sum * 2 ** 22 + 0.5) / 2 ** 22) };
  });
}

// Pixels as the encoder wants them: at its size, normalised, zeros right and below. One channel
// stands for three; a fourth (alpha) is left out.
export function toInput(pixels, channels, size) {
  const [mean, deviation] = [[123.675, 116.28, 103.53], [58.395, 57.12, 57.375]];
  const [rows, columns] = fitSize(size);
  const fitted = resized(pixels, channels, size, [rows, columns]);
  const input = new Float32Array(3 * SIDE * SIDE);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      for (let c = 0; c < 3; c++) {
        const value = fitted[channels * (y * columns + x) + (channels > 1 ? c : 0)];
        input[(c * SIDE + y) * SIDE + x] = (value - mean[c]) / deviation[c];
      }
    }
  }
  return input;
}
