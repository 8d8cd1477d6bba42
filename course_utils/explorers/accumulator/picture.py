"""The picture: the sum of the exps and the sum of the stored p over K, and the numbers at this K."""

import numpy as np

from course_utils import floats
from course_utils.explorers.accumulator.observation import SIZES, digits_of
from course_utils.plots import PALETTE, STATE_STYLE, look

_COMPUTED = {"color": PALETTE["computed"], "lw": 2.5}
_TRUTH = {"color": PALETTE["truth"], "ls": ":", "lw": 2.2}
_PLATE = {"fc": PALETTE["paper"], "ec": "none", "pad": 1.5}
_PANELS = {"total": ("sum of the exps", (0.6, 4e5)), "sum_p": ("sum of all stored p", (0.004, 2e3))}


def draw(figure):
    """Called once: two curves over K with a marker each, and a ribbon of numbers below."""
    axes = figure.subplot_mosaic([[*_PANELS], ["ribbon"] * 2], height_ratios=[4, 1])
    parts = [_Panel(axes[name], name) for name in _PANELS] + [_Ribbon(axes["ribbon"])]

    def update(seen):
        for part in parts:
            part.show(seen)

    return update


class _Panel:
    """One quantity over K: truth dotted, computed solid; hatched where it is 0, inf or NaN."""

    def __init__(self, axes, name):
        self.axes, self.name, self.drawn = axes, name, None
        self.over = axes.figure.add_subplot(axes.get_subplotspec(), label=f"over {name}", zorder=2)
        title, limits = _PANELS[name]
        for one in (axes, self.over):
            one.set(xscale="log", yscale="log", xlim=(SIZES[0], SIZES[-1]), ylim=limits)
            one.minorticks_off()  # eight a decade on both axes cost seconds and tell nothing
        axes.set_title(title)
        axes.set_xlabel("classes K")
        axes.tick_params(colors=PALETTE["text"])
        self.over.set_axis_off()
        self.here = self.over.axvline(2, color=PALETTE["faint"], lw=1.2, animated=True)
        dot = {"ls": "", "mfc": PALETTE["paper"], "mew": 2, "animated": True, "clip_on": False}
        (self.true,) = self.over.plot([], [], marker="o", ms=10, mec=PALETTE["truth"], **dot)
        (self.dot,) = self.over.plot([], [], marker="D", ms=8, mec=PALETTE["computed"], **dot)

    def show(self, seen):
        if self.drawn is not seen.curves:
            self.drawn = seen.curves
            self._draw_curves(seen)
        self.here.set_xdata([seen.size, seen.size])
        computed = getattr(seen.computed, self.name)
        self.true.set_data([seen.size], [getattr(seen.truth, self.name)])
        self.dot.set_data([seen.size], [self._inside(computed)])
        self.dot.set_marker("D" if np.isfinite(computed) and computed > 0 else "X")

    def _inside(self, value):
        low, high = _PANELS[self.name][1]
        return float(np.clip(high if np.isnan(value) else value, low, high))

    def _draw_curves(self, seen):
        ax, computed = self.axes, seen.curves[self.name]
        for artist in [*ax.lines, *ax.patches, *ax.texts]:
            artist.remove()
        states = floats.states(computed)
        for state in ("zero", "inf", "NaN"):
            if np.any(states == state):
                self._hatch(state, SIZES[np.argmax(states == state)])
        ax.plot(SIZES, np.where(np.isfinite(computed) & (computed > 0), computed, np.nan), **_COMPUTED)
        ax.plot(SIZES, seen.true_curves[self.name], **_TRUTH)

    def _hatch(self, state, first):
        """From its first K on a state lasts: nothing here comes back from 0, inf or NaN."""
        style = STATE_STYLE[state]
        self.axes.axvspan(first, SIZES[-1], lw=0.8, **look(state))
        middle, wide = np.sqrt(float(first) * SIZES[-1]), first < SIZES[-1] / 30
        self.axes.text(
            middle, 0.72, f"{style.glyph} {style.word}", transform=self.axes.get_xaxis_transform(),
            ha="center", va="center", rotation=0 if wide else 90, bbox=_PLATE,
        )  # fmt: skip


class _Ribbon:
    """The numbers at this K, computed above true."""

    def __init__(self, axes):
        axes.set(xlim=(0, 5), ylim=(3, 0))
        axes.set_axis_off()
        lines = (("computed", _COMPUTED, "D", "computed"), ("truth", _TRUTH, "o", "truth"))
        for row, (name, line, marker, colour) in enumerate(lines, start=1):
            dot = {"marker": marker, "ms": 8, "mec": PALETTE[colour], "mfc": PALETTE["paper"], "mew": 2}
            axes.plot([0.05, 0.25, 0.45], [row + 0.5] * 3, markevery=[1], **line, **dot)
            axes.text(0.55, row + 0.5, name, va="center")
        heads = ("K", "sum of the exps", "first p", "all p sum to")
        for column, name in enumerate(heads):
            axes.text(1.4 + 0.95 * column, 0.5, name, va="center", weight="bold")
        text = {"animated": True, "va": "center", "clip_on": False, "in_layout": False}
        self.cells = [
            [axes.text(1.4 + 0.95 * column, row + 0.5, "", **text) for column in range(4)] for row in (1, 2)
        ]

    def show(self, seen):
        for cells, one in zip(self.cells, (seen.computed, seen.truth), strict=True):
            texts = (f"{seen.size:,}", *map(digits_of, (one.total, one.first, one.sum_p)))
            for cell, text in zip(cells, texts, strict=True):
                cell.set_text(text)
