"""Exercise 2 of lesson 07: what arrives at a class under each repair."""

import math

import numpy as np

from course_utils.exercises.core import Exercise, case
from course_utils.exercises.lesson_07 import repair_slips


def _what_comes():
    return [np.nan, np.nan, 0, 0, 1, np.nan, 1]


what_arrives = Exercise(
    key="07.what_arrives",
    kind="predict",
    objective="predict what a repair does to a dying run, and to what it learns",
    minutes=6,
    difficulty=2,
    truth=repair_slips.what_arrives,
    cases=(
        case("no repair", [100, 0], "nothing", dtype="float32"),
        case("clip the gradient", [100, 0], "clip the gradient", dtype="float32"),
        case("nan_to_num", [100, 0], "nan_to_num", dtype="float32"),
        case("clip the logits to 50", [100, 0], "clip the logits", dtype="float32"),
        case("float64, logit 100", [100, 0], "nothing"),
        case("float64, logit 800", [800, 0], "nothing"),
        case("shift", [100, 0], "shift", dtype="float32"),
    ),
    mistakes=(
        repair_slips.expect_the_truth,
        repair_slips.expect_the_clip_to_act,
        repair_slips.expect_the_number_back,
        repair_slips.expect_clipped_logits_to_learn,
        repair_slips.expect_float64_to_be_safe,
        repair_slips.expect_float64_to_fail,
        repair_slips.stop_at_inf,
        repair_slips.turn_the_sign_round,
    ),
    hints=(
        "Start each line with p of class 0. Is exp of its logit a number in that format?",
        "Comparing with NaN is never true, so a clip lets NaN through. nan_to_num writes 0. A clip that acts "
        "has slope 0.",
        "NaN where nothing removes it; 0 where a repair writes or lets pass a 0; 1 where p is right.",
    ),
    model_answer=_what_comes,
    why="exp(100) is inf in float32, so p is NaN. A clip lets NaN pass; nan_to_num makes it 0; clipped logits keep p "
    "right and send back 0, for a clip is flat. float64 moves the cliff to 709.78. Only the shift gives the truth, 1, "
    "on every line.",
    variants=(
        lambda: np.array([np.nan, np.nan, 0, 0, 1, np.nan, 1]),
        lambda: (float("nan"), float("nan"), 0.0, -0.0, 1.0, math.nan, 1.0),
        lambda: ["nan", "nan", "0", "0", "1", "nan", "1"],
    ),
    must_fail=(
        lambda: [1, 1, 1, 1, 1, 1, 1],
        lambda: [np.nan, 1, 0, 0, 1, np.nan, 1],
        lambda: [np.nan, np.nan, 0, 0, 1, 1, 1],
        lambda: [np.nan] * 6 + [1],
    ),
)
