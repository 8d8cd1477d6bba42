"""Exercises of lesson 02: where does it break, and what comes out?"""

import math

import numpy as np

from course_utils import naive, reference
from course_utils.exercises import output_slips, row_slips
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import mistake

FAR_OFF = 0.1  # a probability that is this far from the truth is wrong for any use


# --- predict_output ------------------------------------------------------------------------------------


def _what_comes_out():
    return [np.nan, 0, 0.5, np.nan, 1, 1]


predict_output = Exercise(
    key="02.predict_output",
    kind="predict",
    objective="predict at which logit naive softmax breaks in a format, and what comes out",
    minutes=6,
    difficulty=1,
    truth=output_slips.first_probability,
    cases=(
        case("float32 [89, 0]", [89, 0], dtype="float32"),
        case("float32 [0, 89]", [0, 89], dtype="float32"),
        case("float32 [-103.5, -103.5]", [-103.5, -103.5], dtype="float32"),
        case("float32 [-104, -104]", [-104, -104], dtype="float32"),
        case("float64 [89, 0]", [89, 0]),
        case("bfloat16 [88.7, 0]", [88.7, 0], dtype="bfloat16"),
    ),
    must_fail=(
        (lambda: [1, 0, 0.5, 0.5, 1, 1], "predict_the_truth"),
        (lambda: [np.nan, 0, 0.5, 0, 1, 1], "divide_zero_by_zero"),
        (lambda: [np.nan, 0, 0, np.nan, 1, 1], ""),
        (lambda: [np.nan, 0, 0.5, np.nan, 1], ""),
        lambda: [np.nan, 0, 0.5, np.nan, 1, 0.5],
        lambda: [np.inf, 0, 0.5, np.nan, 1, 1],
    ),
    mistakes=(
        output_slips.predict_the_truth,
        output_slips.divide_zero_by_zero,
        output_slips.predict_nan_everywhere,
        output_slips.predict_only_overflow,
        output_slips.stop_at_exp,
        output_slips.give_up_on_subnormals,
        output_slips.use_one_cliff_for_all,
        output_slips.round_up_to_89,
    ),
    hints=(
        "Do it in two steps: first every exp, then every division. Which exps are inf, and which are 0?",
        "float32 ends at 88.72 above and at -103.97 below. float64 goes on to 709. bfloat16 cannot store 88.7.",
        "inf/inf and 0/0 are NaN; finite/inf is 0; equal terms that are not 0 give 0.5; bfloat16 stores 88.5.",
    ),
    model_answer=_what_comes_out,
    why="exp(89) is inf in float32: its own class is inf/inf = NaN, any other class finite/inf = 0. At -103.5 exp "
    "is the smallest number there is, and a half is still right; at -104 it is 0 and 0/0 is NaN. float64 has room, "
    "and bfloat16 stores 88.7 as 88.5, the last logit that is safe.",
    variants=(
        lambda: np.array([np.nan, 0, 0.5, np.nan, 1, 1]),
        lambda: (float("nan"), 0.0, 1 / 2, float("nan"), 1.0, 1.0),
        lambda: ["nan", "0", "0.5", "nan", "1", "1"],
    ),
)


# --- silent_error --------------------------------------------------------------------------------------


def _two_finite_logits(logits):
    if logits.shape != (2,):
        return f"Give two logits; this input has shape {logits.shape}."
    if not np.all(np.isfinite(logits)):
        return "Use finite logits only."
    return ""


def _looks_fine(logits):
    """Nothing alarms, and a probability is off by more than 0.1: an error of 1e-45 in one of 1e-45 is no harm."""
    with np.errstate(all="ignore"):
        p = naive.softmax(logits)
    if not np.all(np.isfinite(p)):
        return f"naive.softmax gives {p}: that is an alarm. Look for a wrong answer without NaN or inf."
    if abs(float(p.sum()) - 1) > 1e-3:
        return f"These probabilities sum to {float(p.sum()):.3g}, so a check of the sum would find them."
    off = float(np.max(np.abs(p - reference.softmax(logits))))
    return (
        "" if off > FAR_OFF else f"The largest error of a probability is {off:.2g}. Find one above {FAR_OFF}."
    )


@mistake(
    quantity="softmax",
    fails_on=(np.float32([100, 0]),),
    widget="offset",
    belief="The dangerous end is the high one.",
    diagnosis="At the high end float32 goes straight from right answers to NaN or 0. The quiet errors live at the "
    "low end, where exp loses its digits one by one.",
    step="`exp` of a high logit: full precision up to 88.72, then inf.",
    change="Go down: both logits below -98.",
)
def look_at_the_high_end(logits):
    return float(np.max(logits)) > 0


@mistake(
    quantity="softmax",
    fails_on=(np.float32([-90, -91]),),
    widget="offset",
    belief="Subnormal numbers are wrong at once.",
    diagnosis="Your logits are low, and not low enough. Just below -87.34 a term loses its first bit or two: an "
    "error of one part in a million. It must lose nearly all of them.",
    step="`exp(-90)`: subnormal, with about 20 of 24 bits left.",
    change="Lower both logits further, towards -102; keep them about 1 apart.",
)
def stay_too_high(logits):
    return -98 < float(np.max(logits)) <= -87


@mistake(
    quantity="softmax",
    fails_on=(np.float32([0, -103]),),
    widget="offset",
    belief="One low logit is enough.",
    diagnosis="At least one of your logits is above -87. Its exp has all its digits, and it holds most of the sum. "
    "The other probability may be off by a part of itself; it is so small that nobody would see it.",
    step="`exp` of the larger logit: nothing is lost there.",
    change="Lower both logits, far below -87; keep them about 1 apart.",
)
def keep_one_high(logits):
    return -87 < float(np.max(logits)) <= 0


@mistake(
    quantity="softmax",
    fails_on=(np.float32([-100, -101]),),
    widget="offset",
    belief="Any step of the staircase is wrong enough.",
    diagnosis="You are on the staircase: compare the digits of the two lines above. The error is there, and too "
    "small yet. The steps grow on the way down.",
    step="`exp(-100)`: 27 of the format's smallest steps. With one or two of them, an error is larger.",
    change="Go down one or two more; stop before the larger one is 0.",
)
def stop_on_a_small_step(logits):
    return -103.97 < float(np.max(logits)) <= -98


@mistake(
    quantity="softmax",
    fails_on=(np.float32([-102, -102]),),
    widget="offset",
    belief="Any two low logits will do.",
    diagnosis="Your logits are equal, or nearly so. Equal terms stay equal however few digits they have, so one "
    "half is right.",
    step="`exps / total`: the same error in both terms cancels.",
    change="Keep the logits about 1 apart, so that the two terms are rounded differently.",
)
def keep_them_equal(logits):
    return float(np.ptp(logits)) < 0.2


silent_error = Exercise(
    key="02.silent_error",
    kind="break",
    objective="find inputs whose answer is finite, sums to 1 and is wrong",
    minutes=8,
    difficulty=2,
    truth=reference.softmax,
    subject=naive.softmax,
    limits=_two_finite_logits,
    goal=_looks_fine,
    cases=(case("two logits of ordinary size", [1, 0], dtype="float32"),),
    mistakes=(
        look_at_the_high_end,
        keep_them_equal,
        keep_one_high,
        stay_too_high,
        stop_on_a_small_step,
    ),
    hints=(
        "NaN needs a 0 or an inf. Where is exp neither, and still short of digits?",
        "Use the explorer `offset`: go down the staircase, and stop before NaN.",
        "Near -102, exp has two or three bits left; near -103.5 it has one. What if only one of the two terms is left?",
    ),
    model_answer=lambda: np.float32([-103, -104]),
    why="exp(-103) is stored as the smallest number there is, exp(-104) as 0. So p is [1, 0]; the truth is "
    "[0.731, 0.269]. Nothing is NaN, and the sum is 1.",
    variants=(
        lambda: [-103.5, -104.5],
        lambda: (-105, -103),
        lambda: np.array([-103.6, -104.2]),
    ),
    must_fail=(
        (lambda: [-102, -103], "stop_on_a_small_step"),
        (lambda: [0, -102], "keep_one_high"),
        (lambda: [0, -103.9], "keep_one_high"),
        (lambda: [0, -104], "keep_one_high"),
        (lambda: [-104, -105], ""),
        (lambda: [-103, -103], "keep_them_equal"),
        (lambda: [50, 49], "look_at_the_high_end"),
        (lambda: [-103, -104, -105], ""),
        (lambda: -103, ""),
        (lambda: [np.nan, -103], ""),
        (lambda: [[-103, -104]], ""),
    ),
)


# --- first_bad -----------------------------------------------------------------------------------------


def _first_bad_row(history):
    rows = np.asarray(history).astype(np.float64).tolist()
    return float(next((i for i, row in enumerate(rows) if not all(map(math.isfinite, row))), -1))


def my_first_bad(history):
    bad = ~np.isfinite(history).all(axis=1)
    return int(np.argmax(bad)) if bad.any() else -1


def _with_a_loop(history):
    for step, row in enumerate(history):
        if np.isnan(row).any() or np.isinf(row).any():
            return step
    return -1


def _with_flatnonzero(history):
    steps = np.flatnonzero(~np.all(np.isfinite(history), axis=-1))
    return steps[0] if len(steps) else -1


def _with_abs(history):
    good = (np.abs(history) < np.inf).min(axis=1)
    return next((i for i in range(len(good)) if not good[i]), -1)


def _first_where(bad):
    return int(np.argmax(bad)) if bad.any() else -1


first_bad = Exercise(
    key="02.first_bad",
    kind="write",
    objective="trace a NaN from the step where it is born to the weights it destroys",
    minutes=7,
    difficulty=2,
    truth=_first_bad_row,
    cases=(
        case("a healthy run", [[1, 2], [3, 4], [5, 6]], ulps=0),
        case("NaN in the middle", [[1, 2], [np.nan, 1], [np.nan, np.nan], [np.nan, np.nan]], ulps=0),
        case("inf before NaN", [[1, 2], [3, np.inf], [np.nan, 1]], ulps=0),
        case("minus infinity", [[1, 2], [-np.inf, 2], [np.nan, 2]], ulps=0),
        case("it looks healthy again later", [[1, 1], [1, np.nan], [1, 1], [np.inf, 1]], ulps=0),
        case("bad from the start", [[np.nan, 0], [0, 0]], ulps=0),
        case("huge, and finite", [[3e38, -3e38], [1, 1]], dtype="float32", ulps=0),
        case("huge, finite, of one sign", [[3e38, 3e38], [1, 1]], dtype="float32", ulps=0),
        case("larger than float32, in float64", [[1e100, 1], [1, 1]], ulps=0),
        case("huge, then bad", [[1, 1], [-3e38, -2e38], [0, np.nan]], dtype="float32", ulps=0),
        case("one step, one number", [[np.inf]], ulps=0),
    ),
    mistakes=(
        row_slips.look_for_nan_only,
        row_slips.miss_every_nan,
        row_slips.sum_the_row,
        row_slips.use_a_threshold,
        row_slips.other_answer_when_healthy,
        row_slips.count_the_bad_rows,
        row_slips.argmax_without_any,
        row_slips.wait_for_the_whole_row,
        row_slips.take_the_last,
        row_slips.look_along_the_columns,
        row_slips.count_single_numbers,
        row_slips.count_from_one,
        row_slips.find_the_first_good_row,
    ),
    hints=(
        "Two questions in turn: which rows are bad, and where is the first of them? Is a row bad when all of its "
        "numbers are, or when one is?",
        "`.all(axis=1)` answers once a row. `np.argmax` of truth values finds the first True, and says 0 where there "
        "is none.",
        "`bad = ~np.isfinite(history).all(axis=1)`, then `np.argmax(bad)` if `bad.any()`, else -1.",
    ),
    model_answer=my_first_bad,
    must_fail=(
        (lambda h: _first_where(~np.isfinite(h.sum(axis=1))), "sum_the_row"),
        (lambda h: _first_where(~np.isfinite(h.mean(axis=1))), "sum_the_row"),
        (lambda h: _first_where(~np.isfinite((h * h).sum(axis=1))), None),
        (lambda h: _first_where((np.abs(h) > 1e30).any(axis=1)), None),
        (lambda h: _first_where((h == np.nan).any(axis=1)), "miss_every_nan"),
        (lambda h: _first_where(~np.isfinite(np.nan_to_num(h)).all(axis=1)), "miss_every_nan"),
        (lambda h: _first_where(~np.isfinite(h.astype(np.float16)).all(axis=1)), "use_a_threshold"),
        (lambda h: _first_where(np.isinf(np.median(h, axis=1))), None),
        (lambda h: float(_first_where(~np.isfinite(h).all(axis=1))) + 0.5, None),
        (lambda h: None, ""),
        (lambda h: True, ""),
        (lambda h: np.flatnonzero(~np.isfinite(h).all(axis=1)), ""),
    ),
    why="The first row that is not finite is the place to look. Later rows are its victims, and an inf usually "
    "comes before the NaN it causes.",
    variants=(_with_a_loop, _with_flatnonzero, _with_abs),
)
