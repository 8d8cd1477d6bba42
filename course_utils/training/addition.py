"""Addition modulo 31, learned by a small network: the run whose margins grow until the format stops them.

The setting of Prieto et al. 2025 (arXiv 2501.04697) in miniature: they add modulo 113 with larger networks.
The pairs (a, b) are two one-hot rows side by side; full batches, Adam with `eps` far below its usual 1e-8. Adam's
moments are float64, and a gradient is scaled to 1 before the matrix products: what stops
the run is the loss, and nothing else.

`python -m experiments addition` trains all runs anew and writes `data/addition.json`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib import resources

import numpy as np

from course_utils import shifted, stable, training

NUMBERS, HIDDEN, STEPS, EVERY = 31, 128, 6000, 100
WAYS = {
    "float32, p - 1": (shifted, np.float32),
    "float64, p - 1": (shifted, np.float64),
    "float32, target left out": (stable, np.float32),
}


@dataclass
class Record:
    """One entry every 100 steps: median margin, test accuracy, share of rows whose target has gradient 0."""

    margin: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    silent: list[float] = field(default_factory=list)

    def note(self, parameters, train, test, gradient):
        """Look at the model after a step."""
        logits = training.forward(parameters, train[0])[-1]
        self.margin.append(round(float(np.median(margins(logits, train[1]))), 2))
        self.accuracy.append(round(training.accuracy(parameters, *test), 4))
        self.silent.append(round(float(np.mean(gradient[np.arange(len(train[1])), train[1]] == 0)), 4))


def pairs(seed):
    """All pairs of numbers below 31 and their sums modulo 31: 768 to train on, 193 to test on."""
    a, b = np.divmod(np.arange(NUMBERS**2), NUMBERS)
    x, order = (
        np.hstack([np.eye(NUMBERS)[a], np.eye(NUMBERS)[b]]),
        np.random.default_rng(seed).permutation(len(a)),
    )
    split, y = int(0.8 * len(a)), (a + b) % NUMBERS
    return (x[order[:split]], y[order[:split]]), (x[order[split:]], y[order[split:]])


def margins(logits, targets):
    """How far each row's target is ahead of the best other class."""
    rows, others = np.arange(len(targets)), logits.copy()
    others[rows, targets] = -np.inf
    return logits[rows, targets] - others.max(axis=-1)


def learn(way, seed=0, steps=STEPS, eps=1e-30, lr=0.005) -> Record:
    """Train one network in one of `WAYS`; `eps` is Adam's."""
    room, dtype = WAYS[way]
    train, test = pairs(seed)
    train = train[0].astype(dtype), train[1]
    rng = np.random.default_rng(seed + 1000)
    parameters, record = training.first_parameters((2 * NUMBERS, HIDDEN, NUMBERS), rng, dtype=dtype), Record()
    update = training.adam(lr, betas=(0.9, 0.98), eps=eps, moments=np.float64)
    for step in range(1, steps + 1):
        layers = training.forward(parameters, train[0])
        gradient = room.cross_entropy_with_grad(layers[-1], train[1])[1]
        size = np.abs(gradient).max() or gradient.dtype.type(1)
        scaled = training.backward(parameters, layers, gradient / size)
        update(parameters, [g * np.float64(size) for g in scaled])
        if step % EVERY == 0:
            record.note(parameters, train, test, gradient)
    return record


def stored() -> dict[str, list[Record]]:
    """The recorded runs: `stored()["float64, p - 1"][seed]`; keys that end in "eps 1e-8" have Adam's usual eps."""
    text = resources.files("course_utils").joinpath("data", "addition.json").read_text("utf-8")
    return {way: [Record(**one) for one in found] for way, found in json.loads(text).items()}
