// Masks are bytes of 0 and 1, row by row.

// "5 3 9": lengths of runs, background first; see encode_mask in kit/state.py.
export function fromRuns(runs, [rows, columns]) {
  const bits = new Uint8Array(rows * columns);
  let at = 0;
  runs.split(" ").map(Number).forEach((length, i) => {
    if (i % 2) bits.fill(1, at, at + length);
    at += length;
  });
  return bits;
}

// Eight pixels a byte, the first in its lowest bit.
export function fromBytes(bytes, count) {
  const bits = new Uint8Array(count);
  for (let i = 0; i < count; i++) bits[i] = (bytes[i >> 3] >> (i & 7)) & 1;
  return bits;
}

// IoU and Dice of two masks; NaN where both are empty.
export function overlap(a, b) {
  let [both, inA, inB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    both += a[i] & b[i];
    inA += a[i];
    inB += b[i];
  }
  return { iou: both / (inA + inB - both), dice: (2 * both) / (inA + inB) };
}

// The outline as closed loops along pixel edges, clockwise around what is inside.
export function outline(bits, [rows, columns]) {
  const width = columns + 1;
  const inside = (x, y) => x >= 0 && y >= 0 && x < columns && y < rows && bits[y * columns + x] === 1;
  // From each corner at most two edges leave (where pixels touch diagonally).
  const next = [new Int32Array(width * (rows + 1)).fill(-1), new Int32Array(width * (rows + 1)).fill(-1)];
  const edge = (x0, y0, x1, y1) => {
    const from = y0 * width + x0;
    next[next[0][from] < 0 ? 0 : 1][from] = y1 * width + x1;
  };
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      if (!inside(x, y)) continue;
      if (!inside(x, y - 1)) edge(x, y, x + 1, y);
      if (!inside(x + 1, y)) edge(x + 1, y, x + 1, y + 1);
      if (!inside(x, y + 1)) edge(x + 1, y + 1, x, y + 1);
      if (!inside(x - 1, y)) edge(x, y + 1, x, y);
    }
  }
  const take = (from) => {
    const which = next[1][from] >= 0 ? 1 : 0;
    const to = next[which][from];
    next[which][from] = -1;
    return to;
  };
  let d = "";
  for (let start = 0; start < next[0].length; start++) {
    while (next[0][start] >= 0) {
      d += `M${start % width} ${Math.floor(start / width)}`;
      let [at, to] = [start, take(start)];
      while (to !== start) {
        const after = take(to);
        if (after - to !== to - at) d += to - at === 1 || to - at === -1 ? `H${to % width}` : `V${Math.floor(to / width)}`;
        [at, to] = [to, after];
      }
      d += "Z";
    }
  }
  return d;
}
