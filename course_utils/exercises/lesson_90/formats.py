"""Right formulas that lose digits: too narrow a format, no room below 0, a small part on a large one."""

import numpy as np

from course_utils import floats, reference, shifted
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.lesson_90.goals import FIND, REPAIR, WRITE, shifted_softmax
from course_utils.mistakes import MISTAKES, mistake

# --- pixels ---------------------------------------------------------------------------------------------


def handed_out_pixels(pixels):
    exps = np.exp(pixels - np.max(pixels, axis=-1, keepdims=True))
    return exps / np.sum(exps, axis=-1, keepdims=True)


def my_softmax_of_pixels(pixels):
    logits = np.asarray(pixels, dtype=np.float64)
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return exps / np.sum(exps, axis=-1, keepdims=True)


def _pixels_in_float32(pixels):
    return shifted_softmax(pixels.astype(np.float32))


def _pixels_from_below(pixels):
    below = np.max(pixels, axis=-1, keepdims=True) - pixels  # never negative, so nothing wraps
    exps = np.exp(-below.astype(np.float64))
    return exps / exps.sum(axis=-1, keepdims=True)


def _pixels_in_wide_integers(pixels):
    return shifted_softmax(pixels.astype(np.int64))


@mistake(
    quantity="softmax",
    fails_on=(np.array([200, 0], np.uint8),),
    widget="offset",
    belief="Converting before exp is early enough.",
    diagnosis="You converted after the subtraction. The difference had already wrapped around in the integer type: "
    "0 - 200 became 56, and stays 56 as a float.",
    step="`(pixels - max).astype(...)`: the subtraction still runs in uint8.",
    change="Convert first, subtract after.",
)
def convert_after_subtracting(pixels):
    exps = np.exp((pixels - np.max(pixels, axis=-1, keepdims=True)).astype(np.float64))
    return exps / np.sum(exps, axis=-1, keepdims=True)


@mistake(
    quantity="softmax",
    fails_on=(np.array([200, 0], np.uint8),),
    widget="offset",
    belief="A signed integer is enough.",
    diagnosis="You converted to int8. It has a sign and ends at 127: 200 became -56 on the way in.",
    step="`pixels.astype(np.int8)`: larger pixels wrap around at once.",
    change="Convert to a floating-point format, or to an integer type with room for all differences.",
)
def convert_to_int8(pixels):
    return shifted_softmax(pixels.astype(np.int8).astype(np.float64))


pixels = Exercise(
    key="90.pixels",
    kind="repair",
    objective=REPAIR,
    minutes=5,
    difficulty=1,
    truth=reference.softmax,
    subject=handed_out_pixels,
    cases=tuple(
        case(label, np.array(values, dtype), dtype=None, ulps=2.0**36)  # float32 is good enough
        for label, values, dtype in (
            ("a bright and a darker pixel", [150, 100], np.uint8),
            ("dark, and a bit brighter", [0, 1, 60], np.uint8),
            ("equal pixels", [7, 7], np.uint8),
            ("two rows", [[1, 2], [9, 5]], np.uint8),
            ("signed bytes", [40, -30], np.int8),
            ("long integers", [1000, 999], np.int32),
            ("sixteen bits", [40000, 39999, 40001], np.uint16),
        )
    ),
    mistakes=(
        MISTAKES["subtract_in_uint8"],
        convert_after_subtracting,
        convert_to_int8,
        MISTAKES["trust_float64"],
    ),
    hints=(
        "Which type has `pixels - max`? Try `np.uint8(0) - np.uint8(200)` in a cell.",
        "The subtraction runs in the type of its inputs. An unsigned integer cannot be negative, so it wraps "
        "around.",
        "Convert in the first line: `logits = np.asarray(pixels, dtype=np.float64)`, and shift that.",
    ),
    model_answer=my_softmax_of_pixels,
    why="Below 0 an unsigned integer starts again at its top: 0 - 200 is 56 in uint8, and the smallest logit "
    "becomes the largest exponent. Once the numbers are floats the same two lines are right.",
    variants=(_pixels_in_float32, _pixels_from_below, _pixels_in_wide_integers),
)


# --- storage --------------------------------------------------------------------------------------------


def _keep_differences_in_float16(logits):
    differences = logits - np.max(logits, axis=-1, keepdims=True)
    return shifted_softmax(floats.store(differences, "float16").astype(logits.dtype))


def _name_and_row():
    return "C", np.float32([256, 257])


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
        case(label, logits, dtype="float32", ulps=0.02 * 2**23)  # two percent of a float32
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
    model_answer=_name_and_row,
    why="A loses every class below 0.001: range is not resolution. B merges logits that are close together "
    "and far from 0. C stores differences, which are small where the probabilities are large.",
    variants=(
        lambda: ("C", [0, -8]),
        lambda: ["C", np.float32([1000, 1001, 1002])],
        lambda: ("C", (301.0, 300.0)),
    ),
)


# --- accumulator ----------------------------------------------------------------------------------------


def handed_out_accumulator(logits):
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return exps / np.sum(exps, axis=-1, keepdims=True)


def my_softmax_of_many(logits):
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    total = np.sum(exps.astype(np.float32), axis=-1, keepdims=True)
    return (exps / total).astype(logits.dtype)


def _widen_first(logits):
    return shifted_softmax(logits.astype(np.float32)).astype(logits.dtype)


def _sum_with_dtype(logits):
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return exps.astype(np.float64) / np.sum(exps, axis=-1, keepdims=True, dtype=np.float64)


def _sum_of_python(logits):
    exps = np.exp((logits - np.max(logits, axis=-1, keepdims=True)).astype(np.float64))
    total = np.array([sum(row) for row in exps.reshape(-1, exps.shape[-1]).tolist()])
    return exps / total.reshape(*exps.shape[:-1], 1)


@mistake(
    quantity="softmax",
    fails_on=(floats.store([[0, 0], [0, 1]], "bfloat16"),),
    widget="breaker",
    belief="The total goes over the whole array.",
    diagnosis="You widened the sum and lost the axis: one total for the whole batch. No single row adds up to 1.",
    step="`np.sum(exps.astype(np.float32))` without an axis.",
    change="Keep `axis=-1, keepdims=True` in the wide sum.",
)
def widen_and_lose_the_axis(logits):
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return exps / np.sum(exps.astype(np.float32))


accumulator = Exercise(
    key="90.accumulator",
    kind="repair",
    objective=REPAIR,
    minutes=5,
    difficulty=2,
    truth=reference.softmax,
    subject=handed_out_accumulator,
    cases=(
        case("three logits", [2, 1, 0], dtype="bfloat16"),
        case("400 equal logits", [0] * 400, dtype="bfloat16"),
        case("300 equal logits of 1000", [1000] * 300, dtype="bfloat16"),
        case("two rows", [[0, 0], [0, 1]], dtype="bfloat16"),
        case("a square batch", [[1, 2, 3], [3, 3, 3], [0, 0, 9]], dtype="float16"),
        case("wide logits in float16", [-11, 0, -1], dtype="float16"),
    ),
    mistakes=(
        MISTAKES["sum_in_narrow_format"],
        MISTAKES["exponentiate_unshifted"],
        MISTAKES["sum_without_keepdims"],
        widen_and_lose_the_axis,
    ),
    hints=(
        "The shift is right. Which step has 400 terms? In which format does it keep its running sum?",
        "bfloat16 has 8 bits of precision: 256 + 1 is rounded back to 256. The terms fit, their sum does not.",
        "`np.sum(exps.astype(np.float32), axis=-1, keepdims=True)`.",
    ),
    model_answer=my_softmax_of_many,
    why="A running sum stalls when the next term is less than half of its spacing. In float32 that takes 16 "
    "million ones, in bfloat16 256. Add up wide, round once.",
    variants=(_widen_first, _sum_with_dtype, _sum_of_python),
)


# --- slope ----------------------------------------------------------------------------------------------


def my_slope(logits):
    terms = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return terms / np.sum(terms, axis=-1, keepdims=True)


def _slope_by_shares(logits):
    return shifted_softmax(logits.astype(np.float64)).astype(logits.dtype)


def _slope_row_by_row(logits):
    return np.stack([shifted_softmax(row) for row in np.atleast_2d(logits)]).reshape(logits.shape)


def _slope_in_shifted_logs(logits):
    return np.exp(shifted.log_softmax(logits))


@mistake(
    quantity="softmax",
    fails_on=(np.float32([1e8, 1e8]),),
    widget="loss",
    belief="The slope is exp(z - lse), so compute the log-sum-exp first.",
    diagnosis="Your derivative is right on paper: e^(z - lse). But lse has been rounded to the spacing of the "
    "largest logit, and exp turns that error into a factor. At 1e8 two equal logits get a slope of 1 each.",
    step="`logits - lse`: the small part of lse was lost when it was added to the maximum.",
    change="Divide the shifted terms by their sum; then no rounded lse is needed.",
)
def subtract_the_rounded_lse(logits):
    row_max = np.max(logits, axis=-1, keepdims=True)
    return np.exp(logits - (row_max + np.log(np.sum(np.exp(logits - row_max), axis=-1, keepdims=True))))


@mistake(
    quantity="softmax",
    fails_on=(np.float32([0, 0]),),
    widget="loss",
    belief="The derivative of an exp over a sum is p (1 - p).",
    diagnosis="You took the derivative of softmax, p (1 - p). The question is one step earlier: the derivative of "
    "the log-sum-exp is p itself.",
    step="One derivative too many.",
    change="d/dz_i log(sum_j e^z_j) = e^z_i / sum_j e^z_j.",
)
def one_derivative_too_many(logits):
    p = shifted_softmax(logits)
    return p * (1 - p)


@mistake(
    quantity="softmax",
    fails_on=(np.float32([1, 0]),),
    widget="loss",
    belief="Log-sum-exp is a maximum, so its slope is 1 for the winner.",
    diagnosis="You took the slope of the hard maximum. The smooth one shares its slope among all classes that are "
    "close.",
    step="1 for the largest logit and 0 for all others.",
    change="d/dz_i log(sum_j e^z_j) = e^z_i / sum_j e^z_j.",
)
def slope_of_the_hard_max(logits):
    return (logits == np.max(logits, axis=-1, keepdims=True)).astype(logits.dtype)


slope = Exercise(
    key="90.slope",
    kind="derive",
    objective=WRITE,
    minutes=5,
    difficulty=2,
    truth=reference.softmax,
    cases=(
        case("three logits", [2, 1, 0.1], dtype="float32"),
        case("two large equal logits", [1e8, 1e8], dtype="float32"),
        case("past the cliff", [100, 99, 0], dtype="float32"),
        case("far below zero", [-1000, -1001]),
        case("a batch", [[0, 1], [700, 710], [3, 3]]),
        case("a masked class", [-np.inf, 0, 1], dtype="float32"),
    ),
    mistakes=(
        subtract_the_rounded_lse,
        one_derivative_too_many,
        slope_of_the_hard_max,
        MISTAKES["exponentiate_unshifted"],
    ),
    hints=(
        "Derive first, on paper: the derivative of log(u) is u'/u. What is u here, and what is u' for the "
        "entry z_i?",
        "The slope is e^z_i over the sum of all e^z_j. You know that quantity, and how to compute it safely.",
        "Shift, exp, divide by the sum: no logarithm is needed at all.",
    ),
    model_answer=my_slope,
    why="The slope of the log-sum-exp is softmax. Written as exp(z - lse) it inherits the rounding of lse, "
    "which grows with the logits; written as a ratio of shifted terms it does not.",
    variants=(_slope_by_shares, _slope_row_by_row, _slope_in_shifted_logs),
)
