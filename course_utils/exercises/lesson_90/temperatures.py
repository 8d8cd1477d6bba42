"""A softmax with a temperature, down to the coldest."""

import numpy as np

from course_utils.exercises.core import Exercise, case
from course_utils.exercises.habits import BELOW_THE_MAX, SHIFTS, named
from course_utils.exercises.lesson_90.goals import REPAIR, shifted_softmax, truth_of
from course_utils.mistakes import MISTAKES, mistake


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


def _tempered_with_a_wide_quotient(logits, temperature):
    exps = np.exp((logits - logits.max(axis=-1, keepdims=True)).astype(np.float64) / float(temperature))
    return exps / exps.sum(axis=-1, keepdims=True)


def _tempered_in_logs(logits, temperature):
    scaled = (logits - np.max(logits, axis=-1, keepdims=True)) / temperature
    return np.exp(scaled - np.log(np.sum(np.exp(scaled), axis=-1, keepdims=True)))


def _tempered_row_by_row(logits, temperature):
    rows = logits.reshape(-1, logits.shape[-1])
    return np.array([shifted_softmax((row - row.max()) / temperature) for row in rows]).reshape(logits.shape)


def _tempered_by_logaddexp(logits, temperature):
    scaled = (logits - np.max(logits, axis=-1, keepdims=True)).astype(np.float64) / float(temperature)
    return np.exp(scaled - np.logaddexp.reduce(scaled, axis=-1, keepdims=True))


def _tempered_pair_by_pair(logits, temperature):
    ahead = (logits[..., None, :] - logits[..., :, None]) / temperature
    return 1 / np.exp(ahead.astype(np.float64)).sum(axis=-1)


@mistake(
    quantity="tempered_softmax",
    fails_on=(np.float32([2, 1]), np.float32(2)),
    widget="breaker",
    belief="A temperature multiplies.",
    diagnosis="You multiplied by the temperature. A low temperature then flattens the row where it should "
    "sharpen it.",
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
    diagnosis="You replaced each NaN by a number. The row that is left tells nothing of the scores, and a "
    "sampler draws nonsense from it without a word.",
    step="`np.nan_to_num(...)` at the end: the overflow has happened three lines before.",
    change="Shift before you divide; then there is no NaN to hide.",
    family=("number", (lambda n: 0, lambda n: 1 / n, lambda n: 1)),
)
def hide_the_overflow(logits, temperature, *, number=lambda classes: 0):
    p = handed_out_sampler(logits, temperature)
    return np.where(np.isnan(p), number(logits.shape[-1]), p)


FLOORS = (1.0, 0.5, 0.1, 0.05, 0.01, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10, 1e-12, 1e-20)


@mistake(
    quantity="tempered_softmax",
    fails_on=(np.float32([2, 1]), np.float32(0.05)),
    widget="breaker",
    belief="Nobody needs a temperature that low.",
    diagnosis="You put a floor under the temperature. Every colder setting is now answered for another "
    "temperature.",
    step="`np.maximum(temperature, ...)`: the question was changed.",
    change="Keep the temperature, and shift before you divide.",
    family=("floor", tuple((f, first) for first in (True, False) for f in FLOORS)),
)
def limit_the_temperature(logits, temperature, *, floor=(0.1, False)):
    limited = np.maximum(temperature, np.asarray(floor[0], logits.dtype))
    return (my_tempered_softmax if floor[1] else handed_out_sampler)(logits, limited)


@mistake(
    quantity="tempered_softmax",
    fails_on=(np.float32([1, 1 + 2.0**-20]), np.float32(1e-6)),
    widget="breaker",
    belief="A small constant under the line is harmless.",
    diagnosis="You added a small constant to the temperature. Where the temperature is as small as the "
    "constant, it is twice as large as it should be, and the row is flatter.",
    step="`temperature + epsilon`.",
    change="Keep the temperature, and shift before you divide.",
    family=("epsilon", tuple((e, first) for first in (True, False) for e in FLOORS)),
)
def add_to_the_temperature(logits, temperature, *, epsilon=(1e-6, True)):
    warmer = temperature + np.asarray(epsilon[0], logits.dtype)
    return (my_tempered_softmax if epsilon[1] else handed_out_sampler)(logits, warmer)


@mistake(
    quantity="tempered_softmax",
    fails_on=(np.float32([0, -200]), np.float32(100)),
    widget="breaker",
    belief="(e^z)^(1/T) is e^(z/T).",
    diagnosis="You took the exp first and the power after. Without the temperature the exp has underflowed "
    "to 0 already, or has few digits, and no power brings them back.",
    step="`np.exp(shifted) ** (1 / temperature)`.",
    change="Divide before exp: `np.exp(shifted / temperature)`.",
)
def raise_to_a_power(logits, temperature):
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True)) ** (1 / temperature)
    return exps / np.sum(exps, axis=-1, keepdims=True)


@mistake(
    quantity="tempered_softmax",
    fails_on=(np.float16([6, 5]), np.float16(6e-5)),
    widget="breaker",
    belief="Quotients that large do not matter, so cut them off.",
    diagnosis="You clipped the quotient. Two logits beyond the limit become equal, and their classes share "
    "what belongs to one of them.",
    step="`np.clip(logits / temperature, ...)`.",
    change="Shift before you divide: then the largest quotient is 0.",
    family=("limit", (20, 30, 50, 80, 88, 100, 500, 700, 1000, 1e4, 6e4, 65504, 1e6, 3e38)),
)
def clip_the_quotient(logits, temperature, *, limit=100):
    high = np.asarray(min(limit, np.finfo(logits.dtype).max), logits.dtype)
    return shifted_softmax(np.clip(logits / temperature, -high, high))


@mistake(
    quantity="tempered_softmax",
    fails_on=(np.float32([2, 1]), np.float32(2)),
    widget="breaker",
    belief="The temperature divides the result.",
    diagnosis="You divided the probabilities. A softmax with a temperature divides its *logits*; "
    "probabilities divided by anything no longer sum to 1.",
    step="`softmax(logits) / temperature`.",
    change="Divide the shifted logits, before exp.",
)
def divide_the_probabilities(logits, temperature):
    return shifted_softmax(logits) / temperature


@mistake(
    quantity="tempered_softmax",
    fails_on=(np.float32([[100, 0, 0], [0, 0, 100]]), np.float32(0.5)),
    widget="shift",
    belief="Any number from the row will do as a shift.",
    diagnosis="You shift first, and not by the largest logit. In some row an exponent stays positive, and a "
    "low temperature makes it as large as you like: exp overflows.",
    step="`logits - shift`: the largest is above 0.",
    change="Shift by the maximum: `np.max(logits, axis=-1, keepdims=True)`.",
    family=("shift", tuple(SHIFTS[name] for name in BELOW_THE_MAX)),
)
def shift_below_the_max(logits, temperature, *, shift=SHIFTS["the mean"]):
    exps = np.exp((logits - shift(logits, -1)) / temperature)
    return exps / np.sum(exps, axis=-1, keepdims=True)


# --- answers that must fail ------------------------------------------------------------------------------


def _uniform_for_nan(logits, temperature):
    p = handed_out_sampler(logits, temperature)
    return np.where(np.isnan(p), 1 / logits.shape[-1], p)


def _winner_for_nan(logits, temperature):
    p = handed_out_sampler(logits, temperature)
    return np.where(np.isnan(p).any(axis=-1, keepdims=True), logits == logits.max(axis=-1, keepdims=True), p)


def _winner_if_cold(logits, temperature):
    if temperature < 1e-3:
        return (logits == logits.max(axis=-1, keepdims=True)).astype(logits.dtype)
    return my_tempered_softmax(logits, temperature)


def _nan_to_num_after_the_shift(logits, temperature):
    return np.nan_to_num(my_tempered_softmax(logits, temperature))


def _wide_and_unshifted(logits, temperature):
    exps = np.exp(logits.astype(np.float64) / float(temperature))
    return exps / exps.sum(axis=-1, keepdims=True)


def _in_float32(logits, temperature):
    return handed_out_sampler(logits.astype(np.float32), np.float32(temperature))


def _shifted_by(name):
    def wrong(logits, temperature):
        exps = np.exp((logits - SHIFTS[name](logits, -1)) / temperature)
        return exps / exps.sum(axis=-1, keepdims=True)

    return named(f"shifted by {name}", wrong)


def _epsilon_in_the_total(logits, temperature):
    exps = np.exp(logits / temperature)
    return exps / (exps.sum(axis=-1, keepdims=True) + np.asarray(1e-7, logits.dtype))


def _temperature_of_the_shift_only(logits, temperature):
    exps = np.exp(logits - np.max(logits / temperature, axis=-1, keepdims=True) * temperature)
    return exps / exps.sum(axis=-1, keepdims=True)


MUST_FAIL = (
    *(_shifted_by(name) for name in SHIFTS),
    _uniform_for_nan,
    _winner_for_nan,
    _winner_if_cold,
    _nan_to_num_after_the_shift,
    _wide_and_unshifted,
    _in_float32,
    _epsilon_in_the_total,
    _temperature_of_the_shift_only,
)
THREE_ROWS = [[100, 0, 0], [0, 100, 0], [0, 0, 100]]


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
        case("colder than 0.001", [1, 1.0002], np.float32(1e-4), dtype="float32", ulps=64),
        case("a millionth", [1, 1 + 2.0**-20, 1], np.float32(1e-6), dtype="float32", ulps=64),
        case("as cold as float32 goes", [3e38, 3e38, -3], np.float32(1e-38), dtype="float32", ulps=64),
        case("warm enough to lift a lost class", [0, -200], np.float32(100), dtype="float32", ulps=64),
        case("hotter than hot", [50, 0, 7], np.float32(1e30), dtype="float32", ulps=64),
        case("largest in each place", THREE_ROWS, np.float32(0.5), dtype="float32", ulps=64),
        case("far apart and far below zero, float64", [[-9000, -9001], [20000, 0]], 0.5, ulps=64),
        case("a score that is NaN", [[np.nan, 1], [2, 1]], np.float32(0.5), dtype="float32", ulps=64),
        case("a batch", [[3, 1], [-200, -201], [0, 5]], np.float32(0.25), dtype="float32", ulps=64),
    ),
    mistakes=(
        MISTAKES["divide_then_shift"],
        multiply_instead,
        hide_the_overflow,
        limit_the_temperature,
        add_to_the_temperature,
        raise_to_a_power,
        clip_the_quotient,
        divide_the_probabilities,
        shift_below_the_max,
    ),
    hints=(
        "The shift is there. What has happened to the numbers before it sees them?",
        "6 / 6e-5 is 100,000, and float16 ends at 65504. Which order of the two steps avoids the large number?",
        "`(logits - np.max(logits, axis=-1, keepdims=True)) / temperature`, then exp.",
    ),
    model_answer=my_tempered_softmax,
    why="After the shift the largest entry is 0, and 0 divided by any temperature is 0. A very negative "
    "entry may become -inf: its exp is 0, which is its right value.",
    variants=(
        _tempered_in_float64,
        _tempered_with_a_wide_quotient,
        _tempered_in_logs,
        _tempered_row_by_row,
        _tempered_by_logaddexp,
        _tempered_pair_by_pair,
    ),
    must_fail=MUST_FAIL,
)
