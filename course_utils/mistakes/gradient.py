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
