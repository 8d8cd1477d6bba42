"""Measured error bounds of `stable`: the largest of a million rows a function and format, SIMD level by level.

    python -m benchmarks.bounds [--quick] [--only LEVEL ...] [--dtypes FORMAT ...]

NumPy chooses its exp and its sums by what the processor can do, and each choice rounds in its own way. A process
of its own is told which levels to leave out. The truth is `benchmarks.truth`, in float64 for the formats up to
float32 and in longdouble for float64 (which is left out where that has no more digits).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy._core._multiarray_umath import __cpu_baseline__, __cpu_dispatch__, __cpu_features__

from benchmarks import truth
from course_utils import floats, stable

ROWS = {1: 60_000, 2: 250_000, 3: 250_000, 5: 200_000, 8: 150_000, 10: 100_000}
LONG = (17, 33, 64, 100, 128, 129, 257, 513, 600, 1000, 1001, 1100, 2048, 2500, 5000)
NUMBERS = 250_000  # in all rows of a long width
CHUNK = 100_000  # numbers that are judged at a time
QUANTITIES = ("softmax", "log_softmax", "logsumexp", "loss", "gradient", "gradient, soft")


def normal(scale):
    return lambda random, fmt, shape: random.normal(0, scale, shape)


def offset(random, fmt, shape):
    """Small differences on an offset of up to a hundred thousand."""
    centre = 10 ** random.uniform(0, 5, (shape[0], 1)) * random.choice([-1, 1], (shape[0], 1))
    return random.normal(0, 3, shape) + centre


def spread(random, fmt, shape):
    """All that exp can take, and a little more on either side."""
    return random.uniform(1.02 * fmt.exp_first_zero, 1.02 * fmt.exp_last_finite, shape)


def winner(random, fmt, shape):
    """One logit leads by a margin from 0 to where the others vanish."""
    z = random.normal(0, 1, shape) + random.uniform(1.02 * fmt.exp_first_zero, 0, (shape[0], 1))
    z[np.arange(shape[0]), random.integers(0, shape[1], shape[0])] = 0
    return z


def confident(random, fmt, shape):
    """A sum near 1, whose logarithm is near 0."""
    return random.normal(-math.log(shape[1]), 0.3, shape)


def limits(random, fmt, shape):
    """Beside the largest input of exp, where the sum leaves the format first."""
    return fmt.exp_last_finite - np.abs(random.normal(0, 1 + math.log(shape[1]), shape))


def equal_terms(random, fmt, shape):
    """Many equal small terms beside a large one: their roundings all go one way."""
    z = np.repeat(random.uniform(fmt.exp_first_zero, 0, (shape[0], 1)), shape[1], axis=1)
    z[np.arange(shape[0]), random.integers(0, shape[1], shape[0])] = 0
    return z


CLASSES = {
    **{f"N(0, {scale}²)": normal(scale) for scale in (0.1, 1, 10, 100)},
    **{f.__name__: f for f in (offset, spread, winner, confident, limits)},
    "equal terms": equal_terms,
}


def levels() -> dict:
    """The SIMD levels that this NumPy can be told to use here: name -> what has to be disabled."""
    here = [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]
    names = [__cpu_baseline__[-1] if __cpu_baseline__ else "baseline", *here]
    return {name: here[i:] for i, name in enumerate(names)}


def formats() -> list:
    return [fmt for fmt in floats.FORMATS.values() if fmt.name != "float64" or truth.EXACT_ENOUGH]


def measured(level, quick=False, dtypes=()) -> list[dict]:
    """One row for each quantity, format and class at the level of this process."""
    rows = []
    for fmt in [fmt for fmt in formats() if not dtypes or fmt.name in dtypes]:
        for name, make in CLASSES.items():
            worst = {quantity: (0.0, 0) for quantity in QUANTITIES}
            counted = 0
            for width, count in _sizes(quick):
                random = np.random.default_rng([width, len(name)])
                for start in range(0, count, per := max(1, CHUNK // width)):
                    logits = floats.store(make(random, fmt, (min(per, count - start), width)), fmt)
                    for quantity, error in _errors(random, fmt, logits):
                        worst[quantity] = max(worst[quantity], (error, width))
                counted += count
            rows += [
                {"quantity": q, "dtype": fmt.name, "level": level, "class": name, "ulps": error,
                 "classes": width, "rows": counted}
                for q, (error, width) in worst.items()
            ]  # fmt: skip
    return rows


def _sizes(quick):
    """(classes, rows of each class of inputs): together a million rows a quantity and format."""
    share = len(CLASSES) * (500 if quick else 1)
    sizes = {**ROWS, **{width: NUMBERS // width for width in LONG}}
    return [(width, max(1, round(count / share))) for width, count in sizes.items()]


def _errors(random, fmt, logits):
    """(quantity, the largest error in ulps) for these rows."""
    count, classes = logits.shape
    right = truth.rows_of(logits, truth.WIDE if fmt.name == "float64" else np.float64)
    unit = (fmt.eps if fmt.bits >= 32 else 2.0**-23) / 2
    for name in ("softmax", "log_softmax"):
        yield name, _largest(getattr(stable, name)(logits), getattr(right, name), fmt)
    yield (
        "logsumexp",
        _largest(
            stable.logsumexp(logits), right.logsumexp, fmt, unit * np.abs(logits.astype(float)).max(axis=1)
        ),
    )
    targets = np.where(random.random(count) < 0.5, right.largest, random.integers(0, classes, count))
    loss, gradient = stable.cross_entropy_with_grad(logits, targets, reduction="none")
    losses, gradients = truth.losses_of(right, np.arange(classes) == targets[:, None])
    yield "loss", _largest(loss, losses, fmt)
    yield "gradient", _largest(gradient, gradients, fmt)
    soft = random.random((count, classes)) ** 8
    soft /= soft.sum(axis=1, keepdims=True)
    gradient = stable.cross_entropy_with_grad(logits, soft, reduction="none")[1]
    gradients = truth.losses_of(right, soft)[1]
    yield "gradient, soft", _largest(gradient, gradients, fmt, unit * (right.softmax + soft))


def _largest(computed, right, fmt, unit=None):
    """In ulps, or in `unit` where that is less: that of an ill-conditioned result.

    In a narrow format the unit is float32's, in which it is computed: 8 of these are taken off beforehand.
    """
    errors = truth.ulps(computed, right, fmt)
    if unit is not None:
        with np.errstate(all="ignore"):
            gaps = np.abs(computed.astype(right.dtype) - right)
            if fmt.bits < 32:
                others = (gaps - 8 * unit) / truth.spacing(right, fmt)
            else:
                others = gaps / unit
            errors = np.fmin(errors, others.astype(float))
    return float(errors.max(initial=0))


def run(quick=False, only=(), dtypes=()) -> list[dict]:
    """The rows of every level, each measured in a process that is told what not to use."""
    rows = []
    for level, disabled in levels().items():
        if only and level not in only:
            continue
        environment = os.environ | {"NPY_DISABLE_CPU_FEATURES": " ".join(disabled)}
        command = [sys.executable, "-m", "benchmarks.bounds", "--level", level, *["--quick"] * quick]
        command += ["--dtypes", *dtypes] if dtypes else []
        done = subprocess.run(
            command, env=environment, cwd=Path(__file__).resolve().parents[1], capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"level {level} failed: {done.stderr[-2000:]}")
        rows += json.loads(done.stdout)
        print(f"bounds: {level} done", file=sys.stderr, flush=True)
    return rows


def summary(rows) -> list[dict]:
    """For each quantity and format the largest error of each level, and the class of inputs that gave the worst;
    many equal terms have a column of their own."""
    lines = []
    for dtype in floats.FORMATS:
        for quantity in QUANTITIES:
            mine = [row for row in rows if (row["quantity"], row["dtype"]) == (quantity, dtype)]
            ordinary = [row for row in mine if row["class"] != "equal terms"]
            if not mine:
                continue
            worst = max(ordinary, key=lambda row: row["ulps"])
            names = dict.fromkeys(row["level"] for row in mine)
            lines.append(
                {"quantity": quantity, "dtype": dtype}
                | {n: max(row["ulps"] for row in ordinary if row["level"] == n) for n in names}
                | {
                    "worst on": f"{worst['class']}, {worst['classes']} classes",
                    "equal terms": max(row["ulps"] for row in mine if row not in ordinary),
                    "rows, million": sum(r["rows"] for r in mine if r["level"] == worst["level"]) / 1e6,
                }
            )
    return lines


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bounds", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test of a few thousand rows")
    parser.add_argument("--level", help="measure this process and print JSON")
    parser.add_argument(
        "--dtypes", nargs="*", default=(), help=f"some of the formats: {', '.join(floats.FORMATS)}"
    )
    parser.add_argument("--only", nargs="*", default=(), help=f"some of the levels: {', '.join(levels())}")
    chosen = parser.parse_args()
    if chosen.level:
        print(json.dumps(measured(chosen.level, chosen.quick, chosen.dtypes)))
        return
    from benchmarks.report import markdown

    print(markdown(summary(run(chosen.quick, chosen.only, chosen.dtypes))))


if __name__ == "__main__":
    main()
