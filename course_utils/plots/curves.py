"""Lines over an axis: a truth and what was computed, errors, training runs."""

import numpy as np
from matplotlib.patches import Rectangle

from course_utils import floats
from course_utils.plots.marks import box, clear, end_labels, finite_range, runs, spoken, spread, word
from course_utils.plots.palette import LINES, PALETTE, STATE_STYLE


def draw_lanes(ax, x, truth, computed, states=None, names=("truth", "computed"), limits=None):
    """Two lanes over x: what the maths says, thin, over what the format computed, thick.

    Where the computed number is NaN, inf, zero throughout or subnormal (`states`, one a point) the
    stretch of x is named in a hatched band above, and tinted below it. `limits` (low, high) fixes the y scale.
    """
    clear(ax)
    # the states come first: widened to float64, a subnormal of a narrow format is an ordinary number
    states = floats.states(computed) if states is None else states
    x, truth, computed = (np.asarray(a).astype(np.float64) for a in (x, truth, computed))
    low, high = limits or finite_range(truth, computed, zero=False)
    bottom, top = low - 0.08 * (high - low), high + 0.24 * (high - low)
    ax.set(xlim=(x[0], x[-1]), ylim=(bottom, top))
    _named_stretches(ax, [run for run in runs(x, states) if run[0] != "ok"], bottom, high, top)
    finite = np.where(np.isfinite(computed), computed, np.nan)
    ax.plot(x, finite, color=PALETTE["computed"], lw=3)
    ax.plot(x, truth, color=PALETTE["truth"], lw=1.4, ls=(0, (6, 2)))
    end_labels(ax, [(truth, names[0], PALETTE["text"]), (finite, names[1], PALETTE["computed"])], x)


def draw_errors(ax, x, errors, floor=0.1, mark_best=False):
    """Errors in ulps over x on a log scale, one line a name; below `floor` a point sits on the floor.

    A NaN or inf error is a cross at the top edge, with the word. `mark_best` puts a ring on the first
    lowest point of each line.
    """
    clear(ax)
    x = np.asarray(x, dtype=np.float64)
    sizes = {name: np.asarray(values, dtype=np.float64) for name, values in errors.items()}
    finite = np.concatenate([v[np.isfinite(v)] for v in sizes.values()])
    top = 10 ** np.ceil(np.log10(max(float(finite.max(initial=floor)), 10 * floor)) + 0.5)
    ax.set(xlim=(x[0], x[-1]), ylim=(floor * 0.8, top), yscale="log")
    shown = []
    for (name, values), (colour, dashes) in zip(sizes.items(), LINES, strict=False):
        line = np.where(np.isfinite(values), np.maximum(values, floor), np.nan)
        ax.plot(x, line, color=colour, ls=dashes)
        if mark_best:
            best = int(np.nanargmin(line))
            ax.plot(x[best], line[best], "o", ms=10, mfc=PALETTE["paper"], mec=colour, mew=2, clip_on=False)
        lost = x[~np.isfinite(values)]
        if len(lost):  # an empty line that isn't clipped would count as a point at the figure's corner
            ax.plot(lost, np.full(len(lost), top / 1.5), ls="", marker="x", ms=7, mew=2,
                    color=PALETTE["truth"], clip_on=False)  # fmt: skip
            ax.annotate(f"✕ {name}: no number", (lost[0], top / 1.5), (0, -12), textcoords="offset points",
                        ha="left" if lost[0] < x.mean() else "right", va="top")  # fmt: skip
        shown.append((line, name, PALETTE["text"]))
    end_labels(ax, shown, x)


def draw_training(ax, losses, first_bad=None, limits=None):
    """Loss per step, one line a name (`losses`: a list, or a dict of lists), and where a run died.

    `first_bad` (anything with `step`, `tensor`, `operation`) is marked with a cross and told in words.
    """
    clear(ax)
    # a single run needs no name: the axis says what it is
    named = losses if isinstance(losses, dict) else {"": losses}
    named = {name: np.asarray(values, dtype=np.float64) for name, values in named.items()}
    low, high = limits or finite_range(*named.values())
    last = max(len(values) for values in named.values())
    ax.set(xlim=(1, max(last, 2)), ylim=(low, high * 1.12), xlabel="step", ylabel="loss")
    lines = []
    for (name, values), (colour, dashes) in zip(named.items(), LINES, strict=False):
        line = np.full(last, np.nan)
        line[: len(values)] = np.where(np.isfinite(values), values, np.nan)
        ax.plot(np.arange(1, last + 1), line, color=colour, ls=dashes, lw=1.6)
        lines.append((line, name, PALETTE["text"]))
    end_labels(ax, lines, np.arange(1, last + 1))
    if first_bad is not None:
        _death(ax, first_bad, last, high)


def _named_stretches(ax, stretches, bottom, high, top):
    """Each stretch as a pale field with its hatch and its word in a band above the lines."""
    shelf = high + 0.04 * (top - bottom)
    for state, left, right in stretches:
        field = Rectangle(
            (left, bottom), right - left, shelf - bottom, fc=STATE_STYLE[state].colour, alpha=0.07
        )
        ax.add_patch(field)
        box(ax, (left, shelf), right - left, top - shelf, state)
    texts = [spoken(state) for state, *_ in stretches]
    middles = spread(ax, texts, [(a + b) / 2 for _, a, b in stretches])
    for text, middle in zip(texts, middles, strict=True):
        word(ax, middle, (shelf + top) / 2, text, ha="center", va="center", zorder=4)


def _death(ax, first_bad, last, high):
    ax.axvline(first_bad.step, color=PALETTE["inf"], lw=1.6)
    ax.plot([first_bad.step], [high], marker="X", ms=11, color=PALETTE["truth"], clip_on=False)
    right = first_bad.step > last / 2
    text = f"step {first_bad.step}: {first_bad.tensor} not finite\n{first_bad.operation}"
    ax.annotate(text, (first_bad.step, high), (-10 if right else 10, 4), textcoords="offset points",
                ha="right" if right else "left", va="top")  # fmt: skip


def draw_ratios(ax, times, base):
    """How many times as long as `base` each contender took, one line a contender, one place an input.

    Returns the numbers as a table, one dict a contender. `times` is {input: {contender: seconds}}.
    """
    clear(ax)
    names = [name for name in next(iter(times.values())) if name != base]
    ratios = {name: [taken[name] / taken[base] for taken in times.values()] for name in names}
    places = np.arange(len(times))
    ax.axhline(1, color=PALETTE["truth"], lw=1)
    for (_, values), (colour, dashes) in zip(ratios.items(), LINES, strict=False):
        ax.plot(places, values, color=colour, ls=dashes, marker="o", ms=7, mec="white", clip_on=False)
    ax.set(xlim=(-0.15, len(times) - 1), ylim=(0, None), ylabel=f"time, in units of {base}")
    ax.set_xticks(places, times)
    end_labels(ax, [(np.array(values), name, PALETTE["text"]) for name, values in ratios.items()], places)
    return [{"contender": n} | {i: f"{v:.2f}" for i, v in zip(times, ratios[n], strict=True)} for n in names]


def draw_times(ax, sizes, times, unit):
    """Seconds against the size of the work, one line a contender, both on log scales.

    `times` is {contender: seconds for each size}; `unit` says what a size counts.
    """
    clear(ax)
    ax.set(xscale="log", yscale="log", xlabel=unit, ylabel="seconds", xlim=(sizes[0], sizes[-1]))
    low, high = (f([f(taken) for taken in times.values()]) for f in (min, max))
    ax.set_ylim(low / 2, high * 2)
    for (name, taken), (colour, dashes) in zip(times.items(), LINES, strict=False):
        ax.plot(sizes, taken, color=colour, ls=dashes, marker="o", label=name, clip_on=False)
    ax.legend(frameon=False, loc="lower right")
