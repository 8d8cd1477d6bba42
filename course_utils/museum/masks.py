"""What is left out and comes back, and what is left when nothing is in."""

import numpy as np

from course_utils import shifted
from course_utils.museum.exhibit import exhibit


def _masked_first(logits, where=True):
    """The cure of most masks: -inf before the maximum; 0 for a row in which nothing is kept."""
    kept = np.where(where, logits, -np.inf)
    largest = np.max(kept, axis=-1, keepdims=True)
    exps = np.exp(kept - np.where(np.isneginf(largest), 0, largest))
    total = exps.sum(axis=-1, keepdims=True)
    return exps / np.where(total == 0, 1, total)


@exhibit(
    "allenai/allennlp#437",
    "Fix masked softmax",
    pull=True,
    symptom="With scores [1, 1, 100] and the last one masked, the two that are left get 0 each.",
    why="The softmax runs over everything, and the mask comes after it: what is kept has underflowed by then.",
    change="Mask the logits with -inf, then take the softmax.",
    kind="softmax",
    caught_by="where= hides a huge logit",
    cured=_masked_first,
)
def mask_after_softmax(logits, where=True):
    p = shifted.softmax(logits) * where
    return p / (p.sum(axis=-1, keepdims=True) + 1e-13)


@exhibit(
    "ohdearquant/lattice#361",
    "flash attention finite MASK_VALUE (-10000) lets masked keys dominate when valid logits fall below the sentinel",
    also=("flashinfer-ai/flashinfer#4401",),
    symptom="A masked key gets all the weight; elsewhere a row of valid scores below -50,000 gives nothing at all.",
    why="The number that stands for “masked” is a logit like any other, and larger than the real ones.",
    change="Mask with -inf.",
    kind="softmax",
    caught_by="where= keeps logits below -1e9",
    cured=_masked_first,
)
def mask_with_minus_10000(logits, where=True):
    return shifted.softmax(np.where(where, logits, -10_000.0))


@exhibit(
    "NVIDIA/TensorRT-LLM#17477",
    "Fully-masked softmax rows exponentiate to 1 in the FMHA no-loop kernel",
    symptom="A row in which everything is masked attends to what it must not see, without an error and without a NaN.",
    why="The mask is the lowest finite number, so the maximum is the mask, and exp(mask - mask) is 1.",
    change="Mask with -inf, and say what a row of nothing gives: zeros.",
    kind="softmax",
    caught_by="where= keeps nothing, float32",
    cured=_masked_first,
)
def mask_with_lowest_number(logits, where=True):
    return shifted.softmax(np.where(where, logits, np.finfo(np.float32).min))


@exhibit(
    "huggingface/transformers#17306",
    "Fix -1e4 as attn mask",
    pull=True,
    symptom="In float16 the lowest number plus a score below -16 is -inf; where a whole row is masked, NaN follows.",
    why="The mask is added. A sum next to the format's end rounds, overflows, or lets the kept scores drown.",
    change="Replace, do not add: np.where(where, logits, -inf).",
    kind="softmax",
    caught_by="where= keeps the lowest numbers of the format, float16",
    cured=_masked_first,
)
def mask_by_adding_lowest_number(logits, where=True):
    hidden = np.where(where, 0, np.finfo(np.float16).min).astype(logits.dtype)
    return shifted.softmax(logits + hidden)


@exhibit(
    "jax-ml/jax#17117",
    "`where` related gradient bug in jax.nn.softmax and jax.nn.log_softmax (unprotected use of jnp.exp?)",
    symptom="The probabilities are right, and the gradient is NaN once a masked logit is large.",
    why="exp is taken of the masked logit as well. It overflows; `where` throws it away, and the backward pass "
    "multiplies it by 0.",
    change="Mask inside exp as well as outside.",
    kind="softmax",
    caught_by="no warning on legal input",
    on="where= hides a huge logit",
    cured=_masked_first,
)
def exp_of_the_hidden(logits, where=True):
    largest = np.max(logits, axis=-1, keepdims=True, where=where, initial=-np.inf)
    exps = np.where(where, np.exp(logits - largest), 0)
    return exps / exps.sum(axis=-1, keepdims=True)


def _with_a_guard(logits, axis=-1):
    largest = np.max(logits, axis=axis, keepdims=True, initial=-np.inf)
    shift = np.where(np.isfinite(largest), largest, 0)
    with np.errstate(divide="ignore"):
        total = np.log(np.exp(logits - shift).sum(axis=axis, keepdims=True))
    return np.squeeze(shift + total, axis=axis)


@exhibit(
    "rmcgibbo/logsumexp#2",
    "logsumexp([-np.inf, -np.inf]) is nan",
    symptom="NaN where the sum is 0 and its logarithm -inf.",
    why="-inf - (-inf) is NaN.",
    change="Subtract 0 where the maximum is not finite.",
    kind="logsumexp",
    caught_by="nothing but -inf, float32",
    cured=_with_a_guard,
)
def log_of_nothing(logits, axis=-1):
    return shifted.logsumexp(logits, axis=axis)


@exhibit(
    "scipy/scipy#20399",
    "BUG: scipy.special.logsumexp raises ValueError for a zero-size array",
    symptom="A ValueError for a row without classes; the log of an empty sum is -inf.",
    why="A maximum of nothing is no number, unless it is told where to begin.",
    change="np.max(..., initial=-inf), and the guard for -inf.",
    kind="logsumexp",
    caught_by="no class at all",
    cured=_with_a_guard,
)
def maximum_of_nothing(logits, axis=-1):
    largest = np.max(logits, axis=axis, keepdims=True)
    shift = np.where(np.isfinite(largest), largest, 0)
    return np.squeeze(shift + np.log(np.exp(logits - shift).sum(axis=axis, keepdims=True)), axis=axis)
