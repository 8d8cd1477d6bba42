// The live figure of the front page: one row of logits, the textbook softmax and its cure, no kernel.
// Stands after floats.js, elements.js and states.js.

const PATTERN = [1, 0.9, 0, -1]; // times the magnitude, as the pattern "spread" of the course's explorers
const CLASSES = ["A", "B", "C", "D"];
const STEPS = 300; // from 1 to 1000, a hundred steps for each power of ten
const START = { step: 180, format: "float32" };
const ROOMS_SHOWN = {
  naive: { title: "Textbook", formula: "p = exp(z) / sum", exponent: "z" },
  shifted: { title: "Cured", formula: "p = exp(z − max z) / sum", exponent: "z − max z" },
};
const VERDICTS = {
  right: "✓ right",
  NaN: `${GLYPHS.NaN} broken: NaN`,
  zero: `${GLYPHS.zero} broken: all zero`,
  wrong: `${GLYPHS.subnormal} wrong`,
};

// Three digits: what the slider says is what is computed.
const magnitude = (step) => Number((10 ** (step / 100)).toPrecision(3));
const logits = (step) => PATTERN.map((share) => share * magnitude(step));

function verdict({ p }, logits, format) {
  if (p.some(Number.isNaN)) return "NaN";
  if (p.every((x) => x === 0)) return "zero";
  const stored = logits.map((z) => store(z, format));
  const truth = softmax(stored, "float64", "shifted").p;
  const few = 8 * 2 ** (1 - FORMATS[format].precision);
  return p.every((x, i) => Math.abs(x - truth[i]) <= few) ? "right" : "wrong";
}

function verdictAt(step, format, room) {
  const row = logits(step);
  return verdict(softmax(row, format, room), row, format);
}

// Stretches of the slider on which the textbook gives the same verdict: [verdict, first step, last step].
function stretches(format) {
  const found = [];
  for (let step = 0; step <= STEPS; step++) {
    const now = verdictAt(step, format, "naive");
    if (found.at(-1)?.[0] === now) found.at(-1)[2] = step;
    else found.push([now, step, step]);
  }
  return found;
}

const firstBroken = (format) => stretches(format).find(([now]) => now !== "right")[1];

// --- what is drawn ---------------------------------------------------------------------------------------

function makePanel(name, parent) {
  const { title, formula, exponent } = ROOMS_SHOWN[name];
  const panel = make("section", { className: "panel" }, parent);
  const head = make("div", { className: "panel-head" }, panel);
  make("h3", { textContent: title, id: `panel-${name}` }, head);
  panel.setAttribute("aria-labelledby", `panel-${name}`);
  const said = make("strong", { className: "verdict" }, head);
  make("p", { className: "formula" }, panel).append(make("code", { textContent: formula }));
  const table = make("table", {}, panel);
  table.setAttribute("aria-labelledby", `panel-${name}`);
  const top = make("tr", {}, make("thead", {}, table));
  for (const text of ["class", exponent, "exp", "probability p"]) make("th", { scope: "col", textContent: text }, top);
  const body = make("tbody", {}, table);
  const rows = CLASSES.map((label) => makeRow(label, body));
  const foot = make("tr", {}, make("tfoot", {}, table));
  make("th", { scope: "row", textContent: "sum" }, foot);
  make("td", {}, foot);
  const sums = [make("td", {}, foot), make("td", { className: "p" }, foot)];
  return { panel, said, rows, sums };
}

function makeRow(label, body) {
  const row = make("tr", {}, body);
  make("th", { scope: "row", textContent: label }, row);
  const [z, exp, p] = ["", "", "p"].map((className) => make("td", { className }, row));
  const bar = drawing("svg", { class: "bar", "aria-hidden": true }, p);
  return { z, exp, bar, p: make("span", { className: "number" }, p) };
}

function write(node, x, format) {
  const state = stateOf(x, format);
  node.textContent = written(x, state);
  node.dataset.state = state;
}

function drawBar(bar, x, state) {
  bar.replaceChildren();
  const length = state === "ok" || state === "subnormal" ? x : state === "zero" ? 0.12 : 1;
  shape(bar, 0, length, state);
}

function fill({ panel, said, rows, sums }, steps, now, format) {
  panel.dataset.verdict = now;
  said.textContent = VERDICTS[now];
  rows.forEach((row, i) => {
    row.z.textContent = digits(steps.exponents[i], 3);
    write(row.exp, steps.exps[i], format);
    write(row.p, steps.p[i], format);
    drawBar(row.bar, steps.p[i], stateOf(steps.p[i], format));
  });
  write(sums[0], steps.sum, format);
  write(sums[1], total(steps.p, format), format);
}

function drawStrip(strip, format) {
  strip.replaceChildren();
  for (const [now, from, to] of stretches(format))
    shape(strip, from / STEPS, Math.min((to + 1) / STEPS, 1), { right: "ok", wrong: "subnormal" }[now] ?? now);
}

function describeStrip(format) {
  const words = { right: "right", NaN: "NaN", zero: "every p is 0", wrong: "digits lost" };
  const parts = stretches(format).map(([now, from, to]) => {
    const [low, high] = [digits(magnitude(from), 3), digits(magnitude(to), 3)];
    const where = from === 0 ? `up to ${high}` : to === STEPS ? `from ${low}` : low === high ? `at ${low}` : `from ${low} to ${high}`;
    return `${VERDICTS[now].slice(0, 1)} ${words[now]} ${where}`;
  });
  return `Textbook in ${format}: ${parts.join(", ")}.`;
}

// What happens, and why. The line is announced: it changes when something else happens, not with every step.
function explain(steps, now, format) {
  const end = `the largest ${format}, ${digits(FORMATS[format].max, 5)}`;
  const lost = "The textbook broke, and no error told you";
  if (now === "right") return `Both are right: every exp, and their sum, stay below ${end}.`;
  if (now === "zero") return `${lost}: the sum passes ${end}, and becomes inf; x / inf is 0.`;
  if (now === "NaN" && steps.sum === 0) return `${lost}: every exp is too small and becomes 0; 0 / 0 is NaN.`;
  if (now === "NaN") return `${lost}: exp(z) passes ${end}, and becomes inf; inf / inf is NaN.`;
  return `${lost}: its p are finite, and wrong.`;
}

// --- the figure ------------------------------------------------------------------------------------------

function start(root) {
  defineHatches(root.querySelector("[data-part=panels]").parentElement);
  const find = (name) => root.querySelector(`[data-part=${name}]`);
  const [size, format, strip, jump] = ["magnitude", "format", "strip", "jump"].map(find);
  const names = Object.keys(FORMATS);
  const panels = Object.keys(ROOMS_SHOWN).map((name) => [name, makePanel(name, find("panels"))]);
  let shown = "";
  size.value = START.step;
  format.value = names.indexOf(START.format);

  const draw = () => {
    const name = names[format.value];
    const row = logits(Number(size.value));
    const results = panels.map(([room, panel]) => {
      const steps = softmax(row, name, room);
      const now = verdict(steps, row, name);
      fill(panel, steps, now, name);
      return [steps, now];
    });
    const [steps, now] = results[0];
    const M = digits(magnitude(Number(size.value)), 3);
    size.setAttribute("aria-valuetext", M);
    format.setAttribute("aria-valuetext", name);
    find("magnitude-shown").textContent = M;
    find("format-shown").textContent = name;
    find("row").textContent = `[${row.map((z) => digits(store(z, name), 3)).join(", ")}]`;
    jump.textContent = now === "right" ? "Break it" : "Back to safety";
    if (shown !== name) drawStrip(strip, name);
    if (shown !== name) find("strip-words").textContent = describeStrip(name);
    shown = name;
    const said = explain(steps, now, name);
    if (find("status").textContent !== said) find("status").textContent = said;
  };
  const go = () => {
    const name = names[format.value];
    const broken = verdictAt(Number(size.value), name, "naive") !== "right";
    size.value = broken ? firstBroken(name) - 30 : Math.min(firstBroken(name) + 10, STEPS);
    draw();
  };
  size.addEventListener("input", draw);
  format.addEventListener("input", draw);
  jump.addEventListener("click", go);
  draw();
  root.dataset.ready = "";
}

start(document.querySelector("[data-live]"));
