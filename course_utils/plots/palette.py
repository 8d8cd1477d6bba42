"""Colours, hatches and line styles, chosen so that no picture needs its colours to be read."""

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
    "subnormal": StateStyle("◐", "subnormal", "....", PALETTE["faint"]),
    "zero": StateStyle("○", "zero", "..", PALETTE["faint"]),
    "inf": StateStyle("∞", "inf", "//", PALETTE["inf"]),
    "NaN": StateStyle("✕", "NaN", "xx", PALETTE["truth"]),
}

TINT = np.array([0.60, 0.78, 0.88])  # the darkest tint a black number is still easy to read on
TINT_BELOW = np.array([0.96, 0.73, 0.55])  # the same for numbers below 0

LINES = (
    (PALETTE["computed"], "-"),
    (PALETTE["inf"], "--"),
    (PALETTE["truth"], "-."),
    (PALETTE["faint"], ":"),
    ("#009E73", (0, (6, 1))),
    ("#CC79A7", (0, (3, 1, 1, 1))),
)


def look(state) -> dict:
    """The look of a shape in one state: plain tint when ok, else white under the hatch of the state."""
    style_of = STATE_STYLE[state]
    face = TINT if state == "ok" else PALETTE["paper"]
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
