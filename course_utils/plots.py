"""Draw numbers you already have on axes you already have; compute nothing, drop nothing.

Matplotlib leaves out NaN and inf without a word. Here they are drawn: a hatched bar of full height
with the word on it. Each state has a glyph, a word, a hatch and a colour, so that no picture needs
its colours to be read. A `draw_*` function owns its axes: called again, it replaces its picture.
"""

from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

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
    "subnormal": StateStyle("◐", "subnormal", "..", PALETTE["faint"]),
    "zero": StateStyle("○", "zero", "..", PALETTE["faint"]),
    "inf": StateStyle("∞", "inf", "//", PALETTE["inf"]),
    "NaN": StateStyle("✕", "NaN", "xx", PALETTE["truth"]),
}


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
