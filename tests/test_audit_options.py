"""Wrong in one option, in long rows or in one habit: right functions with one slip each, and what the audit says.

Each wraps `stable`, so that the slip is all that is wrong with it.
"""

import functools

import numpy as np
import pytest

from course_utils import stable
from course_utils.audit import audit
from course_utils.audit.cases import cases
from course_utils.audit.verdict import FAIL

pytestmark = pytest.mark.usefixtures("first_input_will_do")


def masking(mask):
    """softmax, log_softmax and logsumexp whose `where=` is done by `mask(logits, where)`."""

    def softmax(logits, axis=-1, *, where=None):
        return stable.softmax(logits if where is None else mask(np.asarray(logits), where, axis), axis)

    def log_softmax(logits, axis=-1, *, where=None):
        return stable.log_softmax(logits if where is None else mask(np.asarray(logits), where, axis), axis)

    def logsumexp(logits, axis=-1, *, where=None):
        return stable.logsumexp(logits if where is None else mask(np.asarray(logits), where, axis), axis)

    return softmax, log_softmax, logsumexp


def sentinel(z, where, axis):
    return np.where(where, z, -1e9).astype(z.dtype)


def lowest_number(z, where, axis):
    return np.where(where, z, np.finfo(z.dtype).min)


def nan_passes(z, where, axis):
    return z + np.where(where, 0, -np.inf).astype(z.dtype)


def uniform_when_empty(z, where, axis):
    kept = np.broadcast_to(where, z.shape)
    return np.where(kept.any(axis=axis, keepdims=True), np.where(kept, z, -np.inf), 0).astype(z.dtype)


def multiplied(z, where, axis):
    return z * where


def unused(z, where, axis):
    return z


MASKS = {
    sentinel: "mask_with_large_number",
    lowest_number: "",
    nan_passes: "mask_by_adding_infinity",
    uniform_when_empty: "uniform_where_nothing_is_kept",
    multiplied: "mask_by_multiplying",
    unused: "mask_not_used",
}


def max_before_mask(logits, axis=-1, *, where=None):
    if where is None:
        return stable.softmax(logits, axis)
    exps = np.exp(logits - np.max(logits, axis=axis, keepdims=True)) * where
    return exps / exps.sum(axis=axis, keepdims=True)


# out=, keepdims=, return_sign=, b=


def out_not_written(logits, axis=-1, *, out=None):
    return stable.softmax(logits, axis)


def out_of_a_copy(logits, axis=-1, *, out=None):
    p = stable.softmax(logits, axis)
    if out is not None:
        out.ravel()[:] = p.ravel()  # a copy, where out is not contiguous
    return p


def out_reads_what_it_wrote(logits, axis=-1, *, out=None):
    if out is None:
        return stable.softmax(logits, axis)
    np.exp(logits - np.max(logits, axis=axis, keepdims=True), out=out)
    return np.divide(
        out, np.exp(logits - np.max(logits, axis=axis, keepdims=True)).sum(axis, keepdims=True), out=out
    )


def dimensions_always_dropped(logits, axis=-1, *, keepdims=False):
    return stable.logsumexp(logits, axis)


def dimensions_kept_at_the_end(logits, axis=-1, *, keepdims=False):
    values = stable.logsumexp(logits, axis)
    return np.reshape(values, (*np.shape(values), 1)) if keepdims else values


def _shifted_sum(logits, axis, b):
    row_max = np.max(logits, axis=axis, keepdims=True)
    return row_max, np.sum(b * np.exp(logits - row_max), axis=axis, keepdims=True)


def max_at_weight_zero(logits, axis=-1, *, b=None):
    if b is None:
        return stable.logsumexp(logits, axis)
    row_max, total = _shifted_sum(logits, axis, b)
    return np.squeeze(row_max + np.log(total), axis=axis)


def size_of_a_negative_sum(logits, axis=-1, *, b=None):
    return stable.logsumexp(logits, axis, b=b, return_sign=True)[0]


def weights_not_used(logits, axis=-1, *, b=None):
    return stable.logsumexp(logits, axis)


def sign_of_the_largest(logits, axis=-1, *, b=None, return_sign=False):
    if b is None or not return_sign:
        return stable.logsumexp(logits, axis, b=b, return_sign=return_sign)
    logits, b = np.broadcast_arrays(logits, b)
    largest = np.argmax(np.where(b == 0, -np.inf, logits), axis=axis, keepdims=True)
    sizes = stable.logsumexp(logits, axis, b=b, return_sign=True)[0]
    return sizes, np.sign(np.take_along_axis(b, largest, axis)[..., 0])


def always_positive(logits, axis=-1, *, b=None, return_sign=False):
    value = stable.logsumexp(logits, axis, b=b, return_sign=return_sign)
    return (value[0], np.ones_like(value[1])) if return_sign else value


KEYWORDS = {
    max_before_mask: ("softmax", "max_over_masked"),
    out_not_written: ("softmax", "out: NaN came out"),
    out_of_a_copy: ("softmax", "out: NaN came out"),
    out_reads_what_it_wrote: ("softmax", "out= the input itself"),
    dimensions_always_dropped: ("logsumexp", "It returned the shape (2,), not (2, 1)"),
    dimensions_kept_at_the_end: ("logsumexp", "It returned the shape (3, 1), not (1, 3)"),
    max_at_weight_zero: ("logsumexp", "max_over_weight_zero"),
    size_of_a_negative_sum: ("logsumexp", "b=: a negative sum has no logarithm"),
    weights_not_used: ("logsumexp", "b=: weight 0 at the maximum"),
    sign_of_the_largest: ("logsumexp", "sign: The sign is wrong."),
    always_positive: ("logsumexp", "sign: The sign is wrong."),
}


# Losses


def costs_of(logits):
    return -stable.log_softmax(logits)


def of_targets(costs, targets):
    return costs[np.arange(len(targets)), np.where((targets < 0) | (targets >= costs.shape[-1]), 0, targets)]


def probabilities_times_log(logits, targets):
    if np.ndim(targets) == 1:
        return stable.cross_entropy(logits, targets)
    return np.mean(np.sum(targets * costs_of(logits), axis=-1))


def smoothing_without_infinities(logits, targets, *, label_smoothing=0.0):
    if not label_smoothing:
        return stable.cross_entropy(logits, targets)
    costs = costs_of(logits)
    spread = np.mean(np.where(np.isfinite(costs), costs, 0))
    return ((1 - label_smoothing) * np.mean(of_targets(costs, targets)) + label_smoothing * spread).astype(
        logits.dtype
    )


def smoothing_counts_ignored(logits, targets, *, ignore_index=None, label_smoothing=0.0):
    if ignore_index is None or not label_smoothing:
        return stable.cross_entropy(
            logits, targets, ignore_index=ignore_index, label_smoothing=label_smoothing
        )
    hard = stable.cross_entropy(logits, targets, ignore_index=ignore_index)
    return (1 - label_smoothing) * hard + label_smoothing * np.mean(costs_of(logits))


def weights_of_all_targets(logits, targets, *, weight=None, ignore_index=None):
    if weight is None or ignore_index is None:
        return stable.cross_entropy(logits, targets, weight=weight, ignore_index=ignore_index)
    total = stable.cross_entropy(logits, targets, weight=weight, ignore_index=ignore_index, reduction="sum")
    return total / of_targets(np.broadcast_to(weight, logits.shape), targets).sum()


def ignores_minus_100(logits, targets, *, ignore_index=None):
    return stable.cross_entropy(logits, targets, ignore_index=None if ignore_index is None else -100)


def divides_by_all_rows(logits, targets, *, ignore_index=None):
    if ignore_index is None:
        return stable.cross_entropy(logits, targets)
    return stable.cross_entropy(logits, targets, ignore_index=ignore_index, reduction="sum") / len(targets)


def ignores_by_multiplying(logits, targets, *, ignore_index=None):
    if ignore_index is None:
        return stable.cross_entropy(logits, targets)
    keep = targets != ignore_index
    with np.errstate(invalid="ignore"):
        return np.sum(of_targets(costs_of(logits), targets) * keep) / keep.sum()


def axis_not_used(logits, targets, *, axis=-1):
    return (
        stable.cross_entropy(logits, targets)
        if axis == -1
        else stable.cross_entropy(np.reshape(logits, (-1, logits.shape[axis])), np.ravel(targets))
    )


def flat_narrow_index(logits, targets):
    if np.ndim(logits) != 2 or targets.dtype not in (np.uint8, np.int8):
        return stable.cross_entropy(logits, targets)
    rows = np.arange(len(targets)).astype(targets.dtype)
    return costs_of(logits).ravel()[rows * targets.dtype.type(logits.shape[-1]) + targets].mean()


def smoothing_in_float16(logits, targets, *, label_smoothing=0.0):
    if logits.dtype != np.float16 or not label_smoothing:
        return stable.cross_entropy(logits, targets, label_smoothing=label_smoothing)
    goal = np.full(logits.shape, label_smoothing / logits.shape[-1], np.float16)
    goal[np.arange(len(targets)), targets] += np.float16(1 - label_smoothing)
    return np.mean(np.sum(goal * costs_of(logits), axis=-1))


def weighted_mean_by_rows(logits, targets, *, weight=None):
    if weight is None:
        return stable.cross_entropy(logits, targets)
    return stable.cross_entropy(logits, targets, weight=weight, reduction="sum") / len(targets)


def smooths_the_others(logits, targets, *, label_smoothing=0.0):
    if not label_smoothing or logits.shape[-1] > 1000:
        return stable.cross_entropy(logits, targets, label_smoothing=label_smoothing)
    costs = costs_of(logits)
    own, share = of_targets(costs, targets), label_smoothing / (logits.shape[-1] - 1)
    return np.mean((1 - label_smoothing) * own + share * (costs.sum(axis=-1) - own))


LOSSES = {
    probabilities_times_log: "probabilities_times_log",
    smoothing_without_infinities: "drop_infinite_costs",
    smoothing_counts_ignored: "smooth_ignored_rows",
    weights_of_all_targets: "weights_of_ignored_rows",
    ignores_minus_100: "ignore_only_minus_100",
    divides_by_all_rows: "mean_over_ignored_rows",
    ignores_by_multiplying: "multiply_ignored_by_zero",
    axis_not_used: "axis=1 of three",
    flat_narrow_index: "flat_index_in_narrow_type",
    smoothing_in_float16: "smooth_in_narrow_format",
    weighted_mean_by_rows: "weighted_mean_over_rows",
    smooths_the_others: "smooth_other_classes",
}


# Long rows, large batches and habits


def _exps(logits, axis):
    return np.exp(logits - np.max(logits, axis=axis, keepdims=True))


def long(body, classes):
    """`stable.softmax` up to some number of classes, and the body beyond."""

    @functools.wraps(body)
    def softmax(logits, axis=-1):
        shape = np.shape(logits)
        if (
            len(shape) == 0
            or not isinstance(axis, int)
            or not -len(shape) <= axis < len(shape)
            or shape[axis] <= classes
        ):
            return stable.softmax(logits, axis)
        return body(logits, axis)

    return softmax


@functools.partial(long, classes=1100)
def sequential_in_float32(logits, axis):
    if logits.dtype != np.float32:
        return stable.softmax(logits, axis)
    exps = _exps(logits, axis)
    return exps / np.take(np.cumsum(exps, axis=axis), [-1], axis)


@functools.partial(long, classes=2048)
def last_tile_dropped(logits, axis):
    p = stable.softmax(logits, axis)
    kept = p.shape[axis] // 2048 * 2048
    return (p / np.take(p, range(kept), axis).astype(np.float64).sum(axis=axis, keepdims=True)).astype(
        p.dtype
    )


def unshifted_from_row_129(logits, axis=-1):
    p = stable.softmax(logits, axis)
    if p.ndim == 2 and len(p) > 128 and axis in (-1, 1):
        with np.errstate(all="ignore"):
            exps = np.exp(logits[128:])
            p[128:] = exps / exps.sum(axis=-1, keepdims=True)
    return p


def sums_losses_in_float16(logits, targets):
    if logits.dtype != np.float16:
        return stable.cross_entropy(logits, targets)
    losses = stable.cross_entropy(logits, targets, reduction="none")
    with np.errstate(over="ignore"):
        return losses.sum() / np.float16(len(losses))


def at_least_zero(logits, axis=-1):
    z = np.asarray(logits)
    if z.dtype.kind != "f" or not z.size:
        return stable.softmax(logits, axis)
    with np.errstate(all="ignore"):
        exps = np.exp(z - np.maximum(np.max(z, axis=axis, keepdims=True), 0))
        return exps / exps.sum(axis=axis, keepdims=True)


def epsilon_under_the_log(logits, axis=-1, epsilon=1e-8):
    z = np.asarray(logits)
    if z.dtype.kind != "f" or not z.size:
        return stable.log_softmax(logits, axis)
    shifted = z - np.max(z, axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True) + epsilon)


def another_epsilon(logits, axis=-1):
    return epsilon_under_the_log(logits, axis, 1e-10)


def narrow_logsumexp(logits, axis=-1):
    z = np.asarray(logits)
    if z.dtype.itemsize > 2 or z.dtype.kind not in "fV":
        return stable.logsumexp(logits, axis)
    row_max = np.max(z, axis=axis, keepdims=True)
    with np.errstate(over="ignore"):
        total = np.exp(z - row_max).sum(axis=axis, keepdims=True)
    return np.squeeze(row_max + np.log(total), axis=axis)


def nan_skipped(logits, axis=-1):
    p = stable.softmax(logits, axis)
    z = np.asarray(logits)
    holes = np.isnan(z.astype(np.float64)) if z.dtype.kind == "f" else np.zeros(z.shape, bool)
    filled = stable.softmax(np.where(holes, -np.inf, z).astype(p.dtype), axis) if holes.any() else p
    return np.where(holes, np.nan, filled).astype(p.dtype)


def nan_to_minus_infinity(logits, axis=-1):
    z = np.asarray(logits)
    if z.dtype.kind != "f" or isinstance(logits, np.ma.MaskedArray):
        return stable.softmax(logits, axis)
    return stable.softmax(np.where(np.isnan(z), -np.inf, z).astype(z.dtype.newbyteorder("=")), axis)


def nan_rows_dropped(logits, targets):
    losses = stable.cross_entropy(logits, targets, reduction="none")
    broken = np.isnan(np.asarray(losses, np.float64))
    return (
        np.mean(losses[~broken])
        if broken.any() and not broken.all()
        else stable.cross_entropy(logits, targets)
    )


HABITS = {
    sequential_in_float32: ("softmax", "sum_one_by_one"),
    last_tile_dropped: ("softmax", "5000 classes, the largest last"),
    unshifted_from_row_129: ("softmax", "1100 rows that lie far apart"),
    sums_losses_in_float16: ("cross_entropy", "sum_losses_in_narrow_format"),
    at_least_zero: ("softmax", "shift_by_max_or_zero"),
    epsilon_under_the_log: ("log_softmax", "epsilon_in_log_sum"),
    another_epsilon: ("log_softmax", "epsilon_in_log_sum"),
    narrow_logsumexp: ("logsumexp", "narrow_sum_in_logsumexp"),
    nan_skipped: ("softmax", "skip_nan"),
    nan_to_minus_infinity: ("softmax", "nan_as_minus_infinity"),
    nan_rows_dropped: ("cross_entropy", "drop_nan_losses"),
}


def assert_refused(function, kind, said):
    """It fails where `stable` does not, and the report says so: a known mistake first, or these words."""
    report = audit(function, kind)
    mine = [f for f in report.of(FAIL) if f.case not in spoiled(kind)]
    assert mine, repr(report)
    assert said in [f.mistake for f in mine] or any(said in f"{f.case} {f.why}" for f in mine), repr(report)
    wanted = {said} & {f.mistake for f in mine}
    assert report.mistakes[:1] == tuple(wanted) or not wanted, report.mistakes


@functools.cache
def spoiled(kind):
    """What `stable` itself is refused for, in any option."""
    return {f.case for f in audit(getattr(stable, kind), kind).of(FAIL)}


@pytest.mark.parametrize("mask", MASKS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("place", range(3), ids=["softmax", "log_softmax", "logsumexp"])
def test_a_wrong_mask_is_refused(mask, place):
    function = masking(mask)[place]
    assert_refused(function, function.__name__, MASKS[mask] or "where= keeps")


@pytest.mark.parametrize("function", KEYWORDS, ids=lambda f: f.__name__)
def test_a_wrong_keyword_is_refused(function):
    assert_refused(function, *KEYWORDS[function])


@pytest.mark.parametrize("function", LOSSES, ids=lambda f: f.__name__)
def test_a_wrong_option_of_a_loss_is_refused(function):
    assert_refused(function, "cross_entropy", LOSSES[function])


@pytest.mark.parametrize("function", HABITS, ids=lambda f: f.__name__)
def test_long_rows_and_bad_habits_are_refused(function):
    assert_refused(function, *HABITS[function])


def test_every_option_is_asked_for():
    """A keyword that `stable` takes and no case asks for would go unseen."""
    asked = {
        kind: {name for case in cases(kind) for name in case.keywords}
        for kind in ("softmax", "logsumexp", "cross_entropy")
    }
    assert asked["softmax"] == {"where", "out"}
    assert asked["logsumexp"] == {"where", "b", "keepdims", "return_sign"}
    assert asked["cross_entropy"] == {
        "axis",
        "weight",
        "ignore_index",
        "label_smoothing",
        "reduction",
        "check_sum",
    }
