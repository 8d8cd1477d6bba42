"""The picture: loss and largest logit over the steps, the classes of the plane, and the tensors of this step."""

import numpy as np

from course_utils.explorers.training.observation import GRID, regions, said, span, worst
from course_utils.explorers.training.run import TENSORS
from course_utils.plots import PALETTE, STATE_STYLE

_TINTS = np.array(
    [[207, 228, 242], [251, 227, 211], [230, 230, 230], [255, 255, 255]], np.uint8
)  # -1: no class
_MARKS = ("o", "^", "s")
_PLATE = {"fc": PALETTE["paper"], "ec": "none", "pad": 1.5}
_DOT = {
    "ls": "",
    "marker": "D",
    "ms": 9,
    "mfc": PALETTE["paper"],
    "mew": 2,
    "animated": True,
    "clip_on": False,
}


def draw(figure):
    axes = figure.subplot_mosaic(
        [["loss", "plane"], ["largest", "plane"], ["tensors", "tensors"]],
        height_ratios=[4, 4, 1.5],
        width_ratios=[3, 2],
    )
    parts = [_Over(axes["loss"], "loss"), _Over(axes["largest"], "largest"), _Plane(axes["plane"])]
    parts.append(_Tensors(axes["tensors"]))

    def update(seen):
        for part in parts:
            part.show(seen)

    return update


class _Over:
    """One quantity over the steps; a diamond at this step, a cross and a word where the run died."""

    def __init__(self, axes, name):
        self.axes, self.name, self.shown = axes, name, None
        (self.dot,) = axes.plot([], [], mec=PALETTE["computed"], zorder=5, **_DOT)
        self.here = axes.axvline(0, color=PALETTE["faint"], lw=1.2, animated=True)

    def show(self, seen):
        if self.shown is not seen.run:
            self.shown = seen.run
            self._draw_run(seen)
        values = self._values(seen.run)
        value = values[seen.step - 1]
        low, high = self.axes.get_ylim()
        self.dot.set_data([seen.step], [np.clip(value if np.isfinite(value) else high, low, high)])
        self.here.set_xdata([seen.step, seen.step])

    def _values(self, run):
        return run.losses if self.name == "loss" else run.largest

    def _draw_run(self, seen):
        axes, values = self.axes, self._values(seen.run)
        for artist in [*axes.lines, *axes.texts, *axes.patches]:
            if artist not in (self.dot, self.here):
                artist.remove()
        steps, finite = np.arange(1, len(values) + 1), np.isfinite(values)
        axes.plot(steps, np.where(finite, values, np.nan), color=PALETTE["computed"], lw=2)
        axes.set_xlim(0, max(len(values), 20) * 1.04)
        if self.name == "loss":
            axes.set_title("loss")
            axes.set_ylim(0, 1.25 * max(values[finite], default=1))
        else:
            self._draw_cliff(seen, values[finite])
        self._mark_bad(steps, finite)

    def _draw_cliff(self, seen, values):
        cliff = seen.format.exp_last_finite
        self.axes.set_title("largest |z|")
        self.axes.set(ylim=(0, 1.4 * max(values.max(), 0.3 * cliff)), xlabel="step")
        if cliff < self.axes.get_ylim()[1]:
            self.axes.axhline(cliff, color=PALETTE["inf"], ls="--", lw=1.6)
            self.axes.annotate(f"exp overflows above {cliff:.4g}", (0.01, cliff), (0, 5), va="bottom", bbox=_PLATE,
                               xycoords=self.axes.get_yaxis_transform(), textcoords="offset points")  # fmt: skip

    def _mark_bad(self, steps, finite):
        bad = steps[~finite]
        if len(bad):
            look = STATE_STYLE["NaN"]
            self.axes.axvspan(
                bad[0] - 0.5, bad[-1] + 0.5, fc=PALETTE["paper"], ec=look.colour, hatch=look.hatch, lw=0.8
            )
            middle = (bad[0] + bad[-1]) / 2
            side = "right" if middle > 0.85 * self.axes.get_xlim()[1] else "center"
            self.axes.text(middle, 0.93, "no number", transform=self.axes.get_xaxis_transform(), ha=side,
                           va="center", bbox=_PLATE)  # fmt: skip


class _Plane:
    """The data, a mark a class, over the class that the weights give each place."""

    def __init__(self, axes):
        self.axes, self.shown = axes, None
        axes.set_box_aspect(1)
        axes.set(xticks=[], yticks=[])
        self.field = axes.imshow(
            np.zeros((GRID, GRID, 3)), origin="lower", aspect="auto", animated=True, zorder=0
        )
        style = {
            "mfc": PALETTE["paper"],
            "mec": PALETTE["truth"],
            "ms": 7,
            "mew": 1.4,
            "ls": "",
            "animated": True,
        }
        self.points = [axes.plot([], [], marker=mark, zorder=3, **style)[0] for mark in _MARKS]
        self.word = axes.text(0.5, 0.5, "", transform=axes.transAxes, ha="center", va="center", fontsize=13,
                              weight="bold", animated=True, zorder=4,
                              bbox={"fc": PALETTE["paper"], "ec": PALETTE["truth"], "pad": 4})  # fmt: skip

    def show(self, seen):
        if self.shown is not seen.run:
            self.shown = seen.run
            reach = span(seen)
            self.field.set_extent((-reach, reach, -reach, reach))
            self.axes.set(xlim=(-reach, reach), ylim=(-reach, reach))
            self.axes.set_title("class of each place after this step")
            x = seen.run.x[:, :2].astype(np.float64)
            for label, marks in enumerate(self.points):
                marks.set_data(*x[seen.run.y == label].T)
        found = regions(seen)
        self.field.set_data(_TINTS[found])
        lost = bool((found == -1).all())
        self.word.set_text("✕ NaN: no class anywhere" if lost else "")
        self.word.set_visible(lost)


class _Tensors:
    """The tensors of this step in the order of the computation, each with its state."""

    def __init__(self, axes):
        axes.set(xlim=(-0.5, len(TENSORS) - 0.5), ylim=(0, 1))
        axes.set_axis_off()
        text = {"ha": "center", "va": "center"}
        for i, name in enumerate(TENSORS):
            axes.text(i, 0.9, f"→ {name}" if i else name, weight="bold", **text)
        self.words = [axes.text(i, 0.52, "", animated=True, **text) for i in range(len(TENSORS))]
        self.stamp = axes.text(0, 0.14, "▲ first bad", weight="bold", animated=True, **text)

    def show(self, seen):
        for word, name in zip(self.words, TENSORS, strict=True):
            state = worst(seen.tensors[name])
            word.set_text(said(state))
            word.set_fontweight("normal" if state == "ok" else "bold")
        first = seen.run.first_bad
        here = first is not None and first[0] == seen.step
        self.stamp.set_visible(here)
        if here:
            self.stamp.set_x(TENSORS.index(first[1]))
