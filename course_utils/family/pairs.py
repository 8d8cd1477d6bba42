"""Rows of two: the softmax of [z, 0], its logarithm, and the loss of a yes or no."""

import numpy as np

from course_utils.family.wide import rounded, widened
from course_utils.stable.arguments import as_logits

_LN2 = np.log(2.0)


def softplus(logits):
    """log(1 + exp z): the log-sum-exp of [z, 0].

    Shape: any.
    Special values: -inf gives 0, +inf gives +inf, NaN gives NaN. Nothing overflows, in no format.
    Error: 1.5 ulps in float64; the narrower formats are rounded once, to 0.51.
    Raises: TypeError for what is no real number, here and in every function of this room.
    Reference: pytorch's softplus is x from 20 on, in float64 too: 600,000 ulps off.
    """
    z, dtype = widened(logits)
    return rounded(_softplus(z), dtype)


def log_sigmoid(logits):
    """log(1 / (1 + exp(-z))) = -softplus(-z): the first entry of log_softmax([z, 0]).

    Shape, special values, error: as `softplus`, of -z. The logarithm of 1 - sigmoid(z) is `log_sigmoid(-z)`.
    """
    z, dtype = widened(logits)
    return rounded(0 - _softplus(-z), dtype)


def sigmoid(logits):
    """1 / (1 + exp(-z)): the first entry of softmax([z, 0]). 1 - sigmoid(z) is `sigmoid(-z)`.

    Shape: any.
    Special values: -inf gives 0, +inf gives 1, NaN gives NaN.
    Error: 2.5 ulps in float64, also for z = -745, where the answer is 5e-324.
    Reference: SciPy's expit and pytorch's sigmoid give 0 from -88.75 on in float32; the truth is 2.8e-39.
    """
    z, dtype = widened(logits)
    return rounded(_sigmoid(z), dtype)


def log1mexp(logarithms):
    """log(1 - exp x), the logarithm of the other probability, for x = log p <= 0.

    Shape: any.
    Special values: 0 gives -inf, -inf gives 0; x > 0 is no logarithm of a probability and gives NaN, as NaN does.
    Error: 1.5 ulps in float64. `log1p(-exp x)` alone is right below -log 2, `log(-expm1 x)` alone above.
    Reference: Maechler 2012, Accurately computing log(1 - exp(-|a|)).
    """
    x, dtype = widened(logarithms)
    with np.errstate(all="ignore"):
        near = x > -_LN2
        return rounded(np.where(near, np.log(-np.expm1(x)), np.log1p(-np.exp(x))), dtype)


def binary_cross_entropy(logits, targets):
    """The loss of each yes or no: y softplus(-z) + (1 - y) softplus(z).

    Formula: of a y that is 0 or 1 it is the log-sum-exp of [0, (1 - 2y) z].
    Shape: logits and targets broadcast; one loss for each pair, in the logits' format. Take the mean yourself.
    Special values: a sure answer that is right costs 0 (z = -inf with y = 0), one that is wrong +inf. NaN gives NaN.
    Error: 3 ulps in float64, for targets between 0 and 1 too: both terms are at least 0, so nothing cancels.
    Raises: ValueError for targets outside 0 to 1; TypeError as `softplus`.
    Reference: pytorch #103316, #195529: by way of p the loss stops at 100; `(1 - y) z - log_sigmoid(z)` loses y = 0.
    """
    z, y, dtype = _pair(logits, targets)
    return rounded(_binary_loss(z, y), dtype)


def binary_cross_entropy_with_grad(logits, targets):
    """The loss of each yes or no, and its slope sigmoid(z) - y = (1 - y) sigmoid(z) - y sigmoid(-z).

    Shape, special values, error, raises: as `binary_cross_entropy`. Where y is between 0 and 1 and the slope near 0,
    its error is 3 ulps of y.
    """
    z, y, dtype = _pair(logits, targets)
    slope = (1 - y) * _sigmoid(z) - y * _sigmoid(-z)
    return rounded(_binary_loss(z, y), dtype), rounded(slope, dtype)


def _softplus(z):
    with np.errstate(all="ignore"):
        return np.logaddexp(0.0, z)


def _sigmoid(z):
    with np.errstate(all="ignore"):
        e = np.exp(-np.abs(z))
        return np.where(z >= 0, 1.0, e) / (1 + e)


def _binary_loss(z, y):
    # np.where, because 0 * inf is NaN.
    with np.errstate(all="ignore"):
        yes, no = np.where(y > 0, y * _softplus(-z), 0.0), np.where(y < 1, (1 - y) * _softplus(z), 0.0)
    return np.where(np.isnan(z), z, yes + no)


def _pair(logits, targets):
    """(z, y, the dtype of the logits). Truth values count as 0 and 1."""
    targets = np.asarray(targets)
    y = (
        targets.astype(np.float64)
        if targets.dtype == bool
        else as_logits(targets, "targets").astype(np.float64)
    )
    if not np.all((y >= 0) & (y <= 1)):
        raise ValueError("targets must lie between 0 and 1")
    z, y, _ = widened(logits, y)
    return z, y, as_logits(logits).dtype
