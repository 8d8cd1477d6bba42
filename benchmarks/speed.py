"""How long each call takes, against SciPy, PyTorch, the textbook formula and, on request, an older `stable`.

    python -m benchmarks.speed [--quick] [--against REVISION]

Every row is one input: all contenders take turns on it, in one process, on one thread, and what counts is the
ratio of their medians. Three processes do so one after another, for where a process finds its memory is chance;
a row holds the middle ratio of the three, so that a bar is met when two of them meet it.
"""

from __future__ import annotations

import argparse
import math
import statistics
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks import measure, rivals

ROOT = Path(__file__).resolve().parents[1]
PROBABILITIES = ("softmax", "log_softmax", "logsumexp")
LOSS = "cross_entropy_with_grad"
SHAPES = ((1, 10), (1, 1000), (10, 10), (100, 10), (1000, 10), (32, 1000), (1000, 1000), (1, 50257))
SHAPES += ((32, 50257), (100_000, 10))
COLUMNS = ((10, 100), (1000, 1000), (10, 100_000))  # classes along axis 0
BATCHES = ((32, 10), (1000, 10), (256, 1000), (100_000, 10), (32, 50257))
HALF = ((1, 1000), (1000, 10), (1000, 1000), (100_000, 10))
LARGE = (1024, 50257)  # 206 MB in float32
FROM_LARGE, MILLION = 200 * 10**6, 10**6  # bytes, numbers
OTHERS = ("SciPy", "torch", "naive", "shifted", "before")
PROCESSES, SECONDS = 3, 0.3
FORGIVEN = 1.1  # the noise of a ratio


@dataclass(frozen=True)
class Case:
    """One input for one quantity: rows of N(0, 9)."""

    quantity: str
    shape: tuple
    dtype: str = "float32"
    axis: int = -1

    def logits(self) -> np.ndarray:
        logits = np.random.default_rng(20).standard_normal(self.shape, np.float32)
        logits *= 3
        return logits.astype(self.dtype, copy=False)

    def facts(self) -> dict:
        """What the row of this case says besides the times."""
        numbers = math.prod(self.shape)
        return {
            "quantity": self.quantity,
            "dtype": self.dtype,
            "shape": "×".join(map(str, self.shape)) + (f", axis {self.axis}" if self.axis != -1 else ""),
            "classes": self.shape[self.axis],
            "numbers": numbers,
            "bytes": numbers * np.dtype(self.dtype).itemsize,
        }


def cases(quick=False) -> list[Case]:
    """The grid, from ten numbers to 51 million."""
    wide = ("float64", "float32")
    if quick:
        small = [Case(q, shape, d) for q in PROBABILITIES for shape in SHAPES[:2] for d in wide]
        return [
            *small,
            Case("softmax", COLUMNS[0], axis=0),
            Case("softmax", (50, 10), "float16"),
            Case(LOSS, (32, 10)),
        ]
    return [
        *(Case(q, shape, d) for q in PROBABILITIES for shape in SHAPES for d in wide),
        *(Case(q, shape, d, axis=0) for q in PROBABILITIES for shape in COLUMNS for d in wide),
        *(Case(q, shape, "float16") for q in PROBABILITIES for shape in HALF),
        *(Case(q, LARGE) for q in PROBABILITIES),
        Case("softmax", LARGE, "float64"),
        *(Case(LOSS, shape, d) for shape in BATCHES for d in wide),
        Case(LOSS, LARGE),
    ]


@dataclass(frozen=True)
class Bar:
    """The ratio time(other) / time(stable) is at least `limit` on each row that it `applies` to."""

    name: str
    other: str
    limit: float
    applies: Callable

    def ratios(self, rows) -> list[tuple]:
        """(ratio, row) of the rows it applies to and that were measured."""
        column = f"{self.other} / stable"
        return [(row[column], row) for row in rows if self.applies(row) and row.get(column)]

    def met(self, ratio) -> bool:
        return ratio * FORGIVEN >= self.limit


def _of(quantity, *conditions):
    return lambda row: row["quantity"] == quantity and all(condition(row) for condition in conditions)


def _many(row):
    return row["shape"] == "100000×10" and row["dtype"] != "float16"


def _half(row):
    return row["dtype"] == "float16" and row["numbers"] > 1000


def _big(row):
    return row["numbers"] >= MILLION


def _trained(row):
    return row["numbers"] >= 256_000


def _large(row):
    return row["bytes"] >= FROM_LARGE


BARS = (
    Bar("softmax, every input", "SciPy", 0.9, _of("softmax")),
    Bar("softmax, 100000×10", "SciPy", 2.5, _of("softmax", _many)),
    Bar("softmax, 200 MB and more", "SciPy", 1.5, _of("softmax", _large)),
    Bar("softmax, float16, more than 1000 numbers", "SciPy", 3, _of("softmax", _half)),
    Bar("logsumexp", "SciPy", 1.5, _of("logsumexp")),
    Bar("log_softmax", "SciPy", 0.9, _of("log_softmax")),
    Bar("loss and gradient, 256×1000 and more", "torch", 1, _of(LOSS, _trained)),
    Bar("textbook softmax, a million numbers and more", "naive", 0.8, _of("softmax", _big)),
)
MEDIAN = 1.4  # of softmax, SciPy / stable, over all inputs


def run(quick=False, against=None) -> list[dict]:
    """One row a case: what it is, the median microseconds of `stable`, and the ratio of each other to it."""
    with older(against) as folder:
        if quick:
            return [summed([row]) for row in _times(0.01, True, folder)]
        with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
            found = pool.map(partial(_times, SECONDS, False), [folder] * PROCESSES)
            return [summed(rows) for rows in zip(*found, strict=True)]


@contextmanager
def older(revision):
    """A folder with the package as it was at a revision of git, named `before`; None without a revision."""
    if revision is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(
            ["git", "archive", revision, "course_utils"], cwd=ROOT, capture_output=True, check=True
        )
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        package = (Path(folder) / "course_utils").rename(Path(folder) / "before")
        for path in package.rglob("*.py"):
            path.write_text(path.read_text("utf-8").replace("course_utils", "before"), "utf-8")
        yield folder


def summed(rows) -> dict:
    """The rows that several processes measured of one input, as one: the medians of times and of ratios."""
    facts = {key: value for key, value in rows[0].items() if not isinstance(value, float)}
    ratios = {
        f"{name} / stable": statistics.median(row[name] / row["stable"] for row in rows)
        for name in OTHERS
        if name in rows[0]
    }
    return facts | {"stable, µs": statistics.median(row["stable"] for row in rows)} | ratios


def _times(seconds, quick, folder) -> list[dict]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not np.errstate, which every call would feel
        measure.settle()
        return [_measured(case, seconds, folder) for case in cases(quick)]


def _measured(case, seconds, folder):
    times = measure.interleaved(_calls(case, case.logits(), folder), seconds, least=3)
    return case.facts() | {name: took * 1e6 for name, took in times.items()}


def _calls(case, logits, folder):
    """A call for each contender that has the function."""
    targets = None
    if case.quantity == LOSS:
        targets = np.random.default_rng(21).integers(0, case.shape[1], case.shape[0])
    contenders = rivals.installed("SciPy", "torch") | ({"before": rivals.older(folder)} if folder else {})
    prepared = {
        name: contenders[name].prepare(case.quantity, logits, case.axis, targets)
        for name in ("stable", *OTHERS)
        if name in contenders
    }
    return {name: call for name, call in prepared.items() if call is not None}


def bars(rows) -> list[dict]:
    """One row a bar: on how many inputs it holds, its worst ratio and where that was."""
    lines = []
    for bar in BARS:
        judged = sorted(bar.ratios(rows), key=lambda pair: pair[0])
        if judged:
            ratio, worst = judged[0]
            lines.append(
                {
                    "bar": bar.name,
                    "ratio of": f"{bar.other} / stable",
                    "limit": f"≥ {bar.limit:g}",
                    "held": f"{sum(bar.met(ratio) for ratio, _ in judged)} of {len(judged)}",
                    "worst": ratio,
                    "worst at": f"{worst['dtype']} {worst['shape']}",
                }
            )
    return [*lines, *_median_bar(rows)]


def _median_bar(rows):
    ratios = [ratio for ratio, _ in BARS[0].ratios(rows)]
    if ratios:
        found = statistics.median(ratios)
        held = f"{int(found * FORGIVEN >= MEDIAN)} of 1"
        yield {"bar": "softmax, median of the inputs", "ratio of": "SciPy / stable", "limit": f"≥ {MEDIAN}",
               "held": held, "worst": found}  # fmt: skip


def lost(rows) -> list[dict]:
    """Every input on which a library is faster than `stable`, the worst first."""
    compared = [(row.get(f"{name} / stable"), name, row) for row in rows for name in ("SciPy", "torch")]
    behind = sorted((c for c in compared if c[0] and c[0] < 1), key=lambda c: c[0])
    return [
        {key: row[key] for key in ("quantity", "dtype", "shape")} | {"faster": name, "its time / ours": ratio}
        for ratio, name, row in behind
    ]


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test; its times mean nothing")
    parser.add_argument(
        "--against", metavar="REVISION", help="race the stable of this revision of git as well"
    )
    chosen = parser.parse_args()
    from benchmarks.report import markdown

    rows = run(chosen.quick, chosen.against)
    print(markdown(rows), markdown(bars(rows)), sep="\n\n")


if __name__ == "__main__":
    sys.exit(main())
