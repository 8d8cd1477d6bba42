"""A log-sum-exp that leaves the largest term out, and with it everything that equals it."""

import numpy as np

from course_utils import reference
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.lesson_91.goals import FIND
from course_utils.mistakes import mistake


def log_total(logits):
    largest = np.max(logits)
    others = logits[logits < largest]
    return largest + np.log1p(np.sum(np.exp(others - largest)))


def _slip(**words):
    return mistake(quantity="logsumexp", widget="", **words)


@_slip(
    fails_on=(np.array([1000.0, -1000.0]),),
    belief="Large logits break it.",
    diagnosis="Your logits are large, and the shift takes care of that: exp never sees more than 0.",
    step="`others - largest`: below 0 for every entry that is left.",
    change="Small logits will do. Look at which entries are left out.",
)
def too_large(logits):
    return np.max(np.abs(logits)) > 100 and not _tied_at_the_top(logits)


@_slip(
    fails_on=(np.array([2.0, 1.0, 1.0]),),
    belief="Equal logits are enough.",
    diagnosis="Your row has equal logits, and they are not the largest. They are all counted.",
    step="`logits < largest`: true for both.",
    change="Let the largest logit be there twice.",
)
def tie_below_the_top(logits):
    return len(np.unique(logits)) < len(logits) and not _tied_at_the_top(logits)


@_slip(
    fails_on=(np.array([3.0, 1.0]),),
    belief="Some row or other will break it.",
    diagnosis="Your row has one largest logit. That one is left out once, and log1p puts it back as the 1.",
    step="`log1p(...)`: the 1 stands for the largest term, once.",
    change="Ask what happens when two terms are the largest.",
)
def one_largest(logits):
    return len(np.unique(logits)) == len(logits) and np.max(np.abs(logits)) <= 100


def _tied_at_the_top(logits):
    return np.sum(logits == np.max(logits)) > 1


ties = Exercise(
    key="91.ties",
    kind="break",
    objective=FIND,
    minutes=4,
    difficulty=1,
    truth=reference.logsumexp,
    subject=log_total,
    cases=(case("three different logits", [2.0, 1.0, 0.0]),),
    mistakes=(too_large, tie_below_the_top, one_largest),
    hints=(
        "Which entries does `logits < largest` keep, and which of them stands for the 1 in log1p?",
        "The 1 is there once. How many largest entries can a row have?",
        "Two equal logits: [0, 0]. The truth is ln 2.",
    ),
    model_answer=lambda: np.array([0.0, 0.0]),
    why="The 1 of log1p stands for one largest term. With two of them one is lost: [0, 0] gives 0, the truth is 0.693. "
    "Leave out one entry by its place, `np.argmax`, and not by its value.",
    variants=(
        lambda: [5, 5],
        lambda: [-3.0, 7.0, 7.0],
        lambda: np.float32([1, 1, 1]),
        lambda: (1000.0, 1000.0),
    ),
    must_fail=(
        (lambda: [3, 1], "one_largest"),
        (lambda: [0, -50], "one_largest"),
        (lambda: [2, 1, 1], "tie_below_the_top"),
        (lambda: [1000, 1], "too_large"),
        (lambda: [5], "one_largest"),
        lambda: [0, np.inf],
        lambda: [],
        lambda: 3,
        lambda: np.zeros(9),
    ),
)
