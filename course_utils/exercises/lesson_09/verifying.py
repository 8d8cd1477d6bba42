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


@mistake(
    quantity="softmax",
    fails_on=(np.float32([[-0.3, -79.7]]),),
    widget=EXPLORER,
    belief="Shifting every row is safe, so it is as good.",
    diagnosis="You shifted every row by its maximum. It is safe, and z - max z is rounded: exp turns that into tens of "
    "ulps on rows that needed no shift.",
    step="`logits - row_max` on a row whose sum was good.",
    change="Keep the unshifted terms wherever the sum lies between about 0.5 and the largest number over 4.",
)
def shift_every_row(logits):
    return shifted.softmax(logits)


@mistake(
    quantity="softmax",
    fails_on=(np.float32([[1000, 999], [-0.3, -79.7]]),),
    widget=EXPLORER,
    belief="If one row is in danger, shift them all.",
    diagnosis="You decided for the whole batch: one dangerous row, and all rows are shifted. A row's digits "
    "then depend on its neighbours.",
    step="`if weak.any():` followed by a shift of everything.",
    change="Repair the rows in `weak`, and only those: `terms[weak] = ...`.",
)
def decide_for_the_batch(logits):
    with np.errstate(all="ignore"):
        total = np.exp(logits).sum(axis=1)
    good = np.all((total >= 0.5) & (total < 1e30))
    return naive.softmax(logits) if good else shifted.softmax(logits)


@mistake(
    quantity="softmax",
    fails_on=(np.float32([[-102, -103]]),),
    widget=EXPLORER,
    belief="What is finite is right.",
    diagnosis="You looked for NaN and inf alone. A sum that is tiny is finite too, and its terms have lost "
    "their digits to underflow.",
    step="`np.isfinite(total)`: true for a sum of 1e-44.",
    change="Ask for a sum of at least about 0.5 as well: then nothing that has underflowed beside it can be seen.",
)
def verify_finite_only(logits):
    with np.errstate(all="ignore"):
        terms = np.exp(logits)
        weak = ~np.isfinite(terms.sum(axis=1))
        terms[weak] = np.exp(logits[weak] - np.rint(logits[weak].max(axis=1, keepdims=True)))
        return terms / terms.sum(axis=1, keepdims=True)


@mistake(
    quantity="softmax",
    fails_on=(np.float32([[1000, 999]]),),
    widget=EXPLORER,
    belief="Small sums are the danger.",
    diagnosis="You repaired small sums and let large ones through. Past the cliff the sum is inf, and "
    "inf / inf is NaN.",
    step="`total >= 0.5`: true for inf.",
    change="Ask for a sum below about a quarter of the largest number as well.",
)
def verify_small_only(logits):
    with np.errstate(all="ignore"):
        terms = np.exp(logits)
        weak = terms.sum(axis=1) < 0.5
        terms[weak] = np.exp(logits[weak] - np.rint(logits[weak].max(axis=1, keepdims=True)))
        return terms / terms.sum(axis=1, keepdims=True)


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
        case("logits spread over 80 below 0", _spread(-80, -0.3), dtype="float32", ulps=12),
        case("past the cliff", [[1000, 999]], dtype="float32", ulps=12),
        case("where only the sum overflows", [[88.5, 88.5]], dtype="float32", ulps=12),
        case("far below zero", [[-104, -105]], dtype="float32", ulps=12),
        case("where exp has lost its digits", [[-102, -103]], dtype="float32", ulps=12),
        case("a calm row beside one in danger", [[-0.3, -79.7], [1000, 999]], dtype="float32", ulps=12),
        case("three rows that live far apart", [[-500, -501], [0, 1], [700, 701]], dtype="float32", ulps=12),
        case("a class at -inf", [[-np.inf, 0, 1]], dtype="float32", ulps=12),
    ),
    mistakes=(
        MISTAKES["exponentiate_unshifted"],
        shift_every_row,
        decide_for_the_batch,
        verify_finite_only,
        verify_small_only,
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
