"""logsumexp and softmax of logits that come in chunks."""

from collections.abc import Iterator

import numpy as np

from course_utils.floats import FORMATS
from course_utils.online.chunks import File, pieces
from course_utils.online.state import EMPTY, State, as_logits, merge, seen, smallest_shift


def state_of(chunks, axis=-1) -> tuple[State, np.dtype]:
    """(the state of all chunks, the dtype that a result of theirs has)."""
    state, dtype = EMPTY, None
    ours = isinstance(chunks, File)  # what is read over next may be written over now
    for chunk in chunks.in_place() if ours else as_chunks(chunks, axis):
        state = merge(state, seen(chunk, axis, overwrite=ours))
        dtype = result_dtype(chunk) if dtype is None else np.promote_types(dtype, result_dtype(chunk))
    return state, np.dtype(np.float64) if dtype is None else dtype


def logsumexp(chunks, axis=-1):
    """LogSumExp of everything that comes, read once: log(sum(exp z)).

    `chunks` is an array, a `File`, or any iterable of arrays that follow one another along `axis`.

    Shape: that of a chunk without `axis`.
    Special values: no chunk at all, or nothing but -inf, gives -inf; +inf gives +inf; NaN gives NaN.
    Error: as `stable.logsumexp`, and the same in any partition, in any order, to 1 ulp of the larger of the result
        and the largest |z|.
    Raises: TypeError for what is no real number, AxisError.
    """
    state, dtype = state_of(chunks, axis)
    return rounded(state.logsumexp(), dtype)


def softmax(chunks, axis=-1) -> Iterator[np.ndarray]:
    """The probabilities, chunk by chunk. What comes is read twice: an array, a `File`, a list of arrays.

    Special values: as `stable.softmax`.
    Error: as `stable.softmax`, wherever the chunks end.
    Raises: TypeError for an iterator, which can be read only once; for the logits as `logsumexp`.
    """
    if isinstance(chunks, Iterator):
        raise TypeError("softmax reads its chunks twice: hand over a list, an array or a File, no iterator")
    state, _ = state_of(chunks, axis)
    return (probabilities(chunk, state, axis) for chunk in as_chunks(chunks, axis))


def probabilities(chunk, state: State, axis=-1) -> np.ndarray:
    """The probabilities of a chunk whose row, all of it, has this state."""
    logits = as_logits(chunk)
    with np.errstate(all="ignore"):
        shift = smallest_shift(state.largest, logits.dtype)
        total = np.where(np.isfinite(state.largest), state.over(shift), np.nan)
        shift, total = (np.expand_dims(part, axis) for part in (shift, total))
        terms = np.subtract(logits, shift, dtype=logits.dtype)
        return (np.exp(terms, out=terms) / total).astype(result_dtype(chunk))


def rounded(values, dtype):
    """float64 numbers in `dtype`, in silence."""
    with np.errstate(all="ignore"):
        return np.asarray(values).astype(dtype)[()]


def as_chunks(chunks, axis):
    """An array comes in pieces, a number alone; everything else as it is."""
    if isinstance(chunks, np.ndarray | np.generic | float | int):
        return pieces(chunks, axis=axis) if np.ndim(chunks) else [chunks]
    return chunks


def result_dtype(chunk) -> np.dtype:
    """The chunk's own format; float64 for integers."""
    dtype = chunk.dtype if hasattr(chunk, "dtype") else np.asarray(chunk).dtype
    return dtype.newbyteorder("=") if dtype.name in FORMATS else np.dtype(np.float64)
