"""weight=, ignore_index=, label_smoothing=, reduction=, axis= and probabilities as targets, alone and together."""

from __future__ import annotations

from functools import partial

import numpy as np

from course_utils import reference
from course_utils.audit.cases.case import ARGUMENTS, INF, NAN, Case

_LOGITS = np.array([[3.0, 1, -2], [0, 1, 2], [1, 1, 4]])
_TARGETS = np.array([0, 2, 1])
_SKIP = np.array([0, -100, 1])
_WEIGHT = np.array([0.5, 2.0, 1.0])


def _ask(name, logits=_LOGITS, targets=_TARGETS, lenient="", declared=(), refused=False, **options):
    return Case(
        name,
        ARGUMENTS,
        logits,
        targets,
        options=options,
        lenient=lenient,
        declared=declared,
        refused=refused,
    )


def cases():
    yield from _each_alone()
    yield from _ignored()
    yield from _together()
    yield from _smoothed()
    yield from _index_types()
    yield from _other_axes()
    yield from _probabilities()


def _each_alone():
    yield _ask("weight=", weight=_WEIGHT)
    yield _ask("weight=, one class twice and one never", targets=np.array([0, 2, 2]), weight=_WEIGHT)
    yield _ask("label_smoothing=0.1", label_smoothing=0.1)
    yield _ask('reduction="sum"', reduction="sum")
    yield _ask('reduction="none"', reduction="none")
    yield _ask("ignore_index=", targets=_SKIP, ignore_index=-100)


def _ignored():
    """What is ignored counts for nothing: not in the sum, not in the number of rows, not as NaN."""
    nothing = ("a mean over nothing is 0", np.array(0.0)), ("its gradient is NaN", np.full((3, 3), NAN))
    yield _ask("every row ignored", targets=np.full(3, -100), ignore_index=-100, declared=nothing)
    for fill in (-INF, INF, NAN):
        logits = np.array([[3.0, 1, -2], [fill, fill, fill]])
        name = f"{'NaN' if fill != fill else f'{fill:+}'} in an ignored row"
        yield _ask(name, logits, np.array([0, -100]), ignore_index=-100)
    for index in (0, 1, 255):
        targets = np.array([0, index, 2, 1])
        yield _ask(f"ignore_index={index}", np.vstack([_LOGITS, [2, 0, 5]]), targets, ignore_index=index)
    logits = np.array([[NAN, 1, 2], [0, 1, 2]])
    open_row = reference.softmax(logits[1]) - [0, 1, 0]
    words = "a row of weight 0 lets its NaN through"
    passed = (words, np.array(NAN)), (words, np.array([[NAN] * 3, open_row]))
    weight = np.array([0.0, 1, 1])
    yield _ask("weight 0 on a row of NaN", logits, np.array([0, 1]), weight=weight, declared=passed)


def _together():
    both = partial(_ask, weight=_WEIGHT)
    yield both("weight= and label_smoothing=", label_smoothing=0.2)
    yield both('weight= and reduction="sum"', reduction="sum")
    yield both('weight= and reduction="none"', reduction="none")
    yield both("weight= and ignore_index=-100", targets=_SKIP, ignore_index=-100)
    yield both("weight= and ignore_index=1", ignore_index=1)
    yield both(
        "weight=, ignore_index= and label_smoothing=", targets=_SKIP, ignore_index=-100, label_smoothing=0.2
    )
    for reduction in ("sum", "none"):
        yield _ask(
            f'ignore_index= and reduction="{reduction}"',
            targets=_SKIP,
            ignore_index=-100,
            reduction=reduction,
        )


def _smoothed():
    yield _ask("ignore_index= and label_smoothing=", targets=_SKIP, ignore_index=-100, label_smoothing=0.1)
    leak = np.array([[3.0, 1, -2], [-INF, 1, NAN]])
    yield _ask(
        "NaN in an ignored row, with smoothing",
        leak,
        np.array([0, -100]),
        ignore_index=-100,
        label_smoothing=0.1,
    )
    yield _ask(
        "a class at -inf, with smoothing", np.array([[1.0, 2, -INF]]), np.array([0]), label_smoothing=0.1
    )
    yield _ask("label_smoothing=1", label_smoothing=1.0)
    right = np.array([[0.0, -40, -41]])
    yield _ask("right by 40, with smoothing", right, np.array([0]), label_smoothing=0.1)
    sure = np.float16([[60_000] + [0] * 999])
    yield _ask("smoothing too small for float16", sure, np.array([0]), label_smoothing=1e-5)
    many = np.zeros((1, 300_000), np.float16)
    yield _ask("300000 equal logits with smoothing, float16", many, np.array([7]), label_smoothing=0.1)


def _index_types():
    """40 rows of 10 classes are 400 numbers: more than an index of 8 bits reaches."""
    random = np.random.default_rng(4)
    logits, targets = random.normal(0, 2, (40, 10)), random.integers(0, 10, 40)
    for dtype in (np.uint8, np.int8, np.uint16, np.int32, np.uint64):
        lenient = f"does not take targets of {dtype.__name__}"
        yield _ask(f"targets of {dtype.__name__}", logits, targets.astype(dtype), lenient=lenient)


def _other_axes():
    cube = np.random.default_rng(5).normal(0, 3, (2, 3, 4))
    yield _ask("axis=1 of three", cube, np.arange(8).reshape(2, 4) % 3, axis=1)
    yield _ask("axis=0 of two", _LOGITS[:2].T.copy(), np.array([0, 2]), axis=0)
    yield _ask("axis=1 of three, with weights", cube, np.arange(8).reshape(2, 4) % 3, axis=1, weight=_WEIGHT)


def _probabilities():
    """Targets that are a distribution; a probability of 0 costs nothing, even at -inf."""
    goal = np.array([[0.5, 0.25, 0.25], [0, 0, 1], [0.125, 0.75, 0.125]])
    soft = partial(_ask, targets=goal)
    yield soft("probabilities as targets")
    single = goal.astype(np.float32)
    yield _ask("probabilities as targets, float32", _LOGITS.astype(np.float32), single)
    masked = np.array([[1.0, 2, -INF], [-INF, 1, 3]])
    yield _ask("probability 0 for a class at -inf", masked, np.array([[0.25, 0.75, 0], [0, 0.5, 0.5]]))
    yield _ask("probability 0 for a class far below", np.array([[0.0, -800, 1]]), np.array([[0.5, 0, 0.5]]))
    yield _ask("probability 0.5 for a class at -inf", masked[:1], np.array([[0.5, 0, 0.5]]))
    yield _ask("one-hot probabilities, right by 40", np.array([[0.0, -40, -41]]), np.array([[1.0, 0, 0]]))
    yield soft("probabilities and weight=", weight=_WEIGHT)
    yield soft("probabilities and label_smoothing=", label_smoothing=0.2)
    for reduction in ("sum", "none"):
        yield soft(f'probabilities and reduction="{reduction}"', reduction=reduction)
    yield soft("probabilities of any sum", targets=2 * goal, check_sum=False)
