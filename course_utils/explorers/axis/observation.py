"""What the axis lab computes: a batch, a code, a format, and which of the nine probabilities are wrong."""

from dataclasses import dataclass

import numpy as np

from course_utils import floats, reference
from course_utils.explorers.core import choice, scale

BATCHES = {
    "rows alike": [[1, 2, 3], [3, 0, 1], [0, 0, 2]],
    "columns far apart": [[1000, 1, 0], [0, 2, 1], [0, 0, 0]],
    "rows far apart": [[0, 1, 2], [200, 201, 202], [1, 1, 0]],
    "rows 17 apart": [[0, 1, 2], [17, 18, 19], [9, 8, 9]],
}
# What is subtracted, and what the exponentials are divided by.
CODES = {
    "each row's own": (lambda z: z.max(axis=1, keepdims=True), lambda e: e.sum(axis=1, keepdims=True)),
    "max along axis 0": (lambda z: z.max(axis=0), lambda e: e.sum(axis=1, keepdims=True)),
    "max without keepdims": (lambda z: z.max(axis=1), lambda e: e.sum(axis=1, keepdims=True)),
    "one max for all": (lambda z: z.max(), lambda e: e.sum(axis=1, keepdims=True)),
    "sum without keepdims": (lambda z: z.max(axis=1, keepdims=True), lambda e: e.sum(axis=1)),
    "one sum for all": (lambda z: z.max(axis=1, keepdims=True), lambda e: e.sum()),
}
CONTROLS = {
    "code": choice("code", CODES, "each row's own"),
    "batch": choice("batch", BATCHES, "rows alike"),
    "format": scale("number format", ("float16", "bfloat16", "float32", "float64"), "float32"),
}
ROWS, CLASSES = ("row 0", "row 1", "row 2"), ("class 0", "class 1", "class 2")


@dataclass(frozen=True)
class Observation:
    """All of it 3 x 3, but for `sums`: one for each row."""

    code: str
    logits: np.ndarray
    shifts: np.ndarray
    p: np.ndarray
    truth: np.ndarray
    wrong: np.ndarray
    sums: np.ndarray

    @property
    def finite(self) -> bool:
        return bool(np.isfinite(self.p.astype(np.float64)).all())

    @property
    def sums_are_one(self) -> bool:
        return bool(np.all(np.abs(self.sums - 1) <= 0.01))

    @property
    def in_silence(self) -> bool:
        """Wrong, and neither a NaN nor a row sum tells."""
        return bool(self.wrong.any()) and self.finite and self.sums_are_one


def observe(state) -> Observation:
    fmt = floats.FORMATS[state["format"]]
    z = floats.store(BATCHES[state["batch"]], fmt)
    largest, total = CODES[state["code"]]
    with np.errstate(all="ignore"):
        shifts = np.broadcast_to(largest(z), z.shape)
        terms = np.exp(z - shifts)
        p = terms / total(terms)
        wide, truth = p.astype(np.float64), reference.softmax(z)
        wrong = ~(np.abs(wide - truth) <= 0.02 * truth + fmt.eps)
        return Observation(state["code"], z, shifts, p, truth, wrong, wide.sum(axis=1))


def describe(seen) -> str:
    if not seen.wrong.any():
        return f"Code “{seen.code}”: all 9 probabilities are right, and every row sums to 1."
    count = f"{seen.wrong.sum()} of 9 probabilities are wrong"
    if not seen.finite:
        return f"Code “{seen.code}”: {count}, and a NaN tells you."
    if not seen.sums_are_one:
        worst = seen.sums[np.argmax(np.abs(seen.sums - 1))]
        return f"Code “{seen.code}”: {count}, and a row sum of {worst:.3g} tells you."
    return f"Code “{seen.code}”: {count}, every row sums to 1, no NaN shows. Nothing tells you."


def table(seen) -> list[dict]:
    return [
        {
            "row": name,
            "logits": _numbers(seen.logits[i]),
            "subtracted": _numbers(seen.shifts[i]),
            "p": ", ".join(_marked(*pair) for pair in zip(seen.p[i], seen.wrong[i], strict=True)),
            "truth": _numbers(seen.truth[i]),
            "sum of p": f"{seen.sums[i]:.4g}".replace("nan", "NaN"),
        }
        for i, name in enumerate(ROWS)
    ]


def _numbers(row):
    return ", ".join(f"{float(value):.4g}" for value in row)


def _marked(value, wrong):
    return f"{float(value):.4g}".replace("nan", "NaN") + (", wrong" if wrong else "")
