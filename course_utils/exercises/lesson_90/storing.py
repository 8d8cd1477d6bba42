"""Three ways to store a softmax in fewer bits."""

import numpy as np

from course_utils import floats, reference
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.lesson_90.goals import FIND, shifted_softmax
from course_utils.mistakes import MISTAKES


def _keep_differences_in_float16(logits):
    differences = logits - np.max(logits, axis=-1, keepdims=True)
    return shifted_softmax(floats.store(differences, "float16").astype(logits.dtype))


storage = Exercise(
    key="90.storage",
    kind="choose",
    objective=FIND,
    minutes=5,
    difficulty=2,
    truth=reference.softmax,
    subject={
        "A": MISTAKES["store_probabilities_in_float8"].function,
        "B": MISTAKES["store_logits_narrow"].function,
        "C": _keep_differences_in_float16,
    },
    cases=tuple(
        case(label, logits, dtype="float32", ulps=0.08 * 2**23)  # eight percent, more than float8 rounds
        for label, logits in (
            ("two equal logits", [0, 0]),
            ("a shy class", [0, -8]),
            ("two logits near 256", [256, 257]),
            ("1100 equal logits", [0] * 1100),
        )
    ),
    mistakes=(MISTAKES["store_probabilities_in_float8"], MISTAKES["store_logits_narrow"]),
    hints=(
        "Each code rounds something else: probabilities, logits, differences. How far apart are the numbers "
        "it can store?",
        "Near 256 the numbers of bfloat16 are 2 apart. The smallest positive number of float8_e4m3fn is "
        "about 0.002.",
        'The code is "C". For the row, take two neighbours near 256, or a class with a probability below 0.001.',
    ),
    model_answer=lambda: ("C", np.float32([256, 257])),
    why="A loses every class below 0.001: range is not resolution. B merges logits that are close together "
    "and far from 0. C stores differences, which are small where the probabilities are large.",
    variants=(
        lambda: ("C", [0, -8]),
        lambda: ["C", np.float32([1000, 1001, 1002])],
        lambda: ("C", (301.0, 300.0)),
        lambda: ("C", [[0, -8], [256, 257]]),
        lambda: ("C", np.array([0, -9])),
    ),
    must_fail=(
        lambda: ("C", [1, 2]),
        lambda: ("C", [0, 0, 0]),
        lambda: ("C", [2, 1, 0]),
        lambda: ("C", [0] * 9),
        lambda: ("C", [np.inf, 0]),
        lambda: ("C", [np.nan, 0]),
        lambda: ("C", []),
        lambda: ("C", "256, 257"),
        lambda: ("C",),
        (lambda: ("A", [0, -8]), "store_probabilities_in_float8"),
        (lambda: ("B", [256, 257]), "store_logits_narrow"),
        lambda: ("D", [256, 257]),
        lambda: [256, 257],
    ),
)
