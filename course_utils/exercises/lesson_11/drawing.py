"""Exercise 3 of lesson 11: a sampler that loses no class and draws no masked one."""

from functools import partial

import numpy as np

from course_utils import reference, sampling, shifted, stable
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import mistake

slip = partial(mistake, quantity="predicted_class", widget="")
INF = np.inf
LAST = 1 - 2.0**-53


def _as_handed_out(logits, u):
    p = shifted.softmax(logits)
    cumulated = np.cumsum(p)
    return int(np.searchsorted(cumulated, u))


def my_draw(logits, u):
    wide = logits.astype(np.float64)
    steps = np.cumsum(np.exp(wide - np.max(wide)))
    return int(np.searchsorted(steps, u * steps[-1], side="right"))


def _count_the_steps(logits, u):
    steps = np.cumsum(stable.softmax(logits.astype(np.float64)))
    return np.sum(steps <= u * steps[-1])


def _in_a_loop(logits, u):
    terms = [float(e) for e in np.exp(np.float64(logits) - np.float64(logits.max()))]
    height, total = u * sum(terms), 0.0
    for index, term in enumerate(terms):
        total += term
        if height < total:
            return index
    return int(np.nonzero(terms)[0][-1])


def _best_we_know(logits, u):
    return sampling.draw(logits, u)


def _in_float64(logits):
    return np.cumsum(shifted.softmax(logits.astype(np.float64)))


_MANY = (np.zeros(3000, np.float16), 0.5005)
_TEN = (np.zeros(10, np.float32), LAST)
_MASKED_FIRST = (np.float32([-INF, 0, 0]), 0.0)
_MASKED_LAST = (np.append(np.zeros(10, np.float32), np.float32(-INF)), LAST)


@slip(
    fails_on=_MASKED_FIRST,
    belief="searchsorted finds the right place by itself.",
    diagnosis='You looked up with `side="left"`. At u = 0 that is the first class, also where its probability is 0.',
    step="`np.searchsorted(steps, ...)`: left is what it does unless told.",
    change='`side="right"`: the first class whose step lies *above* u.',
)
def from_the_left(logits, u):
    steps = _in_float64(logits)
    return int(np.searchsorted(steps, u * steps[-1]))


@slip(
    fails_on=_MANY,
    belief="The sum of the probabilities is 1, so the last step is.",
    diagnosis="You cumulated in the logits' own format. A running sum rounds at every step, and after many "
    "steps it is off by more than a whole class: some classes can no longer be drawn.",
    step="`np.cumsum(p)` of float32 or float16.",
    change="Widen before you cumulate: `logits.astype(np.float64)`.",
)
def cumulate_as_it_came(logits, u):
    steps = np.cumsum(shifted.softmax(logits))
    return int(np.searchsorted(steps, u * float(steps[-1]), side="right").clip(0, logits.size - 1))


@slip(
    fails_on=_TEN,
    belief="The last step is 1.",
    diagnosis="You compared with u itself. The last step is a little below 1, and a u above it finds no class: "
    "the index is past the end.",
    step='`np.searchsorted(steps, u, side="right")`.',
    change="Scale: `u * steps[-1]`.",
)
def do_not_scale(logits, u):
    return int(np.searchsorted(_in_float64(logits), u, side="right"))


@slip(
    fails_on=_MASKED_LAST,
    belief="An index past the end is cut back to the last class.",
    diagnosis="You cut the index back to the last class. Where that class is masked, you draw it.",
    step="`min(index, len(logits) - 1)`.",
    change="Scale instead: with `u * steps[-1]` no index is past the end.",
)
def cut_the_index_back(logits, u):
    return min(do_not_scale(logits, u), logits.size - 1)


@slip(
    fails_on=_TEN,
    belief="argmax of a comparison finds the first True.",
    diagnosis="You took the argmax of a comparison. Where nothing is True it answers 0: the largest u draws the "
    "first class.",
    step="`np.argmax(steps > u)`.",
    change='Scale, and look up: `np.searchsorted(steps, u * steps[-1], side="right")`.',
)
def argmax_of_a_comparison(logits, u):
    return int(np.argmax(_in_float64(logits) > u))


@slip(
    fails_on=(np.float32([0, 0, 5]), 0.5),
    belief="The most probable class is the answer.",
    diagnosis="You returned the most probable class, whatever u is. That is greedy, not a draw.",
    step="`np.argmax(logits)`.",
    change="Look u up in the cumulated probabilities.",
)
def always_the_largest(logits, u):
    return int(np.argmax(logits))


sampler = Exercise(
    key="11.sampler",
    kind="repair",
    objective="repair a sampler that draws a masked class and loses others",
    minutes=8,
    difficulty=2,
    truth=reference.family.draw,
    subject=_as_handed_out,
    cases=(
        case("three classes", [2, 1, 0], 0.7, dtype="float32", ulps=0.5),
        case("three classes, the last", [2, 1, 0], 0.95, dtype="float32", ulps=0.5),
        case("the first class is masked, u = 0", *_MASKED_FIRST, dtype="float32", ulps=0.5),
        case("ten equal classes, u = 1 - 2**-53", *_TEN, dtype="float32", ulps=0.5),
        case("ten equal classes and a masked one, u = 1 - 2**-53", *_MASKED_LAST, dtype="float32", ulps=0.5),
        case("3,000 equal classes, float16", *_MANY, dtype="float16", ulps=0.5),
        case("huge logits", [1000, 1001], 0.2, dtype="float32", ulps=0.5),
        case("two classes below zero, u = 0", [-1000, -1000], 0.0, dtype="float32", ulps=0.5),
    ),
    mistakes=(
        from_the_left,
        cumulate_as_it_came,
        do_not_scale,
        cut_the_index_back,
        argmax_of_a_comparison,
        always_the_largest,
    ),
    must_fail=(
        lambda z, u: int(np.searchsorted(np.cumsum(shifted.softmax(z)), u, side="right")),
        lambda z, u: int(np.searchsorted(np.cumsum(shifted.softmax(z), dtype=np.float64), u)),
        lambda z, u: int(np.argmax(np.cumsum(shifted.softmax(z)) >= u)),
        lambda z, u: sampling.draw(np.maximum(z, -1e9), 1 - u) if u < 1 else 0,
        lambda z, u: my_draw(z, min(u, 1 - 1e-7)) if u else 0,
        lambda z, u: my_draw(np.flip(z), u),
        lambda z, u: my_draw(z, u) + 1,
    ),
    hints=(
        "Three things are wrong. Try u = 0 with a masked first class, the largest u there is (1 - 2**-53), and 3,000 "
        "equal float16 classes.",
        "Cumulate in float64, compare with u times the *last* step, and pass over steps that add nothing.",
        '`steps = np.cumsum(np.exp(wide - wide.max()))`, then `np.searchsorted(steps, u * steps[-1], side="right")`.',
    ),
    model_answer=my_draw,
    why="Steps of float64 lose no class, u times the last step stays below it, and from the right a class that adds "
    "nothing is passed over.",
    variants=(_count_the_steps, _in_a_loop, _best_we_know),
    curve=False,
)
