"""A loss that goes through two softmaxes."""

import numpy as np

from course_utils import reference
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.lesson_90.goals import FIND
from course_utils.mistakes import MISTAKES, mistake


def _logged_loss(logits, targets):
    return float(MISTAKES["softmax_twice"](logits, targets))


@mistake(
    quantity="cross_entropy",
    fails_on=(np.float64([[20, 0, 0]]), np.array([0])),
    widget="loss",
    belief="A perfect answer has a loss of about 0.",
    diagnosis="You predicted the loss of a single softmax. The second one gets probabilities, numbers "
    "between 0 and 1, as its logits: even the best row, [1, 0, 0], has a gap of 1 only.",
    step="`softmax(softmax(logits))`: a gap of 20 has become a gap of 1.",
    change="Put [1, 0, 0] into a softmax, and take minus the log of the target's entry.",
)
def expect_one_softmax(logits, targets):
    return float(np.round(reference.cross_entropy(logits, targets), 6))  # people write 0 for 4e-9


@mistake(
    quantity="cross_entropy",
    fails_on=(np.float64([[20, 0, 0]]), np.array([0])),
    widget="loss",
    belief="A loss that does not fall is the loss of a guess.",
    diagnosis="You predicted the loss of a blind guess, log K. The second softmax still sees which class "
    "leads, by a gap of 1: the loss can move a little, from ln(e + K - 1) down to 1 less.",
    step="`softmax([1, 0, 0])`: not uniform, and not sharp either.",
    change="Put e for the winner and 1 for each other class into the sum.",
)
def expect_a_guess(logits, targets):
    return float(np.log(logits.shape[-1]))


@mistake(
    quantity="cross_entropy",
    fails_on=(np.float64([[20, 0, 0]]), np.array([0])),
    widget="loss",
    belief="The total is e and a 1 for each class.",
    diagnosis="You counted one class too many. The winner's term is e instead of 1, not in addition to it.",
    step="`e + K`: the winner appears twice.",
    change="The total of K classes is e + (K - 1).",
)
def count_the_winner_twice(logits, targets):
    lead = float(np.argmax(logits[0]) == targets[0])
    return float(np.log(np.e + logits.shape[-1]) - lead)


@mistake(
    quantity="cross_entropy",
    fails_on=(np.float64([[20, 0, 0]]), np.array([0])),
    widget="loss",
    belief="The loss is the log of the probability.",
    diagnosis="You left out the minus. The log of a probability is never above 0; the loss is minus that.",
    step="`-np.log(...)` in the code.",
    change="Turn the sign.",
)
def forget_the_minus(logits, targets):
    return -_logged_loss(logits, targets)


@mistake(
    quantity="cross_entropy",
    fails_on=(np.float64([[20, 0, 0]]), np.array([0])),
    widget="loss",
    belief="The second softmax is the answer.",
    diagnosis="You predicted the probability that the second softmax gives. The code returns minus its log.",
    step="The last step, `-np.log(...)`, is missing.",
    change="Take minus the log of your numbers.",
)
def stop_at_the_probability(logits, targets):
    return float(np.exp(-_logged_loss(logits, targets)))


@mistake(
    quantity="cross_entropy",
    fails_on=(np.float64([[20, 0, 0]]), np.array([0])),
    widget="loss",
    belief="log on a calculator is the logarithm.",
    diagnosis="You used a logarithm to the base 10, the `log` of many calculators. `np.log` is the natural "
    "one, `ln`.",
    step="The key that you pressed.",
    change="Multiply by 2.302585, or use the key `ln`.",
)
def log_of_base_10(logits, targets):
    return _logged_loss(logits, targets) / float(np.log(10))


@mistake(
    quantity="cross_entropy",
    fails_on=(np.float64([[20, 0, 0]]), np.array([0])),
    widget="loss",
    belief="The other classes have probability 0, so they add nothing.",
    diagnosis="You left the other classes out of the sum. Their probability 0 is a logit now, and e^0 is 1: "
    "each of them adds a 1.",
    step="`exp(0)` is 1, not 0.",
    change="Put e for the winner and 1 for each other class into the sum.",
)
def forget_the_others(logits, targets):
    return 0.0 if np.argmax(logits[0]) == targets[0] else 1.0


double_softmax = Exercise(
    key="90.double_softmax",
    kind="predict",
    objective=FIND,
    minutes=5,
    difficulty=2,
    truth=_logged_loss,
    cases=(
        case("3 classes, as right as can be", [[20, 0, 0]], [0]),
        case("10 classes, as right as can be", [[20] + [0] * 9], [0]),
        case("3 classes, as wrong as can be", [[0, 20, 0]], [0]),
    ),
    mistakes=(
        expect_one_softmax,
        expect_a_guess,
        count_the_winner_twice,
        forget_the_minus,
        stop_at_the_probability,
        log_of_base_10,
        forget_the_others,
    ),
    hints=(
        "The first softmax gives nearly [1, 0, 0]. These numbers are the logits of the second one.",
        "Its terms are e, 1 and 1. The loss is minus the log of the target's share.",
        "For the first: -ln(e / (e + 2)) = ln(e + 2) - 1. In the third case the target's term is 1, not e.",
    ),
    model_answer=lambda: [np.log(np.e + 2) - 1, np.log(np.e + 9) - 1, np.log(np.e + 2)],
    why="The second softmax sees a gap of 1 at most. Its best loss is ln(e + K - 1) - 1: 0.551 for 3 "
    "classes, 1.461 for 10, 5.909 for 1000. If a loss will not go below that number, look for a softmax "
    "before the loss.",
    variants=(
        lambda: [0.551, 1.461, 1.551],
        lambda: (0.55144, 1.46115, 1.55144),
        lambda: -np.log([np.e / (np.e + 2), np.e / (np.e + 9), 1 / (np.e + 2)]),
        lambda: ["0.551", "1.461", "1.551"],
        lambda: np.float32([0.5514, 1.4612, 1.5514]),
    ),
    must_fail=(
        (lambda: [0, 0, 20], "expect_one_softmax"),
        (lambda: np.log([3, 10, 3]), "expect_a_guess"),
        (lambda: [np.log(np.e + 3) - 1, np.log(np.e + 10) - 1, np.log(np.e + 3)], "count_the_winner_twice"),
        (lambda: [-0.551, -1.461, -1.551], "forget_the_minus"),
        (lambda: [0.576, 0.232, 0.212], "stop_at_the_probability"),
        (lambda: [0.2395, 0.6346, 0.6738], "log_of_base_10"),
        lambda: [0.551, 1.461, 0.551],
        lambda: [0.5, 1.4, 1.5],
        lambda: [np.nan, np.nan, np.nan],
        lambda: [np.inf, 1.461, 1.551],
        lambda: [0.551],
        lambda: 0.551,
        lambda: [[0.551], [1.461], [1.551]],
        lambda: "0.551 1.461 1.551",
    ),
)
