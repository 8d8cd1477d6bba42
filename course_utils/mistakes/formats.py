"""The formula is right and the number format is not: storage, resolution, accumulators, wrap-around."""

import numpy as np

from course_utils import floats
from course_utils.mistakes.core import mistake


def _shifted_softmax(logits, axis=-1):
    exps = np.exp(logits - np.max(logits, axis=axis, keepdims=True))
    return exps / np.sum(exps, axis=axis, keepdims=True)


@mistake(
    "20",
    quantity="softmax",
    fails_on=(floats.store(np.zeros(1000), "bfloat16"),),
    widget="breaker",
    belief="After the max-shift the sum is safe.",
    diagnosis="You added up in the narrow format. A running sum in bfloat16 stops growing at 256, because "
    "256 + 1 rounds back to 256; in float16 a sum of 70,000 ones is inf.",
    step="`exps.sum()` in the format of the input: the accumulator is too narrow, not the terms.",
    change="Add up in float32: `exps.astype(np.float32).sum(...)`, and round once at the end.",
)
def sum_in_narrow_format(logits, axis=-1):
    return _shifted_softmax(logits, axis)


@mistake(
    quantity="softmax",
    fails_on=(np.float32([0] + [-17] * 1000),),
    widget="edge",
    belief="A sum is a sum, in whatever order.",
    diagnosis="You added up one after the other in the format of the input. Next to a sum of 1 a term below half "
    "its spacing is rounded away; thousands of them are lost, although together they count.",
    step="`total += term` from left to right: each small term meets the large sum alone.",
    change="Let `np.sum` add along the last axis (it adds in pairs), or add up in float64.",
)
def sum_one_by_one(logits, axis=-1):
    exps = np.exp(logits - np.max(logits, axis=axis, keepdims=True))
    return exps / np.take(np.cumsum(exps, axis=axis), [-1], axis=axis)


@mistake(
    quantity="logsumexp",
    fails_on=(np.zeros(70_000, np.float16),),
    widget="edge",
    belief="The logarithm of the sum is small, so a narrow format holds it.",
    diagnosis="You added up the exponentials in the narrow format. A running sum in bfloat16 stops growing at "
    "256, and in float16 a sum of 70,000 ones is inf, long before its logarithm is large.",
    step="`np.sum(exps)` in the format of the input: the logarithm fits, the sum does not.",
    change="Add up in float32: `exps.astype(np.float32).sum(...)`, and round once at the end.",
)
def narrow_sum_in_logsumexp(logits, axis=-1):
    row_max = np.max(logits, axis=axis, keepdims=True)
    total = np.sum(np.exp(logits - row_max), axis=axis, keepdims=True)
    return np.squeeze(row_max + np.log(total), axis=axis)


@mistake(
    "33",
    quantity="softmax",
    fails_on=(np.zeros(1100, np.float32),),
    widget="edge",
    belief="Probabilities are at most 1, so eight bits hold them.",
    diagnosis="You stored probabilities in eight bits. Their range fits, their resolution does not: the "
    "smallest positive float8_e4m3fn is about 0.002, and 1/1100 is rounded to 0.",
    step="`.astype(float8_e4m3fn)`: every probability below half the smallest step becomes 0.",
    change="Store log-probabilities, or keep the probabilities in a wider format.",
)
def store_probabilities_in_float8(logits, axis=-1):
    return floats.store(_shifted_softmax(logits, axis), "float8_e4m3fn").astype(logits.dtype)


@mistake(
    "34",
    quantity="softmax",
    fails_on=(np.float32([256, 257]),),
    widget="offset",
    belief="The shift also repairs logits that are kept in 16 bits.",
    diagnosis="You stored the logits in bfloat16 before the shift. Near 256 its neighbours are 2 apart, so "
    "256 and 257 become the same number. No later step can tell them apart.",
    step="`.astype(bfloat16)` before the shift: the difference was rounded away in storage.",
    change="Shift first, in the wide format, and store the differences.",
)
def store_logits_narrow(logits, axis=-1):
    return _shifted_softmax(floats.store(logits, "bfloat16").astype(logits.dtype), axis)


@mistake(
    "35",
    quantity="softmax",
    fails_on=(np.array([200, 0], np.uint8),),
    widget="offset",
    belief="Integers are exact, so the subtraction cannot go wrong.",
    diagnosis="You subtracted in an unsigned integer type. 0 - 200 wraps around to 56, so the smallest logit "
    "becomes the largest exponent.",
    step="`logits - logits.max()` in uint8: below 0 it starts again at 255.",
    change="Convert first: `logits = np.asarray(logits, dtype=np.float64)`.",
)
def subtract_in_uint8(logits, axis=-1):
    return _shifted_softmax(logits, axis)
