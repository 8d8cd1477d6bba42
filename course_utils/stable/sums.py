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

DOUBLE = np.dtype(np.float64)
SINGLE = np.dtype(np.float32)
# Rows that a product sums whole, and what to multiply them by where a bare product does, of two rows or more.
WHOLE = {SINGLE: frozenset((1, 2, 3, 4, 8, 9, 10, 11, 12)), DOUBLE: frozenset(range(17))}
EASY = {
    dtype: {count: np.ones(count, dtype) for count in (1, 2, 3, 4, 8, 9, 10)} for dtype in (SINGLE, DOUBLE)
}
# Pieces of other rows: the first length that leaves no rest. ROUGH where the largest term is left out, and the
# others' error counts less.
LENGTHS = {SINGLE: (8, 9), DOUBLE: (16, 12, 18, 10, 14, 9, 8)}
ROUGH = (16, 20, 12, 18, 10, 14, 9, 8)
TWICE, TENS = 100, (10, 8, 9)  # up to here the pieces of a row in float64 are one piece
# Pieces of a row longer than SHORT: (length, what the row must be a multiple of), and what leaves a rest.
SHORT = 1 << 9
LONG = {SINGLE: ((8, 8),), DOUBLE: ((16, 16), (10, 40))}
LONG_ROUGH = ((16, 16), (20, 20))
OTHERWISE = {SINGLE: 8, DOUBLE: 14}
LINES = frozenset((10, 14))  # in float64 their numbers lie apart, and a product adds whole lines of numbers
EIGHTS = 256  # numbers: KERNEL times eight eights
KERNEL = 4  # pieces that a product sums at a time; up to three are left over
SAFE = 8  # longer pieces than that it sums with more error when they are left over
FEW_ROWS = 64  # they are summed in one product
FEW_ALONE = 16  # numbers that Python adds faster than NumPy
MANY_ONES = 1 << 13  # not worth their memory
TEN = np.ones(10)


def apart(block: np.ndarray) -> bool:
    """Whether the classes of a row lie apart in memory and the rows of a class together."""
    strides = block.strides
    return len(strides) == 2 and strides[1] > strides[0]


def total(terms: np.ndarray, rough: bool = False) -> np.ndarray:
    """The sum of each row."""
    return total_and_peak(terms, rough)[0]


def total_and_peak(terms: np.ndarray, rough: bool = False) -> tuple[np.ndarray, float]:
    """The sum of each row, and a number that no term exceeds: inf where none turns up on the way."""
    if apart(terms):
        return _total_apart(terms.T), math.inf
    classes, dtype = terms.shape[1], terms.dtype
    if classes in WHOLE[dtype]:
        return _product(terms), math.inf
    sums = (_sums_in_short_rows if classes <= SHORT else _sums_in_long_rows)(terms, rough)
    if dtype != DOUBLE:
        return _wide_total(sums).astype(dtype), math.inf
    if classes <= TWICE:
        return _product(sums), math.inf
    peak = sums.item(sums.argmax())
    return _exact_total(sums, peak * sums.shape[1]), peak


def _exact_total(sums: np.ndarray, most: float) -> np.ndarray:
    """The sum of each row in float64, rounded once."""
    result = _split_total(sums, most)
    if result.item(result.argmin()) > most * 2.0**-20:  # not so where a number is NaN
        return result
    return _split_total(sums, 2 * _wide_total(sums)[:, None])


def _split_total(sums: np.ndarray, most) -> np.ndarray:
    """Beside what is at least their sum, numbers keep their upper parts, which are added without rounding.

    The lower parts are so small that their roundings don't matter, unless `most` is far above the sum.
    """
    upper = sums + most
    upper -= most
    result = _wide_total(upper)
    result += _wide_total(np.subtract(sums, upper, out=upper))
    return result


def _wide_total(sums: np.ndarray) -> np.ndarray:
    """The sum of each row in float64, in any order: for numbers that it adds as if without error."""
    count = sums.shape[1]
    if count > MANY_ONES:
        return np.add.reduce(sums, axis=1, dtype=DOUBLE)
    return (sums if sums.dtype == DOUBLE else sums.astype(DOUBLE)).dot(ones(count, DOUBLE))


def _product(pieces: np.ndarray) -> np.ndarray:
    """The sum of each piece."""
    count, length = pieces.shape
    sums = pieces.dot(ones(length, pieces.dtype))
    if pieces.dtype == DOUBLE and (length > SAFE or count == 1):
        for piece in range(count - count % KERNEL, count):
            sums[piece] = _exact_sum(pieces[piece])
    return sums


def _exact_sum(row: np.ndarray) -> float:
    """The sum of a few numbers, rounded once; inf where it overflows."""
    try:
        return math.fsum(row.tolist())
    except OverflowError:
        return math.inf


def _sums_in_short_rows(terms: np.ndarray, rough: bool) -> np.ndarray:
    """Rows as long as there are pieces; the last piece is filled with zeros."""
    (rows, classes), dtype = terms.shape, terms.dtype
    length = _length(classes, dtype, rough)
    if length == 1:
        return terms
    if classes % length:
        padded = np.zeros((rows, classes + -classes % length), dtype)
        padded[:, :classes] = terms
        terms = padded
    return _product(terms.reshape(-1, length)).reshape(rows, -1)


@lru_cache(maxsize=256)
def _length(classes: int, dtype: np.dtype, rough: bool) -> int:
    """Of the pieces of a short row."""
    if dtype == SINGLE:
        lengths, otherwise = LENGTHS[SINGLE], 1
    elif classes <= TWICE:
        lengths, otherwise = TENS, 8
    else:
        lengths, otherwise = ROUGH if rough else LENGTHS[DOUBLE], 16
    return next((length for length in lengths if classes % length == 0), otherwise)


def _sums_in_long_rows(terms: np.ndarray, rough: bool) -> np.ndarray:
    """Rows as long as there are pieces and numbers in the rest."""
    (rows, classes), dtype = terms.shape, terms.dtype
    length, count = _cut(classes, dtype, rough)
    cut = length * count
    if cut == classes:
        if length in LINES if dtype == DOUBLE else rows > FEW_ROWS:
            return _row_by_row(terms, length)
        return _product(terms.reshape(-1, length)).reshape(rows, -1)
    sums = np.empty((rows, count + classes - cut), dtype)
    _row_by_row(terms[:, :cut], length, sums[:, :count])
    sums[:, count:] = terms[:, cut:]
    return sums


@lru_cache(maxsize=256)
def _cut(classes: int, dtype: np.dtype, rough: bool) -> tuple[int, int]:
    """(length, number) of the pieces of a long row."""
    for length, factor in LONG_ROUGH if rough and dtype == DOUBLE else LONG[dtype]:
        if classes % factor == 0:
            return length, classes // length
    length = OTHERWISE[dtype]
    return length, classes // (length * KERNEL) * KERNEL


def _row_by_row(terms: np.ndarray, length: int, out: np.ndarray | None = None) -> np.ndarray:
    """The sums of pieces, in a product for each row."""
    if terms.dtype == DOUBLE:
        return np.matmul(ones(length, DOUBLE), terms.reshape(len(terms), length, -1), out=out)
    return np.matmul(terms.reshape(len(terms), -1, length), ones(length, SINGLE), out=out)


def total_of_one(terms: np.ndarray) -> float:
    """The sum of a single short row: tens are summed, and tens of tens, and Python adds the rest."""
    row, classes = terms, len(terms)
    if classes > FEW_ALONE:
        if row.dtype != DOUBLE:
            return row.astype(DOUBLE).dot(ones(classes, DOUBLE)).item()
        several = classes > 10 * FEW_ALONE
        whole = 100 if several else 10
        if classes % whole:
            row = np.zeros(classes + -classes % whole)
            row[:classes] = terms
        row = row.reshape(-1, 10).dot(TEN)
        if several:
            row = row.reshape(-1, 10).dot(TEN)
    return _exact_sum(row)


def total_of_long_one(terms: np.ndarray, rough: bool = False) -> tuple[float, float]:
    """The sum of a single long row and a number that no term exceeds, as `total_and_peak`."""
    if terms.dtype == DOUBLE:
        sums, peak = total_and_peak(terms.reshape(1, -1), rough)
        return sums.item(), peak
    cut, eight = len(terms) // EIGHTS * EIGHTS, ones(8, SINGLE)
    eights = terms[:cut].reshape(-1, 8).dot(eight).reshape(-1, 8).dot(eight)
    return total_of_one(eights) + total_of_one(terms[cut:]), math.inf


def _total_apart(by_class: np.ndarray) -> np.ndarray:
    """Half of the classes is added to the other half, until one is left."""
    count = len(by_class)
    half = count // 2
    sums = np.empty((count - half, by_class.shape[1]), by_class.dtype)
    np.add(by_class[:half], by_class[count - half :], out=sums[:half])
    sums[half:] = by_class[half : count - half]  # the one in the middle, if there is one
    while (left := len(sums)) > 1:
        if 8 * left <= count:
            sums = sums.astype(DOUBLE, copy=False)  # they are few by now
        half = left // 2
        sums[:half] += sums[left - half :]
        sums = sums[: left - half]
    return sums[0].astype(by_class.dtype, copy=False)


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


def leave_out(terms: np.ndarray, index: np.ndarray, rough: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """(the term at `index`, the sum of the others) of each row; the left-out entries become 0 in place."""
    view, at = entries(terms, index)
    kept = view[at]
    view[at] = 0
    return kept, total(terms, rough)


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
