"""Drawing: what must never be drawn, what must not be lost, and what a temperature of 0 means."""

import numpy as np
import pytest

from course_utils import sampling, stable

INF, NAN = np.inf, np.nan
LAST = 1 - 2.0**-53  # the largest number that a generator of float64 returns


class Scripted(np.random.Generator):
    """A generator whose Gumbel noise is as written."""

    def __init__(self, noise):
        super().__init__(np.random.PCG64())
        self.noise = np.array(noise)

    def gumbel(self, size):
        return self.noise.reshape(size)


def test_a_masked_class_is_never_drawn_not_even_at_the_ends():
    for u in (0.0, 0.5, LAST):
        assert sampling.draw([-INF, 0, 0, -INF], u) in (1, 2)
    assert sampling.gumbel_argmax([-INF, 0.0], Scripted([36.7, -3.6])) == 1
    assert set(sampling.gumbel_argmax(np.tile([0, -INF], (500, 1)), np.random.default_rng(0))) == {0}


def test_the_largest_u_draws_the_last_class_that_has_a_probability():
    for classes in (3, 10, 12, 1000):
        assert sampling.draw(np.zeros(classes, np.float32), LAST) == classes - 1
        assert sampling.draw(np.append(np.zeros(classes), -INF), LAST) == classes - 1


def test_no_class_is_lost_to_a_sum_that_runs_past_1():
    """float32, added one after the other, ends at 1.001: the last 98 of 100,000 classes are out of reach."""
    assert sampling.draw(np.zeros(100_000, np.float32), 0.9995) == 99_950


def test_a_thousand_draws_follow_the_probabilities():
    random, z = np.random.default_rng(1), np.array([2.0, 1, 0, -INF])
    p = stable.softmax(z)
    for drawn in (
        sampling.draw(z, random.random(20_000)),
        sampling.gumbel_argmax(np.tile(z, (20_000, 1)), random),
    ):
        share = np.bincount(drawn, minlength=4) / 20_000
        assert np.all(np.abs(share - p) <= 5 * np.sqrt(p * (1 - p) / 20_000))


def test_noise_of_float64_lets_a_rare_class_win():
    noise = np.full(3, 0.0)
    noise[2] = 25  # beyond the 16.64 at which float32 noise ends
    assert sampling.gumbel_argmax(np.float32([24, 0, 0]), Scripted(noise)) == 2


def test_a_draw_knows_its_axis():
    z = np.array([[0.0, -INF, 5], [-INF, 0, 5]])
    assert sampling.gumbel_argmax(z, np.random.default_rng(0), axis=0)[:2].tolist() == [0, 1]
    assert sampling.gumbel_argmax(z, np.random.default_rng(0)).shape == (2,)


@pytest.mark.parametrize("row", [[-INF, -INF], [INF, 0], [NAN, 0], []])
def test_a_row_without_a_distribution_is_refused(row):
    with pytest.raises(ValueError, match="distribution"):
        sampling.draw(row, 0.5)
    with pytest.raises(ValueError, match="distribution"):
        sampling.gumbel_argmax(row, np.random.default_rng(0))


@pytest.mark.parametrize("u", [1.0, -1e-9, NAN])
def test_u_outside_its_interval_is_refused(u):
    with pytest.raises(ValueError, match="u must"):
        sampling.draw([0.0, 1], u)


def test_one_row_at_a_time():
    with pytest.raises(ValueError, match="one row"):
        sampling.draw([[0.0, 1]], 0.5)


def test_temperature_0_is_a_limit_that_ties_share():
    assert sampling.tempered([2.0, 1, 2], 0).tolist() == [0, -INF, 0]
    assert stable.softmax(sampling.tempered([2.0, 1, 2], 0)).tolist() == [0.5, 0, 0.5]
    np.testing.assert_allclose(sampling.tempered(np.float16([2, 1, 0]), 1e-300), [0, -1e300, -2e300])
    assert sampling.tempered([[1.0, -INF], [3, 5]], 2.0).tolist() == [[0, -INF], [-1, 0]]
    for wrong in (-1, NAN, INF):
        with pytest.raises(ValueError, match="temperature"):
            sampling.tempered([0.0, 1], wrong)


def test_top_p_of_1_keeps_every_class():
    z = np.random.default_rng(2).normal(0, 3, (4, 5000)).astype(np.float32)
    assert np.array_equal(sampling.top_p(z, 1.0), z)
    assert np.array_equal(sampling.top_p([0.0, -800, -INF], 1.0), [0, -800, -INF])


def test_top_p_keeps_the_smallest_set_and_never_nothing():
    z = np.log([0.5, 0.3, 0.15, 0.05])
    for mass, count in ((1e-9, 1), (0.49, 1), (0.51, 2), (0.79, 2), (0.81, 3), (0.96, 4)):
        assert np.isfinite(sampling.top_p(z[::-1], mass)).sum() == count
    assert sampling.top_p([0.0, 0, 0, 0], 0.4).tolist() == [0, 0, -INF, -INF]
    with pytest.raises(ValueError, match="mass"):
        sampling.top_p(z, 0)
