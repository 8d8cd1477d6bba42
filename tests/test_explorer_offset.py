"""W3, slide the whole row: what is seen and said at the cliffs, at the ends and far away."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from course_utils import figures, pipeline
from course_utils.explorers import offset
from course_utils.explorers.offset.observation import REACH, SPANS, offset_at, place_of, sweep_of
from course_utils.explorers.offset.picture import landmarks
from course_utils.floats import FORMATS

START = {name: control.value for name, control in offset.CONTROLS.items()}


def seen_at(**state):
    return offset.observe({**START, **state})


BUTTONS = {name: values for group in offset.PRESETS.values() for name, values in group.items()}


def after(preset, **state):
    values = BUTTONS[preset]
    return {**START, **state} | (values({**START, **state}) if callable(values) else values)


@pytest.mark.parametrize(
    ("c", "p", "error", "ulps"),
    [
        (-90, 0.731059, 3.5e-7, [584744, 215115]),
        (-95, 0.731119, 8.3e-5, [3940, 1449]),
        (-100, 0.729730, 1.8e-3, [27, 10]),
        (-102, 0.8, 9.4e-2, [4, 1]),
        (-103, 1.0, 0.37, [1, 0]),
    ],
)
def test_the_staircase_in_float32_is_finite_and_wrong(c, p, error, ulps):
    seen = seen_at(offset=float(c))
    assert seen.regime == "subnormal"
    assert float(seen.p[0]) == pytest.approx(p, rel=1e-5)
    assert float(seen.p.sum()) == pytest.approx(1, rel=1e-6)
    assert seen.error == pytest.approx(error, rel=0.05)
    assert seen.ulps == ulps
    assert f"{seen.truth[0]:.6g}" == "0.731059"


def test_p_is_the_ratio_of_the_ulps_that_are_left():
    said = offset.describe(seen_at(offset=-102.0))
    assert "off by 9.4 %" in said
    assert "exp left 4 and 1 ulps: p is 4 / 5" in said


@pytest.mark.parametrize(
    ("preset", "regime", "said"),
    [
        ("all gone", "NaN", "0 / 0 is NaN"),
        ("first bad", "zero", "isnan() finds nothing"),
        ("10⁸, shifted", "ok", "8 apart here, so the gap 1 became 0"),
        ("257 in bfloat16", "ok", "2 apart here, so the gap 1 became 0"),
    ],
)
def test_presets_say_what_happened(preset, regime, said):
    seen = offset.observe(after(preset))
    assert seen.regime == regime
    assert said in offset.describe(seen)


@pytest.mark.parametrize("kind", FORMATS)
def test_presets_stand_at_the_cliffs_of_every_format(kind):
    good, bad, gone = (
        offset.observe(after(name, format=kind)) for name in ("last good", "first bad", "all gone")
    )
    assert good.regime == "ok"
    assert bad.regime in ("zero", "NaN")
    assert bad.offset - good.offset == pytest.approx(0.01)
    assert gone.regime == "NaN"
    assert gone.offset == pytest.approx(FORMATS[kind].exp_first_zero, rel=0.2)


def test_going_up_the_sum_falls_before_exp_does():
    """float32: e^88.41 still fits, but not with e^87.41 beside it."""
    good, bad = (offset.observe(after(name)) for name in ("last good", "first bad"))
    assert (good.offset, bad.offset) == (88.40, 88.41)
    assert bad.steps["exp"].states.tolist() == ["ok", "ok"]
    assert bad.steps["sum"].states.tolist() == ["inf"]


@pytest.mark.parametrize("kind", FORMATS)
def test_the_shift_is_flat_over_both_cliffs(kind):
    sweep = sweep_of(0.0, kind, "shifted", REACH[0])
    assert set(sweep.states) == {"ok"}
    assert np.all(sweep.p.astype(float) == 0.5)


def test_the_shift_cannot_restore_what_storage_lost():
    million, hundred = (seen_at(offset=c, method="shifted", reach="far away") for c in (1e6, 1e8))
    assert million.error < 1e-6
    assert hundred.p.tolist() == [0.5, 0.5]
    three = pipeline.run(1e8 + np.array([1.0, 2.0, 3.0]), "float32", "shifted")
    np.testing.assert_allclose(pipeline.pick(three, "p"), 1 / 3, rtol=1e-7)


def test_shifted_before_it_is_stored_keeps_the_gap():
    seen = seen_at(offset=1e8, method="shifted, then stored", reach="far away")
    assert seen.error < 1e-6
    assert seen.stored_gap == 1


def test_a_gap_that_the_format_rounds_away_is_named():
    said = offset.describe(seen_at(offset=-90.0, gap=0.25, format="bfloat16"))
    assert "0.5 apart here, so the gap 0.25 became 0" in said


def test_a_logit_beyond_the_format_is_told_apart_from_its_exp():
    assert "before exp sees it" in offset.describe(seen_at(offset=500.0, format="float8_e4m3fn"))
    assert "0 / 0" not in offset.describe(seen_at(offset=500.0, format="float8_e4m3fn"))


@pytest.mark.parametrize("method", offset.METHODS)
@pytest.mark.parametrize("reach", REACH)
@pytest.mark.parametrize("kind", FORMATS)
def test_every_corner_of_the_sliders_can_be_seen_and_said(kind, reach, method):
    for gap in (0.0, 5.0):
        low, high, _ = offset.CONTROLS["offset"].span({"format": kind, "reach": reach, "gap": gap})
        for c in (low, 0.0, high):
            seen = seen_at(offset=c, gap=gap, format=kind, reach=reach, method=method)
            figures.check_alt(offset.describe(seen))
            assert len(offset.table(seen)) == 2


@pytest.mark.parametrize("reach", REACH)
@pytest.mark.parametrize("kind", FORMATS)
def test_the_axis_keeps_the_order_and_can_be_read_backwards(kind, reach):
    places = np.linspace(0, 1, 97)
    offsets = offset_at(places, kind, reach, 1.0)
    assert np.all(np.diff(offsets) > 0)
    np.testing.assert_allclose(place_of(offsets, kind, reach, 1.0), places, atol=1e-12)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_slider_goes_past_both_cliffs(kind):
    fmt, (low, high, _) = FORMATS[kind], SPANS[kind]
    assert low < fmt.exp_first_zero - 1.5
    assert high > fmt.exp_first_bad + 1.5


def test_the_points_on_the_staircase_are_the_presets_of_float32():
    assert landmarks(FORMATS["float32"]) == [-95, -100, -102, -103, -104]


def test_the_goal_is_the_last_step_before_nan():
    explorer = offset.explore(offset=-103.0)
    assert "37 %" in explorer.sentence
    assert "✓ Reached" in explorer._goal.value
    for c in (-102.0, -104.0, 88.5):
        assert "✓ Reached" not in offset.explore(offset=c)._goal.value


def test_the_curve_stands_on_the_scale_of_its_axis():
    """Axis, curve and marker are three layers: a 1 must be as high in each."""
    figure = Figure()
    offset.draw(figure)(offset.observe(START))
    curve, *layers = [axes for axes in figure.axes if axes.get_label() != "" or axes.get_ylabel()]
    assert {layer.get_label() for layer in layers} == {"scene", "over"}
    assert {layer.get_ylim() for layer in layers} == {curve.get_ylim()}
