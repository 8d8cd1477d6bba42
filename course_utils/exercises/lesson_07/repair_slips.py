"""What somebody expects of a repair who does not follow the NaN: the mistakes of 07.what_arrives.

The logits are one row, and the target is class 1: class 0 is wrongly ahead.
"""

import math
from functools import partial

import numpy as np

from course_utils import naive, reference, shifted
from course_utils.mistakes import mistake
from course_utils.training import repairs

slip = partial(mistake, quantity="gradient", widget="training")
_TARGET = np.array([1])


def _clipped(logits, targets):
    loss, gradient = naive.cross_entropy_with_grad(logits, targets)
    return loss, np.clip(gradient, -1, 1)


_REPAIRS = {
    "nothing": naive.cross_entropy_with_grad,
    "clip the gradient": _clipped,
    "nan_to_num": repairs.without_nan,
    "clip the logits": repairs.clipped_logits,
    "shift": shifted.cross_entropy_with_grad,
}


def what_arrives(logits, repair):
    """The gradient of class 0 under a repair; the target is class 1."""
    with np.errstate(all="ignore"):
        return float(_REPAIRS[repair](logits[None], _TARGET)[1][0, 0])


@slip(
    fails_on=(np.float32([100, 0]), "nothing"),
    belief="What is right on paper arrives.",
    diagnosis="You wrote the true gradients. They are what should arrive; each repair acts after, or around, the step "
    "that fails.",
    step="`np.exp(100)` in float32: inf, and inf/inf is NaN.",
    change="Ask of each line: what is p, and what does the repair make of it?",
)
def expect_the_truth(logits, repair):
    return float(reference.cross_entropy_with_grad(logits[None], _TARGET)[1][0, 0])


@slip(
    fails_on=(np.float32([100, 0]), "clip the gradient"),
    belief="Gradient clipping brings a bad gradient back into range.",
    diagnosis="You let the clip repair a NaN. Clipping compares, and no comparison with NaN is true: NaN goes through.",
    step="`np.clip(nan, -1, 1)` is NaN.",
    change="A clip can only act on numbers.",
)
def expect_the_clip_to_act(logits, repair):
    return 1.0 if repair == "clip the gradient" else what_arrives(logits, repair)


@slip(
    fails_on=(np.float32([100, 0]), "nan_to_num"),
    belief="nan_to_num puts the right number in.",
    diagnosis="You let nan_to_num find the gradient. It writes 0 whatever the truth was: the class that is wrong by "
    "100 is not pushed down at all.",
    step="`np.nan_to_num(nan)` is 0.",
    change="0 is a number. It is not the right one.",
)
def expect_the_number_back(logits, repair):
    return 1.0 if repair == "nan_to_num" else what_arrives(logits, repair)


@slip(
    fails_on=(np.float32([100, 0]), "clip the logits"),
    belief="Clipped logits still learn.",
    diagnosis="You let the gradient pass through the clip of the logits. Where the clip acts its output does not move, "
    "so nothing comes back: the class is stuck at 100.",
    step="`np.clip(z, -50, 50)`: at z = 100 its slope is 0.",
    change="A gradient that passes a clip is multiplied by 0 where the clip acts.",
)
def expect_clipped_logits_to_learn(logits, repair):
    return 1.0 if repair == "clip the logits" else what_arrives(logits, repair)


@slip(
    fails_on=(np.float64([800, 0]), "nothing"),
    belief="float64 is large enough.",
    diagnosis="You took float64 for safe. Its cliff is 709.78: exp(800) is inf there as well.",
    step="`np.exp(800.0)` is inf in float64.",
    change="Compare the logit with the cliff of its format.",
)
def expect_float64_to_be_safe(logits, repair):
    return 1.0 if logits.dtype == np.float64 else what_arrives(logits, repair)


@slip(
    fails_on=(np.float32([100, 0]), "nothing"),
    belief="exp overflows, so the gradient is inf.",
    diagnosis="You stopped at exp. It is inf, and so is the sum; their quotient p is inf/inf, and that is NaN. "
    "A clip would make 1 of inf. It makes nothing of NaN.",
    step="`np.inf / np.inf`.",
    change="Follow the inf one step further, to p.",
)
def stop_at_inf(logits, repair):
    if np.isfinite(what_arrives(logits, repair)) and repair != "nan_to_num":
        return what_arrives(logits, repair)
    return {"clip the gradient": 1.0, "nan_to_num": float(np.finfo(np.float32).max)}.get(repair, np.inf)


@slip(
    fails_on=(np.float32([100, 0]), "shift"),
    belief="A class that must come down has a negative gradient.",
    diagnosis="You turned the sign round. The gradient is p - y: for the class that is wrongly ahead it is 1 - 0. "
    "The *step* is minus the gradient, and takes it down.",
    step="p - y at class 0.",
    change="Write the gradient, not the step.",
)
def turn_the_sign_round(logits, repair):
    return -what_arrives(logits, repair)


@slip(
    fails_on=(np.float64([100, 0]), "nothing"),
    belief="exp(100) overflows.",
    diagnosis="You used float32's cliff for a float64 row. exp(100) is 2.7e43, and float64 goes on to 1.8e308.",
    step="`np.exp(100.0)` in float64 is an ordinary number.",
    change="Look at the format of the line.",
)
def expect_float64_to_fail(logits, repair):
    return math.nan if repair == "nothing" else what_arrives(logits, repair)
