// Reads scans beside the page. A classic worker, as dicom-parser is a script and no module; what
// reads a kind of file comes when the first such file does.

const beside = (name) => new URL(name, self.location.href).href;
let scan = null; // the file that is open

const actions = {
  async open({ file }) {
    const head = new Uint8Array(await file.slice(0, 132).arrayBuffer());
    const dicom = String.fromCharCode(...head.subarray(128)) === "DICM" || /\.(dcm|ima)$/i.test(file.name);
    if (dicom) {
      if (!self.dicomParser) importScripts(beside("dicom-parser.js"));
      scan = await (await import(beside("open-dicom.js"))).openDicom(file, self.dicomParser);
    } else {
      scan = await (await import(beside("open-nifti.js"))).openNifti(file);
    }
    const { images, plane, films, intensity } = scan;
    const planes = scan.volume(0).planes();
    if (!planes.length) throw new Error("It is but a line of pixels. Allowed: at least 2 x 2. Choose another file.");
    return { images, planes, plane: planes.some(({ name }) => name === plane) ? plane : planes[0].name, films, intensity };
  },

  async slice({ image, plane, index, intensity }) {
    const { toGrey } = await import(beside("grey.js"));
    const { values, rows, columns } = scan.volume(image).slice(plane, index);
    return { grey: toGrey(values, intensity), rows, columns };
  },
};

let last = Promise.resolve(); // one after the other
self.addEventListener("message", ({ data: { id, action, ...options } }) => {
  last = last.then(async () => {
    try {
      postMessage({ id, result: await actions[action](options) });
    } catch (error) {
      postMessage({ id, error: String(error?.message ?? error) });
    }
  });
});
