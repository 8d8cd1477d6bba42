"""What is remembered of the logits seen so far, and how two such memories become one."""

import math
from typing import NamedTuple

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from course_utils.floats import FORMATS

_LN4, _LN4_REST = float.fromhex("0x1.62e42fefa39efp+0"), 4.638093627692599e-17  # together ln 4 to 106 bits
_NOTHING = -np.finfo(np.float64).max  # the exponent of a sum without a term: below that of every logit
_GONE = 2500  # a difference of exponents from which on a sum has left the format
_CALM = {np.dtype(np.float32): 60.0, np.dtype(np.float64): 600.0}  # the largest maximum that needs no shift


class State(NamedTuple):
    """The logits seen so far: sum(exp z) = exp(largest) + (rest + lost) * 4**exponent.

    `rest` leaves the largest term out, since 1 + 1e-17 is 1. `lost` is what roundings took from it. The exponent
    is a whole number; it counts fours, so that every logit has one. All are float64, with an entry for each row.
    """

    largest: np.ndarray
    rest: np.ndarray
    lost: np.ndarray
    exponent: np.ndarray

    def logsumexp(self):
        """max z + log1p(the others over the largest), in float64."""
        with np.errstate(all="ignore"):
            ratio = times_power(self.rest + self.lost, self.exponent, self.largest)
            return np.where(np.isinf(self.largest), self.largest, self.largest + np.log1p(ratio))

    def over(self, logit):
        """sum(exp z) / exp(logit), in float64; no digit is lost where both are far from 1."""
        with np.errstate(all="ignore"):
            largest = times_power(*as_power(self.largest), logit)
            return largest + times_power(self.rest + self.lost, self.exponent, logit)


EMPTY = State(-np.inf, 0.0, 0.0, _NOTHING)


def seen(logits, axis=-1, overwrite=False) -> State:
    """The state of one chunk; `overwrite` says that nobody needs its numbers any more.

    Shape: any; each part of the state has the shape of `logits` without `axis`, an int, a tuple or None.
    Special values: no logits at all, or nothing but -inf, is EMPTY. NaN and +inf stay in `largest` for good.
    Raises: TypeError for what is no real number, AxisError.
    """
    rows, kept = _rows(as_logits(logits), axis)
    if not rows.size:
        return State(*(np.full(kept, part) for part in EMPTY))
    at = np.arange(len(rows)), rows.argmax(axis=1)
    largest = rows[at]
    with np.errstate(all="ignore"):
        shift = smallest_shift(largest, rows.dtype)
        terms = rows if overwrite else np.empty_like(rows)
        np.exp(np.subtract(rows, shift[:, None], out=terms) if shift.any() else rows, out=terms)
        terms[at] = 0
        total = _sum(terms)
        mantissa, exponent = as_power(shift)
        exponent = np.where(total == 0, _NOTHING, exponent)
        parts = largest.astype(np.float64), total * mantissa, np.zeros_like(total), exponent
        return State(*(part.reshape(kept) for part in parts))


def merge(a: State, b: State) -> State:
    """The state of everything that either has seen, as if it had been read at once.

    Special values: EMPTY changes nothing.
    Error: in any order about 2**-100 of the sum. Exponents are whole, so both sums are brought to one scale
        without a rounding, and what the additions round away is kept.
    Reference: Milakov & Gimelshein 2018, arXiv 1805.02867, where the scale is e**m and every change of it rounds.
    """
    with np.errstate(all="ignore"):
        largest, smaller = np.maximum(a.largest, b.largest), np.minimum(a.largest, b.largest)
        term, power = as_power(smaller)
        exponent = np.maximum(np.maximum(a.exponent, b.exponent), power)
        rest, lost = _two_sum(scaled(a.rest, a.exponent - exponent), scaled(b.rest, b.exponent - exponent))
        rest, lost_too = _two_sum(rest, scaled(term, power - exponent))
        before = scaled(a.lost, a.exponent - exponent) + scaled(b.lost, b.exponent - exponent)
        return State(largest, rest, before + lost + lost_too, exponent)


def update(state: State, chunk, axis=-1) -> State:
    """The state after one more chunk."""
    return merge(state, seen(chunk, axis))


def as_logits(values) -> np.ndarray:
    """float32 or float64; the 16- and 8-bit formats are read in float32, integers in float64.

    Raises: TypeError that names the dtype of anything else, and for masked arrays.
    """
    array = np.asarray(values)
    kind, is_float = array.dtype, array.dtype.name in FORMATS
    if isinstance(values, np.ma.MaskedArray) or not (is_float or kind.kind in "iu"):
        raise TypeError(f"logits must be real floats or integers; got {type(values).__name__} of {kind}")
    return array.astype(np.result_type(kind, np.float32) if is_float else np.float64, copy=False)


def smallest_shift(largest, dtype):
    """The smallest whole number that brings a maximum to where exp is at ease in `dtype`: mostly 0.

    Subtracting it rounds nothing that counts. z - max z would be rounded, and exp makes many ulps of that.
    """
    shift = np.rint(largest - np.minimum(np.maximum(largest, 0), _CALM[np.dtype(dtype)]))
    return np.where(np.isfinite(largest), shift, 0.0)


def as_power(logit):
    """(v, n) with exp(logit) = v * 4**n: n whole, v between 1/4 and 4."""
    logit, finite = np.asarray(logit, np.float64), np.isfinite(logit)
    near = np.where(finite, logit, 0.0)
    part = np.fmod(near, _LN4)  # exact, however large the logit
    n = np.rint((near - part) / _LN4)
    v = np.exp(_within(2, part - n * _LN4_REST))  # beyond 2**53 n itself is rounded, and nobody can tell
    return np.where(finite, v, np.exp(logit)), np.where(finite, n, _NOTHING)


def times_power(value, exponent, logit):
    """value * 4**exponent / exp(logit)."""
    v, n = as_power(logit)
    return scaled(value / v, exponent - n)


def scaled(value, power):
    """value * 4**power, without a rounding."""
    return np.ldexp(value, (2 * _within(_GONE, power)).astype(np.int32))


def _within(limit, values):
    """np.clip, five times as fast for a few numbers; NaN stays."""
    return np.maximum(np.minimum(values, limit), -limit)


def _two_sum(a, b):
    """(fl(a + b), what its rounding took), whichever is larger (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _sum(terms):
    """The sum of each row in float64, through sums of 256 in the terms' own format, which einsum adds fastest."""
    many = terms.shape[1] // 256 * 256
    blocks = np.einsum("ijk->ij", terms[:, :many].reshape(len(terms), -1, 256))
    return np.add.reduce(blocks, axis=1, dtype=np.float64) + np.add.reduce(
        terms[:, many:], axis=1, dtype=np.float64
    )


def _rows(array, axis):
    """(rows, the shape of a result): the entries along `axis` as columns, side by side in memory."""
    if array.ndim == 0:
        return array.reshape(1, 1), ()
    axes = tuple(range(array.ndim)) if axis is None else normalize_axis_tuple(axis, array.ndim)
    moved = np.moveaxis(array, sorted(axes), range(-len(axes), 0))
    kept = moved.shape[: array.ndim - len(axes)]
    return np.ascontiguousarray(moved).reshape(math.prod(kept), math.prod(moved.shape[len(kept) :])), kept
