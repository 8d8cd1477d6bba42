"""A log-sum-exp that is finite for all finite logits of float32 or wider."""

import numpy as np

from course_utils import reference, stable
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.habits import BELOW_THE_MAX, SHIFTS, finite_or_zero, named
from course_utils.exercises.lesson_04 import sum_slips
from course_utils.mistakes import MISTAKES

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


# --- answers that must fail ------------------------------------------------------------------------------


def _shifted_by(name, guarded):
    def wrong(logits, axis=-1):
        shift = SHIFTS[name](logits, axis)
        return sum_slips.added_back(logits, axis, finite_or_zero(shift) if guarded else shift)

    return named(f"shifted by {name}{', guarded' * guarded}", wrong)


def _in_a_wider_format(dtype):
    return named(
        f"in {dtype.__name__}", lambda logits, axis=-1: sum_slips.log_total(logits.astype(dtype), axis, 0)
    )


def _shifted_only_where(bad):
    def wrong(logits, axis=-1):
        textbook = sum_slips.log_total(logits, axis, 0)
        return np.where(bad(textbook), my_logsumexp(logits, axis), textbook)

    return named(f"shifted only where {bad.__name__}", wrong)


def _without_nan(logits, axis=-1):
    shift = finite_or_zero(np.nanmax(logits, axis=axis, keepdims=True))
    return np.squeeze(shift, axis=axis) + np.log(np.nansum(np.exp(logits - shift), axis=axis))


def _nan_to_num(logits, axis=-1):
    return np.nan_to_num(
        sum_slips.added_back(logits, axis, np.max(logits, axis=axis, keepdims=True)), nan=-np.inf
    )


def _lowest_number_for_infinity(logits, axis=-1):
    return my_logsumexp(np.maximum(logits, np.finfo(logits.dtype).min), axis)


def _with_the_axis_kept(logits, axis=-1):
    return np.expand_dims(my_logsumexp(logits, axis), axis)


def _stored_in_float16(logits, axis=-1):
    return my_logsumexp(logits, axis).astype(np.float16)


def _shifted_along_axis_0(logits, axis=-1):
    shift = sum_slips.guarded_max(logits, 0)
    return sum_slips.squeezed(np.max(shift), logits, axis) + sum_slips.log_total(logits, axis, np.max(shift))


def _in_place(logits, axis=-1):
    shift = sum_slips.guarded_max(logits, axis)
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
    objective="build a log-sum-exp that is finite for all finite logits of float32 or wider",
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
        sum_slips.forget_to_add_the_max,
        sum_slips.subtract_the_max_again,
        sum_slips.return_the_max,
        sum_slips.shift_below_the_max,
        sum_slips.shift_by_the_magnitude,
        sum_slips.one_max_for_all,
        sum_slips.sum_the_whole_batch,
        sum_slips.ignore_the_axis,
        sum_slips.zero_for_nan,
        sum_slips.infinity_for_every_nan,
        sum_slips.log_of_another_base,
        sum_slips.epsilon_under_the_sum,
        sum_slips.clip_before_the_sum,
        sum_slips.mean_for_sum,
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
