"""What is subtracted before exp, from what, and whether the caller's numbers survive it."""

import numpy as np

from course_utils import shifted, stable
from course_utils.museum.exhibit import exhibit


@exhibit(
    "dotnet/machinelearning#3648",
    "Softmax implementation in OneVersusAllModelParameters returns NaN even for scores of ~90.0f",
    also=("dwavesystems/dwave-optimization#555", "deeplearning4j/deeplearning4j#6039"),
    symptom="NaN for scores of about 90 in float32, of about 710 in float64.",
    why="exp of a score past the cliff is inf, and inf / inf is NaN.",
    change="Subtract the row's maximum first.",
    kind="softmax",
    caught_by="one large logit among zeros, float32",
    cured=shifted.softmax,
)
def no_shift(logits, axis=-1):
    exps = np.exp(logits)
    return exps / exps.sum(axis=axis, keepdims=True)


@exhibit(
    "FluxML/NNlib.jl#43",
    "Fixed softmax for large negative numbers",
    pull=True,
    also=("mit-han-lab/tinyengine#107", "csarofeen/pytorch#1141"),
    symptom="A row of large negative scores fails, though a shift is there.",
    why="The search for the maximum begins at 0 (elsewhere at FLT_MIN, the smallest positive number), so it never "
    "goes below. Every exp underflows: 0/0.",
    change="Begin at -inf, or with the row's first number.",
    kind="softmax",
    caught_by="two equal logits far below 0, float64",
    cured=shifted.softmax,
)
def maximum_from_zero(logits, axis=-1):
    largest = np.max(logits, axis=axis, keepdims=True, initial=0)
    exps = np.exp(logits - largest)
    return exps / exps.sum(axis=axis, keepdims=True)


@exhibit(
    "ctallec/world-models#10",
    "Wrong dimension for pi softmax",
    symptom="The weights of a mixture do not add up to 1; with as many rows as classes no shape complains.",
    why="The sum runs over the batch, and not over the classes.",
    change="Name the axis of the classes: -1.",
    kind="log_softmax",
    caught_by="a batch of 3 x 3, float64",
    cured=stable.log_softmax,
)
def over_the_batch(logits):
    return shifted.log_softmax(logits, axis=0)


@exhibit(
    "choderalab/perses#1239",
    "Fix incorrect implementation of logsumexp",
    pull=True,
    symptom="The log-sum-exp is off by exactly the largest number.",
    why="The maximum is subtracted, and never added back.",
    change="Return largest + log(total).",
    kind="logsumexp",
    caught_by="three ordinary logits, float64",
    cured=shifted.logsumexp,
)
def maximum_not_added_back(logits, axis=-1):
    largest = np.max(logits, axis=axis, keepdims=True)
    return np.log(np.exp(logits - largest).sum(axis=axis))


@exhibit(
    "JuliaGPU/CUDA.jl#592",
    "softmax(x) and logsoftmax(x) update their arguments",
    symptom="After the call the logits themselves hold probabilities.",
    why="The result is written into the array that was handed in.",
    change="Write into an array of its own.",
    kind="softmax",
    caught_by="the input is never written",
    on="three ordinary logits, float64",
    cured=shifted.softmax,
)
def over_the_input(logits, axis=-1):
    logits -= np.max(logits, axis=axis, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=axis, keepdims=True)
    return logits


def _in_tiles(logits, targets, reach):
    """A loss that meets 64 classes at a time; `reach` is what it subtracts for a running maximum."""
    largest, total = np.full(len(logits), -np.inf), np.zeros(len(logits))
    for start in range(0, logits.shape[1], 64):
        tile = logits[:, start : start + 64].astype(np.float64)
        new = np.maximum(largest, tile.max(axis=1))
        shift = reach(new)
        total = total * np.exp(largest - shift) + np.exp(tile - shift[:, None]).sum(axis=1)
        largest = new
    own = logits[np.arange(len(logits)), targets]
    return np.mean(largest - own + np.log(total))


@exhibit(
    "Dao-AILab/flash-attention#1930",
    "NaNs when many of the logits are masked (-inf)",
    symptom="The loss is NaN when only a class in the middle of a large vocabulary is open, and right when it is the "
    "first.",
    why="A first tile of nothing but -inf leaves the running maximum at -inf, and -inf - (-inf) is NaN.",
    change="Subtract 0 while the running maximum is -inf.",
    kind="cross_entropy",
    caught_by="the first 300 classes at -inf, float32",
    cured=lambda logits, targets: _in_tiles(logits, targets, lambda new: np.where(np.isneginf(new), 0, new)),
)
def tiles_without_a_guard(logits, targets):
    return _in_tiles(logits, targets, lambda new: new)
