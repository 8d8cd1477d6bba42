"""Every known mistake really fails where it says, and in the way the course says it does."""

import re

import ml_dtypes
import numpy as np
import pytest

from course_utils import accuracy, reference
from course_utils.mistakes import MISTAKES, QUANTITIES

CATALOGUE = {str(number) for number in range(1, 38)} | {"2b", "8b"}
EXPLORERS = {"edge", "breaker", "offset", "shift", "axis", "loss", "tiles"}
NAN, INF = np.nan, np.inf

f64, f32, f16 = np.float64, np.float32, np.float16
bf16 = ml_dtypes.bfloat16
ZERO, ONE = np.array([0]), np.array([1])

# (key, arguments or None for its own fails_on, what the wrong function gives; measured, 4 to 6 digits)
GIVES = [
    ("clip_logits", None, [0.5, 0.5, 9.64375e-23]),
    ("epsilon_in_log", None, 18.4207),
    ("gradient_through_epsilon", None, [[-1.92875e-14, 1.92875e-14]]),
    ("epsilon_makes_negative", None, -1.19209e-07),
    ("trust_float64", None, [NAN, 0]),
    ("trust_float64", ([-746.0, -747.0],), [NAN, NAN]),
    ("shift_by_mean", None, [NAN, 0, 0, 0]),
    ("shift_by_min", None, [NAN, 0]),
    ("shift_by_global_max", None, [[NAN] * 3, [0.0900306, 0.244728, 0.665241]]),
    ("shift_by_global_max", (f16([[0, 1, 2], [17, 18, 19]]),), [[0, 0, 1], [0.0900, 0.2446, 0.6653]]),
    ("shift_along_wrong_axis", None, [[0.731059, 0.268941], [0, 1]]),
    ("normalise_whole_batch", None, [[0.134471, 0.365529], [0.134471, 0.365529]]),
    ("log_of_softmax", None, [0, -INF]),
    ("log_of_softmax", (f16([0, -18]),), [0, -INF]),
    ("log_of_softmax", (f16([0, -15]),), [0, -15.0234]),
    ("onehot_times_log", None, NAN),
    ("replace_nan", None, [0, 0]),
    ("replace_inf", None, [0, 0]),
    ("clip_probabilities", None, 16.1181),
    ("gradient_through_clip", None, [[0, 0]]),
    ("logsumexp_unshifted", None, -INF),
    ("logsumexp_unshifted", (f64([-1000, -1001]),), -INF),
    ("shift_fully_masked_row", None, NAN),
    ("mask_by_adding", None, [0.5, 0.5]),
    ("log_of_one_minus_sigmoid", None, [-INF]),
    ("log_of_one_minus_sigmoid", (f32([15]),), [-14.8438]),
    ("log_of_one_minus_sigmoid", (f64([40]),), [-INF]),
    ("add_log_to_max", None, [-0.693359, -0.693359]),
    ("add_log_to_max", (f16([1000, 1000]),), [-0.5, -0.5]),
    ("add_log_to_max", (np.array([300, 300], bf16),), [0, 0]),
    ("divide_then_shift", None, [NAN, NAN]),
    ("sum_in_narrow_format", None, [0.00390625] * 1000),
    ("exponentiate_unshifted", None, [0] * 24),
    ("where_guards_gradient", None, [NAN]),
    ("clip_nan_gradient", None, [[NAN, -1]]),
    ("divide_logits", None, [0.524979, 0.475021]),
    ("standardise", None, [0.724548, 0.212896, 0.0625558]),
    ("standardise", (f32([10, 9, 8]),), [0.724548, 0.212896, 0.0625558]),
    ("add_epsilon_to_sum", None, [3.78351e-36, 1.4013e-36]),
    ("add_epsilon_to_sum", (f32([100, 0]),), [NAN, 0]),
    ("shift_by_max_abs", None, [NAN, NAN]),
    ("shift_by_constant", None, [NAN, NAN]),
    ("shift_by_constant", (f32([-20, -21]),), [NAN, NAN]),
    ("absorb_small_loss", None, 0),
    ("target_gradient_by_difference", None, [[0, 2.06115e-09]]),
    ("softmax_twice", None, 0.551445),
    ("softmax_twice", (f32([[20] + [0] * 9]), ZERO), 1.46115),
    ("softmax_twice", (f32([[20] + [0] * 999]), ZERO), 5.90948),
    ("average_tile_softmaxes", None, [0.134471, 0.365529, 0.134471, 0.365529]),
    ("store_probabilities_in_float8", None, [0] * 1100),
    ("store_logits_narrow", None, [0.5, 0.5]),
    ("store_logits_narrow", (f32([256, 257]),), [0.5, 0.5]),
    ("subtract_in_uint8", None, [0, NAN]),
    ("argmax_of_nan", None, 0),
    ("shift_infinite_logit", None, NAN),
    ("shift_by_max_or_zero", None, [NAN, NAN]),
    ("skip_nan", None, [NAN, 1]),
    ("nan_as_minus_infinity", None, [0, 1]),
    ("narrow_sum_in_logsumexp", None, INF),
    ("narrow_sum_in_logsumexp", (np.zeros(1000, bf16),), 5.53125),
    ("sum_one_by_one", None, [1] + [4.13994e-8] * 1000),
    ("epsilon_in_log_sum", None, [-1e-8, -40]),
    ("skip_nan_in_logsumexp", None, 1),
    ("max_over_weight_zero", None, -INF),
    ("max_over_masked", None, [NAN, NAN]),
    ("mask_with_large_number", None, [-2e9, -1e9]),
    ("mask_by_adding_infinity", None, [1, NAN]),
    ("mask_by_multiplying", None, [-1, 0]),
    ("uniform_where_nothing_is_kept", None, [0, 0]),
    ("mask_not_used", None, [1, 5]),
    ("weighted_mean_over_rows", None, 1.38629),
    ("mean_over_ignored_rows", None, 0.346574),
    ("ignore_only_minus_100", None, 0.410038),
    ("multiply_ignored_by_zero", None, NAN),
    ("smooth_ignored_rows", None, 1.64489),
    ("smooth_other_classes", None, 1.12693),
    ("drop_infinite_costs", None, 1.23615),
    ("weights_of_ignored_rows", None, 0.173287),
    ("probabilities_times_log", None, NAN),
    ("flat_index_in_narrow_type", None, 2.32230),
    ("drop_nan_losses", None, 0.313262),
    ("sum_losses_in_narrow_format", None, INF),
    ("smooth_in_narrow_format", None, 0),
    ("gradient_through_where", None, [[NAN, NAN]]),
    ("gradient_of_sum", None, [[-0.5, 0.5], [0.5, -0.5]]),
    ("gradient_of_ignored_rows", None, [[-0.5, 0.5], [-0.5, 0.5]]),
    ("multiply_ignored_gradient_by_zero", None, [[-0.5, 0.5], [NAN, NAN]]),
    ("gradient_without_total_weight", None, [[-0.25, -0.25]]),
]


def every(mistakes=MISTAKES):
    return pytest.mark.parametrize("mistake", mistakes.values(), ids=list(mistakes))


def quiet(function, *args, **options):
    with np.errstate(all="ignore"):
        return np.asarray(function(*args, **options))


def wrong(computed, truth):
    if computed.dtype.kind in "iu":
        return not np.array_equal(computed, truth)
    return accuracy.failure(computed, truth) != "right"


def test_the_catalogue_is_complete():
    assert {mistake.number for mistake in MISTAKES.values()} - {""} == CATALOGUE


@every()
def test_a_mistake_fails_on_its_own_input(mistake):
    assert wrong(np.asarray(mistake.gives()), np.asarray(mistake.truth(reference)))


@pytest.mark.parametrize(("key", "args", "expected"), GIVES, ids=[row[0] for row in GIVES])
def test_a_mistake_gives_what_the_course_says(key, args, expected):
    mistake = MISTAKES[key]
    options = {} if args else mistake.options
    given = quiet(mistake.function, *map(np.asarray, args or mistake.fails_on), **options).astype(f64)
    np.testing.assert_allclose(given, expected, rtol=2e-3 if args else 2e-5, atol=1e-45)


def test_every_mistake_has_its_measured_answer_or_a_law_below():
    by_law = {"max_without_keepdims", "sum_without_keepdims", "keep_old_scale"}
    assert {row[0] for row in GIVES} | by_law == set(MISTAKES)


def test_without_keepdims_a_square_batch_is_wrong_in_silence_and_others_raise():
    on_max, on_sum = MISTAKES["max_without_keepdims"], MISTAKES["sum_without_keepdims"]
    np.testing.assert_allclose(on_max.gives()[2], [0.0474, 8.93e-14, 0.953], rtol=1e-2)
    np.testing.assert_allclose(on_sum.gives().sum(axis=-1), [0.791, 0.333, 1.999], rtol=2e-3)
    for mistake in (on_max, on_sum):
        with pytest.raises(ValueError, match="broadcast"):
            mistake(f32([[1, 2, 3], [10, 20, 30]]))


def test_a_running_sum_that_is_not_rescaled_counts_old_terms_too_much():
    assert MISTAKES["keep_old_scale"].gives().sum() == pytest.approx(0.50002, abs=1e-5)


def test_a_sum_of_70000_ones_overflows_float16():
    assert not quiet(MISTAKES["sum_in_narrow_format"].function, np.zeros(70_000, f16)).any()


def test_a_sum_of_finite_exps_overflows_float32():
    assert not quiet(MISTAKES["exponentiate_unshifted"].function, np.full(10_000, 80, f32)).any()


def test_a_fully_masked_row_is_nan_after_the_shift():
    row = f32([-INF, -INF])
    assert np.isnan(quiet(lambda z: np.exp(z - z.max()) / np.exp(z - z.max()).sum(), row)).all()


@every()
def test_a_mistake_is_right_somewhere(mistake):
    """A mistake that never works persuades nobody, so each has an input on which it is close to the truth."""
    easy = {
        "softmax": (f32([[0.5, 0.25], [0.25, 0.5]]),),
        "log_softmax": (f32([0.5, 0.25]),),
        "logsumexp": (f32([0.5, 0.25]),),
        "cross_entropy": (f32([[0.5, 0.25]]), ONE),
        "gradient": (f32([[0.5, 0.25]]), ONE),
        "predicted_class": (f32([1, 2]),),
        "masked_softmax": (f32([1, 2, 3]), np.array([True, True, False])),
        "tempered_softmax": (f32([1, 2]), f32(0.5)),
        "log_not_sigmoid": (f32([0.5]),),
        "softplus_gradient": (f32([0.5]),),
        "masked_logits": (f32([0.5, 0.25]), np.array([True, True])),
    }[mistake.quantity]
    never = {
        "divide_logits",
        "standardise",
        "softmax_twice",
        "average_tile_softmaxes",
        "normalise_whole_batch",
        "subtract_in_uint8",
        "sum_without_keepdims",
        "shift_along_wrong_axis",
        "max_without_keepdims",
    }
    if mistake.key in never:
        easy = {
            "divide_logits": (f32([1, 1]),),
            "standardise": (f32([2, 0]),),
            "softmax_twice": (f32([[0, 0]]), ONE),
            "average_tile_softmaxes": (f32([1, 2, 1, 2]),),
            "normalise_whole_batch": (f32([1, 2]),),
            "subtract_in_uint8": (np.array([3, 3], np.uint8),),
        }.get(mistake.key, (f32([1, 2]),))
    if np.ndim(mistake.fails_on[-1]) == 2 and mistake.quantity == "cross_entropy":
        easy = easy[0], f32([[0, 1]])
    truth = QUANTITIES[mistake.quantity](reference, *easy)
    np.testing.assert_allclose(quiet(mistake.function, *easy).astype(f64), truth, rtol=0.02)


@every()
def test_a_mistake_says_everything(mistake):
    assert mistake.key == mistake.function.__name__ == mistake.function.__qualname__
    assert mistake.quantity in QUANTITIES
    assert mistake.widget in EXPLORERS
    words = (mistake.belief, mistake.diagnosis, mistake.step, mistake.change)
    assert all(text.strip().endswith((".", "`", "?")) for text in words)
    assert not re.search(r"\b(just|simply|obviously|trivially)\b", " ".join(words), re.I)


@every()
def test_the_wrong_code_leaves_its_input_alone(mistake):
    before = [np.array(arg) for arg in mistake.fails_on]
    mistake.gives()
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(before, mistake.fails_on, strict=True))
