"""The smallest input that still fails: fewer rows, fewer classes, then smaller whole numbers.

The first argument holds the logits, classes on its last axis. Other arrays follow it: a mask of the same
shape loses the same entries, integer targets lose the same rows and are renumbered when a class goes.
"""

from __future__ import annotations

import math

import numpy as np

TRIES = 200


def smallest(args: tuple, fails, tries: int = TRIES) -> tuple:
    """Shrink `args` while `fails(*args)` stays true. Greedy and deterministic; at most `tries` questions."""
    ask = _Questions(fails, tries)
    if not isinstance(args[0], np.ndarray) or args[0].ndim == 0:
        return args
    shorter = True
    while shorter:
        found = next((c for c in (*_fewer_rows(args), *_fewer_classes(args)) if ask(c)), None)
        args, shorter = (args, False) if found is None else (found, True)
    for index in np.ndindex(args[0].shape):
        if ask.left <= 0:
            break
        args = _smaller_value(args, index, ask)
    return args


class _Questions:
    def __init__(self, fails, tries):
        self._fails, self.left = fails, tries

    def __call__(self, args):
        self.left -= 1
        return self.left >= 0 and self._fails(*args)


def _halves_then_ones(length, least=1):
    """The index sets to keep: first either half, then all but one."""
    if length // 2 > least:
        yield list(range(length // 2))
        yield list(range(length // 2, length))
    if least < length <= 40:
        for gone in range(length - 1, -1, -1):
            yield [i for i in range(length) if i != gone]


def _fewer_rows(args):
    first = args[0]
    if first.ndim < 2:
        return
    for keep in _halves_then_ones(len(first)):
        yield tuple(a[keep] if _has_rows(a, first) else a for a in args)


def _has_rows(arg, first):
    return isinstance(arg, np.ndarray) and arg.ndim > 0 and len(arg) == len(first)


def _fewer_classes(args):
    first = args[0]
    for keep in _halves_then_ones(first.shape[-1], least=2):  # one class is no choice
        if all(_targets_kept(a, first, keep) for a in args[1:]):
            yield tuple(_with_classes(a, first, keep) for a in args)


def _is_target(arg, first):
    return isinstance(arg, np.ndarray) and arg.dtype.kind in "iu" and arg.ndim == first.ndim - 1


def _targets_kept(arg, first, keep):
    if isinstance(arg, int):
        return arg < len(keep)  # a single target or an axis: still in range
    return not _is_target(arg, first) or set(arg.ravel().tolist()) <= set(keep)


def _with_classes(arg, first, keep):
    if isinstance(arg, np.ndarray) and arg.shape == first.shape:
        return arg[..., keep]
    if _is_target(arg, first):
        return np.searchsorted(keep, arg).astype(arg.dtype)
    return arg


def _smaller_value(args, index, ask):
    """Bisect for the whole number nearest to 0 that still fails in this place."""
    value = args[0][index]
    if not math.isfinite(value) or value == 0:
        return args
    if ask(_replaced(args, index, 0)):
        return _replaced(args, index, 0)
    passes, failing, sign = 0, math.ceil(abs(float(value))), math.copysign(1, value)
    if failing != abs(float(value)) and not ask(_replaced(args, index, sign * failing)):
        return args
    while failing - passes > 1:
        middle = (passes + failing) // 2
        passes, failing = (
            (passes, middle) if ask(_replaced(args, index, sign * middle)) else (middle, failing)
        )
    return _replaced(args, index, sign * failing)


def _replaced(args, index, value):
    first = args[0].copy()
    with np.errstate(all="ignore"):
        first[index] = (
            _clipped(int(value), np.iinfo(first.dtype)) if first.dtype.kind in "iu" else float(value)
        )
    return (first, *args[1:])


def _clipped(value, limits):
    """The smallest int64 has no positive twin."""
    return min(max(value, int(limits.min)), int(limits.max))
