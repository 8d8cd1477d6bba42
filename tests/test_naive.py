"""The textbook formulas must fail where the course says they fail."""

import numpy as np
import pytest

from course_utils import accuracy, floats, naive, reference


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"):
        yield


def bad(values):
    return bool(np.any(~np.isfinite(values)))


@pytest.mark.parametrize("fmt", floats.FORMATS.values(), ids=lambda fmt: fmt.name)
def test_softmax_overflows_at_the_first_bad_exponent_of_every_format(fmt):
    assert bad(naive.softmax(floats.store([fmt.exp_first_bad, 0, 0], fmt)).astype(float))
    assert not bad(naive.softmax(floats.store([fmt.exp_last_finite, -20, -20], fmt)).astype(float))


@pytest.mark.parametrize("fmt", floats.FORMATS.values(), ids=lambda fmt: fmt.name)
def test_softmax_is_zero_over_zero_far_below(fmt):
    assert bad(naive.softmax(floats.store([fmt.exp_first_zero, fmt.exp_first_zero], fmt)).astype(float))


def test_a_large_logit_gives_nan_and_warns():
    with np.errstate(over="warn"), pytest.warns(RuntimeWarning, match="overflow"):
        p = naive.softmax(np.array([1000.0, 1.0, -1000.0]))
    assert np.isnan(p[0])
    assert list(p[1:]) == [0, 0]


def test_the_all_zeros_zone_of_float16_holds_no_nan():
    z = floats.store(np.array([1, 0.9, 0, -1]) * 10.9, "float16")
    assert list(naive.softmax(z)) == [0, 0, 0, 0]


def test_the_sum_overflows_before_any_term_does():
    z = np.full(50257, 77.9, np.float32)
    assert np.isfinite(np.exp(z)).all()
    assert list(np.unique(naive.softmax(z))) == [0]
    assert accuracy.failure(naive.softmax(z[:2] - 1), reference.softmax(z[:2] - 1, dtype=object)) == "right"


@pytest.mark.parametrize(("offset", "error"), [(-90, 1e-6), (-100, 0.0019), (-102, 0.095), (-103, 0.38)])
def test_the_subnormal_staircase_is_finite_sums_to_one_and_is_wrong(offset, error):
    z = np.array([offset, offset - 1], np.float32)
    p = naive.softmax(z)
    wrong = accuracy.relative_error(p, reference.softmax(z, dtype=object))[0]
    assert error / 10 < wrong < error
    assert abs(p.sum() - 1) < 1e-6


def test_log_of_a_lost_probability_is_minus_infinity():
    assert naive.log_softmax(np.float32([0, -104]))[1] == -np.inf
    assert naive.logsumexp(np.array([-1000.0, -1001.0])) == -np.inf
    assert naive.logsumexp(np.array([1000.0, 0.0])) == np.inf


def test_the_failing_batch_has_no_finite_loss_and_nan_gradients():
    z = np.array([[2, 1, 0.1], [1000, 1, -1000], [3, 2, 1]])
    loss, gradient = naive.cross_entropy_with_grad(z, np.array([0, 2, 1]))
    assert not np.isfinite(loss)
    assert not np.isfinite(naive.cross_entropy(z, np.array([0, 2, 1])))
    assert np.isnan(gradient[1]).any()
    assert np.isfinite(gradient[[0, 2]]).all()


def test_in_the_safe_range_the_textbook_is_right():
    z = np.random.default_rng(1).normal(size=(4, 7))
    y = np.array([0, 6, 3, 2])
    assert accuracy.worst_ulps(naive.softmax(z), reference.softmax(z, dtype=object)) <= 6
    assert accuracy.worst_ulps(naive.softmax(z, axis=0), reference.softmax(z, axis=0, dtype=object)) <= 6
    loss, gradient = naive.cross_entropy_with_grad(z, y)
    true_loss, true_gradient = reference.cross_entropy_with_grad(z, y)
    assert np.isclose(loss, true_loss, rtol=1e-14)
    assert np.allclose(gradient, true_gradient, rtol=1e-12)
