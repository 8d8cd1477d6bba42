"""Four orders of operations that agree on paper, and inputs on which they do not."""

import numpy as np

from course_utils import reference, shifted
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import MISTAKES, mistake

FAR = 2**6  # ulps of 1: enough to show in six digits, and more than B can lose


@mistake(
    quantity="log_softmax",
    fails_on=(np.float32([100, 0]),),
    widget="loss",
    belief="In the log domain no shift is needed.",
    diagnosis="You took the sum of exp(z) without a shift. It is inf or 0 at the cliffs, and its log is "
    "lost with it.",
    step="`np.exp(logits)`: out of range before the log can bring it back.",
    change="Subtract the row's maximum first, and use the result twice.",
)
def log_softmax_unshifted(logits):
    return logits - np.log(np.sum(np.exp(logits), axis=-1, keepdims=True))


def _rows_of_a_few(logits):
    if logits.ndim == 0 or logits.shape[-1] < 2 or logits.size > 8:
        return "Give a row of 2 to 8 logits."
    return "" if np.all(np.isfinite(logits)) else "Use finite numbers only."


order = Exercise(
    key="04.order",
    kind="choose",
    objective="choose between orders of operations that agree on paper, and refute the wrong one with an "
    "input",
    minutes=6,
    difficulty=1,
    truth=reference.log_softmax,
    limits=_rows_of_a_few,
    subject={
        "A": MISTAKES["add_log_to_max"].function,
        "B": shifted.log_softmax,
        "C": MISTAKES["log_of_softmax"].function,
        "D": log_softmax_unshifted.function,
    },
    cases=(
        case("ordinary logits", [2, 1, 0.1], dtype="float32", ulps=FAR),
        case("two equal logits of ten thousand", [1e4, 1e4], dtype="float32", ulps=FAR),
        case("a class that vanishes", [0, -104], dtype="float32", ulps=FAR),
        case("two equal logits in float16", [1000, 1000], dtype="float16", ulps=FAR),
    ),
    mistakes=(MISTAKES["add_log_to_max"], MISTAKES["log_of_softmax"], log_softmax_unshifted),
    hints=(
        "Try both ends: two huge equal logits, and one logit far below the other.",
        "Which code rounds a small number against a large one? Which one takes the log of a probability?",
        "A adds log(total) to the maximum: try [1e4, 1e4]. C takes the log of p: try [0, -104]. D: [100, 0].",
    ),
    model_answer=lambda: ("B", [1e4, 1e4]),
    why="B subtracts the large numbers first. A rounds log(total) away next to a large maximum, C has lost "
    "a tiny probability before it takes the log, and D sums exps that may be inf or 0.",
    variants=(
        lambda: ("B", [0, -104]),
        lambda: ("B", np.float32([1e8, 1e8])),
        lambda: ["B", [3000.0, 3000.0, 3000.0]],
        lambda: ("B", [89, 0]),  # where exp overflows first
        lambda: ("B", [88.5, 88.5]),  # no exp overflows, their sum does
        lambda: ("B", [[0, 1], [-104, -104]]),
        lambda: ("B", (0, -103.5)),
    ),
    must_fail=(
        lambda: ("B", [20, 0]),  # all four give [0, -20]
        lambda: ("B", [0, 0]),
        lambda: ("B", [50, 49, 48]),
        lambda: ("B", [np.nan, 0]),
        lambda: ("B", [np.inf, 0]),
        lambda: ("B", [-np.inf, -np.inf]),
        lambda: ("B", []),
        lambda: ("B", "[1e4, 1e4]"),
        lambda: ("B", 1e4),
        lambda: ("B",),
        (lambda: ("A", [1e4, 1e4]), "add_log_to_max"),
        (lambda: ("C", [0, -104]), "log_of_softmax"),
        (lambda: ("D", [100, 0]), "log_softmax_unshifted"),
        lambda: ("E", [1e4, 1e4]),
        lambda: [1e4, 1e4],
    ),
    unit="one",
)
