"""Four gradients of one loss, three of which fail."""

import numpy as np

from course_utils import shifted
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.lesson_90.goals import FIND, truth_of
from course_utils.mistakes import MISTAKES


def _gradient_from_the_logits(logits, targets):
    return shifted.cross_entropy_with_grad(logits, targets)[1]


def _a_batch(logits, targets):
    if logits.ndim != 2 or logits.size > 8 or targets.shape != logits.shape[:1]:
        return "Give a batch of at most 8 logits, a list of rows, and one target for each row."
    if not np.all(np.isfinite(logits)):
        return "Use finite logits only."
    whole = targets.dtype.kind in "iu" and np.all((targets >= 0) & (targets < logits.shape[1]))
    return "" if whole else f"A target is the number of a class: 0 to {logits.shape[1] - 1}."


gradients = Exercise(
    key="90.gradients",
    kind="choose",
    objective=FIND,
    minutes=6,
    difficulty=2,
    truth=truth_of("gradient"),
    subject={
        "A": MISTAKES["gradient_through_epsilon"].function,
        "B": MISTAKES["gradient_through_clip"].function,
        "C": MISTAKES["clip_nan_gradient"].function,
        "D": _gradient_from_the_logits,
    },
    limits=_a_batch,
    cases=(  # 2**17 ulps are about 1 %: the smallest failing input shows its error in the first digits
        case("an ordinary row", [[1, 0]], [0], dtype="float32", ulps=2**17),
        case("wrong by 50", [[0, 50]], [0], dtype="float32", ulps=2**17),
        case("past the cliff", [[100, 0]], [1], dtype="float32", ulps=2**17),
        case("wrong by 18", [[1, 0, 19], [0, 2, 1]], [0, 1], dtype="float32", ulps=2**17),
    ),
    mistakes=(
        MISTAKES["gradient_through_epsilon"],
        MISTAKES["gradient_through_clip"],
        MISTAKES["clip_nan_gradient"],
    ),
    hints=(
        "Try each code where the model is wrong by a lot. Which gradients should be near -1 and are not?",
        "A and B fade where p is tiny. C is the textbook softmax with a bandage: what is `np.clip(nan, -1, 1)`?",
        'The code is "D". For the batch, one row that is wrong by 50 is enough: logits [[0, 50]], targets [0].',
    ),
    model_answer=lambda: ("D", ([[0, 50]], [0])),
    why="Where the model is confidently wrong the gradient should be -1. The epsilon scales it by p / (p + "
    "1e-8), the clip by 0. Clipping a gradient comes too late for a NaN. From the logits it is softmax "
    "minus one-hot, and nothing is lost.",
    variants=(
        lambda: ("D", ([[100, 0]], [1])),
        lambda: ["D", (np.float32([[0, 40]]), np.array([0]))],
        lambda: ("D", ([[0, 30], [1, 1]], [0, 1])),
        lambda: ("D", (np.float64([[89, 0]]), np.array([1]))),
        lambda: ["D", ([[16, 0]], [1])],
    ),
    must_fail=(
        lambda: ("D", ([[20, 0]], [0])),  # D loses it as well
        lambda: ("D", ([[1, 0]], [0])),
        lambda: ("D", ([[0, 50]], [1])),
        lambda: ("D", ([[0, 50]], [-1])),
        lambda: ("D", ([[0, 50]], ["0"])),
        lambda: ("D", ([[0, 50]], [0.0])),
        lambda: ("D", ([[0, 50]], [2])),
        lambda: ("D", ([[0, 50]], [])),
        lambda: ("D", ([[0, 50]], 0)),
        lambda: ("D", ([0, 50], [0])),
        lambda: ("D", ([[0, 50]], [0, 0])),
        lambda: ("D", ([[np.nan, 50]], [0])),
        lambda: ("D", ([[0, np.inf]], [0])),
        lambda: ("D", [[0, 50]]),
        lambda: ("D", ([[0, 50]],)),
        lambda: ("D", ()),
        lambda: ("D", "text"),
        lambda: ("D",),
        (lambda: ("A", ([[0, 50]], [0])), "gradient_through_epsilon"),
        (lambda: ("B", ([[0, 50]], [0])), "gradient_through_clip"),
        (lambda: ("C", ([[100, 0]], [1])), "clip_nan_gradient"),
        lambda: ("E", ([[0, 50]], [0])),
    ),
)
