"""Quantities that must hold at every edge: infinities, empty tiles, branches not taken."""

import numpy as np

from course_utils import reference
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.lesson_90.goals import REPAIR, WRITE, truth_of
from course_utils.mistakes import MISTAKES, mistake

# --- guarded --------------------------------------------------------------------------------------------


def handed_out_guard(z):
    small = z < 80
    exps = np.exp(z)
    return small * (exps / (1 + exps)) + ~small * np.ones_like(z)


def my_guarded_slope(z):
    small = z < 80
    exps = np.exp(np.where(small, z, 0))
    return np.where(small, exps / (1 + exps), 1)


def _guarded_by_sign(z):
    tail = np.exp(-np.abs(z))
    return np.where(z > 0, 1 / (1 + tail), tail / (1 + tail))


def _guarded_by_tanh_and_exp(z):
    return np.exp(-np.logaddexp(0, -z))


def _guarded_by_parts(z):
    result = np.ones_like(z)
    exps = np.exp(z[z < 50])
    result[z < 50] = exps / (1 + exps)
    return result


@mistake(
    quantity="softplus_gradient",
    fails_on=(np.float32([200]),),
    widget="loss",
    belief="The NaN stands where nothing matters, so 0 will do.",
    diagnosis="You replaced the NaN by 0. The slope there is 1: the largest scores would stop learning.",
    step="`np.nan_to_num(...)`: a NaN became a number, and the wrong one.",
    change="Make the input of exp safe before exp sees it: `np.exp(np.where(small, z, 0))`.",
)
def slope_without_nan(z):
    exps = np.exp(z)
    return np.nan_to_num(exps / (1 + exps))


@mistake(
    quantity="softplus_gradient",
    fails_on=(np.float32([-90]),),
    widget="loss",
    belief="Clip the scores to a safe range.",
    diagnosis="You clipped the scores on both sides. Above, the slope is 1 anyway; below -50 it goes on shrinking, "
    "and yours stays at e^-50.",
    step="`np.clip(z, -50, 50)`: the lower limit changes right answers.",
    change="Guard the side that overflows, and leave the other alone.",
)
def slope_of_clipped_scores(z):
    exps = np.exp(np.clip(z, -50, 50))
    return exps / (1 + exps)


@mistake(
    quantity="softplus_gradient",
    fails_on=(np.float32([-20]),),
    widget="loss",
    belief="1 - 1 / (1 + e^z) is the same.",
    diagnosis="Your form survives large scores, since 1 / inf is 0. For low ones it subtracts two nearly equal "
    "numbers, and from -17 on the slope is exactly 0.",
    step="`1 - 1 / (1 + exps)`: cancellation.",
    change="Keep `exps / (1 + exps)` there, and guard its input.",
)
def slope_by_difference(z):
    return 1 - 1 / (1 + np.exp(z))


guarded = Exercise(
    key="90.guarded",
    kind="repair",
    objective=REPAIR,
    minutes=7,
    difficulty=3,
    truth=truth_of("softplus_gradient"),
    subject=handed_out_guard,
    cases=(
        case("ordinary scores", [1, -1, 0], dtype="float32", ulps=8),
        case("one large score", [200], dtype="float32", ulps=8),
        case("both sides of the guard", [79, 81, 100], dtype="float32", ulps=8),
        case("low scores", [-20, -50, -90], dtype="float32", ulps=8),
        case("a batch", [[300, 2], [-3, 1000]], dtype="float32", ulps=8),
        case("float64", [800, 30, -700], ulps=8),
    ),
    mistakes=(
        MISTAKES["where_guards_gradient"],
        slope_without_nan,
        slope_of_clipped_scores,
        slope_by_difference,
    ),
    hints=(
        "Both branches are computed, whichever is chosen. What is `0 * (inf / inf)`?",
        "Choosing the output is too late. Choose the input: give exp a harmless number where the branch is "
        "not used.",
        "`exps = np.exp(np.where(small, z, 0))`, and `np.where(small, exps / (1 + exps), 1)` at the end.",
    ),
    model_answer=my_guarded_slope,
    why="A branch that is not taken is still computed, and going backwards it is multiplied by 0: 0 times "
    "NaN is NaN. With a safe input the unused branch is an ordinary number, and 0 times it is 0.",
    variants=(_guarded_by_sign, _guarded_by_tanh_and_exp, _guarded_by_parts),
)


# --- streaming ------------------------------------------------------------------------------------------


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


@mistake(
    quantity="softmax",
    fails_on=(np.float32([0, 1, 10, 11]),),
    widget="tiles",
    belief="The old terms must grow with the maximum.",
    diagnosis="You rescaled the wrong way round. The old terms were measured against a smaller maximum, so they "
    "must shrink; yours grow, up to inf.",
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
    fails_on=(np.float32([-np.inf, -np.inf, 1, 2]),),
    widget="tiles",
    belief="A start at -inf needs no guard.",
    diagnosis="You rescale rightly, and a first tile of nothing but -inf ends it: -inf - -inf is NaN, and a NaN in "
    "the total never leaves.",
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
        case("a masked tile in between", [1, 2, -np.inf, -np.inf, 0], dtype="float32"),
    ),
    mistakes=(
        MISTAKES["keep_old_scale"],
        MISTAKES["average_tile_softmaxes"],
        rescale_the_wrong_way,
        stream_without_guard,
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
    variants=(_one_by_one, _all_maxima_first, _in_the_log_domain),
)


# --- edges ----------------------------------------------------------------------------------------------


def my_logsumexp_at_the_edges(logits):
    row_max = np.max(logits, axis=-1, keepdims=True)
    shift = np.where(np.isinf(row_max), 0, row_max)
    total = np.sum(np.exp(logits - shift), axis=-1, keepdims=True)
    return np.squeeze(shift + np.log(total), axis=-1)


def _edges_by_logaddexp(logits):
    return np.logaddexp.reduce(logits, axis=-1)


def _edges_row_by_row(logits):
    rows = logits.reshape(-1, logits.shape[-1]).astype(np.float64)
    sums = [top if np.isinf(top := row.max()) else top + np.log(np.exp(row - top).sum()) for row in rows]
    return np.array(sums).reshape(logits.shape[:-1])


def _edges_with_errstate(logits):
    row_max = logits.max(axis=-1)
    with np.errstate(invalid="ignore"):
        usual = row_max + np.log(np.exp(logits - row_max[..., None]).sum(axis=-1))
    return np.where(np.isinf(row_max), row_max, usual)


@mistake(
    quantity="logsumexp",
    fails_on=(np.float32([np.nan, 1]),),
    widget="loss",
    belief="A NaN is a missing value, so leave it out.",
    diagnosis="You left the NaN out of the sum. Then a broken score looks like a masked one, and nobody learns of "
    "it. A NaN that comes in must come out.",
    step="`np.nanmax` and `np.nansum`: they skip NaN without a word.",
    change="Use `np.max` and `np.sum`, which hand a NaN on.",
)
def leave_nan_out(logits):
    row_max = np.nanmax(logits, axis=-1, keepdims=True)
    shift = np.where(np.isinf(row_max), 0, row_max)
    return np.squeeze(shift + np.log(np.nansum(np.exp(logits - shift), axis=-1, keepdims=True)), axis=-1)


edges = Exercise(
    key="90.edges",
    kind="write",
    objective=WRITE,
    minutes=8,
    difficulty=3,
    truth=reference.logsumexp,
    unit="logits",
    cases=(
        case("ordinary logits", [3, 1, 0.2], dtype="float32"),
        case("past the cliff", [1000, 999], dtype="float32"),
        case("far below zero", [-104, -105], dtype="float32"),
        case("nothing but -inf", [-np.inf, -np.inf], dtype="float32"),
        case("an infinite logit", [np.inf, 1, 2], dtype="float32"),
        case("both infinities", [np.inf, -np.inf], dtype="float32"),
        case("a NaN", [np.nan, 1, 1000], dtype="float32"),
        case("a batch of edges", [[0, 1], [-np.inf, 5], [np.inf, 0], [-700, -701]]),
    ),
    mistakes=(
        MISTAKES["logsumexp_unshifted"],
        MISTAKES["shift_fully_masked_row"],
        MISTAKES["shift_infinite_logit"],
        leave_nan_out,
    ),
    hints=(
        "Go through what a maximum can be: a number, -inf, +inf, NaN. Which of them can you subtract?",
        "Where the maximum is infinite, shift by 0: exp and log give the right answer there by themselves.",
        "`shift = np.where(np.isinf(row_max), 0, row_max)`. NaN needs no line of its own: it passes through.",
    ),
    model_answer=my_logsumexp_at_the_edges,
    why="A shift moves finite numbers. With a shift of 0, a row of -inf gives log 0 = -inf and a +inf gives "
    "log inf = inf, both right. A NaN stays NaN, so whoever comes next can see it.",
    variants=(_edges_by_logaddexp, _edges_row_by_row, _edges_with_errstate),
)
