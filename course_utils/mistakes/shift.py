"""Shifts that do not protect: another number than the row's maximum, or the right number on another axis."""

import numpy as np

from course_utils.mistakes import constants
from course_utils.mistakes.core import mistake


@mistake(
    "4",
    quantity="softmax",
    fails_on=(np.float32([120, 0, 0, 0]),),
    widget="shift",
    belief="Centring the logits on their mean keeps every exponent small.",
    diagnosis="You subtracted the mean. One large logit among small ones stays far above the mean, "
    "so its exponent is still large and exp overflows.",
    step="`logits - mean`: the largest exponent is max - mean, and nothing bounds that.",
    change="Subtract the maximum: `logits - logits.max(axis=axis, keepdims=True)`. Then no exponent is above "
    "0.",
)
def shift_by_mean(logits, axis=-1):
    exps = np.exp(logits - np.mean(logits, axis=axis, keepdims=True))
    return exps / np.sum(exps, axis=axis, keepdims=True)


@mistake(
    "5",
    quantity="softmax",
    fails_on=(np.float32([0, -100]),),
    widget="shift",
    belief="Subtracting the smallest logit makes every exponent positive, so nothing underflows.",
    diagnosis="You subtracted the minimum. That moves the whole row up: a row that was safe before the shift "
    "can overflow after it.",
    step="`logits - min`: the largest exponent becomes max - min, the full spread of the row.",
    change="Replace `min` by `max`. Then the exponents run from 0 downwards.",
)
def shift_by_min(logits, axis=-1):
    exps = np.exp(logits - np.min(logits, axis=axis, keepdims=True))
    return exps / np.sum(exps, axis=axis, keepdims=True)


@mistake(
    "28",
    quantity="softmax",
    fails_on=(np.float32([200, 190]),),
    widget="shift",
    family=("constant", constants.constant_shift),
    belief="float32 overflows at 88.7, so subtracting 88 is enough.",
    diagnosis="You subtracted a constant. It moves the two cliffs and removes neither: larger logits still "
    "overflow, and moderate negative ones now underflow.",
    step="`logits - constant`: the shift does not look at the row.",
    change="Let the row choose its shift: `logits - logits.max(axis=axis, keepdims=True)`.",
)
def shift_by_constant(logits, axis=-1, *, constant=88):
    exps = np.exp(logits - constant)
    return exps / np.sum(exps, axis=axis, keepdims=True)


@mistake(
    "27",
    quantity="softmax",
    fails_on=(np.float32([-60, -61]),),
    widget="shift",
    belief="The largest magnitude is what overflows, so subtract max |z|.",
    diagnosis="You subtracted the largest absolute value. In a row of negative logits that pushes every "
    "exponent further down: digits are lost first, and in the end every exp is 0 and the row is 0/0.",
    step="`np.abs(logits).max()`: for negative logits the shift has the wrong sign.",
    change="Remove `np.abs`: the maximum itself, negative or not, is the shift.",
)
def shift_by_max_abs(logits, axis=-1):
    exps = np.exp(logits - np.max(np.abs(logits), axis=axis, keepdims=True))
    return exps / np.sum(exps, axis=axis, keepdims=True)


@mistake(
    quantity="softmax",
    fails_on=(np.float32([-104, -105]),),
    widget="shift",
    belief="Only positive logits overflow, so a negative maximum needs no shift.",
    diagnosis="You subtracted the maximum only where it is positive. A row that lies far below 0 stays there: "
    "every exp underflows to 0, and 0/0 is NaN.",
    step="`max(0, logits.max())`: for a negative row this is no shift at all.",
    change="Subtract the maximum, negative or not.",
)
def shift_by_max_or_zero(logits, axis=-1):
    exps = np.exp(logits - np.maximum(np.max(logits, axis=axis, keepdims=True), 0))
    return exps / np.sum(exps, axis=axis, keepdims=True)


@mistake(
    "6",
    quantity="softmax",
    fails_on=(np.float32([[0, 1, 2], [200, 201, 202]]),),
    widget="axis",
    belief="One maximum for the whole batch protects every row.",
    diagnosis="You subtracted one maximum from the whole batch. The row that holds it is safe; a row far "
    "below it underflows to zeros, and 0/0 is NaN.",
    step="`logits.max()` without an axis: one number for all rows.",
    change="Take one maximum a row: `logits.max(axis=-1, keepdims=True)`.",
)
def shift_by_global_max(logits, axis=-1):
    exps = np.exp(logits - np.max(logits))
    return exps / np.sum(exps, axis=axis, keepdims=True)


@mistake(
    "7",
    quantity="softmax",
    fails_on=(np.float32([[1000, 1], [0, 2]]),),
    widget="axis",
    belief="Any maximum will do, and axis 0 comes first.",
    diagnosis="You took the maximum down the columns. Inside one row every entry then gets another shift, "
    "and softmax only forgives a shift that is the same for the whole row. The result is finite, sums to 1, "
    "and is wrong.",
    step="`max(axis=0)`: the maximum of a column, subtracted inside a row.",
    change="Take the maximum along the axis that you sum over: `max(axis=-1, keepdims=True)`.",
)
def shift_along_wrong_axis(logits, axis=-1):
    exps = np.exp(logits - np.max(logits, axis=0, keepdims=True))
    return exps / np.sum(exps, axis=axis, keepdims=True)


@mistake(
    "8",
    quantity="softmax",
    fails_on=(np.float32([[1, 2, 3], [10, 20, 30], [0, 0, 0]]),),
    widget="axis",
    family=("flat_sum", (True,)),
    belief="Broadcasting matches each row with its own maximum.",
    diagnosis="You left out keepdims on the maximum. The maxima then lie in a row, and broadcasting lines "
    "them up with the columns. A square batch gives wrong numbers in silence; any other shape raises "
    "ValueError.",
    step="`logits - logits.max(axis=-1)`: shape (rows,) meets the columns of (rows, classes).",
    change="Write `logits.max(axis=-1, keepdims=True)`: shape (rows, 1) meets the rows.",
)
def max_without_keepdims(logits, axis=-1, *, flat_sum=False):
    exps = np.exp(logits - np.max(logits, axis=axis))
    return exps / np.sum(exps, axis=axis, keepdims=not flat_sum)


@mistake(
    "8b",
    quantity="softmax",
    fails_on=(np.float32([[1, 2, 3], [10, 20, 30], [0, 0, 0]]),),
    widget="axis",
    belief="The sums have one number a row, so they divide the rows.",
    diagnosis="You left out keepdims on the sum. Each entry is divided by the sum of another row, so the "
    "rows no longer add up to 1.",
    step="`exps / exps.sum(axis=-1)`: shape (rows,) meets the columns of (rows, classes).",
    change="Write `exps.sum(axis=-1, keepdims=True)`.",
)
def sum_without_keepdims(logits, axis=-1):
    exps = np.exp(logits - np.max(logits, axis=axis, keepdims=True))
    return exps / np.sum(exps, axis=axis)


@mistake(
    "9",
    quantity="softmax",
    fails_on=(np.float32([[1, 2], [3, 4]]),),
    widget="axis",
    family=("one_max", (True,)),
    belief="`exps.sum()` is the total, and softmax divides by the total.",
    diagnosis="You divided by the sum over the whole batch. That makes one distribution out of all rows "
    "together; no single row adds up to 1.",
    step="`exps.sum()` without an axis: one total for all rows.",
    change="Sum each row on its own: `exps.sum(axis=-1, keepdims=True)`.",
)
def normalise_whole_batch(logits, axis=-1, *, one_max=False):
    exps = np.exp(logits - np.max(logits, axis=None if one_max else axis, keepdims=True))
    return exps / np.sum(exps)
