"""W8, the tile stepper: what is remembered at each step, what each missing step does, and its goal."""

import numpy as np
import pytest

from course_utils import figures, stable
from course_utils.explorers import tiles
from course_utils.explorers.tiles.observation import CODES, ORDERS, SCORES, VALUES

DEFAULTS = {name: control.value for name, control in tiles.CONTROLS.items()}


def seen(**state):
    return tiles.observe(DEFAULTS | state)


@pytest.mark.parametrize("tile", [1, 2, 4, 8])
@pytest.mark.parametrize("order", ["given", "ascending", "descending"])
def test_whatever_the_tile_the_end_is_that_of_two_passes(tile, order):
    end = seen(tile=tile, order=order, read=8.0)
    assert end.last.largest + np.log(end.last.total) == pytest.approx(stable.logsumexp(SCORES), rel=1e-14)
    assert end.last.output == pytest.approx(float(stable.softmax(end.scores) @ VALUES), rel=1e-14)
    assert end.right


def test_the_steps_are_those_of_the_comic():
    """LSE 7.45834 and the output 5.82800 after all; α and the total after each tile of two."""
    end = seen(read=8.0)
    assert [round(frame.alpha, 4) for frame in end.frames] == [1, 0.1353, 1, 0.1353]
    assert [round(frame.total, 4) for frame in end.frames] == [1.1353, 1.2034, 1.5781, 1.5814]
    assert round(end.last.largest + np.log(end.last.total), 5) == 7.45834
    assert round(end.last.output, 5) == 5.828


@pytest.mark.parametrize(
    ("code", "output"), [("old total", 2.3466), ("old output", 8.9664), ("both old", 3.6103)]
)
def test_a_sum_of_two_scales_is_wrong_by_so_much(code, output):
    end = seen(code=code, read=8.0)
    assert end.last.output == pytest.approx(output, abs=1e-4)
    assert not end.right
    assert seen(code=code, order="descending", read=8.0).right  # nothing had to be rescaled


def test_after_every_tile_the_invariant_of_milakov_and_gimelshein_holds():
    """m is the maximum of what was read, the total is sum(exp(z - m)) over it."""
    for order in ORDERS:
        for read in range(1, 9):
            one = seen(tile=1, order=order, read=float(read))
            with np.errstate(all="ignore"):
                terms = np.exp(one.scores[:read] - one.last.largest)
            assert one.last.largest == one.scores[:read].max()
            if np.isfinite(one.last.largest):
                assert one.last.total == pytest.approx(terms.sum(), rel=1e-14)
                np.testing.assert_allclose(one.last.weights[:read], one.true_weights[:read], rtol=1e-14)


def test_without_the_guard_a_masked_start_is_nan_for_good():
    for read in (2.0, 4.0, 6.0, 8.0):
        one = seen(code="no guard", order="first tile masked", read=read)
        assert np.isnan(one.last.total)
        assert not one.right
        assert seen(order="first tile masked", read=read).right
    assert seen(code="no guard", read=8.0).right  # a row that starts with a number needs no guard


def test_a_row_of_nothing_but_masked_scores_has_total_0():
    one = seen(order="first tile masked", tile=8, read=8.0)
    assert (one.last.total, one.last.output, one.right) == (0, 0, True)
    assert "all scores so far are −inf" in tiles.describe(one)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("order", ORDERS)
def test_every_sentence_can_stand_as_alt_text(code, order):
    for tile in (1, 2, 4, 8):
        for read in range(9):
            one = seen(code=code, order=order, tile=tile, read=float(read))
            figures.check_alt(tiles.describe(one))
            assert len(tiles.table(one)) == len(one.frames) + 2
            assert ("as two passes give" in tiles.describe(one)) == (one.right and len(one.frames) > 0)


def test_the_goal_is_reached_in_descending_order_and_by_no_button():
    assert tiles.reached(seen(order="descending", read=8.0))
    assert not tiles.reached(seen(order="descending", tile=4, read=8.0))
    assert not tiles.reached(seen(order="descending", read=6.0))
    assert not tiles.reached(seen(order="ascending", read=8.0))
    states = [DEFAULTS] + [DEFAULTS | v for v in tiles.explore().presets.values() if not callable(v)]
    assert not any(tiles.reached(tiles.observe(state)) for state in states)


def test_the_buttons_walk_tile_by_tile_and_stop_at_the_ends():
    explorer = tiles.explore(tile=4, read=3.0)
    for button, read in (
        ("step ▶", 4),
        ("step ▶", 8),
        ("step ▶", 8),
        ("◀ back", 4),
        ("◀ back", 0),
        ("◀ back", 0),
    ):
        explorer.from_state(explorer.presets[button](explorer.state()))
        assert explorer.state()["read"] == read


@pytest.mark.parametrize("tile", [1, 2, 4, 8])
def test_every_step_of_the_slider_reads_one_tile(tile):
    explorer = tiles.explore(tile=tile, read=0.0)
    slider, said = explorer._controls["read"].slider, {explorer.sentence}
    for _ in range(8 // tile):
        slider.value += slider.step
        said.add(explorer.sentence)
    assert explorer.state()["read"] == 8
    assert len(said) == 8 // tile + 1
