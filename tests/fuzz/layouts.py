"""The same rows as arrays of any shape, axis, memory order and type."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Layout:
    """How (rows, classes) become an array, and what comes out becomes rows again."""

    axis: object
    full: tuple[int, ...]  # the array's shape
    order: tuple[int, ...]  # its axes as (rows..., classes...)
    kept: int  # how many of these are rows

    @property
    def _split(self):
        return [self.full[axis] for axis in self.order]

    def place(self, rows):
        """(rows, classes) as the array."""
        back = [self.order.index(axis) for axis in range(len(self.order))]
        return np.array(rows.reshape(self._split).transpose(back), order="C")

    def place_kept(self, values):
        """(rows,) as an array without the classes' axes."""
        return values.reshape(self._split[: self.kept])

    def rows(self, array, count):
        """The inverse of `place`; the array must have the very shape."""
        assert array.shape == self.full, f"shape {array.shape}, not {self.full}"
        return array.transpose(self.order).reshape(count, math.prod(self.full) // count)

    def kept_shape(self, keepdims=False):
        taken = self.order[self.kept :]
        shape = [1 if axis in taken else n for axis, n in enumerate(self.full)]
        return tuple(n for axis, n in enumerate(shape) if keepdims or axis not in taken)


def _split(number):
    """A divisor that is neither 1 nor the number where there is one."""
    return next((d for d in range(2, number) if number % d == 0), 1)


def layout(name, count, size) -> Layout:
    """The layout of that name for so many rows; the plain one where it needs a single row."""
    a, c = _split(count), _split(size)
    if name in ("vector", "none", "number") and count != 1:
        name = "last"
    if name == "number" and size != 1:
        name = "vector"
    return {
        "last": Layout(-1, (count, size), (0, 1), 1),
        "first": Layout(0, (size, count), (1, 0), 1),
        "middle": Layout(1, (a, size, count // a), (0, 2, 1), 2),
        "deep": Layout(-1, (a, count // a, size), (0, 1, 2), 2),
        "tuple": Layout((0, -1), (c, count, size // c), (1, 0, 2), 1),
        "vector": Layout(0, (size,), (0,), 0),
        "none": Layout(None, (c, size // c), (0, 1), 0),
        "number": Layout(-1, (), (), 0),
    }[name]


SHAPES = ("last", "first", "middle", "deep", "tuple", "vector", "none", "number")


def _strided(array):
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


def _read_only(array):
    array.flags.writeable = False
    return array


_DRESS = {
    "plain": lambda a: a,
    "fortran": lambda a: np.array(a, order="F"),
    "strided": lambda a: _strided(a) if a.ndim else a,
    "reversed": lambda a: a[..., ::-1].copy()[..., ::-1] if a.ndim else a,
    "read_only": _read_only,
    "big_endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "list": lambda a: a.tolist(),
}
DRESSES = tuple(_DRESS)


def dressed(array, name):
    return _DRESS[name](array)
