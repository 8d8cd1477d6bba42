"""Running totals in narrow formats: where they stall, and what adding in pairs saves."""

import numpy as np
import pytest

from course_utils import accumulators, floats

STALLS = {"bfloat16": 256, "float16": 2048, "float8_e4m3fn": 16, "float8_e5m2": 8}


@pytest.mark.parametrize(("name", "stall"), STALLS.items())
def test_a_total_of_ones_stalls_where_its_neighbours_are_2_apart(name, stall):
    totals = accumulators.running(floats.store(np.ones(3 * stall), name))
    assert totals.dtype == floats.FORMATS[name].dtype
    assert [float(totals[n - 1]) for n in (stall - 1, stall, stall + 1, 3 * stall)] == [stall - 1] + 3 * [
        stall
    ]
    assert floats.spacing(stall, name) == 2


@pytest.mark.parametrize("order", accumulators.ORDERS)
def test_float64_counts_any_number_of_ones(order):
    for n in (1, 2, 3, 7, 100, 4097):
        assert float(accumulators.total(np.ones(n), order)) == n


def test_pairs_go_on_where_one_by_one_stalls():
    ones = floats.store(np.ones(2**17), "bfloat16")
    assert float(accumulators.pairs(ones)) == 2**17
    assert float(accumulators.running(ones)[-1]) == 256


def test_every_term_is_added_once_also_in_an_odd_row():
    for n in range(1, 40):
        terms = 2.0 ** np.arange(n)
        assert accumulators.pairs(terms) == 2.0**n - 1


def test_a_total_past_the_format_is_inf_or_nan_and_raises_no_warning():
    assert np.isinf(float(accumulators.pairs(floats.store(np.ones(65536), "float16"))))
    assert np.isnan(float(accumulators.pairs(floats.store(np.ones(512), "float8_e4m3fn"))))


def test_an_unknown_order_is_refused():
    with pytest.raises(KeyError):
        accumulators.total(np.ones(3), "backwards")


def test_the_terms_are_left_alone():
    terms = np.ones(5, np.float16)
    accumulators.pairs(terms)
    accumulators.running(terms)
    assert np.all(terms == 1)
