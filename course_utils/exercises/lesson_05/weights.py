"""A loss on soft targets in which a weight of 0 counts for nothing."""

from functools import partial

import numpy as np

from course_utils import reference, shifted, stable
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.habits import PATCHES, SHIFTS, named, patched
from course_utils.mistakes import mistake

slip = partial(mistake, quantity="cross_entropy", widget="loss")
# Coarse enough that the smallest failing input shows its error in six digits.
coarse = partial(case, dtype="float32", ulps=2**12)


def _truth_of_soft_goals(logits, goals):
    if np.any(goals < 0) or np.any(np.abs(goals.sum(axis=-1) - 1) > 1e-6):
        raise ValueError("each row of goals must sum to 1")
    return reference.cross_entropy(logits, goals)


def _as_handed_out(logits, goals):
    shifted_logits = logits - np.max(logits, axis=-1, keepdims=True)
    log_p = shifted_logits - np.log(np.sum(np.exp(shifted_logits), axis=-1, keepdims=True))
    return -np.mean(np.sum(goals * log_p, axis=-1))


def my_soft_loss(logits, goals):
    shifted_logits = logits - np.max(logits, axis=-1, keepdims=True)
    log_p = shifted_logits - np.log(np.sum(np.exp(shifted_logits), axis=-1, keepdims=True))
    counted = np.where(goals == 0, 0, log_p)
    return -np.mean(np.sum(goals * counted, axis=-1))


def _sum_where(logits, goals):
    with np.errstate(invalid="ignore"):
        return -np.mean(np.sum(goals * shifted.log_softmax(logits), axis=-1, where=goals > 0))


def _class_by_class(logits, goals):
    losses = []
    for log_p, goal in zip(shifted.log_softmax(logits), goals, strict=True):
        losses.append(-sum(g * lp for g, lp in zip(goal, log_p, strict=True) if g != 0))
    return np.mean(losses)


def _multiply_with_care(logits, goals):
    log_p = shifted.log_softmax(logits)
    products = np.zeros_like(log_p)
    np.multiply(goals, log_p, out=products, where=goals != 0)
    return -products.sum(axis=-1).mean()


def _best_we_know(logits, goals):
    return stable.cross_entropy(logits, goals)


def _classes_with_a_weight(logits, goals):
    rows, classes = np.nonzero(goals)
    return -np.sum(goals[rows, classes] * shifted.log_softmax(logits)[rows, classes]) / len(logits)


def _from_the_sum(logits, goals):
    own = np.where(goals == 0, np.zeros_like(logits), goals * np.where(goals == 0, 0, logits)).sum(axis=-1)
    return np.mean(goals.sum(axis=-1) * shifted.logsumexp(logits) - own)


def _loss_of(weigh, log_p=shifted.log_softmax):
    return lambda logits, goals: -np.mean(np.sum(weigh(goals, log_p(logits)), axis=-1))


LOWEST = (-50, -88, -100, -103, -104, -1000, -1e4, -1e6, -1e8, -1e30, np.finfo(np.float32).min)


def _zero_for_nan(products):
    return np.where(np.isnan(products), 0, products)


@slip(
    fails_on=(np.float32([[np.nan, 1]]), np.float32([[0.5, 0.5]])),
    belief="NaN means 0 here, so replace it.",
    diagnosis="You replaced every NaN by 0. The NaN of 0 times -inf is gone, and so is the NaN of a broken "
    "logit: the loss of a model that has died looks like 0.",
    step="`np.nan_to_num(...)` or `np.nansum(...)`: it cannot tell one NaN from another.",
    change="Decide by the weight, not by the result: `np.where(goals == 0, 0, log_p)`.",
    family=("repair", (_zero_for_nan, np.nan_to_num)),
)
def replace_every_nan(logits, goals, *, repair=_zero_for_nan):
    return -np.mean(np.sum(repair(goals * shifted.log_softmax(logits)), axis=-1))


@slip(
    fails_on=(np.float32([[1, -np.inf]]), np.float32([[0.9, 0.1]])),
    belief="A large negative number does the work of -inf.",
    diagnosis="You replaced -inf by a large finite number. With weight 0 it vanishes, but a masked class "
    "that is wanted now costs a finite loss, of a size that you made up.",
    step="`np.maximum(log_p, -1e9)`: an impossible answer became an expensive one.",
    change="Leave log_p alone; leave out the classes with weight 0.",
    family=("floor", (*(partial(np.maximum, np.float32(lowest)) for lowest in LOWEST), np.nan_to_num)),
)
def floor_the_log(logits, goals, *, floor=np.nan_to_num):
    return -np.mean(np.sum(goals * floor(shifted.log_softmax(logits)), axis=-1))


@slip(
    fails_on=(np.float32([[0, 200]]), np.float32([[0.5, 0.5]])),
    belief="Zero weights are the only trouble.",
    diagnosis="You left out the zero weights and took the log of p. A class with a real weight can have a p "
    "that has lost its digits, or is 0: then the loss is wrong, or inf.",
    step="`np.log(p)`: p was rounded to 0 before the log.",
    change="Keep the log-softmax of the starter.",
)
def counted_log_of_p(logits, goals):
    p = shifted.softmax(logits)
    return -np.mean(np.sum(np.where(goals == 0, 0, goals * np.log(p)), axis=-1))


@slip(
    fails_on=(np.float32([[0, 2, -np.inf]]), np.float32([[0.5, 0.5, 0]])),
    belief="A tiny probability everywhere keeps the log finite.",
    diagnosis="You added an epsilon inside the log. It keeps 0 times log away from infinity, and puts a "
    "ceiling on every loss: the first patch of this lesson.",
    step="`np.log(p + epsilon)`.",
    change="Keep the log-softmax of the starter, and leave out the classes with weight 0.",
    family=("patch", PATCHES),
)
def epsilon_again(logits, goals, *, patch=PATCHES[2]):
    p = patched(shifted.softmax(logits), patch)
    return -np.mean(np.sum(goals * np.log(p), axis=-1))


@slip(
    fails_on=(np.float32([[1, -np.inf]]), np.float32([[0.9, 0.1]])),
    belief="A masked class never counts.",
    diagnosis="You left out each class whose log is -inf. With weight 0 that is right. A masked class with "
    "weight above 0 must cost inf: the model has ruled out what you want.",
    step="The test looks at the log (`np.isinf(log_p)`), and not at the weight.",
    change="Decide by the weight: `np.where(goals == 0, 0, log_p)`.",
)
def leave_out_the_masked(logits, goals):
    log_p = shifted.log_softmax(logits)
    return -np.mean(np.sum(goals * np.where(np.isinf(log_p), 0, log_p), axis=-1))


@slip(
    fails_on=(np.float32([[2, 1], [1, 2]]), np.float32([[1, 0], [1, 0]])),
    belief="A sum teaches as well as a mean.",
    diagnosis="You added up over the rows and did not divide. A larger batch then has a larger loss.",
    step="`np.sum(...)` without an axis.",
    change="Sum over the classes (`axis=-1`), then take the mean over the rows.",
)
def sum_over_the_rows(logits, goals):
    return my_soft_loss(logits, goals) * len(logits)


@slip(
    fails_on=(np.float32([[2, 1]]), np.float32([[1, 0]])),
    belief="One mean over everything.",
    diagnosis="You took one mean over all numbers of the table. A row's loss is a *sum* over its classes; "
    "yours is smaller by the number of classes.",
    step="`np.mean(goals * log_p)` without the sum over the classes.",
    change="`np.sum(..., axis=-1)` first, then `np.mean`.",
)
def mean_over_all_numbers(logits, goals):
    return my_soft_loss(logits, goals) / logits.dtype.type(logits.shape[-1])


@slip(
    fails_on=(np.float32([[0, 2, -np.inf]]), np.float32([[0.5, 0.5, 0]])),
    belief="Only a weight of 1 counts.",
    diagnosis="You kept the largest weight of each row and dropped the others. A soft target shares its "
    "weight among several classes, and each of them has its part in the loss.",
    step="`np.argmax(goals, axis=-1)`: a soft target was turned into a hard one.",
    change="Keep every class whose weight is not 0.",
)
def harden_the_goals(logits, goals):
    log_p = shifted.log_softmax(logits)
    return -np.mean(np.take_along_axis(log_p, np.argmax(goals, axis=-1)[:, None], axis=-1))


# --- answers that must fail ------------------------------------------------------------------------------


def _nan_to_num(goals, log_p):
    return np.nan_to_num(goals * log_p)


def _nan_to_num_of_the_log(goals, log_p):
    return goals * np.nan_to_num(log_p)


def _only_infinity_to_num(goals, log_p):
    return goals * np.nan_to_num(log_p, nan=np.nan)


def _epsilon_on_the_goals(goals, log_p):
    return (goals + goals.dtype.type(1e-9)) * log_p


def _small_weights_left_out(goals, log_p):
    return np.where(goals < 1e-3, 0, goals * log_p)


def _low_logs_left_out(goals, log_p):
    return np.where(log_p < -100, 0, goals * log_p)


def _floor_of_100(goals, log_p):
    return goals * np.maximum(log_p, -100)


def _nan_left_out(goals, log_p):
    return np.where(np.isnan(goals * log_p), 0, goals * log_p)


def _not_finite_left_out(goals, log_p):
    return np.where(np.isfinite(log_p), goals * log_p, 0)


def _ones_instead(goals, log_p):
    return np.where(goals == 0, 1, goals * log_p)


def _squared(goals, log_p):
    return np.where(goals == 0, 0, goals**2 * log_p)


def _in_float64(goals, log_p):
    return goals.astype(np.float64) * log_p


def _times_the_mask(goals, log_p):
    return goals * log_p * (goals != 0)


def _per_row_and_no_mean(logits, goals):
    return -np.sum(np.where(goals == 0, 0, goals * shifted.log_softmax(logits)), axis=-1)


def _median_of_the_rows(logits, goals):
    return np.median(_per_row_and_no_mean(logits, goals))


def _clipped_logits(logits, goals):
    return my_soft_loss(np.clip(logits, -1e4, 1e4), goals)


def _shifted_by(name):
    def wrong(logits, goals):
        rows = logits - SHIFTS[name](logits, -1)
        log_p = rows - np.log(np.exp(rows).sum(axis=-1, keepdims=True))
        return -np.mean(np.sum(goals * np.where(goals == 0, 0, log_p), axis=-1))

    return named(f"shifted by {name}", wrong)


MUST_FAIL = (
    *(
        named(weigh.__name__, _loss_of(weigh))
        for weigh in (
            _nan_to_num,
            _nan_to_num_of_the_log,
            _only_infinity_to_num,
            _epsilon_on_the_goals,
            _small_weights_left_out,
            _low_logs_left_out,
            _floor_of_100,
            _nan_left_out,
            _not_finite_left_out,
            _ones_instead,
            _squared,
            _in_float64,
            _times_the_mask,
        )
    ),
    *(_shifted_by(name) for name in SHIFTS),
    _per_row_and_no_mean,
    _median_of_the_rows,
    _clipped_logits,
)

SMALL_WEIGHT = np.float32([[1 - 2**-12, 2**-12, 0]])
THREE_ROWS = [[200, 0, 0], [0, 200, 0], [0, 0, 200]]
TWO_MASKED = ([[-np.inf, 2, 1], [3, 0, -np.inf]], np.float32([[0, 0.5, 0.5], [0.25, 0.75, 0]]))

zero_weight = Exercise(
    key="05.zero_weight",
    kind="repair",
    objective="repair a loss on soft targets that turns a weight of 0 into NaN",
    minutes=8,
    difficulty=2,
    truth=_truth_of_soft_goals,
    subject=_as_handed_out,
    cases=(
        coarse("soft goals, nothing masked", [[2, 1, 0.1]], np.float32([[0.75, 0.125, 0.125]]), ulps=None),
        coarse("a masked class with weight 0", [[1, 2, -np.inf]], np.float32([[0, 1, 0]])),
        coarse("two rows, one mask each", *TWO_MASKED),
        coarse("a class that vanishes", [[0, 200]], np.float32([[0.5, 0.5]])),
        coarse("a small weight far away", [[5000, 0, 1]], SMALL_WEIGHT, ulps=None),
        coarse(
            "a weight on a class that is far behind", [[0, 300], [1, 0]], np.float32([[1, 0], [0.5, 0.5]])
        ),
        coarse("largest in each place", THREE_ROWS, np.float32([[0, 1, 0], [0.5, 0, 0.5], [0, 0, 1]])),
        coarse("far below zero", [[-1000, -1001]], np.float32([[0.5, 0.5]])),
        coarse("a wide gap and a mask", [[0, 60, -np.inf]], np.float32([[1, 0, 0]])),
        coarse("a masked class that is wanted", [[1, -np.inf]], np.float32([[0.875, 0.125]])),
        coarse("a logit that is NaN", [[np.nan, 1], [0, 1]], np.float32([[0.5, 0.5], [1, 0]])),
    ),
    mistakes=(
        replace_every_nan,
        floor_the_log,
        counted_log_of_p,
        epsilon_again,
        leave_out_the_masked,
        sum_over_the_rows,
        mean_over_all_numbers,
        harden_the_goals,
    ),
    hints=(
        "Which factor of `goals * log_p` decides that a class does not count? Ask that one, not the product.",
        "Give the classes with weight 0 a harmless log before you multiply.",
        "`counted = np.where(goals == 0, 0, log_p)`, then `goals * counted`.",
    ),
    model_answer=my_soft_loss,
    why="The unsafe factor is replaced before the product, so 0 meets 0 instead of -inf. Classes with a "
    "weight keep their log, -inf and NaN included.",
    variants=(
        _sum_where,
        _class_by_class,
        _multiply_with_care,
        _best_we_know,
        _classes_with_a_weight,
        _from_the_sum,
    ),
    must_fail=MUST_FAIL,
    unit="logits",
)
