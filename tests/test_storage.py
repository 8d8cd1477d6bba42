"""Probabilities in few bits: what each way keeps, and where it ends."""

import ml_dtypes
import numpy as np
import pytest

from course_utils import stable, storage

P = stable.softmax(np.random.default_rng(0).normal(size=(3, 1024)))


def misplaced(way, p=P):
    return float(np.abs(storage.WAYS[way](p) - p).sum(axis=-1).max() / 2)


@pytest.mark.parametrize("way", storage.WAYS)
def test_a_way_keeps_shape_and_returns_float64_probabilities(way):
    found = storage.WAYS[way](P)
    assert found.shape == P.shape
    assert found.dtype == np.float64
    assert np.all((found >= 0) & (found <= 1.05))


@pytest.mark.parametrize("way", storage.WAYS)
def test_0_and_1_come_back_nearly(way):
    ends = np.zeros(32)
    ends[3] = 1
    found = storage.WAYS[way](ends)
    assert 0.99 <= found[3] <= 1
    assert np.all(np.delete(found, 3) <= 1.3e-7)


def test_the_ways_differ_by_a_factor_of_forty():
    assert misplaced("int8, steps of 1/256") > 0.3
    assert misplaced("float8_e4m3fn") > 0.2
    assert misplaced("float8_e4m3fn of 256 p") < 0.013
    assert misplaced("int8 of log p, steps of 1/16") < 0.0085
    assert 0.04 < misplaced("float4, a power of 2 for each 32") < 0.12


def test_log_p_is_kept_to_3_percent_for_all_p_above_a_ten_millionth():
    p = np.geomspace(1.2e-7, 1, 5000)
    assert np.max(np.abs(storage.steps_of_log_p(p) / p - 1)) <= 0.0318


def test_float4_is_the_format_that_ml_dtypes_has():
    patterns = np.arange(8, dtype=np.uint8).view(ml_dtypes.float4_e2m1fn)
    np.testing.assert_array_equal(patterns.astype(np.float64), storage.FLOAT4)


def test_float4_alone_has_three_probabilities():
    p = np.linspace(0, 1, 1001)
    np.testing.assert_array_equal(np.unique(storage.float4(p)), [0, 0.5, 1])
    np.testing.assert_array_equal(storage.float4(p), p.astype(ml_dtypes.float4_e2m1fn).astype(np.float64))
    assert misplaced("float4: 0, 1/2 or 1") == pytest.approx(0.5)


def test_a_block_keeps_its_largest_number_within_the_format():
    p = np.full(64, 0.001)
    p[0], p[40] = 0.99, 2e-30
    found = storage.blocks_of_float4(p)
    assert found[0] == 1.0
    assert np.all(found[32:40] == pytest.approx(0.001, rel=0.15))
    assert np.all(found[1:32] == 0)


def test_a_row_of_zeros_stays_0():
    assert not storage.blocks_of_float4(np.zeros(32)).any()


def test_a_row_that_is_no_multiple_of_32_is_refused():
    with pytest.raises(ValueError, match="multiple of 32; it has 33"):
        storage.blocks_of_float4(np.ones(33))
