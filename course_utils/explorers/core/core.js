// The part of an explorer that lives in the page. Python sends one frame at a time: picture, sentence, numbers.

function fillTable(holder, rows) {
  const table = make("table", {});
  const head = make("tr", {}, make("thead", {}, table));
  Object.keys(rows[0] ?? {}).forEach((key) => make("th", { scope: "col", textContent: key }, head));
  const body = make("tbody", {}, table);
  for (const row of rows) {
    const line = make("tr", {}, body);
    Object.values(row).forEach((text, column) =>
      column === 0
        ? make("th", { scope: "row", textContent: text }, line)
        : make("td", { textContent: text }, line),
    );
  }
  holder.replaceChildren(table);
}

const label = (node) => node.closest(".widget-hslider")?.querySelector(".widget-label")?.textContent ?? "";

// ipywidgets gives a handle no name, and a choice's handle says its position, not its word.
function nameHandle(handle) {
  const readout = handle.closest(".widget-hslider").querySelector(".widget-readout");
  const speak = () => handle.setAttribute("aria-valuetext", readout.textContent);
  handle.setAttribute("aria-label", label(handle));
  readout.setAttribute("aria-hidden", "true");
  readout.contentEditable = "false";
  new MutationObserver(speak).observe(readout, { childList: true, characterData: true, subtree: true });
  speak();
  const box = handle.closest(".explorer-number")?.querySelector("input");
  box?.setAttribute("aria-label", `${label(handle)}, exact value`);
}

// Nor does it say which of some buttons is pressed, and what they are for.
function nameToggles(toggles) {
  const group = toggles.querySelector(".widget-toggle-button")?.parentElement;
  if (!group) return false;
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", toggles.querySelector(".widget-label").textContent);
  const speak = () => {
    for (const button of group.querySelectorAll("button"))
      button.setAttribute("aria-pressed", String(button.classList.contains("mod-active")));
  };
  new MutationObserver(speak).observe(group, { attributes: true, attributeFilter: ["class"], subtree: true });
  speak();
  return true;
}

// noUiSlider remembers the limits it was made with for Home and End, and its Page keys go 5 steps.
function leap(handle, key) {
  const slider = handle.closest(".noUi-target").noUiSlider;
  const { range, step } = slider.options;
  const [low, high, now] = [range.min, range.max, Number(slider.get(true))].map(Number);
  const far = Math.max(1, Math.round((high - low) / 20 / step)) * step;
  const to = { Home: low, End: high, PageUp: now + far, PageDown: now - far }[key];
  slider.set(Math.min(Math.max(to, low), high));
}

function adopt(root, speakExactly) {
  keepKeys(root);
  root.addEventListener(
    "keydown",
    (event) => {
      const leaps = isPlain(event) && !event.shiftKey && LEAPS.includes(event.key);
      if (!leaps || !event.target.matches(".noUi-handle")) return;
      event.preventDefault();
      event.stopPropagation();
      leap(event.target, event.key);
    },
    { capture: true },
  );
  const named = new WeakSet();
  const look = () => {
    for (const handle of root.querySelectorAll(".noUi-handle")) {
      if (named.has(handle) || !handle.closest(".widget-hslider")?.querySelector(".widget-label")) continue;
      named.add(handle);
      nameHandle(handle);
      speakExactly();
    }
    for (const toggles of root.querySelectorAll(".widget-toggle-buttons"))
      if (!named.has(toggles) && nameToggles(toggles)) named.add(toggles);
  };
  new MutationObserver(look).observe(root, { childList: true, subtree: true });
  look();
}

function whenIn(el, selector, then) {
  const root = el.closest(selector);
  if (root) then(root);
  else requestAnimationFrame(() => whenIn(el, selector, then));
}

function render({ model, el }) {
  const status = make("p", { className: "explorer-sentence", role: "status" }, el);
  const error = make("p", { className: "explorer-error", role: "alert" }, el);
  const figure = make("figure", { className: "explorer-figure" }, el);
  const image = make("img", { alt: model.get("sentence") }, figure);
  image.style.maxWidth = `${1.15 * model.get("width")}px`;
  make("figcaption", { textContent: model.get("caption") }, figure);
  const details = make("details", {}, el);
  make("summary", { textContent: "The numbers in this figure" }, details);
  const holder = make("div", { className: "explorer-table" }, details);
  let root = null;

  const speakExactly = () => {
    const spoken = model.get("spoken");
    for (const handle of root?.querySelectorAll(".noUi-handle") ?? []) {
      const text = spoken[label(handle)];
      if (text !== undefined) handle.setAttribute("aria-valuetext", text);
    }
  };
  const showPicture = () => {
    const old = image.src;
    image.src = URL.createObjectURL(new Blob([model.get("png")], { type: "image/png" }));
    URL.revokeObjectURL(old);
  };
  const showWords = () => {
    status.textContent = model.get("sentence");
    image.alt = model.get("sentence");
    speakExactly();
  };
  // A film is watched, not read out; where it ends, the line is.
  const showPlaying = () => {
    status.setAttribute("aria-live", model.get("playing") ? "off" : "polite");
    showWords();
  };
  const showRows = () => details.open && fillTable(holder, model.get("rows"));
  const showError = () => (error.textContent = model.get("error"));

  model.on("change:png", showPicture);
  model.on("change:sentence", showWords);
  model.on("change:spoken", speakExactly);
  model.on("change:rows", showRows);
  model.on("change:error", showError);
  model.on("change:playing", showPlaying);
  details.addEventListener("toggle", showRows);
  showPicture();
  showWords();
  showError();
  // A picture of exactly the pixels it is shown with: neither blurred nor larger than needed.
  const sharpen = () => {
    if (!image.clientWidth) return;
    model.set("ratio", ((image.clientWidth + 0.01) / model.get("width")) * window.devicePixelRatio);
    model.save_changes();
  };
  const resized = new ResizeObserver(sharpen);
  resized.observe(figure);
  whenIn(el, ".softmax-explorer", (found) => adopt((root = found), speakExactly));
  return () => resized.disconnect();
}

export default { render };
