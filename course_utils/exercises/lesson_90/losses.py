"""Losses and their gradients, patched where they should be repaired."""

import numpy as np

from course_utils import reference, shifted
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.lesson_90.goals import FIND, REPAIR, truth_of
from course_utils.mistakes import MISTAKES, mistake

# --- double_softmax -------------------------------------------------------------------------------------


def _logged_loss(logits, targets):
    return float(MISTAKES["softmax_twice"](logits, targets))


def _floor_of_the_loss():
    return [np.log(np.e + 2) - 1, np.log(np.e + 9) - 1, np.log(np.e + 2)]


@mistake(
    quantity="cross_entropy",
    fails_on=(np.float64([[20, 0, 0]]), np.array([0])),
    widget="loss",
    belief="A perfect answer has a loss of about 0.",
    diagnosis="You predicted the loss of a single softmax. The second one gets probabilities, numbers between 0 "
    "and 1, as its logits: even the best row, [1, 0, 0], has a gap of 1 only.",
    step="`softmax(softmax(logits))`: a gap of 20 has become a gap of 1.",
    change="Put [1, 0, 0] into a softmax, and take minus the log of the target's entry.",
)
def expect_one_softmax(logits, targets):
    return float(reference.cross_entropy(logits, targets))


@mistake(
    quantity="cross_entropy",
    fails_on=(np.float64([[20, 0, 0]]), np.array([0])),
    widget="loss",
    belief="A loss that does not fall is the loss of a guess.",
    diagnosis="You predicted the loss of a blind guess, log K. The second softmax still sees which class leads, by "
    "a gap of 1: the loss can move a little, from ln(e + K - 1) down to 1 less.",
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
    mistakes=(expect_one_softmax, expect_a_guess, count_the_winner_twice),
    hints=(
        "The first softmax gives nearly [1, 0, 0]. These numbers are the logits of the second one.",
        "Its terms are e, 1 and 1. The loss is minus the log of the target's share.",
        "For the first: -ln(e / (e + 2)) = ln(e + 2) - 1. In the third case the target's term is 1, not e.",
    ),
    model_answer=_floor_of_the_loss,
    why="The second softmax sees a gap of 1 at most. Its best loss is ln(e + K - 1) - 1: 0.551 for 3 "
    "classes, 1.461 for 10, 5.909 for 1000. If a loss will not go below that number, look for a softmax "
    "before the loss.",
    variants=(
        lambda: [0.551, 1.461, 1.551],
        lambda: (0.55144, 1.46115, 1.55144),
        lambda: -np.log([np.e / (np.e + 2), np.e / (np.e + 9), 1 / (np.e + 2)]),
    ),
)


# --- log_not --------------------------------------------------------------------------------------------


def handed_out_log_not(z):
    p = 1 / (1 + np.exp(-z))
    return np.log(1 - p)


def my_log_not(z):
    tail = np.log1p(np.exp(-np.abs(z)))
    return -(np.maximum(z, 0) + tail)


def _log_not_by_logaddexp(z):
    return -np.logaddexp(0, z)


def _log_not_in_two_parts(z):
    result = np.empty_like(z)
    result[z > 0] = -z[z > 0] - np.log1p(np.exp(-z[z > 0]))
    result[z <= 0] = -np.log1p(np.exp(z[z <= 0]))
    return result


def _log_not_with_where(z):
    return np.where(z > 0, -z, 0) - np.log1p(np.exp(-np.abs(z)))


@mistake(
    quantity="log_not_sigmoid",
    fails_on=(np.float32([17]),),
    widget="loss",
    belief="log1p repairs a log near 1.",
    diagnosis="You used log1p(-p). But p has already been rounded to 1, or to a number with few digits beside it: "
    "log1p cannot bring back what the sigmoid lost.",
    step="`1 / (1 + np.exp(-z))`: for z = 17 in float32 this is 1.",
    change="Leave p out: log(1 - sigmoid(z)) is -log(1 + e^z).",
)
def log1p_of_a_rounded_p(z):
    return np.log1p(-1 / (1 + np.exp(-z)))


@mistake(
    quantity="log_not_sigmoid",
    fails_on=(np.float32([100]),),
    widget="loss",
    belief="-log1p(exp(z)) is the stable form.",
    diagnosis="Your algebra is right: -log(1 + e^z). For a large z the exp overflows, and the answer, close to -z, "
    "becomes -inf.",
    step="`np.exp(z)`: inf from 88.73 on in float32.",
    change="Take the large part out: max(z, 0) + log1p(exp(-|z|)).",
)
def exp_of_a_large_z(z):
    return -np.log1p(np.exp(z))


@mistake(
    quantity="log_not_sigmoid",
    fails_on=(np.float32([17]),),
    widget="loss",
    belief="A small constant keeps the log away from 0.",
    diagnosis="You added 1e-7 inside the log. The result can never go below -16.12, where the truth goes on "
    "falling.",
    step="`np.log(1 - p + 1e-7)`: a floor, chosen by you.",
    change="Leave p out: log(1 - sigmoid(z)) is -log(1 + e^z).",
)
def epsilon_under_the_log(z):
    return np.log(1 - 1 / (1 + np.exp(-z)) + np.asarray(1e-7, z.dtype))


log_not = Exercise(
    key="90.log_not",
    kind="repair",
    objective=REPAIR,
    minutes=6,
    difficulty=2,
    truth=truth_of("log_not_sigmoid"),
    subject=handed_out_log_not,
    cases=(
        case("ordinary scores", [0.5, -0.5, 2], dtype="float32", ulps=8),
        case("sure", [15, 17], dtype="float32", ulps=8),
        case("very sure", [100, 1000], dtype="float32", ulps=8),
        case("sure of the opposite", [-17, -50], dtype="float32", ulps=8),
        case("at the fence", [0, 1, -1], dtype="float32", ulps=8),
        case("float64", [40, -40, 750], ulps=8),
    ),
    mistakes=(
        MISTAKES["log_of_one_minus_sigmoid"],
        log1p_of_a_rounded_p,
        exp_of_a_large_z,
        epsilon_under_the_log,
    ),
    hints=(
        "What is p for z = 17 in float32? And 1 - p?",
        "Do the algebra before the floats: 1 - sigmoid(z) = 1 / (1 + e^z). So the log is -log(1 + e^z).",
        "That overflows for a large z. Take z out: `np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))`, with a "
        "minus in front.",
    ),
    model_answer=my_log_not,
    why="1 - p cancels as soon as p is close to 1. The formula -log(1 + e^z) has no difference in it, and "
    "with max(z, 0) taken out no exp of a positive number either. NumPy has it as -np.logaddexp(0, z).",
    variants=(_log_not_by_logaddexp, _log_not_in_two_parts, _log_not_with_where),
)


# --- patched_loss ---------------------------------------------------------------------------------------


def handed_out_loss(logits, targets):
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    p = exps / np.sum(exps, axis=-1, keepdims=True)
    p_target = p[np.arange(len(targets)), targets]
    return -np.mean(np.log(p_target + 1e-8))


def my_patient_loss(logits, targets):
    rows = np.arange(len(targets))
    margins = logits - logits[rows, targets][:, None]
    margins[rows, targets] = -np.inf
    top = np.max(margins, axis=-1)
    others = top + np.log(np.sum(np.exp(margins - top[:, None]), axis=-1))
    return np.mean(np.logaddexp(0, others))


def _loss_with_a_loop(logits, targets):
    losses = []
    for row, target in zip(logits, targets, strict=True):
        losses.append(np.logaddexp(0, np.logaddexp.reduce(np.delete(row - row[target], target))))
    return np.mean(losses)


def _loss_from_the_reference_room(logits, targets):
    return reference.cross_entropy(logits, targets, dtype=np.float64)


def _loss_in_float64(logits, targets):
    wide = logits.astype(np.float64)
    return my_patient_loss(wide, targets)


patched_loss = Exercise(
    key="90.patched_loss",
    kind="repair",
    objective=REPAIR,
    minutes=9,
    difficulty=3,
    truth=reference.cross_entropy,
    subject=handed_out_loss,
    cases=(
        case("two ordinary rows", [[2, 1, 0.1], [1, 3, 0.2]], [0, 2], dtype="float32", ulps=16),
        case("wrong by 50", [[0, 50]], [0], dtype="float32", ulps=16),
        case("right by 200", [[200, 0]], [0], dtype="float32", ulps=16),
        case("right by 20", [[20, 0]], [0], dtype="float32", ulps=32),
        case("a class that vanishes", [[0, -200, 1]], [0], dtype="float32", ulps=16),
        case("wrong by 1000", [[0, 1000], [3, 1]], [0, 0], dtype="float32", ulps=16),
        case("right by 20, three classes", [[20, 0, 1], [0, 1, 20]], [0, 2], dtype="float32", ulps=32),
        case("large and close", [[1000, 999, 998]], [1], dtype="float32", ulps=16),
    ),
    mistakes=tuple(
        MISTAKES[key]
        for key in (
            "epsilon_in_log",
            "epsilon_makes_negative",
            "clip_probabilities",
            "onehot_times_log",
            "absorb_small_loss",
            "softmax_twice",
        )
    ),
    hints=(
        "Two ends are broken: a row that is wrong by 50, and a row that is right by 20. What does p hold in each?",
        "The loss is log(1 + sum of e^(z_j - z_target) over the other classes). No probability is needed.",
        "Set the target's own margin to -inf, take the log-sum-exp of the margins, then `np.logaddexp(0, others)`.",
    ),
    model_answer=my_patient_loss,
    why="With the target's term, e^0 = 1, taken out of the sum, the loss is log(1 + r). logaddexp(0, log r) "
    "computes it at both ends: for a tiny r it is r, for a huge one it is log r.",
    variants=(_loss_with_a_loop, _loss_from_the_reference_room, _loss_in_float64),
)


# --- gradients ------------------------------------------------------------------------------------------


def _gradient_from_the_logits(logits, targets):
    return shifted.cross_entropy_with_grad(logits, targets)[1]


def _letter_and_batch():
    return "D", ([[0, 50]], [0])


gradients = Exercise(
    key="90.gradients",
    kind="choose",
    objective=FIND,
    minutes=6,
    difficulty=2,
    truth=truth_of("gradient"),
    subject={
        "A": MISTAKES["gradient_through_epsilon"].function,
        "B": MISTAKES["gradient_through_clip"].function,
        "C": MISTAKES["clip_nan_gradient"].function,
        "D": _gradient_from_the_logits,
    },
    cases=(
        case("an ordinary row", [[1, 0]], [0], dtype="float32", ulps=16),
        case("wrong by 50", [[0, 50]], [0], dtype="float32", ulps=16),
        case("past the cliff", [[100, 0]], [1], dtype="float32", ulps=16),
        case("wrong by 18", [[1, 0, 19], [0, 2, 1]], [0, 1], dtype="float32", ulps=64),
    ),
    mistakes=(
        MISTAKES["gradient_through_epsilon"],
        MISTAKES["gradient_through_clip"],
        MISTAKES["clip_nan_gradient"],
    ),
    hints=(
        "Try each code where the model is wrong by a lot. Which gradients should be near -1 and are not?",
        "A and B fade where p is tiny. C is the textbook softmax with a bandage: what is `np.clip(nan, -1, 1)`?",
        'The code is "D". For the batch, one row that is wrong by 50 is enough: logits [[0, 50]], targets [0].',
    ),
    model_answer=_letter_and_batch,
    why="Where the model is confidently wrong the gradient should be -1. The epsilon scales it by p / (p + "
    "1e-8), the clip by 0. Clipping a gradient comes too late for a NaN. From the logits it is softmax "
    "minus one-hot, and nothing is lost.",
    variants=(
        lambda: ("D", ([[100, 0]], [1])),
        lambda: ["D", (np.float32([[0, 40]]), np.array([0]))],
        lambda: ("D", ([[0, 30], [1, 1]], [0, 1])),
    ),
)
