"""Cross-entropy from logits and class indices: cliffs, margins, special values, targets."""

from __future__ import annotations

import numpy as np

from course_utils import floats
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
from course_utils.audit.cases.rows import at_the_cliffs, late_classes


def cases():
    for fmt in floats.FORMATS.values():
        for name, rows in at_the_cliffs(fmt):
            rows = floats.store(np.atleast_2d(rows), fmt)
            count, classes = rows.shape
            for target in (0, classes - 1) if count == 1 else (0,):
                targets = np.full(1, target) if count == 1 else np.arange(count) % classes
                yield Case(f"{name}, target {target}, {fmt.name}", RANGE, rows, targets)
        yield Case(f"1100 equal logits, {fmt.name}", RANGE, _zeros(1100, fmt), _one(7))
        yield from _accuracy(fmt)
    yield from _special()
    yield from _targets()


def _one(target):
    return np.array([target])


def _zeros(classes, fmt):
    return floats.store(np.zeros((1, classes)), fmt)


def _accuracy(fmt):
    random = np.random.default_rng(2)
    batch, targets = random.normal(0, 3, (20, 5)), random.integers(0, 5, 20)
    yield Case(f"20 rows from N(0, 3), {fmt.name}", ACCURACY, floats.store(batch, fmt), targets)
    for times in (1.1, 1.5):
        row = floats.store([[0, -times * fmt.absorption_margin]], fmt)
        yield Case(f"right by {times} absorption margins, {fmt.name}", ACCURACY, row, _one(0))
        yield Case(f"wrong by {times} absorption margins, {fmt.name}", ACCURACY, row, _one(1))
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


def _special():
    for fmt in ("float64", "float32"):
        row = floats.store([[1, 2, -INF]], fmt)
        yield Case(f"another class at -inf, {fmt}", SPECIAL, row, _one(0))
        yield Case(f"the target at -inf, {fmt}", SPECIAL, row, _one(2))
        yield Case(f"the first 300 classes at -inf, {fmt}", SPECIAL, late_classes(fmt)[None], _one(301))
        yield Case(f"a NaN in the row, {fmt}", SPECIAL, floats.store([[NAN, 1]], fmt), _one(1))
        sure = tuple(
            ("+inf is a limit: a sure target costs nothing", np.zeros(shape)) for shape in ((), (1,))
        )
        certain = floats.store([[INF, 1]], fmt)
        yield Case(f"+inf at the target, {fmt}", SPECIAL, certain, _one(0), declared=sure)
        yield Case(f"nothing but -inf, {fmt}", SPECIAL, floats.store([[-INF, -INF]], fmt), _one(0))
        mixed = floats.store([[NAN, 1], [0, 1]], fmt)
        yield Case(f"a NaN in one row of two, {fmt}", SPECIAL, mixed, np.array([1, 1]))
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
