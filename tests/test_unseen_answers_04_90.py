"""Wrong answers as learners write them, none of them copied from an exercise: what does the check say?

The answers were written before anybody looked at what is recognised. Each states the keys of the mistakes
that would be the truth about it; an empty set says that the course has no name for it.
"""

import numpy as np
import pytest

from course_utils.exercises import course

NAMED = 3 / 4  # of the rejections must name the real mistake


def soft(z, axis=-1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def log_soft(z):
    s = z - z.max(axis=-1, keepdims=True)
    return s - np.log(np.exp(s).sum(axis=-1, keepdims=True))


def hot(z, t):
    return np.eye(z.shape[-1], dtype=z.dtype)[t]


def own(values, t):
    return values[np.arange(len(t)), t]


# --- 04 -------------------------------------------------------------------------------------------------


def lse(z, axis, shift, after=lambda total: np.log(total)):
    return np.squeeze(shift + after(np.exp(z - shift).sum(axis=axis, keepdims=True)), axis=axis)


def top(z, axis):
    m = z.max(axis=axis, keepdims=True)
    return np.where(np.isfinite(m), m, 0).astype(z.dtype)


def unsigned_max(z, axis=-1):
    return -top(z, axis).squeeze(axis) + np.log(np.exp(z - top(z, axis)).sum(axis=axis))


def clipped(z, axis=-1):
    return np.log(np.exp(np.clip(z, -80, 80)).sum(axis=axis))


def whole_array(z, axis=-1):
    m = z.max()
    return m + np.log(np.exp(z - m).sum())


SAFE_LOGSUMEXP = [
    (lambda z, axis=-1: lse(z, axis, top(z, axis), np.log10), {"log_of_another_base"}),
    (lambda z, axis=-1: lse(z, axis, z.mean(axis=axis, keepdims=True)), {"shift_below_the_max"}),
    (lambda z, axis=-1: lse(z, axis, np.median(z, axis=axis, keepdims=True)), {"shift_below_the_max"}),
    (unsigned_max, {"subtract_the_max_again"}),
    (lambda z, axis=-1: lse(z, axis, top(z, axis), lambda s: np.log(s + 1e-9)), {"epsilon_under_the_sum"}),
    (clipped, {"clip_before_the_sum"}),
    (whole_array, {"sum_the_whole_batch"}),
    (
        lambda z, axis=-1: np.nan_to_num(lse(z, axis, z.max(axis=axis, keepdims=True)), nan=-np.inf),
        {"infinity_for_every_nan"},
    ),
    (lambda z, axis=-1: lse(z, axis, top(z, axis), lambda s: np.log(s / z.shape[axis])), {"mean_for_sum"}),
    (lambda z, axis=-1: np.log(np.exp(z.astype(np.longdouble)).sum(axis=axis)), {"logsumexp_unshifted"}),
]

ORDER = [
    (("A", [1e4, 1e4]), {"add_log_to_max"}),
    (("C", [0, -104]), {"log_of_softmax"}),
    (("D", [100, 0]), {"log_softmax_unshifted"}),
    (("A", [3, 4]), {"add_log_to_max"}),
    (("C", [5, 5]), {"log_of_softmax"}),
]


def emptied(z):
    s = z - z.max(axis=-1, keepdims=True)
    e = np.exp(s)
    e[..., -1] = 0
    return s - np.log1p(e.sum(axis=-1, keepdims=True))


def by_expm1(z):
    s = z - z.max(axis=-1, keepdims=True)
    return s - np.log1p(np.expm1(s).sum(axis=-1, keepdims=True))


def rounded_first(z):
    m = z.max(axis=-1, keepdims=True)
    rest = np.exp(z - m).sum(axis=-1, keepdims=True) - 1
    return z - (m + np.log1p(rest))


LAST_DIGITS = [
    (lambda z: np.log(soft(z) + 1e-12), {"log_of_softmax", "epsilon_beside_p"}),
    (lambda z: np.log1p(soft(z) - 1), {"log1p_of_p_minus_one"}),
    (emptied, {"empty_a_fixed_column"}),
    (rounded_first, {"add_log_to_max", "subtract_one_again"}),
    (lambda z: log_soft(z.astype(np.longdouble)).astype(z.dtype), {"widen_to_float64"}),
    (lambda z: z - np.log1p(np.exp(z).sum(axis=-1, keepdims=True)), {"count_the_max_twice"}),
    (by_expm1, set()),
    (lambda z: -log_soft(z), {"other_sign"}),
]

# --- 05 -------------------------------------------------------------------------------------------------

REFUTE_CLIP = [
    ([8, -8], {"target_ahead"}),
    ([-7, 7], {"gap_below_the_ceiling"}),
    ([-60, 60], {"leave_the_range"}),
    ([4, 4], {"gap_below_the_ceiling"}),
    ([-8, 8.5], {"gap_below_the_ceiling"}),
]


def kept(z, t):
    return z[t != -1], t[t != -1]


def scored(z, t, loss):
    z, t = kept(z, t)
    return loss(own(log_soft(z), t))


def positive_targets(z, t):
    z, t = z[t > 0], t[t > 0]
    return -own(log_soft(z), t).mean()


def zeroed_rows(z, t):
    return -(own(log_soft(np.where((t == -1)[:, None], 0, z)), t)).mean()


def unshifted_rows(z, t):
    z, t = kept(z, t)
    return (np.log(np.exp(z).sum(axis=-1)) - own(z, t)).mean()


def epsilon_rows(z, t):
    z, t = kept(z, t)
    return -np.log(own(soft(z), t) + 1e-10).mean()


def nan_mean(z, t):
    losses = -own(log_soft(z), t)
    losses[t == -1] = np.nan
    return np.nanmean(losses)


def of_axis_0(z, t):
    z, t = kept(z, t)
    return -np.log(own(soft(z, axis=0), t)).mean()


SKIP_ROWS = [
    (lambda z, t: scored(z, t, lambda x: -x.sum()), {"sum_the_kept_rows"}),
    (lambda z, t: scored(z, t, lambda x: x.mean()), {"other_sign"}),
    (lambda z, t: scored(z, t, lambda x: -np.median(x)), {"median_of_the_losses"}),
    (nan_mean, {"leave_out_broken_rows"}),
    (positive_targets, {"skip_class_0_as_well"}),
    (zeroed_rows, {"zeros_in_the_skipped_rows"}),
    (unshifted_rows, {"lose_the_shift"}),
    (epsilon_rows, {"epsilon_inside_the_log", "log_of_kept_probabilities"}),
    (of_axis_0, {"softmax_down_the_columns"}),
]


def weighed(z, g, log_p=None, end=lambda x: -x.sum(axis=-1).mean()):
    log_p = log_soft(z) if log_p is None else log_p
    return end(g * np.where(g == 0, 0, log_p))


def no_nan(x):
    return np.where(np.isnan(x), 0, x)


ZERO_WEIGHT = [
    (lambda z, g: weighed(z, g, end=lambda x: -x.sum()), {"sum_over_the_rows"}),
    (lambda z, g: weighed(z, g, end=lambda x: -x.mean()), {"mean_over_all_numbers"}),
    (lambda z, g: weighed(z, g, end=lambda x: x.sum(axis=-1).mean()), {"other_sign"}),
    (lambda z, g: -(g * np.nan_to_num(log_soft(z))).sum(axis=-1).mean(), {"floor_the_log"}),
    (lambda z, g: -no_nan(g * log_soft(z)).sum(axis=-1).mean(), {"replace_every_nan"}),
    (lambda z, g: -(g * np.log(soft(z) + 1e-12)).sum(axis=-1).mean(), {"epsilon_again"}),
    (lambda z, g: -((g + 1e-9) * log_soft(z)).sum(axis=-1).mean(), set()),
    (lambda z, g: -(g * np.maximum(log_soft(z), -100)).sum(axis=-1).mean(), {"floor_the_log"}),
]

# --- 06 -------------------------------------------------------------------------------------------------


def both(z, t, temperature):
    p = soft(z / temperature)
    return -np.log(own(p, t)).mean(), (p - hot(z, t)) / temperature / len(t)


def differences(z, t, temperature, h=1e-3):
    g = np.zeros_like(z)
    for index in np.ndindex(z.shape):
        for side in (h, -h):
            moved = z.copy()
            moved[index] += side
            g[index] += -own(log_soft(moved / temperature), t).mean() / (2 * side)
    return g


def columns(z, t, temperature):
    p = soft(z / temperature)
    p[:, t] -= 1
    return p / len(t) / temperature


TEMPERED = [
    (lambda z, t, T: (soft(z / T) - hot(z, t)) / len(t) * T, {"multiply_by_the_temperature"}),
    (lambda z, t, T: soft(z / T) - hot(z, t), {"forget_both_factors"}),
    (lambda z, t, T: (hot(z, t) - soft(z / T)) / T / len(t), {"flip_the_sign"}),
    (lambda z, t, T: (soft(z) - hot(z, t)) / T / len(t), {"softmax_at_temperature_1"}),
    (lambda z, t, T: soft(z / T) / T / len(t), {"forget_the_one_hot"}),
    (lambda z, t, T: (soft(z / T, axis=0) - hot(z, t)) / T / len(t), {"softmax_down_the_columns"}),
    (both, {"returned_several"}),
    (differences, {"difference_quotient"}),
    (columns, {"empty_whole_columns"}),
    (lambda z, t, T: ((soft(z / T) - hot(z, t)) / T).sum(axis=0) / len(t), set()),
]

NAN = np.nan
WHAT_COMES_BACK = [
    ([0, 0, 0, 0, 0, 0], {"expect_nothing"}),
    ([-1, -1, -1, -1, -1, 0], {"expect_the_truth"}),
    ([NAN, -1, -1, 0, -1, 0], {"expect_the_log_to_hold"}),
    ([NAN, -1, NAN, -1, -1, 0], {"expect_the_clip_to_pass"}),
    ([NAN, -1, NAN, 0, NAN, 0], {"expect_log_softmax_to_fail"}),
    ([NAN, -1, NAN, 0, -1, -1], {"expect_a_full_step"}),
    ([0, -1, NAN, 0, -1, 0], {"expect_exp_to_hold"}),
]


def rest(z, t):
    g = soft(z)
    g[np.arange(len(t)), t] = 0
    g[np.arange(len(t)), t] = -g.sum(axis=-1)
    return g


def from_logs(z, t):
    g = np.exp(log_soft(z))
    g[np.arange(len(t)), t] = np.expm1(own(log_soft(z), t))
    return g / len(t)


def clipped_p(z, t):
    return (np.clip(soft(z), 1e-7, 1 - 1e-7) - hot(z, t)) / len(t)


def wide_subtraction(z, t):
    p = soft(z)
    return (p.astype(np.float64) - hot(z, t)).astype(z.dtype) / len(t)


KEEP_LEARNING = [
    (lambda z, t: rest(z, t), {"forget_the_rows"}),
    (from_logs, {"through_the_log", "target_gradient_by_difference"}),
    (clipped_p, {"clip_the_probabilities"}),
    (wide_subtraction, {"subtract_in_float64", "target_gradient_by_difference"}),
    (lambda z, t: (soft(z) - hot(z, t) * (1 + 1e-6)) / len(t), {"floor_the_gradient"}),
    (lambda z, t: -rest(z, t) / len(t), {"other_sign"}),
    (lambda z, t: (soft(z) - hot(z, t)) / (len(t) - 1 + 1e-9), set()),
]

# --- 90 -------------------------------------------------------------------------------------------------

PREDICTION = [
    ([3, 4], {"nothing_overflows"}),
    ([0, 99], {"one_class_overflows"}),
    ([99, 91], {"first_class_is_right"}),
    ([-99, -98], {"nothing_overflows"}),
    ([92, 92], {"first_class_is_right"}),
    ([95, 5], {"one_class_overflows"}),
]


def big_mask(value):
    return lambda s, k: soft(np.where(k, s, np.asarray(value, s.dtype)))


def masked_rows(s, k):
    m = np.where(k, s, -np.inf)
    e = np.exp(m - m.max(axis=-1, keepdims=True))
    return np.nan_to_num(e / e.sum(axis=-1, keepdims=True))


def masked_with_epsilon(s, k):
    e = np.exp(s - s.max(axis=-1, keepdims=True)) * k
    return e / (e.sum(axis=-1, keepdims=True) + 1e-9)


ATTENTION_MASK = [
    (big_mask(-1e4), {"mask_by_adding", "mask_with_a_number"}),
    (big_mask(0), {"mask_with_zero"}),
    (lambda s, k: soft(s * k), {"mask_with_zero"}),
    (lambda s, k: soft(s) * k, {"mask_after_softmax"}),
    (masked_rows, {"hide_the_empty_row"}),
    (masked_with_epsilon, {"shift_by_a_masked_score"}),
    (lambda s, k: soft(np.where(~k, s, -np.inf)), {"mask_what_is_kept"}),
]

LN = np.log
DOUBLE_SOFTMAX = [
    ([0, 0, 20], {"expect_one_softmax"}),
    ([LN(3), LN(10), LN(3)], {"expect_a_guess"}),
    ([LN(np.e + 3) - 1, LN(np.e + 10) - 1, LN(np.e + 3)], {"count_the_winner_twice"}),
    ([-0.551, -1.461, -1.551], {"forget_the_minus"}),
    ([0.576, 0.232, 0.212], {"stop_at_the_probability"}),
    ([0.239, 0.635, 0.674], {"log_of_base_10"}),
]

PIXELS = [
    (lambda p: soft(p.astype(np.int16)), {"narrow_integers"}),
    (lambda p: soft(p.astype(np.float16)), {"narrow_floats"}),
    (lambda p: soft(p / p.max(axis=-1, keepdims=True)), {"scale_the_pixels"}),
    (lambda p: soft(p / 255), {"scale_the_pixels"}),
    (lambda p: np.exp(p.astype(float)) / np.exp(p.astype(float)).sum(-1, keepdims=True), {"trust_float64"}),
    (lambda p: soft(p.astype(np.float32)), {"narrow_floats"}),
    (lambda p: soft(np.abs(p.astype(int) - p.max(-1, keepdims=True))), {"distance_from_the_brightest"}),
]


def tempered(z, T, shift=lambda z: z.max(axis=-1, keepdims=True)):
    e = np.exp((z - shift(z)) / T)
    return e / e.sum(axis=-1, keepdims=True)


def powered(z, T):
    e = np.exp(z - z.max(axis=-1, keepdims=True)) ** (1 / T)
    return e / e.sum(axis=-1, keepdims=True)


SAMPLER = [
    (lambda z, T: tempered(z, max(T, np.asarray(1e-3, z.dtype))), {"limit_the_temperature"}),
    (lambda z, T: tempered(z, T + np.asarray(1e-6, z.dtype)), {"add_to_the_temperature"}),
    (powered, {"raise_to_a_power"}),
    (lambda z, T: tempered(z, 1 / T), {"multiply_instead"}),
    (lambda z, T: np.nan_to_num(soft(z / T), nan=1 / z.shape[-1]), {"hide_the_overflow"}),
    (lambda z, T: soft(np.clip(z / T, -100, 100)), {"clip_the_quotient"}),
    (lambda z, T: tempered(z, T, lambda z: z.mean(axis=-1, keepdims=True)), {"shift_below_the_max"}),
    (lambda z, T: soft(z) / T, {"divide_the_probabilities"}),
]

STORAGE = [
    (("A", [0, -8]), {"store_probabilities_in_float8"}),
    (("B", [256, 257]), {"store_logits_narrow"}),
    (("A", [1, 2]), {"store_probabilities_in_float8"}),
    (("B", [1, 2]), {"store_logits_narrow"}),
    (("A", [300, 301]), {"store_probabilities_in_float8"}),
]

LOG_NOT = [
    (lambda z: np.log(1 - 1 / (1 + np.exp(-z)) + 1e-12), {"epsilon_under_the_log"}),
    (lambda z: np.log(np.clip(1 - 1 / (1 + np.exp(-z)), 1e-7, 1)), {"epsilon_under_the_log", "clip_p"}),
    (lambda z: -np.log(1 + np.exp(z)), {"lose_both_ends"}),
    (lambda z: np.logaddexp(0, z), {"other_sign"}),
    (lambda z: -np.logaddexp(0, -z), {"log_of_yes"}),
    (lambda z: np.log1p(-1 / (1 + np.exp(-z))), {"log1p_of_a_rounded_p"}),
    (lambda z: -np.maximum(z, 0), {"forget_the_tail"}),
    (lambda z: np.log(1 / (1 + np.exp(z))), {"lose_both_ends"}),
]


def patient(p, t, change=lambda p: p):
    return -np.log(change(own(p, t))).mean()


def total_of_differences(z, t):
    return np.log(np.exp(z - own(z, t)[:, None]).sum(axis=-1)).mean()


def rest_of_differences(z, t):
    return np.log1p(np.exp(z - own(z, t)[:, None]).sum(axis=-1)).mean()


PATCHED_LOSS = [
    (lambda z, t: patient(soft(z), t, lambda p: p + 1e-12), {"epsilon_in_log", "patch_the_probability"}),
    (
        lambda z, t: patient(soft(z), t, lambda p: np.clip(p, 1e-10, 1)),
        {"clip_probabilities", "patch_the_probability"},
    ),
    (lambda z, t: patient(soft(z), t), {"log_of_p"}),
    (lambda z, t: -own(log_soft(z), t).mean(), {"absorb_small_loss"}),
    (lambda z, t: -own(log_soft(z.astype(np.float64)), t).mean(), {"absorb_in_float64"}),
    (total_of_differences, {"overflow_the_differences"}),
    (rest_of_differences, {"count_the_target_twice"}),
    (lambda z, t: -(hot(z, t) * np.log(soft(z))).sum(axis=-1).mean(), {"onehot_times_log"}),
    (lambda z, t: -own(log_soft(z), t).sum(), {"sum_for_mean", "absorb_small_loss"}),
]


def narrow_total(z, dtype=np.float16):
    e = np.exp(z - z.max(axis=-1, keepdims=True)).astype(dtype)
    return (e / e.sum(axis=-1, keepdims=True)).astype(z.dtype)


ACCUMULATOR = [
    (narrow_total, {"sum_in_float16", "narrow_format"}),
    (lambda z: soft(z.astype(np.float16)).astype(z.dtype), {"sum_in_float16", "narrow_format"}),
    (
        lambda z: np.exp(z.astype(np.float32)) / np.exp(z.astype(np.float32)).sum(-1, keepdims=True),
        {"widen_and_lose_the_shift"},
    ),
    (lambda z: np.exp(z - z.max(-1, keepdims=True)) / z.shape[-1], {"divide_by_the_count"}),
    (lambda z: soft(z) / soft(z).sum(axis=-1, keepdims=True), {"normalise_again"}),
    (
        lambda z: np.exp(z - z.max()) / np.exp(z - z.max()).astype(np.float32).sum(-1, keepdims=True),
        {"one_maximum_for_all"},
    ),
]

SLOPE = [
    (lambda z: np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True), {"exponentiate_unshifted"}),
    (lambda z: soft(z) - soft(z) ** 2, {"one_derivative_too_many"}),
    (
        lambda z: np.exp(z - np.log(np.exp(z).sum(axis=-1, keepdims=True))),
        {"subtract_the_unshifted_lse"},
    ),
    (log_soft, {"return_the_logarithm"}),
    (lambda z: soft(z, axis=0), {"slope_down_the_columns"}),
    (lambda z: (z == z.max(axis=-1, keepdims=True)) * 1.0, {"slope_of_the_hard_max"}),
    (lambda z: np.exp(z - z.max(axis=-1, keepdims=True)), {"forget_to_divide"}),
]

GRADIENTS = [
    (("A", ([[0, 50]], [0])), {"gradient_through_epsilon"}),
    (("B", ([[0, 50]], [0])), {"gradient_through_clip"}),
    (("C", ([[100, 0]], [1])), {"clip_nan_gradient"}),
    (("A", ([[1, 0]], [0])), {"gradient_through_epsilon"}),
    (("C", ([[0, 0]], [0])), {"clip_nan_gradient"}),
]


def guarded_by_where(z):
    return np.where(z < 80, np.exp(z) / (1 + np.exp(z)), 1)


def on_minimum(limit):
    def slope(z):
        e = np.exp(np.minimum(z, limit))
        return e / (1 + e)

    return slope


GUARDED = [
    (guarded_by_where, {"choose_the_output"}),
    (lambda z: np.nan_to_num(np.exp(z) / (1 + np.exp(z)), nan=1), {"choose_the_output"}),
    (lambda z: 1 - 1 / (1 + np.exp(z)), {"slope_by_difference"}),
    (lambda z: np.exp(np.clip(z, -30, 30)) / (1 + np.exp(np.clip(z, -30, 30))), {"slope_of_clipped_scores"}),
    (lambda z: 1 / (1 + np.exp(z)), {"slope_of_the_other_sign"}),
    (lambda z: (np.exp(z) / (1 + np.exp(z))) * (1 - np.exp(z) / (1 + np.exp(z))), {"one_slope_too_many"}),
    (
        lambda z: np.where(z < 80, np.exp(np.where(z < 80, z, 0)) / (1 + np.exp(np.where(z < 80, z, 0))), 0),
        {"zero_for_the_large"},
    ),
]


def streamed(z, rescale, start=-np.inf):
    m, total = start, 0.0
    for i in range(0, len(z), 2):
        new = max(m, z[i : i + 2].max())
        total = total * rescale(m, new) + np.exp(z[i : i + 2] - new).sum()
        m = new
    return np.exp(z - m) / total


def last_tile_only(z):
    m = z.max()
    return np.exp(z - m) / np.exp(z[-2:] - m).sum()


def parts(z):
    return np.concatenate([soft(z[i : i + 2]) for i in range(0, len(z), 2)])


STREAMING = [
    (lambda z: streamed(z, lambda m, new: 1.0), {"keep_old_scale"}),
    (lambda z: streamed(z, lambda m, new: np.exp(new - m)), {"spoil_the_start"}),
    (lambda z: streamed(z, lambda m, new: np.exp(m - new)), {"stream_without_guard"}),
    (lambda z: streamed(z, lambda m, new: np.exp(m - new), start=0.0), {"start_the_maximum_high"}),
    (lambda z: np.exp(z) / np.exp(z).sum(), {"stream_without_shift"}),
    (parts, {"average_tile_softmaxes", "softmax_of_each_tile"}),
    (lambda z: streamed(z, lambda m, new: m / new), {"spoil_the_start"}),
    (last_tile_only, {"total_of_the_last_tile", "forget_to_divide"}),
]

EDGES = [
    (lambda z: lse(z, -1, z.mean(axis=-1, keepdims=True)), {"shift_below_the_max"}),
    (lambda z: lse(z, -1, z.max(axis=-1, keepdims=True)), {"shift_fully_masked_row"}),
    (lambda z: np.log(np.exp(z).sum(axis=-1)), {"logsumexp_unshifted"}),
    (
        lambda z: np.nan_to_num(lse(z, -1, z.max(axis=-1, keepdims=True)), nan=-np.inf),
        {"replace_every_nan"},
    ),
    (lambda z: lse(z, -1, top(z, -1)) * 1.0 + 0 * np.nanmax(z), set()),
    (lambda z: lse(z, -1, np.full((*z.shape[:-1], 1), z.max())), {"one_maximum_for_all"}),
    (lambda z: z.max(axis=-1), {"return_the_max"}),
    (lambda z: lse(z, -1, z.min(axis=-1, keepdims=True)), {"shift_below_the_max"}),
]

ANSWERS = {
    "04.safe_logsumexp": SAFE_LOGSUMEXP,
    "04.order": ORDER,
    "04.last_digits": LAST_DIGITS,
    "05.refute_clip": REFUTE_CLIP,
    "05.skip_rows": SKIP_ROWS,
    "05.zero_weight": ZERO_WEIGHT,
    "06.tempered": TEMPERED,
    "06.what_comes_back": WHAT_COMES_BACK,
    "06.keep_learning": KEEP_LEARNING,
    "90.prediction": PREDICTION,
    "90.attention_mask": ATTENTION_MASK,
    "90.double_softmax": DOUBLE_SOFTMAX,
    "90.pixels": PIXELS,
    "90.sampler": SAMPLER,
    "90.storage": STORAGE,
    "90.log_not": LOG_NOT,
    "90.patched_loss": PATCHED_LOSS,
    "90.accumulator": ACCUMULATOR,
    "90.slope": SLOPE,
    "90.gradients": GRADIENTS,
    "90.guarded": GUARDED,
    "90.streaming": STREAMING,
    "90.edges": EDGES,
}


@pytest.fixture(autouse=True)
def no_progress(monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", "off")


def results():
    exercises = course.exercises()
    return [
        (key, number, exercises[key].check(answer), real)
        for key, answers in ANSWERS.items()
        for number, (answer, real) in enumerate(answers)
    ]


def test_wrong_answers_are_refused_most_are_named_and_none_is_named_wrongly():
    found = results()
    assert [(key, number) for key, number, result, _ in found if result.outcome != "incorrect"] == []
    wrong = [
        (key, number, result.mistake)
        for key, number, result, real in found
        if result.mistake not in {"", *real}
    ]
    assert wrong == []
    named = sum(result.mistake != "" for _, _, result, _ in found)
    assert named >= NAMED * len(found), f"{named} of {len(found)}"
