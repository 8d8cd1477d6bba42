"""What people write instead of a loss that skips rows: the mistakes of exercise 05.skip_rows."""

from functools import partial

import numpy as np

from course_utils import shifted
from course_utils.exercises.habits import PATCHES, patched
from course_utils.mistakes import mistake

slip = partial(mistake, quantity="cross_entropy", widget="loss")


def row_losses(logits, targets):
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
    return np.mean(row_losses(logits, targets))


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
    return np.sum(row_losses(logits[kept], targets[kept])) / len(targets)


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
    return np.sum(row_losses(logits, targets) * kept) / np.sum(kept)


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
    return np.sum(row_losses(logits[kept], targets[kept]))


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
    return np.median(row_losses(logits[kept], targets[kept]))


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
    losses = row_losses(logits[kept], targets[kept])
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
    return np.mean(row_losses(logits[kept], targets[kept]))


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
    return np.mean(row_losses(emptied, targets))
