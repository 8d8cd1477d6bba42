"""Training in 16 bits: two diseases, each with its own remedy, as Micikevicius et al. (2018) found them."""

import numpy as np
import pytest

from course_utils import datasets, mixed
from experiments import mixed as experiment

STORED = mixed.stored()


def median(disease, remedy, number="test_accuracy"):
    return float(np.median(STORED[disease][remedy][number]))


def test_an_update_2048_times_smaller_than_its_weight_is_lost():
    """The paper, section 3.1: ten bits of fraction, so the ratio at which a sum keeps nothing is 2^11."""
    one = np.float16(1)
    assert one + np.float16(2.0**-11) == one
    assert one + np.float16(2.0**-11 * 1.001) > one


def test_master_weights_cure_lost_updates_and_a_loss_scale_does_not():
    """The paper: float16 weights 80 % worse, relative to float32; with a float32 copy no worse."""
    disease, full = "lost updates", median("lost updates", "float32")
    assert median(disease, "float16") < 0.6 * full
    assert median(disease, "float16, loss scale") == median(disease, "float16")
    assert abs(median(disease, "float16, master weights") - full) < 0.01
    assert median(disease, "float16", "lost_updates") > 0.85
    assert median(disease, "float16, master weights", "lost_updates") < 0.01


def test_a_loss_scale_cures_lost_gradients_and_master_weights_do_not():
    """The paper: a detection network needed a loss scale; a factor of 8 was enough for it."""
    disease, full = "lost gradients", median("lost gradients", "float32")
    assert median(disease, "float16") < 0.8 * full
    assert median(disease, "float16, master weights") < 0.8 * full
    assert abs(median(disease, "float16, loss scale") - full) < 0.01
    assert median(disease, "float16", "lost_gradients") > 0.8
    scaled = {scale: np.median(found["test_accuracy"]) for scale, found in STORED["loss scales"].items()}
    assert full - 0.02 < scaled["8"] < full + 0.001
    assert abs(scaled["128"] - full) < 0.003
    assert scaled["1"] < 0.8 * full


def test_both_remedies_together_are_as_good_as_float32():
    for disease in mixed.DISEASES:
        assert abs(median(disease, "float16, both") - median(disease, "float32")) < 0.01


@pytest.mark.parametrize("remedy", ["float32", "float16", "float16, both"])
def test_a_fresh_run_gives_what_is_stored(remedy):
    """Another processor adds up in another order: a digit or two of the test set may change."""
    fresh = experiment.numbers("lost gradients", remedy, seeds=(0, 1))
    for name, values in fresh.items():
        np.testing.assert_allclose(values, STORED["lost gradients"][remedy][name][:2], atol=0.03)


def test_the_sizes_of_the_gradients_are_stored_and_most_lie_below_float16():
    counts = np.array(STORED["gradients by exponent"])
    assert counts[25:].sum() / counts.sum() > 0.8
    fresh = mixed.measure("lost gradients", "float32").gradients[: len(counts)]
    np.testing.assert_allclose(fresh, counts, atol=0.01 * counts.sum())


def test_a_scale_that_is_too_large_leaves_the_steps_out():
    run = mixed.measure("lost updates", "float16, both", epochs=1, loss_scale=2.0**24)
    assert run.skipped == 22
    assert all(np.isfinite(w).all() for w in run.weights)
    assert run.lost_updates == 0


def test_the_weights_have_the_format_that_was_asked_for():
    data = datasets.digits(scale=1 / 16)
    assert {w.dtype for w in mixed.train(data, master=False, epochs=1).weights} == {np.dtype(np.float16)}
    assert {w.dtype for w in mixed.train(data, epochs=1).weights} == {np.dtype(np.float32)}


def test_medians_are_a_row_a_remedy():
    assert [row["remedy"] for row in mixed.medians()] == list(mixed.REMEDIES)
    assert mixed.medians()[1]["lost updates"] == "0.25"
