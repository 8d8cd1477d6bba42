"""Gradients that vanish, cancel or spread NaN."""

import numpy as np

from course_utils.mistakes.core import mistake


def _softmax(logits):
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return exps / np.sum(exps, axis=-1, keepdims=True)


def _minus_onehot(p, targets):
    gradient = p.copy()
    gradient[np.arange(len(targets)), targets] -= 1
    return gradient / len(targets)


@mistake(
    "2",
    quantity="gradient",
    fails_on=(np.float32([[0, 50]]), np.array([0])),
    widget="loss",
    belief="The epsilon changes the loss a little and the gradient not at all.",
    diagnosis="This is the gradient of log(p + 1e-8). It carries a factor p / (p + 1e-8), which goes to 0 "
    "where the model is confidently wrong. The true gradient there is -1.",
    step="`p / (p + 1e-8)`: the factor that differentiating through the epsilon leaves behind.",
    change="Differentiate the loss that starts from the logits: the gradient is softmax - onehot.",
)
def gradient_through_epsilon(logits, targets):
    p = _softmax(logits)
    p_target = p[np.arange(len(targets)), targets][:, None]
    return _minus_onehot(p, targets) * (p_target / (p_target + 1e-8))


@mistake(
    "13",
    quantity="gradient",
    fails_on=(np.float32([[0, 50]]), np.array([0])),
    widget="loss",
    belief="Clipping a probability leaves its gradient in place.",
    diagnosis="This is the gradient through a clip. Outside the limits the clip is flat, so the gradient is "
    "exactly 0 where the model is confidently wrong. The true gradient there is -1.",
    step="`np.clip(p, 1e-7, 1 - 1e-7)`: outside its limits the derivative is 0.",
    change="Differentiate the loss that starts from the logits: the gradient is softmax - onehot.",
)
def gradient_through_clip(logits, targets):
    p = _softmax(logits)
    p_target = p[np.arange(len(targets)), targets][:, None]
    inside = (p_target > 1e-7) & (p_target < 1 - 1e-7)
    return _minus_onehot(p, targets) * inside


@mistake(
    "29",
    quantity="gradient",
    fails_on=(np.float32([[20, 0]]), np.array([0])),
    widget="loss",
    belief="p - 1 is the target's gradient, so it is the code.",
    diagnosis="You computed p - 1 for the target. For a confident target p is stored as 1, and the gradient "
    "is exactly 0: the network stops learning although the true gradient is not 0.",
    step="`p[target] - 1`: two nearly equal numbers cancel.",
    change="Use minus the sum of the other classes' probabilities: the same number without the difference.",
)
def target_gradient_by_difference(logits, targets):
    return _minus_onehot(_softmax(logits), targets)


@mistake(
    "22",
    quantity="softplus_gradient",
    fails_on=(np.float32([200]),),
    widget="loss",
    belief="`np.where` takes the safe branch, so the other one does not matter.",
    diagnosis="Both branches of a where are differentiated. The unsafe one contributes 0 * inf/inf = NaN, "
    "although its value was never used.",
    step="`0 * exps / (1 + exps)` in the backward pass: a NaN times 0 is NaN.",
    change="Make the input of the unsafe branch safe first: `exp(where(ok, z, 0))`.",
)
def where_guards_gradient(z):
    ok = z < 80
    exps = np.exp(z)
    from_unsafe = np.where(ok, 1, 0).astype(z.dtype) * exps / (1 + exps)
    from_safe = np.where(ok, 0, 1).astype(z.dtype)
    return from_unsafe + from_safe


@mistake(
    "23",
    quantity="gradient",
    fails_on=(np.float32([[100, 0]]), np.array([1])),
    widget="loss",
    belief="Gradient clipping catches NaN and inf.",
    diagnosis="You clipped a gradient that was NaN already. Clipping compares, and no comparison with NaN is "
    "true, so NaN passes through. Clipping by the norm makes every entry NaN.",
    step="`np.clip(gradient, -1, 1)`: clip(NaN) is NaN.",
    change="Repair the softmax below: subtract the row's maximum. Then there is nothing to catch.",
)
def clip_nan_gradient(logits, targets):
    exps = np.exp(logits)
    return np.clip(_minus_onehot(exps / np.sum(exps, axis=-1, keepdims=True), targets), -1, 1)


@mistake(
    quantity="gradient",
    fails_on=(np.float32([[0, 200]]), np.array([0])),
    widget="loss",
    belief="`np.where` keeps log 0 out of the loss, so it keeps it out of the gradient.",
    diagnosis="You guarded log p with a where. The loss is finite, and the gradient is not a number: the branch "
    "that was not taken still contributes 0 * 1/0 = NaN.",
    step="`np.where(p > 0, 1, 0) * (1 / p)` in the backward pass: 0 times inf is NaN.",
    change="Differentiate the loss that starts from the logits: the gradient is softmax - onehot.",
)
def gradient_through_where(logits, targets):
    p = _softmax(logits)
    p_target = p[np.arange(len(targets)), targets][:, None]
    return _minus_onehot(p, targets) * (np.where(p_target > 0, 1, 0).astype(p.dtype) / p_target * p_target)


def _gradient_of_each(logits, targets):
    """The gradient of each row's loss to the last digits: what follows is about something else."""
    gradient, at = _softmax(logits), (np.arange(len(targets)), targets)
    gradient[at] = 0
    gradient[at] = -np.sum(gradient, axis=-1)
    return gradient


@mistake(
    quantity="gradient",
    fails_on=(np.float64([[0, 0], [0, 0]]), np.array([0, 1])),
    widget="loss",
    belief="The gradient of a mean is the gradient of each row.",
    diagnosis="You returned the gradient of the sum of the losses and not of their mean: it is too large by the "
    "number of rows, and grows with the batch.",
    step="`softmax - onehot` without the division by the number of rows.",
    change="Divide by the number of rows: `(softmax - onehot) / len(targets)`.",
)
def gradient_of_sum(logits, targets):
    return _gradient_of_each(logits, targets)


def _keep(targets, ignore_index):
    keep = targets != ignore_index
    return keep[:, None], np.where(keep, targets, 0)


@mistake(
    quantity="gradient",
    fails_on=(np.float64([[0, 0], [0, 0]]), np.array([0, -100])),
    options={"ignore_index": -100},
    widget="loss",
    belief="The loss leaves ignored rows out, and that is enough.",
    diagnosis="You left the ignored rows out of the loss and not out of the gradient: they are still trained, "
    "towards a class that nobody asked for.",
    step="`softmax - onehot` for every row: the ignored ones are not set to 0.",
    change="Set them to 0: `gradient[targets == ignore_index] = 0`.",
)
def gradient_of_ignored_rows(logits, targets, ignore_index=None):
    keep, inside = _keep(targets, ignore_index)
    return _gradient_of_each(logits, inside) / np.sum(keep)


@mistake(
    quantity="gradient",
    fails_on=(np.float64([[0, 0], [-np.inf, -np.inf]]), np.array([0, -100])),
    options={"ignore_index": -100},
    widget="loss",
    belief="Times 0 removes a row from the gradient.",
    diagnosis="You multiplied the gradient by a mask of zeros and ones. An ignored row may hold NaN, and 0 * NaN "
    "is NaN: it reaches the weights all the same.",
    step="`gradient * keep`: multiplying by 0 does not remove a NaN.",
    change="Replace instead: `np.where(keep, gradient, 0)`.",
)
def multiply_ignored_gradient_by_zero(logits, targets, ignore_index=None):
    keep, inside = _keep(targets, ignore_index)
    return _gradient_of_each(logits, inside) * keep / np.sum(keep)


@mistake(
    quantity="gradient",
    fails_on=(np.float64([[0, 0]]), np.array([0])),
    options={"weight": np.array([1.0, 3]), "label_smoothing": 0.5},
    widget="loss",
    belief="The gradient is softmax minus the targets, whatever the targets are.",
    diagnosis="You subtracted weights that do not add up to 1 from probabilities that do. The rows of your "
    "gradient do not add up to 0, so every logit of the row drifts.",
    step="`softmax - goal`: softmax has to be multiplied by the sum of the goal first.",
    change="Write `softmax * goal.sum(axis=-1, keepdims=True) - goal`.",
)
def gradient_without_total_weight(logits, targets, weight=1, label_smoothing=0.0):
    weight = np.broadcast_to(weight, logits.shape[-1:])
    goal = (1 - label_smoothing) * np.eye(logits.shape[-1])[targets] + label_smoothing / logits.shape[-1]
    return (_softmax(logits) - goal * weight) / np.sum(weight[targets])
