"""Exercises of lesson 90: can you find the fault? Mixed practice over all lessons."""

import numpy as np

from course_utils import floats, reference, shifted
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import MISTAKES, QUANTITIES, mistake

FIND = "find the input, or predict the number, that gives a hidden fault away"
REPAIR = "repair the step that is at fault, and nothing else"
WRITE = "derive and write a quantity that holds at every edge"


def truth_of(quantity):
    """A quantity of the catalogue, asked of the reference."""
    return lambda *args: QUANTITIES[quantity](reference, *args)


def _softmax(logits):
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return exps / np.sum(exps, axis=-1, keepdims=True)


# --- prediction -----------------------------------------------------------------------------------------


def _two_logits_up_to_100(logits):
    if logits.shape != (2,):
        return f"Give two logits; this input has shape {logits.shape}."
    return "" if np.all(np.abs(logits) <= 100) else "Use finite logits between -100 and 100."


@mistake(
    quantity="predicted_class",
    fails_on=(np.float32([0, 95]),),
    widget="breaker",
    belief="One NaN is enough to fool argmax.",
    diagnosis="Only one probability is NaN on your input, and it belongs to the larger logit. argmax returns the "
    "first NaN, which is the right class by luck.",
    step="`np.argmax(p)`: the NaN stands where the answer is.",
    change="Make both classes fail, so that the first one wins without deserving it.",
)
def one_class_overflows(logits):
    return np.sum(logits > 88.7) == 1


@mistake(
    quantity="predicted_class",
    fails_on=(np.float32([95, 90]),),
    widget="breaker",
    belief="Two NaN are enough.",
    diagnosis="Both probabilities fail, and argmax returns class 0. On your input class 0 is the right answer.",
    step="`np.argmax([nan, nan])` is 0, whatever the logits were.",
    change="Swap the two logits.",
)
def first_class_is_right(logits):
    return np.all(logits > 88) and logits[0] >= logits[1]


@mistake(
    quantity="predicted_class",
    fails_on=(np.float32([1, 2]),),
    widget="breaker",
    belief="Without a shift the order is lost at once.",
    diagnosis="Your logits are far from both cliffs. exp keeps their order, and argmax finds it.",
    step="`np.exp(logits)`: finite, and in the right order.",
    change="Go past the cliff of float32 with both logits.",
)
def nothing_overflows(logits):
    return np.max(logits) <= 88


def _both_over_the_cliff():
    return np.float32([89, 90])


prediction = Exercise(
    key="90.prediction",
    kind="break",
    objective=FIND,
    minutes=4,
    difficulty=1,
    truth=truth_of("predicted_class"),
    subject=MISTAKES["argmax_of_nan"].function,
    limits=_two_logits_up_to_100,
    cases=(case("two ordinary logits", [1, 2], dtype="float32", ulps=0),),
    mistakes=(one_class_overflows, first_class_is_right, nothing_overflows),
    hints=(
        "argmax never says that something is wrong. What does it return for a row of NaN?",
        "For `[nan, nan]` it returns 0. So both probabilities must fail, and class 1 must be the right answer.",
        "exp overflows in float32 past 88.72. Put both logits above it, the second one higher.",
    ),
    model_answer=_both_over_the_cliff,
    why="Both exps are inf, both probabilities NaN, and argmax returns the first NaN: class 0, with no "
    "alarm. The largest logit was in class 1. Take the argmax of the logits, or of a shifted softmax.",
    variants=(
        lambda: [90, 91],
        lambda: (89.5, 99.0),
        lambda: np.float32([88.5, 88.6]),  # no exp overflows, their sum does
    ),
)


# --- attention_mask -------------------------------------------------------------------------------------


def handed_out_mask(scores, keep):
    scores = scores + np.where(keep, 0, -1e9).astype(scores.dtype)
    exps = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return exps / np.sum(exps, axis=-1, keepdims=True)


def my_masked_softmax(scores, keep):
    row_max = np.max(scores, axis=-1, keepdims=True, where=keep, initial=-np.inf)
    shift = np.where(row_max == -np.inf, 0, row_max)
    exps = np.exp(np.where(keep, scores - shift, -np.inf))
    total = np.sum(exps, axis=-1, keepdims=True)
    return exps / np.where(total == 0, 1, total)


def _mask_row_by_row(scores, keep):
    result = np.zeros_like(scores)
    for row in np.ndindex(scores.shape[:-1]):
        if keep[row].any():
            result[row][keep[row]] = _softmax(scores[row][keep[row]])
    return result


def _mask_with_divide(scores, keep):
    masked = np.where(keep, scores, -np.inf)
    top = np.max(masked, axis=-1, keepdims=True)
    exps = np.exp(masked - np.where(np.isfinite(top), top, 0))
    total = exps.sum(axis=-1, keepdims=True)
    return np.divide(exps, total, out=np.zeros_like(exps), where=total > 0)


def _mask_only_rows_that_keep(scores, keep):
    some = keep.any(axis=-1, keepdims=True)
    return np.where(keep, shifted.softmax(np.where(keep | ~some, scores, -np.inf)), 0)


@mistake(
    quantity="masked_softmax",
    fails_on=(np.float32([3, 5]), np.array([False, False])),
    widget="loss",
    belief="The lowest finite number is a safer -inf.",
    diagnosis="You added the format's lowest number. It is finite, so in a row where everything is masked the "
    "shift brings all of it back, and padding gets a share. And a negative score on top of it can round to -inf.",
    step="`scores + finfo.min`: the masked scores are still numbers that a maximum can choose.",
    change="Leave masked entries out: -inf for them, and 0 for a row with nothing to keep.",
)
def mask_with_lowest(scores, keep):
    masked = scores + np.where(keep, 0, np.finfo(scores.dtype).min).astype(scores.dtype)
    return _softmax(masked)


@mistake(
    quantity="masked_softmax",
    fails_on=(np.float32([3, 5]), np.array([False, False])),
    widget="loss",
    belief="-inf is always a safe mask.",
    diagnosis="You set masked scores to -inf, which is right for a row that keeps something. Where everything is "
    "masked the maximum is -inf as well, and -inf - -inf is NaN.",
    step="`scores - row_max` with row_max = -inf.",
    change="Where row_max is -inf, shift by 0; where the total is 0, return 0.",
)
def mask_without_guard(scores, keep):
    return _softmax(np.where(keep, scores, -np.inf).astype(scores.dtype))


@mistake(
    quantity="masked_softmax",
    fails_on=(np.float32([1, 2]), np.array([True, False])),
    widget="loss",
    belief="Setting the masked probabilities to 0 is the same.",
    diagnosis="You masked after the softmax. The masked entries had already taken their share of the total, so the "
    "rest no longer adds up to 1.",
    step="`softmax(scores) * keep`: the total still counts the masked entries.",
    change="Mask before the sum: only kept entries may enter the total.",
)
def mask_after_softmax(scores, keep):
    return _softmax(scores) * keep


attention_mask = Exercise(
    key="90.attention_mask",
    kind="repair",
    objective=REPAIR,
    minutes=8,
    difficulty=2,
    truth=truth_of("masked_softmax"),
    subject=handed_out_mask,
    cases=(
        case("one entry masked", [3, 1, 2], [True, False, True], dtype="float32"),
        case("the masked score is the largest", [1, 100, 2], [True, False, True], dtype="float32"),
        case("everything masked", [3, 5], [False, False], dtype="float32"),
        case("everything masked, float16", [3, 5], [False, False], dtype="float16"),
        case("everything masked, low scores, float16", [-17, -40], [False, False], dtype="float16"),
        case("real scores below -1e9", [-2e9, -2e9, 0], [True, True, False], dtype="float32"),
        case(
            "a batch with one empty row",
            [[1, 2, 3], [200, 100, 0], [7, 8, 9]],
            [[True, True, True], [False, True, True], [False, False, False]],
            dtype="float32",
        ),
    ),
    mistakes=(MISTAKES["mask_by_adding"], mask_with_lowest, mask_without_guard, mask_after_softmax),
    hints=(
        "Which number is large enough to stand for `never`? And what happens to a row in which nothing is kept?",
        "Mask with -inf. Then guard two places: the shift where the maximum is -inf, and the division where "
        "the total is 0.",
        "`np.max(..., where=keep, initial=-np.inf)`, `np.where(row_max == -np.inf, 0, row_max)`, "
        "`np.where(total == 0, 1, total)`.",
    ),
    model_answer=my_masked_softmax,
    why="A finite mask is a score like any other: in an empty row it is the maximum, and the shift brings it "
    "back. -inf stays away, and an empty row, which has no distribution, is defined to be 0.",
    variants=(_mask_row_by_row, _mask_with_divide, _mask_only_rows_that_keep),
)


# --- double_softmax -------------------------------------------------------------------------------------


def _logged_loss(logits, targets):
    return float(MISTAKES["softmax_twice"](logits, targets))


def _floor_of_the_loss():
    return [np.log(np.e + 2) - 1, np.log(np.e + 9) - 1, np.log(np.e + 2)]


@mistake(
    quantity="cross_entropy",
    fails_on=(np.float64([[20, 0, 0]]), np.array([0])),
    widget="loss",
    belief="A perfect answer has a loss of about 0.",
    diagnosis="You predicted the loss of a single softmax. The second one gets probabilities, numbers between 0 "
    "and 1, as its logits: even the best row, [1, 0, 0], has a gap of 1 only.",
    step="`softmax(softmax(logits))`: a gap of 20 has become a gap of 1.",
    change="Put [1, 0, 0] into a softmax, and take minus the log of the target's entry.",
)
def expect_one_softmax(logits, targets):
    return float(reference.cross_entropy(logits, targets))


@mistake(
    quantity="cross_entropy",
    fails_on=(np.float64([[20, 0, 0]]), np.array([0])),
    widget="loss",
    belief="A loss that does not fall is the loss of a guess.",
    diagnosis="You predicted the loss of a blind guess, log K. The second softmax still sees which class leads, by "
    "a gap of 1: the loss can move a little, from ln(e + K - 1) down to 1 less.",
    step="`softmax([1, 0, 0])`: not uniform, and not sharp either.",
    change="Put e for the winner and 1 for each other class into the sum.",
)
def expect_a_guess(logits, targets):
    return float(np.log(logits.shape[-1]))


@mistake(
    quantity="cross_entropy",
    fails_on=(np.float64([[20, 0, 0]]), np.array([0])),
    widget="loss",
    belief="The total is e and a 1 for each class.",
    diagnosis="You counted one class too many. The winner's term is e instead of 1, not in addition to it.",
    step="`e + K`: the winner appears twice.",
    change="The total of K classes is e + (K - 1).",
)
def count_the_winner_twice(logits, targets):
    lead = float(np.argmax(logits[0]) == targets[0])
    return float(np.log(np.e + logits.shape[-1]) - lead)


double_softmax = Exercise(
    key="90.double_softmax",
    kind="predict",
    objective=FIND,
    minutes=5,
    difficulty=2,
    truth=_logged_loss,
    cases=(
        case("3 classes, as right as can be", [[20, 0, 0]], [0]),
        case("10 classes, as right as can be", [[20] + [0] * 9], [0]),
        case("3 classes, as wrong as can be", [[0, 20, 0]], [0]),
    ),
    mistakes=(expect_one_softmax, expect_a_guess, count_the_winner_twice),
    hints=(
        "The first softmax gives nearly [1, 0, 0]. These numbers are the logits of the second one.",
        "Its terms are e, 1 and 1. The loss is minus the log of the target's share.",
        "For the first: -ln(e / (e + 2)) = ln(e + 2) - 1. In the third case the target's term is 1, not e.",
    ),
    model_answer=_floor_of_the_loss,
    why="The second softmax sees a gap of 1 at most. Its best loss is ln(e + K - 1) - 1: 0.551 for 3 "
    "classes, 1.461 for 10, 5.909 for 1000. If a loss will not go below that number, look for a softmax "
    "before the loss.",
    variants=(
        lambda: [0.551, 1.461, 1.551],
        lambda: (0.55144, 1.46115, 1.55144),
        lambda: -np.log([np.e / (np.e + 2), np.e / (np.e + 9), 1 / (np.e + 2)]),
    ),
)


# --- pixels ---------------------------------------------------------------------------------------------


def handed_out_pixels(pixels):
    exps = np.exp(pixels - np.max(pixels, axis=-1, keepdims=True))
    return exps / np.sum(exps, axis=-1, keepdims=True)


def my_softmax_of_pixels(pixels):
    logits = np.asarray(pixels, dtype=np.float64)
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return exps / np.sum(exps, axis=-1, keepdims=True)


def _pixels_in_float32(pixels):
    return _softmax(pixels.astype(np.float32))


def _pixels_from_below(pixels):
    below = np.max(pixels, axis=-1, keepdims=True) - pixels  # never negative, so nothing wraps
    exps = np.exp(-below.astype(np.float64))
    return exps / exps.sum(axis=-1, keepdims=True)


def _pixels_in_wide_integers(pixels):
    return _softmax(pixels.astype(np.int64))


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
    return _softmax(pixels.astype(np.int8).astype(np.float64))


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


# --- sampler --------------------------------------------------------------------------------------------


def handed_out_sampler(logits, temperature):
    logits = logits / temperature
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return exps / np.sum(exps, axis=-1, keepdims=True)


def my_tempered_softmax(logits, temperature):
    shifted_logits = logits - np.max(logits, axis=-1, keepdims=True)
    exps = np.exp(shifted_logits / temperature)
    return exps / np.sum(exps, axis=-1, keepdims=True)


def _tempered_in_float64(logits, temperature):
    wide = logits.astype(np.float64)
    return _softmax(wide / np.float64(temperature)).astype(logits.dtype)


def _tempered_with_a_power(logits, temperature):
    exps = np.exp((logits - logits.max(axis=-1, keepdims=True)).astype(np.float64) / float(temperature))
    return exps / exps.sum(axis=-1, keepdims=True)


def _tempered_in_logs(logits, temperature):
    scaled = (logits - np.max(logits, axis=-1, keepdims=True)) / temperature
    return np.exp(scaled - np.log(np.sum(np.exp(scaled), axis=-1, keepdims=True)))


@mistake(
    quantity="tempered_softmax",
    fails_on=(np.float32([2, 1]), np.float32(2)),
    widget="breaker",
    belief="A temperature multiplies.",
    diagnosis="You multiplied by the temperature. A low temperature then flattens the row where it should sharpen "
    "it.",
    step="`shifted * temperature`.",
    change="Divide: `shifted / temperature`.",
)
def multiply_instead(logits, temperature):
    scaled = (logits - np.max(logits, axis=-1, keepdims=True)) * temperature
    return np.exp(scaled) / np.sum(np.exp(scaled), axis=-1, keepdims=True)


@mistake(
    quantity="tempered_softmax",
    fails_on=(np.float16([6, 5]), np.float16(6e-5)),
    widget="breaker",
    belief="nan_to_num repairs the rare overflow.",
    diagnosis="You replaced NaN by 0. Now no class has any probability, and a sampler that draws from this row "
    "draws nonsense without a word.",
    step="`np.nan_to_num(...)` at the end: the overflow has happened three lines before.",
    change="Shift before you divide; then there is no NaN to hide.",
)
def hide_the_overflow(logits, temperature):
    return np.nan_to_num(handed_out_sampler(logits, temperature))


@mistake(
    quantity="tempered_softmax",
    fails_on=(np.float32([2, 1]), np.float32(0.05)),
    widget="breaker",
    belief="Nobody needs a temperature below 0.1.",
    diagnosis="You put a floor of 0.1 under the temperature. Overflow gets rarer and stays possible, and every "
    "colder setting is now answered for another temperature.",
    step="`np.maximum(temperature, 0.1)`: the question was changed.",
    change="Keep the temperature, and shift before you divide.",
)
def limit_the_temperature(logits, temperature):
    return handed_out_sampler(logits, np.maximum(temperature, np.asarray(0.1, logits.dtype)))


sampler = Exercise(
    key="90.sampler",
    kind="repair",
    objective=REPAIR,
    minutes=6,
    difficulty=2,
    truth=truth_of("tempered_softmax"),
    subject=handed_out_sampler,
    cases=(
        case("a warm row", [2, 1, 0], np.float32(2), dtype="float32", ulps=32),
        case("a cool row", [2, 1, 0], np.float32(0.5), dtype="float32", ulps=32),
        case("colder than 0.1", [2, 1.75, 0], np.float32(0.05), dtype="float32", ulps=64),
        case("nearly frozen, float16", [6, 5], np.float16(6e-5), dtype="float16", ulps=64),
        case("nearly frozen, all equal", [6, 6, 6], np.float16(6e-5), dtype="float16", ulps=64),
        case("a batch", [[3, 1], [-200, -201], [0, 5]], np.float32(0.25), dtype="float32", ulps=64),
    ),
    mistakes=(
        MISTAKES["divide_then_shift"],
        multiply_instead,
        hide_the_overflow,
        limit_the_temperature,
    ),
    hints=(
        "The shift is there. What has happened to the numbers before it sees them?",
        "6 / 6e-5 is 100,000, and float16 ends at 65504. Which order of the two steps avoids the large number?",
        "`(logits - np.max(logits, axis=-1, keepdims=True)) / temperature`, then exp.",
    ),
    model_answer=my_tempered_softmax,
    why="After the shift the largest entry is 0, and 0 divided by any temperature is 0. A very negative "
    "entry may become -inf: its exp is 0, which is its right value.",
    variants=(_tempered_in_float64, _tempered_with_a_power, _tempered_in_logs),
)


# --- storage --------------------------------------------------------------------------------------------


def _keep_differences_in_float16(logits):
    differences = logits - np.max(logits, axis=-1, keepdims=True)
    return _softmax(floats.store(differences, "float16").astype(logits.dtype))


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


# --- log_not --------------------------------------------------------------------------------------------


def handed_out_log_not(z):
    p = 1 / (1 + np.exp(-z))
    return np.log(1 - p)


def my_log_not(z):
    tail = np.log1p(np.exp(-np.abs(z)))
    return -(np.maximum(z, 0) + tail)


def _log_not_by_logaddexp(z):
    return -np.logaddexp(0, z)


def _log_not_in_two_parts(z):
    result = np.empty_like(z)
    result[z > 0] = -z[z > 0] - np.log1p(np.exp(-z[z > 0]))
    result[z <= 0] = -np.log1p(np.exp(z[z <= 0]))
    return result


def _log_not_with_where(z):
    return np.where(z > 0, -z, 0) - np.log1p(np.exp(-np.abs(z)))


@mistake(
    quantity="log_not_sigmoid",
    fails_on=(np.float32([17]),),
    widget="loss",
    belief="log1p repairs a log near 1.",
    diagnosis="You used log1p(-p). But p has already been rounded to 1, or to a number with few digits beside it: "
    "log1p cannot bring back what the sigmoid lost.",
    step="`1 / (1 + np.exp(-z))`: for z = 17 in float32 this is 1.",
    change="Leave p out: log(1 - sigmoid(z)) is -log(1 + e^z).",
)
def log1p_of_a_rounded_p(z):
    return np.log1p(-1 / (1 + np.exp(-z)))


@mistake(
    quantity="log_not_sigmoid",
    fails_on=(np.float32([100]),),
    widget="loss",
    belief="-log1p(exp(z)) is the stable form.",
    diagnosis="Your algebra is right: -log(1 + e^z). For a large z the exp overflows, and the answer, close to -z, "
    "becomes -inf.",
    step="`np.exp(z)`: inf from 88.73 on in float32.",
    change="Take the large part out: max(z, 0) + log1p(exp(-|z|)).",
)
def exp_of_a_large_z(z):
    return -np.log1p(np.exp(z))


@mistake(
    quantity="log_not_sigmoid",
    fails_on=(np.float32([17]),),
    widget="loss",
    belief="A small constant keeps the log away from 0.",
    diagnosis="You added 1e-7 inside the log. The result can never go below -16.12, where the truth goes on "
    "falling.",
    step="`np.log(1 - p + 1e-7)`: a floor, chosen by you.",
    change="Leave p out: log(1 - sigmoid(z)) is -log(1 + e^z).",
)
def epsilon_under_the_log(z):
    return np.log(1 - 1 / (1 + np.exp(-z)) + np.asarray(1e-7, z.dtype))


log_not = Exercise(
    key="90.log_not",
    kind="repair",
    objective=REPAIR,
    minutes=6,
    difficulty=2,
    truth=truth_of("log_not_sigmoid"),
    subject=handed_out_log_not,
    cases=(
        case("ordinary scores", [0.5, -0.5, 2], dtype="float32", ulps=8),
        case("sure", [15, 17], dtype="float32", ulps=8),
        case("very sure", [100, 1000], dtype="float32", ulps=8),
        case("sure of the opposite", [-17, -50], dtype="float32", ulps=8),
        case("at the fence", [0, 1, -1], dtype="float32", ulps=8),
        case("float64", [40, -40, 750], ulps=8),
    ),
    mistakes=(
        MISTAKES["log_of_one_minus_sigmoid"],
        log1p_of_a_rounded_p,
        exp_of_a_large_z,
        epsilon_under_the_log,
    ),
    hints=(
        "What is p for z = 17 in float32? And 1 - p?",
        "Do the algebra before the floats: 1 - sigmoid(z) = 1 / (1 + e^z). So the log is -log(1 + e^z).",
        "That overflows for a large z. Take z out: `np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))`, with a "
        "minus in front.",
    ),
    model_answer=my_log_not,
    why="1 - p cancels as soon as p is close to 1. The formula -log(1 + e^z) has no difference in it, and "
    "with max(z, 0) taken out no exp of a positive number either. NumPy has it as -np.logaddexp(0, z).",
    variants=(_log_not_by_logaddexp, _log_not_in_two_parts, _log_not_with_where),
)


# --- patched_loss ---------------------------------------------------------------------------------------


def handed_out_loss(logits, targets):
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    p = exps / np.sum(exps, axis=-1, keepdims=True)
    p_target = p[np.arange(len(targets)), targets]
    return -np.mean(np.log(p_target + 1e-8))


def my_patient_loss(logits, targets):
    rows = np.arange(len(targets))
    margins = logits - logits[rows, targets][:, None]
    margins[rows, targets] = -np.inf
    top = np.max(margins, axis=-1)
    others = top + np.log(np.sum(np.exp(margins - top[:, None]), axis=-1))
    return np.mean(np.logaddexp(0, others))


def _loss_with_a_loop(logits, targets):
    losses = []
    for row, target in zip(logits, targets, strict=True):
        losses.append(np.logaddexp(0, np.logaddexp.reduce(np.delete(row - row[target], target))))
    return np.mean(losses)


def _loss_from_the_reference_room(logits, targets):
    return reference.cross_entropy(logits, targets, dtype=np.float64)


def _loss_in_float64(logits, targets):
    wide = logits.astype(np.float64)
    return my_patient_loss(wide, targets)


patched_loss = Exercise(
    key="90.patched_loss",
    kind="repair",
    objective=REPAIR,
    minutes=9,
    difficulty=3,
    truth=reference.cross_entropy,
    subject=handed_out_loss,
    cases=(
        case("two ordinary rows", [[2, 1, 0.1], [1, 3, 0.2]], [0, 2], dtype="float32", ulps=16),
        case("wrong by 50", [[0, 50]], [0], dtype="float32", ulps=16),
        case("right by 200", [[200, 0]], [0], dtype="float32", ulps=16),
        case("right by 20", [[20, 0]], [0], dtype="float32", ulps=32),
        case("a class that vanishes", [[0, -200, 1]], [0], dtype="float32", ulps=16),
        case("wrong by 1000", [[0, 1000], [3, 1]], [0, 0], dtype="float32", ulps=16),
        case("right by 20, three classes", [[20, 0, 1], [0, 1, 20]], [0, 2], dtype="float32", ulps=32),
        case("large and close", [[1000, 999, 998]], [1], dtype="float32", ulps=16),
    ),
    mistakes=tuple(
        MISTAKES[key]
        for key in (
            "epsilon_in_log",
            "epsilon_makes_negative",
            "clip_probabilities",
            "onehot_times_log",
            "absorb_small_loss",
            "softmax_twice",
        )
    ),
    hints=(
        "Two ends are broken: a row that is wrong by 50, and a row that is right by 20. What does p hold in each?",
        "The loss is log(1 + sum of e^(z_j - z_target) over the other classes). No probability is needed.",
        "Set the target's own margin to -inf, take the log-sum-exp of the margins, then `np.logaddexp(0, others)`.",
    ),
    model_answer=my_patient_loss,
    why="With the target's term, e^0 = 1, taken out of the sum, the loss is log(1 + r). logaddexp(0, log r) "
    "computes it at both ends: for a tiny r it is r, for a huge one it is log r.",
    variants=(_loss_with_a_loop, _loss_from_the_reference_room, _loss_in_float64),
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
    return _softmax(logits.astype(np.float32)).astype(logits.dtype)


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
    return _softmax(logits.astype(np.float64)).astype(logits.dtype)


def _slope_row_by_row(logits):
    return np.stack([_softmax(row) for row in np.atleast_2d(logits)]).reshape(logits.shape)


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
    p = _softmax(logits)
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


# --- gradients ------------------------------------------------------------------------------------------


def _gradient_from_the_logits(logits, targets):
    return shifted.cross_entropy_with_grad(logits, targets)[1]


def _letter_and_batch():
    return "D", ([[0, 50]], [0])


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
    cases=(
        case("an ordinary row", [[1, 0]], [0], dtype="float32", ulps=16),
        case("wrong by 50", [[0, 50]], [0], dtype="float32", ulps=16),
        case("past the cliff", [[100, 0]], [1], dtype="float32", ulps=16),
        case("wrong by 18", [[1, 0, 19], [0, 2, 1]], [0, 1], dtype="float32", ulps=64),
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
    model_answer=_letter_and_batch,
    why="Where the model is confidently wrong the gradient should be -1. The epsilon scales it by p / (p + "
    "1e-8), the clip by 0. Clipping a gradient comes too late for a NaN. From the logits it is softmax "
    "minus one-hot, and nothing is lost.",
    variants=(
        lambda: ("D", ([[100, 0]], [1])),
        lambda: ["D", (np.float32([[0, 40]]), np.array([0]))],
        lambda: ("D", ([[0, 30], [1, 1]], [0, 1])),
    ),
)


# --- guarded --------------------------------------------------------------------------------------------


def handed_out_guard(z):
    small = z < 80
    exps = np.exp(z)
    return small * (exps / (1 + exps)) + ~small * np.ones_like(z)


def my_guarded_slope(z):
    small = z < 80
    exps = np.exp(np.where(small, z, 0))
    return np.where(small, exps / (1 + exps), 1)


def _guarded_by_sign(z):
    tail = np.exp(-np.abs(z))
    return np.where(z > 0, 1 / (1 + tail), tail / (1 + tail))


def _guarded_by_tanh_and_exp(z):
    return np.exp(-np.logaddexp(0, -z))


def _guarded_by_parts(z):
    result = np.ones_like(z)
    exps = np.exp(z[z < 50])
    result[z < 50] = exps / (1 + exps)
    return result


@mistake(
    quantity="softplus_gradient",
    fails_on=(np.float32([200]),),
    widget="loss",
    belief="The NaN stands where nothing matters, so 0 will do.",
    diagnosis="You replaced the NaN by 0. The slope there is 1: the largest scores would stop learning.",
    step="`np.nan_to_num(...)`: a NaN became a number, and the wrong one.",
    change="Make the input of exp safe before exp sees it: `np.exp(np.where(small, z, 0))`.",
)
def slope_without_nan(z):
    exps = np.exp(z)
    return np.nan_to_num(exps / (1 + exps))


@mistake(
    quantity="softplus_gradient",
    fails_on=(np.float32([-90]),),
    widget="loss",
    belief="Clip the scores to a safe range.",
    diagnosis="You clipped the scores on both sides. Above, the slope is 1 anyway; below -50 it goes on shrinking, "
    "and yours stays at e^-50.",
    step="`np.clip(z, -50, 50)`: the lower limit changes right answers.",
    change="Guard the side that overflows, and leave the other alone.",
)
def slope_of_clipped_scores(z):
    exps = np.exp(np.clip(z, -50, 50))
    return exps / (1 + exps)


@mistake(
    quantity="softplus_gradient",
    fails_on=(np.float32([-20]),),
    widget="loss",
    belief="1 - 1 / (1 + e^z) is the same.",
    diagnosis="Your form survives large scores, since 1 / inf is 0. For low ones it subtracts two nearly equal "
    "numbers, and from -17 on the slope is exactly 0.",
    step="`1 - 1 / (1 + exps)`: cancellation.",
    change="Keep `exps / (1 + exps)` there, and guard its input.",
)
def slope_by_difference(z):
    return 1 - 1 / (1 + np.exp(z))


guarded = Exercise(
    key="90.guarded",
    kind="repair",
    objective=REPAIR,
    minutes=7,
    difficulty=3,
    truth=truth_of("softplus_gradient"),
    subject=handed_out_guard,
    cases=(
        case("ordinary scores", [1, -1, 0], dtype="float32", ulps=8),
        case("one large score", [200], dtype="float32", ulps=8),
        case("both sides of the guard", [79, 81, 100], dtype="float32", ulps=8),
        case("low scores", [-20, -50, -90], dtype="float32", ulps=8),
        case("a batch", [[300, 2], [-3, 1000]], dtype="float32", ulps=8),
        case("float64", [800, 30, -700], ulps=8),
    ),
    mistakes=(
        MISTAKES["where_guards_gradient"],
        slope_without_nan,
        slope_of_clipped_scores,
        slope_by_difference,
    ),
    hints=(
        "Both branches are computed, whichever is chosen. What is `0 * (inf / inf)`?",
        "Choosing the output is too late. Choose the input: give exp a harmless number where the branch is "
        "not used.",
        "`exps = np.exp(np.where(small, z, 0))`, and `np.where(small, exps / (1 + exps), 1)` at the end.",
    ),
    model_answer=my_guarded_slope,
    why="A branch that is not taken is still computed, and going backwards it is multiplied by 0: 0 times "
    "NaN is NaN. With a safe input the unused branch is an ordinary number, and 0 times it is 0.",
    variants=(_guarded_by_sign, _guarded_by_tanh_and_exp, _guarded_by_parts),
)


# --- streaming ------------------------------------------------------------------------------------------


def handed_out_stream(logits):
    row_max, total = -np.inf, 0.0
    for start in range(0, len(logits), 2):
        tile = logits[start : start + 2]
        row_max = max(row_max, tile.max())
        total = total + np.exp(tile - row_max).sum()
    return np.exp(logits - row_max) / total


def my_streamed_softmax(logits):
    row_max, total = -np.inf, 0.0
    for start in range(0, len(logits), 2):
        tile = logits[start : start + 2]
        new_max = max(row_max, tile.max())
        if new_max > -np.inf:
            total = total * np.exp(row_max - new_max) + np.exp(tile - new_max).sum()
        row_max = new_max
    return np.exp(logits - row_max) / total


def _one_by_one(logits):
    row_max, total = -np.inf, 0.0
    for z in logits.astype(np.float64):
        if z > row_max:
            row_max, total = z, total * np.exp(row_max - z) + 1
        elif z > -np.inf:
            total += np.exp(z - row_max)
    return np.exp(logits - row_max) / total


def _all_maxima_first(logits):
    tiles = [logits[i : i + 2] for i in range(0, len(logits), 2)]
    row_max = max(tile.max() for tile in tiles)
    return np.exp(logits - row_max) / sum(np.exp(tile - row_max).sum() for tile in tiles)


def _in_the_log_domain(logits):
    lse = -np.inf
    for z in logits.astype(np.float64):
        lse = np.logaddexp(lse, z)
    return np.exp(logits - lse)


@mistake(
    quantity="softmax",
    fails_on=(np.float32([0, 1, 10, 11]),),
    widget="tiles",
    belief="The old terms must grow with the maximum.",
    diagnosis="You rescaled the wrong way round. The old terms were measured against a smaller maximum, so they "
    "must shrink; yours grow, up to inf.",
    step="`np.exp(new_max - row_max)`: the sign of the exponent.",
    change="`total * np.exp(row_max - new_max)`: never above 1.",
)
def rescale_the_wrong_way(logits):
    row_max, total = logits[:2].max(), np.exp(logits[:2] - logits[:2].max()).sum()
    for start in range(2, len(logits), 2):
        tile = logits[start : start + 2]
        new_max = max(row_max, tile.max())
        total = total * np.exp(new_max - row_max) + np.exp(tile - new_max).sum()
        row_max = new_max
    return np.exp(logits - row_max) / total


@mistake(
    quantity="softmax",
    fails_on=(np.float32([-np.inf, -np.inf, 1, 2]),),
    widget="tiles",
    belief="A start at -inf needs no guard.",
    diagnosis="You rescale rightly, and a first tile of nothing but -inf ends it: -inf - -inf is NaN, and a NaN in "
    "the total never leaves.",
    step="`row_max - new_max` when both are -inf.",
    change="Skip a tile as long as the maximum is -inf: it has nothing to add.",
)
def stream_without_guard(logits):
    row_max, total = -np.inf, 0.0
    for start in range(0, len(logits), 2):
        tile = logits[start : start + 2]
        new_max = max(row_max, tile.max())
        total = total * np.exp(row_max - new_max) + np.exp(tile - new_max).sum()
        row_max = new_max
    return np.exp(logits - row_max) / total


streaming = Exercise(
    key="90.streaming",
    kind="repair",
    objective=REPAIR,
    minutes=9,
    difficulty=3,
    truth=reference.softmax,
    subject=handed_out_stream,
    cases=(
        case("the maximum comes last", [0, 1, 10, 11], dtype="float32"),
        case("the maximum comes first", [11, 10, 1, 0], dtype="float32"),
        case("one tile", [3, 1], dtype="float32"),
        case("half a tile at the end", [1, 5, 2, 4, 3], dtype="float32"),
        case("large logits", [1000, 0, 1001, 2], dtype="float32"),
        case("far below zero", [-1000, -1001, -1002, -999], dtype="float32"),
        case("a masked first tile", [-np.inf, -np.inf, 1, 2], dtype="float32"),
        case("a masked tile in between", [1, 2, -np.inf, -np.inf, 0], dtype="float32"),
    ),
    mistakes=(
        MISTAKES["keep_old_scale"],
        MISTAKES["average_tile_softmaxes"],
        rescale_the_wrong_way,
        stream_without_guard,
    ),
    hints=(
        "A term in `total` was measured against the maximum of its time. What must happen to it when the "
        "maximum grows?",
        "Multiply the old total by e to the power of (old maximum - new maximum) before you add the tile.",
        "Keep `new_max` apart from `row_max` until the total is rescaled, and skip the tile while new_max is -inf.",
    ),
    model_answer=my_streamed_softmax,
    why="The pair (maximum, total) is all one needs to remember. A larger maximum makes every old term "
    "smaller by the same factor, so one multiplication repairs them all.",
    variants=(_one_by_one, _all_maxima_first, _in_the_log_domain),
)


# --- edges ----------------------------------------------------------------------------------------------


def my_logsumexp_at_the_edges(logits):
    row_max = np.max(logits, axis=-1, keepdims=True)
    shift = np.where(np.isinf(row_max), 0, row_max)
    total = np.sum(np.exp(logits - shift), axis=-1, keepdims=True)
    return np.squeeze(shift + np.log(total), axis=-1)


def _edges_by_logaddexp(logits):
    return np.logaddexp.reduce(logits, axis=-1)


def _edges_row_by_row(logits):
    rows = logits.reshape(-1, logits.shape[-1]).astype(np.float64)
    sums = [top if np.isinf(top := row.max()) else top + np.log(np.exp(row - top).sum()) for row in rows]
    return np.array(sums).reshape(logits.shape[:-1])


def _edges_with_errstate(logits):
    row_max = logits.max(axis=-1)
    with np.errstate(invalid="ignore"):
        usual = row_max + np.log(np.exp(logits - row_max[..., None]).sum(axis=-1))
    return np.where(np.isinf(row_max), row_max, usual)


@mistake(
    quantity="logsumexp",
    fails_on=(np.float32([np.nan, 1]),),
    widget="loss",
    belief="A NaN is a missing value, so leave it out.",
    diagnosis="You left the NaN out of the sum. Then a broken score looks like a masked one, and nobody learns of "
    "it. A NaN that comes in must come out.",
    step="`np.nanmax` and `np.nansum`: they skip NaN without a word.",
    change="Use `np.max` and `np.sum`, which hand a NaN on.",
)
def leave_nan_out(logits):
    row_max = np.nanmax(logits, axis=-1, keepdims=True)
    shift = np.where(np.isinf(row_max), 0, row_max)
    return np.squeeze(shift + np.log(np.nansum(np.exp(logits - shift), axis=-1, keepdims=True)), axis=-1)


edges = Exercise(
    key="90.edges",
    kind="write",
    objective=WRITE,
    minutes=8,
    difficulty=3,
    truth=reference.logsumexp,
    unit="logits",
    cases=(
        case("ordinary logits", [3, 1, 0.2], dtype="float32"),
        case("past the cliff", [1000, 999], dtype="float32"),
        case("far below zero", [-104, -105], dtype="float32"),
        case("nothing but -inf", [-np.inf, -np.inf], dtype="float32"),
        case("an infinite logit", [np.inf, 1, 2], dtype="float32"),
        case("both infinities", [np.inf, -np.inf], dtype="float32"),
        case("a NaN", [np.nan, 1, 1000], dtype="float32"),
        case("a batch of edges", [[0, 1], [-np.inf, 5], [np.inf, 0], [-700, -701]]),
    ),
    mistakes=(
        MISTAKES["logsumexp_unshifted"],
        MISTAKES["shift_fully_masked_row"],
        MISTAKES["shift_infinite_logit"],
        leave_nan_out,
    ),
    hints=(
        "Go through what a maximum can be: a number, -inf, +inf, NaN. Which of them can you subtract?",
        "Where the maximum is infinite, shift by 0: exp and log give the right answer there by themselves.",
        "`shift = np.where(np.isinf(row_max), 0, row_max)`. NaN needs no line of its own: it passes through.",
    ),
    model_answer=my_logsumexp_at_the_edges,
    why="A shift moves finite numbers. With a shift of 0, a row of -inf gives log 0 = -inf and a +inf gives "
    "log inf = inf, both right. A NaN stays NaN, so whoever comes next can see it.",
    variants=(_edges_by_logaddexp, _edges_row_by_row, _edges_with_errstate),
)
