"""W8. The tile stepper: normalise a row before its maximum has been seen, and watch the old terms shrink."""

from course_utils.explorers.core import Explorer
from course_utils.explorers.tiles.observation import CONTROLS, describe, observe, table
from course_utils.explorers.tiles.picture import draw


def _walk(steps):
    """So many tiles on, or back; from within a tile to its end."""

    def go(state):
        read = state["read"] // state["tile"] + steps
        return {"read": float(min(max(read, 0) * state["tile"], 8))}

    return go


PRESETS = {
    "walk": {"start": {"read": 0.0}, "◀ back": _walk(-1), "step ▶": _walk(+1), "end": {"read": 8.0}},
    "what goes wrong": {
        "a total of two scales": {"code": "old total", "order": "given", "tile": 2, "read": 8.0},
        "an output of two scales": {"code": "old output", "order": "given", "tile": 2, "read": 8.0},
        "a masked start": {"code": "no guard", "order": "first tile masked", "tile": 2, "read": 4.0},
    },
}


def reached(seen) -> bool:
    """A walk of four tiles or more, finished, in which no old sum was ever made smaller."""
    frames = seen.frames
    return len(frames) == seen.tiles >= 4 and seen.right and all(one.alpha == 1 for one in frames[1:])


def explore(**preset):
    return Explorer(
        question="How can you normalise before you have seen the maximum?",
        goal="Read a row in four tiles or more so that nothing is ever rescaled.",
        caption="Above, the row of scores, tile by tile; the tile in the thick frame was read last. Below, how much "
        "each score counts in the running total, measured against the maximum so far; dotted, how much it should. "
        "To the right, what is remembered, beside what two passes over the same scores give.",
        why="A term was measured against the maximum of its time. When the maximum grows from m to M, every old term "
        "must shrink by α = e^(m − M), and all of them do in one multiplication: of the total, and of the output, "
        "which is a sum with the same weights. In descending order the maximum never grows. A start of nothing but "
        "−inf has no maximum: −inf − (−inf) is NaN, and a NaN in a sum never leaves.",
        note="Eight scores, and the values 0 to 7, whose weighted average is the output. Every step is computed in "
        "float64, the two passes in 60-digit arithmetic.",
        controls=CONTROLS,
        presets=PRESETS,
        preset=preset,
        size=(9, 4.3),
        observe=observe,
        describe=describe,
        table=table,
        draw=draw,
        strip={
            "two tiles read": {"read": 4.0},
            "all read": {"read": 8.0},
            "the old total is not rescaled": {"read": 8.0, "code": "old total"},
            "a masked start without the guard": {"code": "no guard", "order": "first tile masked"},
        },
        reached=reached,
    )
