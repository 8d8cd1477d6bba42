"""The 8-bit softmax: as exact as its output can show, and what that output cannot say."""

import numpy as np
import pytest

from course_utils import integers, reference


@pytest.mark.parametrize("scale", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("size", [1, 2, 10, 300])
def test_a_code_is_the_truth_rounded_to_steps_of_256(scale, size):
    codes = np.random.default_rng(size).integers(-128, 128, (4, size)).astype(np.int8)
    truth = reference.softmax(codes.astype(np.float64) * scale)
    found = integers.softmax(codes, scale)
    assert found.dtype == np.int8
    np.testing.assert_array_equal(found, np.minimum(np.floor(256 * truth + 0.5), 255) - 128)
    assert np.abs(integers.dequantize(found) - truth).max() <= 1 / 256


def test_the_error_is_half_a_step_where_the_top_is_not_held():
    codes = np.random.default_rng(0).integers(-20, 20, (100, 10))
    truth = reference.softmax(0.05 * codes)
    assert truth.max() < 0.9
    assert np.abs(integers.dequantize(integers.softmax(codes, 0.05)) - truth).max() <= 1 / 512 + 1e-6


@pytest.mark.parametrize(
    ("size", "total"),
    [(10, 260), (100, 300), (170, 340), (171, 171), (511, 511), (512, 512), (513, 0), (5000, 0)],
)
def test_equal_codes_add_up_to_anything_but_256_steps(size, total):
    outputs = integers.softmax(np.zeros(size, np.int8), 0.1)
    assert round(256 * integers.dequantize(outputs).sum()) == total


def test_two_classes_are_told_apart_up_to_a_gap_of_ln_511():
    assert list(integers.softmax([62, 0], 0.1)) == [127, -127]  # 6.2, and ln 511 = 6.236
    for gap in (63, 127):
        assert list(integers.softmax([gap, 0], 0.1)) == [127, -128]


def test_shifting_all_codes_changes_nothing():
    codes = np.array([-100, -60, -99])
    for shift in (0, 40, 187):
        np.testing.assert_array_equal(integers.softmax(codes + shift, 0.05), integers.softmax(codes, 0.05))


def test_differences_of_int8_do_not_wrap():
    codes = np.array([100, -60, 0], np.int8)
    np.testing.assert_allclose(
        integers.dequantize(integers.softmax(codes, 0.02)), [0.850, 0.035, 0.115], atol=0.003
    )


def test_the_sum_of_the_table_fits_32_bits():
    for size in (1, 2, 512, 50_257):
        assert int(integers.exp_table(0.1, size)[0]) * size < 2**32


def test_reading_a_code_widens_first():
    assert list(integers.dequantize(np.array([-128, 0, 127], np.int8))) == [0, 0.5, 255 / 256]


def test_logits_beyond_the_codes_are_held_at_the_ends():
    assert list(integers.quantize([1e9, -1e9, 0.26], 0.1)) == [127, -128, 3]
