"""A softmax with a sink: one more logit of 0, whose share nobody gets."""

from functools import partial

import numpy as np

from course_utils import reference, shifted
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.lesson_91.goals import REPAIR
from course_utils.mistakes import mistake

slip = partial(mistake, quantity="softmax", widget="")


def handed_out(logits):
    row_max = np.max(logits, axis=-1, keepdims=True)
    exps = np.exp(logits - row_max)
    return exps / (1 + np.sum(exps, axis=-1, keepdims=True))


def _with_a_zero(logits):
    return np.concatenate([logits, np.zeros_like(logits[..., :1])], axis=-1)


def _truth(logits):
    return reference.softmax(_with_a_zero(logits))[..., :-1]


def my_softmax_with_sink(logits):
    shift = np.maximum(np.max(logits, axis=-1, keepdims=True), 0)
    exps = np.exp(logits - shift)
    return exps / (np.exp(-shift) + np.sum(exps, axis=-1, keepdims=True))


def _one_more_class(logits):
    return shifted.softmax(_with_a_zero(logits))[..., :-1]


def _through_the_log(logits):
    return np.exp(shifted.log_softmax(_with_a_zero(logits))[..., :-1])


def _row_by_row(logits):
    rows = logits.reshape(-1, logits.shape[-1])
    parts = []
    for row in rows:
        top = max(0.0, row.max())
        exps = np.exp(row - row.dtype.type(top))
        parts.append(exps / (exps.sum() + np.exp(row.dtype.type(-top))))
    return np.array(parts).reshape(logits.shape)


@slip(
    fails_on=(np.float32([100, 0]),),
    belief="With the 1 in the sum nothing can go wrong.",
    diagnosis="You took exp without a shift. The 1 keeps the sum away from 0, and not from inf.",
    step="`np.exp(logits)`: inf past 88.7 in float32.",
    change="Subtract the larger of the maximum and 0, and let the sink's 1 become exp(-shift).",
)
def no_shift(logits):
    exps = np.exp(logits)
    return exps / (1 + np.sum(exps, axis=-1, keepdims=True))


@slip(
    fails_on=(np.float32([-np.inf, -np.inf]),),
    belief="The maximum of the logits is the shift, as ever.",
    diagnosis="You shifted by the maximum of the logits alone. The sink is a logit too: 0 - row_max can be large, and "
    "for a row of nothing but -inf it is inf, beside -inf - (-inf), which is NaN.",
    step="`np.exp(-row_max)`: the sink's own exponent, not bounded by 0.",
    change="`np.maximum(row_max, 0)`: the maximum of everything that is summed.",
)
def shift_misses_the_sink(logits):
    row_max = np.max(logits, axis=-1, keepdims=True)
    exps = np.exp(logits - row_max)
    return exps / (np.exp(-row_max) + np.sum(exps, axis=-1, keepdims=True))


@slip(
    fails_on=(np.float32([0, 0]),),
    belief="The sink is a trick for stability.",
    diagnosis="You left the sink out. It takes a share of its own: [0, 0] gives 1/3 each.",
    step="The sum has no term for the sink.",
    change="Add exp(0 - shift) to the sum.",
)
def no_sink(logits):
    return shifted.softmax(logits)


@slip(
    fails_on=(np.float32([10, 0]),),
    belief="The sink moves with the shift, upwards.",
    diagnosis="You gave the sink exp(+shift). Its logit is 0, and 0 - shift is what is left of it.",
    step="`np.exp(shift)`.",
    change="`np.exp(-shift)`.",
)
def sink_with_the_wrong_sign(logits):
    shift = np.maximum(np.max(logits, axis=-1, keepdims=True), 0)
    exps = np.exp(logits - shift)
    return exps / (np.exp(shift) + np.sum(exps, axis=-1, keepdims=True))


sink = Exercise(
    key="91.sink",
    kind="repair",
    objective=REPAIR,
    minutes=6,
    difficulty=2,
    truth=_truth,
    subject=handed_out,
    cases=(
        case("ordinary logits", [1.0, 2.0, 3.0], dtype="float32"),
        case("one logit of 10", [10.0], dtype="float32"),
        case("zeros", [0.0, 0.0], dtype="float32"),
        case("a row below 0", [-5.0, -6.0], dtype="float32"),
        case("past the cliff", [1000.0, 999.0], dtype="float32"),
        case("far below 0", [-1000.0, -1001.0], dtype="float32"),
        case("below 0, and still there", [-50.0, -52.0, -51.0], dtype="float32"),
        case("rows that lie far apart", [[200.0, 201.0], [-3.0, 0.5], [0.0, -300.0]], dtype="float32"),
        case("a class at -inf", [-np.inf, 1.0], dtype="float32"),
        case("nothing but -inf", [[-np.inf, -np.inf], [1.0, 0.0]], dtype="float32"),
        case("float64", [[800.0, 1.0], [0.25, -0.5]]),
        case("a NaN stays", [[np.nan, 1.0], [0.0, 1.0]], dtype="float32"),
    ),
    mistakes=(no_shift, shift_misses_the_sink, no_sink, sink_with_the_wrong_sign),
    must_fail=(
        lambda z: np.nan_to_num(handed_out(z)),
        lambda z: handed_out(np.clip(z, -80, 80)),
        lambda z: shifted.softmax(z) / 2,
        lambda z: np.nan_to_num(no_shift.function(z)),
        lambda z: (
            np.exp(z - np.max(z)) / (np.exp(-np.max(z)) + np.exp(z - np.max(z)).sum(axis=-1, keepdims=True))
        ),
    ),
    hints=(
        "The sink is one more logit, 0. What is its exponent after the shift?",
        "0 - shift. And what must the shift be, so that no exponent is above 0, the sink's included?",
        "`shift = np.maximum(row_max, 0)`, then `exps / (np.exp(-shift) + exps.sum(...))`.",
    ),
    model_answer=my_softmax_with_sink,
    why="The row that is summed is [z, 0]. Its maximum is max(z, 0), and the sink's term is exp(0 - shift), which is 1 "
    "only without a shift. With [10] the code that was handed out gives 0.5; the truth is 0.99995.",
    variants=(_one_more_class, _through_the_log, _row_by_row),
)
