"""A log-sum-exp that is finite for all finite logits."""

from functools import partial

import numpy as np

from course_utils import reference, stable
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.habits import BELOW_THE_MAX, SHIFTS, both_ways, finite_or_zero, named
from course_utils.mistakes import MISTAKES, mistake

slip = partial(mistake, quantity="logsumexp")

# --- right answers ---------------------------------------------------------------------------------------


def my_logsumexp(logits, axis=-1):
    row_max = np.max(logits, axis=axis, keepdims=True)
    shift = np.where(np.isfinite(row_max), row_max, 0)
    total = np.sum(np.exp(logits - shift), axis=axis, keepdims=True)
    return np.squeeze(shift + np.log(total), axis=axis)


def _row_by_row(logits, axis=-1):
    def of_row(row):
        return -np.inf if row.max() == -np.inf else row.max() + np.log(np.exp(row - row.max()).sum())

    return np.apply_along_axis(of_row, axis, logits)


def _pair_by_pair(logits, axis=-1):
    return np.logaddexp.reduce(np.asarray(logits), axis=axis)


def _best_we_know(logits, axis=-1):
    return stable.logsumexp(logits, axis=axis)


def _a_little_above_the_max(logits, axis=-1):
    shift = finite_or_zero(np.max(logits, axis=axis)) + 1
    return shift + np.log(np.exp(logits - np.expand_dims(shift, axis)).sum(axis=axis))


def _sorted_with_log1p(logits, axis=-1):
    ordered = np.sort(np.moveaxis(logits, axis, -1), axis=-1)
    top = finite_or_zero(ordered[..., -1])
    return ordered[..., -1] + np.log1p(np.exp(ordered[..., :-1] - top[..., None]).sum(axis=-1))


def _minus_the_log_of_the_largest_share(logits, axis=-1):
    top = finite_or_zero(np.max(logits, axis=axis, keepdims=True))
    share = 1 / np.exp(logits - top).sum(axis=axis, keepdims=True)
    return np.squeeze(top - np.log(share), axis=axis)


# --- mistakes --------------------------------------------------------------------------------------------


def _log_total(logits, axis, shift):
    return np.log(np.sum(np.exp(logits - shift), axis=axis))


def _squeezed(shift, logits, axis):
    return np.squeeze(np.broadcast_to(shift, np.max(logits, axis=axis, keepdims=True).shape), axis=axis)


def _added_back(logits, axis, shift):
    return _squeezed(shift, logits, axis) + _log_total(logits, axis, shift)


def _guarded_max(logits, axis):
    return finite_or_zero(np.max(logits, axis=axis, keepdims=True))


@slip(
    fails_on=(np.float32([3, 1]),),
    widget="loss",
    belief="The shift cancels, as it does in softmax.",
    diagnosis="You subtracted the maximum and did not add it back. In softmax the shift cancels in the "
    "division; here nothing divides, so the result is too small by exactly the maximum.",
    step="`np.log(total)` is the log-sum-exp of the shifted row.",
    change="Return `row_max + np.log(total)`.",
)
def forget_to_add_the_max(logits, axis=-1):
    return _log_total(logits, axis, np.max(logits, axis=axis, keepdims=True))


@slip(
    fails_on=(np.float32([3, 1]),),
    widget="loss",
    belief="What was subtracted is subtracted at the end.",
    diagnosis="You subtracted the maximum a second time. The shift took it out of every exponent; the "
    "result gets it back with a plus.",
    step="`np.log(total) - row_max`.",
    change="Return `row_max + np.log(total)`.",
)
def subtract_the_max_again(logits, axis=-1):
    shift = _guarded_max(logits, axis)
    return _log_total(logits, axis, shift) - np.squeeze(shift, axis=axis)


@slip(
    fails_on=(np.float32([5, 5]),),
    widget="loss",
    belief="Log-sum-exp is the maximum.",
    diagnosis="You returned the maximum. It is close when one logit towers over the rest; with n equal "
    "logits the answer is larger by log n.",
    step="The sum of the other terms is missing.",
    change="Add `np.log(np.sum(np.exp(logits - row_max), ...))` to the maximum.",
)
def return_the_max(logits, axis=-1):
    return np.max(logits, axis=axis)


@slip(
    fails_on=(np.float32([[200, 0, 0], [0, 200, 0], [0, 0, 200]]),),
    widget="shift",
    belief="Any number from the row will do as a shift.",
    diagnosis="Your shift is not the row's largest logit. A mean, a median, a first or last entry lies "
    "below it in some row; there an exponent stays positive, and exp overflows.",
    step="`logits - shift`: the largest exponent is above 0.",
    change="Shift by the maximum: `np.max(logits, axis=axis, keepdims=True)`.",
    family=("shift", both_ways(*BELOW_THE_MAX)),
)
def shift_below_the_max(logits, axis=-1, *, shift=SHIFTS["the mean"]):
    return _added_back(logits, axis, shift(logits, axis))


@slip(
    fails_on=(np.float32([-60, -61]),),
    widget="shift",
    belief="The largest magnitude is what overflows.",
    diagnosis="You shifted by the largest magnitude. In a row of negative logits that pushes every exponent "
    "further down, until all exps are 0, and log 0 is -inf.",
    step="`np.max(np.abs(logits), ...)`.",
    change="Remove `np.abs`: the maximum itself, negative or not, is the shift.",
    family=("shift", both_ways("the largest magnitude")),
)
def shift_by_the_magnitude(logits, axis=-1, *, shift=SHIFTS["the largest magnitude"]):
    return _added_back(logits, axis, shift(logits, axis))


@slip(
    fails_on=(np.float32([[0, 1], [200, 201]]),),
    widget="shift",
    belief="One maximum serves the whole batch.",
    diagnosis="You shifted all rows by one maximum. In the row far below it every exp underflows to 0, and "
    "log 0 is -inf.",
    step="`np.max(logits)` without an axis.",
    change="Take the maximum along the axis: `np.max(logits, axis=axis, keepdims=True)`.",
    family=("shift", both_ways("the batch's maximum")),
)
def one_max_for_all(logits, axis=-1, *, shift=SHIFTS["the batch's maximum"]):
    return _added_back(logits, axis, shift(logits, axis))


@slip(
    fails_on=(np.float32([[0, 1], [2, 3]]),),
    widget="",
    belief="np.sum adds up each row.",
    diagnosis="You added up the whole batch: one number came out for all rows. Without an axis, `np.sum` "
    "and `np.max` go over every number they get.",
    step="`np.sum(...)` without an axis.",
    change="Hand `axis` on to np.max, np.sum and np.squeeze.",
)
def sum_the_whole_batch(logits, axis=-1):
    return np.max(logits) + np.log(np.sum(np.exp(logits - np.max(logits))))


@slip(
    fails_on=(np.float32([[0, 3], [1, 0]]), 0),
    widget="",
    belief="The classes always lie on the last axis.",
    diagnosis="Your function sums along the last axis, whatever `axis` says. Along axis 0, one number for "
    "each column must come out.",
    step="`axis=-1` inside the function, where the argument `axis` should stand.",
    change="Hand `axis` on to np.max, np.sum and np.squeeze.",
)
def ignore_the_axis(logits, axis=-1):
    return my_logsumexp(logits)


@slip(
    fails_on=(np.float32([-np.inf, -np.inf]),),
    widget="",
    belief="A NaN stands for nothing, so 0 will do.",
    diagnosis="You turned the NaN into 0. But 0 is the log of 1: it claims a sum of 1. The sum of no terms "
    "is 0, and log 0 = -inf.",
    step="`np.nan_to_num(...)`: it repairs the result after the accident.",
    change="Avoid the NaN: where row_max is -inf, shift by 0.",
)
def zero_for_nan(logits, axis=-1):
    return np.nan_to_num(_added_back(logits, axis, np.max(logits, axis=axis, keepdims=True)), nan=0.0)


@slip(
    fails_on=(np.float32([np.nan, 1]),),
    widget="",
    belief="Where a NaN comes out, -inf was meant.",
    diagnosis="You turned every NaN into -inf. That is right for a row of nothing but -inf, and it also "
    "hides a broken logit: a NaN that comes in must come out.",
    step="The result is repaired after the accident, whatever its cause.",
    change="Avoid the NaN: where row_max is -inf, shift by 0.",
)
def infinity_for_every_nan(logits, axis=-1):
    result = _added_back(logits, axis, np.max(logits, axis=axis, keepdims=True))
    return np.where(np.isnan(result), -np.inf, result)


@slip(
    fails_on=(np.float32([3, 1]),),
    widget="",
    belief="A logarithm is a logarithm.",
    diagnosis="You took a logarithm with another base. exp and log must undo each other: log-sum-exp needs "
    "the natural one.",
    step="`np.log10` or `np.log2`.",
    change="Use `np.log`.",
    family=("base", (10, 2)),
)
def log_of_another_base(logits, axis=-1, *, base=10):
    shift = _guarded_max(logits, axis)
    return np.squeeze(shift, axis=axis) + _log_total(logits, axis, shift) / np.log(logits.dtype.type(base))


@slip(
    fails_on=(np.float32([-np.inf, -np.inf]),),
    widget="",
    belief="A small constant keeps the log away from 0.",
    diagnosis="You added a small constant under the log. After the shift a sum is at least 1 and needs no "
    "help; only a row of nothing but -inf has a sum of 0, and there the answer is -inf, not the log of your "
    "constant.",
    step="`np.log(total + epsilon)`.",
    change="Leave the constant out.",
    family=("epsilon", (1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-16, 1e-20, 1e-30, 1e-38, 1e-45)),
)
def epsilon_under_the_sum(logits, axis=-1, *, epsilon=1e-8):
    shift = _guarded_max(logits, axis)
    total = np.sum(np.exp(logits - shift), axis=axis) + epsilon
    return np.squeeze(shift, axis=axis) + np.log(total)


@slip(
    fails_on=(np.float32([1000, 999]),),
    widget="",
    belief="Logits that large do not happen, so cut them off.",
    diagnosis="You clipped the logits. Then all logits beyond the limit are one and the same number, and "
    "the answer can never be much larger, or smaller, than the limit.",
    step="`np.clip(logits, ...)`: different logits go in, the same number comes out.",
    change="Shift instead: subtract the row's maximum, and add it back after the log.",
    family=("limit", (20, 30, 50, 60, 80, 85, 87, 88, 88.7, 100, 500, 700, 709)),
)
def clip_before_the_sum(logits, axis=-1, *, limit=80):
    return _log_total(np.clip(logits, -limit, limit), axis, 0)


@slip(
    fails_on=(np.float32([5, 5]),),
    widget="",
    belief="A mean is a sum of another size.",
    diagnosis="You took the mean of the exps. Then n equal logits give the logit itself, and the log n is "
    "lost.",
    step="`np.mean(np.exp(...))`.",
    change="Use `np.sum`.",
)
def mean_for_sum(logits, axis=-1):
    shift = _guarded_max(logits, axis)
    return np.squeeze(shift, axis=axis) + np.log(np.mean(np.exp(logits - shift), axis=axis))


# --- answers that must fail ------------------------------------------------------------------------------


def _shifted_by(name, guarded):
    def wrong(logits, axis=-1):
        shift = SHIFTS[name](logits, axis)
        return _added_back(logits, axis, finite_or_zero(shift) if guarded else shift)

    return named(f"shifted by {name}{', guarded' * guarded}", wrong)


def _in_a_wider_format(dtype):
    return named(f"in {dtype.__name__}", lambda logits, axis=-1: _log_total(logits.astype(dtype), axis, 0))


def _shifted_only_where(bad):
    def wrong(logits, axis=-1):
        textbook = _log_total(logits, axis, 0)
        return np.where(bad(textbook), my_logsumexp(logits, axis), textbook)

    return named(f"shifted only where {bad.__name__}", wrong)


def _without_nan(logits, axis=-1):
    shift = finite_or_zero(np.nanmax(logits, axis=axis, keepdims=True))
    return np.squeeze(shift, axis=axis) + np.log(np.nansum(np.exp(logits - shift), axis=axis))


def _nan_to_num(logits, axis=-1):
    return np.nan_to_num(_added_back(logits, axis, np.max(logits, axis=axis, keepdims=True)), nan=-np.inf)


def _lowest_number_for_infinity(logits, axis=-1):
    return my_logsumexp(np.maximum(logits, np.finfo(logits.dtype).min), axis)


def _with_the_axis_kept(logits, axis=-1):
    return np.expand_dims(my_logsumexp(logits, axis), axis)


def _stored_in_float16(logits, axis=-1):
    return my_logsumexp(logits, axis).astype(np.float16)


def _shifted_along_axis_0(logits, axis=-1):
    shift = _guarded_max(logits, 0)
    return _squeezed(np.max(shift), logits, axis) + _log_total(logits, axis, np.max(shift))


def _in_place(logits, axis=-1):
    shift = _guarded_max(logits, axis)
    logits -= shift
    return np.squeeze(shift, axis=axis) + np.log(np.exp(logits).sum(axis=axis))


MUST_FAIL = (
    *((_shifted_by(name, guarded), "shift_below_the_max") for name in BELOW_THE_MAX for guarded in (0, 1)),
    (_shifted_by("the batch's maximum", True), "one_max_for_all"),
    (_shifted_by("the largest magnitude", True), "shift_by_the_magnitude"),
    _shifted_by("the batch's mean", True),
    _shifted_by("a constant", True),
    (_in_a_wider_format(np.float64), "logsumexp_unshifted"),
    (_in_a_wider_format(np.longdouble), "logsumexp_unshifted"),
    _shifted_only_where(np.isnan),
    _shifted_only_where(np.isinf),
    _without_nan,
    _nan_to_num,
    _lowest_number_for_infinity,
    _with_the_axis_kept,
    _stored_in_float16,
    _shifted_along_axis_0,
    _in_place,
)

safe_logsumexp = Exercise(
    key="04.safe_logsumexp",
    kind="write",
    objective="build a log-sum-exp that is finite for all finite logits",
    minutes=8,
    difficulty=2,
    truth=reference.logsumexp,
    cases=(
        case("ordinary logits", [3.0, 1.0, 0.2], dtype="float32"),
        case("equal logits", [5, 5, 5, 5], dtype="float32"),
        case("past the overflow cliff", [1000, 999], dtype="float32"),
        case("far below zero", [-104, -105], dtype="float32"),
        case("where exps have few digits", [-102, -103], dtype="float32"),
        case("the largest logit in each place", [[200, 0, 0], [0, 200, 0], [0, 0, 200]], dtype="float32"),
        case("two rows that live far apart", [[0, 1], [200, 201]], dtype="float32"),
        case("huge and tiny, float64", [[20000, 0], [-20000, -20001]]),
        case("a masked entry", [-np.inf, 2, 1], dtype="float32"),
        case("nothing but -inf", [-np.inf, -np.inf], dtype="float32"),
        case("one row of nothing but -inf", [[0, 3], [-np.inf, -np.inf]], dtype="float32"),
        case("a logit that is NaN", [[np.nan, 1], [0, 2]], dtype="float32"),
        case("along axis 0, three numbers a column", [[0, 3], [1, 200], [5, 201]], 0, dtype="float32"),
        case("along the middle axis", [[[0, 300], [1, 2], [90, 1]], [[5, 5], [-9, 0], [1, 700]]], 1),
    ),
    mistakes=(
        MISTAKES["logsumexp_unshifted"],
        MISTAKES["shift_fully_masked_row"],
        forget_to_add_the_max,
        subtract_the_max_again,
        return_the_max,
        shift_below_the_max,
        shift_by_the_magnitude,
        one_max_for_all,
        sum_the_whole_batch,
        ignore_the_axis,
        zero_for_nan,
        infinity_for_every_nan,
        log_of_another_base,
        epsilon_under_the_sum,
        clip_before_the_sum,
        mean_for_sum,
    ),
    hints=(
        "Shift as in softmax. What must you add back after the log? And what is -inf - -inf?",
        "`row_max + log(sum(exp(logits - row_max)))`; where row_max is -inf, shift by 0 instead.",
        "`shift = np.where(np.isfinite(row_max), row_max, 0)`, use `shift` twice, and `np.squeeze(..., axis=axis)`.",
    ),
    model_answer=my_logsumexp,
    why="The shift leaves the exp and comes back after the log. Where the maximum is -inf there is nothing "
    "to shift: the sum is 0, and log 0 = -inf is the right answer for a sum of no terms.",
    variants=(
        _row_by_row,
        _pair_by_pair,
        _best_we_know,
        _a_little_above_the_max,
        _sorted_with_log1p,
        _minus_the_log_of_the_largest_share,
    ),
    must_fail=MUST_FAIL,
    unit="logits",
)
