"""The strip below the picture: what comes out along M, covered until the learner has found it."""

from itertools import pairwise

import numpy as np

from course_utils.plots import PALETTE, draw_strip


class Regimes:
    """The strip: what comes out along M. Drawn anew when the row of states changes; else only the marker moves."""

    def __init__(self, axes):
        self.axes, self.over, self.shown = axes, axes.twinx(), None
        self.over.set_axis_off()
        self.over.set(ylim=axes.get_ylim())
        (self.marker,) = self.over.plot([], [], animated=True, clip_on=False, zorder=5, **_MARKER)
        axes.set_xlabel("magnitude M")
        axes.tick_params(axis="x", pad=9)  # room for the marker

    def show(self, seen, sweep):
        key = (seen.pattern, seen.format.name, seen.method)
        if (*key, seen.told) != self.shown:
            self.shown = (*key, seen.told)
            states = sweep.states if seen.told else np.full(len(sweep.x), "ok")
            draw_strip(self.axes, sweep.x, states, words=_WORD)
            if seen.told:
                _name_edges(self.axes, sweep)
            else:
                _cover(self.axes)
            self.over.set_ylim(self.axes.get_ylim())
        self.marker.set_data([np.clip(seen.magnitude, 0, sweep.x[-1])], [_BELOW])


_WORD = {"zero": "all p are 0", "subnormal": "digits lost"}
_BELOW = -0.1  # the marker points at the strip and hides no word on it
_MARKER = {"marker": "^", "markersize": 11, "mfc": PALETTE["truth"], "mec": PALETTE["truth"]}


def _cover(axes):
    """A strip that says nothing yet."""
    low, high = axes.get_xlim()
    for artist in [*axes.patches, *axes.texts]:
        artist.remove()
    axes.barh(0.31, high - low, 0.62, low, fc="#F2F2F2", ec=PALETTE["faint"], ls=":")
    axes.text((low + high) / 2, 0.31, "what comes out at each M: shown when you have found it",
              ha="center", va="center", color=PALETTE["faint"])  # fmt: skip
    axes.set_ylim(-0.06, 1.12)


def _name_edges(axes, sweep):
    """Ticks at the cliffs, named by the first magnitude beyond; neighbours lean away from each other."""
    edges = [first for _, first, _ in sweep.edges[1:]]
    axes.set_xticks([0, *edges, sweep.x[-1]], [f"{x:.6g}" for x in (0, *edges, sweep.x[-1])])
    labels = axes.get_xticklabels()
    for left, right in pairwise(labels[1:]):
        if right.get_position()[0] - left.get_position()[0] < 0.08 * sweep.x[-1]:
            left.set_horizontalalignment("right")
            right.set_horizontalalignment("left")
