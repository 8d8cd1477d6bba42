"""Attention, tile by tile."""

import numpy as np

from course_utils import reference
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.habits import named
from course_utils.mistakes import mistake

INF = np.inf


def handed_out_attention(scores, values):
    largest, total, output = -np.inf, 0.0, np.zeros(values.shape[1])
    for start in range(0, len(scores), 2):
        tile, some = scores[start : start + 2], values[start : start + 2]
        new = max(largest, tile.max())
        weights = np.exp(tile - new)
        total = total * np.exp(largest - new) + weights.sum()
        output = output + weights @ some
        largest = new
    return output / total


def my_attention(scores, values):
    largest, total, output = -np.inf, 0.0, np.zeros(values.shape[1])
    for start in range(0, len(scores), 2):
        tile, some = scores[start : start + 2], values[start : start + 2]
        new = max(largest, tile.max())
        if new == -np.inf:
            continue
        weights, shrink = np.exp(tile - new), np.exp(largest - new)
        total = total * shrink + weights.sum()
        output = output * shrink + weights @ some
        largest = new
    return output / total


def _true_attention(scores, values):
    return (reference.softmax(scores, dtype=object) @ values.astype(object)).astype(np.float64)


def _loop(
    *, total="shrink", output="shrink", guard=True, start=-np.inf, factor=lambda old, new: np.exp(old - new)
):
    """The loop with its steps changed: "shrink" what is old, "keep" it, or shrink "all", old and new."""

    def attention(scores, values):
        largest, sums, summed = start, 0.0, np.zeros(values.shape[1])
        with np.errstate(all="ignore"):
            for first in range(0, len(scores), 2):
                tile, some = scores[first : first + 2], values[first : first + 2]
                new = max(largest, tile.max())
                if guard and new == -np.inf:
                    continue
                weights, shrink = np.exp(tile - new), factor(largest, new) if sums else 0.0
                if not guard:
                    shrink = factor(largest, new)
                sums = _step(total, sums, shrink, weights.sum())
                summed = _step(output, summed, shrink, weights @ some)
                largest = new
            return summed / sums

    return attention


def _step(how, old, shrink, new):
    if how == "all":
        return (old + new) * (shrink or 1.0)
    return old * (shrink if how == "shrink" else 1.0) + new


def _two_passes(scores, values):
    weights = np.exp(scores - scores.max())
    return weights @ values / weights.sum()


def _average_that_moves(scores, values):
    """The output is an average at every step."""
    largest, total, average = -np.inf, 0.0, np.zeros(values.shape[1])
    for score, value in zip(scores, values, strict=True):
        new = max(largest, score)
        if new > -np.inf:
            weight = np.exp(score - new)
            total = total * np.exp(largest - new) + weight
            average = average + (value - average) * (weight / total)
        largest = new
    return average


def _with_a_safe_shift(scores, values):
    largest, total, output = -np.inf, 0.0, 0.0
    for start in range(0, len(scores), 2):
        new = np.maximum(largest, scores[start : start + 2].max())
        shift = 0.0 if np.isneginf(new) else new
        weights = np.exp(scores[start : start + 2] - shift)
        total = np.exp(largest - shift) * total + weights.sum()
        output = np.exp(largest - shift) * output + weights @ values[start : start + 2]
        largest = new
    return output / total


def _parts_then_merged(scores, values):
    starts = range(0, len(scores), 2)
    tops = np.array([scores[i : i + 2].max() for i in starts])
    parts = [(np.exp(scores[i : i + 2] - tops.max()), values[i : i + 2]) for i in starts]
    return sum(w @ v for w, v in parts) / sum(w.sum() for w, _ in parts)


def _nan_to_0_in_each_step(scores, values):
    """Right in the end, and deaf to a NaN that somebody else made."""
    largest, total, output = -np.inf, 0.0, np.zeros(values.shape[1])
    for start in range(0, len(scores), 2):
        new = max(largest, scores[start : start + 2].max())
        weights, shrink = (
            np.nan_to_num(np.exp(scores[start : start + 2] - new)),
            np.nan_to_num(np.exp(largest - new)),
        )
        total, output = total * shrink + weights.sum(), output * shrink + weights @ values[start : start + 2]
        largest = new
    return output / total


GROWS = (np.array([0.0, 1, 2, 3]), np.array([[4.0, 0], [3, 0], [2, 0], [1, 1]]))
MASKED_LATER = (np.array([1.0, 2, -INF, -INF]), np.array([[4.0, 0], [3, 0], [2, 0], [1, 1]]))
MASKED = (np.array([-INF, -INF, 1, 2]), np.array([[4.0, 0], [3, 0], [2, 0], [1, 1]]))


def _mistake(**words):
    return mistake(**({"quantity": "", "fails_on": GROWS, "widget": "tiles"} | words))


@_mistake(
    belief="The output only needs the new weights.",
    diagnosis="The guard is in, and your output is still not rescaled. Its old terms carry the weights of their time; "
    "the total they are divided by has shrunk.",
    step="`output = output + weights @ some`.",
    change="Multiply the old output by the same factor as the old total.",
)
def keep_the_old_output(scores, values):
    return _loop(output="keep")(scores, values)


@_mistake(
    belief="Only the output is a weighted sum.",
    diagnosis="You rescale the output and not the total. Both are sums of the same weights, and both must shrink.",
    step="`total = total + weights.sum()`.",
    change="`total = total * shrink + weights.sum()`.",
)
def keep_the_old_total(scores, values):
    return _loop(total="keep")(scores, values)


@_mistake(
    belief="What is divided at the end needs no rescaling.",
    diagnosis="You rescale neither the total nor the output. The weights of each tile are then measured against "
    "another maximum, and the division doesn't mend that.",
    step="Both sums are added up without a factor.",
    change="Multiply both by `np.exp(largest - new)` before you add the tile.",
)
def keep_both_old(scores, values):
    return _loop(total="keep", output="keep")(scores, values)


@_mistake(
    fails_on=MASKED,
    belief="A start at -inf needs no guard.",
    diagnosis="You rescale both rightly, and a first tile of nothing but -inf ends it: -inf - -inf is NaN, and a NaN "
    "in a sum never leaves.",
    step="`largest - new` when both are -inf.",
    change="Skip a tile as long as the maximum is -inf: it has nothing to add.",
)
def attend_without_guard(scores, values):
    return _loop(guard=False)(scores, values)


@_mistake(
    belief="Old terms must grow with the maximum.",
    diagnosis="You rescale the wrong way round: old terms grow where they must shrink.",
    step="`np.exp(new - largest)`: the sign of the exponent.",
    change="`np.exp(largest - new)`: never above 1.",
)
def grow_old_terms(scores, values):
    return _loop(factor=lambda old, new: np.exp(new - old))(scores, values)


@_mistake(
    belief="Everything so far must shrink.",
    diagnosis="You shrink the new terms as well as the old ones. The new ones are measured against the new maximum "
    "already.",
    step="`(output + weights @ some) * shrink`.",
    change="Multiply what is old, then add what is new.",
)
def shrink_everything(scores, values):
    return _loop(total="all", output="all")(scores, values)


@_mistake(
    belief="The average of the tiles is the average of the whole.",
    diagnosis="You averaged the tiles' outputs. Every tile then counts alike, whatever its scores are.",
    step="`np.mean` over the outputs of the tiles.",
    change="Carry the maximum, the total and the output over all tiles, and divide once at the end.",
)
def average_the_tiles(scores, values):
    starts = range(0, len(scores), 2)
    return np.mean([_two_passes(scores[i : i + 2], values[i : i + 2]) for i in starts], axis=0)


@_mistake(
    belief="The output is ready when the loop ends.",
    diagnosis="You returned the sum with its weights, and did not divide it by the total.",
    step="`return output`.",
    change="`return output / total`.",
)
def forget_the_total(scores, values):
    return _loop()(scores, values) * np.exp(scores - scores.max()).sum()


@_mistake(
    belief="Each tile's weights must add up to 1.",
    diagnosis="You divided by the total inside the loop, and went on adding. What was divided by an early total is "
    "divided again by a later one.",
    step="`output = (...) / total` in every round.",
    change="Divide once, after the last tile.",
)
def divide_in_every_round(scores, values):
    largest, total, output = -np.inf, 0.0, np.zeros(values.shape[1])
    for start in range(0, len(scores), 2):
        tile, some = scores[start : start + 2], values[start : start + 2]
        new = max(largest, tile.max())
        if new == -np.inf:
            continue
        weights, shrink = np.exp(tile - new), np.exp(largest - new)
        total = total * shrink + weights.sum()
        output = (output * shrink + weights @ some) / total
        largest = new
    return output


@_mistake(
    fails_on=(np.array([-1000.0, -1001]), np.array([[1.0], [2.0]])),
    belief="A maximum starts at 0.",
    diagnosis="Your maximum starts at a number. Scores far below it have no weight at all: 0 / 0.",
    step="`largest = 0` before the loop.",
    change="Start at -inf, and skip a tile while the maximum is -inf.",
    family=("start", (0.0, -100.0, -1e9)),
)
def start_at_a_number(scores, values, *, start=0.0):
    return _loop(start=start)(scores, values)


@_mistake(
    fails_on=MASKED_LATER,
    belief="The new maximum is the tile's.",
    diagnosis="You measured against the maximum of the tile alone, also where an earlier tile's is larger. Then the "
    "factor is above 1, and after a masked tile there is nothing finite to measure against.",
    step="`new = tile.max()`.",
    change="`new = max(largest, tile.max())`: the maximum never falls.",
)
def let_the_maximum_fall(scores, values):
    largest, total, output = -np.inf, 0.0, np.zeros(values.shape[1])
    with np.errstate(all="ignore"):
        for start in range(0, len(scores), 2):
            new = scores[start : start + 2].max()
            weights, shrink = np.exp(scores[start : start + 2] - new), np.exp(largest - new)
            total, output = (
                total * shrink + weights.sum(),
                output * shrink + weights @ values[start : start + 2],
            )
            largest = new
        return output / total


VALUES = [[4.0, 0, 1], [3, 0, 2], [2, 0, 0.5], [1, 1, 3], [0, 2, 1], [5, 3, 0.25]]

tiled_attention = Exercise(
    key="10.tiled_attention",
    kind="repair",
    objective="repair an attention that sees its keys tile by tile",
    minutes=8,
    difficulty=3,
    truth=_true_attention,
    subject=handed_out_attention,
    cases=(
        case("the maximum grows", [0, 1, 2, 3], VALUES[:4]),
        case("the maximum comes first", [3, 2, 1, 0], VALUES[:4]),
        case("one tile", [1, 2], VALUES[:2]),
        case("half a tile at the end", [1, 5, 2], VALUES[:3]),
        case("equal scores", [4, 4, 4, 4, 4, 4], VALUES),
        case("it grows in every tile", [0, 1, 3, 2, 5, 4], VALUES),
        case("a masked first tile", [-INF, -INF, 1, 2], VALUES[:4]),
        case("a masked tile in between", [1, 2, -INF, -INF, 0, 3], VALUES),
        case("far above", [900, 901, 903, 902], VALUES[:4]),
        case("far below", [-1000, -1001, -999, -1002], VALUES[:4]),
        case("far below any start that is a number", [-2e9, -2e9 - 1, -2e9 + 1], VALUES[:3]),
        case("two masked tiles first", [-INF, -INF, -INF, -INF, -3, -4], VALUES),
        case("one key may be seen", [-INF, -INF, -INF, 2], VALUES[:4]),
    ),
    mistakes=(
        keep_the_old_output,
        keep_the_old_total,
        keep_both_old,
        attend_without_guard,
        grow_old_terms,
        shrink_everything,
        average_the_tiles,
        forget_the_total,
        divide_in_every_round,
        start_at_a_number,
        let_the_maximum_fall,
    ),
    must_fail=(
        (named("a start at -1e9", _loop(start=-1e9)), "start_at_a_number"),
        (named("half a repair", lambda s, v: _loop(output="keep")(s, v)), "keep_the_old_output"),
        named("NaN to 0", lambda s, v: np.nan_to_num(_loop(guard=False)(s, v))),
        named("NaN to 0 in each step", _nan_to_0_in_each_step),
        named("masks as -1e9", lambda s, v: _loop(output="keep")(np.maximum(s, -1e9), v)),
        named("in base 2", _loop(factor=lambda old, new: 2.0 ** (old - new))),
        named("twice", _loop(factor=lambda old, new: np.exp(2 * (old - new)))),
        named("at least a bit", _loop(factor=lambda old, new: max(np.exp(old - new), 0.5))),
        named("only the last tile", lambda s, v: _two_passes(s[-2:], v[-2:])),
        named("without the last tile", lambda s, v: my_attention(s[:2], v[:2])),
        named("unshifted", lambda s, v: np.exp(s) @ v / np.exp(s).sum()),
        named("clipped", lambda s, v: _two_passes(np.clip(s, -50, 50), v)),
        named("softmax of the output", lambda s, v: _two_passes(_two_passes(s, v), v[: v.shape[1]])),
        named("the best key's value", lambda s, v: v[np.argmax(s)]),
        named("an epsilon below", lambda s, v: _loop(guard=False)(s, v) / (1 + 1e-9)),
    ),
    hints=(
        "Two sums are carried from tile to tile. Which of them is rescaled when the maximum grows? What does the first "
        "tile do when it is masked?",
        "The output is a sum with the same weights as the total: it takes the same factor. While the maximum is "
        "-inf there is nothing to add.",
        "`if new == -np.inf: continue`, then `shrink = np.exp(largest - new)` for both: "
        "`output = output * shrink + weights @ some`.",
    ),
    model_answer=my_attention,
    why="An old weight was measured against an old maximum, in the output as in the total. One factor repairs both. "
    "A tile that is masked throughout has no maximum and nothing to add.",
    variants=(_two_passes, _average_that_moves, _with_a_safe_shift, _parts_then_merged),
    curve=False,
    quiet=True,
)
