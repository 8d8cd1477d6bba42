"""The oracle is checked against closed forms and against itself at other precisions."""

import math

import mpmath
import numpy as np
import pytest

from course_utils import accuracy, floats, reference


def test_softmax_of_ties_is_one_over_n_correctly_rounded():
    for n in (2, 3, 7, 10):
        assert np.all(reference.softmax(np.full(n, 1e300)) == 1 / n)


def test_two_logits_give_the_logistic_function():
    for gap in (1e-8, 1.0, 36.0, 700.0):
        with mpmath.workdps(80):
            truth = 1 / (1 + mpmath.exp(mpmath.mpf(gap)))
        assert accuracy.worst_ulps(reference.softmax([gap, 0.0])[1:], [truth]) <= 0.5


def test_logsumexp_keeps_the_tiny_term_that_floats_absorb():
    assert reference.logsumexp([0.0, -40.0]) == 4.248354255291589e-18
    assert reference.logsumexp([0.0, -700.0]) == math.exp(-700.0)


def test_log_softmax_of_the_far_class_is_finite():
    assert list(reference.log_softmax([0.0, -800.0])) == [0.0, -800.0]


def test_nothing_but_minus_infinity_has_no_distribution():
    empty = np.full(3, -np.inf)
    assert np.all(np.isnan(reference.softmax(empty)))
    assert np.all(np.isnan(reference.log_softmax(empty)))
    assert reference.logsumexp(empty) == -np.inf


def test_special_values():
    assert np.all(np.isnan(reference.softmax([np.inf, 1.0])))
    assert reference.logsumexp([np.inf, 1.0]) == np.inf
    assert np.isnan(reference.logsumexp([np.nan, np.inf]))
    assert list(reference.softmax([-np.inf, 0.0])) == [0.0, 1.0]
    assert reference.softmax(np.zeros((0, 3))).shape == (0, 3)
    assert np.all(reference.logsumexp(np.zeros((2, 0))) == -np.inf)
    assert reference.softmax(3.0, axis=None) == 1.0


def test_axes_are_those_of_numpy():
    z = np.arange(24.0).reshape(2, 3, 4)
    for axis in (0, 1, -1, (0, 2), None):
        assert np.allclose(reference.softmax(z, axis=axis).sum(axis=axis), 1, rtol=1e-15)
        assert reference.logsumexp(z, axis=axis).shape == z.sum(axis=axis).shape
    with pytest.raises(np.exceptions.AxisError):
        reference.softmax(z, axis=3)


def test_more_digits_change_nothing(monkeypatch):
    z = np.random.default_rng(0).normal(0, 200, (5, 9))
    before = reference.softmax(z), reference.log_softmax(z), reference.logsumexp(z)
    monkeypatch.setattr(reference, "DIGITS", 200)
    for old, new in zip(
        before, (reference.softmax(z), reference.log_softmax(z), reference.logsumexp(z)), strict=True
    ):
        assert np.array_equal(old, new)


def test_signed_weights_cancel_exactly():
    assert reference.logsumexp([800.0, 800.0, 1.0], b=[1, -1, 1]) == 1.0
    assert reference.logsumexp([3.0, 3.0], b=[1, -1]) == -np.inf
    assert reference.logsumexp([np.inf, 1.0], b=[0, 1]) == 1.0


def test_gradient_is_softmax_minus_one_hot_and_keeps_the_confident_entry():
    loss, gradient = reference.cross_entropy_with_grad([[20.0, 0.0]], [0])
    assert loss == 2.061153620314381e-09
    assert gradient[0, 0] == -gradient[0, 1] == -2.0611536181902037e-09


def test_gradient_agrees_with_a_central_difference_in_mpmath():
    z = np.array([[0.3, -1.2, 2.5]])
    options = {"weight": [0.5, 2.0, 1.0], "label_smoothing": 0.1, "reduction": "sum"}
    _, gradient = reference.cross_entropy_with_grad(z, [2], object, **options)
    step = 2.0**-20  # exact in float64, so both shifted inputs are stored as meant
    for j in range(3):
        moved = [z.copy(), z.copy()]
        moved[0][0, j] += step
        moved[1][0, j] -= step
        high, low = (reference.cross_entropy(m, [2], object, **options) for m in moved)
        with mpmath.workdps(60):
            assert abs((high - low) / (2 * mpmath.mpf(step)) - gradient[0, j]) < 1e-11


def test_ignored_rows_leak_nothing():
    z = np.array([[1.0, 2.0], [-np.inf, -np.inf]])
    loss, gradient = reference.cross_entropy_with_grad(z, [0, -100], ignore_index=-100)
    assert loss == reference.cross_entropy(z[:1], [0])
    assert np.all(gradient[1] == 0)
    assert np.isnan(reference.cross_entropy(z, [-100, -100], ignore_index=-100))


def test_soft_targets_count_zero_times_minus_infinity_as_nothing():
    assert reference.cross_entropy([[0.0, -np.inf]], [[1.0, 0.0]]) == 0
    assert reference.cross_entropy([[0.0, -np.inf]], [[0.5, 0.5]]) == np.inf


@pytest.mark.parametrize("fmt", floats.FORMATS.values(), ids=lambda fmt: fmt.name)
def test_rounding_is_to_nearest_in_every_format(fmt):
    truth = reference.softmax([1.0, 0.0, -1.0, -5.5], dtype=object)
    assert accuracy.worst_ulps(reference.rounded(truth, fmt), truth) <= 0.5
    with mpmath.workdps(80):
        tie = mpmath.mpf(1) + mpmath.mpf(fmt.eps) / 2
        assert float(reference.rounded(tie, fmt)) == 1.0
        assert float(reference.rounded(tie + mpmath.mpf(10) ** -50, fmt)) == 1.0 + fmt.eps


def test_exp_and_log_at_the_edges():
    assert reference.exp(-745.0) == 5e-324
    assert reference.exp(-745.2) == 0
    assert reference.exp(709.79) == np.inf
    assert reference.log(0.0) == -np.inf
    assert np.isnan(reference.log(-1.0))
    assert np.array_equal(reference.exp([0.0, -np.inf]), [1.0, 0.0])
