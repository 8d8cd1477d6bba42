"""An array or a file, a piece at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SIZE = 1 << 18  # numbers in a piece: it and what is made of it stay in the processor's caches


def pieces(array, size: int = SIZE, axis: int = -1) -> Iterator[np.ndarray]:
    """Views of the array, one after the other along `axis`, each of about `size` numbers.

    A memory map is read piece by piece; the system keeps the pages it has read as long as it has room.
    """
    array = np.asanyarray(array)
    along = array.shape[axis]
    step = max(1, size * along // max(1, array.size))
    for start in range(0, max(1, along), step):  # of nothing there is one piece: it has a shape
        yield array[(slice(None),) * (axis % array.ndim) + (slice(start, start + step),)]


@dataclass(frozen=True)
class File:
    """The numbers of a file, a piece at a time, from the start each time it is iterated: no more than one is held.

    A .npy file says its dtype itself; any other is the bare numbers of `dtype`, after `offset` bytes.
    Raises: ValueError for a bare file without a dtype, or one whose size is no whole number of numbers.
    """

    path: str | Path
    dtype: object = None
    offset: int = 0
    size: int = SIZE

    def __iter__(self) -> Iterator[np.ndarray]:
        return (piece.copy() for piece in self.in_place())

    def in_place(self) -> Iterator[np.ndarray]:
        """The pieces, each read over the one before: done with it when the next is asked for."""
        dtype, start, left = self._layout()
        buffer = np.empty(min(self.size, left), dtype)
        with open(self.path, "rb") as file:
            file.seek(start)
            while left:
                piece = buffer[: min(self.size, left)]
                if file.readinto(memoryview(piece.view(np.uint8))) < piece.nbytes:
                    raise ValueError(f"{self.path} ended early: {left} numbers were to come")
                left -= piece.size
                yield piece

    def _layout(self):
        """(dtype, where the numbers begin, how many there are)."""
        if self.dtype is None and Path(self.path).suffix == ".npy":
            head = np.load(self.path, mmap_mode="r")
            return head.dtype, head.offset, head.size
        if self.dtype is None:
            raise ValueError(f"{self.path} does not say what it holds: name its dtype")
        dtype = np.dtype(self.dtype)
        count, over = divmod(Path(self.path).stat().st_size - self.offset, dtype.itemsize)
        if over or count < 0:
            raise ValueError(f"{self.path} holds no whole number of {dtype} after {self.offset} bytes")
        return dtype, self.offset, count
