"""Temperature: the same scores, from a coin toss to a sure winner."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from course_utils import floats, pipeline, reference
from course_utils.explorers.core import Explorer, choice, number, scale
from course_utils.floats import FORMATS, Format
from course_utils.plots import PALETTE, STATE_STYLE, look

SCORES = {
    "clear": (2.0, 1.0, 0.5, -1.0, -2.0),
    "close": (1.0, 0.9, 0.8, 0.7, 0.6),
    "two ahead": (2.0, 2.0, 0.0, -1.0, -2.0),
}
CONTROLS = {
    "temperature": number("temperature T", 1.0, 0.02, 5, 0.02, least=1e-6),
    "format": scale("number format", FORMATS, "float32"),
    "scores": choice("scores", SCORES, "clear"),
}
HOT = 1000.0
PRESETS = {
    "temperature": {
        "T = 2": {"temperature": 2.0},
        "T = 1": {"temperature": 1.0},
        "T = 0.5": {"temperature": 0.5},
    },
    "far out": {
        "cold, T = 0.02": {"temperature": 0.02, "format": "float32"},
        f"hot, T = {HOT:g}": {"temperature": HOT},
        "cold in float16": {"temperature": 0.1, "format": "float16", "scores": "clear"},
    },
}


@dataclass(frozen=True)
class Observation:
    """The probabilities at one temperature, and over all of them."""

    temperature: float
    format: Format
    scores: np.ndarray
    logits: np.ndarray  # scores / T, as stored
    p: np.ndarray
    states: np.ndarray
    truth: np.ndarray
    curves: np.ndarray  # (temperatures, classes)


def observe(state) -> Observation:
    fmt, scores = FORMATS[state["format"]], np.array(SCORES[state["scores"]])
    steps = pipeline.run(scores / state["temperature"], fmt.name)
    p = pipeline.pick(steps, "p")
    return Observation(
        state["temperature"],
        fmt,
        scores,
        pipeline.pick(steps, "z").astype(np.float64),
        p.astype(np.float64),
        floats.states(p),
        reference.softmax(scores / state["temperature"]),
        _curves(state["scores"]),
    )


@lru_cache
def _curves(name) -> np.ndarray:
    """The true probabilities over the slider's temperatures."""
    return np.array([reference.softmax(np.array(SCORES[name]) / t) for t in TEMPERATURES])


TEMPERATURES = np.geomspace(0.02, 5, 60)


def describe(seen) -> str:
    start = f"T = {seen.temperature:.6g}, {seen.format.name}: "
    if "NaN" in seen.states:
        lost = int((seen.states == "NaN").sum())
        return (
            f"{start}the largest logit is {seen.logits.max():.4g}, too large for exp in this format: {lost} of "
            f"{len(seen.p)} p {'is' if lost == 1 else 'are'} NaN. The truth is {seen.truth[0]:.4g}."
        )
    return f"{start}the first p is {seen.p[0]:.4g}, the last {seen.p[-1]:.4g}. {_tell(seen)}"


def _tell(seen):
    if not np.any(seen.p):
        return f"The sum of the exp became inf, so every p is 0. The truth is {seen.truth[0]:.4g}."
    if np.max(np.abs(seen.p - seen.truth)) > max(0.001, 4 * seen.format.eps):
        return f"The truth is {seen.truth[0]:.4g} and {seen.truth[-1]:.4g}."
    wins = int((seen.truth > 0.99 * seen.truth.max()).sum())
    if seen.truth.max() - seen.truth.min() < 0.01:
        return f"Nearly even: each class gets about 1 in {len(seen.p)}."
    if seen.truth.max() * wins > 0.99:
        return "The winner takes all." if wins == 1 else f"{wins} classes share all of it."
    return f"Every score is divided by T; the ratio of first to last is {np.exp(seen.logits[0] - seen.logits[-1]):.3g}."


def table(seen) -> list[dict]:
    return [
        {
            "class": str(i),
            "score": f"{seen.scores[i]:g}",
            "score / T": f"{seen.logits[i]:.6g}",
            "p": _said(seen.p[i], seen.states[i]),
            "true p": f"{seen.truth[i]:.6g}",
        }
        for i in range(len(seen.p))
    ]


def _said(value, state) -> str:
    if state == "ok":
        return f"{value:.4g}"
    return f"{STATE_STYLE[state].glyph} " + (
        STATE_STYLE[state].word if state in ("NaN", "inf") else f"{value:.3g}"
    )


def draw(figure):
    """Left the scores over T and p, a row a class; right p over all temperatures, with a line at this one."""
    rows, curves = figure.subplots(1, 2, width_ratios=[3, 2])
    count = len(next(iter(SCORES.values())))
    rows.set(xlim=(-1.2, 1.3), ylim=(count - 0.4, -0.9))
    rows.set_axis_off()
    for x, name, side in ((-1.18, "class", "left"), (-0.55, "score", "right"), (-0.1, "score / T", "right")):
        rows.text(x, -0.7, name, ha=side, va="center", weight="bold")
    rows.text(0, -0.7, "  p (the truth is dotted)", ha="left", va="center", weight="bold")
    rows.plot([0, 0], [-0.45, count - 0.5], color=PALETTE["faint"], lw=1)
    for i in range(count):
        rows.text(-1.12, i, str(i), va="center")
    scores, logits = ([rows.text(x, i, "", ha="right", **_TEXT) for i in range(count)] for x in (-0.55, -0.1))
    bars = [rows.barh(i, 0, 0.62, animated=True)[0] for i in range(count)]
    truths = [rows.plot([], [], ":", color=PALETTE["truth"], lw=2.5, animated=True)[0] for _ in range(count)]
    values = [rows.text(0, i, "", bbox=_PLATE, **_TEXT) for i in range(count)]
    curves.set(
        xlim=(0.02, 5), ylim=(-0.03, 1.05), xscale="log", xlabel="temperature T", ylabel="p of each class"
    )
    curves.set_xticks([0.02, 0.1, 0.5, 1, 5], ["0.02", "0.1", "0.5", "1", "5"])
    curves.minorticks_off()
    lines = [curves.plot([], [], color=PALETTE["computed"], lw=2.4 - 0.4 * i)[0] for i in range(count)]
    here = curves.axvline(1, color=PALETTE["truth"], lw=1.5, animated=True)
    dots = curves.plot([], [], "D", ms=6, mfc=PALETTE["paper"], mec=PALETTE["truth"], animated=True)[0]
    ends = [curves.text(5.2, 0, f"class {i}", va="center", fontsize=9) for i in (0, count - 1)]
    shown = None

    def update(seen):
        nonlocal shown
        if shown is not seen.curves:
            shown = seen.curves
            for line, values_of in zip(lines, seen.curves.T, strict=True):
                line.set_data(TEMPERATURES, values_of)
            for end, text, lift in zip(seen.curves[-1, [0, -1]], ends, (0.02, -0.02), strict=True):
                text.set_y(end + lift)
        for i in range(count):
            scores[i].set_text(_minus(f"{seen.scores[i]:g}"))
            logits[i].set_text(_minus(f"{seen.logits[i]:.4g}"))
            lost = not np.isfinite(seen.p[i])
            bars[i].set(width=1 if lost else seen.p[i], **look(seen.states[i]))
            truths[i].set_data([seen.truth[i]] * 2, [i - 0.4, i + 0.4])
            values[i].set(
                text=_said(seen.p[i], seen.states[i]),
                x=0.5 if lost else max(seen.p[i], seen.truth[i]) + 0.03,
                ha="center" if lost else "left",
            )
        where = float(np.clip(seen.temperature, 0.02, 5))
        here.set_xdata([where, where])
        dots.set_data(np.full(count, where), seen.truth)

    return update


_TEXT = {"animated": True, "va": "center", "clip_on": False, "in_layout": False}
_PLATE = {"fc": PALETTE["paper"], "ec": "none", "pad": 1}


def _minus(text) -> str:
    return text.replace("-", "−")


def explore(**preset):
    return Explorer(
        question="What does temperature do to the same scores?",
        goal="Find a temperature at which the first class gets between 0.89 and 0.91.",
        caption="Every score is divided by T before the softmax. Left, a row a class: the score, the score over T, and "
        "its p. Right: the true p of every class over all temperatures, the line marks yours.",
        why="The ratio of two probabilities is e to the power of their difference in score, over T. A small T makes "
        "differences large: the winner takes all. A large T makes them small: all get the same. The order never "
        "changes.\n\nDividing by a small T also makes the logits themselves large, and the textbook softmax "
        "takes their exp. There it ends, in float16 long before the others.",
        note="The scores are divided in float64, stored and computed in the chosen format, without a shift; the "
        "truth comes from 60-digit arithmetic.",
        controls=CONTROLS,
        presets=PRESETS,
        preset=preset,
        observe=observe,
        describe=describe,
        table=table,
        draw=draw,
        size=(9, 3.6),
        strip={"T = 2": {"temperature": 2.0}, "T = 1": {}, "T = 0.25": {"temperature": 0.25}},
        reached=lambda seen: 0.89 < seen.p[0] < 0.91,
    )
