"""The short way for small arrays, where each call of NumPy costs more than its arithmetic, and for single rows.

The textbook formula is tried as it stands, and its sums tell whether that was good: one that overflowed, or is
so small that terms lost digits to underflow, sends all rows to the way with a shift.
"""

from __future__ import annotations

import math

import numpy as np

from course_utils.stable.arguments import FLOATS
from course_utils.stable.narrow import narrowed, widened
from course_utils.stable.rows import (
    COMPUTED,
    ENOUGH,
    LARGEST,
    LITTLE,
    ONE_BLOCK,
    QUIET,
    exponentials,
    leave_out_max,
    quietly,
    row_maxima,
    share_ties,
    small_beside,
    within,
)
from course_utils.stable.sums import EASY, entries, leave_out, total, total_of_long_one, total_of_one

INF = math.inf


def shortly(kernel, logits, axis):
    """`kernel` for an array of few numbers or of one row, in one of the six formats; None for everything else.

    `kernel` maps the rows of a contiguous float32 or float64 matrix.
    """
    if type(logits) is not np.ndarray or type(axis) is not int:
        return None
    if not (0 < logits.size <= LITTLE or _one_row(logits, axis)):
        return None
    if axis == -1 and logits.ndim == 2 and logits.dtype in COMPUTED and logits.flags.c_contiguous:
        return QUIET.copy().run(kernel, logits)
    if logits.dtype in FLOATS and -logits.ndim <= axis < logits.ndim:
        return quietly(_along, kernel, logits, axis)
    return None


def _one_row(logits, axis):
    return axis == -1 and 0 < logits.size == logits.shape[-1] <= ONE_BLOCK


def _along(kernel, logits, axis):
    """`kernel` along any axis, in any format."""
    rows = logits.swapaxes(axis, -1)
    shape = rows.shape
    if rows.dtype in COMPUTED:
        rows = np.ascontiguousarray(rows)
    else:
        rows = widened(rows, np.empty(shape, np.float32))
    result = narrowed(kernel(rows.reshape(-1, shape[-1])), logits.dtype).reshape(shape)
    return result if axis == -1 else result.swapaxes(axis, -1).copy()


def little_softmax(rows: np.ndarray) -> np.ndarray:
    """Softmax of each row."""
    count, classes = rows.shape
    if count == 1:
        return (_softmax_of_one if classes <= LITTLE else _softmax_of_long_one)(rows)
    terms = np.exp(rows)
    easy = EASY[terms.dtype].get(classes)
    sums = total(terms) if easy is None else terms.dot(easy)
    if not (sums.item(sums.argmin()) >= ENOUGH and sums.item(sums.argmax()) < INF):
        return _shifted_softmax(rows, terms)
    np.divide(terms, sums[:, None], terms)
    if (rows[:, 0] == rows[:, -1]).nonzero()[0].size:
        share_ties(rows, terms)
    return terms


def _softmax_of_one(rows: np.ndarray) -> np.ndarray:
    terms = np.exp(rows)
    summed = total_of_one(terms[0])
    if not ENOUGH <= summed <= LARGEST[terms.dtype]:  # NaN fails as well
        return _shifted_softmax(rows, terms)
    np.divide(terms, summed, terms)
    if rows.item(0) == rows.item(-1):
        share_ties(rows, terms)
    return terms


def _softmax_of_long_one(rows: np.ndarray) -> np.ndarray:
    terms, _ = exponentials(rows, np.empty_like(rows))
    summed, peak = total_of_long_one(terms[0])
    if not ENOUGH <= summed <= LARGEST[terms.dtype]:
        return _shifted_softmax(rows, terms)
    if small_beside(peak, summed):
        np.multiply(terms, 1 / summed, terms)
    else:
        np.divide(terms, summed, terms)
    if rows.item(0) == rows.item(-1):
        share_ties(rows, terms)
    return terms


def _shifted_softmax(rows: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """Softmax of rows of which some may need a shift; their maxima tell, before anything can overflow."""
    sums = total(exponentials(rows, terms, row_maxima(rows))[0])
    terms /= sums[:, None]
    share_ties(rows, terms)
    return terms


def little_log_softmax(rows: np.ndarray) -> np.ndarray:
    """log_softmax of each row: the distance from the maximum, less log1p(rest)."""
    count, classes = rows.shape
    if count == 1:
        return (_log_softmax_of_one if classes <= LITTLE else _log_softmax_of_long_one)(rows)
    terms = np.exp(rows)
    index = rows.argmax(axis=1)
    largest, rest = leave_out(terms, index)
    if not (within(largest, ENOUGH, LARGEST[terms.dtype]) and within(rest, 0, LARGEST[terms.dtype])):
        return _shifted_log_softmax(rows, terms)
    view, at = entries(rows, index)
    result = rows - view[at][:, None]
    result -= np.log1p(rest / largest)[:, None]
    return result


def _shifted_log_softmax(rows: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """log_softmax of rows of which some may need a shift."""
    row_max, largest, rest = leave_out_max(rows, terms)
    result = rows - row_max[:, None]
    result -= np.log1p(rest / largest)[:, None]
    return result


def _log_softmax_of_one(rows: np.ndarray) -> np.ndarray:
    terms = np.exp(rows)
    at = rows.argmax()
    largest = terms.item(at)
    terms[0, at] = 0
    rest = total_of_one(terms[0])
    if not (ENOUGH <= largest <= LARGEST[terms.dtype] and rest <= LARGEST[terms.dtype]):  # NaN fails as well
        return _shifted_log_softmax(rows, terms)
    return _less_log_sum(rows, rows.item(at), math.log1p(rest / largest), terms)


def _log_softmax_of_long_one(rows: np.ndarray) -> np.ndarray:
    at = rows.argmax()
    row_max = rows.item(at)
    terms, _ = exponentials(rows, np.empty_like(rows), rows[:, at])
    largest = terms.item(at)
    if not largest > 0:
        return _shifted_log_softmax(rows, terms)
    terms[0, at] = 0
    rest, _ = total_of_long_one(terms[0], rough=True)
    return _less_log_sum(rows, row_max, math.log1p(rest / largest), terms)


def _less_log_sum(rows: np.ndarray, row_max: float, log_rest: float, out: np.ndarray) -> np.ndarray:
    """A row less its log-sum: in one go where that costs no digits, else less max z and then the rest."""
    if abs(row_max) <= 2 * log_rest:
        return np.subtract(rows, row_max + log_rest, out)
    np.subtract(rows, row_max, out)
    return np.subtract(out, log_rest, out)
