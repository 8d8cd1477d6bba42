"""Cross-entropy straight from the logits, with its gradient, and no probability in between."""

import math
from functools import partial

import numpy as np

from course_utils.stable import arguments
from course_utils.stable.rows import COMPUTED, each_block, largest, leave_one_out, smallest_shift


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
    Special values: a target at -inf costs +inf, unless its probability or weight is 0: then nothing. A row that
        counts for nothing (its target is `ignore_index`, or the weight of all that it would cost is 0) costs 0,
        whatever it holds. Any other row that holds +inf or NaN, or nothing but -inf, costs NaN. The mean divides
        by the weights of the targets (by the number of rows for probabilities); where that is 0 it is NaN, or
        with empty="zero" 0.
    Error: as `softmax`, at any margin. A weight can't give a subnormal loss the digits that it lacks.
    Raises: IndexError naming the first target that is no class; TypeError for targets that are no integers;
        ValueError for shapes, for what is no probability or sums to something else than 1 (check_sum=False
        allows it), and for options that don't exist; for the logits as `softmax`.
    Reference: pytorch #113708: in float32 the usual form is 0 from a margin of 17 on.
    """
    options = weight, ignore_index, label_smoothing, reduction, empty, check_sum
    return _evaluate(logits, targets, axis, False, *options)[0]


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
    Special values: a logit at -inf has gradient 0, as a target -1. Rows that count for nothing have 0; where the
        mean is NaN the others have NaN, or 0 with empty="zero".
    Error: as `cross_entropy`. With probabilities p - t cancels where they agree: there the error is a few u of
        p + t; a row that is one-hot keeps every digit. With weights or probabilities, where p is subnormal its
        few digits are all there is.
    Raises: as `cross_entropy`.
    Reference: Prieto et al. 2025, arXiv 2501.04697: training stops where these entries become 0.
    """
    options = weight, ignore_index, label_smoothing, reduction, empty, check_sum
    return _evaluate(logits, targets, axis, True, *options)


@np.errstate(all="ignore")
def _evaluate(logits, targets, axis, with_grad, weight, skip, smoothing, reduction, empty, check_sum):
    smoothing = arguments.as_smoothing(smoothing)
    arguments.check_choice(reduction, ("mean", "sum", "none"), "reduction")
    arguments.check_choice(empty, ("nan", "zero"), "empty")
    logits = arguments.as_logits(logits)
    axes = arguments.as_axes(axis, logits.ndim)
    rows = arguments.as_rows(logits, axes)
    weight = arguments.as_weight(weight, rows.shape[1])
    index, ignored, soft = arguments.as_targets(targets, logits.shape, axes, skip, check_sum)
    # What each row counts in the mean: the weight of its target, 0 if it is ignored, 1 for probabilities.
    shares = np.ones(len(rows)) if weight is None or index is None else weight[index]
    shares = shares if ignored is None else np.where(ignored, 0.0, shares)
    scale = 1.0
    if reduction == "mean" and not shares.any():
        scale = np.nan if empty == "nan" else 0.0
    elif reduction == "mean":
        if weight is not None and index is not None:
            # The mean stays the same when all weights are divided by 2**k, and then no sum of them overflows.
            power = -math.frexp(shares.max())[1]
            weight, shares = np.ldexp(weight, power), np.ldexp(shares, power)
        scale = 1 / shares.sum()
    grad = np.empty_like(logits, subok=False) if with_grad else None
    into = arguments.as_rows(grad, axes) if with_grad else None
    if soft is None and smoothing == 0:
        factors = np.where(shares == 0, 0.0, scale * shares)
        losses = _index_losses(rows, into, index, factors, weight is not None)
    else:
        goals = partial(_goals, rows.shape[1], index, ignored, soft, smoothing, weight)
        losses = _distribution_losses(rows, into, goals, scale)
    if with_grad:
        arguments.from_rows(into, grad, axes)
    if reduction == "none":
        return losses.reshape(arguments.kept_shape(logits.shape, axes)).astype(logits.dtype)[()], grad
    loss = scale if np.isnan(scale) else np.add.reduce(losses)
    return np.asarray(loss).astype(logits.dtype)[()], grad


def _index_losses(rows, into, targets, factors, weighted):
    """Each row's loss times its factor; the gradient goes into `into`. The target is left out of the sum."""
    losses = np.zeros(len(rows))

    def kernel(block, out, index):
        factor, at = factors[index], (np.arange(len(block)), targets[index])
        shift = smallest_shift(block, np.maximum.reduce(block, axis=1))
        own_logit = block[at].astype(np.float64)
        own, rest = leave_one_out(block, shift, at, out)
        # A target's term that has underflowed is worth nothing, and the loss is large: nothing cancels there.
        sums, ratio = own + rest, rest / own
        near = (own >= COMPUTED[block.dtype].tiny) & (ratio < np.inf)
        gap = (0 if shift is None else shift.astype(np.float64)) / 2 - own_logit / 2  # halves can't overflow
        far = 2 * (factor * gap) + factor * np.log(sums)
        losses[index] = np.where(factor == 0, 0.0, np.where(near, factor * np.log1p(ratio), far))
        if into is not None:
            out[at] = -rest
            _divide(out, sums, factor)
            out[factor == 0] = 0

    # Weights may be of any size: then float64 has room for them.
    each_block(kernel, rows, np.dtype(np.float64) if weighted else rows.dtype, into)
    return losses


def _divide(terms, sums, factor):
    """Each row times `factor / sums`, in one step unless sums / factor leaves the format's range."""
    both, limits = sums / factor, COMPUTED[terms.dtype]
    fits = (both >= limits.tiny) & (both <= limits.max)
    terms /= np.where(fits, both, sums).astype(terms.dtype)[:, None]
    if not fits.all():
        terms *= np.where(fits, 1, factor).astype(terms.dtype)[:, None]


def _goals(classes, targets, ignored, soft, smoothing, weight, index):
    """The weight that each of some rows gives to -log p of each class."""
    goals = np.arange(classes) == targets[index][:, None] if soft is None else soft[index]
    goals = np.ascontiguousarray(goals) * (1 - smoothing) + smoothing / classes
    if weight is not None:
        goals *= weight
    if ignored is not None:
        goals[ignored[index]] = 0
    return goals


def _distribution_losses(rows, into, goals_of, scale):
    """The same where each row has a distribution a to meet: the loss is the sum of a_j (-log p_j).

    The gradient p_j sum(a) - a_j is taken as p_j sum(a_k, k != j) - a_j (1 - p_j), and 1 - p of the largest term
    as the rest of the sum: a one-hot row then keeps every digit.
    """
    losses = np.zeros(len(rows))

    def kernel(block, out, index):
        goals = goals_of(index)
        row_max, at = largest(block)
        own, rest = leave_one_out(block, smallest_shift(block, row_max), at, out)
        gaps = row_max[:, None] / 2 - block / 2  # halves can't overflow
        costs = np.where(goals == 0, 0.0, goals * scale * gaps)
        whole = np.add.reduce(goals, axis=1)
        loss = 2 * np.add.reduce(np.ascontiguousarray(costs), axis=1) + whole * scale * np.log1p(rest / own)
        nothing = (whole == 0) | (scale == 0)
        losses[index] = np.where(nothing, 0.0, loss)
        if into is not None:
            sums = own + rest
            out[at] = own
            p = out / sums[:, None]
            others = 1 - p
            others[at] = rest / sums
            out[...] = (p * (whole[:, None] - goals) - goals * others) * scale
            out[nothing] = 0

    each_block(kernel, rows, np.dtype(np.float64), into)
    return losses
