"""What people write instead of a log-sum-exp: the mistakes of exercise 04.safe_logsumexp."""

from functools import partial

import numpy as np

from course_utils.exercises.habits import BELOW_THE_MAX, SHIFTS, both_ways, finite_or_zero
from course_utils.mistakes import mistake

slip = partial(mistake, quantity="logsumexp")


def log_total(logits, axis, shift):
    return np.log(np.sum(np.exp(logits - shift), axis=axis))


def squeezed(shift, logits, axis):
    return np.squeeze(np.broadcast_to(shift, np.max(logits, axis=axis, keepdims=True).shape), axis=axis)


def added_back(logits, axis, shift):
    return squeezed(shift, logits, axis) + log_total(logits, axis, shift)


def guarded_max(logits, axis):
    return finite_or_zero(np.max(logits, axis=axis, keepdims=True))


@slip(
    fails_on=(np.float32([3, 1]),),
    widget="loss",
    belief="The shift cancels, as it does in softmax.",
    diagnosis="You subtracted the maximum and did not add it back. In softmax the shift cancels in the "
    "division; here nothing divides, so the result is too small by exactly the maximum.",
    step="`np.log(total)` is the log-sum-exp of the shifted row.",
    change="Return `row_max + np.log(total)`.",
)
def forget_to_add_the_max(logits, axis=-1):
    return log_total(logits, axis, np.max(logits, axis=axis, keepdims=True))


@slip(
    fails_on=(np.float32([3, 1]),),
    widget="loss",
    belief="What was subtracted is subtracted at the end.",
    diagnosis="You subtracted the maximum a second time. The shift took it out of every exponent; the "
    "result gets it back with a plus.",
    step="`np.log(total) - row_max`.",
    change="Return `row_max + np.log(total)`.",
)
def subtract_the_max_again(logits, axis=-1):
    shift = guarded_max(logits, axis)
    return log_total(logits, axis, shift) - np.squeeze(shift, axis=axis)


@slip(
    fails_on=(np.float32([5, 5]),),
    widget="loss",
    belief="Log-sum-exp is the maximum.",
    diagnosis="You returned the maximum. It is close when one logit towers over the rest; with n equal "
    "logits the answer is larger by log n.",
    step="The sum of the other terms is missing.",
    change="Add `np.log(np.sum(np.exp(logits - row_max), ...))` to the maximum.",
)
def return_the_max(logits, axis=-1):
    return np.max(logits, axis=axis)


@slip(
    fails_on=(np.float32([[200, 0, 0], [0, 200, 0], [0, 0, 200]]),),
    widget="shift",
    belief="Any number from the row will do as a shift.",
    diagnosis="Your shift is not the row's largest logit. A mean, a median, a first or last entry lies "
    "below it in some row; there an exponent stays positive, and exp overflows.",
    step="`logits - shift`: the largest exponent is above 0.",
    change="Shift by the maximum: `np.max(logits, axis=axis, keepdims=True)`.",
    family=("shift", both_ways(*BELOW_THE_MAX)),
)
def shift_below_the_max(logits, axis=-1, *, shift=SHIFTS["the mean"]):
    return added_back(logits, axis, shift(logits, axis))


@slip(
    fails_on=(np.float32([-60, -61]),),
    widget="shift",
    belief="The largest magnitude is what overflows.",
    diagnosis="You shifted by the largest magnitude. In a row of negative logits that pushes every exponent "
    "further down, until all exps are 0, and log 0 is -inf.",
    step="`np.max(np.abs(logits), ...)`.",
    change="Remove `np.abs`: the maximum itself, negative or not, is the shift.",
    family=("shift", both_ways("the largest magnitude")),
)
def shift_by_the_magnitude(logits, axis=-1, *, shift=SHIFTS["the largest magnitude"]):
    return added_back(logits, axis, shift(logits, axis))


@slip(
    fails_on=(np.float32([[0, 1], [200, 201]]),),
    widget="shift",
    belief="One maximum serves the whole batch.",
    diagnosis="You shifted all rows by one maximum. In the row far below it every exp underflows to 0, and "
    "log 0 is -inf.",
    step="`np.max(logits)` without an axis.",
    change="Take the maximum along the axis: `np.max(logits, axis=axis, keepdims=True)`.",
    family=("shift", both_ways("the batch's maximum")),
)
def one_max_for_all(logits, axis=-1, *, shift=SHIFTS["the batch's maximum"]):
    return added_back(logits, axis, shift(logits, axis))


@slip(
    fails_on=(np.float32([[0, 1], [2, 3]]),),
    widget="",
    belief="np.sum adds up each row.",
    diagnosis="You added up the whole batch: one number came out for all rows. Without an axis, `np.sum` "
    "and `np.max` go over every number they get.",
    step="`np.sum(...)` without an axis.",
    change="Hand `axis` on to np.max, np.sum and np.squeeze.",
)
def sum_the_whole_batch(logits, axis=-1):
    return np.max(logits) + np.log(np.sum(np.exp(logits - np.max(logits))))


@slip(
    fails_on=(np.float32([[0, 3], [1, 0]]), 0),
    widget="",
    belief="The classes always lie on the last axis.",
    diagnosis="Your function sums along the last axis, whatever `axis` says. Along axis 0, one number for "
    "each column must come out.",
    step="`axis=-1` inside the function, where the argument `axis` should stand.",
    change="Hand `axis` on to np.max, np.sum and np.squeeze.",
)
def ignore_the_axis(logits, axis=-1):
    return added_back(logits, -1, guarded_max(logits, -1))


@slip(
    fails_on=(np.float32([-np.inf, -np.inf]),),
    widget="",
    belief="A NaN stands for nothing, so 0 will do.",
    diagnosis="You turned the NaN into 0. But 0 is the log of 1: it claims a sum of 1. The sum of no terms "
    "is 0, and log 0 = -inf.",
    step="`np.nan_to_num(...)`: it repairs the result after the accident.",
    change="Avoid the NaN: where row_max is -inf, shift by 0.",
)
def zero_for_nan(logits, axis=-1):
    return np.nan_to_num(added_back(logits, axis, np.max(logits, axis=axis, keepdims=True)), nan=0.0)


@slip(
    fails_on=(np.float32([np.nan, 1]),),
    widget="",
    belief="Where a NaN comes out, -inf was meant.",
    diagnosis="You turned every NaN into -inf. That is right for a row of nothing but -inf, and it also "
    "hides a broken logit: a NaN that comes in must come out.",
    step="The result is repaired after the accident, whatever its cause.",
    change="Avoid the NaN: where row_max is -inf, shift by 0.",
)
def infinity_for_every_nan(logits, axis=-1):
    result = added_back(logits, axis, np.max(logits, axis=axis, keepdims=True))
    return np.where(np.isnan(result), -np.inf, result)


@slip(
    fails_on=(np.float32([3, 1]),),
    widget="",
    belief="A logarithm is a logarithm.",
    diagnosis="You took a logarithm with another base. exp and log must undo each other: log-sum-exp needs "
    "the natural one.",
    step="`np.log10` or `np.log2`.",
    change="Use `np.log`.",
    family=("base", (10, 2)),
)
def log_of_another_base(logits, axis=-1, *, base=10):
    shift = guarded_max(logits, axis)
    return np.squeeze(shift, axis=axis) + log_total(logits, axis, shift) / np.log(logits.dtype.type(base))


@slip(
    fails_on=(np.float32([-np.inf, -np.inf]),),
    widget="",
    belief="A small constant keeps the log away from 0.",
    diagnosis="You added a small constant under the log. After the shift a sum is at least 1 and needs no "
    "help; only a row of nothing but -inf has a sum of 0, and there the answer is -inf, not the log of your "
    "constant.",
    step="`np.log(total + epsilon)`.",
    change="Leave the constant out.",
    family=("epsilon", (1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-16, 1e-20, 1e-30, 1e-38, 1e-45)),
)
def epsilon_under_the_sum(logits, axis=-1, *, epsilon=1e-8):
    shift = guarded_max(logits, axis)
    total = np.sum(np.exp(logits - shift), axis=axis) + epsilon
    return np.squeeze(shift, axis=axis) + np.log(total)


@slip(
    fails_on=(np.float32([1000, 999]),),
    widget="",
    belief="Logits that large do not happen, so cut them off.",
    diagnosis="You clipped the logits. Then all logits beyond the limit are one and the same number, and "
    "the answer can never be much larger, or smaller, than the limit.",
    step="`np.clip(logits, ...)`: different logits go in, the same number comes out.",
    change="Shift instead: subtract the row's maximum, and add it back after the log.",
    family=("limit", (20, 30, 50, 60, 80, 85, 87, 88, 88.7, 100, 500, 700, 709)),
)
def clip_before_the_sum(logits, axis=-1, *, limit=80):
    return log_total(np.clip(logits, -limit, limit), axis, 0)


@slip(
    fails_on=(np.float32([5, 5]),),
    widget="",
    belief="A mean is a sum of another size.",
    diagnosis="You took the mean of the exps. Then n equal logits give the logit itself, and the log n is "
    "lost.",
    step="`np.mean(np.exp(...))`.",
    change="Use `np.sum`.",
)
def mean_for_sum(logits, axis=-1):
    shift = guarded_max(logits, axis)
    return np.squeeze(shift, axis=axis) + np.log(np.mean(np.exp(logits - shift), axis=axis))
