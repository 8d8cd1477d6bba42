"""Softmax regression on thirty points of the plane, in the chosen format, with every number of every step."""

import warnings
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from course_utils.floats import FORMATS

STEPS = 1000
PATHS = ("exp(z)", "exp(z), clipped gradient", "exp(z − max), log p", "log_softmax")
TENSORS = ("z", "exp", "sum", "p", "loss", "gradient", "weights")
RADIUS, SPREAD, EACH, CLASSES = 1.2, 0.65, 10, 3


@dataclass(frozen=True)
class Run:
    """The numbers of every step that was made, by tensor; `first_bad` is (step, tensor), `died` a step, or None.

    `weights[k]` is what step k left, `weights[0]` the zeros before the first.
    """

    x: np.ndarray
    y: np.ndarray
    weights: list
    tensors: list[dict]
    first_bad: tuple[int, str] | None
    died: int | None

    @property
    def losses(self):
        return np.array([float(one["loss"]) for one in self.tensors])

    @property
    def largest(self):
        """The largest |logit| of each step."""
        return np.array([float(np.abs(one["z"].astype(np.float64)).max()) for one in self.tensors])


def points(seed):
    """Three clouds of ten points around the corners of a triangle; most seeds overlap a little."""
    angles = 2 * np.pi * np.arange(CLASSES) / CLASSES + np.pi / 2
    centres = RADIUS * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    spread = SPREAD * np.random.default_rng(seed).normal(size=(CLASSES, EACH, 2))
    return (centres[:, None] + spread).reshape(-1, 2), np.repeat(np.arange(CLASSES), EACH)


@lru_cache(maxsize=32)
def train(path, format_name, lr, scale, seed) -> Run:
    """Full-batch gradient descent from weights of 0, until the weights are no numbers or 1000 steps are done."""
    fmt = FORMATS[format_name].dtype
    x, y = points(seed)
    x = np.hstack([scale * x, np.ones((len(x), 1))]).astype(fmt)
    run, targets = Run(x, y, [np.zeros((3, CLASSES), fmt)], [], None, None), np.eye(CLASSES, dtype=fmt)[y]
    first_bad = died = None
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ml_dtypes warns by itself
        for step in range(1, STEPS + 1):
            tensors = _step(path, x, targets, run.weights[-1], fmt.type(lr))
            bad = [name for name in TENSORS if not np.isfinite(tensors[name].astype(np.float64)).all()]
            first_bad = first_bad or (step, bad[0]) if bad else first_bad
            run.tensors.append(tensors)
            run.weights.append(tensors["weights"])
            if "weights" in bad:
                died = step
                break
    return Run(x, y, run.weights, run.tensors, first_bad, died)


def _step(path, x, targets, weights, lr):
    """Every tensor of one step, in the order of the computation, each rounded to the format."""
    z = x @ weights
    high = z.max(axis=1, keepdims=True) if path in PATHS[2:] else z.dtype.type(0)
    exp = np.exp(z - high)
    total = exp.sum(axis=1, keepdims=True)
    p = exp / total
    log_p = (z - high) - np.log(total) if path == "log_softmax" else np.log(p)
    chosen = targets * log_p if path == PATHS[2] else np.where(targets != 0, log_p, z.dtype.type(0))
    gradient = (x.T @ ((p - targets) / z.dtype.type(len(x)))).astype(z.dtype)
    if path == PATHS[1]:
        gradient = np.clip(gradient, z.dtype.type(-1), z.dtype.type(1))
    after = (weights - lr * gradient).astype(z.dtype)
    loss = np.asarray(-chosen.sum() / z.dtype.type(len(x)))
    return dict(zip(TENSORS, (z, exp, total, p, loss, gradient, after), strict=True))
