// Filters the table of claims. Called .mjs because Jupyter Book puts every *.js of _static into
// every page; this is a plain script, which only the page with the table loads.
"use strict";

for (const root of document.querySelectorAll(".medsam-claims")) {
  const form = root.querySelector(".mc-filter");
  const count = root.querySelector(".mc-count");
  const none = root.querySelector(".mc-none");
  const table = root.querySelector(".mc-table");
  const rows = [...table.tBodies[0].rows].map((node) => ({
    node,
    published: node.dataset.published,
    run: node.dataset.run,
    sections: node.dataset.sections.split("|"),
    text: `${node.id} ${node.textContent}`.toLowerCase(),
  }));

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
  form.hidden = false;
  show();
}
