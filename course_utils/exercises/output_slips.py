"""What people predict of a softmax that breaks: the mistakes of exercise 02.predict_output."""

import math
from functools import partial

import numpy as np

from course_utils import floats, naive, reference
from course_utils.mistakes import mistake

EXPLORER = "breaker"
_slip = partial(mistake, quantity="softmax")


def first_probability(logits):
    """The truth of this exercise: what the textbook's code gives the first class."""
    with np.errstate(all="ignore"):
        return float(naive.softmax(logits)[0])


@_slip(
    fails_on=(np.float32([89, 0]),),
    widget=EXPLORER,
    belief="An overflow means the class wins, so its probability is 1.",
    diagnosis="You wrote the true answer where NaN comes out. exp(89) is inf, the sum is inf as well, and inf/inf "
    "is NaN: the format no longer knows how large either was.",
    step="`exps / total` with inf on both sides.",
    change="Ask two questions for each row: is the term inf? is the sum inf? Only finite/finite is a number.",
)
def predict_the_truth(logits, axis=-1):
    return round(float(reference.softmax(logits)[0]), 9)  # nobody writes down 2e-39


@_slip(
    fails_on=(np.float32([-104, -104]),),
    widget=EXPLORER,
    belief="0 divided by anything is 0.",
    diagnosis="You wrote 0 for 0/0. The computer does not know which numbers were rounded to these zeros, so the "
    "quotient could be anything: it writes NaN.",
    step="`0 / 0`: the total is 0 as well.",
    change="0 over a number is 0; 0 over 0 is NaN.",
)
def divide_zero_by_zero(logits, axis=-1):
    with np.errstate(all="ignore"):
        p = naive.softmax(logits)
    return 0.0 if np.all(np.isnan(p)) else float(p[0])


@_slip(
    fails_on=(np.float32([0, 89]),),
    widget=EXPLORER,
    belief="One inf in a row makes the whole row NaN.",
    diagnosis="You let one inf spoil every class. Only the class that is inf itself gets inf/inf = NaN. A finite "
    "term divided by an infinite sum is 0.",
    step="`1 / inf`: this is 0, not NaN.",
    change="Divide class by class: finite/inf is 0, inf/inf is NaN.",
)
def predict_nan_everywhere(logits, axis=-1):
    with np.errstate(all="ignore"):
        p = naive.softmax(logits)
    return math.nan if np.isnan(p).any() else float(p[0])


@_slip(
    fails_on=(np.float32([-104, -104]),),
    widget=EXPLORER,
    belief="Only large logits are dangerous.",
    diagnosis="You expected low logits to be harmless. exp(-104) is stored as 0, in every class, and 0/0 is NaN.",
    step="`exp(-104)`: below float32's smallest number.",
    change="Check both cliffs: 88.72 and, when no logit is higher, -103.97.",
)
def predict_only_overflow(logits, axis=-1):
    with np.errstate(all="ignore"):
        p = naive.softmax(logits)
    return 1 / len(p) if float(np.max(logits)) < 0 else float(p[0])


@_slip(
    fails_on=(np.float32([89, 0]),),
    widget=EXPLORER,
    belief="What exp gives is what comes out.",
    diagnosis="You stopped at exp. Its number is still divided by the sum, and the sum holds it too: inf/inf is NaN, "
    "and 0/0 is NaN.",
    step="`exps / total`: the last step of softmax.",
    change="Write down the exps, then their sum, then divide.",
)
def stop_at_exp(logits, axis=-1):
    with np.errstate(all="ignore"):
        return float(np.exp(logits)[0])


@_slip(
    fails_on=(np.float32([-103.5, -103.5]),),
    widget=EXPLORER,
    belief="Where exp is subnormal, nothing is left.",
    diagnosis="You gave this row up too early. Below -87.34 exp is subnormal: short of digits, and not yet 0. It is 0 "
    "only below -103.97. Both classes have the same exp here, and x / (x + x) is one half.",
    step="`exp(-103.5)`: 1.4e-45, the smallest number of float32.",
    change="Use the column *all gone* of the table, not *digits go*.",
)
def give_up_on_subnormals(logits, axis=-1):
    with np.errstate(all="ignore"):
        p = naive.softmax(logits)
    return math.nan if float(np.max(logits)) < -87.34 else float(p[0])


@_slip(
    fails_on=(np.float64([89, 0]),),
    widget=EXPLORER,
    belief="exp ends at 88.72.",
    diagnosis="You used the cliff of float32. This row is float64, which goes on to 709.78: exp(89) is 4.5e38, and "
    "fits.",
    step="`exp(89)` in float64.",
    change="Look up the cliff of the format that is written beside the row.",
)
def use_one_cliff_for_all(logits, axis=-1):
    return math.nan if float(logits[0]) > 88.72 else first_probability(logits)


@_slip(
    fails_on=(floats.store([88.7, 0], "bfloat16"),),
    widget="edge",
    belief="bfloat16 rounds 88.7 up to 89, and 89 is too large.",
    diagnosis="You expected 88.7 to break bfloat16. It has no 88.7: its neighbours are 88.5 and 89, and 88.5 is "
    "nearer. exp(88.5) is 2.7e38, and fits.",
    step="Storing 88.7, before any exp.",
    change="Round to the nearest number that the format has, then ask whether exp fits.",
)
def round_up_to_89(logits, axis=-1):
    return math.nan if float(logits[0]) == 88.5 else first_probability(logits)
