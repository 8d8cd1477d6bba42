"""The short way for small arrays, where each call of NumPy costs more than its arithmetic.

Two looks at the numbers (`tame`) replace the verified try of the other way, and `np.errstate` with it. A sum
still leaves the largest term out where small ones could be lost beside it.
"""

from __future__ import annotations

import math

import numpy as np

from course_utils.stable.arguments import FLOATS
from course_utils.stable.narrow import narrowed, widened
from course_utils.stable.rows import (
    COMPUTED,
    FEW_CLASSES,
    LONG,
    TAME,
    entries,
    exponentials,
    leave_out,
    leave_out_max,
    row_maxima,
    share_ties,
    total,
    total_beside,
    total_of_long,
)

LITTLE = 1 << 11  # so many numbers take less time than the calls that work on them


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
    """`kernel` maps the last axis of a contiguous float32 or float64 array; here it maps any, in any format."""
    if axis == -1 and logits.dtype in COMPUTED and logits.flags.c_contiguous:
        return kernel(logits)
    if axis != -1 and axis != logits.ndim - 1:
        return along(-1, kernel, logits.swapaxes(axis, -1)).swapaxes(axis, -1).copy()
    if logits.dtype not in COMPUTED:
        with np.errstate(all="ignore"):  # a probability may be subnormal in the narrow format
            wide = widened(logits, np.empty(logits.shape, np.float32))
            return narrowed(kernel(wide), logits.dtype)
    return kernel(np.ascontiguousarray(logits))


def tame(logits: np.ndarray, at: int) -> bool:
    """Whether the textbook formula is safe as it stands; `at` is where the maximum is. NaN fails the test."""
    bound = TAME[logits.dtype]
    return logits.item(at) <= bound and logits.item(logits.argmin()) >= -bound


def little_softmax(logits: np.ndarray) -> np.ndarray:
    """Softmax along the last axis."""
    at, classes = logits.argmax(), logits.shape[-1]
    if not tame(logits, at):
        return _shifted_softmax(logits.reshape(-1, classes)).reshape(logits.shape)
    terms = np.exp(logits)
    if classes == terms.size:
        terms /= _total_of_one(terms.reshape(-1), at)
        if logits.item(0) != logits.item(-1):
            return terms
    elif classes <= LONG[terms.dtype]:
        terms /= total(terms)[..., None]
    else:
        rows = terms.reshape(-1, classes)
        rows /= total_beside(rows, rows.argmax(axis=1))[:, None]
    share_ties(logits.reshape(-1, classes), terms.reshape(-1, classes))
    return terms


def _shifted_softmax(rows: np.ndarray) -> np.ndarray:
    """Softmax of rows of which some may need a shift; their maxima tell, before anything can overflow."""
    terms = np.empty_like(rows)
    with np.errstate(all="ignore"):
        if rows.shape[1] > LONG[rows.dtype]:
            sums = total_of_long(rows, terms)
        else:
            sums = total(exponentials(rows, terms, row_maxima(rows))[0])
        terms /= sums[:, None]
    share_ties(rows, terms)
    return terms


def _total_of_one(row: np.ndarray, at: int):
    """As `total_beside`, in numbers of Python; a few terms are summed as they are."""
    if len(row) <= FEW_CLASSES:
        return np.add.reduce(row)
    largest = row.item(at)
    row[at] = 0
    result = largest + np.add.reduce(row)
    row[at] = largest
    return result


def little_log_softmax(logits: np.ndarray) -> np.ndarray:
    """log_softmax along the last axis: the distance from the maximum, less log1p(rest)."""
    rows = logits.reshape(-1, logits.shape[-1])
    if not tame(logits, logits.argmax()):
        with np.errstate(all="ignore"):
            return _less_log_sum(rows, *leave_out_max(rows, np.empty_like(rows))).reshape(logits.shape)
    terms = np.exp(rows)
    if len(rows) == 1:
        return _log_softmax_of_one(logits, terms[0])
    index = rows.argmax(axis=1)
    view, at = entries(rows, index)
    return _less_log_sum(rows, view[at], *leave_out(terms, index)).reshape(logits.shape)


def _less_log_sum(rows, row_max, largest, rest) -> np.ndarray:
    result = rows - row_max[:, None]
    result -= np.log1p(rest / largest)[:, None]
    return result


def _log_softmax_of_one(logits: np.ndarray, terms: np.ndarray) -> np.ndarray:
    at = logits.argmax()
    largest = terms.item(at)
    terms[at] = 0
    result = logits - logits.item(at)
    result -= math.log1p(float(np.add.reduce(terms)) / largest)
    return result
