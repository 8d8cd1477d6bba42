"""The picture: a lane for each class, and every shift at once."""

import numpy as np

from course_utils.explorers.shift.observation import MOST, OUTCOME, minus, words
from course_utils.plots import PALETTE, STATE_STYLE


def draw(figure):
    """A lane a class: z - m against the window where exp works, and p. Below, every shift at once."""
    axes = figure.subplot_mosaic(
        [["window", "p"], ["shifts", "shifts"]], height_ratios=[5, 2], width_ratios=[5, 3]
    )
    lanes, bars, shifts = (_over(axes[name]) for name in ("window", "p", "shifts"))
    dots = [lanes.plot([], [], zorder=5, **_DOT)[0] for _ in range(MOST)]
    exponents = [lanes.text(0, i, "", zorder=6, bbox=_PLATE, **_TEXT) for i in range(MOST)]
    boxes = [bars.barh(i, 0, 0.6, animated=True)[0] for i in range(MOST)]
    truths = [bars.plot([], [], ":", color=PALETTE["truth"], lw=2.5, animated=True)[0] for _ in range(MOST)]
    values = [bars.text(0, i, "", zorder=6, bbox=_PLATE, **_TEXT) for i in range(MOST)]
    total = bars.text(0, -0.75, "", **_TEXT)
    here = shifts.axvline(0, ymax=1 / _TALL, color=PALETTE["truth"], lw=2, animated=True)
    (handle,) = shifts.plot([], [], zorder=5, clip_on=False, **_HANDLE)
    # The layout is found once: this unseen label keeps room for the widest one that comes later.
    lanes.text(-0.02, 0.5, "z = −99.99", ha="right", alpha=0, transform=lanes.transAxes)
    shown = None

    def update(seen):
        nonlocal shown
        scene = (seen.format.name, tuple(seen.z.values.tolist()))
        if scene != shown:
            shown = scene
            _draw_window(axes["window"], seen)
            _draw_classes(axes["p"], seen)
            _draw_shifts(axes["shifts"], seen)
            for over, name in ((lanes, "window"), (bars, "p"), (shifts, "shifts")):
                over.set(xlim=axes[name].get_xlim(), ylim=axes[name].get_ylim())
        _place_dots(dots, exponents, seen, lanes.get_xlim())
        _place_bars(boxes, truths, values, seen)
        total.set_text(f"p = exp / sum,  sum = {words(seen.total)[0]}")
        where = float(np.clip(seen.m, *shifts.get_xlim()))
        here.set_xdata([where, where])
        handle.set_data([where], [-0.22])

    return update


_TEXT = {"animated": True, "va": "center", "clip_on": False, "in_layout": False}
_DOT = {
    "animated": True,
    "ls": "",
    "marker": "D",
    "ms": 9,
    "mfc": PALETTE["paper"],
    "mec": PALETTE["truth"],
    "mew": 2,
}
_HANDLE = {"animated": True, "ls": "", "marker": "^", "ms": 11, "color": PALETTE["truth"]}  # hides no word
_PLATE = {"fc": PALETTE["paper"], "ec": "none", "pad": 1}


_TALL = 4.2  # the strip of shifts with its pins, in units of the strip


def _over(axes):
    """Axes on top of others, for what moves: the ones below can be cleared and drawn anew."""
    over = axes.figure.add_subplot(axes.get_subplotspec(), label="over", zorder=2)
    over.set_axis_off()
    return over


def _look(state):
    style = STATE_STYLE[state]
    face = _TINT if state == "ok" else PALETTE["paper"]
    return {"facecolor": face, "edgecolor": style.colour, "hatch": style.hatch, "linewidth": 0.8}


_TINT = "#C6DFEE"


def _draw_window(ax, seen):
    """What exp makes of an exponent: zero, subnormal, a full number, inf."""
    fmt, count = seen.format, len(seen.z.values)
    edges = [1.45 * fmt.exp_first_zero, fmt.exp_first_zero, fmt.exp_first_subnormal, fmt.exp_first_bad,
             1.5 * fmt.exp_first_bad]  # fmt: skip
    ax.clear()
    ax.set(
        xlim=(edges[0], edges[-1]), ylim=(count - 0.5, -1.1), xlabel="exponent z − m, a lane for each class"
    )
    names = ("zero", "subnormal", "ok", "inf" if fmt.has_inf else "NaN")
    for state, left, right in zip(names, edges[:-1], edges[1:], strict=True):
        ax.axvspan(left, right, ymax=count / (count + 0.6), **_look(state))
        x, side = (0, "center") if state == "ok" else (left, "left")
        ax.text(x, -0.8, f"{STATE_STYLE[state].glyph} {STATE_STYLE[state].word}", ha=side, va="center")
    ax.set_yticks(range(count), [minus(f"z = {z:.4g}") for z in seen.z.values.astype(np.float64)])
    ax.set_xticks([*edges[1:4], 0], [minus(f"{x:.4g}") for x in edges[1:4]] + ["0"])
    for tick, side in zip(ax.get_xticklabels(), ("right", "left"), strict=False):
        tick.set_horizontalalignment(side)
    ax.tick_params(length=0, colors=PALETTE["text"])
    ax.spines["left"].set_visible(False)


def _draw_classes(ax, seen):
    count = len(seen.z.values)
    ax.clear()
    ax.set(xlim=(0, 1.5), ylim=(count - 0.5, -1.1), xlabel="p; the truth is dotted")
    ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    ax.set_yticks([])
    ax.spines["left"].set_bounds(count - 0.5, -0.5)
    ax.tick_params(colors=PALETTE["text"])


def _draw_shifts(ax, seen):
    """The state of the answer for every m, with the shifts that people try above it."""
    edges = seen.sweep.edges
    low, high = edges[0][1], edges[-1][2]
    ax.clear()
    ax.set(xlim=(low, high), ylim=(0, _TALL), xlabel="shift m, and what becomes of p")
    ends = [*(first for _, first, _ in edges), high]
    for (state, *_), left, right in zip(edges, ends[:-1], ends[1:], strict=True):
        ax.axvspan(left, right, ymax=1 / _TALL, **_look(state))
        text = f"{STATE_STYLE[state].glyph} {OUTCOME[state]}"
        if right - left > 0.0125 * len(text) * (high - low):
            x = left + (0.8 if state == "ok" else 0.5) * (right - left)
            ax.text(x, 0.5, text, ha="center", va="center", bbox=_PLATE)
    ax.set_xticks(
        *(_ticks(edges, high - low) if seen.told else ([low, 0, high], [minus(f"{low:g}"), "0", f"{high:g}"]))
    )
    ax.set_yticks([])
    ax.tick_params(colors=PALETTE["text"], pad=9)  # room for the marker
    ax.spines["left"].set_visible(False)
    _draw_marks(ax, seen.marks, high - low)


def _ticks(edges, span):
    """A tick where the state changes, as far as there is room; a narrow state has its name there."""
    places, texts = [], []
    for (state, first, _), (_, after, _) in zip(edges[1:], [*edges[2:], ("", np.inf, 0)], strict=True):
        name = f"  {STATE_STYLE[state].glyph} {OUTCOME[state]}" if after - first < 0.04 * span else ""
        text = minus(f"{first:g}") + name
        if not places or first - places[-1] > 0.0055 * (len(text) + len(texts[-1])) * span:
            places.append(first)
            texts.append(text)
    return places, texts


def _draw_marks(ax, marks, span):
    """A pin for each shift by name, with its outcome; equal shifts share one."""
    ends, (low, high) = [-np.inf] * 3, ax.get_xlim()
    for pins in _clusters(marks, 1e-9 * span):
        text = f"{', '.join(name for name, *_ in pins)} {STATE_STYLE[pins[0][2]].glyph}"
        places = [m for _, m, _ in pins]
        half = 0.0062 * len(text) * span
        middle = min(max(places[0], low + half), high - half)
        tier = next((tier for tier, end in enumerate(ends) if middle - half > end), 2)
        ends[tier] = middle + half
        ax.vlines(places, 1, 1.35 + tier, colors=PALETTE["truth"], lw=1.2)
        ax.text(middle, 1.4 + tier, text, ha="center", va="bottom", clip_on=False)


def _clusters(marks, near):
    """The marks from left to right as lists of (name, m, state), each list close together and of one state."""
    lists = []
    for name, (m, state) in sorted(marks.items(), key=lambda item: item[1][0]):
        if lists and lists[-1][-1][2] == state and m - lists[-1][-1][1] < near:
            lists[-1].append((name, m, state))
        else:
            lists.append([(name, m, state)])
    return lists


def _place_dots(dots, texts, seen, limits):
    low, high = limits
    margin = 0.025 * (high - low)
    exponents = seen.exponents.values.astype(np.float64)
    for i, (dot, text) in enumerate(zip(dots, texts, strict=True)):
        dot.set_visible(i < len(exponents))
        text.set_visible(i < len(exponents))
        if i < len(exponents):
            x = float(np.clip(exponents[i], low + margin, high - margin))
            left = x > (low + high) / 2
            beyond = "◀" if exponents[i] < low else "▶" if exponents[i] > high else ""
            dot.set(xdata=[x], ydata=[i], marker={"◀": "<", "▶": ">"}.get(beyond, "D"))
            text.set(
                x=x + (-1 if left else 1) * margin,
                text=minus(f"{exponents[i]:.6g}"),
                ha="right" if left else "left",
            )


def _place_bars(boxes, truths, texts, seen):
    p, states, said = seen.p.values.astype(np.float64), seen.p.states, words(seen.p)
    for i, (box, mark, text) in enumerate(zip(boxes, truths, texts, strict=True)):
        for artist in (box, mark, text):
            artist.set_visible(i < len(p))
        if i < len(p):
            lost = not np.isfinite(p[i])
            box.set(width=1 if lost else p[i], **_look(states[i]))
            mark.set_data([seen.truth[i]] * 2, [i - 0.42, i + 0.42])
            text.set(
                text=said[i],
                x=0.5 if lost else max(p[i], seen.truth[i]) + 0.05,
                ha="center" if lost else "left",
            )
