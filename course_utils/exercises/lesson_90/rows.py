"""Rows of scores: masked, cooled down, or too large for exp."""

import numpy as np

from course_utils import shifted
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.lesson_90.goals import FIND, REPAIR, shifted_softmax, truth_of
from course_utils.mistakes import MISTAKES, mistake

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
            result[row][keep[row]] = shifted_softmax(scores[row][keep[row]])
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
    return shifted_softmax(masked)


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
    return shifted_softmax(np.where(keep, scores, -np.inf).astype(scores.dtype))


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
    return shifted_softmax(scores) * keep


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
    return shifted_softmax(wide / np.float64(temperature)).astype(logits.dtype)


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
