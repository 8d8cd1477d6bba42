"""Exercises of lesson 03: which shift makes it safe?"""

import numpy as np

from course_utils import reference, shifted
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import MISTAKES


def _with_lists(logits):
    rows = np.atleast_2d(np.asarray(logits))
    result = []
    for row in rows.tolist():
        exps = [np.exp(z - max(row)) for z in row]
        result.append([e / sum(exps) for e in exps])
    return np.array(result).reshape(np.shape(logits))


def _classes_first(logits):
    columns = np.moveaxis(np.asarray(logits), -1, 0)
    exps = np.exp(columns - columns.max(axis=0))
    return np.moveaxis(exps / exps.sum(axis=0), 0, -1)


def _in_place_on_a_copy(logits):
    work = np.array(logits)
    work -= work.max(axis=-1, keepdims=True)
    np.exp(work, out=work)
    work /= work.sum(axis=-1, keepdims=True)
    return work


def _through_the_logarithm(logits):
    shifted_logits = logits - np.max(logits, axis=-1, keepdims=True)
    return np.exp(shifted_logits - np.log(np.sum(np.exp(shifted_logits), axis=-1, keepdims=True)))


max_shift = Exercise(
    key="03.max_shift",
    kind="write",
    objective="build the shift that makes softmax safe for every finite row",
    minutes=8,
    difficulty=2,
    truth=reference.softmax,
    cases=(
        case("small logits, where no shift is needed", [2.0, 1.0, 0.1], dtype="float32"),
        case("a logit past the overflow cliff of float32", [100, 60, 0], dtype="float32"),
        case("one large logit among zeros", [120, 0, 0, 0], dtype="float32"),
        case("a row far below zero", [-120, -121], dtype="float32"),
        case("a wide spread, maximum 0", [0, -100], dtype="float32"),
        case("past the cliff of float64", [1000, 999], dtype="float64"),
        case("two rows that live far apart", [[0, 1, 2], [200, 201, 202]], dtype="float32"),
        case("two rows whose columns differ", [[1000, 1], [0, 2]], dtype="float32"),
        case("a square batch", [[1, 2, 3], [10, 20, 30], [0, 0, 0]], dtype="float32"),
    ),
    mistakes=tuple(
        MISTAKES[key]
        for key in (
            "exponentiate_unshifted",
            "shift_by_mean",
            "shift_by_min",
            "shift_by_constant",
            "shift_by_max_abs",
            "shift_by_global_max",
            "shift_along_wrong_axis",
            "max_without_keepdims",
            "sum_without_keepdims",
            "normalise_whole_batch",
            "clip_logits",
            "trust_float64",
            "replace_nan",
            "divide_logits",
            "add_epsilon_to_sum",
        )
    ),
    hints=(
        "exp breaks only when its argument is large. Which number can you subtract from a whole row so that "
        "no argument is above 0?",
        "Take the maximum of each row, with `axis=-1`, and keep that axis so that it lines up with the rows.",
        "`shifted = logits - np.max(logits, axis=-1, keepdims=True)`, then exp, then divide by the row's "
        "sum, again with `keepdims=True`.",
    ),
    model_answer=shifted.softmax,
    why="Subtracting the same number from a whole row leaves softmax unchanged. With the row's maximum the "
    "largest exponent is exactly 0, so one term is 1: nothing overflows, and the sum is at least 1.",
    variants=(_with_lists, _classes_first, _in_place_on_a_copy, _through_the_logarithm),
)
