"""The capstone: five losses to find the fault of, to repair, and to put to the audit."""

import numpy as np

from course_utils import naive, reference, shifted, stable
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.lesson_12.broken import LOSSES
from course_utils.exercises.lesson_12.judging import LIKELY, by_audit
from course_utils.mistakes import MISTAKES


def batch_loss(logits, targets):
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.mean(log_p[np.arange(len(targets)), targets])


def padded_loss(logits, targets, ignore_index=-100):
    counts = targets != ignore_index
    logits, targets = logits[counts], targets[counts]
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.sum(log_p[np.arange(len(targets)), targets]) / np.sum(counts)


def weighted_loss(logits, targets, weight=None):
    weight = np.ones(logits.shape[1]) if weight is None else weight
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    own = log_p[np.arange(len(targets)), targets]
    return -np.sum(weight[targets] * own) / np.sum(weight[targets])


def half_loss(logits, targets):
    shifted = (logits - np.max(logits, axis=1, keepdims=True)).astype(np.float64)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.mean(log_p[np.arange(len(targets)), targets])


def loss_and_gradient(logits, targets):
    rows, row_max = np.arange(len(targets)), np.max(logits, axis=1, keepdims=True)
    log_total = np.log(np.sum(np.exp(logits - row_max), axis=1, keepdims=True))
    loss = -np.mean((logits - row_max - log_total)[rows, targets])
    gradient = np.exp((logits - row_max) - log_total)
    gradient[rows, targets] -= 1
    return loss, gradient / len(targets)


def repaired():
    functions = (batch_loss, padded_loss, weighted_loss, half_loss, loss_and_gradient)
    return dict(zip("ABCDE", functions, strict=True))


def _with(**others):
    """The right repairs, but for those that are given."""
    return lambda: {**repaired(), **others}


# --- other right answers ----------------------------------------------------------------------------------


def _row_by_row(logits, targets):
    return -np.mean([shifted.log_softmax(row)[t] for row, t in zip(logits, targets, strict=True)])


def _emptied(logits, targets, ignore_index=-100):
    counts = targets != ignore_index
    safe = np.where(counts[:, None], logits, np.zeros_like(logits))
    own = shifted.log_softmax(safe)[np.arange(len(targets)), np.where(counts, targets, 0)]
    return -np.sum(own, where=counts) / np.count_nonzero(counts)


def _averaged(logits, targets, weight=None):
    losses = -shifted.log_softmax(logits)[np.arange(len(targets)), targets]
    return np.average(losses, weights=None if weight is None else weight[targets])


def _sums_are_wide(logits, targets):
    z = logits - np.max(logits, axis=1, keepdims=True)
    wide = np.result_type(logits.dtype, np.float32)
    log_p = z.astype(wide) - np.log(np.sum(np.exp(z.astype(wide)), axis=1, keepdims=True))
    return -np.mean(log_p[np.arange(len(targets)), targets], dtype=wide)


def _divided(logits, targets):
    p = shifted.softmax(logits)
    p[np.arange(len(targets)), targets] -= 1
    return shifted.cross_entropy(logits, targets), p / len(targets)


def _one_hot(logits, targets):
    goals = np.eye(logits.shape[1], dtype=logits.dtype)[targets]
    return shifted.cross_entropy(logits, targets), (shifted.softmax(logits) - goals) / len(targets)


def _by_the_room():
    return {
        "A": stable.cross_entropy,
        "B": lambda logits, targets, ignore_index=-100: stable.cross_entropy(
            logits, targets, ignore_index=ignore_index
        ),
        "C": lambda logits, targets, weight=None: stable.cross_entropy(logits, targets, weight=weight),
        "D": stable.cross_entropy,
        "E": stable.cross_entropy_with_grad,
    }


# --- repairs that somebody would try ------------------------------------------------------------------------


def _in_float64(logits, targets):
    return LOSSES["A"](np.asarray(logits, np.float64), targets)


def _shift_by_mean(logits, targets):
    z = logits - logits.mean(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(targets)), targets])


def _no_shift(logits, targets):
    return naive.cross_entropy(logits, targets)


def _clipped(logits, targets):
    return shifted.cross_entropy(np.clip(logits, -80, 80), targets)


def _epsilon(logits, targets):
    p = shifted.softmax(logits)[np.arange(len(targets)), targets]
    return -np.mean(np.log(p + 1e-12))


def _nan_to_num(logits, targets, ignore_index=-100):
    return LOSSES["B"](np.nan_to_num(logits), targets, ignore_index)


def _nansum(logits, targets, ignore_index=-100):
    counts = targets != ignore_index
    own = shifted.log_softmax(logits)[np.arange(len(targets)), np.where(counts, targets, 0)]
    return -np.nansum(own * counts) / counts.sum()


def _divides_by_all(logits, targets, ignore_index=-100):
    counts = targets != ignore_index
    return shifted.cross_entropy(logits[counts], targets[counts]) * counts.mean()


def _always_100(logits, targets, ignore_index=-100):
    counts = targets != -100
    return shifted.cross_entropy(logits[counts], targets[counts])


def _all_weights(logits, targets, weight=None):
    weight = np.ones(logits.shape[1]) if weight is None else weight
    own = shifted.log_softmax(logits)[np.arange(len(targets)), targets]
    return -np.sum(weight[targets] * own) / np.sum(weight)


def _weights_that_add_up_to_the_classes(logits, targets, weight=None):
    weight = np.ones(logits.shape[1]) if weight is None else weight / weight.mean()
    return LOSSES["C"](logits, targets, weight)


def _only_the_mean_is_wide(logits, targets):
    losses = -shifted.log_softmax(logits)[np.arange(len(targets)), targets]
    return np.mean(losses.astype(np.float64))


def _only_the_total_is_wide(logits, targets):
    z = logits - np.max(logits, axis=1, keepdims=True)
    total = np.sum(np.exp(z).astype(np.float32), axis=1, keepdims=True).astype(logits.dtype)
    return -np.mean((z - np.log(total))[np.arange(len(targets)), targets])


def _always_float32(logits, targets):
    return shifted.cross_entropy(logits.astype(np.float32), targets)


def _gradient_of_naive(logits, targets):
    return shifted.cross_entropy(logits, targets), naive.cross_entropy_with_grad(logits, targets)[1]


def _gradient_not_divided(logits, targets):
    loss, gradient = shifted.cross_entropy_with_grad(logits, targets)
    return loss, gradient * len(targets)


def _gradient_clipped(logits, targets):
    loss, gradient = LOSSES["E"](logits, targets)
    return loss, np.clip(np.nan_to_num(gradient), -1, 1)


def _only_the_loss(logits, targets):
    return shifted.cross_entropy(logits, targets)


WRONG = {
    "A": (_in_float64, _shift_by_mean, _no_shift, _clipped, _epsilon),
    "B": (_nan_to_num, _nansum, _divides_by_all, _always_100),
    "C": (_all_weights, _weights_that_add_up_to_the_classes),
    "D": (_only_the_mean_is_wide, _only_the_total_is_wide, _always_float32),
    "E": (_gradient_of_naive, _gradient_not_divided, _gradient_clipped, _only_the_loss),
}

five_losses = Exercise(
    key="12.five_losses",
    kind="overhaul",
    objective="repair losses that you did not write, until the audit accepts them",
    minutes=20,
    difficulty=3,
    subject=LOSSES,
    judge=by_audit,
    truth=reference.cross_entropy,
    cases=(case("the audit's own cases", [[3.0, 1, -2]], [2], dtype="float32"),),
    mistakes=tuple(MISTAKES[key] for keys in LIKELY.values() for key in keys),
    must_fail=tuple(_with(**{name: wrong[0]}) for name, wrong in WRONG.items()),
    hints=(
        'Audit each: `audit.audit(my_a, "cross_entropy", only=lesson_12.judging.asked("A"))`. Which cases fail? The '
        "smallest input found tells more than the code.",
        "A: over what is the maximum taken? B: what is NaN times 0? C: by what is a weighted mean divided? D: in which "
        "format are the sums? E: what is left of the logarithm beside a large maximum?",
        "A: `axis=1, keepdims=True`. B: take the ignored rows out first. C: divide by `np.sum(weight[targets])`. D: "
        "`.astype(np.float64)` after the shift. E: `(logits - row_max) - log_total`.",
    ),
    model_answer=repaired,
    why="Each fault is one step, and the rest of the code is right: a maximum over the wrong axis, 0 times NaN, a mean "
    "divided by the wrong number, a sum in a narrow format, a logarithm added before the maximum was taken off.",
    variants=(
        _with(A=_row_by_row, B=_emptied),
        _with(C=_averaged, D=_sums_are_wide),
        _with(E=_divided),
        _with(E=_one_hot),
        _by_the_room,
    ),
)
