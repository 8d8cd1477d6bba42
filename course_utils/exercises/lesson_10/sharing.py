"""A loss whose classes lie in several shards."""

import numpy as np

from course_utils import floats, naive, reference, shifted, stable
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.habits import named
from course_utils.mistakes import mistake

INF = np.inf
SHARDS = 3


def my_sharded_loss(logits, targets, shards=3):
    largest, total = np.full(len(logits), -np.inf), np.zeros(len(logits))
    own, first = np.zeros(len(logits)), 0
    for shard in np.array_split(logits, shards, axis=1):
        new = np.maximum(largest, shard.max(axis=1))
        shift = np.where(new == -np.inf, 0, new)
        total = total * np.exp(largest - shift) + np.exp(shard - shift[:, None]).sum(axis=1)
        here = (targets >= first) & (targets < first + shard.shape[1])
        own[here] = shard[here, targets[here] - first]
        largest, first = new, first + shard.shape[1]
    return np.mean(largest + np.log(total) - own)


def _cut(logits):
    """(first class, shard) of each shard."""
    pieces = np.array_split(logits, SHARDS, axis=1)
    firsts = np.cumsum([0, *(piece.shape[1] for piece in pieces[:-1])])
    return list(zip(firsts.tolist(), pieces, strict=True))


def _own_logits(logits, targets):
    return logits[np.arange(len(logits)), targets].astype(np.float64)


def _lses(logits):
    return np.stack([stable.logsumexp(piece) for _, piece in _cut(logits)]).astype(np.float64)


def _log_sums_that_meet(logits, targets, shards=3):
    lses = [stable.logsumexp(piece) for piece in np.array_split(logits, shards, axis=1)]
    return np.mean(np.logaddexp.reduce(lses) - logits[np.arange(len(logits)), targets])


def _one_row_after_the_other(logits, targets, shards=3):
    losses = []
    for row, target in zip(logits.astype(np.float64), targets, strict=True):
        tops = [piece.max(initial=-np.inf) for piece in np.array_split(row, shards)]
        sums = [np.exp(piece - max(tops)).sum() for piece in np.array_split(row, shards)]
        losses.append(max(tops) + np.log(np.sum(sums)) - row[target])
    return np.mean(losses)


def _own_as_a_maximum(logits, targets, shards=3):
    """The target's logit is the largest of what the shards know of it: -inf where it is not theirs."""
    own, lse, first = np.full(len(logits), -np.inf), np.full(len(logits), -np.inf), 0
    for piece in np.array_split(logits.astype(np.float64), shards, axis=1):
        classes = np.arange(first, first + piece.shape[1])
        mine = np.where(classes == targets[:, None], piece, -np.inf)
        own, lse = np.maximum(own, mine.max(axis=1)), np.logaddexp(lse, stable.logsumexp(piece))
        first += piece.shape[1]
    return (lse - own).mean()


def _carried(
    logits, targets, *, start=-INF, guard=True, shrink=True, by_row=True, add_back=True, dtype=np.float64
):
    """Maximum and sum carried from shard to shard, with one step changed."""
    largest, total = np.full(len(logits), start), np.zeros(len(logits))
    with np.errstate(all="ignore"):
        for _, piece in _cut(logits.astype(dtype)):
            new = np.maximum(largest, piece.max(axis=1) if by_row else piece.max())
            shift = (np.where(new == -INF, 0, new) if guard else new).astype(dtype)
            old = total * np.exp(largest - shift) if shrink else total
            total, largest = old + np.exp(piece - shift[:, None]).sum(axis=1), new
        return np.mean((largest if add_back else 0) + np.log(total) - _own_logits(logits, targets))


SMALL = (np.float32([[0, 1, 2, 3, 4, 5]]), np.array([4]))
FAR = (np.float32([[0, 1, 100, 101, 2, 3]]), np.array([2]))


def _mistake(**words):
    return mistake(**({"quantity": "cross_entropy", "fails_on": SMALL, "widget": "tiles"} | words))


@_mistake(
    belief="The loss is the mean of the shards' losses.",
    diagnosis="You normalised inside each shard. A class is then compared with its neighbours alone, and never with "
    "the classes of the other shards.",
    step="`cross_entropy(shard, ...)`: its sum knows one shard.",
    change="Carry (maximum, sum) over all shards; the loss is max + log(sum) - own, once.",
)
def normalise_in_the_shard(logits, targets, shards=3):
    losses = np.zeros(len(logits))
    for first, piece in _cut(logits):
        here = (targets >= first) & (targets < first + piece.shape[1])
        some = piece[here].astype(np.float64)
        if here.any():
            losses[here] = shifted.logsumexp(some) - some[np.arange(len(some)), targets[here] - first]
    return losses.mean()


@_mistake(
    belief="A target's number is its column.",
    diagnosis="You looked for the target in columns counted over all shards, while a shard counts its own from 0. "
    "The logit you took belongs to another class.",
    step="`shard[rows, targets % width]`, or an index that isn't moved.",
    change="Subtract the first class of the shard: `targets - first`.",
)
def count_columns_from_the_left(logits, targets, shards=3):
    width = logits.shape[1] // SHARDS
    own = logits[np.arange(len(logits)), targets % width].astype(np.float64)
    return np.mean(stable.logsumexp(logits.astype(np.float64)) - own)


@_mistake(
    belief="A negative index finds nothing.",
    diagnosis="You asked every shard for `targets - first` without looking whether it is in range. A negative index "
    "counts from the end in NumPy, so a shard that doesn't hold the target hands over another class.",
    step="`shard[rows, targets - first]` where `targets - first` is negative.",
    change="Take it only where 0 <= targets - first < width.",
)
def let_the_index_wrap(logits, targets, shards=3):
    own = np.zeros(len(logits))
    for first, piece in _cut(logits):
        local = targets - first
        held = local < piece.shape[1]
        own[held] += piece[np.flatnonzero(held), np.maximum(local[held], -piece.shape[1])]
    return np.mean(stable.logsumexp(logits.astype(np.float64)) - own)


@_mistake(
    belief="Clipping keeps an index in range.",
    diagnosis="You clipped the index into each shard. A shard that doesn't hold the target then adds its first or "
    "last class to the target's logit.",
    step="`np.clip(targets - first, 0, width - 1)`.",
    change="Use the shard's logit only where the index was in range before.",
)
def clip_the_index(logits, targets, shards=3):
    own = np.zeros(len(logits))
    for first, piece in _cut(logits):
        own += piece[np.arange(len(piece)), np.clip(targets - first, 0, piece.shape[1] - 1)]
    return np.mean(stable.logsumexp(logits.astype(np.float64)) - own)


@_mistake(
    belief="Sums add up.",
    diagnosis="You added the shards' sums as they are. Each is measured against the maximum of its own shard.",
    step="`total += np.exp(shard - shard_max).sum(axis=1)`.",
    change="Rescale when the maximum grows: `total * np.exp(largest - new)`.",
)
def add_sums_of_two_scales(logits, targets, shards=3):
    tops = np.stack([piece.max(axis=1) for _, piece in _cut(logits)]).astype(np.float64)
    with np.errstate(all="ignore"):
        sums = np.exp(_lses(logits) - tops).sum(axis=0)
    return np.mean(tops.max(axis=0) + np.log(sums) - _own_logits(logits, targets))


@_mistake(
    belief="Logarithms add up.",
    diagnosis="You added the shards' log-sum-exps. The logarithm of a sum is no sum of logarithms.",
    step="`lse += logsumexp(shard)`.",
    change="Merge them: `np.logaddexp(lse, logsumexp(shard))`, or carry (maximum, sum).",
)
def add_the_logarithms(logits, targets, shards=3):
    return np.mean(_lses(logits).sum(axis=0) - _own_logits(logits, targets))


@_mistake(
    fails_on=(np.float32([[0, 0, 0, 0, 0, 0]]), np.array([1])),
    belief="The largest shard decides.",
    diagnosis="You kept the largest of the shards' log-sum-exps. The other shards' classes are missing from the sum.",
    step="`np.maximum(lse, logsumexp(shard))`.",
    change="Merge them: `np.logaddexp(lse, logsumexp(shard))`.",
)
def keep_the_largest_shard(logits, targets, shards=3):
    return np.mean(_lses(logits).max(axis=0) - _own_logits(logits, targets))


@_mistake(
    fails_on=(np.float32([[-INF, -INF, 0, 1, 2, 3]]), np.array([2])),
    belief="No shard is all -inf.",
    diagnosis="Your rescaling is right, and a shard of nothing but -inf, a padded vocabulary for instance, makes a "
    "NaN: -inf - -inf.",
    step="`shard - shard_max` where the maximum is -inf.",
    change="Shift by 0 while the maximum is -inf.",
    family=("carried", (False, True)),
)
def share_without_guard(logits, targets, shards=3, *, carried=False):
    if carried:
        return _carried(logits, targets, guard=False)
    with np.errstate(all="ignore"):
        lses = np.stack([shifted.logsumexp(piece.astype(np.float64)) for _, piece in _cut(logits)])
    return np.mean(np.logaddexp.reduce(lses) - _own_logits(logits, targets))


@_mistake(
    fails_on=FAR,
    belief="In a shard the numbers are small.",
    diagnosis="You added unshifted exps. Large logits overflow in a shard as they do in the whole.",
    step="`np.exp(shard).sum(axis=1)`.",
    change="Carry the maximum beside the sum.",
)
def share_without_a_shift(logits, targets, shards=3):
    with np.errstate(all="ignore"):
        return np.mean(naive.logsumexp(logits) - logits[np.arange(len(logits)), targets])


@_mistake(
    belief="A sum stays right while the maximum grows.",
    diagnosis="You carry maximum and sum, and add each shard to the old sum as it is. The old sum is still measured "
    "against the maximum of its time.",
    step="`total = total + np.exp(shard - new).sum(axis=1)`.",
    change="Rescale the old sum first: `total * np.exp(largest - new)`.",
)
def carry_the_old_sum(logits, targets, shards=3):
    return _carried(logits, targets, shrink=False)


@_mistake(
    belief="The logarithm of the sum is the log-sum-exp.",
    diagnosis="You left out the maximum at the end. The sum is measured against it, so its logarithm lacks it.",
    step="`np.log(total) - own`.",
    change="`largest + np.log(total) - own`.",
)
def forget_the_maximum(logits, targets, shards=3):
    return _carried(logits, targets, add_back=False)


@_mistake(
    fails_on=(np.float32([[1000, 1001, 1002], [0, 1, 2]]), np.array([0, 0])),
    belief="One maximum serves the batch.",
    diagnosis="You took one maximum for all rows. A row far below the others underflows against it, and its loss is "
    "infinite.",
    step="`shard.max()`: it knows no rows.",
    change="One maximum for each row: `shard.max(axis=1)`.",
    family=("dtype", (np.float64, np.float32)),
)
def one_maximum_for_all_rows(logits, targets, shards=3, *, dtype=np.float64):
    return _carried(logits, targets, by_row=False, dtype=dtype)


@_mistake(
    fails_on=(np.float32([[-1000, -1001, -1002, -1003, -1004, -1005]]), np.array([4])),
    belief="A maximum starts at 0.",
    diagnosis="Your maximum starts at 0. A row far below it has a sum of 0, and log 0 is -inf.",
    step="`largest = np.zeros(...)` before the loop.",
    change="Start at -inf, `np.full(len(logits), -np.inf)`, and shift by 0 while the maximum is -inf.",
)
def start_the_shards_at_zero(logits, targets, shards=3):
    return _carried(logits, targets, start=0.0)


def _batch(rows, classes, scale, seed):
    rng = np.random.default_rng(seed)
    return floats.store(rng.normal(0, scale, (rows, classes)), "float32"), rng.integers(0, classes, rows)


def _padded():
    logits, targets = _batch(4, 9, 2, 5)
    logits[:, 6:] = -INF
    return logits, targets % 6


sharded_loss = Exercise(
    key="10.sharded_loss",
    kind="write",
    objective="build a cross-entropy whose classes lie in several shards",
    minutes=9,
    difficulty=3,
    truth=lambda logits, targets: reference.cross_entropy(logits, targets),
    cases=(
        case("one row, two classes a shard", *SMALL, dtype="float32"),
        case("targets in all three shards", [[0, 1, 2, 3, 4, 5]] * 3, [0, 3, 5], dtype="float32"),
        case("the maximum comes last", [[0, 1, 2, 3, 10, 11]], [0], dtype="float32"),
        case("the maximum comes first", [[11, 10, 3, 2, 1, 0]], [3], dtype="float32"),
        case("equal logits", [[0, 0, 0, 0, 0, 0]], [1], dtype="float32"),
        case("shards of unequal size", *_batch(5, 8, 2, 1), dtype="float32"),
        case("many rows", *_batch(12, 12, 3, 2), dtype="float32"),
        case("past the cliff", *FAR, dtype="float32"),
        case("rows past the cliff", *_batch(6, 9, 300, 3), dtype="float32"),
        case("rows far apart", [[1000, 1001, 1002], [0, 1, 2]], [0, 0], dtype="float32"),
        case("far below 0", [[-1000, -1001, -1002, -1003, -1004, -1005]], [4], dtype="float32"),
        case("a padded last shard", *_padded(), dtype="float32"),
        case("a padded first shard", [[-INF, -INF, 0, 1, 2, 3]], [2], dtype="float32"),
    ),
    mistakes=(
        normalise_in_the_shard,
        count_columns_from_the_left,
        let_the_index_wrap,
        clip_the_index,
        add_sums_of_two_scales,
        add_the_logarithms,
        keep_the_largest_shard,
        share_without_guard,
        share_without_a_shift,
        carry_the_old_sum,
        forget_the_maximum,
        one_maximum_for_all_rows,
        start_the_shards_at_zero,
    ),
    must_fail=(
        named(
            "mean of the shards' log sums",
            lambda z, t, shards=3: np.mean(_lses(z).mean(axis=0) - _own_logits(z, t)),
        ),
        named(
            "without the last shard",
            lambda z, t, shards=3: np.mean(_lses(z)[:-1].max(axis=0) - _own_logits(z, t)),
        ),
        named("NaN to 0", lambda z, t, shards=3: np.nan_to_num(share_without_guard(z, t))),
        named(
            "an epsilon",
            lambda z, t, shards=3: np.mean(-np.log(stable.softmax(z)[np.arange(len(z)), t] + 1e-7)),
        ),
        named("clipped logits", lambda z, t, shards=3: stable.cross_entropy(np.clip(z, -80, 80), t)),
        named("padding as -1e4", lambda z, t, shards=3: share_without_a_shift(np.maximum(z, -1e4), t)),
        named("the first row", lambda z, t, shards=3: stable.cross_entropy(z[:1], t[:1])),
        named("log of the width", lambda z, t, shards=3: stable.cross_entropy(z, t) + np.log(shards)),
        named(
            "shards of the rows",
            lambda z, t, shards=3: np.mean(
                [
                    stable.cross_entropy(r, c)
                    for r, c in zip(np.array_split(z, 3), np.array_split(t, 3), strict=True)
                    if len(r)
                ]
            ),
        ),
    ),
    hints=(
        "What must one shard tell the others about a row? Three numbers are enough.",
        "The maximum and the sum so far, merged as before; and the target's logit, from the shard that holds it: "
        "where 0 <= target - first < width.",
        "Per shard: `new = np.maximum(largest, shard.max(axis=1))`, rescale `total`, add; then "
        "`here = (targets >= first) & (targets < first + width)` and `own[here] = shard[here, targets[here] - first]`.",
    ),
    model_answer=my_sharded_loss,
    why="The loss of a row is max + log(sum) - own. The first two merge over the shards, the third lies in one of "
    "them. So three numbers a row travel, and no shard sees another one's logits.",
    variants=(
        _log_sums_that_meet,
        _one_row_after_the_other,
        _own_as_a_maximum,
        lambda z, t, shards=3: shifted.cross_entropy(z, t),
    ),
    unit="logits",
)
