"""W3. Slide the whole row: softmax does not care about a constant. Does the computer?"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from course_utils import pipeline, reference
from course_utils.explorers.core import Explorer, choice, number
from course_utils.floats import FORMATS, Format, neighbour, spacing, states
from course_utils.plots import PALETTE, STATE_STYLE, draw_lanes

METHODS = ("naive", "shifted", "shifted before it is stored")
REACH = ("the low end", "both ends", "far away")


def _span(state):
    """(low, high, step): where digits go, or both cliffs, or up to where stored numbers are 8 gaps apart."""
    fmt = FORMATS[state["format"]]
    if state["reach"] == REACH[1]:
        return _CLIFFS[fmt.name]
    if state["reach"] == REACH[2]:
        high = min(2.0 ** np.ceil(np.log2(max(state["gap"], 0.25) * 8 / fmt.eps)), fmt.max / 2)
        return 0.0, float(high), float(high / 256)
    zone = fmt.exp_first_subnormal - fmt.exp_first_zero
    step = float(2.0 ** np.round(np.log2(zone / 128)))
    low, high = fmt.exp_first_zero - 0.15 * zone, fmt.exp_first_zero + 0.85 * zone
    return float(np.floor(2 * low) / 2), float(np.ceil(2 * high) / 2), step


_CLIFFS = {
    "float64": (-760.0, 720.0, 0.5),
    "float32": (-110.0, 95.0, 0.5),
    "float16": (-20.0, 14.0, 0.05),
    "bfloat16": (-110.0, 95.0, 0.5),
    "float8_e5m2": (-16.0, 14.0, 0.25),
    "float8_e4m3fn": (-10.0, 10.0, 0.25),
}
CONTROLS = {
    "offset": number("offset c, z = [c, c − gap]", -98.0, -106.5, -89.5, 0.125, spans=_span),
    "gap": number("gap", 1.0, 0, 5, 0.25),
    "format": choice("number format", FORMATS, "float32"),
    "method": choice("method", METHODS, "naive"),
    "reach": choice("offsets", REACH, REACH[0]),
}


def _at(offset, kind="float32", method="naive", reach=REACH[0]):
    return {"offset": offset, "gap": 1.0, "format": kind, "method": method, "reach": reach}


def _last_good(state):
    return _at(FORMATS[state["format"]].exp_last_finite - 1, state["format"], reach=REACH[1])


def _first_bad(state):
    return _at(FORMATS[state["format"]].exp_first_bad, state["format"], reach=REACH[1])


def _all_gone(state):
    return _at(neighbour(FORMATS[state["format"]].exp_first_zero, state["format"], up=False), state["format"])


PRESETS = {
    "−95": _at(-95.0),
    "−100": _at(-100.0),
    "−102": _at(-102.0),
    "−103": _at(-103.0),
    "−104": _at(-104.0),
    "last good": _last_good,
    "first bad": _first_bad,
    "all gone": _all_gone,
    "shift it": lambda state: {"method": METHODS[1]},
    "257 in bfloat16": _at(257.0, "bfloat16", METHODS[1], REACH[2]),
    "shift, then store": lambda state: {"method": METHODS[2]},
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
    p: np.ndarray
    truth: np.ndarray
    regime: str
    sweep: pipeline.Sweep

    @property
    def error(self) -> float:
        """The relative error of the first probability."""
        return abs(float(self.p[0]) - float(self.truth[0])) / float(self.truth[0])

    @property
    def rounded_away(self) -> bool:
        """True when the format stores another gap than the one you asked for."""
        z = self.steps["z"].values.astype(np.float64)
        return bool(abs((z[0] - z[1]) - self.gap) > 0.02 * max(self.gap, 0.01))

    @property
    def steps_left(self) -> float:
        """How many of the smallest steps of the format the first exp is made of."""
        return float(self.steps["exp"].values.astype(np.float64)[0] / self.format.smallest_subnormal)


def observe(state) -> Observation:
    offset, gap, kind = state["offset"], state["gap"], state["format"]
    steps = pipeline.run(*_row(offset, gap, kind, state["method"]))
    return Observation(
        offset,
        gap,
        FORMATS[kind],
        state["method"],
        state["reach"],
        {step.name: step for step in steps},
        pipeline.pick(steps, "p"),
        reference.softmax([0.0, -gap]),
        str(pipeline.regimes(steps)),
        sweep_of(gap, kind, state["method"], state["reach"]),
    )


def _row(offset, gap, kind, method):
    """The arguments of the pipeline; the third method subtracts before the format sees the logits."""
    if method == METHODS[2]:
        return [0.0, -gap], kind, "shifted"
    return [offset, offset - gap], kind, method


@lru_cache(maxsize=64)
def sweep_of(gap, kind, method, reach):
    """The first probability for 513 offsets of the slider's range."""
    low, high, _ = _span({"format": kind, "reach": reach, "gap": gap})
    offsets = np.linspace(low, high, 513)
    if method == METHODS[2]:
        return pipeline.sweep_offset(gap, kind, "shifted", np.zeros_like(offsets))
    return pipeline.sweep_offset(gap, kind, method, offsets)


def describe(seen) -> str:
    start = f"c = {seen.offset:.7g}, {seen.format.name}, {seen.method}: "
    if seen.regime == "NaN":
        return start + _tell_nan(seen)
    p, truth = float(seen.p[0]), float(seen.truth[0])
    if seen.regime == "zero":
        return start + f"the sum passed the largest number, so every p is 0. The truth is {truth:.6g}."
    told = f"the first p is {p:.6g}, truth {truth:.6g}, off by {100 * seen.error:.2g} %. "
    if seen.rounded_away:
        apart = float(spacing(seen.offset, seen.format))
        return (
            start
            + told
            + f"Stored numbers are {apart:.6g} apart here: the gap was lost before softmax began."
        )
    if seen.regime == "subnormal":
        return start + told + f"exp(c) is made of {_whole(seen.steps_left)} of the format's smallest steps."
    return start + told + "Every exp has all its digits."


def _tell_nan(seen):
    if np.all(seen.steps["exp"].states == "zero"):
        return f"both exp are stored as 0, and 0 / 0 is NaN. The truth is {seen.truth[0]:.6g}."
    meets = (
        "inf, and inf / inf is NaN" if seen.format.has_inf else "past the last number: this format says NaN"
    )
    return f"exp(c) is {meets}. The truth is {seen.truth[0]:.6g}."


def _whole(count):
    return f"{count:.0f}" if count < 1e5 else f"{count:.2g}"


def table(seen) -> list[dict]:
    columns = {step.name: step.values for step in seen.steps.values() if step.name != "sum"}
    return [
        {
            "class": str(i + 1),
            "typed z": f"{seen.offset - i * seen.gap:.8g}",
            **{name: f"{float(values[i]):.6g}" for name, values in columns.items()},
            "true p": f"{seen.truth[i]:.6g}",
            "state of p": _spoken(states(seen.p)[i]),
        }
        for i in range(2)
    ]


def _spoken(state):
    return f"{STATE_STYLE[state].glyph} {STATE_STYLE[state].word}"


def draw(figure):
    """The first probability over the offset, and below it the two logits on their way."""
    curve, ribbon = figure.subplots(2, 1, height_ratios=[4, 1])
    lanes, numbers = _Lanes(curve), _Ribbon(ribbon)

    def update(seen):
        lanes.show(seen)
        numbers.show(seen)

    return update


_TEXT = {"animated": True, "va": "center", "clip_on": False, "in_layout": False}
_DOT = {
    "ls": "",
    "marker": "D",
    "ms": 9,
    "mfc": PALETTE["paper"],
    "mew": 2,
    "animated": True,
    "clip_on": False,
}


class _Lanes:
    """Truth and computed over all offsets, drawn anew with the scene; a marker that moves with c."""

    def __init__(self, axes):
        self.axes, self.shown = axes, None
        self.over = axes.figure.add_subplot(axes.get_subplotspec(), label="over", zorder=2)
        self.over.set_axis_off()
        self.here = self.over.axvline(0, color=PALETTE["faint"], lw=1.2, animated=True)
        (self.dot,) = self.over.plot([], [], mec=PALETTE["computed"], zorder=5, **_DOT)
        # The layout is found once: this unseen label keeps room for the names at the ends of the lines.
        self.over.text(1.01, 0.5, "computed", alpha=0, transform=self.over.transAxes)

    def show(self, seen):
        if self.shown is not seen.sweep:
            self.shown = seen.sweep
            low, high, _ = _span({"format": seen.format.name, "reach": seen.reach, "gap": seen.gap})
            offsets = np.linspace(low, high, len(seen.sweep.x))
            draw_lanes(
                self.axes,
                offsets,
                seen.sweep.truth[:, 0],
                seen.sweep.p[:, 0],
                seen.sweep.states,
                limits=(0, 1),
            )
            self.axes.set(xlabel="offset c", ylabel="first probability")
            self.over.set(xlim=self.axes.get_xlim(), ylim=self.axes.get_ylim())
        p = float(seen.p[0])
        x = float(np.clip(seen.offset, *self.over.get_xlim()))
        self.here.set_xdata([x, x])
        self.dot.set_data([x], [p if np.isfinite(p) else 1.1])
        self.dot.set_marker("D" if np.isfinite(p) else "X")


class _Ribbon:
    """For both classes: the stored logit, its exp, p and the truth."""

    COLUMNS = ("stored z", "exp", "p", "truth")

    def __init__(self, axes):
        axes.set(xlim=(0, 4.6), ylim=(3, 0))
        axes.set_axis_off()
        for column, name in enumerate(self.COLUMNS):
            axes.text(column + 0.8, 0.5, name, va="center", weight="bold")
        for row in (1, 2):
            axes.text(0.05, row + 0.5, f"class {row}", va="center", color=PALETTE["faint"])
        self.cells = [[axes.text(c + 0.8, row + 0.5, "", **_TEXT) for c in range(4)] for row in (1, 2)]

    def show(self, seen):
        for i, row in enumerate(self.cells):
            for text, name in zip(row[:3], ("z", "exp", "p"), strict=True):
                step = seen.steps[name]
                text.set_text(_in_cell(float(step.values[i]), "ok" if name == "z" else step.states[i]))
            wrong = not abs(float(seen.p[i]) - seen.truth[i]) <= 4 * seen.format.eps
            row[2].set_text(row[2].get_text() + ("  ≠" if wrong else ""))
            row[2].set_fontweight("bold" if wrong else "normal")
            row[3].set_text(f"{seen.truth[i]:.6g}")


def _in_cell(value, state):
    if state in ("inf", "NaN"):
        return _spoken(state)
    glyph = "" if state == "ok" else f"{STATE_STYLE[state].glyph} "
    return glyph + f"{value:.6g}".replace("-", "−")


def explore(**preset):
    return Explorer(
        question="Softmax does not care about a constant. Does the computer?",
        goal="Find the worst first probability that is not NaN. Then go far away, where the shift is not enough.",
        caption="The logits are [c, c − gap], so the truth (dotted) never changes. Solid: what the format computed. "
        "Hatched: no number, or digits lost. Below, both logits on their way; ≠ marks a wrong p.",
        why="exp(c) leaves the format at both ends. At the high end it becomes inf at once. At the low end it is "
        "made of fewer and fewer of the smallest steps: 4 and 1 at −102 in float32, so p is 4/5. It is finite, "
        "sums to 1, and is wrong.\n\n"
        "Subtracting the maximum cures both ends. Far away the logits themselves are rounded when they are "
        "stored, and no later step can tell them apart. Subtract before you store, and they stay apart.",
        note="Everything is computed in the chosen format; the truth is the softmax of [0, −gap].",
        controls=CONTROLS,
        presets=PRESETS,
        preset=preset,
        observe=observe,
        describe=describe,
        table=table,
        draw=draw,
        size=(9, 4.4),
        strip={
            "c = −95: three good digits": {"offset": -95.0},
            "c = −102: finite, sums to 1, wrong": {"offset": -102.0},
            "c = −104: NaN": {"offset": -104.0},
        },
        reached=lambda seen: seen.regime != "NaN" and seen.error > 0.36,
    )
