"""Small networks in plain NumPy that train with any loss, and a record of the first bad number.

The loop is the one the lessons build: forward, loss and gradient, backward, update. It takes the loss
from a room, or from a function you wrote, and stops only when the parameters are no longer numbers.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from course_utils import naive


@dataclass(frozen=True)
class FirstBad:
    """The first inf or NaN of a run: the step (from 1), the tensor, what NumPy reported, and the value."""

    step: int
    tensor: str
    operation: str
    value: float


@dataclass
class Run:
    """What a training run leaves behind.

    `losses` and `max_logits` hold one number a step; `first_bad` is None when every number was finite;
    `died` is the step that left a NaN or inf in `parameters`, or None. A bad loss alone kills nobody.
    """

    parameters: list[np.ndarray]
    losses: list[float] = field(default_factory=list)
    max_logits: list[float] = field(default_factory=list)
    first_bad: FirstBad | None = None
    died: int | None = None
    test_accuracy: float = float("nan")

    @property
    def survived(self) -> bool:
        """True when every parameter stayed finite to the end."""
        return self.died is None


def softmax_regression(
    data, room=naive, *, softmax=None, scale=1.0, lr=0.1, update=None, epochs=20, batch_size=64, seed=0,
    init=0.0, dtype=np.float32,
) -> Run:  # fmt: skip
    """Train one linear layer by `sgd(lr)` or by `update`; `init` is the spread of its first weights.

    `room` is a module with `cross_entropy_with_grad`, or a function (logits, targets) -> (loss, gradient).
    With `softmax`, a function, the loss is -log p of its probabilities and the gradient p - one_hot.
    """
    rng = np.random.default_rng(seed)
    sizes = (data.train_x.shape[1], _classes(data))
    parameters = [np.asarray(init * rng.normal(size=sizes), dtype), np.zeros(sizes[1], dtype)]
    loss = through(softmax) if softmax else room
    return train(data, parameters, loss, update or sgd(lr), epochs, batch_size, rng, scale)


def mlp(
    data, room=naive, *, hidden=64, scale=1.0, lr=0.1, momentum=0.0, update=None, epochs=60, batch_size=64,
    seed=0, init=None, dtype=np.float32,
) -> Run:  # fmt: skip
    """Train a network with one hidden layer of ReLUs, by `sgd(lr, momentum)` or by `update`, as `adam()`.

    `init` is the spread of the first weights; left out, it is sqrt(2 / inputs) in each layer.
    """
    rng = np.random.default_rng(seed)
    parameters = first_parameters((data.train_x.shape[1], hidden, _classes(data)), rng, init, dtype)
    return train(data, parameters, room, update or sgd(lr, momentum), epochs, batch_size, rng, scale)


def first_parameters(sizes, rng, init=None, dtype=np.float32) -> list[np.ndarray]:
    """[weights, bias, weights, bias, ...] of layers with these sizes, the input's first; biases are 0."""
    parameters = []
    for fan_in, fan_out in pairwise(sizes):
        first = (init or np.sqrt(2 / fan_in)) * rng.normal(size=(fan_in, fan_out))
        parameters += [first.astype(dtype), np.zeros(fan_out, dtype)]
    return parameters


def train(data, parameters, loss, update, epochs, batch_size, rng, scale=1.0) -> Run:
    """The loop. `parameters` is [weights, bias, weights, bias, ...] and is changed in place."""
    run, loss = Run(parameters), getattr(loss, "cross_entropy_with_grad", loss)
    x = data.train_x.astype(parameters[0].dtype) * parameters[0].dtype.type(scale)
    with warnings.catch_warnings(record=True) as heard, np.errstate(all="warn", under="ignore"):
        warnings.simplefilter("always")
        for rows in batches(len(x), epochs, batch_size, rng):
            heard.clear()
            _step(run, x[rows], data.train_y[rows], loss, update, heard)
            if not run.survived:
                break
        run.test_accuracy = accuracy(parameters, data.test_x * x.dtype.type(scale), data.test_y)
    return run


def accuracy(parameters, x, y) -> float:
    """The share of rows whose largest logit is the right one; a row with a NaN is wrong."""
    logits = forward(parameters, x.astype(parameters[0].dtype))[-1]
    right = (logits.argmax(axis=-1) == y) & np.isfinite(logits).all(axis=-1)
    return float(np.mean(right))


def forward(parameters, x) -> list[np.ndarray]:
    """The input of each layer, and the logits last."""
    layers = [x]
    for i in range(0, len(parameters), 2):
        value = layers[-1] @ parameters[i] + parameters[i + 1]
        last = i + 2 == len(parameters)
        layers.append(value if last else np.maximum(value, 0))
    return layers


def backward(parameters, layers, gradient) -> list[np.ndarray]:
    """The gradient of each parameter, from the gradient of the logits."""
    gradients = []
    for i in reversed(range(0, len(parameters), 2)):
        gradients = [layers[i // 2].T @ gradient, gradient.sum(axis=0), *gradients]
        if i:
            gradient = (gradient @ parameters[i].T) * (layers[i // 2] > 0)
    return gradients


def through(softmax) -> Callable:
    """A loss that goes through the probabilities of the given softmax: -log p, and p - one_hot."""

    def cross_entropy_with_grad(logits, targets):
        p, rows = np.array(softmax(logits)), np.arange(len(targets))
        loss = -np.mean(np.log(p[rows, targets]))
        p[rows, targets] -= 1
        return loss, p / len(targets)

    return cross_entropy_with_grad


def sgd(lr=0.1, momentum=0.0) -> Callable:
    """Gradient descent: v = momentum * v + gradient; parameter -= lr * v."""
    speeds: list[np.ndarray] = []

    def update(parameters, gradients):
        speeds[:] = speeds or [0 * g for g in gradients]
        for v, gradient in zip(speeds, gradients, strict=True):
            v *= momentum
            v += gradient
        for parameter, v in zip(parameters, speeds, strict=True):
            parameter -= parameter.dtype.type(lr) * v

    return update


def adam(lr=0.1, betas=(0.9, 0.999), eps=1e-8, moments=None) -> Callable:
    """Adam (Kingma & Ba 2015, arXiv 1412.6980); `moments` is their format, left out that of the parameters."""
    pairs: list[list[np.ndarray]] = []
    time = 0

    def update(parameters, gradients):
        nonlocal time
        time += 1
        pairs[:] = pairs or [[np.zeros(p.shape, moments or p.dtype) for _ in betas] for p in parameters]
        for parameter, gradient, pair in zip(parameters, gradients, pairs, strict=True):
            for moment, beta, power in zip(pair, betas, (1, 2), strict=True):
                moment += (1 - beta) * (gradient**power - moment)
            mean, square = (m / (1 - beta**time) for m, beta in zip(pair, betas, strict=True))
            parameter -= (lr * mean / (np.sqrt(square) + eps)).astype(parameter.dtype)

    return update


def batches(rows, epochs, batch_size, rng) -> Iterator[np.ndarray]:
    """Row numbers of each batch: a new shuffle every epoch, the last batch of an epoch may be smaller."""
    for _ in range(epochs):
        order = rng.permutation(rows)
        yield from (order[start : start + batch_size] for start in range(0, rows, batch_size))


def trace(logits, targets) -> dict[str, np.ndarray]:
    """Every tensor of the naive loss and of its gradient by name, in the order of the computation."""
    exps = np.exp(logits)
    total = np.sum(exps, axis=-1, keepdims=True)
    p = exps / total
    p_target = p[np.arange(len(targets)), targets]
    loss = -np.mean(np.log(p_target))
    one_hot = np.eye(logits.shape[-1], dtype=logits.dtype)[targets]
    gradient = (p - one_hot) / len(targets)
    return {"logits": logits, "exp": exps, "sum": total, "p": p, "loss": loss, "gradient": gradient}


def first_bad(tensors) -> tuple[str, float] | None:
    """The first tensor that holds an inf or a NaN, and that number."""
    for name, tensor in tensors.items():
        bad = np.ravel(tensor)[~np.isfinite(np.ravel(tensor))]
        if bad.size:
            return name, float(bad[0])
    return None


def _step(run, x, y, loss, update, heard):
    """Train on one batch; note its loss and largest logit; look for the first number that is not finite."""
    layers = forward(run.parameters, x)
    value, gradient = loss(layers[-1], y)
    update(run.parameters, backward(run.parameters, layers, gradient))
    run.losses.append(float(value))
    run.max_logits.append(float(np.abs(layers[-1]).max()))
    parameters = np.concatenate([p.ravel() for p in run.parameters])
    if run.first_bad is None:
        tensors = {"logits": layers[-1], "loss": value, "gradient": gradient, "parameters": parameters}
        run.first_bad = _record(len(run.losses), tensors, heard)
    if not np.isfinite(parameters).all():
        run.died = len(run.losses)


def _record(step, tensors, heard) -> FirstBad | None:
    """The first bad tensor in the order of the computation, with NumPy's first report of that step."""
    found = first_bad(tensors)
    if found is None:
        return None
    said = [str(report.message).replace(" encountered in ", " in ") for report in heard]
    return FirstBad(step, found[0], said[0] if said else "nothing reported", found[1])


def _classes(data):
    return int(max(data.train_y.max(), data.test_y.max())) + 1
