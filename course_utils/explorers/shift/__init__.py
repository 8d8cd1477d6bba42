"""W4. Must the shift be the maximum? Subtract any m from a row, and see which ones work."""

from course_utils.explorers.core import Explorer
from course_utils.explorers.shift.observation import CONTROLS, describe, marks_of, observe, sweep_of, table
from course_utils.explorers.shift.picture import draw


def _mark(name):
    return lambda state: {"m": marks_of(state["z"])[name]}


def _edge(up):
    """To the other side of the nearest change of state above m, or below it."""

    def move(state):
        edges = sweep_of(state["z"], state["format"]).edges
        if up:
            return {"m": min((first for _, first, _ in edges if first > state["m"]), default=edges[-1][2])}
        return {"m": max((last for _, _, last in edges if last < state["m"]), default=edges[0][1])}

    return move


PRESETS = {
    "shift by": {name: _mark(name) for name in ("mean", "min", "max", "max |z|", "88")},
    "go to": {"◀ next edge": _edge(up=False), "next edge ▶": _edge(up=True)},
    "a row that breaks": {
        "the mean": {"z": (120.0, 0.0, 0.0, 0.0), "m": 30.0, "format": "float32"},
        "the min": {"z": (0.0, -100.0), "m": -100.0, "format": "float32"},
        "the max |z|": {"z": (-60.0, -61.0), "m": 61.0, "format": "float32"},
        "a constant": {"z": (200.0, 190.0), "m": 88.0, "format": "float32"},
        "none of them": {"z": (100.0, 99.0, 0.0), "m": 0.0, "format": "float32"},
    },
}


def _both_ends():
    """True once both ends of the safe shifts were found, each within a step."""
    found = set()

    def reached(seen):
        first, last = seen.window
        # A number typed between the last safe step and the first lossy one has found the end as well.
        step = seen.sweep.x[1] - seen.sweep.x[0]
        found.update(end for end in (first, last) if seen.regime == "ok" and abs(seen.typed - end) < step)
        return {first, last} <= found

    return reached


def explore(**preset):
    return Explorer(
        question="Must the shift be the maximum?",
        goal="Find the smallest and the largest m that lose no digits of the answer.",
        caption="Each class has a lane. A diamond is its exponent z − m, on a window that shows what exp can "
        "still do there; beside it stand the probability p and the truth, dotted. The strip below shows what "
        "becomes of p for every m, with five shifts that people try.",
        why="The shift cancels on paper, so any m gives the same answer. In a format it must bring the largest "
        "exponent into the window: low enough that exp and the sum don't overflow, high enough that not every "
        "term is lost. Many shifts do. The maximum does it for every row, whatever the numbers: its own term "
        "is e⁰ = 1, so nothing overflows and the sum is never 0.\n\n"
        "The mean, the minimum, the largest |z| and a constant each work on some rows. The buttons named "
        "“fails” show a row for each that breaks it.",
        note="The row is subtracted, exponentiated, summed and divided in the chosen format; the truth comes "
        "from 60-digit arithmetic.",
        controls=CONTROLS,
        presets=PRESETS,
        preset=preset,
        observe=observe,
        describe=describe,
        table=table,
        draw=draw,
        size=(9, 4.4),
        strip={
            "m = 11.25, one step too small": {"m": 11.25},
            "m = 11.5, the zone without an alarm": {"m": 11.5},
            "m = 100, the maximum": {"m": 100.0},
        },
        reached=_both_ends(),
        later=("go to",),
    )
