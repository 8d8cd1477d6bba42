"""The picture: the first probability over the offset, and below it what exp has left of both logits."""

import numpy as np

from course_utils.explorers.offset.observation import (
    BREAKS,
    METHODS,
    REACH,
    SPANS,
    count,
    farthest,
    place_of,
    spoken,
)
from course_utils.plots import PALETTE, draw_lanes, look


def draw(figure):
    """The curve with the marker of c; below, a row a class: stored z, exp in ulps, p and the truth."""
    curve, rows = figure.subplots(2, 1, height_ratios=[5, 2])
    lanes, classes = _Curve(curve), [_Row(rows, row) for row in range(2)]
    rows.set(xlim=(0, 9), ylim=(2.45, -0.75))
    rows.set_axis_off()
    for x, name in (
        (0.05, "class"),
        (0.8, "stored z"),
        (2.35, "what exp is made of"),
        (6.1, "p"),
        (7.9, "truth"),
    ):
        rows.text(x, -0.3, name, va="center", weight="normal" if x < 0.1 else "bold")

    def update(seen):
        lanes.show(seen)
        for row in classes:
            row.show(seen)

    return update


_WORDS = {"animated": True, "va": "center", "in_layout": False}
_DOT = {"ls": "", "marker": "D", "ms": 10, "mfc": PALETTE["paper"], "mec": PALETTE["computed"], "mew": 2.5}
_LANDMARK = {"ms": 7, "mfc": PALETTE["paper"], "mec": PALETTE["computed"], "mew": 1.6, "zorder": 4}
_LANDMARK_WORD = {"textcoords": "offset points", "ha": "center", "va": "center", "zorder": 3}
_PLATE = {"fc": PALETTE["paper"], "ec": "none", "pad": 1}


class _Curve:
    """Truth and computed over all offsets, drawn anew with the scene; a marker that moves with c."""

    def __init__(self, axes):
        self.axes, self.shown = axes, None
        self.over = axes.figure.add_subplot(axes.get_subplotspec(), label="over", zorder=2)
        self.over.set_axis_off()
        (self.here,) = self.over.plot([], [], color=PALETTE["truth"], lw=1.2, animated=True)
        (self.dot,) = self.over.plot([], [], animated=True, zorder=5, clip_on=False, **_DOT)
        # The layout is found once: this unseen label keeps room for the name at the end of the line.
        self.over.text(1.01, 0.5, "truth", alpha=0, transform=self.over.transAxes)

    def show(self, seen):
        if self.shown is not seen.sweep:
            self.shown = seen.sweep
            self._draw_scene(seen)
        x = float(_place(seen, seen.offset))
        p = float(seen.p[0])
        y = p if np.isfinite(p) else float(seen.truth[0])
        self.here.set_data([x, x], [self.over.get_ylim()[0], y])
        self.dot.set_data([x], [y])
        self.dot.set_marker("D" if np.isfinite(p) else "X")

    def _draw_scene(self, seen):
        axes, sweep = self.axes, seen.sweep
        places = np.linspace(0, 1, len(sweep.x))
        names = ("truth", "")  # "computed" stands where the curve is calm
        draw_lanes(axes, places, sweep.truth[:, 0], sweep.p[:, 0], sweep.states, names, limits=(0, 1))
        axes.text(0.67, seen.truth[0] + 0.04, "computed", ha="center", color=PALETTE["computed"], bbox=_PLATE)
        axes.set_yticks([0, 0.5, 1])
        axes.set_ylabel("p of class 1")
        if seen.reach == REACH[0]:
            self._near(seen)
        else:
            self._far(seen)
        self.over.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())

    def _near(self, seen):
        ticks = _near_ticks(seen.format)
        self.axes.set_xticks([_place(seen, tick) for tick in ticks], [_tick(tick) for tick in ticks])
        self.axes.set_xlabel("offset c, with room for both cliffs")
        for x in BREAKS:  # here the scale of the axis changes
            self.axes.text(
                x, 0, "//", transform=self.axes.get_xaxis_transform(), ha="center", va="center", bbox=_PLATE
            )
        if seen.method == METHODS[0]:
            self._landmarks(seen)

    def _landmarks(self, seen):
        """Whole offsets on the way down, each with its p, as long as there is one."""
        last = None
        for c in landmarks(seen.format)[:-1]:
            x, p = _place(seen, c), float(seen.sweep.p[np.argmin(np.abs(seen.sweep.x - c)), 0])
            if np.isfinite(p):
                self.axes.plot([x], [p], "o", **_LANDMARK)
                word, lift = f"{p:.3g}", 15 if p > seen.truth[0] - 0.04 else -16
                if word != last:
                    self.axes.annotate(word, (x, p), (0, lift), bbox=_PLATE, **_LANDMARK_WORD)
                last = word

    def _far(self, seen):
        # Neighbouring offsets give unlike answers: a line through them would be a solid block.
        self.axes.lines[0].set(ls="", marker="o", ms=2.5)
        self.axes.texts[-1].set_x(0.3)
        top = int(np.log2(farthest(seen.format.name, seen.gap)))
        exponents = range(0, top + 1, 1 if top < 12 else 4 if top < 40 else 8)
        self.axes.set_xticks([k / top for k in exponents], [f"$2^{{{k}}}$" for k in exponents])
        self.axes.set_xlabel("offset c, far away: every step to the right doubles it")


def landmarks(fmt) -> list[float]:
    """Five whole offsets on the way down to where exp is gone: −95, −100, −102, −103, −104 in float32."""
    last = np.round(fmt.exp_first_zero)
    return [float(last + up) for up in (9, 4, 2, 1, 0)]


def _near_ticks(fmt):
    down = [tick for tick in np.round(fmt.exp_first_zero) + np.arange(0, 10, 2) if tick > SPANS[fmt.name][0]]
    return [*down, *([0.0] if down[-1] < -20 else []), fmt.exp_first_bad]


def _tick(value) -> str:
    return f"{value:.4g}".replace("-", "−")


def _place(seen, offset):
    return place_of(offset, seen.format.name, seen.reach, seen.gap)


class _Row:
    """One class: its stored logit, its exp in ulps (a block each, as long as they can be counted), p, truth."""

    left, width, most = 2.35, 3.3, 24

    def __init__(self, axes, row):
        self.row, y = row, row + 0.5
        axes.text(0.3, y, str(row + 1), va="center", ha="center")
        self.bar = axes.barh(y, self.width, 0.66, left=self.left, lw=1, animated=True)[0]
        (self.blocks,) = axes.plot([], [], "s", ms=6.5, mew=0, color=PALETTE["computed"], animated=True)
        self.logit, self.exp, self.p, self.truth = (
            axes.text(x, y, "", **_WORDS) for x in (0.8, self.left, 6.1, 7.9)
        )
        self.exp.set_bbox(_PLATE)

    def show(self, seen):
        self._show_exp(seen.steps["exp"].states[self.row], seen.ulps[self.row])
        p, truth = float(seen.p[self.row]), float(seen.truth[self.row])
        wrong = not abs(p - truth) <= 4 * seen.format.eps
        state = seen.steps["p"].states[self.row]
        value = f"{p:.6g}" if state in ("ok", "subnormal") else spoken(state)
        self.p.set(text=value + ("  ≠" if wrong else ""), weight="bold" if wrong else "normal")
        self.truth.set_text(f"{truth:.6g}")
        self.logit.set_text(f"{float(seen.steps['z'].values[self.row]):.9g}".replace("-", "−"))

    def _show_exp(self, state, ulps):
        few = state == "subnormal" and ulps <= self.most
        shown = ulps if few else 0
        self.blocks.set_data(self.left + 0.08 + 0.135 * np.arange(shown), [self.row + 0.5] * shown)
        self.bar.set(visible=not few, **look(state))
        if few:
            word, x = f"{ulps} ulp{'s' if ulps > 1 else ''}", self.left + 0.135 * shown + 0.12
        else:
            word, x = self._word(state, ulps), self.left + 0.15
        self.exp.set(text=word, x=x)
        self.exp.get_bbox_patch().set_visible(state != "ok")

    @staticmethod
    def _word(state, ulps):
        if state == "ok":
            return f"{ulps:,} ulps"
        return spoken(state) + (f", {count(ulps)} ulps" if state == "subnormal" else "")
