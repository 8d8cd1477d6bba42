"""Losses that pass through probabilities, count what they should skip, or trust their targets."""

import numpy as np

from course_utils import shifted, stable
from course_utils.museum.exhibit import exhibit


def _of_the_targets(values, targets):
    return values[np.arange(len(targets)), targets]


@exhibit(
    "keras-team/keras#17634",
    "Inconsistent calculations in CategoricalCrossentropy using logits",
    also=("keras-team/keras#6338",),
    symptom="The loss from probabilities and the loss from logits differ once a logit is large: one stops at 16.1.",
    why="Probabilities are clipped to 1e-7, and -log(1e-7) is 16.1. From there on the gradient is 0.",
    change="Hand over logits: from_logits=True.",
    kind="cross_entropy",
    caught_by="wrong by 18, float32",
    cured=shifted.cross_entropy,
)
def clip_the_probabilities(logits, targets):
    p = np.clip(shifted.softmax(logits), 1e-7, 1 - 1e-7)
    return -np.mean(np.log(_of_the_targets(p, targets)))


@exhibit(
    "scikit-learn/scikit-learn#24315",
    "log_loss giving nan when input is np.float32 and eps is default",
    also=("scikit-learn/scikit-learn#24354",),
    symptom="NaN for a sure and right prediction in float32; in float64 the same numbers give a loss.",
    why="1 - 1e-15 is 1 in float32, so nothing is clipped there, the last class is left with 0, and 0 · log 0 is NaN.",
    change="An epsilon of the format's own would end the NaN. Taking logits ends the epsilon.",
    kind="cross_entropy",
    caught_by="right by 18, float32",
    cured=stable.cross_entropy,
)
def epsilon_of_another_format(logits, targets):
    first = np.clip(shifted.softmax(logits)[:, :-1], logits.dtype.type(1e-15), logits.dtype.type(1 - 1e-15))
    p = np.column_stack([first, 1 - first.sum(axis=1)])
    chosen = np.eye(logits.shape[1])[targets]
    return -np.mean(np.sum(chosen * np.log(p), axis=1))


def _soft(targets, classes):
    return np.eye(classes)[targets] if np.ndim(targets) == 1 else targets


def _zero_costs_nothing(logits, targets):
    goals, log_p = _soft(targets, logits.shape[1]), shifted.log_softmax(logits)
    return -np.mean(np.sum(goals * np.where(goals > 0, log_p, 0), axis=1))


@exhibit(
    "google-deepmind/optax#896",
    "softmax_cross_entropy handles -inf logits incorrectly",
    symptom="NaN where a class at -inf has the target probability 0, which costs nothing.",
    why="0 · log 0 is 0 · -inf, and that is NaN.",
    also=("google-deepmind/optax#898",),
    change="Put 0 in place of log p where the target is 0, before the product.",
    kind="cross_entropy",
    caught_by="probability 0 for a class at -inf",
    cured=_zero_costs_nothing,
)
def zero_times_infinity(logits, targets):
    return -np.mean(np.sum(_soft(targets, logits.shape[1]) * shifted.log_softmax(logits), axis=1))


@exhibit(
    "tflearn/tflearn#562",
    "Double application of softmax",
    pull=True,
    symptom="An example trains, slowly, and its loss never comes near 0.",
    why="The last layer is a softmax, and the loss takes the softmax of that again.",
    change="Hand the scores to the loss, not the probabilities.",
    kind="cross_entropy",
    caught_by="three ordinary logits, target 0, float64",
    cured=shifted.cross_entropy,
)
def softmax_of_a_softmax(logits, targets):
    return shifted.cross_entropy(shifted.softmax(logits), targets)


@exhibit(
    "NVIDIA/Megatron-LM#7452",
    "Silent numerical-correctness bugs in Megatron Core parallelism composition",
    symptom="With the vocabulary on several devices, the loss is too large by the logarithm of their number.",
    why="Each device already held all logits, and their sums of exps were added up again.",
    change="Add up the shards of one row, or take one full row: not the sum of full rows.",
    kind="cross_entropy",
    caught_by="three ordinary logits, target 0, float64",
    cured=shifted.cross_entropy,
)
def every_shard_holds_everything(logits, targets):
    shards = [logits, logits]
    largest = logits.max(axis=1)
    total = sum(np.exp(shard - largest[:, None]).sum(axis=1) for shard in shards)
    return np.mean(largest + np.log(total) - _of_the_targets(logits, targets))


@exhibit(
    "tensorflow/tensorflow#8484",
    "sparse_softmax_cross_entropy_with_logits returns NaN instead of raising an error when the class int is not in the "
    "range [0, logit_size) when run on GPU",
    also=("tensorflow/tensorflow#10268", "tensorflow/tensorflow#126005"),
    symptom="A label that does not exist gives a loss of NaN on one device and an error on another.",
    why="Nobody looks at the targets, so what comes out is up to the machine.",
    change="Check the targets first, and raise.",
    kind="cross_entropy",
    caught_by="a target beyond the last class",
    cured=shifted.cross_entropy,
)
def target_that_does_not_exist(logits, targets):
    inside = (targets >= 0) & (targets < logits.shape[1])
    log_p = _of_the_targets(shifted.log_softmax(logits), np.where(inside, targets, 0))
    return -np.mean(np.where(inside, log_p, np.nan))


def _losses(logits, targets, ignore_index):
    """(the loss of every row, which rows count): what is ignored is emptied before anything is computed."""
    counts = targets != ignore_index
    logits = np.where(counts[:, None], logits, 0)
    return -shifted.log_softmax(logits), np.where(counts, targets, 0), counts


def _smoothed(logits, targets, ignore_index=-100, label_smoothing=0.0):
    costs, targets, counts = _losses(logits, targets, ignore_index)
    own = (1 - label_smoothing) * _of_the_targets(costs, targets) + label_smoothing * costs.mean(axis=1)
    return np.sum(own * counts) / counts.sum()


@exhibit(
    "pytorch/pytorch#73205",
    "Bug in label smoothing with ignored samples",
    symptom="Label smoothing changes the loss of a batch that has rows to ignore, by rows that are ignored.",
    why="The part for the right class skips them, the part for all classes does not.",
    change="Mask the rows once, before the two parts are added.",
    kind="cross_entropy",
    caught_by="ignore_index= and label_smoothing=",
    cured=_smoothed,
)
def smoothing_counts_the_ignored(logits, targets, ignore_index=-100, label_smoothing=0.0):
    costs, counts = -shifted.log_softmax(logits), targets != ignore_index
    own = _of_the_targets(costs, np.where(counts, targets, 0)) * counts
    return ((1 - label_smoothing) * own.sum() + label_smoothing * costs.mean(axis=1).sum()) / counts.sum()


def _weighted(logits, targets, weight=None, ignore_index=-100):
    costs, targets, counts = _losses(logits, targets, ignore_index)
    share = counts if weight is None else weight[targets] * counts
    return np.sum(_of_the_targets(costs, targets) * share) / share.sum()


@exhibit(
    "pytorch/pytorch#91383",
    "Out of bounds error of wight[ignore_index] in torch.nn.fucntional.cross_entropy() only when using weight, "
    "label_smoothing, and reduction='mean'.",
    also=("pytorch/pytorch#69339",),
    symptom="An IndexError for the index that says “ignore me”, with class weights and label smoothing together.",
    why="The weight of class -100 is looked up before the row is left out.",
    change="Leave the rows out first, then look up.",
    kind="cross_entropy",
    caught_by="weight= and ignore_index=-100",
    cured=_weighted,
)
def weight_of_the_ignored(logits, targets, weight=None, ignore_index=-100):
    costs, inside, counts = _losses(logits, targets, ignore_index)
    share = counts if weight is None else weight[targets] * counts
    return np.sum(_of_the_targets(costs, inside) * share) / share.sum()


def _gradient(logits, targets, ignore_index, masked_first):
    counts = targets != ignore_index
    _, inside, _ = _losses(logits, targets, ignore_index)
    seen = np.where(counts[:, None], logits, 0) if masked_first else logits
    p = shifted.softmax(seen)
    p[np.arange(len(p)), inside] -= 1
    return p * counts[:, None] / counts.sum()


def _skips_first(logits, targets, ignore_index=-100):
    return _smoothed(logits, targets, ignore_index), _gradient(logits, targets, ignore_index, True)


@exhibit(
    "pytorch/pytorch#11551",
    "CrossEntropyLoss, ignore_index does not prevent back-prop if the logits are -inf",
    symptom="A row is ignored, its loss is 0, and its gradient is NaN.",
    why="The gradient is computed for all rows and multiplied by 0 where it does not count: NaN · 0 is NaN.",
    change="Put harmless logits into ignored rows before anything is computed.",
    kind="cross_entropy_with_grad",
    caught_by="-inf in an ignored row",
    cured=_skips_first,
)
def ignored_times_zero(logits, targets, ignore_index=-100):
    return _smoothed(logits, targets, ignore_index), _gradient(logits, targets, ignore_index, False)
