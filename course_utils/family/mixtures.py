"""Mixtures and hidden Markov models in the log domain: a product is a sum, a posterior is a softmax."""

import numpy as np

from course_utils.family.wide import rounded, widened
from course_utils.stable import logsumexp, softmax


def log_mean_exp(logarithms, axis=-1):
    """log(mean(exp l)) = logsumexp(l) - log n: the logarithm of an average of n weights.

    Shape: that of `logarithms` without `axis`.
    Special values: -inf counts as a weight of 0; nothing but -inf gives -inf; +inf and NaN as in `logsumexp`.
    Error: 8 ulps of the larger of max|l| and log n.
    Raises: ValueError where there is nothing to average.
    """
    weights, dtype = widened(logarithms)
    count = weights.shape[axis] if weights.ndim else 1
    if not count:
        raise ValueError("there is nothing to average")
    return rounded(logsumexp(weights, axis=axis) - np.log(count), dtype)


def responsibilities(log_weights, log_densities, axis=-1):
    """(p(k | x), log p(x)): which part of a mixture made each point, and how likely the point is.

    Formula: with l = log_weights + log_densities, softmax(l) and logsumexp(l).
    Shape: both broadcast; the parts lie along `axis`.
    Special values: a part of weight 0 (log -inf) or density 0 gets 0. A point that no part can make gives NaN, and
        the logarithm -inf.
    Error: 8 ulps, on top of what the rounding of l itself costs: |l| ulps. Densities may exceed 1: keep their
        logarithms.
    """
    weights, densities, dtype = widened(log_weights, log_densities)
    with np.errstate(all="ignore"):
        joint = weights + densities
    return rounded(softmax(joint, axis=axis), dtype), rounded(logsumexp(joint, axis=axis), dtype)


def forward_step(log_alpha, log_transition, log_emission):
    """One step of the forward algorithm: (log alpha of the next state, shifted so that its largest is 0; the shift).

    Formula: logsumexp over i of (log_alpha_i + log_transition_ij) + log_emission_j. Add the shifts up in float64:
    their sum is the log-likelihood. Kept in log_alpha, it would grow with every step and eat the digits.
    Shape: (states,), (states, states), (states,); batches of them broadcast in front.
    Special values: a way with probability 0 is -inf. Where no way is left the shift is -inf, and log alpha stays -inf.
    Error: 8 ulps a step, of float64.
    """
    joint = np.asarray(log_alpha, np.float64)[..., :, None] + np.asarray(log_transition, np.float64)
    following = logsumexp(joint, axis=-2) + np.asarray(log_emission, np.float64)
    shift = following.max(axis=-1, keepdims=True)
    return np.where(shift == -np.inf, shift, following - np.where(shift == -np.inf, 0, shift)), shift[..., 0]
