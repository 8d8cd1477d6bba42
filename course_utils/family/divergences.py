"""Entropy and divergences from logits: sums in which every term is at least 0, so that nothing cancels."""

import math

import numpy as np

from course_utils.family.wide import along_last, rounded, widened
from course_utils.stable import log_softmax, softmax

# (exp(-d) - 1 + d) / d**2 as a series: the difference of numbers so close would keep few digits.
_SERIES = [(-1) ** k / math.factorial(k) for k in range(2, 19)]
_NEAR = 0.5


def entropy(logits, axis=-1):
    """The entropy of softmax(logits) in nats: sum(p * -log p), with log p from the logits.

    Shape: that of `logits` without `axis`, one axis.
    Special values: a class at -inf adds 0; one class alone gives 0. A row without a distribution (nothing but -inf,
        +inf, NaN) gives NaN.
    Error: 8 ulps in float64, also where one class has all but 1e-300 of the probability; where p itself is
        subnormal it has few digits, and so has the result. Narrower formats 0.51.
    Raises: ValueError where there is no class; AxisError; TypeError for what is no real number.
    Reference: huggingface/trl #7221 (p log p is 0 * -inf), and `p + 1e-7` inside the log, which turns it negative.
    """
    z, dtype = widened(logits)
    (z,) = along_last(z, axis=axis)
    with np.errstate(all="ignore"):
        p, log_p = softmax(z), log_softmax(z)
        surprise = np.where(p == 0, 0.0, p * -log_p)
    return rounded(surprise.sum(axis=-1), dtype)


def kl_divergence(logits, others, axis=-1):
    """KL(p, q) = sum(p (log p - log q)) in nats, p and q the softmax of `logits` and of `others`. Never below 0.

    Formula: sum of p d - p + q with d = log p - log q: the same sum on paper, and no term of it is negative.
    Shape: both broadcast; the result is without `axis`.
    Special values: a class that p lacks adds q; one that q alone lacks gives +inf; one that both lack adds 0.
        A row without a distribution gives NaN. Equal rows give exactly 0, and so do rows a constant apart.
    Error: 8 ulps in float64, however close the two are and whatever constant lies between them, unless p is
        subnormal; narrower formats are rounded once, to 0.51.
    Raises: as `entropy`.
    Reference: huggingface/trl #925: p (log p - log q) comes out negative in half of the rows that nearly agree.
    """
    a, b, dtype = widened(logits, others)
    return rounded(_divergence(*along_last(a, b, axis=axis)), dtype)


def distillation_loss(student, teacher, temperature=1.0, axis=-1):
    """T**2 KL(softmax(teacher / T), softmax(student / T)): what it costs the student to differ (Hinton et al. 2015).

    Shape, special values, raises: as `kl_divergence`; ValueError for a temperature that is not above 0.
    Error: as `kl_divergence`, and what the rounding of z / T costs: up to max|z| / T ulps.
    """
    if not 0 < temperature < math.inf:
        raise ValueError(f"temperature must be above 0 and finite; got {temperature!r}")
    a, b, dtype = widened(teacher, student)
    a, b = along_last(a, b, axis=axis)
    with np.errstate(all="ignore"):
        return rounded(temperature**2 * _divergence(a / temperature, b / temperature), dtype)


@np.errstate(all="ignore")
def _divergence(a, b):
    p, q, log_p, log_q = softmax(a), softmax(b), log_softmax(a), log_softmax(b)
    d = _differences(a, b, log_p - log_q, p)
    far = np.where(d > 0, p * (d + np.expm1(-d)), q * (d * np.exp(d) - np.expm1(d)))
    near = p * d * d * np.polynomial.polynomial.polyval(np.clip(d, -_NEAR, _NEAR), _SERIES)
    terms = np.where(np.abs(d) < _NEAR, near, far)
    terms = np.where(a == -np.inf, q, terms)
    # What q has lost to underflow its logarithm still has; a class at -inf is lost for good.
    terms = np.where((b == -np.inf) & (a > -np.inf), np.inf, terms)
    spoiled = np.isnan(p + q).any(axis=-1)
    return np.where(spoiled, np.nan, terms.sum(axis=-1))


def _differences(a, b, d, p):
    """log p - log q. All gaps a - b are measured, without rounding, from that of p's largest class; and there the
    ratio p / q is the mean of exp(-gap) under p, of which the distance from 1 alone is summed."""
    top = p.argmax(axis=-1, keepdims=True)
    gap = a - b
    lost = (a - (gap - (gap - a))) - (b + (gap - a))  # what a - b was rounded by (Knuth's two-sum)
    gap, lost = (array - np.take_along_axis(array, top, -1) for array in (gap, lost))
    gap = gap + lost
    close = np.abs(gap).max(axis=-1, keepdims=True) < 1
    d_there = np.log1p(np.sum(p * np.expm1(-np.where(close, gap, 0)), axis=-1, keepdims=True))
    better = gap + np.where(close, d_there, np.take_along_axis(d, top, -1))
    return np.where(np.isfinite(better), better, d)
