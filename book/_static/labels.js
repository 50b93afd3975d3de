// The theme names some controls with other words than those that stand on them; whoever speaks to
// a browser says what stands there. Without a label of its own a control is named by its text.
document.addEventListener("DOMContentLoaded", () => {
  for (const control of document.querySelectorAll("summary[aria-label], .search-button-field[aria-label]")) {
    control.removeAttribute("aria-label");
  }
  // A list of references holds links beside its entries, which a list may not.
  for (const list of document.querySelectorAll(".citation-list[role]")) list.removeAttribute("role");
});
