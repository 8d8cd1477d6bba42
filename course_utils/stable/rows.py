"""The steps that every stable function shares, on a block of rows: decide, shift, sum, leave one out.

A block has the shape (rows, classes). Its classes lie together in memory, or apart (`apart`): then each step
works on whole vectors of rows, class by class.
"""

from __future__ import annotations

import math
from contextvars import Context
from functools import lru_cache

import numpy as np

from course_utils.stable.narrow import narrowed, widened

BLOCK_BYTES = 1 << 21  # a block and its result: what the caches hold
FEW_CLASSES = 16  # up to here a row is too short for NumPy's inner loops along it
ONE_BLOCK = 1 << 18  # up to here an array needs no blocks
RUN = 1 << 12  # numbers that lie together in memory, where a block cuts through every class
PROBED = 16  # rows, from first to last, of which one number each decides for a block
LITTLE = 1 << 11  # so many numbers take less time than the calls that work on them
MODEST = 1 << 15  # up to here NumPy's own sum of a few rows is as fast as a product
MANY = 64  # up to so many rows NumPy's loop along each is fast enough
PIECE = {np.dtype(np.float32): 32, np.dtype(np.float64): 20}  # summed by one product with ones
FEW = 4  # summed by one product where the classes lie apart: there they are added one by one
SHORT = 1 << 11  # from here on a piece need not divide the row
COMPUTED = frozenset(np.dtype(kind) for kind in (np.float32, np.float64))

LOW = -0.5  # a maximum from here on rounds to a shift of 0
ENOUGH = 0.5  # and keeps the sum above this: what has underflowed beside it can't be seen
LARGEST = {dtype: float(np.finfo(dtype).max) for dtype in COMPUTED}
SMALLEST = {dtype: float(np.finfo(dtype).tiny) for dtype in COMPUTED}  # with all its digits
LOG_MAX = {dtype: math.log(LARGEST[dtype]) for dtype in COMPUTED}

_QUIET = Context()
_QUIET.run(np.seterr, all="ignore")


def quietly(function, *args):
    """The result of a function in which overflow and NaN are no news: they are looked for in the numbers.

    As `with np.errstate(all="ignore")`, which takes longer than the softmax of ten numbers.
    """
    return _QUIET.copy().run(function, *args)


def plain(logits, formats=COMPUTED) -> bool:
    """Whether this is an ordinary array of one block, which needs no paperwork."""
    return (
        type(logits) is np.ndarray
        and logits.dtype in formats
        and 0 < logits.size <= ONE_BLOCK
        and (logits.ndim > 0 and logits.flags.c_contiguous)
    )


def apart(block: np.ndarray) -> bool:
    """Whether the classes of a row lie apart in memory and the rows of a class together."""
    strides = block.strides
    return len(strides) == 2 and strides[1] > strides[0]


def within(values: np.ndarray, low: float, high: float) -> bool:
    """Whether all values lie in [low, high]; NaN doesn't."""
    return low <= values.item(values.argmin()) and values.item(values.argmax()) <= high


def row_maxima(logits: np.ndarray) -> np.ndarray:
    """The maximum of each row; NaN where the row holds one."""
    if apart(logits) or logits.shape[1] > FEW_CLASSES or len(logits) <= MANY:
        return np.maximum.reduce(logits, axis=1)
    result = logits[:, 0].copy()
    for column in range(1, logits.shape[1]):
        np.maximum(result, logits[:, column], out=result)
    return result


def smallest_shift(row_max: np.ndarray, limit: float) -> np.ndarray:
    """The whole number nearest to what moves the maximum into [0, limit]: 0 for most rows.

    The classic shift rounds z - max z, and exp turns that rounding into up to |z - max z| u of error.
    A shift by the smallest whole number rounds nothing that matters: z and the shift are multiples of the
    spacing of z, and the difference is no longer than z. The max-shift makes zeros; this one keeps digits.
    A large maximum is subtracted as it is: each z that still matters is within a factor of 2 of it, and
    such differences are exact as well. A row of -inf only isn't shifted: -inf - -inf would be NaN.
    """
    shift = np.rint(row_max - np.minimum(np.maximum(row_max, 0), limit))
    if within(row_max, -LARGEST[row_max.dtype], 4 * limit):
        return shift
    shift = np.where(row_max > 4 * limit, row_max, shift)
    return np.where(row_max == -np.inf, 0, shift)


def exponentials(logits: np.ndarray, out: np.ndarray, row_max=None) -> tuple[np.ndarray, np.ndarray | None]:
    """exp(z - shift) in `out`, and the shift of each row; None stands for a shift of 0 in every row.

    With `row_max` the sums are safe. Without it this is a try: a few numbers decide for the block, and the
    caller verifies every row (`weak`). A try costs next to nothing.
    """
    # All terms may be as large as the largest, and their sum must not overflow.
    limit = LOG_MAX[logits.dtype] - 1 - math.log(logits.shape[1])
    if row_max is None:
        if _promising(logits, limit):
            return np.exp(logits, out=out), None
        row_max = row_maxima(logits)
    if within(row_max, LOW, limit):
        return np.exp(logits, out=out), None
    shift = smallest_shift(row_max, limit)
    np.subtract(logits, shift[:, None], out=out)
    return np.exp(out, out=out), shift


def _promising(logits: np.ndarray, limit: float) -> bool:
    """Whether the first number of a few rows lies where exp is at ease; an odd step finds rows in turn."""
    if len(logits) <= MANY:
        return -limit <= logits.item(0) <= limit
    return within(logits[:: len(logits) // PROBED | 1, 0], -limit, limit)


def weak(sums: np.ndarray, row_max) -> np.ndarray | None:
    """The rows that a try got wrong: the sum overflowed, or was so small that terms lost digits to underflow."""
    largest = LARGEST[sums.dtype]
    if row_max is not None or within(sums, ENOUGH, largest):
        return None
    return np.flatnonzero(~((sums >= ENOUGH) & (sums <= largest)))  # a product with inf may be NaN


def share_ties(logits: np.ndarray, out: np.ndarray) -> None:
    """Give each class of a row of equal logits 1/n, correctly rounded: exp, sum and division would round thrice.

    The ends of a row tell at once that most rows are no such row.
    """
    alike = logits[:, 0] == logits[:, -1]
    if np.count_nonzero(alike):
        rows = np.flatnonzero(alike & np.isfinite(logits[:, 0]))
        rows = rows[(logits[rows] == logits[rows, :1]).all(axis=1)]
        out[rows] = 1 / logits.shape[1]


def total(terms: np.ndarray) -> np.ndarray:
    """The sum of each row. Pieces are summed first, then their sums: no small error is made many times.

    A product with ones is the fastest way to sum that NumPy has.
    """
    classes = terms.shape[1]
    if apart(terms):
        if classes > FEW:
            return total(_sums_by_class(terms.T).T)
        return ones(classes, terms.dtype) @ terms.T  # `dot` would copy a part of a wider array
    if terms.size < MODEST and ((classes > FEW_CLASSES and len(terms) <= MANY) or len(terms) < FEW):
        return np.add.reduce(terms, axis=1)  # pairwise, in one call
    if classes <= PIECE[terms.dtype]:
        return terms.dot(ones(classes, terms.dtype))
    return total(_sums_of_pieces(terms))


def careful_total(terms: np.ndarray) -> np.ndarray:
    """The sum of each row, the piece with the largest term added last.

    Beside it the roundings of many small terms may all go one way, and add up.
    """
    if terms.shape[1] <= PIECE[terms.dtype]:
        return total(terms)
    if apart(terms):
        return _careful_total_apart(terms)
    sums = _sums_of_pieces(terms)
    largest, rest = leave_out(sums, sums.argmax(axis=1))
    return largest + rest


def _careful_total_apart(terms: np.ndarray) -> np.ndarray:
    sums = _sums_by_class(terms.T)
    result = total(sums.T)
    # To take the largest out costs much here: only where it outweighs all others together can it do harm.
    rows = np.flatnonzero(result < 2 * np.maximum.reduce(sums, axis=0))
    if rows.size:
        copies = np.ascontiguousarray(sums[:, rows].T)
        largest, rest = leave_out(copies, copies.argmax(axis=1))
        result[rows] = largest + rest
    return result


def _sums_of_pieces(terms: np.ndarray) -> np.ndarray:
    """Rows as long as there are pieces."""
    rows, classes = terms.shape
    size = PIECE[terms.dtype]
    if classes >= SHORT:
        rest = classes % size
        sums = terms[:, : classes - rest].reshape(rows, -1, size) @ ones(size, terms.dtype)
        sums[:, 0] += np.add.reduce(terms[:, classes - rest :], axis=1)
        return sums
    fitting = _divisor(classes, size)
    if not fitting:
        fitting, padded = size, np.zeros((rows, classes + -classes % size), terms.dtype)
        padded[:, :classes] = terms
        terms = padded
    return terms.reshape(-1, fitting).dot(ones(fitting, terms.dtype)).reshape(rows, -1)


@lru_cache(maxsize=256)
def _divisor(classes: int, size: int) -> int:
    """The longest piece, up to `size`, into which a row can be cut without a rest; 0 where there is none."""
    return next((fitting for fitting in range(size, size // 2 - 1, -1) if classes % fitting == 0), 0)


def _sums_by_class(by_class: np.ndarray) -> np.ndarray:
    """Where NumPy would add class after class, one product adds some of them for all rows."""
    count = len(by_class) // FEW
    rest = by_class[FEW * count :]
    sums = np.empty((count + bool(len(rest)), by_class.shape[1]), by_class.dtype)
    one = ones(FEW, by_class.dtype)
    np.matmul(one, by_class[: FEW * count].reshape(count, FEW, -1), out=sums[:count])
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


def leave_out(terms: np.ndarray, index: np.ndarray, total=total) -> tuple[np.ndarray, np.ndarray]:
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


def leave_out_max(logits: np.ndarray, out: np.ndarray) -> tuple:
    """(row maximum, its term, the sum of the other terms) of each row; `out` is where the terms are made.

    Afterwards the largest term may be missing in `out`.
    """
    if apart(logits):
        row_max = np.maximum.reduce(logits, axis=1)
        terms, _ = exponentials(logits, out, row_max)
        return row_max, *leave_out_largest(terms)
    index = logits.argmax(axis=1)
    view, at = entries(logits, index)
    row_max = view[at]
    terms, _ = exponentials(logits, out, row_max)
    return row_max, *leave_out(terms, index)


class Blocks:
    """The rows of an array, block by block, in the dtype and memory order in which the arithmetic is done.

    `run(kernel, result)` calls `kernel(block, out, index, row_max)` for each block; `out` is other memory than
    `block` and ends up in the rows `index` of `result`. The kernel returns the rows that need their own maximum
    (`weak`), or None; these are given to it once more, now with that maximum.
    """

    def __init__(self, rows: np.ndarray, mask: np.ndarray | None = None, by_class: bool = False):
        self.rows, self.mask = rows, mask
        self.dtype = rows.dtype if rows.dtype in COMPUTED else np.dtype(np.float32)
        self.apart = apart(rows) or (by_class and rows.shape[1] <= FEW_CLASSES)
        self.direct = self.dtype == rows.dtype and mask is None and self.apart == apart(rows)
        size = BLOCK_BYTES if self.direct else BLOCK_BYTES // 8  # a copy is read again soon: keep it near
        # A cache line holds 16 float32: fewer rows than that would waste it when classes lie apart.
        self.count = max(16 if self.apart else 1, size // (rows.shape[1] * self.dtype.itemsize))

    def scratch(self, rows: int) -> np.ndarray:
        return np.empty((rows, self.rows.shape[1]), self.dtype, order="F" if self.apart else "C")

    def load(self, index, block: np.ndarray) -> np.ndarray:
        """A copy of some rows; masked entries become -inf."""
        widened(self.rows[index], block)
        if self.mask is not None:
            np.copyto(block, -np.inf, where=~self.mask[index])
        return block

    def run(self, kernel, result: np.ndarray | None = None) -> None:
        count = min(self.count, len(self.rows))
        reads = self.direct and not (result is not None and np.may_share_memory(self.rows, result))
        writes = reads and result is not None and result.strides == self.rows.strides
        if self.apart and writes:
            count = min(max(count, RUN), len(self.rows))
        if not reads:
            blocks = self.scratch(count)
        if not writes:
            outs = self.scratch(count)
        wary = False
        for start in range(0, len(self.rows), count):
            index = slice(start, min(start + count, len(self.rows)))
            size = index.stop - start
            block = self.rows[index] if reads else self.load(index, blocks[:size])
            out = result[index] if writes else outs[:size]
            weak_rows = kernel(block, out, index, row_maxima(block) if wary else None)
            if result is not None and not writes:
                result[index] = narrowed(out, result.dtype)
            if weak_rows is not None and weak_rows.size:
                wary = (
                    wary or 8 * weak_rows.size > size
                )  # a try that fails costs more than a look at all maxima
                self.repeat(kernel, result, start + weak_rows, block[weak_rows])

    def repeat(self, kernel, result: np.ndarray | None, index: np.ndarray, logits: np.ndarray) -> None:
        block, out = self.scratch(len(index)), self.scratch(len(index))
        block[...] = logits
        kernel(block, out, index, row_maxima(block))
        if result is not None:
            result[index] = narrowed(out, result.dtype)
