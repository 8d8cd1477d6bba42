// Which keys a control in a cell's output keeps, and which go on to JupyterLab. Stands before quiz.js and core.js, as elements.js does.
//
// On a control a letter would otherwise be a command of the notebook: b adds a cell, dd deletes one. What no control
// uses goes on its way: Shift+Enter runs, Ctrl+S saves, Escape leaves, arrows move on from a button.

const LEAPS = ["Home", "End", "PageUp", "PageDown"];
const ARROWS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
const USED = [
  ["[role=slider]", [...LEAPS, ...ARROWS]],
  ["input", [...LEAPS, ...ARROWS, "Enter", "Backspace", "Delete"]],
  ["button, summary", ["Enter"]],
];

function isPlain(event) {
  return !(event.ctrlKey || event.metaKey || event.altKey);
}

function keepKeys(root) {
  root.addEventListener("keydown", (event) => {
    const used = USED.find(([selector]) => event.target.matches(selector))?.[1] ?? [];
    const ours = event.key.length === 1 || (used.includes(event.key) && !event.shiftKey);
    if (isPlain(event) && ours) event.stopPropagation();
    if (event.key === "Escape") leave(root);
  });
  root.addEventListener("keydown", (event) => event.target.matches("input") && passOn(root, event), true);
}

// The boxes of ipywidgets let no key through. What only the notebook can mean is sent again, from the cell.
function passOn(root, event) {
  const runs = event.key === "Enter" && (event.shiftKey || !isPlain(event));
  const saves = event.key.toLowerCase() === "s" && (event.ctrlKey || event.metaKey);
  if (!runs && !saves && event.key !== "Escape") return;
  event.stopPropagation();
  event.preventDefault();
  if (!saves) leave(root);
  (root.closest(".jp-Cell") ?? root.parentElement)?.dispatchEvent(new KeyboardEvent(event.type, event));
}

// To the cell, where JupyterLab's keys work as after any Escape.
function leave(root) {
  const cell = root.closest(".jp-Cell");
  document.activeElement?.blur();
  cell?.focus({ preventScroll: true });
}

