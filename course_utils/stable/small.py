"""The short way for small arrays, where each call of NumPy costs more than its arithmetic.

The textbook formula is tried as it stands, and its sums tell whether that was good: one that overflowed, or is
so small that terms lost digits to underflow, sends all rows to the way with a shift. A sum leaves the largest
term out where small ones could be lost beside it.
"""

from __future__ import annotations

import math

import numpy as np

from course_utils.stable.arguments import FLOATS
from course_utils.stable.narrow import narrowed, widened
from course_utils.stable.rows import (
    COMPUTED,
    ENOUGH,
    FEW_CLASSES,
    LARGEST,
    LITTLE,
    careful_total,
    entries,
    exponentials,
    leave_out,
    leave_out_max,
    ones,
    quietly,
    row_maxima,
    share_ties,
    within,
)


def little(logits, axis) -> bool:
    """Whether this is an array of few numbers in one of the six formats, and `axis` one of its axes."""
    return (
        type(logits) is np.ndarray
        and 0 < logits.size <= LITTLE
        and logits.dtype in FLOATS
        and type(axis) is int
        and -logits.ndim <= axis < logits.ndim
    )


def along(axis: int, kernel, logits: np.ndarray) -> np.ndarray:
    """`kernel` maps the rows of a contiguous float32 or float64 matrix; here it maps any axis, in any format."""
    if axis == -1 and logits.dtype in COMPUTED and logits.flags.c_contiguous:
        if logits.ndim == 2:
            return quietly(kernel, logits)
        return quietly(kernel, logits.reshape(-1, logits.shape[-1])).reshape(logits.shape)
    if axis % logits.ndim != logits.ndim - 1:
        return along(-1, kernel, logits.swapaxes(axis, -1)).swapaxes(axis, -1).copy()
    if logits.dtype not in COMPUTED:
        wide = along(-1, kernel, widened(logits, np.empty(logits.shape, np.float32)))
        return quietly(narrowed, wide, logits.dtype)  # a probability may be subnormal in the narrow format
    return along(-1, kernel, np.ascontiguousarray(logits))


def little_softmax(rows: np.ndarray) -> np.ndarray:
    """Softmax of each row."""
    terms = np.exp(rows)
    count, classes = rows.shape
    if count == 1:
        return _softmax_of_one(rows, terms)
    sums = terms.dot(ones(classes, terms.dtype)) if classes <= FEW_CLASSES else careful_total(terms)
    lowest, highest = sums.item(sums.argmin()), sums.item(sums.argmax())
    if not (lowest >= ENOUGH and highest < math.inf):  # NaN fails as well
        return _shifted_softmax(rows, terms)
    terms /= sums[:, None]
    if np.count_nonzero(rows[:, 0] == rows[:, -1]):
        share_ties(rows, terms)
    return terms


def _softmax_of_one(rows: np.ndarray, terms: np.ndarray) -> np.ndarray:
    summed = sum_of_one(rows, terms)
    if not ENOUGH <= summed < math.inf:
        return _shifted_softmax(rows, terms)
    terms /= summed
    if rows.item(0) == rows.item(-1):
        share_ties(rows, terms)
    return terms


def sum_of_one(rows: np.ndarray, terms: np.ndarray) -> float:
    """The sum of a single row of terms, the largest added last; they end up as they were."""
    classes = rows.shape[1]
    if classes <= FEW_CLASSES:
        return _exact_sum(terms[0])
    row, at = terms[0], rows.argmax()
    largest = row.item(at)
    row[at] = 0
    summed = largest + row.dot(ones(classes, terms.dtype)).item()
    row[at] = largest
    return summed


def _exact_sum(row: np.ndarray) -> float:
    """The sum of a few numbers, rounded once; inf where it overflows."""
    try:
        return math.fsum(row.tolist())
    except OverflowError:
        return math.inf


def _shifted_softmax(rows: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """Softmax of rows of which some may need a shift; their maxima tell, before anything can overflow."""
    sums = careful_total(exponentials(rows, terms, row_maxima(rows))[0])
    terms /= sums[:, None]
    share_ties(rows, terms)
    return terms


def little_log_softmax(rows: np.ndarray) -> np.ndarray:
    """log_softmax of each row: the distance from the maximum, less log1p(rest)."""
    terms = np.exp(rows)
    if len(rows) == 1:
        return _log_softmax_of_one(rows, terms)
    index = rows.argmax(axis=1)
    largest, rest = leave_out(terms, index)
    if not (within(largest, ENOUGH, LARGEST[terms.dtype]) and within(rest, 0, LARGEST[terms.dtype])):
        return _less_log_sum(rows, *leave_out_max(rows, terms))
    view, at = entries(rows, index)
    return _less_log_sum(rows, view[at], largest, rest)


def _less_log_sum(rows, row_max, largest, rest) -> np.ndarray:
    result = rows - row_max[:, None]
    result -= np.log1p(rest / largest)[:, None]
    return result


def _log_softmax_of_one(rows: np.ndarray, terms: np.ndarray) -> np.ndarray:
    at = rows.argmax()
    largest = terms.item(at)
    terms[0, at] = 0
    rest = np.add.reduce(terms[0]).item()
    if not (ENOUGH <= largest <= LARGEST[terms.dtype] and rest <= LARGEST[terms.dtype]):  # NaN fails as well
        return _less_log_sum(rows, *leave_out_max(rows, terms))
    result = rows - rows.item(at)
    result -= math.log1p(rest / largest)
    return result
