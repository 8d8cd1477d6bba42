"""The slope of the log-sum-exp."""

import numpy as np

from course_utils import reference, shifted
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.habits import BELOW_THE_MAX, SHIFTS, both_ways, named
from course_utils.exercises.lesson_90.goals import WRITE, shifted_softmax
from course_utils.mistakes import MISTAKES, mistake


def my_slope(logits):
    terms = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return terms / np.sum(terms, axis=-1, keepdims=True)


def _slope_by_shares(logits):
    return shifted_softmax(logits.astype(np.float64)).astype(logits.dtype)


def _slope_row_by_row(logits):
    return np.stack([shifted_softmax(row) for row in np.atleast_2d(logits)]).reshape(logits.shape)


def _slope_in_shifted_logs(logits):
    return np.exp(shifted.log_softmax(logits))


def _slope_against_each_other(logits):
    ahead = (logits[..., None, :] - logits[..., :, None]).astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        return 1 / np.exp(np.where(np.isneginf(logits)[..., None], np.inf, ahead)).sum(axis=-1)


def _slope_by_axes(logits):
    rows = np.moveaxis(logits, -1, 0)
    terms = np.exp(rows - rows.max(axis=0))
    return np.moveaxis(terms / terms.sum(axis=0), 0, -1)


@mistake(
    quantity="softmax",
    fails_on=(np.float32([1e8, 1e8]),),
    widget="loss",
    belief="The slope is exp(z - lse), so compute the log-sum-exp first.",
    diagnosis="Your derivative is right on paper: e^(z - lse). But lse has been rounded to the spacing of "
    "the largest logit, and exp turns that error into a factor. At 1e8 two equal logits get a slope of 1 "
    "each.",
    step="`logits - lse`: the small part of lse was lost when it was added to the maximum.",
    change="Divide the shifted terms by their sum; then no rounded lse is needed.",
)
def subtract_the_rounded_lse(logits):
    row_max = np.max(logits, axis=-1, keepdims=True)
    return np.exp(logits - (row_max + np.log(np.sum(np.exp(logits - row_max), axis=-1, keepdims=True))))


@mistake(
    quantity="softmax",
    fails_on=(np.float32([0, 0]),),
    widget="loss",
    belief="The derivative of an exp over a sum is p (1 - p).",
    diagnosis="You took the derivative of softmax, p (1 - p). The question is one step earlier: the "
    "derivative of the log-sum-exp is p itself.",
    step="One derivative too many.",
    change="d/dz_i log(sum_j e^z_j) = e^z_i / sum_j e^z_j.",
)
def one_derivative_too_many(logits):
    p = shifted_softmax(logits)
    return p * (1 - p)


@mistake(
    quantity="softmax",
    fails_on=(np.float32([1, 0]),),
    widget="loss",
    belief="Log-sum-exp is a maximum, so its slope is 1 for the winner.",
    diagnosis="You took the slope of the hard maximum. The smooth one shares its slope among all classes "
    "that are close.",
    step="1 for the largest logit and 0 for all others.",
    change="d/dz_i log(sum_j e^z_j) = e^z_i / sum_j e^z_j.",
)
def slope_of_the_hard_max(logits):
    return (logits == np.max(logits, axis=-1, keepdims=True)).astype(logits.dtype)


@mistake(
    quantity="softmax",
    fails_on=(np.float32([100, 99]),),
    widget="loss",
    belief="Under the log nothing overflows.",
    diagnosis="Your derivative is right on paper: e^(z - lse). But your lse has no shift: it is inf, or "
    "-inf, where the exps leave the format, and the slope is 0 or NaN.",
    step="`np.log(np.sum(np.exp(logits)))`.",
    change="Divide the shifted terms by their sum; then no lse is needed.",
)
def subtract_the_unshifted_lse(logits):
    return np.exp(logits - np.log(np.sum(np.exp(logits), axis=-1, keepdims=True)))


@mistake(
    quantity="softmax",
    fails_on=(np.float32([[1, 0], [2, 5]]),),
    widget="axis",
    belief="The sum goes along axis 0.",
    diagnosis="You summed down the columns. The classes lie on the last axis: each row has its own slopes, "
    "which add up to 1.",
    step="`axis=0`.",
    change="Use `axis=-1` with `keepdims=True`.",
)
def slope_down_the_columns(logits):
    terms = np.exp(logits - np.max(logits, axis=0))
    return terms / np.sum(terms, axis=0)


@mistake(
    quantity="softmax",
    fails_on=(np.float32([[100, 0, 0], [0, 0, 100]]),),
    widget="shift",
    belief="Any number from the row will do as a shift.",
    diagnosis="You shift, and not by the largest logit. In some row an exponent stays positive, and exp "
    "overflows.",
    step="`logits - shift`: the largest is above 0.",
    change="Shift by the maximum: `np.max(logits, axis=-1, keepdims=True)`.",
    family=("shift", both_ways(*BELOW_THE_MAX)),
)
def slope_below_the_max(logits, *, shift=SHIFTS["the mean"]):
    terms = np.exp(logits - shift(logits, -1))
    return terms / np.sum(terms, axis=-1, keepdims=True)


@mistake(
    quantity="softmax",
    fails_on=(np.float32([2, 1, 0]),),
    widget="loss",
    belief="A derivative is a difference quotient.",
    diagnosis="You measured the slope with small steps. A step loses digits to rounding when it is small "
    "and to curvature when it is large: that checks a derivative, and cannot replace it.",
    step="`(lse(z + h) - lse(z - h)) / (2 h)`.",
    change="Derive it: e^z_i over the sum of all e^z_j.",
    family=(
        "steps",
        tuple((h, two) for h in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8) for two in (True, False)),
    ),
)
def slope_by_small_steps(logits, *, steps=(1e-3, True)):
    (h, two_sided), slopes = steps, np.empty_like(logits)
    for i in range(logits.shape[-1]):
        above, below = logits.copy(), logits.copy()
        above[..., i] += h
        below[..., i] -= h if two_sided else 0
        slopes[..., i] = (shifted.logsumexp(above) - shifted.logsumexp(below)) / (h * (1 + two_sided))
    return slopes


# --- answers that must fail ------------------------------------------------------------------------------


def _shifted_by(name):
    def wrong(logits):
        terms = np.exp(logits - SHIFTS[name](logits, -1))
        return terms / terms.sum(axis=-1, keepdims=True)

    return named(f"shifted by {name}", wrong)


def _one_total_for_all(logits):
    terms = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return terms / terms.sum()


def _undivided(logits):
    return np.exp(logits - np.max(logits, axis=-1, keepdims=True))


def _uniform(logits):
    return np.full_like(logits, 1 / logits.shape[-1])


def _unshifted_in_float64(logits):
    terms = np.exp(logits.astype(np.float64))
    return terms / terms.sum(axis=-1, keepdims=True)


def _nan_to_num(logits):
    terms = np.exp(logits)
    return np.nan_to_num(terms / terms.sum(axis=-1, keepdims=True))


def _nan_hidden(logits):
    return np.nan_to_num(my_slope(logits))


def _shifted_where_nan(logits):
    terms = np.exp(logits)
    slopes = terms / terms.sum(axis=-1, keepdims=True)
    return np.where(np.isnan(slopes), my_slope(logits), slopes)


def _clipped(logits):
    return my_slope(np.clip(logits, -700, 700))


def _epsilon_in_the_total(logits):
    terms = np.exp(logits)
    return terms / (terms.sum(axis=-1, keepdims=True) + 1e-8)


def _log_of_it(logits):
    return shifted.log_softmax(logits)


def _the_sum_itself(logits):
    return shifted.logsumexp(logits)


def _in_float16(logits):
    return my_slope(logits).astype(np.float16)


MUST_FAIL = (
    *(_shifted_by(name) for name in SHIFTS),
    _one_total_for_all,
    _undivided,
    _uniform,
    _unshifted_in_float64,
    _nan_to_num,
    _nan_hidden,
    _shifted_where_nan,
    _clipped,
    _epsilon_in_the_total,
    _log_of_it,
    _the_sum_itself,
    _in_float16,
)
COARSE = 2**17  # ulps, about 1 %: the smallest failing input shows its error in the first digits
THREE_ROWS = [[200, 0, 0], [0, 200, 0], [0, 0, 200]]

slope = Exercise(
    key="90.slope",
    kind="derive",
    objective=WRITE,
    minutes=5,
    difficulty=2,
    truth=reference.softmax,
    cases=(
        case("three logits", [2, 1, 0.1], dtype="float32"),
        case("two large equal logits", [1e8, 1e8], dtype="float32", ulps=COARSE),
        case("where exps have few digits", [-102, -103], dtype="float32", ulps=COARSE),
        case("largest in each place", THREE_ROWS, dtype="float32", ulps=COARSE),
        case("past every cliff, float64", [[20000, 19999], [-20000, -20001]]),
        case("two rows that live far apart", [[0, 1], [-800, -801], [900, 0]]),
        case("a logit that is NaN", [[np.nan, 1], [0, 2]], dtype="float32"),
        case("a class far behind", [15, 0, -20], dtype="float32", ulps=COARSE),
        case("past the cliff", [100, 99, 0], dtype="float32"),
        case("far below zero", [-1000, -1001]),
        case("a batch", [[0, 1], [700, 710], [3, 3]]),
        case("a masked class", [-np.inf, 0, 1], dtype="float32"),
    ),
    mistakes=(
        subtract_the_rounded_lse,
        one_derivative_too_many,
        slope_of_the_hard_max,
        subtract_the_unshifted_lse,
        slope_down_the_columns,
        slope_below_the_max,
        slope_by_small_steps,
        MISTAKES["exponentiate_unshifted"],
    ),
    hints=(
        "Derive first, on paper: the derivative of log(u) is u'/u. What is u here, and what is u' for the "
        "entry z_i?",
        "The slope is e^z_i over the sum of all e^z_j. You know that quantity, and how to compute it safely.",
        "Shift, exp, divide by the sum: no logarithm is needed at all.",
    ),
    model_answer=my_slope,
    why="The slope of the log-sum-exp is softmax. Written as exp(z - lse) it inherits the rounding of lse, "
    "which grows with the logits; written as a ratio of shifted terms it does not.",
    variants=(
        _slope_by_shares,
        _slope_row_by_row,
        _slope_in_shifted_logs,
        _slope_against_each_other,
        _slope_by_axes,
    ),
    must_fail=MUST_FAIL,
)
