"""Logarithms taken too late, too early, or of a number that has already lost its digits."""

import numpy as np

from course_utils.mistakes.core import mistake


@mistake(
    "10",
    quantity="log_softmax",
    fails_on=(np.float32([0, -104]),),
    widget="loss",
    belief="The softmax is stable now, so its logarithm is too.",
    diagnosis="You took the log of a probability. Even a good softmax underflows to 0 for a class 104 below "
    "the maximum (float32), and log 0 is -inf where the answer is an ordinary number.",
    step="`np.log(p)`: p was rounded to 0, or lost its digits, before the log saw it.",
    change="Stay in the log domain: `shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))`.",
)
def log_of_softmax(logits, axis=-1):
    exps = np.exp(logits - np.max(logits, axis=axis, keepdims=True))
    return np.log(exps / np.sum(exps, axis=axis, keepdims=True))


@mistake(
    "18",
    quantity="log_softmax",
    fails_on=(np.float32([1e4, 1e4]),),
    widget="loss",
    belief="z - (m + log s) and (z - m) - log s are the same, so the order is free.",
    diagnosis="You added the logarithm to the maximum first. Next to a large maximum the small log loses its "
    "digits, and the later subtraction lays the loss bare.",
    step="`row_max + np.log(total)`: the sum is rounded to the spacing of row_max.",
    change="Shift first: `(logits - row_max) - np.log(total)`.",
)
def add_log_to_max(logits, axis=-1):
    row_max = np.max(logits, axis=axis, keepdims=True)
    total = np.sum(np.exp(logits - row_max), axis=axis, keepdims=True)
    return logits - (row_max + np.log(total))


@mistake(
    "14",
    quantity="logsumexp",
    fails_on=(np.float32([-104, -105]),),
    widget="loss",
    belief="Only large logits overflow, so small ones need no shift.",
    diagnosis="You took log(sum(exp(z))) without a shift. Large logits overflow to inf, and far below 0 "
    "every exp underflows to 0, so the log is -inf. The answer is close to the largest logit in both cases.",
    step="`np.exp(logits)`: out of range on either side, before the log can bring it back.",
    change="Shift and add back: `row_max + np.log(np.exp(logits - row_max).sum())`.",
    family=("dtype", (np.float64, np.longdouble)),
)
def logsumexp_unshifted(logits, axis=-1, *, dtype=None):
    return np.log(np.sum(np.exp(np.asarray(logits, dtype)), axis=axis))


@mistake(
    "15",
    quantity="logsumexp",
    fails_on=(np.float32([-np.inf, -np.inf]),),
    widget="loss",
    belief="-inf is always a safe mask.",
    diagnosis="You shifted a row that holds nothing but -inf. Its maximum is -inf too, and -inf - -inf is "
    "NaN. The sum of no terms is 0, so the answer is log 0 = -inf.",
    step="`logits - row_max` with row_max = -inf.",
    change="Where row_max is -inf, shift by 0: `np.where(np.isinf(row_max), 0, row_max)`.",
)
def shift_fully_masked_row(logits, axis=-1):
    row_max = np.max(logits, axis=axis, keepdims=True)
    total = np.sum(np.exp(logits - row_max), axis=axis, keepdims=True)
    return np.squeeze(row_max + np.log(total), axis=axis)


@mistake(
    "37",
    quantity="logsumexp",
    fails_on=(np.float32([np.inf, 1, 2]),),
    widget="loss",
    belief="The shift brings an infinite logit back into range.",
    diagnosis="You shifted by +inf. The infinite logit becomes inf - inf = NaN. A shift moves finite "
    "numbers; an infinity has to be met before it.",
    step="`logits - row_max` with row_max = +inf.",
    change="Where row_max is infinite, shift by 0: `np.where(np.isinf(row_max), 0, row_max)`.",
)
def shift_infinite_logit(logits, axis=-1):
    row_max = np.max(logits, axis=axis, keepdims=True)
    shift = np.where(row_max == -np.inf, np.zeros_like(row_max), row_max)
    total = np.sum(np.exp(logits - shift), axis=axis, keepdims=True)
    return np.squeeze(shift + np.log(total), axis=axis)


@mistake(
    "17",
    quantity="log_not_sigmoid",
    fails_on=(np.float32([17]),),
    widget="loss",
    belief="log(1 - sigmoid(z)) is the formula, so it is the code.",
    diagnosis="You took the log of 1 - sigmoid(z). For a large z the sigmoid is within a rounding of 1, so "
    "the difference has few digits left or none: log 0 is -inf.",
    step="`1 - sigmoid(z)`: two nearly equal numbers cancel.",
    change="Use `-np.logaddexp(0, z)`: the same quantity without the difference.",
)
def log_of_one_minus_sigmoid(z):
    return np.log(1 - 1 / (1 + np.exp(-z)))


@mistake(
    quantity="log_softmax",
    fails_on=(np.float64([0, -40]),),
    widget="loss",
    family=("epsilon", (1e-3, 1e-5, 1e-6, 1e-7, 1e-9, 1e-10, 1e-12)),
    belief="A tiny epsilon keeps the logarithm away from 0.",
    diagnosis="You added an epsilon to the sum before its logarithm. After the shift the sum is at least 1, so "
    "there is nothing to guard, and a confident class gets the epsilon for its loss.",
    step="`np.log(total + eps)`: where the truth is smaller than eps, only eps is left.",
    change="Remove the epsilon; leave the largest term out of the sum and use `np.log1p(rest)`.",
)
def epsilon_in_log_sum(logits, axis=-1, epsilon=1e-8):
    shifted = logits - np.max(logits, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True) + epsilon)


@mistake(
    quantity="logsumexp",
    fails_on=(np.float64([np.nan, 1]),),
    widget="loss",
    belief="NaN is a hole in the data, and a sum can skip it.",
    diagnosis="You dropped NaN from the sum. The answer looks healthy, and the error that made the NaN goes "
    "unseen.",
    step="`np.nansum(np.exp(...))`: NaN is dropped without a word.",
    change="Use `np.max` and `np.sum`: a NaN in a row has to come out.",
)
def skip_nan_in_logsumexp(logits, axis=-1):
    row_max = np.nanmax(logits, axis=axis, keepdims=True)
    return np.squeeze(
        row_max + np.log(np.nansum(np.exp(logits - row_max), axis=axis, keepdims=True)), axis=axis
    )


@mistake(
    quantity="logsumexp",
    fails_on=(np.float64([0, 1000]),),
    options={"b": np.array([1.0, 0])},
    widget="loss",
    belief="The weights belong to the sum, so the shift need not know them.",
    diagnosis="You shifted by a logit whose weight is 0. Every other exponent underflows, and log 0 is -inf.",
    step="`logits.max()` over all logits: the largest of them takes no part.",
    change="Take the maximum where b is not 0: `np.where(b == 0, -np.inf, logits).max()`.",
)
def max_over_weight_zero(logits, b=1, axis=-1):
    row_max = np.max(logits, axis=axis, keepdims=True)
    total = np.sum(b * np.exp(logits - row_max), axis=axis, keepdims=True)
    return np.squeeze(row_max + np.log(total), axis=axis)
