"""logsumexp with weights, signed ones included: log|sum(b exp z)| and the sign of the sum."""

from __future__ import annotations

import math
import warnings

import numpy as np

from course_utils.stable.rows import LOG_MAX, smallest_shift
from course_utils.stable.sums import leave_out

_HALF_THE_DIGITS = 2.0**-26


def weighted_logsumexp(rows, weights, mask=None):
    """(log|sum|, sign of the sum) of each row, in float64.

    An entry of weight 0 is no entry: it neither counts nor decides the shift, whatever its logit is.
    """
    weights = weights.astype(np.float64)
    counts = weights != 0 if mask is None else (weights != 0) & mask
    logits = np.where(counts, rows, -np.inf).astype(np.float64)
    weights = np.where(counts, weights, 0.0)
    if not logits.size:
        return np.full(len(rows), -np.inf), np.zeros(len(rows))
    limit = LOG_MAX[logits.dtype] - math.log(logits.shape[1]) - 1
    shift = smallest_shift(np.maximum.reduce(logits, axis=1), limit)
    terms = np.where(counts, weights * np.exp(logits - shift[:, None]), 0.0)
    size = np.add.reduce(np.abs(terms), axis=1)
    index = np.argmax(np.abs(terms), axis=1)
    largest, rest = leave_out(terms, index)
    at = np.arange(len(rows)), index
    values = (logits[at] + np.log(np.abs(weights[at]))) + np.log1p(rest / largest)
    values = np.where(size == 0, -np.inf, values)
    sign = np.sign(largest)
    for row in np.flatnonzero(np.abs(largest + rest) < size / 16):
        sums = _cancelling_sum(logits[row], weights[row], shift[row])
        values[row], sign[row] = np.log(abs(sums)) + shift[row], np.sign(sums)
    return values, sign


def _cancelling_sum(logits, weights, shift) -> float:
    """Weights of equal logits are added before anything is rounded, then exact summation does the rest."""
    distinct, place = np.unique(logits, return_inverse=True)
    gathered = [math.fsum(weights[place == i]) for i in range(len(distinct))]
    terms = [weight * math.exp(z - shift) for z, weight in zip(distinct, gathered, strict=True) if weight]
    result, size = math.fsum(terms), math.fsum(map(abs, terms))
    if abs(result) < _HALF_THE_DIGITS * size:
        warnings.warn(
            f"logsumexp: terms of opposite sign cancel, and {abs(result) / size:.0e} of their size is left; "
            "at least half of the digits are lost",
            UserWarning,
            stacklevel=4,
        )
    return result
