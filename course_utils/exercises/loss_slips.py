"""What people write for the loss of a batch: the mistakes of exercise 01.batch_loss."""

from functools import partial

import numpy as np

from course_utils import naive
from course_utils.mistakes import constants, mistake

_slip = partial(mistake, quantity="cross_entropy", widget="")
_BATCH = (np.array([[2.0, 1.0, 0.1], [1.0, 3.0, 0.2]]), np.array([0, 2]))


def _of_target(p, targets):
    return p[np.arange(len(targets)), targets]


@_slip(
    fails_on=_BATCH,
    belief="The loss of a batch is the sum of its losses.",
    diagnosis="You added the losses up. Then a batch twice as large has twice the loss, and the same step of "
    "training becomes twice as long.",
    step="`np.sum` over the rows.",
    change="Use `np.mean`.",
)
def sum_instead_of_mean(logits, targets):
    return -np.sum(np.log(_of_target(naive.softmax(logits), targets)))


@_slip(
    fails_on=_BATCH,
    belief="A batch has one loss for each row.",
    diagnosis="You returned one loss for each row. The loss of a batch is one number, so that training has one "
    "thing to make smaller.",
    step="The last line: the losses of the rows are right, and still apart.",
    change="Take their mean: `np.mean(...)`, or `.mean()` at the end.",
)
def forget_the_mean(logits, targets):
    return -np.log(_of_target(naive.softmax(logits), targets))


@_slip(
    fails_on=_BATCH,
    belief="The loss is the logarithm of the probability.",
    diagnosis="You left out the minus. The logarithm of a probability is never above 0, and a loss should be 0 "
    "at best and grow as the answer gets worse.",
    step="`np.mean(np.log(p))`.",
    change="Put a minus in front.",
)
def forget_the_minus(logits, targets):
    return np.mean(np.log(_of_target(naive.softmax(logits), targets)))


@_slip(
    fails_on=_BATCH,
    belief="All classes take part in the loss.",
    diagnosis="You took the logarithm of every probability. Only the class that is true counts: the loss asks how "
    "much probability the truth got.",
    step="`np.mean(np.log(p))` over the whole array.",
    change="Pick one entry a row first: `p[np.arange(len(p)), targets]`.",
)
def average_all_classes(logits, targets):
    return -np.mean(np.log(naive.softmax(logits)))


@_slip(
    fails_on=_BATCH,
    belief="p[:, targets] picks each row's own target.",
    diagnosis="You picked every target's column in every row. For 2 rows that gives 4 numbers, not 2.",
    step="`p[:, targets]`: all rows, times all targets.",
    change="Give one row number for each target: `p[np.arange(len(p)), targets]`.",
)
def take_all_columns(logits, targets):
    return -np.mean(np.log(naive.softmax(logits)[:, targets]))


@_slip(
    fails_on=(np.array([[2.0, 1.0, 0.1]]), np.array([0])),
    belief="A batch has two rows.",
    diagnosis="You numbered the rows 0 and 1, as the lesson did for its two. A batch may have any number of rows.",
    step="`p[[0, 1], targets]`.",
    change="Count as many rows as there are targets: `np.arange(len(targets))`.",
)
def count_two_rows(logits, targets):
    return -np.mean(np.log(naive.softmax(logits)[[0, 1], targets]))


@_slip(
    fails_on=_BATCH,
    belief="A logarithm is a logarithm.",
    diagnosis="You used the logarithm to base 2. The loss then counts bits, 1.44 for each natural unit, and the "
    "gradient that training uses no longer belongs to it.",
    step="`np.log2(p)`.",
    change="Use `np.log`.",
)
def use_log2(logits, targets):
    return -np.mean(np.log2(_of_target(naive.softmax(logits), targets)))


@_slip(
    fails_on=_BATCH,
    belief="Average first, then take the logarithm once.",
    diagnosis="You took the logarithm of the mean probability. One good row then hides a bad one; the mean of the "
    "logarithms does not let it.",
    step="`np.log(np.mean(p))`.",
    change="Take the logarithm of each row's probability, then the mean.",
)
def log_of_the_mean(logits, targets):
    return -np.log(np.mean(_of_target(naive.softmax(logits), targets)))


@_slip(
    fails_on=_BATCH,
    belief="The loss is small when the probability is large.",
    diagnosis="You averaged the probabilities themselves. The loss is the logarithm of each, with a minus: only that "
    "makes a probability of 0.001 cost much more than one of 0.1.",
    step="`-np.mean(p)`: the logarithm is missing.",
    change="Take the logarithm of each probability first: `-np.mean(np.log(p))`.",
)
def forget_the_log(logits, targets):
    return -np.mean(_of_target(naive.softmax(logits), targets))


@_slip(
    fails_on=_BATCH,
    family=("log", (True,)),
    belief="The scores are good enough.",
    diagnosis="You used the logits where the probabilities belong. A logit can be any number; only softmax compares it "
    "with the other classes of its row.",
    step="`logits[np.arange(len(targets)), targets]`: softmax is missing.",
    change="Pick the entries of `softmax(logits)`.",
)
def skip_softmax(logits, targets, *, log=False):
    scores = _of_target(logits, targets)
    return -np.mean(np.log(scores) if log else scores)


@_slip(
    fails_on=_BATCH,
    belief="Axis 0 is the first, so it is the one to sum over.",
    diagnosis="You took softmax down the columns: each class was shared out over the examples of the batch.",
    step="`sum(axis=0)` in your softmax.",
    change="Sum along the classes, `axis=-1`, with `keepdims=True`; or call the lesson's softmax.",
)
def softmax_down_the_columns(logits, targets):
    exps = np.exp(logits)
    return -np.mean(np.log(_of_target(exps / exps.sum(axis=0), targets)))


@_slip(
    fails_on=_BATCH,
    belief="The total is the total.",
    diagnosis="You made one distribution out of the whole batch: all entries together sum to 1, no row does.",
    step="`exps.sum()` without an axis.",
    change="Sum each row on its own, `axis=-1`, with `keepdims=True`; or call the lesson's softmax.",
)
def softmax_over_the_batch(logits, targets):
    exps = np.exp(logits)
    return -np.mean(np.log(_of_target(exps / exps.sum(), targets)))


@_slip(
    fails_on=(np.array([[0.0, 20.0, 0.0]]), np.array([0])),
    family=("epsilon", constants.lost_target),
    belief="A tiny epsilon keeps log away from 0 and costs nothing.",
    diagnosis="You added an epsilon inside the log. A confident wrong answer has a probability that is as small as the "
    "epsilon, so its loss is too low.",
    step="`np.log(p + epsilon)`.",
    change="Remove the epsilon. That log 0 is -inf is a problem for lesson 04, which solves it without one.",
)
def epsilon_in_the_log(logits, targets, *, epsilon=1e-8):
    return -np.mean(np.log(_of_target(naive.softmax(logits), targets) + epsilon))


@_slip(
    fails_on=(np.array([[0.0, 20.0, 0.0]]), np.array([0])),
    family=("lowest", constants.lost_target),
    belief="Probabilities near 0 are noise.",
    diagnosis="You clipped the probability. Every answer below the limit then costs the same, however wrong it is.",
    step="`np.clip(p, ...)` or `np.maximum(p, ...)`.",
    change="Remove the clip.",
)
def clip_the_probability(logits, targets, *, lowest=1e-7):
    return -np.mean(np.log(np.maximum(_of_target(naive.softmax(logits), targets), lowest)))


@_slip(
    fails_on=_BATCH,
    belief="Classes count from 1.",
    diagnosis="You subtracted 1 from the targets. They count from 0 already, so each row was scored for the class "
    "before its own; class 0 became -1, the last one.",
    step="`targets - 1` as an index.",
    change="Use `targets` as they are.",
)
def count_classes_from_one(logits, targets):
    return -np.mean(np.log(_of_target(naive.softmax(logits), targets - 1)))


@_slip(
    fails_on=_BATCH,
    belief="The probability that counts is the largest.",
    diagnosis="You took the probability of the class that wins, not of the class that is true. This number is small "
    "whenever the model is sure, also when it is sure and wrong.",
    step="`p.max(axis=1)`: the targets are never used.",
    change="Pick each row's own target: `p[np.arange(len(p)), targets]`.",
)
def take_the_predicted_class(logits, targets):
    return -np.mean(np.log(naive.softmax(logits).max(axis=1)))


@_slip(
    fails_on=(np.array([[1.0, 2.0], [2.0, 1.0], [0.0, 3.0], [-1.0, -2.0]]), np.array([0, 0, 1, 1])),
    family=("middle", (np.max, np.min)),
    belief="A batch is described by its typical row.",
    diagnosis="You took the median, the largest or the smallest loss of the rows. The loss of a batch is their mean, "
    "in which every row counts.",
    step="The last line: `np.median`, `np.max` or `np.min`.",
    change="Use `np.mean`.",
)
def median_for_mean(logits, targets, *, middle=np.median):
    return middle(-np.log(_of_target(naive.softmax(logits), targets)))
