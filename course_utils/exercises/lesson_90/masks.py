"""A softmax over the scores that may be seen."""

from functools import partial

import numpy as np

from course_utils import shifted
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.habits import SHIFTS, named
from course_utils.exercises.lesson_90.goals import REPAIR, shifted_softmax, truth_of
from course_utils.mistakes import MISTAKES, mistake


def handed_out_mask(scores, keep):
    scores = scores + np.where(keep, 0, -1e9).astype(scores.dtype)
    exps = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return exps / np.sum(exps, axis=-1, keepdims=True)


def my_masked_softmax(scores, keep):
    row_max = np.max(scores, axis=-1, keepdims=True, where=keep, initial=-np.inf)
    shift = np.where(row_max == -np.inf, 0, row_max)
    exps = np.exp(np.where(keep, scores - shift, -np.inf))
    total = np.sum(exps, axis=-1, keepdims=True)
    return exps / np.where(total == 0, 1, total)


def _mask_row_by_row(scores, keep):
    result = np.zeros_like(scores)
    for row in np.ndindex(scores.shape[:-1]):
        if keep[row].any():
            result[row][keep[row]] = shifted_softmax(scores[row][keep[row]])
    return result


def _mask_with_divide(scores, keep):
    masked = np.where(keep, scores, -np.inf)
    top = np.max(masked, axis=-1, keepdims=True)
    exps = np.exp(masked - np.where(np.isfinite(top), top, 0))
    total = exps.sum(axis=-1, keepdims=True)
    return np.divide(exps, total, out=np.zeros_like(exps), where=total != 0)


def _mask_only_rows_that_keep(scores, keep):
    some = keep.any(axis=-1, keepdims=True)
    return np.where(keep, shifted.softmax(np.where(keep | ~some, scores, -np.inf)), 0)


def _mask_a_flat_list(scores, keep):
    rows, seen = scores.reshape(-1, scores.shape[-1]), keep.reshape(-1, keep.shape[-1])
    shares = []
    for row, kept in zip(rows, seen, strict=True):
        top = max(row[kept], default=0)
        exps = np.exp(np.where(kept, row, -np.inf) - top)
        shares.append(exps / (exps.sum() if kept.any() else 1))
    return np.array(shares).reshape(scores.shape)


def _mask_in_logs(scores, keep):
    masked = np.where(keep, scores.astype(np.float64), -np.inf)
    masked -= np.where(keep.any(axis=-1, keepdims=True), masked.max(axis=-1, keepdims=True), 0)
    lse = np.logaddexp.reduce(masked, axis=-1, keepdims=True)
    return np.exp(masked - np.where(np.isneginf(lse), 0, lse)).astype(scores.dtype)


slip = partial(mistake, quantity="masked_softmax", widget="loss")


@mistake(
    quantity="masked_softmax",
    fails_on=(np.float32([3, 5]), np.array([False, False])),
    widget="loss",
    belief="The lowest finite number is a safer -inf.",
    diagnosis="You added the format's lowest number. It is finite, so in a row where everything is masked "
    "the shift brings all of it back, and padding gets a share. And a negative score on top of it can round "
    "to -inf.",
    step="`scores + finfo.min`: the masked scores are still numbers that a maximum can choose.",
    change="Leave masked entries out: -inf for them, and 0 for a row with nothing to keep.",
)
def mask_with_lowest(scores, keep):
    masked = scores + np.where(keep, 0, np.finfo(scores.dtype).min).astype(scores.dtype)
    return shifted_softmax(masked)


@mistake(
    quantity="masked_softmax",
    fails_on=(np.float32([3, 5]), np.array([False, False])),
    widget="loss",
    belief="-inf is always a safe mask.",
    diagnosis="You set masked scores to -inf, which is right for a row that keeps something. Where "
    "everything is masked the maximum is -inf as well, and -inf - -inf is NaN.",
    step="`scores - row_max` with row_max = -inf.",
    change="Where row_max is -inf, shift by 0; where the total is 0, return 0.",
)
def mask_without_guard(scores, keep):
    return shifted_softmax(np.where(keep, scores, -np.inf).astype(scores.dtype))


@mistake(
    quantity="masked_softmax",
    fails_on=(np.float32([1, 2]), np.array([True, False])),
    widget="loss",
    belief="Setting the masked probabilities to 0 is the same.",
    diagnosis="You masked after the softmax. The masked entries had already taken their share of the total, "
    "so the rest no longer adds up to 1.",
    step="`softmax(scores) * keep`: the total still counts the masked entries.",
    change="Mask before the sum: only kept entries may enter the total.",
)
def mask_after_softmax(scores, keep):
    return shifted_softmax(scores) * keep


MASKED = (np.float32([1, 2]), np.array([True, False]))
LOW_NUMBERS = (-1e3, -1e4, -3e4, -65504, -1e5, -1e6, -1e8, -1e9, -1e10, -1e20, -1e30, -3e38)
EMPTY = (np.float32([3, 5]), np.array([False, False]))


@slip(
    fails_on=EMPTY,
    belief="Any very low number will do.",
    diagnosis="You put a finite number where a score is masked. In a row where everything is masked that "
    "number is the maximum, the shift brings it back, and padding gets a share. And a real score may lie "
    "below it.",
    step="`np.where(keep, scores, -1e4)`, or with another number.",
    change="Set masked scores to -inf, and give a row with nothing to keep the answer 0.",
    family=("number", tuple((number, added) for added in (False, True) for number in LOW_NUMBERS)),
)
def mask_with_a_number(scores, keep, *, number=(-1e4, False)):
    low = np.maximum(scores.dtype.type(number[0]), np.finfo(scores.dtype).min)
    return shifted_softmax(np.where(keep, scores, scores + low if number[1] else low))


@slip(
    fails_on=MASKED,
    belief="A score of 0 counts for nothing.",
    diagnosis="You set masked scores to 0. exp(0) is 1: a masked entry takes a share, and beside negative "
    "scores the largest one.",
    step="`scores * keep`, or `np.where(keep, scores, 0)`.",
    change="A score that counts for nothing is -inf, whose exp is 0.",
    family=("masked", (np.multiply, lambda scores, keep: np.where(keep, scores, np.zeros_like(scores)))),
)
def mask_with_zero(scores, keep, *, masked=np.multiply):
    return shifted_softmax(masked(scores, keep))


@slip(
    fails_on=(np.float32([np.nan, 1]), np.array([True, True])),
    belief="nan_to_num repairs the empty row.",
    diagnosis="You turned every NaN into 0. The empty row is right now, and a score that has broken looks "
    "like a masked one: a NaN that comes in must come out.",
    step="`np.nan_to_num(...)`: it cannot tell one NaN from another.",
    change="Avoid the NaN of the empty row: shift by 0 where the maximum is -inf, divide by 1 where the "
    "total is 0.",
)
def hide_the_empty_row(scores, keep):
    return np.nan_to_num(mask_without_guard(scores, keep))


@slip(
    fails_on=(np.float32([1, 200, 2]), np.array([True, False, True])),
    belief="The largest score of the row is the shift.",
    diagnosis="You shifted by the largest score of the whole row, masked ones included. Far below it every "
    "kept exp loses its digits or is 0.",
    step="`np.max(scores, ...)` before the mask.",
    change="Take the maximum of the kept scores only.",
    family=("epsilon", (0, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-16, 1e-20, 1e-30, 1e-38)),
)
def shift_by_a_masked_score(scores, keep, *, epsilon=0):
    exps = np.exp(scores - np.max(scores, axis=-1, keepdims=True)) * keep
    return exps / (np.sum(exps, axis=-1, keepdims=True) + scores.dtype.type(epsilon))


@slip(
    fails_on=MASKED,
    belief="True marks what must go.",
    diagnosis="You masked the entries that may be seen. `keep` is True where an entry counts.",
    step="`np.where(keep, -inf, scores)`: the two branches have changed places.",
    change="Swap them: `np.where(keep, scores, -np.inf)`.",
)
def mask_what_is_kept(scores, keep):
    return shifted_softmax(np.where(keep, -np.inf, scores).astype(scores.dtype))


@slip(
    fails_on=EMPTY,
    belief="A row without a distribution is uniform.",
    diagnosis="You gave the empty row equal shares. Then padding is attended to; the task asks for 0.",
    step="The answer for a row in which nothing is kept.",
    change="Return 0 for all of it.",
)
def uniform_for_the_empty_row(scores, keep):
    some = keep.any(axis=-1, keepdims=True)
    return shifted_softmax(np.where(keep, scores, np.where(some, -np.inf, 0)).astype(scores.dtype))


# --- answers that must fail ------------------------------------------------------------------------------


def _masked(scores, keep):
    return np.where(keep, scores, -np.inf).astype(scores.dtype)


def _nan_to_num_of_the_masked(scores, keep):
    return shifted_softmax(np.nan_to_num(_masked(scores, keep)))


def _unshifted(scores, keep):
    exps = np.exp(scores) * keep
    total = exps.sum(axis=-1, keepdims=True)
    return exps / np.where(total == 0, 1, total)


def _unshifted_in_float64(scores, keep):
    return _unshifted(scores.astype(np.float64), keep)


def _clipped(scores, keep):
    return my_masked_softmax(np.clip(scores, -50, 50), keep)


def _one_maximum_for_all(scores, keep):
    exps = np.exp(_masked(scores, keep) - np.max(scores, where=keep, initial=-1e30))
    total = exps.sum(axis=-1, keepdims=True)
    return exps / np.where(total == 0, 1, total)


def _renormalised(scores, keep):
    p = shifted_softmax(scores) * keep
    total = p.sum(axis=-1, keepdims=True)
    return p / np.where(total == 0, 1, total)


def _empty_rows_by_the_first_score(scores, keep):
    return np.where(keep[..., :1], np.nan_to_num(mask_without_guard(scores, keep)), 0)


def _small_shares_dropped(scores, keep):
    p = my_masked_softmax(scores, keep)
    return np.where(p < 1e-6, 0, p)


def _without_broken_scores(scores, keep):
    return my_masked_softmax(scores, keep & np.isfinite(scores))


def _shifted_by(name):
    def wrong(scores, keep):
        shift = SHIFTS[name](np.where(keep, scores, np.zeros_like(scores)), -1)
        exps = np.exp(_masked(scores, keep) - shift)
        total = exps.sum(axis=-1, keepdims=True)
        return exps / np.where(total == 0, 1, total)

    return named(f"shifted by {name}", wrong)


MUST_FAIL = (
    *(_shifted_by(name) for name in SHIFTS),
    _nan_to_num_of_the_masked,
    _unshifted,
    _unshifted_in_float64,
    _clipped,
    _one_maximum_for_all,
    _renormalised,
    _empty_rows_by_the_first_score,
    _small_shares_dropped,
    _without_broken_scores,
)
THREE_ROWS = [[200, 0, 0], [0, 200, 0], [0, 0, 200]]
ALL_SEEN = [[True] * 3] * 3

attention_mask = Exercise(
    key="90.attention_mask",
    kind="repair",
    objective=REPAIR,
    minutes=8,
    difficulty=2,
    truth=truth_of("masked_softmax"),
    subject=handed_out_mask,
    cases=(
        case("one entry masked", [3, 1, 2], [True, False, True], dtype="float32"),
        case("the masked score is the largest", [1, 100, 2], [True, False, True], dtype="float32"),
        case("everything masked", [3, 5], [False, False], dtype="float32"),
        case("everything masked, float16", [3, 5], [False, False], dtype="float16"),
        case("everything masked, low scores, float16", [-17, -40], [False, False], dtype="float16"),
        case("real scores below -1e9", [-2e9, -2e9, 0], [True, True, False], dtype="float32"),
        case("largest in each place", THREE_ROWS, ALL_SEEN, dtype="float32"),
        case(
            "largest in each place, masked there",
            THREE_ROWS,
            (~np.eye(3, dtype=bool)).tolist(),
            dtype="float32",
        ),
        case("far below zero", [-1000, -1001, 0], [True, True, False], dtype="float32"),
        case("huge scores, float64", [20000, 19999, -20000], [True, True, True]),
        case("a small share", [20, 0, 5], [True, True, False], dtype="float32"),
        case("NaN in a masked place", [1, np.nan, 2], [True, False, True], dtype="float32"),
        case("NaN in a kept place", [np.nan, 1], [True, True], dtype="float32"),
        case(
            "a batch with one empty row",
            [[1, 2, 3], [200, 100, 0], [7, 8, 9]],
            [[True, True, True], [False, True, True], [False, False, False]],
            dtype="float32",
        ),
    ),
    mistakes=(
        MISTAKES["mask_by_adding"],
        mask_with_lowest,
        mask_without_guard,
        mask_after_softmax,
        mask_with_a_number,
        mask_with_zero,
        hide_the_empty_row,
        shift_by_a_masked_score,
        mask_what_is_kept,
        uniform_for_the_empty_row,
    ),
    hints=(
        "Which number is large enough to stand for `never`? And what happens to a row in which nothing is kept?",
        "Mask with -inf. Then guard two places: the shift where the maximum is -inf, and the division where "
        "the total is 0.",
        "`np.max(..., where=keep, initial=-np.inf)`, `np.where(row_max == -np.inf, 0, row_max)`, "
        "`np.where(total == 0, 1, total)`.",
    ),
    model_answer=my_masked_softmax,
    why="A finite mask is a score like any other: in an empty row it is the maximum, and the shift brings it "
    "back. -inf stays away, and an empty row, which has no distribution, is defined to be 0.",
    variants=(
        _mask_row_by_row,
        _mask_with_divide,
        _mask_only_rows_that_keep,
        _mask_a_flat_list,
        _mask_in_logs,
    ),
    must_fail=MUST_FAIL,
)
