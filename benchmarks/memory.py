"""The most memory that a call holds at one time beyond its input, in multiples of the input.

    python -m benchmarks.memory [--quick]

NumPy tells tracemalloc of every array it makes, so the figures are exact and the same on every run. PyTorch and
JAX don't, and are left out. A new result counts: without `out=` a softmax can't take less than 1.
"""

import sys
import tracemalloc
from functools import partial

import numpy as np

from benchmarks import rivals
from course_utils import stable

SUBJECTS = ("stable", "naive", "shifted", "SciPy")
OUT = "stable, out="
BLOCKS = 6 << 20  # bytes: a few blocks of constant size, however large the input, count as nothing
INPUTS = (  # 32 to 64 MB each
    ((1000, 8000), "float64", -1),
    ((1000, 16_000), "float32", -1),
    ((800_000, 10), "float64", -1),
    ((10, 800_000), "float64", 0),
    ((1000, 16_000), "float16", -1),
)
QUICK = (((100, 4000), "float64", -1), ((100, 4000), "float16", -1))
QUANTITIES = ("softmax", "log_softmax", "logsumexp", "cross_entropy_with_grad")


def run(quick=False) -> list[dict]:
    """One row for each quantity and input: the peak of each contender over the bytes of the input."""
    rows = []
    for shape, dtype, axis in QUICK if quick else INPUTS:
        logits = (np.random.default_rng(3).standard_normal(shape, np.float32) * 3).astype(dtype)
        for quantity in QUANTITIES if axis == -1 else QUANTITIES[:3]:
            label = "×".join(map(str, shape)) + (f", axis {axis}" if axis != -1 else "")
            row = {"quantity": quantity, "dtype": dtype, "shape": label, "bytes": logits.nbytes}
            calls = _calls(quantity, logits, axis)
            rows.append(row | {name: peak(call) / logits.nbytes for name, call in calls.items()})
    return rows


def peak(call) -> int:
    """Bytes that the call, made for the second time, holds at most."""
    with np.errstate(all="ignore"):
        call()
        tracemalloc.start()
        try:
            call()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


def judge(row) -> bool | None:
    """No extra memory with `out=`; None for a quantity that has no `out`."""
    return row[OUT] * row["bytes"] <= BLOCKS if OUT in row else None


def _calls(quantity, logits, axis):
    targets = np.zeros(len(logits), np.intp) if quantity == "cross_entropy_with_grad" else None
    there = [name for name in SUBJECTS if name in rivals.installed()]
    prepared = {name: rivals.installed()[name].prepare(quantity, logits, axis, targets) for name in there}
    calls = {name: call for name, call in prepared.items() if call is not None}
    if quantity in ("softmax", "log_softmax"):
        calls[OUT] = partial(getattr(stable, quantity), logits, axis=axis, out=np.empty_like(logits))
    return calls


if __name__ == "__main__":
    for row in run("--quick" in sys.argv):
        print(*(f"{value:.3f}" if isinstance(value, float) else value for value in row.values()), sep="\t")
