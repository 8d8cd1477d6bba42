"""The sum of each row of terms, and the same with one term left out.

Beside a large term the roundings of many equal small ones all go one way, and added one by one they add up. So
pieces of a row are summed first, then the sums of the pieces: no number meets more than a few roundings. A
product with ones is the fastest sum that NumPy has.

Terms have the shape (rows, classes). The classes lie together in memory, or apart (`apart`).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

WIDE = np.dtype(np.float64)
LENGTHS = {  # of pieces of which a product errs little: the best first, one that divides the row is taken
    np.dtype(np.float32): (8, 9),
    WIDE: (16, 12, 18, 10, 14, 9, 8),
}
WHOLE = {np.dtype(np.float32): (1, 2, 3, 4, 8, 9, 10, 11, 12), WIDE: range(17)}  # rows that one product sums
KERNEL = 4  # rows that the product sums together; those left over are added one by one, and err more
FOLDED = 32  # so many sums are left when half of them has been added to the others often enough
FEW = {np.dtype(np.float32): 3, WIDE: 4}  # classes that one product sums where they lie apart, one by one
MANY_ONES = 1 << 13  # not worth their memory
FEW_ALONE = 40  # numbers that Python adds faster than NumPy
SHORT = 1 << 11  # so short a row is filled up with zeros to be cut; the rest of a longer one isn't cut


def apart(block: np.ndarray) -> bool:
    """Whether the classes of a row lie apart in memory and the rows of a class together."""
    strides = block.strides
    return len(strides) == 2 and strides[1] > strides[0]


def total(terms: np.ndarray) -> np.ndarray:
    """The sum of each row."""
    return _total_apart(terms.T) if apart(terms) else total_along(terms)


def total_along(terms: np.ndarray) -> np.ndarray:
    """The sum of each row, where its classes lie together."""
    if terms.shape[1] in WHOLE[terms.dtype]:
        return _product(terms)
    sums = _sums_of_pieces(terms)
    if terms.dtype == WIDE:
        return _exact_total(sums)
    return _wide_total(sums).astype(terms.dtype)


def _wide_total(sums: np.ndarray) -> np.ndarray:
    """The sum of each row in float64, in any order: for numbers that it adds as if without error."""
    if sums.shape[1] > MANY_ONES:
        return np.add.reduce(sums, axis=1, dtype=WIDE)
    return sums.astype(WIDE, copy=False) @ ones(sums.shape[1], WIDE)


def _exact_total(sums: np.ndarray) -> np.ndarray:
    """The sum of each row, rounded once; `sums` is lost.

    Beside the total a number keeps its upper part, which the other upper parts can be added to without rounding;
    the lower parts are so small that their roundings don't matter.
    """
    total = _wide_total(sums)[:, None]
    upper = sums + total
    upper -= total
    sums -= upper
    return _wide_total(upper) + _wide_total(sums)


def _product(pieces: np.ndarray) -> np.ndarray:
    count, length = pieces.shape
    sums = pieces.dot(ones(length, pieces.dtype))
    for piece in range(count - count % KERNEL, count):
        sums[piece] = exact_sum(pieces[piece])
    return sums


def exact_sum(row: np.ndarray) -> float:
    """The sum of a few numbers, rounded once; inf where it overflows."""
    try:
        return math.fsum(row.tolist())
    except OverflowError:
        return math.inf


def _sums_of_pieces(terms: np.ndarray) -> np.ndarray:
    """Rows as long as there are pieces."""
    (rows, classes), dtype = terms.shape, terms.dtype
    length = _divisor(classes, dtype)
    if length:
        return _product(terms.reshape(-1, length)).reshape(rows, -1)
    length = LENGTHS[dtype][0]
    if classes > SHORT:
        count = classes // length // KERNEL * KERNEL
        cut, rest = terms[:, : count * length], terms[:, count * length :]
        sums = np.empty((rows, count + rest.shape[1]), dtype)
        np.matmul(cut.reshape(rows, count, length), ones(length, dtype), out=sums[:, :count])
        sums[:, count:] = rest
        return sums
    padded = np.zeros((rows, classes + -classes % length), dtype)
    padded[:, :classes] = terms
    return _product(padded.reshape(-1, length)).reshape(rows, -1)


@lru_cache(maxsize=256)
def _divisor(classes: int, dtype: np.dtype) -> int:
    """The length of the pieces into which a row can be cut without a rest; 0 where there is none."""
    return next((length for length in LENGTHS[dtype] if classes % length == 0), 0)


def total_of_one(row: np.ndarray) -> float:
    """The sum of a single short row."""
    if row.dtype != WIDE:
        return row.astype(WIDE).dot(ones(len(row), WIDE)).item()
    while len(row) > FEW_ALONE:
        row = _sums_of_pieces(row[None])[0]
    return exact_sum(row)


def _total_apart(by_class: np.ndarray) -> np.ndarray:
    if len(by_class) <= FEW[by_class.dtype]:
        return ones(len(by_class), by_class.dtype) @ by_class  # `dot` would copy a part of a wider array
    sums = _sums_by_class(by_class)
    if sums.dtype != WIDE:
        return _wide_total(sums.T).astype(sums.dtype)
    while (count := len(sums)) > FOLDED:
        half = count // 2
        sums[:half] += sums[count - half :]
        sums = sums[: count - half]
    return _exact_total(sums.T)


def _sums_by_class(by_class: np.ndarray) -> np.ndarray:
    """Where NumPy would add class after class, one product adds some of them for all rows."""
    few = FEW[by_class.dtype]
    count = len(by_class) // few
    rest = by_class[few * count :]
    sums = np.empty((count + bool(len(rest)), by_class.shape[1]), by_class.dtype)
    one = ones(few, by_class.dtype)
    np.matmul(one, by_class[: few * count].reshape(count, few, -1), out=sums[:count])
    if len(rest):
        np.matmul(one[: len(rest)], rest, out=sums[count])
    return sums


@lru_cache(maxsize=256)
def ones(count: int, dtype: np.dtype) -> np.ndarray:
    return np.ones(count, dtype)


def entries(block: np.ndarray, index: np.ndarray) -> tuple:
    """A view of the block and the positions in it of one entry a row: one number each where memory allows."""
    if block.flags.c_contiguous:
        return block.reshape(-1), index + _starts(*block.shape)
    return block, (np.arange(len(block)), index)


@lru_cache(maxsize=16)
def _starts(rows: int, classes: int) -> np.ndarray:
    return np.arange(0, rows * classes, classes)


def leave_out(terms: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(the term at `index`, the sum of the others) of each row; the left-out entries become 0 in place."""
    view, at = entries(terms, index)
    kept = view[at]
    view[at] = 0
    return kept, total(terms)


def leave_out_largest(terms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(the largest term, the sum of the others) of each row, folded in halves: no argmax, ties included."""
    largest, rest = terms.T, None
    while (classes := len(largest)) > 1:
        first, second = slice(0, classes // 2), slice(classes // 2, classes - classes % 2)
        folded = _merged(largest, rest, first, second)
        if classes % 2:
            last = _merged(np.stack([folded[0][0], largest[-1]]), None, slice(0, 1), slice(1, 2))
            folded[0][0], folded[1][0] = last[0][0], folded[1][0] + last[1][0]
            if rest is not None:
                folded[1][0] += rest[-1]
        largest, rest = folded
    return largest[0], np.zeros_like(largest[0]) if rest is None else rest[0]


def _merged(largest, rest, first, second):
    """Of two groups of terms the larger largest stays out; the smaller one joins both rests."""
    sums = np.minimum(largest[first], largest[second])
    if rest is not None:
        sums += rest[first]
        sums += rest[second]
    return np.maximum(largest[first], largest[second]), sums
