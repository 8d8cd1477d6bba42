"""Ways around the shift that change the answer, hide the alarm or move the cliff."""

import numpy as np

from course_utils.mistakes import constants
from course_utils.mistakes.core import mistake


@mistake(
    "1",
    quantity="softmax",
    fails_on=(np.float32([100, 60, 0]),),
    widget="breaker",
    family=("limits", constants.clip_limits),
    belief="Logits outside ±50 are extreme anyway, so clipping them costs nothing.",
    diagnosis="You clipped the logits, or their exps. Two classes beyond the limit become equal, so their order is "
    "lost, and both get gradient 0.",
    step="`np.clip` or `np.minimum`: different logits go in, the same number comes out.",
    change="Remove the clip and subtract the row's maximum: differences stay, size goes.",
)
def clip_logits(logits, axis=-1, *, limits=(-50, 50)):
    exps = np.exp(np.clip(logits, *limits))
    return exps / np.sum(exps, axis=axis, keepdims=True)


@mistake(
    "21",
    quantity="softmax",
    fails_on=(np.full(24, 8, np.float16),),
    widget="breaker",
    belief="exp of each logit is finite, so the formula can stay as it is.",
    diagnosis="You used the formula without a shift. A large logit overflows exp. And where every exp is "
    "still finite, their sum can overflow first: a number divided by inf is 0.",
    step="`np.exp(logits)` and its sum: both are out of the format's range long before the answer is.",
    change="Subtract the row's maximum before exp: `logits - logits.max(axis=axis, keepdims=True)`.",
)
def exponentiate_unshifted(logits, axis=-1):
    exps = np.exp(logits)
    return exps / np.sum(exps, axis=axis, keepdims=True)


@mistake(
    "3",
    quantity="softmax",
    fails_on=(np.float64([710, 0]),),
    widget="edge",
    belief="float64 has range enough.",
    diagnosis="You moved to float64. The cliff moves from 88.7 to 709.8 and from -104 to -745; it is still "
    "there.",
    step="`np.exp(logits.astype(np.float64))`: a wider format, the same unbounded exponent.",
    change="Subtract the row's maximum. Then every format is wide enough.",
)
def trust_float64(logits, axis=-1):
    exps = np.exp(np.asarray(logits).astype(np.float64))
    return exps / np.sum(exps, axis=axis, keepdims=True)


@mistake(
    "12",
    quantity="softmax",
    fails_on=(np.float32([100, 99]),),
    widget="breaker",
    family=("value", (1.0, 0.5)),
    belief="nan_to_num repairs the NaN.",
    diagnosis="You replaced NaN by a number. The alarm is gone and the error stays: nothing is known about the "
    "class that got it.",
    step="`np.nan_to_num(p)` or `np.where(np.isnan(p), ...)`: the information was lost one step earlier, in inf/inf.",
    change="Remove nan_to_num and subtract the row's maximum before exp.",
)
def replace_nan(logits, axis=-1, *, value=0.0):
    exps = np.exp(logits)
    return np.nan_to_num(exps / np.sum(exps, axis=axis, keepdims=True), nan=value)


@mistake(
    "12",
    quantity="softmax",
    fails_on=(np.float32([100, 99]),),
    widget="breaker",
    family=("largest", (3e38, 1e38, 1e37, 1e30, 1e20, 1e10)),
    belief="Replacing inf by the largest finite number is close enough.",
    diagnosis="You put a ceiling on exp. Two overflowed classes become equal, and a sum of such large numbers "
    "can overflow again: everything divided by inf is 0.",
    step="`np.nan_to_num` or `np.minimum` of `np.exp(logits)`: every logit above the cliff gets the same exp.",
    change="Remove nan_to_num and subtract the row's maximum before exp.",
)
def replace_inf(logits, axis=-1, *, largest=None):
    exps = np.exp(logits)
    exps = np.nan_to_num(exps) if largest is None else np.minimum(exps, exps.dtype.type(largest))
    return exps / np.sum(exps, axis=axis, keepdims=True)


@mistake(
    quantity="softmax",
    fails_on=(np.float32([np.nan, 1]),),
    widget="breaker",
    belief="NaN is a hole in the data, and the other classes can share the rest.",
    diagnosis="You dropped NaN from the maximum and the sum. The other classes look healthy, and the error that "
    "made the NaN goes unseen.",
    step="`np.nansum(exps)`: NaN is dropped without a word.",
    change="Use `np.max` and `np.sum`: a NaN spoils its row, and has to.",
)
def skip_nan(logits, axis=-1):
    exps = np.exp(logits - np.nanmax(logits, axis=axis, keepdims=True))
    return exps / np.nansum(exps, axis=axis, keepdims=True)


@mistake(
    quantity="softmax",
    fails_on=(np.float32([np.nan, 1]),),
    widget="breaker",
    belief="A logit that is NaN says nothing, so its class gets probability 0.",
    diagnosis="You took NaN for -inf. Its class gets probability 0 and the row adds up to 1: the error that made "
    "the NaN goes unseen.",
    step="`np.where(np.isnan(logits), -np.inf, logits)`: an alarm is turned into an answer.",
    change="Leave NaN where it is: it spoils its row, and has to.",
)
def nan_as_minus_infinity(logits, axis=-1):
    kept = np.where(np.isnan(logits), np.array(-np.inf, logits.dtype), logits)
    exps = np.exp(kept - np.max(kept, axis=axis, keepdims=True))
    return exps / np.sum(exps, axis=axis, keepdims=True)


@mistake(
    "24",
    quantity="softmax",
    fails_on=(np.float32([1000, 990]),),
    widget="breaker",
    family=("divisor", constants.divisor),
    belief="Dividing all logits by 100 scales the problem down and leaves the answer.",
    diagnosis="You divided the logits. That is a temperature: it answers another question, with flatter "
    "probabilities. Softmax forgives an added constant, never a factor.",
    step="`logits / constant`, or times one: the differences between classes shrink too.",
    change="Subtract instead of dividing: `logits - logits.max(axis=axis, keepdims=True)`.",
)
def divide_logits(logits, axis=-1, *, divisor=100):
    exps = np.exp(logits / divisor)
    return exps / np.sum(exps, axis=axis, keepdims=True)


@mistake(
    "25",
    quantity="softmax",
    fails_on=(np.float32([100, 90, 80]),),
    widget="breaker",
    family=("epsilon", (1e-3, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12)),
    belief="Standardised logits are well behaved and mean the same.",
    diagnosis="You standardised the row. Subtracting the mean is harmless, dividing by the standard "
    "deviation is not: rows with very different margins get the same probabilities.",
    step="`/ logits.std()`: a factor that depends on the row changes the answer.",
    change="Leave out the division, and subtract the maximum instead of the mean.",
)
def standardise(logits, axis=-1, *, epsilon=0):
    centred = logits - np.mean(logits, axis=axis, keepdims=True)
    exps = np.exp(centred / (np.std(logits, axis=axis, keepdims=True) + epsilon))
    return exps / np.sum(exps, axis=axis, keepdims=True)


@mistake(
    "26",
    quantity="softmax",
    fails_on=(np.float32([-100, -101]),),
    widget="offset",
    family=("epsilon", constants.epsilon_beside_little),
    belief="A tiny epsilon in the denominator prevents 0/0.",
    diagnosis="You added an epsilon to the sum and left out the shift. Far below 0 the epsilon is the "
    "largest term, so the probabilities no longer add up to 1; far above 0, inf / (inf + eps) is still NaN.",
    step="`exps.sum() + epsilon`: next to a sum of 1e-44 an epsilon of 1e-8 is everything.",
    change="Remove the epsilon and subtract the row's maximum: then the sum is at least 1.",
)
def add_epsilon_to_sum(logits, axis=-1, *, epsilon=1e-8):
    exps = np.exp(logits)
    return exps / (np.sum(exps, axis=axis, keepdims=True) + epsilon)


@mistake(
    "36",
    quantity="predicted_class",
    fails_on=(np.float32([89, 90]),),
    widget="breaker",
    belief="Broken probabilities still have the right argmax.",
    diagnosis="You took the argmax of probabilities that are NaN. argmax returns the first NaN, so NaN looks "
    "like a confident prediction of that class.",
    step="`np.argmax(p)` with NaN in p: no comparison with NaN is true, and argmax does not complain.",
    change="Take the argmax of the logits, or of probabilities from a shifted softmax.",
)
def argmax_of_nan(logits):
    exps = np.exp(logits)
    return np.argmax(exps / np.sum(exps, axis=-1, keepdims=True), axis=-1)


@mistake(
    "16",
    quantity="masked_softmax",
    fails_on=(np.float32([3, 5]), np.array([False, False])),
    widget="loss",
    belief="Adding -1e9 to a masked score removes it.",
    diagnosis="You masked by adding -1e9. In a row where everything is masked the shift brings it all back, "
    "and next to 1e9 the scores themselves are rounded away: padding gets a share. In float16 -1e9 is -inf.",
    step="`scores - 1e9`: a large finite number is absorbed by the shift, and absorbs the scores.",
    change="Set masked scores to -inf, and give a row with nothing to keep the answer 0.",
)
def mask_by_adding(scores, keep):
    masked = scores + np.where(keep, 0, -1e9).astype(scores.dtype)
    exps = np.exp(masked - np.max(masked, axis=-1, keepdims=True))
    return exps / np.sum(exps, axis=-1, keepdims=True)


@mistake(
    "19",
    quantity="tempered_softmax",
    fails_on=(np.float16([6, 5]), np.float16(6e-5)),
    widget="breaker",
    belief="The shift repairs whatever comes before it.",
    diagnosis="You divided by the temperature first. The quotient overflowed before the shift saw it, and "
    "inf - inf is NaN.",
    step="`logits / temperature`: with a small temperature this is already inf.",
    change="Shift first, divide after: `(logits - logits.max()) / temperature`.",
)
def divide_then_shift(logits, temperature):
    scaled = logits / temperature
    exps = np.exp(scaled - np.max(scaled, axis=-1, keepdims=True))
    return exps / np.sum(exps, axis=-1, keepdims=True)
