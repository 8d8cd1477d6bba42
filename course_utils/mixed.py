"""Training in 16 bits: what a float16 network loses of its updates, and what of its gradients.

A network with one hidden layer. As on a tensor core, inputs, weights in use, activations and gradients are
float16, while every product adds up in float32. Two precautions can be switched on, one for each disease:
`master` keeps a float32 copy of the weights that takes the updates; `loss_scale` multiplies the loss before
the way back, and the gradient is divided by it again where it is float32.

Reference: Micikevicius et al. 2018, Mixed precision training, arXiv 1710.03740.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib import resources
from itertools import pairwise

import numpy as np

from course_utils import datasets, shifted

DISEASES = {
    "lost updates": {"lr": 0.001, "epochs": 60},  # small steps, as at the end of a training
    "lost gradients": {"lr": 0.1, "epochs": 10, "rows": 2**24},  # a mean over very many rows
}
REMEDIES = {
    "float32": {"dtype": np.float32},
    "float16": {"master": False},
    "float16, loss scale": {"master": False, "loss_scale": 1024.0},
    "float16, master weights": {"master": True},
    "float16, both": {"master": True, "loss_scale": 1024.0},
}


@dataclass
class Run:
    """What a training run leaves behind.

    `gradients` counts the gradients of the hidden layer by exponent, before they are stored: a key of -25
    holds those from 2^-26 to 2^-25. `skipped` counts the steps left out because a gradient was inf or NaN.
    """

    weights: list[np.ndarray]
    gradients: np.ndarray = field(default_factory=lambda: np.zeros(EXPONENTS, np.int64))
    test_accuracy: float = float("nan")
    updates: int = 0
    lost: int = 0
    zeroed: int = 0
    skipped: int = 0

    @property
    def lost_updates(self) -> float:
        """The share of updates, 0 left aside, that left their weight as it was."""
        return self.lost / max(self.updates, 1)

    @property
    def lost_gradients(self) -> float:
        """The share of the hidden layer's gradients, 0 left aside, that were stored as 0."""
        return self.zeroed / max(self.gradients.sum(), 1)


EXPONENTS = 150  # float32 holds 2^-149 to 1; gradients of a mean are no larger


def train(
    data, *, dtype=np.float16, master=True, loss_scale=1.0, rows=64, lr=0.001, epochs=60, batch_size=64,
    hidden=64, seed=0,
) -> Run:  # fmt: skip
    """Train by gradient descent in `dtype`; with float32 the same loop is the run to compare with.

    rows: the loss is a mean over so many rows. A step sees `batch_size` of them, as one machine of a cluster
    that shares a batch of millions; `lr` belongs to the mean over the rows of the step.
    """
    rng = np.random.default_rng(seed)
    sizes = (data.train_x.shape[1], hidden, int(data.train_y.max()) + 1)
    kept = np.float32 if master else dtype
    run = Run([(np.sqrt(2 / a) * rng.normal(size=(a, b))).astype(kept) for a, b in pairwise(sizes)])
    factor = np.float32(loss_scale / rows)  # what the sum over the rows is multiplied by on the way back
    x = data.train_x.astype(dtype)
    for _ in range(epochs):
        for chosen in np.array_split(rng.permutation(len(x)), len(x) // batch_size):
            slopes = _slopes(run, x[chosen], data.train_y[chosen], factor, dtype)
            _update(run, slopes, np.float32(lr / len(chosen)) / factor)
    logits = _forward(run.weights, data.test_x.astype(dtype), dtype)[-1]
    run.test_accuracy = float(np.mean(logits.argmax(axis=-1) == data.test_y))
    return run


def measure(disease, remedy, seed=0, **options) -> Run:
    """One run on the digits: a name of `DISEASES`, a name of `REMEDIES`, and what to change of them."""
    data = datasets.digits(scale=1 / 16)
    return train(data, seed=seed, **{**DISEASES[disease], **REMEDIES[remedy], **options})


def stored() -> dict:
    """The recorded experiment: `stored()["lost updates"]["float16"]["test_accuracy"]` has one number a seed.

    `python -m experiments mixed` measures it anew.
    """
    with resources.files("course_utils").joinpath("data", "mixed.json").open(encoding="utf-8") as file:
        return json.load(file)


def medians() -> list[dict[str, str]]:
    """The recorded test accuracies, median over the seeds: a row a remedy, a column a disease."""
    found = stored()
    return [
        {"remedy": remedy} | {d: f"{np.median(found[d][remedy]['test_accuracy']):.2f}" for d in DISEASES}
        for remedy in REMEDIES
    ]


def _forward(weights, x, dtype):
    """What is stored on the way: input, hidden layer, logits."""
    first, second = (w.astype(dtype) for w in weights)
    hidden = np.maximum(_product(x, first), 0).astype(dtype)
    return x, hidden, _product(hidden, second).astype(dtype)


def _product(a, b):
    """Terms in the narrow format, the sum in float32."""
    return a.astype(np.float32) @ b.astype(np.float32)


def _slopes(run, x, y, factor, dtype):
    """The gradient of each weight, times the factor, as `dtype` stores it."""
    _, hidden, logits = _forward(run.weights, x, dtype)
    error = shifted.softmax(logits.astype(np.float32))
    error[np.arange(len(y)), y] -= 1
    with np.errstate(over="ignore", invalid="ignore"):  # a scale too large: inf, and the step is skipped
        error = (error * factor).astype(dtype)
        back = _product(error, run.weights[1].astype(dtype).T) * (hidden > 0)
        stored = back.astype(dtype)
        _count(run, back, stored)
        return [_product(x.T, stored).astype(dtype), _product(hidden.T, error).astype(dtype)]


def _count(run, back, stored):
    seen = (back != 0) & np.isfinite(back)
    exponents = np.clip(-np.frexp(back[seen])[1], 0, EXPONENTS - 1)
    run.gradients += np.bincount(exponents, minlength=EXPONENTS)
    run.zeroed += int(np.sum(seen & (stored == 0)))


def _update(run, slopes, step):
    """Divide by the scale in float32, then move the weights; a step with inf or NaN is left out."""
    if not all(np.isfinite(slope).all() for slope in slopes):
        run.skipped += 1
        return
    for i, slope in enumerate(slopes):
        move = step * slope.astype(np.float32)
        weights = run.weights[i]
        moved = (weights - move.astype(weights.dtype)).astype(weights.dtype)
        run.updates += int(np.sum(move != 0))
        run.lost += int(np.sum((move != 0) & (moved == weights)))
        run.weights[i] = moved
