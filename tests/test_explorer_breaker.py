"""W2, break the softmax: what is seen and said at the cliffs of every format."""

import numpy as np
import pytest

from course_utils.explorers import breaker
from course_utils.floats import FORMATS

START = {name: control.value for name, control in breaker.CONTROLS.items()}


def seen_at(**state):
    return breaker.observe({**START, **state})


@pytest.mark.parametrize(
    ("magnitude", "regime", "born"),
    [
        (10.7, "ok", None),
        (10.80, "ok", None),
        (10.81, "zero", "sum"),
        (10.9, "zero", "sum"),
        (11.08, "zero", "sum"),
        (11.09, "NaN", "exp"),
        (11.1, "NaN", "exp"),
    ],
)
def test_the_all_zeros_zone_of_float16_lies_before_nan(magnitude, regime, born):
    seen = seen_at(magnitude=magnitude, pattern="spread", format="float16")
    assert (seen.regime, seen.born) == (regime, born)
    if regime == "zero":
        assert seen.steps["p"].values.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("kind", "pattern", "first"),
    [
        ("float64", "spread", 709.79),
        ("float32", "spread", 88.73),
        ("float16", "spread", 10.81),
        ("float32", "all equal", 87.34),
        ("float32", "all negative", 87.34),
        ("float8_e4m3fn", "one winner", 6.26),
    ],
)
def test_the_first_magnitude_that_is_not_right(kind, pattern, first):
    assert breaker.regimes(pattern, kind, "naive").edges[1][1] == first


def test_four_equal_logits_give_zeros_before_nan_in_float32():
    edges = breaker.regimes("all equal", "float32", "naive").edges
    assert edges == [("ok", 0, 87.33), ("zero", 87.34, 88.72), ("NaN", 88.73, 120)]


def test_the_zone_says_that_isnan_finds_nothing():
    assert "isnan() finds nothing" in breaker.describe(seen_at(magnitude=10.9, format="float16"))


def test_one_winner_in_float32_breaks_between_two_presets():
    good, bad = (seen_at(magnitude=m, pattern="one winner", format="float32") for m in (88.72, 88.73))
    assert good.regime == "ok"
    assert np.isnan(bad.steps["p"].values[0])
    assert list(bad.steps["p"].values[1:]) == [0, 0, 0]
    assert "inf / inf is NaN" in breaker.describe(bad)


def test_far_below_zero_digits_go_first_and_then_everything():
    wrong, gone = (seen_at(magnitude=m, pattern="all negative", format="float32") for m in (100, 104))
    assert wrong.regime == "subnormal"
    assert "too small to keep its digits" in breaker.describe(wrong)
    assert gone.regime == "NaN"
    assert "0 / 0 is NaN" in breaker.describe(gone)


def test_e4m3_overflows_to_nan_without_an_inf():
    seen = seen_at(magnitude=6.5, pattern="one winner", format="float8_e4m3fn")
    assert np.isnan(seen.steps["p"].values.astype(float)).all()
    assert "no inf" in breaker.describe(seen)


@pytest.mark.parametrize("fmt", FORMATS)
def test_presets_stand_on_both_sides_of_the_first_cliff(fmt):
    state = {**START, "format": fmt, "pattern": "one winner"}
    good = breaker.observe(state | breaker.PRESETS[breaker.CLIFF]["last good"](state))
    bad = breaker.observe(state | breaker.PRESETS[breaker.CLIFF]["first bad"](state))
    assert good.regime == "ok"
    assert bad.regime != "ok"
    assert 0 < bad.magnitude - good.magnitude < 0.011


def test_the_shift_breaks_nowhere_in_float64_float32_and_float16():
    for fmt in ("float64", "float32", "float16"):
        for pattern in ("one winner", "spread", "all equal", "all negative"):
            assert set(breaker.regimes(pattern, fmt, "shifted").states) == {"ok"}


@pytest.mark.parametrize("method", ["naive", "shifted"])
@pytest.mark.parametrize("fmt", FORMATS)
def test_every_corner_of_the_sliders_can_be_seen_and_said(fmt, method):
    low, high, _ = breaker.CONTROLS["magnitude"].span({"format": fmt})
    for pattern in ("one winner", "spread", "all equal", "all negative"):
        for magnitude in (low, high):
            seen = seen_at(magnitude=magnitude, pattern=pattern, format=fmt, method=method)
            assert 40 <= len(breaker.describe(seen)) <= 250
            assert len(breaker.table(seen)) == 4


def test_the_short_form_keeps_magnitude_and_format():
    short = breaker.explore(short=True, magnitude=10.9)
    assert short.state()["magnitude"] == 10.9
    assert list(short.presets) == ["last good", "first bad", "far side"]
