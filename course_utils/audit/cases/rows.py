"""Rows for softmax, log_softmax and logsumexp: the cliffs of each format, accuracy, special values, shapes, types."""

from __future__ import annotations

import numpy as np

from course_utils import floats, reference
from course_utils.audit.cases.case import (
    ACCURACY,
    ARGUMENTS,
    INF,
    MARGINS,
    NAN,
    RANGE,
    SHAPES,
    SPECIAL,
    TYPES,
    Case,
)


def cases(kind):
    """All of them, in no order."""
    for fmt in floats.FORMATS.values():
        for name, rows in (*at_the_cliffs(fmt), *_many(fmt)):
            yield Case(f"{name}, {fmt.name}", RANGE, floats.store(rows, fmt))
        for name, rows in _accuracy(fmt):
            yield Case(f"{name}, {fmt.name}", ACCURACY, floats.store(rows, fmt))
    yield Case("5000 rows along axis 0, float16", ACCURACY, np.zeros((5000, 2), np.float16), axis=0)
    yield from _special_rows(kind)
    yield from _shapes()
    yield from _types(kind)
    yield from _axes()


def at_the_cliffs(fmt):
    """Rows at the cliffs of the format's exp: each of them has broken somebody's softmax."""
    bad, zero, last = fmt.exp_first_bad, fmt.exp_first_zero, fmt.exp_last_finite
    huge = min(1000.0, fmt.max / 2)
    stairs = (fmt.exp_first_subnormal + zero) / 2
    yield "two huge equal logits", [huge, huge]
    yield "two equal logits far below 0", [-huge, -huge]
    yield "as far apart as it gets", [huge, -huge]
    yield "the largest finite number, twice", [fmt.max, fmt.max]
    if fmt.has_inf:
        yield "both ends of the format", [fmt.max, -fmt.max]
    yield "past the cliff of exp", [bad, 0]
    yield "below the last exp that is not 0", [zero - 1, zero - 2]
    yield "exp in the subnormals", [stairs, stairs - 1]
    yield "each exp is finite, their sum is not", [last] * 24
    yield "each exp is finite, their sum is not, and they differ", [*[last] * 24, last / 2]
    yield "one large logit among zeros", [1.4 * bad, 0, 0, 0]
    yield "one logit far below", [0, -1.13 * bad]
    yield "two large logits", [2.3 * bad, 2.2 * bad]
    yield "two negative logits", [-0.9 * bad, -0.9 * bad - 1]
    yield "a large, a medium and a small logit", [1.13 * bad, 0.68 * bad, 0]
    yield "a small difference of large logits", [huge, 0.99 * huge]
    yield "three ordinary logits", [3, 1, -2]
    yield "four ascending logits", [0, 1, 10, 11]
    yield "a batch whose rows lie far apart", [[0, 1, 2], [2.25 * bad, 2.26 * bad, 2.27 * bad]]
    yield "a batch whose columns lie far apart", [[huge, 1], [0, 2]]
    yield "a batch of 3 x 3", [[1, 2, 3], [10, 20, 30], [0, 0, 0]]
    yield "a batch of 2 x 3", [[1, 2, 3], [3, 0, 1]]
    if fmt.precision > 8:
        yield "neighbours that bfloat16 cannot tell apart", [256, 257]


def _many(fmt):
    """Equal logits: the sum is what can go wrong."""
    yield "1100 equal logits", np.zeros(1100)
    if fmt.name == "float16":
        yield "70000 equal logits", np.zeros(70_000)
    if fmt.name == "float64":
        yield "a million equal logits", np.zeros(1_000_000)


def _accuracy(fmt):
    random = np.random.default_rng(0)
    yield "100 logits from N(0, 3)", random.normal(0, 3, 100)
    yield "ties", np.tile([3.0, 3, 1, 2.5], 25)
    if fmt.bits < 32:
        return
    yield "1000 logits from N(0, 1)", random.normal(0, 1, 1000)
    yield "100 logits from N(0, 10)", random.normal(0, 10, 100)
    yield "100 logits spread over 600", np.linspace(-300, 300, 100)
    yield "100 logits offset by 1e4", random.normal(0, 1, 100) + 1e4
    yield "8 logits next to the largest whole number", 2.0**fmt.precision - np.arange(8)
    yield "a sum of exponentials near 1", [-0.6931471805599453, -0.6931471805599453]
    for margin in MARGINS:
        yield f"[0, -{margin}]", [0, -margin]


def _special_rows(kind):
    for fmt in ("float64", "float32"):
        yield Case(f"a class at -inf, {fmt}", SPECIAL, floats.store([1, 2, -INF], fmt))
        yield Case(f"a NaN stays in its row, {fmt}", SPECIAL, floats.store([[NAN, 1], [0, 1]], fmt))
        yield Case(f"the first 300 classes at -inf, {fmt}", SPECIAL, late_classes(fmt))
        for name, row, declared in _infinite_rows(kind):
            yield Case(f"{name}, {fmt}", SPECIAL, floats.store(row, fmt), declared=declared)
        mixed = floats.store([[INF, 1], [0, 1]], fmt)
        ordinary = getattr(reference, kind)(np.array([0.0, 1]))
        declared = () if kind == "logsumexp" else _limits(kind, [INF, 1])
        declared = tuple((words, np.array([row, ordinary])) for words, row in declared)
        yield Case(f"+inf stays in its row, {fmt}", SPECIAL, mixed, declared=declared)


def late_classes(fmt):
    """A whole tile of nothing but -inf before the first class: of 2, of 16 or of 128 classes."""
    return floats.store([-INF] * 300 + [1, 3, 2], fmt)


def _infinite_rows(kind):
    """Rows without a distribution, and the answers other than NaN that somebody has declared."""
    empty = {"softmax": 0.0, "log_softmax": -INF}.get(kind)
    words = f"a row without any class gets {empty}"
    yield "nothing but -inf", [-INF, -INF], () if empty is None else ((words, np.full(2, empty)),)
    for name, row in (("+inf once", [INF, 1, 2]), ("+inf twice", [INF, INF, 2])):
        yield name, row, () if empty is None else _limits(kind, row)


def _limits(kind, row):
    infinite = np.isinf(row)
    p = infinite / infinite.sum()
    with np.errstate(divide="ignore"):
        limit = p if kind == "softmax" else np.log(p)
    rest = np.where(infinite, NAN, 0 if kind == "softmax" else -INF)
    return ("+inf is a limit: it gets all the probability", limit), ("only the class at +inf is NaN", rest)


def _shapes():
    sample = np.array([[3.0, 1, -2, 0], [0, 5, 1, 2]])
    yield Case("one class", SHAPES, np.array([[5.0], [-3]]))
    yield Case("no class at all", SHAPES, np.zeros((2, 0)))
    yield Case("no row at all", SHAPES, np.zeros((0, 3)))
    yield Case("a single number", SHAPES, np.array(5.0), lenient="takes arrays with an axis only")
    yield Case("three axes", SHAPES, np.arange(24.0).reshape(2, 3, 4))
    yield Case("a list", SHAPES, [3.0, 1, -2], lenient="takes arrays only", numpy=True)
    for name, view in _layouts().items():
        yield Case(name, SHAPES, sample, view=view, numpy=True)


def _layouts():
    def frozen(a):
        view = a.view()
        view.flags.writeable = False
        return view

    return {
        "every other class (strided)": lambda a: a[:, ::2],
        "reversed (negative strides)": lambda a: a[::-1, ::-1],
        "transposed (Fortran order)": lambda a: a.T,
        "broadcast": lambda a: np.broadcast_to(a[0], (3, 4)),
        "read-only": frozen,
        "big-endian": lambda a: a.astype(">f8"),
    }


def _types(kind):
    refuses = "refuses integers"
    for dtype in (np.uint8, np.uint16, np.uint32, np.uint64):
        yield Case(dtype.__name__, TYPES, np.array([200, 0, 3], dtype), lenient=refuses)
    for dtype in (np.int8, np.int16, np.int32, np.int64):
        low = np.iinfo(dtype).min
        yield Case(dtype.__name__, TYPES, np.array([5, 0, -3], dtype), lenient=refuses)
        yield Case(f"{dtype.__name__} at both ends", TYPES, np.array([-1 - low, low], dtype), lenient=refuses)
    both = np.array([True, False])
    promoted = (("counts True as 1", getattr(reference, kind)(both.astype(float))),)
    yield Case("truth values", TYPES, both, refused=True, declared=promoted)
    yield Case(
        "complex numbers",
        TYPES,
        np.array([1 + 2j, 0]),
        refused=True,
        declared=(("takes complex numbers", None),),
    )
    yield Case("strings", TYPES, np.array(["a", "b"]), refused=True, numpy=True)
    yield Case("objects", TYPES, np.array([None, {}], object), refused=True, numpy=True)
    hidden = np.ma.masked_array([1.0, 2, 900], [False, False, True])
    without = np.nan_to_num(getattr(reference, kind)(np.array([1, 2, -INF])), neginf=0)
    kept = (("leaves masked entries out", without),)
    yield Case("a masked array", TYPES, hidden, refused=True, declared=kept, numpy=True)


def _axes():
    cube = np.random.default_rng(1).normal(0, 3, (2, 3, 2))
    for axis in (0, 1, -2):
        yield Case(f"axis={axis}", ARGUMENTS, cube, axis=axis)
    yield Case("axis=None", ARGUMENTS, cube, axis=None, lenient="has no axis=None")
    yield Case("axis=(0, 2)", ARGUMENTS, cube, axis=(0, 2), lenient="takes one axis only")
    yield Case("axis=3 of three axes", ARGUMENTS, cube, axis=3, refused=True)
