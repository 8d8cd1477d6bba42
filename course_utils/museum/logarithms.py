"""Differences and logarithms that lose their digits, forwards and backwards."""

import numpy as np

from course_utils import shifted
from course_utils.museum.exhibit import exhibit


@exhibit(
    "pytorch/pytorch#11752",
    "nn.CrossEntropyLoss() yields wrong output for big logits",
    also=("pytorch/pytorch#38839", "ml-explore/mlx#4169"),
    symptom="Two equal logits of 1e8 cost 0; they cost ln 2 = 0.693 at any level.",
    why="The logarithm is added to the maximum first. Next to 1e8 float32 has no digit for it.",
    change="Subtract the maximum first, the logarithm after it.",
    kind="log_softmax",
    caught_by="8 logits next to the largest whole number, float32",
    cured=shifted.log_softmax,
)
def log_total_beside_the_maximum(logits, axis=-1):
    return logits - np.expand_dims(shifted.logsumexp(logits, axis=axis), axis)


def _rest_of_each_row(logits, axis=-1):
    """(largest, sum of the other exps, terms): what log1p needs."""
    largest = np.max(logits, axis=axis, keepdims=True)
    terms = np.exp(logits - largest)
    first = np.argmax(logits, axis=axis, keepdims=True)
    np.put_along_axis(terms, first, 0, axis=axis)
    return largest, terms.sum(axis=axis, keepdims=True)


def _logsumexp_leaving_one_out(logits, axis=-1):
    largest, rest = _rest_of_each_row(logits, axis)
    return np.squeeze(largest + np.log1p(rest), axis=axis)


def _log_softmax_leaving_one_out(logits, axis=-1):
    largest, rest = _rest_of_each_row(logits, axis)
    return logits - largest - np.log1p(rest)


@exhibit(
    "scipy/scipy#18295",
    "BUG: special: Loss of precision in `logsumexp`",
    symptom="logsumexp([0, -40]) is 0; the truth is 4.25e-18.",
    why="1 + e^-40 is stored as 1, and log 1 is 0.",
    change="Leave the largest term out of the sum: largest + log1p(sum of the others).",
    kind="logsumexp",
    caught_by="[0, -40], float64",
    cured=_logsumexp_leaving_one_out,
)
def one_plus_little(logits, axis=-1):
    return shifted.logsumexp(logits, axis=axis)


@exhibit(
    "pytorch/pytorch#113708",
    "`log_softmax` could be `2**103` to `2**1022` times more accurate on small outputs",
    also=("scipy/scipy#19521", "tensorflow/tensorflow#62400"),
    symptom="The log-probability of a sure class is exactly 0 from a margin of 17 (float32) or 37 (float64) on.",
    why="The same sum, 1 + little, one step later.",
    change="Leave the largest term out of the sum, and use log1p.",
    kind="log_softmax",
    caught_by="[0, -40], float64",
    cured=_log_softmax_leaving_one_out,
)
def sure_class_costs_nothing(logits, axis=-1):
    return shifted.log_softmax(logits, axis=axis)


def _signed(logits, b):
    """(shift, the weighted sum of the exps): the sign is in the sum."""
    shift = np.max(logits, axis=-1, keepdims=True)
    return shift[..., 0], np.sum(b * np.exp(logits - shift), axis=-1)


@exhibit(
    "scipy/scipy#22903",
    "BUG: special.logsumexp: nan in 1.15",
    symptom="NaN for weights of which one is negative, though their sum is positive. The release before was right.",
    why="The repair of a lost digit took the largest term out of the sum, and its logarithm by itself. Its weight is "
    "negative.",
    change="Put the sign into the sum before the logarithm.",
    kind="logsumexp",
    caught_by="b=: a negative weight at the maximum",
    cured=lambda logits, b: (lambda shift, total: shift + np.log(total))(*_signed(logits, b)),
)
def log_of_a_negative_weight(logits, b):
    b = np.broadcast_to(b, logits.shape)
    top = np.argmax(logits, axis=-1, keepdims=True)
    own = np.take_along_axis(b, top, axis=-1)[..., 0]
    shift, total = _signed(logits, b)
    return shift + np.log(own) + np.log1p((total - own) / own)


def _loss_and_gradient(logits, targets, gradient):
    at = np.arange(len(targets)), targets
    loss = -np.mean(_log_softmax_leaving_one_out(logits)[at])
    return loss, gradient / len(targets)


def _one_hot(logits, targets):
    return np.eye(logits.shape[1], dtype=logits.dtype)[targets]


def _p_minus_one_hot(logits, targets):
    return _loss_and_gradient(logits, targets, shifted.softmax(logits) - _one_hot(logits, targets))


@exhibit(
    "stan-dev/math#1679",
    "Derivatives of log_sum_exp are wrong for large arguments",
    also=("stan-dev/math#1772",),
    symptom="The slopes of a log-sum-exp at [1e50, 1e50] are 1 and 1; they must add up to 1.",
    why="The backward pass takes exp(x - lse), and lse has lost its log 2 beside 1e50.",
    change="Divide the shifted terms by their sum, as the softmax does.",
    kind="cross_entropy_with_grad",
    caught_by="the largest finite number, twice, target 0, float64",
    cured=_p_minus_one_hot,
)
def slope_from_the_result(logits, targets):
    p = np.exp(logits - shifted.logsumexp(logits)[:, None])
    return _loss_and_gradient(logits, targets, p - _one_hot(logits, targets))


@exhibit(
    "FluxML/NNlib.jl#68",
    "Softmax and crossentropy are prone to produce NaNs",
    symptom="The loss is right and its gradient NaN, when the target is far below the largest logit.",
    why="The backward pass of the logarithm divides by a probability that has underflowed: 0/0.",
    change="Join the two backward passes: the gradient is p - one_hot.",
    kind="cross_entropy_with_grad",
    caught_by="as far apart as it gets, target 1, float64",
    cured=_p_minus_one_hot,
)
def divide_by_the_probability(logits, targets):
    p = shifted.softmax(logits)
    back = -_one_hot(logits, targets) / p
    return _loss_and_gradient(logits, targets, p * (back - np.sum(p * back, axis=1, keepdims=True)))


def _target_from_the_others(logits, targets):
    p, rows = shifted.softmax(logits), np.arange(len(targets))
    p[rows, targets] = 0
    p[rows, targets] = -p.sum(axis=1)
    return _loss_and_gradient(logits, targets, p)


@exhibit(
    "jax-ml/jax#40384",
    "jax.nn.log_softmax loses small finite float64 gradient component",
    also=("jax-ml/jax#40386",),
    symptom="A class that is ahead by 37.4 gets a gradient of exactly 0, and the other class its share.",
    why="p - 1 for a p that has rounded to 1.",
    change="Add up the others: p - 1 is minus their sum.",
    kind="cross_entropy_with_grad",
    caught_by="three classes, 1.1 absorption margins apart, target 0, float64",
    cured=_target_from_the_others,
)
def one_minus_one(logits, targets):
    return _p_minus_one_hot(logits, targets)
