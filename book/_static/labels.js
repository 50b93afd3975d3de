// The theme names some controls with other words than those that stand on them; whoever speaks to
// a browser says what stands there. Without a label of its own a control is named by its text.
document.addEventListener("DOMContentLoaded", () => {
  for (const control of document.querySelectorAll("summary[aria-label], .search-button-field[aria-label]")) {
    control.removeAttribute("aria-label");
  }
  // A list of references holds links beside its entries, which a list may not.
  for (const list of document.querySelectorAll(".citation-list[role]")) list.removeAttribute("role");
});
// The icons of the switch of colours each bring a title, two of them of a scheme that is not on; they
// come when their font has loaded.
function quiet() {
  for (const title of document.querySelectorAll(".theme-switch-button svg > title")) {
    const icon = title.parentElement; // the button around it has a name
    icon.removeAttribute("aria-labelledby");
    icon.removeAttribute("role");
    icon.setAttribute("aria-hidden", "true");
    title.remove();
  }
}
document.addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll(".theme-switch-button")) {
    new MutationObserver(quiet).observe(button, { childList: true, subtree: true });
  }
  quiet();
});
