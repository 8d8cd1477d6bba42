"""What goes wrong when somebody records a run's first bad number and its death: the mistakes of 07.record.

A history has the shape (steps, tensors, numbers); the weights are the last tensor.
"""

from functools import partial

import numpy as np

from course_utils.mistakes import mistake

slip = partial(mistake, quantity="record", widget="training")
LATE = np.array([[[1.0, 2.0], [1.0, 1.0]], [[1.0, 2.0], [np.inf, 1.0]], [[np.nan, 2.0], [np.nan, 1.0]]])


def record_of(bad):
    """The record from a table of truth values: which tensor was bad at which step."""
    step, tensor = np.argwhere(bad)[0] if bad.any() else (-1, -1)
    return [step, tensor, np.argmax(bad[:, -1]) if bad[:, -1].any() else -1]


def _right(history):
    return record_of(~np.isfinite(history).all(axis=2))


@slip(
    fails_on=(LATE,),
    belief="The tensor that is computed first is the first to be bad.",
    diagnosis="You searched tensor by tensor and took the first tensor that is bad at any step. A later tensor may "
    "have been bad at an earlier step. Time goes first.",
    step="The loop over tensors stands outside, the loop over steps inside.",
    change="Find the first bad step; then, within that step, the first bad tensor.",
)
def search_by_tensor(history):
    bad = ~np.isfinite(history).all(axis=2)
    tensors = np.flatnonzero(bad.any(axis=0))
    first = (np.argmax(bad[:, tensors[0]]), tensors[0]) if len(tensors) else (-1, -1)
    return [*first, record_of(bad)[2]]


@slip(
    fails_on=(np.array([[[1.0], [np.inf], [1.0]], [[np.nan], [np.nan], [np.nan]]]),),
    belief="Bad means NaN.",
    diagnosis="You looked for NaN only. The NaN is often the child of an inf, and the inf is where the trouble began.",
    step="`np.isnan(...)`: inf is not NaN.",
    change="Use `~np.isfinite(...)`.",
)
def look_for_nan_only(history):
    return record_of(np.isnan(history).any(axis=2))


@slip(
    fails_on=(np.array([[[1.0], [np.inf], [1.0]], [[1.0], [1.0], [np.nan]]]),),
    belief="A run dies at its first bad number.",
    diagnosis="You reported the first bad number as the death. A loss can be inf for many steps while the "
    "weights live: "
    "they feel the gradient alone.",
    step="The third number is taken from the first bad step.",
    change="The death is the first step at which the *last* tensor, the weights, is bad.",
)
def die_at_the_first_bad_number(history):
    step, tensor, _ = _right(history)
    return [step, tensor, step]


@slip(
    fails_on=(np.array([[[1.0], [np.inf], [1.0]], [[1.0], [1.0], [np.nan]]]),),
    belief="Only the weights matter.",
    diagnosis="You looked at the weights alone. They are the last to be bad: the record should say where it began.",
    step="`history[:, -1]` for all three numbers.",
    change="Search all tensors for the first two numbers; the weights alone for the third.",
)
def look_at_the_weights_alone(history):
    died = record_of(~np.isfinite(history).all(axis=2))[2]
    return [died, history.shape[1] - 1 if died >= 0 else -1, died]


@slip(
    fails_on=(np.array([[[1.0, 2.0], [1.0, np.inf]], [[np.nan, np.nan], [np.nan, np.nan]]]),),
    belief="A tensor is bad when all of it is bad.",
    diagnosis="You waited until every number of a tensor was bad. One is enough: the others follow.",
    step="`.all(axis=2)` of the bad numbers.",
    change="`~np.isfinite(history).all(axis=2)`: bad is what is not wholly finite.",
)
def wait_for_the_whole_tensor(history):
    return record_of((~np.isfinite(history)).all(axis=2))


@slip(
    fails_on=(np.array([[[1.0], [1.0]], [[1.0], [1.0]]]),),
    belief="argmax finds the first True.",
    diagnosis="You used argmax without asking whether there is anything to find. argmax of all False is 0, so a "
    "healthy "
    "run, or healthy weights, are reported at step 0.",
    step="`np.argmax(bad)` where `bad` is False everywhere.",
    change="Return -1 where `.any()` is False.",
)
def argmax_without_any(history):
    bad = ~np.isfinite(history).all(axis=2)
    step = np.argmax(bad.any(axis=1))
    return [step, np.argmax(bad[step]), np.argmax(bad[:, -1])]


@slip(
    fails_on=(np.array([[[1.0], [np.inf], [1.0]], [[1.0], [1.0], [1.0]]]),),
    belief="There is always a first one.",
    diagnosis="You took the first bad place without asking whether there is one. A healthy run has none, and weights "
    "that live have none either.",
    step="`np.argwhere(bad)[0]` of an empty list, and `np.argmax` of a column that is all False.",
    change="Ask `.any()` first, for the run and for the weights; return -1 where it is False.",
)
def argwhere_without_any(history):
    bad = ~np.isfinite(history).all(axis=2)
    return [*np.argwhere(bad)[0], np.argmax(bad[:, -1])]


@slip(
    fails_on=(LATE,),
    belief="The tensor is named first.",
    diagnosis="You gave the tensor before the step. The step comes first: time, then the place within it.",
    step="The order of the first two numbers.",
    change="Swap them.",
)
def tensor_before_step(history):
    step, tensor, died = _right(history)
    return [tensor, step, died]


@slip(
    fails_on=(LATE,),
    belief="argwhere lists three numbers, and three are asked for.",
    diagnosis="Your third number is the place of the first bad number within its tensor. The third one asked for is "
    "the step at which the weights are first bad.",
    step="`np.argwhere(...)` on the whole history: step, tensor, place.",
    change="Take two numbers from it; search the weights, `history[:, -1]`, for the third.",
)
def take_the_place_for_the_death(history):
    bad = np.argwhere(~np.isfinite(history))
    return bad[0] if len(bad) else [-1, -1, -1]


@slip(
    fails_on=(np.array([[[1.0], [1.0]], [[np.inf], [np.nan]]]),),
    belief="The first step is number 1.",
    diagnosis="You counted from 1. An index counts from 0; only -1 is special.",
    step="The numbers that you return.",
    change="Return the indices themselves.",
)
def count_from_one(history):
    return [place + 1 or -1 for place in _right(history)]


@slip(
    fails_on=(np.array([[[np.inf], [np.nan]], [[np.nan], [np.nan]]]),),
    belief="The last bad place is the one that matters.",
    diagnosis="You returned the last bad places. After the first one everything is bad; only the first is a cause.",
    step="The end of the list of bad places instead of its start.",
    change="Take the first of them.",
)
def take_the_last(history):
    bad = ~np.isfinite(history).all(axis=2)
    lost = np.flatnonzero(bad[:, -1])
    return [*(np.argwhere(bad)[-1] if bad.any() else (-1, -1)), lost[-1] if len(lost) else -1]
