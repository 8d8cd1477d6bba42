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
    """Ticks below, all of it that is still; truth and computed over all offsets, a layer; a marker on top."""

    def __init__(self, axes):
        self.axes, self.ticked, self.shown = axes, None, None
        axes.set(xlim=(0, 1), ylim=(-0.08, 1.24), ylabel="p of class 1")
        axes.set_yticks([0, 0.5, 1])
        self.scene, self.over = (self._layer(name, zorder) for name, zorder in (("scene", 0.5), ("over", 2)))
        self.scene.set_animated(True)
        (self.here,) = self.over.plot([], [], color=PALETTE["truth"], lw=1.2, animated=True)
        (self.dot,) = self.over.plot([], [], animated=True, zorder=5, clip_on=False, **_DOT)
        # The layout is found once: this unseen label keeps room for the name at the end of the line.
        self.over.text(1.01, 0.5, "truth", alpha=0, transform=self.over.transAxes)

    def _layer(self, name, zorder):
        layer = self.axes.figure.add_subplot(self.axes.get_subplotspec(), label=name, zorder=zorder)
        layer.set_axis_off()
        layer.set(xlim=self.axes.get_xlim(), ylim=self.axes.get_ylim())
        return layer

    def show(self, seen):
        if self.shown is not seen.sweep:
            self.shown = seen.sweep
            self._tick(seen)
            self._draw_scene(seen)
        x = float(_place(seen, seen.offset))
        p = float(seen.p[0])
        y = p if np.isfinite(p) else float(seen.truth[0])
        self.here.set_data([x, x], [self.over.get_ylim()[0], y])
        self.dot.set_data([x], [y])
        self.dot.set_marker("D" if np.isfinite(p) else "X")

    def _tick(self, seen):
        near = seen.reach == REACH[0]
        ticks = _near_ticks(seen) if near else _far_ticks(seen)
        if ticks == self.ticked:
            return
        self.ticked = ticks
        self.axes.set_xticks(list(ticks), list(ticks.values()))
        self.axes.set_xlabel(
            "offset c, with room for both cliffs"
            if near
            else "offset c, far away: every step to the right doubles it"
        )
        for text in list(self.axes.texts):
            text.remove()
        for x in BREAKS if near else ():  # here the scale of the axis changes
            self.axes.text(
                x, 0, "//", transform=self.axes.get_xaxis_transform(), ha="center", va="center", bbox=_PLATE
            )

    def _draw_scene(self, seen):
        scene, sweep = self.scene, seen.sweep
        places = np.linspace(0, 1, len(sweep.x))
        names = ("truth", "")  # "computed" stands where the curve is calm
        draw_lanes(scene, places, sweep.truth[:, 0], sweep.p[:, 0], sweep.states, names, limits=(0, 1))
        near = seen.reach == REACH[0]
        scene.text(
            *(0.67 if near else 0.3, seen.truth[0] + 0.04, "computed"),
            **{"ha": "center", "color": PALETTE["computed"], "bbox": _PLATE},
        )
        if not near:
            # Neighbouring offsets give unlike answers: a line through them would be a solid block.
            scene.lines[0].set(ls="", marker="o", ms=2.5)
        elif seen.method == METHODS[0] and seen.told:
            self._landmarks(seen)

    def _landmarks(self, seen):
        """Whole offsets on the way down, each with its p, as long as there is one."""
        offsets = np.array(landmarks(seen.format)[:-1])
        p = seen.sweep.p[np.abs(seen.sweep.x - offsets[:, None]).argmin(axis=1), 0].astype(np.float64)
        offsets, p = offsets[np.isfinite(p)], p[np.isfinite(p)]
        places, words = _place(seen, offsets), [f"{value:.3g}" for value in p]
        self.scene.plot(places, p, "o", **_LANDMARK)
        for i, word in enumerate(words):
            if i == 0 or word != words[i - 1]:
                above = (
                    p[i] > seen.truth[0] - 0.04 and not 0.9 < p[i] < 1
                )  # there the word of the state stands
                lift = 15 if above else -16
                self.scene.annotate(word, (places[i], p[i]), (0, lift), bbox=_PLATE, **_LANDMARK_WORD)


def landmarks(fmt) -> list[float]:
    """Five whole offsets on the way down to where exp is gone: −95, −100, −102, −103, −104 in float32."""
    last = np.round(fmt.exp_first_zero)
    return [float(last + up) for up in (9, 4, 2, 1, 0)]


def _near_ticks(seen) -> dict:
    """Where along the axis which word stands."""
    fmt = seen.format
    down = [tick for tick in np.round(fmt.exp_first_zero) + np.arange(0, 10, 2) if tick > SPANS[fmt.name][0]]
    ticks = [*down, *([0.0] if down[-1] < -20 else []), fmt.exp_first_bad]
    return {float(_place(seen, tick)): _tick(tick) for tick in ticks}


def _far_ticks(seen) -> dict:
    top = int(np.log2(farthest(seen.format.name, seen.gap)))
    exponents = range(0, top + 1, 1 if top < 12 else 4 if top < 40 else 8)
    return {k / top: f"$2^{{{k}}}$" for k in exponents}


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
