// A program of the site that runs beside the page: a worker, and calls to it.

// The site says where its own scripts lie. call(action, options, tell) resolves to the answer;
// tell(bytes) is called as bytes come.
export function program(name, options = {}) {
  const worker = new Worker(new URL(`../sam/${name}`, window.medsamWidgets), options);
  let last = 0;
  const call = (action, given, tell = () => {}) =>
    new Promise((resolve, reject) => {
      const id = (last += 1);
      const listen = ({ data }) => {
        if (data.id !== id) return;
        if (data.bytes !== undefined) return tell(data.bytes);
        worker.removeEventListener("message", listen);
        if (data.error !== undefined) reject(new Error(data.error));
        else resolve(data.result);
      };
      worker.addEventListener("message", listen);
      worker.postMessage({ id, action, ...given });
    });
  return Object.assign(call, { worker });
}
