"""Sums that stop growing, and integers that wrap around."""

import numpy as np

from course_utils import shifted
from course_utils.museum.exhibit import exhibit


def _summed_in_float32(logits, axis=-1):
    terms = np.exp(logits - np.max(logits, axis=axis, keepdims=True)).astype(np.float32)
    return (terms / terms.sum(axis=axis, keepdims=True)).astype(logits.dtype)


@exhibit(
    "pytorch/executorch#20090",
    "portable: accumulate in fp32 for Half/BFloat16 in softmax, log_softmax, mean, and sum",
    pull=True,
    also=("jax-ml/ml_dtypes#63",),
    symptom="512 equal logits in bfloat16 get about 1/256 each, and add up to 2.",
    why="The sum is kept in bfloat16. At 256 its neighbours are 2 apart, and one more 1 is rounded away.",
    change="Add up in float32.",
    kind="softmax",
    caught_by="1100 equal logits, bfloat16",
    cured=_summed_in_float32,
)
def sum_in_bfloat16(logits, axis=-1):
    return shifted.softmax(logits, axis=axis)


@exhibit(
    "numpy/numpy#15785",
    "sum() should return +inf when it fails due to rounding errors",
    also=("numpy/numpy#7933",),
    symptom="3000 ones in float16 add up to 2048 along one axis, and to 3000 along the other.",
    why="Along the slow axis NumPy adds one row after the other, in float16. At 2048 one more 1 is rounded away.",
    change="sum(..., dtype=np.float32).",
    kind="softmax",
    caught_by="5000 rows along axis 0, float16",
    cured=_summed_in_float32,
)
def sum_along_the_slow_axis(logits, axis=-1):
    return shifted.softmax(logits, axis=axis)


@exhibit(
    "cupy/cupy#6823",
    "[special] add `cupyx.scipy.special.log_softmax`",
    pull=True,
    symptom="Unsigned integers give overflows, in the new function and in SciPy's; the tests leave them out.",
    why="0 - 200 in uint8 is 56: the difference wraps around before exp sees it.",
    change="Turn integers into floats first.",
    kind="log_softmax",
    caught_by="uint8",
    cured=lambda logits, axis=-1: shifted.log_softmax(np.asarray(logits, np.float64), axis=axis),
)
def unsigned_differences(logits, axis=-1):
    return shifted.log_softmax(logits, axis=axis)
