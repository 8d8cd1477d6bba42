"""A loss patched by an epsilon, to be right at both ends."""

from functools import partial

import numpy as np

from course_utils import reference, stable
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.habits import PATCHES, SHIFTS, named, patched
from course_utils.exercises.lesson_90.goals import REPAIR
from course_utils.mistakes import MISTAKES, mistake


def handed_out_loss(logits, targets):
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    p = exps / np.sum(exps, axis=-1, keepdims=True)
    p_target = p[np.arange(len(targets)), targets]
    return -np.mean(np.log(p_target + 1e-8))


def my_patient_loss(logits, targets):
    rows = np.arange(len(targets))
    margins = logits - logits[rows, targets][:, None]
    margins[rows, targets] = -np.inf
    top = np.max(margins, axis=-1)
    others = top + np.log(np.sum(np.exp(margins - top[:, None]), axis=-1))
    return np.mean(np.logaddexp(0, others))


def _loss_with_a_loop(logits, targets):
    losses = []
    for row, target in zip(logits, targets, strict=True):
        losses.append(np.logaddexp(0, np.logaddexp.reduce(np.delete(row - row[target], target))))
    return np.mean(losses)


def _loss_from_the_reference_room(logits, targets):
    return reference.cross_entropy(logits, targets, dtype=np.float64)


def _loss_in_float64(logits, targets):
    wide = logits.astype(np.float64)
    return my_patient_loss(wide, targets)


def _best_we_know(logits, targets):
    return stable.cross_entropy(logits, targets)


def _loss_of_shares(logits, targets):
    others = np.arange(logits.shape[1]) != targets[:, None]
    z = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    own = np.take_along_axis(z, targets[:, None], axis=1)[:, 0]
    rest = np.logaddexp.reduce(np.where(others, z, -np.inf), axis=1)
    return np.mean(
        np.where(rest > own, rest - own + np.log1p(np.exp(-np.abs(rest - own))), np.log1p(np.exp(rest - own)))
    )


def _target_left_out(logits, targets):
    losses = []
    for row, target in zip(logits.astype(np.float64), targets, strict=True):
        rest = np.exp(np.delete(row, target) - row.max()).sum()
        own = np.exp(row[target] - row.max())
        small = row[target] == row.max()
        losses.append(np.log1p(rest / own) if small else row.max() - row[target] + np.log(rest + own))
    return np.mean(losses)


slip = partial(mistake, quantity="cross_entropy", widget="loss")


def _own(values, targets):
    return values[np.arange(len(targets)), targets]


def _softmax(logits):
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return exps / np.sum(exps, axis=-1, keepdims=True)


@slip(
    fails_on=(np.float32([[0, 50]]), np.array([0])),
    belief="With a better epsilon the patch holds.",
    diagnosis="You patched the probability with another constant. No row can cost more than minus the log "
    "of that constant; and where p is close to 1, its last digits are gone before the log.",
    step="`np.log(p_target + epsilon)`, or a clip or a maximum in its place.",
    change="Leave p out: the loss is log(1 + r), with r the sum of e^(z_j - z_target) over the *other* "
    "classes.",
    family=("patch", PATCHES),
)
def patch_the_probability(logits, targets, *, patch=PATCHES[5]):
    return -np.mean(np.log(patched(_own(_softmax(logits), targets), patch)))


@slip(
    fails_on=(np.float32([[0, 200]]), np.array([0])),
    belief="Without the epsilon the loss is right.",
    diagnosis="You removed the epsilon and kept the log of a probability. Where the target vanishes p is 0 "
    "and the loss inf; where it is sure, p is stored as 1 and the loss 0.",
    step="`np.log(p_target)`.",
    change="Leave p out: the loss is log(1 + r), with r the sum of e^(z_j - z_target) over the *other* "
    "classes.",
    family=("dtype", (np.float64, np.longdouble)),
)
def log_of_p(logits, targets, *, dtype=None):
    return -np.mean(np.log(_own(_softmax(np.asarray(logits, dtype)), targets)))


@slip(
    fails_on=(np.float32([[1000, 0]]), np.array([1])),
    belief="Once the probability is gone, no shift is needed.",
    diagnosis="You went from the logits to the loss without a probability, and without a shift: exp of a large logit "
    "overflows, far below 0 all exps are 0, and where the model is sure the 1 hides the rest.",
    step="`np.log(np.sum(np.exp(logits)))`.",
    change="Take the differences to the target, leave its own 0 out, and shift the others by their maximum.",
    family=("dtype", (np.float64, np.longdouble)),
)
def lose_the_shift(logits, targets, *, dtype=None):
    wide = np.asarray(logits, dtype)
    return np.mean(np.log(np.sum(np.exp(wide), axis=-1)) - _own(wide, targets))


@slip(
    fails_on=(np.float64([[60, 0]]), np.array([0])),
    belief="float64 has enough digits.",
    diagnosis="You computed in a wider format and kept the largest term in the sum. That moves the end from "
    "a margin of 17 to one of 37, and there 1 + e^-margin is stored as 1 again.",
    step="`np.log(total)`: the 1 is still in the total.",
    change="Leave the target's own term out of the sum and use log1p; that works in any format.",
    family=("dtype", (np.float64, np.longdouble)),
)
def absorb_in_float64(logits, targets, *, dtype=np.float64):
    return MISTAKES["absorb_small_loss"].function(logits.astype(dtype), targets)


@slip(
    fails_on=(np.float32([[0, 1000]]), np.array([0])),
    belief="Differences to the target are small enough for exp.",
    diagnosis="You shifted by the target's logit. Where the model is wrong by more than 88 another logit "
    "lies that far above it, and exp overflows; where it is right, the target's 1 hides the rest.",
    step="`np.exp(logits - logits[target])` and its sum.",
    change="Take the log-sum-exp of the differences with a shift of its own, without the target's 0, and "
    "then log1p.",
    family=(
        "log",
        (lambda d: np.log(np.exp(d).sum(axis=-1)), lambda d: np.log1p(np.exp(d).sum(axis=-1) - 1)),
    ),
)
def overflow_the_differences(logits, targets, *, log=lambda d: np.log(np.exp(d).sum(axis=-1))):
    return np.mean(log(logits - _own(logits, targets)[:, None]))


@slip(
    fails_on=(np.float32([[0, 1000]]), np.array([0])),
    belief="The target's own term is the only trouble.",
    diagnosis="You left the target out and used log1p, which is right where the model is right. Where it is "
    "wrong by more than 88, exp of the difference overflows.",
    step="`np.exp(logits - logits[target])` for the other classes.",
    change="Take the log-sum-exp of the others first, and combine the two with `np.logaddexp(0, others)`.",
)
def overflow_the_others(logits, targets):
    differences = logits - _own(logits, targets)[:, None]
    differences[np.arange(len(targets)), targets] = -np.inf
    return np.mean(np.log1p(np.exp(differences).sum(axis=-1)))


@slip(
    fails_on=(np.float32([[2, 1]]), np.array([0])),
    belief="log1p takes the whole sum.",
    diagnosis="You gave log1p a sum that holds the target's own term. That term is 1, and log1p adds "
    "another: it is counted twice.",
    step="`np.log1p(np.exp(logits - logits[target]).sum(axis=-1))`.",
    change="Take the target out of the sum first.",
)
def count_the_target_twice(logits, targets):
    return np.mean(np.log1p(np.exp(logits - _own(logits, targets)[:, None]).sum(axis=-1)))


# --- answers that must fail ------------------------------------------------------------------------------


def _sum_for_mean(logits, targets):
    return my_patient_loss(logits, targets) * len(targets)


def _median(logits, targets):
    return np.median([my_patient_loss(z[None], t[None]) for z, t in zip(logits, targets, strict=True)])


def _worst_row(logits, targets):
    return np.max([my_patient_loss(z[None], t[None]) for z, t in zip(logits, targets, strict=True)])


def _other_sign(logits, targets):
    return -my_patient_loss(logits, targets)


def _only_the_margin(logits, targets):
    margins = logits - _own(logits, targets)[:, None]
    return np.mean(np.maximum(margins.max(axis=-1), 0))


def _only_the_strongest_rival(logits, targets):
    margins = logits - _own(logits, targets)[:, None]
    margins[np.arange(len(targets)), targets] = -np.inf
    return np.mean(np.logaddexp(0, margins.max(axis=-1)))


def _right_end_only(logits, targets):
    p = _softmax(logits)
    p[np.arange(len(targets)), targets] = 0
    return -np.mean(np.log1p(-p.sum(axis=-1)))


def _never_quite_zero(logits, targets):
    return np.maximum(MISTAKES["absorb_small_loss"].function(logits, targets), np.float32(1e-9))


def _ceiling_of_100(logits, targets):
    return np.minimum(my_patient_loss(logits, targets), 100)


def _nan_to_num(logits, targets):
    return np.nan_to_num(log_of_p.function(logits, targets))


def _nan_hidden(logits, targets):
    return np.nan_to_num(my_patient_loss(logits, targets))


def _clipped_logits(logits, targets):
    return my_patient_loss(np.clip(logits, -500, 500), targets)


def _shifted_by(name):
    def wrong(logits, targets):
        rows = logits - SHIFTS[name](logits, -1)
        return np.mean(np.log(np.exp(rows).sum(axis=-1)) - _own(rows, targets))

    return named(f"shifted by {name}", wrong)


MUST_FAIL = (
    *(_shifted_by(name) for name in SHIFTS),
    *(
        (named(f"patch {i}", partial(patch_the_probability.function, patch=p)), None)
        for i, p in enumerate(PATCHES)
    ),
    _sum_for_mean,
    _median,
    _worst_row,
    _other_sign,
    _only_the_margin,
    _only_the_strongest_rival,
    _right_end_only,
    _never_quite_zero,
    _ceiling_of_100,
    _nan_to_num,
    _nan_hidden,
    _clipped_logits,
)
KNOWN = (
    "epsilon_in_log",
    "epsilon_makes_negative",
    "clip_probabilities",
    "onehot_times_log",
    "absorb_small_loss",
    "softmax_twice",
)
THREE_ROWS = [[200, 0, 0], [0, 200, 0], [0, 0, 200]]

patched_loss = Exercise(
    key="90.patched_loss",
    kind="repair",
    objective=REPAIR,
    minutes=9,
    difficulty=3,
    truth=reference.cross_entropy,
    subject=handed_out_loss,
    cases=(
        case("two ordinary rows", [[2, 1, 0.1], [1, 3, 0.2]], [0, 2], dtype="float32", ulps=16),
        case("wrong by 50", [[0, 50]], [0], dtype="float32", ulps=16),
        case("right by 200", [[200, 0]], [0], dtype="float32", ulps=16),
        case("right by 20", [[20, 0]], [0], dtype="float32", ulps=32),
        case("a class that vanishes", [[0, -200, 1]], [0], dtype="float32", ulps=16),
        case("wrong by 1000", [[0, 1000], [3, 1]], [0, 0], dtype="float32", ulps=16),
        case("right by 20, three classes", [[20, 0, 1], [0, 1, 20]], [0, 2], dtype="float32", ulps=32),
        case("wrong by 95", [[0, 95]], [0], dtype="float32", ulps=16),
        case("right by 80", [[80, 0]], [0], dtype="float32", ulps=64),
        case("right by 60, float64", [[60, 0, 2]], [0], ulps=64),
        case("largest in each place", THREE_ROWS, [1, 2, 1], dtype="float32", ulps=16),
        case(
            "three rows with different losses", [[0, 1], [5, 0], [0, 50]], [0, 0, 0], dtype="float32", ulps=16
        ),
        case("far below zero", [[-2000, -2001, -2003]], [1], dtype="float32", ulps=16),
        case("a logit that is NaN", [[np.nan, 1], [0, 1]], [0, 1], dtype="float32", ulps=16),
        case("large and close", [[1000, 999, 998]], [1], dtype="float32", ulps=16),
    ),
    mistakes=(
        *(MISTAKES[key] for key in KNOWN),
        log_of_p,
        lose_the_shift,
        absorb_in_float64,
        overflow_the_differences,
        overflow_the_others,
        count_the_target_twice,
        patch_the_probability,
    ),
    hints=(
        "Two ends are broken: a row that is wrong by 50, and a row that is right by 20. What does p hold in each?",
        "The loss is log(1 + sum of e^(z_j - z_target) over the other classes). No probability is needed.",
        "Set the target's own margin to -inf, take the log-sum-exp of the margins, then `np.logaddexp(0, others)`.",
    ),
    model_answer=my_patient_loss,
    why="With the target's term, e^0 = 1, taken out of the sum, the loss is log(1 + r). logaddexp(0, log r) "
    "computes it at both ends: for a tiny r it is r, for a huge one it is log r.",
    variants=(
        _loss_with_a_loop,
        _loss_from_the_reference_room,
        _loss_in_float64,
        _best_we_know,
        _loss_of_shares,
        _target_left_out,
    ),
    must_fail=MUST_FAIL,
)
