"""The laws of softmax, on inputs that leave the safe range on purpose."""

import math

import mpmath
import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from course_utils import floats, reference, stable

lawful = settings(deadline=None, max_examples=150, derandomize=True)

LAWFUL = ["float64", "float32", "float16", "bfloat16"]


def cliffs(fmt):
    """Values at which something happens to exp in this format, with their neighbours."""
    edges = [fmt.exp_last_finite, fmt.exp_first_bad, fmt.exp_first_subnormal, fmt.exp_first_zero]
    edges += [fmt.max, -fmt.max, fmt.smallest_subnormal, fmt.smallest_normal, 0.0, -0.0]
    edges += [fmt.absorption_margin, -fmt.absorption_margin, -0.5, fmt.exp_last_finite - 1]
    return [float(floats.store(edge, fmt)) for edge in edges]


def values(fmt, infinite):
    anything = st.floats(-fmt.max, fmt.max, width=64)
    modest = st.floats(-30, 30)
    near = st.builds(
        lambda edge, steps: edge + steps * float(floats.spacing(edge, fmt)),
        st.sampled_from(cliffs(fmt)),
        st.integers(-3, 3),
    )
    sources = [modest, near, anything, st.floats(-fmt.exp_last_finite * 9, fmt.exp_last_finite * 9)]
    return st.one_of(*sources, *([st.just(-math.inf)] if infinite else []))


@st.composite
def batches(draw, infinite=False, names=LAWFUL):
    """Up to 4 rows of up to 40 logits: modest, huge, subnormal, tied, at a cliff, and -inf on request."""
    fmt = floats.FORMATS[draw(st.sampled_from(names))]
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 40)))
    few = draw(
        st.lists(values(fmt, infinite), min_size=1, max_size=6)
    )  # drawn from few values: ties are common
    logits = floats.store(draw(arrays.arrays(np.float64, shape, elements=st.sampled_from(few))), fmt)
    wide = logits.astype(np.float64)
    assume(not np.isnan(wide).any() and not np.isposinf(wide).any())
    return logits


def unit(logits):
    return floats.format_of(logits).eps / 2


@lawful
@given(batches(infinite=True))
def test_probabilities_sum_to_one(logits):
    sums = stable.softmax(logits, masked="zeros").astype(np.float64).sum(axis=1)
    empty = np.isneginf(logits.astype(np.float64)).all(axis=1)
    assert np.all(sums[empty] == 0)
    assert np.all(np.abs(sums[~empty] - 1) <= logits.shape[1] * unit(logits) + 4 * unit(logits))


@lawful
@given(batches(infinite=True))
def test_larger_logits_are_not_less_probable(logits):
    for quantity in (stable.softmax, stable.log_softmax):
        result = quantity(logits, masked="zeros").astype(np.float64)
        order = np.argsort(logits.astype(np.float64), axis=1, kind="stable")
        assert np.all(np.diff(np.take_along_axis(result, order, axis=1).clip(-1e308), axis=1) >= 0)


@lawful
@given(batches(infinite=True), st.randoms(use_true_random=False))
def test_permuting_the_classes_permutes_the_probabilities(logits, random):
    order = list(range(logits.shape[1]))
    random.shuffle(order)
    straight = stable.softmax(logits, masked="zeros").astype(np.float64)[:, order]
    permuted = stable.softmax(logits[:, order], masked="zeros").astype(np.float64)
    tiny = floats.format_of(logits).smallest_subnormal
    np.testing.assert_allclose(permuted, straight, rtol=16 * unit(logits), atol=2 * tiny)


@lawful
@given(batches(infinite=True))
def test_rows_do_not_know_each_other(logits):
    together = stable.softmax(logits, masked="zeros").astype(np.float64)
    alone = np.concatenate([stable.softmax(row[None], masked="zeros") for row in logits]).astype(np.float64)
    tiny = floats.format_of(logits).smallest_subnormal
    np.testing.assert_allclose(together, alone, rtol=16 * unit(logits), atol=2 * tiny)


@lawful
@given(batches(names=["float64", "float32"]), st.integers(-2000, 2000))
def test_a_shift_without_rounding_changes_nothing(logits, shift):
    with np.errstate(all="ignore"):
        moved = logits + logits.dtype.type(shift)
        exact = (moved.astype(np.longdouble) - logits.astype(np.longdouble)) == shift
    assume(exact.all() and np.isfinite(moved).all())
    tiny = 2 * floats.format_of(logits).smallest_subnormal
    np.testing.assert_allclose(
        stable.softmax(moved), stable.softmax(logits), rtol=16 * unit(logits), atol=tiny
    )


@lawful
@given(batches(infinite=True))
def test_logsumexp_lies_between_the_maximum_and_the_maximum_plus_log_n(logits):
    fmt = floats.format_of(logits)
    result, wide = stable.logsumexp(logits).astype(np.float64), logits.astype(np.float64)
    top = wide.max(axis=1)
    with np.errstate(all="ignore"):
        bound = floats.store(top + math.log(logits.shape[1]), fmt).astype(np.float64)
        slack = np.nan_to_num(2 * np.abs(bound) * fmt.eps)
        above = bound + slack
    assert np.all(result >= top)
    assert np.all(result <= above)


@lawful
@given(batches(infinite=True, names=["float64", "float32"]))
def test_softmax_and_log_softmax_agree(logits):
    p, log_p = stable.softmax(logits, masked="zeros"), stable.log_softmax(logits, masked="zeros")
    back = np.array([float(mpmath.exp(mpmath.mpf(float(value)))) for value in log_p.ravel()]).reshape(p.shape)
    tiny = 2 * floats.format_of(logits).smallest_subnormal
    tolerance = 8 * unit(logits) * (1 + np.abs(np.maximum(log_p.astype(np.float64), -1e4)))
    assert np.all(np.abs(back - p) <= tolerance * p + tiny)


@lawful
@given(batches(infinite=True), st.randoms(use_true_random=False))
def test_the_loss_is_not_negative_and_its_gradient_rows_sum_to_zero(logits, random):
    targets = [random.randrange(logits.shape[1]) for _ in logits]
    loss, gradient = stable.cross_entropy_with_grad(logits, targets, reduction="none")
    empty = np.isneginf(logits.astype(np.float64)).all(axis=1)
    gradient = gradient.astype(np.float64)[~empty]
    assert np.all(loss.astype(np.float64)[~empty] >= 0)
    assert np.isnan(loss.astype(np.float64)[empty]).all()
    assert np.all(np.abs(gradient.sum(axis=1)) <= (logits.shape[1] + 4) * unit(logits))
    assert np.all(np.abs(gradient) <= 1)


@settings(lawful, max_examples=40)
@given(batches(names=["float64"]))
def test_the_gradient_is_the_slope_of_the_loss(logits):
    """A difference quotient taken in mpmath, with a step that no float could resolve."""
    row, step = [mpmath.mpf(float(z)) for z in logits[0, :8]], mpmath.mpf(10) ** -40
    gradient = stable.cross_entropy_with_grad(logits[:1, :8], [0])[1][0]
    with mpmath.workdps(900):  # 700 / ln 10 digits for the smallest p, and 40 on either side of the step
        if max(row) - min(row) > 700:
            return
        for j in range(len(row)):
            moved = [z + step * (i == j) for i, z in enumerate(row)]
            slope = (_exact_loss(moved) - _exact_loss(row)) / step
            assert abs(float(slope) - gradient[j]) <= 8 * unit(logits) * abs(float(slope)) + 1e-39


def _exact_loss(row):
    top = max(row)
    return top - row[0] + mpmath.log(mpmath.fsum(mpmath.exp(z - top) for z in row))


@settings(lawful, max_examples=60)
@given(batches(infinite=True, names=["float64", "float32"]))
def test_the_oracle_agrees(logits):
    tiny = 2 * floats.format_of(logits).smallest_subnormal
    p, truth = stable.softmax(logits), reference.softmax(logits)
    np.testing.assert_allclose(p.astype(np.float64), truth, rtol=12 * unit(logits), atol=tiny)
    lse, truth = stable.logsumexp(logits).astype(np.float64), reference.logsumexp(logits)
    with np.errstate(all="ignore"):
        top = np.where(np.isfinite(logits), np.abs(logits.astype(np.float64)), 0).max(axis=1)
        fits = np.abs(truth) <= floats.format_of(logits).max
        error = np.where(truth == lse, 0, np.abs(lse - truth))
    assert np.all(error[fits] <= 6 * unit(logits) * np.maximum(np.abs(truth), top)[fits] + tiny)
