"""The measured numbers as pictures, each with the text that stands for it. Drawn by `plots`, nothing else."""

import numpy as np

from course_utils import plots

SPEED = ("stable", "naive", "SciPy", "torch", "JAX")
ERRORS = ("stable", "naive", "shifted", "torch")


def overview(speed, sweeps):
    """(figure, alt): what a call costs beside what it is worth."""
    fig, (left, right) = plots.figure(11, 4.2, columns=2)
    times = _draw_times(left, speed)
    margins = _draw_sweep(
        right, sweeps["margin"], "margin of the right class", "error of the loss, ulps (float64)"
    )
    said = _errors_said(*margins, at=40, names=("stable", "torch" if "torch" in margins[1] else "shifted"))
    return fig, f"Left: float32 softmax, {_times_said(times)} Right: error of the loss at margin {said}"


def times(speed):
    """(figure, alt): time for one number against the size of the input."""
    fig, ax = plots.figure(8, 4.5)
    return fig, f"Softmax in float32, {_times_said(_draw_times(ax, speed))}"


def errors(sweeps):
    """(figure, alt): softmax over the spread of the logits, the loss over the margin."""
    fig, (left, right) = plots.figure(11, 4.2, columns=2)
    spread = _draw_sweep(left, sweeps["spread"], "spread of the logits", "error of softmax, ulps (float64)")
    margin = _draw_sweep(
        right, sweeps["margin"], "margin of the right class", "error of the loss, ulps (float64)"
    )
    return fig, (
        f"Left: softmax at spread {_errors_said(*spread, at=600)} "
        f"Right: the loss at margin {_errors_said(*margin, at=40)}"
    )


def tax(speed):
    """(figure, alt): the time of stable over that of the textbook formula."""
    fig, axes = plots.figure(11, 6, rows=2)
    said = []
    for ax, dtype in zip(axes, ("float32", "float64"), strict=True):
        rows = [row for row in _softmax_rows(speed, dtype) if "axis" not in row["shape"]]
        ratios = [row["stable"] / row["naive"] for row in rows]
        plots.draw_bars(ax, ratios, labels=[row["shape"].replace("×", "×\n") for row in rows])
        ax.axhline(1, color=plots.PALETTE["truth"], ls=":", lw=1.5, zorder=2)
        for number in ax.texts:  # no line through a number
            number.set(bbox={"fc": plots.PALETTE["paper"], "ec": "none", "pad": 1}, zorder=3)
        ax.set(title=dtype, ylabel="stable / naive")
        said.append(f"{min(ratios):.2f} to {max(ratios):.2f} in {dtype}")
    return (
        fig,
        f"The time of stable over that of the textbook softmax, size by size: {', '.join(said)}; 1 is no tax.",
    )


def memory(rows):
    """(figure, alt): peak memory beyond the input."""
    fig, axes = plots.figure(11, 3.6, columns=2)
    said = []
    for ax, quantity in zip(axes, ("softmax", "logsumexp"), strict=True):
        row = next(row for row in rows if row["quantity"] == quantity and row["dtype"] == "float64")
        peaks = {
            name: row[name] for name in ("stable, out=", "stable", "naive", "shifted", "SciPy") if name in row
        }
        labels = [name.replace(", ", ",\n") for name in peaks]
        plots.draw_bars(ax, list(peaks.values()), states=["ok"] * len(peaks), labels=labels)
        ax.set(title=f"{quantity}, {row['dtype']} {row['shape']}", ylabel="peak / input")
        said.append(f"{quantity}: " + ", ".join(f"{name} {peak:.2f}" for name, peak in peaks.items()))
    return fig, f"Peak memory beyond the input, in inputs. {'. '.join(said)}."


def _softmax_rows(speed, dtype):
    rows = [row for row in speed if row["quantity"] == "softmax" and row["kind"] == "ordinary"]
    return sorted((row for row in rows if row["dtype"] == dtype), key=lambda row: row["numbers"])


def _draw_times(ax, speed):
    """Sizes and nanoseconds for one number, of the inputs whose rows are long."""
    rows = [row for row in _softmax_rows(speed, "float32") if "axis" not in row["shape"]]
    rows = [row for row in rows if row["numbers"] == row["classes"] or row["classes"] >= 1000]
    sizes = np.array([row["numbers"] for row in rows])
    costs = {name: [1e3 * row[name] / row["numbers"] for row in rows] for name in SPEED if name in rows[0]}
    plots.draw_errors(ax, sizes, costs)
    ax.set_xscale("log", subs=[])  # no words between the powers of ten
    ax.set(xlabel="numbers in the input", ylabel="softmax, ns for a number (float32)")
    return sizes, costs


def _times_said(measured):
    sizes, costs = measured
    at = [int(np.argmin(np.abs(np.log(sizes / size)))) for size in (1000, sizes[-1])]
    named = [name for name in ("stable", "SciPy", "torch") if name in costs]
    parts = [
        f"at {sizes[i]:,} numbers " + ", ".join(f"{name} {costs[name][i]:.2g}" for name in named) for i in at
    ]
    return f"ns for a number: {'; '.join(parts)}."


def _draw_sweep(ax, measured, xlabel, ylabel):
    x, found = measured
    found = {name: found[name] for name in ERRORS if name in found}
    plots.draw_errors(ax, x, found)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if x[0] > 0:
        ax.set_xscale("log", subs=[])
    return x, found


def _errors_said(x, found, at, names=ERRORS):
    """The errors at the point nearest to `at`."""
    i = int(np.argmin(np.abs(np.asarray(x) - at)))
    said = ", ".join(f"{name} {found[name][i]:.2g}" for name in names if name in found)
    return f"{x[i]:.0f}: {said} ulps."
