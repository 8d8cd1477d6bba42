"""Horizontal bands cut into stretches: what happens along an axis, and how often."""

import numpy as np

from course_utils.plots.marks import band_words, box, clear, runs, spoken
from course_utils.plots.palette import PALETTE, STATE_STYLE


def draw_bands(ax, rows, marker=None, words=None):
    """One horizontal band a row, cut into stretches: `rows` maps a name to [(state, left, right), ...].

    `marker` is an x to point at, or one x a row. `words` replaces the word of a state on the bands.
    """
    clear(ax)
    edges = [x for bands in rows.values() for _, *ends in bands for x in ends]
    ax.set(xlim=(min(edges), max(edges)), ylim=(-0.06, len(rows) + 0.12))
    for row, bands in enumerate(rows.values()):
        y = len(rows) - 1 - row
        for state, left, right in bands:
            box(ax, (left, y), right - left, 0.62, state)
        band_words(ax, y, [(spoken(state, words), left, right) for state, left, right in bands])
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
    draw_bands(ax, {"": runs(x, states)}, marker, words)


def draw_outcomes(ax, outcomes):
    """How often each thing happened: a bar a name, cut into right, inaccurate, zero, inf and NaN.

    `outcomes` maps a name to a list of those words (as `accuracy.failure` returns them).
    """
    clear(ax)
    looks = {"right": "ok", "inaccurate": "subnormal", "zero": "zero", "inf": "inf", "NaN": "NaN"}
    total = max(len(found) for found in outcomes.values())
    ax.set(xlim=(0, total), ylim=(-0.06, len(outcomes) - 0.2))
    for row, found in enumerate(outcomes.values()):
        bands, left = [], 0
        for kind, state in looks.items():
            count = found.count(kind)
            if count:
                box(ax, (left, len(outcomes) - 1 - row), count, 0.62, state)
                bands.append((f"{STATE_STYLE[state].glyph} {kind} {count}", left, left + count))
            left += count
        band_words(ax, len(outcomes) - 1 - row, bands)
    ax.set_yticks(np.arange(len(outcomes))[::-1] + 0.31, list(outcomes))
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
