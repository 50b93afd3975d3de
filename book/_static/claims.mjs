// A form that filters the table of claims. Called .mjs because Jupyter Book puts every *.js of _static into
// every page; this is a plain script, which only the page with the table loads.
"use strict";

const VERDICTS = {
  holds: "holds",
  rounded: "holds but for rounding",
  partly: "holds in part",
  fails: "does not hold",
  open: "not decidable here",
};

const element = (name, properties, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

const choice = (name, label, options) => {
  const select = element("select", { name });
  for (const [value, words] of [["", "any"], ...options]) select.add(new Option(words, value));
  return element("label", {}, label, select);
};

for (const root of document.querySelectorAll(".medsam-claims")) {
  const table = root.querySelector(".mc-table");
  const rows = [...table.tBodies[0].rows].map((node) => ({
    node,
    published: node.dataset.published,
    run: node.dataset.run,
    sections: node.dataset.sections.split("|"),
    text: `${node.id} ${node.textContent}`.toLowerCase(),
  }));

  // The form chooses among what is there.
  const verdicts = (source) =>
    Object.entries(VERDICTS).filter(([key]) => rows.some((row) => row[source] === key));
  const sections = [...new Set(rows.flatMap((row) => row.sections))].sort();
  const named = sections.map((name) => [name, /^\d/.test(name) ? `section ${name}` : name]);
  const search = { type: "search", name: "words", autocomplete: "off", spellcheck: false };
  const count = element("output", { className: "mc-count" });
  const form = element(
    "form",
    { className: "mc-filter", ariaLabel: "Filter the sentences" },
    choice("published", "Published tables", verdicts("published")),
    choice("run", "Measured here", verdicts("run")),
    choice("section", "Where", named),
    element("label", { className: "mc-words" }, "Words", element("input", search)),
    element("button", { type: "reset" }, "Clear"),
    count,
  );
  const none = element(
    "p",
    { className: "mc-none" },
    "No sentence has all of this. Change or clear the filter.",
  );
  root.prepend(form);
  root.append(none);

  const show = () => {
    const chosen = Object.fromEntries(new FormData(form));
    const words = chosen.words.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const fits =
        (!chosen.published || row.published === chosen.published) &&
        (!chosen.run || row.run === chosen.run) &&
        (!chosen.section || row.sections.includes(chosen.section)) &&
        words.every((word) => row.text.includes(word));
      row.node.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} of ${rows.length} sentences`;
    table.hidden = shown === 0;
    none.hidden = shown !== 0;
  };

  // A link to a row that the filter has put away clears the filter.
  const reveal = () => {
    const row = rows.find(({ node }) => `#${node.id}` === location.hash);
    if (!row) return;
    if (row.node.hidden) form.reset();
    show();
    row.node.scrollIntoView();
  };

  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  // The fields are cleared after the event.
  form.addEventListener("reset", () => setTimeout(show));
  window.addEventListener("hashchange", reveal);
  show();
}
