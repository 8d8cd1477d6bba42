"""A sum that is too long for its format."""

from functools import partial

import numpy as np

from course_utils import floats, reference
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.habits import SHIFTS, named
from course_utils.exercises.lesson_90.goals import REPAIR, shifted_softmax
from course_utils.mistakes import MISTAKES, mistake


def _softmax_of_few_values(logits):
    """The truth, which for 70,000 equal logits is asked for one of them."""
    if logits.ndim > 1 or len(logits) < 1000:
        return reference.softmax(logits)
    values, places, counts = np.unique(logits.astype(np.float64), return_inverse=True, return_counts=True)
    log_total = reference.logsumexp(values, b=counts, dtype=object)
    return reference.exp((values.astype(object) - log_total).astype(np.float64))[places]


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


def _sum_in_steps(logits):
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True)).astype(np.float32)
    return exps / np.cumsum(exps, axis=-1, dtype=np.float64)[..., -1:]


def _as_a_product(logits):
    exps = np.exp((logits - np.max(logits, axis=-1, keepdims=True)).astype(np.float32))
    return (exps / (exps @ np.ones((exps.shape[-1], 1), np.float32))).astype(logits.dtype)


@mistake(
    quantity="softmax",
    fails_on=(floats.store([[0, 0], [0, 1]], "bfloat16"),),
    widget="breaker",
    belief="The total goes over the whole array.",
    diagnosis="You widened the sum and lost the axis: one total for the whole batch. No single row adds up "
    "to 1.",
    step="`np.sum(exps.astype(np.float32))` without an axis.",
    change="Keep `axis=-1, keepdims=True` in the wide sum.",
)
def widen_and_lose_the_axis(logits):
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return exps / np.sum(exps.astype(np.float32))


@mistake(
    quantity="softmax",
    fails_on=(np.zeros(70_000, np.float16),),
    widget="breaker",
    belief="float16 has more bits than bfloat16, so it is wide enough.",
    diagnosis="You added up in float16. It has more bits than bfloat16 and ends at 65504: a sum of 70,000 "
    "ones is inf there, and what is far behind underflows to 0.",
    step="`astype(np.float16)` before the sum.",
    change="Add up in float32 or wider.",
    family=("where", ("logits", "exps", "sum")),
)
def sum_in_float16(logits, *, where="exps"):
    z = logits.astype(np.float16) if where == "logits" else logits
    exps = np.exp(z - np.max(z, axis=-1, keepdims=True))
    exps = exps.astype(np.float16) if where == "exps" else exps
    return (exps / np.sum(exps.astype(np.float16), axis=-1, keepdims=True)).astype(logits.dtype)


@mistake(
    quantity="softmax",
    fails_on=(floats.store([2, 1, 0], "bfloat16"),),
    widget="breaker",
    belief="The total is the number of classes.",
    diagnosis="You divided by the number of classes. That is the total only where all logits are equal.",
    step="`exps / logits.shape[-1]`.",
    change="Divide by the sum of the exps, added up in float32.",
)
def divide_by_the_count(logits):
    return np.exp(logits - np.max(logits, axis=-1, keepdims=True)) / logits.shape[-1]


@mistake(
    quantity="softmax",
    fails_on=(np.zeros(400, floats.FORMATS["bfloat16"].dtype),),
    widget="breaker",
    belief="What does not sum to 1 is divided by its sum.",
    diagnosis="You divided by the sum once more. The second sum is added up in the same narrow format and "
    "stalls in the same place.",
    step="A second division after the first.",
    change="Add up the exps in float32, and divide once.",
)
def normalise_again(logits):
    p = handed_out_accumulator(logits)
    return p / np.sum(p, axis=-1, keepdims=True)


@mistake(
    quantity="softmax",
    fails_on=(floats.store([[0, 0], [300, 300]], "bfloat16"),),
    widget="axis",
    belief="One maximum for the whole batch protects every row.",
    diagnosis="You widened the sum and lost the axis of the maximum. A row far below the batch's maximum "
    "underflows to zeros, and 0/0 is NaN.",
    step="`np.max(logits)` without an axis.",
    change="Keep `axis=-1, keepdims=True` in the maximum.",
)
def one_maximum_for_all(logits):
    exps = np.exp(logits - np.max(logits))
    return exps / np.sum(exps.astype(np.float32), axis=-1, keepdims=True)


@mistake(
    quantity="softmax",
    fails_on=(floats.store([1000, 1000], "bfloat16"),),
    widget="breaker",
    belief="In a wide format no shift is needed.",
    diagnosis="You widened the sum and lost the shift. exp of a large logit overflows in float32 as well, "
    "and far below 0 every exp is 0.",
    step="`np.exp(logits.astype(np.float32))` without a shift.",
    change="Keep the shift, and widen the sum.",
    family=("dtype", (np.float32, np.float64)),
)
def widen_and_lose_the_shift(logits, *, dtype=np.float32):
    exps = np.exp(logits.astype(dtype))
    return (exps / exps.sum(axis=-1, keepdims=True)).astype(logits.dtype)


# --- answers that must fail ------------------------------------------------------------------------------


def _in_two_halves(logits):
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    half = exps.shape[-1] // 2
    total = exps[..., :half].sum(axis=-1, keepdims=True) + exps[..., half:].sum(axis=-1, keepdims=True)
    return exps / total


def _at_most_256(logits):
    return handed_out_accumulator(logits[..., :256])


def _wide_and_unshifted(logits):
    exps = np.exp(logits.astype(np.float32))
    return (exps / exps.sum(axis=-1, keepdims=True)).astype(logits.dtype)


def _wide_after_the_sum(logits):
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return exps.astype(np.float32) / exps.sum(axis=-1, keepdims=True).astype(np.float32)


def _mean_times_count(logits):
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return exps / (np.mean(exps, axis=-1, keepdims=True) * logits.shape[-1])


def _nan_to_num(logits):
    return np.nan_to_num(handed_out_accumulator(logits))


def _nan_hidden(logits):
    p = my_softmax_of_many(logits)
    return np.where(np.isnan(p), np.zeros_like(p), p)


def _epsilon_in_the_total(logits):
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True)).astype(np.float32)
    return exps / (exps.sum(axis=-1, keepdims=True) + 0.1)


def _shifted_by(name):
    def wrong(logits):
        exps = np.exp(logits.astype(np.float32) - SHIFTS[name](logits.astype(np.float32), -1))
        return (exps / exps.sum(axis=-1, keepdims=True)).astype(logits.dtype)

    return named(f"shifted by {name}", wrong)


MUST_FAIL = (
    *(_shifted_by(name) for name in SHIFTS),
    *(
        (named(f"{w} in float16", partial(sum_in_float16.function, where=w)), "sum_in_float16")
        for w in ("exps", "sum")
    ),
    named("logits in float16", partial(sum_in_float16.function, where="logits")),
    _in_two_halves,
    _at_most_256,
    _wide_and_unshifted,
    _wide_after_the_sum,
    _mean_times_count,
    _nan_to_num,
    _nan_hidden,
    _epsilon_in_the_total,
)
THREE_ROWS = [[200, 0, 0], [0, 200, 0], [0, 0, 200]]

accumulator = Exercise(
    key="90.accumulator",
    kind="repair",
    objective=REPAIR,
    minutes=5,
    difficulty=2,
    truth=_softmax_of_few_values,
    subject=handed_out_accumulator,
    cases=(
        case("three logits", [2, 1, 0], dtype="bfloat16"),
        case("400 equal logits", [0] * 400, dtype="bfloat16"),
        case("300 equal logits of 1000", [1000] * 300, dtype="bfloat16"),
        case("two rows", [[0, 0], [0, 1]], dtype="bfloat16"),
        case("a square batch", [[1, 2, 3], [3, 3, 3], [0, 0, 9]], dtype="float16"),
        case("70,000 equal logits, float16", np.zeros(70_000), dtype="float16"),
        case("logits past the end of float16", [1e5, 1e5, 9.9e4], dtype="bfloat16"),
        case("a class far behind", [0, -30, 1], dtype="bfloat16"),
        case("two rows far apart", [[0, 0], [300, 300]], dtype="bfloat16"),
        case("largest in each place", THREE_ROWS, dtype="bfloat16"),
        case("far below zero", [-300, -302, -304], dtype="bfloat16"),
        case("a logit that is NaN", [[np.nan, 1], [1, 1]], dtype="bfloat16"),
        case("wide logits in float16", [-11, 0, -1], dtype="float16"),
    ),
    mistakes=(
        MISTAKES["sum_in_narrow_format"],
        MISTAKES["exponentiate_unshifted"],
        MISTAKES["sum_without_keepdims"],
        widen_and_lose_the_axis,
        sum_in_float16,
        divide_by_the_count,
        normalise_again,
        one_maximum_for_all,
        widen_and_lose_the_shift,
    ),
    hints=(
        "The shift is right. Which step has 400 terms? In which format does it keep its running sum?",
        "bfloat16 has 8 bits of precision: 256 + 1 is rounded back to 256. The terms fit, their sum does not.",
        "`np.sum(exps.astype(np.float32), axis=-1, keepdims=True)`.",
    ),
    model_answer=my_softmax_of_many,
    why="A running sum stalls when the next term is less than half of its spacing. In float32 that takes 16 "
    "million ones, in bfloat16 256. Add up wide, round once.",
    variants=(_widen_first, _sum_with_dtype, _sum_of_python, _sum_in_steps, _as_a_product),
    must_fail=MUST_FAIL,
)
