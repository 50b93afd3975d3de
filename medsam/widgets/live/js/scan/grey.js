// From any intensity to 8 bit, as medsam/datasets/intensity.py does it. Fractions are cut off.

const PERCENTILES = [0.5, 99.5];

// values: float64. way: "max", "percentile" or "window" (with its level and width).
export function toGrey(values, { way, level, width }) {
  let [low, high, bad] = [Infinity, -Infinity, 0];
  for (const value of values) {
    if (!Number.isFinite(value)) bad += 1;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (bad) {
    throw new Error(
      `${bad} of ${values.length} values are NaN or infinite. Allowed: finite values. ` +
        "Replace them (0 for the background) in the file.",
    );
  }
  if (way === "window") {
    if (!(width > 0)) {
      throw new Error(`A window of level ${level} and width ${width}. Allowed: a width above 0. Give one, such as 400.`);
    }
    return scaled(values, level - width / 2, level + width / 2);
  }
  if (way === "max") {
    const from = Math.min(low, 0);
    if (high === from) {
      throw new Error(
        `All ${values.length} values are ${high}. Allowed: at least one value above 0, since the image is ` +
          "divided by its maximum. Choose another slice.",
      );
    }
    return scaled(values, from, high);
  }
  const tissue = values.filter((value) => value > low).sort();
  if (!tissue.length) {
    throw new Error(
      `All ${values.length} values are the same. Allowed: at least two different ones, since percentiles are ` +
        "asked for. Choose another slice.",
    );
  }
  const [from, to] = PERCENTILES.map((percent) => percentile(tissue, percent));
  // Nearly all of it has one value: shown full, not black.
  return scaled(values, from < to ? from : low, to);
}

function scaled(values, low, high) {
  return Uint8Array.from(values, (value) => Math.min(Math.max((value - low) / (high - low), 0), 1) * 255);
}

// Between the two values beside it, linearly, as NumPy does.
function percentile(sorted, percent) {
  const at = (percent / 100) * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return below + (above - below) * (at - Math.floor(at));
}
