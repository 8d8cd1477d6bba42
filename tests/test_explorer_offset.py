"""W3, slide the whole row: what is seen and said at the cliffs, at the ends and far away."""

import numpy as np
import pytest

from course_utils.explorers import offset
from course_utils.floats import FORMATS

START = {name: control.value for name, control in offset.CONTROLS.items()}


def seen_at(**state):
    return offset.observe({**START, **state})


@pytest.mark.parametrize(
    ("c", "p", "said"),
    [
        (-90.0, 0.731059, "off by"),
        (-100.0, 0.729730, "off by 0.18 %"),
        (-102.0, 0.8, "off by 9.4 %. exp(c) is made of 4"),
        (-103.0, 1.0, "off by 37 %. exp(c) is made of 1"),
    ],
)
def test_the_staircase_in_float32_is_finite_and_wrong(c, p, said):
    seen = seen_at(offset=c)
    assert float(seen.p[0]) == pytest.approx(p, rel=1e-5)
    assert said in offset.describe(seen)
    assert seen.regime == "subnormal"


def test_both_ends_of_float32_are_nan_and_each_says_why():
    assert "0 / 0 is NaN" in offset.describe(seen_at(offset=-104.0))
    assert "inf / inf is NaN" in offset.describe(seen_at(offset=88.73))


def test_the_shift_is_flat_over_both_cliffs():
    for fmt in FORMATS.values():
        sweep = offset.sweep_of(0.0, fmt.name, "shifted", "both ends")
        assert set(sweep.states) == {"ok"}
        assert np.all(sweep.p.astype(float) == 0.5)


def test_the_shift_cannot_restore_what_storage_lost():
    lost = seen_at(offset=257.0, format="bfloat16", method="shifted", reach="far away")
    assert list(lost.p.astype(float)) == [0.5, 0.5]
    assert "2 apart here: the gap was lost" in offset.describe(lost)
    million, hundred = (seen_at(offset=c, method="shifted", reach="far away") for c in (1e6, 1e8))
    assert million.error < 1e-6
    assert float(hundred.p[0]) == 0.5


def test_shifted_before_it_is_stored_keeps_the_gap():
    seen = seen_at(offset=1e8, method="shifted before it is stored", reach="far away")
    assert seen.error < 1e-6
    assert not seen.rounded_away


@pytest.mark.parametrize("fmt", FORMATS.values(), ids=lambda fmt: fmt.name)
def test_presets_stand_at_the_cliffs_of_every_format(fmt):
    state = {**START, "format": fmt.name}
    bad = offset.observe(offset.PRESETS["first bad"](state))
    gone = offset.observe(offset.PRESETS["all gone"](state))
    good = offset.observe(offset.PRESETS["last good"](state))
    assert (bad.regime, gone.regime) == ("NaN", "NaN")
    assert good.regime == "ok"


@pytest.mark.parametrize("method", offset.METHODS)
@pytest.mark.parametrize("reach", offset.REACH)
@pytest.mark.parametrize("fmt", FORMATS)
def test_every_corner_of_the_sliders_can_be_seen_and_said(fmt, reach, method):
    for gap in (0.0, 5.0):
        low, high, _ = offset._span({"format": fmt, "reach": reach, "gap": gap})
        for c in (low, 0.0, high):
            seen = seen_at(offset=c, gap=gap, format=fmt, reach=reach, method=method)
            assert 40 <= len(offset.describe(seen)) <= 250
            assert {row["class"] for row in offset.table(seen)} == {"1", "2"}


def test_the_goal_is_the_last_step_before_nan():
    explorer = offset.explore(offset=-103.0)
    assert "37 %" in explorer.sentence
    assert explorer._reached(seen_at(offset=-103.0))
    assert not explorer._reached(seen_at(offset=-102.0))
    assert not explorer._reached(seen_at(offset=-104.0))
