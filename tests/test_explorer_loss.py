"""W6, the log domain: its arithmetic, its sentence at the cliffs, its presets, its picture."""

import numpy as np
import pytest

from course_utils import figures
from course_utils.explorers import loss
from course_utils.explorers.loss.observation import TARGETS
from course_utils.floats import FORMATS, neighbour
from course_utils.pipeline import LOSS_PATHS

DEFAULTS = {name: control.value for name, control in loss.CONTROLS.items()}


def seen(**state):
    return loss.observe(DEFAULTS | state)


def number(name, **state):
    return seen(**state).numbers[name]


def states_of(view):
    """The state after each button of a view, from the defaults."""
    chosen = loss.VIEWS[view]
    for preset in (values for group in chosen.presets.values() for values in group.values()):
        state = DEFAULTS | chosen.start
        yield state | (preset(state) if callable(preset) else preset)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("path", LOSS_PATHS)
@pytest.mark.parametrize("target", TARGETS)
def test_every_sentence_can_stand_as_alt_text(name, path, target):
    fmt = FORMATS[name]
    low, high, _ = loss.CONTROLS["gap"].span({"format": name})
    cliffs = [-fmt.exp_first_zero, -neighbour(fmt.exp_first_zero, fmt), fmt.absorption_margin]
    for gap in (low, high, *cliffs):
        one = seen(gap=gap, format=name, path=path, target=target)
        figures.check_alt(loss.describe(one))
        assert len(loss.table(one)) == 1 + len(LOSS_PATHS)


@pytest.mark.parametrize("name", FORMATS)
def test_log_of_softmax_ends_at_the_zero_edge_of_each_format(name):
    fmt = FORMATS[name]
    behind = {"path": "log(softmax)", "target": "behind", "format": name}
    assert np.isfinite(number("log p", gap=-neighbour(fmt.exp_first_zero, fmt), **behind).value)
    beyond = number("log p", gap=-fmt.exp_first_zero, **behind)
    assert beyond.value == -np.inf if fmt.has_inf else np.isnan(beyond.value)
    assert number("log p", gap=-fmt.exp_first_zero, **behind | {"path": "log_softmax"}).right


@pytest.mark.parametrize(
    ("eps", "ceiling"), [("1e-4", 9.21034), ("1e-7", 16.1181), ("1e-8", 18.4207), ("1e-12", 27.6310)]
)
def test_eps_puts_a_ceiling_on_the_loss(eps, ceiling):
    for path in ("log(p + eps)", "clip p"):
        found = number("loss", path=path, eps=eps, gap=60.0)
        assert found.value == pytest.approx(ceiling, abs=1e-4)
        assert not found.right


def test_eps_kills_the_gradient_and_a_clip_removes_it():
    assert number("gradient", path="log(p + eps)", eps="1e-8").value == pytest.approx(-1.92875e-14, rel=1e-5)
    clipped = number("gradient", path="clip p")
    assert (clipped.value, clipped.state, clipped.truth) == (0, "zero", -1)
    assert number("gradient", path="log_softmax").value == -1


def test_confident_and_right():
    ahead = {"gap": 20.0, "target": "ahead"}
    assert number("loss", path="log_softmax", **ahead).value == 0
    kept = number("loss", path="log1p", **ahead)
    assert kept.right
    assert kept.value == pytest.approx(2.0611537e-09, rel=1e-7)
    assert number("loss", path="log(p + eps)", eps="1e-7", **ahead).value == pytest.approx(
        -1.19209e-7, rel=1e-5
    )
    assert number("loss", gap=16.64, target="ahead", path="log_softmax").value == 0
    assert number("loss", gap=16.63, target="ahead", path="log_softmax").value > 0


def test_zero_times_log_zero_is_nan_for_the_winner():
    one = seen(gap=104.0, target="ahead", path="one-hot * log p")
    assert one.numbers["loss"].state == "NaN"
    assert one.numbers["log p"].value == 0
    assert loss.describe(one).endswith("0 · log 0 is NaN.")


def test_float16_stores_a_small_eps_as_zero():
    one = seen(gap=18.0, format="float16", path="log(p + eps)", eps="1e-8")
    assert one.numbers["loss"].state == "inf"
    assert "p and eps are stored as 0" in loss.describe(one)


def test_typed_is_not_stored():
    assert "(stored as 17.3438)" in loss.describe(seen(gap=17.34, format="float16"))


@pytest.mark.parametrize("view", loss.VIEWS)
def test_a_view_opens_on_a_state_that_has_not_reached_its_goal_and_a_button_reaches_it(view):
    chosen = loss.VIEWS[view]
    assert not chosen.reached(loss.observe(DEFAULTS | chosen.start))
    assert any(chosen.reached(loss.observe(state)) for state in states_of(view))


@pytest.mark.parametrize("view", loss.VIEWS)
def test_every_button_draws_a_picture(view):
    explorer = loss.explore(view)
    pictures = set()
    for state in states_of(view):
        explorer.from_state(state)
        describe = loss.describe_log if view == "log" else loss.describe
        assert explorer.sentence == describe(loss.observe(explorer.state()))
        figures.check_alt(explorer.sentence)
        pictures.add(explorer._part.png)
    assert len(pictures) == len(explorer.presets)
    assert explorer.static_html().count("<figure") == 2  # where it starts, and, folded, the strip


def test_an_unknown_view_is_refused():
    with pytest.raises(KeyError):
        loss.explore("accuracy")
