"""Inputs on which an earlier `stable` was wrong, each as an example of its kind, with the true values."""

import ml_dtypes
import numpy as np
import pytest

from course_utils import accuracy, floats, reference, stable

INF, NAN = np.inf, np.nan
LSE_512 = 1000 + np.log(512)


def same(actual, desired):
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(np.float64(actual), np.float64(desired))


def far_apart(dtype=np.float64):
    return np.stack([np.full(512, 1000.0), np.zeros(512)]).astype(dtype)


@pytest.mark.parametrize(
    "shaped",
    [
        lambda z: (z, {}),
        lambda z: (z.tolist(), {}),
        lambda z: (z.T.copy(), {"axis": 0}),
        lambda z: (z.astype(np.int32), {}),
        lambda z: (np.c_[z, [NAN, INF]], {"where": np.arange(513) < 512}),
        lambda z: (z.astype(">f8"), {}),
    ],
    ids=["array", "lists", "axis 0", "integers", "where", "big-endian"],
)
def test_rows_that_lie_far_apart_keep_their_own_sums(shaped):
    logits, options = shaped(far_apart())
    wanted = [LSE_512, np.log(512)]
    np.testing.assert_allclose(stable.logsumexp(logits, **options), wanted, rtol=1e-15)
    for values in np.moveaxis(stable.log_softmax(logits, **options), options.get("axis", -1), 0)[:512]:
        np.testing.assert_allclose(values, -np.log(512), rtol=1e-15)


@pytest.mark.parametrize("options", [{"label_smoothing": 0.1}, {}])
def test_losses_of_rows_that_lie_far_apart(options):
    soft = np.full((2, 512), 1 / 512)
    assert stable.cross_entropy(far_apart(), soft) == pytest.approx(np.log(512), rel=1e-15)
    assert stable.cross_entropy(far_apart(), [0, 3], **options) == pytest.approx(np.log(512), rel=1e-15)


def test_a_sum_of_almost_equal_logits_past_the_cliff():
    logits = np.stack([1000.5 + 1e-3 * np.arange(101) / 101, np.zeros(101)])
    assert accuracy.worst_ulps(stable.softmax(logits), reference.softmax(logits, dtype=object)) <= 7
    assert stable.logsumexp(np.full(1001, 702.3739581140687)) == pytest.approx(709.282712893384, rel=1e-15)


@pytest.mark.parametrize(
    ("logits", "b", "value", "sign"),
    [
        ([1000, 1000], [10, 10], 1002.995732273554, 1),
        ([1000, 999], [6, 6], 1002.1050211567463, 1),
        ([INF, 1], [1, 1], INF, 1),
        ([INF, 1], [-1, 1], INF, -1),
        ([1, 1, 1], [1, -1, -1], 1, -1),
        ([0, -1e-17], [1, -1], -39.14394658089878, 1),
        ([0, -1e-80], [1, -1], -184.20680743952366, 1),
        ([-1000, 0], [1e300, 1e-300], -309.22447210178726, 1),
        ([710.0], [5e-324], -34.440071921381, 1),
        ([0, 0, -5, -5], [1, -1, 1, -1], -INF, 0),
        ([-INF, 3], [1, 0], -INF, 0),
        ([NAN, 3], [0, 2], 3 + np.log(2), 1),
        ([1.0, 2.0], [INF, 1], INF, 1),
        ([18446744073709549568] * 2, [4.8e-110, 4.19e237], 18446744073709549568, 1),
        ([-3.47e299] * 2, [1.09e-48, 8.84e307], -3.47e299, 1),
        ([1e20, 1e20], [1e300, -1e300], -INF, 0),
        ([1e20, 1e20], [-2.0, 1.0], 1e20, -1),
    ],
)
def test_weights_of_any_size_and_sign(logits, b, value, sign):
    found = stable.logsumexp(logits, b=b, return_sign=True)
    assert found == (pytest.approx(value, rel=1e-13), sign)
    plain = stable.logsumexp(logits, b=b)
    assert np.isnan(plain) if sign < 0 else plain == found[0]


@pytest.mark.parametrize(
    ("logits", "b"), [([INF, INF], [1, -1]), ([-INF], [INF]), ([NAN, 1], [1, 1]), ([1], [NAN])]
)
def test_weights_that_have_no_sum_give_nan(logits, b):
    assert np.isnan(stable.logsumexp(logits, b=b, return_sign=True)).all()


def test_weights_decide_the_dtype_and_the_shape_as_numpy_does():
    logits = np.zeros((2, 3), np.float32)
    assert stable.logsumexp(logits, b=np.ones(3)).dtype == np.float64
    assert stable.logsumexp(logits, b=np.ones(3, np.float32)).dtype == np.float32
    assert stable.logsumexp(logits, b=2.0).dtype == np.float32
    assert stable.logsumexp(logits.astype(ml_dtypes.bfloat16), b=np.float32(2)).dtype == np.float32
    assert stable.logsumexp(np.zeros(3), b=np.ones((4, 3))).shape == (4,)
    assert stable.logsumexp(np.zeros((4, 1)), b=np.ones((1, 3))).tolist() == [np.log(3)] * 4
    with pytest.raises(ValueError, match=r"b has shape \(2,\), logits have \(3,\)"):
        stable.logsumexp(np.zeros(3), b=np.ones(2))


UNDERFLOWED = [
    (np.float32([0] + [-104] * 1000), -6.8129e-43),
    (np.float64([0] + [-745.2] * 1000), -2.3e-321),
    (np.float32([0] + [-97.6] * 2999), None),
    (np.float64([0] + [-720.3] * 100_000), None),
    (np.float64([-INF] + [0.3] + [-744.9, -745.5] * 50), None),
    (np.float32([700] + [597.3] * 1000), None),
]


@pytest.mark.parametrize(("row", "value"), UNDERFLOWED)
def test_a_winner_keeps_its_logarithm_where_all_others_underflow(row, value):
    fmt, at = floats.format_of(row), int(row.argmax())
    others = np.delete(row, at).astype(np.longdouble)
    truth = float(-np.sum(np.exp(others - np.longdouble(row[at]))))
    close = 8 * fmt.smallest_subnormal + 8 * fmt.eps * abs(truth)
    if value is not None:
        assert truth == pytest.approx(value, rel=2e-3)
    for rows in (row, row[None], np.stack([row, np.arange(len(row), dtype=row.dtype)])):
        assert abs(float(stable.log_softmax(rows).reshape(-1)[at]) - truth) <= close
        loss, gradient = stable.cross_entropy_with_grad(
            rows.reshape(-1, len(row)), [at] * rows.reshape(-1, len(row)).shape[0], reduction="none"
        )
        assert abs(float(loss[0]) + truth) <= close
        assert abs(float(gradient[0, at]) - truth) <= close


def test_a_mean_whose_weights_are_all_0_is_nan_or_0():
    args, options = ([[0, 0]], [0]), {"weight": [0, 1], "label_smoothing": 0.1}
    loss, gradient = stable.cross_entropy_with_grad(*args, **options)
    assert np.isnan(loss)
    assert np.isnan(gradient).all()
    loss, gradient = stable.cross_entropy_with_grad(*args, **options, empty="zero")
    assert (loss, gradient.tolist()) == (0, [[0, 0]])


BAD_ROWS = [[1, INF], [-INF, -INF], [NAN, 0], [INF, INF]]


@pytest.mark.parametrize("row", BAD_ROWS)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_row_that_counts_for_nothing_costs_nothing_whatever_it_holds(row, reduction):
    logits = np.array([row, [1.0, 0.0]])
    calm = stable.cross_entropy_with_grad([[1.0, 0.0]], [1], reduction="sum")
    for targets, options in (
        ([[0.0, 0.0], [0.0, 1.0]], {"check_sum": False}),
        ([0, 1], {"ignore_index": 0}),
        ([0, 1], {"weight": [0.0, 1.0]}),
        ([0, 1], {"ignore_index": 0, "weight": [2.0, 1.0]}),
    ):
        loss, gradient = stable.cross_entropy_with_grad(logits, targets, reduction=reduction, **options)
        divisor = 2 if reduction == "mean" and "check_sum" in options else 1
        assert np.sum(loss) == pytest.approx(float(calm[0]) / divisor, rel=1e-15)
        assert gradient[0].tolist() == [0, 0]
        np.testing.assert_allclose(gradient[1], calm[1][0] / divisor, rtol=1e-15)


def test_all_rows_ignored():
    for row in BAD_ROWS:
        loss, gradient = stable.cross_entropy_with_grad([row], [0], ignore_index=0)
        assert np.isnan(loss)
        assert gradient.tolist() == [[0, 0]]
        assert stable.cross_entropy([row], [0], ignore_index=0, empty="zero") == 0


def test_a_mean_does_not_overflow_on_its_way():
    logits = np.array([[1e308, 0.0], [1e308, 0.0]])
    assert stable.cross_entropy(logits, [1, 1]) == 1e308
    assert stable.cross_entropy([[1.7e308, -1.7e308], [0, -1e3]], [1, 0]) == 1.7e308
    assert stable.cross_entropy(logits, [1, 1], weight=[1.7e308, 1.7e308]) == 1e308
    far = np.float32([[3e38, -3e38]])
    assert stable.cross_entropy(far, [[0.75, 0.25]]) == np.float32(1.5e38)
    assert stable.cross_entropy([[1.7e308, -1.7e308]], [[0.75, 0.25]]) == 0.85e308


def test_values_are_accepted_whatever_their_byte_order():
    soft = np.array([[0.25, 0.75]])
    assert stable.cross_entropy([[0, 1]], soft.astype(">f8")) == stable.cross_entropy([[0, 1]], soft)
    logits = np.array([[1.0, 2.0, 4.0]])
    swapped = logits.astype(">f8")
    assert stable.softmax(swapped, out=swapped) is swapped
    assert swapped.tolist() == stable.softmax(logits).tolist()


def test_a_single_number_costs_nothing():
    assert stable.cross_entropy(3.0, 0) == 0
    assert stable.cross_entropy_with_grad(np.float32(3), 0)[1] == 0
    with pytest.raises(IndexError, match=r"= 1 is no class index of 0..0"):
        stable.cross_entropy(3.0, 1)


def test_no_mask_is_lost_silently():
    masked = np.ma.masked_array([0, 1], [True, False])
    with pytest.raises(TypeError, match="targets is a masked array"):
        stable.cross_entropy(np.zeros((2, 2)), masked)
    with pytest.raises(TypeError, match="where is a masked array"):
        stable.softmax([0.0, 1.0], where=masked.astype(bool))
    with pytest.raises(TypeError, match="out must be an array"):
        stable.softmax([0.0, 1.0], out=np.ma.zeros(2))


@pytest.mark.parametrize("dtype", [fmt.dtype for fmt in floats.FORMATS.values()], ids=lambda d: d.name)
@pytest.mark.parametrize("classes", [1, 2, 7, 16, 32, 33, 100, 513, 3000])
@pytest.mark.parametrize("order", "CF")
def test_a_row_gets_the_same_digits_alone_and_in_any_batch(dtype, classes, order):
    rng = np.random.default_rng(classes)
    rows = rng.normal(size=(40, classes)) * np.geomspace(0.1, 300, 40)[:, None]
    rows[::7] += 500 if np.dtype(dtype).itemsize > 2 else 5
    rows[3], rows[5, 0], rows[11, -1] = 2.5, INF, NAN
    logits = np.asarray(floats.store(rows, dtype), order=order)
    targets = rng.integers(0, classes, 40)
    for function in (stable.softmax, stable.log_softmax, stable.logsumexp):
        whole = function(logits)
        for i in range(40):
            alone = function(logits[i : i + 1])
            same(alone, whole[i : i + 1])
            same(function(logits[max(0, i - 3) : i + 2])[min(i, 3)], whole[i])
    losses, gradient = stable.cross_entropy_with_grad(logits, targets, reduction="none")
    for i in range(40):
        alone = stable.cross_entropy_with_grad(logits[i : i + 1], targets[i : i + 1], reduction="none")
        same(alone[0], losses[i : i + 1])
        same(alone[1], gradient[i : i + 1])
