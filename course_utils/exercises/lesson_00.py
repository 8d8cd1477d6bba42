"""Exercises of lesson 00: can four numbers break a classifier?"""

import numpy as np

from course_utils import naive, reference
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import mistake

# --- count_nans -----------------------------------------------------------------------------------------


def _nans(logits):
    with np.errstate(all="ignore"):
        return int(np.isnan(naive.softmax(logits)).sum())


@mistake(
    quantity="softmax",
    fails_on=(np.float32([1000, 1, -1000]),),
    widget="breaker",
    belief="One NaN spoils the whole row.",
    diagnosis="You counted the whole row wherever one NaN is. The total is inf for every class, but only a class "
    "whose own exp is inf gets inf/inf. A finite number over inf is 0.",
    step="`exps / total`: each class divides its own exp.",
    change="Go class by class: count those whose own exp is inf.",
)
def count_the_whole_row(logits):
    return len(logits) if _nans(logits) else 0


@mistake(
    quantity="softmax",
    fails_on=(np.float32([-1000, -1000, -1000]),),
    widget="breaker",
    belief="Only huge scores are dangerous.",
    diagnosis="You expected row D to be harmless. exp(-1000) is stored as 0 in all three classes, so the total is "
    "0 too, and 0/0 is NaN.",
    step="`0 / 0`: every term and the total are 0.",
    change="Ask of each row: is the total inf? And is it 0?",
)
def count_huge_scores(logits):
    return int(np.sum(logits > 88))


@mistake(
    quantity="softmax",
    fails_on=(np.float32([-1000, 1, 2]),),
    widget="breaker",
    belief="Any score of that size breaks its class.",
    diagnosis="You counted every score of size 1000, whatever its sign. exp(-1000) is 0, and 0 over a total that "
    "is neither 0 nor NaN is an honest 0.",
    step="`exp(-1000)`: 0, not inf.",
    change="A class with exp = 0 is NaN only when the total is 0 as well.",
)
def count_large_sizes(logits):
    return int(np.sum(np.abs(logits) > 88))


@mistake(
    quantity="softmax",
    fails_on=(np.float32([1000, 1, -1000]),),
    widget="breaker",
    belief="A computer gives a number for every division.",
    diagnosis="You expected no NaN at all. inf/inf and 0/0 have no value, and NaN is what the computer writes there.",
    step="`exps / total`, where both are inf or both are 0.",
    change="Write down each exp and the total; where both are inf, or both are 0, count one NaN.",
)
def expect_no_nan(logits):
    return 0


@mistake(
    quantity="softmax",
    fails_on=(np.float32([-1000, 1, 2]),),
    widget="breaker",
    belief="A row with such scores is lost as a whole.",
    diagnosis="You counted every class of every row. A row is lost only if its total is inf or 0, and even then a "
    "finite exp over an infinite total is an honest 0.",
    step="Row C: its total is about 10, and nothing is lost.",
    change="Go class by class: count those whose own exp is inf, and all of them where the total is 0.",
)
def count_every_class(logits):
    return len(logits)


@mistake(
    quantity="softmax",
    fails_on=(np.float32([1000, 1, -1000]),),
    widget="breaker",
    belief="The question is how many survive.",
    diagnosis="You counted the numbers that are left. The question asks for those that become NaN.",
    step="Three classes a row: what you wrote and what is asked for add up to 3.",
    change="Subtract each of your numbers from 3.",
)
def count_the_numbers(logits):
    return len(logits) - _nans(logits)


@mistake(
    quantity="softmax",
    fails_on=(np.float32([1000, 1, -1000]),),
    widget="breaker",
    belief="inf divided by inf is 1, or inf.",
    diagnosis="You saw the NaN of 0/0 and not that of inf/inf. inf stands for any number that is too large, so inf/inf "
    "could be anything: it is NaN.",
    step="`inf / inf`, in rows A and B.",
    change="Count one NaN for each class whose own exp is inf.",
)
def divide_inf_by_inf(logits):
    return len(logits) if np.max(logits) < -104 else 0


def _four_counts():
    return [1, 2, 0, 3]


count_nans = Exercise(
    key="00.count_nans",
    kind="predict",
    objective="predict which probabilities of a row become NaN",
    minutes=4,
    difficulty=1,
    truth=_nans,
    cases=(
        case("A", [1000, 1, -1000], dtype="float32"),
        case("B", [1000, 1000, 1], dtype="float32"),
        case("C", [-1000, 1, 2], dtype="float32"),
        case("D", [-1000, -1000, -1000], dtype="float32"),
    ),
    mistakes=(
        count_the_whole_row,
        count_huge_scores,
        count_large_sizes,
        expect_no_nan,
        count_every_class,
        count_the_numbers,
        divide_inf_by_inf,
    ),
    hints=(
        "Write down the three exps of each row first. Each is inf, 0 or an ordinary number.",
        "Then the total: inf as soon as one term is inf, and 0 only when all three are 0.",
        "Now divide class by class: inf/inf and 0/0 are NaN, everything else is a number. Row A has 1.",
    ),
    model_answer=_four_counts,
    why="A class is NaN when its own exp is inf, or when all exps of the row are 0. A: one inf. B: two. "
    "C: the exps are 0, 2.7 and 7.4, so nothing is lost. D: 0/0 three times.",
    must_fail=(
        (lambda: [3, 3, 0, 3], "count_the_whole_row"),
        (lambda: [1, 2, 0, 0], "count_huge_scores"),
        (lambda: [1, 2, 0, np.nan], ""),
        (lambda: [[1, 2], [0, 3]], ""),
        (lambda: [1, 2, 0], ""),
        lambda: [1, 2, 0, 3.5],
        lambda: [True, 2, 0, 4],
    ),
    variants=(lambda: (1, 2, 0, 3), lambda: np.array([1, 2, 0, 3]), lambda: [1.0, 2.0, 0.0, 3.0]),
    digits=6,
)


# --- smallest_score -------------------------------------------------------------------------------------


def _beside_zero(room, score):
    return room.softmax(np.stack([score, np.zeros_like(score)]))


def _textbook_softmax(score):
    return _beside_zero(naive, score)


def _breaks(score) -> bool:
    with np.errstate(all="ignore"):
        return not np.isfinite(_textbook_softmax(np.float32(score))).all()


def _one_whole_number(score):
    if score.ndim or not np.isfinite(score) or score != np.rint(score):
        return "Give one whole number, for example check(50)."
    return ""


def _the_smallest(score):
    below = min(float(score) - 1, 1000)
    if _breaks(score) and _breaks(below):
        return f"{score:.6g} breaks it, and so does {below:.6g}: look for a smaller one."
    return ""


@mistake(
    quantity="softmax",
    fails_on=(np.float32(88),),
    widget="breaker",
    belief="The logarithm of the largest number is 88.7, so 88 is the answer.",
    diagnosis="You rounded down. float32 ends at about e to the 88.72, so exp(88) still fits.",
    step="`exp(88)` is 1.65e38, and the largest float32 is 3.4e38.",
    change="Go to the next whole number on the other side of 88.72.",
)
def round_down(score):
    return score == 88


@mistake(
    quantity="softmax",
    fails_on=(np.float32(-1000),),
    widget="breaker",
    belief="A score far below zero breaks it too.",
    diagnosis="You went below zero. exp of your score is 0 or close to it, and its neighbour exp(0) is 1: the total "
    "is 1 and every division is safe. Low scores break a row only when all of them are low.",
    step="`0 / 1` is 0, an honest answer.",
    change="Look above zero.",
)
def go_below_zero(score):
    return score < 0


@mistake(
    quantity="softmax",
    fails_on=(np.float32(12),),
    widget="breaker",
    belief="The explorer broke near 11, so softmax breaks near 11.",
    diagnosis="You stopped too early. float16, where the explorer starts, ends at e to the 11.09; this exercise "
    "computes in float32, which goes much further.",
    step="`exp(x)` in float32: it grows up to 3.4e38 before it becomes inf.",
    change="Set the explorer to float32, or try larger numbers: double until it breaks, then halve the gap.",
)
def stop_too_early(score):
    return 0 <= score < 88


def _first_score_that_breaks():
    for x in range(1001):
        with np.errstate(all="ignore"):
            p = naive.softmax(np.array([x, 0], dtype=np.float32))
        if not np.isfinite(p).all():
            return x


@mistake(
    quantity="softmax",
    fails_on=(np.float32(710),),
    widget="breaker",
    belief="Python's numbers end at exp(709).",
    diagnosis="You found where float64 ends. Python's own numbers and NumPy's defaults are float64; this exercise "
    "computes in float32, half as long, where a much smaller score is enough.",
    step="`naive.softmax([710, 0])`: without a dtype, NumPy chooses float64.",
    change="Write `np.array([x, 0], dtype=np.float32)` in your loop.",
)
def search_in_float64(score):
    return score in (709, 710)


smallest_score = Exercise(
    key="00.smallest_score",
    kind="break",
    objective="find the smallest score that breaks the textbook softmax",
    minutes=5,
    difficulty=1,
    truth=lambda score: _beside_zero(reference, score),
    subject=_textbook_softmax,
    limits=_one_whole_number,
    goal=_the_smallest,
    cases=(case("a harmless score", 1, dtype="float32"),),
    mistakes=(round_down, go_below_zero, stop_too_early, search_in_float64),
    hints=(
        "10 is fine and 1000 is not. Where between them does it change?",
        "Try the middle, then the middle of the half that holds the change. Ten steps are enough. Or use a loop.",
        "`for x in range(1001):` and inside, `p = naive.softmax(np.array([x, 0], dtype=np.float32))`; stop at the "
        "first x where `np.isfinite(p).all()` is False.",
    ),
    model_answer=_first_score_that_breaks,
    why="The largest float32 is about 3.4e38, and its logarithm is 88.72. exp(88) fits, exp(89) is stored as inf, "
    "and inf/inf is NaN.",
    must_fail=(
        (lambda: 88, "round_down"),
        (lambda: 709, "search_in_float64"),
        (lambda: 87, "stop_too_early"),
        (lambda: -89, "go_below_zero"),
        (lambda: 90, ""),
        (lambda: 88.72, ""),
        (lambda: [89, 0], ""),
        (lambda: "eighty-nine", ""),
        (lambda: 10**400, ""),
        (lambda: np.inf, ""),
    ),
    variants=(lambda: 89.0, lambda: np.float32(89), lambda: np.array(89)),
)
