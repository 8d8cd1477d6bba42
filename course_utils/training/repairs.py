"""What people do to a run that dies: each as a loss or as an update of parameters, right ones and wrong ones.

`LOSSES` maps a name to a loss (logits, targets) -> (loss, gradient); `UPDATES` maps a name to a function
that wraps an update. `train_with` puts one of them, or another format or learning rate, into a recipe.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from course_utils import naive, shifted, stable, training

EPSILON, CAP, Z_WEIGHT = 1e-7, 30.0, 1e-4


@dataclass(frozen=True)
class Recipe:
    """A run that dies with the naive loss: `train(loss, seed, lr=, wrap=, dtype=)` returns a Run."""

    told: str
    lr: float
    train: Callable


def _unchanged(update):
    return update


def _adam_on_scaled_digits(data, loss, seed, lr=0.1, wrap=_unchanged, **options):
    return training.mlp(
        data, loss, hidden=64, scale=1 / 16, update=wrap(training.adam(lr)), seed=seed, **options
    )


def _momentum_on_raw_digits(data, loss, seed, lr=0.045, wrap=_unchanged, **options):
    update = wrap(training.sgd(lr, 0.9))
    return training.mlp(data, loss, hidden=128, init=0.02, update=update, epochs=40, seed=seed, **options)


def _sgd_on_raw_digits(data, loss, seed, lr=0.1, wrap=_unchanged, **options):
    return training.softmax_regression(data, loss, update=wrap(training.sgd(lr)), seed=seed, **options)


RECIPES = {
    "SGD": Recipe("pixels 0 to 16, no hidden layer, SGD, 20 epochs", 0.1, _sgd_on_raw_digits),
    "Adam": Recipe("pixels 0 to 1, 64 hidden units, Adam, 60 epochs", 0.1, _adam_on_scaled_digits),
    "momentum": Recipe(
        "pixels 0 to 16, 128 hidden units, SGD with momentum, 40 epochs", 0.045, _momentum_on_raw_digits
    ),
}


# --- losses --------------------------------------------------------------------------------------------


def log_of_p_plus_epsilon(logits, targets, epsilon=EPSILON):
    """-log(p + epsilon) of the naive softmax, and the gradient that differentiating it gives."""
    p, rows = naive.softmax(logits), np.arange(len(targets))
    at_target = p[rows, targets]
    p[rows, targets] -= 1
    factor = at_target / (at_target + p.dtype.type(epsilon))
    loss = -np.mean(np.log(at_target + p.dtype.type(epsilon)))
    return loss, p * factor[:, None] / len(targets)


def without_nan(logits, targets):
    """The naive loss and gradient through nan_to_num: NaN becomes 0."""
    loss, gradient = naive.cross_entropy_with_grad(logits, targets)
    return np.nan_to_num(loss), np.nan_to_num(gradient)


def clipped_logits(logits, targets, limit=50):
    """The naive loss of logits clipped to +-limit; no gradient comes back where the clip acts."""
    loss, gradient = naive.cross_entropy_with_grad(np.clip(logits, -limit, limit), targets)
    return loss, gradient * (np.abs(logits) <= limit)


def soft_capped(logits, targets, cap=CAP):
    """The naive loss of cap * tanh(logits / cap): no logit passes the cap (Gemma 2 uses 30)."""
    bent = np.tanh(logits / logits.dtype.type(cap))
    loss, gradient = naive.cross_entropy_with_grad(cap * bent, targets)
    return loss, gradient * (1 - bent * bent)


def with_z_loss(logits, targets, room=naive, weight=Z_WEIGHT):
    """The room's loss plus weight * logsumexp**2, which pulls logsumexp to 0 (PaLM uses 1e-4)."""
    loss, gradient = room.cross_entropy_with_grad(logits, targets)
    lse = room.logsumexp(logits)
    pull = room.softmax(logits) * (2 * weight * lse / len(targets))[:, None].astype(logits.dtype)
    return loss + weight * np.mean(lse**2), gradient + pull


# --- updates -------------------------------------------------------------------------------------------


def clip_each(update, limit=1.0):
    """Clip every entry of every gradient to +-limit first."""
    return lambda parameters, gradients: update(parameters, [np.clip(g, -limit, limit) for g in gradients])


def clip_norm(update, limit=1.0):
    """Shrink all gradients together to norm `limit` when they are longer."""

    def clipped(parameters, gradients):
        norm = np.sqrt(sum(np.sum(np.square(g, dtype=np.float64)) for g in gradients))
        factor = (
            min(1.0, limit / norm) if norm > 0 else 1.0
        )  # min(1, NaN) is 1: no comparison with NaN is true
        update(parameters, [(g * factor).astype(g.dtype) for g in gradients])

    return clipped


def skip_bad(update):
    """Leave the parameters alone when a gradient holds a NaN or inf."""

    def careful(parameters, gradients):
        if all(np.isfinite(g).all() for g in gradients):
            update(parameters, gradients)

    return careful


@dataclass(frozen=True)
class Repair:
    """A name for people, and what changes: the loss, the update, the format, the learning rate's factor."""

    name: str
    loss: object = naive
    wrap: Callable = _unchanged
    dtype: type = np.float32
    slower: float = 1.0

    def train(self, recipe, data, seed):
        """One run of the recipe under this repair."""
        recipe = RECIPES[recipe]
        return recipe.train(
            data, self.loss, seed, lr=recipe.lr / self.slower, wrap=self.wrap, dtype=self.dtype
        )


REPAIRS = {
    repair.name: repair
    for repair in (
        Repair("no repair"),
        Repair("clip each gradient to 1", wrap=clip_each),
        Repair("clip the gradient's norm to 1", wrap=clip_norm),
        Repair("log(p + 1e-7)", log_of_p_plus_epsilon),
        Repair("nan_to_num", without_nan),
        Repair("float64", dtype=np.float64),
        Repair("learning rate / 2", slower=2),
        Repair("learning rate / 10", slower=10),
        Repair("skip bad steps", wrap=skip_bad),
        Repair("clip the logits to 50", clipped_logits),
        Repair("z-loss", with_z_loss),
        Repair("soft cap 30", soft_capped),
        Repair("shifted loss", shifted),
        Repair("stable loss", stable),
        Repair("stable loss and z-loss", partial(with_z_loss, room=stable)),
    )
}
