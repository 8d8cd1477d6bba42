"""Rows from every decade and beside every threshold, and calls with all their options."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import ml_dtypes
import numpy as np

from course_utils import floats
from tests.fuzz.layouts import DRESSES, SHAPES

FUNCTIONS = ("softmax", "log_softmax", "logsumexp", "cross_entropy", "cross_entropy_with_grad")
INTEGERS = ("int8", "uint8", "int16", "int64", "uint64")


@dataclass(frozen=True)
class Call:
    """One call. `rows` are float64 values that `dtype` can store; arrays beside them have a line for each row."""

    function: str
    dtype: str
    rows: np.ndarray
    shape: str = "last"  # how the rows lie in the array, a key of `layouts.SHAPES`
    dress: str = "plain"  # memory order, byte order, list: a key of `layouts.DRESSES`
    parts: dict = field(default_factory=dict)  # where, b, targets, soft: (rows, classes) or (rows,)
    options: dict = field(default_factory=dict)  # what goes in as it is
    out: str = ""  # "fresh", "alias", "overlap"

    @property
    def fmt(self):
        """The format of the result; integers are promoted to float64."""
        logits = floats.FORMATS.get(self.dtype, floats.FORMATS["float64"])
        if "b" not in self.parts:
            return logits
        return floats.format_of(np.result_type(logits.dtype, self.parts["b"].dtype))

    @property
    def stored(self):
        return (
            floats.store(self.rows, self.dtype)
            if self.dtype in floats.FORMATS
            else self.rows.astype(self.dtype)
        )


def edges(fmt, classes):
    """Inputs at which exp, or a sum of `classes` of them, changes its nature."""
    cliffs = [fmt.exp_last_finite, fmt.exp_first_bad, fmt.exp_first_subnormal, fmt.exp_first_zero]
    limit, ulps = math.log(fmt.max), math.log(fmt.eps)
    sums = [limit - math.log(classes * k) for k in (1, 3, 16, classes)] + [-limit + math.log(classes)]
    return [
        *cliffs,
        *sums,
        ulps,
        -ulps,
        ulps / 2,
        -math.log(classes),
        math.log(fmt.smallest_normal),
        0.0,
        1.0,
    ]


def beside(random, fmt, size, classes):
    """A threshold and its neighbours, a few steps away; now and then by a whole number further."""
    values = random.choice(edges(fmt, classes), size)
    steps = random.integers(-3, 4, size) * random.choice([1, 1, 1, 1000], size)
    return values + steps * floats.spacing(values, fmt)


def decade(random, fmt, size, classes):
    low, high = math.log10(fmt.smallest_subnormal), math.log10(fmt.max)
    return random.choice([-1, 1]) * 10 ** random.uniform(low, high) * random.uniform(0.1, 1, size)


def decades(random, fmt, size, classes):
    low, high = math.log10(fmt.smallest_subnormal), math.log10(fmt.max)
    return random.choice([-1, 1], size) * 10 ** random.uniform(low, high, size)


def normal(random, fmt, size, classes):
    return random.normal(0, 10 ** random.uniform(-2, 3), size)


def offset(random, fmt, size, classes):
    """Small differences on a large offset."""
    centre = random.choice([-1, 1]) * 10 ** random.uniform(0, math.log10(fmt.max) - 1)
    return centre + random.normal(0, 10 ** random.uniform(-3, 2), size)


def winner(random, fmt, size, classes):
    """One far above the others: its log p and loss are a tiny sum of theirs."""
    row = np.full(size, -random.uniform(0, 1.2 * -fmt.exp_first_zero)) + random.normal(0, 1, size)
    row[random.integers(size)] = 0
    return row + random.choice([0, 0, random.normal(0, 50), fmt.exp_last_finite])


def small_terms(random, fmt, size, classes):
    """Many equal small terms beside a large one, at and around the edge of what the format can hold."""
    gap = random.choice([fmt.exp_first_zero, fmt.exp_first_subnormal, math.log(fmt.eps), -1.0])
    row = np.full(size, gap * random.uniform(0.9, 1.1))
    row[random.integers(size)] = 0
    return row + random.choice([0, 0, random.normal(0, 50), fmt.exp_last_finite])


def equal(random, fmt, size, classes):
    return np.full(size, random.choice(edges(fmt, classes)) + random.choice([0, 0, random.normal(0, 100)]))


def ties(random, fmt, size, classes):
    few = random.choice([beside, normal, decade])(random, fmt, 3, classes)
    return random.choice(few, size)


def confident(random, fmt, size, classes):
    """A logsumexp near 0: equal terms of -log n."""
    return -math.log(size) + random.normal(0, 1, size) * random.choice([0, fmt.eps, 1e-3, 1])


def masked(random, fmt, size, classes):
    row = normal(random, fmt, size, classes)
    row[random.random(size) < random.choice([0.2, 0.9, 1.0])] = -np.inf
    return row


def spoiled(random, fmt, size, classes):
    row = random.choice([normal, masked])(random, fmt, size, classes)
    row[random.integers(size)] = random.choice([np.nan, np.inf])
    return row


KINDS = [beside, decade, decades, normal, normal, offset, winner, winner, small_terms, equal, ties, confident]
RARE = [masked, spoiled]


def rows(random, fmt, count, size, rare=0.15):
    """Rows of different kinds in one batch: they live far apart."""
    kinds = random.choice(KINDS, random.integers(1, 4))
    made = [
        (random.choice(RARE) if random.random() < rare else random.choice(kinds))(random, fmt, size, size)
        for _ in range(count)
    ]
    with np.errstate(all="ignore"):
        values = np.array(made).reshape(count, size)
        finite = np.clip(values, -fmt.max, fmt.max)
    values = np.where(np.isfinite(values), finite, values)
    if not fmt.has_inf:  # the format stores an infinity as NaN
        values = np.where(np.isinf(values), np.where(values < 0, -fmt.max, np.nan), values)
    return floats.store(values, fmt).astype(np.float64)


def dimensions(random):
    """(rows, classes): mostly small, at times many rows or many classes."""
    draw = random.random()
    if draw < 0.6:
        return int(random.integers(1, 6)), int(random.integers(1, 13))
    if draw < 0.9:
        return int(random.integers(1, 6)), int(10 ** random.uniform(0, math.log10(600)))
    if draw < 0.97:
        return int(random.integers(10, 300)), int(random.integers(1, 20))
    return int(random.integers(1, 4)), int(random.integers(600, 5000))


def call(random) -> Call:
    """One call of one function: any format, layout and options."""
    function = str(random.choice(FUNCTIONS))
    dtype = str(random.choice([*floats.FORMATS, "float64", "float64", "float32", "float32", "integer"]))
    count, size = dimensions(random)
    if dtype == "integer":
        dtype = str(random.choice(INTEGERS))
        limits = np.iinfo(dtype)
        near = random.integers(max(limits.min, -1000), min(limits.max, 1000), (count, size))
        ends = random.choice(np.array([limits.min, limits.max], dtype), (count, size))
        values = np.where(random.random((count, size)) < 0.1, ends.astype(np.float64), near)
        # Of what float64 rounds up beyond the largest integer, the largest that both know is taken.
        values = np.minimum(values, np.nextafter(float(limits.max), 0) if limits.bits == 64 else limits.max)
    else:
        values = rows(random, floats.FORMATS[dtype], count, size)
    shape = str(random.choice(SHAPES)) if random.random() < 0.6 else "last"
    dress = str(random.choice(DRESSES)) if random.random() < 0.6 else "plain"
    if dress == "list" and dtype not in ("float64", "int64"):
        dress = "plain"
    if dress == "big_endian" and dtype not in ("float64", "float32", "float16", "int16", "int64", "uint64"):
        dress = "plain"
    parts, options, out = OPTIONS[function](random, dtype, values)
    return Call(function, dtype, values, shape, dress, parts, options, out)


def _mask(random, dtype, values):
    """Which entries count; some of the others are made to hold what must not leak."""
    where = random.random(values.shape) < random.choice([0.2, 0.8, 1.0])
    if dtype in floats.FORMATS:
        junk = random.choice([np.nan, np.inf, -np.inf, floats.FORMATS[dtype].max], values.shape)
        leak = ~where & (random.random(values.shape) < 0.3)
        values[leak] = floats.store(junk, dtype).astype(np.float64)[leak]
    return where


def _probability_options(random, dtype, values):
    parts, options, out = {}, {}, ""
    if random.random() < 0.35:
        parts["where"] = _mask(random, dtype, values)
    if random.random() < 0.3:
        options["masked"] = str(random.choice(["nan", "zeros"]))
    if random.random() < 0.4:
        out = str(random.choice(["fresh", "alias", "overlap"]))
    return parts, options, out


def _logsumexp_options(random, dtype, values):
    parts, options = {}, {}
    if random.random() < 0.35:
        parts["where"] = _mask(random, dtype, values)
    if random.random() < 0.5:
        parts["b"] = _weights(random, dtype, values)
    if random.random() < 0.3:
        options["keepdims"] = True
    if random.random() < 0.4:
        options["return_sign"] = True
    return parts, options, ""


def _weights(random, dtype, values):
    """Sized, signed, tiny, huge and absent weights, in the format of the logits or in another."""
    kind = dtype if dtype in floats.FORMATS else "float64"
    if kind in ("float32", "float64", "float16"):
        kind = str(random.choice([kind, kind, "float64", "float32"]))
    limit = math.log10(floats.FORMATS[kind].max) * 0.999
    size = random.choice([0, 1, limit])
    b = 10 ** np.clip(random.normal(0, size / 2 + 1e-9, values.shape), -limit, limit)
    if random.random() < 0.5:
        b *= random.choice([-1, 1], values.shape)
    b[random.random(values.shape) < random.choice([0, 0.3])] = 0
    if random.random() < 0.2:
        b = np.round(np.clip(b, -9, 9))
    return floats.store(b, kind)


def _loss_options(random, dtype, values):
    parts, options = {}, {}
    count, size = values.shape
    if random.random() < 0.5:
        parts["targets"] = random.integers(0, size, count).astype(
            str(random.choice(["i8", "i4", "i2", ">i4"]))
        )
        if random.random() < 0.3:
            ignore = int(random.choice([-100, -1, size, 0]))
            options["ignore_index"] = ignore
            parts["targets"][random.random(count) < random.choice([0.3, 1])] = ignore
    else:
        parts["soft"], options["check_sum"] = _soft(random, count, size)
    if random.random() < 0.4:
        weight = 10 ** random.normal(0, random.choice([0.3, 3]), size)
        weight[random.random(size) < random.choice([0, 0.3, 1])] = 0
        options["weight"] = weight.astype(str(random.choice(["f8", "f8", "f4"])))
    if random.random() < 0.4:
        options["label_smoothing"] = float(random.choice([0.1, 1e-12, 0.9, 1.0, random.random()]))
    if random.random() < 0.7:
        options["reduction"] = str(random.choice(["mean", "sum", "none"]))
    if random.random() < 0.3:
        options["empty"] = str(random.choice(["nan", "zero"]))
    return parts, options, ""


def _soft(random, count, size):
    """(soft targets, whether their sums are to be checked)."""
    if random.random() < 0.3:
        soft = random.random((count, size)) * random.choice([0, 0.5, 3])
        soft[random.random((count, size)) < 0.3] = 0
        return soft.astype(str(random.choice(["f8", "f4", ">f8"]))), False
    soft = 10 ** random.normal(0, random.choice([0.1, 5]), (count, size))
    soft[random.random((count, size)) < random.choice([0, 0.5])] = 0
    soft[np.arange(count), random.integers(0, size, count)] += 1e-3
    soft /= soft.sum(axis=1, keepdims=True)
    dtype = str(random.choice(["f8", "f8", ">f8", "f4", "f2", "bfloat16"]))
    # Of many probabilities that round to 0 in a narrow format the sum is no longer 1.
    return soft.astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype), dtype in ("f8", ">f8")


OPTIONS = {
    "softmax": _probability_options,
    "log_softmax": _probability_options,
    "logsumexp": _logsumexp_options,
    "cross_entropy": _loss_options,
    "cross_entropy_with_grad": _loss_options,
}
