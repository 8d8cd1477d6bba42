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
ONE_BLOCK = 1 << 18  # up to here long rows need no blocks
RUN = 1 << 12  # numbers that lie together in memory, where a block cuts through every class
MODEST = 1 << 15  # below this many numbers a loop over blocks costs more than it gains
MANY = 64  # from so many short rows on a matrix product sums faster than NumPy's loop along each
PIECE = 64  # one matrix product sums at most so many: it adds them in few lanes
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


def plain(logits, size: int = MODEST) -> bool:
    """Whether this is an ordinary array of at most so many numbers, which needs no paperwork."""
    return (
        type(logits) is np.ndarray
        and logits.dtype in COMPUTED
        and 0 < logits.size <= size
        and (logits.ndim > 0 and logits.flags.c_contiguous)
    )


def apart(block: np.ndarray) -> bool:
    """Whether the classes of a row lie apart in memory and the rows of a class together."""
    return block.ndim == 2 and block.strides[1] > block.strides[0]


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

    With `row_max` the sums are safe. Without it this is a try: the maximum of a few rows decides for the block,
    no room is kept for the sum, and the caller verifies every row (`weak`). A try costs next to nothing.
    """
    limit = LOG_MAX[logits.dtype] - 1
    if row_max is None:
        probe = logits[: len(logits) // 8 or 1]
        if LOW <= probe.item(probe.argmax()) <= limit:
            return np.exp(logits, out=out), None
        row_max = row_maxima(logits)
    else:
        limit -= math.log(logits.shape[1])  # all terms may be as large as the largest
    if within(row_max, LOW, limit):
        return np.exp(logits, out=out), None
    shift = smallest_shift(row_max, limit)
    np.subtract(logits, shift[:, None], out=out)
    return np.exp(out, out=out), shift


def weak(sums: np.ndarray, row_max) -> np.ndarray | None:
    """The rows that a try got wrong: the sum overflowed, or was so small that terms lost digits to underflow."""
    if row_max is not None or within(sums, ENOUGH, LARGEST[sums.dtype]):
        return None
    return np.flatnonzero((sums < ENOUGH) | (sums == np.inf))


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
    """The sum of each row. A product with ones is the fastest way to sum rows that NumPy has.

    It adds a long row in few lanes, and each lane collects an error. So a long row is cut into pieces, and
    the sums of the pieces are summed as well.
    """
    rows, classes = terms.shape
    if classes <= (PIECE // 2 if apart(terms) else PIECE):
        return terms.dot(ones(classes, terms.dtype))
    if apart(terms):
        return total(_sums_of_pieces(terms.T).T)
    if piece := _divisor(classes):
        return total(terms.reshape(-1, piece).dot(ones(piece, terms.dtype)).reshape(rows, -1))
    if rows > 1 and (classes < 64 * PIECE or terms.dtype == np.float64):
        return np.add.reduce(terms, axis=1)  # pairwise
    rest = classes % PIECE
    whole = terms[:, : classes - rest].reshape(rows, -1, PIECE) @ ones(PIECE, terms.dtype)
    return total(whole) + terms[:, classes - rest :].dot(ones(rest, terms.dtype))


def _sums_of_pieces(by_class: np.ndarray) -> np.ndarray:
    """Rows of classes become half of PIECE times fewer: NumPy would add class after class."""
    size = PIECE // 2
    count = len(by_class) // size
    whole = by_class[: count * size].reshape(count, size, -1)
    sums = np.empty((count + 1, by_class.shape[1]), by_class.dtype)
    np.matmul(ones(size, by_class.dtype), whole, out=sums[:count])
    rest = by_class[count * size :]
    np.dot(ones(len(rest), by_class.dtype), rest, out=sums[count])
    return sums


@lru_cache(maxsize=256)
def ones(count: int, dtype: np.dtype) -> np.ndarray:
    return np.ones(count, dtype)


@lru_cache(maxsize=256)
def _divisor(classes: int) -> int:
    """The longest piece into which a row can be cut without a rest; 0 for none worth it."""
    return next((piece for piece in range(PIECE, PIECE // 4, -1) if classes % piece == 0), 0)


def entries(block: np.ndarray, index: np.ndarray) -> tuple:
    """A view of the block and the positions in it of one entry a row: one number each where memory allows."""
    if block.flags.c_contiguous:
        return block.reshape(-1), index + np.arange(0, block.size, block.shape[1])
    return block, (np.arange(len(block)), index)


def leave_out(terms: np.ndarray, index: np.ndarray, total=total) -> tuple[np.ndarray, np.ndarray]:
    """(the term at `index`, the sum of the others) of each row; the left-out entries become 0 in place."""
    view, at = entries(terms, index)
    kept = view[at]
    view[at] = 0
    return kept, total(terms)


def total_beside(terms: np.ndarray, index: np.ndarray) -> np.ndarray:
    """The sum of each row of terms, the one at `index`, the largest, added last.

    Beside it the roundings of many small terms may all go one way, and add up. The terms end up as they were.
    """
    view, at = entries(terms, index)
    largest = view[at]
    view[at] = 0
    sums = total(terms)
    view[at] = largest
    sums += largest
    return sums


def careful_total(terms: np.ndarray, largest: np.ndarray | None = None) -> np.ndarray:
    """The sum of each row of terms, as `total_beside` where that matters; `largest` saves looking for it."""
    if terms.shape[1] <= FEW_CLASSES:
        return total(terms)
    if not apart(terms):
        return total_beside(terms, terms.argmax(axis=1))
    sums = total(terms)
    # To take the largest out costs much here: only where it outweighs all others together can it do harm.
    rows = np.flatnonzero(sums < 2 * (np.maximum.reduce(terms, axis=1) if largest is None else largest))
    if rows.size:
        copies = np.ascontiguousarray(terms[rows])
        sums[rows] = total_beside(copies, copies.argmax(axis=1))
    return sums


def total_of_long(logits: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Fill `out` with the terms of rows of many classes, and return the sum of each row."""
    if apart(logits):
        row_max = row_maxima(logits)
        terms, shift = exponentials(logits, out, row_max)
        return careful_total(terms, np.exp(row_max if shift is None else row_max - shift))
    index = logits.argmax(axis=1)
    view, at = entries(logits, index)
    terms, _ = exponentials(logits, out, view[at])
    return total_beside(terms, index)


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
        for start in range(0, len(self.rows), count):
            index = slice(start, min(start + count, len(self.rows)))
            size = index.stop - start
            block = self.rows[index] if reads else self.load(index, blocks[:size])
            out = result[index] if writes else outs[:size]
            weak_rows = kernel(block, out, index, None)
            if result is not None and not writes:
                result[index] = narrowed(out, result.dtype)
            if weak_rows is not None and weak_rows.size:
                self.repeat(kernel, result, start + weak_rows)

    def repeat(self, kernel, result: np.ndarray | None, index: np.ndarray) -> None:
        block, out = self.load(index, self.scratch(len(index))), self.scratch(len(index))
        kernel(block, out, index, row_maxima(block))
        if result is not None:
            result[index] = narrowed(out, result.dtype)
