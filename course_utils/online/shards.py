"""Cross-entropy and its gradient over classes that lie in several places, a shard of columns in each."""

import math
from functools import reduce
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from course_utils.online.state import EMPTY, State, as_logits, merge, seen, smallest_shift
from course_utils.online.streams import result_dtype, rounded


class Parts(NamedTuple):
    """What a loss must know of the classes seen so far: the target's logit, and the state of all the others.

    A target that has not been seen is -inf. With the target left out of the sum nothing cancels, at any margin.
    """

    own: np.ndarray
    others: State

    @property
    def row(self) -> State:
        """The state of all classes, the target's among them."""
        return merge(self.others, EMPTY._replace(largest=self.own))

    @property
    def spoiled(self):
        """Rows that have no probabilities: with a +inf or a NaN, or of nothing but -inf."""
        return ~np.isfinite(self.row.largest)

    def losses(self):
        """-log p of the target, log1p(others / own), one a row in float64."""
        ratio = self.others.over(self.own)
        with np.errstate(all="ignore"):
            far = self.others.logsumexp() - self.own  # a ratio that no float can hold needs no digits of it
            losses = np.where(ratio < np.inf, np.log1p(ratio), far)
            return np.where(self.spoiled, np.nan, losses)


def parts_of(logits, targets, first=0) -> Parts:
    """The parts of one shard, (rows, some classes), the first of which is class `first`.

    Raises: ValueError for another shape, or another number of rows than targets.
    """
    logits = as_logits(logits)
    if logits.ndim != 2 or np.shape(targets) != logits.shape[:1]:
        wanted = f"a shard is (rows, classes) with a target for each row; got {logits.shape}"
        raise ValueError(f"{wanted} and targets {np.shape(targets)}")
    rows, columns = _held(targets, first, logits.shape[1])
    own, others = np.full(len(logits), -np.inf), logits.copy()
    own[rows] = logits[rows, columns]
    others[rows, columns] = -np.inf
    return Parts(own, seen(others))


def join(a: Parts, b: Parts) -> Parts:
    """The parts of both shards; only one of them holds a row's target."""
    return Parts(np.maximum(a.own, b.own), merge(a.others, b.others))


def gradient_of(logits, targets, parts: Parts, first=0, scale=1.0) -> np.ndarray:
    """The gradient of `scale` times the sum of the losses, for one shard: p, and for a target -others / all."""
    logits, dtype = as_logits(logits), result_dtype(logits)
    rows, columns = _held(targets, first, logits.shape[1])
    largest = parts.row.largest
    with np.errstate(all="ignore"):
        shift = smallest_shift(largest, logits.dtype)
        total = np.where(
            np.isfinite(largest), parts.row.over(shift), np.nan
        )  # NaN for a row without probabilities
        gradient = np.exp(np.subtract(logits, shift[:, None], dtype=logits.dtype)) / total[:, None]
        gradient[rows, columns] = -(parts.others.over(shift) / total)[rows]
        return (gradient * scale).astype(dtype)


def cross_entropy(shards, targets):
    """Mean cross-entropy of logits whose classes come in shards, read once: each (rows, some classes), in order.

    Shape: targets (rows,), each the index of a class, counted over all shards; a scalar.
    Special values: as `stable.cross_entropy`.
    Error: as `stable.cross_entropy`, in any partition of the classes.
    Raises: IndexError naming the first target that no shard holds; TypeError for what is no real number; ValueError
        for shapes that don't fit, and without a shard.
    """
    parts, _, dtype = _joined(shards, targets)
    return rounded(mean(parts.losses()), dtype)


def cross_entropy_with_grad(shards, targets):
    """(the loss of `cross_entropy`, the gradient of each shard): one number a row travels, no probability does.

    Raises: as `cross_entropy`.
    """
    shards, targets = list(shards), as_targets(targets)
    parts, firsts, dtype = _joined(shards, targets)
    scale = 1 / max(1, len(parts.own))
    pairs = zip(shards, firsts, strict=True)
    gradients = [gradient_of(shard, targets, parts, first, scale) for shard, first in pairs]
    return rounded(mean(parts.losses()), dtype), gradients


def mean(losses):
    """The mean, in float64. fsum rounds once, so that no order of rows gives another."""
    return np.float64(math.fsum(np.ravel(losses)) / len(losses) if len(losses) else np.nan)


def as_targets(targets) -> np.ndarray:
    """Raises: TypeError for what is no integer."""
    targets = np.asarray(targets)
    if targets.dtype.kind not in "iu":
        raise TypeError(f"targets must be integers; got {targets.dtype}")
    return targets.astype(np.int64)


def check_targets(targets, classes):
    """Raises: IndexError naming the first target that is no class."""
    bad = np.flatnonzero((targets < 0) | (targets >= classes))
    if bad.size:
        raise IndexError(f"targets[{bad[0]}] = {targets[bad[0]]} is no class of 0..{classes - 1}")


def _joined(shards, targets):
    """(parts of all shards, the first class of each, the dtype of the result)."""
    targets = as_targets(targets)
    found, widths, dtypes, first = [], [], [], 0
    for shard in shards:
        found.append(parts_of(shard, targets, first))
        widths.append(np.shape(shard)[1])
        dtypes.append(result_dtype(shard))
        first += widths[-1]
    if not found:
        raise ValueError("there is no shard")
    check_targets(targets, first)
    return reduce(join, found), list(accumulate([0, *widths[:-1]])), np.result_type(*dtypes)


def _held(targets, first, width):
    """(rows, columns) of the targets that lie in this shard."""
    local = np.asarray(targets) - first
    rows = np.flatnonzero((local >= 0) & (local < width))
    return rows, local[rows]
