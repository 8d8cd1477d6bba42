"""W10: the counts are those that the counted loops give, and the slower of memory and exp decides."""

import math

import numpy as np
import pytest

from course_utils import costs
from course_utils.exercises.lesson_09 import counts
from course_utils.explorers import bill


def start(**changes):
    return {name: control.value for name, control in bill.CONTROLS.items()} | changes


def safe_in_loops(z, p):
    largest = max(z[i] for i in range(len(z)))
    total = sum(math.exp(z[i] - largest) for i in range(len(z)))
    for i in range(len(z)):
        p[i] = math.exp(z[i] - largest) / total


def test_the_bill_is_what_the_counted_code_pays():
    counted = costs.count(safe_in_loops, np.zeros(8))[1]
    assert bill.BILL["safe"][bill.LOOPS][0] == counted
    passes = costs.count(counts.one_operation_at_a_time, np.zeros(8))[1]
    assert bill.BILL["safe"][bill.PASSES][0] == passes
    assert bill.BILL["loss alone"][bill.LOOPS][0] == costs.count(counts.only_the_log_sum, np.zeros(8))[1]


@pytest.mark.parametrize(("code", "tax"), [(bill.LOOPS, 1 / 3), (bill.PASSES, 3 / 5)])
def test_where_memory_decides_the_tax_is_the_share_of_accesses(code, tax):
    seen = bill.observe(start(bandwidth=0.5, rate=10.0, code=code))
    assert seen.tax == pytest.approx(tax)
    assert {item.waits_for for item in seen.items} == {"memory"}


def test_where_exp_decides_safety_is_free():
    seen = bill.observe(start(bandwidth=200.0, rate=0.1))
    assert seen.tax == 0
    assert "costs nothing more" in bill.describe(seen)
