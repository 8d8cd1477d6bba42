"""Cross-entropy straight from the logits, with its gradient, and no probability in between."""

from __future__ import annotations

import numpy as np

from course_utils.stable.arguments import (
    as_axes,
    as_logits,
    as_rows,
    as_smoothing,
    as_targets,
    as_weight,
    from_rows,
    kept_shape,
    one_of,
)
from course_utils.stable.rows import Blocks, exponentials, leave_out, leave_out_max, weak


def cross_entropy(
    logits,
    targets,
    *,
    axis=-1,
    weight=None,
    ignore_index=None,
    label_smoothing=0.0,
    reduction="mean",
    empty="nan",
    check_sum=True,
):
    options = weight, ignore_index, label_smoothing, reduction, empty, check_sum
    return _cross_entropy(logits, targets, axis, *options, with_grad=False)[0]


def cross_entropy_with_grad(
    logits,
    targets,
    *,
    axis=-1,
    weight=None,
    ignore_index=None,
    label_smoothing=0.0,
    reduction="mean",
    empty="nan",
    check_sum=True,
):
    options = weight, ignore_index, label_smoothing, reduction, empty, check_sum
    return _cross_entropy(logits, targets, axis, *options, with_grad=True)


def _cross_entropy(
    logits, targets, axis, weight, ignore_index, label_smoothing, reduction, empty, check_sum, *, with_grad
):
    logits = as_logits(logits)
    axes = as_axes(axis, logits.ndim)
    rows = as_rows(logits, axes)
    weight = as_weight(weight, rows.shape[1])
    smoothing = as_smoothing(label_smoothing)
    one_of(reduction, ("mean", "sum", "none"), "reduction")
    one_of(empty, ("nan", "zero"), "empty")
    index, ignored, soft = as_targets(targets, logits.shape, axes, ignore_index, check_sum)
    with np.errstate(all="ignore"):
        share = _row_shares(len(rows), index, ignored, weight)
        divisor = share.sum() if reduction == "mean" else 1.0
        if divisor == 0 and empty == "zero":
            divisor = 1.0
        grad = np.empty_like(logits, subok=False) if with_grad else None
        into = as_rows(grad, axes) if with_grad else None
        if soft is None and smoothing == 0:
            losses = _hard(rows, index, share, divisor, into)
        else:
            goals = _goals(rows.shape, index, soft, weight, smoothing)
            losses = _soft(rows, goals, divisor, into)
        if ignored is not None:
            losses[ignored] = 0
            if with_grad:
                into[ignored] = 0
        if with_grad and logits.size:
            from_rows(into, grad, axes)
        if reduction == "none":
            loss = losses.reshape(kept_shape(logits.shape, axes))
        else:
            loss = losses.sum() / divisor
        return np.asarray(loss).astype(logits.dtype)[()], grad


def _row_shares(count, index, ignored, weight):
    """What each row counts in the mean: 1, or its class's weight; 0 for an ignored row."""
    share = np.ones(count) if weight is None or index is None else weight[index]
    return share if ignored is None else np.where(ignored, 0.0, share)


def _hard(rows, targets, share, divisor, grad):
    """Losses of class-index targets, and the gradient in `grad`: the target is left out of the sum."""
    losses = np.zeros(len(rows))

    def block(logits, out, index, row_max):
        target = targets[index]
        at = np.arange(len(target)), target
        target_logit = logits[at]
        terms, shift = exponentials(logits, out, row_max)
        own, rest = leave_out(terms, target)
        losses[index] = share[index] * _losses(own, rest, target_logit, shift)
        if grad is not None:
            sums = own + rest
            terms[at] = -rest
            _scale(terms, sums, share[index] / divisor)
        return weak(own + rest, shift)

    if rows.size:
        Blocks(rows).run(block, grad)
    return losses


def _losses(own, rest, target_logit, shift):
    """log1p(rest / own), which keeps a loss far below u; log(sum) - z where the ratio leaves the format."""
    ratio = rest / own
    shift = 0 if shift is None else shift
    # Past max/16 the target's own term may be subnormal, and the loss is large: nothing cancels here.
    far = (shift - target_logit) + np.log(own + rest)
    return np.where(ratio <= np.finfo(ratio.dtype).max / 16, np.log1p(ratio), far)


def _scale(terms, sums, factor):
    """terms * factor / sums, in one pass unless the combined factor would be subnormal."""
    scale = (factor / sums).astype(terms.dtype)
    if np.any(np.abs(scale) < np.finfo(terms.dtype).tiny):
        terms /= sums[:, None]
        scale = factor.astype(terms.dtype)
    terms *= scale[:, None]


def _goals(shape, index, soft, weight, smoothing):
    """The weight that each row gives to -log p of each class."""
    goals = np.zeros(shape) if soft is None else soft
    if soft is None:
        goals[np.arange(len(index)), index] = 1
    goals = goals * (1 - smoothing) + (smoothing / shape[1] if smoothing else 0)
    return goals if weight is None else goals * weight


def _soft(rows, goals, divisor, grad):
    """Losses of a whole distribution of targets, sum a_j (-log p_j), and the gradient in `grad`.

    p_j sum(a) - a_j is computed as p_j sum(a, k != j) - a_j (1 - p_j), so a one-hot row keeps every digit.
    """
    losses = np.zeros(len(rows))

    def block(logits, out, index, row_max):
        goal = goals[index]
        terms = np.empty_like(logits)
        top, largest, rest = leave_out_max(logits, terms)
        log_p = (logits - top[:, None]) - np.log1p(rest / largest)[:, None]
        losses[index] = np.add.reduce(np.where(goal == 0, 0.0, -goal * log_p), axis=1)
        if grad is not None:
            np.copyto(out, _soft_gradient(np.exp(log_p), goal, divisor))

    if rows.size:
        Blocks(rows).run(block, grad)
    return losses


def _soft_gradient(p, goal, divisor):
    return (p * goal.sum(axis=1, keepdims=True) - goal) / divisor
