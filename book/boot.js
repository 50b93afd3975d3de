// Shows a page's anywidgets where no kernel runs: each place names the files that hold a widget's
// code, its style and its traits; they are fetched when a reader comes near the place.

(() => {
  // Where this file lies, whatever page it is loaded from: what a widget fetches lies beside it.
  const base = document.currentScript.src.replace(/[^/]*$/, "");
  window.medsamWidgets = base;
  const NEAR = "800px 0px"; // beyond the window: about what a second of reading scrolls by
  const parts = new Map(); // name -> what comes of it: one copy for all widgets of a class
  const models = new Map(); // all views of a model share it

  // What our widgets use of anywidget's model.
  function modelOf(state) {
    const heard = new Map();
    const changed = new Set();
    const tell = (event, ...what) => [...(heard.get(event) ?? [])].forEach((call) => call(...what));
    const model = {
      get: (name) => state[name],
      set(name, value) {
        if (state[name] === value) return;
        state[name] = value;
        changed.add(name);
        tell(`change:${name}`, model, value);
      },
      save_changes() {
        if (changed.size) tell("change", model);
        changed.clear();
      },
      on(event, call) {
        if (!heard.has(event)) heard.set(event, new Set());
        heard.get(event).add(call);
      },
      off(event, call) {
        if (call) heard.get(event)?.delete(call);
        else heard.delete(event);
      },
      send() {
        throw new Error("No kernel runs behind a published page.");
      },
    };
    return model;
  }

  // Not by fetch and import, which a page that is opened from a folder may not use.
  function part(name) {
    const load = (done, fail) => {
      const style = name.endsWith(".css");
      const node = document.createElement(style ? "link" : "script");
      node.onload = () => done(node.holds);
      node.onerror = () => fail(new Error(`the page lacks its file ${name}.`));
      if (style) node.rel = "stylesheet";
      node[style ? "href" : "src"] = `${base}parts/${name}`;
      document.head.append(node);
    };
    if (!parts.has(name)) parts.set(name, new Promise(load));
    return parts.get(name);
  }

  async function show(el) {
    const { model, code, traits, style } = el.dataset;
    try {
      const [widget, state] = await Promise.all([part(code), part(traits), part(style)]);
      if (!models.has(model)) models.set(model, modelOf({ ...state }));
      await widget.render({ model: models.get(model), el });
    } catch (error) {
      el.replaceChildren(`This interactive figure could not be shown: ${error?.message ?? error}`);
      el.setAttribute("role", "note");
      console.error(error);
    }
    el.removeAttribute("aria-busy"); // and with it the height that was kept for it
  }

  const places = new Set(document.querySelectorAll(".jupyter-widgets[data-model]"));
  const near = new IntersectionObserver(
    (seen) => seen.filter((one) => one.isIntersecting).forEach((one) => begin(one.target)),
    { rootMargin: NEAR },
  );
  function begin(el) {
    near.unobserve(el);
    if (places.delete(el)) show(el);
  }
  const all = () => [...places].forEach(begin);
  for (const el of places) near.observe(el);
  addEventListener("beforeprint", all);
  if (matchMedia("print").matches) all();
})();
