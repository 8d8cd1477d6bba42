"""Exercises of lesson 01: how do scores become probabilities?"""

import numpy as np

from course_utils import naive, reference
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import MISTAKES, mistake

# --- temperature ----------------------------------------------------------------------------------------


def _winner_at(logits, temperature):
    return reference.softmax(np.asarray(logits) / temperature)[0]


def _power_of_the_odds():
    odds = 0.9 / 0.1
    return [odds ** (1 / t) / (odds ** (1 / t) + 1) for t in (2, 0.5, 1)]


@mistake(
    quantity="tempered_softmax",
    fails_on=(np.log([0.9, 0.1]), 2.0),
    widget="",
    belief="A temperature of 2 halves the probability.",
    diagnosis="You divided the probability by the temperature. The temperature divides the logits; what comes out "
    "still has to sum to 1, and 0.45 is below one half, which the winner of two can never be.",
    step="`p / temperature`, after softmax instead of before it.",
    change="Divide the logits, which takes the root of the odds: 9 to 1 becomes 3 to 1.",
)
def divide_the_probability(logits, temperature):
    return float(reference.softmax(logits)[0] / temperature)


@mistake(
    quantity="tempered_softmax",
    fails_on=(np.log([0.9, 0.1]), 2.0),
    widget="",
    belief="The temperature takes the root of each probability, and that is all.",
    diagnosis="You took the root of the probability and stopped there. The roots of both classes no longer sum to 1.",
    step="`p ** (1 / temperature)` without a new division.",
    change="Divide by the sum of the roots, or work with the odds: sqrt(9) = 3, so 3 in 4.",
)
def forget_to_renormalise(logits, temperature):
    return float(reference.softmax(logits)[0] ** (1 / temperature))


@mistake(
    quantity="tempered_softmax",
    fails_on=(np.log([0.9, 0.1]), 2.0),
    widget="",
    belief="Hotter means more certain.",
    diagnosis="You turned the temperature round. A high temperature makes the scores small, so the classes come "
    "closer together; a low one drives them apart.",
    step="`logits * temperature`.",
    change="Divide: `logits / temperature`.",
)
def multiply_by_temperature(logits, temperature):
    return float(_winner_at(logits, 1 / temperature))


temperature = Exercise(
    key="01.temperature",
    kind="predict",
    objective="predict what a temperature does to the probabilities",
    minutes=5,
    difficulty=1,
    truth=_winner_at,
    cases=(
        case("temperature 2", np.log([0.9, 0.1]), 2.0),
        case("temperature 1/2", np.log([0.9, 0.1]), 0.5),
        case("both scores 5 higher", np.log([0.9, 0.1]) + 5, 1.0),
    ),
    mistakes=(divide_the_probability, forget_to_renormalise, multiply_by_temperature),
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


def _refutes_all_three(logits):
    if logits.ndim != 2 or logits.shape[0] != logits.shape[1] or len(logits) > 3:
        return "Use a square batch of at most 3 rows. On other shapes code A raises, and errors are easy to find."
    right = reference.softmax(logits)
    fooled = [name for name in "ABD" if np.allclose(_CODES[name](logits), right, rtol=1e-3)]
    return (
        f"On this batch, {' and '.join(fooled)} would be right as well. Make the rows differ."
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
    limits=_refutes_all_three,
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


_BATCH = (np.array([[2.0, 1.0, 0.1], [1.0, 3.0, 0.2]]), np.array([0, 2]))


@mistake(
    quantity="cross_entropy",
    fails_on=_BATCH,
    widget="",
    belief="The loss of a batch is the sum of its losses.",
    diagnosis="You added the losses up. Then a batch twice as large has twice the loss, and the same step of "
    "training becomes twice as long.",
    step="`np.sum` over the rows.",
    change="Use `np.mean`.",
)
def sum_instead_of_mean(logits, targets):
    return -np.sum(np.log(naive.softmax(logits)[np.arange(len(targets)), targets]))


@mistake(
    quantity="cross_entropy",
    fails_on=_BATCH,
    widget="",
    belief="A batch has one loss for each row.",
    diagnosis="You returned one loss for each row. The loss of a batch is one number, so that training has one "
    "thing to make smaller.",
    step="The last line: the losses of the rows are right, and still apart.",
    change="Take their mean: `np.mean(...)`, or `.mean()` at the end.",
)
def forget_the_mean(logits, targets):
    return -np.log(naive.softmax(logits)[np.arange(len(targets)), targets])


@mistake(
    quantity="cross_entropy",
    fails_on=_BATCH,
    widget="",
    belief="The loss is the logarithm of the probability.",
    diagnosis="You left out the minus. The logarithm of a probability is never above 0, and a loss should be 0 "
    "at best and grow as the answer gets worse.",
    step="`np.mean(np.log(p))`.",
    change="Put a minus in front.",
)
def forget_the_minus(logits, targets):
    return np.mean(np.log(naive.softmax(logits)[np.arange(len(targets)), targets]))


@mistake(
    quantity="cross_entropy",
    fails_on=_BATCH,
    widget="",
    belief="All classes take part in the loss.",
    diagnosis="You took the logarithm of every probability. Only the class that is true counts: the loss asks how "
    "much probability the truth got.",
    step="`np.mean(np.log(p))` over the whole array.",
    change="Pick one entry a row first: `p[np.arange(len(p)), targets]`.",
)
def average_all_classes(logits, targets):
    return -np.mean(np.log(naive.softmax(logits)))


@mistake(
    quantity="cross_entropy",
    fails_on=_BATCH,
    widget="",
    belief="p[:, targets] picks each row's own target.",
    diagnosis="You picked every target's column in every row. For 2 rows that gives 4 numbers, not 2.",
    step="`p[:, targets]`: all rows, times all targets.",
    change="Give one row number for each target: `p[np.arange(len(p)), targets]`.",
)
def take_all_columns(logits, targets):
    return -np.mean(np.log(naive.softmax(logits)[:, targets]))


@mistake(
    quantity="cross_entropy",
    fails_on=_BATCH,
    widget="",
    belief="A logarithm is a logarithm.",
    diagnosis="You used the logarithm to base 2. The loss then counts bits, 1.44 for each natural unit, and the "
    "gradient that training uses no longer belongs to it.",
    step="`np.log2(p)`.",
    change="Use `np.log`.",
)
def use_log2(logits, targets):
    return -np.mean(np.log2(naive.softmax(logits)[np.arange(len(targets)), targets]))


@mistake(
    quantity="cross_entropy",
    fails_on=_BATCH,
    widget="",
    belief="Average first, then take the logarithm once.",
    diagnosis="You took the logarithm of the mean probability. One good row then hides a bad one; the mean of the "
    "logarithms does not let it.",
    step="`np.log(np.mean(p))`.",
    change="Take the logarithm of each row's probability, then the mean.",
)
def log_of_the_mean(logits, targets):
    return -np.log(np.mean(naive.softmax(logits)[np.arange(len(targets)), targets]))


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
        case("every class equally likely", [[0, 0, 0, 0], [0, 0, 0, 0]], [3, 1], ulps=8),
        case("a confident right answer", [[0, 9], [9, 0]], [1, 0], ulps=8),
        case("a confident wrong answer", [[0, 20, 0], [20, 0, 0]], [0, 2], ulps=8),
    ),
    mistakes=(
        sum_instead_of_mean,
        forget_the_mean,
        forget_the_minus,
        average_all_classes,
        take_all_columns,
        use_log2,
        log_of_the_mean,
        MISTAKES["softmax_twice"],
    ),
    hints=(
        "Three steps: probabilities of every row, the one that belongs to the true class, minus its logarithm.",
        "`np.arange(len(targets))` numbers the rows. With `targets` as the second index it picks one entry a row.",
        "`p = softmax(logits)`, then `-np.mean(np.log(p[np.arange(len(targets)), targets]))`.",
    ),
    model_answer=naive.cross_entropy,
    why="The loss of a row is minus the logarithm of the probability that the true class got; the loss of the "
    "batch is the mean. It breaks where softmax breaks: lesson 05 computes it without any probability.",
    variants=(_with_a_loop, _without_probabilities, _with_take_along_axis, _with_one_hot),
)
