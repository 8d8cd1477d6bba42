"""W2. Break the softmax: which logits break it, and what comes out?"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from course_utils import pipeline, reference
from course_utils.explorers.breaker.strip import Regimes
from course_utils.explorers.core import Explorer, choice, number, scale
from course_utils.floats import FORMATS, Format, format_of
from course_utils.plots import PALETTE, STATE_STYLE, look

CONTROLS = {
    "magnitude": number(
        "magnitude M",
        8.0,
        0,
        120,
        0.5,
        spans={
            "float64": (0, 720, 0.5),
            "float16": (0, 13, 0.01),
            "float8_e5m2": (0, 13, 0.05),
            "float8_e4m3fn": (0, 8, 0.05),
        },
    ),
    "format": scale("number format", FORMATS, "float16"),
    "pattern": choice("pattern", pipeline.PATTERNS, "spread"),
    "method": choice("method", ("naive", "shifted"), "naive"),
}


def _beside_cliff(which):
    """The magnitude around the first change of regime; the state unchanged where there is none."""
    return lambda state: {"magnitude": dict(zip(_CLIFF, _around_cliff(state), strict=True))[which]}


_CLIFF = ("last good", "first bad", "far side")


def _row(magnitude, pattern, kind):
    return lambda state: {"magnitude": magnitude, "pattern": pattern, "format": kind, "method": "naive"}


CLIFF = "at the cliff of this row"
PRESETS = {
    "float32": {"M = 88.72": _row(88.72, "spread", "float32"), "M = 88.73": _row(88.73, "spread", "float32")},
    "far below zero": {
        "−100": _row(100, "all negative", "float32"),
        "−104": _row(104, "all negative", "float32"),
    },
    CLIFF: {name: _beside_cliff(name) for name in _CLIFF},
}


@dataclass(frozen=True)
class Observation:
    """One row of logits on its way through softmax, and the whole range of magnitudes beside it."""

    magnitude: float
    pattern: str
    format: Format
    method: str
    typed: np.ndarray
    steps: dict  # name -> Step
    truth: np.ndarray
    regime: str
    born: str | None
    told: bool  # may the strip say where each regime begins?

    @property
    def largest_error(self) -> float:
        """The largest |p - truth| of the row."""
        return float(np.max(np.abs(self.steps["p"].values.astype(np.float64) - self.truth)))


def observe(state) -> Observation:
    typed = state["magnitude"] * np.array(pipeline.PATTERNS[state["pattern"]])
    steps = pipeline.run(typed, state["format"], state["method"])
    return Observation(
        state["magnitude"],
        state["pattern"],
        format_of(state["format"]),
        state["method"],
        typed,
        {step.name: step for step in steps},
        reference.softmax(steps[0].values),
        str(pipeline.regimes(steps)),
        pipeline.born(steps),
        state.get("told", True),
    )


@lru_cache(maxsize=64)
def regimes(pattern, kind, method):
    """The state of the answer for each magnitude of the slider's range, 0.01 apart."""
    _, high, _ = CONTROLS["magnitude"].span({"format": kind})
    return pipeline.sweep_magnitude(pattern, kind, method, np.arange(100 * high + 1) / 100)


def _around_cliff(state):
    sweep = regimes(state["pattern"], state["format"], state["method"])
    if len(sweep.edges) == 1:
        return [state["magnitude"]] * 3
    (_, _, good), (_, bad, _), *_ = sweep.edges
    return good, bad, round((sweep.edges[-1][1] + sweep.x[-1]) / 2, 2)


def describe(seen) -> str:
    return f"M = {seen.magnitude:.7g}, {seen.format.name}, {seen.method}: {_TELL[seen.regime](seen)}"


def _tell_ok(seen):
    p = ", ".join(_number(value) for value in seen.steps["p"].values.astype(float))
    sums = float(seen.steps["sum"].values[0])
    return (
        f"p = {p}, at most {seen.largest_error:.2g} from the truth. "
        f"The sum is {_number(sums)}; the largest {seen.format.name} is {_number(seen.format.max)}."
    )


def _tell_subnormal(seen):
    total = float(np.sum(seen.steps["p"].values.astype(float)))
    return (
        f"every exp is too small to keep its digits. The p are finite, their sum is {total:.3g}, and they "
        f"are wrong by up to {seen.largest_error:.2g}. isnan() finds nothing."
    )


def _tell_zero(seen):
    return (
        f"every exp is finite, but their sum passes the largest number, {_number(seen.format.max)}, and becomes inf. "
        "Each exp / inf is 0: all p are 0, no error, and isnan() finds nothing."
    )


def _tell_nan(seen):
    limit = f"passes the largest number, {_number(seen.format.max)},"
    nans = int((seen.steps["p"].states == "NaN").sum())
    outcome = f"{nans} of {seen.truth.size} p {'is' if nans == 1 else 'are'} NaN. No error stops the program."
    if seen.born in ("z", "z - m"):
        return f"a logit {limit} before exp sees it: {outcome}"
    if np.all(seen.steps["exp"].states == "zero"):
        return f"every exp is too small to store and becomes 0. The sum is 0, and 0 / 0 is NaN: {outcome}"
    who = "exp(z)" if seen.born == "exp" else "the sum"
    beyond = "becomes inf, and inf / inf is NaN" if seen.format.has_inf else "and this format has no inf"
    return f"{who} {limit} {beyond}: {outcome}"


_TELL = {"ok": _tell_ok, "subnormal": _tell_subnormal, "zero": _tell_zero, "NaN": _tell_nan}


def table(seen) -> list[dict]:
    columns = {step.name: np.broadcast_to(step.values, seen.typed.shape) for step in seen.steps.values()}
    return [
        {
            "class": str(i + 1),
            "typed z": _number(seen.typed[i]),
            **{name: _number(float(values[i])) for name, values in columns.items()},
            "true p": _number(seen.truth[i]),
            "state of p": _spoken(seen.steps["p"].states[i]),
            "error born in": seen.born or "no step",
        }
        for i in range(seen.typed.size)
    ]


def _number(value) -> str:
    """Up to five digits, and no exponent where a reader needs none."""
    if not np.isfinite(value):
        return "NaN" if np.isnan(value) else "inf"
    return f"{value:.5g}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.2e}"


def _spoken(state) -> str:
    return f"{STATE_STYLE[state].glyph} {STATE_STYLE[state].word}"


def draw(figure):
    """A row a class: z, z - m, exp; all terms in the tank of the sum; p. Below, the regimes along M."""
    top, strip = figure.subplots(2, 1, height_ratios=[5, 1])
    top.set(xlim=(0, 9), ylim=(5.3, 0))
    top.set_axis_off()
    columns = {name: _Cells(top, left) for name, left in (("z", 0.45), ("z - m", 1.75), ("exp", 3.05))}
    tank, bars = _Tank(top, 4.85), _Bars(top, 6.95)
    middles = {"z": 0.98, "z - m": 2.28, "exp": 3.58, "sum": 5.25, "p": 7.4}
    heads = {
        name: top.text(x, 0.2, name.replace("-", "−"), ha="center", va="center", weight="bold")
        for name, x in middles.items()
    }
    for i in range(4):
        top.text(0.2, i + 1, str(i + 1), ha="center", va="center", color=PALETTE["faint"])
    top.text(0.2, 0.2, "class", ha="center", va="center", color=PALETTE["faint"])
    top.text(9, 0.2, "dotted: truth", ha="right", va="center")
    stamp = top.text(0, 5.08, "▲ born here", ha="center", va="center", weight="bold", animated=True)
    # The naive way goes past z - m: an arrow a row, all of them one line with gaps.
    rows = np.repeat(np.arange(1, 5), 3)
    (skipped,) = top.plot(np.tile([1.6, 2.95, np.nan], 4), rows, markevery=slice(1, None, 3), **_ARROWS)
    regime_strip = Regimes(strip)

    def update(seen):
        for name, cells in columns.items():
            cells.show(seen.steps.get(name))
        skipped.set_visible("z - m" not in seen.steps)
        heads["z - m"].set_visible("z - m" in seen.steps)
        tank.show(seen.steps, seen.format)
        bars.show(seen.steps["p"], seen.truth)
        stamp.set(visible=seen.born is not None, x=middles[seen.born or "p"])
        regime_strip.show(seen, regimes(seen.pattern, seen.format.name, seen.method))

    return update


_ARROWS = {"color": PALETTE["faint"], "ls": "--", "lw": 1.2, "marker": ">", "ms": 5, "animated": True}
_PLATE = {"fc": PALETTE["paper"], "ec": "none", "pad": 1.2}
_WORDS = {"va": "center", "animated": True, "in_layout": False}


class _Box:
    """A rectangle that takes the look of a state."""

    def __init__(self, axes, left, top, width, height):
        self.patch = axes.bar(left, height, width, bottom=top, align="edge", lw=1, animated=True)[0]

    def show(self, state, visible=True):
        self.patch.set(visible=visible, **look(state))


class _Cells:
    """A column of four numbers in boxes."""

    def __init__(self, axes, left):
        self.boxes = [_Box(axes, left, row + 0.58, 1.06, 0.84) for row in range(4)]
        self.texts = [
            axes.text(left + 0.53, row + 1, "", ha="center", bbox=_PLATE, **_WORDS) for row in range(4)
        ]

    def show(self, step):
        for i, (box, text) in enumerate(zip(self.boxes, self.texts, strict=True)):
            state = step.states[i] if step else "ok"
            if state == "zero" and step.name != "exp":
                state = "ok"  # a logit of 0 is an ordinary number; an exp of 0 is one that was lost
            box.show(state, visible=step is not None)
            text.set(text=_in_cell(float(step.values[i]), state) if step else "", visible=step is not None)
            text.set_fontsize(9 if state == "subnormal" else 11)  # two lines in one box
            text.get_bbox_patch().set_visible(state != "ok")


def _in_cell(value, state) -> str:
    if state == "subnormal":
        return f"{_spoken(state)}\n{_number(value)}"
    return _number(value) if state == "ok" else _spoken(state)


class _Tank:
    """The terms stacked up to their sum, against the largest number of the format."""

    bottom, full, over = 4.42, 1.35, 0.58

    def __init__(self, axes, left):
        self.terms = [_Box(axes, left, self.bottom, 0.8, 0) for _ in range(4)]
        self.spill = _Box(axes, left, self.over, 0.8, self.full - self.over)
        axes.plot(
            [left, left, left + 0.8, left + 0.8], [self.over, 4.42, 4.42, self.over], color=PALETTE["faint"]
        )
        axes.plot([left - 0.1, left + 0.95], [self.full] * 2, color=PALETTE["text"], lw=2)
        self.limit = axes.text(left + 1.0, self.full, "", va="center", in_layout=False)
        self.sum = axes.text(left + 0.4, 0, "", ha="center", bbox=_PLATE, zorder=5, **_WORDS)

    def show(self, steps, fmt):
        terms = steps["exp"].values.astype(np.float64) / fmt.max
        heights = np.where(np.isfinite(terms), terms, 2.0) * (self.bottom - self.full)
        tops = np.maximum(self.bottom - np.cumsum(heights), self.over)
        starts = np.r_[self.bottom, tops[:-1]]
        for box, start, end in zip(self.terms, starts, tops, strict=True):
            box.patch.set(y=end, height=start - end)
            box.show("ok", visible=start > end)
        state = steps["sum"].states[0]
        spilled = state in ("inf", "NaN")
        self.spill.show(state if spilled else "ok", visible=spilled)
        if self.limit.get_text() != (limit := f"max\n{_number(fmt.max)}"):
            self.limit.set_text(limit)
        self.sum.set(
            text=_in_cell(float(steps["sum"].values[0]), state),
            y=0.96 if spilled else self.bottom + 0.08,
            va="center" if spilled else "top",
        )


class _Bars:
    """The probabilities, from left to right, with the truth as a dotted line across each."""

    length = 1.35  # of the bar of a 1, and of a NaN

    def __init__(self, axes, left):
        self.left = left
        self.boxes = [_Box(axes, left, row + 0.7, 0, 0.6) for row in range(4)]
        self.texts = [axes.text(0, row + 1, "", bbox=_PLATE, **_WORDS) for row in range(4)]
        self.truths = [axes.plot([], [], ":", zorder=4, **_TRUTH)[0] for _ in range(4)]
        axes.plot([left, left], [0.55, 4.45], color=PALETTE["faint"], lw=1)

    def show(self, step, truth):
        for i, (box, text, mark) in enumerate(zip(self.boxes, self.texts, self.truths, strict=True)):
            value, state, exact = float(step.values[i]), step.states[i], self.length * truth[i]
            width, word = self._place(value, state, exact)
            box.patch.set_width(width)
            box.show(state)
            mark.set_data([self.left + exact] * 2, [i + 0.6, i + 1.4])
            text.set(text=_in_cell(value, state), x=self.left + word)

    def _place(self, value, state, exact):
        """Width of the bar, start of its word. A p that became 0 has no bar: only the truth is left."""
        if state == "NaN":
            return self.length, self.length + 0.1
        return self.length * value, max(self.length * value, exact) + 0.1


_TRUTH = {"color": PALETTE["truth"], "lw": 2.5, "animated": True}


def explore(short=False, **preset):
    """Break the softmax. `short=True` leaves two sliders, magnitude and format, and three buttons."""
    return Explorer(
        question="Which logits break the softmax, and what comes out?",
        goal="Find a magnitude M at which every p is 0 and no NaN tells you.",
        caption="The logits are M times a pattern of four. They go from left to right: exp of each, their sum in "
        "a tank as tall as the format's largest number, and the probabilities p beside the truth (dotted). "
        "“Born here” marks the first step with a bad number. The strip shows what comes out for each M.",
        why="The sum is larger than each of its terms, so it can pass the largest number while every term still "
        "fits. Then each exp / inf is 0: no NaN, no error, and no probability left. A little later exp itself "
        "becomes inf, and inf / inf is NaN. Far below zero every exp becomes 0, and 0 / 0 is NaN; on the way "
        "there it loses its digits, and p is wrong but looks fine.\n\n"
        "With the method `shifted` the largest logit is subtracted first: the largest exp is 1.",
        note="Every step is computed in the chosen format itself; the truth comes from 60-digit arithmetic on the "
        "logits that the format stored.",
        controls=CONTROLS,
        presets={CLIFF: PRESETS[CLIFF]} if short else PRESETS,
        later=(CLIFF,),
        preset=preset,
        hide=("pattern", "method") if short else (),
        observe=observe,
        describe=describe,
        table=table,
        draw=draw,
        size=(9, 4.25),
        strip={
            "M = 10.7: right": {"magnitude": 10.7},
            "M = 10.9: all zeros": {"magnitude": 10.9},
            "M = 11.1: NaN": {"magnitude": 11.1},
        },
        reached=lambda seen: seen.regime == "zero",
    )
