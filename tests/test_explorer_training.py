"""W7, train to NaN: its arithmetic, its sentence at the cliffs, its presets, its picture."""

import numpy as np
import pytest

from course_utils import figures, floats
from course_utils.explorers import training
from course_utils.explorers.training.observation import regions
from course_utils.explorers.training.run import PATHS, STEPS, TENSORS, points, train

DEFAULTS = {name: control.value for name, control in training.CONTROLS.items()}
OPEN = {name: values for group in ("a run", "step") for name, values in training.PRESETS[group].items()}
LATER = training.PRESETS["a bad loss, living weights"]
SLOW = {"float16": ("float16", 2.0, 1, 1), "float32": ("float32", 8.0, 2, 1)}


def seen(**state):
    return training.observe(DEFAULTS | state)


def after(preset, **state):
    state = DEFAULTS | state
    return state | (preset(state) if callable(preset) else preset)


@pytest.mark.parametrize("name", SLOW)
def test_the_slow_burn_ends_where_a_logit_passes_the_cliff_of_its_format(name):
    run, cliff = train("exp(z)", *SLOW[name]), floats.FORMATS[name].exp_last_finite
    assert 30 < run.died < STEPS  # the step may move by a few with the processor's matrix product
    assert run.first_bad == (run.died, "exp")
    assert np.all(run.largest[:-1] <= cliff * 1.001)
    assert cliff < run.largest[-1] < 1.02 * cliff


def test_float64_dies_too_and_at_once():
    run = train("exp(z)", "float64", 10.0, 10, 1)
    assert run.died == 2
    assert run.largest[-1] > 709.79


@pytest.mark.parametrize("name", SLOW)
def test_a_clipped_gradient_changes_nothing(name):
    assert train("exp(z), clipped gradient", *SLOW[name]).died == train("exp(z)", *SLOW[name]).died


@pytest.mark.parametrize("name", SLOW)
def test_a_loss_of_nan_leaves_the_weights_alive(name):
    run = train("exp(z − max), log p", *SLOW[name])
    assert run.died is None
    assert run.first_bad[1] == "loss"
    assert np.isfinite(run.weights[-1].astype(np.float64)).all()


@pytest.mark.parametrize("settings", [*SLOW.values(), ("float32", 10.0, 4, 1), ("float64", 10.0, 10, 1)])
def test_log_softmax_stays_finite_everywhere(settings):
    run = train("log_softmax", *settings)
    assert (run.first_bad, run.died, len(run.tensors)) == (None, None, STEPS)


@pytest.mark.parametrize("seed", [1, 4, 7])
def test_float16_dies_at_its_cliff_whatever_the_seed(seed):
    run = train("exp(z)", "float16", 2.0, 1, seed)
    assert run.died
    assert 11.09 <= run.largest[-1] < 11.3


def test_every_tensor_of_a_step_is_computed_in_the_format_and_agrees_with_float64():
    one, truth = (train("log_softmax", name, 0.5, 1, 0).tensors[9] for name in ("float32", "float64"))
    assert tuple(one) == TENSORS
    for name in TENSORS:
        assert one[name].dtype == np.float32
        np.testing.assert_allclose(one[name], truth[name], rtol=1e-4, atol=1e-6)


def test_a_step_past_the_end_is_the_last_step():
    one = seen(step=STEPS)
    assert one.step == one.last == one.run.died
    assert (regions(one) == -1).all()
    assert training.describe(one).endswith("This step lost the weights: the run is over.")


def test_the_table_marks_the_first_bad_tensor_and_no_other():
    one = seen(step=STEPS)
    rows = training.table(one)
    assert [row["tensor"] for row in rows] == list(TENSORS)
    assert [row["tensor"] for row in rows if row["first bad"]] == ["exp"]
    assert rows[0]["not finite"] == 0 < rows[1]["not finite"]
    assert not any(row["first bad"] for row in training.table(seen(step=STEPS - 900)))


@pytest.mark.parametrize("kind", training.CONTROLS["format"].options)
@pytest.mark.parametrize("path", PATHS)
def test_every_sentence_can_stand_as_alt_text(kind, path):
    for scale, lr in ((1, 0.1), (2, 8.0), (10, 10.0)):
        for step in (1, 2, 39, STEPS):
            one = seen(format=kind, path=path, scale=scale, lr=lr, step=step)
            figures.check_alt(training.describe(one))
            assert len(training.table(one)) == len(TENSORS)


def test_the_data_are_ten_points_of_each_class_and_depend_on_the_seed_alone():
    x, y = points(3)
    assert x.shape == (30, 2)
    assert np.bincount(y).tolist() == [10, 10, 10]
    assert np.array_equal(x, points(3)[0])
    assert not np.array_equal(x, points(4)[0])


def test_no_button_and_no_static_picture_gives_the_task_away():
    explorer = training.explore()
    for preset in OPEN.values():
        explorer.from_state(preset(explorer.state()) if callable(preset) else preset)
        assert not explorer._reached(training.observe(explorer.state()))
    assert "log p" not in explorer.static_html().split("<details>")[0]
    for preset in LATER.values():
        assert explorer._reached(seen(**preset))


def test_every_button_draws_a_picture_and_says_what_it_shows():
    explorer = training.explore(step=300.0)
    pictures = set()
    for preset in (OPEN | LATER).values():
        explorer.from_state(preset(explorer.state()) if callable(preset) else preset)
        assert explorer.sentence == training.describe(training.observe(explorer.state()))
        pictures.add(explorer._part.png)
    assert len(pictures) >= 5
    assert explorer.static_html().count("<figure") == 2  # the state it opens on, and the strip


def test_the_steps_of_the_buttons_stop_at_both_ends():
    assert after(OPEN["−10"], step=4.0)["step"] == 1
    last = training.observe(DEFAULTS | {"step": float(STEPS)}).last
    assert after(OPEN["+10"], step=float(last - 3))["step"] == last
