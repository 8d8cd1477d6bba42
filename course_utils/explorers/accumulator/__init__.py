"""W9. Stable isn't enough: with the shift in place, the sum and the storage can still lose a softmax."""

from course_utils.explorers.accumulator.observation import CONTROLS, MOST, describe, observe, table
from course_utils.explorers.accumulator.picture import draw
from course_utils.explorers.core import Explorer

_ALL = ("terms", "total", "store")

PRESETS = {
    "classes": {
        "K = 256": {"size": 8.0},
        "K = 1,024": {"size": 10.0},
        f"K = {2**MOST:,}": {"size": float(MOST)},
    },
    "formats": {
        "all bfloat16": dict.fromkeys(_ALL, "bfloat16"),
        "all float16": dict.fromkeys(_ALL, "float16"),
        "p in e4m3": {"terms": "float32", "total": "float32", "store": "float8_e4m3fn"},
        "p in e5m2": {"terms": "float32", "total": "float32", "store": "float8_e5m2"},
    },
}


def reached(seen) -> bool:
    """A large softmax that holds together with no format wider than 16 bits."""
    narrow = all(fmt.bits <= 16 for fmt in (seen.format, seen.sum_format, seen.store))
    return narrow and seen.size >= 2**MOST and abs(seen.computed.sum_p - 1) < 0.01


def explore(**preset):
    return Explorer(
        question="The shift is in. What can still go wrong?",
        goal=f"At K = {2**MOST:,}, make all p add up to 1 within 1 % with no format wider than 16 bits.",
        caption="Left the sum of the exps, right the sum of all stored probabilities, over the number of "
        "classes. Solid: computed in the chosen formats; dotted: the truth. Hatched: 0, inf or NaN.",
        why="A running total stalls where the next term is below half of the spacing at the total: one more 1 is lost "
        "from 256 on in bfloat16, from 2,048 on in float16, from 16 and 8 on in the two float8. No exp is wrong there, "
        "and the shift does not help: the total is. A stored p is lost where it is below half of the smallest number "
        "of its format.",
        note="Every exp and every addition is computed in the chosen format. The division is float32, rounded "
        "once to the format of p. The truth is float64, on the logits as they are stored.",
        controls=CONTROLS,
        presets=PRESETS,
        preset=preset,
        observe=observe,
        describe=describe,
        table=table,
        draw=draw,
        size=(9, 4.3),
        strip={
            "all bfloat16, K = 1,024": {},
            "sum in float32, K = 1,024": {"total": "float32"},
            "p in float8_e4m3fn, K = 1,024": {"terms": "float32", "total": "float32", "store": "float8_e4m3fn"},
        },
        reached=reached,
    )  # fmt: skip
