"""Each formula of the family, by the phenomenon that breaks it where it goes through stored probabilities."""

import math
import warnings

import numpy as np
import pytest

from course_utils import accuracy, family, floats, stable
from course_utils.reference import family as truth

INF, NAN = np.inf, np.nan
FORMATS = ["float64", "float32", "float16", "bfloat16", "float8_e5m2"]
each_format = pytest.mark.parametrize("fmt", FORMATS)
PAIRS = ["sigmoid", "log_sigmoid", "softplus", "log1mexp"]
BARS = {"float64": 1.5}


@pytest.fixture(autouse=True)
def no_floating_point_event_escapes():
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        yield


def worst(computed, exact):
    with np.errstate(all="ignore"):
        return accuracy.worst_ulps(computed, exact)


def same(computed, wanted):
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(np.asarray(computed, np.float64), wanted)


def rows(fmt, spread, count=12, seed=0):
    return floats.store(np.random.default_rng(seed).normal(0, spread, (count, 6)), fmt)


# Edge values


@pytest.mark.parametrize(
    ("name", "at", "gives"),
    [
        ("sigmoid", [-INF, INF, NAN, 0, -745], [0, 1, NAN, 0.5, 5e-324]),
        ("softplus", [-INF, INF, NAN, 0, 1000], [0, INF, NAN, math.log(2), 1000]),
        ("log_sigmoid", [-INF, INF, NAN, 0, -1000], [-INF, 0, NAN, -math.log(2), -1000]),
        ("log1mexp", [-INF, 0, NAN, 1e-300, -1e-8], [0, -INF, NAN, NAN, -18.420680748952364]),
    ],
)
def test_a_function_of_one_number_at_its_ends(name, at, gives):
    same(getattr(family, name)(at), gives)
    assert getattr(family, name)(at[3]) == gives[3] or np.isnan(gives[3])


def test_a_sure_answer_costs_nothing_or_everything():
    same(family.binary_cross_entropy([-INF, INF, -INF, INF, NAN], [0, 1, 1, 0, 0]), [0, 0, INF, INF, NAN])
    same(family.binary_cross_entropy_with_grad([-INF, INF, -INF, INF], [0, 1, 1, 0])[1], [0, 0, -1, 1])


def test_targets_may_be_truth_values_and_must_be_probabilities():
    same(family.binary_cross_entropy([0.0, 0.0], [True, False]), [math.log(2)] * 2)
    for wrong in (-0.1, 1.1, NAN):
        with pytest.raises(ValueError, match="between 0 and 1"):
            family.binary_cross_entropy([0.0], [wrong])


def test_a_class_at_minus_infinity_adds_no_entropy_and_one_class_has_none():
    same(family.entropy([[0, 0, -INF], [3, -INF, -INF]]), [math.log(2), 0])
    same(family.entropy([[7.0]]), [0])
    assert family.entropy(5.0) == 0


@pytest.mark.parametrize("row", [[-INF, -INF], [INF, 0], [NAN, 0]])
def test_a_row_without_a_distribution_gives_nan(row):
    other = [0.0, 0.0]
    same(family.entropy([row, other]), [NAN, math.log(2)])
    same(family.kl_divergence([row, other], other), [NAN, 0])
    same(family.kl_divergence(other, [row, other]), [NAN, 0])
    for backward in (family.softmax_backward, family.log_softmax_backward):
        assert np.isnan(backward(row, [1.0, 0.0])).all()


def test_divergence_where_one_side_lacks_a_class():
    same(family.kl_divergence([0, 0, -INF], [0, 0, -INF]), 0)
    same(family.kl_divergence([0, 0.0], [0, -INF]), INF)
    assert family.kl_divergence([0, -INF], [0, 0.0]) == pytest.approx(math.log(2), rel=1e-15)
    assert family.kl_divergence([0, -800.0], [-800, 0.0]) == 800


def test_no_class_is_refused_and_so_is_what_is_no_number():
    for function in (
        family.entropy,
        lambda z: family.kl_divergence(z, z),
        lambda z: family.softmax_backward(z, z),
    ):
        with pytest.raises(ValueError, match="no class"):
            function(np.zeros((2, 0)))
    for function in (family.sigmoid, family.entropy, family.log1mexp):
        with pytest.raises(TypeError):
            function(np.array([True, False]))
    with pytest.raises(ValueError, match="broadcast"):
        family.kl_divergence([1.0, 2], [1.0, 2, 3])


@each_format
def test_a_format_comes_back_as_it_came(fmt):
    z = rows(fmt, 3)
    for name in PAIRS:
        assert getattr(family, name)(z).dtype == z.dtype
    assert family.binary_cross_entropy(z, 1).dtype == family.entropy(z).dtype == z.dtype
    assert family.kl_divergence(z, z).dtype == family.softmax_backward(z, z).dtype == z.dtype
    assert family.sigmoid(np.arange(3)).dtype == np.float64


# Accuracy


@each_format
@pytest.mark.parametrize("name", PAIRS)
def test_a_function_of_one_number_keeps_its_digits_at_every_size(name, fmt):
    random = np.random.default_rng(1)
    z = np.concatenate([random.normal(0, 1e-6, 20), random.normal(0, 30, 60), random.uniform(-745, 745, 60)])
    z = floats.store(-np.abs(z) if name == "log1mexp" else z, fmt)
    assert worst(getattr(family, name)(z), getattr(truth, name)(z, object)) <= BARS.get(fmt, 0.51)


@each_format
def test_a_binary_loss_keeps_its_digits_for_every_target(fmt):
    z = floats.store(np.repeat([-80, -17, -16.02, -5.5, 0, 0.01, 14, 17, 58, 100], 7), fmt)
    y = np.tile([0, 1e-6, 0.1, 0.5, 0.9, 1 - 1e-6, 1], 10)
    loss, slope = family.binary_cross_entropy_with_grad(z, y)
    assert worst(loss, truth.binary_cross_entropy(z, y, object)) <= 2 * BARS.get(fmt, 0.26)
    sure = (y == 0) | (y == 1)
    assert worst(slope[sure], truth.binary_gradient(z[sure], y[sure], object)) <= BARS.get(fmt, 0.51)
    exact, size = truth.binary_gradient(z, y), floats.format_of(z)
    allowed = 2 * size.eps * np.maximum(y, np.abs(exact)) + size.smallest_subnormal
    assert np.all(np.abs(slope.astype(float) - exact) <= allowed)


@each_format
@pytest.mark.parametrize("spread", [1, 30, 300])
def test_entropy_keeps_its_digits_from_a_fair_coin_to_a_sure_thing(fmt, spread):
    z = rows(fmt, spread)
    assert worst(family.entropy(z), truth.entropy(z, dtype=object)) <= (8 if fmt == "float64" else 0.51)


@each_format
@pytest.mark.parametrize("apart", [1e-8, 1e-4, 0.1, 10, 300])
@pytest.mark.parametrize("offset", [0, 1000])
def test_a_divergence_keeps_its_digits_however_close_the_two_are(fmt, apart, offset):
    a = rows(fmt, 1)
    b = floats.store(a.astype(float) + np.random.default_rng(2).normal(offset, apart, a.shape), fmt)
    found = family.kl_divergence(a, b)
    assert np.all(found.astype(float) >= 0)
    assert worst(found, truth.kl_divergence(a, b, dtype=object)) <= (8 if fmt == "float64" else 0.51)


@each_format
@pytest.mark.parametrize("name", ["softmax_backward", "log_softmax_backward"])
@pytest.mark.parametrize("spread", [1, 40])
def test_a_backward_pass_loses_nothing_where_a_class_is_sure(fmt, name, spread):
    z, g = rows(fmt, spread), rows(fmt, 1, seed=3)
    found, exact = getattr(family, name)(z, g), getattr(truth, name)(z, g)
    p = stable.softmax(z.astype(float))
    size = p if name == "softmax_backward" else np.abs(g.astype(float)) * (1 - p) + p
    allowed = 24 * 2**-53 + (floats.format_of(z).eps / 2 if fmt != "float64" else 0)
    tiny = floats.format_of(z).smallest_subnormal
    assert np.all(np.abs(found.astype(float) - exact) <= allowed * np.maximum(np.abs(exact), 8 * size) + tiny)


# Phenomena


def test_the_loss_and_its_gradient_live_on_past_the_cliff_of_a_stored_probability():
    """sigmoid(17) is 1 in float32: by way of p the loss is 100 and its gradient 0."""
    loss, slope = family.binary_cross_entropy_with_grad(np.float32([17, -50, -17, 17]), [0, 1, 0, 1])
    np.testing.assert_allclose(loss, [17, 50, 4.139938e-8, 4.139938e-8], rtol=1e-6)
    np.testing.assert_allclose(slope, [1, -1, 4.139938e-8, -4.139938e-8], rtol=1e-6)


def test_softplus_has_no_cut_off():
    assert family.softplus(20.5) == 20.500000001250153


def test_the_other_probability_near_both_ends():
    np.testing.assert_allclose(
        family.log1mexp(np.float32([-1e-8, -17])), [-18.420681, -4.139938e-8], rtol=1e-6
    )


def test_entropy_is_never_negative_and_no_nan_where_a_class_has_vanished():
    assert family.entropy(np.float32([20, 0])) == pytest.approx(4.3284e-8, rel=1e-4)
    assert family.entropy(np.float32([0, -104])) == pytest.approx(7.1e-44, rel=0.05)
    assert family.entropy([1e6, 1e6 - 1]) == pytest.approx(0.5822031, rel=1e-6)


def test_a_divergence_of_rows_that_nearly_agree_is_not_negative():
    assert family.kl_divergence(np.float32([2, 0]), np.float32([2.0009766, 0])) == pytest.approx(
        5.0e-8, rel=0.01
    )
    assert family.kl_divergence([1.0, 2, 3], [1001.0, 1002, 1003]) == 0


def test_distillation_is_a_divergence_at_a_temperature():
    student, teacher = [1.0, 2, 0], [3.0, 1, -1]
    halves = family.kl_divergence(np.array(teacher) / 2, np.array(student) / 2)
    assert family.distillation_loss(student, teacher, 2.0) == pytest.approx(4 * halves, rel=1e-15)
    assert family.distillation_loss(np.float16(student), np.float16(teacher), 1e4) > 0.5
    with pytest.raises(ValueError, match="temperature"):
        family.distillation_loss(student, teacher, 0)


def test_what_a_masked_class_holds_upstream_counts_for_nothing():
    same(family.softmax_backward([0, 0, -INF], [1, 3, NAN]), [-0.5, 0.5, 0])


@pytest.mark.parametrize("backward", [family.softmax_backward, family.log_softmax_backward])
def test_a_fully_masked_row_sends_back_zeros_where_that_is_asked_for(backward):
    batch = [[-INF, -INF], [0, 0]]
    result = backward(batch, [[1.0, 2], [1, 0]], masked="zeros")
    same(result[0], [0, 0])
    assert np.isfinite(result).all()


def test_log_softmax_sends_back_p_minus_y_without_a_subtraction():
    slope = family.log_softmax_backward(np.float32([20, 0]), np.float32([-1, 0]))
    np.testing.assert_allclose(slope, [-2.0611537e-9, 2.0611537e-9], rtol=1e-6)


@pytest.mark.parametrize("backward", [family.softmax_backward, family.log_softmax_backward])
def test_a_backward_pass_knows_its_axis(backward):
    z, g = np.random.default_rng(4).normal(size=(2, 2, 3, 4))
    same(backward(z.swapaxes(0, 1), g.swapaxes(0, 1), axis=0), backward(z, g, axis=1).swapaxes(0, 1))
    same(backward(z, g, axis=0)[:, 1, 2], backward(z[:, 1, 2], g[:, 1, 2]))
    assert backward(2.0, 3.0).shape == ()


def test_the_log_of_a_mean_remembers_log_n():
    assert family.log_mean_exp([-750.0, -752, -751]) == pytest.approx(-750.691, abs=1e-4)
    assert family.log_mean_exp(np.full((2, 5), 1000.0), axis=0).tolist() == [1000.0] * 5
    assert family.log_mean_exp([-INF, -INF]) == -INF
    with pytest.raises(ValueError, match="nothing"):
        family.log_mean_exp([])


def test_a_point_far_from_every_part_still_belongs_to_the_nearest():
    x, mean = 40.0, np.array([0.0, 1.0])
    shares, log_p = family.responsibilities(np.log([0.5, 0.5]), -0.5 * (x - mean) ** 2)
    np.testing.assert_allclose(shares, stable.softmax([0, 39.5]), rtol=1e-12)
    assert np.isfinite(log_p)
    same(family.responsibilities([0.0, -INF], [-1e4, 0.0])[0], [1, 0])
    shares, log_p = family.responsibilities([0.0, 0.0], [-INF, -INF])
    same(shares, [NAN, NAN])
    assert log_p == -INF


def test_the_forward_algorithm_carries_its_level_outside():
    random = np.random.default_rng(5)
    transition, emission = random.dirichlet(np.ones(3), 3), random.random((2000, 3))
    alpha, level, scaled, total = np.zeros(3), 0.0, np.ones(3), 0.0
    for e in emission:
        alpha, shift = family.forward_step(alpha, np.log(transition), np.log(e))
        level += shift
        scaled = scaled @ transition * e  # Rabiner's scaling, the other right way
        total, scaled = total + np.log(scaled.sum()), scaled / scaled.sum()
    assert alpha.max() == 0
    np.testing.assert_allclose(stable.softmax(alpha), scaled, rtol=1e-12)
    assert level + stable.logsumexp(alpha) == pytest.approx(total, rel=1e-13)


def test_a_way_that_is_closed_leaves_minus_infinity_and_no_nan():
    alpha, shift = family.forward_step([0.0, -INF], [[-INF, -INF], [0, 0]], [0.0, 0.0])
    same(alpha, [-INF, -INF])
    assert shift == -INF


def test_under_a_shift_the_one_of_a_sink_shrinks_too():
    same(family.softmax_with_sink([10.0]), family.sigmoid([10.0]))
    assert family.softmax_with_sink([-100.0, -100.0]) == pytest.approx(3.7200759760208356e-44, rel=1e-12)
    same(family.softmax_with_sink([[-INF, -INF], [0, -INF]]), [[0, 0], [0.5, 0]])
    same(family.softmax_with_sink(np.zeros((2, 3)), axis=0, sink=math.log(2)), np.full((2, 3), 0.25))
    assert family.softmax_with_sink([0.0], -INF) == [1.0]


def test_a_mask_stays_a_mask_behind_a_cap():
    same(family.soft_cap([-INF, INF, 0], 30.0), [-INF, 30, 0])
    with pytest.raises(ValueError, match="cap"):
        family.soft_cap([1.0], 0)


def test_a_maximum_over_the_item_itself_is_not_taken():
    """cosine 1 with itself, -0.04 with the others: shifted by 1 / T, exp(-104) is 0 in float32."""
    cosines = np.full((3, 3), -0.04, np.float32) + np.eye(3, dtype=np.float32)
    np.testing.assert_allclose(
        family.contrastive_loss(cosines, [1, 2, 0], 0.01), np.full(3, math.log(2)), rtol=1e-6
    )
    same(family.contrastive_loss(np.zeros((2, 2)), [1, 0]), [0, 0])
    with pytest.raises(ValueError, match="own partner"):
        family.contrastive_loss(cosines, [0, 2, 1])
    with pytest.raises(ValueError, match="similarities"):
        family.contrastive_loss(cosines[:2], [1, 0])
    with pytest.raises(ValueError, match="temperature"):
        family.contrastive_loss(cosines, [1, 2, 0], 0)


def test_the_oracle_agrees_with_closed_forms():
    assert truth.entropy(np.zeros(8)) == math.log(8)
    assert truth.kl_divergence([0.0, 0], [math.log(3), 0]) == pytest.approx(0.5 * math.log(4 / 3), rel=1e-15)
    assert truth.log1mexp(-math.log(2)) == pytest.approx(-math.log(2), rel=1e-15)
    assert truth.sigmoid(-800, object) > 0
    same(truth.softmax_backward([0.0, 0], [1.0, 0]), [0.25, -0.25])
    same(truth.log_softmax_backward([[0.0], [0]], [[1.0], [0]], axis=0), [[0.5], [-0.5]])
