// Shows a page's anywidgets where no kernel runs: the page carries the state of each model, with
// its code and its style, and a mark in each place where one is to be seen.

(() => {
  // Where this file lies, whatever page it is loaded from: what a widget fetches lies beside it.
  window.medsamWidgets = document.currentScript.src.replace(/[^/]*$/, "");
  const STATE = "script[type='application/vnd.jupyter.widget-state+json']";
  const VIEW = "script[type='application/vnd.jupyter.widget-view+json']";
  const modules = new Map(); // code -> module: one copy for all widgets of a class
  const styled = new Set();

  // What our widgets use of anywidget's model; all views of a model share it.
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

  function moduleOf(code) {
    if (!modules.has(code)) {
      const place = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
      modules.set(code, import(place).finally(() => URL.revokeObjectURL(place)));
    }
    return modules.get(code);
  }

  function style(css) {
    if (!css || styled.has(css)) return;
    styled.add(css);
    const node = document.createElement("style");
    node.textContent = css;
    document.head.append(node);
  }

  async function show(mark, models, states) {
    const el = document.createElement("div");
    el.className = "jupyter-widgets";
    mark.after(el);
    try {
      const id = JSON.parse(mark.textContent).model_id;
      const entry = states[id];
      if (!entry) throw new Error("the page does not carry its state.");
      if (entry.model_module !== "anywidget") throw new Error(`a ${entry.model_name} needs a kernel.`);
      if (!models.has(id)) models.set(id, modelOf(entry.state));
      style(entry.state._css);
      const { default: widget } = await moduleOf(entry.state._esm);
      await widget.render({ model: models.get(id), el });
    } catch (error) {
      el.replaceChildren(`This interactive figure could not be shown: ${error?.message ?? error}`);
      el.setAttribute("role", "note");
      console.error(error);
    }
  }

  function start() {
    const marks = document.querySelectorAll(VIEW);
    const text = document.querySelector(STATE)?.textContent;
    const states = text ? JSON.parse(text).state : {};
    const models = new Map();
    for (const mark of marks) show(mark, models, states);
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
