"""The class of the largest probability, where probabilities are NaN."""

import numpy as np

from course_utils.exercises.core import Exercise, case
from course_utils.exercises.lesson_90.goals import FIND, truth_of
from course_utils.mistakes import MISTAKES, mistake


def _two_logits_up_to_100(logits):
    if logits.shape != (2,):
        return f"Give two logits; this input has shape {logits.shape}."
    return "" if np.all(np.abs(logits) <= 100) else "Use finite logits between -100 and 100."


@mistake(
    quantity="predicted_class",
    fails_on=(np.float32([0, 95]),),
    widget="breaker",
    belief="One NaN is enough to fool argmax.",
    diagnosis="Only one probability is NaN on your input, and it belongs to the larger logit. argmax "
    "returns the first NaN, which is the right class by luck.",
    step="`np.argmax(p)`: the NaN stands where the answer is.",
    change="Make both classes fail, so that the first one wins without deserving it.",
)
def one_class_overflows(logits):
    return np.sum(logits > 88.7) == 1


@mistake(
    quantity="predicted_class",
    fails_on=(np.float32([95, 90]),),
    widget="breaker",
    belief="Two NaN are enough.",
    diagnosis="Both probabilities fail, and argmax returns class 0. On your input class 0 is the right "
    "answer.",
    step="`np.argmax([nan, nan])` is 0, whatever the logits were.",
    change="Swap the two logits.",
)
def first_class_is_right(logits):
    return np.all(logits > 88) and logits[0] >= logits[1]


@mistake(
    quantity="predicted_class",
    fails_on=(np.float32([1, 2]),),
    widget="breaker",
    belief="Without a shift the order is lost at once.",
    diagnosis="No exp overflows on your input. Each p is a number, in the order of its logit, and argmax "
    "finds the largest.",
    step="`np.exp(logits)`: finite, and in the right order.",
    change="Go past the cliff of float32 with both logits.",
)
def nothing_overflows(logits):
    return np.max(logits) <= 88


prediction = Exercise(
    key="90.prediction",
    kind="break",
    objective=FIND,
    minutes=4,
    difficulty=1,
    truth=truth_of("predicted_class"),
    subject=MISTAKES["argmax_of_nan"].function,
    limits=_two_logits_up_to_100,
    cases=(case("two ordinary logits", [1, 2], dtype="float32", ulps=0),),
    mistakes=(one_class_overflows, first_class_is_right, nothing_overflows),
    hints=(
        "argmax never says that something is wrong. What does it return for a row of NaN?",
        "For `[nan, nan]` it returns 0. So both probabilities must fail, and class 1 must be the right answer.",
        "exp overflows in float32 past 88.72. Put both logits above it, the second one higher.",
    ),
    model_answer=lambda: np.float32([89, 90]),
    why="Both exps are inf, both probabilities NaN, and argmax returns the first NaN: class 0, with no "
    "alarm. The largest logit was in class 1. Take the argmax of the logits, or of a shifted softmax.",
    variants=(
        lambda: [90, 91],
        lambda: (89.5, 99.0),
        lambda: np.float32([88.5, 88.6]),  # no exp overflows, their sum does
        lambda: [-100, -99.99],  # two exps with so few digits that they are equal
        lambda: [0, 1e-8],  # both exps are stored as 1
        lambda: (99, 100),
    ),
    must_fail=(
        (lambda: [3, 4], "nothing_overflows"),
        (lambda: [-100, -90], "nothing_overflows"),
        (lambda: [0, 99], "one_class_overflows"),
        (lambda: [95, 5], "one_class_overflows"),
        (lambda: [99, 91], "first_class_is_right"),
        (lambda: [92, 92], "first_class_is_right"),
        lambda: [100, 101],
        lambda: [89, 90, 91],
        lambda: [[89, 90]],
        lambda: [np.inf, 90],
        lambda: [np.nan, 90],
        lambda: [],
        lambda: 90,
        lambda: "89, 90",
    ),
)
