"""A short cut for clear winners: find two numbers on which it loses all digits."""

from functools import partial

import numpy as np

from course_utils import reference
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import mistake

slip = partial(mistake, quantity="logsumexp", widget="")


def quick_logsumexp(logits):
    ordered = np.sort(logits, axis=-1)
    high, rest = ordered[..., -1], ordered[..., :-1]
    gap = high - np.max(rest, axis=-1, initial=-np.inf)
    total = np.sum(np.exp(rest - high[..., None]), axis=-1)
    return np.where(gap > 20, high, high + np.log1p(total))


def _two_logits_up_to_100(logits):
    if logits.shape != (2,):
        return f"Give two logits; this input has shape {logits.shape}."
    if not np.all(np.abs(logits) <= 100):
        return "Use logits between -100 and 100: beyond them nobody calls it."
    return ""


def _gap(logits):
    return float(np.max(logits)) - float(np.min(logits))


@slip(
    fails_on=(np.array([1000.0, 1000.0]),),
    belief="Large logits break a log-sum-exp.",
    diagnosis="You left the allowed range, and large logits do no harm here: the shift is in.",
    step="`rest - high`: never above 0.",
    change="Leave the shift alone, and look at the line with the 20.",
)
def too_large(logits):
    return np.max(np.abs(logits)) > 100


@slip(
    fails_on=(np.array([0.0, -10.0]),),
    belief="The sum must be wrong.",
    diagnosis="Your gap is 20 or less, so the sum is used, and it is right.",
    step="`gap > 20`: false on your input.",
    change="Make the gap larger than 20.",
)
def gap_too_small(logits):
    return _gap(logits) <= 20


@slip(
    fails_on=(np.array([50.0, 20.0]),),
    belief="Past the cut-off every row is wrong in the same way.",
    diagnosis="Your gap takes the short cut, and the maximum hides what it costs: beside a number like this one, log1p "
    "of 1e-9 is a change in the last digits at most.",
    step="`np.where(..., high, ...)`: right to many digits, unless `high` is 0.",
    change="Put the maximum where it hides nothing: at 0.",
)
def maximum_hides_it(logits):
    return _gap(logits) > 20 and abs(float(np.max(logits))) > 1e-9


cut_off = Exercise(
    key="12.cut_off",
    kind="break",
    objective="show with two numbers where a function that you did not write goes wrong",
    minutes=5,
    difficulty=2,
    truth=reference.logsumexp,
    subject=quick_logsumexp,
    goal=_two_logits_up_to_100,
    # Nearly all of the 53 bits are lost: beside a maximum that is not 0 some would be left.
    cases=(case("a gap of 1", [1.0, 0.0], ulps=2.0**50),),
    mistakes=(too_large, gap_too_small, maximum_hides_it),
    hints=(
        "The 20 was chosen for float32, where e^-20 is lost beside 1. What is lost in float64?",
        '`audit.audit(quick_logsumexp, only=("*float64",))` shows rows that fail. What is `high` in most of them?',
        "The truth is high + log1p(e^-gap). Where high is 0, the second part is all there is: [0, -21].",
    ),
    model_answer=lambda: np.array([0.0, -21.0]),
    why="At [0, -21] the truth is e^-21, about 7.6e-10, and the short cut returns 0. A constant that suits one format "
    "is a bug in the next. PyTorch's softplus cuts at 20 in every format.",
    variants=(
        lambda: [0.0, -30.0],
        lambda: (-99.0, 0.0),
        lambda: np.float32([0, -20.5]),
        lambda: [0, -36],
    ),
    must_fail=(
        (lambda: [0, -10], "gap_too_small"),
        (lambda: [0, -20], "gap_too_small"),
        (lambda: [5, 5], "gap_too_small"),
        (lambda: [50, 20], "maximum_hides_it"),
        (lambda: [1, -29], "maximum_hides_it"),
        (lambda: [-40, -80], "maximum_hides_it"),
        (lambda: [1000, 1000], "too_large"),
        (lambda: [0, -800], "too_large"),
        lambda: [0, -21, -22],
        lambda: [[0, -21]],
        lambda: [0, -np.inf],
        lambda: [np.nan, 0],
        lambda: 21,
        lambda: [],
    ),
)
