"""Gradients: wrong ones are refused by name, right ones accepted, and autograd's are audited like any other."""

import numpy as np
import pytest

from course_utils import floats, naive, shifted, stable
from course_utils.audit import audit
from course_utils.audit.verdict import DECLARED, FAIL, NOT_RUN

pytestmark = pytest.mark.usefixtures("first_input_will_do")

KIND = "cross_entropy_with_grad"


def pair(gradient_of):
    """A right loss with this gradient."""

    def loss_and_gradient(logits, targets):
        loss, gradient = stable.cross_entropy_with_grad(logits, targets)
        if np.ndim(targets) != 1 or not np.size(gradient) or np.asarray(logits).dtype.kind != "f":
            return loss, gradient
        with np.errstate(all="ignore"):
            return loss, gradient_of(np.asarray(logits), np.asarray(targets), gradient)

    loss_and_gradient.__name__ = gradient_of.__name__
    return loss_and_gradient


def _at(targets):
    return np.arange(len(targets)), targets


def _own(logits, targets):
    """The target's probability, one a row."""
    return stable.softmax(logits)[_at(targets)][:, None]


@pair
def p_minus_one(logits, targets, gradient):
    p = stable.softmax(logits)
    p[_at(targets)] -= 1
    return (p / p.dtype.type(len(targets))).astype(gradient.dtype)


@pair
def through_where(logits, targets, gradient):
    p = _own(logits, targets)
    return gradient * (np.where(p > 0, 1, 0) / p * p).astype(p.dtype)


@pair
def through_an_epsilon(logits, targets, gradient):
    p = _own(logits, targets)
    return gradient * (p / (p + 1e-8)).astype(p.dtype)


@pair
def through_a_clip(logits, targets, gradient):
    p = _own(logits, targets)
    return gradient * ((p > 1e-7) & (p < 1 - 1e-7)).astype(p.dtype)


@pair
def of_the_sum(logits, targets, gradient):
    return gradient * gradient.dtype.type(len(targets))


@pair
def masked_classes_spoil_it(logits, targets, gradient):
    return gradient + 0 * logits  # 0 * -inf


@pair
def float16_inside(logits, targets, gradient):
    """Right in two digits: what half precision leaves of a gradient in single."""
    return gradient.astype(np.float16).astype(gradient.dtype) if gradient.dtype == np.float32 else gradient


@pair
def float16_rows_in_float16(logits, targets, gradient):
    if logits.dtype != np.float16:
        return gradient
    exps = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p = exps / np.sum(exps, axis=-1, keepdims=True)
    p[_at(targets)] -= 1
    return p / np.float16(len(targets))


@pair
def target_not_subtracted(logits, targets, gradient):
    return (stable.softmax(logits) / len(targets)).astype(gradient.dtype)


@pair
def rows_do_not_add_up_to_0(logits, targets, gradient):
    gradient[_at(targets)] *= gradient.dtype.type(1.01)
    return gradient


def ignored_rows_are_trained(logits, targets, *, ignore_index=None):
    loss, gradient = stable.cross_entropy_with_grad(logits, targets, ignore_index=ignore_index)
    ignored = np.zeros(len(logits), bool) if ignore_index is None else targets == ignore_index
    if ignored.any() and not ignored.all():
        inside = np.where(ignored, 0, targets)
        gradient = stable.cross_entropy_with_grad(logits, inside, reduction="sum")[1] / np.sum(~ignored)
    return loss, gradient


def ignored_rows_times_zero(logits, targets, *, ignore_index=None):
    loss, gradient = ignored_rows_are_trained(logits, targets, ignore_index=ignore_index)
    return loss, gradient if ignore_index is None else gradient * (targets != ignore_index)[:, None]


def total_weight_left_out(logits, targets, *, weight=None, label_smoothing=0.0):
    loss, gradient = stable.cross_entropy_with_grad(
        logits, targets, weight=weight, label_smoothing=label_smoothing
    )
    if weight is not None and label_smoothing:
        goal = (1 - label_smoothing) * np.eye(logits.shape[1])[targets] + label_smoothing / logits.shape[1]
        gradient = (stable.softmax(logits) - goal * weight) / weight[targets].sum()
    return loss, gradient


def weights_not_in_the_gradient(logits, targets, *, weight=None):
    return stable.cross_entropy(logits, targets, weight=weight), stable.cross_entropy_with_grad(
        logits, targets
    )[1]


def divided_although_summed(logits, targets, *, reduction="mean"):
    return stable.cross_entropy(logits, targets, reduction=reduction), stable.cross_entropy_with_grad(
        logits, targets
    )[1]


def probabilities_as_if_certain(logits, targets):
    if np.ndim(targets) == 1:
        return stable.cross_entropy_with_grad(logits, targets)
    loss = stable.cross_entropy(logits, targets)
    return loss, stable.cross_entropy_with_grad(logits, targets.argmax(axis=-1))[1]


WRONG = {
    p_minus_one: "target_gradient_by_difference",
    through_where: "gradient_through_where",
    through_an_epsilon: "gradient_through_epsilon",
    through_a_clip: "gradient_through_clip",
    of_the_sum: "gradient_of_sum",
    masked_classes_spoil_it: "gradient: NaN came out where the truth is a number.",
    float16_inside: "gradient: A value was lost to 0",
    float16_rows_in_float16: "target_gradient_by_difference",
    target_not_subtracted: "gradient: The numbers are wrong",
    rows_do_not_add_up_to_0: "gradient: The numbers are wrong",
    ignored_rows_are_trained: "gradient_of_ignored_rows",
    ignored_rows_times_zero: "multiply_ignored_gradient_by_zero",
    total_weight_left_out: "gradient_without_total_weight",
    weights_not_in_the_gradient: "gradient: The numbers are wrong",
    divided_although_summed: "gradient: The numbers are wrong",
    probabilities_as_if_certain: "gradient: ",
}


@pytest.mark.parametrize("function", WRONG, ids=lambda f: f.__name__)
def test_a_wrong_gradient_is_refused(function):
    report = audit(function, KIND)
    failed = report.of(FAIL)
    assert failed, repr(report)
    assert all(f.why.startswith("gradient: ") for f in failed), repr(report)
    said = WRONG[function]
    assert report.mistakes[:1] == (said,) or any(said in f.why for f in failed), repr(report)


# What comes back need not be a pair.


def alone(logits, targets):
    return stable.cross_entropy(logits, targets)


def swapped(logits, targets):
    return stable.cross_entropy_with_grad(logits, targets)[::-1]


def three(logits, targets):
    return (*stable.cross_entropy_with_grad(logits, targets), "done")


def ragged(logits, targets):
    return [[1.0, 2.0], [3.0]]


def named(logits, targets):
    loss, gradient = stable.cross_entropy_with_grad(logits, targets)
    return {"loss": loss, "gradient": gradient}


def one_after_the_other(logits, targets):
    yield from stable.cross_entropy_with_grad(logits, targets)


def nothing(logits, targets):
    return None, None


def no_derivative(logits, targets):
    """What JAX answers for integers."""
    return stable.cross_entropy(logits, targets), np.zeros(np.shape(logits), [("float0", "V")])


SHAPES = {
    no_derivative: "gradient: It returned",
    alone: "It returned one value, where (loss, gradient) is right.",
    swapped: "loss: It returned the shape",
    three: "It returned a tuple of 3, where (loss, gradient) is right.",
    ragged: "loss: It returned",
    named: "It returned one value, where (loss, gradient) is right.",
    one_after_the_other: "It returned one value, where (loss, gradient) is right.",
    nothing: "It returned None.",
}


@pytest.mark.parametrize("function", SHAPES, ids=lambda f: f.__name__)
def test_whatever_comes_back_is_named(function):
    report = audit(function, KIND)
    assert any(SHAPES[function] in f.why for f in report.of(FAIL)), repr(report)


@pytest.mark.parametrize("kind", ["softmax", "log_softmax", "logsumexp", "cross_entropy"])
def test_a_pair_is_refused_where_one_array_is_right(kind):
    def both(logits, *rest, **options):
        return getattr(stable, kind)(logits, *rest, **options), np.ones((2, 2))

    assert any("It returned a tuple of 2" in f.why for f in audit(both, kind).of(FAIL))


# Right ones.


def loss_and_gradient_as_a_list(logits, targets):
    return list(stable.cross_entropy_with_grad(logits, targets))


def python_numbers(logits, targets):
    loss, gradient = stable.cross_entropy_with_grad(logits, targets)
    return (float(loss), gradient.tolist()) if np.asarray(logits).dtype == np.float64 else (loss, gradient)


def a_loss_for_each_row(logits, targets):
    return stable.cross_entropy_with_grad(logits, targets, reduction="none")


@pytest.mark.parametrize(
    "function", [loss_and_gradient_as_a_list, a_loss_for_each_row], ids=lambda f: f.__name__
)
def test_other_ways_to_return_a_pair_are_accepted(function):
    report = audit(function, KIND)
    assert report, repr(report)


def test_the_gradient_of_a_confident_target_is_what_sets_the_rooms_apart():
    report = audit(shifted.cross_entropy_with_grad)
    assert report.kind == KIND
    assert "target_gradient_by_difference" in report.mistakes
    assert not audit(naive.cross_entropy_with_grad)


def test_stable_passes_with_its_gradient():
    report = audit(stable.cross_entropy_with_grad)
    assert report, repr(report)
    assert not report.of(DECLARED) + report.of(NOT_RUN), repr(report)


# Autograd.


def test_torch_through_its_autograd():
    torch = pytest.importorskip("torch")
    report = audit(torch.nn.functional.cross_entropy, KIND, seconds=100)
    assert report.library == "torch"
    failed = {f.case for f in report.of(FAIL)}
    assert {"right by 18, float32", "right by 40, float64"} <= failed
    assert "right by 1, float32" not in failed
    assert "target_gradient_by_difference" in report.mistakes or "absorb_small_loss" in report.mistakes


def test_a_loss_of_torch_whose_gradient_is_broken_is_caught():
    torch = pytest.importorskip("torch")

    def loss(logits, targets):
        p = torch.softmax(logits, -1)[torch.arange(len(targets)), targets]
        return -torch.where(p > 0, torch.log(p), torch.zeros_like(p)).mean()

    report = audit(loss, KIND)
    assert any(f.why.startswith("gradient: NaN came out") for f in report.of(FAIL)), repr(report)


def test_jax_through_its_autograd():
    jax = pytest.importorskip("jax")

    def loss(logits, targets):
        return -jax.nn.log_softmax(logits)[jax.numpy.arange(len(targets)), targets].mean()

    report = audit(loss, KIND, seconds=100)
    assert report.library == "jax"
    assert "right by 18, float32" in {f.case for f in report.of(FAIL)}
    assert any(f.why.startswith("gradient: ") for f in report.of(FAIL))


def test_a_gradient_is_shown_beside_its_loss():
    report = audit(p_minus_one, KIND)
    finding = next(f for f in report.of(FAIL) if f.mistake)
    assert finding.came_out.startswith("loss ")
    assert "\ngradient [[" in finding.came_out
    assert finding.truth.startswith("loss ")


def test_every_narrow_format_has_a_gradient():
    judged = {f.case for f in audit(stable.cross_entropy_with_grad).findings}
    assert all(f"three rows of four, {name}" in judged for name in floats.FORMATS)
