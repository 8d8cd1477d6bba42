"""The oracle is checked against closed forms and against itself at other precisions."""

import math

import mpmath
import numpy as np
import pytest

from course_utils import accuracy, floats, reference


def test_softmax_of_ties_is_one_over_n_correctly_rounded():
    for n in (2, 3, 7, 10):
        assert np.all(reference.softmax(np.full(n, 1e300)) == 1 / n)


def test_two_logits_give_the_logistic_function():
    for gap in (1e-8, 1.0, 36.0, 700.0):
        with mpmath.workdps(80):
            truth = 1 / (1 + mpmath.exp(mpmath.mpf(gap)))
        assert accuracy.worst_ulps(reference.softmax([gap, 0.0])[1:], [truth]) <= 0.5


def test_logsumexp_keeps_the_tiny_term_that_floats_absorb():
    assert reference.logsumexp([0.0, -40.0]) == 4.248354255291589e-18
    assert reference.logsumexp([0.0, -700.0]) == math.exp(-700.0)


def test_log_softmax_of_the_far_class_is_finite():
    assert list(reference.log_softmax([0.0, -800.0])) == [0.0, -800.0]


def test_nothing_but_minus_infinity_has_no_distribution():
    empty = np.full(3, -np.inf)
    assert np.all(np.isnan(reference.softmax(empty)))
    assert np.all(np.isnan(reference.log_softmax(empty)))
    assert reference.logsumexp(empty) == -np.inf


def test_special_values():
    assert np.all(np.isnan(reference.softmax([np.inf, 1.0])))
    assert reference.logsumexp([np.inf, 1.0]) == np.inf
    assert np.isnan(reference.logsumexp([np.nan, np.inf]))
    assert list(reference.softmax([-np.inf, 0.0])) == [0.0, 1.0]
    assert reference.softmax(np.zeros((0, 3))).shape == (0, 3)
    assert np.all(reference.logsumexp(np.zeros((2, 0))) == -np.inf)
    assert reference.softmax(3.0, axis=None) == 1.0


def test_axes_are_those_of_numpy():
    z = np.arange(24.0).reshape(2, 3, 4)
    for axis in (0, 1, -1, (0, 2), None):
        assert np.allclose(reference.softmax(z, axis=axis).sum(axis=axis), 1, rtol=1e-15)
        assert reference.logsumexp(z, axis=axis).shape == z.sum(axis=axis).shape
    with pytest.raises(np.exceptions.AxisError):
        reference.softmax(z, axis=3)


def test_a_number_alone_and_an_empty_batch():
    assert reference.softmax(3.0) == 1
    assert reference.log_softmax(3.0) == 0
    assert reference.logsumexp(3.0) == 3
    assert reference.softmax([]).shape == (0,)
    assert reference.logsumexp(np.zeros((0, 3))).shape == (0,)
    loss, gradient = reference.cross_entropy_with_grad(3.0, 0)
    assert loss == 0
    assert gradient == 0
    assert gradient.shape == ()


def test_what_is_stored_is_read_whatever_holds_it():
    z = np.array([3, -1, 2])
    truth = reference.softmax(z.astype(np.float64))
    for same in (z, list(z), z.astype(">f8"), z.astype(">i2"), z.astype(np.int8), z[::-1][::-1]):
        assert np.array_equal(reference.softmax(same), truth)
        assert reference.logsumexp(same, b=np.array([1, 1, 1], ">f4")) == reference.logsumexp(z)
    soft = np.array([0.5, 0.25, 0.25])
    assert reference.cross_entropy(z, soft.astype(">f8")) == reference.cross_entropy(z, soft)


def test_where_leaves_entries_out_whatever_they_hold():
    z = np.array([[1.0, np.nan, 2.0], [np.inf, 5.0, -np.inf]])
    where = np.array([[True, False, True], [False, True, True]])
    assert np.array_equal(
        reference.softmax(z, where=where)[:, [0, 2]], [reference.softmax([1.0, 2.0]), [0, 0]]
    )
    assert np.array_equal(reference.log_softmax(z, where=where)[1], [-np.inf, 0, -np.inf])
    assert np.array_equal(reference.logsumexp(z, where=where), [reference.logsumexp([1.0, 2.0]), 5])
    assert reference.logsumexp(z, where=False, axis=None) == -np.inf
    assert np.all(np.isnan(reference.softmax(z, where=[True, False, False])[:, 1:][1]))  # only +inf is left
    assert np.all(np.isnan(reference.softmax([1.0, 2.0], where=False)))


WITH_THIRTY_DIGITS_MORE = {
    "positive": lambda: reference.logsumexp([[3.5, -700.0, 1.0]] * 2, b=[[1, 1e300, 2], [1, 2, 0.1]]),
    "cancels": lambda: reference.logsumexp([0, -1e-80, 1e-200], b=[1, 1, -2], return_sign=True),
    "near 0": lambda: reference.logsumexp([-0.2685784697532654, -0.34026217460632324, -1.2e-308]),
    "gradient": lambda: reference.cross_entropy_with_grad([[1e-70, 0.0]], [[0.5, 0.5]]),
    "loss": lambda: reference.cross_entropy_with_grad([[9.0, 1.0, -800.0]], [0], label_smoothing=0.1),
}


@pytest.mark.parametrize("values", WITH_THIRTY_DIGITS_MORE.values(), ids=WITH_THIRTY_DIGITS_MORE)
def test_more_digits_change_nothing_where_terms_cancel(monkeypatch, values):
    before = values()
    monkeypatch.setattr(reference, "DIGITS", 90)
    np.testing.assert_equal(values(), before)


def test_more_digits_change_nothing(monkeypatch):
    z = np.random.default_rng(0).normal(0, 200, (5, 9))
    before = reference.softmax(z), reference.log_softmax(z), reference.logsumexp(z)
    monkeypatch.setattr(reference, "DIGITS", 200)
    for old, new in zip(
        before, (reference.softmax(z), reference.log_softmax(z), reference.logsumexp(z)), strict=True
    ):
        assert np.array_equal(old, new)


def test_signed_weights_cancel_exactly():
    assert reference.logsumexp([800.0, 800.0, 1.0], b=[1, -1, 1]) == 1.0
    assert reference.logsumexp([3.0, 3.0], b=[1, -1], return_sign=True) == (-np.inf, 0)
    assert reference.logsumexp([3.0, 2.0, 3.0], b=[0.1, 0, -0.1], return_sign=True) == (-np.inf, 0)
    assert reference.logsumexp([np.inf, 1.0], b=[0, 1]) == 1.0
    assert reference.logsumexp([np.nan, np.inf], b=[0, 0]) == -np.inf


@pytest.mark.parametrize("gap", [1e-17, 1e-80, 1e-300, 5e-324])
def test_what_almost_cancels_is_kept_to_the_last_digit(gap):
    """exp(0) - exp(-gap) is gap (1 - gap / 2 + ...): as many digits are lost as gap has zeros."""
    with mpmath.workdps(700):
        exact = mpmath.log(1 - mpmath.exp(-mpmath.mpf(gap)))
    assert reference.logsumexp([0.0, -gap], b=[1, -1]) == float(exact)
    assert reference.logsumexp([0.0, -gap], b=[-1, 1], return_sign=True) == (float(exact), -1)
    assert reference.logsumexp([-gap, 0.0, 700.0, 700.0], b=[-1, 1, -1, 1]) == float(exact)


def test_a_term_that_the_largest_absorbs_is_kept():
    assert reference.logsumexp([0.0, -1e4], dtype=object) == pytest.approx(0, abs=1e-300)
    assert reference.logsumexp([0.0, -1e4], dtype=object) > 0
    assert reference.logsumexp([0.0, 0.0], b=[1, 1e-300]) == 1e-300
    assert reference.logsumexp([5.0, 0.0], b=[1e-300, 1]) == pytest.approx(math.exp(5) * 1e-300, rel=1e-15)
    truth = math.exp(-100) * (1 - math.exp(-(2.0**-46)))  # -100 - 2**-46 is a float64
    assert reference.logsumexp([0.0, -100.0, -100 - 2.0**-46], b=[1, 1, -1]) == pytest.approx(truth, rel=0.01)


def test_infinities_with_signed_weights():
    inf = np.inf
    assert reference.logsumexp([inf, 1.0, inf], b=[1, -1, 2], return_sign=True) == (inf, 1)
    assert reference.logsumexp([inf, 1.0], b=[-1, 1], return_sign=True) == (inf, -1)
    assert np.isnan(reference.logsumexp([inf, 1.0], b=[-1, 1]))
    assert np.all(np.isnan(reference.logsumexp([inf, inf], b=[1, -1], return_sign=True)))
    assert np.all(np.isnan(reference.logsumexp([0.0, 1.0], b=[1, np.nan], return_sign=True)))
    assert reference.logsumexp([-inf, 1.0], b=[-5, 1]) == 1.0


def test_a_negative_sum_has_no_logarithm_but_a_sign():
    assert np.isnan(reference.logsumexp([1.0, 2.0], b=[1, -1]))
    value, sign = reference.logsumexp([1.0, 2.0], b=[1, -1], return_sign=True)
    assert sign == -1
    assert value == pytest.approx(math.log(math.e**2 - math.e), rel=1e-15)
    assert np.array_equal(
        reference.logsumexp([[1.0], [-np.inf], [np.nan]], return_sign=True)[1], [1, 0, np.nan], True
    )


def test_weights_and_logits_broadcast_each_other():
    assert np.array_equal(reference.logsumexp(0.0, b=[[1, 2], [3, 4]]), [math.log(3), math.log(7)])
    z, b = np.arange(6.0).reshape(2, 3, 1), np.array([1.0, 2.0, 0.5, 3.0])
    full, weights = np.broadcast_arrays(z, b)
    for axis in (0, 1, (0, 2), (1, -1), None):
        result = reference.logsumexp(z, axis=axis, b=b)
        assert np.array_equal(result, reference.logsumexp(full, axis=axis, b=weights))
        assert np.allclose(result, np.log((weights * np.exp(full)).sum(axis=axis)), rtol=1e-14)


def test_gradient_is_softmax_minus_one_hot_and_keeps_the_confident_entry():
    loss, gradient = reference.cross_entropy_with_grad([[20.0, 0.0]], [0])
    assert loss == 2.061153620314381e-09
    assert gradient[0, 0] == -gradient[0, 1] == -2.0611536181902037e-09


def test_gradient_agrees_with_a_central_difference_in_mpmath():
    z = np.array([[0.3, -1.2, 2.5]])
    options = {"weight": [0.5, 2.0, 1.0], "label_smoothing": 0.1, "reduction": "sum"}
    _, gradient = reference.cross_entropy_with_grad(z, [2], object, **options)
    step = 2.0**-20  # exact in float64, so both shifted inputs are stored as meant
    for j in range(3):
        moved = [z.copy(), z.copy()]
        moved[0][0, j] += step
        moved[1][0, j] -= step
        high, low = (reference.cross_entropy(m, [2], object, **options) for m in moved)
        with mpmath.workdps(60):
            assert abs((high - low) / (2 * mpmath.mpf(step)) - gradient[0, j]) < 1e-11


def test_ignored_rows_leak_nothing():
    z = np.array([[1.0, 2.0], [-np.inf, -np.inf]])
    loss, gradient = reference.cross_entropy_with_grad(z, [0, -100], ignore_index=-100)
    assert loss == reference.cross_entropy(z[:1], [0])
    assert np.all(gradient[1] == 0)
    assert np.isnan(reference.cross_entropy(z, [-100, -100], ignore_index=-100))


def test_soft_targets_count_zero_times_minus_infinity_as_nothing():
    assert reference.cross_entropy([[0.0, -np.inf]], [[1.0, 0.0]]) == 0
    assert reference.cross_entropy([[0.0, -np.inf]], [[0.5, 0.5]]) == np.inf


@pytest.mark.parametrize("fmt", floats.FORMATS.values(), ids=lambda fmt: fmt.name)
def test_rounding_is_to_nearest_in_every_format(fmt):
    truth = reference.softmax([1.0, 0.0, -1.0, -5.5], dtype=object)
    assert accuracy.worst_ulps(reference.rounded(truth, fmt), truth) <= 0.5
    with mpmath.workdps(80):
        tie = mpmath.mpf(1) + mpmath.mpf(fmt.eps) / 2
        assert float(reference.rounded(tie, fmt)) == 1.0
        assert float(reference.rounded(tie + mpmath.mpf(10) ** -50, fmt)) == 1.0 + fmt.eps


def test_exp_and_log_at_the_edges():
    assert reference.exp(-745.0) == 5e-324
    assert reference.exp(-745.2) == 0
    assert reference.exp(709.79) == np.inf
    assert reference.log(0.0) == -np.inf
    assert np.isnan(reference.log(-1.0))
    assert np.array_equal(reference.exp([0.0, -np.inf]), [1.0, 0.0])


NAN_ROW, GOOD_ROW = [np.nan, np.inf], [0.0, 1.0]


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize(
    "options",
    [
        {"targets": [0, 5], "ignore_index": 5},
        {"targets": [0, 1], "weight": [1, 0]},
        {"targets": [[0.5, 0.5], [0, 0]]},
        {"targets": [[1, 0], [0, 1]], "weight": [1, 0]},
    ],
)
def test_a_row_that_counts_for_nothing_costs_nothing_whatever_it_holds(options, reduction):
    for spoiled in (NAN_ROW, [-np.inf, -np.inf], [1.0, np.inf], [-np.inf, 3.0]):
        loss, gradient = reference.cross_entropy_with_grad(
            [GOOD_ROW, spoiled], reduction=reduction, **options
        )
        assert np.all(np.isfinite(loss))
        assert np.all(np.isfinite(gradient))
        assert np.all(gradient[1] == 0)
        assert np.all(gradient[0] != 0)


def test_a_row_counts_as_soon_as_one_class_that_it_would_cost_has_weight():
    loss = reference.cross_entropy(
        [NAN_ROW, GOOD_ROW], [1, 0], weight=[1, 0], label_smoothing=0.5, reduction="none"
    )
    assert np.isnan(loss[0])
    assert np.isfinite(loss[1])
    assert np.isnan(reference.cross_entropy([NAN_ROW], [[0, 1]]))


def test_where_the_divisor_is_0_there_is_no_mean():
    both = reference.cross_entropy_with_grad
    loss, gradient = both([[0, 0]], [0], weight=[0, 1], label_smoothing=0.1)
    assert np.isnan(loss)
    assert np.all(np.isnan(gradient))
    loss, gradient = both([[0, 0], NAN_ROW], [0, 1], weight=[0, 1], label_smoothing=0.1, ignore_index=1)
    assert np.isnan(loss)
    assert np.all(np.isnan(gradient[0]))
    assert np.all(gradient[1] == 0)
    for logits, targets, options in (
        ([[0, 0]], [0], {"weight": [0, 1], "label_smoothing": 0.1}),
        ([NAN_ROW], [0], {"weight": [0, 1], "label_smoothing": 0.1}),
        ([NAN_ROW], [7], {"ignore_index": 7}),
        (np.zeros((0, 2)), [], {}),
    ):
        loss, gradient = both(logits, targets, empty="zero", **options)
        assert loss == 0
        assert np.all(gradient == 0)
        assert np.isnan(reference.cross_entropy(logits, targets, **options))
    assert reference.cross_entropy(np.zeros((0, 2)), [], reduction="sum") == 0


def test_losses_along_another_axis():
    z = np.arange(24.0).reshape(2, 3, 4) ** 1.5
    for axis in (0, 1, -1):
        last = np.moveaxis(z, axis, -1)
        targets = np.arange(last[..., 0].size).reshape(last.shape[:-1]) % last.shape[-1]
        loss, gradient = reference.cross_entropy_with_grad(z, targets, axis=axis, reduction="none")
        wanted, wanted_gradient = reference.cross_entropy_with_grad(last, targets, reduction="none")
        assert np.array_equal(loss, wanted)
        assert np.array_equal(np.moveaxis(gradient, axis, -1), wanted_gradient)
        soft = np.moveaxis(np.eye(last.shape[-1])[targets], -1, axis)
        assert np.array_equal(reference.cross_entropy(z, soft, axis=axis, reduction="none"), wanted)


def test_the_gradient_is_0_only_where_it_is_0():
    assert np.all(reference.cross_entropy_with_grad([[0, 0, 0]], [1], label_smoothing=1.0)[1] == 0)
    assert np.all(reference.cross_entropy_with_grad([[7.0, 7, -np.inf]], [[0.5, 0.5, 0]])[1] == 0)
    third = reference.cross_entropy_with_grad([[0.0, 0.0, 0.0]], [[1 / 3, 1 / 3, 1 / 3]])[1]
    assert np.all(third == third[0, 0])
    assert 0 <= abs(third[0, 0]) < 1e-16
    tiny = reference.cross_entropy_with_grad([[1e-70, 0.0]], [[0.5, 0.5]])[1]
    assert tiny[0, 0] == -tiny[0, 1] == 2.5e-71


# What the table of known errors wants to see, as these functions compute it.
KNOWN = {
    "far apart": (
        lambda: reference.logsumexp([np.full(512, 1000.0), np.zeros(512)]),
        [1006.238325, 6.238325],
    ),
    "sum beyond the largest": (lambda: reference.logsumexp(np.full(1001, 702.3739581140687)), 709.282713),
    "weights at the limit": (lambda: reference.logsumexp([1000, 1000], b=[10, 10]), 1002.995732),
    "unequal": (lambda: reference.logsumexp([1000, 999], b=[6, 6]), 1002.105021),
    "expm1": (lambda: reference.logsumexp([0, -1e-17], b=[1, -1]), -39.143947),
    "beyond 60 digits": (lambda: reference.logsumexp([0, -1e-80], b=[1, -1]), -184.206807),
    "sign": (lambda: reference.logsumexp([1, 1, 1], b=[1, -1, -1], return_sign=True), (1, -1)),
    "infinite": (lambda: reference.logsumexp([np.inf, 1], b=[1, 1]), np.inf),
    "winner in float32": (lambda: reference.log_softmax(np.float32([0] + [-104] * 1000))[0], -6.813557e-43),
    "winner in float64": (lambda: reference.log_softmax([0] + [-745.2] * 1000)[0], -2.311e-321),
    "mean of huge losses": (lambda: reference.cross_entropy([[1e308, 0.0]] * 2, [1, 1]), 1e308),
    "huge in float32": (
        lambda: reference.cross_entropy(np.float32([[3e38, -3e38]]), [[0.75, 0.25]], np.float32),
        1.5e38,
    ),
}


@pytest.mark.parametrize(("value", "truth"), KNOWN.values(), ids=KNOWN)
def test_known_errors_have_their_truth(value, truth):
    np.testing.assert_allclose(value(), truth, rtol=1e-6)
