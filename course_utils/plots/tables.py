"""Numbers in their places: a matrix of values, a pipeline of steps."""

import numpy as np
from matplotlib.patches import Rectangle

from course_utils import floats
from course_utils.plots.marks import cell, clear
from course_utils.plots.palette import PALETTE


def draw_pipeline(ax, steps, born=None):
    """A column a step (anything with `name`, `values`, `states`), a row a class; bad values hatched.

    `born` names the step that the stamp "born here" goes under. Steps hold one row of logits each.
    """
    clear(ax)
    height = max(np.size(step.values) for step in steps)
    for j, step in enumerate(steps):
        numbers, states = np.ravel(step.values).astype(np.float64), np.ravel(step.states)
        first = (height - len(numbers)) / 2
        ax.text(j, -0.35, step.name, ha="center", va="center", weight="bold")
        for i, (number, state) in enumerate(zip(numbers, states, strict=True)):
            # a logit of 0 is a number like any other; a term or a probability of 0 has lost its value
            plain = state == "zero" and step.name in ("z", "z - m")
            cell(ax, j, first + i, number, "ok" if plain else state)
        if j:
            ax.text(j - 0.5, -0.35, "→", ha="center", va="center", color=PALETTE["faint"])
        if step.name == born:
            ax.add_patch(Rectangle((j - 0.46, first - 0.04), 0.92, len(numbers) + 0.08, fill=False,
                                   ec=PALETTE["inf"], lw=3))  # fmt: skip
            ax.text(j, height + 0.38, "▲ born here", ha="center", va="center", weight="bold")
    ax.set(xlim=(-0.52, len(steps) - 0.48), ylim=(height + 0.7, -0.75))
    ax.set_axis_off()


def draw_matrix(ax, values, rows=None, columns=None, states=None, wrong=None):
    """A table of numbers: each printed, tinted by its size; NaN, inf and zero hatched and named.

    Where some are negative every number shows its sign, and the two signs have tints of their own.
    `wrong`, an array of truth values, puts a cross and a frame on the cells that are not what they should be.
    """
    clear(ax)
    numbers = np.asarray(values).astype(np.float64)
    states = floats.states(values) if states is None else states
    wrong = np.zeros(numbers.shape, bool) if wrong is None else wrong
    sizes = np.abs(numbers[np.isfinite(numbers)])
    largest = sizes.max(initial=0.0) or 1.0
    signed = bool(np.any(numbers < 0))
    for (i, j), number in np.ndenumerate(numbers):
        cell(ax, j, i, number, states[i, j], tint=number / largest, signed=signed, wrong=wrong[i, j])
    ax.set(xlim=(-0.5, numbers.shape[1] - 0.5), ylim=(numbers.shape[0], 0))
    ax.set_xticks(range(numbers.shape[1]), columns if columns is not None else range(numbers.shape[1]))
    ax.set_yticks(np.arange(numbers.shape[0]) + 0.5, rows if rows is not None else range(numbers.shape[0]))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
