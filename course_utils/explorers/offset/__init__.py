"""W3. Slide the whole row: softmax does not care about a constant. Does the computer?"""

import numpy as np

from course_utils import pipeline
from course_utils.explorers.core import Explorer
from course_utils.explorers.offset.observation import CONTROLS, METHODS, REACH, describe, observe, table
from course_utils.explorers.offset.picture import draw
from course_utils.floats import FORMATS, neighbour


def _at(offset, kind="float32", method=METHODS[0], reach=REACH[0]):
    return {"offset": offset, "gap": 1.0, "format": kind, "method": method, "reach": reach}


def _beside_upper_cliff(which):
    """The last of the offsets, 0.01 apart, that works going up, or the first that fails, in this format."""

    def move(state):
        bad = round(FORMATS[state["format"]].exp_first_bad, 2)
        sweep = pipeline.sweep_offset(1.0, state["format"], "naive", bad + np.arange(-200, 2) / 100)
        return _at(round(sweep.edges[0][2] if which == "last" else sweep.edges[1][1], 2), state["format"])

    return move


def _all_gone(state):
    fmt = FORMATS[state["format"]]
    return _at(neighbour(fmt.exp_first_zero, fmt, up=False), fmt.name)


DOWN = {"−95": _at(-95.0), "−100": _at(-100.0), "−102": _at(-102.0)}
GONE = "where it ends"
PRESETS = {
    "go down to": DOWN,
    "far away": {
        "10⁸, shifted": _at(1e8, "float32", METHODS[1], REACH[1]),
        "257 in bfloat16": _at(257.0, "bfloat16", METHODS[1], REACH[1]),
        "shift, then store": lambda state: {"method": METHODS[2]},
    },
    GONE: {
        "−103": _at(-103.0),
        "all gone": _all_gone,
        "last good": _beside_upper_cliff("last"),
        "first bad": _beside_upper_cliff("first"),
    },
}


def explore(short=False, **preset):
    """Slide the whole row. `short=True` leaves the offset, the format and three buttons."""
    return Explorer(
        question="Softmax does not care about a constant. Does the computer?",
        goal="Slide c down. Find the worst first p that is still a number: off by more than a third."
        + ("" if short else " Then try `shifted`, also far away."),
        caption="The logits are [c, c − gap], so the truth (dotted) never changes. Solid: what the format "
        "computed. Hatched: no number, or digits lost. The axis gives both cliffs room; // marks where its scale "
        "changes. Below, exp of both logits counted in ulps, the steps of the format, a block each; ≠ marks a "
        "wrong p.",
        why="exp(c) leaves the format at both ends. At the high end the sum becomes inf first, and then exp "
        "itself. At the low end exp is made of fewer and fewer ulps, the smallest steps that the format has: 4 and 1 "
        "at −102 in float32, so p is 4/5. It is finite, sums to 1, and is wrong.\n\n"
        "Subtracting the maximum cures both ends: the largest exp is 1. But far away the logits themselves are "
        "rounded when they are stored. Two that become the same number stay the same: no shift tells them apart. "
        "Subtract before you store (`shifted, then stored`), and they stay apart.",
        note="Every step is computed in the chosen format itself; the truth is the softmax of [0, −gap].",
        controls=CONTROLS,
        presets={name: PRESETS[name] for name in ("go down to", GONE)} if short else PRESETS,
        later=(GONE,),
        preset=preset,
        hide=("gap", "method", "reach") if short else (),
        observe=observe,
        describe=describe,
        table=table,
        draw=draw,
        size=(9, 4.3),
        strip={
            "c = −95: nearly right": {"offset": -95.0},
            "c = −102: finite, sums to 1, wrong": {"offset": -102.0},
            "c = −104: NaN": {"offset": -104.0},
        },
        reached=lambda seen: seen.regime == "subnormal" and seen.error > 0.36,
    )
