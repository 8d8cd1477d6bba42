"""Long rows and large batches: where code works in pieces, a piece can be lost, and where it adds up, digits can.

They hold few different numbers, so that their truth is cheap: see `truths`.
"""

from __future__ import annotations

import numpy as np

from course_utils import floats
from course_utils.audit.cases.case import ACCURACY, RANGE, Case

_PIECES = (129, 1025, 2049, 5000)
_MANY = 20_000
_BATCH = 1100
_WIDE = ("float64", "float32")


def cases():
    """For a function of rows."""
    for name in (*_WIDE, "float16"):
        for length in _PIECES:
            yield Case(f"{length} classes, the largest last, {name}", RANGE, _largest_last(length, name))
    for name in _WIDE:
        yield Case(f"a large logit, then {_MANY} small ones, {name}", ACCURACY, _small_beside_large(name))
        batch = _far_apart(name)
        yield Case(f"{_BATCH} rows that lie far apart, {name}", RANGE, batch)
        yield Case(f"{_BATCH} rows that lie far apart, along axis 0, {name}", RANGE, batch.T.copy(), axis=0)


def with_targets():
    """The same for a loss."""
    for name in (*_WIDE, "float16"):
        for length in _PIECES:
            row = _largest_last(length, name)[None]
            for target in (0, length - 1):
                label = f"{length} classes, the largest last, target {target}, {name}"
                yield Case(label, RANGE, row, np.array([target]))
    for name in _WIDE:
        row = _small_beside_large(name)[None]
        yield Case(f"a large logit, then {_MANY} small ones, {name}", ACCURACY, row, np.array([0]))
        targets = np.arange(_BATCH) % 2
        yield Case(f"{_BATCH} rows that lie far apart, {name}", RANGE, _far_apart(name), targets)
    yield from _sums_of_losses()


def _largest_last(length, name):
    row = np.zeros(length)
    row[0], row[-1] = 1, 3
    return floats.store(row, name)


def _small_beside_large(name):
    """Each small term is lost beside the large one; together they count."""
    small = -np.ceil(10 * floats.FORMATS[name].absorption_margin + 4) / 10
    return floats.store(np.append(0.0, np.full(_MANY, small)), name)


def _far_apart(name):
    bad = floats.FORMATS[name].exp_first_bad
    offsets = 2.25 * bad * (np.arange(_BATCH) % 3 - 1)
    return floats.store(np.add.outer(offsets, [0, 1]), name)


def _sums_of_losses():
    """The sum of a batch's losses leaves a narrow format, their mean does not."""
    for fmt in floats.FORMATS.values():
        if fmt.bits < 32:
            rows = floats.store(np.tile([0.0, -28], (4000, 1)), fmt)
            targets = np.ones(len(rows), np.int64)
            yield Case(f"the mean of {len(rows)} equal losses, {fmt.name}", ACCURACY, rows, targets)
