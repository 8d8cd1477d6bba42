"""What it costs to leave one process: a log-sum-exp of many numbers, in a file and on Dask.

python -m benchmarks.distribution [file] [dask] [--quick]

Writes `course_utils/data/distribution.json`, the record that lesson 10 shows, or the named part of it; with --quick
it only shows that all of it runs. The numbers are made before the clock starts, where they are reduced, so no time is
lost in sending them. Wall time: that is what a cluster is for. Leave the machine alone meanwhile.
"""

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import measure
from course_utils import online
from course_utils.online import on_dask

RECORD = Path(__file__).resolve().parents[1] / "course_utils" / "data" / "distribution.json"
SIZES = (10**4, 10**5, 10**6, 10**7, 10**8)
PARTITIONS = (2, 16, 128)
WORKERS = (0, 1, 2)  # 0: Dask's threads in this process
FILE = 10**8


def main(parts, quick=False) -> dict:
    """The measured parts of the record; the larger sizes are left out of a quick run."""
    found = {}
    if "file" in parts:
        found["file"] = from_a_file(10**6 if quick else FILE)
    if "dask" in parts:
        sizes = SIZES[:2] if quick else SIZES
        found["one process"] = {str(size): alone(size) for size in sizes}
        found["dask"] = [row for workers in WORKERS for row in of_workers(workers, sizes, quick)]
    facts = measure.machine() | {"clock": "wall time", "threads": "one a worker", "cores": os.cpu_count()}
    return found | {"machine": facts | {"dask": importlib.metadata.version("dask")}}


def of_workers(workers, sizes, quick):
    """A row for each size and number of partitions."""
    with on_dask.cluster(workers=workers) if workers else nullcontext():
        for size in sizes:
            for partitions in PARTITIONS[:2] if quick else PARTITIONS:
                row = {"workers": workers, "size": size, "partitions": partitions}
                yield row | on_the_cluster(size, partitions, workers)
                print(f"{size:,d} logits, {partitions} partitions, {workers} workers: done", flush=True)


def numbers(size, first=0) -> np.ndarray:
    """Logits that any part of a cluster can make by itself: spread out, the same in every partition."""
    index = np.arange(first, first + size, dtype=np.uint64)
    mixed = (index * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)  # 24 well-mixed bits
    return (mixed.astype(np.float32) / np.float32(2**24) - np.float32(0.5)) * np.float32(40)


def alone(size) -> dict:
    logits = numbers(size)
    return {
        "seconds": clocked(partial(online.logsumexp, logits)),
        "logsumexp": float(online.logsumexp(logits)),
    }


def on_the_cluster(size, partitions, workers) -> dict:
    """Seconds from the call to the number, the logits lying on the workers."""
    import dask.array as da

    logits = da.map_blocks(_part, chunks=(_chunks(size, partitions),), dtype=np.float32)
    logits = logits.persist()
    if workers:
        from distributed import wait

        wait(logits)
    lse = float(on_dask.logsumexp(logits).compute())
    return {"seconds": clocked(lambda: on_dask.logsumexp(logits).compute()), "logsumexp": lse}


def from_a_file(size) -> dict:
    """Seconds to read the file whole, piece by piece, and for its log-sum-exp; and the most memory over the start."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "logits.f32"
        with path.open("wb") as file:
            for first in range(0, size, 10**6):
                file.write(numbers(min(10**6, size - first), first).tobytes())
        whole = online.File(path, np.float32)
        seconds = {
            "np.fromfile": clocked(partial(np.fromfile, path, np.float32), 5),
            "read": clocked(partial(_read, whole), 5),
            "logsumexp": clocked(partial(online.logsumexp, whole), 10),
        }
        return {
            "numbers": size,
            "bytes": path.stat().st_size,
            "seconds": seconds,
            "memory": memory_of_a_run(path),
        }


def _read(file):
    for _piece in file.in_place():
        pass


PROBE = """
import sys, numpy as np
from course_utils import online
def memory(line):
    return next(int(text.split()[1]) for text in open("/proc/self/status") if text.startswith(line)) * 1024
before = memory("VmRSS")
online.logsumexp(online.File(sys.argv[1], np.float32))
print(memory("VmHWM") - before)
"""


def memory_of_a_run(path) -> int | None:
    """The most bytes that a fresh process holds while it reads the file, beyond those before; None but on Linux."""
    if not Path("/proc/self/status").exists():
        return None
    return int(
        subprocess.run([sys.executable, "-c", PROBE, path], capture_output=True, text=True, check=True).stdout
    )


def clocked(call, seconds=1.0, least=3) -> float:
    """The fewest seconds on the wall: whatever else the machine does can only add to them."""
    call()
    times, end = [], time.perf_counter() + seconds
    while len(times) < least or (time.perf_counter() < end and len(times) < 200):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return round(min(times), 6)


def _part(block_info=None):
    ((first, last),) = block_info[None]["array-location"]
    return numbers(last - first, first)


def _chunks(size, partitions) -> tuple[int, ...]:
    return tuple(len(part) for part in np.array_split(np.empty(size, bool), partitions))


if __name__ == "__main__":
    quick = "--quick" in sys.argv
    parts = [part for part in ("file", "dask") if part in sys.argv] or ["file", "dask"]
    found = main(parts, quick)
    if not quick:
        kept = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {}
        RECORD.write_text(json.dumps(kept | found, indent=1) + "\n", "utf-8")
