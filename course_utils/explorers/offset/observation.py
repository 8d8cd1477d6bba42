"""What is seen at one offset, over all offsets, and what is said about it. No picture, no control."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from course_utils import pipeline, reference
from course_utils.explorers.core import choice, number, scale
from course_utils.floats import FORMATS, Format, spacing
from course_utils.plots import STATE_STYLE

METHODS = ("naive", "shifted", "shifted, then stored")
REACH = ("near the cliffs", "far away")

SPANS = {
    "float64": (-760.0, 720.0, 0.5),
    "float32": (-110.0, 95.0, 0.5),
    "float16": (-20.0, 14.0, 0.05),
    "bfloat16": (-110.0, 95.0, 0.5),
    "float8_e5m2": (-16.0, 14.0, 0.25),
    "float8_e4m3fn": (-10.0, 10.0, 0.25),
}


def _span(state):
    """Past both cliffs of the format; or, far away, to where its numbers are 16 gaps apart."""
    if state["reach"] == REACH[0]:
        return SPANS[state["format"]]
    high = farthest(state["format"], state["gap"])
    return 0.0, high, high / 256


def farthest(kind, gap) -> float:
    """The largest offset shown far away, a power of 2."""
    fmt = FORMATS[kind]
    return float(2.0 ** np.floor(np.log2(min(16 * max(gap, 0.25) / fmt.eps, fmt.max / 2))))


CONTROLS = {
    "offset": number("offset c", -90.0, -110, 95, 0.5, spans=_span),
    "format": scale("number format", FORMATS, "float32"),
    "gap": number("gap", 1.0, 0, 5, 0.25),
    "reach": choice("offsets", REACH, REACH[0]),
    "method": choice("method", METHODS, METHODS[0]),
}


@dataclass(frozen=True)
class Observation:
    """One row at one offset, and the first probability over the whole range of offsets."""

    offset: float
    gap: float
    format: Format
    method: str
    reach: str
    steps: dict  # name -> Step
    truth: np.ndarray
    regime: str
    sweep: pipeline.Sweep
    told: bool  # may the points of the staircase be named?

    @property
    def p(self) -> np.ndarray:
        return self.steps["p"].values

    @property
    def error(self) -> float:
        """The relative error of the first probability."""
        return abs(float(self.p[0]) - float(self.truth[0])) / float(self.truth[0])

    @property
    def stored_gap(self) -> float:
        z = self.steps["z"].values.astype(np.float64)
        return float(z[0] - z[1])

    @property
    def ulps(self) -> list[int | None]:
        """Each exp counted in its own ulps: how many steps it is made of; None where it is no number."""
        values = self.steps["exp"].values.astype(np.float64)
        return [int(x / spacing(x, self.format)) if np.isfinite(x) else None for x in values]


def observe(state) -> Observation:
    offset, gap, kind, method = (state[name] for name in ("offset", "gap", "format", "method"))
    # The third way subtracts in exact arithmetic: the format sees the logits after that.
    typed = [0.0, -gap] if method == METHODS[2] else [offset, offset - gap]
    steps = pipeline.run(typed, kind, method.split(",")[0])
    return Observation(
        offset,
        gap,
        FORMATS[kind],
        method,
        state["reach"],
        {step.name: step for step in steps},
        reference.softmax([0.0, -gap]),
        str(pipeline.regimes(steps)),
        sweep_of(gap, kind, method, state["reach"]),
        state.get("told", True),
    )


@lru_cache(maxsize=64)
def sweep_of(gap, kind, method, reach) -> pipeline.Sweep:
    """The first probability over all offsets, evenly along the axis of the picture."""
    offsets = offset_at(np.linspace(0, 1, 1501), kind, reach, gap)
    if method == METHODS[2]:
        still = pipeline.sweep_offset(gap, kind, "shifted", np.zeros_like(offsets))
        return pipeline.Sweep(offsets, still.p, still.truth, still.states)
    return pipeline.sweep_offset(gap, kind, method, offsets)


# --- the axis: each cliff has room, the dull middle has little; far away, every doubling has the same room ---

_PLACES = (0.0, 0.05, 0.60, 0.74, 0.96, 1.0)
BREAKS = _PLACES[2:4]


def _knots(kind):
    fmt, (low, high, _) = FORMATS[kind], SPANS[kind]
    zero, bad = fmt.exp_first_zero, fmt.exp_first_bad
    return low, zero - 1.5, zero + 10, bad - 1.5, bad + 1.5, high


def place_of(offset, kind, reach, gap):
    """Where an offset stands along the axis, from 0 to 1."""
    if reach == REACH[0]:
        return np.interp(offset, _knots(kind), _PLACES)
    highest = farthest(kind, gap)
    return np.log2(np.clip(offset, 1, highest)) / np.log2(highest)


def offset_at(place, kind, reach, gap):
    """The inverse of `place_of`."""
    if reach == REACH[0]:
        return np.interp(place, _PLACES, _knots(kind))
    return farthest(kind, gap) ** place


# --- words -------------------------------------------------------------------------------------------


def describe(seen) -> str:
    start = f"c = {seen.offset:.8g}, {seen.format.name}, {seen.method}: "
    if seen.regime == "NaN":
        return start + _tell_nan(seen)
    if seen.regime == "zero":
        return (
            f"{start}both exp are finite, but their sum becomes inf, so both p are 0. The truth is "
            f"{seen.truth[0]:.6g}; isnan() finds nothing."
        )
    told = (
        f"the first p is {float(seen.p[0]):.6g}, truth {seen.truth[0]:.6g}, off by {100 * seen.error:.2g} %. "
    )
    return start + told + _tell_cause(seen)


def _tell_nan(seen):
    end = f"The truth is {seen.truth[0]:.6g}."
    if seen.steps["z"].bad:
        return f"the logit passes the largest number, {seen.format.max:.6g}, before exp sees it: NaN. {end}"
    if np.all(seen.steps["exp"].states == "zero"):
        return f"both exp are stored as 0, and 0 / 0 is NaN. {end}"
    if seen.format.has_inf:
        return f"exp(c) is inf, and inf / inf is NaN. {end}"
    return (
        f"exp(c) or the sum passes the last number, {seen.format.max:g}, and this format has only NaN. {end}"
    )


def _tell_cause(seen):
    if abs(seen.stored_gap - seen.gap) > 0.02 * seen.gap:
        apart = float(spacing(np.max(np.abs(seen.steps["z"].values.astype(np.float64))), seen.format))
        return (
            f"Numbers are stored {apart:.6g} apart here, so the gap {seen.gap:g} became {seen.stored_gap:g} "
            "before softmax began."
        )
    if seen.method != METHODS[0]:
        return "The largest exp is 1, at every offset."
    if seen.regime == "ok":
        return "exp(c) has all its digits."
    first, second = seen.ulps
    return f"exp left {count(first)} and {count(second)} ulps: p is {count(first)} / {count(first + second)}."


def count(ulps) -> str:
    return f"{ulps:,}" if ulps < 1e6 else f"{ulps:.2e}"


def table(seen) -> list[dict]:
    columns = {name: seen.steps[name].values for name in ("z", "exp", "p")}
    return [
        {
            "class": str(i + 1),
            "typed z": f"{seen.offset - i * seen.gap:.9g}",
            "stored z": f"{float(columns['z'][i]):.9g}",
            "exp": f"{float(columns['exp'][i]):.6g}",
            "exp in ulps": "none" if ulps is None else count(ulps),
            "p": f"{float(columns['p'][i]):.6g}",
            "true p": f"{seen.truth[i]:.6g}",
            "state of p": spoken(seen.steps["p"].states[i]),
        }
        for i, ulps in enumerate(seen.ulps)
    ]


def spoken(state) -> str:
    return f"{STATE_STYLE[state].glyph} {STATE_STYLE[state].word}"
