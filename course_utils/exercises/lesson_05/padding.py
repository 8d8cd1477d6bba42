"""A batched cross-entropy that skips the rows it is told to skip."""

import numpy as np

from course_utils import naive, reference, shifted, stable
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.habits import SHIFTS, named
from course_utils.exercises.lesson_05 import padding_slips


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
    losses[kept] = padding_slips.row_losses(logits[kept], targets[kept])
    return losses.mean()


def _with_a_one_hot(logits, targets):
    some = targets != -1
    one_hot = np.eye(logits.shape[1], dtype=bool)[targets[some]]
    return -np.average(shifted.log_softmax(logits[some])[one_hot])


# --- answers that must fail ------------------------------------------------------------------------------


def _of_losses(end):
    def wrong(logits, targets):
        kept = targets != -1
        return end(padding_slips.row_losses(logits[kept], targets[kept]))

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
    return np.sum(padding_slips.row_losses(logits[kept], targets[kept])) / (np.sum(kept) + 1e-6)


def _finite_rows_only(logits, targets):
    kept = (targets != -1) & np.isfinite(logits).all(axis=1)
    return np.mean(padding_slips.row_losses(logits[kept], targets[kept]))


def _finite_rows_and_no_targets(logits, targets):
    kept = np.isfinite(logits).any(axis=1)
    return np.mean(padding_slips.row_losses(logits[kept], targets[kept]))


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
        padding_slips.index_with_minus_one,
        padding_slips.divide_by_all_rows,
        padding_slips.multiply_by_the_mask,
        padding_slips.log_of_kept_probabilities,
        padding_slips.pair_all_with_all,
        padding_slips.zeros_in_the_skipped_rows,
        padding_slips.skip_class_0_as_well,
        padding_slips.sum_the_kept_rows,
        padding_slips.median_of_the_losses,
        padding_slips.leave_out_broken_rows,
        padding_slips.lose_the_shift,
        padding_slips.epsilon_inside_the_log,
        padding_slips.softmax_down_the_columns,
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
