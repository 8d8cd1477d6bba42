"""Exercises of lesson 01: how do scores become probabilities?"""

import numpy as np

from course_utils import naive, reference
from course_utils.exercises import loss_slips, temperature_slips
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import MISTAKES, mistake

# --- temperature ----------------------------------------------------------------------------------------


def _power_of_the_odds():
    odds = 0.9 / 0.1
    return [odds ** (1 / t) / (odds ** (1 / t) + 1) for t in (2, 0.5, 1)]


temperature = Exercise(
    key="01.temperature",
    kind="predict",
    objective="predict what a temperature does to the probabilities",
    minutes=5,
    difficulty=1,
    truth=temperature_slips.winner_at,
    cases=(
        case("temperature 2", np.log([0.9, 0.1]), 2.0),
        case("temperature 1/2", np.log([0.9, 0.1]), 0.5),
        case("both scores 5 higher", np.log([0.9, 0.1]) + 5, 1.0),
    ),
    mistakes=(
        temperature_slips.divide_the_probability,
        temperature_slips.forget_to_renormalise,
        temperature_slips.multiply_by_temperature,
        temperature_slips.leave_the_temperature_out,
        temperature_slips.stop_at_the_odds,
        temperature_slips.other_class,
        temperature_slips.percent,
        temperature_slips.expect_a_shift_to_matter,
    ),
    must_fail=(
        (lambda: [0.75, 0.97, 0.9], ""),
        (lambda: [0.8, 0.988, 0.9], ""),
        (lambda: [0.75, 0.988], ""),
        (lambda: [0.988, 0.75, 0.9], "multiply_by_temperature"),
        (lambda: ["a", "b", "c"], ""),
        lambda: [0.9, 0.988, 0.9],
        lambda: [np.nan, 0.988, 0.9],
    ),
    hints=(
        "Think in odds. 0.9 against 0.1 is 9 to 1. What does halving the gap between two scores do to the odds?",
        "The odds are e to the power of the gap. Half the gap: the square root of the odds. Double: their square.",
        "At temperature 2 the odds are 3 to 1, so 3/4. At 1/2 they are 81 to 1. A common 5 leaves the gap as it is.",
    ),
    model_answer=_power_of_the_odds,
    why="A temperature T takes the T-th root of the odds: 9 becomes 3 at T = 2 (3/4) and 81 at T = 1/2 (81/82). "
    "A number added to both scores leaves the gap, and so the odds, as they are.",
    variants=(
        lambda: [0.75, 81 / 82, 0.9],
        lambda: (0.75, 0.988, 0.9),
        lambda: np.array([3 / 4, 0.9878, 9 / 10]),
    ),
)


# --- keepdims -------------------------------------------------------------------------------------------


def _softmax_of_batch(total):
    """A softmax in which only the total differs."""

    def softmax(logits):
        exps = np.exp(logits)
        return exps / total(exps)

    return softmax


_CODES = {
    "A": _softmax_of_batch(lambda exps: np.sum(exps, axis=-1)),
    "B": _softmax_of_batch(lambda exps: np.sum(exps, axis=0)),
    "C": _softmax_of_batch(lambda exps: np.sum(exps, axis=-1, keepdims=True)),
    "D": _softmax_of_batch(lambda exps: np.sum(exps)),
}


@mistake(
    quantity="softmax",
    fails_on=(np.array([[0.0, 0.0], [0.0, 1.0]]),),
    widget="",
    belief="One total for each row divides that row.",
    diagnosis="Code A has the right totals, and divides the wrong numbers by them. They have shape (rows,), and NumPy "
    "lines that up with the columns: column j is divided by the total of row j.",
    step="`np.sum(exps, axis=-1)`: the summed axis is gone, so the totals lie flat.",
    change="Keep the axis: `keepdims=True` gives shape (rows, 1), a total beside each row.",
)
def lose_the_axis(logits):
    return _CODES["A"](logits)


@mistake(
    quantity="softmax",
    fails_on=(np.array([[0.0, 0.0], [0.0, 1.0]]),),
    widget="",
    belief="The first axis is the one to sum over.",
    diagnosis="Code B makes every column sum to 1: each class is shared out over the examples of the batch. The "
    "classes of one example lie along the last axis.",
    step="`np.sum(exps, axis=0)`: the total of one class over all examples.",
    change="Sum along the classes: `axis=-1`, and keep that axis.",
)
def normalise_the_columns(logits):
    return _CODES["B"](logits)


@mistake(
    quantity="softmax",
    fails_on=(np.array([[0.0, 0.0], [0.0, 1.0]]),),
    widget="",
    belief="The total is the total.",
    diagnosis="Code D makes one distribution out of the whole batch: all entries together sum to 1, no row does.",
    step="`np.sum(exps)` without an axis.",
    change="Sum each row on its own: `axis=-1`, and keep that axis.",
)
def normalise_everything(logits):
    return _CODES["D"](logits)


def _square(logits):
    if logits.ndim != 2 or logits.shape[0] != logits.shape[1] or not 2 <= len(logits) <= 3:
        return f"Use a square batch of 2 or 3 rows; yours has the shape {logits.shape}."
    return "" if np.all(np.isfinite(logits)) else "Use finite logits only."


def _refutes_all_three(logits):
    right = reference.softmax(logits)
    fooled = [name for name in "ABD" if np.allclose(_CODES[name](logits), right, rtol=1e-3)]
    return (
        f"On this batch, code{'s' * (len(fooled) > 1)} {' and '.join(fooled)} would be right as well. The totals "
        "must differ, from row to row and from the columns' totals."
        if fooled
        else ""
    )


def _choice():
    return "C", np.array([[0, 0], [0, 1]])


keepdims = Exercise(
    key="01.keepdims",
    kind="choose",
    objective="choose the axis and the shape with which each row of a batch becomes a softmax",
    minutes=6,
    difficulty=2,
    truth=reference.softmax,
    subject=_CODES,
    limits=_square,
    goal=_refutes_all_three,
    cases=(
        case("two equal rows", [[0, 0], [0, 0]], dtype="float32"),
        case("two rows", [[0, 0], [0, 1]], dtype="float32"),
        case("three rows", [[1, 2, 3], [3, 2, 1], [0, 0, 0]], dtype="float32"),
    ),
    mistakes=(lose_the_axis, normalise_the_columns, normalise_everything),
    hints=(
        "What shape has the total in each code, for a batch of 3 rows and 3 classes? The table above has it.",
        "NumPy lines shapes up from the last axis: `(3,)` meets the columns of `(3, 3)`, `(3, 1)` meets its rows.",
        'The code is "C". For the batch, make the two rows differ in one number only: start from [[0, 0], [0, 0]].',
    ),
    model_answer=_choice,
    must_fail=(
        (lambda: ("A", [[0, 0], [0, 1]]), "lose_the_axis"),
        (lambda: ("D", [[0, 0], [0, 1]]), "normalise_everything"),
        (lambda: "C", ""),
        (lambda: ("C",), ""),
        (lambda: ("C", [[1000, 0], [0, 1]]), ""),
        (lambda: ("C", [[np.nan, 0], [0, 1]]), ""),
        (lambda: ("C", [[1, 2], [2, 1]]), ""),
        (lambda: ("C", [[0, 0], [0, 0]]), ""),
        (lambda: ("C", [[0, 1]]), ""),
        (lambda: ("C", np.eye(4)), ""),
        (lambda: ("C", [[0, 0], [0, 1]], [[0, 0], [0, 1]]), ""),
        (lambda: [[0, 0], [0, 1]], ""),
    ),
    why="Each row needs its own total, and it has to stand beside its row: shape (rows, 1). In a square batch the "
    "other three answer without an error, so a batch whose rows differ is what gives them away.",
    variants=(
        lambda: ("C", [[1, 2], [3, 4]]),
        lambda: ["C", np.float32([[0, 0], [5, 0]])],
        lambda: ("C", [[1, 2, 3], [4, 5, 7], [0, 0, 0]]),
    ),
)


# --- loss -----------------------------------------------------------------------------------------------


def _with_a_loop(logits, targets):
    total = 0.0
    for row, target in zip(np.asarray(logits, dtype=np.float64), targets, strict=True):
        exps = np.exp(row)
        total -= np.log(exps[target] / exps.sum())
    return total / len(targets)


def _without_probabilities(logits, targets):
    exps = np.exp(logits)
    return np.mean(np.log(exps.sum(axis=1)) - logits[np.arange(len(logits)), targets])


def _with_take_along_axis(logits, targets):
    p = naive.softmax(logits)
    return -np.log(np.take_along_axis(p, np.asarray(targets)[:, None], axis=1)).mean()


def _with_one_hot(logits, targets):
    onehot = np.eye(logits.shape[1])[targets]
    return -np.sum(onehot * np.log(naive.softmax(logits))) / len(targets)


batch_loss = Exercise(
    key="01.batch_loss",
    kind="write",
    objective="compute the cross-entropy of a batch from its logits",
    minutes=8,
    difficulty=2,
    truth=reference.cross_entropy,
    unit="logits",
    cases=(
        case("one row", [[2, 1, 0.1]], [0], dtype="float32", ulps=8),
        case("two rows", [[2, 1, 0.1], [1, 3, 0.2]], [0, 2], dtype="float32", ulps=8),
        case(
            "more rows than classes",
            [[1, 2], [2, 1], [0, 3], [-1, -2]],
            [0, 0, 1, 1],
            dtype="float32",
            ulps=8,
        ),
        case("three rows", [[0, 1, 2], [2, 0, 1], [0, 0, 5]], [0, 1, 1], ulps=8),
        case("every class equally likely", [[0, 0, 0, 0], [0, 0, 0, 0]], [3, 1], ulps=8),
        case("a confident right answer", [[0, 9], [9, 0]], [1, 0], ulps=8),
        case("a confident wrong answer", [[0, 20, 0], [20, 0, 0]], [0, 2], ulps=8),
    ),
    mistakes=(
        loss_slips.sum_instead_of_mean,
        loss_slips.forget_the_mean,
        loss_slips.forget_the_minus,
        loss_slips.average_all_classes,
        loss_slips.take_all_columns,
        loss_slips.count_two_rows,
        loss_slips.use_log2,
        loss_slips.log_of_the_mean,
        loss_slips.forget_the_log,
        loss_slips.skip_softmax,
        loss_slips.softmax_down_the_columns,
        loss_slips.softmax_over_the_batch,
        loss_slips.epsilon_in_the_log,
        loss_slips.clip_the_probability,
        loss_slips.count_classes_from_one,
        loss_slips.take_the_predicted_class,
        loss_slips.median_for_mean,
        MISTAKES["softmax_twice"],
    ),
    hints=(
        "The cell above does it for two rows. Which of its numbers speak of two rows, and what would they be for five?",
        "`p[[0, 1], targets]` in the cell above takes one number from each row. Which of your lines takes the place of "
        "`[0, 1]`? And then one number is asked for, not one a row.",
        "`p = softmax(logits)`, then `-np.mean(np.log(p[np.arange(len(targets)), targets]))`.",
    ),
    model_answer=naive.cross_entropy,
    curve=False,
    must_fail=(
        (lambda z, t: -np.mean(np.log(naive.softmax(z)[np.arange(len(t)), t] + 1e-9)), "epsilon_in_the_log"),
        (lambda z, t: -np.mean(np.log(naive.softmax(z)[np.arange(len(t)), t] + 1e-12)), "epsilon_in_the_log"),
        (lambda z, t: -np.mean(np.log(naive.softmax(z)[[0, 1], t])), "count_two_rows"),
        (lambda z, t: np.median(-np.log(naive.softmax(z)[np.arange(len(t)), t])), "median_for_mean"),
        (lambda z, t: naive.cross_entropy(np.clip(z, -5, 5), t), None),
        (lambda z, t: naive.cross_entropy(z.astype(np.float16), t), None),
        (lambda z, t: -naive.cross_entropy(z, t), "forget_the_minus"),
        (lambda z, t: naive.cross_entropy(z, t) / np.log(10), "logarithm_to_base_10"),
        (lambda z, t: (naive.cross_entropy(z, t), 0), "returned_several"),
        (lambda z, t: naive.cross_entropy(z, t) / z.shape[1], "mean_over_the_table"),
        (lambda z, t: abs(np.mean(np.log(naive.softmax(z).max(axis=1)))), "take_the_predicted_class"),
        (lambda z, t: np.nan_to_num(naive.cross_entropy(z, t[::-1])), None),
        (lambda z, t: float(naive.cross_entropy(z[:1], t[:1])), None),
    ),
    why="The loss of a row is minus the logarithm of the probability that the true class got; the loss of the "
    "batch is the mean. It breaks where softmax breaks: lesson 05 computes it without any probability.",
    variants=(_with_a_loop, _without_probabilities, _with_take_along_axis, _with_one_hot),
)
