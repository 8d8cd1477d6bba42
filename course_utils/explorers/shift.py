"""W4. Must the shift be the maximum? Subtract any m from a row, and see which ones work."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from course_utils import pipeline, reference
from course_utils.explorers.core import Explorer, choice, number, row
from course_utils.floats import FORMATS, Format, store
from course_utils.plots import PALETTE, STATE_STYLE

CONSTANT = 88.0  # just under ln(max) of float32: the shift that people pick who have met the overflow


def _marks(logits) -> dict[str, float]:
    """The shifts that people try, by name."""
    return {
        "mean": float(np.mean(logits)),
        "min": float(np.min(logits)),
        "max": float(np.max(logits)),
        "max |z|": float(np.max(np.abs(logits))),
        "88": CONSTANT,
    }


def _span(state) -> tuple[float, float, float]:
    """From well below the first shift that works to well above the last, with every mark inside."""
    fmt, marks = FORMATS[state["format"]], _marks(state["z"])
    low = min(marks["max"] - 1.35 * fmt.exp_first_bad, *marks.values())
    high = max(marks["max"] - 1.25 * fmt.exp_first_zero, *marks.values())
    step = 0.25 if high - low < 600 else 1.0
    return float(np.floor(low)), float(np.ceil(high)), step


CONTROLS = {
    "z": row("logits z", (100, 99, 0), limit=400, most=5),
    "m": number("shift m", 0.0, -20, 230, 0.25, spans=_span),
    "format": choice("number format", FORMATS, "float32"),
}


@lru_cache(maxsize=32)
def _sweep(logits, name) -> pipeline.Sweep:
    low, high, step = _span({"z": logits, "format": name})
    return pipeline.sweep_shift(logits, name, np.arange(low, high + step / 2, step))


def _mark(name):
    return lambda state: {"m": _marks(state["z"])[name]}


def _edge(up):
    """To the other side of the nearest change of state above m, or below it."""

    def move(state):
        edges = _sweep(state["z"], state["format"]).edges
        if up:
            return {"m": min((first for _, first, _ in edges if first > state["m"]), default=edges[-1][2])}
        return {"m": max((last for _, _, last in edges if last < state["m"]), default=edges[0][1])}

    return move


PRESETS = {
    "m = mean": _mark("mean"),
    "m = min": _mark("min"),
    "m = max": _mark("max"),
    "m = max |z|": _mark("max |z|"),
    "m = 88": _mark("88"),
    "◀ next edge": _edge(up=False),
    "next edge ▶": _edge(up=True),
    "100, 99, 0": {"z": (100.0, 99.0, 0.0), "m": 0.0, "format": "float32"},
    "the mean fails": {"z": (120.0, 0.0, 0.0, 0.0), "m": 30.0, "format": "float32"},
    "the min fails": {"z": (0.0, -100.0), "m": -100.0, "format": "float32"},
    "max |z| fails": {"z": (-60.0, -61.0), "m": 61.0, "format": "float32"},
    "88 fails": {"z": (200.0, 190.0), "m": 88.0, "format": "float32"},
}


@dataclass(frozen=True)
class Observation:
    """One row with one shift: what it gives, and what every other shift would have given."""

    format: Format
    typed: float
    m: float
    z: pipeline.Step
    exponents: pipeline.Step
    terms: pipeline.Step
    total: pipeline.Step
    p: pipeline.Step
    truth: np.ndarray
    regime: str
    marks: dict[str, tuple[float, str]]
    sweep: pipeline.Sweep

    @property
    def error(self) -> float:
        """The largest distance of a probability from the truth; NaN when a probability is NaN."""
        return float(np.max(np.abs(self.p.values.astype(np.float64) - self.truth)))

    @property
    def largest(self) -> float:
        """The largest exponent, z - m."""
        return float(self.exponents.values.astype(np.float64).max())

    @property
    def window(self) -> tuple[float, float]:
        """The first and the last shift that leave the largest term all its digits."""
        return next((first, last) for state, first, last in self.sweep.edges if state == "ok")


def observe(state) -> Observation:
    logits, name, marks = state["z"], state["format"], _marks(state["z"])
    steps = pipeline.run(logits, name, state["m"])
    shifts = np.array(list(marks.values()))
    tried = pipeline.regimes(pipeline.run([logits] * len(shifts), name, shifts[:, None]))
    return Observation(
        FORMATS[name],
        state["m"],
        float(store(state["m"], name)),
        *steps,
        truth=reference.softmax(steps[0].values),
        regime=str(pipeline.regimes(steps)),
        marks={mark: (marks[mark], str(regime)) for mark, regime in zip(marks, tried, strict=True)},
        sweep=_sweep(logits, name),
    )


def describe(seen) -> str:
    stored = "" if seen.m == seen.typed else f" (stored as {seen.m:.6g})"
    return _minus(f"m = {seen.typed:.7g}{stored} leaves {seen.largest:.6g} as largest exponent: {_why(seen)}")


def _why(seen) -> str:
    low = seen.largest < 0
    match seen.regime:
        case "ok":
            first, last = seen.window
            right = f"p is right to within {max(seen.error, seen.format.eps / 2):.1g}."
            return f"{right} So it is for every m from {first:g} to {last:g}."
        case "subnormal":
            return f"every exp has lost digits, and p is off by {seen.error:.1g} without a warning."
        case "zero":
            return "each exp is finite, their sum is inf, so every p is 0 and no NaN warns you."
    overflow = "exp overflows to inf, and inf/inf is NaN." if seen.format.has_inf else "exp overflows to NaN."
    return "every exp is 0, and 0/0 is NaN." if low else overflow


def table(seen) -> list[dict]:
    classes = [
        {
            "row": f"class {i + 1}",
            "z or m": float(z),
            "largest z − m": float(d),
            "exp": e,
            "p": p,
            "true p": t,
        }
        for i, (z, d, e, p, t) in enumerate(
            zip(
                seen.z.values,
                seen.exponents.values,
                _words(seen.terms),
                _words(seen.p),
                seen.truth,
                strict=True,
            )
        )
    ]
    shifts = [
        {"row": f"m = {name}", "z or m": m, "largest z − m": float(seen.z.values.max()) - m,
         "exp": "", "p": f"{STATE_STYLE[regime].glyph} {_OUTCOME[regime]}", "true p": ""}
        for name, (m, regime) in seen.marks.items()
    ]  # fmt: skip
    return classes + shifts


_OUTCOME = {"ok": "right", "subnormal": "digits lost", "zero": "every p is 0", "NaN": "NaN"}


def _words(step) -> list[str]:
    """Each value of a step; a state that isn't ok with its glyph."""
    return [_word(float(value), state) for value, state in zip(step.values, step.states, strict=True)]


def _minus(text) -> str:
    return text.replace("-", "−")


def _word(value, state) -> str:
    look = STATE_STYLE[state]
    if state in ("inf", "NaN"):
        return f"{look.glyph} {look.word}"
    return f"{value:.4g}" if state == "ok" else f"{look.glyph} {value:.3g}"


MOST = 5  # classes; a lane each


def draw(figure):
    """A lane a class: z - m against the window where exp works, and p. Below, every shift at once."""
    axes = figure.subplot_mosaic(
        [["window", "p"], ["shifts", "shifts"]], height_ratios=[5, 2], width_ratios=[5, 3]
    )
    lanes, bars, shifts = (_over(axes[name]) for name in ("window", "p", "shifts"))
    dots = [lanes.plot([], [], zorder=5, **_DOT)[0] for _ in range(MOST)]
    exponents = [lanes.text(0, i, "", zorder=6, bbox=_PLATE, **_TEXT) for i in range(MOST)]
    boxes = [bars.barh(i, 0, 0.6, animated=True)[0] for i in range(MOST)]
    truths = [bars.plot([], [], ":", color=PALETTE["truth"], lw=2.5, animated=True)[0] for _ in range(MOST)]
    values = [bars.text(0, i, "", zorder=6, bbox=_PLATE, **_TEXT) for i in range(MOST)]
    total = bars.text(0, -0.75, "", **_TEXT)
    here = shifts.axvline(0, ymax=1 / _TALL, color=PALETTE["truth"], lw=2, animated=True)
    (handle,) = shifts.plot([], [], zorder=5, clip_on=False, **_DOT)
    shown = None

    def update(seen):
        nonlocal shown
        scene = (seen.format.name, tuple(seen.z.values.tolist()))
        if scene != shown:
            shown = scene
            _draw_window(axes["window"], seen)
            _draw_classes(axes["p"], seen)
            _draw_shifts(axes["shifts"], seen)
            for over, name in ((lanes, "window"), (bars, "p"), (shifts, "shifts")):
                over.set(xlim=axes[name].get_xlim(), ylim=axes[name].get_ylim())
        _place_dots(dots, exponents, seen, lanes.get_xlim())
        _place_bars(boxes, truths, values, seen)
        total.set_text(f"p = exp / sum,  sum = {_words(seen.total)[0]}")
        where = float(np.clip(seen.m, *shifts.get_xlim()))
        here.set_xdata([where, where])
        handle.set_data([where], [0.5])

    return update


_TEXT = {"animated": True, "va": "center", "clip_on": False, "in_layout": False}
_DOT = {
    "animated": True,
    "ls": "",
    "marker": "D",
    "ms": 9,
    "mfc": PALETTE["paper"],
    "mec": PALETTE["truth"],
    "mew": 2,
}
_PLATE = {"fc": PALETTE["paper"], "ec": "none", "pad": 1}


_TALL = 3.2  # the strip of shifts with its pins, in units of the strip


def _over(axes):
    """Axes on top of others, for what moves: the ones below can be cleared and drawn anew."""
    over = axes.figure.add_subplot(axes.get_subplotspec(), label="over", zorder=2)
    over.set_axis_off()
    return over


def _look(state):
    style = STATE_STYLE[state]
    face = _TINT if state == "ok" else PALETTE["paper"]
    return {"facecolor": face, "edgecolor": style.colour, "hatch": style.hatch, "linewidth": 0.8}


_TINT = "#C6DFEE"


def _draw_window(ax, seen):
    """What exp makes of an exponent: zero, subnormal, a full number, inf."""
    fmt, count = seen.format, len(seen.z.values)
    edges = [1.45 * fmt.exp_first_zero, fmt.exp_first_zero, fmt.exp_first_subnormal, fmt.exp_first_bad,
             1.5 * fmt.exp_first_bad]  # fmt: skip
    ax.clear()
    ax.set(
        xlim=(edges[0], edges[-1]), ylim=(count - 0.5, -1.1), xlabel="exponent z − m, a lane for each class"
    )
    names = ("zero", "subnormal", "ok", "inf" if fmt.has_inf else "NaN")
    for state, left, right in zip(names, edges[:-1], edges[1:], strict=True):
        ax.axvspan(left, right, ymax=count / (count + 0.6), **_look(state))
        x, side = (0, "center") if state == "ok" else (left, "left")
        ax.text(x, -0.8, f"{STATE_STYLE[state].glyph} {STATE_STYLE[state].word}", ha=side, va="center")
    ax.set_yticks(range(count), [_minus(f"z = {z:.4g}") for z in seen.z.values.astype(np.float64)])
    ax.set_xticks([*edges[1:4], 0], [_minus(f"{x:.4g}") for x in edges[1:4]] + ["0"])
    for tick, side in zip(ax.get_xticklabels(), ("right", "left"), strict=False):
        tick.set_horizontalalignment(side)
    ax.tick_params(length=0, colors=PALETTE["text"])
    ax.spines["left"].set_visible(False)


def _draw_classes(ax, seen):
    count = len(seen.z.values)
    ax.clear()
    ax.set(xlim=(0, 1.5), ylim=(count - 0.5, -1.1), xlabel="p; the truth is dotted")
    ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    ax.set_yticks([])
    ax.tick_params(colors=PALETTE["text"])


def _draw_shifts(ax, seen):
    """The state of the answer for every m, with the shifts that people try above it."""
    edges = seen.sweep.edges
    low, high = edges[0][1], edges[-1][2]
    ax.clear()
    ax.set(xlim=(low, high), ylim=(0, _TALL), xlabel="shift m, and what becomes of p")
    ends = [*(first for _, first, _ in edges), high]
    for (state, *_), left, right in zip(edges, ends[:-1], ends[1:], strict=True):
        ax.axvspan(left, right, ymax=1 / _TALL, **_look(state))
        text = f"{STATE_STYLE[state].glyph} {_OUTCOME[state]}"
        if right - left > 0.0125 * len(text) * (high - low):
            x = left + (0.8 if state == "ok" else 0.5) * (right - left)
            ax.text(x, 0.5, text, ha="center", va="center", bbox=_PLATE)
    ax.set_xticks(*_ticks(edges, high - low))
    ax.set_yticks([])
    ax.tick_params(colors=PALETTE["text"])
    ax.spines["left"].set_visible(False)
    _draw_marks(ax, seen.marks, high - low)


def _ticks(edges, span):
    """A tick where the state changes; where two are close, the one of the narrow state, with its name."""
    places = []
    for (state, first, _), (_, after, _) in zip(edges[1:], [*edges[2:], ("", np.inf, 0)], strict=True):
        narrow = after - first < 0.04 * span
        if not places or first - places[-1][0] > 0.04 * span:
            places.append(
                (
                    first,
                    _minus(f"{first:g}")
                    + (f"  {STATE_STYLE[state].glyph} {_OUTCOME[state]}" if narrow else ""),
                )
            )
    return [x for x, _ in places], [text for _, text in places]


def _draw_marks(ax, marks, span):
    """A pin for each shift by name, with its outcome; neighbours with the same outcome share one label."""
    ends = [-np.inf, -np.inf]
    for pins in _clusters(marks, 0.06 * span):
        text = f"{', '.join(name for name, *_ in pins)} {STATE_STYLE[pins[0][2]].glyph}"
        places = [m for _, m, _ in pins]
        middle, half = (places[0] + places[-1]) / 2, 0.0062 * len(text) * span
        tier = 0 if middle - half > ends[0] else 1
        ends[tier] = middle + half
        ax.vlines(places, 1, 1.35 + tier, colors=PALETTE["truth"], lw=1.2)
        ax.text(middle, 1.4 + tier, text, ha="center", va="bottom", clip_on=False)


def _clusters(marks, near):
    """The marks from left to right as lists of (name, m, state), each list close together and of one state."""
    lists = []
    for name, (m, state) in sorted(marks.items(), key=lambda item: item[1][0]):
        if lists and lists[-1][-1][2] == state and m - lists[-1][-1][1] < near:
            lists[-1].append((name, m, state))
        else:
            lists.append([(name, m, state)])
    return lists


def _place_dots(dots, texts, seen, limits):
    low, high = limits
    margin = 0.025 * (high - low)
    exponents = seen.exponents.values.astype(np.float64)
    for i, (dot, text) in enumerate(zip(dots, texts, strict=True)):
        dot.set_visible(i < len(exponents))
        text.set_visible(i < len(exponents))
        if i < len(exponents):
            x = float(np.clip(exponents[i], low + margin, high - margin))
            left = x > (low + high) / 2
            beyond = "◀" if exponents[i] < low else "▶" if exponents[i] > high else ""
            dot.set(xdata=[x], ydata=[i], marker={"◀": "<", "▶": ">"}.get(beyond, "D"))
            text.set(
                x=x + (-1 if left else 1) * margin,
                text=_minus(f"{exponents[i]:.6g}"),
                ha="right" if left else "left",
            )


def _place_bars(boxes, truths, texts, seen):
    p, states, words = seen.p.values.astype(np.float64), seen.p.states, _words(seen.p)
    for i, (box, mark, text) in enumerate(zip(boxes, truths, texts, strict=True)):
        for artist in (box, mark, text):
            artist.set_visible(i < len(p))
        if i < len(p):
            lost = not np.isfinite(p[i])
            box.set(width=1.5 if lost else p[i], **_look(states[i]))
            mark.set_data([seen.truth[i]] * 2, [i - 0.42, i + 0.42])
            text.set(
                text=words[i],
                x=0.75 if lost else max(p[i], seen.truth[i]) + 0.05,
                ha="center" if lost else "left",
            )


def _both_ends():
    """True once both ends of the safe shifts were found, each on its last safe step."""
    found = set()

    def reached(seen):
        first, last = seen.window
        found.update(end for end in (first, last) if seen.typed == end)
        return {first, last} <= found

    return reached


def explore(**preset):
    return Explorer(
        question="Must the shift be the maximum?",
        goal="Find the smallest and the largest m that lose no digits of the answer.",
        caption="Each class has a lane. A diamond is its exponent z − m, on a window that shows what exp can "
        "still do there; beside it stand the probability p and the truth, dotted. The strip below shows what "
        "becomes of p for every m, with five shifts that people try.",
        why="The shift cancels on paper, so any m gives the same answer. In a format it must bring the largest "
        "exponent into the window: low enough that exp and the sum don't overflow, high enough that not every "
        "term is lost. Many shifts do. The maximum does it for every row, whatever the numbers: its own term "
        "is e⁰ = 1, so nothing overflows and the sum is never 0.\n\n"
        "The mean, the minimum, the largest |z| and a constant each work on some rows. The buttons named "
        "“fails” show a row for each that breaks it.",
        note="The row is subtracted, exponentiated, summed and divided in the chosen format; the truth comes "
        "from 60-digit arithmetic.",
        controls=CONTROLS,
        presets=PRESETS,
        preset=preset,
        observe=observe,
        describe=describe,
        table=table,
        draw=draw,
        size=(9, 4.6),
        strip={
            "m = 11.25, one step too small": {"m": 11.25},
            "m = 11.5, the zone without an alarm": {"m": 11.5},
            "m = 100, the maximum": {"m": 100.0},
        },
        reached=_both_ends(),
    )
