"""Softmax with the lid off: every intermediate number, in the real format, and where a bad one is born.

`run` performs the steps of a textbook (naive) or max-shifted softmax one by one, on one row or on many
rows at once, and keeps each result. Nothing is simulated: exp, sum and division happen in the chosen
format, the sum with that format's own accumulator. The sweeps run whole families of rows through it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from course_utils import floats

# Multiply by a magnitude to get a row of logits.
PATTERNS = {
    "one winner": (1.0, 0.0, 0.0, 0.0),
    "spread": (1.0, 0.9, 0.0, -1.0),
    "all equal": (1.0, 1.0, 1.0, 1.0),
    "all negative": (-1.0, -1.01, -1.02, -1.03),
}

LOSS_PATHS = ("log(softmax)", "log(p + eps)", "clip p", "one-hot * log p", "log_softmax", "log1p")


@dataclass(frozen=True)
class Step:
    """One intermediate result: its name and its values, in the format that computed them."""

    name: str
    values: np.ndarray

    @cached_property
    def states(self) -> np.ndarray:
        """ok, subnormal, zero, inf or NaN, for each value."""
        return floats.states(self.values)

    @property
    def bad(self) -> bool:
        """True with an inf or NaN, and where all terms, their sum or all probabilities are zero."""
        all_zero = self.name in ("exp", "sum", "p") and bool(np.all(self.states == "zero"))
        return all_zero or bool(np.isin(self.states, ("inf", "NaN")).any())


def run(logits, kind, method="naive", target=None) -> list[Step]:
    """Every step of softmax on the stored `logits`, computed in the format `kind`.

    `method` is "naive", "shifted" (by the row's maximum) or a number to subtract, one for all rows or one
    a row. With `target`, an index, the steps go on to log p, the loss and the gradient of the loss.
    Shape: logits (..., classes); sum and loss keep an axis of length 1.
    Raises: ValueError for a method that is none of these.
    """
    z = floats.store(logits, kind)
    with np.errstate(all="ignore"):
        steps = [Step("z", z)]
        if not _is_naive(method):
            shift = z.max(axis=-1, keepdims=True) if isinstance(method, str) else floats.store(method, kind)
            steps.append(Step("z - m", z - shift))
        exps = np.exp(steps[-1].values)
        total = np.sum(exps, axis=-1, keepdims=True)
        steps += [Step("exp", exps), Step("sum", total), Step("p", exps / total)]
        return steps if target is None else steps + _loss_steps(steps, target, _is_naive(method))


def born(steps) -> str | None:
    """The name of the first step with a bad value, or None."""
    return next((step.name for step in steps if step.bad), None)


def pick(steps, name) -> np.ndarray:
    """The values of the step called `name`."""
    return next(step.values for step in steps if step.name == name)


def regimes(steps) -> np.ndarray:
    """One state for each row: what a reader of its probabilities is up against.

    NaN: some p is NaN. zero: every p is 0, and no isnan() sees it. subnormal: the largest term has lost
    digits, so p is finite and wrong. ok: none of these.
    Shape: logits' without the classes.
    """
    terms, p = pick(steps, "exp").astype(np.float64), pick(steps, "p").astype(np.float64)
    smallest_normal = floats.format_of(pick(steps, "exp")).smallest_normal
    tests = [np.isnan(p).any(axis=-1), (p == 0).all(axis=-1), terms.max(axis=-1) < smallest_normal]
    return np.select(tests, ["NaN", "zero", "subnormal"], "ok")


@dataclass(frozen=True)
class Sweep:
    """A family of rows: `x` (rows,), probabilities `p` and `truth` (rows, classes), one state a row."""

    x: np.ndarray
    p: np.ndarray
    truth: np.ndarray
    states: np.ndarray

    @property
    def edges(self) -> list[tuple[str, float, float]]:
        """The runs of equal state, as (state, first x, last x)."""
        cuts = np.flatnonzero(self.states[1:] != self.states[:-1]) + 1
        starts, ends = np.r_[0, cuts], np.r_[cuts, len(self.x)] - 1
        return [
            (str(self.states[a]), float(self.x[a]), float(self.x[b]))
            for a, b in zip(starts, ends, strict=True)
        ]


def sweep_magnitude(pattern, kind, method, magnitudes) -> Sweep:
    """Softmax of magnitude * pattern, for each magnitude. `pattern` is a name of `PATTERNS` or a row.

    The truth is that of the stored logits.
    """
    row = np.asarray(PATTERNS[pattern] if isinstance(pattern, str) else pattern, dtype=np.float64)
    rows = np.asarray(magnitudes, dtype=np.float64)[:, None] * row
    return _sweep(magnitudes, rows, kind, method, floats.store(rows, kind))


def sweep_offset(gap, kind, method, offsets) -> Sweep:
    """Softmax of [c, c - gap], for each offset c. The truth is that of [0, -gap], whatever c is."""
    typed = np.array([0.0, -gap])
    rows = np.asarray(offsets, dtype=np.float64)[:, None] + typed
    return _sweep(offsets, rows, kind, method, np.broadcast_to(typed, rows.shape))


def sweep_shift(logits, kind, shifts) -> Sweep:
    """Softmax of one row with each of the `shifts` subtracted. The truth is that of the stored row."""
    shifts = np.asarray(shifts, dtype=np.float64)
    rows = np.broadcast_to(np.asarray(logits, dtype=np.float64), (len(shifts), len(logits)))
    return _sweep(shifts, rows, kind, shifts[:, None], floats.store(rows, kind))


@dataclass(frozen=True)
class LossSweep:
    """Losses (rows,) and gradients (rows, 2) of one loss path beside the truth, for each gap."""

    gaps: np.ndarray
    loss: np.ndarray
    gradient: np.ndarray
    true_loss: np.ndarray
    true_gradient: np.ndarray


def sweep_loss(path, kind, gaps, target=1, eps=1e-7) -> LossSweep:
    """One loss path on z = [0, -gap], for each gap. Target 1 is wrong and confident, target 0 right."""
    gaps = np.asarray(gaps, dtype=np.float64)
    z = floats.store(np.stack([0 * gaps, -gaps], axis=-1), kind)
    loss, gradient = loss_path(path, z, np.full(len(gaps), target), eps)
    exact = z.astype(np.float64)
    margin = exact[:, 1 - target] - exact[:, target]
    # One other class: the loss is log1p(e^margin) and its gradient 1 / (1 + e^-margin), in wide arithmetic.
    rest = np.exp(-np.logaddexp(0, -margin))
    true_gradient = np.stack([rest, -rest] if target else [-rest, rest], axis=-1)
    return LossSweep(gaps, loss, gradient, np.logaddexp(0, margin), true_gradient)


def loss_path(path, logits, targets, eps=1e-7) -> tuple[np.ndarray, np.ndarray]:
    """The loss of each row and its gradient in the logits, as one way of writing the loss makes them.

    The gradient is what backpropagation through that way of writing gives, zeros and NaNs included.
    Every path starts from max-shifted logits: what fails here fails with a good softmax.
    Shape: logits (rows, classes), integer targets (rows,); (rows,) and (rows, classes), in the logits' dtype.
    Raises: ValueError for a path that is not in `LOSS_PATHS`.
    """
    if path not in LOSS_PATHS:
        raise ValueError(f"path must be one of {', '.join(LOSS_PATHS)}; got {path!r}")
    one_hot = np.arange(logits.shape[-1]) == np.asarray(targets)[:, None]
    with np.errstate(all="ignore"):
        d = logits - logits.max(axis=-1, keepdims=True)
        exps = np.exp(d)
        if path == "log1p":
            return _leave_target_out(exps, d, one_hot)
        total = np.sum(exps, axis=-1, keepdims=True)
        if path == "log_softmax":
            return _picked(np.log(total) - d, one_hot), exps / total - one_hot.astype(logits.dtype)
        return _through_probabilities(path, exps / total, one_hot, logits.dtype.type(eps))


def _is_naive(method) -> bool:
    if isinstance(method, str) and method not in ("naive", "shifted"):
        raise ValueError(f"method must be 'naive', 'shifted' or a number to subtract; got {method!r}")
    return isinstance(method, str) and method == "naive"


def _loss_steps(steps, target, naive) -> list[Step]:
    p = pick(steps, "p")
    log_p = np.log(p) if naive else pick(steps, "z - m") - np.log(pick(steps, "sum"))
    one_hot = (np.arange(p.shape[-1]) == target).astype(p.dtype)
    return [
        Step("log p", log_p),
        Step("loss", -log_p[..., target, None]),
        Step("gradient", p - one_hot),
    ]


def _sweep(x, rows, kind, method, exact) -> Sweep:
    steps = run(rows, kind, method)
    # The exact row fits float64, where the shifted softmax is right to far more digits than a picture shows.
    truth = pick(run(exact, "float64", "shifted"), "p")
    return Sweep(np.asarray(x, dtype=np.float64), pick(steps, "p"), truth, regimes(steps))


def _picked(values, one_hot) -> np.ndarray:
    return values[one_hot]


def _through_probabilities(path, p, one_hot, eps):
    """Loss and gradient of a path that holds probabilities: dloss/dp first, then back through softmax."""
    one, y = p.dtype.type(1), one_hot.astype(p.dtype)
    if path == "log(softmax)":
        loss, slope = -np.log(_picked(p, one_hot)), np.where(one_hot, -one / p, p.dtype.type(0))
    elif path == "log(p + eps)":
        loss, slope = -np.log(_picked(p, one_hot) + eps), -y / (p + eps)
    elif path == "clip p":
        kept = np.minimum(np.maximum(p, eps), one - eps)
        loss, slope = -np.log(_picked(kept, one_hot)), np.where(kept == p, -y / kept, p.dtype.type(0))
    else:
        loss, slope = -np.sum(y * np.log(p), axis=-1), -y / p
    return loss, p * (slope - np.sum(p * slope, axis=-1, keepdims=True))


def _leave_target_out(exps, d, one_hot):
    """log1p(rest / e_target), with the target never in the sum: no digit of a small loss is lost."""
    own = _picked(exps, one_hot)
    rest = np.sum(np.where(one_hot, exps.dtype.type(0), exps), axis=-1)
    total = np.sum(exps, axis=-1)
    ratio = rest / own
    # own underflows when the target is far behind: there the plain log(total) - d is exact enough
    loss = np.where(
        np.isfinite(ratio.astype(np.float64)), np.log1p(ratio), np.log(total) - _picked(d, one_hot)
    )
    return loss, np.where(one_hot, -(rest / total)[:, None], exps / total[:, None])
