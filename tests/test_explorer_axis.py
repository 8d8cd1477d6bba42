"""W5, the axis lab: which codes are right, which are wrong in silence, and what gives the others away."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from course_utils import floats
from course_utils.explorers import axis

DEFAULTS = {name: control.value for name, control in axis.CONTROLS.items()}
BUTTONS = {name: values for group in axis.PRESETS.values() for name, values in group.items()}


def seen(**state):
    return axis.observe(DEFAULTS | state)


@pytest.mark.parametrize("batch", axis.BATCHES)
@pytest.mark.parametrize("name", axis.CONTROLS["format"].options)
def test_each_rows_own_maximum_is_right_on_every_batch_in_every_format(batch, name):
    one = seen(code="each row's own", batch=batch, format=name)
    assert not one.wrong.any()
    assert one.sums_are_one
    assert one.p.dtype == floats.FORMATS[name].dtype
    assert "all 9 probabilities are right" in axis.describe(one)


def test_along_the_wrong_axis_rows_sum_to_1_and_are_wrong():
    one = seen(code="max along axis 0", batch="columns far apart")
    np.testing.assert_allclose(one.p[0], [0.5761, 0.2119, 0.2119], atol=1e-3)
    np.testing.assert_allclose(one.truth[0], [1, 0, 0])
    assert one.in_silence
    assert "Nothing tells you" in axis.describe(one)


def test_without_keepdims_a_square_batch_subtracts_row_maxima_from_columns():
    one = seen(code="max without keepdims", batch="columns far apart")
    np.testing.assert_array_equal(one.shifts, [[1000, 2, 0]] * 3)
    assert one.in_silence


def test_one_maximum_for_all_is_nan_in_float32_and_wrong_in_silence_in_float16():
    assert not seen(code="one max for all", batch="rows far apart").finite
    one = seen(code="one max for all", batch="rows 17 apart", format="float16")
    np.testing.assert_array_equal(one.p[0], [0, 0, 1])
    assert one.in_silence
    assert not seen(code="one max for all", batch="rows 17 apart").wrong.any()


@pytest.mark.parametrize("code", ["sum without keepdims", "one sum for all"])
def test_a_wrong_divisor_is_told_by_the_row_sums(code):
    one = seen(code=code)
    assert one.finite
    assert not one.sums_are_one
    assert "row sum of" in axis.describe(one)


def test_the_buttons_show_what_they_say():
    for name in axis.PRESETS["what nothing catches"]:
        assert seen(**BUTTONS[name]).in_silence, name
    for name in axis.PRESETS["what is caught"]:
        assert seen(**BUTTONS[name]).wrong.any(), name
        assert not seen(**BUTTONS[name]).in_silence, name


def test_the_goal_is_not_reached_at_the_start_and_is_where_nothing_tells():
    explorer = axis.explore()
    assert "Reached" not in explorer._goal.value
    explorer.from_state(BUTTONS["the wrong axis"])
    assert "Reached" in explorer._goal.value


def test_the_table_marks_what_is_wrong_in_words():
    rows = axis.table(seen(code="one max for all", batch="rows far apart"))
    assert rows[0]["p"] == "NaN, wrong, NaN, wrong, NaN, wrong"
    assert rows[1]["p"] == "0.09003, 0.2447, 0.6652"
    assert rows[0]["sum of p"] == "NaN"


def test_the_picture_prints_every_difference_and_in_bold_what_is_not_the_rows_own_maximum():
    figure = Figure(figsize=(9, 3.3))
    axis.draw(figure)(seen(code="max along axis 0", batch="columns far apart"))
    weights = {text.get_text(): text.get_weight() for text in figure.axes[0].texts}
    assert weights["1000 − 1000"] == weights["2 − 2"] == "normal"
    assert weights["0 − 1000"] == weights["1 − 2"] == weights["0 − 1"] == weights["1 − 1"] == "bold"
