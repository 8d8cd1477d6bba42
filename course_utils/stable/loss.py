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
from course_utils.stable.rows import LARGEST, SMALLEST, Blocks, exponentials, leave_out, weak, within


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
        divisor = 1.0
        if reduction == "mean":
            divisor = float(len(rows)) if share is None else share.sum()
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
    """What each row counts in the mean: its class's weight, 0 for an ignored row; None stands for 1 everywhere."""
    share = None if weight is None or index is None else weight[index]
    if ignored is None:
        return share
    return np.where(ignored, 0.0, 1.0 if share is None else share)


def _hard(rows, targets, share, divisor, grad):
    """Losses of class-index targets, and the gradient in `grad`: the target is left out of the sum."""
    losses = np.zeros(len(rows))

    def block(logits, out, index, row_max):
        target = targets[index]
        at = np.arange(len(target)), target
        target_logit = logits[at]
        terms, shift = exponentials(logits, out, row_max)
        own, rest = leave_out(terms, at)
        sums = own + rest
        losses[index] = _losses(own, rest, sums, target_logit, shift)
        if grad is not None:
            terms[at] = -rest
            _scale(terms, sums, (1.0 if share is None else share[index]) / divisor)
        return weak(sums, row_max)

    if rows.size:
        Blocks(rows).run(block, grad)
    return losses if share is None else np.where(share == 0, 0.0, losses * share)


def _losses(own, rest, sums, target_logit, shift):
    """log1p(rest / own), which keeps a loss far below u; log(sum) - z where the ratio leaves the format."""
    ratio = rest / own
    losses = np.log1p(ratio)
    # Past max/16 the target's own term may be subnormal, and the loss is large: nothing cancels here.
    if not within(ratio, 0, LARGEST[ratio.dtype] / 16):
        far = ((0 if shift is None else shift) - target_logit) + np.log(sums)
        losses = np.where(ratio <= LARGEST[ratio.dtype] / 16, losses, far)
    return losses


def _scale(terms, sums, factor):
    """terms * factor / sums, in one pass unless the combined factor would be subnormal."""
    scale = np.divide(factor, sums, dtype=np.float64).astype(terms.dtype, copy=False)
    if scale.item(scale.argmin()) < SMALLEST[terms.dtype]:
        terms /= sums[:, None]
        scale = np.broadcast_to(np.asarray(factor, terms.dtype), sums.shape)
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
        at = np.arange(len(logits)), logits.argmax(axis=1)
        row_max = logits[at]
        terms, _ = exponentials(logits, out, row_max)
        largest, rest = leave_out(terms, at)
        log_p = (logits - row_max[:, None]) - np.log1p(rest.astype(np.float64) / largest)[:, None]
        losses[index] = np.add.reduce(np.where(goal == 0, 0.0, -goal * log_p), axis=1)
        if grad is not None:
            sums = (largest + rest)[:, None]
            terms[at] = largest
            p, others = terms / sums, 1 - terms / sums
            others[at] = rest / sums[:, 0]
            out[...] = (p * (goal.sum(axis=1, keepdims=True) - goal) - goal * others) / divisor

    if rows.size:
        Blocks(rows).run(block, grad)
    return losses
