"""Networks that die by themselves, and networks that live: nothing here is scripted."""

import numpy as np
import pytest

from course_utils import datasets, naive, pipeline, shifted, stable, training
from course_utils.training import repairs

DATA = datasets.digits()
SCALED = datasets.digits(scale=1 / 16)


def test_naive_softmax_dies_on_the_raw_digits_in_all_of_20_seeds():
    runs = [training.softmax_regression(DATA, naive, seed=seed) for seed in range(20)]
    assert not any(run.survived for run in runs)
    assert all(2 <= run.first_bad.step <= run.died <= 20 for run in runs)
    assert {run.first_bad.tensor for run in runs} <= {"logits", "loss", "gradient"}
    assert all(run.test_accuracy == 0 for run in runs)


def test_the_record_says_which_operation_made_the_first_bad_number():
    first = training.softmax_regression(DATA, naive).first_bad
    assert first.operation in ("divide by zero in log", "overflow in exp", "invalid value in divide")
    assert not np.isfinite(first.value)


@pytest.mark.parametrize("room", [shifted, stable], ids=lambda room: room.__name__)
def test_a_stable_loss_survives_where_naive_died(room):
    for seed in range(3):
        run = training.softmax_regression(DATA, room, seed=seed)
        assert run.survived
        assert run.first_bad is None
        assert len(run.losses) == len(run.max_logits) == 20 * 23
        assert run.test_accuracy > 0.83


def test_a_small_learning_rate_or_scaled_pixels_keep_naive_alive():
    for run in (
        training.softmax_regression(DATA, naive, lr=0.01),
        training.softmax_regression(SCALED, naive),
        training.softmax_regression(DATA, naive, scale=1 / 16),
    ):
        assert run.survived
        assert run.first_bad is None
        assert run.test_accuracy > 0.83


def test_after_the_max_shift_the_weights_live_and_some_losses_are_still_infinite():
    run = training.softmax_regression(DATA, softmax=shifted.softmax)
    assert run.survived
    assert (run.first_bad.tensor, run.first_bad.value) == ("loss", np.inf)
    assert run.test_accuracy > 0.83


@pytest.mark.parametrize("path", ["log(p + eps)", "clip p"])
def test_the_epsilon_cure_stalls_where_the_stable_loss_learns(path):
    def cured(logits, targets):
        losses, gradients = pipeline.loss_path(path, logits, targets, eps=1e-7)
        return losses.mean(), gradients / len(targets)

    scores = {
        name: np.median(
            [
                training.softmax_regression(DATA, room, init=1.0, epochs=30, seed=s).test_accuracy
                for s in range(5)
            ]
        )
        for name, room in {"cured": cured, "stable": stable}.items()
    }
    assert scores["cured"] < 0.7 < 0.85 < scores["stable"]


def test_the_gradients_of_the_network_agree_with_finite_differences():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 5)), rng.integers(0, 3, 6)
    parameters = [rng.normal(size=size) for size in [(5, 4), (4,), (4, 3), (3,)]]

    def loss():
        return shifted.cross_entropy(training.forward(parameters, x)[-1], y)

    layers = training.forward(parameters, x)
    slopes = training.backward(parameters, layers, shifted.cross_entropy_with_grad(layers[-1], y)[1])
    for values, slope in zip(parameters, slopes, strict=True):
        values.flat[1] += 1e-6
        high = loss()
        values.flat[1] -= 2e-6
        assert np.isclose((high - loss()) / 2e-6, slope.flat[1], rtol=1e-5, atol=1e-9)
        values.flat[1] += 1e-6


def test_a_hidden_layer_learns_the_digits():
    run = training.mlp(SCALED, stable, epochs=10, lr=0.1, momentum=0.9)
    assert run.survived
    assert run.test_accuracy > 0.9


def test_a_hidden_layer_with_adam_dies_late_and_only_with_naive():
    # which seeds die, and when, depends on the machine's matrix product; that most do does not
    runs = [training.mlp(SCALED, naive, update=training.adam(0.1), seed=seed) for seed in range(4)]
    alive = training.mlp(SCALED, stable, update=training.adam(0.1))
    died = [run.died for run in runs if not run.survived]
    assert len(died) >= 2
    assert min(died) > 50
    assert alive.survived
    assert alive.test_accuracy > 0.9


def test_the_optimisers_take_the_steps_of_their_formulas():
    weights = [np.array([1.0, 2.0])]
    update = training.sgd(0.1, momentum=0.5)
    update(weights, [np.array([1.0, -1.0])])
    update(weights, [np.array([1.0, -1.0])])
    assert np.allclose(weights[0], [1 - 0.1 - 0.15, 2 + 0.1 + 0.15])
    weights = [np.array([1.0, 2.0])]
    training.adam(0.1)(weights, [np.array([3.0, -0.01])])
    assert np.allclose(weights[0], [0.9, 2.1], atol=1e-6)


def test_the_same_seed_gives_the_same_run():
    one, two = (training.softmax_regression(SCALED, stable, epochs=1, seed=7) for _ in range(2))
    assert one.losses == two.losses


# --- the record and the repairs -------------------------------------------------------------------------


def test_a_trace_holds_the_naive_loss_and_gradient():
    logits, targets = np.random.default_rng(0).normal(size=(5, 4)), np.array([0, 1, 2, 3, 0])
    tensors = training.trace(logits, targets)
    loss, gradient = naive.cross_entropy_with_grad(logits, targets)
    np.testing.assert_allclose(tensors["loss"], loss)
    np.testing.assert_allclose(tensors["gradient"], gradient, atol=1e-15)
    assert list(tensors) == ["logits", "exp", "sum", "p", "loss", "gradient"]
    assert training.first_bad(tensors) is None


def test_the_first_bad_tensor_of_an_overflow_is_exp_and_of_a_lost_target_the_loss():
    with np.errstate(all="ignore"):
        high = training.trace(np.float32([[89, 0]]), np.array([1]))
        low = training.trace(np.float32([[0, -104]]), np.array([1]))
    assert training.first_bad(high) == ("exp", np.inf)
    assert training.first_bad(low) == ("loss", np.inf)
    assert np.isfinite(low["gradient"]).all()


def test_a_bad_loss_alone_kills_nobody():
    runs = [training.softmax_regression(DATA, naive, seed=seed) for seed in range(20)]
    assert all(run.first_bad.tensor == "loss" for run in runs)
    assert sum(run.died > run.first_bad.step for run in runs) > 10


LOSSES = {
    "log(p + eps)": repairs.log_of_p_plus_epsilon,
    "clipped": repairs.clipped_logits,
    "capped": repairs.soft_capped,
    "z-loss": repairs.with_z_loss,
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_of_a_repair_is_the_slope_of_its_loss(name):
    rng = np.random.default_rng(1)
    logits, targets = 3 * rng.normal(size=(4, 5)), rng.integers(0, 5, 4)
    gradient = LOSSES[name](logits.copy(), targets)[1]
    for place in ((0, 0), (1, targets[1]), (3, 4)):
        up, down = logits.copy(), logits.copy()
        up[place] += 1e-6
        down[place] -= 1e-6
        slope = (LOSSES[name](up, targets)[0] - LOSSES[name](down, targets)[0]) / 2e-6
        assert np.isclose(slope, gradient[place], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_repair_keeps_the_format(dtype):
    logits = np.array([[1, 2, 3]], dtype)
    for repair in repairs.REPAIRS.values():
        function = getattr(repair.loss, "cross_entropy_with_grad", repair.loss)
        assert function(logits, np.array([0]))[1].dtype == dtype, repair.name


def test_what_each_repair_makes_of_an_overflow():
    logits, targets = np.float32([[100, 0]]), np.array([1])
    with np.errstate(all="ignore"):
        assert repairs.without_nan(logits, targets)[1].tolist() == [[0, -1]]
        assert repairs.clipped_logits(logits, targets)[1][0, 0] == 0
        assert np.isnan(repairs.log_of_p_plus_epsilon(logits, targets)[1]).any()
        assert np.isfinite(repairs.soft_capped(logits, targets)[1]).all()
        assert np.isnan(repairs.with_z_loss(logits, targets)[1]).any()
    assert np.isfinite(repairs.with_z_loss(logits, targets, room=stable)[1]).all()


def test_clips_shorten_and_let_nan_through():
    seen = []

    def note(parameters, gradients):
        seen[:] = gradients

    gradients = [np.float32([3, 0]), np.float32([-4])]
    repairs.clip_each(note)([], gradients)
    assert [g.tolist() for g in seen] == [[1, 0], [-1]]
    repairs.clip_norm(note)([], gradients)
    np.testing.assert_allclose(np.concatenate(seen), [0.6, 0, -0.8], rtol=1e-6)
    for wrap in (repairs.clip_each, repairs.clip_norm):
        wrap(note)([], [np.float32([np.nan, 0.5])])
        assert np.isnan(seen[0][0])


def test_a_bad_step_is_skipped_and_a_good_one_is_not():
    seen = []
    careful = repairs.skip_bad(lambda parameters, gradients: seen.append(gradients))
    careful([], [np.float32([np.inf])])
    careful([], [np.float32([1.0]), np.float32([np.nan])])
    assert not seen
    careful([], [np.float32([1.0])])
    assert len(seen) == 1


def test_adam_keeps_its_moments_in_the_format_it_is_told():
    """In float32 the square of a gradient of 1e-30 is 0, and the step is the whole gradient over eps."""
    weights = [np.float32([1.0])]
    training.adam(0.1, eps=1e-35, moments=np.float64)(weights, [np.float64([1e-30])])
    assert np.allclose(weights[0], 0.9, atol=1e-6)
