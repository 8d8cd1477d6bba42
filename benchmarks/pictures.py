"""The picture of the README, with the text that stands for it: what a call costs beside what it is worth."""

import numpy as np

from course_utils import plots

SPEED = ("stable", "naive", "SciPy", "torch")
ERRORS = ("stable", "naive", "shifted", "torch")


def overview(speed, margins):
    """(figure, alt) from the rows of speed, and those of the loss's error over the margin."""
    fig, (left, right) = plots.figure(11, 4.2, columns=2)
    said = _draw_times(left, speed)
    return (
        fig,
        f"Left: float32 softmax, {said} Right: error of the loss at margin {_draw_errors(right, margins)}",
    )


def _draw_times(ax, speed):
    """Nanoseconds for one number against the size of the input, of the inputs whose rows are long."""
    rows = [
        r for r in speed if (r["quantity"], r["dtype"]) == ("softmax", "float32") and "axis" not in r["shape"]
    ]
    rows = [r for r in rows if r["classes"] >= 1000 or r["numbers"] == r["classes"]]
    rows = sorted(rows, key=lambda row: row["numbers"])
    sizes = np.array([row["numbers"] for row in rows])
    there = [name for name in SPEED if name == "stable" or f"{name} / stable" in rows[0]]
    costs = {name: [_cost(row, name) for row in rows] for name in there}
    plots.draw_errors(ax, sizes, costs)
    ax.set_xscale("log", subs=[])  # no words between the powers of ten
    ax.set(xlabel="numbers in the input", ylabel="softmax, ns for a number (float32)")
    named = [name for name in ("stable", "SciPy", "torch") if name in costs]
    parts = []
    for i in (int(np.argmin(np.abs(np.log(sizes / size)))) for size in (1000, sizes[-1])):
        parts.append(
            f"at {sizes[i]:,} numbers " + ", ".join(f"{name} {costs[name][i]:.2g}" for name in named)
        )
    return f"ns for a number: {'; '.join(parts)}."


def _cost(row, name):
    return 1e3 * row["stable, µs"] / row["numbers"] * (1 if name == "stable" else row[f"{name} / stable"])


def _draw_errors(ax, margins):
    x = np.array([row["margin"] for row in margins])
    found = {name: [row[name] for row in margins] for name in ERRORS if name in margins[0]}
    plots.draw_errors(ax, x, found)
    ax.set(xlabel="margin of the right class", ylabel="error of the loss, ulps (float64)")
    ax.set_xscale("log", subs=[])
    i = int(np.argmin(np.abs(x - 40)))
    names = ("stable", "torch" if "torch" in found else "shifted")
    return f"{x[i]:.0f}: {', '.join(f'{name} {found[name][i]:.2g}' for name in names)} ulps."
