"""The truth about the formulas that are a softmax underneath: sigmoids, entropies, divergences, backward passes.

As in the rest of the room, stored values are read as they are, and each result is rounded once to `dtype`.
"""

import mpmath
import numpy as np

from course_utils.reference import (
    _INF,
    _NAN,
    _each,
    _exact,
    _log_softmax_row,
    _objects,
    _slices,
    _softmax_row,
    _spoiled,
    _terms,
    rounded,
)

DIGITS = 200  # two distributions that differ by 1e-16 have a divergence of 1e-32


def sigmoid(logits, dtype=np.float64):
    """1 / (1 + exp(-z)), the first entry of softmax([z, 0])."""
    return _elementwise(_sigmoid, dtype, logits)


def softplus(logits, dtype=np.float64):
    """log(1 + exp z), the log-sum-exp of [z, 0]."""
    return _elementwise(_softplus, dtype, logits)


def log_sigmoid(logits, dtype=np.float64):
    """-softplus(-z), the first entry of log_softmax([z, 0])."""
    return _elementwise(lambda z: -_softplus(-z), dtype, logits)


def log1mexp(logarithms, dtype=np.float64):
    """log(1 - exp x) for x <= 0; NaN above, -inf at 0."""
    return _elementwise(_log1mexp, dtype, logarithms)


def binary_cross_entropy(logits, targets, dtype=np.float64):
    """y softplus(-z) + (1 - y) softplus(z); what has the weight 0 costs 0."""
    return _elementwise(_binary_loss, dtype, logits, targets)


def binary_gradient(logits, targets, dtype=np.float64):
    """sigmoid(z) - y, the slope of `binary_cross_entropy`."""
    return _elementwise(lambda z, y: (1 - y) * _sigmoid(z) - y * _sigmoid(-z), dtype, logits, targets)


def entropy(logits, axis=-1, dtype=np.float64):
    """-sum(p log p) of softmax(logits); a class at -inf adds 0."""
    return _each_row(_entropy_row, axis, dtype, logits)


def kl_divergence(logits, others, axis=-1, dtype=np.float64):
    """sum(p (log p - log q)), p and q the softmax of two arrays of logits; inf where q lacks a class of p."""
    return _each_row(_divergence_row, axis, dtype, logits, others)


def softmax_backward(logits, upstream, axis=-1, dtype=np.float64):
    """p_i sum_j(p_j (g_i - g_j)): what softmax sends back for the gradient g of its output."""
    return _each_row(_softmax_backward_row, axis, dtype, logits, upstream, kept=True)


def log_softmax_backward(logits, upstream, axis=-1, dtype=np.float64):
    """(1 - p_i) g_i - p_i sum(g_j, j != i): what log_softmax sends back for the gradient g of its output."""
    return _each_row(_log_softmax_backward_row, axis, dtype, logits, upstream, kept=True)


def gaussian_shares(points, log_weights, means, sigmas, dtype=np.float64):
    """Which part of a mixture made each point: softmax of log w_k - d log sigma_k - |x - mean_k|^2 / (2 sigma_k^2).

    Shape: (points, d), (parts,), (parts, d), (parts,); the result is (points, parts).
    """
    points, weights, means, sigmas = map(_exact, (points, log_weights, means, sigmas))

    def joint(x, weight, mean, sigma):
        if weight == -_INF:
            return weight
        distance = mpmath.fsum((a - b) ** 2 for a, b in zip(x, mean, strict=True))
        return weight - len(x) * mpmath.log(sigma) - distance / (2 * sigma**2)

    with mpmath.workdps(DIGITS):
        rows = [[joint(x, *part) for part in zip(weights, means, sigmas, strict=True)] for x in points]
        shares = [_softmax_row(row) for row in rows]
    return rounded(_objects([p for row in shares for p in row]).reshape(len(points), len(weights)), dtype)


def draw(logits, u):
    """The first class whose cumulated probability is above u, as a float."""
    row = list(_exact(logits))
    top = max(row)
    with mpmath.workdps(DIGITS):
        size = {z: mpmath.exp(z - top) for z in set(row)}
        height = _exact(u).item() * mpmath.fsum(size[z] for z in row)
        total = mpmath.mpf(0)
        for index, z in enumerate(row):
            total += size[z]
            if total > height:
                return np.float64(index)
    raise ValueError("u must lie in [0, 1)")


def _elementwise(function, dtype, *arrays):
    arrays = np.broadcast_arrays(*map(_exact, arrays))
    pairs = _objects(list(zip(*(array.reshape(-1) for array in arrays), strict=True)))
    with mpmath.workdps(DIGITS):
        values = _each(lambda pair: _NAN if any(map(mpmath.isnan, pair)) else function(*pair), pairs)
    return rounded(values.reshape(arrays[0].shape), dtype)


def _each_row(function, axis, dtype, *arrays, kept=False):
    arrays = np.broadcast_arrays(*map(_exact, arrays))
    pairs = zip(*(_slices(array, axis)[0] for array in arrays), strict=True)
    with mpmath.workdps(DIGITS):
        found = [function(*map(list, pair)) for pair in pairs]
    moved = np.moveaxis(arrays[0], axis, -1).shape if arrays[0].ndim else (1,)
    if not kept:
        return rounded(_objects(found).reshape(moved[:-1]), dtype)
    values = _objects([value for row in found for value in row]).reshape(moved)
    return rounded(np.moveaxis(values, -1, axis), dtype)


def _sigmoid(z):
    return mpmath.mpf(z > 0) if mpmath.isinf(z) else 1 / (1 + mpmath.exp(-z))


def _softplus(z):
    if mpmath.isinf(z):
        return max(z, mpmath.mpf(0))
    return max(z, 0) + mpmath.log1p(mpmath.exp(-abs(z)))


def _log1mexp(x):
    if x > 0:
        return _NAN
    if x == 0 or x == -_INF:
        return mpmath.mpf(0) if x else -_INF
    return mpmath.log(-mpmath.expm1(x)) if x > -1 else mpmath.log1p(-mpmath.exp(x))


def _binary_loss(z, y):
    return (y * _softplus(-z) if y else 0) + ((1 - y) * _softplus(z) if y != 1 else 0)


def _entropy_row(row):
    if _spoiled(row):
        return _NAN
    pairs = zip(_softmax_row(row), _log_softmax_row(row), strict=True)
    return -mpmath.fsum(p * log_p for p, log_p in pairs if p)


def _divergence_row(row, others):
    if _spoiled(row) or _spoiled(others):
        return _NAN
    triples = zip(_softmax_row(row), _log_softmax_row(row), _log_softmax_row(others), strict=True)
    return mpmath.fsum(p * (log_p - log_q) for p, log_p, log_q in triples if p)


def _softmax_backward_row(row, upstream):
    if _spoiled(row):
        return [_NAN] * len(row)
    pairs = [(p, g) for p, g in zip(_softmax_row(row), upstream, strict=True)]
    return [
        p and p * mpmath.fsum(q * mpmath.fsub(g, other, exact=True) for q, other in pairs if q)
        for p, g in pairs
    ]


def _log_softmax_backward_row(row, upstream):
    if _spoiled(row):
        return [_NAN] * len(row)
    terms, rest = _terms(row)
    largest, total = row.index(max(row)), 1 + rest
    others = [(rest if i == largest else total - term) / total for i, term in enumerate(terms)]
    sums = [mpmath.fsum(upstream[:i] + upstream[i + 1 :]) for i in range(len(row))]
    triples = zip(terms, others, upstream, sums, strict=True)
    return [other * g - term / total * rest_of_g for term, other, g, rest_of_g in triples]
