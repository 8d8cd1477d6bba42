"""The yardstick: known distances are measured as what they are."""

import mpmath
import numpy as np
import pytest

from course_utils import accuracy, floats


@pytest.mark.parametrize("fmt", floats.FORMATS.values(), ids=lambda fmt: fmt.name)
def test_a_neighbour_is_one_ulp_away(fmt):
    one = floats.store([1.0], fmt)
    assert accuracy.worst_ulps(one, [1.0]) == 0
    assert accuracy.worst_ulps(floats.store([floats.neighbour(1.0, fmt)], fmt), [1.0]) == 1


def test_half_an_ulp_is_seen_although_the_float_difference_is_zero():
    with mpmath.workdps(60):
        truth = [mpmath.mpf(1) + mpmath.mpf(2) ** -54]
    assert accuracy.worst_ulps(np.array([1.0]), truth) == 0.25


def test_the_same_special_value_is_right_any_other_is_infinitely_wrong():
    assert list(accuracy.ulps([np.nan, np.inf, -np.inf], [np.nan, np.inf, -np.inf])) == [0, 0, 0]
    assert list(accuracy.ulps([np.nan, np.inf, 1.0], [1.0, 1.0, np.inf])) == [np.inf] * 3


def test_a_truth_beyond_the_format_is_matched_by_what_the_format_stores():
    assert accuracy.worst_ulps(np.array([np.inf], np.float16), [1e6]) == 0
    assert accuracy.worst_ulps(floats.store([np.nan], "float8_e4m3fn"), [1e6]) == 0


def test_failures_are_named():
    truth = [0.25, 0.75]
    for computed, name in {
        (0.25, 0.75): "right",
        (0.26, 0.74): "inaccurate",
        (0.0, 1.0): "zero",
        (np.inf, 0.75): "inf",
        (np.nan, 0.0): "NaN",
    }.items():
        assert accuracy.failure(np.array(computed), truth) == name


def test_relative_error():
    assert list(accuracy.relative_error([1.1, 0.0, np.inf], [1.0, 0.0, np.inf])) == [pytest.approx(0.1), 0, 0]
    assert np.isnan(accuracy.relative_error([np.nan], [1.0])[0])


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        accuracy.ulps(np.zeros(2), np.zeros(3))


def test_nothing_has_no_error():
    assert accuracy.worst_ulps(np.zeros(0), np.zeros(0)) == 0
