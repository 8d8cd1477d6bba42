"""A softmax that tries first, verifies, and shifts only the rows that need it."""

import numpy as np

from course_utils import naive, reference, shifted, stable
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import MISTAKES, mistake

EXPLORER = "bill"


def my_softmax(logits):
    limit = np.finfo(logits.dtype).max / 4
    with np.errstate(all="ignore"):
        terms = np.exp(logits)
        total = terms.sum(axis=1, keepdims=True)
        weak = ~((total[:, 0] >= 0.5) & (total[:, 0] <= limit))
        rows = logits[weak]
        shift = np.rint(rows.max(axis=1, keepdims=True))
        terms[weak] = np.exp(rows - shift)
        total[weak] = terms[weak].sum(axis=1, keepdims=True)
        return terms / total


def _row_by_row(logits):
    p = np.empty_like(logits)
    for i, row in enumerate(logits):
        with np.errstate(all="ignore"):
            terms = np.exp(row)
            if not 0.1 < terms.sum() < 1e30:
                terms = np.exp(row - np.round(row.max()))
        p[i] = terms / terms.sum()
    return p


def _decided_by_the_maximum(logits):
    row_max = logits.max(axis=1, keepdims=True)
    shift = np.where((row_max > 60) | (row_max < -1), np.rint(row_max), 0)
    return naive.softmax(logits - shift)


def _slip(*, fails_on, **said):
    return mistake(quantity="softmax", widget=EXPLORER, fails_on=(np.float32(fails_on),), **said)


@_slip(
    fails_on=[[-0.3, -79.7]],
    belief="Shifting every row is safe, so it is as good.",
    diagnosis="You shifted every row by its maximum. It is safe, and z - max z is rounded: exp turns that into tens of "
    "ulps on rows that needed no shift.",
    step="`logits - row_max` on a row whose sum was good.",
    change="Keep the unshifted terms wherever the sum lies between about 0.5 and the largest number over 4.",
)
def shift_every_row(logits):
    return shifted.softmax(logits)


@_slip(
    fails_on=[[1000, 999], [-0.3, -79.7]],
    belief="If one row is in danger, shift them all.",
    diagnosis="You decided for the whole batch: one dangerous row, and all rows are shifted. A row's digits "
    "then depend on its neighbours.",
    step="`if weak.any():` followed by a shift of everything.",
    change="Repair the rows in `weak`, and only those: `terms[weak] = ...`.",
)
def decide_for_the_batch(logits):
    return shifted.softmax(logits) if _weak(_sums(logits)).any() else naive.softmax(logits)


@_slip(
    fails_on=[[-102, -103]],
    belief="What is finite is right.",
    diagnosis="You looked for NaN and inf alone. A sum that is tiny is finite too, and its terms have lost "
    "their digits to underflow.",
    step="`np.isfinite(total)`: true for a sum of 1e-44.",
    change="Ask for a sum of at least about 0.5 as well: then nothing that has underflowed beside it can be seen.",
)
def verify_finite_only(logits):
    with np.errstate(all="ignore"):
        return np.divide(*_repaired(logits, ~np.isfinite(_sums(logits))))


@_slip(
    fails_on=[[1000, 999]],
    belief="Small sums are the danger.",
    diagnosis="You repaired small sums and let large ones through. Past the cliff the sum is inf, and "
    "inf / inf is NaN.",
    step="`total >= 0.5`: true for inf.",
    change="Ask for a sum below about a quarter of the largest number as well.",
)
def verify_small_only(logits):
    with np.errstate(all="ignore"):
        return np.divide(*_repaired(logits, _sums(logits) < 0.5))


@_slip(
    fails_on=[[20.3, -60.1, -45.7]],
    belief="A whole number is subtracted exactly, so every row may be shifted.",
    diagnosis="You shifted every row, by a whole number. Next to the maximum that rounds nothing. Far below it a logit "
    "moves to where floats are spaced more widely, and loses bits that exp would have kept. And every row pays.",
    step="`logits - np.rint(row_max)` on a row whose sum was good.",
    change="Keep the unshifted terms wherever the sum lies between about 0.5 and the largest number over 4.",
)
def shift_every_row_by_a_whole_number(logits):
    return naive.softmax(logits - np.rint(logits.max(axis=1, keepdims=True)))


@_slip(
    fails_on=[[1000, 999, 0], [20.3, -60.1, -45.7]],
    belief="If one row is in danger, shift them all.",
    diagnosis="You decided for the whole batch: one dangerous row, and all rows are shifted, by a whole number. A "
    "row's digits then depend on its neighbours.",
    step="`if weak.any():` followed by a shift of everything.",
    change="Repair the rows in `weak`, and only those: `terms[weak] = ...`.",
)
def decide_for_the_batch_by_a_whole_number(logits):
    weak = _weak(_sums(logits))
    return shift_every_row_by_a_whole_number(logits) if weak.any() else naive.softmax(logits)


@_slip(
    fails_on=[[1000, 999]],
    belief="The terms are repaired, so the row is.",
    diagnosis="You repaired the terms and divided them by the sum of the old ones. It was inf, or tiny: the reason why "
    "the row failed.",
    step="`terms / total` with the `total` of the first try.",
    change="Sum the repaired rows again: `total[weak] = terms[weak].sum(axis=1, keepdims=True)`.",
)
def keep_the_old_total(logits):
    with np.errstate(all="ignore"):
        return _repaired(logits, _weak(_sums(logits)))[0] / _sums(logits)[:, None]


@_slip(
    fails_on=[[-500, -501], [700, 701]],
    belief="One shift repairs all weak rows.",
    diagnosis="You took one maximum for all rows that failed. It fits the largest row; another one then lies hundreds "
    "below 0, and all of its terms are 0.",
    step="`logits[weak].max()` without an axis.",
    change="`logits[weak].max(axis=1, keepdims=True)`: a maximum a row.",
)
def one_maximum_for_all_weak_rows(logits):
    weak = _weak(_sums(logits))
    if not weak.any():
        return naive.softmax(logits)
    with np.errstate(all="ignore"):
        terms = np.exp(logits)
        terms[weak] = np.exp(logits[weak] - np.rint(logits[weak].max()))
        return terms / terms.sum(axis=1, keepdims=True)


@_slip(
    fails_on=[[88.5, 88.5]],
    belief="Where something went wrong there is a NaN.",
    diagnosis="You asked the probabilities for NaN. Where only the sum overflows they are 0, and where the sum is tiny "
    "they are wrong. Neither is NaN.",
    step="`np.isnan(p)`.",
    change="Ask the sum of the exponentials: is it between 0.5 and the largest number over 4?",
)
def ask_the_probabilities_for_nan(logits):
    with np.errstate(all="ignore"):
        weak = np.isnan(naive.softmax(logits)).any(axis=1)
        return np.divide(*_repaired(logits, weak))


@_slip(
    fails_on=[[-102, -103]],
    belief="What is not inf and not 0 is right.",
    diagnosis="You let through a row whose sum is tiny, yet not 0. Its probabilities add up to 1, and they are wrong: "
    "underflow has taken the digits of its terms.",
    step="The test of the row: it passes for a sum of 7e-45.",
    change="Ask for a sum of at least about 0.5.",
)
def let_tiny_sums_through(logits):
    total = _sums(logits)
    return np.divide(*_repaired(logits, ~np.isfinite(total) | (total == 0)))


@_slip(
    fails_on=[[1000, 999], [20.3, -60.1]],
    belief="The rows that pass the test are the ones to shift.",
    diagnosis="You repaired the rows that were good and left the others as they were.",
    step="`weak` is True where the sum is good: a `~` is missing.",
    change="`weak = ~((total >= 0.5) & (total <= limit))`.",
)
def repair_the_good_rows(logits):
    with np.errstate(all="ignore"):
        return np.divide(*_repaired(logits, ~_weak(_sums(logits))))


def _sums(logits):
    with np.errstate(all="ignore"):
        return np.exp(logits).sum(axis=1)


def _weak(total):
    return ~((total >= 0.5) & (total <= np.finfo(total.dtype).max / 4))


def _repaired(logits, weak):
    """The terms and their sums, shifted by a whole number in the rows that are weak."""
    with np.errstate(all="ignore"):
        terms = np.exp(logits)
        terms[weak] = np.exp(logits[weak] - np.rint(logits[weak].max(axis=1, keepdims=True)))
        return terms, terms.sum(axis=1, keepdims=True)


def _spread(low, high):
    rows = np.random.default_rng(5).uniform(low, high, (3, 40))
    rows[:, 0] = high
    return rows


verified = Exercise(
    key="09.verified",
    kind="write",
    objective="build a softmax that tries first, verifies, and shifts only the rows that need it",
    minutes=10,
    difficulty=3,
    truth=reference.softmax,
    cases=(
        case("ordinary logits", [[2.0, 1.0, 0.1]], dtype="float32", ulps=12),
        case("logits spread over 80, all below 0", _spread(-80, -0.3), dtype="float32", ulps=12),
        case("logits spread over 80, up to 20", _spread(-60, 20.3), dtype="float32", ulps=12),
        case("past the cliff", [[1000, 999]], dtype="float32", ulps=12),
        case("where only the sum overflows", [[88.5, 88.5]], dtype="float32", ulps=12),
        case("far below zero", [[-104, -105]], dtype="float32", ulps=12),
        case("where exp has lost its digits", [[-102, -103]], dtype="float32", ulps=12),
        case(
            "a calm row beside one in danger",
            [[20.3, -60.1, -45.7], [1000, 999, 0]],
            dtype="float32",
            ulps=12,
        ),
        case("three rows that live far apart", [[-500, -501], [0, 1], [700, 701]], dtype="float32", ulps=12),
        case("a class at -inf", [[-np.inf, 0, 1]], dtype="float32", ulps=12),
    ),
    mistakes=(
        MISTAKES["exponentiate_unshifted"],
        shift_every_row,
        decide_for_the_batch,
        verify_finite_only,
        verify_small_only,
        shift_every_row_by_a_whole_number,
        decide_for_the_batch_by_a_whole_number,
        keep_the_old_total,
        one_maximum_for_all_weak_rows,
        ask_the_probabilities_for_nan,
        let_tiny_sums_through,
        repair_the_good_rows,
    ),
    must_fail=(
        lambda z: naive.softmax(z - z.max()),
        lambda z: naive.softmax(np.clip(z, -88, 88)),
        lambda z: np.nan_to_num(naive.softmax(z)),
        lambda z: naive.softmax(z - z.mean(axis=1, keepdims=True)),
        lambda z: np.where(np.isnan(naive.softmax(z)), shifted.softmax(z), naive.softmax(z)),
    ),
    hints=(
        "Try `np.exp(logits)` as it stands. Which sums tell you that a row went wrong?",
        "A sum that is inf or NaN, and one that is tiny. Shift those rows by `np.rint` of their maximum, "
        "and sum again.",
        "`weak = ~((total >= 0.5) & (total <= limit))`, then `terms[weak] = np.exp(logits[weak] - shift)`, and the "
        "same for `total[weak]`.",
    ),
    model_answer=my_softmax,
    why="The sum is the witness: between 0.5 and a quarter of the largest number, no term overflowed and none that "
    "underflowed can be seen. Only the other rows pay for a shift, and a whole number is subtracted without rounding.",
    variants=(_row_by_row, _decided_by_the_maximum, lambda z: stable.softmax(z)),
)
