"""The formulas that are a softmax underneath: sigmoids, binary losses, entropies, divergences, backward passes."""

from __future__ import annotations

from functools import partial

import numpy as np

from course_utils import floats
from course_utils.audit.cases.case import ACCURACY, ARGUMENTS, INF, NAN, RANGE, SHAPES, SPECIAL, TYPES, Case

PAIRS = ("sigmoid", "log_sigmoid", "softplus", "log1mexp", "binary_cross_entropy")
ROWS = ("entropy", "kl_divergence", "softmax_backward", "log_softmax_backward")
DISGUISES = PAIRS + ROWS
OF_TWO = ("binary_cross_entropy", "kl_divergence", "softmax_backward", "log_softmax_backward")
FORMATS = ("float64", "float32", "float16", "bfloat16")

_BATCH = [[1, -2, 3], [0.5, 0, -1]]


def cases(kind):
    """All of them, in no order."""
    ask = partial(_ask, kind)
    for name in FORMATS:
        fmt = floats.FORMATS[name]
        for words, group, logits, *second in _of_format(kind, fmt):
            yield ask(f"{words}, {name}", group, logits, *second, dtype=name)
    for name in FORMATS[:2]:
        for words, logits, *second in _SPECIAL[kind]:
            yield ask(f"{words}, {name}", SPECIAL, logits, *second, dtype=name)
    yield from _shapes(ask, kind)


def _ask(kind, name, group, logits, *second, dtype="float64", **more):
    """A case whose second array, where the kind takes one, is stored in the same format."""
    logits = floats.store(-np.abs(np.asarray(logits, float)) if kind == "log1mexp" else logits, dtype)
    second = floats.store(second[0] if second else _other(kind, logits), dtype) if kind in OF_TWO else None
    return Case(name, group, logits, second, beside=kind in OF_TWO, **more)


def _other(kind, logits):
    """An ordinary second array: targets for a loss, other logits, a gradient."""
    steps = np.arange(logits.size).reshape(logits.shape)
    return {"binary_cross_entropy": steps % 2, "kl_divergence": steps % 4}.get(kind, 1 - steps % 3)


def _of_format(kind, fmt):
    yield "a batch of 2 x 3", RANGE, _BATCH
    own = {"binary_cross_entropy": _losses, "entropy": _entropies, "kl_divergence": _divergences}
    yield from own.get(kind, _backward if kind in ROWS else partial(_numbers, kind))(fmt)


def _edges(fmt):
    """(words, distance from 0): before and past what 1 + e^-z can hold, and past both ends of exp."""
    margin = fmt.absorption_margin
    yield "half of what 1 absorbs", 0.5 * margin
    yield "nearly what 1 absorbs", 0.9 * margin
    yield "past what 1 absorbs", 1.1 * margin
    yield "twice what 1 absorbs", 2 * margin
    yield "before the cliff of exp", 0.98 * fmt.exp_last_finite
    yield "between the two ends of exp", (fmt.exp_first_bad - fmt.exp_first_zero) / 2
    yield "past the cliff of exp", 1.2 * max(fmt.exp_first_bad, -fmt.exp_first_zero)
    yield "the largest number", fmt.max


def _numbers(kind, fmt):
    for words, size in _edges(fmt):
        for sign, side in ((1, "above 0"), (-1, "below 0")) if kind != "log1mexp" else ((-1, "below 0"),):
            yield f"{words}, {side}", RANGE, [sign * size]
    random = np.random.default_rng(0)
    yield "40 numbers from N(0, 3)", ACCURACY, random.normal(0, 3, 40)
    yield "40 numbers next to 0", ACCURACY, random.uniform(1, 2, 40) * fmt.eps
    if fmt.bits == 64:
        yield "past a cut-off that suits float32", ACCURACY, [20.5, -20.5, 25, -25]


def _losses(fmt):
    for words, size in _edges(fmt):
        for z, y, said in ((size, 0, "wrong, a no"), (-size, 1, "wrong, a yes"), (size, 1, "right, a yes"),
                           (-size, 0, "right, a no"), (size, 0.9, "a target of 0.9")):  # fmt: skip
            if y != 0.9 or size < fmt.max:
                yield f"{words}: {said}", RANGE, [z], [y]
    yield "a target next to 1", ACCURACY, [58.0], [1 - fmt.eps]


def _entropies(fmt):
    for words, size in _edges(fmt):
        if "between" not in words:  # where the entropy itself is subnormal and has few digits
            yield f"one class ahead by {words}", RANGE, [0, -min(size, fmt.max / 2)]
    huge = min(1000.0, fmt.max / 2)
    yield "two huge equal logits", RANGE, [huge, huge]
    yield "a small difference of large logits", ACCURACY, [huge, 0.99 * huge]
    random = np.random.default_rng(1)
    yield "60 logits from N(0, 3)", ACCURACY, random.normal(0, 3, 60)
    yield "60 logits from N(0, 20)", ACCURACY, random.normal(0, 20, 60)
    yield "seven equal logits", ACCURACY, np.zeros(7)


def _divergences(fmt):
    random = np.random.default_rng(2)
    row = floats.store(random.normal(0, 1, (4, 8)), fmt).astype(np.float64)
    for times in (2, 64):
        near = row + times * fmt.eps * random.choice([-1, 0, 1], row.shape)
        yield f"rows {times} spacings apart", ACCURACY, row, near
    yield "rows 0.1 apart", ACCURACY, row, row + random.normal(0, 0.1, row.shape)
    yield "equal rows", ACCURACY, row, row
    yield "rows of N(0, 10)", ACCURACY, 10 * row, 10 * row[::-1]
    far = min(1.2 * max(fmt.exp_first_bad, -fmt.exp_first_zero), fmt.max / 4)
    yield "each sure of another class", RANGE, [0, -far], [-far, 0]
    yield "sure against undecided", RANGE, [0, -far], [0, 0]
    yield "undecided against sure", RANGE, [0, 0], [0, -far]


def _backward(fmt):
    margin = fmt.absorption_margin
    for times in (0.5, 1.1, 1.5):
        row = [0, -times * margin, -times * margin - 1]
        for index in range(2):
            words = f"one class ahead by {times} absorption margins, a gradient of -1 at class {index}"
            yield words, ACCURACY, row, -np.eye(3)[index]
    random = np.random.default_rng(3)
    yield "rows of N(0, 3)", ACCURACY, random.normal(0, 3, (4, 8)), random.normal(0, 1, (4, 8))
    huge = min(1000.0, fmt.max / 2)
    yield "huge logits", RANGE, [huge, huge, -huge], [1, 0, 2]


_SPECIAL = {
    **{kind: [("-inf", [-INF]), ("+inf", [INF]), ("NaN stays where it is", [NAN, 1])] for kind in PAIRS[:3]},
    "log1mexp": [("-inf", [-INF]), ("log 1", [0.0]), ("NaN stays where it is", [NAN, -1])],
    "binary_cross_entropy": [
        ("sure of no, and right", [-INF], [0]),
        ("sure of yes, and right", [INF], [1]),
        ("sure of no, and wrong", [-INF], [1]),
        ("sure of yes, and wrong", [INF], [0]),
        ("a NaN", [NAN], [1]),
    ],
    "entropy": [
        ("a class at -inf", [1, 2, -INF]),
        ("one class that is not at -inf", [-INF, 3]),
        ("nothing but -inf", [-INF, -INF]),
        ("a NaN stays in its row", [[NAN, 1], [0, 1]]),
    ],
    "kl_divergence": [
        ("a class that both lack", [1, 2, -INF], [2, 1, -INF]),
        ("a class that the first lacks", [1, 2, -INF], [2, 1, 0]),
        ("a class that the second lacks", [1, 2, 0], [2, 1, -INF]),
        ("a NaN stays in its row", [[NAN, 1], [0, 1]], [[0, 1], [2, 1]]),
    ],
    **{
        kind: [
            ("a class at -inf", [1, 2, -INF], [1, 0, 0]),
            ("a NaN stays in its row", [[NAN, 1], [0, 1]], [[1, 0], [1, 0]]),
        ]
        for kind in ROWS[2:]
    },
}


def _shapes(ask, kind):
    cube = np.random.default_rng(4).normal(0, 2, (2, 3, 2))
    yield ask("three axes", SHAPES, cube)
    yield ask("one number in a row", SHAPES, [[1.5], [-2.0]])
    if kind in ROWS:
        for axis in (0, 1):
            yield ask(f"axis={axis}", ARGUMENTS, cube, axis=axis)
        return
    yield ask("no number at all", SHAPES, np.zeros(0))
    whole = np.array([-3, 0, -40] if kind == "log1mexp" else [3, 0, -40])
    second = np.array([0.0, 1, 1]) if kind in OF_TWO else None
    yield Case("integers", TYPES, whole, second, beside=kind in OF_TWO, lenient="refuses integers")
