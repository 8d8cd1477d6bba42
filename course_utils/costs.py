"""What an algorithm costs: memory accesses, counted; time, measured side by side; bytes, as NumPy takes them."""

from __future__ import annotations

import json
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np

LEAST = 0.5e-3  # seconds: a shorter run is repeated within one reading of the clock


class Counted:
    """A list of numbers that counts how often one of them is read or written."""

    def __init__(self, values):
        self.values, self.accesses = [float(value) for value in values], 0

    def __len__(self):
        return len(self.values)

    def __getitem__(self, index):
        self.accesses += 1
        return self.values[index]

    def __setitem__(self, index, value):
        self.accesses += 1
        self.values[index] = value


class CountedArray:
    """An array that lies far away: it counts the numbers that are read from it, or written to it, slice by slice."""

    def __init__(self, values):
        self.values, self.accesses = np.asarray(values), 0

    @property
    def shape(self):
        return self.values.shape

    def __getitem__(self, index):
        self.accesses += self.values[index].size
        return self.values[index]

    def __setitem__(self, index, value):
        self.accesses += self.values[index].size
        self.values[index] = value


def count(algorithm, logits) -> tuple[list[float], float]:
    """(the result, accesses for each logit) of `algorithm(z, p)`, which reads z and fills p.

    Locals count for nothing: they are registers. So counted, the textbook formula needs 3 accesses, the safe one 4.
    Reference: Milakov & Gimelshein 2018, arXiv 1805.02867.
    """
    z, p = Counted(logits), Counted(np.zeros(len(logits)))
    algorithm(z, p)
    return p.values, (z.accesses + p.accesses) / len(logits)


def race(contenders, *args, seconds: float = 1.0, words: str = "") -> dict[str, float]:
    """Seconds of a call of each contender, taken in turns for about `seconds` in all; a quarter of the calls is faster.

    Turns, because a shared machine drifts: what is slow now is slow for all. A quarter and not the half, because an
    interruption only adds. With `words` a bar tells how far it is.
    """
    times = {name: [] for name in contenders}
    repeats = {name: _repeats(function, args) for name, function in contenders.items()}
    start = time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds or not all(times.values()):
        for name, function in contenders.items():
            before = time.perf_counter()
            for _ in range(repeats[name]):
                function(*args)
            times[name].append((time.perf_counter() - before) / repeats[name])
        if words:
            _bar(words, min(1.0, passed / max(seconds, 1e-9)))
    if words:
        _bar(words, 1.0, end="\n")
    return {name: float(np.quantile(taken, 0.25)) for name, taken in times.items()}


def peak_bytes(function, *args) -> int:
    """The largest number of bytes that NumPy and Python held at once during a call, beyond those before it."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        function(*args)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def recorded(name: str) -> dict:
    """What a benchmark has measured for the lessons, on one machine: `course_utils/data/NAME.json`."""
    return json.loads((Path(__file__).parent / "data" / f"{name}.json").read_text("utf-8"))


def _repeats(function, args) -> int:
    before = time.perf_counter()
    function(*args)  # the first call warms up
    return max(1, int(LEAST / max(1e-7, time.perf_counter() - before)))


def _bar(words, share, end=""):
    done = min(20, int(20 * share))
    sys.stdout.write(f"\r{words:24s} [{'#' * done}{'.' * (20 - done)}]{end}")
    sys.stdout.flush()
