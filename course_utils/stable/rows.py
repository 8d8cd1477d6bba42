"""The steps that every stable function shares, on a block of rows: decide, shift, sum, leave one out.

A block has the shape (rows, classes). Its classes lie together in memory, or apart (`apart`): then each step
works on whole vectors of rows, class by class.
"""

from __future__ import annotations

import math
from contextvars import Context

import numpy as np

from course_utils.stable.narrow import narrowed, widened
from course_utils.stable.sums import apart, entries, leave_out, leave_out_largest

BLOCK_BYTES = 1 << 21  # a block and its result: what the caches hold
FEW_CLASSES = 16  # up to here a row is too short for NumPy's inner loops along it
ONE_BLOCK = 1 << 18  # up to here an array needs no blocks
RUN = 1 << 12  # numbers that lie together in memory, where a block cuts through every class
PROBED = 16  # rows, from first to last, of which one number each decides for a block
LITTLE = 1 << 11  # so many numbers take less time than the calls that work on them
MANY = 64  # up to so many rows NumPy's loop along each is fast enough
COMPUTED = frozenset(np.dtype(kind) for kind in (np.float32, np.float64))

LOW = -0.5  # a maximum from here on rounds to a shift of 0
ENOUGH = 0.5  # and keeps the sum above this: what has underflowed beside it can't be seen
LARGEST = {dtype: float(np.finfo(dtype).max) for dtype in COMPUTED}
SMALLEST = {dtype: float(np.finfo(dtype).tiny) for dtype in COMPUTED}  # with all its digits
LOG_MAX = {dtype: math.log(LARGEST[dtype]) for dtype in COMPUTED}
SAFE = 2.0**960  # the reciprocal of a sum of such terms keeps its digits

QUIET = Context()
QUIET.run(np.seterr, all="ignore")
# Where a row meets a single number, NumPy may copy that number for each class, as many as fit in its buffer, to
# treat several rows in one go. So small a buffer holds no two long rows: they take half the time.
QUIET.run(np.setbufsize, 1024)


def quietly(function, *args):
    """The result of a function in which overflow and NaN are no news: they are looked for in the numbers.

    As `with np.errstate(all="ignore")`, which takes longer than the softmax of ten numbers.
    """
    return QUIET.copy().run(function, *args)


def plain(logits, formats=COMPUTED) -> bool:
    """Whether this is an ordinary array of one block, which needs no paperwork."""
    return (
        type(logits) is np.ndarray
        and logits.dtype in formats
        and 0 < logits.size <= ONE_BLOCK
        and (logits.ndim > 0 and logits.flags.c_contiguous)
    )


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


def small_beside(peak: float, summed: float) -> bool:
    """Whether terms up to `peak` may be multiplied by 1 / sum: faster, but a probability of 1 may be missed."""
    return peak < min(summed / 2, SAFE)


def share_ties(logits: np.ndarray, out: np.ndarray) -> None:
    """Give each class of a row of equal logits 1/n, correctly rounded: exp, sum and division would round thrice.

    The ends of a row tell at once that most rows are no such row.
    """
    rows = (logits[:, 0] == logits[:, -1]).nonzero()[0]
    if rows.size:
        rows = rows[np.isfinite(logits[rows, 0]) & (logits[rows] == logits[rows, :1]).all(axis=1)]
        out[rows] = 1 / logits.shape[1]


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
    return row_max, *leave_out(terms, index, rough=True)


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
                # A try that fails costs more than a look at all maxima.
                wary = wary or 8 * weak_rows.size > size
                self.repeat(kernel, result, start + weak_rows, block[weak_rows])

    def repeat(self, kernel, result: np.ndarray | None, index: np.ndarray, logits: np.ndarray) -> None:
        block, out = self.scratch(len(index)), self.scratch(len(index))
        block[...] = logits
        kernel(block, out, index, row_maxima(block))
        if result is not None:
            result[index] = narrowed(out, result.dtype)
