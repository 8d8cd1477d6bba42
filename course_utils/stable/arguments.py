"""What the stable functions accept, and the clear error for everything else."""

from __future__ import annotations

import math
import operator

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from course_utils.floats import FORMATS

FLOATS = frozenset(fmt.dtype for fmt in FORMATS.values())


def as_logits(values, name: str = "logits") -> np.ndarray:
    """A native array of one of the six formats. Integers are promoted to float64 before any arithmetic wraps.

    Raises: TypeError naming the dtype of anything else, and for masked arrays, whose mask NumPy would drop.
    """
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a masked array, and its mask would be lost: set the entries to -inf or pass where="
        )
    array = as_array(values, name)
    if array.dtype in FLOATS:
        return array
    if array.dtype.kind == "f" and array.dtype.newbyteorder("=") in FLOATS:
        return array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind in "iu" or (array.size == 0 and isinstance(values, (list, tuple))):
        return array.astype(np.float64)
    raise TypeError(f"{name} must be real floats or integers; got dtype {array.dtype}")


def as_array(values, name: str) -> np.ndarray:
    """`np.asarray`. Raises: ValueError naming the argument when the rows of a list differ in length."""
    try:
        return np.asarray(values)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{name} is no array: {error}") from None


def last(axis) -> bool:
    """Whether `axis` is -1 and nothing that only compares like it: an array has no truth value."""
    return type(axis) is int and axis == -1


def as_axes(axis, ndim: int) -> tuple[int, ...]:
    """The axes that a NumPy reduction would reduce, as sorted non-negative numbers.

    Raises: AxisError out of range, ValueError for an axis named twice, TypeError for what is no integer.
    """
    if type(axis) is int and -ndim <= axis < ndim:
        return (axis % ndim,)
    if axis is None:
        return tuple(range(ndim))
    if ndim == 0 and type(axis) is int and axis in (0, -1):
        return ()
    try:
        return tuple(sorted(normalize_axis_tuple(axis, ndim)))
    except (TypeError, OverflowError):
        raise TypeError(f"axis must be an integer, a tuple of them or None; got {axis!r:.60}") from None


def as_rows(array: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """The array as (rows, classes), the classes lying along `axes`. A view wherever strides allow."""
    if axes != (array.ndim - 1,):
        array = np.moveaxis(array, axes, range(-len(axes), 0))
    elif array.ndim == 2:
        return array
    rows = math.prod(array.shape[: array.ndim - len(axes)])
    return array.reshape(rows, math.prod(array.shape[array.ndim - len(axes) :]))


def from_rows(rows: np.ndarray, array: np.ndarray, axes: tuple[int, ...]) -> None:
    """Write back what `as_rows(array, axes)` had to copy; nothing to do where it was a view."""
    if not np.may_share_memory(rows, array):
        moved = np.moveaxis(array, axes, range(-len(axes), 0))
        moved[...] = rows.reshape(moved.shape)


def overlap(logits: np.ndarray, out: np.ndarray) -> bool:
    """Whether `out` shares memory with the logits without being the very same array."""
    same = logits.__array_interface__ == out.__array_interface__
    return not same and np.may_share_memory(logits, out)


def kept_shape(shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool = False) -> tuple[int, ...]:
    """The shape without `axes`, or with ones there."""
    sizes = [1 if axis in axes else size for axis, size in enumerate(shape)]
    return tuple(size for axis, size in enumerate(sizes) if keepdims or axis not in axes)


def as_mask(where, shape: tuple[int, ...]) -> np.ndarray | None:
    """`where` as booleans of the logits' shape, or None when every entry counts.

    Raises: TypeError when it isn't boolean, ValueError when it can't be broadcast.
    """
    if where is None:
        return None
    mask = as_array(where, "where")
    if mask.dtype != bool:
        raise TypeError(f"where must be boolean; got dtype {mask.dtype}")
    return broadcast(mask, shape, "where")


def broadcast(array: np.ndarray, shape: tuple[int, ...], name: str) -> np.ndarray:
    """`np.broadcast_to`. Raises: ValueError naming the argument and both shapes."""
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise ValueError(f"{name} has shape {array.shape}; it can't be broadcast to {shape}") from None


def as_out(out, logits: np.ndarray) -> np.ndarray:
    """The array that receives the result: `out`, or a new one laid out like the logits.

    Raises: TypeError when `out` is no array of the result's dtype, ValueError for its shape or if read-only.
    """
    if out is None:
        return np.empty_like(logits, subok=False)
    if not isinstance(out, np.ndarray) or out.dtype != logits.dtype:
        raise TypeError(
            f"out must be an array of dtype {logits.dtype}; got {getattr(out, 'dtype', type(out))}"
        )
    if out.shape != logits.shape:
        raise ValueError(f"out has shape {out.shape}, the result has {logits.shape}")
    if not out.flags.writeable:
        raise ValueError("out is read-only")
    return out


def one_of(value, choices: tuple[str, ...], name: str) -> str:
    """`value` when it is one of the choices. Raises: ValueError naming them."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}; got {value!r}")
    return value


def _first(bad: np.ndarray) -> tuple[int, ...]:
    return tuple(int(index) for index in np.argwhere(bad)[0])


def as_index(value, name: str) -> int:
    """`value` as an integer. Raises: TypeError naming the argument when it is none."""
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer; got {value!r:.60}") from None


def as_indices(targets: np.ndarray, shape: tuple[int, ...], classes: int, ignore_index) -> tuple:
    """Class indices and the rows to ignore (None when there are none), both flat.

    Raises: ValueError for the wrong shape, IndexError naming the first index that is no class.
    """
    if targets.shape != shape:
        raise ValueError(
            f"targets have shape {targets.shape}; class indices for these logits have shape {shape}"
        )
    ignored = None if ignore_index is None else targets == as_index(ignore_index, "ignore_index")
    if targets.size == 0 or 0 <= targets.item(targets.argmin()) <= targets.item(targets.argmax()) < classes:
        bad = None
    else:
        bad = (targets < 0) | (targets >= classes)
        if ignored is not None:
            bad &= ~ignored
    if bad is not None and bad.any():
        where = _first(bad)
        raise IndexError(f"targets{list(where)} = {targets[where]} is no class index of 0..{classes - 1}")
    if ignored is None or not ignored.any():
        return targets.reshape(-1).astype(np.intp, copy=False), None
    return np.where(ignored, 0, targets).ravel().astype(np.intp), ignored.ravel()


def as_probabilities(targets: np.ndarray, axes: tuple[int, ...], check_sum: bool) -> np.ndarray:
    """Soft targets as float64 rows.

    Raises: ValueError naming the first entry that is no probability, or the first row whose sum is not 1.
    """
    wide = targets.astype(np.float64)  # comparing a NaN in bfloat16 would warn
    rows = as_rows(wide, axes)
    bad = ~((wide >= 0) & (wide < np.inf))
    if bad.any():
        where = _first(bad)
        raise ValueError(f"targets{list(where)} = {targets[where]} is no probability")
    # Rounding each probability to the targets' format moves a row's sum by up to classes * eps.
    eps = FORMATS[targets.dtype.name].eps if targets.dtype.name in FORMATS else 0.0
    off = np.abs(rows.sum(axis=1) - 1) > max(1e-6, rows.shape[1] * eps)
    if check_sum and off.any():
        row = int(np.argmax(off))
        raise ValueError(
            f"targets of row {row} sum to {rows[row].sum():.6g}, not 1 (check_sum=False allows it)"
        )
    return rows


def as_targets(
    targets, shape: tuple[int, ...], axes: tuple[int, ...], ignore_index, check_sum: bool
) -> tuple:
    """(indices, ignored, None) for class indices, (None, None, probabilities) for soft targets.

    Raises: TypeError naming the dtype and the first entry when class indices aren't integers; see also
    `as_indices` and `as_probabilities`.
    """
    array = as_array(targets, "targets")
    if array.shape == shape and (array.dtype in FLOATS or array.dtype.kind in "iu"):
        if ignore_index is not None:
            raise ValueError("ignore_index goes with class indices; give soft targets a weight of 0 instead")
        return None, None, as_probabilities(array, axes, check_sum)
    rows = kept_shape(shape, axes)
    if array.dtype.kind not in "iu" and (array.size or array.dtype.kind != "f"):  # [] is float64
        first = (0,) * array.ndim
        found = f"targets{list(first)} = {array[first]!r} has" if array.size else "they have"
        raise TypeError(
            f"targets must be integer class indices of shape {rows} or probabilities of shape {shape}; "
            f"{found} dtype {array.dtype}, shape {array.shape}"
        )
    indices, ignored = as_indices(array, rows, math.prod(shape[axis] for axis in axes), ignore_index)
    return indices, ignored, None


def as_weight(weight, classes: int) -> np.ndarray | None:
    """Class weights in float64, or None.

    Raises: ValueError for the wrong shape and for the first weight that is negative or not finite.
    """
    if weight is None:
        return None
    array = as_logits(weight, "weight").astype(np.float64)
    if array.shape != (classes,):
        raise ValueError(f"weight has shape {array.shape}, not one number for each of the {classes} classes")
    bad = ~((array >= 0) & (array < np.inf))
    if bad.any():
        raise ValueError(f"weight{list(_first(bad))} = {array[bad][0]} must be finite and not negative")
    return array


def as_smoothing(label_smoothing) -> float:
    """Label smoothing as a float. Raises: ValueError outside [0, 1], TypeError when it is no number."""
    try:
        value = float(label_smoothing)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"label_smoothing must be a number in [0, 1]; got {label_smoothing!r:.60}") from None
    if not 0 <= value <= 1:
        raise ValueError(f"label_smoothing must lie in [0, 1]; got {label_smoothing!r}")
    return value
