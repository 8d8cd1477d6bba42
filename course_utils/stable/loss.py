"""Cross-entropy straight from the logits, with its gradient, and no probability in between."""

from __future__ import annotations

from functools import partial

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
    last,
    one_of,
)
from course_utils.stable.rows import (
    ENOUGH,
    LARGEST,
    SMALLEST,
    Blocks,
    exponentials,
    plain,
    quietly,
    weak,
    within,
)
from course_utils.stable.sums import entries, leave_out


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
    """Cross-entropy, -log p of the target: log1p(rest / own), own the target's term, rest the sum of the others.

    Shape: `targets` are class indices of the shape of `logits` without `axis`, or probabilities of the shape of
        `logits`. `weight` has one number a class. A scalar, or with reduction="none" the shape of the indices.
    Special values: a target at -inf costs +inf, unless its probability or weight is 0: then nothing. Rows equal
        to `ignore_index` count for nothing, whatever they hold. The mean divides by the weights of the targets
        (by the number of rows for probabilities); where that is 0 it is NaN, or with empty="zero" 0. A row that
        holds +inf or NaN, or nothing but -inf, costs NaN.
    Error: 4.1 ulps at most as measured, for margins from 0 to 750 and confidently wrong rows alike.
    Raises: IndexError naming the first target that is no class; TypeError for targets that are no integers;
        ValueError for shapes, for what is no probability or sums to something else than 1 (check_sum=False
        allows it), and for options that don't exist; for the logits as `softmax`.
    Reference: pytorch #113708: in float32 the usual form is 0 from a margin of 17 on.
    """
    options = _Options(weight, ignore_index, label_smoothing, reduction, empty, check_sum)
    return options.evaluate(logits, targets, axis, with_grad=False)[0]


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
    """The loss of `cross_entropy` and its gradient with respect to the logits, from the same exponentials.

    Entry j of the gradient is E_j / s, that of the target -rest / s: p - 1 would cancel once p rounds to 1.

    Shape: the loss as `cross_entropy`; the gradient has the shape of `logits`. With reduction="none" it is the
        gradient of the sum of the losses.
    Special values: a logit at -inf has gradient 0, as a target -1; ignored rows have 0 throughout.
    Error: 6 ulps at most as measured with class indices. With probabilities p - t cancels where they agree:
        there the error is a few u of p + t; a row that is one-hot keeps every digit.
    Raises: as `cross_entropy`.
    Reference: Prieto et al. 2025, arXiv 2501.04697: training stops where these entries become 0.
    """
    if (
        weight is None
        and ignore_index is None
        and label_smoothing == 0
        and reduction == "mean"
        and empty == "nan"
    ):
        usual = _usual(logits, targets, axis)
        if usual is not None:
            return usual
    options = _Options(weight, ignore_index, label_smoothing, reduction, empty, check_sum)
    return options.evaluate(logits, targets, axis, with_grad=True)


def _usual(logits, targets, axis):
    """The short way for a batch with class indices; None for everything else, errors included."""
    if (
        last(axis)
        and plain(logits)
        and logits.ndim == 2
        and type(targets) is np.ndarray
        and targets.dtype.kind in "iu"
        and targets.shape == logits.shape[:1]
        and within(targets, 0, logits.shape[1] - 1)
    ):
        return quietly(_usual_block, logits, targets)
    return None


def _usual_block(logits, targets):
    """(mean loss, its gradient); None where the textbook terms don't suffice."""
    terms, shift = exponentials(logits, np.empty_like(logits))
    index = targets.astype(np.intp, copy=False)
    own, rest = leave_out(terms, index)
    sums, ratio, largest = own + rest, rest / own, LARGEST[terms.dtype]
    if shift is not None or not (within(ratio, 0, largest / 16) and within(sums, ENOUGH, largest)):
        return None
    view, at = entries(terms, index)
    view[at] = -rest
    _scale(terms, sums, 1.0 / len(sums))
    loss = np.add.reduce(np.log1p(ratio), dtype=np.float64) / len(sums)
    return loss.astype(terms.dtype), terms


class _Options:
    """What the two functions are asked for, checked; `evaluate` puts the steps in order."""

    def __init__(self, weight, ignore_index, label_smoothing, reduction, empty, check_sum):
        self.weight, self.ignore_index, self.check_sum = weight, ignore_index, check_sum
        self.smoothing = as_smoothing(label_smoothing)
        self.reduction = one_of(reduction, ("mean", "sum", "none"), "reduction")
        self.empty = one_of(empty, ("nan", "zero"), "empty")

    def evaluate(self, logits, targets, axis, with_grad):
        logits = as_logits(logits)
        axes = as_axes(axis, logits.ndim)
        rows = as_rows(logits, axes)
        grad = np.empty_like(logits, subok=False) if with_grad else None
        into = as_rows(grad, axes) if with_grad else None
        weight = as_weight(self.weight, rows.shape[1])
        index, ignored, soft = as_targets(targets, logits.shape, axes, self.ignore_index, self.check_sum)
        loss = quietly(self.losses, rows, into, index, ignored, soft, weight)
        loss = quietly(loss.astype, logits.dtype)
        if with_grad and logits.size:
            from_rows(into, grad, axes)
        return loss.reshape(kept_shape(logits.shape, axes) if self.reduction == "none" else ())[()], grad

    def losses(self, rows, into, index, ignored, soft, weight):
        share = _shares(index, ignored, weight)
        divisor = self.divisor(len(rows), share)
        if soft is None and self.smoothing == 0:
            kernel = partial(_index_block, index, share, divisor)
            ignored = None if share is None else share == 0
        else:
            goals = self.goals(rows.shape, index, soft, weight)
            kernel = partial(_distribution_block, goals, divisor)
        losses = _losses_of(kernel, rows, into, ignored)
        return losses if self.reduction == "none" else np.asarray(losses.sum() / divisor)

    def divisor(self, count, share):
        """What the sum is divided by; the gradient as well."""
        if self.reduction != "mean":
            return 1.0
        weights = float(count) if share is None else float(share.sum())
        return 1.0 if weights == 0 and self.empty == "zero" else np.float64(weights)

    def goals(self, shape, index, soft, weight):
        """The weight that each row gives to -log p of each class."""
        goals = np.zeros(shape) if soft is None else soft
        if soft is None:
            goals[np.arange(len(index)), index] = 1
        if self.smoothing:
            goals = goals * (1 - self.smoothing) + self.smoothing / max(1, shape[1])
        return goals if weight is None else goals * weight


def _shares(index, ignored, weight):
    """What each row counts: its target's weight, 0 for an ignored row; None stands for 1 everywhere."""
    share = None if weight is None or index is None else weight[index]
    if ignored is None:
        return share
    return np.where(ignored, 0.0, 1.0 if share is None else share)


def _losses_of(kernel, rows, grad, ignored):
    """The losses of all rows in float64; the gradient is left in `grad`. Ignored rows end up with 0 in both."""
    losses = np.zeros(len(rows))
    if rows.size:
        Blocks(rows).run(partial(kernel, losses, grad is not None), grad)
    if ignored is not None:
        losses[ignored] = 0
        if grad is not None:
            grad[ignored] = 0
    return losses


def _index_block(targets, share, divisor, losses, with_grad, logits, out, index, row_max):
    """Class-index targets: the target is left out of the sum."""
    target = targets[index]
    view, at = entries(logits, target)
    own_logit = view[at]
    terms, shift = exponentials(logits, out, row_max)
    own, rest = leave_out(terms, target)
    sums = own + rest
    weight = 1.0 if share is None else share[index]
    losses[index] = weight * _losses(own, rest, sums, own_logit, shift)
    if with_grad:
        view, at = entries(terms, target)
        view[at] = -rest
        _scale(terms, sums, weight / divisor)
    return weak(sums, row_max)


def _losses(own, rest, sums, own_logit, shift):
    """log1p(rest / own), which keeps a loss far below u; log(sum) - z where the ratio leaves the format."""
    ratio = rest / own
    losses = np.log1p(ratio)
    # Past max/16 the target's own term may be subnormal, and the loss is large: nothing cancels here.
    if not within(ratio, 0, LARGEST[ratio.dtype] / 16):
        far = ((0 if shift is None else shift) - own_logit) + np.log(sums)
        losses = np.where(ratio <= LARGEST[ratio.dtype] / 16, losses, far)
    return losses


def _scale(terms, sums, factor):
    """terms * factor / sums, in one pass unless the combined factor would be subnormal."""
    scale = np.divide(factor, sums, dtype=np.float64).astype(terms.dtype, copy=False)
    if scale.item(scale.argmin()) < SMALLEST[terms.dtype]:
        terms /= sums[:, None]
        scale = np.broadcast_to(np.asarray(factor, terms.dtype), sums.shape)
    terms *= scale[:, None]


def _distribution_block(goals, divisor, losses, with_grad, logits, out, index, row_max):
    """Targets that are a distribution a: the loss is the sum of a_j (-log p_j).

    The gradient p_j sum(a) - a_j is taken as p_j sum(a_k, k != j) - a_j (1 - p_j), and 1 - p of the largest
    term as the rest of the sum: a one-hot row then keeps every digit.
    """
    goal = goals[index]
    at = np.arange(len(logits)), logits.argmax(axis=1)
    row_max = logits[at]
    terms, _ = exponentials(logits, out, row_max)
    largest, rest = leave_out(terms, at[1])
    log_rest = np.log1p(np.divide(rest, largest, dtype=np.float64))
    log_p = (logits - row_max[:, None]) - log_rest[:, None]
    losses[index] = np.add.reduce(np.where(goal == 0, 0.0, -goal * log_p), axis=1)
    if with_grad:
        terms[at] = largest
        p = terms / (largest + rest)[:, None]
        others = 1 - p
        others[at] = rest / (largest + rest)
        out[...] = (p * (goal.sum(axis=1, keepdims=True) - goal) - goal * others) / divisor
