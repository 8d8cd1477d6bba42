"""The gradient of a cross-entropy with a temperature."""

from functools import partial

import numpy as np

from course_utils import naive, reference, shifted, stable
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.habits import SHIFTS, named
from course_utils.mistakes import mistake

slip = partial(mistake, quantity="gradient", widget="")


def _true_tempered(logits, targets, temperature):
    # The cases use powers of 2 as temperatures, so that this division is exact.
    gradient = reference.cross_entropy_with_grad(np.float64(logits) / temperature, targets)[1]
    return gradient / temperature


def my_gradient(logits, targets, temperature):
    gradient = shifted.softmax(logits / temperature)
    gradient[np.arange(len(targets)), targets] -= 1
    return gradient / (len(targets) * temperature)


def _with_one_hot(logits, targets, temperature):
    one_hot = np.eye(logits.shape[1], dtype=logits.dtype)[targets]
    return (shifted.softmax(logits / temperature) - one_hot) / temperature / len(targets)


def _row_by_row(logits, targets, temperature):
    rows = []
    for row, target in zip(logits, targets, strict=True):
        p = shifted.softmax((row - row.max()) / temperature)
        rows.append([(p_j - (j == target)) / temperature for j, p_j in enumerate(p)])
    return np.array(rows) / len(rows)


def _fused(logits, targets, temperature):
    return shifted.cross_entropy_with_grad(logits / temperature, targets)[1] / temperature


def _summed_and_averaged(logits, targets, temperature):
    p = shifted.softmax(logits.astype(np.float64) / temperature)
    np.subtract.at(p, (np.arange(len(p)), targets), 1)
    return (p / temperature / len(p)).astype(logits.dtype)


def _from_differences_of_logits(logits, targets, temperature):
    pairwise = (logits[:, None, :] - logits[:, :, None]) / temperature
    p = np.exp(-shifted.logsumexp(pairwise))
    others = np.arange(logits.shape[1]) != targets[:, None]
    return np.where(others, p, -np.sum(p, axis=1, keepdims=True, where=others)) / (len(p) * temperature)


def _best_we_know(logits, targets, temperature):
    gradient = stable.cross_entropy_with_grad(logits / logits.dtype.type(temperature), targets)[1]
    return gradient / temperature


@slip(
    fails_on=(np.float32([[2, 1]]), np.array([0]), 2.0),
    belief="The gradient is p - y, whatever the temperature.",
    diagnosis="You stopped at the gradient in z / T. The chain rule has one more step: z / T moves by 1/T "
    "when z moves by 1.",
    step="The inner derivative 1/T is missing.",
    change="Divide by the temperature.",
)
def forget_the_inner_derivative(logits, targets, temperature):
    return shifted.cross_entropy_with_grad(logits / temperature, targets)[1]


@slip(
    fails_on=(np.float32([[2, 1]]), np.array([0]), 2.0),
    belief="The gradient points to where the loss falls.",
    diagnosis="Your sign is the other way round: y - p. The gradient points to where the loss *rises*; the "
    "optimizer subtracts it.",
    step="`one_hot - p`.",
    change="Use `p - one_hot`.",
)
def flip_the_sign(logits, targets, temperature):
    return -my_gradient(logits, targets, temperature)


@slip(
    fails_on=(np.float32([[2, 1], [0, 1]]), np.array([0, 0]), 2.0),
    belief="Each row has its own gradient, so nothing is divided.",
    diagnosis="You returned the gradient of the sum over the batch. The loss is a mean, so each row counts "
    "1/N.",
    step="The division by the number of rows is missing.",
    change="Divide by `len(targets)`.",
)
def forget_the_mean(logits, targets, temperature):
    return my_gradient(logits, targets, temperature) * len(targets)


@slip(
    fails_on=(np.float32([[2, 1]]), np.array([0]), 2.0),
    belief="The slope of softmax is p (1 - p).",
    diagnosis="You used p (1 - p), the diagonal of the Jacobian, as the gradient. It is the slope of a "
    "probability in its own logit. The loss feels every class, and its log cancels that factor.",
    step="`p * (1 - p)`.",
    change="Differentiate the loss itself, log-sum-exp minus the target's logit: p - y, then 1/T.",
)
def use_the_diagonal(logits, targets, temperature):
    p = shifted.softmax(logits / temperature)
    p[np.arange(len(targets)), targets] *= -1
    return p * (1 - np.abs(p)) / (len(targets) * temperature)


@slip(
    fails_on=(np.float32([[1000, 0]]), np.array([1]), 2.0),
    belief="The formula p - y is all that counts.",
    diagnosis="Your formula is right and the softmax inside it is the textbook one: without the shift, exp "
    "overflows and inf/inf is NaN.",
    step="`np.exp(logits / temperature)` without a shift.",
    change="Use `shifted.softmax`.",
)
def derive_it_unshifted(logits, targets, temperature):
    return naive.cross_entropy_with_grad(logits / temperature, targets)[1] / temperature


def _p_minus_y(logits, targets, temperature):
    return shifted.softmax(logits / temperature) - np.eye(logits.shape[1], dtype=logits.dtype)[targets]


@slip(
    fails_on=(np.float32([[2, 1]]), np.array([0]), 2.0),
    belief="The factor of the temperature comes out again.",
    diagnosis="You multiplied by the temperature. z / T moves by 1/T when z moves by 1, so the chain rule "
    "divides.",
    step="`* temperature`.",
    change="Divide by the temperature.",
)
def multiply_by_the_temperature(logits, targets, temperature):
    return _p_minus_y(logits, targets, temperature) / len(targets) * temperature


@slip(
    fails_on=(np.float32([[2, 1], [0, 1]]), np.array([0, 0]), 2.0),
    belief="The gradient is p - y, full stop.",
    diagnosis="You returned p - y. Two factors are missing: the 1/T of the chain rule, and the 1/N of the "
    "mean over the rows.",
    step="`p - one_hot`, and no division.",
    change="Divide by the temperature and by `len(targets)`.",
)
def forget_both_factors(logits, targets, temperature):
    return _p_minus_y(logits, targets, temperature)


@slip(
    fails_on=(np.float32([[2, 1]]), np.array([0]), 2.0),
    belief="The temperature only scales the gradient.",
    diagnosis="You took the softmax of the logits themselves. The loss sees z / T, so p is softmax(z / T).",
    step="`softmax(logits)` without the temperature.",
    change="Use `shifted.softmax(logits / temperature)`.",
    family=("inner", (1, 0)),
)
def softmax_at_temperature_1(logits, targets, temperature, *, inner=1):
    return _p_minus_y(logits, targets, 1.0) / (len(targets) * temperature**inner)


@slip(
    fails_on=(np.float32([[2, 1]]), np.array([0]), 2.0),
    belief="The gradient is the softmax.",
    diagnosis="You left out the one-hot: nothing pulls the target up. A gradient row sums to 0; yours sums "
    "to a positive number.",
    step="`p / (N T)` without a `- 1` at the target.",
    change="Subtract 1 at each row's target before you divide.",
)
def forget_the_one_hot(logits, targets, temperature):
    return shifted.softmax(logits / temperature) / (len(targets) * temperature)


@slip(
    fails_on=(np.float32([[2, 1], [0, 3]]), np.array([1, 0]), 2.0),
    belief="Softmax goes along axis 0.",
    diagnosis="Your softmax runs down the columns: it compares the rows of the batch with each other "
    "instead of the classes of one row.",
    step="`axis=0`.",
    change="The classes lie on the last axis: `axis=-1`.",
)
def softmax_down_the_columns(logits, targets, temperature):
    p = shifted.softmax(logits / temperature, axis=0)
    p[np.arange(len(targets)), targets] -= 1
    return p / (len(targets) * temperature)


@slip(
    fails_on=(np.float32([[2, 1], [0, 3]]), np.array([1, 0]), 2.0),
    belief="`:` stands for each row with its own target.",
    diagnosis="You subtracted 1 in whole columns: each row lost a 1 at every row's target.",
    step="`p[:, targets] -= 1`.",
    change="Pair each row with its own target: `p[np.arange(N), targets] -= 1`.",
)
def empty_whole_columns(logits, targets, temperature):
    p = shifted.softmax(logits / temperature)
    p[:, targets] -= 1
    return p / (len(targets) * temperature)


@slip(
    fails_on=(np.float32([[2, 1, 0]]), np.array([0]), 1.0),
    belief="A difference quotient is the gradient.",
    diagnosis="You measured the slope with small steps in the logits' own format. A step loses digits to "
    "rounding when it is small and to curvature when it is large: that checks a gradient, and cannot "
    "replace it.",
    step="`(loss(z + h) - loss(z - h)) / (2 h)`.",
    change="Derive it: p - y with p = softmax(z / T), then 1/T and 1/N.",
    family=(
        "steps",
        tuple((h, two) for h in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8) for two in (True, False)),
    ),
)
def difference_quotient(logits, targets, temperature, *, steps=(1e-3, True)):
    h, two_sided = steps
    gradient = np.zeros_like(logits)
    for index in np.ndindex(logits.shape):
        above, below = logits.copy(), logits.copy()
        above[index] += h
        below[index] -= h if two_sided else 0
        rise = _loss(above, targets, temperature) - _loss(below, targets, temperature)
        gradient[index] = rise / (h * (1 + two_sided))
    return gradient


def _loss(logits, targets, temperature):
    return shifted.cross_entropy(logits / temperature, targets)


# --- answers that must fail ------------------------------------------------------------------------------


def _both_returned(logits, targets, temperature):
    return _loss(logits, targets, temperature), my_gradient(logits, targets, temperature)


def _the_loss_alone(logits, targets, temperature):
    return _loss(logits, targets, temperature)


def _turned(logits, targets, temperature):
    return my_gradient(logits, targets, temperature).T


def _temperature_squared(logits, targets, temperature):
    return my_gradient(logits, targets, temperature) / temperature


def _mean_over_all_numbers(logits, targets, temperature):
    return my_gradient(logits, targets, temperature) / logits.shape[1]


def _floor_of_the_temperature(logits, targets, temperature):
    return my_gradient(logits, targets, max(temperature, 0.1))


def _epsilon_on_the_temperature(logits, targets, temperature):
    return my_gradient(logits, targets, temperature + 1e-3)


def _clipped(logits, targets, temperature):
    return np.clip(my_gradient(logits, targets, temperature), -1, 1)


def _clipped_logits(logits, targets, temperature):
    return my_gradient(np.clip(logits, -50, 50), targets, temperature)


def _nan_to_num(logits, targets, temperature):
    return np.nan_to_num(derive_it_unshifted(logits, targets, temperature))


def _in_float64_unshifted(logits, targets, temperature):
    return derive_it_unshifted(logits.astype(np.float64), targets, temperature)


def _stored_in_float16(logits, targets, temperature):
    return my_gradient(logits, targets, temperature).astype(np.float16)


def _subtracted_from_the_first_row(logits, targets, temperature):
    p = shifted.softmax(logits / temperature)
    p[0, targets] -= 1
    return p / (len(targets) * temperature)


def _shifted_by(name):
    def wrong(logits, targets, temperature):
        exps = np.exp((logits - SHIFTS[name](logits, -1)) / temperature)
        p = exps / exps.sum(axis=-1, keepdims=True)
        p[np.arange(len(targets)), targets] -= 1
        return p / (len(targets) * temperature)

    return named(f"shifted by {name}", wrong)


MUST_FAIL = (
    *(_shifted_by(name) for name in SHIFTS),
    _both_returned,
    _the_loss_alone,
    _turned,
    _temperature_squared,
    _mean_over_all_numbers,
    _floor_of_the_temperature,
    _epsilon_on_the_temperature,
    _clipped,
    _clipped_logits,
    _nan_to_num,
    _in_float64_unshifted,
    _stored_in_float16,
    _subtracted_from_the_first_row,
)

THREE_ROWS = [[100, 0, 0], [0, 100, 0], [0, 0, 100]]

tempered = Exercise(
    key="06.tempered",
    kind="derive",
    objective="derive the gradient of a cross-entropy in its logits, temperature included",
    minutes=7,
    difficulty=2,
    truth=_true_tempered,
    cases=(
        case("temperature 1: the lesson's gradient", [[2, 1, 0]], [0], 1.0, dtype="float32", ulps=16),
        case("temperature 2", [[2, 1, 0]], [0], 2.0, dtype="float32", ulps=16),
        case("temperature one half, two rows", [[2, 1], [0, 3]], [1, 0], 0.5, dtype="float32", ulps=16),
        case("three rows, temperature 4", [[1, 2, 4], [0, 0, 0], [5, 1, -5]], [2, 1, 1], 4.0, ulps=16),
        case("two rows of three classes", [[0, 1, 2], [2, 2, 0]], [2, 0], 2.0, dtype="float32", ulps=16),
        case("nearly frozen", [[1, 0.5], [0, 0.25]], [1, 1], 2.0**-10, dtype="float32", ulps=16),
        case("very warm", [[100, 0, 40]], [2], 1024.0, dtype="float32", ulps=16),
        case("largest in each place", THREE_ROWS, [0, 2, 0], 0.5, dtype="float32", ulps=16),
        case("far apart and far below zero", [[-2000, -2001], [800, 0]], [0, 1], 2.0, ulps=16),
        case("past the overflow cliff", [[1000, 0], [0, 1]], [1, 1], 2.0, dtype="float32", ulps=16),
    ),
    mistakes=(
        forget_the_inner_derivative,
        flip_the_sign,
        forget_the_mean,
        use_the_diagonal,
        derive_it_unshifted,
        multiply_by_the_temperature,
        forget_both_factors,
        softmax_at_temperature_1,
        forget_the_one_hot,
        softmax_down_the_columns,
        empty_whole_columns,
        difference_quotient,
    ),
    hints=(
        "Call u = z / T. You know the gradient in u. How much does u move when z moves by 1?",
        "The gradient in u is softmax(u) - y, and u moves by 1/T. The batch divides by its number of rows.",
        "`shifted.softmax(logits / temperature)`, subtract 1 at `[np.arange(N), targets]`, divide by N and by T.",
    ),
    model_answer=my_gradient,
    why="By the chain rule: the gradient in u = z / T is p - y with p = softmax(u), and each u moves by "
    "1/T. A mean over N rows divides by N.",
    variants=(
        _with_one_hot,
        _row_by_row,
        _fused,
        _summed_and_averaged,
        _from_differences_of_logits,
        _best_we_know,
    ),
    must_fail=MUST_FAIL,
    unit="logits",
)
