// Stored numbers of a file, and how large a file may be.

export const MOST = 512 * 2 ** 20; // bytes of a file, unpacked: browsers give a page not much more

export function tooLarge(how, bytes) {
  return new Error(
    `${how} ${bytes ? `${Math.round(bytes / 2 ** 20)} MiB` : `more than ${MOST / 2 ** 20} MiB`}. ` +
      `Allowed: up to ${MOST / 2 ** 20} MiB. Save a part of it, or its numbers with 16 bits, as a file of its own.`,
  );
}

// A typed array of count numbers, brought to the machine's own order of bytes (little-endian).
export function numbers(bytes, offset, count, Kind, littleEndian = true) {
  const size = Kind.BYTES_PER_ELEMENT;
  if (offset + count * size > bytes.length) {
    throw new Error(
      `Its pixels end too early: ${Math.max(0, bytes.length - offset)} bytes of ${count * size}. ` +
        "Allowed: a complete file. Download or export it again.",
    );
  }
  // A copy, as a typed array must begin at a multiple of its numbers' size.
  const copy = bytes.slice(offset, offset + count * size);
  if (!littleEndian && size > 1) {
    for (let i = 0; i < copy.length; i += size) copy.subarray(i, i + size).reverse();
  }
  return new Kind(copy.buffer);
}
