"""What the room of costs promises: counts that are exact, times that are ratios, peaks that are seen."""

import math
import time

import numpy as np

from course_utils import costs


def textbook(z, p):
    total = 0.0
    for i in range(len(z)):
        total += math.exp(z[i])
    for i in range(len(z)):
        p[i] = math.exp(z[i]) / total


def test_the_textbook_formula_touches_each_number_three_times():
    values, accesses = costs.count(textbook, [0.0, 0.0, 0.0, 0.0])
    assert values == [0.25] * 4
    assert accesses == 3


def test_a_slower_contender_is_measured_as_slower():
    times = costs.race({"one": lambda: time.sleep(0.002), "four": lambda: time.sleep(0.008)}, seconds=0.1)
    assert 1.5 < times["four"] / times["one"] < 8


def test_each_contender_runs_even_where_there_is_no_time(capsys):
    assert set(costs.race({"a": lambda z: z + 1, "b": lambda z: z}, np.zeros(3), seconds=0, words="bar")) == {
        "a",
        "b",
    }
    assert "[####################]" in capsys.readouterr().out


def test_a_peak_is_seen_although_it_is_gone_afterwards():
    assert 8e6 <= costs.peak_bytes(lambda: np.zeros(1_000_000).sum()) < 8.2e6
    assert costs.peak_bytes(lambda: None) < 1e4
