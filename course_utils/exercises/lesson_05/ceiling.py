"""A loss that patches probabilities cannot rise above a ceiling: show it with ordinary logits."""

from functools import partial

import numpy as np

from course_utils import reference, shifted
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import mistake

slip = partial(mistake, quantity="cross_entropy", widget="loss")


def colleague(logits):
    return -np.log(np.clip(shifted.softmax(logits)[0], 1e-7, 1))


def _true_loss_of_class_0(logits):
    return reference.cross_entropy(logits[None], np.array([0]))


def _two_logits_up_to_9(logits):
    if logits.shape != (2,):
        return f"Give two logits; this input has shape {logits.shape}."
    if not np.all(np.abs(logits) <= 9):
        return "Use logits between -9 and 9: that is what your colleague promises."
    return ""


def _behind_by(logits):
    return float(logits[1]) - float(logits[0])


@slip(
    fails_on=(np.float32([0, 50]),),
    belief="Only large logits break a loss.",
    diagnosis="You left the allowed range. The ceiling depends on the gap between the logits, and two small "
    "logits can be far apart.",
    step="`np.clip(p, 1e-7, 1)`: p depends on the gap alone.",
    change="Use both ends of the range: one logit near -9, the other near 9.",
)
def leave_the_range(logits):
    return np.max(np.abs(logits)) > 9


@slip(
    fails_on=(np.float32([9, -9]),),
    belief="Any wide gap breaks it.",
    diagnosis="The target, class 0, is ahead on your input. Then p is above 1/2, far away from the clip: a "
    "small loss has no ceiling to meet.",
    step="`softmax(logits)[0]`: class 0 is the target, and here it wins.",
    change="Swap the logits, so that the model is confidently wrong.",
)
def target_ahead(logits):
    return _behind_by(logits) < 0


@slip(
    fails_on=(np.float32([0, 9]),),
    belief="A model that is clearly wrong is wrong enough.",
    diagnosis="The target is not far enough behind on your input: the clip has cost less than 1 so far. The "
    "ceiling is -log(1e-7) = 16.12, and the true loss is about the gap.",
    step="`np.clip(p, 1e-7, 1)`: it acts when the gap passes 16.12.",
    change="Make the gap larger than 16.12 by more than 1.",
)
def gap_below_the_ceiling(logits):
    return 0 <= _behind_by(logits) < 17.2


refute_clip = Exercise(
    key="05.refute_clip",
    kind="break",
    objective="refute a loss that patches probabilities, with logits of ordinary size",
    minutes=4,
    difficulty=1,
    truth=_true_loss_of_class_0,
    subject=colleague,
    goal=_two_logits_up_to_9,
    # Off by more than 1: a true loss from 16 to 32 is spaced 2**-19 apart in float32.
    cases=(case("a gap of 1, target ahead", [1, 0], dtype="float32", ulps=2**19),),
    mistakes=(leave_the_range, target_ahead, gap_below_the_ceiling),
    hints=(
        "What is the largest loss that this code can ever return?",
        "It is -log(1e-7) = 16.12. The true loss is about the gap, if the model prefers the wrong class.",
        "You need a gap above 17.12. The range from -9 to 9 holds one of 18. Class 0 is the target.",
    ),
    model_answer=lambda: np.float32([-9, 9]),
    why="The gap is 18, so the loss is 18. The clip holds it at 16.12. Small logits are no protection: the "
    "gap counts.",
    variants=(
        lambda: [-9, 8.5],
        lambda: np.array([-8.7, 8.6]),
        lambda: (np.float32([-8.6, 8.9]),),
        lambda: (-9, 9),
        lambda: np.array([-8.75, 8.75], np.float16),
    ),
    must_fail=(
        (lambda: [9, -9], "target_ahead"),
        (lambda: [5, 4], "target_ahead"),
        (lambda: [4, 4], "gap_below_the_ceiling"),
        (lambda: [-8, 8], "gap_below_the_ceiling"),
        (lambda: [-8.06, 8.06], "gap_below_the_ceiling"),  # past the ceiling, and by less than 1
        (lambda: [-50, 50], "leave_the_range"),
        (lambda: [0, 18], "leave_the_range"),
        lambda: [-9, 9, 0],
        lambda: [[-9, 9]],
        lambda: 18,
        lambda: [-9, np.inf],
        lambda: [np.nan, 9],
        lambda: [],
        lambda: "-9, 9",
    ),
    unit="logits",
)
