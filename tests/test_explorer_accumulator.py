"""W9, accumulators: its arithmetic at the cliffs, its sentence, its presets, its goal, its picture."""

import time

import numpy as np
import pytest

from course_utils import figures
from course_utils.explorers import accumulator
from course_utils.explorers.accumulator.observation import NAMES

DEFAULTS = {name: control.value for name, control in accumulator.CONTROLS.items()}


def seen(size=None, every=None, **state):
    state |= {} if size is None else {"size": float(np.log2(size))}
    state |= {} if every is None else dict.fromkeys(("terms", "total", "store"), every)
    return accumulator.observe(DEFAULTS | state)


@pytest.mark.parametrize(
    ("name", "stall"), [("bfloat16", 256), ("float16", 2048), ("float8_e4m3fn", 16), ("float8_e5m2", 8)]
)
def test_the_sum_stalls_where_the_format_does(name, stall):
    assert seen(stall, every=name).computed.total == stall
    assert seen(stall + 1, every=name).computed.total == stall
    assert seen(2**17, every=name).computed.total == stall
    assert seen(stall + 1, every=name).truth.total == stall + 1


def test_a_stalled_bfloat16_sum_makes_1000_probabilities_add_up_to_4():
    one = seen(1000, every="bfloat16").computed
    assert (one.first, one.sum_p) == (1 / 256, pytest.approx(3.906, abs=1e-3))


def test_a_float16_total_of_65536_is_inf_and_every_p_is_0():
    fits = seen(32_768, every="float16", order="in pairs").computed
    assert (fits.total, fits.sum_p) == (32_768, 1)
    over = seen(65_536, every="float16", order="in pairs").computed
    assert (over.total, over.sum_p, over.zeros) == (np.inf, 0, 1)


@pytest.mark.parametrize(("name", "last"), [("float8_e4m3fn", 1023), ("float8_e5m2", 131_071)])
def test_a_uniform_p_is_lost_below_half_of_the_smallest_number(name, last):
    wide = {"terms": "float32", "total": "float32", "store": name}
    assert seen(last, **wide).computed.zeros == 0
    assert seen(last + 1, **wide).computed.zeros == 1


def test_e4m3_stores_1000_probabilities_that_add_up_to_nearly_2():
    one = seen(1000, terms="float32", total="float32", store="float8_e4m3fn").computed
    assert one.sum_p == pytest.approx(1.953, abs=1e-3)


def test_a_sum_past_e4m3_is_nan_and_so_is_p():
    one = seen(512, every="float8_e4m3fn", order="in pairs")
    assert np.isnan(one.computed.total)
    assert np.isnan(one.computed.sum_p)
    assert "without inf" in accumulator.describe(one)


@pytest.mark.parametrize("logits", ["all equal", "spread out"])
def test_float32_is_right_everywhere(logits):
    for size in (2, 1000, 2**17):
        one = seen(size, every="float32", logits=logits)
        assert one.computed.total == pytest.approx(one.truth.total, rel=1e-3)
        assert one.computed.sum_p == pytest.approx(1, abs=1e-3)
        assert accumulator.describe(one).endswith("Right to within 1 %.")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("order", ["one by one", "in pairs"])
@pytest.mark.parametrize("logits", ["all equal", "spread out"])
def test_every_sentence_can_stand_as_alt_text(name, order, logits):
    for size in (2, 256, 513, 65_536, 2**17):
        one = seen(size, every=name, order=order, logits=logits)
        figures.check_alt(accumulator.describe(one))
        assert len(accumulator.table(one)) == 2


def test_the_goal_is_not_reached_at_the_start_nor_by_any_button():
    states = [DEFAULTS]
    for buttons in accumulator.PRESETS.values():
        states += [state | values for state in states for values in buttons.values()]
    assert not any(accumulator.reached(accumulator.observe(state)) for state in states)


@pytest.mark.parametrize("logits", ["all equal", "spread out"])
def test_the_goal_can_be_reached(logits):
    assert accumulator.reached(seen(2**17, every="bfloat16", order="in pairs", logits=logits))
    assert not accumulator.reached(seen(2**17, every="float32", logits=logits))
    assert not accumulator.reached(seen(2**16, every="bfloat16", order="in pairs", logits=logits))


def test_a_move_of_the_slider_takes_no_new_curve_and_little_time():
    explorer = accumulator.explore()
    explorer.from_state({"size": 5.0})
    start = time.process_time()
    for k in range(5):
        explorer.from_state({"size": 6.0 + k / 4})
    assert time.process_time() - start < 2.5  # about 0.2 on a quiet machine
    assert explorer.sentence == accumulator.describe(accumulator.observe(explorer.state()))


def test_without_a_kernel_no_picture_shows_the_answer():
    page = accumulator.explore().static_html()
    assert "one by one" in page
    assert "in pairs" not in page.split("Why?")[0]
