"""Explorers: what each observes and says at its ends and cliffs, and the frame they all stand in."""

import asyncio
import importlib
import pkgutil
import random
import struct
import zlib
from functools import cache
from itertools import product

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
import traitlets

from course_utils import explorers, figures
from course_utils.explorers import breaker, core, edge, training
from course_utils.explorers.core import picture
from course_utils.floats import FORMATS

NAMES = sorted({found.name for found in pkgutil.iter_modules(explorers.__path__)} - {"core"})
EXPLORERS = [importlib.import_module(f"course_utils.explorers.{name}") for name in NAMES]


def short(module):
    return module.__name__.rsplit(".", 1)[1]


def defaults(module):
    return {name: control.value for name, control in module.CONTROLS.items()}


@cache
def presets(module):
    return module.explore().presets


def states_to_try(module):
    """Every end of every slider in every format, every option, every preset from the default state."""
    start = defaults(module)
    options = module.CONTROLS["format"].options if "format" in module.CONTROLS else (None,)
    for kind in options:
        base = start if kind is None else {**start, "format": kind}
        for name, control in module.CONTROLS.items():
            if isinstance(control, core.Number):
                yield from ({**base, name: end} for end in control.span(base)[:2])
            elif isinstance(control, core.Choice):
                yield from ({**base, name: option} for option in control.options)
        for preset in presets(module).values():
            yield {**base, **(preset(base) if callable(preset) else preset)}


def states_to_draw(module):
    """Each of them once: the first in the first format, the second in the second, and so round and round."""
    states = list(states_to_try(module))
    formats = module.CONTROLS["format"].options if "format" in module.CONTROLS else (None,)
    each = len(states) // len(formats)
    return [states[(i % len(formats)) * each + i] for i in range(each)]


@pytest.fixture(params=EXPLORERS, ids=short)
def module(request):
    return request.param


def test_a_sentence_says_enough_and_names_a_number_everywhere(module):
    for state in states_to_try(module):
        sentence = module.describe(module.observe(state))
        try:
            figures.check_alt(sentence)
        except ValueError as error:
            pytest.fail(f"{state}: {error}")
        assert sentence[-1] in ".!", sentence


def test_observing_changes_nothing_and_gives_the_same_again(module):
    state = defaults(module)
    before = dict(state)
    first, second = (module.describe(module.observe(state)) for _ in range(2))
    assert first == second
    assert state == before


def test_the_table_has_the_same_columns_in_every_row(module):
    for state in states_to_try(module):
        rows = module.table(module.observe(state))
        assert rows
        assert len({tuple(row) for row in rows}) == 1, state


def test_every_state_is_drawn(module):
    explorer = module.explore()
    explorer.tell()  # what answers the task is drawn and said as well
    for state in states_to_draw(module):
        explorer.from_state(state)
        assert explorer.state() == state
        assert explorer.sentence == module.describe(module.observe(state))


def test_the_state_comes_back(module):
    moved, again = module.explore(), module.explore()
    for preset in moved.presets.values():
        moved.from_state(preset(moved.state()) if callable(preset) else preset)
    moved.tell()
    again.tell()
    again.from_state(moved.state())
    assert again.state() == moved.state()
    assert again.sentence == moved.sentence
    assert again._part.png == moved._part.png, "the picture remembers what was shown before"


def test_without_a_kernel_there_is_a_figure_with_its_text_and_nothing_else(module, capfd):
    bundle, _ = module.explore()._repr_mimebundle_()
    assert plt.get_fignums() == []
    assert capfd.readouterr() == ("", "")
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/html"] == module.explore()._repr_mimebundle_()[0]["text/html"]
    assert "<figure" in bundle["text/html"]
    assert "<table>" in bundle["text/html"]
    assert any(character.isdigit() for character in bundle["text/plain"])
    assert len(bundle["text/html"]) < 600_000


# --- the frame ------------------------------------------------------------------------------------------


def test_every_explorer_is_named_in_the_package():
    assert sorted(line.split()[0] for line in explorers.__doc__.splitlines()[2:] if line.strip()) == NAMES


def test_a_callback_that_raises_is_shown_and_raised(monkeypatch):
    explorer = edge.explore()
    monkeypatch.setattr(explorer, "_observe_state", lambda state: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        explorer._controls["z"].slider.value = 11.0
    assert explorer._part.error == "Explorer error: ZeroDivisionError: division by zero"
    monkeypatch.undo()
    explorer._controls["z"].slider.value = 12.0
    assert explorer._part.error == ""


def test_an_error_while_making_it_is_raised():
    with pytest.raises(traitlets.TraitError):
        edge.explore(format="float17")
    with pytest.raises(TypeError, match=r"no control named zz; there are z, format"):
        edge.explore(zz=1.0)


def test_one_change_is_one_redraw(monkeypatch):
    explorer = edge.explore()
    seen = []
    monkeypatch.setattr(explorer, "_observe_state", lambda state: seen.append(state) or edge.observe(state))
    explorer.from_state({"z": 500.0, "format": "float64"})
    assert seen == [{"z": 500.0, "format": "float64", "told": False}]
    explorer._controls["z"].slider.value = 501.0
    assert len(seen) == 2


def test_a_slider_in_the_page_rounds_and_the_exact_value_survives():
    explorer = edge.explore(z=88.72283935546875)
    slider = explorer._controls["z"].slider
    assert slider.value == 88.75
    slider.value = 88.75000000000003  # what the page sends back, unasked
    assert explorer.state()["z"] == 88.72283935546875
    slider.value = 89.00000000000003
    assert explorer.state()["z"] == 89.0


def test_the_page_gets_a_range_before_the_value_that_needs_it(monkeypatch):
    """A page that gets 700 before its range ends at 720 cuts it to the old end, and sends that back."""
    explorer = edge.explore(z=10.9)
    slider = explorer._controls["z"].slider
    sent = []
    monkeypatch.setattr(slider, "_send", lambda message, buffers=None: sent.append(list(message["state"])))
    explorer.from_state({"z": 700.0, "format": "float64"})
    assert sent == [["max", "min", "step", "value"]]


def test_after_a_change_of_format_the_slider_stands_on_one_of_its_steps():
    explorer = edge.explore(z=10.75)
    explorer._controls["format"].value = "float64"
    assert explorer._controls["z"].slider.value in (10.0, 11.0)
    assert explorer.state()["z"] == 10.75


def test_a_span_follows_the_format():
    explorer = edge.explore(z=700.0, format="float64")
    assert explorer.state()["z"] == 700.0
    explorer._controls["format"].value = "float32"
    assert explorer.state() == {"z": 120.0, "format": "float32"}
    explorer._controls["z"].exact.value = 130.5
    assert explorer.state()["z"] == 130.5
    assert explorer._controls["z"].slider.value == 120.0


def test_the_goal_is_marked_when_reached():
    explorer = edge.explore(z=6.0, format="float8_e4m3fn")
    assert "Reached" not in explorer._goal.value
    explorer.from_state({"z": 6.5})
    explorer.from_state({"z": 1.0})
    assert "Reached" in explorer._goal.value


def test_hidden_controls_keep_their_value():
    seen = core.Explorer(
        question="?", goal="", caption="", why="", note="", controls=edge.CONTROLS, presets={}, hide=("format",),
        observe=edge.observe, describe=edge.describe, table=edge.table, draw=edge.draw, strip={"a": {}},
    )  # fmt: skip
    assert seen._controls["z"] in seen._panel.children
    assert seen._controls["format"] not in seen._panel.children
    assert seen.state()["format"] == "float32"


def test_a_kept_picture_is_the_picture_drawn_from_scratch(module):
    """Kept backgrounds, layers and figures give the pixels of an explorer that never moved."""
    moved, controls, draw_from = module.explore(), module.CONTROLS, random.Random(module.__name__)
    moved.tell()
    for _ in range(6):
        name = draw_from.choice(
            [name for name, box in controls.items() if isinstance(box, core.Choice | core.Number)]
        )
        if isinstance(controls[name], core.Choice):
            value = draw_from.choice(controls[name].options)
        else:
            low, high, step = controls[name].span(moved.state())
            value = low + step * draw_from.randrange(int((high - low) / step))
        moved.from_state({name: value})
        moved.from_state({name: value})  # nothing changes: all of it comes from what was kept
        fresh = module.explore(**moved.state())
        fresh.tell()
        assert moved._part.png == fresh._part.png, moved.state()


def test_the_formats_are_drawn_while_nobody_waits(monkeypatch):
    monkeypatch.setattr(core, "IDLE", 0.01)
    explorer = edge.explore()

    async def look():
        explorer._repr_mimebundle_()
        for _ in range(500):
            await asyncio.sleep(0.02)
            if len(explorer._pictures) == len(FORMATS):
                return

    asyncio.run(look())
    kept = dict(explorer._pictures._kept)
    assert len(kept) == len(FORMATS)
    explorer.from_state({"z": -95.25, "format": "bfloat16"})
    assert dict(explorer._pictures._kept) == kept
    assert explorer._part.png == edge.explore(z=-95.25, format="bfloat16")._part.png


@pytest.fixture
def playing(monkeypatch):
    """An explorer, its button that plays, and a way to press it and see what it shows."""
    monkeypatch.setattr(core.film, "PAUSE", 0)
    explorer = training.explore(format="float16", scale=1, lr=2.0)
    groups = [part for part in explorer._panel._buttons.children if isinstance(part, ipywidgets.Box)]
    return explorer, next(b for group in groups for b in group.children if b.description == "Play")


def after_pressing(explorer, button, then=lambda pictures: None):
    """Press it where a page waits; call `then` after every picture; the steps that were shown."""
    steps = []

    def note(change):
        steps.append(explorer.state()["step"])

    async def watch():
        button.click()
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0)
            then(steps)

    explorer._part.observe(note, "png")
    asyncio.run(watch())
    explorer._part.unobserve(note, "png")
    return steps


def test_a_film_runs_to_the_last_step_and_slowly_at_its_end(playing):
    explorer, button = playing
    last = training.observe(explorer.state()).last
    steps = after_pressing(explorer, button)
    assert steps[-5:] == [last - 4, last - 3, last - 2, last - 1, last]
    assert explorer.sentence.endswith("This step lost the weights: the run is over.")
    assert (button.description, explorer._part.playing) == ("Play", False)
    assert after_pressing(explorer, button)[0] == 1  # once more from the start


def test_a_film_stops_when_its_button_is_pressed_again_or_a_control_is_moved(playing):
    explorer, button = playing
    for stop in (button.click, lambda: setattr(explorer._controls["lr"], "value", 0.5)):

        def once(steps, stop=stop):
            if len(steps) >= 3 and "stopped" not in steps:
                assert (button.description, explorer._part.playing) == ("Pause", True)
                steps.append("stopped")
                stop()

        steps = after_pressing(explorer, button, once)
        assert len(steps) - steps.index("stopped") <= 2  # nothing more, or the picture of what was moved
        assert (button.description, explorer._part.playing) == ("Play", False)


def test_what_the_page_answers_late_does_not_stop_a_film(playing):
    explorer, button = playing

    def answer(steps):
        if len(steps) > 3:
            explorer._controls["step"].value = steps[-3]

    assert after_pressing(explorer, button, answer)[-1] == training.observe(explorer.state()).last


def test_where_no_page_waits_a_film_shows_its_last_picture(playing):
    explorer, button = playing
    button.click()
    assert explorer.state()["step"] == training.observe(explorer.state()).last


def test_no_more_than_eight_figures_are_kept():
    explorer = breaker.explore()
    for pattern, name in product(("spread", "all equal"), FORMATS):
        explorer.from_state({"pattern": pattern, "format": name})
    assert len(explorer._pictures) == picture.KEPT


def test_the_quick_encoder_writes_the_pixels():
    rgba = np.random.default_rng(0).integers(0, 256, (5, 7, 4), np.uint8)
    data = picture.png(rgba)
    width, height = struct.unpack(">II", data[16:24])
    start = data.index(b"IDAT") + 4
    lines = np.frombuffer(zlib.decompress(data[start : data.index(b"IEND") - 8]), np.uint8)
    pixels = lines.reshape(height, 1 + 4 * width)[:, 1:].reshape(height, width, 4)
    np.testing.assert_array_equal(pixels, rgba)


def test_a_sharper_screen_gets_more_pixels():
    explorer = edge.explore()
    before = struct.unpack(">II", explorer._part.png[16:24])
    explorer._part.ratio = 2.0
    assert struct.unpack(">II", explorer._part.png[16:24]) == (2 * before[0], 2 * before[1])


# --- W1, the edge ---------------------------------------------------------------------------------------

# The four cliffs of exp, from numerics verified by bisection; here only what the explorer shows of them.
BAD = {"float64": "inf", "float32": "inf", "float16": "inf", "bfloat16": "inf", "float8_e5m2": "inf"}


@pytest.mark.parametrize("name", FORMATS)
def test_edge_names_the_state_on_both_sides_of_every_cliff(name):
    fmt = FORMATS[name]

    def state(z):
        return edge.observe({"z": z, "format": name}).chosen.state

    assert state(fmt.exp_last_finite) == "ok"
    assert state(fmt.exp_first_bad) == BAD.get(name, "NaN")
    assert state(fmt.exp_first_subnormal) == "subnormal"
    assert state(fmt.exp_first_zero) == "zero"


@pytest.mark.parametrize("name", FORMATS)
def test_edge_presets_go_to_the_cliff_of_the_chosen_format(name):
    explorer = edge.explore(format=name)
    explorer.from_state(explorer.presets["last good"](explorer.state()))
    assert ": ok" in explorer.sentence
    explorer.from_state(explorer.presets["+1 ulp"](explorer.state()))
    assert explorer.state()["z"] == FORMATS[name].exp_first_bad
    assert BAD.get(name, "NaN") in explorer.sentence
    explorer.from_state(explorer.presets["−1 ulp"](explorer.state()))
    assert explorer.state()["z"] == FORMATS[name].exp_last_finite


def test_edge_tells_typed_from_stored():
    said = edge.describe(edge.observe({"z": 88.7, "format": "bfloat16"}))
    assert said.startswith("You asked 88.7; bfloat16 stored 88.5. exp(88.5)")


def test_edge_counts_the_bits_that_are_left():
    fmt = FORMATS["float32"]
    lowest = np.nextafter(np.float32(fmt.exp_first_zero), np.float32(0))
    assert "1 of 24 bits left" in edge.describe(edge.observe({"z": float(lowest), "format": "float32"}))
    assert "23 of 24 bits left" in edge.describe(
        edge.observe({"z": fmt.exp_first_subnormal, "format": "float32"})
    )


def test_edge_keeps_a_z_that_the_format_cannot_store():
    said = edge.describe(edge.observe({"z": 700.0, "format": "float8_e4m3fn"}))
    assert "stored NaN" in said
    assert "z itself is above the largest number, 448" in said
