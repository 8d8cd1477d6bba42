// The arithmetic of floats.py in a page: four formats, softmax step by step, each step rounded as NumPy rounds it.
//
// JavaScript has one kind of number, float64. Two numbers of a format of at most 24 bits, added, subtracted or divided
// in float64 and rounded once more, give the correctly rounded result: 53 bits are more than 2 * 24 + 2.

export const FORMATS = {
  float64: { precision: 53, lowest: -1022, max: Number.MAX_VALUE },
  float32: { precision: 24, lowest: -126, max: (2 - 2 ** -23) * 2 ** 127 },
  float16: { precision: 11, lowest: -14, max: 65504 },
  bfloat16: { precision: 8, lowest: -126, max: (2 - 2 ** -7) * 2 ** 127 },
};

// The exponent of a finite number that is not 0: 2^e <= |x| < 2^(e + 1). A logarithm may round up to the next one.
function exponent(size) {
  const e = Math.floor(Math.log2(size));
  return 2 ** e > size ? e - 1 : e;
}

// What a format keeps of x: rounded once, ties to even, subnormals with the spacing of the smallest normal.
export function store(x, name) {
  const { precision, lowest, max } = FORMATS[name];
  const size = Math.abs(x);
  if (name === "float64" || size === 0 || !Number.isFinite(x)) return x;
  const ulp = 2 ** (Math.max(exponent(size), lowest) - precision + 1);
  const rounded = (size / ulp + 2 ** 52 - 2 ** 52) * ulp; // float64 keeps no half of a number this large
  return Math.sign(x) * (rounded > max ? Infinity : rounded);
}

export function stateOf(x, name) {
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return "inf";
  if (x === 0) return "zero";
  return Math.abs(x) < 2 ** FORMATS[name].lowest ? "subnormal" : "ok";
}

// exp in a format. In float64 and, rounded, in 16 bits it is the platform's; float32 has its own in NumPy.
export function exp(x, name) {
  return name === "float32" ? exp32(x) : store(Math.exp(x), name);
}

// NumPy's exp of a float32 on x86 processors, up to 2.5 ulps from the truth: x = k ln 2 + r, exp r as a ratio of
// polynomials, times 2^k. Each step is rounded to float32; the product in a fused step is exact in float64.
const fused = (a, b, c) => Math.fround(a * b + c);
const horner = (x, coefficients) => coefficients.map(Math.fround).reduce((sum, c) => fused(sum, x, c));
const LN2 = [-6.93145752e-1, -1.42860677e-6].map(Math.fround);
const ABOVE = [5.082762527590693718096e-4, 6.757896990527504603057e-3, 5.114512081637298353406e-2,
  2.473615434895520810817e-1, 7.257664613233124478488e-1, 9.99999999980870924916e-1];
const BELOW = [2.159509375685829852307e-2, -2.742335390411667452936e-1, 1];

function exp32(x) {
  if (Number.isNaN(x)) return x;
  if (x >= 88.72283935546875) return Infinity;
  if (x <= -103.97208404541015625) return 0;
  const k = store(x * Math.fround(Math.LOG2E), "float32");
  const whole = k + 2 ** 52 * 1.5 - 2 ** 52 * 1.5;
  const r = LN2.reduce((rest, part) => fused(whole, part, rest), x);
  return store(Math.fround(horner(r, ABOVE) / horner(r, BELOW)) * 2 ** whole, "float32");
}

// As np.sum adds a row of fewer than eight: from left to right. float16 adds in float32 and rounds at the end.
export function total(values, name) {
  const accumulator = name === "float16" ? "float32" : name;
  return store(values.reduce((sum, x) => store(sum + x, accumulator)), name);
}

const ROOMS = {
  naive: (z) => z,
  shifted: (z, name) => z.map((logit) => store(logit - Math.max(...z), name)),
};

// Softmax in a format with nothing hidden: the exponents, their exp, the sum, the probabilities.
export function softmax(logits, name, room) {
  const exponents = ROOMS[room](logits.map((logit) => store(logit, name)), name);
  const exps = exponents.map((x) => exp(x, name));
  const sum = total(exps, name);
  return { exponents, exps, sum, p: exps.map((x) => store(x / sum, name)) };
}
