"""What people predict of a temperature: the mistakes of exercise 01.temperature."""

from functools import partial

import numpy as np

from course_utils import reference
from course_utils.mistakes import mistake

_slip = partial(mistake, quantity="tempered_softmax", widget="")


def winner_at(logits, temperature):
    """The truth: the first class's probability."""
    return reference.softmax(np.asarray(logits) / temperature)[0]


@_slip(
    fails_on=(np.log([0.9, 0.1]), 2.0),
    belief="A temperature of 2 halves the probability.",
    diagnosis="You divided the probability by the temperature. The temperature divides the logits; what comes out "
    "still has to sum to 1, and 0.45 is below one half, which the winner of two can never be.",
    step="`p / temperature`, after softmax instead of before it.",
    change="Divide the logits, which takes the root of the odds: 9 to 1 becomes 3 to 1.",
)
def divide_the_probability(logits, temperature):
    return float(reference.softmax(logits)[0] / temperature)


@_slip(
    fails_on=(np.log([0.9, 0.1]), 2.0),
    belief="The temperature takes the root of each probability, and that is all.",
    diagnosis="You took the root of the probability and stopped there. The roots of both classes no longer sum to 1.",
    step="`p ** (1 / temperature)` without a new division.",
    change="Divide by the sum of the roots, or work with the odds: sqrt(9) = 3, so 3 in 4.",
)
def forget_to_renormalise(logits, temperature):
    return float(reference.softmax(logits)[0] ** (1 / temperature))


@_slip(
    fails_on=(np.log([0.9, 0.1]), 2.0),
    belief="Hotter means more certain.",
    diagnosis="You turned the temperature round. A high temperature makes the scores small, so the classes come "
    "closer together; a low one drives them apart.",
    step="`logits * temperature`.",
    change="Divide: `logits / temperature`.",
)
def multiply_by_temperature(logits, temperature):
    return float(winner_at(logits, 1 / temperature))


@_slip(
    fails_on=(np.log([0.9, 0.1]), 2.0),
    belief="The temperature changes nothing about the winner.",
    diagnosis="You left the temperature out. It keeps the order of the classes, and changes how far apart they are.",
    step="`logits / temperature`: halving the gap changes the odds.",
    change="Take the root of the odds at temperature 2, and their square at 1/2.",
)
def leave_the_temperature_out(logits, temperature):
    return float(winner_at(logits, 1.0))


@_slip(
    fails_on=(np.log([0.9, 0.1]), 2.0),
    belief="The odds are the probability.",
    diagnosis="You gave the odds. Odds of 3 to 1 are a probability of 3 in 4.",
    step="The last step: from odds to a probability.",
    change="Odds of r to 1 are the probability r / (r + 1).",
)
def stop_at_the_odds(logits, temperature):
    return float(np.exp((logits[0] - logits[1]) / temperature))


@_slip(
    fails_on=(np.log([0.9, 0.1]), 2.0),
    belief="The other class is asked for.",
    diagnosis="You gave the probability of the second class. The first one is asked for.",
    step="Which of the two you wrote down.",
    change="Subtract each of your numbers from 1.",
)
def other_class(logits, temperature):
    return 1 - float(winner_at(logits, temperature))


@_slip(
    fails_on=(np.log([0.9, 0.1]), 2.0),
    belief="A probability is a percentage.",
    diagnosis="You gave percentages. Your numbers are right, in another unit.",
    step="75 % is 0.75.",
    change="Divide by 100.",
)
def percent(logits, temperature):
    return 100 * float(winner_at(logits, temperature))


@_slip(
    fails_on=(np.log([0.9, 0.1]) + 5, 1.0),
    family=("higher", (*np.arange(0.91, 1, 0.01).round(2).tolist(), 0.995, 0.999, 0.9999, 1.0)),
    belief="Higher scores make a class more certain.",
    diagnosis="You let the common 5 change the answer. It multiplies every exp by the same number, and the division "
    "takes it out again: only the gap between the scores counts.",
    step="Both scores are 5 higher: the gap is what it was.",
    change="Leave the probability as it was.",
)
def expect_a_shift_to_matter(logits, temperature, *, higher=0.99933):
    return higher if float(np.max(logits)) > 1 else float(winner_at(logits, temperature))
