"""`where=` done wrongly: what ought to be left out comes back. Each returns the logits that it goes on with."""

import numpy as np

from course_utils.mistakes.core import mistake


@mistake(
    quantity="masked_logits",
    fails_on=(np.float64([-2e9, 5]),),
    options={"where": np.array([True, False])},
    widget="loss",
    family=("sentinel", (-1e4, -1e30, -1e38)),
    belief="-1e9 is as good as -inf.",
    diagnosis="You wrote a large negative number where a logit is left out. It is a logit like any other: a row "
    "whose other logits lie below it, or where everything is left out, gives it probability.",
    step="`np.where(where, logits, -1e9)`: a finite number takes part in the maximum and in the sum.",
    change="Write -inf: `np.where(where, logits, -np.inf)`.",
)
def mask_with_large_number(logits, where=True, sentinel=-1e9):
    return np.where(where, logits, sentinel)


@mistake(
    quantity="masked_logits",
    fails_on=(np.float64([1, np.nan]),),
    options={"where": np.array([True, False])},
    widget="loss",
    belief="Adding -inf removes whatever was there.",
    diagnosis="You masked by adding -inf. NaN plus -inf is NaN, and inf plus -inf is NaN too, so a number that "
    "was to be left out spoils its whole row.",
    step="`logits + np.where(where, 0, -np.inf)`: a sum with NaN is NaN.",
    change="Replace instead of adding: `np.where(where, logits, -np.inf)`.",
)
def mask_by_adding_infinity(logits, where=True):
    return logits + np.where(where, 0, -np.inf)


@mistake(
    quantity="masked_logits",
    fails_on=(np.float64([-1, 5]),),
    options={"where": np.array([True, False])},
    widget="loss",
    belief="Times 0 is gone.",
    diagnosis="You multiplied the logits by the mask. A logit of 0 is an ordinary logit: exp(0) = 1, so what was "
    "to be left out keeps a share.",
    step="`logits * where`: the logit becomes 0, and not its probability.",
    change="Replace it by the logit of probability 0: `np.where(where, logits, -np.inf)`.",
)
def mask_by_multiplying(logits, where=True):
    return logits * where


@mistake(
    quantity="masked_logits",
    fails_on=(np.float64([3, 5]),),
    options={"where": np.array([False, False])},
    widget="loss",
    belief="A row with nothing in it may as well be uniform.",
    diagnosis="You answered a row in which nothing is kept with equal shares. That gives probability to classes "
    "that were left out, and hides that the row has no distribution: NaN or zeros say so.",
    step="`where(where.any(), ..., 0)`: a row of zeros has the same share everywhere.",
    change="Leave the row at -inf, and declare its answer: NaN, or zeros.",
)
def uniform_where_nothing_is_kept(logits, where=True):
    kept = np.broadcast_to(where, logits.shape)
    return np.where(kept.any(axis=-1, keepdims=True), np.where(kept, logits, -np.inf), 0)


@mistake(
    quantity="masked_logits",
    fails_on=(np.float64([1, 5]),),
    options={"where": np.array([True, False])},
    widget="loss",
    belief="The keyword is there so that the call does not fail.",
    diagnosis="You took `where=` and did not use it: what was to be left out counts like everything else.",
    step="The line that would read `where` is missing.",
    change="Begin with `logits = np.where(where, logits, -np.inf)`.",
)
def mask_not_used(logits, where=True):
    return logits


@mistake(
    quantity="softmax",
    fails_on=(np.float64([0, 1000]),),
    options={"where": np.array([True, False])},
    widget="loss",
    belief="The mask belongs to the sum, so it can wait until after exp.",
    diagnosis="You shifted by the largest of all logits, and left some out afterwards. If the largest is one of "
    "those, every exponent that is kept underflows: 0/0 is NaN.",
    step="`logits.max()` before the mask: the maximum belongs to a logit that takes no part.",
    change="Mask first: `np.where(where, logits, -np.inf)`, and take the maximum of that.",
)
def max_over_masked(logits, where=True):
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True)) * where
    return exps / np.sum(exps, axis=-1, keepdims=True)
