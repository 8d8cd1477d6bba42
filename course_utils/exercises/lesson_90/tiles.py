"""Softmax of a row that comes in tiles."""

import numpy as np

from course_utils import reference
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.habits import named
from course_utils.exercises.lesson_90.goals import REPAIR
from course_utils.mistakes import MISTAKES, mistake


def handed_out_stream(logits):
    row_max, total = -np.inf, 0.0
    for start in range(0, len(logits), 2):
        tile = logits[start : start + 2]
        row_max = max(row_max, tile.max())
        total = total + np.exp(tile - row_max).sum()
    return np.exp(logits - row_max) / total


def my_streamed_softmax(logits):
    row_max, total = -np.inf, 0.0
    for start in range(0, len(logits), 2):
        tile = logits[start : start + 2]
        new_max = max(row_max, tile.max())
        if new_max > -np.inf:
            total = total * np.exp(row_max - new_max) + np.exp(tile - new_max).sum()
        row_max = new_max
    return np.exp(logits - row_max) / total


def _one_by_one(logits):
    row_max, total = -np.inf, 0.0
    for z in logits.astype(np.float64):
        if z > row_max:
            row_max, total = z, total * np.exp(row_max - z) + 1
        elif z > -np.inf:
            total += np.exp(z - row_max)
    return np.exp(logits - row_max) / total


def _all_maxima_first(logits):
    tiles = [logits[i : i + 2] for i in range(0, len(logits), 2)]
    row_max = max(tile.max() for tile in tiles)
    return np.exp(logits - row_max) / sum(np.exp(tile - row_max).sum() for tile in tiles)


def _in_the_log_domain(logits):
    lse = -np.inf
    for z in logits.astype(np.float64):
        lse = np.logaddexp(lse, z)
    return np.exp(logits - lse)


def _one_tile_after_the_other(logits):
    tiles = [logits[i : i + 2] for i in range(0, len(logits), 2)]
    pairs = [(tile.max(), np.exp(tile - max(tile.max(), np.finfo(tile.dtype).min)).sum()) for tile in tiles]
    row_max = max(top for top, _ in pairs)
    return np.exp(logits - row_max) / sum(total * np.exp(top - row_max) for top, total in pairs)


def _keeps_the_log_of_the_total(logits):
    row_max, lse = -np.inf, -np.inf  # lse: of the terms, measured against row_max
    for start in range(0, len(logits), 2):
        tile = logits[start : start + 2].astype(np.float64)
        new_max = max(row_max, tile.max())
        if new_max > -np.inf:
            lse = np.logaddexp.reduce([lse + (row_max - new_max), *(tile - new_max)])
        row_max = new_max
    return np.exp(logits - row_max - lse)


@mistake(
    quantity="softmax",
    fails_on=(np.float32([0, 1, 10, 11]),),
    widget="tiles",
    belief="The old terms must grow with the maximum.",
    diagnosis="You rescaled the wrong way round. The old terms were measured against a smaller maximum, so "
    "they must shrink; yours grow, up to inf.",
    step="`np.exp(new_max - row_max)`: the sign of the exponent.",
    change="`total * np.exp(row_max - new_max)`: never above 1.",
)
def rescale_the_wrong_way(logits):
    row_max, total = logits[:2].max(), np.exp(logits[:2] - logits[:2].max()).sum()
    for start in range(2, len(logits), 2):
        tile = logits[start : start + 2]
        new_max = max(row_max, tile.max())
        total = total * np.exp(new_max - row_max) + np.exp(tile - new_max).sum()
        row_max = new_max
    return np.exp(logits - row_max) / total


@mistake(
    quantity="softmax",
    fails_on=(np.float32([0, 1]),),
    widget="tiles",
    belief="The first tile is rescaled like all others.",
    diagnosis="A NaN enters your total at the first tile. Before it the maximum is -inf and the total 0; "
    "your factor is inf or NaN there, and 0 times inf is NaN.",
    step="The factor by which the old total is multiplied, with an old maximum of -inf.",
    change="e to the power of (old maximum - new maximum): for an old maximum of -inf that is 0.",
)
def spoil_the_start(logits):
    total = 0.0 * np.exp(logits[:2].max() - -np.inf)
    return np.exp(logits - logits.max()) / (total + 1)


@mistake(
    quantity="softmax",
    fails_on=(np.float32([-1000, -1001]),),
    widget="tiles",
    belief="A maximum starts at 0.",
    diagnosis="Your maximum starts at 0. In a row that lies below 0 the shift is 0 then, and far below "
    "every exp underflows.",
    step="`row_max = 0` before the loop.",
    change="Start at -inf, and skip a tile while the maximum is -inf.",
    family=("start", (0.0, -1e9, -1e4, -100.0)),
)
def start_the_maximum_high(logits, *, start=0.0):
    row_max, total = start, 0.0
    for first in range(0, len(logits), 2):
        tile = logits[first : first + 2]
        new_max = max(row_max, tile.max())
        total = total * np.exp(row_max - new_max) + np.exp(tile - new_max).sum()
        row_max = new_max
    return np.exp(logits - row_max) / total


@mistake(
    quantity="softmax",
    fails_on=(np.float32([1000, 0]),),
    widget="shift",
    belief="A running sum needs no maximum.",
    diagnosis="You added up unshifted exps. A large logit overflows, and far below 0 all of them are 0.",
    step="`np.exp(tile)` without a shift.",
    change="Carry the maximum beside the total, and rescale the total when it grows.",
)
def stream_without_shift(logits):
    return np.exp(logits) / np.exp(logits).sum()


@mistake(
    quantity="softmax",
    fails_on=(np.float32([0, 1, 10, 11]),),
    widget="tiles",
    belief="Each tile is a softmax of its own.",
    diagnosis="You normalised each tile on its own. Each of them sums to 1, and the row to the number of "
    "tiles: nothing compares one tile with another.",
    step="`softmax(tile)`.",
    change="Carry the maximum and the total over all tiles, and normalise once at the end.",
)
def softmax_of_each_tile(logits):
    tiles = [logits[i : i + 2] for i in range(0, len(logits), 2)]
    return np.concatenate([np.exp(t - t.max()) / np.exp(t - t.max()).sum() for t in tiles])


@mistake(
    quantity="softmax",
    fails_on=(np.float32([0, 1, 2, 3]),),
    widget="tiles",
    belief="The total is overwritten by the newer one.",
    diagnosis="Your total holds the last tile only. The terms of the tiles before it are missing, and the "
    "row sums to more than 1.",
    step="`total = np.exp(...).sum()` where the old total should be kept.",
    change="`total = total * np.exp(row_max - new_max) + ...`.",
)
def total_of_the_last_tile(logits):
    start = (len(logits) - 1) // 2 * 2
    return np.exp(logits - logits.max()) / np.exp(logits[start:] - logits.max()).sum()


@mistake(
    quantity="softmax",
    fails_on=(np.float32([0, 1, 10, 11]),),
    widget="tiles",
    belief="The tile is what must be rescaled.",
    diagnosis="You rescaled the new terms as well as the old ones. The new terms are measured against the "
    "new maximum already; only the old total must shrink.",
    step="`(total + np.exp(tile - new_max).sum()) * np.exp(row_max - new_max)`.",
    change="Multiply the old total only.",
)
def rescale_everything(logits):
    row_max, total = logits[:2].max(), np.exp(logits[:2] - logits[:2].max()).sum()
    for first in range(2, len(logits), 2):
        tile = logits[first : first + 2]
        new_max = max(row_max, tile.max())
        total = (total + np.exp(tile - new_max).sum()) * np.exp(row_max - new_max)
        row_max = new_max
    return np.exp(logits - row_max) / total


@mistake(
    quantity="softmax",
    fails_on=(np.float32([-np.inf, -np.inf, 1, 2]),),
    widget="tiles",
    belief="A start at -inf needs no guard.",
    diagnosis="You rescale rightly, and a first tile of nothing but -inf ends it: -inf - -inf is NaN, and a "
    "NaN in the total never leaves.",
    step="`row_max - new_max` when both are -inf.",
    change="Skip a tile as long as the maximum is -inf: it has nothing to add.",
)
def stream_without_guard(logits):
    row_max, total = -np.inf, 0.0
    for start in range(0, len(logits), 2):
        tile = logits[start : start + 2]
        new_max = max(row_max, tile.max())
        total = total * np.exp(row_max - new_max) + np.exp(tile - new_max).sum()
        row_max = new_max
    return np.exp(logits - row_max) / total


# --- answers that must fail ------------------------------------------------------------------------------


def _stream(rescaled, guard=lambda new_max: new_max > -np.inf):
    def wrong(logits):
        row_max, total = -np.inf, 0.0
        for start in range(0, len(logits), 2):
            tile = logits[start : start + 2]
            new_max = max(row_max, tile.max())
            if guard(new_max):
                total = rescaled(total, row_max, new_max) + np.exp(tile - new_max).sum()
            row_max = new_max
        return np.exp(logits - row_max) / total

    return wrong


def _always(new_max):
    return True


MUST_FAIL = (
    (named("old scale", _stream(lambda total, old, new: total)), None),
    (named("wrong way round", _stream(lambda total, old, new: total * np.exp(np.abs(new - old)))), None),
    (
        named("no guard", _stream(lambda total, old, new: total * np.exp(old - new), _always)),
        "stream_without_guard",
    ),
    named("NaN to 0", _stream(lambda total, old, new: np.nan_to_num(total * np.exp(old - new)), _always)),
    named("ratio of the maxima", _stream(lambda total, old, new: total * old / new)),
    named("difference", _stream(lambda total, old, new: total - np.exp(old - new))),
    named("nothing kept", _stream(lambda total, old, new: 0)),
    named("twice", _stream(lambda total, old, new: total * np.exp(2 * (old - new)))),
    named("at least a bit", _stream(lambda total, old, new: total * np.maximum(np.exp(old - new), 1e-3))),
    named(
        "only positive maxima", _stream(lambda total, old, new: total * np.exp(old - new), lambda m: m > 0)
    ),
    named("in base 2", _stream(lambda total, old, new: total * 2.0 ** (old - new))),
    named("shift by the last", lambda z: np.exp(z - z[-1]) / np.exp(z - z[-1]).sum()),
    named("shift by the mean", lambda z: np.exp(z - z.mean()) / np.exp(z - z.mean()).sum()),
    named("infinity as a number", lambda z: my_streamed_softmax(np.maximum(z, np.finfo(z.dtype).min)) + 1e-9),
    named("in float64, unshifted", lambda z: np.exp(np.float64(z)) / np.exp(np.float64(z)).sum()),
    named("without the last tile", lambda z: np.append(my_streamed_softmax(z[:-1]), 0)),
    named("clipped", lambda z: my_streamed_softmax(np.clip(z, -500, 500))),
    named("small ones dropped", lambda z: np.where((p := my_streamed_softmax(z)) < 1e-4, 0, p)),
)

streaming = Exercise(
    key="90.streaming",
    kind="repair",
    objective=REPAIR,
    minutes=9,
    difficulty=3,
    truth=reference.softmax,
    subject=handed_out_stream,
    cases=(
        case("the maximum comes last", [0, 1, 10, 11], dtype="float32"),
        case("the maximum comes first", [11, 10, 1, 0], dtype="float32"),
        case("one tile", [3, 1], dtype="float32"),
        case("half a tile at the end", [1, 5, 2, 4, 3], dtype="float32"),
        case("large logits", [1000, 0, 1001, 2], dtype="float32"),
        case("far below zero", [-1000, -1001, -1002, -999], dtype="float32"),
        case("a masked first tile", [-np.inf, -np.inf, 1, 2], dtype="float32"),
        case("the maximum in the middle", [0, 3, 90, 1, 2, 88], dtype="float32"),
        case("a step in each tile", [0, 100, 200, 300, 301, 2], dtype="float32"),
        case("equal logits", [4, 4, 4, 4, 4, 4, 4], dtype="float32"),
        case("two masked tiles first", [-np.inf, -np.inf, -np.inf, -np.inf, -3, -4], dtype="float32"),
        case("past the cliff, float64", [-900, 899, 900, 0, 898]),
        case("a small share", [0, 1, 12, 11.5], dtype="float32"),
        case("a masked tile in between", [1, 2, -np.inf, -np.inf, 0], dtype="float32"),
    ),
    mistakes=(
        MISTAKES["keep_old_scale"],
        MISTAKES["average_tile_softmaxes"],
        rescale_the_wrong_way,
        stream_without_guard,
        start_the_maximum_high,
        stream_without_shift,
        softmax_of_each_tile,
        total_of_the_last_tile,
        rescale_everything,
        spoil_the_start,
    ),
    hints=(
        "A term in `total` was measured against the maximum of its time. What must happen to it when the "
        "maximum grows?",
        "Multiply the old total by e to the power of (old maximum - new maximum) before you add the tile.",
        "Keep `new_max` apart from `row_max` until the total is rescaled, and skip the tile while new_max is -inf.",
    ),
    model_answer=my_streamed_softmax,
    why="The pair (maximum, total) is all one needs to remember. A larger maximum makes every old term "
    "smaller by the same factor, so one multiplication repairs them all.",
    variants=(
        _one_by_one,
        _all_maxima_first,
        _in_the_log_domain,
        _one_tile_after_the_other,
        _keeps_the_log_of_the_total,
    ),
    must_fail=MUST_FAIL,
    quiet=True,
)
