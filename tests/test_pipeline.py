"""The cliffs that the explorers show, measured again in every format's own arithmetic."""

import numpy as np
import pytest

from course_utils import floats, naive, pipeline, reference, shifted

FORMATS = list(floats.FORMATS)


def p_of(logits, kind="float32", method="naive"):
    return pipeline.pick(pipeline.run(logits, kind, method), "p").astype(np.float64)


def edges(sweep):
    return [(state, round(a, 6), round(b, 6)) for state, a, b in sweep.edges]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(("method", "room"), [("naive", naive), ("shifted", shifted)])
def test_the_steps_end_in_exactly_what_the_room_computes(kind, method, room):
    z = floats.store([[2, 1, 0.1], [-200, 3, 1], [90, 0, -3]], kind)
    with np.errstate(all="ignore"):
        truth = room.softmax(z)
    p = pipeline.pick(pipeline.run(z, kind, method), "p")
    assert p.dtype == truth.dtype == floats.FORMATS[kind].dtype
    assert np.array_equal(p.astype(float), truth.astype(float), equal_nan=True)


def test_names_and_order_of_the_steps():
    steps = pipeline.run([1, 2], "float32", "shifted", target=0)
    assert [s.name for s in steps] == ["z", "z - m", "exp", "sum", "p", "log p", "loss", "gradient"]
    assert [s.name for s in pipeline.run([1, 2], "float32")] == ["z", "exp", "sum", "p"]
    with pytest.raises(ValueError, match="method"):
        pipeline.run([1, 2], "float32", "maximum")


@pytest.mark.parametrize(
    ("logits", "kind", "step"),
    [
        ([1, 2, 3], "float32", None),
        ([89, 0, 0], "float32", "exp"),
        ([88.5, 88.5], "float32", "sum"),
        ([-104, -105], "float32", "exp"),
        ([6.5, 0, 0], "float8_e4m3fn", "exp"),
        ([10.9, 9.81, 0, -10.9], "float16", "sum"),
    ],
)
def test_a_bad_number_is_born_where_it_is_born(logits, kind, step):
    assert pipeline.born(pipeline.run(logits, kind)) == step


def test_the_log_of_a_vanished_probability_is_where_it_goes_wrong():
    assert pipeline.born(pipeline.run([0, -104], "float32", "naive", target=1)) == "log p"
    assert pipeline.born(pipeline.run([0, -104], "float32", "shifted", target=1)) is None


def test_the_all_zeros_zone():
    half = pipeline.sweep_magnitude("spread", "float16", "naive", np.arange(1000, 1150) / 100)
    assert edges(half) == [("ok", 10, 10.8), ("zero", 10.81, 11.08), ("NaN", 11.09, 11.49)]
    single = pipeline.sweep_magnitude("all equal", "float32", "naive", np.arange(8000, 9000) / 100)
    assert edges(single) == [("ok", 80, 87.33), ("zero", 87.34, 88.72), ("NaN", 88.73, 89.99)]


def test_the_first_nan_of_wide_formats():
    for kind, low, cliff in (("float32", 8800, 88.73), ("float64", 70900, 709.79)):
        sweep = pipeline.sweep_magnitude("spread", kind, "naive", np.arange(low, low + 100) / 100)
        assert sweep.edges[-1][:2] == ("NaN", cliff)


def test_float8_e4m3_has_no_infinity_and_goes_straight_to_nan():
    assert np.isnan(p_of([6.5, 0, 0], "float8_e4m3fn")).all()
    assert np.array_equal(np.isnan(p_of([89, 0, 0])), [True, False, False])


def test_the_sum_falls_before_any_term():
    for magnitude, finite in ((77.8, True), (77.9, False)):
        steps = pipeline.run(np.full(50257, magnitude), "float32")
        assert np.isfinite(pipeline.pick(steps, "exp")).all()
        assert np.isfinite(pipeline.pick(steps, "sum")).all() == finite


@pytest.mark.parametrize(("c", "p0"), [(-100, 0.72973), (-102, 0.8), (-103, 1.0), (-90, 0.731059)])
def test_the_subnormal_staircase(c, p0):
    assert p_of([c, c - 1])[0] == pytest.approx(p0, abs=1e-5)


def test_sliding_the_row_naive_breaks_at_both_ends_and_the_shift_draws_a_flat_line():
    offsets = np.arange(-110, 95.5, 0.5)
    sweep = pipeline.sweep_offset(1, "float32", "naive", offsets)
    assert [state for state, *_ in sweep.edges] == ["NaN", "subnormal", "ok", "zero", "NaN"]
    assert sweep.edges[0][2] == -104
    assert np.ptp(pipeline.sweep_offset(1, "float32", "shifted", offsets).p, axis=0).max() == 0


def test_the_shift_cannot_restore_what_storage_lost():
    assert np.allclose(p_of(np.array([1, 2, 3]) + 1e8, method="shifted"), 1 / 3)
    assert np.allclose(p_of(np.array([1, 2, 3]) + 1e6, method="shifted"), reference.softmax([1.0, 2, 3]))
    assert p_of([256, 257], "bfloat16", "shifted").tolist() == [0.5, 0.5]
    assert pipeline.sweep_offset(1, "bfloat16", "shifted", [256]).truth[0, 0] == pytest.approx(
        0.731059, abs=1e-6
    )


def test_the_max_is_one_of_about_180_units_of_good_shifts():
    sweep = pipeline.sweep_shift([100, 99, 0], "float32", np.arange(-80, 921) / 4)
    assert [(state, a) for state, a, _ in sweep.edges] == [
        ("NaN", -20), ("zero", 11.5), ("ok", 11.75), ("subnormal", 187.5), ("NaN", 204),
    ]  # fmt: skip
    good = sweep.x[np.abs(sweep.p - sweep.truth).max(axis=1) < 1e-6]
    assert good[0] == 11.75
    first_degraded = sweep.x[(sweep.x > 100) & (np.abs(sweep.p - sweep.truth).max(axis=1) >= 1e-6)][0]
    assert first_degraded == pytest.approx(191, abs=1)
    assert np.isnan(p_of([120, 0, 0, 0], method=30.0)[0])


def test_the_truth_of_a_sweep_agrees_with_mpmath():
    sweep = pipeline.sweep_magnitude("spread", "float64", "naive", [0.5, 30, 700])
    exact = reference.softmax(sweep.x[:, None] * np.array(pipeline.PATTERNS["spread"]))
    assert np.allclose(sweep.truth, exact, rtol=1e-12)


def losses(path, gap, kind="float32", target=1, eps=1e-7):
    sweep = pipeline.sweep_loss(path, kind, [gap], target, eps)
    return float(sweep.loss[0]), sweep.gradient[0].astype(np.float64)


@pytest.mark.parametrize(("kind", "last", "first"), [("float32", 103.75, 104), ("float16", 17.25, 17.5)])
def test_the_log_of_a_good_softmax_is_infinite_past_the_cliff(kind, last, first):
    assert np.isfinite(losses("log(softmax)", last, kind)[0])
    assert losses("log(softmax)", first, kind)[0] == np.inf
    assert np.isnan(losses("log(softmax)", first, kind)[1]).any()


@pytest.mark.parametrize(("eps", "plateau"), [(1e-4, 9.21), (1e-7, 16.12), (1e-8, 18.42), (1e-12, 27.63)])
def test_an_epsilon_is_a_ceiling_for_the_loss(eps, plateau):
    assert losses("log(p + eps)", 50, eps=eps)[0] == pytest.approx(plateau, abs=0.005)
    assert losses("log(p + eps)", 110, eps=eps)[0] == pytest.approx(plateau, abs=0.005)


def test_what_the_epsilon_the_clip_and_the_one_hot_do_to_the_gradient():
    assert losses("log(p + eps)", 50, eps=1e-8)[1][1] == pytest.approx(-1.9e-14, rel=0.02)
    loss, gradient = losses("clip p", 50)
    assert loss == pytest.approx(16.118, abs=1e-3)
    assert np.all(gradient == 0)
    assert np.isnan(losses("one-hot * log p", 110, target=0)[0])


def test_confident_and_right_only_log1p_keeps_the_loss():
    assert losses("log_softmax", 20, target=0)[0] == 0
    loss, gradient = losses("log1p", 20, target=0)
    assert loss == pytest.approx(2.0611537e-09, rel=1e-7)
    assert gradient[0] == pytest.approx(-2.0611537e-09, rel=1e-6)


@pytest.mark.parametrize("path", pipeline.LOSS_PATHS)
@pytest.mark.parametrize("target", [0, 1])
def test_every_path_is_right_where_nothing_is_extreme(path, target):
    sweep = pipeline.sweep_loss(path, "float64", [0, 0.5, 2, 5], target, eps=1e-12)
    exact = [reference.cross_entropy(np.array([[0, -gap]]), [target]) for gap in sweep.gaps]
    assert np.allclose(sweep.true_loss, exact, rtol=1e-14)
    assert np.allclose(sweep.loss, exact, rtol=1e-8)
    assert np.allclose(sweep.gradient, sweep.true_gradient, rtol=1e-8)


def test_log1p_and_log_softmax_follow_the_straight_line_to_the_end():
    for path in ("log1p", "log_softmax"):
        sweep = pipeline.sweep_loss(path, "float32", np.arange(0, 121, 0.5))
        assert np.allclose(sweep.loss, sweep.true_loss, rtol=1e-6)


def test_a_path_that_is_not_there_is_refused_by_name():
    with pytest.raises(ValueError, match="path"):
        pipeline.loss_path("hope", np.zeros((1, 2), np.float32), [0])
