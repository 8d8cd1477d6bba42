"""Every row of the table of edge cases, named after what happens there."""

import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import ml_dtypes
import numpy as np
import pytest

from course_utils import floats, reference, stable

INF, NAN = np.inf, np.nan
FLOATS = [fmt.dtype for fmt in floats.FORMATS.values()]
MAPS = [stable.softmax, stable.log_softmax]
QUANTITIES = [*MAPS, stable.logsumexp]


@pytest.fixture(autouse=True)
def no_floating_point_event_escapes():
    """Legal input raises no warning, not even for a caller who turned every event into an error."""
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        before = np.geterr(), np.getbufsize()
        yield
        assert (np.geterr(), np.getbufsize()) == before


def close(actual, desired, **tolerance):
    with np.errstate(all="ignore"):  # the comparison's own events are not the room's
        np.testing.assert_allclose(actual, desired, **tolerance)


def same(actual, desired):
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(actual, desired)


# Magnitude


@pytest.mark.parametrize("size", [1000, -1000, 1e308, -1e308])
def test_two_equal_huge_logits_share_the_probability(size):
    assert stable.softmax([size, size]).tolist() == [0.5, 0.5]
    assert stable.log_softmax([size, size]).tolist() == [-np.log(2)] * 2


def test_a_gap_of_2000_is_certainty_and_its_logarithm_stays_finite():
    assert stable.softmax([1000, -1000]).tolist() == [1, 0]
    assert stable.log_softmax([1000, -1000]).tolist() == [0, -2000]


def test_the_largest_doubles_stay_finite():
    assert stable.softmax([1e308, -1e308]).tolist() == [1, 0]
    assert stable.logsumexp([1e308, 1e308]) == 1e308


def test_equal_logits_of_1e8_in_float32_cost_log_2():
    logits = np.array([[1e8, 1e8]], np.float32)
    assert stable.cross_entropy(logits, [0]) == np.float32(np.log(2))
    assert stable.log_softmax(logits)[0, 0] == np.float32(-np.log(2))


@pytest.mark.parametrize("n", [1, 2, 3, 7, 10, 16, 17, 100, 129, 1000, 4099, 1_000_000])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_all_equal_logits_give_one_over_n_correctly_rounded(n, dtype):
    expected = dtype(1 / n)
    for value in (0, 0.1, 3, -3.7, 80, -700, 1e4):
        result = stable.softmax(np.full(n, value, dtype))
        assert result.dtype == dtype
        assert np.all(result == expected)


@pytest.mark.parametrize("shape", [(3, 7), (40, 129), (300, 10), (5000, 10), (60, 5000)])
@pytest.mark.parametrize("axis", [0, -1])
def test_a_row_of_equal_logits_among_others_gets_one_over_n(shape, axis):
    logits = np.random.default_rng(0).normal(0, 3, shape)
    rows = np.moveaxis(logits, axis, -1)
    rows[1], rows[-1], rows[0, -1] = 5.3, 900.1, rows[0, 0]
    result = np.moveaxis(stable.softmax(logits, axis=axis), axis, -1)
    assert np.all(result[[1, -1]] == 1 / rows.shape[1])
    close(result[0], reference.softmax(rows[0]), rtol=1e-14)


def test_a_sum_that_overflows_although_every_term_is_finite():
    logits = np.full((3, 50_257), 80, np.float32)
    close(stable.softmax(logits), 1 / 50_257, rtol=1e-6)
    close(stable.logsumexp(logits), 80 + np.log(50_257), rtol=1e-6)


@pytest.mark.parametrize("shape", [(2,), (5,), (1, 17), (1, 1000), (1, 3000), (1, 60_000), (3, 5), (3, 3000)])
@pytest.mark.parametrize("fmt", list(floats.FORMATS.values()), ids=lambda fmt: fmt.name)
def test_a_sum_that_only_a_wider_format_could_hold(fmt, shape):
    classes = shape[-1]
    for below in (0, 0.3, np.log(classes) / 2, np.log(classes) - 0.3, np.log(classes) + 0.3):
        logits = np.full(shape, fmt.exp_last_finite - below)
        logits[..., -1] -= 2  # a row of equal logits has a way of its own
        logits = floats.store(logits, fmt)
        first, other = logits.astype(np.float64).reshape(-1, classes)[0, [0, -1]]
        summed = classes - 1 + np.exp(other - first)
        bounds = {"rtol": 6 * fmt.eps, "atol": fmt.smallest_subnormal}
        for row, log_row in zip(
            stable.softmax(logits).reshape(-1, classes),
            stable.log_softmax(logits).reshape(-1, classes),
            strict=True,
        ):
            close(row[0].astype(np.float64), 1 / summed, **bounds)
            close(log_row[0].astype(np.float64), -np.log(summed), **bounds)
        close(stable.logsumexp(logits).astype(np.float64), first + np.log(summed), **bounds)


def test_one_row_in_danger_does_not_change_its_neighbours():
    calm = np.random.default_rng(0).normal(size=(400, 50))
    for danger in (1e4, -1e4, 705.0, -50.0, INF, NAN):
        mixed = calm.copy()
        mixed[[3, 390]] += danger
        keep = np.setdiff1d(np.arange(400), [3, 390])
        close(stable.softmax(mixed)[keep], stable.softmax(calm)[keep], rtol=2e-15)
        close(stable.log_softmax(mixed)[keep], stable.log_softmax(calm)[keep], rtol=2e-15)


def test_a_row_that_underflows_beside_a_calm_one_is_no_masked_row():
    """Without its own shift the second row sums to 0, and masked="zeros" once took that for an empty row."""
    for low in (-104, -800):
        logits = np.array([[0, 0]] * 20 + [[low, low]], np.float32)
        assert stable.softmax(logits, masked="zeros")[-1].tolist() == [0.5, 0.5]


# Infinities, NaN, masks


def test_an_entry_of_minus_inf_has_probability_zero():
    assert stable.softmax([0.0, -INF, 0.0]).tolist() == [0.5, 0, 0.5]
    assert stable.log_softmax([1.0, -INF]).tolist() == [0, -INF]
    assert stable.logsumexp([1.0, -INF]) == 1


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, ml_dtypes.bfloat16])
def test_a_row_of_minus_inf_only(dtype):
    row = np.full((2, 3), -INF).astype(dtype)
    row[1] = 0
    assert stable.logsumexp(row)[0] == -INF
    assert np.isnan(stable.softmax(row)[0].astype(float)).all()
    assert np.isnan(stable.log_softmax(row)[0].astype(float)).all()
    assert stable.softmax(row, masked="zeros")[0].tolist() == [0, 0, 0]
    assert stable.log_softmax(row, masked="zeros")[0].tolist() == [-INF] * 3
    assert stable.softmax(row, masked="zeros")[1].astype(float).sum() == pytest.approx(1, rel=4e-3)


@pytest.mark.parametrize("row", [[INF, 1.0], [INF, INF], [INF, -INF]])
def test_plus_inf_makes_its_row_nan_and_its_logsumexp_inf(row):
    assert np.isnan(stable.softmax(row)).all()
    assert np.isnan(stable.log_softmax(row)).any()
    assert stable.logsumexp(row) == INF


def test_nan_stays_in_its_row():
    rows = np.array([[0.0, NAN], [0.0, 0.0]])
    for room in QUANTITIES:
        assert np.isnan(room(rows)[0]).all()
        assert np.isfinite(room(rows)[1]).all()


@pytest.mark.parametrize("left_out", [1e9, NAN, INF, -INF])
def test_where_hides_what_a_masked_entry_holds(left_out):
    logits, where = np.array([[1.0, 2.0, left_out]]), np.array([True, True, False])
    same(stable.softmax(logits, where=where)[0, :2], stable.softmax([1.0, 2.0]))
    assert stable.softmax(logits, where=where)[0, 2] == 0
    assert stable.log_softmax(logits, where=where)[0, 2] == -INF
    assert stable.logsumexp(logits, where=where) == stable.logsumexp([1.0, 2.0])


def test_everything_masked_follows_the_policy():
    assert np.isnan(stable.softmax([1.0, 2.0], where=False)).all()
    assert stable.softmax([1.0, 2.0], where=False, masked="zeros").tolist() == [0, 0]
    assert stable.logsumexp([1.0, 2.0], where=False) == -INF


# Shapes and axes


def test_size_one_axis():
    assert stable.softmax([[5.0], [-1e9]]).tolist() == [[1], [1]]
    assert stable.log_softmax([[5.0], [-1e9]]).tolist() == [[0], [0]]
    assert stable.logsumexp([[5.0], [-1e9]]).tolist() == [5, -1e9]


def test_empty_axis_and_empty_batch():
    assert stable.softmax(np.zeros((3, 0))).shape == (3, 0)
    assert stable.log_softmax([]).shape == (0,)
    assert stable.logsumexp(np.zeros((3, 0))).tolist() == [-INF] * 3
    assert stable.softmax(np.zeros((0, 3))).shape == (0, 3)
    assert stable.logsumexp(np.zeros((0, 3))).shape == (0,)
    assert stable.logsumexp(np.zeros((0, 3)), axis=0).tolist() == [-INF] * 3


def test_a_single_number_is_a_distribution():
    assert stable.softmax(3.0) == 1
    assert stable.log_softmax(3) == 0
    assert stable.logsumexp(np.float32(3)) == 3


AXES = [None, 0, 1, 2, -1, -2, -3, (0, 2), (1, 2), (2, 0), (0, 1, 2), (-1, 0), ()]


@pytest.mark.parametrize("axis", AXES)
def test_every_axis_is_a_numpy_reduction(axis):
    logits = np.random.default_rng(1).normal(size=(4, 5, 6))
    exps = np.exp(logits)
    total = exps.sum(axis=axis, keepdims=True)
    close(stable.softmax(logits, axis), exps / total, rtol=1e-14)
    close(stable.log_softmax(logits, axis), np.log(exps / total), rtol=1e-12, atol=1e-15)
    close(stable.logsumexp(logits, axis, keepdims=True), np.log(total), rtol=1e-14, atol=1e-14)
    assert stable.logsumexp(logits, axis).shape == exps.sum(axis=axis).shape


@pytest.mark.parametrize("axis", [3, -4, (0, 3)])
@pytest.mark.parametrize("room", QUANTITIES)
def test_axis_out_of_range(room, axis):
    with pytest.raises(np.exceptions.AxisError):
        room(np.zeros((2, 2, 2)), axis)


def test_an_axis_named_twice_or_not_whole():
    with pytest.raises(ValueError, match="repeated axis"):
        stable.softmax(np.zeros((2, 2)), (0, -2))
    with pytest.raises(TypeError):
        stable.softmax(np.zeros((2, 2)), 0.5)


# dtypes


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 300), (700, 3)])
def test_every_format_comes_back_as_it_went_in(dtype, shape):
    logits = np.random.default_rng(2).normal(size=shape).astype(dtype)
    assert stable.softmax(logits).dtype == stable.log_softmax(logits).dtype == dtype
    assert stable.logsumexp(logits).dtype == dtype
    targets = np.zeros(shape[:-1], int)
    loss, gradient = stable.cross_entropy_with_grad(logits, targets)
    assert loss.dtype == gradient.dtype == dtype


@pytest.mark.parametrize("dtype", [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)])
def test_integers_are_promoted_before_they_can_wrap(dtype):
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    logits = np.array([high, low], dtype)
    assert stable.softmax(logits).dtype == np.float64
    assert stable.softmax(logits)[0] == pytest.approx(1)
    assert stable.logsumexp(logits) == float(high)
    near = np.array([0, 3], dtype)
    same(stable.softmax(near), stable.softmax([0.0, 3.0]))


@pytest.mark.parametrize(
    ("logits", "name"),
    [
        ([True, False], "bool"),
        ([1j, 2j], "complex128"),
        (["a", "b"], "<U1"),
        ([None, 1], "object"),
        (np.array([1, 2], np.longdouble), str(np.dtype(np.longdouble))),
        (np.array(["2020"], "datetime64"), "datetime64"),
    ],
)
@pytest.mark.parametrize("room", QUANTITIES)
def test_what_is_no_real_number_is_refused_by_its_dtype(room, logits, name):
    if name == "float64":
        pytest.skip("long double is float64 on this platform")
    with pytest.raises(TypeError, match=name):
        room(logits)
    with pytest.raises(TypeError, match=name):
        stable.cross_entropy(np.asarray(logits)[None], [0])


@pytest.mark.parametrize("room", QUANTITIES)
def test_a_masked_array_is_told_what_to_do(room):
    with pytest.raises(TypeError, match=r"-inf or pass where="):
        room(np.ma.array([1.0, 2.0], mask=[True, False]))


def test_70000_equal_float16_logits():
    """SciPy sums them in float16, gets inf, and returns nothing but zeros."""
    result = stable.softmax(np.zeros(70_000, np.float16))
    assert np.all(result == np.float16(1 / 70_000))


def test_a_column_of_thirty_thousand_is_summed_as_well_as_a_row():
    tall = np.zeros((3_000_000, 2), np.float32)
    close(stable.softmax(tall, axis=0).astype(float).sum(axis=0), 1, rtol=1e-6)
    tall = np.zeros((5000, 3), np.float16)
    assert np.all(stable.softmax(tall, axis=0) == np.float16(1 / 5000))


def test_float16_conversion_is_numpys_own_bit_for_bit():
    from course_utils.stable.rows import narrowed

    every = np.arange(65536, dtype=np.uint16).view(np.float16)
    with np.errstate(all="ignore"):
        wide = every.astype(np.float32)
        steps = [wide, np.nextafter(wide, np.float32(0)), np.nextafter(wide, np.float32(INF))]
        between = (wide[1:].astype(float) + wide[:-1]) / 2  # ties, which go to the even neighbour
        bits = np.random.default_rng(0).integers(0, 2**32, 100_000, dtype=np.uint32)
        values = np.concatenate([*steps, between.astype(np.float32), bits.view(np.float32)])
        same(narrowed(values, np.dtype(np.float16)), values.astype(np.float16))
        zeros = np.float32([0.0, -0.0, -1e-9])
        assert np.signbit(narrowed(zeros, np.dtype(np.float16))).tolist() == [False, True, True]


# Memory


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "negative strides": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
    "every second column": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "every second row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "a slice of a transpose": lambda x: np.ascontiguousarray(np.pad(x, 1).T).T[1:-1, 1:-1],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(3, 4), (40, 130), (2000, 10), (3000, 100)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_layout_does_not_change_the_answer(layout, shape, dtype):
    plain = (np.random.default_rng(3).normal(size=shape) * 30).astype(dtype)
    plain[0] += 1000
    logits = LAYOUTS[layout](plain.copy())
    before = logits.tobytes()
    logits.flags.writeable = False
    targets = np.arange(shape[0]) % shape[1]
    tolerance = {"rtol": 8 * np.finfo(dtype).eps, "atol": 2 * np.finfo(dtype).smallest_subnormal}
    for room in QUANTITIES:
        close(room(logits), room(plain), **tolerance)
        close(room(logits, 0), room(plain, 0), **tolerance)
    loss, gradient = stable.cross_entropy_with_grad(logits, targets)
    wanted = stable.cross_entropy_with_grad(plain, targets)
    close(loss, wanted[0], **tolerance)
    close(gradient, wanted[1], **tolerance)
    assert logits.tobytes() == before


def test_broadcast_and_read_only_input():
    logits = np.broadcast_to(np.array([1000.0, 0.0, 1000.0]), (5, 3))
    assert stable.softmax(logits).tolist() == [[0.5, 0, 0.5]] * 5
    close(stable.softmax(logits, axis=0), 0.2)
    close(stable.cross_entropy_with_grad(logits, [0] * 5)[1][0], [-0.1, 0, 0.1], rtol=4e-16)


@pytest.mark.parametrize("room", MAPS)
@pytest.mark.parametrize("shape", [(5, 3), (4, 200), (900, 400)])
def test_out_receives_the_result(room, shape):
    logits = np.random.default_rng(4).normal(size=shape) * 400
    expected = room(logits)
    out = np.empty(shape)
    assert room(logits, out=out) is out
    same(out, expected)
    strided = np.zeros((shape[0], 2 * shape[1]))[:, ::2]
    same(room(logits, out=strided), expected)
    same(room(logits, axis=0, out=out.T.copy().T), room(logits, axis=0))
    work = logits.copy()
    same(room(work, out=work), expected)  # in place
    both = np.concatenate([logits[:1], logits])
    same(room(both[:-1], out=both[1:]), room(np.concatenate([logits[:1], logits])[:-1]))


def test_out_that_does_not_fit():
    logits = np.zeros((2, 3))
    with pytest.raises(TypeError, match="float32"):
        stable.softmax(logits, out=np.empty((2, 3), np.float32))
    with pytest.raises(ValueError, match=r"\(3, 2\)"):
        stable.softmax(logits, out=np.empty((3, 2)))
    read_only = np.empty((2, 3))
    read_only.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        stable.softmax(logits, out=read_only)
    with pytest.raises(TypeError, match="list"):
        stable.softmax(logits, out=[0])


def test_softmax_with_out_needs_no_second_array():
    import tracemalloc

    logits, out = np.ones((64, 100_000), np.float32), np.empty((64, 100_000), np.float32)
    tracemalloc.start()
    stable.softmax(logits, out=out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < logits.nbytes / 10


# Weights in logsumexp


def test_weight_zero_is_no_entry_at_all():
    assert stable.logsumexp([1.0, 1e9], b=[1, 0]) == 1
    assert stable.logsumexp([1.0, NAN, INF], b=[1, 0, 0]) == 1
    assert stable.logsumexp([1.0, 2.0], b=[0, 0]) == -INF
    assert stable.logsumexp([1.0, 2.0], b=[0, 0], return_sign=True) == (-INF, 0)


def test_signed_weights_cancel_exactly():
    """SciPy 1.17 returns NaN here."""
    assert stable.logsumexp([800.0, 800.0, 1.0], b=[1, -1, 1]) == 1
    assert stable.logsumexp([800.0, 1.0, 800.0], b=[3, 1, -3]) == 1
    assert stable.logsumexp([5.0, 5.0], b=[1, -1], return_sign=True) == (-INF, 0)


def test_the_sign_is_returned_on_request():
    assert np.isnan(stable.logsumexp([1.0, 2.0], b=[1, -1]))
    value, sign = stable.logsumexp([[1.0, 2.0]], b=[1, -1], return_sign=True, keepdims=True)
    assert (sign.item(), value.shape) == (-1, (1, 1))
    assert value.item() == pytest.approx(np.log(np.exp(2) - np.exp(1)), rel=1e-15)
    assert stable.logsumexp([1.0, 2.0], return_sign=True)[1] == 1


def test_a_cancellation_costs_no_digits():
    for gap in (1e-10, 1e-12):
        logits = np.array([800.0, 800.0 + gap])
        value, sign = stable.logsumexp(logits, b=[1, -1], return_sign=True)
        assert (value, sign) == (800 + np.log(np.expm1(logits[1] - 800)), -1)
    assert stable.logsumexp([0, -1e-17], b=[1, -1]) == pytest.approx(-39.143946580898, rel=1e-12)


def test_weights_of_one_change_nothing():
    logits = np.random.default_rng(5).normal(size=(20, 30)) * 100
    close(stable.logsumexp(logits, b=1.0), stable.logsumexp(logits), rtol=1e-15)
    close(stable.logsumexp(logits, b=2), stable.logsumexp(logits) + np.log(2), rtol=1e-15)


# Cross-entropy


def test_the_failing_batch_of_lesson_00():
    logits = [[2, 1, 0.1], [1000, 1, -1000], [3, 2, 1]]
    loss, gradient = stable.cross_entropy_with_grad(logits, [0, 2, 1])
    assert loss == pytest.approx((0.4170300162778335 + 2000 + 1.4076059644443804) / 3, rel=1e-15)
    assert np.isfinite(gradient).all()
    close(gradient.sum(axis=1), 0, atol=1e-16)


@pytest.mark.parametrize("margin", [17, 30, 60, 100, 700])
def test_a_confident_row_keeps_its_loss_and_its_gradient(margin):
    """float32 cross-entropy is 0 in PyTorch and SciPy from a margin of 17 on, float64 from 37."""
    for dtype in (np.float32, np.float64):
        if np.exp(-float(margin)) > floats.format_of(dtype).smallest_normal:
            loss, gradient = stable.cross_entropy_with_grad(np.array([[margin, 0]], dtype), [0])
            truth = float(np.log1p(np.exp(-float(margin))))
            assert loss == pytest.approx(truth, rel=3 * floats.format_of(dtype).eps)
            assert gradient[0].astype(float) == pytest.approx([-truth, truth], rel=1e-6)
            assert gradient[0, 0] == -gradient[0, 1]


@pytest.mark.parametrize("distance", [50, 104, 800, 1e6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_confident_and_wrong_costs_the_distance(distance, dtype):
    loss, gradient = stable.cross_entropy_with_grad(np.array([[0, distance]], dtype), [0])
    assert loss == dtype(distance)
    assert gradient.tolist() == [[-1, 1]]


def test_a_target_at_minus_inf_costs_inf():
    loss, gradient = stable.cross_entropy_with_grad([[0.0, -INF, 0.0]], [1])
    assert loss == INF
    assert gradient.tolist() == [[0.5, -1, 0.5]]


@pytest.mark.parametrize(
    ("targets", "error", "message"),
    [
        ([0, 3], IndexError, r"targets\[1\] = 3 is no class index of 0..2"),
        ([-1, 9], IndexError, r"targets\[0\] = -1"),
        ([0.0, 1.0], TypeError, r"targets\[0\] = .*float64"),
        ([True, False], TypeError, r"targets\[0\] = .*bool"),
        (["a", "b"], TypeError, r"<U1"),
        ([0], ValueError, r"\(1,\).*\(2,\)"),
        ([[0, 1]], ValueError, r"\(1, 2\).*\(2,\)"),
        ([[0.5, 0.5, 0.5], [1, 0, 0]], ValueError, "row 0 sum to 1.5"),
        ([[1, 0, 0], [0.5, 0.7, -0.2]], ValueError, r"targets\[1, 2\] = -0.2 is no probability"),
        ([[1, 0, 0], [0.5, NAN, 0.5]], ValueError, r"targets\[1, 1\] = nan"),
    ],
)
def test_bad_targets_are_named(targets, error, message):
    with pytest.raises(error, match=message):
        stable.cross_entropy(np.zeros((2, 3)), targets)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reduction": "avg"}, "reduction must be one of"),
        ({"empty": "none"}, "empty must be one of"),
        ({"label_smoothing": 1.5}, "label_smoothing"),
        ({"label_smoothing": NAN}, "label_smoothing"),
        ({"weight": [1, 1]}, "3 classes"),
        ({"weight": [1, -1, 1]}, r"weight\[1\] = -1"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        stable.cross_entropy_with_grad(np.zeros((2, 3)), [0, 1], **options)


def test_bad_values_of_where_and_masked():
    with pytest.raises(ValueError, match="masked must be one of"):
        stable.softmax([1.0], masked="zero")
    with pytest.raises(TypeError, match="where must be boolean"):
        stable.softmax([1.0, 2.0], where=[1, 0])
    with pytest.raises(ValueError, match="broadcast"):
        stable.softmax([1.0, 2.0], where=[True, False, True])


def test_an_ignored_row_leaks_nothing():
    logits = np.array([[1.0, 2.0], [-INF, NAN], [INF, 0.0]])
    loss, gradient = stable.cross_entropy_with_grad(logits, [0, -100, -100], ignore_index=-100)
    assert loss == stable.cross_entropy(logits[:1], [0])
    assert gradient[1:].tolist() == [[0, 0], [0, 0]]
    assert stable.cross_entropy(logits, [0, -100, -100], ignore_index=-100, reduction="none")[
        1:
    ].tolist() == [0, 0]


def test_every_row_ignored():
    logits, targets = np.ones((2, 3)), [-1, -1]
    assert np.isnan(stable.cross_entropy(logits, targets, ignore_index=-1))
    loss, gradient = stable.cross_entropy_with_grad(logits, targets, ignore_index=-1, empty="zero")
    assert loss == 0
    assert not gradient.any()
    assert stable.cross_entropy(logits, targets, ignore_index=-1, reduction="sum") == 0


def test_class_weights_of_total_zero():
    assert np.isnan(stable.cross_entropy([[1.0, 2.0]], [0], weight=[0, 1]))
    assert stable.cross_entropy([[1.0, 2.0]], [0], weight=[0, 1], empty="zero") == 0
    assert stable.cross_entropy([[-INF, 2.0]], [0], weight=[0, 1], reduction="sum") == 0
    smoothed = stable.cross_entropy([[1.0, 2.0]], [0], weight=[0, 1], label_smoothing=0.5, reduction="sum")
    assert smoothed == pytest.approx(np.log1p(np.exp(-1)) / 4, rel=1e-15)


def test_empty_batch():
    assert stable.cross_entropy(np.zeros((0, 3)), [], reduction="sum") == 0
    assert np.isnan(stable.cross_entropy(np.zeros((0, 3)), []))
    assert stable.cross_entropy_with_grad(np.zeros((0, 3)), [])[1].shape == (0, 3)


@pytest.mark.parametrize("kind", ["U1", [("a", "f4"), ("b", "i2")], bool])
def test_empty_targets_of_another_kind_are_named(kind):
    with pytest.raises(TypeError, match=r"targets must be integer class indices.* dtype"):
        stable.cross_entropy(np.empty((0, 3)), np.empty(0, kind))


def test_label_smoothing_meets_minus_inf():
    assert stable.cross_entropy([[1.0, 2.0, -INF]], [0], label_smoothing=0.1) == INF


def test_a_soft_target_of_zero_at_minus_inf_costs_nothing():
    loss, gradient = stable.cross_entropy_with_grad([[1.0, -INF]], [[1.0, 0.0]])
    assert loss == 0
    assert gradient.tolist() == [[0, 0]]


def test_unnormalized_soft_targets_on_request():
    twice = stable.cross_entropy([[1.0, 2.0]], [[0.5, 1.5]], check_sum=False)
    assert twice == pytest.approx(2 * stable.cross_entropy([[1.0, 2.0]], [[0.25, 0.75]]))


@pytest.mark.parametrize("others", [-INF, -45.0])
def test_a_probability_that_rounds_to_one_is_one_in_a_long_row_too(others):
    """1 / s, rounded, times s is not always 1."""
    largest = np.linspace(0, 600, 300)
    logits = np.tile(largest[:, None] + others, 1000)
    logits[:, 7] = largest
    same(stable.softmax(logits)[:, 7], 1)


def test_a_one_hot_distribution_is_as_good_as_an_index():
    for margin in (1, 30, 600):
        loss, gradient = stable.cross_entropy_with_grad([[margin, 0.0, -1.0]], [[1.0, 0.0, 0.0]])
        wanted = stable.cross_entropy_with_grad([[margin, 0.0, -1.0]], [0])
        assert loss == pytest.approx(wanted[0], rel=1e-15, abs=0)
        close(gradient, wanted[1], rtol=1e-15)


def test_each_gradient_row_sums_to_zero():
    logits = (np.random.default_rng(6).normal(size=(200, 50)) * 20).astype(np.float32)
    gradient = stable.cross_entropy_with_grad(logits, np.arange(200) % 50, reduction="none")[1]
    assert np.abs(gradient.astype(float).sum(axis=1)).max() < 4 * np.finfo(np.float32).eps


def test_classes_on_another_axis():
    logits = np.random.default_rng(7).normal(size=(3, 5, 4))
    targets = np.random.default_rng(8).integers(0, 5, (3, 4))
    loss, gradient = stable.cross_entropy_with_grad(logits, targets, axis=1)
    wanted = stable.cross_entropy_with_grad(np.moveaxis(logits, 1, -1), targets)
    assert loss == pytest.approx(wanted[0], rel=1e-15)
    close(gradient, np.moveaxis(wanted[1], -1, 1), rtol=1e-14)


def test_importing_stable_loads_numpy_and_nothing_heavier():
    code = "import sys, course_utils.stable; print([m for m in sys.modules if '.' not in m])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in ("mpmath", "matplotlib", "scipy", "torch", "ipywidgets"):
        assert f"'{heavy}'" not in loaded


def test_threads_share_no_error_state():
    """Overflow is silenced for the call that looks for it, in its own thread, while others still hear of theirs."""
    logits = np.random.default_rng(5).normal(size=(64, 500)) * 900
    wanted = stable.softmax(logits)

    def work(_):
        with np.errstate(over="raise"):
            same(stable.softmax(logits), wanted)
            with pytest.raises(FloatingPointError):
                np.exp(np.array([1000.0]))
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(64)))
