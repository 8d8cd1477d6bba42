"""How long each call takes, against SciPy, PyTorch, JAX, the textbook formula and the plain shift.

    python -m benchmarks.speed [--quick]

Every row is one input: all contenders take turns on it, in one process, on one thread. A bar compares two of
them row by row: the ratio of their medians.

Three processes do so one after another, and of their rows for an input the middle one counts. For where a
process finds its memory is chance: one contender may be half as fast as elsewhere until the process ends.
"""

import math
import statistics
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import numpy as np

from benchmarks import measure, rivals
from course_utils import stable

SMALL = ((1, 10), (1, 100), (1, 1000), (10, 10), (100, 10))
MIDDLE = ((1000, 10), (32, 1000), (1000, 100), (1000, 1000), (1, 50257), (32, 50257))
MANY = ((100_000, 10),)
LARGE = ((1024, 50257),)  # 206 MB in float32
BATCHES = ((1, 10), (32, 10), (1000, 10), (256, 1000), (100_000, 10), (32, 50257))
LITTLE, IN_CACHE, FROM_LARGE = 1000, 1 << 20, 200 * 10**6  # numbers, bytes, bytes
OTHERS = ("naive", "shifted", "SciPy", "torch", "JAX")
PROCESSES = 3
OUT = "stable, out="  # the column of the call that is given the memory for its result


@dataclass(frozen=True)
class Case:
    """One input for one quantity. `kind` is the column of the table; "ordinary" rows are N(0, 9)."""

    quantity: str
    shape: tuple
    dtype: str = "float32"
    axis: int = -1
    kind: str = "ordinary"

    def logits(self) -> np.ndarray:
        rng = np.random.default_rng(20)
        return (
            HARD[self.kind](rng, self.shape).astype(self.dtype) if self.kind in HARD else self.ordinary(rng)
        )

    def ordinary(self, rng) -> np.ndarray:
        logits = rng.standard_normal(self.shape, np.float32)
        logits *= 3
        return logits.astype(self.dtype, copy=False)

    def facts(self) -> dict:
        """What the row of this case says besides the times."""
        label = "×".join(map(str, self.shape)) + (f", axis {self.axis}" if self.axis != -1 else "")
        numbers = math.prod(self.shape)
        return {
            "quantity": self.quantity,
            "kind": self.kind,
            "dtype": self.dtype,
            "shape": label,
            "classes": self.shape[self.axis],
            "numbers": numbers,
            "bytes": numbers * np.dtype(self.dtype).itemsize,
        }


def _probe_is_fine(rng, shape):
    logits = rng.normal(size=shape) - 1000
    logits[::16] += 1000
    return logits


# Inputs for which the textbook formula is no use, in every row or nearly so.
HARD = {
    "all at +1000": lambda rng, shape: rng.normal(size=shape) * 3 + 1000,
    "all at -1000": lambda rng, shape: rng.normal(size=shape) * 3 - 1000,
    "rows at +1000 and -1000 in turn": lambda rng, shape: (
        rng.normal(size=shape) * 3 + np.where(np.arange(shape[0]) % 2, -1000, 1000)[:, None]
    ),
    "each exp finite, each sum overflows": lambda rng, shape: rng.uniform(708, 708.6, shape),
    "15 of 16 rows at -1000": _probe_is_fine,
}


def cases(quick=False) -> list[Case]:
    """The grid, from ten numbers to 51 million."""
    wide, grid = ("float64", "float32"), SMALL + MIDDLE + MANY
    if quick:
        return [
            *(
                Case(q, s, d)
                for q in ("softmax", "log_softmax", "logsumexp")
                for s in SMALL[1:3]
                for d in wide
            ),
            Case("softmax", (1000, 10), "float16"),
            Case("cross_entropy_with_grad", (32, 10)),
            *(Case("softmax", (200, 50), "float64", kind=kind) for kind in HARD),
        ]
    return [
        *(Case(q, s, d) for q in ("softmax", "log_softmax", "logsumexp") for s in grid for d in wide),
        *(Case("softmax", s, d, axis=0) for s in ((1000, 1000), (10, 100_000)) for d in wide),
        *(Case("softmax", s, "float16") for s in ((1, 1000), (1000, 10), (1000, 1000), MANY[0], (32, 50257))),
        *(Case(q, LARGE[0]) for q in ("softmax", "log_softmax", "logsumexp")),
        Case("softmax", LARGE[0], "float64"),
        *(Case("cross_entropy_with_grad", s, d) for s in BATCHES for d in wide),
        Case("cross_entropy_with_grad", LARGE[0]),
        *(Case("softmax", s, "float64", kind=kind) for kind in HARD for s in ((1000, 1000), MANY[0])),
    ]


@dataclass(frozen=True)
class Bar:
    """The ratio time(over) / time(under), at least (or at most) `limit` on each row that it `applies` to."""

    name: str
    over: str
    under: str
    limit: float
    applies: Callable
    at_most: bool = False

    def ratio(self, row) -> float | None:
        """None where the bar doesn't apply or a contender is missing."""
        over, under = row.get(self.over), row.get(self.under)
        return over / under if over and under and self.applies(row) else None

    @property
    def shown(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.limit:g}"

    def met(self, ratio) -> bool:
        return ratio <= self.limit if self.at_most else ratio >= self.limit


def _softmax(row, least=0, most=np.inf):
    return row["quantity"] == "softmax" and row["kind"] == "ordinary" and least < row["numbers"] <= most


def _half(row):
    return row["dtype"] == "float16"


def _many(row):
    return row["shape"].startswith("100000×10")


def _middle(row):
    return _softmax(row, LITTLE) and row["bytes"] < FROM_LARGE and not (_half(row) or _many(row))


def _taxed(row):
    return _softmax(row) and not _half(row) and row["shape"].count("axis") == 0


BARS = (
    Bar("softmax, up to 1000 numbers", "SciPy", "stable", 2.0, partial(_softmax, most=LITTLE)),
    Bar("softmax, 100000×10", "SciPy", "stable", 3.5, lambda r: _softmax(r) and _many(r) and not _half(r)),
    Bar("softmax, middle sizes", "SciPy", "stable", 1.2, _middle),
    Bar(
        "softmax, 200 MB and more", "SciPy", "stable", 1.0, lambda r: _softmax(r) and r["bytes"] >= FROM_LARGE
    ),
    Bar(
        "softmax, 200 MB and more, out=",
        "SciPy",
        OUT,
        2.5,
        lambda r: _softmax(r) and r["bytes"] >= FROM_LARGE,
    ),
    Bar("softmax, float16", "SciPy", "stable", 8.0, lambda r: _softmax(r, LITTLE) and _half(r)),
    Bar("logsumexp", "SciPy", "stable", 3.0, lambda r: r["quantity"] == "logsumexp"),
    Bar("log_softmax", "SciPy", "stable", 1.2, lambda r: r["quantity"] == "log_softmax"),
    Bar("loss and gradient", "torch", "stable", 1.5, lambda r: r["quantity"] == "cross_entropy_with_grad"),
    Bar(
        "stability tax, in cache",
        "stable",
        "naive",
        1.2,
        lambda r: _taxed(r) and r["bytes"] <= IN_CACHE,
        True,
    ),
    Bar("stability tax, larger", "stable", "naive", 1.1, lambda r: _taxed(r) and r["bytes"] > IN_CACHE, True),
    Bar("rows that need the fallback", "stable", "shifted", 1.15, lambda r: r["kind"] in HARD, True),
    Bar("200 MB against copying it", OUT, "copy", 3.0, lambda r: r["dtype"] == "float32", True),
)


def run(quick=False) -> list[dict]:
    """One row a case: what it is, and the median microseconds of each contender."""
    if quick:
        return _rows(seconds=0.02, quick=True)
    seconds = [0.3] * PROCESSES
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        return [middle(rows) for rows in zip(*pool.map(_rows, seconds), strict=True)]


def middle(rows) -> dict:
    """Of some rows of one input, the one in which `stable` is neither at its best nor at its worst."""

    def lead(row):
        return statistics.geometric_mean(row[name] for name in OTHERS if name in row) / row["stable"]

    return sorted(rows, key=lead)[len(rows) // 2]


def _rows(seconds, quick=False) -> list[dict]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not np.errstate, which every call would feel
        measure.settle()
        return [_measured(case, seconds) for case in cases(quick)]


def _measured(case, seconds):
    times = measure.interleaved(_calls(case, case.logits()), seconds, least=3)
    return case.facts() | {name: took * 1e6 for name, took in times.items()}


def _calls(case, logits):
    """A call for each contender that has the function. JAX compiles first, in the call that isn't timed."""
    targets = None
    if case.quantity == "cross_entropy_with_grad":
        targets = np.random.default_rng(21).integers(0, case.shape[1], case.shape[0])
    names = ("stable", "shifted") if case.kind in HARD else rivals.installed()
    prepared = {
        name: rivals.installed()[name].prepare(case.quantity, logits, case.axis, targets) for name in names
    }
    calls = {name: call for name, call in prepared.items() if call is not None}
    if case.quantity == "softmax" and logits.nbytes >= FROM_LARGE:
        out = np.ones_like(logits)
        calls[OUT] = partial(stable.softmax, logits, out=out)
        calls["copy"] = partial(np.copyto, out, logits)
    return calls


def ratios(rows) -> list[dict]:
    """Every bar on every row that it applies to."""
    return [
        {
            "bar": bar.name,
            "ratio of": f"{bar.over} / {bar.under}",
            "limit": bar.shown,
            **{key: row[key] for key in ("quantity", "kind", "dtype", "shape")},
            "ratio": ratio,
            "met": bar.met(ratio),
        }
        for bar in BARS
        for row in rows
        if (ratio := bar.ratio(row)) is not None
    ]


def summary(rows) -> list[dict]:
    """One row a bar: on how many inputs it holds, the range of the ratios, and where the worst was."""
    judged = ratios(rows)
    lines = []
    for bar in BARS:
        mine = sorted(
            (r for r in judged if r["bar"] == bar.name), key=lambda r: r["ratio"], reverse=bar.at_most
        )
        if mine:
            worst = mine[0]
            lines.append(
                {key: worst[key] for key in ("bar", "ratio of", "limit")}
                | {
                    "worst": worst["ratio"],
                    "best": mine[-1]["ratio"],
                    "held": f"{sum(r['met'] for r in mine)} of {len(mine)}",
                    "worst at": f"{worst['dtype']} {worst['shape']}"
                    + ("" if worst["kind"] == "ordinary" else f", {worst['kind']}"),
                }
            )
    return lines


def missed(rows) -> list[dict]:
    """Every ratio outside its bar, and what the textbook formula would reach in place of `stable` there."""
    lines = []
    for bar in BARS:
        for row in rows:
            if (ratio := bar.ratio(row)) is None or bar.met(ratio):
                continue
            line = {key: row[key] for key in ("quantity", "dtype", "shape")}
            line |= {"bar": bar.name, "limit": bar.shown, "ratio": ratio}
            if bar.under == "stable" and "naive" in row:
                line["with naive instead"] = row[bar.over] / row["naive"]
            lines.append(line)
    return lines


if __name__ == "__main__":
    for line in summary(run("--quick" in sys.argv)):
        print(*(f"{value:.2f}" if isinstance(value, float) else value for value in line.values()), sep="\t")
