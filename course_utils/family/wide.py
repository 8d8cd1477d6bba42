"""Float64 on the way, the caller's format at the end: narrow formats are rounded once."""

import numpy as np

from course_utils.stable.arguments import as_logits


def widened(*arrays):
    """(the arrays in float64, broadcast to one shape; the dtype of the answer: what NumPy makes of both).

    Raises: TypeError for what is no real number, ValueError for shapes that don't broadcast.
    """
    given = [
        as_logits(array, name) for array, name in zip(arrays, ("logits", "the second array"), strict=False)
    ]
    try:
        wide = np.broadcast_arrays(*(array.astype(np.float64) for array in given))
    except ValueError:
        shapes = " and ".join(str(array.shape) for array in given)
        raise ValueError(f"the shapes {shapes} don't broadcast") from None
    return *wide, np.result_type(*given)


def along_last(*arrays, axis):
    """The arrays with the classes last. Raises: AxisError out of range, ValueError where there is no class."""
    moved = [np.moveaxis(array, axis, -1) if array.ndim else array.reshape(1) for array in arrays]
    if not moved[0].shape[-1]:
        raise ValueError(f"there is no class along axis {axis}: the shape is {arrays[0].shape}")
    return moved


def put_back(values, axis, shape):
    """Undo `along_last`."""
    return np.moveaxis(values, -1, axis).reshape(shape)


def rounded(values, dtype):
    """The values in the dtype, a scalar where there is one number."""
    with np.errstate(all="ignore"):
        return np.asarray(values).astype(dtype)[()]
