"""Exercise 1 of lesson 11: the loss of a yes or no, for every logit and every target."""

from functools import partial

import numpy as np

from course_utils import family, reference, shifted, stable
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import mistake

slip = partial(mistake, quantity="cross_entropy", widget="")
INF = np.inf


def my_binary_loss(logits, targets):
    if_yes = np.logaddexp(0, -logits)
    if_no = np.logaddexp(0, logits)
    paid_yes = np.where(targets > 0, targets * if_yes, 0)
    paid_no = np.where(targets < 1, (1 - targets) * if_no, 0)
    return paid_yes + paid_no


def _by_softplus(logits, targets):
    def softplus(z):
        return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))

    loss = np.zeros_like(logits)
    some, others = targets > 0, targets < 1
    loss[some] += targets[some] * softplus(-logits[some])
    loss[others] += (1 - targets[others]) * softplus(logits[others])
    return loss


def _by_rows_of_two(logits, targets):
    rows = np.stack([logits, np.zeros_like(logits)], axis=-1)
    losses = -stable.log_softmax(np.nan_to_num(rows, posinf=1e30, neginf=-1e30))
    weights = np.stack([targets, 1 - targets], axis=-1)
    with np.errstate(over="ignore"):
        losses = np.where(losses > 1e29, INF, losses)
        return np.sum(np.multiply(weights, losses, where=weights > 0, out=np.zeros_like(losses)), axis=-1)


def _one_by_one(logits, targets):
    found = []
    for z, y in zip(logits, targets, strict=True):
        loss = 0.0
        if y:
            loss += y * np.logaddexp(0.0, -np.float64(z))
        if y != 1:
            loss += (1 - y) * np.logaddexp(0.0, np.float64(z))
        found.append(loss)
    return np.array(found)


def _sigmoid(logits):
    return shifted.softmax(np.stack([logits, np.zeros_like(logits)], axis=-1))[..., 0]


def _from(p, targets):
    return -(targets * np.log(p) + (1 - targets) * np.log(1 - p))


def _paid(if_yes, if_no, targets, chosen):
    """Both costs by their shares; a cost that is not paid is left out, or multiplied by 0."""
    yes, no = targets * if_yes, (1 - targets) * if_no
    return np.where(targets > 0, yes, 0) + np.where(targets < 1, no, 0) if chosen else yes + no


_PAST = (np.float32([17]), np.float32([0]))


@slip(
    fails_on=_PAST,
    belief="The formula of the textbook is the code.",
    diagnosis="You went through p. From a logit of 16.64 on, p is stored as 1 in float32, 1 - p is 0, and its "
    "logarithm is -inf.",
    step="`np.log(1 - p)`: p has forgotten how far from 1 it is.",
    change="Take both losses from the logit: `np.logaddexp(0, -z)` for a yes, `np.logaddexp(0, z)` for a no.",
)
def through_p(logits, targets):
    return _from(_sigmoid(logits), targets)


@slip(
    fails_on=_PAST,
    belief="Clip p, and the logarithm is safe.",
    diagnosis="You clipped p to between 1e-7 and 1 - 1e-7. Every loss beyond 16 becomes the same number, and there "
    "its gradient is 0: the worst mistakes teach nothing.",
    step="`np.clip(p, 1e-7, 1 - 1e-7)`.",
    change="Never form p. `np.logaddexp(0, z)` is the loss of a no at any z.",
)
def clip_p(logits, targets):
    return _from(np.clip(_sigmoid(logits), 1e-7, 1 - 1e-7), targets)


@slip(
    fails_on=_PAST,
    belief="Clamp the logarithm at -100: clamped is safe.",
    diagnosis="You clamped the logarithms at -100. Where p is stored as 1 the loss jumps from 16 to 100, and its "
    "gradient is 0.",
    step="`np.maximum(np.log(1 - p), -100)`.",
    change="Never form p. `np.logaddexp(0, z)` is the loss of a no at any z.",
)
def clamp_logs(logits, targets):
    p = _sigmoid(logits)
    yes, no = np.maximum(np.log(p), -100), np.maximum(np.log(1 - p), -100)
    return -(targets * yes + (1 - targets) * no)


@slip(
    fails_on=(np.float32([50]), np.float32([0])),
    belief="A small number inside the logarithm hurts nobody.",
    diagnosis="You added 1e-7 inside the logarithm. The loss can never be above 16.12, and where it is near 0 it "
    "becomes negative.",
    step="`np.log(1 - p + 1e-7)`.",
    change="Never form p. `np.logaddexp(0, z)` is the loss of a no at any z.",
)
def epsilon_in_log(logits, targets):
    p, epsilon = _sigmoid(logits), np.float32(1e-7)
    return -(targets * np.log(p + epsilon) + (1 - targets) * np.log(1 - p + epsilon))


@slip(
    fails_on=(np.float32([40]), np.float32([0])),
    belief="float64 has digits enough.",
    diagnosis="You went through p in float64. That moves the cliff from 16.64 to 36.75, and there p is 1 again.",
    step="`p = 1 / (1 + np.exp(-z.astype(np.float64)))`.",
    change="Change the form, not the format: `np.logaddexp(0, z)` is right in any of them.",
)
def through_p_in_float64(logits, targets):
    return _from(_sigmoid(logits.astype(np.float64)), targets)


@slip(
    fails_on=(np.float32([17]), np.float32([1])),
    belief="log(1 + e^z) - y z is the same on paper.",
    diagnosis="You computed `logaddexp(0, z) - y z`. At y = 1 and a large z, both are nearly z: they cancel, and the "
    "small loss of a right answer is 0.",
    step="`np.logaddexp(0, logits) - targets * logits`.",
    change="For a yes the row is [0, -z]: `targets * np.logaddexp(0, -z)`, and add the part of the no.",
)
def subtract_y_z(logits, targets):
    return np.logaddexp(0, logits) - targets * logits


@slip(
    fails_on=(np.float32([-17]), np.float32([0])),
    belief="(1 - y) z - log_sigmoid(z) is the loss from logits.",
    diagnosis="You computed `(1 - y) z + logaddexp(0, -z)`, as PyTorch does. At y = 0 and a very negative z, "
    "both are nearly |z|: they cancel.",
    step="`(1 - targets) * logits + np.logaddexp(0, -logits)`.",
    change="For a no the row is [0, z]: `(1 - targets) * np.logaddexp(0, z)`.",
)
def no_side_cancels(logits, targets):
    return (1 - targets) * logits + np.logaddexp(0, -logits)


@slip(
    fails_on=(np.float32([-INF]), np.float32([0])),
    belief="max(z, 0) - z y + log1p(exp(-|z|)) is safe everywhere.",
    diagnosis="You used `max(z, 0) - z y + log1p(exp(-|z|))`. For targets 0 and 1 it is good; for y near 1 its first "
    "two terms cancel, and at an infinite z they are inf - inf or 0 * inf.",
    step="`np.maximum(z, 0) - z * y`.",
    change="Add two parts that are both at least 0: `y * logaddexp(0, -z)` and `(1 - y) * logaddexp(0, z)`.",
)
def first_terms_cancel(logits, targets):
    return np.maximum(logits, 0) - logits * targets + np.log1p(np.exp(-np.abs(logits)))


@slip(
    fails_on=(np.float32([-INF]), np.float32([0])),
    belief="Times 0 is gone.",
    diagnosis="You added both parts as they are. A part with the weight 0 and the loss inf is 0 * inf, and that "
    "is NaN.",
    step="`targets * np.logaddexp(0, -logits)` where the target is 0 and the logit -inf.",
    change="Choose: `np.where(targets > 0, targets * ..., 0)`, and the same for the other part.",
)
def zero_times_infinity(logits, targets):
    return targets * np.logaddexp(0, -logits) + (1 - targets) * np.logaddexp(0, logits)


@slip(
    fails_on=(np.float32([3]), np.float32([0.9])),
    belief="A target is a yes or a no, so one row is enough.",
    diagnosis="You took one row, with the sign that the target chooses. That is right at 0 and 1 and nowhere between: "
    "a target of 0.5 makes every loss log 2.",
    step="`np.logaddexp(0, (1 - 2 * targets) * logits)`.",
    change="Pay both rows, each by its share: `targets` of a yes, `1 - targets` of a no.",
)
def one_row_for_both(logits, targets):
    return np.logaddexp(0, (1 - 2 * targets) * logits)


@slip(
    fails_on=(np.float32([100]), np.float32([0])),
    belief="log1p takes care of the logarithm, so the exp is safe.",
    diagnosis="You wrote logaddexp out as `log1p(exp(z))`. log1p cures the small end; at the large one exp overflows "
    "before log1p sees it.",
    step="`np.log1p(np.exp(logits))`.",
    change="`np.logaddexp(0, logits)`, which shifts by the larger of the two.",
    family=("chosen", (True, False)),
)
def log1p_of_exp(logits, targets, *, chosen=True):
    return _paid(np.log1p(np.exp(-logits)), np.log1p(np.exp(logits)), targets, chosen)


@slip(
    fails_on=(np.float32([3]), np.float32([1])),
    belief="A yes costs log(1 + e^z).",
    diagnosis="Your two costs have changed places: a sure and right answer pays the most.",
    step="`targets * np.logaddexp(0, logits)`.",
    change="A yes costs `np.logaddexp(0, -logits)`, a no `np.logaddexp(0, logits)`.",
    family=("chosen", (True, False)),
)
def costs_exchanged(logits, targets, *, chosen=True):
    return _paid(np.logaddexp(0, logits), np.logaddexp(0, -logits), targets, chosen)


binary_loss = Exercise(
    key="11.binary_loss",
    kind="write",
    objective="build a binary loss that keeps its digits for every logit and every target",
    minutes=8,
    difficulty=2,
    truth=reference.family.binary_cross_entropy,
    cases=(
        case("ordinary answers", [1.5, -0.3, 0.0], np.float32([1, 0, 1]), dtype="float32", ulps=16),
        case("sure and wrong, a no", [17, 40, 300], np.float32([0, 0, 0]), dtype="float32", ulps=16),
        case("sure and wrong, a yes", [-17, -40, -300], np.float32([1, 1, 1]), dtype="float32", ulps=16),
        case("sure and right, a yes", [14, 17, 40], np.float32([1, 1, 1]), dtype="float32", ulps=16),
        case("sure and right, a no", [-14, -17, -40], np.float32([0, 0, 0]), dtype="float32", ulps=16),
        case("targets in between", [3, -2, 58], np.float32([0.9, 0.25, 0.999999]), dtype="float32", ulps=16),
        case("an infinite logit that is right", [-INF, INF], np.float32([0, 1]), dtype="float32", ulps=16),
        case("an infinite logit that is wrong", [INF, -INF], np.float32([0, 1]), dtype="float32", ulps=16),
        case("float64, past its own cliff", [40, -40], np.array([0.0, 0.0]), ulps=16),
    ),
    mistakes=(
        through_p,
        clip_p,
        clamp_logs,
        epsilon_in_log,
        through_p_in_float64,
        subtract_y_z,
        no_side_cancels,
        first_terms_cancel,
        zero_times_infinity,
        one_row_for_both,
        log1p_of_exp,
        costs_exchanged,
    ),
    must_fail=(
        lambda z, y: np.nan_to_num(through_p(z, y)),
        lambda z, y: _from(np.clip(_sigmoid(z), 0, 1 - 1e-9), y),
        lambda z, y: np.nan_to_num(zero_times_infinity(z, y)),
        lambda z, y: np.nan_to_num(first_terms_cancel(z, y)),
        lambda z, y: my_binary_loss(np.clip(z, -30, 30), y),
        lambda z, y: my_binary_loss(z.astype(np.float16), y),
        lambda z, y: my_binary_loss(z, np.round(y)),
        lambda z, y: np.where(y > 0.5, np.logaddexp(0, -z), np.logaddexp(0, z)),
        lambda z, y: np.where(np.abs(z) > 20, np.maximum((1 - 2 * y) * z, 0), my_binary_loss(z, y)),
    ),
    hints=(
        "A yes costs -log p, a no costs -log(1 - p), and a target of 0.9 pays for 0.9 of a yes and 0.1 of a no. "
        "Each of the two costs is the log-sum-exp of a row of two numbers: which? `np.logaddexp` takes them.",
        "A yes costs `np.logaddexp(0, -logits)`, a no `np.logaddexp(0, logits)`. The target says how much of "
        "each you pay.",
        "`np.where(targets > 0, targets * np.logaddexp(0, -logits), 0)`, and the same with `1 - targets` and "
        "`np.logaddexp(0, logits)`. `np.where`, because 0 * inf is NaN.",
    ),
    model_answer=my_binary_loss,
    why="Both parts are log-sum-exps of a row of two, and at least 0: nothing overflows, nothing cancels, and a part "
    "that is not paid for is left out.",
    variants=(_by_softplus, _by_rows_of_two, _one_by_one, lambda z, y: family.binary_cross_entropy(z, y)),
)
