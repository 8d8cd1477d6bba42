"""The truth, in mpmath: an oracle that shares no code with the rooms it judges.

Every function reads the values that are stored in the array (typed 0.1 in float16 means 0.0999756),
works with 60 decimal digits, more where they cancel, and an unlimited exponent range, and rounds once at
the end to `dtype`.
`dtype=object` returns the unrounded mpmath numbers, which is what `accuracy.ulps` wants.
The formulas of lesson 11 stand in `reference.family`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from fractions import Fraction
from functools import cache, partial

import mpmath
import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from course_utils import floats

DIGITS = 60

_INF, _NAN = mpmath.inf, mpmath.nan


def softmax(logits, axis=-1, dtype=np.float64, *, where=None):
    """Softmax, exp(z_i - max z) / sum(exp(z - max z)).

    Shape: that of `logits`; `axis` an int, a tuple or None; `where` broadcasts to the shape of `logits`.
    Special values: -inf gives 0, and so does an entry that `where` leaves out, whatever it holds; a slice of
        nothing else, or one that holds +inf or NaN, gives NaN.
    Error: half an ulp of `dtype`.
    Raises: AxisError for an axis that is not there.
    """
    return _map_slices(_softmax_row, logits, axis, dtype, where)


def log_softmax(logits, axis=-1, dtype=np.float64, *, where=None):
    """Log-softmax, (z_i - max z) - log1p(sum of the other terms). Shape and special values as `softmax`."""
    return _map_slices(_log_softmax_row, logits, axis, dtype, where)


def logsumexp(logits, axis=-1, dtype=np.float64, *, b=None, where=None, return_sign=False):
    """LogSumExp, log(sum(b exp z)); with `return_sign` the logarithm of the sum's size, and its sign.

    Shape: that of `logits` and `b`, which broadcast each other, without `axis`.
    Special values: an empty sum, or one that is exactly 0, gives -inf and the sign 0. Entries with b = 0, or left
        out by `where`, count for nothing, NaN and inf included. +inf gives +inf with positive weights only, with
        both signs NaN. A negative sum gives NaN, or its sign is asked for.
    """
    logits, weights = np.broadcast_arrays(_exact(logits), _exact(1.0 if b is None else b))
    rows, kept = _slices(_masked(logits, where), axis)
    with mpmath.workdps(DIGITS):
        pairs = [_logsumexp_row(*pair) for pair in zip(rows, _slices(weights, axis)[0], strict=True)]
    values, signs = (_objects([pair[part] for pair in pairs]).reshape(kept) for part in (0, 1))
    if return_sign:
        return rounded(values, dtype), rounded(signs, dtype)
    return rounded(np.where(signs < 0, _NAN, values), dtype)


def cross_entropy(logits, targets, dtype=np.float64, **options):
    """Cross-entropy from logits; the options and their meaning are `cross_entropy_with_grad`'s."""
    return cross_entropy_with_grad(logits, targets, dtype, **options)[0]


def cross_entropy_with_grad(
    logits,
    targets,
    dtype=np.float64,
    *,
    axis=-1,
    weight=None,
    ignore_index=None,
    label_smoothing=0.0,
    reduction="mean",
    empty="nan",
):
    """Cross-entropy and its gradient with respect to the logits.

    A row whose classes have the weights a (one class's weight, or w_c t_c for probability targets) has
    loss = sum a_c (lse - z_c) and gradient_j = p_j sum(a_c, c != j) - (1 - p_j) a_j, free of cancellation.

    Shape: logits (..., classes), or with the classes along `axis`; targets (...) of integers, or
        probabilities of the shape of the logits.
    Special values: a class at -inf costs +inf; with a = 0 it costs 0. A row whose a are all 0, or that is
        ignored, costs 0 and has gradient 0, whatever it holds. The mean divides by the weights of the targets
        (by the number of rows for probabilities); where that is 0 it is NaN, and so is the gradient of the rows
        that count; with empty="zero" both are 0.
    """
    logits, targets = np.asarray(logits), np.asarray(targets)
    rows, kept = _slices(_exact(logits), axis)
    # Of one class alone, an integer is its index and anything else its probability.
    soft = targets.shape == logits.shape and not (kept == logits.shape and targets.dtype.kind in "iu")
    wanted = _slices(targets, axis)[0] if soft else targets.reshape(-1)
    weight = _fractions(np.ones(rows.shape[1]) if weight is None else weight)
    goals = [_goal(target, weight, Fraction(label_smoothing), ignore_index, soft) for target in wanted]
    with mpmath.workdps(DIGITS):
        pairs = [_loss_row(list(row), goal) for row, (goal, _) in zip(rows, goals, strict=True)]
        losses, gradients = [pair[0] for pair in pairs], _objects([pair[1] for pair in pairs], rows.shape)
        if reduction == "none":
            loss = _objects(losses).reshape(kept)
        elif reduction == "sum":
            loss = mpmath.fsum(losses)
        else:
            counts = [any(goal) for goal, _ in goals]
            loss, gradients = _mean(losses, gradients, counts, sum(share for _, share in goals), empty)
    return rounded(loss, dtype), rounded(_put_back(gradients, logits.shape, axis), dtype)


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
    """An array of mpf with the very values that are stored; mpf stay as they are."""
    array = np.asarray(values)
    if array.dtype == object:
        return array
    return _each(lambda value: mpmath.mpf(float(value)), array.astype(np.float64))


def _fractions(values) -> list[Fraction]:
    return [Fraction(float(value)) for value in np.asarray(values).astype(np.float64)]


def _mpf(fraction: Fraction):
    return mpmath.mpf(fraction.numerator) / fraction.denominator


def _each(function, array):
    """Apply a function to every element; an object array of the same shape."""
    return _objects([function(value) for value in array.reshape(-1)]).reshape(array.shape)


def _objects(values, shape=None):
    """A list, or one list a row, as an array of objects: NumPy is not to guess at the shape."""
    result = np.empty(len(values) if shape is None else shape, dtype=object)
    for index, value in enumerate(values):
        result[index] = value
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


def _axes(axis, ndim: int) -> tuple[int, ...]:
    if axis is None or (ndim == 0 and axis in (0, -1)):
        return tuple(range(ndim))
    return tuple(sorted(normalize_axis_tuple(axis, ndim)))


def _slices(array, axis):
    """The array as (slices, entries along `axis`), and its shape without `axis`."""
    axes = _axes(axis, array.ndim)
    moved = np.moveaxis(array, axes, range(-len(axes), 0))
    kept, taken = moved.shape[: array.ndim - len(axes)], moved.shape[array.ndim - len(axes) :]
    return moved.reshape(math.prod(kept), math.prod(taken)), kept


def _put_back(rows, shape, axis):
    """Undo `_slices`."""
    axes = _axes(axis, len(shape))
    kept = [size for position, size in enumerate(shape) if position not in axes]
    moved = rows.reshape(kept + [shape[position] for position in axes])
    return np.moveaxis(moved, range(-len(axes), 0), axes)


def _masked(logits, where):
    """The logits with -inf, the logarithm of nothing, where `where` is False."""
    return logits if where is None else np.where(np.broadcast_to(where, logits.shape), logits, -_INF)


def _map_slices(row_function, logits, axis, dtype, where):
    logits = _exact(logits)
    rows, _ = _slices(_masked(logits, where), axis)
    with mpmath.workdps(DIGITS):
        result = _objects([row_function(list(row)) for row in rows], rows.shape)
    return rounded(_put_back(result, logits.shape, axis), dtype)


def _sum(terms):
    """The sum of `terms()`, as good as if nothing had cancelled: digits that are lost are added before.

    It ends: numbers w exp(z) with rational w and different rational z never add up to 0 (Lindemann and
    Weierstrass), so that the callers only need to take together what has the same z.
    """
    wanted, digits = mpmath.mp.dps, mpmath.mp.dps + 10
    while True:
        with mpmath.workdps(digits):
            parts = terms()
            total = mpmath.fsum(parts)
            if abs(total) * 10 ** (digits - wanted) >= max(map(abs, parts), default=0):
                return total
        digits *= 2


def _spoiled(row) -> bool:
    """No distribution exists: a NaN, a +inf, or nothing but -inf."""
    return any(mpmath.isnan(z) or z == _INF for z in row) or all(z == -_INF for z in row)


def _terms(row):
    """exp(z - max) for every entry, and their sum without the largest; differences are exact."""
    top = max(row)
    terms = [mpmath.mpf(0) if z == -_INF else mpmath.exp(mpmath.fsub(z, top, exact=True)) for z in row]
    largest = row.index(top)
    return terms, mpmath.fsum(terms[:largest] + terms[largest + 1 :])


def _softmax_row(row):
    if _spoiled(row):
        return [_NAN] * len(row)
    terms, rest = _terms(row)
    return [term / (1 + rest) for term in terms]


def _log_softmax_row(row):
    if _spoiled(row):
        return [_NAN] * len(row)
    top, log_total = max(row), mpmath.log1p(_terms(row)[1])
    return [z if z == -_INF else mpmath.fsub(z, top, exact=True) - log_total for z in row]


def _logsumexp_row(row, weights):
    """(log of the sum's size, sign of the sum)."""
    pairs = [(z, w) for z, w in zip(row, weights, strict=True) if w != 0]
    if any(mpmath.isnan(z) or mpmath.isnan(w) or (z == -_INF and mpmath.isinf(w)) for z, w in pairs):
        return _NAN, _NAN
    signs = {int(mpmath.sign(w)) for z, w in pairs if z == _INF or mpmath.isinf(w)}
    if signs:
        return (_INF, signs.pop()) if len(signs) == 1 else (_NAN, _NAN)
    summed = defaultdict(Fraction)
    for z, w in pairs:
        if z != -_INF:
            summed[z] += Fraction(float(w))
    groups = sorted(((z, w) for z, w in summed.items() if w), reverse=True)
    return _log_of_sum(*groups) if groups else (-_INF, 0)


def _log_of_sum(largest, *others):
    """`_logsumexp_row` of finite (z, w) with different z: top + log|w of the top| + log|1 + rest|."""
    (top, weight), size = largest, abs(largest[1])
    ratios = [(mpmath.fsub(z, top, exact=True), w / weight) for z, w in others]

    def terms():
        return [mpmath.exp(gap) if ratio == 1 else _mpf(ratio) * mpmath.exp(gap) for gap, ratio in ratios]

    def one_and_rest():
        return _sum(lambda: [mpmath.mpf(1), *terms()])

    def parts():
        log_size = mpmath.log1p(_mpf(size - 1)) if 2 * size > 1 else mpmath.log(_mpf(size))
        return [top, log_size, mpmath.log1p(_sum(terms)) if kept else mpmath.log(abs(one_and_rest()))]

    kept = all(ratio > 0 for _, ratio in ratios) or 2 * _sum(terms) > -1  # half of the largest, or more
    sign = 1 if kept else int(mpmath.sign(one_and_rest()))
    return _sum(parts), sign * (1 if weight > 0 else -1)


def _goal(target, weight, smoothing, ignore_index, soft):
    """(the weight of every class in one row's loss, what the row adds to the mean's divisor)."""
    classes = len(weight)
    if not soft and ignore_index is not None and target == ignore_index:
        return [Fraction(0)] * classes, 0
    wanted = _fractions(target) if soft else [int(j == target) for j in range(classes)]
    goal = [w * ((1 - smoothing) * t + smoothing / classes) for w, t in zip(weight, wanted, strict=True)]
    return goal, (1 if soft else weight[int(target)])


def _loss_row(row, goal):
    """The loss and its gradient; a row that counts for nothing costs nothing, whatever it holds."""
    if not any(goal):
        return mpmath.mpf(0), [mpmath.mpf(0)] * len(row)
    if _spoiled(row):
        return _NAN, [_NAN] * len(row)
    log_probabilities = _log_softmax_row(row)
    loss = mpmath.fsum(-_mpf(a) * log_p for a, log_p in zip(goal, log_probabilities, strict=True) if a)
    return loss, _gradient_row(row, goal)


def _gradient_row(row, goal):
    weight, finite = sum(goal), [z for z in row if z != -_INF]
    if min(finite) == max(finite):  # p is a fraction, and p - a may be exactly 0
        return [_mpf((z != -_INF) * weight / len(finite) - a) for z, a in zip(row, goal, strict=True)]

    @cache
    def shares(digits):
        """(p, 1 - p) of every entry, at the precision of the moment."""
        terms, rest = _terms(row)
        largest, total = row.index(max(row)), 1 + rest
        return [(e / total, (rest if j == largest else total - e) / total) for j, e in enumerate(terms)]

    def parts(j):
        p, other = shares(mpmath.mp.dps)[j]
        return [p * _mpf(weight - goal[j]), -other * _mpf(goal[j])]

    # Of a class that has no weight, or all of it, one part is 0, and nothing cancels.
    return [_sum(partial(parts, j)) if 0 < a < weight else mpmath.fsum(parts(j)) for j, a in enumerate(goal)]


def _mean(losses, gradients, counts, divisor, empty):
    """Both over the rows' shares; where these add up to 0, what `empty` says for the rows that count."""
    if divisor:
        return mpmath.fsum(losses) / _mpf(divisor), gradients / _mpf(divisor)
    value = mpmath.mpf(0) if empty == "zero" else _NAN
    column = np.where(np.reshape(counts, (-1, 1)), value, mpmath.mpf(0))
    return value, np.broadcast_to(column, gradients.shape)


from course_utils.reference import family  # noqa: E402, F401  it stands on what is above
