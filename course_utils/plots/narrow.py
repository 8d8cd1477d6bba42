"""What narrow formats do: totals that stall, gradients below the format, remedies side by side, 8-bit outputs."""

import numpy as np
from matplotlib.patches import Rectangle

from course_utils.plots.marks import box, clear, end_labels, spoken, word
from course_utils.plots.palette import LINES, PALETTE


def draw_totals(ax, counts, totals):
    """Running totals of ones over how many were added, one line a name, on log scales."""
    clear(ax)
    counts = np.asarray(counts)
    ax.set(xlim=(counts[0], counts[-1]), xscale="log", yscale="log", ylim=(1, 1.6 * counts[-1]))
    ax.set(xlabel="ones added, one by one", ylabel="total")
    shown = []
    for (name, values), (colour, dashes) in zip(totals.items(), LINES, strict=False):
        line = np.asarray(values).astype(np.float64)
        ax.plot(counts, line, color=colour, ls=dashes)
        shown.append((line, f"{name}: {line[-1]:,.0f}", PALETTE["text"]))
    end_labels(ax, shown, counts)


def draw_remedies(ax, accuracies, reached):
    """A row a remedy: the accuracy of every seed as a tick, their median as a dot and a number.

    `reached` is the accuracy to reach, a dotted line.
    """
    clear(ax)
    ax.set(xlim=(0, 1), ylim=(len(accuracies) - 0.4, -0.6), xlabel="test accuracy")
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


def draw_codes(ax, truth, stored):
    """Probabilities and what an 8-bit output says of them, on log scales; what is stored as 0 lies in a band below."""
    clear(ax)
    truth, stored = (np.asarray(p, dtype=np.float64) for p in (truth, stored))
    low, floor = truth.min() / 2, 1 / 1024
    ax.set(xlim=(low, 1.2), ylim=(floor / 4, 1.6), xscale="log", yscale="log")
    box(ax, (low, floor / 4), 1.2 - low, floor - floor / 4, "zero")
    line = np.geomspace(floor, 1, 2)
    ax.plot(line, line, color=PALETTE["truth"], ls=":")
    kept = stored > 0
    ax.plot(truth[kept], stored[kept], "o", ms=5, mec="white", mew=0.5, color=PALETTE["computed"])
    ax.plot(truth[~kept], np.full(np.sum(~kept), floor / 1.4), "x", ms=5, color=PALETTE["truth"])
    word(ax, np.sqrt(low * 1.2), floor / 2.6, f"○ {np.sum(~kept)} of {len(truth)} stored as 0", ha="center",
         va="center", fontsize=11)  # fmt: skip
    ax.set(xlabel="true p", ylabel="p as stored")
