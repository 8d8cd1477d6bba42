"""Slips that are made everywhere: a sign, a sum for a mean, another logarithm, two things returned.

Each is told from the numbers alone. It says how to take the slip back; where that gives the truth on every
case, the slip was made. So none of them needs to know how an exercise is solved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from course_utils.exercises.faults import as_array, distance_of, is_numeric
from course_utils.mistakes import Mistake

SUMS = ("cross_entropy", "gradient", "softplus_gradient")
LOGARITHMS = ("cross_entropy", "log_softmax", "logsumexp", "log_not_sigmoid")
PROBABILITIES = ("softmax", "masked_softmax", "tempered_softmax")
SLIPS = []


@dataclass(frozen=True)
class Slip:
    """One slip. `undo(value, truth, args)` gives what the answer would be without it, or None."""

    key: str
    undo: Callable
    quantities: tuple
    diagnosis: str
    step: str
    change: str

    def fits(self, exercise, runs) -> bool:
        """Can it be made here, and does taking it back make every case right?"""
        if self.quantities and exercise.quantity not in self.quantities:
            return False
        return all(self.explains(exercise, *case) for case in zip(exercise.cases, runs, strict=True))

    def told(self, exercise) -> Mistake:
        """The slip in the form of a mistake, so that it is shown like one."""
        said = (self.diagnosis, self.step, self.change)
        return Mistake(self.key, "", exercise.quantity, self.undo, "", *said, (), "")

    def explains(self, exercise, one, run) -> bool:
        """Does taking it back make this run right?"""
        if run.error is not None:
            return False
        truth = np.asarray(exercise.true_value(run.args))
        with np.errstate(all="ignore"):
            try:
                undone = self.undo(run.value, truth.astype(np.float64), run.args)
            except (TypeError, ValueError, IndexError):
                return False
        if undone is None:
            return False
        undone = as_array(undone)
        if not is_numeric(undone) or undone.shape != truth.shape:
            return False
        allowed = 2 * one.allowed(run.args)
        near = distance_of(exercise, one, run.args, undone, truth) <= allowed
        with np.errstate(all="ignore"):
            error = np.abs(undone - truth.astype(np.float64))
            near |= error <= 8 * one.format.eps * np.max(
                np.abs(np.nan_to_num(as_array(run.value))), initial=0
            )
        return bool(np.all(near))


def slip(*quantities, diagnosis, step, change):
    """Turn the function below this line, which takes the slip back, into a `Slip` with its name."""

    def wrap(undo):
        SLIPS.append(Slip(undo.__name__, undo, quantities, diagnosis, step, change))
        return SLIPS[-1]

    return wrap


def _array(value):
    array = as_array(value)
    return array.astype(np.float64) if is_numeric(array) else np.full(1, np.nan)


def _rows(args):
    return len(args[0]) if np.ndim(args[0]) > 1 else 1


@slip(
    diagnosis="You returned several things. One of them is right, and only that one is asked for.",
    step="The line with `return`: a comma there makes a tuple.",
    change="Return that one thing alone.",
)
def returned_several(value, truth, args):
    if not isinstance(value, tuple | list):
        return None
    same = (p for p in map(_array, value) if p.shape == truth.shape)
    return next((p for p in same if np.allclose(p, truth, rtol=1e-3, equal_nan=True)), None)


@slip(
    *SUMS,
    *LOGARITHMS,
    diagnosis="Every number has the right size and the wrong sign.",
    step="A minus that is missing or was written twice, or a subtraction the wrong way round.",
    change="Turn the sign: put a minus in front, or swap the two sides of the subtraction.",
)
def other_sign(value, truth, args):
    return -_array(value)


@slip(
    *SUMS,
    diagnosis="You added up over the rows of the batch, and the mean is asked for: your numbers are larger by the "
    "number of rows.",
    step="The division by the number of rows is missing.",
    change="Divide by the number of rows, or use `np.mean` where you used `np.sum`.",
)
def sum_for_mean(value, truth, args):
    return _array(value) / _rows(args)


@slip(
    *SUMS,
    diagnosis="You divided by the number of rows twice.",
    step="A mean, and a division by the number of rows beside it.",
    change="Keep one of the two.",
)
def divide_by_rows_twice(value, truth, args):
    return _array(value) * _rows(args)


@slip(
    "cross_entropy",
    diagnosis="You took the mean over every entry of the table, rows times classes. Your loss is too small by the "
    "number of classes.",
    step="`np.mean` over an array that still has its classes.",
    change="Add up over the classes first, then take the mean over the rows.",
)
def mean_over_the_table(value, truth, args):
    return _array(value) * np.shape(args[0])[-1]


@slip(
    "cross_entropy",
    diagnosis="You returned one loss for each row. The loss of a batch is one number.",
    step="The last line: the losses of the rows are right, and still apart.",
    change="Take their mean: `np.mean(...)`, or `.mean()` at the end.",
)
def one_loss_a_row(value, truth, args):
    return _array(value).mean() if np.ndim(value) == 1 and truth.ndim == 0 else None


@slip(
    *LOGARITHMS,
    diagnosis="You used the logarithm to base 2: your numbers are 1.4427 times the truth. Training and this course "
    "use the natural one.",
    step="`np.log2`.",
    change="Use `np.log`.",
)
def logarithm_to_base_2(value, truth, args):
    return _array(value) * np.log(2)


@slip(
    *LOGARITHMS,
    diagnosis="You used the logarithm to base 10: your numbers are 0.4343 times the truth. Training and this course "
    "use the natural one.",
    step="`np.log10`.",
    change="Use `np.log`.",
)
def logarithm_to_base_10(value, truth, args):
    return _array(value) * np.log(10)


@slip(
    *PROBABILITIES,
    diagnosis="You returned the logarithms of the probabilities. They are right, and not what is asked for.",
    step="The last line: it is a log, or the exp after it is missing.",
    change="Return the exp of what you have.",
)
def return_the_logarithm(value, truth, args):
    return None if np.any(_array(value) > 0) else np.exp(_array(value))


@slip(
    "cross_entropy",
    diagnosis="You returned the probability whose logarithm is the loss.",
    step="The logarithm is missing.",
    change="Take minus the logarithm.",
)
def return_the_probability(value, truth, args):
    return -np.log(_array(value))


@slip(
    "log_softmax",
    diagnosis="You returned the probabilities, and their logarithms are asked for.",
    step="The last line.",
    change="Return the logarithms; do not get them by a log of these, which may be 0.",
)
def return_the_probabilities(value, truth, args):
    return np.log(_array(value))


@slip(
    *PROBABILITIES,
    diagnosis="Your numbers stand in the right ratio to one another, and a row does not sum to 1.",
    step="The division by the sum of the row is missing, or divides by something else.",
    change="Divide each row by its own sum.",
)
def forget_to_divide(value, truth, args):
    value = _array(value)
    sums = (value.sum(axis=axis, keepdims=True) for axis in range(truth.ndim - 1, -1, -1))
    right = (value / s for s in sums if not np.any(s <= 0))
    return next((p for p in right if np.allclose(p, truth, rtol=1e-3, equal_nan=True)), None)


@slip(
    diagnosis="You returned the table on its side: rows and columns have changed places.",
    step="A transpose (`.T`), or `np.stack` along another axis.",
    change="Turn it back with `.T`.",
)
def transposed(value, truth, args):
    return _array(value).T if truth.ndim == 2 else None


@slip(
    *PROBABILITIES,
    diagnosis="You returned 1 - p.",
    step="The last line: the probability of everything else.",
    change="Return p itself.",
)
def complement(value, truth, args):
    return 1 - _array(value)


@slip(
    "gradient",
    diagnosis="The 1 of the true class is missing: your gradient is p, and it is p - 1 for the target.",
    step="The derivative of the target's own logit, which gives the -1.",
    change="Subtract 1 at each row's target, before you divide by the number of rows.",
)
def missing_minus_one(value, truth, args):
    value = _array(value)
    return value - _targets(value, args) / _rows(args)


@slip(
    "gradient",
    diagnosis="The 1 of the true class is missing, and so is the division by the number of rows.",
    step="The derivative of the target's own logit gives the -1; the mean gives the division.",
    change="Subtract 1 at each row's target, then divide by the number of rows.",
)
def missing_minus_one_and_mean(value, truth, args):
    value = _array(value)
    return (value - _targets(value, args)) / _rows(args)


def _targets(value, args):
    one_hot = np.zeros(value.shape)
    np.put_along_axis(one_hot, np.asarray(args[1])[..., None], 1.0, axis=-1)
    return one_hot


@slip(
    "predicted_class",
    diagnosis="Your numbers are too large by 1. Indices count from 0.",
    step="The number that you return.",
    change="Subtract 1, or count from 0.",
)
def count_from_one(value, truth, args):
    return _array(value) - 1


@slip(
    *PROBABILITIES,
    *LOGARITHMS,
    "gradient",
    diagnosis="Your numbers were right, and then rounded to a few decimals.",
    step="`np.round`, `round` or a text format.",
    change="Return the numbers as they are; round only what you print.",
)
def rounded(value, truth, args):
    value = _array(value)
    return (
        truth
        if any(np.array_equal(value, np.round(truth, k)) for k in range(1, 13))
        else _close(value, truth)
    )


def _close(value, truth):
    """Rounded after a computation in a narrow format: the last decimal stands, the bits behind it do not."""
    for k in range(1, 7):
        if np.allclose(value, np.round(truth, k), rtol=2e-7, atol=0):
            return truth
    return None


@slip(
    *PROBABILITIES,
    *LOGARITHMS,
    "gradient",
    diagnosis="Your numbers went through float16, which keeps 11 bits: they agree with the truth to about 3 digits, "
    "and what is below 6e-8 is 0.",
    step="`astype(np.float16)`, or an array that was made as float16.",
    change="Leave the numbers in the format that they came in.",
)
def narrow_format(value, truth, args):
    value = _array(value)
    half = value.astype(np.float16).astype(np.float64)
    fits = np.allclose(half, truth, rtol=3e-3, atol=1.2e-7)
    return truth if np.array_equal(half, value) and fits else None
