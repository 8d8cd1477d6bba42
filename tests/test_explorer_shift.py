"""W4, choose your own shift: its arithmetic, its sentence at the cliffs, its presets, its picture."""

import numpy as np
import pytest

from course_utils import figures
from course_utils.explorers import shift
from course_utils.floats import FORMATS

DEFAULTS = {name: control.value for name, control in shift.CONTROLS.items()}


def seen(**state):
    return shift.observe(DEFAULTS | state)


BUTTONS = {name: values for group in shift.PRESETS.values() for name, values in group.items()}


def after(preset, **state):
    before = DEFAULTS | state
    values = BUTTONS[preset]
    return before | (values(before) if callable(values) else values)


@pytest.mark.parametrize(
    ("m", "regime"),
    [
        (11.25, "NaN"),
        (11.5, "zero"),
        (11.75, "ok"),
        (100, "ok"),
        (187.25, "ok"),
        (187.5, "subnormal"),
        (203.75, "subnormal"),
        (204, "NaN"),
    ],
)
def test_the_regimes_of_100_99_0(m, regime):
    assert seen(m=float(m)).regime == regime


def test_right_to_a_millionth_up_to_190_and_worse_from_191():
    assert seen(m=190.0).error < 1e-6
    assert seen(m=191.0).error > 1e-6


def test_in_the_zone_of_zeros_every_p_is_0_and_nothing_is_nan():
    one = seen(m=11.5)
    np.testing.assert_array_equal(one.p.values, [0, 0, 0])
    assert one.terms.states.tolist() == ["ok", "ok", "ok"]
    assert one.total.states.tolist() == ["inf"]
    assert "no NaN warns you" in shift.describe(one)


@pytest.mark.parametrize("name", FORMATS)
def test_the_maximum_works_in_every_format_on_every_row_of_the_buttons(name):
    for preset in shift.PRESETS["a row that breaks"]:
        state = after(preset) | {"format": name}
        one = shift.observe(state | {"m": max(state["z"])})
        assert one.regime == "ok"
        assert one.marks["max"][1] == "ok"


@pytest.mark.parametrize(
    ("preset", "mark", "m"),
    [
        ("the mean", "mean", 30),
        ("the min", "min", -100),
        ("the max |z|", "max |z|", 61),
        ("a constant", "88", 88),
    ],
)
def test_each_other_shift_fails_on_its_row(preset, mark, m):
    one = shift.observe(after(preset))
    assert one.m == m == one.marks[mark][0]
    assert one.regime == "NaN" == one.marks[mark][1]


def test_the_edge_buttons_stop_on_both_sides_of_a_cliff():
    assert after("next edge ▶", m=0.0)["m"] == 11.5
    assert after("next edge ▶", m=11.5)["m"] == 11.75
    assert after("next edge ▶", m=100.0)["m"] == 187.5
    assert after("◀ next edge", m=100.0)["m"] == 11.5
    assert after("◀ next edge", m=11.5)["m"] == 11.25


@pytest.mark.parametrize("name", FORMATS)
def test_every_sentence_can_stand_as_alt_text(name):
    edges = shift.sweep_of(DEFAULTS["z"], name).edges
    for m in [x for _, *ends in edges for x in ends]:
        one = seen(m=m, format=name)
        figures.check_alt(shift.describe(one))
        assert len(shift.table(one)) == 3 + 5


@pytest.mark.parametrize("name", FORMATS)
def test_each_state_of_the_strip_is_the_state_at_that_shift(name):
    for state, first, last in shift.sweep_of(DEFAULTS["z"], name).edges:
        assert seen(m=first, format=name).regime == state
        assert seen(m=last, format=name).regime == state


def test_the_goal_is_both_ends_and_nothing_less():
    reached = shift._both_ends()
    assert not reached(seen(m=100.0))
    assert not reached(seen(m=187.25))
    assert not reached(seen(m=11.5))
    assert reached(seen(m=11.75))


def test_typed_is_not_stored():
    assert "(stored as 88.5)" in shift.describe(seen(m=88.7, format="bfloat16"))


def test_a_bad_row_is_told_in_words_and_the_last_good_one_stays():
    explorer = shift.explore()
    box = explorer._controls["z"]
    for text, said in (("1, two", "commas"), ("5", "2 to 5"), ("1, 1e9", "between"), ("1, nan", "between")):
        box.text.value = text
        assert said in box.wrong.value
        assert explorer.state()["z"] == (100.0, 99.0, 0.0)
    box.text.value = "7 6.5"
    assert box.wrong.value == ""
    assert explorer.state()["z"] == (7.0, 6.5)


def test_every_button_draws_its_picture_and_says_its_sentence():
    explorer = shift.explore()
    explorer.tell()
    for preset in BUTTONS:
        explorer.from_state(after(preset, **explorer.state()))
        assert explorer.sentence == shift.describe(shift.observe(explorer.state()))
        assert explorer._part.png.startswith(b"\x89PNG")
    assert explorer.static_html().count("<figure") == 2  # where it starts, and, folded, the strip
