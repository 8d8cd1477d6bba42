"""Where the time of `stable` goes, step by step, on inputs that come close to their bar or miss it."""

from functools import partial

import numpy as np

from benchmarks import measure, rivals
from benchmarks.speed import Case
from course_utils import stable
from course_utils.stable import narrow, rows
from course_utils.stable.sums import EASY, leave_out, total, total_and_peak, total_of_long_one, total_of_one

BOTH = ("float64", "float32")
CASES = (
    *(
        Case("softmax", shape, dtype)
        for shape in ((10, 10), (1, 100), (1, 1000), (32, 1000), (1, 50257))
        for dtype in BOTH
    ),
    Case("softmax", (1000, 10), "float16"),
    Case("softmax", (200, 1000), "float64", kind="all at +1000"),
    Case("softmax", (200, 1000), "float64", kind="rows at +1000 and -1000 in turn"),
    *(Case("log_softmax", shape, dtype) for shape in ((32, 1000), (1000, 100), (1, 50257)) for dtype in BOTH),
)
STEPS = ("widen", "maximum", "subtract", "exp", "sum", "divide", "again", "verify", "ties", "narrow")
OTHERS = ("naive", "shifted", "SciPy")


def run(quick=False) -> list[dict]:
    """One row an input: the median microseconds of each step, of all of it, and of the others."""
    measure.settle()
    with np.errstate(all="ignore"):
        return [_profile(case, *((0.02, 3) if quick else (0.8, measure.LEAST))) for case in CASES]


def _profile(case, seconds, least):
    logits = case.logits()
    steps = _of(case)(logits)
    if logits.size > rows.LITTLE:  # as the room does, with its buffer; on a small array it would be felt
        steps = {name: partial(rows.quietly, step) for name, step in steps.items()}
    whole = {
        name: rivals.installed()[name].prepare(case.quantity, logits, -1, None)
        for name in ("stable", *OTHERS)
        if name in rivals.installed()
    }
    times = {name: took * 1e6 for name, took in measure.interleaved(steps | whole, seconds, least).items()}
    return (
        {key: case.facts()[key] for key in ("quantity", "dtype", "shape", "kind")}
        | {name: times.get(name) for name in STEPS}
        | {"calls, memory": times["stable"] - sum(times[name] for name in steps)}
        | {name: times[name] for name in whole}
    )


def _of(case):
    """The function that takes this case apart."""
    if case.quantity == "log_softmax":
        return _steps_of_log
    if case.kind != "ordinary":
        return _steps_with_shift
    return _steps_of_half if case.dtype == "float16" else _steps


def _steps(logits):
    out = np.exp(logits)
    little = logits.size <= rows.LITTLE
    if len(logits) == 1:
        return _common(logits, out, partial(total_of_one if little else total_of_long_one, out[0]))
    easy = EASY[out.dtype].get(logits.shape[1]) if little else None
    summed = partial(total, out) if easy is None else partial(out.dot, easy)
    return _common(logits, out, summed) | _checks(logits, out)


def _steps_with_shift(logits):
    row_max = rows.row_maxima(logits)
    out, shift = rows.exponentials(logits, np.empty_like(logits), row_max)
    moved = logits - shift[:, None]
    return {
        "maximum": partial(rows.row_maxima, logits),
        "subtract": partial(np.subtract, logits, shift[:, None], out=moved),
        **_common(moved, out, partial(total, out)),
        **_checks(logits, out),
    }


def _steps_of_half(logits):
    wide = narrow.widened(logits, np.empty(logits.shape, np.float32))
    p = stable.softmax(wide)
    return {
        "widen": partial(narrow.widened, logits, np.empty_like(wide)),
        **_steps(wide),
        "narrow": partial(narrow.narrowed, p, logits.dtype),
    }


def _steps_of_log(logits):
    out, elsewhere = np.exp(logits), np.empty_like(logits)
    zeros, one = np.zeros_like(logits), np.ones((len(logits), 1), logits.dtype)
    row_max, largest, rest = rows.leave_out_max(logits, out.copy())
    twice = not rows.within(row_max / np.log1p(rest / largest), -2, 2)
    index = logits.argmax(axis=1)
    return {
        "maximum": partial(logits.argmax, axis=1),
        "exp": partial(np.exp, logits, out=elsewhere),
        "sum": partial(leave_out, out, index, rough=True)
        if len(logits) > 1
        else partial(total_of_long_one, out[0], rough=True),
        "subtract": partial(np.subtract, logits, one, out=elsewhere),
    } | ({"again": partial(np.subtract, zeros, 0 * one, out=zeros)} if twice else {})


def _common(moved, out, summed):
    """exp, sum and division; their results go elsewhere, so that every turn finds the same numbers."""
    elsewhere = np.empty_like(out)
    sums, peak = total_and_peak(out)
    multiplied = out.size > rows.LITTLE and rows.small_beside(peak, sums.min())
    by = 1 / sums if multiplied else sums
    by = by.item() if len(out) == 1 else by[:, None]
    return {
        "exp": partial(np.exp, moved, out=elsewhere),
        "sum": summed,
        "divide": partial(np.multiply if multiplied else np.divide, out, by, out=elsewhere),
    }


def _checks(logits, out):
    return {
        "verify": partial(rows.weak, total(out), None),
        "ties": partial(rows.share_ties, logits, np.empty_like(out)),
    }
