"""Exercise 3 of lesson 08: codes whose order an 8-bit softmax loses."""

from functools import partial

import numpy as np

from course_utils import integers
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import mistake

slip = partial(mistake, quantity="softmax", widget="")

SCALE = 1 / 64


def device_class(codes):
    """The class that a device reports: the first with the largest int8 probability."""
    return np.argmax(integers.softmax(codes, SCALE))


def _true_class(codes):
    return np.argmax(codes)


def _few_codes_with_a_winner(codes):
    if codes.ndim != 1 or not 2 <= codes.size <= 8:
        return f"Give one row of 2 to 8 codes; this input has shape {codes.shape}."
    if np.any(codes != np.rint(codes)) or np.any(np.abs(codes + 0.5) > 127.5):
        return "Codes are whole numbers from -128 to 127."
    if np.sum(codes == codes.max()) > 1:
        return "The largest code must stand alone, or there is no order to lose."
    return ""


def _tied(codes):
    p = integers.softmax(codes, SCALE)
    return np.sum(p == p.max()) > 1


@slip(
    fails_on=(np.array([0.0, 40]),),
    belief="A large gap overflows the integers.",
    diagnosis="Your winner is far ahead. An int8 softmax holds it at 255/256 and reports it rightly. It is close "
    "codes that it cannot tell apart.",
    step="The largest code is more than 3 above the next.",
    change="Bring the largest code next to the others.",
)
def far_ahead(codes):
    first, second = np.sort(codes)[[-1, -2]]
    return first - second > 3


@slip(
    fails_on=(np.array([1.0, 0, 0, 0, 0, 0]),),
    belief="Any tie shows it.",
    diagnosis="You found a tie, and the device was lucky: of equal outputs argmax takes the first, and your winner "
    "stands there.",
    step="The place of the largest code.",
    change="Move it to another place.",
)
def winner_stands_first(codes):
    return np.sum(codes == codes.max()) == 1 and np.argmax(codes) == 0 and _tied(codes)


@slip(
    fails_on=(np.array([0.0, 0, 1]),),
    belief="Two close codes are enough.",
    diagnosis="Your codes are close, and the outputs still differ. With few classes each p is large, and a step of "
    "the code moves it by more than half a step of the output.",
    step="One step of the code moves p by p / 64; a step of the output is 1/256.",
    change="Make p smaller: more classes that share it. And keep the codes 1 apart.",
)
def too_few_to_share(codes):
    return np.sum(codes == codes.max()) == 1 and not _tied(codes)


lost_order = Exercise(
    key="08.lost_order",
    kind="break",
    objective="find codes whose order an 8-bit softmax loses",
    minutes=5,
    difficulty=2,
    truth=_true_class,
    subject=device_class,
    limits=_few_codes_with_a_winner,
    cases=(case("two codes, far apart", [0, 40]),),
    mistakes=(far_ahead, winner_stands_first, too_few_to_share),
    hints=(
        "The output has steps of 1/256. How far apart may two probabilities be and still be stored as one?",
        "A step of one code changes p by about p / 64. For that to be lost p must be small, so many classes must "
        "share. And mind which of two equal outputs argmax takes.",
        "All codes 0 but the last one, which is 1. How many of them do you need?",
    ),
    model_answer=lambda: [0, 0, 0, 0, 0, 1],
    why="Six classes share: each p is near 1/6, and one step of the code moves it by 1/384, less than a step of the "
    "output. Both are stored as 43/256, and argmax takes the first.",
    variants=(
        lambda: [0, 0, 0, 0, 0, 0, 0, 1],
        lambda: np.int8([-100, -100, -100, -100, -99, -100]),
        lambda: np.array([126.0, 127, 126, 126, 126, 126]),
    ),
    must_fail=(
        (lambda: [0, 0, 0, 0, 0, 0], ""),
        lambda: [0, 0.5, 1],
        lambda: [127] + [126] * 5,
        lambda: [-200, 0],
        lambda: [-128, 127],
    ),
)
