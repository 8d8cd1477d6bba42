"""Exercise 1 of lesson 07: the first bad number of a run, and its death."""

import math

import numpy as np

from course_utils.exercises.core import Exercise, case
from course_utils.exercises.lesson_07 import record_slips


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
        record_slips.argwhere_without_any,
        record_slips.tensor_before_step,
        record_slips.take_the_place_for_the_death,
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
