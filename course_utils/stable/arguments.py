"""What the stable functions accept, and the clear error for everything else."""

import math
import operator

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from course_utils.floats import FORMATS

FLOATS = frozenset(fmt.dtype for fmt in FORMATS.values())


def as_logits(values, name: str = "logits") -> np.ndarray:
    """A native array of one of the six formats. Integers are promoted to float64 before any arithmetic wraps.

    Raises: TypeError naming the dtype of anything else.
    """
    array = as_array(values, name)
    if is_float(array):
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype.kind in "iu" or (array.size == 0 and isinstance(values, (list, tuple))):
        return array.astype(np.float64)
    raise TypeError(f"{name} must be real floats or integers; got dtype {array.dtype}")


def as_array(values, name: str) -> np.ndarray:
    """`np.asarray`. Raises: ValueError where the rows of a list differ in length; TypeError for masked arrays."""
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array, whose mask would be lost: use -inf or pass where=")
    try:
        return np.asarray(values)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{name} is no array: {error}") from None


def is_float(array: np.ndarray) -> bool:
    """Whether it holds one of the six formats, in whatever order of bytes."""
    return array.dtype in FLOATS or (array.dtype.kind == "f" and array.dtype.newbyteorder("=") in FLOATS)


def weighted(logits: np.ndarray, b) -> tuple:
    """(logits, b, dtype of the result): both broadcast to one shape; b None stays None.

    Raises: ValueError naming both shapes when they don't broadcast; TypeError when NumPy has no common dtype.
    """
    if b is None:
        return logits, None, logits.dtype
    weights = as_logits(b, "b")
    try:
        shape = np.broadcast_shapes(logits.shape, weights.shape)
    except ValueError:
        raise ValueError(f"b has shape {weights.shape}, logits have {logits.shape}: no broadcast") from None
    dtype = np.result_type(logits, b if type(b) in (int, float) else weights)
    return np.broadcast_to(logits, shape), np.broadcast_to(weights, shape), dtype


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
    kept = tuple(axis for axis in range(array.ndim) if axis not in axes)
    rows, classes = (math.prod(array.shape[axis] for axis in some) for some in (kept, axes))
    return array.transpose(kept + axes).reshape(rows, classes)


def from_rows(rows: np.ndarray, array: np.ndarray, axes: tuple[int, ...]) -> None:
    """Write back what `as_rows(array, axes)` had to copy; nothing to do where it was a view."""
    if not np.may_share_memory(rows, array):
        moved = np.moveaxis(array, axes, range(-len(axes), 0))
        moved[...] = rows.reshape(moved.shape)


def kept_shape(shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool = False) -> tuple[int, ...]:
    """The shape without `axes`, or with ones there."""
    sizes = [1 if axis in axes else size for axis, size in enumerate(shape)]
    return tuple(size for axis, size in enumerate(sizes) if keepdims or axis not in axes)


def as_mask(where, shape: tuple[int, ...]) -> np.ndarray | None:
    """`where` as booleans of the logits' shape, or None when every entry counts.

    Raises: TypeError when it isn't boolean, ValueError naming both shapes when it can't be broadcast.
    """
    if where is None:
        return None
    mask = as_array(where, "where")
    if mask.dtype != bool:
        raise TypeError(f"where must be boolean; got dtype {mask.dtype}")
    try:
        return np.broadcast_to(mask, shape)
    except ValueError:
        raise ValueError(f"where has shape {mask.shape}; it can't be broadcast to {shape}") from None


def as_out(out, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The array for the result, `out` or a new one, and the logits, copied if writing would spoil them.

    Raises: TypeError when `out` is no array of the result's dtype, ValueError for its shape or if read-only.
    """
    if out is None:
        return np.empty_like(logits, subok=False), logits
    kind = out.dtype if isinstance(out, np.ndarray) and not isinstance(out, np.ma.MaskedArray) else type(out)
    if not isinstance(kind, np.dtype) or kind.newbyteorder("=") != logits.dtype:
        raise TypeError(f"out must be an array of dtype {logits.dtype}; got {kind}")
    if out.shape != logits.shape:
        raise ValueError(f"out has shape {out.shape}, the result has {logits.shape}")
    if not out.flags.writeable:
        raise ValueError("out is read-only")
    same = logits.__array_interface__ == out.__array_interface__
    return out, logits.copy() if not same and np.may_share_memory(logits, out) else logits


def check_choice(value, choices: tuple[str, ...], name: str) -> None:
    """Raises: ValueError naming the choices when `value` is none of them."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}; got {value!r}")


def _first(bad):
    return tuple(np.argwhere(bad)[0].tolist())


def as_indices(targets: np.ndarray, shape: tuple[int, ...], classes: int, ignore_index) -> tuple:
    """Class indices and the rows to ignore (None when there are none), both flat.

    Raises: ValueError for the shape, TypeError for the `ignore_index`, IndexError naming the first wrong index.
    """
    if targets.shape != shape:
        raise ValueError(f"targets have shape {targets.shape}; class indices of these logits have {shape}")
    try:
        ignored = False if ignore_index is None else targets == operator.index(ignore_index)
    except TypeError:
        raise TypeError(f"ignore_index must be an integer; got {ignore_index!r:.60}") from None
    bad = ((targets < 0) | (targets >= classes)) & ~np.asarray(ignored)
    if bad.any():
        where = _first(bad)
        raise IndexError(f"targets{list(where)} = {targets[where]} is no class index of 0..{classes - 1}")
    ignored = None if ignored is False else ignored.ravel()
    return np.where(False if ignored is None else ignored, 0, targets.ravel()).astype(np.intp), ignored


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
    eps = getattr(FORMATS.get(targets.dtype.newbyteorder("=").name), "eps", 0.0)
    off = np.abs(rows.sum(axis=1) - 1) > max(1e-6, rows.shape[1] * eps)
    if check_sum and off.any():
        row = np.argmax(off)
        raise ValueError(f"targets of row {row} sum to {rows[row].sum():.6g}; check_sum=False allows it")
    return rows


def as_targets(targets, shape: tuple[int, ...], axes: tuple[int, ...], ignore_index, check_sum) -> tuple:
    """(indices, ignored, None) for class indices, (None, None, probabilities) for soft targets.

    Raises: TypeError naming the dtype and the first entry when class indices aren't integers.
    """
    array, rows = as_array(targets, "targets"), kept_shape(shape, axes)
    integers = array.dtype.kind in "iu"
    if array.shape == shape and (is_float(array) or (integers and shape != rows)):
        if ignore_index is not None:
            raise ValueError("ignore_index goes with class indices; give soft targets a weight of 0 instead")
        return None, None, as_probabilities(array, axes, check_sum)
    if not integers and (array.size or array.dtype.kind != "f"):  # [] is float64
        first = (0,) * array.ndim
        found = f"targets{list(first)} = {array[first]!r} has" if array.size else "they have"
        raise TypeError(
            f"targets must be integer class indices of shape {rows} or probabilities of shape {shape}; "
            f"{found} dtype {array.dtype}, shape {array.shape}"
        )
    return *as_indices(array, rows, math.prod(shape[axis] for axis in axes), ignore_index), None


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
    value = as_logits(label_smoothing, "label_smoothing")
    if value.shape or not 0 <= value <= 1:
        raise ValueError(f"label_smoothing must be a number in [0, 1]; got {label_smoothing!r:.60}")
    return float(value)
