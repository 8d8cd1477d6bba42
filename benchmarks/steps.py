"""Where the time of `stable.softmax` goes, step by step, on inputs that come close to their bar or miss it."""

from functools import partial

import numpy as np

from benchmarks import measure, rivals
from benchmarks.speed import Case
from course_utils import stable
from course_utils.stable import narrow, rows
from course_utils.stable.sums import total, total_of_one

CASES = (
    *(
        Case("softmax", shape, dtype)
        for shape in ((10, 10), (1, 100), (1, 1000), (32, 1000), (1, 50257))
        for dtype in ("float64", "float32")
    ),
    Case("softmax", (1000, 10), "float16"),
)
OTHERS = ("naive", "SciPy")


def run(quick=False) -> list[dict]:
    """One row an input: the median microseconds of each step, of all of it, and of the others."""
    with np.errstate(all="ignore"):
        return [_profile(case, *((0.02, 3) if quick else (0.8, measure.LEAST))) for case in CASES]


def _profile(case, seconds, least):
    logits = case.logits()
    steps = _steps_of_half(logits) if case.dtype == "float16" else _steps(logits)
    whole = {
        name: rivals.installed()[name].prepare("softmax", logits, -1, None)
        for name in ("stable", *OTHERS)
        if name in rivals.installed()
    }
    times = {name: took * 1e6 for name, took in measure.interleaved(steps | whole, seconds, least).items()}
    spent = sum(times[name] for name in steps)
    return (
        {key: case.facts()[key] for key in ("dtype", "shape")}
        | {name: times[name] for name in steps}
        | {"calls, memory": times["stable"] - spent}
        | {name: times[name] for name in whole}
    )


def _steps(logits):
    out = np.exp(logits)
    terms, sums = out.copy(), total(out)
    alone = len(logits) == 1 and logits.size <= rows.LITTLE
    return {
        "exp": partial(np.exp, logits, out=out),
        "sum": partial(total_of_one, terms[0]) if alone else partial(total, terms),
        "divide": partial(np.divide, terms, sums[:, None], out=out),
        **(
            {}
            if alone
            else {"verify": partial(rows.weak, sums, None), "ties": partial(rows.share_ties, logits, out)}
        ),
    }


def _steps_of_half(logits):
    wide = narrow.widened(logits, np.empty(logits.shape, np.float32))
    p = stable.softmax(wide)
    return {
        "widen": partial(narrow.widened, logits, np.empty_like(wide)),
        **_steps(wide),
        "narrow": partial(narrow.narrowed, p, logits.dtype),
    }
