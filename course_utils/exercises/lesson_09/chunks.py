"""A loss over many rows that never holds a copy of all logits."""

import numpy as np

from course_utils import costs, floats, naive, reference, shifted, stable
from course_utils.exercises.core import Exercise, Fault, case
from course_utils.mistakes import mistake


def my_chunked_loss(logits, targets, rows=4):
    total = 0.0
    for start in range(0, len(logits), rows):
        some, wanted = logits[start : start + rows], targets[start : start + rows]
        own = some[np.arange(len(some)), wanted]
        total += np.sum(shifted.logsumexp(some) - own)
    return total / len(logits)


def _one_row_at_a_time(logits, targets, rows=4):
    return np.mean(
        [shifted.logsumexp(row) - row[target] for row, target in zip(logits, targets, strict=True)]
    )


def _pieces_of_losses(logits, targets, rows=4):
    parts = [
        stable.cross_entropy(logits[i : i + rows], targets[i : i + rows], reduction="none")
        for i in range(0, len(logits), rows)
    ]
    return np.concatenate(parts).mean()


def _rows_of_a_generator(logits, targets, rows=4):
    chunks = (slice(i, i + rows) for i in range(0, len(logits), rows))
    losses = (shifted.cross_entropy(logits[c], targets[c]) * len(targets[c]) for c in chunks)
    return sum(losses) / len(targets)


LAST_IS_SHORT = (np.float32([[0, 1]] * 4 + [[3, 0]]), np.array([0, 0, 0, 0, 0]))


def _chunked(**words):
    return mistake(**({"quantity": "cross_entropy", "fails_on": LAST_IS_SHORT, "widget": ""} | words))


@_chunked(
    belief="The mean is the mean of the chunks' means.",
    diagnosis="You averaged the means of the chunks. The last chunk is shorter, and its rows then count for more.",
    step="`np.mean(chunk_means)`.",
    change="Add up sums, and divide once by the number of rows.",
)
def mean_of_means(logits, targets, rows=4):
    starts = range(0, len(logits), rows)
    return np.mean([shifted.cross_entropy(logits[i : i + rows], targets[i : i + rows]) for i in starts])


@_chunked(
    belief="Chunks of `rows` cover everything.",
    diagnosis="You left out the last, shorter chunk. Its rows cost nothing then.",
    step="`range(len(logits) // rows)`: rounded down.",
    change="Step with `range(0, len(logits), rows)`; the last slice may be short.",
)
def drop_the_last_chunk(logits, targets, rows=4):
    starts = range(0, len(logits) - len(logits) % rows, rows)
    parts = [shifted.cross_entropy(logits[i : i + rows], targets[i : i + rows]) * rows for i in starts]
    return np.sum(parts) / len(logits)


@_chunked(
    belief="Each chunk's targets are the first ones.",
    diagnosis="You cut the logits and not the targets: every chunk is compared with the targets of the first.",
    step="`targets[: len(some)]`.",
    change="Cut both in the same place: `targets[start : start + rows]`.",
    fails_on=(np.float32([[0, 1]] * 5), np.array([0, 0, 0, 0, 1])),
)
def targets_of_the_first_chunk(logits, targets, rows=4):
    starts = range(0, len(logits), rows)
    pieces = [logits[i : i + rows] for i in starts]
    return np.sum([shifted.cross_entropy(z, targets[: len(z)]) * len(z) for z in pieces]) / len(logits)


@_chunked(
    belief="Adding up is enough.",
    diagnosis="You returned the sum of the losses. The task asks for their mean.",
    step="`return total`.",
    change="Divide by the number of rows once, at the end.",
)
def sum_of_all(logits, targets, rows=4):
    return my_chunked_loss(logits, targets) * len(logits)


@_chunked(
    belief="log p is the loss.",
    diagnosis="Your loss has the wrong sign: log p is negative, and the loss is -log p.",
    step="`own - logsumexp`.",
    change="Turn it round: `logsumexp - own`.",
)
def sign_turned_round(logits, targets, rows=4):
    return -my_chunked_loss(logits, targets)


@_chunked(
    belief="In chunks the numbers are small.",
    diagnosis="You took exp without a shift. Large logits overflow in a chunk as they do in the whole.",
    step="`np.log(np.exp(some).sum(axis=1))`.",
    change="Use `shifted.logsumexp(some)`.",
    fails_on=(np.float32([[100, 0]]), np.array([1])),
)
def chunks_without_a_shift(logits, targets, rows=4):
    own = logits[np.arange(len(logits)), targets]
    return np.mean(naive.logsumexp(logits) - own)


@_chunked(
    belief="A probability was computed safely, so its logarithm is safe.",
    diagnosis="You took the logarithm of a probability. The shift is in, and yet a class that is far behind has p = 0: "
    "its loss is inf instead of the distance.",
    step="`np.log(softmax(...))`.",
    change="Use `shifted.logsumexp(some) - own`.",
    fails_on=(np.float32([[0, 200]]), np.array([0])),
)
def log_of_a_probability(logits, targets, rows=4):
    with np.errstate(divide="ignore"):
        return np.mean(-np.log(shifted.softmax(logits)[np.arange(len(logits)), targets]))


@_chunked(
    belief="In chunks the numbers are small.",
    diagnosis="You went through probabilities without a shift. inf / inf is NaN in a chunk as it is in the whole.",
    step="`naive`, or `np.exp(some)` over its sum.",
    change="Use `shifted.logsumexp(some) - own`.",
    fails_on=(np.float32([[100, 0]]), np.array([1])),
)
def chunks_through_p(logits, targets, rows=4):
    with np.errstate(all="ignore"):
        return naive.cross_entropy(logits, targets)


@_chunked(
    belief="The mean is over the chunks.",
    diagnosis="You divided by the number of chunks. A mean loss is a mean over rows.",
    step="The division at the end.",
    change="Divide by `len(logits)`.",
)
def divide_by_the_chunks(logits, targets, rows=4):
    return sum_of_all(logits, targets) / -(-len(logits) // rows)


@_chunked(
    belief="rows is the number of rows.",
    diagnosis="You divided by `rows`, the size of a chunk. The batch has more of them, or fewer.",
    step="`total / rows`.",
    change="Divide by `len(logits)`.",
)
def divide_by_the_size_of_a_chunk(logits, targets, rows=4):
    return sum_of_all(logits, targets) / rows


@_chunked(
    belief="The loop adds up.",
    diagnosis="You kept the last chunk and nothing of those before it.",
    step="`total = ...` inside the loop.",
    change="`total += ...`.",
)
def keep_the_last_chunk_alone(logits, targets, rows=4):
    start = (len(logits) - 1) // rows * rows
    return sum_of_all(logits[start:], targets[start:]) / len(logits)


@_chunked(
    belief="some[:, wanted] picks a logit a row.",
    diagnosis="You picked every target from every row: a table, rows by rows, instead of one logit a row.",
    step="`some[:, wanted]`.",
    change="`some[np.arange(len(some)), wanted]`.",
)
def every_target_of_every_row(logits, targets, rows=4):
    total = 0.0
    for start in range(0, len(logits), rows):
        some, wanted = logits[start : start + rows], targets[start : start + rows]
        total += np.sum(shifted.logsumexp(some) - some[:, wanted])
    return total / len(logits)


def no_copy(loss):
    """What is wrong with a loss that holds a copy of all logits, or None."""
    logits, targets = np.zeros((256, 250), np.float32), np.zeros(256, np.int64)
    copies = costs.peak_bytes(loss, logits, targets) / logits.nbytes
    if copies < 0.5:
        return None
    return Fault(
        "memory",
        f"Your loss is right. With 256 rows of 250 logits it holds {copies:.1f} copies of all of them at once.",
        "A call that gets the whole of `logits`.",
        "Loop over `range(0, len(logits), rows)`, and hand over `logits[start : start + rows]`.",
    )


def _batch(rows, scale, seed):
    rng = np.random.default_rng(seed)
    return floats.store(rng.normal(0, scale, (rows, 5)), "float32"), rng.integers(0, 5, rows)


chunked_loss = Exercise(
    key="09.chunked_loss",
    kind="write",
    objective="build a loss over many rows that never holds a copy of all logits",
    minutes=7,
    difficulty=2,
    truth=reference.cross_entropy,
    cases=(
        case("eight rows, two full chunks", *_batch(8, 3, 1), dtype="float32"),
        case("seven rows, the last chunk is short", *_batch(7, 3, 2), dtype="float32"),
        case("one row", *_batch(1, 3, 3), dtype="float32"),
        case("past the cliff, and close", [[100, 98]], [1], dtype="float32"),
        case("rows past the cliff", *_batch(6, 300, 4), dtype="float32"),
        case("the last row costs most", *LAST_IS_SHORT, dtype="float32"),
        case("the last target differs", [[0, 1]] * 5, [0, 0, 0, 0, 1], dtype="float32"),
    ),
    mistakes=(
        mean_of_means,
        drop_the_last_chunk,
        targets_of_the_first_chunk,
        sum_of_all,
        sign_turned_round,
        chunks_without_a_shift,
        chunks_through_p,
        log_of_a_probability,
        divide_by_the_chunks,
        divide_by_the_size_of_a_chunk,
        keep_the_last_chunk_alone,
        every_target_of_every_row,
    ),
    also=no_copy,
    must_fail=(
        lambda z, t, rows=4: shifted.cross_entropy(z, t),
        lambda z, t, rows=4: np.mean(shifted.logsumexp(z) - z[np.arange(len(z)), t]),
        lambda z, t, rows=4: np.median(shifted.logsumexp(z) - z[np.arange(len(z)), t]),
        lambda z, t, rows=4: shifted.cross_entropy(z[:rows], t[:rows]),
        lambda z, t, rows=4: shifted.cross_entropy(z[-rows:], t[-rows:]),
        lambda z, t, rows=4: np.mean(-np.log(shifted.softmax(z)[np.arange(len(z)), t] + 1e-7)),
    ),
    hints=(
        "What must be added up over the chunks, and what is divided by, and when?",
        "In each chunk: `shifted.logsumexp(some) - own`, own the target's logit. Add those up. Divide once.",
        "`for start in range(0, len(logits), rows)`: cut `logits` and `targets` with the same slice; after the loop "
        "`return total / len(logits)`.",
    ),
    model_answer=my_chunked_loss,
    why="Each row's loss needs that row alone. So a chunk is enough at any time, and only one number lives on.",
    variants=(_one_row_at_a_time, _pieces_of_losses, _rows_of_a_generator),
    unit="logits",
)
