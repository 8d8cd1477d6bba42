"""Temperature: from a coin toss to a sure winner, and where dividing by a small T breaks the textbook."""

import numpy as np
import pytest

from course_utils import figures
from course_utils.explorers import temperature
from course_utils.floats import FORMATS

START = {name: control.value for name, control in temperature.CONTROLS.items()}


def seen_at(**state):
    return temperature.observe(START | state)


def test_a_hot_softmax_is_even_and_a_cold_one_takes_all():
    np.testing.assert_allclose(seen_at(temperature=1000.0).p, 0.2, atol=0.001)
    np.testing.assert_allclose(seen_at(temperature=0.05).p, [1, 0, 0, 0, 0], atol=1e-8)
    assert "The winner takes all" in temperature.describe(seen_at(temperature=0.05))
    assert "2 classes share all" in temperature.describe(seen_at(temperature=0.05, scores="two ahead"))


def test_the_ratio_is_e_to_the_difference_over_t():
    seen = seen_at(temperature=2.0)
    assert seen.p[0] / seen.p[1] == pytest.approx(np.exp(0.5), rel=1e-6)


def test_a_small_temperature_makes_the_textbook_overflow():
    assert "1 of 5 p is NaN" in temperature.describe(seen_at(temperature=0.02))
    assert "1 of 5 p is NaN" in temperature.describe(seen_at(temperature=0.1, format="float16"))
    assert np.isfinite(seen_at(temperature=0.1).p).all()


@pytest.mark.parametrize("scores", temperature.SCORES)
@pytest.mark.parametrize("fmt", FORMATS)
def test_every_corner_can_be_said(fmt, scores):
    for t in (1e-6, 0.02, 0.05, 0.09, 0.18, 0.5, 1.0, 5.0, 1e6):
        figures.check_alt(temperature.describe(seen_at(temperature=t, format=fmt, scores=scores)))


def test_the_goal_is_not_reached_by_a_button():
    explorer = temperature.explore()
    for values in explorer.presets.values():
        explorer.from_state(values)
    assert "Reached" not in explorer._goal.value
    explorer.from_state({"temperature": 0.42, "format": "float32", "scores": "clear"})
    assert "Reached" in explorer._goal.value


def test_the_box_takes_no_temperature_of_0():
    explorer = temperature.explore()
    explorer._controls["temperature"].exact.value = -3.0
    assert explorer.state()["temperature"] == 1e-6
    assert explorer._controls["temperature"].exact.value == 1e-6
