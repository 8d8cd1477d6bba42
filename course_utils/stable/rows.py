"""The steps that every stable function shares, on a block of rows: decide, shift, sum, leave one out.

A block has shape (rows, classes) and either memory order. Classes that lie apart in memory are never
summed one after the other when there are many of them: NumPy sums pairwise only along contiguous memory.
"""

from __future__ import annotations

import numpy as np

BLOCK_BYTES = 1 << 20  # a block and its result fit in the second-level cache
FEW_CLASSES = 16  # up to here a row is too short for NumPy's inner loop: work class by class instead

LOG_MAX = {np.dtype(kind): float(np.log(np.finfo(kind).max)) for kind in (np.float32, np.float64)}


def compute_dtype(dtype: np.dtype) -> np.dtype:
    """Where the arithmetic happens: float32 for the 16- and 8-bit formats, else the format itself."""
    return dtype if dtype.itemsize >= 4 else np.dtype(np.float32)


def headroom(block: np.ndarray) -> float:
    """How large a row's maximum may be while the sum of its exponentials, all that large, stays finite."""
    return LOG_MAX[block.dtype] - float(np.log(block.shape[1])) - 1


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


def total(terms: np.ndarray) -> np.ndarray:
    """The sum of each row, pairwise over the classes in either memory order."""
    classes = terms.shape[1]
    if classes <= FEW_CLASSES or terms.strides[1] <= terms.strides[0]:
        return np.add.reduce(terms, axis=1)
    half = classes // 2
    pairs = terms[:, :half] + terms[:, half : 2 * half]
    if classes % 2:
        pairs[:, 0] += terms[:, -1]
    return total(pairs)


def exponentials(logits: np.ndarray, out: np.ndarray, row_max=None) -> tuple[np.ndarray, np.ndarray | None]:
    """exp(z - shift) in `out`, and the shift of each row; None stands for a shift of 0 in every row.

    One flat maximum decides for the whole block and costs a tenth of what exp costs. Whether each row's own
    maximum was large enough is for the caller to verify from the sum (see `weak`).
    """
    limit = headroom(logits)
    if row_max is None and 0 <= logits.max() <= limit:
        return np.exp(logits, out=out), None
    shift = smallest_shift(np.maximum.reduce(logits, axis=1) if row_max is None else row_max, limit)
    if not shift.any():
        return np.exp(logits, out=out), None
    np.subtract(logits, shift[:, None], out=out)
    return np.exp(out, out=out), shift


def weak(sums: np.ndarray, shift: np.ndarray | None) -> np.ndarray | None:
    """The rows that should have been shifted and were not: their terms may have lost digits to underflow."""
    return np.flatnonzero(sums < 0.5) if shift is None else None


def leave_out(terms: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(the term at `index`, the sum of the others) of each row; the left-out entries become 0 in place."""
    rows = np.arange(len(index))
    kept = terms[rows, index]
    terms[rows, index] = 0
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
    if logits.strides[1] > logits.strides[0]:
        row_max = np.maximum.reduce(logits, axis=1)
        terms, _ = exponentials(logits, out, row_max)
        return row_max, *leave_out_largest(terms)
    index = np.argmax(logits, axis=1)
    row_max = logits[np.arange(len(index)), index]
    terms, _ = exponentials(logits, out, row_max)
    return row_max, *leave_out(terms, index)


class Blocks:
    """The rows of an array, block by block, in the dtype and memory order in which the arithmetic is done.

    `run(kernel, result)` calls `kernel(block, out, index, row_max)` for each block and stores `out` in the
    rows `index` of `result`. The kernel returns the rows that need their own maximum (`weak`); these are
    loaded again and given to it once more, now with that maximum.
    """

    def __init__(self, rows: np.ndarray, mask: np.ndarray | None = None):
        self.rows, self.mask = rows, mask
        self.dtype = compute_dtype(rows.dtype)
        self.class_major = rows.shape[1] <= FEW_CLASSES or rows.strides[1] > rows.strides[0]
        # A cache line holds 16 float32: fewer columns than that would waste it when classes lie apart.
        least = 16 if self.class_major else 1
        self.count = max(least, BLOCK_BYTES // (rows.shape[1] * self.dtype.itemsize or 1))

    def load(self, index) -> np.ndarray:
        """A fresh copy of some rows; masked entries become -inf."""
        rows = self.rows[index]
        block = np.empty(rows.shape, self.dtype, order="F" if self.class_major else "C")
        np.copyto(block, rows, casting="unsafe")
        if self.mask is not None:
            np.copyto(block, -np.inf, where=~self.mask[index])
        return block

    def in_place(self, result: np.ndarray) -> bool:
        """Whether the arithmetic may read the rows and write the result directly, without a copy between."""
        ordered = (self.rows.strides[1] > self.rows.strides[0]) == self.class_major
        same = result.dtype == self.dtype and result.strides == self.rows.strides
        return ordered and same and self.mask is None and not np.may_share_memory(self.rows, result)

    def run(self, kernel, result: np.ndarray | None = None) -> None:
        direct = result is not None and self.in_place(result)
        for start in range(0, len(self.rows), self.count):
            index = slice(start, start + self.count)
            block = self.rows[index] if direct else self.load(index)
            out = result[index] if direct else block
            weak_rows = kernel(block, out, index, None)
            if result is not None and not direct:
                result[index] = out
            if weak_rows is not None and weak_rows.size:
                self.repeat(kernel, result, start + weak_rows)

    def repeat(self, kernel, result: np.ndarray | None, index: np.ndarray) -> None:
        block = self.load(index)
        kernel(block, block, index, np.maximum.reduce(block, axis=1))
        if result is not None:
            result[index] = block
