"""A bar or a mark for each number: NaN and inf fill the height, hatched and named."""

import numpy as np
from matplotlib.patches import Rectangle

from course_utils import floats
from course_utils.plots.marks import box, clear, finite_range, number_text, spoken, word
from course_utils.plots.palette import PALETTE, STATE_STYLE


def draw_bars(ax, values, states=None, truth=None, labels=None, limits=None):
    """One bar a value with its number on it; the truth as a dotted line across each bar.

    NaN and inf fill the height, hatched, with the word; zero and subnormal carry their glyph.
    `states` defaults to what the values are; `limits` (low, high) fixes the scale.
    """
    clear(ax)
    numbers = np.asarray(values).astype(np.float64)
    states = floats.states(values) if states is None else states
    low, high = limits or finite_range(numbers, () if truth is None else truth)
    room = 0.16 * (high - low)
    bottom, top = low - (room if low < 0 else 0), high + room
    for i, (number, state) in enumerate(zip(numbers, states, strict=True)):
        if state in ("inf", "NaN"):
            box(ax, (i - 0.3, bottom), 0.6, top - bottom, state)
            word(ax, i, (bottom + top) / 2, spoken(state), ha="center", va="center")
            continue
        colour, hatch = STATE_STYLE[state].colour, STATE_STYLE[state].hatch
        ax.add_patch(Rectangle((i - 0.3, 0), 0.6, number, fc=colour, ec="white", hatch=hatch, lw=0))
        # the number stands on its own bar, or on the truth's line where that would run through it
        over = truth is not None and 0 <= float(truth[i]) - number < room
        reach = float(truth[i]) if over else number
        below = reach < 0
        ax.text(i, reach + (-1 if below else 1) * 0.02 * (high - low), number_text(number, state),
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


def draw_dots(ax, rows, limits=None):
    """A row a name, a mark for each number: `rows` maps a name to {series: numbers}.

    The series differ in shape, colour and height, and are named above the picture.
    """
    clear(ax)
    series = list(dict.fromkeys(name for found in rows.values() for name in found))
    looks = dict(
        zip(
            series, (("X", PALETTE["inf"]), ("o", PALETTE["computed"]), ("s", PALETTE["truth"])), strict=False
        )
    )
    for row, found in enumerate(rows.values()):
        y = len(rows) - 1 - row
        ax.axhline(y, color=PALETTE["faint"], lw=0.6)
        for place, (name, numbers) in enumerate(found.items()):
            shape, colour = looks[name]
            level = y + 0.13 * (len(found) - 1 - 2 * place)
            ax.plot(
                numbers,
                [level] * len(numbers),
                ls="",
                marker=shape,
                ms=9,
                mfc=colour,
                mec="white",
                clip_on=False,
            )
    for name, (shape, colour) in looks.items():
        ax.plot([], [], ls="", marker=shape, ms=9, mfc=colour, mec="white", label=name)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(series), frameon=False, borderaxespad=0.2)
    ax.set(ylim=(-0.5, len(rows) - 0.5), **({"xlim": limits} if limits else {}))
    ax.set_yticks(np.arange(len(rows))[::-1], list(rows))
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
