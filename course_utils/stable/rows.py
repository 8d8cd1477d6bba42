"""The steps that every stable function shares, on a block of rows: decide, shift, sum, leave one out.

A block has the shape (rows, classes). Its classes lie together in memory, or apart (`apart`): then each step
works on whole vectors of rows, class by class.
"""

from __future__ import annotations

import math

import numpy as np

from course_utils.stable.narrow import narrowed, widened

BLOCK_BYTES = 1 << 21  # a block and its result: what the caches hold
FEW_CLASSES = 16  # up to here a row is too short for NumPy's inner loops along it
CHUNK = 128  # so many terms are summed in one go, whatever order the machine takes
ONES = {np.dtype(kind): np.ones(CHUNK, kind) for kind in (np.float32, np.float64)}

LOG_MAX = {dtype: math.log(np.finfo(dtype).max) for dtype in ONES}
# Where |z| stays below this, no exponential, no sum of 2**17 of them and no quotient leaves the normal range.
TAME_SIZE = 1 << 17
TAME = {dtype: (-math.log(np.finfo(dtype).tiny) - math.log(TAME_SIZE)) / 2 for dtype in ONES}


def tame(logits) -> bool:
    """Whether the textbook formula is safe as it stands: an array of modest size, type and magnitude.

    Two looks at the numbers (argmax is NumPy's fastest) and nothing else can go wrong; NaN fails the test.
    """
    if type(logits) is not np.ndarray or not 0 < logits.size <= TAME_SIZE or logits.ndim == 0:
        return False
    bound = TAME.get(logits.dtype, -1.0)
    return (
        bound > 0
        and logits.flags.c_contiguous
        and logits.item(logits.argmax()) <= bound
        and logits.item(logits.argmin()) >= -bound
    )


def apart(block: np.ndarray) -> bool:
    """Whether the classes of a row lie apart in memory and the rows of a class together."""
    return block.ndim == 2 and block.strides[1] > block.strides[0]


def headroom(block: np.ndarray) -> float:
    """How large a row's maximum may be while the sum of its exponentials, all that large, stays finite."""
    return LOG_MAX[block.dtype] - math.log(block.shape[1]) - 1


def within(values: np.ndarray, low: float, high: float) -> bool:
    """Whether all values lie in [low, high]; NaN doesn't."""
    return low <= values.item(values.argmin()) and values.item(values.argmax()) <= high


def row_maxima(logits: np.ndarray) -> np.ndarray:
    """The maximum of each row; NaN where the row holds one."""
    if apart(logits) or logits.shape[1] > FEW_CLASSES:
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
    shift = np.where(row_max > 4 * limit, row_max, shift)
    return np.where(row_max == -np.inf, 0, shift)


def exponentials(logits: np.ndarray, out: np.ndarray, row_max=None) -> tuple[np.ndarray, np.ndarray | None]:
    """exp(z - shift) in `out`, and the shift of each row; None stands for a shift of 0 in every row.

    Without `row_max`, one flat maximum decides for the whole block, at a tenth of the cost of exp. Whether
    each row's own maximum was large enough is for the caller to verify from the sum (`weak`).
    """
    limit = headroom(logits)
    if row_max is None and 0 <= np.maximum.reduce(logits, axis=None) <= limit:
        return np.exp(logits, out=out), None
    row_max = row_maxima(logits) if row_max is None else row_max
    if within(row_max, 0, limit):
        return np.exp(logits, out=out), None
    shift = smallest_shift(row_max, limit)
    np.subtract(logits, shift[:, None], out=out)
    return np.exp(out, out=out), shift


def weak(sums: np.ndarray, shift: np.ndarray | None) -> np.ndarray | None:
    """The rows that should have been shifted and were not: their terms may have lost digits to underflow."""
    if shift is not None or sums.item(sums.argmin()) >= 0.5:
        return None
    return np.flatnonzero(sums < 0.5)


def total(terms: np.ndarray) -> np.ndarray:
    """The sum along the last axis, never more than CHUNK terms one after the other.

    A product with ones is the fastest sum there is, and short rows don't slow it down.
    """
    ones, classes = ONES[terms.dtype], terms.shape[-1]
    if apart(terms) and classes > FEW_CLASSES:
        half = classes // 2
        pairs = terms[:, :half] + terms[:, half : 2 * half]
        if classes % 2:
            pairs[:, 0] += terms[:, -1]
        return total(pairs)
    if classes <= CHUNK:
        return terms @ ones[:classes]
    whole = classes - classes % CHUNK
    chunks = terms[..., :whole].reshape(*terms.shape[:-1], -1, CHUNK) @ ones
    return np.add.reduce(chunks, axis=-1) + terms[..., whole:] @ ones[: classes - whole]


def leave_out(terms: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(the term at `index`, the sum of the others) of each row; the left-out entries become 0 in place."""
    at = np.arange(len(index)), index
    kept = terms[at]
    terms[at] = 0
    return kept, total(terms)


def leave_out_largest(terms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(the largest term, the sum of the others) of each row, folded in halves: no argmax, ties included."""
    largest, rest = terms, np.broadcast_to(terms.dtype.type(0), terms.shape)
    while (classes := largest.shape[1]) > 1:
        halves = [slice(0, classes // 2), slice(classes // 2, classes - classes % 2)]
        (a, b), (rest_a, rest_b) = [largest[:, half] for half in halves], [rest[:, half] for half in halves]
        odd, rest_odd = largest[:, classes - 1 :], rest[:, classes - 1 :]
        largest, rest = np.maximum(a, b), (rest_a + rest_b) + np.minimum(a, b)
        if classes % 2:
            rest[:, :1] += rest_odd + np.minimum(largest[:, :1], odd)
            largest[:, :1] = np.maximum(largest[:, :1], odd)
    return largest[:, 0], rest[:, 0]


def leave_out_max(logits: np.ndarray, out: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(row maximum, its term, the sum of the other terms) of each row; `out` is where the terms are made."""
    if apart(logits):
        row_max = np.maximum.reduce(logits, axis=1)
        terms, _ = exponentials(logits, out, row_max)
        return row_max, *leave_out_largest(terms)
    index = logits.argmax(axis=1)
    row_max = logits[np.arange(len(index)), index]
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
        self.dtype = rows.dtype if rows.dtype in ONES else np.dtype(np.float32)
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
        blocks = None if reads else self.scratch(count)
        outs = None if writes else self.scratch(count)
        for start in range(0, len(self.rows), count):
            index = slice(start, min(start + count, len(self.rows)))
            size = index.stop - start
            block = self.rows[index] if reads else self.load(index, blocks[:size])
            out = result[index] if writes else outs[:size]
            weak_rows = kernel(block, out, index, None)
            if result is not None and not writes:
                result[index] = narrowed(out, result.dtype)
            if weak_rows is not None:
                self.repeat(kernel, result, start + weak_rows)

    def repeat(self, kernel, result: np.ndarray | None, index: np.ndarray) -> None:
        block, out = self.load(index, self.scratch(len(index))), self.scratch(len(index))
        kernel(block, out, index, row_maxima(block))
        if result is not None:
            result[index] = narrowed(out, result.dtype)
