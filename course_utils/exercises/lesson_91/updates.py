"""Many small steps in a narrow format: what is left of them?"""

import numpy as np

from course_utils import floats
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.lesson_91.goals import FIND
from course_utils.mistakes import mistake

WALKS = {
    "up": ("float16", 1.0, 2.0**-11, 1024),
    "down": ("float16", 1.0, -(2.0**-11), 1024),
    "count": ("bfloat16", 0.0, 1.0, 1000),
}


def _walked(logits, name):
    """What a sum in the format holds after all steps."""
    fmt, start, step, count = WALKS[name]
    total, step = floats.store(start, fmt), floats.store(step, fmt)
    for _ in range(count):
        total = floats.store(total + step, fmt)
    return float(total)


def _slip(**words):
    return mistake(quantity="softmax", fails_on=(np.zeros(1), "up"), widget="accumulator", **words)


@_slip(
    belief="1024 small steps are half a unit.",
    diagnosis="You added up as on paper. A sum in a narrow format rounds after every step, and where the step is half "
    "a spacing or less it may round to where it was.",
    step="`total + step`, rounded 1024 times.",
    change="Compare the step with the spacing at the total: above 1, float16 numbers are 2^-10 apart.",
)
def as_on_paper(logits, name):
    return {"up": 1.5, "down": 0.5, "count": 1000.0}[name]


@_slip(
    belief="Up and down are the same.",
    diagnosis="You took the spacing above 1 for both ways. Below 1 the numbers are twice as dense: 1 - 2^-11 is one of "
    "them, so each step down arrives.",
    step="`1 - 2**-11`: exact in float16.",
    change="Count all steps down; their sum is exact.",
)
def the_same_both_ways(logits, name):
    return {"up": 1.0, "down": 1.0, "count": 256.0}[name]


@_slip(
    belief="A count of ones cannot go wrong.",
    diagnosis="You let the count run on. bfloat16 has 8 significant bits: from 256 on its numbers are 2 apart, and 257 "
    "rounds back.",
    step="`256 + 1`: halfway between 256 and 258, and the even one is 256.",
    change="The count stops at 256.",
)
def ones_always_count(logits, name):
    return {"up": 1.0, "down": 0.5, "count": 1000.0}[name]


updates = Exercise(
    key="91.updates",
    kind="predict",
    objective=FIND,
    minutes=4,
    difficulty=2,
    digits=4,  # 255 and 257 are no 256
    truth=_walked,
    cases=tuple(case(f"walk {name}", np.zeros(1), name) for name in WALKS),
    mistakes=(as_on_paper, the_same_both_ways, ones_always_count),
    must_fail=(
        lambda: [1.5, 0.5, 256],
        lambda: [1, 0.5, 512],
        lambda: [1, 0.5, 255],
        lambda: [1, 0.5, 257],
        lambda: [1, 1, 1000],
        lambda: [1, 0.5],
    ),
    hints=(
        "How far apart are the numbers next to the total, above it and below it?",
        "float16 has 11 significant bits: above 1 its numbers are 2^-10 apart, from 0.5 to 1 they are 2^-11 apart. A "
        "tie goes to the even neighbour.",
        "Up: 1 + 2^-11 is a tie and goes back to 1. Down: every step is exact. The count stops where bfloat16's "
        "numbers begin to be 2 apart.",
    ),
    model_answer=lambda: [_walked(None, name) for name in WALKS],
    why="Up, each step is half a spacing and rounds back to 1. Down, the spacing is half as wide and each step "
    "arrives: 0.5. The count stops at 256. So a weight may learn in one direction only.",
    variants=(lambda: [1, 0.5, 256], lambda: (1.0, 0.5, 256.0), lambda: np.array([1, 0.5, 256])),
)
