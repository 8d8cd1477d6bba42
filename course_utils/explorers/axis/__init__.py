"""W5. The axis lab: which numbers did you subtract from which, and what did you divide by?"""

from course_utils.explorers.axis.observation import BATCHES, CODES, CONTROLS, describe, observe, table
from course_utils.explorers.axis.picture import draw
from course_utils.explorers.core import Explorer

PRESETS = {
    "what is caught": {
        "by a NaN": {"code": "one max for all", "batch": "rows far apart", "format": "float32"},
        "by the row sums": {"code": "one sum for all", "batch": "rows alike"},
    },
    "what nothing catches": {
        "the wrong axis": {"code": "max along axis 0", "batch": "columns far apart", "format": "float32"},
        "no keepdims": {"code": "max without keepdims", "batch": "columns far apart", "format": "float32"},
        "one max, float16": {"code": "one max for all", "batch": "rows 17 apart", "format": "float16"},
    },
}


def explore(**preset):
    return Explorer(
        question="Which numbers did you subtract from which?",
        goal="Find a code and a batch where a probability is wrong, although every row sums to 1 and no NaN shows.",
        caption="Left: the batch, and what the code subtracts from each number; bold where that is not the row's own "
        "maximum. Right: the probabilities, wrong ones with a cross and a frame, and the sum of each row.",
        why="A softmax belongs to one row: one maximum, one sum. NumPy lines up shapes from the right, so a maximum of "
        "the shape (3,) is read as one number for each column. In a square batch nothing stops it. "
        "`keepdims=True` leaves the shape (3, 1): one number for each row.\n\n"
        "A shift that differs inside a row is not a shift: it changes the odds, and the division still makes every "
        "row sum to 1. One maximum for the whole batch is a true shift, and too large for rows that lie far below it.",
        note="Maximum, difference, exp, sum and division are computed in the chosen format; the truth comes from "
        "60-digit arithmetic. Wrong means: off by more than 2 % of the truth and more than the format's spacing at 1.",
        controls=CONTROLS,
        presets=PRESETS,
        preset=preset,
        observe=observe,
        describe=describe,
        table=table,
        draw=draw,
        size=(9, 3.3),
        strip={
            "each row's own": {"code": "each row's own", "batch": "columns far apart"},
            "the wrong axis": {"code": "max along axis 0", "batch": "columns far apart"},
            "one maximum": {"code": "one max for all", "batch": "rows far apart"},
            "one maximum, float16": {
                "code": "one max for all",
                "batch": "rows 17 apart",
                "format": "float16",
            },
        },
        reached=lambda seen: seen.in_silence,
        later=("what is caught", "what nothing catches"),
    )


__all__ = ["BATCHES", "CODES", "CONTROLS", "PRESETS", "describe", "draw", "explore", "observe", "table"]
