"""Pictures hide nothing: NaN and inf are drawn and named, and everything drawn can be seen."""

from itertools import pairwise
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from course_utils import floats, pipeline, plots
from course_utils.plots import palette

KINDS = np.array([0.5, 1e-40, 0, np.inf, np.nan], np.float32)
STEPS = pipeline.run([89.0, 0, 0], "float32", target=0)
DEATH = SimpleNamespace(step=2, tensor="loss", operation="overflow in exp")
X = np.arange(5.0)
SIGNED = np.array([[0.5, -0.5]])
PICTURES = {
    "bars": lambda ax: plots.draw_bars(ax, KINDS, truth=np.full(5, 0.2)),
    "lanes": lambda ax: plots.draw_lanes(ax, X, np.full(5, 0.5), KINDS),
    "strip": lambda ax: plots.draw_strip(ax, X, floats.states(KINDS), marker=2),
    "pipeline": lambda ax: plots.draw_pipeline(ax, STEPS, pipeline.born(STEPS)),
    "dots": lambda ax: plots.draw_dots(ax, {"one": {"a": [1, 2], "b": [2]}, "two": {"a": [3], "b": [1, 1]}}),
    "number lines": lambda ax: plots.draw_number_lines(ax, {"all": X}, {"all": [("spacing 1", 1, 2)]}),
    "signed matrix": lambda ax: plots.draw_matrix(ax, SIGNED, wrong=SIGNED < 0),
    "matrix": lambda ax: plots.draw_matrix(ax, KINDS[:4].reshape(2, 2)),
    "outcomes": lambda ax: plots.draw_outcomes(ax, {"mean": ["right", "NaN", "zero"], "max": ["right"] * 3}),
    "errors": lambda ax: plots.draw_errors(ax, X, {"naive": [1, 2, 4, np.nan, np.inf], "stable": [0.5] * 5}),
    "training": lambda ax: plots.draw_training(
        ax, {"naive": [2, np.inf, np.nan], "stable": [2, 1, 0.5]}, DEATH
    ),
    "ratios": lambda ax: plots.draw_ratios(
        ax, {"small": {"a": 1, "b": 2, "c": 9}, "large": {"a": 2, "b": 3, "c": 2}}, "a"
    ),
    "remedies": lambda ax: plots.draw_remedies(ax, {"without": [0.2, 0.25, 0.3], "with": [1.0, 0.99]}, 0.99),
    "gradients": lambda ax: plots.draw_gradients(ax, [0] * 20 + [1, 5, 20, 40, 20, 5, 1], 2.0**-22, 256),
}


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(a, b="white"):
    light, dark = sorted([luminance(a), luminance(b)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


def words(ax):
    return " ".join(text.get_text() for text in ax.texts)


@pytest.fixture
def ax():
    return plots.figure()[1]


def test_contrast_is_computed_as_the_standard_says():
    assert contrast("black") == pytest.approx(21)
    assert contrast("#777777") == pytest.approx(4.48, abs=0.01)


def test_every_line_and_shape_has_a_contrast_of_3_to_1():
    lines = [colour for colour, _ in palette.LINES] + [look.colour for look in plots.STATE_STYLE.values()]
    assert min(contrast(colour) for colour in lines) >= 3


def test_every_text_has_a_contrast_of_4_5_to_1():
    assert min(contrast("black", tint) for tint in (palette.TINT, palette.TINT_BELOW)) >= 4.5
    for draw in PICTURES.values():
        fig, ax = plots.figure()
        draw(ax)
        fig.canvas.draw()
        texts = [*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels()]
        assert min(contrast(text.get_color()) for text in texts) >= 4.5
        assert min(text.get_fontsize() for text in texts) >= 11


def test_states_differ_in_glyph_and_word_and_the_bad_ones_in_hatch():
    looks = plots.STATE_STYLE
    assert set(looks) == set(floats.STATES)
    assert len({look.glyph for look in looks.values()}) == len({look.word for look in looks.values()}) == 5
    assert len({looks[state].hatch for state in ("ok", "zero", "inf", "NaN")}) == 4


def test_nan_and_inf_bars_fill_the_height_with_hatch_and_word(ax):
    plots.draw_bars(ax, KINDS)
    low, high = ax.get_ylim()
    full = [bar.get_hatch() for bar in ax.patches if np.isclose(bar.get_height(), high - low)]
    assert full == ["//", "xx"]
    assert "inf" in words(ax)
    assert "NaN" in words(ax)


def test_a_lane_names_each_stretch_without_numbers(ax):
    PICTURES["lanes"](ax)
    for word in ("subnormal", "zero", "inf", "NaN", "truth", "computed"):
        assert word in words(ax)


def test_words_of_narrow_stretches_do_not_overlap(ax):
    sweep = pipeline.sweep_offset(1, "float32", "naive", np.arange(-110, 95, 0.5))
    plots.draw_lanes(ax, sweep.x, sweep.truth[:, 0], sweep.p[:, 0], sweep.states)
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts if text.get_text()[0] in "◐○∞✕"]
    boxes.sort(key=lambda box: box.x0)
    assert len(boxes) == 4
    assert all(a.x1 <= b.x0 + 1 for a, b in pairwise(boxes))


def test_the_stamp_stands_under_the_step_where_the_bad_number_is_born(ax):
    PICTURES["pipeline"](ax)
    stamp = next(text for text in ax.texts if "born here" in text.get_text())
    assert STEPS[round(stamp.get_position()[0])].name == "exp"


def test_a_logit_of_zero_is_a_number_and_a_probability_of_zero_is_a_loss(ax):
    plots.draw_pipeline(ax, pipeline.run([200.0, 0], "float32", "shifted")[:1])
    assert "zero" not in words(ax)
    plots.draw_pipeline(ax, pipeline.run([200.0, 0], "float32", "shifted"))
    assert "zero" in words(ax)


@pytest.mark.parametrize("name", ["remedies", "gradients"])
def test_no_word_is_cut_off_and_no_tick_label_runs_into_its_neighbour(name):
    fig, axes = plots.figure(10, 3.3, columns=3)
    for ax in axes:
        PICTURES[name](ax)
    fig.canvas.draw()
    for ax in axes:
        for box in (text.get_window_extent() for text in ax.texts if text.get_clip_on()):
            assert ax.bbox.x0 <= box.x0
            assert box.x1 <= ax.bbox.x1
    ticks = [label.get_window_extent() for ax in axes for label in ax.get_xticklabels()]
    ticks.sort(key=lambda box: box.x0)
    assert all(a.x1 < b.x0 for a, b in pairwise(ticks))


def test_a_death_is_told_in_words(ax):
    PICTURES["training"](ax)
    assert "step 2: loss not finite\noverflow in exp" in words(ax)


def test_an_error_that_is_no_number_is_shown(ax):
    PICTURES["errors"](ax)
    assert "naive: no number" in words(ax)
    assert sum(len(line.get_xdata()) for line in ax.lines if line.get_marker() == "x") == 2


def test_opposite_numbers_differ_in_sign_and_tint_and_a_wrong_one_in_its_mark(ax):
    PICTURES["signed matrix"](ax)
    assert [text.get_text() for text in ax.texts] == ["+0.5", "✗ -0.5"]
    assert ax.patches[0].get_facecolor() != ax.patches[1].get_facecolor()
    plots.draw_matrix(ax, np.array([[0.5, 0.25]]))
    assert words(ax) == "0.5 0.25"


def test_the_best_point_of_each_line_is_ringed(ax):
    plots.draw_errors(ax, X, {"a": [4, 1, 2, 3, 4], "b": [5, 4, 3, 2, 3]}, mark_best=True)
    rings = [line for line in ax.lines if line.get_marker() == "o"]
    assert [float(ring.get_xdata()[0]) for ring in rings] == [1, 3]


def test_a_single_run_has_no_label_that_reads_as_something_elses(ax):
    plots.draw_training(ax, [3, 2, 1])
    assert words(ax).strip() == ""


@pytest.mark.parametrize("name", PICTURES)
def test_drawing_again_replaces_the_picture(name, ax):
    def count():
        return [len(kind) for kind in (ax.lines, ax.patches, ax.texts, ax.collections)]

    PICTURES[name](ax)
    first = count()
    PICTURES[name](ax)
    assert count() == first


def test_figures_stay_outside_pyplot():
    fig, axes = plots.figure(7, 3, columns=2, width_ratios=[3, 1])
    assert axes.shape == (2,)
    assert not hasattr(fig, "number")
    assert matplotlib.rcParams["font.size"] >= 11
