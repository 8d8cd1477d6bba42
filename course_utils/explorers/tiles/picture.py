"""The picture: the row of scores, how much each counts by now, and what is remembered."""

import numpy as np

from course_utils.explorers.tiles.observation import digits
from course_utils.plots import PALETTE, STATE_STYLE, look

_TEXT = {"animated": True, "va": "center", "clip_on": False, "in_layout": False}
_ROWS = ("maximum m", "shrinks by α", "total", "output")


def draw(figure):
    """Called once: the tape above, the weights below it, the numbers beside them."""
    places = [["tape", "numbers"], ["weights", "numbers"]]
    axes = figure.subplot_mosaic(places, height_ratios=[1, 3.2], width_ratios=[3, 2])
    parts = [_Tape(axes["tape"]), _Weights(axes["weights"]), _Numbers(axes["numbers"])]

    def update(seen):
        for part in parts:
            part.show(seen)

    return update


class _Tape:
    """The scores in their boxes: read ones tinted, the last tile framed."""

    def __init__(self, axes):
        axes.set(xlim=(-0.6, 7.6), ylim=(-0.15, 1.6))
        axes.set_axis_off()
        axes.text(-0.5, 1.35, "scores", va="center")
        self.boxes = [axes.bar(i, 1, 0.9, animated=True)[0] for i in range(8)]
        self.texts = [axes.text(i, 0.5, "", ha="center", **_TEXT) for i in range(8)]
        edge = {"fill": False, "lw": 3, "ec": PALETTE["truth"], "animated": True, "clip_on": False}
        self.frame = axes.bar(0, 1.16, 1, bottom=-0.08, align="edge", **edge)[0]

    def show(self, seen):
        read = len(seen.frames) * seen.tile
        for i, (box, text, score) in enumerate(zip(self.boxes, self.texts, seen.scores, strict=True)):
            masked = score == -np.inf
            box.set(facecolor=look("ok")["facecolor"] if i < read and not masked else PALETTE["paper"])
            box.set(edgecolor=PALETTE["faint"], linestyle="-" if i < read else "--")
            text.set_text("−inf" if masked else f"{score:g}")
        self.frame.set_visible(read > 0)
        self.frame.set(x=seen.current.start - 0.5, width=seen.tile)


class _Weights:
    """A bar a score: what it counts in the total; dotted, what it should count."""

    def __init__(self, axes):
        axes.set(xlim=(-0.6, 7.6), ylim=(0, 1.15), ylabel="counts in the total")
        axes.set_xticks(range(8), [f"v = {i}" for i in range(8)])
        axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.tick_params(length=0, colors=PALETTE["text"])
        self.bars = [axes.bar(i, 0.5, 0.7, animated=True)[0] for i in range(8)]
        self.truths = [
            axes.plot([], [], ":", color=PALETTE["truth"], lw=2.5, animated=True)[0] for _ in range(8)
        ]
        self.texts = [
            axes.text(i, 0, "", ha="center", bbox=_PLATE, **(_TEXT | {"va": "bottom"})) for i in range(8)
        ]

    def show(self, seen):
        read = len(seen.frames) * seen.tile
        for i, (bar, mark, text) in enumerate(zip(self.bars, self.truths, self.texts, strict=True)):
            weight, true = seen.last.weights[i], seen.true_weights[i]
            for artist in (bar, mark, text):
                artist.set_visible(i < read)
            if i < read:
                lost = not np.isfinite(weight)
                bar.set(height=1.05 if lost else weight, **look("NaN" if lost else "ok"))
                mark.set_data([i - 0.45, i + 0.45], [true, true])
                text.set(y=0.5 if lost else max(weight, true) + 0.02)
                text.set_text(f"{STATE_STYLE['NaN'].glyph} NaN" if lost else f"{weight:.2g}")


_PLATE = {"fc": PALETTE["paper"], "ec": "none", "pad": 0.5}


class _Numbers:
    """What is remembered, beside what two passes give."""

    def __init__(self, axes):
        axes.set(xlim=(0, 3.2), ylim=(len(_ROWS) + 0.6, -0.7))
        axes.set_axis_off()
        for x, head in ((1.35, "now"), (2.35, "two passes")):
            axes.text(x, 0, head, va="center", weight="bold")
        for row, name in enumerate(_ROWS, start=1):
            axes.text(0.05, row, name, va="center")
        self.now = [axes.text(1.35, row, "", **_TEXT) for row in range(1, len(_ROWS) + 1)]
        self.true = [axes.text(2.35, row, "", **_TEXT) for row in range(1, len(_ROWS) + 1)]

    def show(self, seen):
        last = seen.last
        now = (last.largest, last.alpha, last.total, last.output)
        true = (digits(last.largest), "", digits(seen.true_total), digits(seen.true_output))
        for text, value in zip(self.true, true, strict=True):
            text.set_text(value)
        for row, (text, value) in enumerate(zip(self.now, now, strict=True)):
            wrong = row in (2, 3) and digits(value) != true[row]
            mark = STATE_STYLE["NaN"].glyph if np.isnan(value) else "✗" if wrong else ""
            text.set_text(f"{mark} {digits(value)}".strip())
