"""Exercises of lesson 07: who dies first, and what was the first bad number?"""

import math
from functools import partial

import numpy as np

from course_utils import naive, reference, shifted
from course_utils.exercises import margin_slips, record_slips
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import mistake
from course_utils.training import repairs

EXPLORER = "training"

# --- record --------------------------------------------------------------------------------------------


def _true_record(history):
    """By hand, number by number: step and tensor of the first bad number, and the step that lost the weights."""
    bad = [
        [not all(map(math.isfinite, tensor)) for tensor in step]
        for step in np.asarray(history).astype(float).tolist()
    ]
    places = [(i, j) for i, step in enumerate(bad) for j, found in enumerate(step) if found]
    deaths = [i for i, step in enumerate(bad) if step[-1]]
    return np.array([*(places[0] if places else (-1, -1)), deaths[0] if deaths else -1], float)


def my_record(history):
    bad = ~np.isfinite(history).all(axis=2)
    step, tensor = np.argwhere(bad)[0] if bad.any() else (-1, -1)
    died = np.argmax(bad[:, -1]) if bad[:, -1].any() else -1
    return np.array([step, tensor, died])


def _with_loops(history):
    step = tensor = died = -1
    for i, tensors in enumerate(history):
        for j, numbers in enumerate(tensors):
            if np.isnan(numbers).any() or np.isinf(numbers).any():
                if step == -1:
                    step, tensor = i, j
                if j == len(tensors) - 1 and died == -1:
                    died = i
    return step, tensor, died


def _with_flat_places(history):
    steps, tensors, _ = np.nonzero(~np.isfinite(history))
    if not len(steps):
        return np.array([-1, -1, -1])
    deaths = steps[tensors == history.shape[1] - 1]
    return np.array([steps[0], tensors[0], deaths[0] if len(deaths) else -1])


def _with_abs(history):
    bad = ~(np.abs(history) < np.inf).min(axis=-1)
    steps = np.flatnonzero(bad.any(axis=1))
    lost = np.flatnonzero(bad[:, -1])
    first = (steps[0], np.flatnonzero(bad[steps[0]])[0]) if len(steps) else (-1, -1)
    return np.array([*first, lost[0] if len(lost) else -1], dtype=float)


def _sum_first(history):  # two huge numbers overflow, +inf and -inf cancel
    with np.errstate(all="ignore"):
        return record_slips.record_of(~np.isfinite(history.sum(axis=2)))


def _same_step_for_all(history):
    bad = ~np.isfinite(history).all(axis=2)
    return [int(np.argmax(bad.any(axis=1))), int(np.argmax(bad.any(axis=0))), int(np.argmax(bad[:, -1]))]


_MAX = 3e38

record = Exercise(
    key="07.record",
    kind="write",
    objective="record the first bad number of a run, and tell it from the number that kills",
    minutes=10,
    difficulty=2,
    truth=_true_record,
    cases=(
        case("a healthy run", [[[1, 2], [3, 4]], [[5, 6], [7, 8]]], ulps=0),
        case(
            "inf in the middle tensor, then everything",
            [[[1], [2], [3]], [[1], [np.inf], [np.nan]], [[np.nan], [np.nan], [np.nan]]],
            ulps=0,
        ),
        case("a later tensor, an earlier step", record_slips.LATE, ulps=0),
        case(
            "a bad loss, and weights that live",
            [[[1], [2], [3]], [[1], [np.inf], [3]], [[1], [np.nan], [3]], [[1], [2], [3]]],
            ulps=0,
        ),
        case(
            "a bad loss long before the death",
            [[[1], [-np.inf], [3]], [[1], [2], [3]], [[1], [2], [3]], [[np.inf], [2], [np.nan]]],
            ulps=0,
        ),
        case("dead from the start", [[[np.nan, 1], [np.nan, 1]], [[np.nan, 1], [np.nan, 1]]], ulps=0),
        case("one bad number in the last place", [[[1, 2], [3, 4]], [[1, 2], [3, np.inf]]], ulps=0),
        case("huge, and finite", [[[_MAX, _MAX], [1, 1]], [[-_MAX, -_MAX], [1, 1]]], dtype="float32", ulps=0),
        case("inf and -inf", [[[1, 1], [1, 1]], [[np.inf, -np.inf], [1, 1]]], ulps=0),
        case("one step, one tensor", [[[np.nan]]], ulps=0),
    ),
    mistakes=(
        record_slips.search_by_tensor,
        record_slips.look_for_nan_only,
        record_slips.die_at_the_first_bad_number,
        record_slips.look_at_the_weights_alone,
        record_slips.wait_for_the_whole_tensor,
        record_slips.argmax_without_any,
        record_slips.count_from_one,
        record_slips.take_the_last,
    ),
    hints=(
        "Make a table first: one truth value for each step and tensor, True where a number is not finite.",
        "`np.argwhere(bad)` lists the True places row by row: step first, tensor second. The weights are column -1.",
        "`bad = ~np.isfinite(history).all(axis=2)`; the first of `np.argwhere(bad)` if `bad.any()`; then "
        "`np.argmax(bad[:, -1])` if that column has any.",
    ),
    model_answer=my_record,
    why="Time goes first, then the order of the computation: that is how argwhere reads a table. The death is a "
    "question "
    "of its own. It asks the weights alone.",
    variants=(_with_loops, _with_flat_places, _with_abs),
    must_fail=(_sum_first, _same_step_for_all),
)


# --- what_survives -------------------------------------------------------------------------------------

slip = partial(mistake, quantity="gradient", widget=EXPLORER)
_TARGET = np.array([1])


def _clipped(logits, targets):
    loss, gradient = naive.cross_entropy_with_grad(logits, targets)
    return loss, np.clip(gradient, -1, 1)


_REPAIRS = {
    "nothing": naive.cross_entropy_with_grad,
    "clip the gradient": _clipped,
    "nan_to_num": repairs.without_nan,
    "clip the logits": repairs.clipped_logits,
    "shift": shifted.cross_entropy_with_grad,
}


def _what_arrives(logits, repair):
    """The gradient of class 0 under a repair; the target is class 1."""
    with np.errstate(all="ignore"):
        return float(_REPAIRS[repair](logits[None], _TARGET)[1][0, 0])


def _what_comes():
    return [np.nan, np.nan, 0, 0, 1, np.nan, 1]


@slip(
    fails_on=(np.float32([100, 0]), "nothing"),
    belief="What is right on paper arrives.",
    diagnosis="You wrote the true gradients. They are what should arrive; each repair acts after, or around, the step "
    "that fails.",
    step="`np.exp(100)` in float32: inf, and inf/inf is NaN.",
    change="Ask of each line: what is p, and what does the repair make of it?",
)
def expect_the_truth(logits, repair):
    return float(reference.cross_entropy_with_grad(logits[None], _TARGET)[1][0, 0])


@slip(
    fails_on=(np.float32([100, 0]), "clip the gradient"),
    belief="Gradient clipping brings a bad gradient back into range.",
    diagnosis="You let the clip repair a NaN. Clipping compares, and no comparison with NaN is true: NaN goes through.",
    step="`np.clip(nan, -1, 1)` is NaN.",
    change="A clip can only act on numbers.",
)
def expect_the_clip_to_act(logits, repair):
    return 1.0 if repair == "clip the gradient" else _what_arrives(logits, repair)


@slip(
    fails_on=(np.float32([100, 0]), "nan_to_num"),
    belief="nan_to_num puts the right number in.",
    diagnosis="You let nan_to_num find the gradient. It writes 0 whatever the truth was: the class that is wrong by "
    "100 is not pushed down at all.",
    step="`np.nan_to_num(nan)` is 0.",
    change="0 is a number. It is not the right one.",
)
def expect_the_number_back(logits, repair):
    return 1.0 if repair == "nan_to_num" else _what_arrives(logits, repair)


@slip(
    fails_on=(np.float32([100, 0]), "clip the logits"),
    belief="Clipped logits still learn.",
    diagnosis="You let the gradient pass through the clip of the logits. Where the clip acts its output does not move, "
    "so nothing comes back: the class is stuck at 100.",
    step="`np.clip(z, -50, 50)`: at z = 100 its slope is 0.",
    change="A gradient that passes a clip is multiplied by 0 where the clip acts.",
)
def expect_clipped_logits_to_learn(logits, repair):
    return 1.0 if repair == "clip the logits" else _what_arrives(logits, repair)


@slip(
    fails_on=(np.float64([800, 0]), "nothing"),
    belief="float64 is large enough.",
    diagnosis="You took float64 for safe. Its cliff is 709.78: exp(800) is inf there as well.",
    step="`np.exp(800.0)` is inf in float64.",
    change="Compare the logit with the cliff of its format.",
)
def expect_float64_to_be_safe(logits, repair):
    return 1.0 if logits.dtype == np.float64 else _what_arrives(logits, repair)


@slip(
    fails_on=(np.float64([100, 0]), "nothing"),
    belief="exp(100) overflows.",
    diagnosis="You used float32's cliff for a float64 row. exp(100) is 2.7e43, and float64 goes on to 1.8e308.",
    step="`np.exp(100.0)` in float64 is an ordinary number.",
    change="Look at the format of the line.",
)
def expect_float64_to_fail(logits, repair):
    return math.nan if repair == "nothing" else _what_arrives(logits, repair)


what_arrives = Exercise(
    key="07.what_arrives",
    kind="predict",
    objective="predict what a repair does to a dying run, and to what it learns",
    minutes=6,
    difficulty=2,
    truth=_what_arrives,
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
        expect_the_truth,
        expect_the_clip_to_act,
        expect_the_number_back,
        expect_clipped_logits_to_learn,
        expect_float64_to_be_safe,
        expect_float64_to_fail,
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


# --- margin --------------------------------------------------------------------------------------------


def _true_margin(roundoff, rivals):
    # log-sum-exp of `rivals` zeros is the log of their number: the oracle's own logarithm
    return reference.logsumexp(np.zeros(rivals)) + reference.logsumexp(-np.log(roundoff)[:, None], axis=1)


def my_margin(roundoff, rivals):
    return np.log(rivals / roundoff)


margin = Exercise(
    key="07.margin",
    kind="derive",
    objective="compute the margin at which a format stops a run from learning",
    minutes=6,
    difficulty=2,
    truth=_true_margin,
    cases=(
        case("float32, one rival", [2.0**-24], 1, ulps=8),
        case("float64, one rival", [2.0**-53], 1, ulps=8),
        case("float32, ten digits: nine rivals", [2.0**-24], 9, ulps=8),
        case("bfloat16 and float16, thirty rivals", [2.0**-8, 2.0**-11], 30, ulps=8),
        case("float32, a vocabulary", [2.0**-24], 50256, ulps=8),
    ),
    mistakes=(
        margin_slips.forget_the_rivals,
        margin_slips.divide_by_the_rivals,
        margin_slips.count_in_bits,
        margin_slips.count_in_digits,
        margin_slips.forget_the_sign,
        margin_slips.wait_for_underflow,
    ),
    hints=(
        "After the shift the target's term is 1 and each rival's is e^-m. What is the whole sum?",
        "The sum 1 + rivals * e^-m is stored as 1 once the second part is no larger than the roundoff. Solve for m.",
        "rivals * e^-m = roundoff, so m = ln(rivals / roundoff).",
    ),
    model_answer=my_margin,
    why="The sum is 1 + rivals * e^-m. Its second part is lost when it is at most u: m = ln(rivals / u). For one rival "
    "that is the paper's ln(1/u).",
    variants=(
        lambda roundoff, rivals: np.log(rivals) - np.log(roundoff),
        lambda roundoff, rivals: np.array([math.log(rivals) - math.log(u) for u in roundoff]),
        lambda roundoff, rivals: -np.log(roundoff / rivals),
    ),
    must_fail=(
        lambda roundoff, rivals: np.log(rivals / roundoff + 1e9),
        lambda roundoff, rivals: np.log((rivals + 1) / roundoff),
        lambda roundoff, rivals: np.log(rivals / (2 * roundoff)),
    ),
)
