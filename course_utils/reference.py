"""The truth, in mpmath: an oracle that shares no code with the rooms it judges.

Every function reads the values that are stored in the array (typed 0.1 in float16 means 0.0999756),
works with 60 decimal digits and an unlimited exponent range, and rounds once at the end to `dtype`.
`dtype=object` returns the unrounded mpmath numbers, which is what `accuracy.ulps` wants.
"""

from __future__ import annotations

import math

import mpmath
import numpy as np

from course_utils import floats

DIGITS = 60

_INF, _NAN = mpmath.inf, mpmath.nan


def softmax(logits, axis=-1, dtype=np.float64):
    """Softmax, exp(z_i - max z) / sum(exp(z - max z)).

    Shape: that of `logits`; `axis` an int, a tuple or None.
    Special values: -inf gives 0; a slice of -inf only, or one that holds +inf or NaN, gives NaN.
    Error: half an ulp of `dtype`.
    Raises: AxisError for an axis that is not there.
    """
    return _along(_softmax_row, logits, axis, dtype)


def log_softmax(logits, axis=-1, dtype=np.float64):
    """Log-softmax, (z_i - max z) - log1p(sum of the other terms). Shape and special values as `softmax`."""
    return _along(_log_softmax_row, logits, axis, dtype)


def logsumexp(logits, axis=-1, dtype=np.float64, *, b=None):
    """LogSumExp, max z + log1p(sum of the other terms); with weights `b`, the log of |sum(b exp z)|.

    Shape: that of `logits` without `axis`.
    Special values: a slice of -inf only, or an empty one, gives -inf; +inf gives +inf.
    """
    if b is None:
        return _along(lambda row: [_logsumexp_row(row)], logits, axis, dtype, reduces=True)
    weights = np.broadcast_to(np.asarray(b, dtype=np.float64), np.shape(logits))
    pairs = np.stack([np.asarray(logits).astype(np.float64), weights], axis=-1)
    axes = np.ndim(logits) + axis if isinstance(axis, int) and axis < 0 else axis
    rows = np.moveaxis(pairs, axes, -2)
    flat = rows.reshape(-1, *rows.shape[-2:])
    with mpmath.workdps(DIGITS):
        values = [_weighted_row(row[:, 0], row[:, 1]) for row in flat]
    return rounded(np.array(values, dtype=object).reshape(rows.shape[:-2]), dtype)


def cross_entropy(logits, targets, dtype=np.float64, **options):
    """Cross-entropy from logits; the options and their meaning are `cross_entropy_with_grad`'s."""
    return cross_entropy_with_grad(logits, targets, dtype, **options)[0]


def cross_entropy_with_grad(
    logits,
    targets,
    dtype=np.float64,
    *,
    weight=None,
    ignore_index=None,
    label_smoothing=0.0,
    reduction="mean",
):
    """Cross-entropy and its gradient with respect to the logits; classes on the last axis.

    A row with target weights a (one class's weight, or w_c t_c for probability targets) has
    loss = sum a_c (lse - z_c) and gradient_j = p_j sum(a_c, c != j) - (1 - p_j) a_j, free of cancellation.

    Shape: logits (..., classes), targets (...) of integers or (..., classes) of probabilities.
    Special values: a target at -inf costs +inf; a = 0 there costs 0; all rows ignored gives a NaN mean.
    """
    logits, targets = np.asarray(logits), np.asarray(targets)
    classes = logits.shape[-1]
    rows = _exact(logits).reshape(-1, classes)
    soft = targets.ndim == logits.ndim
    class_weight = list(_exact(np.ones(classes) if weight is None else weight))
    losses, gradients, shares = [], [], []
    with mpmath.workdps(DIGITS):
        for row, target in zip(
            rows, targets.reshape(len(rows), *targets.shape[logits.ndim - 1 :]), strict=True
        ):
            if not soft and ignore_index is not None and target == ignore_index:
                loss, gradient, share = mpmath.mpf(0), [mpmath.mpf(0)] * classes, mpmath.mpf(0)
            else:
                loss, gradient = _loss_row(row, _goal(target, classes, label_smoothing, class_weight, soft))
                share = mpmath.mpf(1) if soft else class_weight[int(target)]
            losses.append(loss)
            gradients.append(gradient)
            shares.append(share)
        loss, gradient = _reduced(losses, gradients, mpmath.fsum(shares), reduction, logits.shape)
    return rounded(loss, dtype), rounded(gradient, dtype)


def exp(x, dtype=np.float64):
    """The exponential of the stored values, rounded once."""
    with mpmath.workdps(DIGITS):
        return rounded(_each(mpmath.exp, _exact(x)), dtype)


def log(x, dtype=np.float64):
    """The natural logarithm of the stored values, rounded once; log 0 is -inf, of a negative number NaN."""
    with mpmath.workdps(DIGITS):
        return rounded(_each(_log, _exact(x)), dtype)


def rounded(values, dtype):
    """mpmath numbers rounded once, to nearest even, into `dtype`; `dtype=object` leaves them as they are."""
    if dtype is object:
        return values
    fmt = floats.format_of(dtype)
    return floats.store(_each(lambda value: _nearest(value, fmt), np.asarray(values, dtype=object)), fmt)[()]


def _exact(values):
    """An array of mpf with the very values that are stored."""
    return _each(lambda value: mpmath.mpf(float(value)), np.asarray(values).astype(np.float64))


def _each(function, array):
    """Apply a function to every element; an object array of the same shape."""
    result = np.empty(array.shape, dtype=object)
    for index in np.ndindex(array.shape):
        result[index] = function(array[index])
    return result


def _nearest(value, fmt) -> float:
    if not mpmath.isfinite(value) or value == 0:
        return float(value)
    lowest = math.frexp(fmt.smallest_normal)[1]
    exponent = max(int(mpmath.frexp(value)[1]), lowest) - fmt.precision
    if exponent > 1100:  # beyond every format, and perhaps too large for an integer to hold
        return math.copysign(math.inf, value)
    with mpmath.workdps(DIGITS):
        steps = int(mpmath.nint(mpmath.ldexp(value, -exponent)))
    try:
        return math.ldexp(steps, exponent)
    except OverflowError:
        return math.copysign(math.inf, value)


def _log(value):
    if value == 0:
        return -_INF
    return mpmath.log(value) if value > 0 else (value if mpmath.isnan(value) else _NAN)


def _along(row_function, logits, axis, dtype, reduces=False):
    """Apply a function of one list of mpf to every slice along `axis`."""
    array = np.asarray(logits)
    array = array if array.dtype == object else _exact(array)
    axes = range(array.ndim) if axis is None else (axis if isinstance(axis, tuple) else (axis,))
    axes = tuple(np.lib.array_utils.normalize_axis_index(a, array.ndim) for a in axes)
    last = tuple(range(array.ndim - len(axes), array.ndim))
    moved = np.moveaxis(array, axes, last)
    kept, taken = moved.shape[: array.ndim - len(axes)], moved.shape[array.ndim - len(axes) :]
    length = math.prod(taken)
    rows = moved.reshape(math.prod(kept), length)
    result = np.empty((len(rows), 1 if reduces else length), dtype=object)
    with mpmath.workdps(DIGITS):
        for i, row in enumerate(rows):
            result[i] = row_function(list(row))
    if reduces:
        return rounded(result.reshape(kept), dtype)
    return rounded(np.moveaxis(result.reshape(moved.shape), last, axes), dtype)


def _spoiled(row) -> bool:
    """No distribution exists: a NaN, a +inf, or nothing but -inf."""
    return any(mpmath.isnan(z) or z == _INF for z in row) or all(z == -_INF for z in row)


def _terms(row):
    """The position of the maximum and exp(z - max) for every entry; differences are exact."""
    top = max(range(len(row)), key=lambda i: row[i])
    return top, [
        mpmath.mpf(0) if z == -_INF else mpmath.exp(mpmath.fsub(z, row[top], exact=True)) for z in row
    ]


def _softmax_row(row):
    if _spoiled(row):
        return [_NAN] * len(row)
    _, terms = _terms(row)
    total = mpmath.fsum(terms)
    return [term / total for term in terms]


def _log_softmax_row(row):
    if _spoiled(row):
        return [_NAN] * len(row)
    top, terms = _terms(row)
    log_total = mpmath.log1p(mpmath.fsum(terms[:top] + terms[top + 1 :]))
    return [z if z == -_INF else mpmath.fsub(z, row[top], exact=True) - log_total for z in row]


def _logsumexp_row(row):
    if any(mpmath.isnan(z) for z in row):
        return _NAN
    if _spoiled(row):
        return _INF if any(z == _INF for z in row) else -_INF
    top, terms = _terms(row)
    return row[top] + mpmath.log1p(mpmath.fsum(terms[:top] + terms[top + 1 :]))


def _weighted_row(row, weights):
    pairs = [
        (mpmath.mpf(float(z)), mpmath.mpf(float(w))) for z, w in zip(row, weights, strict=True) if w != 0
    ]
    if any(mpmath.isnan(z) or mpmath.isnan(w) for z, w in pairs):
        return _NAN
    pairs = [(z, w) for z, w in pairs if z != -_INF]
    if not pairs:
        return -_INF
    top = max(z for z, _ in pairs)
    if top == _INF:
        signs = {w > 0 for z, w in pairs if z == _INF}
        return _INF if len(signs) == 1 else _NAN
    total = mpmath.fsum(w * mpmath.exp(mpmath.fsub(z, top, exact=True)) for z, w in pairs)
    return -_INF if total == 0 else top + mpmath.log(abs(total))


def _reduced(losses, gradients, share, reduction, shape):
    """Sum, mean over the rows' shares, or one loss a row; a mean over nothing is NaN."""
    gradients = np.array(gradients, dtype=object).reshape(shape)
    if reduction == "none":
        return np.array(losses, dtype=object).reshape(shape[:-1]), gradients
    if reduction == "sum":
        return mpmath.fsum(losses), gradients
    if not share:
        return _NAN, gradients * _NAN
    return mpmath.fsum(losses) / share, gradients / share


def _goal(target, classes, smoothing, class_weight, soft):
    """The weight of every class in one row's loss."""
    if soft:
        wanted = [mpmath.mpf(float(t)) for t in target]
    else:
        wanted = [mpmath.mpf(int(j == target)) for j in range(classes)]
    smoothing = mpmath.mpf(float(smoothing))
    return [
        w * ((1 - smoothing) * t + smoothing / classes) for w, t in zip(class_weight, wanted, strict=True)
    ]


def _loss_row(row, goal):
    log_probabilities = _log_softmax_row(row)
    if mpmath.isnan(log_probabilities[0]):
        return _NAN, log_probabilities
    loss = mpmath.fsum(-a * log_p for a, log_p in zip(goal, log_probabilities, strict=True) if a != 0)
    top, terms = _terms(row)
    total, weight = mpmath.fsum(terms), mpmath.fsum(goal)
    without_top = mpmath.fsum(terms[:top] + terms[top + 1 :])
    gradient = []
    for j, (term, a) in enumerate(zip(terms, goal, strict=True)):
        rest = without_top if j == top else total - term
        gradient.append(term / total * (weight - a) - rest / total * a)
    return loss, gradient
