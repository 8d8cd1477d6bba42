"""The steps that every stable function shares, on a block of rows: load, shift, exponentials, sum, leave one out.

A block has the shape (rows, classes). Where classes are few, or the caller's array lies so, each step works on
whole vectors of rows. Nothing here mixes two rows, so a row gets the same digits alone and in any batch.
"""

import math

import numpy as np

BLOCK = 1 << 17  # numbers: a block and what is made of it stay in the processor's caches
FEW_CLASSES = 32  # up to here NumPy's loops along a row are too short to pay
FEWEST_ROWS = 1024  # of a block whose classes lie apart: with fewer, memory is read in scraps
COMPUTED = {np.dtype(kind): np.finfo(kind) for kind in (np.float32, np.float64)}


def apart(block: np.ndarray) -> bool:
    """Whether the classes of a row lie apart in memory, and the rows of a class together."""
    between_rows, between_classes = map(abs, block.strides)
    return 0 < between_rows <= between_classes


def room_for(block: np.ndarray) -> np.ndarray:
    """An empty block that lies in memory as this one does, also where it is a single row."""
    return np.empty(block.shape, block.dtype, order="F" if apart(block) else "C")


def each_block(kernel, rows, dtype, result=None, mask=None) -> None:
    """Call `kernel(block, out, index)` for some rows at a time, in `dtype`; what the mask leaves out is -inf.

    The 16- and 8-bit formats are computed in float32. `out` is room for the block's result, and ends up in the
    rows `index` of `result`. Where memory allows both are views; with out=logits they are the same memory.
    """
    classes, dtype = rows.shape[1], dtype if dtype in COMPUTED else np.dtype(np.float32)
    by_class = apart(rows) or classes <= FEW_CLASSES
    ready = mask is None and rows.dtype == dtype and by_class == apart(rows)
    ready = ready and rows.strides[0 if by_class else 1] == dtype.itemsize
    count = max(FEWEST_ROWS if by_class else 1, BLOCK // max(1, classes))
    for start in range(0, len(rows) if classes else 0, count):
        index = slice(start, start + count)
        block = rows[index]
        if not ready:
            block = block.astype(dtype, order="F" if by_class else "C")
            if mask is not None:
                block[~mask[index]] = -np.inf
        there = None if result is None else result[index]
        direct = there is not None and (there.dtype, there.strides) == (block.dtype, block.strides)
        out = there if direct else room_for(block)
        kernel(block, out, index)
        if there is not None and not direct:
            there[...] = narrowed(out, there.dtype)


def narrowed(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The values rounded once, to nearest even, to `dtype`.

    A subnormal float16 costs NumPy twenty times an ordinary one. Its bits say which multiple of 2**-24 it is.
    """
    if dtype != np.float16 or values.dtype != np.float32:
        return values.astype(dtype, copy=False)
    small = np.abs(values) < 2.0**-14
    result = np.where(small, np.float32(0), values).astype(np.float16)
    found = values[small]
    patterns = np.rint(np.abs(found) * np.float32(2**24)).astype(np.uint16)
    result.view(np.uint16)[small] = patterns | (np.signbit(found).astype(np.uint16) << 15)
    return result


def largest(block: np.ndarray) -> tuple[np.ndarray, tuple]:
    """The largest logit of each row, and where it stands: the first one, as an index into the block."""
    row_max, classes = np.maximum.reduce(block, axis=1), block.shape[1]
    if apart(block):  # NumPy's argmax walks along such rows number by number
        after = np.arange(classes - 1, -1, -1, np.int32)  # how many classes come after each
        index = classes - 1 - np.maximum.reduce((block == row_max[:, None]) * after, axis=1)
        return row_max, (np.arange(len(block)), index)
    return row_max, (np.arange(len(block)), block.argmax(axis=1))


def smallest_shift(block: np.ndarray, row_max: np.ndarray) -> np.ndarray | None:
    """The whole number nearest to what moves a row's maximum into [0, limit]. None where it is 0 for all rows.

    The classic shift rounds z - max z, and exp turns that rounding into up to |z - max z| u of error. Subtracting
    a whole number no larger than need be rounds nothing that counts. The limit leaves room for three times the
    sum. Where all logits of a row are equal their value is the shift: the sum of ones has no error at all.
    """
    limit = math.log(COMPUTED[block.dtype].max) - math.log(3 * block.shape[1])
    calm = row_max.item(row_max.argmin()) >= -0.5 and row_max.item(row_max.argmax()) <= limit
    level = block[:, 0] == block[:, -1]
    if calm and not level.any():
        return None
    shift = np.rint(row_max - np.minimum(np.maximum(row_max, 0), limit))
    shift = np.where(np.spacing(np.abs(row_max)) < 1, shift, row_max)  # huge logits are whole, and far apart
    level[level] = (block[level] == row_max[level, None]).all(axis=1)
    return np.where(level, row_max, shift)


def exponentials(block: np.ndarray, shift: np.ndarray, out: np.ndarray) -> np.ndarray:
    """exp(z - shift), in `out`."""
    return np.exp(block if shift is None else np.subtract(block, shift[:, None], out=out), out=out)


def total(terms: np.ndarray) -> np.ndarray:
    """The sum of each row, in pairs of pairs: added one after the other, roundings would add up.

    NumPy does so only for numbers that lie together, and from sixteen in a line on: the largest term, beside which
    they would be rounded, is added last. Where terms lie apart, half of the classes is added to the other half.
    """
    if not apart(terms):
        at = np.arange(len(terms)), terms.argmax(axis=1)
        largest, terms[at] = terms[at], 0
        rest = np.add.reduce(terms, axis=1)
        terms[at] = largest
        return largest + rest
    by_class, left = terms.T, terms.shape[1]
    half = 1 << max(0, (left - 1).bit_length() - 1)
    sums = by_class[:half].copy()
    sums[: left - half] += by_class[half:]
    while half > 1:
        half //= 2
        sums[:half] += sums[half : 2 * half]
    return sums[0]


def leave_one_out(block, shift, at, out=None) -> tuple[np.ndarray, np.ndarray]:
    """(the term at `at`, the sum of the others) of each row, in float64; `out` keeps the others' terms.

    Added to a large term, many small ones are rounded against it one by one; and 1 + 1e-17 is 1. A row is weak
    where the others have underflowed beside the one left out: they get a shift of their own.
    """
    terms = exponentials(block, shift, room_for(block) if out is None else out)
    own = terms[at].astype(np.float64)
    terms[at] = 0
    rest = total(terms).astype(np.float64)
    weak = rest < block.shape[1] * COMPUTED[block.dtype].tiny
    if weak.any():
        shift = np.zeros(len(block)) if shift is None else shift
        rest[weak] = _rest_far_below(block[weak].astype(np.float64), shift[weak], at[1][weak])
    return own, rest


def _rest_far_below(logits, shift, index):
    logits[np.arange(len(logits)), index] = -np.inf
    highest = np.rint(np.maximum.reduce(logits, axis=1))
    # Half an exponent at a time: the whole may be below the format.
    back = np.exp((highest - shift) / 2)
    rest = np.add.reduce(np.exp(logits - highest[:, None]), axis=1)
    return np.where(highest == -np.inf, 0.0, rest * back * back)
