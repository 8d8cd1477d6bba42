"""Draw numbers you already have on axes you already have; compute nothing, drop nothing.

Matplotlib leaves out NaN and inf without a word. Here they are drawn: a hatched bar of full height
with the word on it. Each state has a glyph, a word, a hatch and a colour, so that no picture needs
its colours to be read. A `draw_*` function owns its axes: called again, it replaces its picture.
"""

from dataclasses import dataclass
from functools import partial

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_utils import floats

PALETTE = {
    "computed": "#0072B2",
    "truth": "#000000",
    "inf": "#D55E00",
    "faint": "#595959",
    "text": "#000000",
    "paper": "#FFFFFF",
}


@dataclass(frozen=True)
class StateStyle:
    """How one state of a number looks: `glyph` and `word` in text, `hatch` and `colour` in a shape."""

    glyph: str
    word: str
    hatch: str
    colour: str


STATE_STYLE = {
    "ok": StateStyle("●", "ok", "", PALETTE["computed"]),
    "subnormal": StateStyle("◐", "subnormal", "....", PALETTE["faint"]),
    "zero": StateStyle("○", "zero", "..", PALETTE["faint"]),
    "inf": StateStyle("∞", "inf", "//", PALETTE["inf"]),
    "NaN": StateStyle("✕", "NaN", "xx", PALETTE["truth"]),
}


def look(state) -> dict:
    """The look of a shape in one state: plain tint when ok, else white under the hatch of the state."""
    style_of = STATE_STYLE[state]
    face = _TINT if state == "ok" else PALETTE["paper"]
    return {"facecolor": face, "edgecolor": style_of.colour, "hatch": style_of.hatch}


def style():
    """Set the course's look: 11 pt text, no box around the data, no legend frames. Safe to call twice."""
    matplotlib.rcParams.update(
        {
            "font.family": "DejaVu Sans",
            "font.size": 11,
            "axes.titlesize": 12,
            "axes.titlelocation": "left",
            "axes.labelsize": 11,
            "xtick.labelsize": 11,
            "ytick.labelsize": 11,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": PALETTE["faint"],
            "xtick.color": PALETTE["faint"],
            "ytick.color": PALETTE["faint"],
            "lines.linewidth": 2,
            "hatch.linewidth": 1,
            "figure.dpi": 100,
            "savefig.dpi": 100,
            "svg.hashsalt": "softmax",
        }
    )


def figure(width=7, height=3, rows=1, columns=1, **layout):
    """A figure outside pyplot, so that no notebook shows it before `figures.show` gives it a text.

    Returns (figure, axes): one Axes, or an array of them. `layout` goes to `Figure.subplots`
    (`height_ratios`, `width_ratios`, `sharex`, ...).
    """
    style()
    fig = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(fig)
    return fig, fig.subplots(rows, columns, **layout)


def draw_bars(ax, values, states=None, truth=None, labels=None, limits=None):
    """One bar a value with its number on it; the truth as a dotted line across each bar.

    NaN and inf fill the height, hatched, with the word; zero and subnormal carry their glyph.
    `states` defaults to what the values are; `limits` (low, high) fixes the scale.
    """
    _clear(ax)
    numbers = np.asarray(values).astype(np.float64)
    states = floats.states(values) if states is None else states
    low, high = limits or _range(numbers, () if truth is None else truth)
    room = 0.16 * (high - low)
    bottom, top = low - (room if low < 0 else 0), high + room
    for i, (number, state) in enumerate(zip(numbers, states, strict=True)):
        if state in ("inf", "NaN"):
            _hatched(ax, (i - 0.3, bottom), 0.6, top - bottom, state)
            _word(ax, i, (bottom + top) / 2, _spoken(state), ha="center", va="center")
            continue
        colour, hatch = STATE_STYLE[state].colour, STATE_STYLE[state].hatch
        ax.add_patch(Rectangle((i - 0.3, 0), 0.6, number, fc=colour, ec="white", hatch=hatch, lw=0))
        # the number stands on its own bar, or on the truth's line where that would run through it
        over = truth is not None and 0 <= float(truth[i]) - number < room
        reach = float(truth[i]) if over else number
        below = reach < 0
        ax.text(i, reach + (-1 if below else 1) * 0.02 * (high - low), _number(number, state),
                ha="center", va="top" if below else "bottom")  # fmt: skip
    if truth is not None:
        exact = np.asarray(truth, dtype=np.float64)
        where = np.arange(len(exact))
        ax.hlines(exact, where - 0.42, where + 0.42, colors=PALETTE["truth"], linestyles=":", lw=2.5)
        ax.text(
            len(exact) - 0.54, exact[-1], "truth", ha="left", va="bottom" if exact[-1] == low else "center"
        )
    ax.axhline(0, color=PALETTE["faint"], lw=0.8)
    ax.set(xlim=(-0.6, len(numbers) - (0.05 if truth is not None else 0.4)), ylim=(bottom, top))
    ax.set_xticks(
        range(len(numbers)), labels if labels is not None else [str(i) for i in range(len(numbers))]
    )
    ax.tick_params(length=0)


def draw_lanes(ax, x, truth, computed, states=None, names=("truth", "computed"), limits=None):
    """Two lanes over x: what the maths says, dotted, and what the format computed, solid.

    Where the computed number is NaN, inf, zero throughout or subnormal (`states`, one a point) the
    stretch of x is hatched and named. `limits` (low, high) fixes the y scale.
    """
    _clear(ax)
    # the states come first: widened to float64, a subnormal of a narrow format is an ordinary number
    states = floats.states(computed) if states is None else states
    x, truth, computed = (np.asarray(a).astype(np.float64) for a in (x, truth, computed))
    low, high = limits or _range(truth, computed, zero=False)
    bottom, top = low - 0.08 * (high - low), high + 0.2 * (high - low)
    ax.set(xlim=(x[0], x[-1]), ylim=(bottom, top))
    runs = [run for run in _runs(x, states) if run[0] != "ok"]
    for state, left, right in runs:
        _hatched(ax, (left, bottom), right - left, top - bottom, state)
    texts = [_spoken(state) for state, *_ in runs]
    for text, middle in zip(texts, _spread(ax, texts, [(a + b) / 2 for _, a, b in runs]), strict=True):
        _word(ax, middle, high + 0.12 * (high - low), text, ha="center", va="center", zorder=4)
    finite = np.where(np.isfinite(computed), computed, np.nan)
    ax.plot(x, finite, color=PALETTE["computed"], lw=2.2)
    ax.plot(x, truth, color=PALETTE["truth"], ls=":", lw=2.2)
    _end_labels(ax, [(truth, names[0], PALETTE["text"]), (finite, names[1], PALETTE["computed"])], x)


def draw_bands(ax, rows, marker=None, words=None):
    """One horizontal band a row, cut into stretches: `rows` maps a name to [(state, left, right), ...].

    `marker` is an x to point at, or one x a row. `words` replaces the word of a state on the bands.
    """
    _clear(ax)
    edges = [x for bands in rows.values() for _, *ends in bands for x in ends]
    ax.set(xlim=(min(edges), max(edges)), ylim=(-0.06, len(rows) + 0.12))
    for row, bands in enumerate(rows.values()):
        y = len(rows) - 1 - row
        for state, left, right in bands:
            _hatched(ax, (left, y), right - left, 0.62, state)
        _band_words(ax, y, [(_spoken(state, words), left, right) for state, left, right in bands])
    if marker is not None:
        pointers = np.broadcast_to(marker, len(rows))
        ax.plot(pointers, np.arange(len(rows))[::-1] + 0.31, ls="", marker="D", ms=9, mfc=PALETTE["paper"],
                mec=PALETTE["truth"], mew=2, clip_on=False)  # fmt: skip
    ax.set_yticks(np.arange(len(rows))[::-1] + 0.31, list(rows))
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)


def draw_strip(ax, x, states, marker=None, words=None):
    """The regimes along x as one band: which state the answer is in, point by point."""
    x = np.asarray(x, dtype=np.float64)
    draw_bands(ax, {"": _runs(x, states)}, marker, words)


def draw_pipeline(ax, steps, born=None):
    """A column a step (anything with `name`, `values`, `states`), a row a class; bad values hatched.

    `born` names the step that the stamp "born here" goes under. Steps hold one row of logits each.
    """
    _clear(ax)
    height = max(np.size(step.values) for step in steps)
    for j, step in enumerate(steps):
        numbers, states = np.ravel(step.values).astype(np.float64), np.ravel(step.states)
        first = (height - len(numbers)) / 2
        ax.text(j, -0.35, step.name, ha="center", va="center", weight="bold")
        for i, (number, state) in enumerate(zip(numbers, states, strict=True)):
            # a logit of 0 is a number like any other; a term or a probability of 0 has lost its value
            plain = state == "zero" and step.name in ("z", "z - m")
            _cell(ax, j, first + i, number, "ok" if plain else state)
        if j:
            ax.text(j - 0.5, -0.35, "→", ha="center", va="center", color=PALETTE["faint"])
        if step.name == born:
            ax.add_patch(Rectangle((j - 0.46, first - 0.04), 0.92, len(numbers) + 0.08, fill=False,
                                   ec=PALETTE["inf"], lw=3))  # fmt: skip
            ax.text(j, height + 0.38, "▲ born here", ha="center", va="center", weight="bold")
    ax.set(xlim=(-0.52, len(steps) - 0.48), ylim=(height + 0.7, -0.75))
    ax.set_axis_off()


def draw_matrix(ax, values, rows=None, columns=None, states=None):
    """A table of numbers: each printed, tinted by its size; NaN, inf and zero hatched and named."""
    _clear(ax)
    numbers = np.asarray(values).astype(np.float64)
    states = floats.states(values) if states is None else states
    largest = np.max(np.abs(numbers), where=np.isfinite(numbers), initial=0) or 1.0
    for (i, j), number in np.ndenumerate(numbers):
        _cell(ax, j, i, number, states[i, j], tint=abs(number) / largest)
    ax.set(xlim=(-0.5, numbers.shape[1] - 0.5), ylim=(numbers.shape[0], 0))
    ax.set_xticks(range(numbers.shape[1]), columns if columns is not None else range(numbers.shape[1]))
    ax.set_yticks(np.arange(numbers.shape[0]) + 0.5, rows if rows is not None else range(numbers.shape[0]))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def draw_outcomes(ax, outcomes):
    """How often each thing happened: a bar a name, cut into right, inaccurate, zero, inf and NaN.

    `outcomes` maps a name to a list of those words (as `accuracy.failure` returns them).
    """
    _clear(ax)
    looks = {"right": "ok", "inaccurate": "subnormal", "zero": "zero", "inf": "inf", "NaN": "NaN"}
    total = max(len(found) for found in outcomes.values())
    ax.set(xlim=(0, total), ylim=(-0.06, len(outcomes) - 0.2))
    for row, found in enumerate(outcomes.values()):
        bands, left = [], 0
        for kind, state in looks.items():
            count = found.count(kind)
            if count:
                _hatched(ax, (left, len(outcomes) - 1 - row), count, 0.62, state)
                bands.append((f"{STATE_STYLE[state].glyph} {kind} {count}", left, left + count))
            left += count
        _band_words(ax, len(outcomes) - 1 - row, bands)
    ax.set_yticks(np.arange(len(outcomes))[::-1] + 0.31, list(outcomes))
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)


def draw_errors(ax, x, errors, floor=0.1):
    """Errors in ulps over x on a log scale, one line a name; below `floor` a point sits on the floor.

    A NaN or inf error is a cross at the top edge, with the word.
    """
    _clear(ax)
    x = np.asarray(x, dtype=np.float64)
    sizes = {name: np.asarray(values, dtype=np.float64) for name, values in errors.items()}
    finite = np.concatenate([v[np.isfinite(v)] for v in sizes.values()])
    top = 10 ** np.ceil(np.log10(max(float(finite.max(initial=floor)), 10 * floor)) + 0.5)
    ax.set(xlim=(x[0], x[-1]), ylim=(floor * 0.8, top), yscale="log")
    shown = []
    for (name, values), (colour, dashes) in zip(sizes.items(), _LINES, strict=False):
        line = np.where(np.isfinite(values), np.maximum(values, floor), np.nan)
        ax.plot(x, line, color=colour, ls=dashes)
        lost = x[~np.isfinite(values)]
        if len(lost):  # an empty line that isn't clipped would count as a point at the figure's corner
            ax.plot(lost, np.full(len(lost), top / 1.5), ls="", marker="x", ms=7, mew=2,
                    color=PALETTE["truth"], clip_on=False)  # fmt: skip
            ax.annotate(f"✕ {name}: no number", (lost[0], top / 1.5), (0, -12), textcoords="offset points",
                        ha="left" if lost[0] < x.mean() else "right", va="top")  # fmt: skip
        shown.append((line, name, PALETTE["text"]))
    _end_labels(ax, shown, x)


def draw_training(ax, losses, first_bad=None, limits=None):
    """Loss per step, one line a name (`losses`: a list, or a dict of lists), and where a run died.

    `first_bad` (anything with `step`, `tensor`, `operation`) is marked with a cross and told in words.
    """
    _clear(ax)
    runs = losses if isinstance(losses, dict) else {"loss": losses}
    runs = {name: np.asarray(values, dtype=np.float64) for name, values in runs.items()}
    low, high = limits or _range(*runs.values())
    last = max(len(values) for values in runs.values())
    ax.set(xlim=(1, max(last, 2)), ylim=(low, high * 1.12), xlabel="step", ylabel="loss")
    lines = []
    for (name, values), (colour, dashes) in zip(runs.items(), _LINES, strict=False):
        line = np.full(last, np.nan)
        line[: len(values)] = np.where(np.isfinite(values), values, np.nan)
        ax.plot(np.arange(1, last + 1), line, color=colour, ls=dashes, lw=1.6)
        lines.append((line, name, PALETTE["text"]))
    _end_labels(ax, lines, np.arange(1, last + 1))
    if first_bad is not None:
        ax.axvline(first_bad.step, color=PALETTE["inf"], lw=1.6)
        ax.plot([first_bad.step], [high], marker="X", ms=11, color=PALETTE["truth"], clip_on=False)
        right = first_bad.step > last / 2
        text = f"step {first_bad.step}: {first_bad.tensor} not finite\n{first_bad.operation}"
        ax.annotate(text, (first_bad.step, high), (-10 if right else 10, 4), textcoords="offset points",
                    ha="right" if right else "left", va="top")  # fmt: skip


_TINT = np.array([0.60, 0.78, 0.88])  # the darkest tint a black number is still easy to read on

_LINES = (
    (PALETTE["computed"], "-"),
    (PALETTE["inf"], "--"),
    (PALETTE["truth"], "-."),
    (PALETTE["faint"], ":"),
    ("#009E73", (0, (6, 1))),
    ("#CC79A7", (0, (3, 1, 1, 1))),
)


def _clear(ax):
    """Remove the last picture but keep the axes: far cheaper than making new ones."""
    for artist in [*ax.lines, *ax.patches, *ax.texts, *ax.collections]:
        artist.remove()


def _range(*arrays, zero=True):
    """Lowest and highest finite number, 0 included; the top is 1 where everything is a probability."""
    numbers = np.concatenate([np.ravel(np.asarray(a, dtype=np.float64)) for a in arrays])
    numbers = numbers[np.isfinite(numbers)]
    low = float(numbers.min(initial=0.0 if zero else np.inf)) if zero or numbers.size else 0.0
    high = float(numbers.max(initial=0.0 if zero else -np.inf)) if zero or numbers.size else 1.0
    if zero and low == 0 and high <= 1:
        return 0.0, 1.0
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _number(number, state):
    """Three digits, two after a glyph, with a short exponent: 4.45e4."""
    text = f"{number:.3g}" if state == "ok" else f"{STATE_STYLE[state].glyph} {number:.2g}"
    return text.replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")


def _spoken(state, words=None):
    return f"{STATE_STYLE[state].glyph} {(words or {}).get(state, STATE_STYLE[state].word)}"


def _hatched(ax, corner, width, height, state):
    """The box of a state."""
    ax.add_patch(Rectangle(corner, width, height, lw=1, **look(state)))


def _word(ax, x, y, text, **how):
    """Text on paper white, so that no hatch runs through the letters."""
    plate = {"fc": PALETTE["paper"], "ec": "none", "pad": 1.5}
    return ax.text(x, y, text, color=PALETTE["text"], bbox=plate, clip_on=True, **how)


def _band_words(ax, y, bands):
    """Each word inside its band where it fits, else above it."""
    tight = [band for band in bands if band[2] - band[1] < _width(ax, band[0])]
    for text, left, right in bands:
        if (text, left, right) not in tight:
            _word(ax, (left + right) / 2, y + 0.31, text, ha="center", va="center")
    texts, middles = [band[0] for band in tight], [(left + right) / 2 for _, left, right in tight]
    for text, middle in zip(texts, _spread(ax, texts, middles), strict=True):
        ax.text(middle, y + 0.65, text, ha="center", va="bottom")


def _width(ax, text):
    """About how much of the x axis a text takes, with room to spare: 10 pixels a character at 11 pt."""
    low, high = ax.get_xlim()
    return (len(text) + 1) * 10 * (high - low) / ax.get_window_extent().width


def _spread(ax, texts, middles):
    """Move words that stand in a row apart, left to right and back, and keep them inside the axes."""
    low, high = ax.get_xlim()
    half = [_width(ax, text) / 2 for text in texts]
    places = list(middles)
    for i in range(len(places)):
        wall = low if i == 0 else places[i - 1] + half[i - 1]
        places[i] = max(places[i], wall + half[i])
    for i in reversed(range(len(places))):
        wall = high if i == len(places) - 1 else places[i + 1] - half[i + 1]
        places[i] = min(places[i], wall - half[i])
    return places


def _cell(ax, column, row, number, state, tint=0.0):
    """One number of a table in its box; NaN, inf, zero and subnormal say so."""
    look = STATE_STYLE[state]
    face = 1 - tint * (1 - _TINT) if state == "ok" else PALETTE["paper"]
    box = Rectangle((column - 0.42, row + 0.05), 0.84, 0.9, fc=face, ec=look.colour, hatch=look.hatch,
                    lw=0.0 if state == "ok" else 1.0)  # fmt: skip
    ax.add_patch(box)
    text = _spoken(state) if state in ("NaN", "zero") else _number(number, state)
    write = ax.text if state == "ok" else partial(_word, ax)
    write(column, row + 0.5, text, ha="center", va="center")


def _runs(x, states):
    """Stretches of equal state as (state, left, right), cut halfway between neighbouring points."""
    states = np.asarray(states)
    cuts = np.flatnonzero(states[1:] != states[:-1])
    ends = np.r_[x[0], (x[cuts] + x[cuts + 1]) / 2, x[-1]]
    firsts = states[np.r_[0, cuts + 1]]
    return [(str(s), float(a), float(b)) for s, a, b in zip(firsts, ends[:-1], ends[1:], strict=True)]


def _end_labels(ax, lines, x):
    """Name each line beside its last finite point, at least a text's height from its neighbours."""
    x, placed = np.asarray(x), {}
    ends = [(y, np.flatnonzero(np.isfinite(y)), name, colour) for y, name, colour in lines]
    ends = [(y[i[-1]], x[i[-1]], name, colour) for y, i, name, colour in ends if i.size]
    for y, last, name, colour in sorted(ends):
        # a line that ends well before the edge is named where it ends, all others in the right margin
        at = last if last < x[0] + 0.9 * (x[-1] - x[0]) else x[-1]
        pixel = ax.transData.transform((at, y))[1]
        placed[at] = max(pixel, placed.get(at, -np.inf) + ax.figure.dpi * 14 / 72)
        lift = (placed[at] - pixel) * 72 / ax.figure.dpi
        ax.annotate(name, (at, y), (6, lift), textcoords="offset points", ha="left", va="center",
                    color=colour, annotation_clip=False)  # fmt: skip
