"""The classic cure: silent and finite where the textbook broke, and its known limits."""

import numpy as np
import pytest

from course_utils import accuracy, floats, reference, shifted

BATCH = np.array([[2, 1, 0.1], [1000, 1, -1000], [3, 2, 1]])
TARGETS = np.array([0, 2, 1])


@pytest.mark.parametrize("fmt", floats.FORMATS.values(), ids=lambda fmt: fmt.name)
def test_the_largest_values_of_every_format_do_no_harm(fmt):
    z = floats.store([fmt.max, fmt.max, 0, 1], fmt)
    assert list(shifted.softmax(z).astype(float)) == [0.5, 0.5, 0, 0]


def test_the_failing_batch_has_a_finite_loss_and_gradient():
    loss, gradient = shifted.cross_entropy_with_grad(BATCH, TARGETS)
    true_loss, true_gradient = reference.cross_entropy_with_grad(BATCH, TARGETS)
    assert np.isclose(loss, true_loss, rtol=1e-15)
    assert np.allclose(gradient, true_gradient, rtol=1e-14, atol=1e-300)
    assert shifted.cross_entropy(BATCH, TARGETS) == loss


def test_shift_invariance_where_the_sum_is_exact():
    z = np.array([3.0, 1.0, -2.0])
    for offset in (-1000.0, 64.0, 2.0**40):
        assert np.array_equal(shifted.softmax(z), shifted.softmax(z + offset))


def test_axis_and_keepdims():
    z = np.random.default_rng(0).normal(0, 50, (3, 4, 5))
    for axis in (0, 1, -1):
        assert np.allclose(shifted.softmax(z, axis), reference.softmax(z, axis), rtol=1e-13)
        assert np.allclose(
            shifted.log_softmax(z, axis), reference.log_softmax(z, axis), rtol=1e-13, atol=1e-13
        )
        assert np.allclose(shifted.logsumexp(z, axis), reference.logsumexp(z, axis), rtol=1e-14)


def test_masked_entries_are_zero_and_a_fully_masked_row_is_nan():
    assert list(shifted.softmax(np.array([-np.inf, 0.0]))) == [0, 1]
    with np.errstate(invalid="ignore"):
        assert np.isnan(shifted.softmax(np.full(2, -np.inf))).all()


def test_bad_rows_leave_the_others_alone():
    with np.errstate(invalid="ignore"):
        p = shifted.softmax(np.array([[np.nan, 1], [np.inf, 1], [5, 5]]))
    assert np.isnan(p[:2]).all()
    assert list(p[2]) == [0.5, 0.5]


def test_shift_first_keeps_the_loss_of_huge_equal_logits():
    z = np.array([1e8, 1e8], np.float32)
    assert shifted.log_softmax(z)[0] == np.float32(-np.log(2))


def test_the_confident_class_loses_every_digit():
    z = np.array([0.0, -40.0])
    assert shifted.log_softmax(z)[0] == 0
    assert reference.log_softmax(z)[0] == -4.248354255291589e-18


def test_the_shift_itself_costs_accuracy_on_wide_rows():
    z = np.random.default_rng(0).uniform(-300, 300, 100)
    assert accuracy.worst_ulps(shifted.softmax(z), reference.softmax(z, dtype=object)) > 64


def test_one_element_is_certain():
    assert shifted.softmax(np.array([-1e300])) == 1
    assert shifted.log_softmax(np.array([-1e300])) == 0
