"""A batched cross-entropy that skips the rows it is told to skip."""

from functools import partial

import numpy as np

from course_utils import naive, reference, shifted, stable
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.habits import PATCHES, SHIFTS, named, patched
from course_utils.mistakes import mistake

slip = partial(mistake, quantity="cross_entropy", widget="loss")


def _truth_without_skipped(logits, targets):
    if np.all(targets == -1):
        raise ValueError("at least one row must remain")
    return reference.cross_entropy(logits, targets, ignore_index=-1)


def my_cross_entropy(logits, targets):
    kept = targets != -1
    log_p = shifted.log_softmax(logits[kept])
    return -np.mean(log_p[np.arange(len(log_p)), targets[kept]])


def _with_a_loop(logits, targets):
    losses = [-shifted.log_softmax(row)[t] for row, t in zip(logits, targets, strict=True) if t >= 0]
    return sum(losses) / len(losses)


def _with_where(logits, targets):
    safe = np.where((targets == -1)[:, None], np.zeros_like(logits), logits)
    losses = -shifted.log_softmax(safe)[np.arange(len(targets)), np.maximum(targets, 0)]
    return np.sum(losses, where=targets != -1) / np.count_nonzero(targets != -1)


def _with_logsumexp(logits, targets):
    rows = np.flatnonzero(targets >= 0)
    return np.mean(shifted.logsumexp(logits[rows]) - logits[rows, targets[rows]])


def _with_ignore_index(logits, targets):
    return stable.cross_entropy(logits, targets, ignore_index=-1)


def _with_a_masked_array(logits, targets):
    kept = np.flatnonzero(targets + 1)
    losses = np.ma.masked_all(len(targets), logits.dtype)
    losses[kept] = _row_losses(logits[kept], targets[kept])
    return losses.mean()


def _with_a_one_hot(logits, targets):
    some = targets != -1
    one_hot = np.eye(logits.shape[1], dtype=bool)[targets[some]]
    return -np.average(shifted.log_softmax(logits[some])[one_hot])


def _row_losses(logits, targets):
    return -shifted.log_softmax(logits)[np.arange(len(targets)), targets]


@slip(
    fails_on=(np.float32([[0, 0], [0, 3]]), np.array([0, -1])),
    belief="An index of -1 finds nothing.",
    diagnosis="You used -1 as an index. In NumPy that is the last class, so a skipped row was scored as if "
    "its target were the last class. No error tells you.",
    step="`log_p[rows, targets]` with a target of -1.",
    change="Take the kept rows out first: `kept = targets != -1`, then `logits[kept]` and `targets[kept]`.",
)
def index_with_minus_one(logits, targets):
    return np.mean(_row_losses(logits, targets))


@slip(
    fails_on=(np.float32([[0, 0], [0, 3]]), np.array([0, -1])),
    belief="A skipped row adds 0, so the mean takes care of itself.",
    diagnosis="You divided by all rows. A skipped row adds nothing above the line, and must not count below "
    "it either: with half of the rows padded, your loss is half of the true one.",
    step="`np.mean(...)` over rows that include the skipped ones.",
    change="Divide by the number of kept rows.",
)
def divide_by_all_rows(logits, targets):
    kept = targets != -1
    return np.sum(_row_losses(logits[kept], targets[kept])) / len(targets)


@slip(
    fails_on=(np.float32([[0, 0], [-np.inf, -np.inf]]), np.array([0, -1])),
    belief="Multiplying by 0 removes a row.",
    diagnosis="You computed the loss of every row and multiplied the skipped ones by 0. A padded row of "
    "-inf has a loss of NaN, and 0 times NaN is NaN.",
    step="`losses * kept`: a product with 0 does not remove a NaN.",
    change="Select rows instead of multiplying: `logits[kept]`.",
)
def multiply_by_the_mask(logits, targets):
    kept = targets != -1
    return np.sum(_row_losses(logits, targets) * kept) / np.sum(kept)


@slip(
    fails_on=(np.float32([[0, 104], [0, 0]]), np.array([0, -1])),
    belief="A good softmax makes a good loss.",
    diagnosis="You skipped the right rows and took the log of a probability. Where the target is far "
    "behind, p has lost its digits or is stored as 0: the loss is wrong, or inf.",
    step="`np.log(softmax(...))`.",
    change="Use `shifted.log_softmax` and pick the target's entry.",
)
def log_of_kept_probabilities(logits, targets):
    kept = targets != -1
    p = shifted.softmax(logits[kept])
    return -np.mean(np.log(p[np.arange(len(p)), targets[kept]]))


@slip(
    fails_on=(np.float32([[0, 0], [0, 3]]), np.array([0, 1])),
    belief="`:` stands for each row with its own target.",
    diagnosis="You took every kept row with every kept target: an N by N table, and its mean. Each row "
    "counts with its own target only.",
    step="`log_p[:, targets]`.",
    change="Number the kept rows: `log_p[np.arange(len(log_p)), targets[kept]]`.",
)
def pair_all_with_all(logits, targets):
    kept = targets != -1
    return -np.mean(shifted.log_softmax(logits[kept])[:, targets[kept]])


@slip(
    fails_on=(np.float32([[2, 1], [0, 3], [0, 0]]), np.array([0, 0, -1])),
    belief="A sum teaches as well as a mean.",
    diagnosis="You added up the losses of the kept rows and did not divide. A larger batch then has a "
    "larger loss.",
    step="`np.sum(...)` where a mean is asked for.",
    change="Divide by the number of kept rows: `np.mean`.",
)
def sum_the_kept_rows(logits, targets):
    kept = targets != -1
    return np.sum(_row_losses(logits[kept], targets[kept]))


@slip(
    fails_on=(np.float32([[2, 1], [0, 3], [0, 5]]), np.array([0, 0, 0])),
    belief="The median is a mean that outliers cannot spoil.",
    diagnosis="You took the median of the losses. The one row that is badly wrong is an outlier, and it is "
    "what the model has to learn from.",
    step="`np.median(...)`.",
    change="Use `np.mean`.",
)
def median_of_the_losses(logits, targets):
    kept = targets != -1
    return np.median(_row_losses(logits[kept], targets[kept]))


@slip(
    fails_on=(np.float32([[np.nan, 1], [0, 2]]), np.array([0, 1])),
    belief="A loss that is no number cannot be counted, so leave it out.",
    diagnosis="You left out losses that are NaN. A kept row with a NaN is a model that has broken; the loss "
    "must show it. Only the targets say which rows to skip.",
    step="`np.nanmean`, `np.isnan` or `np.isfinite` on the losses.",
    change="Decide by the target: `kept = targets != -1`.",
    family=("left_out", (np.isnan, lambda losses: ~np.isfinite(losses))),
)
def leave_out_broken_rows(logits, targets, *, left_out=np.isnan):
    kept = targets != -1
    losses = _row_losses(logits[kept], targets[kept])
    return np.mean(losses[~left_out(losses)])


@slip(
    fails_on=(np.float32([[0, 1], [2, 0], [1, 1]]), np.array([0, 1, -1])),
    belief="A target above 0 is a real one.",
    diagnosis="You kept the rows with a target above 0. Classes count from 0: rows whose target is class 0 "
    "were skipped too.",
    step="`targets > 0`.",
    change="Use `targets != -1`, or `targets >= 0`.",
)
def skip_class_0_as_well(logits, targets):
    kept = targets > 0
    return np.mean(_row_losses(logits[kept], targets[kept]))


@slip(
    fails_on=(np.float32([[1000, 999]]), np.array([1])),
    belief="Once the log is taken, no shift is needed.",
    diagnosis="You skipped the right rows and left out the shift: exp of a large logit overflows, and exp "
    "of very low ones is 0 before the log sees it.",
    step="`np.exp(logits)` without a shift.",
    change="Use `shifted.log_softmax`.",
)
def lose_the_shift(logits, targets):
    kept = targets != -1
    logits, targets = logits[kept], targets[kept]
    return np.mean(np.log(np.sum(np.exp(logits), axis=-1)) - logits[np.arange(len(targets)), targets])


@slip(
    fails_on=(np.float32([[0, 104]]), np.array([0])),
    belief="A small constant inside the log is harmless.",
    diagnosis="You added a small constant inside the log, or cut p off at one. No row can then cost more "
    "than minus the log of that constant: the first patch of this lesson.",
    step="`np.log(p + epsilon)`.",
    change="Leave p out: `shifted.log_softmax`.",
    family=("patch", PATCHES),
)
def epsilon_inside_the_log(logits, targets, *, patch=PATCHES[3]):
    kept = targets != -1
    p = shifted.softmax(logits[kept])[np.arange(np.sum(kept)), targets[kept]]
    return -np.mean(np.log(patched(p, patch)))


@slip(
    fails_on=(np.float32([[2, 1], [0, 3]]), np.array([0, 0])),
    belief="Softmax goes along axis 0.",
    diagnosis="Your softmax runs down the columns: it compares the rows of the batch with each other "
    "instead of the classes of one row.",
    step="`axis=0`.",
    change="The classes lie on the last axis: `axis=-1`.",
    family=("log_softmax", (lambda z, axis: np.log(shifted.softmax(z, axis=axis)),)),
)
def softmax_down_the_columns(logits, targets, *, log_softmax=shifted.log_softmax):
    kept = targets != -1
    log_p = log_softmax(logits[kept], axis=0)
    return -np.mean(log_p[np.arange(len(log_p)), targets[kept]])


@slip(
    fails_on=(np.float32([[0, 0], [0, 3]]), np.array([0, -1])),
    belief="Zeros in a row make it vanish.",
    diagnosis="You set the skipped rows to 0 and kept them. A row of equal logits still costs log C, and it "
    "still counts below the line.",
    step="`np.where(..., 0, logits)` and a mean over all rows.",
    change="Take the kept rows out: `logits[kept]`.",
)
def zeros_in_the_skipped_rows(logits, targets):
    emptied = np.where((targets == -1)[:, None], np.zeros_like(logits), logits)
    return np.mean(_row_losses(emptied, targets))


# --- answers that must fail ------------------------------------------------------------------------------


def _of_losses(end):
    def wrong(logits, targets):
        kept = targets != -1
        return end(_row_losses(logits[kept], targets[kept]))

    return wrong


def _trimmed(losses):
    return np.mean(losses[losses < 100])


def _first_loss(losses):
    return losses[0]


def _worst_loss(losses):
    return np.max(losses)


def _nan_to_num(losses):
    return np.mean(np.nan_to_num(losses))


def _infinity_as_a_number(losses):
    return np.mean(np.nan_to_num(losses, nan=np.nan))


def _at_most_1000(losses):
    return np.minimum(np.mean(losses), 1000)


def _rounded(losses):
    return np.round(np.mean(losses), 3)


def _stored_in_float16(losses):
    return np.mean(losses.astype(np.float16))


def _one_loss_a_row(losses):
    return losses


def _never_empty(logits, targets):
    kept = targets != -1
    return np.sum(_row_losses(logits[kept], targets[kept])) / (np.sum(kept) + 1e-6)


def _finite_rows_only(logits, targets):
    kept = (targets != -1) & np.isfinite(logits).all(axis=1)
    return np.mean(_row_losses(logits[kept], targets[kept]))


def _finite_rows_and_no_targets(logits, targets):
    kept = np.isfinite(logits).any(axis=1)
    return np.mean(_row_losses(logits[kept], targets[kept]))


def _masks_as_large_numbers(logits, targets):
    return my_cross_entropy(np.maximum(logits, np.finfo(logits.dtype).min), targets)


def _clipped_logits(logits, targets):
    return my_cross_entropy(np.clip(logits, -100, 100), targets)


def _in_float64_unshifted(logits, targets):
    kept = targets != -1
    return naive.cross_entropy(logits[kept].astype(np.float64), targets[kept])


def _shifted_by(name):
    def wrong(logits, targets):
        kept = targets != -1
        rows = logits[kept] - SHIFTS[name](logits[kept], -1)
        losses = np.log(np.exp(rows).sum(axis=-1)) - rows[np.arange(len(rows)), targets[kept]]
        return np.mean(losses)

    return named(f"shifted by {name}", wrong)


MUST_FAIL = (
    *(
        named(end.__name__, _of_losses(end))
        for end in (
            _trimmed,
            _first_loss,
            _worst_loss,
            _nan_to_num,
            _infinity_as_a_number,
            _at_most_1000,
            _rounded,
            _stored_in_float16,
            _one_loss_a_row,
        )
    ),
    *(_shifted_by(name) for name in SHIFTS),
    (named("nanmean", _of_losses(np.nanmean)), "leave_out_broken_rows"),
    named("nanmedian", _of_losses(np.nanmedian)),
    _never_empty,
    _finite_rows_only,
    _finite_rows_and_no_targets,
    _masks_as_large_numbers,
    _clipped_logits,
    _in_float64_unshifted,
)

FIVE_ROWS = [[2, 0, 1], [9, 9, 9], [0, 50, 0], [0, 0, 30], [1, 1, 7]]

skip_rows = Exercise(
    key="05.skip_rows",
    kind="write",
    objective="build a batched cross-entropy from the logits that skips the rows it is told to skip",
    minutes=8,
    difficulty=2,
    truth=_truth_without_skipped,
    cases=(
        case("two rows, none skipped", [[2, 1, 0.1], [0, 3, 1]], [0, 2], dtype="float32"),
        case("one row of two is skipped", [[2, 1], [0, 3]], [1, -1], dtype="float32"),
        case(
            "two rows of four are skipped", [[0, 1], [2, 0], [1, 1], [0, 5]], [-1, 0, 1, -1], dtype="float32"
        ),
        case("a target that vanishes", [[0, 104], [3, 0]], [0, -1], dtype="float32"),
        case("past the overflow cliff", [[1000, 999], [0, 1]], [1, -1], dtype="float32"),
        case("a padded row of -inf", [[1, 2], [-np.inf, -np.inf], [2, 0]], [0, -1, 1], dtype="float32"),
        case("three rows with different losses", [[0, 1], [4, 0], [0, 0]], [1, 1, 0], dtype="float32"),
        case("three rows of five, one badly wrong", FIVE_ROWS, [0, -1, 1, 0, -1], dtype="float32"),
        case("a row that is right and one far away", [[0, 1], [-500, 0]], [1, 1], dtype="float32"),
        case("largest in each place", [[200, 0, 0], [0, 200, 0], [0, 0, 200]], [1, 2, 0], dtype="float32"),
        case("far below zero", [[-200, -201], [-1000, -999]], [0, 1], dtype="float32"),
        case("NaN in a skipped row", [[np.nan, np.inf], [0, 2]], [-1, 0], dtype="float32"),
        case("NaN in a kept row", [[np.nan, 1], [0, 2], [1, 0]], [0, 1, -1], dtype="float32"),
        case("a target that is masked", [[-np.inf, 0], [0, 0]], [0, 1], dtype="float32"),
        case("wrong by 5000, float64", [[0, 5000], [1, 3]], [0, 1]),
        case("a masked class in a kept row", [[1, 2, -np.inf], [0, 0, 0]], [1, -1], dtype="float32"),
    ),
    mistakes=(
        index_with_minus_one,
        divide_by_all_rows,
        multiply_by_the_mask,
        log_of_kept_probabilities,
        pair_all_with_all,
        zeros_in_the_skipped_rows,
        skip_class_0_as_well,
        sum_the_kept_rows,
        median_of_the_losses,
        leave_out_broken_rows,
        lose_the_shift,
        epsilon_inside_the_log,
        softmax_down_the_columns,
    ),
    hints=(
        "Which rows count? Take them out before you compute anything with them.",
        "`kept = targets != -1` is a mask of rows. `logits[kept]` and `targets[kept]` are a smaller, ordinary batch.",
        "`log_p = shifted.log_softmax(logits[kept])`, then the mean of `-log_p[np.arange(len(log_p)), targets[kept]]`.",
    ),
    model_answer=my_cross_entropy,
    why="Rows that do not count are taken out first, so nothing they hold can reach the sum, and the mean "
    "divides by the rows that are left.",
    variants=(
        _with_a_loop,
        _with_where,
        _with_logsumexp,
        _with_ignore_index,
        _with_a_masked_array,
        _with_a_one_hot,
    ),
    must_fail=MUST_FAIL,
    unit="logits",
)
