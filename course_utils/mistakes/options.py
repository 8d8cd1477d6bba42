"""Losses that go wrong with an option: weights, rows to ignore, smoothing, probabilities as targets."""

import numpy as np

from course_utils.mistakes.core import mistake


def _costs(logits):
    """-log p of every class to the last digits: the mistakes of this room are about something else."""
    logits = np.asarray(logits).astype(np.float64)
    shifted = logits - np.max(logits, axis=-1, keepdims=True)
    terms = np.exp(shifted)
    np.put_along_axis(terms, np.argmax(logits, axis=-1, keepdims=True), 0, axis=-1)
    return np.log1p(np.sum(terms, axis=-1, keepdims=True)) - shifted


def _of_targets(costs, targets):
    """The target's cost; for a target that is no class, such as -100, any."""
    inside = np.where((targets < 0) | (targets >= costs.shape[-1]), 0, targets)
    return costs[np.arange(len(targets)), inside]


_OPEN = np.zeros((2, 2))


@mistake(
    quantity="cross_entropy",
    fails_on=(_OPEN, np.array([0, 1])),
    options={"weight": np.array([1.0, 3])},
    widget="loss",
    belief="A mean is divided by the number of rows, weights or not.",
    diagnosis="You divided a weighted sum by the number of rows. A weighted mean is divided by the sum of the "
    "targets' weights; otherwise twice the weights is twice the loss.",
    step="`np.mean(weight[targets] * losses)`: the weights are in the sum and not in the divisor.",
    change="Write `np.sum(w * losses) / np.sum(w)` with `w = weight[targets]`.",
)
def weighted_mean_over_rows(logits, targets, weight=1):
    return np.mean(np.broadcast_to(weight, logits.shape[-1:])[targets] * _of_targets(_costs(logits), targets))


@mistake(
    quantity="cross_entropy",
    fails_on=(_OPEN, np.array([0, -100])),
    options={"ignore_index": -100},
    widget="loss",
    belief="Ignored rows cost nothing, so the mean takes care of itself.",
    diagnosis="You set the loss of ignored rows to 0 and divided by all rows. They still count in the mean: "
    "with half of the rows ignored the loss is half as large.",
    step="`np.mean(...)` over all rows: the divisor holds the ignored ones too.",
    change="Divide by the number of rows that are kept: `losses[keep].mean()`.",
)
def mean_over_ignored_rows(logits, targets, ignore_index=None):
    return np.mean(np.where(targets == ignore_index, 0, _of_targets(_costs(logits), targets)))


@mistake(
    quantity="cross_entropy",
    fails_on=(np.float64([[0, 0], [0, 2]]), np.array([0, 1])),
    options={"ignore_index": 1},
    widget="loss",
    belief="The index to ignore is -100.",
    diagnosis="You took `ignore_index=` and ignored -100, whatever was asked. -100 is a default of one library, "
    "no law: 0, 255 or any other index can stand for padding.",
    step="`targets != -100`: a number in the place of the argument.",
    change="Compare with the argument: `targets != ignore_index`.",
)
def ignore_only_minus_100(logits, targets, ignore_index=None):
    keep = targets != -100
    return np.mean(_of_targets(_costs(logits), targets)[keep])


@mistake(
    quantity="cross_entropy",
    fails_on=(np.float64([[0, 0], [-np.inf, -np.inf]]), np.array([0, -100])),
    options={"ignore_index": -100},
    widget="loss",
    belief="Times 0 removes a row.",
    diagnosis="You multiplied the losses by a mask of zeros and ones. An ignored row may hold NaN or inf, and "
    "0 * NaN is NaN: the row that should not count spoils the mean.",
    step="`(losses * keep).sum()`: multiplying by 0 does not remove a NaN.",
    change="Select the rows: `losses[keep].mean()`, or `np.where(keep, losses, 0)`.",
)
def multiply_ignored_by_zero(logits, targets, ignore_index=None):
    keep = targets != ignore_index
    return np.sum(_of_targets(_costs(logits), targets) * keep) / np.sum(keep)


@mistake(
    quantity="cross_entropy",
    fails_on=(np.float64([[0, 0], [9, 0]]), np.array([0, -100])),
    options={"ignore_index": -100, "label_smoothing": 0.5},
    widget="loss",
    belief="Smoothing does not look at the targets, so it does not look at what is ignored.",
    diagnosis="You smoothed the ignored rows as well. Their target's loss is left out, and the part of the loss "
    "that smoothing spreads over all classes is not.",
    step="`smoothing * costs.mean()` over all rows.",
    change="Leave the ignored rows out before the two parts are added.",
)
def smooth_ignored_rows(logits, targets, ignore_index=None, label_smoothing=0.0):
    costs, keep = _costs(logits), targets != ignore_index
    spread = np.mean(costs)
    return (1 - label_smoothing) * np.mean(_of_targets(costs, targets)[keep]) + label_smoothing * spread


@mistake(
    quantity="cross_entropy",
    fails_on=(np.float64([[2, 0]]), np.array([0])),
    options={"label_smoothing": 0.5},
    widget="loss",
    belief="The smoothing goes to the other classes.",
    diagnosis="You shared the smoothing among the other classes only. It is spread over all classes, the target "
    "included: the target gets 1 - s + s/K, each other class s/K.",
    step="`smoothing / (classes - 1)`.",
    change="Write `(1 - s) * onehot + s / classes`.",
)
def smooth_other_classes(logits, targets, label_smoothing=0.0):
    costs = _costs(logits)
    own = _of_targets(costs, targets)
    share = label_smoothing / (logits.shape[-1] - 1)
    return np.mean((1 - label_smoothing) * own + share * (np.sum(costs, axis=-1) - own))


@mistake(
    quantity="cross_entropy",
    fails_on=(np.float64([[1, 2, -np.inf]]), np.array([0])),
    options={"label_smoothing": 0.1},
    widget="loss",
    belief="An infinite cost is an accident, so leave it out.",
    diagnosis="You dropped the classes at -inf from the smoothing. Smoothing asks the model for probability in "
    "every class; where it gives none, that costs infinitely much, and a finite loss hides it.",
    step="`np.where(np.isfinite(costs), costs, 0)`: the infinite part of the loss is gone.",
    change="Let the loss be inf, or do not smooth over classes that you have masked.",
)
def drop_infinite_costs(logits, targets, label_smoothing=0.0):
    costs = _costs(logits)
    spread = np.mean(np.where(np.isfinite(costs), costs, 0))
    return (1 - label_smoothing) * np.mean(_of_targets(costs, targets)) + label_smoothing * spread


@mistake(
    quantity="cross_entropy",
    fails_on=(_OPEN, np.array([0, 1])),
    options={"weight": np.array([1.0, 3]), "ignore_index": 1},
    widget="loss",
    belief="The divisor is the sum of the targets' weights, of all of them.",
    diagnosis="You divided by the weights of all targets. An ignored row counts for nothing, so its weight does "
    "not belong in the divisor either.",
    step="`weight[targets].sum()`: the ignored rows are still in it.",
    change="Divide by `weight[targets[keep]].sum()`.",
)
def weights_of_ignored_rows(logits, targets, weight=1, ignore_index=None):
    weights = _of_targets(np.broadcast_to(weight, logits.shape), targets)
    losses = np.where(targets == ignore_index, 0, weights * _of_targets(_costs(logits), targets))
    return np.sum(losses) / np.sum(weights)


@mistake(
    quantity="cross_entropy",
    fails_on=(np.float64([[1, 2, -np.inf]]), np.float64([[0.25, 0.75, 0]])),
    widget="loss",
    belief="A probability of 0 removes its class.",
    diagnosis="You multiplied the targets with log p. Where a class has probability 0 on both sides that is "
    "0 * -inf, which is NaN; the class should cost nothing.",
    step="`np.sum(targets * log_p)`: multiplying by 0 does not remove an infinity.",
    change="Leave those terms out: `np.where(targets == 0, 0, targets * log_p)`.",
)
def probabilities_times_log(logits, targets):
    return np.mean(np.sum(targets * _costs(logits), axis=-1))


def _narrow_index():
    logits = np.zeros((26, 10))
    logits[0, 0] = 5
    return logits, np.full(26, 6, np.uint8)


@mistake(
    quantity="cross_entropy",
    fails_on=_narrow_index(),
    widget="loss",
    belief="An index is an integer, and any integer type will do.",
    diagnosis="You computed flat indices in the type of the targets. In eight bits row * classes + target starts "
    "again at 0 after 255, so the losses of other rows are read.",
    step="`rows * classes + targets` in uint8.",
    change="Index with two arrays, `costs[np.arange(rows), targets]`, or convert to np.intp first.",
)
def flat_index_in_narrow_type(logits, targets):
    costs = _costs(logits)
    rows = np.arange(len(targets)).astype(targets.dtype)
    with np.errstate(over="ignore"):
        flat = rows * np.array(logits.shape[-1]).astype(targets.dtype) + targets
    return np.mean(costs.ravel()[flat])


@mistake(
    quantity="cross_entropy",
    fails_on=(np.float64([[np.nan, 1], [0, 1]]), np.array([1, 1])),
    widget="loss",
    belief="A NaN in one row should not spoil the mean.",
    diagnosis="You left rows that hold NaN out of the mean. The alarm is gone, and so is the row: the loss looks "
    "healthy while a part of the batch is broken.",
    step="`np.nanmean(losses)`: NaN is dropped without a word.",
    change="Take the plain mean, and find out where the NaN comes from.",
)
def drop_nan_losses(logits, targets):
    return np.nanmean(_of_targets(_costs(logits), targets))


@mistake(
    quantity="cross_entropy",
    fails_on=(np.tile(np.float16([0, -28]), (2400, 1)), np.ones(2400, np.int64)),
    widget="loss",
    belief="Each loss fits into float16, so their mean does.",
    diagnosis="You added up the losses of the batch in their narrow format. The mean fits into it and the sum "
    "does not: in float16 it passes 65504, and in bfloat16 it stops growing.",
    step="`np.sum(losses) / rows` in the format of the losses.",
    change="Add up in float32: `np.sum(losses, dtype=np.float32) / rows`, and round once at the end.",
)
def sum_losses_in_narrow_format(logits, targets):
    losses = _of_targets(_costs(logits), targets).astype(logits.dtype)
    return np.sum(losses) / logits.dtype.type(len(losses))


@mistake(
    quantity="cross_entropy",
    fails_on=(np.float16([[60_000] + [0] * 999]), np.array([0])),
    options={"label_smoothing": 1e-5},
    widget="loss",
    belief="Smoothing is a small constant, and a small constant fits anywhere.",
    diagnosis="You smoothed in the narrow format. Shared among many classes the smoothing is a tiny number: below "
    "6e-8 float16 keeps no digit of it, and at 3e-8 it is 0.",
    step="`smoothing / classes` in float16: among 300,000 classes each gets 3e-7, in steps of 6e-8.",
    change="Keep the weights and the sum in float32, and round once at the end.",
)
def smooth_in_narrow_format(logits, targets, label_smoothing=0.0):
    costs = _costs(logits)
    goal = np.full(logits.shape, label_smoothing / logits.shape[-1], logits.dtype)
    goal[np.arange(len(targets)), targets] += logits.dtype.type(1 - label_smoothing)
    return np.mean(np.sum(goal * costs.astype(logits.dtype), axis=-1))
