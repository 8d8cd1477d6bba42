"""How far an honest form of a disguised softmax may end up, and what a backward pass is measured against.

A form is honest when each of its steps rounds once and nothing cancels that the truth does not cancel.
"""

from __future__ import annotations

import numpy as np

from course_utils import floats
from course_utils.audit.allowance import MARGIN
from course_utils.audit.cases import Case
from course_utils.audit.cases.disguises import PAIRS


def allowed_of_disguise(quantity: str, case: Case, expected: np.ndarray, fmt: floats.Format) -> np.ndarray:
    """How many ulps, entry by entry."""
    if quantity in PAIRS or not np.size(case.logits):
        return np.full(expected.shape, MARGIN)
    unit, values = fmt.eps / 2, np.abs(expected.astype(np.float64))
    lost = {"entropy": _of_entropy, "kl_divergence": _of_divergence}.get(quantity, _of_backward(quantity))(
        case
    )
    if quantity == "kl_divergence":  # of second order: what rounds the logarithms counts times the root of it
        lost = lost * np.sqrt(values) + unit * lost**2
    return MARGIN + np.nan_to_num(lost * unit / floats.spacing(values, fmt), posinf=np.inf)


def size_of_backward(quantity: str, case: Case) -> np.ndarray:
    """The sum of the sizes of what is added up: p_i sum(p_j |g_i - g_j|), or (1 - p_i) |g_i| + p_i sum(|g_j|)."""
    return _size(quantity, case, np.zeros_like)


def _of_entropy(case):
    below, p = _row(case)
    return np.sum(p * (MARGIN - below) * (1 - below), axis=case.axis)


def _of_divergence(case):
    """The logarithms that count, with the room that their rounding needs."""
    below, p = _row(case)
    others, _ = _row(case, case.targets)
    return MARGIN * (2 + np.sum(p * -np.minimum(below + others, 0), axis=case.axis))


def _of_backward(quantity):
    return lambda case: _size(quantity, case, lambda below: MARGIN - below)


def _size(quantity, case, weight):
    below, p = (np.moveaxis(array, case.axis, -1) for array in _row(case))
    g = np.moveaxis(np.where(np.isfinite(case.targets), case.targets, 0).astype(np.float64), case.axis, -1)
    weighted = p * (1 + weight(below))
    others = weighted[..., None, :] * (1 - np.eye(p.shape[-1]))
    if quantity == "softmax_backward":
        size = weighted * np.sum(others * np.abs(g[..., :, None] - g[..., None, :]), axis=-1)
    else:
        rest = np.abs(g).sum(axis=-1, keepdims=True) - np.abs(g)
        size = others.sum(axis=-1) * np.abs(g) + weighted * rest
    return np.moveaxis(size, -1, case.axis)


def _row(case, logits=None):
    """(z - max z, p), with 0 for what is not finite."""
    z = np.asarray(case.logits if logits is None else logits).astype(np.float64)
    with np.errstate(all="ignore"):
        below = z - z.max(axis=case.axis, keepdims=True)
        p = np.where(np.isfinite(below), np.exp(below), 0)
        total = p.sum(axis=case.axis, keepdims=True)
        return np.where(np.isfinite(below), below, 0), p / np.where(total > 0, total, 1)
