"""Exercises of lesson 05: how do you get a loss without probabilities?"""

from functools import partial

import numpy as np

from course_utils import reference, shifted
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import mistake

slip = partial(mistake, quantity="cross_entropy", widget="loss")
# Coarse enough that the smallest failing input shows its error in six digits.
coarse = partial(case, dtype="float32", ulps=2**12)


# --- refute_clip ---------------------------------------------------------------------------------------


def colleague(logits):
    return -np.log(np.clip(shifted.softmax(logits)[0], 1e-7, 1))


def _true_loss_of_class_0(logits):
    return reference.cross_entropy(logits[None], np.array([0]))


def _two_logits_up_to_9(logits):
    if logits.shape != (2,):
        return f"Give two logits; this input has shape {logits.shape}."
    if not np.all(np.abs(logits) <= 9):
        return "Use logits between -9 and 9: that is what your colleague promises."
    return ""


def _behind_by(logits):
    return float(logits[1]) - float(logits[0])


@slip(
    fails_on=(np.float32([0, 50]),),
    belief="Only large logits break a loss.",
    diagnosis="You left the allowed range. The ceiling depends on the gap between the logits, and two small logits can "
    "be far apart.",
    step="`np.clip(p, 1e-7, 1)`: p depends on the gap alone.",
    change="Use both ends of the range: one logit near -9, the other near 9.",
)
def leave_the_range(logits):
    return np.max(np.abs(logits)) > 9


@slip(
    fails_on=(np.float32([9, -9]),),
    belief="Any wide gap breaks it.",
    diagnosis="Your gap is wide, and the target is ahead. Then p is close to 1, far away from the clip, and the loss "
    "is close to 0.",
    step="`softmax(logits)[0]`: class 0 is the target, and here it wins.",
    change="Swap the logits, so that the model is confidently wrong.",
)
def target_ahead(logits):
    return _behind_by(logits) <= 0


@slip(
    fails_on=(np.float32([0, 9]),),
    belief="A model that is clearly wrong is wrong enough.",
    diagnosis="The model is wrong on your input, and not by enough: the clip has cost less than 1 so far. The ceiling "
    "is -log(1e-7) = 16.12, and the true loss is about the gap.",
    step="`np.clip(p, 1e-7, 1)`: it acts when the gap passes 16.12.",
    change="Make the gap larger than 16.12 by more than 1.",
)
def gap_below_the_ceiling(logits):
    return 0 < _behind_by(logits) < 17.2


refute_clip = Exercise(
    key="05.refute_clip",
    kind="break",
    objective="refute a loss that patches probabilities, with logits of ordinary size",
    minutes=4,
    difficulty=1,
    truth=_true_loss_of_class_0,
    subject=colleague,
    goal=_two_logits_up_to_9,
    # Off by more than 1: a true loss from 16 to 32 is spaced 2**-19 apart in float32.
    cases=(case("a gap of 1, target ahead", [1, 0], dtype="float32", ulps=2**19),),
    mistakes=(leave_the_range, target_ahead, gap_below_the_ceiling),
    hints=(
        "What is the largest loss that this code can ever return?",
        "It is -log(1e-7) = 16.12. The true loss is about the gap, if the model prefers the wrong class.",
        "You need a gap above 17.12. The range from -9 to 9 holds one of 18. Class 0 is the target.",
    ),
    model_answer=lambda: np.float32([-9, 9]),
    why="The gap is 18, so the loss is 18. The clip holds it at 16.12. Small logits are no protection: the gap counts.",
    variants=(
        lambda: [-9, 8.5],
        lambda: np.array([-8.7, 8.6]),
        lambda: (np.float32([-8.6, 8.9]),),
    ),
    unit="logits",
)


# --- skip_rows -----------------------------------------------------------------------------------------


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
    own = logits[rows, targets[rows]]
    return np.mean(shifted.logsumexp(logits[rows] - own[:, None]))


def _row_losses(logits, targets):
    return -shifted.log_softmax(logits)[np.arange(len(targets)), targets]


@slip(
    fails_on=(np.float32([[0, 0], [0, 3]]), np.array([0, -1])),
    belief="An index of -1 finds nothing.",
    diagnosis="You used -1 as an index. In NumPy that is the last class, so a skipped row was scored as if its target "
    "were the last class. No error tells you.",
    step="`log_p[rows, targets]` with a target of -1.",
    change="Take the kept rows out first: `kept = targets != -1`, then `logits[kept]` and `targets[kept]`.",
)
def index_with_minus_one(logits, targets):
    return np.mean(_row_losses(logits, targets))


@slip(
    fails_on=(np.float32([[0, 0], [0, 3]]), np.array([0, -1])),
    belief="A skipped row adds 0, so the mean takes care of itself.",
    diagnosis="You divided by all rows. A skipped row adds nothing above the line, and must not count below it either: "
    "with half of the rows padded, your loss is half of the true one.",
    step="`np.mean(...)` over rows that include the skipped ones.",
    change="Divide by the number of kept rows.",
)
def divide_by_all_rows(logits, targets):
    kept = targets != -1
    return np.sum(_row_losses(logits[kept], targets[kept])) / len(targets)


@slip(
    fails_on=(np.float32([[0, 0], [-np.inf, -np.inf]]), np.array([0, -1])),
    belief="Multiplying by 0 removes a row.",
    diagnosis="You computed the loss of every row and multiplied the skipped ones by 0. A padded row of -inf has a "
    "loss of NaN, and 0 times NaN is NaN.",
    step="`losses * kept`: a product with 0 does not remove a NaN.",
    change="Select rows instead of multiplying: `logits[kept]`.",
)
def multiply_by_the_mask(logits, targets):
    kept = targets != -1
    return np.sum(_row_losses(logits, targets) * kept) / np.sum(kept)


@slip(
    fails_on=(np.float32([[0, 104], [0, 0]]), np.array([0, -1])),
    belief="A good softmax makes a good loss.",
    diagnosis="You skipped the right rows and took the log of a probability. Where the target is far behind, p has "
    "lost its digits or is stored as 0: the loss is wrong, or inf.",
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
    diagnosis="You took every kept row with every kept target: an N by N table, and its mean. Each row counts with "
    "its own target only.",
    step="`log_p[:, targets]`.",
    change="Number the kept rows: `log_p[np.arange(len(log_p)), targets[kept]]`.",
)
def pair_all_with_all(logits, targets):
    kept = targets != -1
    return -np.mean(shifted.log_softmax(logits[kept])[:, targets[kept]])


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
        case("a masked class in a kept row", [[1, 2, -np.inf], [0, 0, 0]], [1, -1], dtype="float32"),
    ),
    mistakes=(
        index_with_minus_one,
        divide_by_all_rows,
        multiply_by_the_mask,
        log_of_kept_probabilities,
        pair_all_with_all,
    ),
    hints=(
        "Which rows count? Take them out before you compute anything with them.",
        "`kept = targets != -1` is a mask of rows. `logits[kept]` and `targets[kept]` are a smaller, ordinary batch.",
        "`log_p = shifted.log_softmax(logits[kept])`, then the mean of `-log_p[np.arange(len(log_p)), targets[kept]]`.",
    ),
    model_answer=my_cross_entropy,
    why="Rows that do not count are taken out first, so nothing they hold can reach the sum, and the mean divides by "
    "the rows that are left.",
    variants=(_with_a_loop, _with_where, _with_logsumexp),
    unit="logits",
)


# --- zero_weight ---------------------------------------------------------------------------------------


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


@slip(
    fails_on=(np.float32([[np.nan, 1]]), np.float32([[0.5, 0.5]])),
    belief="NaN means 0 here, so replace it.",
    diagnosis="You replaced every NaN by 0. The NaN of 0 times -inf is gone, and so is the NaN of a broken logit: the "
    "loss of a model that has died looks like 0.",
    step="`np.nan_to_num(...)` or `np.nansum(...)`: it cannot tell one NaN from another.",
    change="Decide by the weight, not by the result: `np.where(goals == 0, 0, log_p)`.",
)
def replace_every_nan(logits, goals):
    return -np.mean(np.nansum(goals * shifted.log_softmax(logits), axis=-1))


@slip(
    fails_on=(np.float32([[1, -np.inf]]), np.float32([[0.9, 0.1]])),
    belief="A large negative number does the work of -inf.",
    diagnosis="You replaced -inf by a large finite number. With weight 0 it vanishes, but a masked class that is "
    "wanted now costs a finite loss, of a size that you made up.",
    step="`np.maximum(log_p, -1e9)`: an impossible answer became an expensive one.",
    change="Leave log_p alone; leave out the classes with weight 0.",
)
def floor_the_log(logits, goals):
    log_p = np.maximum(shifted.log_softmax(logits), np.float32(-1e9))
    return -np.mean(np.sum(goals * log_p, axis=-1))


@slip(
    fails_on=(np.float32([[0, 200]]), np.float32([[0.5, 0.5]])),
    belief="Zero weights are the only trouble.",
    diagnosis="You left out the zero weights and took the log of p. A class with a real weight can have a p that has "
    "lost its digits, or is 0: then the loss is wrong, or inf.",
    step="`np.log(p)`: p was rounded to 0 before the log.",
    change="Keep the log-softmax of the starter.",
)
def counted_log_of_p(logits, goals):
    p = shifted.softmax(logits)
    return -np.mean(np.sum(np.where(goals == 0, 0, goals * np.log(p)), axis=-1))


@slip(
    fails_on=(np.float32([[0, 2, -np.inf]]), np.float32([[0.5, 0.5, 0]])),
    belief="A tiny probability everywhere keeps the log finite.",
    diagnosis="You added an epsilon inside the log. It keeps 0 times log away from infinity, and puts a ceiling on "
    "every loss: the first patch of this lesson.",
    step="`np.log(p + 1e-7)`.",
    change="Keep the log-softmax of the starter, and leave out the classes with weight 0.",
)
def epsilon_again(logits, goals):
    p = shifted.softmax(logits)
    return -np.mean(np.sum(goals * np.log(p + np.float32(1e-7)), axis=-1))


@slip(
    fails_on=(np.float32([[1, -np.inf]]), np.float32([[0.9, 0.1]])),
    belief="A masked class never counts.",
    diagnosis="You left out each class whose log is -inf. With weight 0 that is right. A masked class with weight "
    "above 0 must cost inf: the model has ruled out what you want.",
    step="The test looks at the log (`np.isinf(log_p)`), and not at the weight.",
    change="Decide by the weight: `np.where(goals == 0, 0, log_p)`.",
)
def leave_out_the_masked(logits, goals):
    log_p = shifted.log_softmax(logits)
    return -np.mean(np.sum(goals * np.where(np.isinf(log_p), 0, log_p), axis=-1))


TWO_MASKED = ([[-np.inf, 2, 1], [3, 0, -np.inf]], np.float32([[0, 0.5, 0.5], [0.25, 0.75, 0]]))

zero_weight = Exercise(
    key="05.zero_weight",
    kind="repair",
    objective="repair a loss on soft targets that turns a weight of 0 into NaN",
    minutes=8,
    difficulty=2,
    truth=reference.cross_entropy,
    subject=_as_handed_out,
    cases=(
        coarse("soft goals, nothing masked", [[2, 1, 0.1]], np.float32([[0.75, 0.125, 0.125]]), ulps=None),
        coarse("a masked class with weight 0", [[1, 2, -np.inf]], np.float32([[0, 1, 0]])),
        coarse("two rows, one mask each", *TWO_MASKED),
        coarse("a class that vanishes", [[0, 200]], np.float32([[0.5, 0.5]])),
        coarse("a wide gap and a mask", [[0, 60, -np.inf]], np.float32([[1, 0, 0]])),
        coarse("a masked class that is wanted", [[1, -np.inf]], np.float32([[0.875, 0.125]])),
        coarse("a logit that is NaN", [[np.nan, 1], [0, 1]], np.float32([[0.5, 0.5], [1, 0]])),
    ),
    mistakes=(replace_every_nan, floor_the_log, counted_log_of_p, epsilon_again, leave_out_the_masked),
    hints=(
        "Which factor of `goals * log_p` decides that a class does not count? Ask that one, not the product.",
        "Give the classes with weight 0 a harmless log before you multiply.",
        "`counted = np.where(goals == 0, 0, log_p)`, then `goals * counted`.",
    ),
    model_answer=my_soft_loss,
    why="The unsafe factor is replaced before the product, so 0 meets 0 instead of -inf. Classes with a weight keep "
    "their log, -inf and NaN included.",
    variants=(_sum_where, _class_by_class, _multiply_with_care),
    unit="logits",
)
