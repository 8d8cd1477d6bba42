"""Wrong answers of lessons 07 to 09 as learners type them: each is refused, and told what it really did or nothing.

When they were first typed fewer than half of them were named, five passed, and two were told a mistake that was
not theirs.
"""

from functools import cache

import numpy as np
import pytest

from course_utils import naive, shifted, stable
from course_utils.exercises import course

NAMED = 3 / 4  # of the refusals must name the real mistake
NAN, INF = np.nan, np.inf
NOBODY = set()
SHAPE = set()  # said by the engine: a shape, an error, a None

# --- 07 -------------------------------------------------------------------------------------------------


def table(history):
    return ~np.isfinite(history).all(axis=2)


def record(bad):
    step, tensor = np.argwhere(bad)[0] if bad.any() else (-1, -1)
    return step, tensor, (np.argmax(bad[:, -1]) if bad[:, -1].any() else -1)


def from_one(history):
    return tuple(place + 1 if place >= 0 else -1 for place in record(table(history)))


def died_with_the_first(history):
    step, tensor, _ = record(table(history))
    return step, tensor, step


def tensor_first(history):
    step, tensor, died = record(table(history))
    return tensor, step, died


def three_of_argwhere(history):
    bad = ~np.isfinite(history)
    return np.argwhere(bad)[0] if bad.any() else (-1, -1, -1)


def no_guard(history):
    bad = table(history)
    step, tensor = np.argwhere(bad)[0]
    return step, tensor, np.argmax(bad[:, -1])


def last_death(history):
    bad = table(history)
    died = np.flatnonzero(bad[:, -1])
    return *record(bad)[:2], died[-1] if len(died) else -1


RECORD = [
    (lambda h: record(np.isnan(h).any(axis=2)), {"look_for_nan_only"}),
    (lambda h: record((~np.isfinite(h)).all(axis=2)), {"wait_for_the_whole_tensor"}),
    (lambda h: record(table(h))[:2], SHAPE),
    (from_one, {"count_from_one"}),
    (died_with_the_first, {"die_at_the_first_bad_number"}),
    (tensor_first, {"tensor_before_step"}),
    (three_of_argwhere, {"take_the_place_for_the_death"}),
    (no_guard, {"argwhere_without_any"}),
    (last_death, NOBODY),
]
WHAT_ARRIVES = [
    ([NAN, 1, 0, 0, 1, NAN, 1], {"expect_the_clip_to_act"}),
    ([NAN, NAN, 0, 1, 1, NAN, 1], {"expect_clipped_logits_to_learn"}),
    ([NAN, NAN, 1, 0, 1, NAN, 1], {"expect_the_number_back"}),
    ([NAN, NAN, 0, 0, 1, 1, 1], {"expect_float64_to_be_safe"}),
    ([NAN, NAN, 0, 0, NAN, NAN, 1], {"expect_float64_to_fail"}),
    ([1] * 7, {"expect_the_truth"}),
    ([1, 1, 1, 0, 1, 1, 1], {"expect_the_truth"}),
    ([INF, 1, 0, 0, 1, INF, 1], {"stop_at_inf"}),
    ([INF, 1, 3.4e38, 0, 1, INF, 1], {"stop_at_inf"}),
    ([NAN, NAN, 0, 0, -1, NAN, -1], {"turn_the_sign_round"}),
    ([NAN, NAN, 0, 0.02, 1, NAN, 1], NOBODY),
    ([NAN, NAN, 0, 0, 1, NAN, 0], NOBODY),
]
MARGIN = [
    (lambda u, r: np.log(1 / u), {"forget_the_rivals"}),
    (lambda u, r: -np.log2(u / r), {"count_in_bits"}),
    (lambda u, r: np.log10(r / u), {"count_in_digits"}),
    (lambda u, r: np.log(u / r), {"forget_the_sign"}),
    (lambda u, r: -np.log(u) - np.log(r), {"divide_by_the_rivals"}),
    (lambda u, r: r * -np.log(u), {"multiply_the_margin"}),
    (lambda u, r: np.log(r) - np.log(2 * u), {"compare_with_the_spacing"}),
    (lambda u, r: np.log(r / (u / 2)), {"halve_the_roundoff"}),
    (lambda u, r: np.log((r + 1) / u), NOBODY),
    (lambda u, r: np.log(1 / u) + r, NOBODY),
    (lambda u, r: 16.6, SHAPE),
]

# --- 08 -------------------------------------------------------------------------------------------------

WHAT_IS_LEFT = [
    ([1000, INF, 0.001, 1, 1, 0.119], {"trust_the_paper"}),
    ([1000, 70_000, 0.001, 1, 1, 0.119], {"trust_the_paper"}),
    ([256, 65504, 1 / 256, 1.95, 0, 0.5], {"hold_at_the_largest"}),
    ([256, 70_000, 1 / 256, 1.95, 0, 0.5], {"leave_the_total_wide"}),
    ([256, 2048, 1 / 256, 1.95, 0, 0.5], {"stall_inside_numpy"}),
    ([256, INF, 0.001, 1.95, 0, 0.5], {"divide_by_the_true_total"}),
    ([256, INF, 1 / 256, 0, 0, 0.5], {"cut_instead_of_round"}),
    ([256, INF, 1 / 256, 1, 1, 0.5], {"keep_the_sum_at_one"}),
    ([256, INF, 1 / 256, 1.953, 2.148, 0.5], {"round_up_at_any_size"}),
    ([256, INF, 1 / 256, 1.95, 0, 0.119], {"shift_by_the_mask"}),
    ([256, INF, 1 / 256, 1.95, 0, 0], {"expect_masked_rows_to_be_empty"}),
    ([256, INF, 1 / 256, 1.95, 0, NAN], {"take_the_mask_for_infinite"}),
    ([128, INF, 1 / 128, 1.95, 0, 0.5], {"forget_the_hidden_bit"}),
    ([512, INF, 1 / 512, 1.95, 0, 0.5], NOBODY),
]


def step(weights, gradient, lr, scale):
    return weights - lr * gradient.astype(np.float32) / scale


def where(condition, otherwise=lambda weights: weights):
    """A step that is left out unless the condition holds."""
    return lambda w, g, lr, s: step(w, g, lr, s) if condition(g) else otherwise(w)


def all_finite(gradient):
    return np.isfinite(gradient).all()


def unscaled_too_early(w, g, lr, s):
    return w - lr * (g / s).astype(np.float32) if all_finite(g) else w


def rate_in_float16(w, g, lr, s):
    return w - np.float16(lr) * (g.astype(np.float32) / s) if all_finite(g) else w


def weights_in_float16(w, g, lr, s):
    return w.astype(np.float16) - lr * (g.astype(np.float32) / s) if all_finite(g) else w


BOTH_DISEASES = [
    (step, {"step_over_the_cliff"}),
    (unscaled_too_early, {"unscale_in_float16"}),
    (rate_in_float16, {"keep_the_rate_in_float16"}),
    (weights_in_float16, {"round_the_weights_first"}),
    (lambda w, g, lr, s: step(w, np.nan_to_num(g.astype(np.float32)), lr, s), {"replace_wide_and_step"}),
    (lambda w, g, lr, s: step(w, np.clip(g, -65504, 65504), lr, s), {"clip_and_step"}),
    (lambda w, g, lr, s: np.where(np.isfinite(g), step(w, g, lr, s), w), {"skip_single_numbers"}),
    (where(lambda g: not np.isnan(g).any()), {"skip_on_nan_alone"}),
    (where(lambda g: not np.isinf(g).any()), {"skip_on_inf_alone"}),
    (where(lambda g: np.isfinite(g.sum())), {"ask_the_sum"}),
    (where(all_finite, np.zeros_like), {"skip_to_zero"}),
    (where(all_finite, lambda w: None), SHAPE),
    (lambda w, g, lr, s: step(w, g, lr, 1) if all_finite(g) else w, {"forget_to_unscale"}),
    (lambda w, g, lr, s: step(w, g, lr, 1 / s) if all_finite(g) else w, {"scale_twice"}),
    (lambda w, g, lr, s: step(w, -g, lr, s) if all_finite(g) else w, {"step_uphill"}),
]
LOST_ORDER = [
    ([0, 1], {"too_few_to_share"}),
    ([0, 0, 0, 0, 1], {"too_few_to_share"}),
    ([0, 0, 0, 0, 0, 2], {"too_few_to_share"}),
    ([-128, 127], {"far_ahead"}),
    ([1, 0, 0, 0, 0, 0], {"winner_stands_first"}),
    ([0, 0, 0, 0, 0, 0], SHAPE),
    ([300, 0], SHAPE),
    ([0.5, 0, 0, 0, 0, 0], SHAPE),
]

# --- 09 -------------------------------------------------------------------------------------------------

ACCESSES = [
    ([3, 4, 3], {"repeat_the_three_above"}),
    ([3, 4, 1], {"take_them_for_the_forms_above"}),
    ([3, 8, 1], {"take_a_for_the_textbook"}),
    ([4, 8, 1], {"forget_to_read_back"}),
    ([5, 7, 1], {"forget_a_pass_of_reads"}),
    ([5, 8, 3], {"count_an_output_pass"}),
    ([5, 8, 2], {"count_the_locals"}),
    ([2, 5, 1], {"count_the_loops"}),
    ([5, 9, 1], NOBODY),
]


def repaired(z, weak, shift=lambda rows: np.rint(rows.max(axis=1, keepdims=True))):
    with np.errstate(all="ignore"):
        terms = np.exp(z)
        if weak.any():
            terms[weak] = np.exp(z[weak] - shift(z[weak]))
        return terms / terms.sum(axis=1, keepdims=True)


def sums(z):
    with np.errstate(all="ignore"):
        return np.exp(z).sum(axis=1)


def good(z):
    return (sums(z) >= 0.5) & (sums(z) <= 8e37)


def everything_if_any(z):
    return repaired(z, np.full(len(z), not good(z).all()))


def old_total(z):
    with np.errstate(all="ignore"):
        terms, total, weak = np.exp(z), sums(z)[:, None], ~good(z)
        terms[weak] = np.exp(z[weak] - np.rint(z[weak].max(axis=1, keepdims=True)))
        return terms / total


def nan_in_p(z):
    with np.errstate(all="ignore"):
        return repaired(z, np.isnan(naive.softmax(z)).any(axis=1))


def sum_of_p(z):
    with np.errstate(all="ignore"):
        return repaired(z, ~(np.abs(naive.softmax(z).sum(axis=1) - 1) < 1e-3))


def in_place(z):
    z -= z.max(axis=1, keepdims=True)
    return naive.softmax(z)


VERIFIED = [
    (shifted.softmax, {"shift_every_row"}),
    (naive.softmax, {"exponentiate_unshifted"}),
    (lambda z: repaired(z, np.full(len(z), True)), {"shift_every_row_by_a_whole_number"}),
    (everything_if_any, {"decide_for_the_batch_by_a_whole_number"}),
    (lambda z: repaired(z, ~np.isfinite(sums(z))), {"verify_finite_only"}),
    (lambda z: repaired(z, ~np.isfinite(sums(z)) | (sums(z) == 0)), {"let_tiny_sums_through"}),
    (sum_of_p, {"let_tiny_sums_through"}),
    (lambda z: repaired(z, sums(z) < 0.5), {"verify_small_only"}),
    (lambda z: repaired(z, good(z)), {"repair_the_good_rows"}),
    (nan_in_p, {"ask_the_probabilities_for_nan"}),
    (old_total, {"keep_the_old_total"}),
    (lambda z: repaired(z, ~good(z), lambda rows: np.rint(rows.max())), {"one_maximum_for_all_weak_rows"}),
    (lambda z: naive.softmax(np.clip(z, -80, 80)), NOBODY),
    (lambda z: np.nan_to_num(naive.softmax(z)), NOBODY),
    (in_place, SHAPE),
    (lambda z: None, SHAPE),
]


def chunks(z, rows=4):
    return [slice(start, start + rows) for start in range(0, len(z), rows)]


def cost(z, t):
    return np.sum(shifted.logsumexp(z) - z[np.arange(len(z)), t])


CHUNKED_LOSS = [
    (
        lambda z, t, rows=4: np.mean([shifted.cross_entropy(z[c], t[c]) for c in chunks(z, rows)]),
        {"mean_of_means"},
    ),
    (
        lambda z, t, rows=4: sum(cost(z[c], t[c]) for c in chunks(z, rows)[: len(z) // rows]) / len(z),
        {"drop_the_last_chunk"},
    ),
    (lambda z, t, rows=4: sum(cost(z[c], t[c]) for c in chunks(z, rows)), {"sum_of_all"}),
    (lambda z, t, rows=4: sum(cost(z[c], t) for c in chunks(z, rows)) / len(z), SHAPE),
    (
        lambda z, t, rows=4: sum(cost(z[c], t[: len(z[c])]) for c in chunks(z, rows)) / len(z),
        {"targets_of_the_first_chunk"},
    ),
    (lambda z, t, rows=4: cost(z, t) / rows, {"divide_by_the_size_of_a_chunk"}),
    (lambda z, t, rows=4: cost(z, t) / len(chunks(z, rows)), {"divide_by_the_chunks"}),
    (
        lambda z, t, rows=4: cost(z[chunks(z, rows)[-1]], t[chunks(z, rows)[-1]]) / len(z),
        {"keep_the_last_chunk_alone"},
    ),
    (
        lambda z, t, rows=4: (
            sum(np.sum(shifted.logsumexp(z[c]) - z[c][:, t[c]]) for c in chunks(z, rows)) / len(z)
        ),
        {"every_target_of_every_row"},
    ),
    (lambda z, t, rows=4: naive.cross_entropy(z, t), {"chunks_through_p"}),
    (
        lambda z, t, rows=4: -np.mean(np.log(shifted.softmax(z)[np.arange(len(z)), t])),
        {"log_of_a_probability"},
    ),
    (lambda z, t, rows=4: -cost(z, t) / len(z), {"sign_turned_round"}),
    (lambda z, t, rows=4: cost(z[:-1], t[:-1]) / len(z), NOBODY),
    (lambda z, t, rows=4: cost(z, t) / len(z), SHAPE),  # right, and the whole at once
    (lambda z, t, rows=4: stable.cross_entropy(z, t), SHAPE),
]

ANSWERS = {
    "07.record": RECORD,
    "07.what_arrives": WHAT_ARRIVES,
    "07.margin": MARGIN,
    "08.what_is_left": WHAT_IS_LEFT,
    "08.both_diseases": BOTH_DISEASES,
    "08.lost_order": LOST_ORDER,
    "09.accesses": ACCESSES,
    "09.verified": VERIFIED,
    "09.chunked_loss": CHUNKED_LOSS,
}


@pytest.fixture(autouse=True)
def no_progress(monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", "off")


@cache
def results(key):
    return [course.exercises()[key].check(answer) for answer, _ in ANSWERS[key]]


@pytest.mark.parametrize("key", ANSWERS)
def test_every_typed_answer_is_refused_and_none_is_told_what_it_did_not_do(key):
    for number, (result, (_, real)) in enumerate(zip(results(key), ANSWERS[key], strict=True)):
        assert result.outcome == "incorrect", f"answer {number} passes"
        assert result.mistake in {"", *real}, f"answer {number} is told {result.mistake}"


def test_three_of_four_are_told_what_they_did():
    found = [result for key in ANSWERS for result in results(key)]
    assert sum(result.mistake != "" for result in found) >= NAMED * len(found)


def test_a_loss_that_is_right_and_holds_copies_is_told_how_many():
    result = course.exercises()["09.chunked_loss"].check(lambda z, t, rows=4: cost(z, t) / len(z))
    assert "copies of all of them at once" in repr(result)
