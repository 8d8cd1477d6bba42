"""Networks that die by themselves, and networks that live: nothing here is scripted."""

import numpy as np
import pytest

from course_utils import datasets, naive, shifted, stable, training

DATA = datasets.digits()


def safe_softmax_log_after(logits, targets):
    """The repair of lesson 03: a safe softmax, and still the log of a probability."""
    p = shifted.softmax(logits)
    rows = np.arange(len(targets))
    loss = -np.mean(np.log(p[rows, targets]))
    p[rows, targets] -= 1
    return loss, p / len(targets)


def test_naive_softmax_dies_on_the_raw_digits_in_all_of_20_seeds():
    runs = [
        training.softmax_regression(DATA, naive.cross_entropy_with_grad, seed=s, epochs=1) for s in range(20)
    ]
    assert not any(run.survived for run in runs)
    assert all(3 <= run.first_bad.step <= run.died <= 11 for run in runs)
    assert {run.first_bad.tensor for run in runs} <= {"logits", "loss", "gradient"}


def test_on_scaled_digits_the_same_code_lives():
    run = training.softmax_regression(datasets.digits(scale=1 / 16), naive.cross_entropy_with_grad, epochs=5)
    assert run.survived
    assert run.first_bad is None
    assert run.test_accuracy > 0.8


@pytest.mark.parametrize("room", [shifted, stable], ids=lambda room: room.__name__)
def test_a_stable_loss_survives_where_naive_died(room):
    for seed in range(5):
        run = training.softmax_regression(DATA, room.cross_entropy_with_grad, seed=seed)
        assert run.survived
        assert run.first_bad is None
        assert run.test_accuracy > 0.85


def test_after_the_max_shift_the_weights_live_and_some_losses_are_still_infinite():
    run = training.softmax_regression(DATA, safe_softmax_log_after, seed=0)
    assert run.survived
    assert run.first_bad.tensor == "loss"
    assert run.first_bad.value == np.inf
    assert run.test_accuracy > 0.85


def test_the_gradients_of_the_network_agree_with_finite_differences():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 5)), rng.integers(0, 3, 6)
    sizes = [(5, 4), (4,), (4, 3), (3,)]
    parameters = [rng.normal(size=size) for size in sizes]

    def loss(values):
        return shifted.cross_entropy(training._forward(values, x)[1], y)

    inputs, logits = training._forward(parameters, x)
    slopes = training._backward(parameters, inputs, shifted.cross_entropy_with_grad(logits, y)[1])
    for i, slope in enumerate(slopes):
        moved = [values.copy() for values in parameters]
        moved[i].flat[1] += 1e-6
        high = loss(moved)
        moved[i].flat[1] -= 2e-6
        assert np.isclose((high - loss(moved)) / 2e-6, slope.flat[1], rtol=1e-5, atol=1e-9)


def test_a_hidden_layer_learns_the_digits():
    run = training.mlp(datasets.digits(scale=1 / 16), epochs=10, lr=0.1, momentum=0.9)
    assert run.survived
    assert run.test_accuracy > 0.9


def test_the_record_names_the_first_bad_tensor_of_the_step():
    record = training._Record()
    good, bad = np.ones((2, 3), np.float32), np.float32([[1, np.inf, 2]])
    record.step(good, 0.5, good, [good])
    record.step(good, np.inf, bad, [good])
    record.step(bad, np.nan, bad, [good, bad])
    assert (record.first_bad.step, record.first_bad.tensor, record.first_bad.value) == (2, "loss", np.inf)
    assert record.died == 3
