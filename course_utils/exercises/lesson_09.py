"""Exercises of lesson 09: what does stability cost?"""

import math

import numpy as np

from course_utils import costs, floats, naive, reference, shifted, stable
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import MISTAKES, mistake

EXPLORER = "bill"

# --- accesses -------------------------------------------------------------------------------------------


def store_the_terms(z, p):
    total = 0.0
    for i in range(len(z)):
        p[i] = math.exp(z[i])
        total += p[i]
    for i in range(len(z)):
        p[i] = p[i] / total


def one_operation_at_a_time(z, p):
    largest = max(z[i] for i in range(len(z)))
    for i in range(len(z)):
        p[i] = z[i] - largest
    for i in range(len(z)):
        p[i] = math.exp(p[i])
    total = sum(p[i] for i in range(len(z)))
    for i in range(len(z)):
        p[i] = p[i] / total


def only_the_log_sum(z, p):
    largest, total = -math.inf, 0.0
    for i in range(len(z)):
        x = z[i]
        if x > largest:
            largest, total = x, total * math.exp(largest - x)
        total += math.exp(x - largest)


CODES = {"A": store_the_terms, "B": one_operation_at_a_time, "C": only_the_log_sum}


def _counted(logits, code):
    return costs.count(CODES[code], logits)[1]


def _mistake(**words):
    words = {"quantity": "softmax", "fails_on": (np.zeros(8), "A"), "widget": EXPLORER} | words
    return mistake(**words)


@_mistake(
    belief="Each loop over the row is one access a number.",
    diagnosis="You counted the loops. A loop that reads a number and writes another touches memory twice.",
    step="`p[i] = f(z[i])`: one read and one write.",
    change="Count every `z[i]` and every `p[i]`, on either side of the `=`.",
)
def count_the_loops(logits, code):
    return {"A": 2, "B": 5, "C": 1}[code]


@_mistake(
    belief="Only reading costs.",
    diagnosis="You counted the reads alone. A number that is written travels to memory as well.",
    step="`p[i] = ...`: a write.",
    change="Add one for every `p[i]` on the left of an `=`.",
)
def count_the_reads(logits, code):
    return {"A": 3, "B": 5, "C": 1}[code]


@_mistake(
    belief="What was written a moment ago costs nothing to read.",
    diagnosis="In code A you left out the read of `p[i]` in `total += p[i]`. It may hit a cache, but it is an access.",
    step="`total += p[i]`: a read.",
    change="Count it, or keep the term in a local: then the code needs 4.",
)
def forget_to_read_back(logits, code):
    return {"A": 4, "B": 8, "C": 1}[code]


accesses = Exercise(
    key="09.accesses",
    kind="predict",
    objective="predict how often a softmax touches memory, and count it",
    minutes=5,
    difficulty=1,
    truth=_counted,
    cases=tuple(case(f"code {name}", np.zeros(8), name) for name in CODES),
    mistakes=(count_the_loops, count_the_reads, forget_to_read_back),
    must_fail=(lambda: [3, 4, 3], lambda: [5, 9, 1], lambda: [5, 8, 2], lambda: [40, 64, 8]),
    hints=(
        "Go line by line. How many `z[i]` and `p[i]` stand in each loop?",
        "`p[i] = p[i] / total` reads once and writes once: 2. A local such as `x` or `total` costs nothing.",
        "A: 3 in the first loop, 2 in the second. B: five loops, of 1, 2, 2, 1 and 2. C: one loop, and x is a local.",
    ),
    model_answer=lambda: [costs.count(code, np.zeros(8))[1] for code in CODES.values()],
    why="A touches memory 5 times a number, B 8 times, C once. B is what NumPy does: every operation is a pass of its "
    "own. C is what a fused loss does: it never writes a probability.",
    variants=(lambda: [5, 8, 1], lambda: (5.0, 8.0, 1.0), lambda: np.array([5, 8, 1])),
)


# --- verified -------------------------------------------------------------------------------------------


def my_softmax(logits):
    limit = np.finfo(logits.dtype).max / 4
    with np.errstate(all="ignore"):
        terms = np.exp(logits)
        total = terms.sum(axis=1, keepdims=True)
        weak = ~((total[:, 0] >= 0.5) & (total[:, 0] <= limit))
        rows = logits[weak]
        shift = np.rint(rows.max(axis=1, keepdims=True))
        terms[weak] = np.exp(rows - shift)
        total[weak] = terms[weak].sum(axis=1, keepdims=True)
        return terms / total


def _row_by_row(logits):
    p = np.empty_like(logits)
    for i, row in enumerate(logits):
        with np.errstate(all="ignore"):
            terms = np.exp(row)
            if not 0.1 < terms.sum() < 1e30:
                terms = np.exp(row - np.round(row.max()))
        p[i] = terms / terms.sum()
    return p


def _decided_by_the_maximum(logits):
    row_max = logits.max(axis=1, keepdims=True)
    shift = np.where((row_max > 60) | (row_max < -1), np.rint(row_max), 0)
    return naive.softmax(logits - shift)


@mistake(
    quantity="softmax",
    fails_on=(np.float32([[-0.3, -79.7]]),),
    widget=EXPLORER,
    belief="Shifting every row is safe, so it is as good.",
    diagnosis="You shifted every row by its maximum. It is safe, and z - max z is rounded: exp turns that into tens of "
    "ulps on rows that needed no shift.",
    step="`logits - row_max` on a row whose sum was good.",
    change="Keep the unshifted terms wherever the sum lies between about 0.5 and the largest number over 4.",
)
def shift_every_row(logits):
    return shifted.softmax(logits)


@mistake(
    quantity="softmax",
    fails_on=(np.float32([[1000, 999], [-0.3, -79.7]]),),
    widget=EXPLORER,
    belief="If one row is in danger, shift them all.",
    diagnosis="You decided for the whole batch: one dangerous row, and all rows are shifted. A row's digits "
    "then depend on its neighbours.",
    step="`if weak.any():` followed by a shift of everything.",
    change="Repair the rows in `weak`, and only those: `terms[weak] = ...`.",
)
def decide_for_the_batch(logits):
    with np.errstate(all="ignore"):
        total = np.exp(logits).sum(axis=1)
    good = np.all((total >= 0.5) & (total < 1e30))
    return naive.softmax(logits) if good else shifted.softmax(logits)


@mistake(
    quantity="softmax",
    fails_on=(np.float32([[-102, -103]]),),
    widget=EXPLORER,
    belief="What is finite is right.",
    diagnosis="You looked for NaN and inf alone. A sum that is tiny is finite too, and its terms have lost "
    "their digits to underflow.",
    step="`np.isfinite(total)`: true for a sum of 1e-44.",
    change="Ask for a sum of at least about 0.5 as well: then nothing that has underflowed beside it can be seen.",
)
def verify_finite_only(logits):
    with np.errstate(all="ignore"):
        terms = np.exp(logits)
        weak = ~np.isfinite(terms.sum(axis=1))
        terms[weak] = np.exp(logits[weak] - np.rint(logits[weak].max(axis=1, keepdims=True)))
        return terms / terms.sum(axis=1, keepdims=True)


@mistake(
    quantity="softmax",
    fails_on=(np.float32([[1000, 999]]),),
    widget=EXPLORER,
    belief="Small sums are the danger.",
    diagnosis="You repaired small sums and let large ones through. Past the cliff the sum is inf, and "
    "inf / inf is NaN.",
    step="`total >= 0.5`: true for inf.",
    change="Ask for a sum below about a quarter of the largest number as well.",
)
def verify_small_only(logits):
    with np.errstate(all="ignore"):
        terms = np.exp(logits)
        weak = terms.sum(axis=1) < 0.5
        terms[weak] = np.exp(logits[weak] - np.rint(logits[weak].max(axis=1, keepdims=True)))
        return terms / terms.sum(axis=1, keepdims=True)


def _spread(low, high):
    rows = np.random.default_rng(5).uniform(low, high, (3, 40))
    rows[:, 0] = high
    return rows


verified = Exercise(
    key="09.verified",
    kind="write",
    objective="build a softmax that tries first, verifies, and shifts only the rows that need it",
    minutes=10,
    difficulty=3,
    truth=reference.softmax,
    cases=(
        case("ordinary logits", [[2.0, 1.0, 0.1]], dtype="float32", ulps=12),
        case("logits spread over 80 below 0", _spread(-80, -0.3), dtype="float32", ulps=12),
        case("past the cliff", [[1000, 999]], dtype="float32", ulps=12),
        case("where only the sum overflows", [[88.5, 88.5]], dtype="float32", ulps=12),
        case("far below zero", [[-104, -105]], dtype="float32", ulps=12),
        case("where exp has lost its digits", [[-102, -103]], dtype="float32", ulps=12),
        case("a calm row beside one in danger", [[-0.3, -79.7], [1000, 999]], dtype="float32", ulps=12),
        case("three rows that live far apart", [[-500, -501], [0, 1], [700, 701]], dtype="float32", ulps=12),
        case("a class at -inf", [[-np.inf, 0, 1]], dtype="float32", ulps=12),
    ),
    mistakes=(
        MISTAKES["exponentiate_unshifted"],
        shift_every_row,
        decide_for_the_batch,
        verify_finite_only,
        verify_small_only,
    ),
    must_fail=(
        lambda z: naive.softmax(z - z.max()),
        lambda z: naive.softmax(np.clip(z, -88, 88)),
        lambda z: np.nan_to_num(naive.softmax(z)),
        lambda z: naive.softmax(z - z.mean(axis=1, keepdims=True)),
        lambda z: np.where(np.isnan(naive.softmax(z)), shifted.softmax(z), naive.softmax(z)),
    ),
    hints=(
        "Try `np.exp(logits)` as it stands. Which sums tell you that a row went wrong?",
        "A sum that is inf or NaN, and one that is tiny. Shift those rows by `np.rint` of their maximum, "
        "and sum again.",
        "`weak = ~((total >= 0.5) & (total <= limit))`, then `terms[weak] = np.exp(logits[weak] - shift)`, and the "
        "same for `total[weak]`.",
    ),
    model_answer=my_softmax,
    why="The sum is the witness: between 0.5 and a quarter of the largest number, no term overflowed and none that "
    "underflowed can be seen. Only the other rows pay for a shift, and a whole number is subtracted without rounding.",
    variants=(_row_by_row, _decided_by_the_maximum, lambda z: stable.softmax(z)),
)


# --- chunked_loss ---------------------------------------------------------------------------------------


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
    ),
    must_fail=(
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
    variants=(_one_row_at_a_time, _pieces_of_losses, lambda z, t, rows=4: shifted.cross_entropy(z, t)),
    unit="logits",
)
