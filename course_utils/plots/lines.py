"""The numbers of a format as marks on a number line: where they are dense, and where they are not."""

import numpy as np

from course_utils.plots.marks import clear
from course_utils.plots.palette import PALETTE


def draw_number_lines(ax, rows, notes=None):
    """One line a row, a tick at each number: `rows` maps a name to its numbers.

    `notes` maps a name to [(text, left, right), ...]: what to say above a stretch of that line.
    """
    clear(ax)
    ax.set(ylim=(-0.35, len(rows) - 0.1))
    for row, (name, numbers) in enumerate(rows.items()):
        y = len(rows) - 1 - row
        ax.axhline(y, color=PALETTE["faint"], lw=1)
        ax.vlines(numbers, y - 0.14, y + 0.14, color=PALETTE["computed"], lw=2)
        for text, left, right in (notes or {}).get(name, []):
            _stretch(ax, text, left, right, y + 0.24)
    ax.set_yticks(np.arange(len(rows))[::-1], list(rows))
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)


def _stretch(ax, text, left, right, y):
    """A bracket over a stretch, and its words."""
    ax.annotate("", (left, y), (right, y), arrowprops={"arrowstyle": "|-|,widthA=.25,widthB=.25", "lw": 1,
                "color": PALETTE["faint"], "shrinkA": 1, "shrinkB": 1})  # fmt: skip
    ax.text((left + right) / 2, y + 0.06, text, ha="center", va="bottom")
