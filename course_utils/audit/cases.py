"""What every function is asked: the cliffs of each format, accuracy, special values, shapes, types, arguments.

A case says what is put in and which other answers are declared policies; the truth comes from `truth`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from course_utils import floats, reference

RANGE, ACCURACY, SPECIAL, SHAPES, TYPES, ARGUMENTS, BEHAVIOUR = GROUPS = (
    "range",
    "accuracy",
    "special values",
    "shapes and layouts",
    "types",
    "arguments",
    "behaviour",
)
INF, NAN = np.inf, np.nan
MARGINS = (1, 5, 10, 16, 17, 18, 30, 36, 37, 40, 60, 100, 300, 700)


@dataclass(frozen=True, eq=False)
class Case:
    """One question to the function.

    axis      where the classes are, handed over as the keyword that the function has for it
    options   keywords that only some functions know (`where`, `b`, `weight`, ...); others are not asked
    refused   an error is the right answer
    lenient   why an error is a declared difference, where the right answer is a value
    declared  (words, value) of other answers that are policies and not mistakes
    view      makes what the function sees out of `logits`: a strided, reversed or read-only view
    numpy     only NumPy has such an input
    """

    name: str
    group: str
    logits: object
    targets: object = None
    axis: object = -1
    options: dict = field(default_factory=dict)
    refused: bool = False
    lenient: str = ""
    declared: tuple = ()
    view: Callable | None = None
    numpy: bool = False

    @property
    def args(self) -> tuple:
        return (self.logits,) if self.targets is None else (self.logits, self.targets)

    @property
    def plain(self) -> bool:
        """Nothing but an array and perhaps targets: can be shrunk, and asked of a known mistake."""
        usual = self.axis == -1 and self.view is None and not self.options and not self.refused
        return usual and isinstance(self.logits, np.ndarray) and self.logits.ndim > 0 and not self.numpy

    def seen(self) -> np.ndarray:
        """The logits as the function sees them."""
        return np.asarray(self.logits if self.view is None else self.view(self.logits))


@cache
def cases(kind: str) -> tuple[Case, ...]:
    """All cases of a kind, the cheapest and most telling first."""
    made = [*_loss_cases()] if kind == "cross_entropy" else [*_row_cases(kind)]
    return tuple(sorted(made, key=lambda case: GROUPS.index(case.group)))


def _row_cases(kind):
    for fmt in floats.FORMATS.values():
        for name, rows in (*_range(fmt), *_many(fmt)):
            yield Case(f"{name}, {fmt.name}", RANGE, floats.store(rows, fmt))
        for name, rows in _accuracy(fmt):
            yield Case(f"{name}, {fmt.name}", ACCURACY, floats.store(rows, fmt))
    yield Case("5000 rows along axis 0, float16", ACCURACY, np.zeros((5000, 2), np.float16), axis=0)
    yield from _special_rows(kind)
    yield from _shapes()
    yield from _types(kind)
    yield from _axes()
    yield from _keywords(kind)


def _range(fmt):
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
        for name, row, declared in _infinite_rows(kind):
            yield Case(f"{name}, {fmt}", SPECIAL, floats.store(row, fmt), declared=declared)
        mixed = floats.store([[INF, 1], [0, 1]], fmt)
        ordinary = getattr(reference, kind)(np.array([0.0, 1]))
        declared = () if kind == "logsumexp" else _limits(kind, [INF, 1])
        declared = tuple((words, np.array([row, ordinary])) for words, row in declared)
        yield Case(f"+inf stays in its row, {fmt}", SPECIAL, mixed, declared=declared)


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


def _keywords(kind):
    keep = np.array([True, True, False])
    if kind in ("softmax", "log_softmax"):
        yield Case("where= hides a huge logit", ARGUMENTS, np.array([1.0, 2, 1e4]), options={"where": keep})
    if kind == "logsumexp":
        for name, logits, b in (
            ("weight 0 at the maximum", [1.0, 2, 1e4], [1.0, 1, 0]),
            ("positive weights", [1.0, 2, 3], [0.5, 2, 4]),
            ("equal terms that cancel", [800.0, 800, 1], [1.0, -1, 1]),
            ("all weights 0", [1.0, 2], [0.0, 0]),
        ):
            yield Case(f"b=: {name}", ARGUMENTS, np.array(logits), options={"b": np.array(b)})


def _loss_cases():
    for fmt in floats.FORMATS.values():
        for name, rows in _range(fmt):
            rows = floats.store(np.atleast_2d(rows), fmt)
            count, classes = rows.shape
            for target in (0, classes - 1) if count == 1 else (0,):
                targets = np.full(1, target) if count == 1 else np.arange(count) % classes
                yield Case(f"{name}, target {target}, {fmt.name}", RANGE, rows, targets)
        yield Case(f"1100 equal logits, {fmt.name}", RANGE, floats.store(np.zeros((1, 1100)), fmt), _one(7))
        yield from _loss_accuracy(fmt)
    yield from _special_losses()
    yield from _targets()
    yield from _loss_options()


def _one(target):
    return np.array([target])


def _loss_accuracy(fmt):
    random = np.random.default_rng(2)
    batch, targets = random.normal(0, 3, (20, 5)), random.integers(0, 5, 20)
    yield Case(f"20 rows from N(0, 3), {fmt.name}", ACCURACY, floats.store(batch, fmt), targets)
    if fmt.bits < 32:
        return
    wide = floats.store(random.normal(0, 10, (1, 100)), fmt)
    yield Case(f"100 logits from N(0, 10), target last, {fmt.name}", ACCURACY, wide, _one(99))
    offset = floats.store([[1e4, 1e4]], fmt)
    yield Case(f"two logits offset by 1e4, {fmt.name}", ACCURACY, offset, _one(0))
    for margin in MARGINS:
        row = floats.store([[0, -margin]], fmt)
        yield Case(f"right by {margin}, {fmt.name}", ACCURACY, row, _one(0))
        yield Case(f"wrong by {margin}, {fmt.name}", ACCURACY, row, _one(1))


def _special_losses():
    for fmt in ("float64", "float32"):
        row = floats.store([[1, 2, -INF]], fmt)
        yield Case(f"another class at -inf, {fmt}", SPECIAL, row, _one(0))
        yield Case(f"the target at -inf, {fmt}", SPECIAL, row, _one(2))
        yield Case(f"a NaN in the row, {fmt}", SPECIAL, floats.store([[NAN, 1]], fmt), _one(1))
    yield Case("one class only", SHAPES, np.array([[5.0], [-3]]), np.array([0, 0]))
    zero = (("the mean of no rows is 0", np.array(0.0)),)
    empty = Case("no row at all", SHAPES, np.zeros((0, 3)), np.zeros(0, np.int64), declared=zero)
    yield empty
    lists = dict(lenient="takes arrays only", numpy=True)
    yield Case("lists", SHAPES, [[3.0, 1, -2], [0, 1, 2]], [0, 2], **lists)
    logits = np.array([[200, 0, 3]], np.uint8)
    yield Case("uint8", TYPES, logits, _one(0), lenient="refuses integers")
    yield Case("uint8, target below the maximum", TYPES, logits, _one(1), lenient="refuses integers")


def _targets():
    logits = np.array([[3.0, 1, -2], [0, 1, 2]])
    for name, targets in (
        ("a target beyond the last class", np.array([0, 3])),
        ("a negative target", np.array([0, -1])),
        ("targets with a fraction", np.array([0.0, 1.5])),
        ("truth values as targets", np.array([True, False])),
        ("more targets than rows", np.array([0, 1, 2])),
    ):
        yield Case(name, ARGUMENTS, logits, targets, refused=True)


def _loss_options():
    logits = np.array([[3.0, 1, -2], [0, 1, 2], [1, 1, 4]])
    targets = np.array([0, 2, 1])
    weight = np.array([0.5, 2.0, 1.0])

    def optional(name, logits=logits, targets=targets, declared=(), **options):
        return Case(name, ARGUMENTS, logits, targets, options=options, declared=declared)

    leak = np.array([[3.0, 1, -2], [-INF, -INF, -INF]])
    ignored = np.array([0, -100])
    yield optional("weight=", weight=weight)
    yield optional("label_smoothing=0.1", label_smoothing=0.1)
    yield optional("weight= and label_smoothing=", weight=weight, label_smoothing=0.2)
    yield optional('reduction="sum"', reduction="sum")
    yield optional('reduction="none"', reduction="none")
    yield optional("ignore_index=", targets=np.array([0, -100, 1]), ignore_index=-100)
    zero = (("a mean over nothing is 0", np.array(0.0)),)
    yield optional("every row ignored", targets=np.full(3, -100), ignore_index=-100, declared=zero)
    yield optional("-inf in an ignored row", logits=leak, targets=ignored, ignore_index=-100)
