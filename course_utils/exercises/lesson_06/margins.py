"""A gradient that stays alive although the target is far ahead."""

from functools import partial

import numpy as np

from course_utils import reference, shifted, stable
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.habits import EPSILONS, SHIFTS, named
from course_utils.mistakes import MISTAKES, mistake

slip = partial(mistake, quantity="gradient", widget="loss")


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


def _from_log_probabilities(logits, targets):
    log_p = stable.log_softmax(logits)
    gradient = np.exp(log_p)
    rows = np.arange(len(targets))
    gradient[rows, targets] = np.expm1(log_p[rows, targets])
    return gradient / len(targets)


def _others_by_division(logits, targets):
    exps = np.exp((logits - logits.max(axis=1, keepdims=True)).astype(np.float64))
    others = exps * (np.arange(logits.shape[1]) != targets[:, None])
    rest = others.sum(axis=1, keepdims=True)
    total = rest + np.take_along_axis(exps, targets[:, None], axis=1)
    return (
        np.where(others > 0, others, -rest * (np.arange(logits.shape[1]) == targets[:, None]))
        / total
        / len(exps)
    )


@slip(
    fails_on=(np.float32([[40, 0]]), np.array([0])),
    belief="float64 has enough digits.",
    diagnosis="You subtracted in float64. That moves the end from a margin of 17 to one of 37, and there p "
    "is stored as 1 again.",
    step="`p - 1` in float64: still a difference of two nearly equal numbers.",
    change="Sum the other classes' probabilities; that works in any format.",
    family=("dtype", (np.float64, np.longdouble)),
)
def subtract_in_float64(logits, targets, *, dtype=np.float64):
    return _as_handed_out(logits.astype(dtype), targets).astype(logits.dtype)


@slip(
    fails_on=(np.float32([[20, 0]]), np.array([0])),
    belief="A small constant keeps the gradient alive.",
    diagnosis="You kept the gradient away from 0 by a constant. It is alive, and wrong: a row with margin "
    "20 and one with margin 60 now learn alike.",
    step="A constant where the difference is 0, as in `np.minimum(p - 1, -eps)`: the size of the gradient was made up.",
    change="Compute it: minus the sum of the other classes' probabilities.",
    family=(
        "patch",
        tuple(
            (function, constant, at_the_end)
            for at_the_end in (True, False)
            for function in (np.minimum, np.add)
            for constant in EPSILONS
        ),
    ),
)
def floor_the_gradient(logits, targets, *, patch=(np.minimum, 1e-7, True)):
    rows, (function, constant, at_the_end) = np.arange(len(targets)), patch
    gradient = _as_handed_out(logits, targets)
    part = logits.dtype.type(1 if at_the_end else len(targets))
    gradient[rows, targets] = function(gradient[rows, targets], np.float32(-constant) / part)
    return gradient


@slip(
    fails_on=(np.float32([[2, 1]]), np.array([0])),
    belief="The target gets the sum of the others.",
    diagnosis="You gave the target the sum of the others with a plus. Then each gradient row sums to twice "
    "that, and the target is pushed down instead of up.",
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
    diagnosis="You summed the row while the target's own probability was still in it. The sum is 1, "
    "whatever the row, and so every target gets -1.",
    step="`-np.sum(gradient, axis=-1)` before the target's entry is set to 0.",
    change="Set the target's entry to 0 first.",
)
def sum_all_of_the_row(logits, targets):
    gradient = shifted.softmax(logits)
    gradient[np.arange(len(targets)), targets] = -np.sum(gradient, axis=-1)
    return gradient / len(targets)


@slip(
    fails_on=(np.float32([[2, 1], [0, 1]]), np.array([0, 0])),
    belief="Each row has its own gradient, so nothing is divided.",
    diagnosis="You returned the gradient of the sum over the batch. The loss is a mean, so each row counts "
    "1/N.",
    step="The division by the number of rows is missing.",
    change="Divide by `len(targets)`.",
)
def forget_the_rows(logits, targets):
    return my_live_gradient(logits, targets) * len(targets)


@slip(
    fails_on=(np.float32([[2, 1], [0, 1]]), np.array([0, 0])),
    belief="The target's entry is minus the sum of the rest.",
    diagnosis="You summed over the whole batch. Each row's gradient sums to 0 by itself: one row's classes say nothing "
    "about another row's target.",
    step="`np.sum(gradient)` without an axis.",
    change="Sum each row on its own: `np.sum(gradient, axis=-1)`.",
)
def sum_over_the_batch(logits, targets):
    rows, gradient = np.arange(len(targets)), shifted.softmax(logits)
    gradient[rows, targets] = 0
    gradient[rows, targets] = -np.sum(gradient)
    return gradient / len(targets)


@slip(
    fails_on=(np.float32([[20, 0]]), np.array([0])),
    belief="A p that never reaches 1 keeps the gradient alive.",
    diagnosis="You held p below 1. The gradient is alive, and it is the limit that you see in it: a row "
    "with margin 20 and one with margin 60 now learn alike.",
    step="`np.clip(p, eps, 1 - eps)`: the size of the gradient was made up.",
    change="Compute it: minus the sum of the other classes' probabilities.",
    family=("epsilon", (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)),
)
def clip_the_probabilities(logits, targets, *, epsilon=1e-7):
    p = np.clip(shifted.softmax(logits), np.float32(epsilon), np.float32(1) - np.float32(epsilon))
    p[np.arange(len(targets)), targets] -= 1
    return p / len(targets)


@slip(
    fails_on=(np.float32([[1000, 980]]), np.array([0])),
    belief="The difference was the only fault, so the shift is free to go.",
    diagnosis="You kept the digits and lost the shift: exp of a large logit overflows, and exps that are "
    "all 0 make a 0/0.",
    step="`np.exp(logits)` without a shift.",
    change="Subtract the row's maximum before exp, as the starter does.",
)
def live_and_unshifted(logits, targets):
    rows, exps = np.arange(len(targets)), np.exp(logits)
    gradient = exps / np.sum(exps, axis=-1, keepdims=True)
    gradient[rows, targets] = 0
    gradient[rows, targets] = -np.sum(gradient, axis=-1)
    return gradient / len(targets)


# --- answers that must fail ------------------------------------------------------------------------------


def _through_the_log(logits, targets):
    rows, log_p = np.arange(len(targets)), shifted.log_softmax(logits)
    gradient = np.exp(log_p)
    gradient[rows, targets] = np.expm1(log_p[rows, targets])
    return gradient / len(targets)


def _largest_other_class(logits, targets):
    rows, gradient = np.arange(len(targets)), shifted.softmax(logits)
    gradient[rows, targets] = 0
    gradient[rows, targets] = -np.max(gradient, axis=-1)
    return gradient / len(targets)


def _mean_of_the_others(logits, targets):
    rows, gradient = np.arange(len(targets)), shifted.softmax(logits)
    gradient[rows, targets] = 0
    gradient[rows, targets] = -np.mean(gradient, axis=-1)
    return gradient / len(targets)


def _only_where_it_is_zero(logits, targets):
    gradient = _as_handed_out(logits, targets)
    return np.where(gradient == 0, -np.finfo(logits.dtype).eps, gradient)


def _dead_ones_by_hand(logits, targets):
    rows, gradient = np.arange(len(targets)), _as_handed_out(logits, targets)
    dead = gradient[rows, targets] == 0
    gradient[rows[dead], targets[dead]] = -1e-9
    return gradient


def _live_only_where_dead(logits, targets):
    gradient = _as_handed_out(logits, targets)
    return np.where(gradient == 0, my_live_gradient(logits, targets), gradient)


def _winner_for_target(logits, targets):
    return my_live_gradient(logits, np.argmax(logits, axis=-1))


def _columns(logits, targets):
    gradient = shifted.softmax(logits)
    gradient[:, targets] = 0
    gradient[np.arange(len(targets)), targets] = -np.sum(gradient, axis=-1)
    return gradient / len(targets)


def _other_sign(logits, targets):
    return -my_live_gradient(logits, targets)


def _loss_and_gradient(logits, targets):
    return shifted.cross_entropy(logits, targets), my_live_gradient(logits, targets)


def _clipped_by_value(logits, targets):
    return np.clip(my_live_gradient(logits, targets), -0.1, 0.1)


def _in_float16(logits, targets):
    return my_live_gradient(logits, targets).astype(np.float16)


def _clipped_logits(logits, targets):
    return my_live_gradient(np.clip(logits, -15, 15), targets)


def _zero_logits_for_small(logits, targets):
    gradient = my_live_gradient(logits, targets)
    return np.where(np.abs(gradient) < 1e-12, 0, gradient)


def _shifted_by(name):
    def wrong(logits, targets):
        rows, exps = np.arange(len(targets)), np.exp(logits - SHIFTS[name](logits, -1))
        gradient = exps / np.sum(exps, axis=-1, keepdims=True)
        gradient[rows, targets] = 0
        gradient[rows, targets] = -np.sum(gradient, axis=-1)
        return gradient / len(targets)

    return named(f"shifted by {name}", wrong)


MUST_FAIL = (
    *(_shifted_by(name) for name in SHIFTS),
    _through_the_log,
    _largest_other_class,
    _mean_of_the_others,
    _only_where_it_is_zero,
    _live_only_where_dead,
    _winner_for_target,
    (sum_over_the_batch.function, "sum_over_the_batch"),
    (_dead_ones_by_hand, "floor_the_gradient"),
    _columns,
    _other_sign,
    _loss_and_gradient,
    _clipped_by_value,
    _in_float16,
    _clipped_logits,
    _zero_logits_for_small,
)
THREE_ROWS = [[200, 0, 0], [0, 200, 0], [0, 0, 200]]

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
        case("just before the end", [[15, 0], [13, 12]], [0, 0], dtype="float32", ulps=2**17),
        case("a margin of 80", [[80, 0, 1]], [0], dtype="float32", ulps=2**17),
        case("largest in each place", THREE_ROWS, [0, 2, 0], dtype="float32", ulps=2**17),
        case("four classes, two rows", [[0, 25, 1, 2], [30, 0, 0, 0]], [1, 0], dtype="float32", ulps=2**17),
        case("huge logits", [[1000, 980], [-1000, -1030]], [0, 0], dtype="float32", ulps=2**17),
    ),
    mistakes=(
        MISTAKES["target_gradient_by_difference"],
        subtract_in_float64,
        floor_the_gradient,
        give_it_a_plus,
        sum_all_of_the_row,
        sum_over_the_batch,
        forget_the_rows,
        clip_the_probabilities,
        live_and_unshifted,
    ),
    hints=(
        "What does a gradient row sum to? So what is the target's entry, if you know all others?",
        "Set the target's entry to 0, then to minus the sum of the row.",
        "`gradient[rows, targets] = 0`, then `gradient[rows, targets] = -np.sum(gradient, axis=-1)`.",
    ),
    model_answer=my_live_gradient,
    why="A gradient row sums to 0, so the target's entry is minus the sum of the others. They are small "
    "numbers of one sign: nothing cancels and no digit is lost.",
    variants=(
        _with_a_mask,
        _with_a_loop,
        _best_we_know,
        _from_log_probabilities,
        _others_by_division,
    ),
    must_fail=MUST_FAIL,
)
