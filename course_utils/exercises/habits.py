"""What people do instead of the right step.

`SHIFTS` holds what they subtract instead of the row's maximum; each is called with (logits, axis).
`PATCHES` holds what they do to a probability before its log: (function, constant) pairs, see `patched`.
"""

from __future__ import annotations

from functools import partial

import numpy as np


def _taken(index, logits, axis):
    return np.take(logits, [index], axis=axis)


def _midrange(logits, axis):
    lowest, highest = (f(logits, axis=axis, keepdims=True) for f in (np.min, np.max))
    return lowest + (highest - lowest) / 2


SHIFTS = {
    "the mean": lambda logits, axis: np.mean(logits, axis=axis, keepdims=True),
    "the median": lambda logits, axis: np.median(logits, axis=axis, keepdims=True).astype(logits.dtype),
    "the minimum": lambda logits, axis: np.min(logits, axis=axis, keepdims=True),
    "the first": partial(_taken, 0),
    "the last": partial(_taken, -1),
    "the midrange": _midrange,
    "the batch's maximum": lambda logits, axis: np.max(logits),
    "the batch's mean": lambda logits, axis: np.mean(logits),
    "the largest magnitude": lambda logits, axis: np.max(np.abs(logits), axis=axis, keepdims=True),
    "a constant": lambda logits, axis: np.asarray(80, logits.dtype),
}
EPSILONS = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-16, 1e-20, 1e-30, 1e-38)
PATCHES = tuple((patch, epsilon) for patch in (np.add, np.maximum) for epsilon in EPSILONS)
BELOW_THE_MAX = ("the mean", "the median", "the minimum", "the first", "the last", "the midrange")


def patched(p, patch):
    """The probabilities after a patch, in their own format."""
    function, epsilon = patch
    return function(p, p.dtype.type(epsilon))


def finite_or_zero(shift):
    """The guard of a row of nothing but -inf: there a shift of 0."""
    return np.where(np.isfinite(shift), shift, np.zeros_like(shift))


def guarded(name):
    """The shift of this name, with the guard."""
    return named(f"{name}, guarded", lambda logits, axis: finite_or_zero(SHIFTS[name](logits, axis)))


def both_ways(*names):
    """Each of these shifts as it is, and with the guard."""
    return tuple(form for name in names for form in (SHIFTS[name], guarded(name)))


def named(name, function):
    """The function under a name that a failing test can print."""
    function.__name__ = name.translate(str.maketrans(" -", "__", "',.()"))
    return function
