"""How far from the truth an honest max-shift may end up.

Rounding z - max z moves each exponent by up to |z - max z| u, and adding n terms up costs about sqrt(n) u.
"""

from __future__ import annotations

import numpy as np

from course_utils import floats
from course_utils.audit.cases import Case

MARGIN = 8.0


def logits_of(case: Case) -> np.ndarray:
    """The logits in float64, with -inf where `where=` leaves them out."""
    logits = case.seen().astype(np.float64)
    return np.where(case.options["where"], logits, -np.inf) if "where" in case.options else logits


def maxima(case: Case, keepdims=False) -> np.ndarray:
    """The largest logit of each row."""
    logits = logits_of(case)
    axis = case.axis if logits.ndim else ()
    return np.max(
        logits, axis=axis, keepdims=keepdims or case.options.get("keepdims", False), initial=-np.inf
    )


def allowed(quantity: str, case: Case, expected: np.ndarray, fmt: floats.Format) -> np.ndarray:
    """How many ulps, entry by entry."""
    if not logits_of(case).size:
        return np.full(expected.shape, MARGIN)
    unit, values = fmt.eps / 2, np.abs(expected.astype(np.float64))
    if quantity in ("cross_entropy", "gradient"):
        lost, least = _of_losses(quantity, case, expected.shape, fmt)
        return least + np.nan_to_num(lost * unit / floats.spacing(values, fmt), posinf=np.inf)
    below, p, spread = _spread(logits_of(case), case.axis, fmt)
    least = _least(logits_of(case).size // max(1, maxima(case).size), fmt)
    if quantity == "softmax":
        return least - below + spread
    lost = (1 - p) * -below + (spread + p * below)
    if quantity == "logsumexp":
        lost = spread.reshape(expected.shape)
    return least + np.nan_to_num(lost * unit / floats.spacing(values, fmt), posinf=np.inf)


def size_of_gradient(case: Case) -> np.ndarray:
    """p_j (the weight of the other classes) + (1 - p_j) (its own): the gradient is the difference of the two."""
    rows, goals, divisor = rows_and_goals(case)
    p, others = _probabilities(rows)
    size = p * (goals.sum(axis=1, keepdims=True) - goals) + others * goals
    return _back(size / divisor, case)


def rows_and_goals(case: Case):
    """(rows, the weight of -log p of each class in each row, what the sum is divided by)."""
    options, logits = case.options, np.asarray(case.seen()).astype(np.float64)
    moved = np.moveaxis(logits, options.get("axis", -1), -1)
    rows = moved.reshape(-1, moved.shape[-1])
    targets = np.asarray(case.targets)
    weight = np.asarray(options.get("weight", np.ones(rows.shape[1])))
    if case.soft:
        goals, shares = targets.astype(np.float64), np.ones(len(rows))
    else:
        targets = targets.reshape(-1)
        ignored = targets == options.get("ignore_index", None)
        inside = np.where(ignored, 0, targets).astype(int)
        goals = np.zeros(rows.shape)
        goals[np.arange(len(rows)), inside] = ~ignored
        shares = weight[inside] * ~ignored
    smoothing = options.get("label_smoothing", 0)
    goals = ((1 - smoothing) * goals + smoothing / rows.shape[1] * (shares > 0)[:, None]) * weight
    return rows, goals, shares.sum() if options.get("reduction", "mean") == "mean" else 1.0


def _of_losses(quantity, case, shape, fmt):
    rows, goals, divisor = rows_and_goals(case)
    below, p, spread = _spread(rows, -1, fmt)
    least = _least(rows.shape[1], fmt)
    if quantity == "cross_entropy":
        weights = goals.sum(axis=1, keepdims=True)
        lost = np.sum(np.abs(goals - p * weights) * -below, axis=1)
        return (lost.reshape(shape) if shape else np.sum(lost) / divisor), least
    _, others = _probabilities(rows)
    mine = p * (goals.sum(axis=1, keepdims=True) - goals) * (least - below + spread)
    rest = goals * (others * (least + spread) + np.maximum(spread + p * below, 0))
    return _back((mine + rest) / divisor, case), least


def _spread(logits, axis, fmt):
    """(z - max z, p, the mean of |z - max z| under p), of each row."""
    axis = axis if logits.ndim else ()
    top = np.max(logits, axis=axis, keepdims=True, initial=-np.inf)
    # Past twice the distance at which exp is 0, nothing is left to lose.
    below = np.maximum(logits - top, 2 * fmt.exp_first_zero)
    below = np.where(np.isfinite(below), below, 0.0)
    p = np.exp(below)
    p /= np.sum(p, axis=axis, keepdims=True)
    return below, p, np.sum(p * -below, axis=axis, keepdims=True)


def _probabilities(rows):
    """(p, 1 - p) of each row, the second without cancellation."""
    top = rows.argmax(axis=1)
    terms = np.exp(rows - rows.max(axis=1, keepdims=True))
    sums = terms.sum(axis=1, keepdims=True)
    others = 1 - terms / sums
    at = np.arange(len(rows)), top
    p = terms / sums
    terms[at] = 0
    others[at] = terms.sum(axis=1) / sums[:, 0]
    return p, others


def _back(rows, case):
    """Rows of a gradient in the shape of the logits."""
    axis = case.options.get("axis", -1)
    moved = np.moveaxis(case.seen(), axis, -1).shape
    return np.moveaxis(rows.reshape(moved), -1, axis)


def _least(classes, fmt):
    return MARGIN + (np.sqrt(classes) if fmt.bits >= 32 else 0)
