"""How the axis lab is drawn: logits with what is taken from each, probabilities, row sums."""

import numpy as np

from course_utils import plots
from course_utils.explorers.axis.observation import CLASSES, ROWS
from course_utils.plots import PALETTE

PLAIN = np.full((3, 3), "ok")  # a logit of 0 is a number like any other


def draw(figure):
    """Two tables side by side; each cell of the left one says what is subtracted there."""
    left, right = figure.subplots(1, 2)

    def update(seen):
        plots.draw_matrix(left, seen.logits, rows=ROWS, columns=CLASSES, states=PLAIN)
        largest = np.broadcast_to(seen.logits.max(axis=1, keepdims=True), seen.logits.shape)
        for text, *numbers in zip(
            _numbers_of(left), seen.logits.flat, seen.shifts.flat, largest.flat, strict=True
        ):
            logit, shift, own = map(float, numbers)
            text.set(text=f"{logit:g} − {shift:g}", weight="normal" if shift == own else "bold")
        left.set_title("logit − what is subtracted")
        plots.draw_matrix(right, seen.p, rows=ROWS, columns=CLASSES, wrong=seen.wrong)
        right.set(xlim=(-0.5, 3.3), title="probability, and the sum of the row")
        for i, total in enumerate(seen.sums):
            ends = f"Σ = {total:.4g}".replace("nan", "NaN")
            right.text(2.55, i + 0.5, ends, ha="left", va="center", color=PALETTE["text"])

    return update


def _numbers_of(ax):
    """The texts of the cells, in reading order."""
    return sorted(ax.texts, key=lambda text: (text.get_position()[1], text.get_position()[0]))
