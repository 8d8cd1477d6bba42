"""Recorded experiments: a fresh, small run must say what the record says."""

import numpy as np
import pytest

from course_utils import floats, shifted
from course_utils.training import addition, repairs, survival

RECORDED = survival.stored()
RUNS = addition.stored()


def test_the_record_holds_every_recipe_and_every_repair():
    assert list(RECORDED) == list(repairs.RECIPES) == list(survival.STEPS)
    for recipe, found in RECORDED.items():
        assert list(found) == list(repairs.REPAIRS)
        for one in found.values():
            assert len(one.died) == len(one.accuracy) == survival.SEEDS
            assert all(0 < step <= survival.STEPS[recipe] for step in one.deaths)


def test_naive_runs_die_late_and_the_same_seeds_live_with_the_stable_loss():
    for recipe, earliest in (("Adam", 300), ("momentum", 100)):
        naive, stable = (RECORDED[recipe][name] for name in ("no repair", "stable loss"))
        assert naive.alive <= 3
        assert naive.deaths[0] > earliest
        assert stable.alive == survival.SEEDS
        assert stable.median_accuracy > 0.95


@pytest.mark.parametrize("recipe", repairs.RECIPES)
@pytest.mark.parametrize(
    "repair", ["no repair", "clip each gradient to 1", "log(p + 1e-7)", "skip bad steps", "stable loss"]
)
def test_two_fresh_seeds_agree_with_the_record(recipe, repair):
    """Matrix products differ between processors, so the fate of one seed may; that of the group may not."""
    fresh, recorded = survival.measure(recipe, repair, seeds=range(2)), RECORDED[recipe][repair]
    if recorded.alive == survival.SEEDS:
        assert fresh.alive == 2
        assert abs(fresh.median_accuracy - recorded.median_accuracy) < 0.25
    elif recorded.alive <= 2:
        assert fresh.alive <= 1
        assert all(step > 0.3 * recorded.deaths[0] for step in fresh.deaths)


def test_the_curve_counts_those_alive_after_each_step():
    one = survival.Survival([3, None, 5, None], [0, 0.9, 0, 0.8])
    assert one.curve(6).tolist() == [4, 4, 3, 3, 2, 2]
    assert (one.alive, one.deaths, one.median_accuracy) == (2, [3, 5], 0.4)


@pytest.mark.parametrize(("name", "way"), [("float32", "float32, p - 1"), ("float64", "float64, p - 1")])
def test_margins_stop_at_the_log_of_one_over_the_roundoff(name, way):
    end = np.log(2 / floats.FORMATS[name].eps)
    final = np.median([np.mean(one.margin[-10:]) for one in RUNS[way]])
    assert abs(final - end) < 2
    assert max(max(one.margin) for one in RUNS[way]) < end + 6


def test_with_the_target_left_out_the_margin_and_the_accuracy_go_on():
    left_out, by_difference = RUNS["float32, target left out"], RUNS["float32, p - 1"]
    assert min(one.margin[-1] for one in left_out) > 40
    assert min(one.accuracy[-1] for one in left_out) > max(one.accuracy[-1] for one in by_difference)


def test_with_the_usual_epsilon_of_adam_the_gain_is_gone():
    left_out = RUNS["float32, target left out, eps 1e-8"]
    assert max(one.margin[-1] for one in left_out) < 30


def test_a_fresh_run_of_addition_agrees_with_the_record():
    steps = 4 * addition.EVERY
    fresh, recorded = addition.learn("float32, p - 1", 0, steps), RUNS["float32, p - 1"][0]
    assert np.allclose(fresh.margin, recorded.margin[:4], atol=0.5)
    assert np.allclose(fresh.accuracy, recorded.accuracy[:4], atol=0.05)


@pytest.mark.parametrize("name", floats.FORMATS)
def test_softmax_collapses_at_the_margin_of_prieto_et_al(name):
    """ln(1/u), or the nearest margin above it that the format can store and tell apart."""
    fmt = floats.FORMATS[name]
    end = np.log(2 / fmt.eps)
    ahead = np.unique(floats.store(np.arange(0, 40, 1 / 256), fmt))
    p = shifted.softmax(np.stack([ahead, np.zeros_like(ahead)], axis=-1))[:, 0]
    first = float(ahead[np.argmax(p == 1)])
    assert np.all(p[ahead.astype(float) >= first] == 1)
    assert abs(first - end) <= max(float(floats.spacing(end, fmt)), 1 / 256)
