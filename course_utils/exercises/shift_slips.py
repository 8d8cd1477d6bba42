"""What people write when they build a softmax that should not break: the mistakes of exercise 03.max_shift.

The wrong shifts that every course warns of stand in `course_utils.mistakes`; these are their relatives.
"""

from functools import partial

import numpy as np

from course_utils import shifted
from course_utils.mistakes import constants, mistake

_slip = partial(mistake, quantity="softmax")
_INSIDE = "Subtract the maximum: nothing else is sure to be at or above every logit of the row."


def _of_exps(exps, axis):
    return exps / np.sum(exps, axis=axis, keepdims=True)


@_slip(
    fails_on=(np.float32([[2, 0], [1, 0]]), 0),
    widget="",
    belief="The classes are always along the last axis.",
    diagnosis="You took the last axis, whatever `axis` says. Where the classes lie along axis 0, each column is a "
    "softmax of its own.",
    step="`axis=-1` inside the function: a fixed number where the argument belongs.",
    change="Pass the argument on, both times: `axis=axis`.",
)
def ignore_the_axis(logits, axis=-1):
    return shifted.softmax(logits, axis=-1)


@_slip(
    fails_on=(np.float32([-60, -61]),),
    widget="shift",
    belief="The maximum moves the row to 0, whichever way it is applied.",
    diagnosis="You added the maximum. That moves the row away from 0, to twice its maximum: the cliffs come closer.",
    step="`logits + max`: the largest exponent is 2 * max.",
    change="Subtract it: `logits - max`. Then the largest exponent is 0.",
)
def add_the_maximum(logits, axis=-1):
    return _of_exps(np.exp(logits + np.max(logits, axis=axis, keepdims=True)), axis)


@_slip(
    fails_on=(np.float32([200, 0, 0]),),
    widget="shift",
    belief="The median is a robust centre.",
    diagnosis="You subtracted the median. It lies in the middle of the row and ignores the one large logit that "
    "overflows.",
    step="`logits - median`: the largest exponent is max - median, and nothing bounds that.",
    change=_INSIDE,
)
def shift_by_median(logits, axis=-1):
    return _of_exps(np.exp(logits - np.median(logits, axis=axis, keepdims=True).astype(logits.dtype)), axis)


@_slip(
    fails_on=(np.float32([200, 0]),),
    widget="shift",
    belief="Half way between the smallest and the largest, both ends are equally far.",
    diagnosis="You subtracted the middle of the row's range. Half of the spread is left above 0, and a wide row still "
    "overflows.",
    step="`logits - (max + min) / 2`: the largest exponent is half of the spread.",
    change=_INSIDE,
)
def shift_by_midrange(logits, axis=-1):
    middle = (np.max(logits, axis=axis, keepdims=True) + np.min(logits, axis=axis, keepdims=True)) / 2
    return _of_exps(np.exp(logits - middle), axis)


@_slip(
    fails_on=(np.float32([200, 0]),),
    widget="shift",
    family=("position", (0,)),
    belief="Any logit of the row will do as a shift.",
    diagnosis="You subtracted the logit at a fixed place. Where another one is much larger, its exponent is as large "
    "as the gap between them.",
    step="`logits - logits[..., -1:]`, or the first one: the place is fixed, the largest logit moves.",
    change=_INSIDE,
)
def shift_by_one_position(logits, axis=-1, *, position=-1):
    return _of_exps(np.exp(logits - np.take(logits, [position], axis=axis)), axis)


@_slip(
    fails_on=(np.float32([0, 200]),),
    widget="shift",
    family=("cast", (True,)),
    belief="argmax gives the maximum.",
    diagnosis="You subtracted the place of the maximum instead of its value. `np.argmax` answers with an index.",
    step="`np.argmax(logits)`: 0, 1, 2, ..., whatever the logits are.",
    change="Use `np.max`: the value.",
)
def shift_by_argmax(logits, axis=-1, *, cast=False):
    place = np.argmax(logits, axis=axis, keepdims=True)
    return _of_exps(np.exp(logits - (place.astype(logits.dtype) if cast else place)), axis)


@_slip(
    fails_on=(np.float32([2, 1]),),
    widget="shift",
    belief="Dividing by the maximum also brings the largest to 1.",
    diagnosis="You divided the logits by their maximum. Softmax forgives an added constant, never a factor: all rows "
    "end up about equally flat, and a row with a negative maximum is turned round.",
    step="`logits / max`: a factor that depends on the row.",
    change="Subtract the maximum.",
)
def divide_by_max(logits, axis=-1):
    return _of_exps(np.exp(logits / np.max(logits, axis=axis, keepdims=True)), axis)


@_slip(
    fails_on=(np.float32([100, 0]),),
    widget="shift",
    belief="Scaling the exps keeps them small.",
    diagnosis="You divided the exps by the largest of them. On paper that is the right shift; it comes one step too "
    "late, when exp has already overflowed: inf / inf is NaN.",
    step="`np.exp(logits) / np.exp(logits).max()`: the damage is done inside exp.",
    change="Subtract the maximum before exp: `np.exp(logits - max)`.",
)
def divide_the_exps(logits, axis=-1):
    exps = np.exp(logits)
    return _of_exps(exps / np.max(exps, axis=axis, keepdims=True), axis)


@_slip(
    fails_on=(np.float32([1, 0]),),
    widget="",
    belief="The distance to the maximum is what counts.",
    diagnosis="You took exp of max - z. The sign is turned round: the smallest logit gets the largest probability, and "
    "exponents above 0 can overflow.",
    step="The subtraction the wrong way round, `max - logits`, or a minus or an `abs` around it.",
    change="`np.exp(logits - max)`: exponents at or below 0.",
)
def turn_the_sign(logits, axis=-1):
    return _of_exps(np.exp(np.max(logits, axis=axis, keepdims=True) - logits), axis)


@_slip(
    fails_on=(np.float32([1, 0]),),
    widget="",
    family=("base", (10.0, 3.0)),
    belief="Any base will do.",
    diagnosis="You raised another number than e to the shifted logits. That is a softmax with another temperature.",
    step="`2 ** ...` or `10 ** ...`, or `np.exp2`.",
    change="Use `np.exp`.",
)
def other_base(logits, axis=-1, *, base=2.0):
    powers = np.power(logits.dtype.type(base), logits - np.max(logits, axis=axis, keepdims=True))
    return _of_exps(powers, axis)


@_slip(
    fails_on=(np.float32([0, 0]),),
    widget="",
    family=("epsilon", constants.epsilon_beside_one),
    belief="An epsilon in the denominator never hurts.",
    diagnosis="You shifted by the maximum, and that is enough: the sum is at least 1. The epsilon that you added to it "
    "makes every probability too small, and a row no longer sums to 1.",
    step="`exps.sum() + epsilon`: it guards against a 0 that cannot occur.",
    change="Remove the epsilon.",
)
def add_epsilon_after_shift(logits, axis=-1, *, epsilon=1e-3):
    exps = np.exp(logits - np.max(logits, axis=axis, keepdims=True))
    return exps / (np.sum(exps, axis=axis, keepdims=True) + epsilon)


@_slip(
    fails_on=(np.float32([-120, -121]),),
    widget="shift",
    family=(
        "when",
        tuple((limit, rows) for rows in (False, True) for limit in (20, 50, 60, 85, 87, 88, 88.7, 100)),
    ),
    belief="The shift is only needed when a logit is large.",
    diagnosis="You shift only when a logit is large. Rows far below 0 need it as much: all of their exps underflow, "
    "and 0/0 is NaN. What is large depends on the format, too.",
    step="The `if` in front of the shift.",
    change="Shift always. The maximum costs little, and no row needs to be looked at.",
)
def shift_when_large(logits, axis=-1, *, when=(80, False)):
    limit, each_row = when
    largest = np.max(logits, axis=axis, keepdims=True)
    return _of_exps(
        np.exp(np.where((largest if each_row else np.max(logits)) > limit, logits - largest, logits)), axis
    )


@_slip(
    fails_on=(np.float32([88.5, 88.5]),),
    widget="shift",
    family=("whole", (False,)),
    belief="Where no NaN comes out, nothing went wrong.",
    diagnosis="You shift only after a NaN has come out. Not every failure is a NaN: a sum that overflows gives 0 for "
    "every class, and exps that have lost their digits give plain wrong numbers.",
    step="`if np.isnan(p).any()`, or a `np.where` with it: it sees one kind of failure of three.",
    change="Shift always, before exp.",
)
def fall_back_on_nan(logits, axis=-1, *, whole=True):
    p = _of_exps(np.exp(logits), axis)
    lost = np.isnan(p).any() if whole else np.isnan(p)
    return np.where(lost, shifted.softmax(logits, axis), p)


@_slip(
    fails_on=(np.float64([12000, 0]),),
    widget="edge",
    belief="longdouble has range enough.",
    diagnosis="You moved to longdouble. Where that is a wider format its exp ends near 11356: the cliff has moved, and "
    "it is still there. On other machines longdouble is float64.",
    step="`np.exp(logits.astype(np.longdouble))`: a wider format, the same unbounded exponent.",
    change="Subtract the row's maximum. Then every format is wide enough.",
)
def trust_longdouble(logits, axis=-1):
    return _of_exps(np.exp(np.asarray(logits).astype(np.longdouble)), axis).astype(logits.dtype)
