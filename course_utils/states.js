// The five states of a number, as plots.STATE_STYLE has them: a glyph and a word in text, a hatch in a shape.

export const GLYPHS = { ok: "●", subnormal: "◐", zero: "○", inf: "∞", NaN: "✕" };

const HATCHES = {
  subnormal: ["M 2 2 h 1.6 M 6 6 h 1.6", 1.6],
  zero: ["M 4 4 h 1.6", 1.6],
  inf: ["M -1 1 L 1 -1 M 0 8 L 8 0 M 7 9 L 9 7", 1.4],
  NaN: ["M 0 0 L 8 8 M 0 8 L 8 0", 1.2],
};

export function drawing(tag, attributes, parent) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  parent?.append(node);
  return node;
}

// Once a page: the patterns that `shape` fills with. They take the colour of the text around them.
export function defineHatches(parent) {
  const holder = drawing("svg", { width: 0, height: 0, "aria-hidden": true, style: "position: absolute" }, parent);
  const definitions = drawing("defs", {}, holder);
  for (const [state, [d, width]] of Object.entries(HATCHES)) {
    const size = { width: 8, height: 8, patternUnits: "userSpaceOnUse" };
    const pattern = drawing("pattern", { id: `hatch-${state}`, ...size }, definitions);
    drawing("path", { d, stroke: "currentColor", "stroke-width": width, fill: "none" }, pattern);
  }
}

// A box from one share of the width to another, in the look of a state: a plain tint when ok, else under its hatch.
export function shape(svg, from, to, state) {
  const place = { x: `${100 * from}%`, width: `${100 * (to - from)}%`, y: 0, height: "100%" };
  drawing("rect", { ...place, class: `shape ${state}`, ...(state === "ok" ? {} : { fill: `url(#hatch-${state})` }) }, svg);
}

// Three digits, a short exponent, the word of a state that is no number.
export function written(x, state) {
  if (state === "NaN" || state === "inf") return `${GLYPHS[state]} ${x < 0 ? "−" : ""}${state}`;
  if (state === "zero") return `${GLYPHS.zero} zero`;
  return state === "subnormal" ? `${GLYPHS.subnormal} ${digits(x, 2)}` : digits(x, 3);
}

export function digits(x, count) {
  const size = Math.abs(x);
  const plain = size === 0 || (size >= 1e-3 && size < 1e5);
  const text = plain ? String(Number(x.toPrecision(count))) : x.toExponential(count - 1).replace("e+", "e");
  return text.replaceAll("-", "−");
}
