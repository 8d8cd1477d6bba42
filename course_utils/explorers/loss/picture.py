"""The picture: two quantities over the gap, and the four numbers at this gap."""

from itertools import pairwise

import numpy as np

from course_utils import floats
from course_utils.explorers.loss.observation import QUANTITIES, digits_of, said
from course_utils.plots import PALETTE, STATE_STYLE


def drawing(main, side, told=QUANTITIES):
    """The `draw` of a view: two quantities over the gap, and a ribbon with the numbers `told` at this gap."""

    def draw(figure):
        axes = figure.subplot_mosaic(
            [["main", "side"], ["ribbon", "ribbon"]], height_ratios=[4, 1], width_ratios=[3, 2]
        )
        parts = [_Curve(axes["main"], main), _Curve(axes["side"], side), _Ribbon(axes["ribbon"], told)]

        def update(seen):
            for part in parts:
                part.show(seen)

        return update

    return draw


_TEXT = {"animated": True, "va": "center", "clip_on": False, "in_layout": False}
_PLATE = {"fc": PALETTE["paper"], "ec": "none", "pad": 1.5}
_DOT = {"mfc": PALETTE["paper"], "mew": 2}
_COMPUTED = (
    {"color": PALETTE["computed"], "lw": 2.5},
    {"marker": "D", "ms": 8, "mec": PALETTE["computed"], **_DOT},
)
_TRUTH = (
    {"color": PALETTE["truth"], "ls": ":", "lw": 2.2},
    {"marker": "o", "ms": 10, "mec": PALETTE["truth"], **_DOT},
)


class _Curve:
    """One quantity over the gap: truth dotted, computed solid, hatched where it is no number or 0."""

    def __init__(self, axes, name):
        self.axes, self.name, self.shown = axes, name, None
        self.over = axes.figure.add_subplot(axes.get_subplotspec(), label=f"over {name}", zorder=2)
        self.over.set_axis_off()
        # The layout is found once: this unseen label keeps room for the widest one that comes later.
        self.over.text(-0.02, 0.5, "$10^{-300}$", ha="right", alpha=0, transform=self.over.transAxes)
        self.here = self.over.axvline(0, color=PALETTE["faint"], lw=1.2, animated=True)
        (self.exact,) = self.over.plot([], [], ls="", animated=True, clip_on=False, **_TRUTH[1])
        (self.dot,) = self.over.plot([], [], ls="", animated=True, clip_on=False, **_COMPUTED[1])

    def show(self, seen):
        if self.shown is not seen.curves:
            self.shown = seen.curves
            self._draw_curves(seen)
            self.over.set_yscale("linear")  # a log scale refuses the limits of a linear one
            self.over.set(xlim=self.axes.get_xlim(), ylim=self.axes.get_ylim())
            self.over.set_yscale(self.axes.get_yscale())
        number, size = seen.numbers[self.name], self._size(seen)
        self.here.set_xdata([seen.gap, seen.gap])
        for dot, value in ((self.exact, number.truth), (self.dot, number.value)):
            dot.set_data([seen.gap], [self._inside(size(value))])
        self.dot.set_marker("D" if np.isfinite(number.value) else "X")

    def _size(self, seen):
        """Small numbers go on a log scale, where the truth is a straight line, and without their sign."""
        return np.abs if self._log(seen) else np.asarray

    def _log(self, seen):
        return (seen.target == "ahead") != (self.name == "p")

    def _inside(self, value):
        low, high = self.over.get_ylim()
        return float(np.clip(high if np.isnan(value) else value, low, high))

    def _draw_curves(self, seen):
        ax, curves, size = self.axes, seen.curves, self._size(seen)
        computed = curves.computed[self.name].astype(np.float64)
        truth = curves.truth[self.name]
        ax.clear()
        ax.set(xlim=(0, curves.gaps[-1]), xlabel="gap g")
        ax.set_title(f"{self._title(seen)}")
        self._set_scale(ax, seen, size(truth))
        for state, left, right in _runs(curves.gaps, floats.states(curves.computed[self.name])):
            sign = "−" if state == "inf" and (computed[curves.gaps >= left][0] < 0) else ""
            _draw_state(ax, state, left, right, sign)
        drawable = np.isfinite(computed) & ((computed != 0) | (ax.get_yscale() == "linear"))
        below = drawable & (computed < 0) & (self.name == "loss")
        ax.plot(curves.gaps, np.where(drawable & ~below, size(computed), np.nan), **_COMPUTED[0])
        ax.plot(curves.gaps, size(truth), **_TRUTH[0])
        if below.any():
            ax.plot(
                curves.gaps, np.where(below, size(computed), np.nan), color=PALETTE["inf"], lw=2.5, ls="--"
            )
            last = np.flatnonzero(below)[-1]
            ax.text(curves.gaps[last], size(computed)[last] * 1e3, "computed loss is below 0", ha="right")

    def _title(self, seen):
        sign = "−" if self._log(seen) and self.name in ("log p", "gradient") else ""
        name = {"gradient": "d loss / dz of the target", "p": "p of the target"}.get(self.name, self.name)
        return f"{sign}{name}{', log scale' if self._log(seen) else ''}"

    def _set_scale(self, ax, seen, truth):
        last = seen.curves.gaps[-1]
        if self._log(seen):
            ax.set(ylim=(max(np.exp(-last), 1e-300) / 10, 3), yscale="log")
        elif self.name == "gradient":
            ax.set(ylim=(-1.15, 0.15))
        elif self.name == "p":
            ax.set(ylim=(0.4, 1.1))
        else:
            ax.set(ylim=(-1.08 * last, 0.05 * last) if self.name == "log p" else (-0.05 * last, 1.08 * last))
        ax.tick_params(colors=PALETTE["text"])


def _runs(x, states):
    """Stretches of equal state as (state, left, right)."""
    cuts = np.flatnonzero(states[1:] != states[:-1]) + 1
    ends = [0, *cuts, len(x) - 1]
    return [(str(states[a]), x[a], x[b]) for a, b in pairwise(ends)]


def _draw_state(ax, state, left, right, sign):
    """A pale stretch for zero, inf and NaN, with the hatch and the word in a shelf at its top."""
    if state in ("ok", "subnormal") or right - left < 0.02 * ax.get_xlim()[1]:
        return
    look, wide = STATE_STYLE[state], right - left > 0.25 * ax.get_xlim()[1]
    ax.axvspan(left, right, fc=look.colour, alpha=0.07, lw=0)
    ax.axvspan(left, right, 0.92, 1, fc=PALETTE["paper"], ec=look.colour, hatch=look.hatch, lw=0.8)
    ax.text(
        (left + right) / 2, 0.96 if wide else 0.76, f"{look.glyph} {sign}{look.word}",
        transform=ax.get_xaxis_transform(), ha="center", va="center", rotation=0 if wide else 90, bbox=_PLATE,
    )  # fmt: skip


class _Ribbon:
    """The four numbers at this gap, computed above true; what is wrong stands out in bold, with a sign."""

    def __init__(self, axes, names):
        self.names = names
        axes.set(xlim=(0, 5), ylim=(3, 0))
        axes.set_axis_off()
        for row, (name, line, dot) in enumerate((("computed", *_COMPUTED), ("truth", *_TRUTH)), start=1):
            axes.plot([0.05, 0.25, 0.45], [row + 0.5] * 3, markevery=[1], **line, **dot)
            axes.text(0.55, row + 0.5, name, va="center")
        for column, name in enumerate(names, start=1):
            axes.text(column + 0.1, 0.5, f"{'→ ' if column > 1 else ''}{name}", va="center", weight="bold")
        self.cells = [
            [axes.text(i + 1.1, row + 0.5, "", **_TEXT) for row in (1, 2)] for i in range(len(names))
        ]

    def show(self, seen):
        for (computed, truth), name in zip(self.cells, self.names, strict=True):
            one = seen.numbers[name]
            computed.set_text(f"{said(one)}{'' if one.right else '  ≠'}")
            computed.set_fontweight("normal" if one.right else "bold")
            truth.set_text(digits_of(one.truth))
