"""Exercise 3 of lesson 07: the margin at which a format stops a run."""

import math

import numpy as np

from course_utils import reference
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.lesson_07 import margin_slips


def _true_margin(roundoff, rivals):
    # log-sum-exp of `rivals` zeros is the log of their number: the oracle's own logarithm
    return reference.logsumexp(np.zeros(rivals)) + reference.logsumexp(-np.log(roundoff)[:, None], axis=1)


def my_margin(roundoff, rivals):
    return np.log(rivals / roundoff)


def _a_roundoff(roundoff, rivals):
    inside = np.all((roundoff >= 2.0**-53) & (roundoff <= 2.0**-3))
    return "" if inside else "A roundoff lies between 2^-53, of float64, and 2^-3, of float8_e5m2."


margin = Exercise(
    key="07.margin",
    kind="derive",
    objective="compute the margin at which a format stops a run from learning",
    minutes=6,
    difficulty=2,
    truth=_true_margin,
    limits=_a_roundoff,
    cases=(
        case("float32, one rival", [2.0**-24], 1, ulps=8),
        case("float64, one rival", [2.0**-53], 1, ulps=8),
        case("float32, ten digits: nine rivals", [2.0**-24], 9, ulps=8),
        case("bfloat16 and float16, thirty rivals", [2.0**-8, 2.0**-11], 30, ulps=8),
        case("float32, a vocabulary", [2.0**-24], 50256, ulps=8),
    ),
    mistakes=(
        margin_slips.forget_the_rivals,
        margin_slips.divide_by_the_rivals,
        margin_slips.count_in_bits,
        margin_slips.count_in_digits,
        margin_slips.forget_the_sign,
        margin_slips.wait_for_underflow,
        margin_slips.multiply_the_margin,
        margin_slips.compare_with_the_spacing,
        margin_slips.halve_the_roundoff,
    ),
    hints=(
        "After the shift the target's term is 1 and each rival's is e^-m. What is the whole sum?",
        "The sum 1 + rivals * e^-m is stored as 1 once the second part is no larger than the roundoff. Solve for m.",
        "rivals * e^-m = roundoff, so m = ln(rivals / roundoff).",
    ),
    model_answer=my_margin,
    why="The sum is 1 + rivals * e^-m. Its second part is lost when it is at most u: m = ln(rivals / u). For one rival "
    "that is the paper's ln(1/u).",
    variants=(
        lambda roundoff, rivals: np.log(rivals) - np.log(roundoff),
        lambda roundoff, rivals: np.array([math.log(rivals) - math.log(u) for u in roundoff]),
        lambda roundoff, rivals: -np.log(roundoff / rivals),
    ),
    must_fail=(
        lambda roundoff, rivals: np.log(rivals / roundoff + 1e9),
        lambda roundoff, rivals: np.log((rivals + 1) / roundoff),
        (lambda roundoff, rivals: np.log(1 / roundoff) + rivals, ""),
    ),
)
