"""logsumexp with weights, signed ones included: log|sum(b exp z)| and the sign of the sum."""

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from fractions import Fraction

import numpy as np

from course_utils.stable.rows import smallest_shift


def signed_logsumexp(rows, weights, mask=None):
    """(log|sum|, sign of the sum) of each row, in float64.

    An entry of weight 0 is no entry. The size of a term, z + log|b|, decides the shift; b is multiplied in after.
    """
    counts = weights != 0 if mask is None else (weights != 0) & mask
    logits = np.where(counts, rows, -np.inf).astype(np.float64, order="C")
    weights = np.where(counts, weights, 1.0).astype(np.float64, order="C")
    if not logits.size:
        return np.full(len(rows), -np.inf), np.zeros(len(rows))
    sizes = logits + np.log(np.abs(weights))
    at = np.arange(len(logits)), sizes.argmax(axis=1)
    shift = smallest_shift(logits, sizes[at])
    # Two halves of the exponent: a huge weight on a tiny exponential, or the reverse, is an ordinary term.
    half = np.exp((logits if shift is None else logits - shift[:, None]) / 2)
    terms = np.where(sizes == -np.inf, 0.0, weights * half * half)
    endless = np.where(sizes == np.inf, np.copysign(np.inf, weights), 0.0)
    terms = np.where(sizes[at][:, None] == np.inf, endless, terms)
    sums, size = np.add.reduce(terms, axis=1), np.add.reduce(np.abs(terms), axis=1)
    largest = terms[at]
    terms[at] = 0
    ratio = np.add.reduce(terms, axis=1) / largest
    values = sizes[at] + np.where(ratio > -1, np.log1p(ratio), np.log(-1 - ratio))
    values = np.where(np.isinf(sums), np.inf, np.where(size == 0, -np.inf, values))
    sign, far = np.sign(sums), np.abs(sizes[at])
    # Beside a huge logit the logarithm of a weight is rounded away.
    for row in np.flatnonzero((4 * np.abs(sums) < size) | ((far > 2.0**40) & (far < np.inf))):
        values[row], sign[row] = _cancelling_sum(logits[row][counts[row]], weights[row][counts[row]])
    return values, sign


def _cancelling_sum(logits, weights):
    """The same for one row, with as many digits as it takes.

    Weights of equal logits are added exactly. Over different logits the sum is never 0 (Lindemann, Weierstrass).
    """
    gathered = {}
    for z, weight in zip(logits.tolist(), weights.tolist(), strict=True):
        gathered[z] = gathered.get(z, 0) + Fraction(weight)
    pairs = [(Decimal(z), weight) for z, weight in gathered.items() if weight and z > -np.inf]
    digits = 50
    while pairs:
        with localcontext(Context(prec=digits, Emax=MAX_EMAX, Emin=MIN_EMIN)):
            top = max(z for z, _ in pairs)
            terms = [Decimal(w.numerator) / Decimal(w.denominator) * (z - top).exp() for z, w in pairs]
            sums, size = sum(terms), sum(map(abs, terms))
            if abs(sums) > size.scaleb(20 - digits):
                return float(top + abs(sums).ln()), 1.0 if sums > 0 else -1.0
        digits *= 2
    return -np.inf, 0.0
