"""Training in 16 bits: gradients below the format, remedies side by side."""

import numpy as np
from matplotlib.patches import Rectangle

from course_utils.plots.marks import box, clear, spoken, word
from course_utils.plots.palette import PALETTE


def draw_diseases(axes, found, smallest, scale):
    """Three axes: `draw_gradients`, and `draw_remedies` for each disease.

    `found` holds "gradients by exponent" and, by disease and remedy, every "test_accuracy".
    """
    diseases = {name: runs for name, runs in found.items() if isinstance(runs, dict) and "float32" in runs}
    draw_gradients(axes[0], found["gradients by exponent"], smallest, scale)
    for ax, (name, runs) in zip(axes[1:], diseases.items(), strict=True):
        accuracies = {remedy: numbers["test_accuracy"] for remedy, numbers in runs.items()}
        draw_remedies(ax, accuracies, reached=np.median(accuracies["float32"]))
        ax.set_title(name)
    axes[2].set_yticks([])


def draw_remedies(ax, accuracies, reached):
    """A row a remedy: the accuracy of every seed as a tick, their median as a dot and a number.

    `reached` is the accuracy to reach, a dotted line.
    """
    clear(ax)
    ax.set(xlim=(0, 1.1), ylim=(len(accuracies) - 0.4, -0.6), xlabel="test accuracy")
    ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    ax.axvline(reached, color=PALETTE["truth"], ls=":", lw=2)
    for row, values in enumerate(accuracies.values()):
        middle = float(np.median(values))
        ax.plot(values, np.full(len(values), row), ls="", marker="|", ms=11, color=PALETTE["faint"])
        ax.plot(middle, row, "o", ms=9, mec="white", color=PALETTE["computed"], clip_on=False)
        word(ax, middle, row - 0.34, f"{middle:.2f}", ha="center", va="center")
    ax.set_yticks(range(len(accuracies)), list(accuracies))
    ax.tick_params(axis="y", length=0)


def draw_gradients(ax, counts, smallest, scale):
    """How many gradients have which size, as powers of 2; what lies below `smallest` is hatched as lost.

    `counts[k]` holds the sizes from 2^-(k+1) to 2^-k. A bracket shows how far `scale` moves them.
    """
    clear(ax)
    share = 100 * np.asarray(counts) / np.sum(counts)
    cut = -np.log2(smallest)
    first, last = np.flatnonzero(share > 0.05)[[0, -1]]
    top = 1.3 * share.max()
    ax.set(xlim=(last + 2, min(first, cut) - 12), ylim=(0, top), ylabel="% of gradients")
    box(ax, (cut, 0), last + 2 - cut, top, "zero")
    for k in range(first, last + 1):
        ax.add_patch(Rectangle((k, 0), 1, share[k], fc=PALETTE["computed"], ec="white", lw=1))
    word(ax, last + 1.5, 0.93 * top, f"{spoken('zero')} in float16", ha="left", va="center")
    moved, peak = np.log2(scale), int(np.argmax(share)) + 0.5
    ax.annotate("", (peak - moved, 0.8 * top), (peak, 0.8 * top),
                arrowprops={"arrowstyle": "->", "lw": 1.8, "color": PALETTE["truth"]})  # fmt: skip
    ax.text(cut - 0.4, 0.79 * top, f"times {scale:,.0f}", ha="left", va="top")
    ticks = np.arange(4 * np.ceil((min(first, cut) - 12) / 4), last + 2, 4)
    ax.set_xticks(ticks, [f"$2^{{{-int(k)}}}$" for k in ticks])
    ax.set_xlabel("size of the gradient before it is stored")
