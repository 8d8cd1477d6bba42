"""A log-sum-exp that holds for every input."""

from functools import partial

import numpy as np

from course_utils import reference
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.habits import (
    BELOW_THE_MAX,
    PATCHES,
    SHIFTS,
    both_ways,
    finite_or_zero,
    named,
    patched,
)
from course_utils.exercises.lesson_90.goals import WRITE
from course_utils.mistakes import MISTAKES, mistake


def my_logsumexp_at_the_edges(logits):
    row_max = np.max(logits, axis=-1, keepdims=True)
    shift = np.where(np.isinf(row_max), 0, row_max)
    total = np.sum(np.exp(logits - shift), axis=-1, keepdims=True)
    return np.squeeze(shift + np.log(total), axis=-1)


def _edges_by_logaddexp(logits):
    return np.logaddexp.reduce(logits, axis=-1)


def _edges_row_by_row(logits):
    rows = logits.reshape(-1, logits.shape[-1]).astype(np.float64)
    sums = [top if np.isinf(top := row.max()) else top + np.log(np.exp(row - top).sum()) for row in rows]
    return np.array(sums).reshape(logits.shape[:-1])


def _edges_with_errstate(logits):
    row_max = logits.max(axis=-1)
    with np.errstate(invalid="ignore"):
        usual = row_max + np.log(np.exp(logits - row_max[..., None]).sum(axis=-1))
    return np.where(np.isinf(row_max), row_max, usual)


def _edges_shifted_a_little_more(logits):
    row_max = logits.max(axis=-1)
    shift = np.where(np.isfinite(row_max), row_max + 1, 0)
    return shift + np.log(np.exp(logits - shift[..., None]).sum(axis=-1))


def _edges_by_cases(logits):
    rows = logits.reshape(-1, logits.shape[-1]).astype(np.float64)
    found = []
    for row in rows:
        if np.isnan(row).any():
            found.append(np.nan)
        elif np.isinf(row.max()):
            found.append(row.max())
        else:
            found.append(row.max() + np.log(np.exp(row - row.max()).sum()))
    return np.array(found).reshape(logits.shape[:-1])


def _edges_with_log1p(logits):
    ordered = np.sort(logits, axis=-1)  # a NaN is sorted to the end
    top = ordered[..., -1]
    shift = np.where(np.isfinite(top), top, 0)
    rest = np.exp(ordered[..., :-1] - shift[..., None]).sum(axis=-1)
    return np.where(np.isinf(top), top, top + np.log1p(rest))


def _log_total(logits, shift):
    return np.log(np.sum(np.exp(logits - shift), axis=-1))


def _added_back(logits, shift):
    return np.broadcast_to(shift, (*logits.shape[:-1], 1))[..., 0] + _log_total(logits, shift)


slip = partial(mistake, quantity="logsumexp")


@slip(
    fails_on=(np.float32([[200, 0, 0], [0, 0, 200]]),),
    widget="shift",
    belief="Any number from the row will do as a shift.",
    diagnosis="Your shift is not the row's largest logit. A mean, a median, a first or last entry lies "
    "below it in some row; there an exponent stays positive, and exp overflows.",
    step="`logits - shift`: the largest exponent is above 0.",
    change="Shift by the maximum: `np.max(logits, axis=-1, keepdims=True)`.",
    family=("shift", both_ways(*BELOW_THE_MAX)),
)
def shift_below_the_max(logits, *, shift=SHIFTS["the mean"]):
    return _added_back(logits, shift(logits, -1))


@slip(
    fails_on=(np.float32([-60, -61]),),
    widget="shift",
    belief="The largest magnitude is what overflows.",
    diagnosis="You shifted by the largest magnitude. In a row of negative logits that pushes every exponent "
    "further down, until all exps are 0.",
    step="`np.max(np.abs(logits), ...)`.",
    change="Remove `np.abs`: the maximum itself, negative or not, is the shift.",
    family=("shift", both_ways("the largest magnitude")),
)
def shift_by_the_magnitude(logits, *, shift=SHIFTS["the largest magnitude"]):
    return _added_back(logits, shift(logits, -1))


@slip(
    fails_on=(np.float32([[1000, 999], [0, 1]]),),
    widget="shift",
    belief="One maximum serves the whole batch.",
    diagnosis="You shifted all rows by one maximum. In a row far below it every exp underflows to 0, and "
    "log 0 is -inf.",
    step="`np.max(logits)` without an axis.",
    change="One maximum a row: `np.max(logits, axis=-1, keepdims=True)`.",
    family=("shift", both_ways("the batch's maximum")),
)
def one_maximum_for_all(logits, *, shift=SHIFTS["the batch's maximum"]):
    return _added_back(logits, shift(logits, -1))


@slip(
    fails_on=(np.float32([5, 5]),),
    widget="loss",
    belief="Log-sum-exp is the maximum.",
    diagnosis="You returned the maximum. It is close when one logit towers over the rest; with n equal "
    "logits the answer is larger by log n.",
    step="The sum of the other terms is missing.",
    change="Add the log of the sum of the shifted exps.",
)
def return_the_max(logits):
    return np.max(logits, axis=-1)


@slip(
    fails_on=(np.float32([np.nan, 1]),),
    widget="",
    belief="A NaN that comes out is an accident, so replace it.",
    diagnosis="You replaced each NaN that came out. One of them stood for a row of -inf, one for +inf, one "
    "for a broken score: a single number cannot be right for all three.",
    step="`np.nan_to_num`, or `np.where(np.isnan(result), ...)`.",
    change="Avoid the accidents: where the maximum is infinite, shift by 0. A NaN that comes in must come "
    "out.",
    family=("number", (-np.inf, 0.0, np.inf)),
)
def replace_every_nan(logits, *, number=-np.inf):
    result = _added_back(logits, np.max(logits, axis=-1, keepdims=True))
    return np.where(np.isnan(result), number, result)


@slip(
    fails_on=(np.float32([3, 1]),),
    widget="loss",
    belief="The shift cancels, as it does in softmax.",
    diagnosis="You subtracted the maximum and did not add it back. In softmax the shift cancels in the "
    "division; here nothing divides.",
    step="`np.log(total)` is the log-sum-exp of the shifted row.",
    change="Return `shift + np.log(total)`.",
    family=("shift", (lambda z: np.max(z, axis=-1, keepdims=True), lambda z: _guarded_max(z))),
)
def forget_to_add_the_max(logits, *, shift=lambda z: np.max(z, axis=-1, keepdims=True)):
    return _log_total(logits, shift(logits))


def _guarded_max(logits):
    return finite_or_zero(np.max(logits, axis=-1, keepdims=True))


@slip(
    fails_on=(np.float32([-np.inf, -np.inf]),),
    widget="",
    belief="A small constant keeps the log away from 0.",
    diagnosis="You put a small constant under the log. A row of nothing but -inf has a sum of 0, and its "
    "answer is -inf, not the log of your constant.",
    step="`np.log(total + epsilon)`.",
    change="Leave the constant out.",
    family=("patch", PATCHES),
)
def epsilon_under_the_sum(logits, *, patch=PATCHES[3]):
    shift = _guarded_max(logits)
    total = patched(np.sum(np.exp(logits - shift), axis=-1), patch)
    return shift[..., 0] + np.log(total)


@slip(
    fails_on=(np.float32([1000, 999]),),
    widget="",
    belief="Logits that large do not happen, so cut them off.",
    diagnosis="You clipped the logits. Then all logits beyond the limit are one and the same number, and "
    "infinities are ordinary.",
    step="`np.clip(logits, ...)`: different logits go in, the same number comes out.",
    change="Shift instead: subtract the row's maximum, and add it back after the log.",
    family=("limit", (20, 30, 50, 60, 80, 85, 87, 88, 100, 500, 700, 709)),
)
def clip_before_the_sum(logits, *, limit=80):
    return _log_total(np.clip(logits, -limit, limit), 0)


@mistake(
    quantity="logsumexp",
    fails_on=(np.float32([np.nan, 1]),),
    widget="loss",
    belief="A NaN is a missing value, so leave it out.",
    diagnosis="You left the NaN out of the sum. Then a broken score looks like a masked one, and nobody "
    "learns of it. A NaN that comes in must come out.",
    step="`np.nanmax` and `np.nansum`: they skip NaN without a word.",
    change="Use `np.max` and `np.sum`, which hand a NaN on.",
)
def leave_nan_out(logits):
    row_max = np.nanmax(logits, axis=-1, keepdims=True)
    shift = np.where(np.isinf(row_max), 0, row_max)
    return np.squeeze(shift + np.log(np.nansum(np.exp(logits - shift), axis=-1, keepdims=True)), axis=-1)


# --- answers that must fail ------------------------------------------------------------------------------


def _shifted_by(name, guard):
    def wrong(logits):
        shift = SHIFTS[name](logits, -1)
        return _added_back(logits, finite_or_zero(shift) if guard else shift)

    return named(f"shifted by {name}{', guarded' * guard}", wrong)


def _in_a_wider_format(dtype):
    return named(f"in {dtype.__name__}", lambda logits: _log_total(logits.astype(dtype), 0))


def _shifted_only_where(bad):
    def wrong(logits):
        textbook = _log_total(logits, 0)
        return np.where(bad(textbook), my_logsumexp_at_the_edges(logits), textbook)

    return named(f"shifted only where {bad.__name__}", wrong)


def _not_finite_left_out(logits):
    return my_logsumexp_at_the_edges(np.where(np.isfinite(logits), logits, -np.inf))


def _numbers_for_infinities(logits):
    return my_logsumexp_at_the_edges(np.nan_to_num(logits, nan=np.nan))


def _nan_to_num(logits):
    return np.nan_to_num(_added_back(logits, np.max(logits, axis=-1, keepdims=True)))


def _minus_infinity_for_infinity(logits):
    result = my_logsumexp_at_the_edges(logits)
    return np.where(np.isposinf(result), -np.inf, result)


def _whole_batch(logits):
    return my_logsumexp_at_the_edges(logits.reshape(1, -1))[0]


def _first_axis(logits):
    return my_logsumexp_at_the_edges(np.moveaxis(logits, 0, -1))


def _axis_kept(logits):
    return my_logsumexp_at_the_edges(logits)[..., None]


def _mean_for_sum(logits):
    return my_logsumexp_at_the_edges(logits) - np.log(logits.shape[-1])


def _base_2(logits):
    return np.logaddexp2.reduce(logits, axis=-1)


def _in_float16(logits):
    return my_logsumexp_at_the_edges(logits).astype(np.float16)


MUST_FAIL = (
    *(_shifted_by(name, guard) for name in SHIFTS for guard in (False, True)),
    *(_in_a_wider_format(dtype) for dtype in (np.float64, np.longdouble)),
    *(_shifted_only_where(bad) for bad in (np.isnan, np.isinf)),
    _not_finite_left_out,
    _numbers_for_infinities,
    _nan_to_num,
    _minus_infinity_for_infinity,
    _whole_batch,
    _first_axis,
    _axis_kept,
    _mean_for_sum,
    _base_2,
    _in_float16,
)

edges = Exercise(
    key="90.edges",
    kind="write",
    objective=WRITE,
    minutes=8,
    difficulty=3,
    truth=reference.logsumexp,
    unit="logits",
    cases=(
        case("ordinary logits", [3, 1, 0.2], dtype="float32"),
        case("past the cliff", [1000, 999], dtype="float32"),
        case("far below zero", [-104, -105], dtype="float32"),
        case("nothing but -inf", [-np.inf, -np.inf], dtype="float32"),
        case("an infinite logit", [np.inf, 1, 2], dtype="float32"),
        case("both infinities", [np.inf, -np.inf], dtype="float32"),
        case("a NaN", [np.nan, 1, 1000], dtype="float32"),
        case("equal logits", [5, 5, 5, 5], dtype="float32"),
        case("where exps have few digits", [-102, -103], dtype="float32"),
        case("largest in each place", [[200, 0, 0], [0, 200, 0], [0, 0, 200]], dtype="float32"),
        case("two rows that live far apart", [[1000, 999], [0, 1]], dtype="float32"),
        case("far below zero, in a batch", [[-1000, -1001], [-300, -200]], dtype="float32"),
        case("past every cliff", [[20000, 0], [-20000, -20001]]),
        case("two infinities and a NaN", [[np.inf, np.inf, 0], [-np.inf, np.nan, 0]], dtype="float32"),
        case("a stack of batches", [[[0, 300], [1, 2]], [[-9, 0], [1, 700]], [[5, 5], [3, -np.inf]]]),
        case("a batch of edges", [[0, 1], [-np.inf, 5], [np.inf, 0], [-700, -701]]),
    ),
    mistakes=(
        MISTAKES["logsumexp_unshifted"],
        MISTAKES["shift_fully_masked_row"],
        MISTAKES["shift_infinite_logit"],
        leave_nan_out,
        shift_below_the_max,
        shift_by_the_magnitude,
        one_maximum_for_all,
        return_the_max,
        replace_every_nan,
        forget_to_add_the_max,
        epsilon_under_the_sum,
        clip_before_the_sum,
    ),
    hints=(
        "Go through what a maximum can be: a number, -inf, +inf, NaN. Which of them can you subtract?",
        "Where the maximum is infinite, shift by 0: exp and log give the right answer there by themselves.",
        "`shift = np.where(np.isinf(row_max), 0, row_max)`. NaN needs no line of its own: it passes through.",
    ),
    model_answer=my_logsumexp_at_the_edges,
    why="A shift moves finite numbers. With a shift of 0, a row of -inf gives log 0 = -inf and a +inf gives "
    "log inf = inf, both right. A NaN stays NaN, so whoever comes next can see it.",
    variants=(
        _edges_by_logaddexp,
        _edges_row_by_row,
        _edges_with_errstate,
        _edges_shifted_a_little_more,
        _edges_by_cases,
        _edges_with_log1p,
    ),
    must_fail=MUST_FAIL,
)
