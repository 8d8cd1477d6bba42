"""Exercises of lesson 02: where does it break, and what comes out?"""

import math

import numpy as np

from course_utils import floats, naive, reference
from course_utils.exercises import row_slips
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import mistake

EXPLORER = "breaker"


# --- predict_output ------------------------------------------------------------------------------------


def _first_probability(logits):
    with np.errstate(all="ignore"):
        return float(naive.softmax(logits)[0])


def _what_comes_out():
    return [np.nan, 0, 0.5, np.nan, 1, 1]


@mistake(
    quantity="softmax",
    fails_on=(np.float32([89, 0]),),
    widget=EXPLORER,
    belief="An overflow means the class wins, so its probability is 1.",
    diagnosis="You wrote the true answer where NaN comes out. exp(89) is inf, the sum is inf as well, and inf/inf "
    "is NaN: the format no longer knows how large either was.",
    step="`exps / total` with inf on both sides.",
    change="Ask two questions for each row: is the term inf? is the sum inf? Only finite/finite is a number.",
)
def predict_the_truth(logits, axis=-1):
    return float(reference.softmax(logits)[0])


@mistake(
    quantity="softmax",
    fails_on=(np.float32([0, 89]),),
    widget=EXPLORER,
    belief="One inf in a row makes the whole row NaN.",
    diagnosis="You let one inf spoil every class. Only the class that is inf itself gets inf/inf = NaN. A finite "
    "term divided by an infinite sum is 0.",
    step="`1 / inf`: this is 0, not NaN.",
    change="Divide class by class: finite/inf is 0, inf/inf is NaN.",
)
def predict_nan_everywhere(logits, axis=-1):
    with np.errstate(all="ignore"):
        p = naive.softmax(logits)
    return math.nan if np.isnan(p).any() else float(p[0])


@mistake(
    quantity="softmax",
    fails_on=(np.float32([-104, -104]),),
    widget=EXPLORER,
    belief="Only large logits are dangerous.",
    diagnosis="You expected low logits to be harmless. exp(-104) is stored as 0, in every class, and 0/0 is NaN.",
    step="`exp(-104)`: below float32's smallest number.",
    change="Check both cliffs: 88.72 and, when no logit is higher, -103.97.",
)
def predict_only_overflow(logits, axis=-1):
    with np.errstate(all="ignore"):
        p = naive.softmax(logits)
    return 1 / len(p) if float(np.max(logits)) < 0 else float(p[0])


@mistake(
    quantity="softmax",
    fails_on=(np.float32([89, 0]),),
    widget=EXPLORER,
    belief="What exp gives is what comes out.",
    diagnosis="You stopped at exp. Its number is still divided by the sum, and the sum holds it too: inf/inf is NaN, "
    "and 0/0 is NaN.",
    step="`exps / total`: the last step of softmax.",
    change="Write down the exps, then their sum, then divide.",
)
def stop_at_exp(logits, axis=-1):
    with np.errstate(all="ignore"):
        return float(np.exp(logits)[0])


@mistake(
    quantity="softmax",
    fails_on=(np.float32([-103.5, -103.5]),),
    widget=EXPLORER,
    belief="Where exp is subnormal, nothing is left.",
    diagnosis="You gave this row up too early. Below -87.34 exp is subnormal: short of digits, and not yet 0. It is 0 "
    "only below -103.97. Both classes have the same exp here, and x / (x + x) is one half.",
    step="`exp(-103.5)`: 1.4e-45, the smallest number of float32.",
    change="Use the column *all gone* of the table, not *digits go*.",
)
def give_up_on_subnormals(logits, axis=-1):
    with np.errstate(all="ignore"):
        p = naive.softmax(logits)
    return math.nan if float(np.max(logits)) < -87.34 else float(p[0])


@mistake(
    quantity="softmax",
    fails_on=(np.float64([89, 0]),),
    widget=EXPLORER,
    belief="exp ends at 88.72.",
    diagnosis="You used the cliff of float32. This row is float64, which goes on to 709.78: exp(89) is 4.5e38, and "
    "fits.",
    step="`exp(89)` in float64.",
    change="Look up the cliff of the format that is written beside the row.",
)
def use_one_cliff_for_all(logits, axis=-1):
    return math.nan if float(logits[0]) > 88.72 else _first_probability(logits)


@mistake(
    quantity="softmax",
    fails_on=(floats.store([88.7, 0], "bfloat16"),),
    widget="edge",
    belief="bfloat16 rounds 88.7 up to 89, and 89 is too large.",
    diagnosis="You expected 88.7 to break bfloat16. It has no 88.7: its neighbours are 88.5 and 89, and 88.5 is "
    "nearer. exp(88.5) is 2.7e38, and fits.",
    step="Storing 88.7, before any exp.",
    change="Round to the nearest number that the format has, then ask whether exp fits.",
)
def round_up_to_89(logits, axis=-1):
    return math.nan if float(logits[0]) == 88.5 else _first_probability(logits)


predict_output = Exercise(
    key="02.predict_output",
    kind="predict",
    objective="predict at which logit naive softmax breaks in a format, and what comes out",
    minutes=6,
    difficulty=1,
    truth=_first_probability,
    cases=(
        case("float32 [89, 0]", [89, 0], dtype="float32"),
        case("float32 [0, 89]", [0, 89], dtype="float32"),
        case("float32 [-103.5, -103.5]", [-103.5, -103.5], dtype="float32"),
        case("float32 [-104, -104]", [-104, -104], dtype="float32"),
        case("float64 [89, 0]", [89, 0]),
        case("bfloat16 [88.7, 0]", [88.7, 0], dtype="bfloat16"),
    ),
    mistakes=(
        predict_the_truth,
        predict_nan_everywhere,
        predict_only_overflow,
        stop_at_exp,
        give_up_on_subnormals,
        use_one_cliff_for_all,
        round_up_to_89,
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
    with np.errstate(all="ignore"):
        p = naive.softmax(logits)
    if not np.all(np.isfinite(p)):
        return f"naive.softmax gives {p}: that is an alarm. Look for a wrong answer without NaN or inf."
    if abs(float(p.sum()) - 1) > 1e-3:
        return f"These probabilities sum to {float(p.sum()):.3g}, so a check of the sum would find them."
    return ""


@mistake(
    quantity="softmax",
    fails_on=(np.float32([100, 0]),),
    widget="offset",
    belief="The dangerous end is the high one.",
    diagnosis="At the high end float32 goes straight from right answers to NaN or 0. The quiet errors live at the "
    "low end, where exp loses its digits one by one.",
    step="`exp` of a high logit: full precision up to 88.72, then inf.",
    change="Go down: both logits between -98 and -103.",
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
    diagnosis="At least one of your logits is above -87. Its exp has all its digits, and it holds most of the sum, so "
    "the division comes out as well as float32 can hold it.",
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
    diagnosis="You are on the staircase: compare the digits of the two lines above. The error is there, and below "
    "5 %. The steps grow on the way down.",
    step="`exp(-100)`: 27 of the format's smallest steps. With 4 of them, an error is larger.",
    change="Go down one more: both logits between -101 and -103.9, about 1 apart.",
)
def stop_on_a_small_step(logits):
    return logits.shape == (2,) and -103.97 < float(np.max(logits)) <= -98


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
    # 5 percent of a float32 in ulps: 0.05 / eps
    cases=(case("two logits of ordinary size", [1, 0], dtype="float32", ulps=0.05 * 2**23),),
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
        "Near -102, exp has two or three bits left. Try [-102, -103], then move both.",
    ),
    model_answer=lambda: np.float32([-102, -103]),
    why="exp(-102) is stored as 4 times the smallest number, exp(-103) as 1 times it. 4/5 is 0.8; the truth is 0.731.",
    variants=(
        lambda: [-102.5, -103.5],
        lambda: (-103, -102),
        lambda: np.array([-103.0, -104.0]),
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
        case("one step, one number", [[np.inf]], ulps=0),
    ),
    mistakes=(
        row_slips.look_for_nan_only,
        row_slips.argmax_without_any,
        row_slips.wait_for_the_whole_row,
        row_slips.take_the_last,
        row_slips.look_along_the_columns,
        row_slips.count_single_numbers,
        row_slips.count_from_one,
        row_slips.find_the_first_good_row,
    ),
    hints=(
        "`np.isfinite` is True for an honest number, False for NaN, inf and -inf.",
        "A row is bad when not all of its numbers are finite. You want the first bad row, if there is one.",
        "`bad = ~np.isfinite(history).all(axis=1)`, then `np.argmax(bad)` if `bad.any()`, else -1.",
    ),
    model_answer=my_first_bad,
    why="The first row that is not finite is the place to look. Later rows are its victims, and an inf usually "
    "comes before the NaN it causes.",
    variants=(_with_a_loop, _with_flatnonzero, _with_abs),
)
