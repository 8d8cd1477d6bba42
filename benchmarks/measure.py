"""The clock: calls in turns, medians; and what machine that was.

Times are processor time of the whole process: what other programs take from a shared machine isn't counted, and
a library that would use two threads pays for both. Where that clock is coarse (Windows), wall time stands in.
"""

import datetime
import gc
import importlib.metadata
import os
import platform
import random
import statistics
import time
from contextlib import contextmanager
from pathlib import Path

FINE = time.get_clock_info("process_time").resolution <= 1e-6
clock = time.process_time if FINE else time.perf_counter

BATCH = 2e-3  # seconds; short calls are repeated until neither the clock nor the last call's caches matter
KEPT = 31 << 20  # bytes: just below what the C library's allocator always gives back
LEAST, MOST = 7, 201  # rounds
LIBRARIES = ("numpy", "scipy", "torch", "jax", "ml_dtypes", "mpmath")


def interleaved(calls: dict, seconds=1.0, least=LEAST) -> dict:
    """Median seconds of each call. They take turns, so that whatever the machine does falls on all alike.

    Every round has an order of its own: who comes after a call that has just given much memory back pays for
    it. There are `least` rounds, and more while `seconds` last.
    """
    repeats = {name: _repeats(call) for name, call in calls.items()}
    times = {name: [] for name in calls}
    names, end, rounds = list(calls), time.perf_counter() + seconds, 0
    deal = random.Random(20)
    with _no_collection():
        while rounds < least or (rounds < MOST and time.perf_counter() < end):
            deal.shuffle(names)
            for name in names:
                times[name].append(_once(calls[name], repeats[name]))
            rounds += 1
    return {name: statistics.median(values) for name, values in times.items()}


def settle() -> None:
    """Give much memory back once: from then on the allocator keeps what smaller arrays leave.

    So it is in any program that has worked for a while. In a fresh one it depends on the calls before whether
    a call pays for new pages, which takes as long as its arithmetic.
    """
    bytes(KEPT)


def machine() -> dict:
    """Processor, system, versions and date: what a figure is worth nothing without."""
    versions = {name: _version(name) for name in LIBRARIES}
    return {
        "date": datetime.date.today().isoformat(),
        "processor": f"{_processor()}, {os.cpu_count()} logical",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version for name, version in versions.items() if version},
        "threads": "1",
        "clock": "processor time" if FINE else "wall time",
        "load": f"{_BEFORE:.1f} before, {_load():.1f} after",
    }


def _load() -> float:
    """How many programs wanted a processor in the last minute; NaN where the system doesn't tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


_BEFORE = _load()


def _repeats(call) -> int:
    """How many calls fill a batch; the first, not timed, warms caches and compilers."""
    call()
    return max(1, round(BATCH / max(_once(call, 1), 1e-7)))


def _once(call, repeats) -> float:
    start = clock()
    for _ in range(repeats):
        call()
    return (clock() - start) / repeats


@contextmanager
def _no_collection():
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        if names:
            return names[0]
    return platform.processor() or platform.machine()
