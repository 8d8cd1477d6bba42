"""Exercises of lesson 06: what must the gradient be, and what does it become?"""

import math
from functools import partial

import numpy as np

from course_utils import naive, pipeline, reference, shifted, stable
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import MISTAKES, mistake

slip = partial(mistake, quantity="gradient", widget="loss")


# --- tempered ------------------------------------------------------------------------------------------


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


@slip(
    fails_on=(np.float32([[2, 1]]), np.array([0]), 2.0),
    belief="The gradient is p - y, whatever the temperature.",
    diagnosis="You stopped at the gradient in z / T. The chain rule has one more step: z / T moves by 1/T when z moves "
    "by 1.",
    step="The inner derivative 1/T is missing.",
    change="Divide by the temperature.",
)
def forget_the_inner_derivative(logits, targets, temperature):
    return shifted.cross_entropy_with_grad(logits / temperature, targets)[1]


@slip(
    fails_on=(np.float32([[2, 1]]), np.array([0]), 2.0),
    belief="The gradient points to where the loss falls.",
    diagnosis="Your sign is the other way round: y - p. The gradient points to where the loss *rises*; the optimizer "
    "subtracts it.",
    step="`one_hot - p`.",
    change="Use `p - one_hot`.",
)
def flip_the_sign(logits, targets, temperature):
    return -my_gradient(logits, targets, temperature)


@slip(
    fails_on=(np.float32([[2, 1], [0, 1]]), np.array([0, 0]), 2.0),
    belief="Each row has its own gradient, so nothing is divided.",
    diagnosis="You returned the gradient of the sum over the batch. The loss is a mean, so each row counts 1/N.",
    step="The division by the number of rows is missing.",
    change="Divide by `len(targets)`.",
)
def forget_the_mean(logits, targets, temperature):
    return my_gradient(logits, targets, temperature) * len(targets)


@slip(
    fails_on=(np.float32([[2, 1]]), np.array([0]), 2.0),
    belief="The slope of softmax is p (1 - p).",
    diagnosis="You used p (1 - p), the diagonal of the Jacobian, as the gradient. It is the slope of a probability in "
    "its own logit. The loss feels every class, and its log cancels that factor.",
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
    diagnosis="Your formula is right and the softmax inside it is the textbook one: without the shift, exp overflows "
    "and inf/inf is NaN.",
    step="`np.exp(logits / temperature)` without a shift.",
    change="Use `shifted.softmax`.",
)
def derive_it_unshifted(logits, targets, temperature):
    return naive.cross_entropy_with_grad(logits / temperature, targets)[1] / temperature


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
        case("past the overflow cliff", [[1000, 0], [0, 1]], [1, 1], 2.0, dtype="float32", ulps=16),
    ),
    mistakes=(
        forget_the_inner_derivative,
        flip_the_sign,
        forget_the_mean,
        use_the_diagonal,
        derive_it_unshifted,
    ),
    hints=(
        "Call u = z / T. You know the gradient in u. How much does u move when z moves by 1?",
        "The gradient in u is softmax(u) - y, and u moves by 1/T. The batch divides by its number of rows.",
        "`shifted.softmax(logits / temperature)`, subtract 1 at `[np.arange(N), targets]`, divide by N and by T.",
    ),
    model_answer=my_gradient,
    why="By the chain rule: the gradient in u = z / T is p - y with p = softmax(u), and each u moves by 1/T. A mean "
    "over N rows divides by N.",
    variants=(_with_one_hot, _row_by_row, _fused),
    unit="logits",
)


# --- what_comes_back -----------------------------------------------------------------------------------


def _at_target(logits, path):
    """What reaches the logit of the target, class 0."""
    if path == "naive":
        with np.errstate(all="ignore"):
            return float(naive.cross_entropy_with_grad(logits[None], np.array([0]))[1][0, 0])
    return float(pipeline.loss_path(path, logits[None], np.array([0]), eps=1e-7)[1][0, 0])


def _what_comes_back():
    return [np.nan, -1, np.nan, 0, -1, 0]


@slip(
    fails_on=(np.float32([0, 95]), "log(softmax)"),
    belief="What is right on paper comes back.",
    diagnosis="You wrote the true gradients. They are what should come back; each way of writing the loss has its own "
    "step that can fail.",
    step="`exp`, `1/p`, the clip and `p - 1`: each of them lies on some line's way.",
    change="Go backwards one step at a time: log, then clip, then softmax.",
)
def expect_the_truth(logits, path):
    truth = float(reference.cross_entropy_with_grad(logits[None], np.array([0]))[1][0, 0])
    return truth if abs(truth) > 1e-30 else 0.0  # on paper people write 0 for -2e-39


@slip(
    fails_on=(np.float32([0, 95]), "log(softmax)"),
    belief="As long as p is not 0, its log and its slope are fine.",
    diagnosis="At a gap of 95 p is 6e-42: not 0, and its log is an ordinary number. But 1/p is 2e41, past the end of "
    "float32. The way back fails before the way forward does.",
    step="`-1 / p` overflows once p is below 2.9e-39.",
    change="Compare 1/p with float32's largest number, 3.4e38.",
)
def expect_the_log_to_hold(logits, path):
    return -1.0 if path == "log(softmax)" else _at_target(logits, path)


@slip(
    fails_on=(np.float32([0, 50]), "clip p"),
    belief="A clip changes the loss and lets the gradient pass.",
    diagnosis="You let the gradient pass through the clip. Where the clip acts the loss is flat, and the slope of "
    "something flat is 0.",
    step="`np.clip(p, 1e-7, 1)`: p is 2e-22 here, so the clip returns 1e-7 whatever p does.",
    change="Ask whether the loss would change if p changed a little. If not, the gradient is 0.",
)
def expect_the_clip_to_pass(logits, path):
    return -1.0 if path == "clip p" else _at_target(logits, path)


@slip(
    fails_on=(np.float32([20, 0]), "log_softmax"),
    belief="p - 1 has as many digits as p.",
    diagnosis="You gave the true gradient of a confident row. p = 1 - 2e-9 is stored as 1 in float32, and 1 - 1 is 0.",
    step="`p - 1`: the difference of two equal stored numbers.",
    change="Store p first, then subtract.",
)
def expect_the_last_digits(logits, path):
    ahead = path == "log_softmax" and logits[0] > logits[1]
    return expect_the_truth(logits, path) if ahead else _at_target(logits, path)


what_comes_back = Exercise(
    key="06.what_comes_back",
    kind="predict",
    objective="predict what a loss sends backwards, step by step",
    minutes=6,
    difficulty=2,
    truth=_at_target,
    cases=(
        case("naive softmax, overflow", [89, 0], "naive", dtype="float32"),
        case("-log(p), gap 50", [0, 50], "log(softmax)", dtype="float32"),
        case("-log(p), gap 95", [0, 95], "log(softmax)", dtype="float32"),
        case("clip, gap 50", [0, 50], "clip p", dtype="float32"),
        case("log-softmax, gap 95", [0, 95], "log_softmax", dtype="float32"),
        case("log-softmax, target ahead by 20", [20, 0], "log_softmax", dtype="float32"),
    ),
    mistakes=(expect_the_truth, expect_the_log_to_hold, expect_the_clip_to_pass, expect_the_last_digits),
    digits=2,
    hints=(
        "For each line ask: is p a number? is 1/p a number? does a clip act? is p stored as 1?",
        "float32 ends at 3.4e38, which is e^88.7. e^50 fits, e^95 does not. Past the clip the slope is 0.",
        "NaN where exp or 1/p overflows; 0 where a clip acts or p is stored as 1; otherwise p - 1.",
    ),
    model_answer=_what_comes_back,
    why="Follow one line at a time. An overflow, in exp or in 1/p, ends in NaN. A clip that acts is flat, and a p "
    "stored as 1 leaves nothing: 0. Where neither happens, p - 1 comes back, and a vanishing p makes that -1.",
    variants=(
        lambda: np.array([np.nan, -1, np.nan, 0, -1, 0]),
        lambda: (float("nan"), -1.0, math.nan, 0.0, -1.0, -0.0),
        lambda: ["nan", "-1", "nan", "0", "-1", "0"],
    ),
)


# --- keep_learning -------------------------------------------------------------------------------------


def _true_gradient(logits, targets):
    return reference.cross_entropy_with_grad(logits, targets, dtype=object)[1]


def _as_handed_out(logits, targets):
    rows = np.arange(len(targets))
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    gradient = exps / np.sum(exps, axis=-1, keepdims=True)
    gradient[rows, targets] -= 1
    return gradient / len(targets)


def my_live_gradient(logits, targets):
    rows = np.arange(len(targets))
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    gradient = exps / np.sum(exps, axis=-1, keepdims=True)
    gradient[rows, targets] = 0
    gradient[rows, targets] = -np.sum(gradient, axis=-1)
    return gradient / len(targets)


def _with_a_mask(logits, targets):
    others = np.arange(logits.shape[1]) != targets[:, None]
    p = shifted.softmax(logits)
    rest = np.sum(p, axis=-1, keepdims=True, where=others)
    return np.where(others, p, -rest) / len(targets)


def _with_a_loop(logits, targets):
    rows = shifted.softmax(logits) / len(targets)
    for row, target in zip(rows, targets, strict=True):
        row[target] = -sum(p for j, p in enumerate(row) if j != target)
    return rows


def _best_we_know(logits, targets):
    return stable.cross_entropy_with_grad(logits, targets)[1]


@slip(
    fails_on=(np.float32([[40, 0]]), np.array([0])),
    belief="float64 has enough digits.",
    diagnosis="You subtracted in float64. That moves the end from a margin of 17 to one of 37, and there p is stored "
    "as 1 again.",
    step="`p - 1` in float64: still a difference of two nearly equal numbers.",
    change="Sum the other classes' probabilities; that works in any format.",
)
def subtract_in_float64(logits, targets):
    return _as_handed_out(np.float64(logits), targets).astype(logits.dtype)


@slip(
    fails_on=(np.float32([[20, 0]]), np.array([0])),
    belief="A small constant keeps the gradient alive.",
    diagnosis="You kept the gradient away from 0 by a constant. It is alive, and wrong: a row with margin 20 and one "
    "with margin 60 now learn alike.",
    step="`np.minimum(p - 1, -1e-7)`: the size of the gradient was made up.",
    change="Compute it: minus the sum of the other classes' probabilities.",
)
def floor_the_gradient(logits, targets):
    gradient = _as_handed_out(logits, targets)
    rows = np.arange(len(targets))
    gradient[rows, targets] = np.minimum(gradient[rows, targets], np.float32(-1e-7))
    return gradient


@slip(
    fails_on=(np.float32([[2, 1]]), np.array([0])),
    belief="The target gets the sum of the others.",
    diagnosis="You gave the target the sum of the others with a plus. Then each gradient row sums to twice that, and "
    "the target is pushed down instead of up.",
    step="The sign of the target's entry.",
    change="Minus the sum: a gradient row sums to 0.",
)
def give_it_a_plus(logits, targets):
    rows = np.arange(len(targets))
    gradient = my_live_gradient(logits, targets)
    gradient[rows, targets] *= -1
    return gradient


@slip(
    fails_on=(np.float32([[2, 1]]), np.array([0])),
    belief="Minus the sum of the row.",
    diagnosis="You summed the row while the target's own probability was still in it. The sum is 1, whatever the row, "
    "and so every target gets -1.",
    step="`-np.sum(gradient, axis=-1)` before the target's entry is set to 0.",
    change="Set the target's entry to 0 first.",
)
def sum_all_of_the_row(logits, targets):
    gradient = shifted.softmax(logits)
    gradient[np.arange(len(targets)), targets] = -np.sum(gradient, axis=-1)
    return gradient / len(targets)


keep_learning = Exercise(
    key="06.keep_learning",
    kind="repair",
    objective="repair a gradient that is 0 although the model still has something to learn",
    minutes=8,
    difficulty=2,
    truth=_true_gradient,
    subject=_as_handed_out,
    cases=(  # 2**17 ulps are about 1 %: the smallest failing input shows its error in the first digits
        case("an ordinary row", [[2, 1, 0.1]], [0], dtype="float32", ulps=2**17),
        case("a confident row", [[20, 0]], [0], dtype="float32", ulps=2**17),
        case("a very confident row", [[40, 0]], [0], dtype="float32", ulps=2**17),
        case("confident, three classes", [[0, 30, 1]], [1], dtype="float32", ulps=2**17),
        case("two rows, one right and one wrong", [[25, 0], [25, 0]], [0, 1], dtype="float32", ulps=2**17),
        case("three rows", [[1, 2, 3], [0, 0, 0], [18, 1, 0]], [2, 1, 0], dtype="float32", ulps=2**17),
        case("huge logits", [[1000, 980], [-1000, -1030]], [0, 0], dtype="float32", ulps=2**17),
    ),
    mistakes=(
        MISTAKES["target_gradient_by_difference"],
        subtract_in_float64,
        floor_the_gradient,
        give_it_a_plus,
        sum_all_of_the_row,
    ),
    hints=(
        "What does a gradient row sum to? So what is the target's entry, if you know all others?",
        "Set the target's entry to 0, then to minus the sum of the row.",
        "`gradient[rows, targets] = 0`, then `gradient[rows, targets] = -np.sum(gradient, axis=-1)`.",
    ),
    model_answer=my_live_gradient,
    why="A gradient row sums to 0, so the target's entry is minus the sum of the others. They are small numbers of one "
    "sign: nothing cancels and no digit is lost.",
    variants=(_with_a_mask, _with_a_loop, _best_we_know),
)
