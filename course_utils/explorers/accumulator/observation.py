"""A softmax with the shift in place, over many classes: what its sum and its stored probabilities become."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from course_utils import accumulators
from course_utils.explorers.core import choice, number, scale
from course_utils.floats import FORMATS, Format, store

MOST = 17  # 2^17 = 131,072 classes, the vocabulary of a large language model
NAMES = ("float32", "float16", "bfloat16", "float8_e5m2", "float8_e4m3fn")
LOGITS = ("all equal", "spread out")

CONTROLS = {
    "size": number("K, as a power of 2", 10.0, 1, MOST, 0.25),
    "terms": scale("exp in", NAMES, "bfloat16"),
    "total": scale("sum in", NAMES, "bfloat16"),
    "store": scale("p stored in", NAMES, "bfloat16"),
    "order": choice("added", accumulators.ORDERS, accumulators.ORDERS[0]),
    "logits": choice("logits", LOGITS, "all equal"),
}


@dataclass(frozen=True)
class Numbers:
    """What one K gives: the sum, the first p, the sum of all stored p, and the share of them that is 0."""

    total: float
    first: float
    sum_p: float
    zeros: float


@dataclass(frozen=True)
class Observation:
    size: int
    format: Format
    sum_format: Format
    store: Format
    order: str
    logits: str
    computed: Numbers
    truth: Numbers
    sizes: np.ndarray
    curves: dict[str, np.ndarray]
    true_curves: dict[str, np.ndarray]


SIZES = np.unique(np.rint(2 ** np.arange(1, MOST + 0.1, 0.25)).astype(int))


def observe(state) -> Observation:
    size, kinds = int(np.rint(2 ** state["size"])), [state[key] for key in ("terms", "total", "store")]
    way = (*kinds, state["order"], state["logits"])
    curves, true_curves = _curves(*way)
    return Observation(
        size, *(FORMATS[kind] for kind in kinds), state["order"], state["logits"],
        _numbers(size, *way), _truth(size, kinds[0], state["logits"]), SIZES, curves, true_curves,
    )  # fmt: skip


@lru_cache(maxsize=2)
def _logits(kind) -> np.ndarray:
    """2^17 logits, the largest first, so that every K has the same maximum."""
    if kind == "all equal":
        return np.zeros(2**MOST)
    drawn = np.random.default_rng(0).normal(size=2**MOST)
    drawn[0] = drawn.max()
    return drawn


@lru_cache(maxsize=16)
def _exps(name, kind) -> np.ndarray:
    """The shifted exps, every step in the format."""
    z = store(_logits(kind), name)
    return np.exp(z - z.max())


@lru_cache(maxsize=16)
def _true_totals(name, kind) -> np.ndarray:
    """All sums of the exact exps of the stored logits: float64 errs by less than a picture can show."""
    z = store(_logits(kind), name).astype(np.float64)
    return np.cumsum(np.exp(z - z.max()))


@lru_cache(maxsize=64)
def _totals(name, total, kind) -> np.ndarray:
    return accumulators.running(store(_exps(name, kind), total))


def _numbers(size, name, total, kept, order, kind) -> Numbers:
    exps = _exps(name, kind)[:size]
    terms = store(exps, total)
    added = _totals(name, total, kind)[size - 1] if order == "one by one" else accumulators.pairs(terms)
    with np.errstate(all="ignore"):
        p = store(exps.astype(np.float32) / np.float32(added), kept).astype(np.float64)
    return Numbers(float(added), float(p[0]), float(p.sum()), float(np.mean(p == 0)))


def _truth(size, name, kind) -> Numbers:
    total = float(_true_totals(name, kind)[size - 1])
    return Numbers(total, 1 / total, 1.0, 0.0)


@lru_cache(maxsize=64)
def _curves(*way):
    """The sum and the sum of p for every K of the slider, computed and true."""
    found = [_numbers(size, *way) for size in SIZES]
    truth = [_truth(size, way[0], way[-1]) for size in SIZES]
    return tuple(
        {name: np.array([getattr(one, name) for one in numbers]) for name in ("total", "sum_p")}
        for numbers in (found, truth)
    )


def describe(seen) -> str:
    found, truth = seen.computed, seen.truth
    logits = "equal logits" if seen.logits == "all equal" else "logits spread out"
    return (
        f"{seen.size:,} {logits}, added {seen.order} in {seen.sum_format.name}: sum {digits_of(found.total)}, "
        f"truth {digits_of(truth.total)}. Stored in {seen.store.name}, all p sum to {digits_of(found.sum_p)}. "
        f"{_why(seen)}"
    )


def _why(seen) -> str:
    found, truth = seen.computed, seen.truth
    if not np.isfinite(found.total):
        return "The sum left the format." if np.isinf(found.total) else "The sum left a format without inf."
    if found.total < 0.99 * truth.total:
        return "The sum stalled."
    if found.zeros == 1:
        return "Every p is stored as 0."
    if found.zeros > 0:
        return f"{100 * found.zeros:.2g} % of them are stored as 0."
    if abs(found.sum_p - 1) > 0.01:
        return "Each p was rounded the same way."
    return "Right to within 1 %."


def table(seen) -> list[dict]:
    rows = {"computed": seen.computed, "truth": seen.truth}
    return [
        {
            "number": name,
            "sum of the exps": digits_of(one.total),
            "p of the first class": digits_of(one.first),
            "all p sum to": digits_of(one.sum_p),
            "p stored as 0": f"{100 * one.zeros:.3g} %",
        }
        for name, one in rows.items()
    ]


def digits_of(value, digits=4) -> str:
    text = f"{value:.{digits}g}" if abs(value) < 1e-4 or not abs(value) < 1e6 else f"{value:,.{digits}g}"
    if 1000 <= abs(value) < 1e6:
        text = f"{value:,.0f}"
    return text.replace("e-0", "e-").replace("nan", "NaN").replace("-", "−")
