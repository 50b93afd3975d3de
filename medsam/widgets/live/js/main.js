// The two live widgets; which one is a trait of the model.

import { clicks } from "./clicks.js";
import { explorer } from "./explorer.js";

function render(context) {
  return context.model.get("kind") === "ambiguity" ? explorer(context) : clicks(context);
}

export default { render };
