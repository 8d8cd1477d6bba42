"""Losses that cap, hide or invent: cross-entropy by way of probabilities."""

import numpy as np

from course_utils.mistakes.core import mistake


def _softmax(logits):
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return exps / np.sum(exps, axis=-1, keepdims=True)


def _of_targets(values, targets):
    return values[np.arange(len(targets)), targets]


@mistake(
    "2",
    quantity="cross_entropy",
    fails_on=(np.float32([[0, 50]]), np.array([0])),
    widget="loss",
    belief="A small epsilon inside the log is harmless.",
    diagnosis="You added 1e-8 inside the log. The loss can never be more than -log(1e-8) = 18.42, and where "
    "the model is confidently wrong the gradient all but vanishes: exactly where it is needed.",
    step="`np.log(p + 1e-8)`: for a small p the log sees the epsilon, not p.",
    change="Take the loss from the logits: `logsumexp(logits) - logits[target]`.",
)
def epsilon_in_log(logits, targets):
    return -np.mean(np.log(_of_targets(_softmax(logits), targets) + 1e-8))


@mistake(
    "2b",
    quantity="cross_entropy",
    fails_on=(np.float32([[200, 0]]), np.array([0])),
    widget="loss",
    belief="Next to a probability of 1, an epsilon does not count.",
    diagnosis="You added 1e-7 inside the log. With p = 1 that is log of a number above 1, so the loss is "
    "negative. A cross-entropy is never negative.",
    step="`np.log(p + 1e-7)`: p + eps can be larger than 1.",
    change="Take the loss from the logits: `logsumexp(logits) - logits[target]`.",
)
def epsilon_makes_negative(logits, targets):
    return -np.mean(np.log(_of_targets(_softmax(logits), targets) + 1e-7))


@mistake(
    "13",
    quantity="cross_entropy",
    fails_on=(np.float32([[0, 50]]), np.array([0])),
    widget="loss",
    belief="Probabilities below 1e-7 can be cut off.",
    diagnosis="You clipped the probabilities. Below 1e-7 the loss is flat at 16.12 and its gradient is "
    "exactly 0: a confidently wrong example teaches nothing.",
    step="`np.clip(p, 1e-7, 1 - 1e-7)`: many different losses become one number.",
    change="Take the loss from the logits: `logsumexp(logits) - logits[target]`.",
)
def clip_probabilities(logits, targets):
    return -np.mean(np.log(np.clip(_of_targets(_softmax(logits), targets), 1e-7, 1 - 1e-7)))


@mistake(
    "11",
    quantity="cross_entropy",
    fails_on=(np.float32([[0, -200]]), np.array([0])),
    widget="loss",
    belief="The one-hot zeros remove the other classes.",
    diagnosis="You multiplied a one-hot vector with log p. Where another class has p = 0 its log is -inf, "
    "and 0 * -inf is NaN, not 0.",
    step="`onehot * np.log(p)`: multiplying by 0 does not remove an infinity.",
    change="Pick the target's entry by index: `log_p[np.arange(rows), targets]`.",
)
def onehot_times_log(logits, targets):
    onehot = np.eye(logits.shape[-1], dtype=logits.dtype)[targets]
    return -np.mean(np.sum(onehot * np.log(_softmax(logits)), axis=-1))


@mistake(
    "29",
    quantity="cross_entropy",
    fails_on=(np.float32([[20, 0]]), np.array([0])),
    widget="loss",
    belief="A loss of 0 means that the model is perfect.",
    diagnosis="Your total is 1 plus a term too small to show next to 1, so its log is 0. The true loss is "
    "small and positive, and so is the gradient that goes with it.",
    step="`np.log(1 + tiny)`: 1 + tiny was stored as 1.",
    change="Leave the largest term out of the sum and use `np.log1p(rest)`.",
)
def absorb_small_loss(logits, targets):
    shifted = logits - np.max(logits, axis=-1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))
    return -np.mean(_of_targets(log_p, targets))


@mistake(
    "30",
    quantity="cross_entropy",
    fails_on=(np.float32([[20, 0, 0]]), np.array([0])),
    widget="loss",
    belief="The loss expects probabilities, so apply softmax first.",
    diagnosis="You applied softmax twice: once yourself and once inside the loss. The loss then sees numbers "
    "between 0 and 1 as logits, and cannot fall below ln(e + K - 1) - 1 for K classes.",
    step="`softmax(softmax(logits))`: probabilities are used as logits.",
    change="Hand the raw logits to the loss.",
)
def softmax_twice(logits, targets):
    return -np.mean(np.log(_of_targets(_softmax(_softmax(logits)), targets)))
