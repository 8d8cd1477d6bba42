"""What has to come out of a call, and how close: the promises of `stable`, one by one."""

from __future__ import annotations

import warnings
from collections import defaultdict
from contextlib import contextmanager
from fractions import Fraction

import mpmath
import numpy as np

from benchmarks import truth
from benchmarks.truth import WIDE
from course_utils import floats, reference, stable
from tests.fuzz.inputs import Call
from tests.fuzz.layouts import dressed, layout

BARS = {"float64": 7, "float32": 8}  # as documented
EQUAL_TERMS, EQUAL = 16, 32  # the bar of rows in which so many terms or more are equal
NARROW = 0.51  # the bar of the formats that are computed in float32 and rounded once
SUBNORMAL = floats.FORMATS["float64"].smallest_subnormal  # with weights, all is computed in float64
MPMATH_BELOW = 40  # numbers in a call that mpmath judges; wider ones are judged by `benchmarks.truth`


class Broken(AssertionError):
    """A promise that does not hold."""


def judge(call: Call) -> str | None:
    """What is wrong with the result of a call, or None."""
    try:
        with quiet(call):
            outputs = evaluate(call)
            compare(call, outputs)
            alone(call)
    except Broken as broken:
        return str(broken)
    except Exception as error:  # no legal input may raise anything
        return f"{type(error).__name__}: {error}"
    return None


@contextmanager
def quiet(call):
    """No warning escapes, but for the one that tells of cancellation; the error state stays."""
    state = np.geterr()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if "b" in call.parts:
            warnings.simplefilter("ignore", UserWarning)
            warnings.simplefilter("error", RuntimeWarning)
        yield
    if np.geterr() != state:
        raise Broken("the error state of NumPy has changed")


def arguments(call, shape=None, dress=None):
    """(the layout, the logits, the other arguments) of a call."""
    place = layout(call.shape if shape is None else shape, *call.rows.shape)
    logits = dressed(place.place(call.stored), call.dress if dress is None else dress)
    keywords = dict(call.options)
    for name, values in call.parts.items():
        put = place.place_kept if name == "targets" else place.place
        keywords["targets" if name == "soft" else name] = put(values)
    if place.axis != -1:
        keywords["axis"] = place.axis
    return place, logits, keywords


def evaluate(call):
    """The results as a list of row-wise arrays, their types and shapes verified; inputs stay as they were."""
    place, logits, keywords = arguments(call)
    out = receiver(call, logits)
    if out is not None:
        logits, keywords["out"] = out
    before = [np.array(value) for value in (logits, *keywords.values())]
    result = getattr(stable, call.function)(logits, **keywords)
    if out is not None:
        if result is not out[1]:
            raise Broken("out= is not what is returned")
    else:
        for value, old in zip((logits, *keywords.values()), before, strict=True):
            if np.asarray(value).tobytes() != old.tobytes():
                raise Broken("an argument was written to")
    return [*received(call, place, result)]


def receiver(call, logits):
    """(logits, out) for out=: fresh, the logits themselves, or memory that overlaps theirs."""
    if not call.out or not isinstance(logits, np.ndarray) or call.dtype not in floats.FORMATS:
        return None
    native = logits.dtype.newbyteorder("=")
    if call.out == "alias" and logits.flags.writeable and logits.dtype == native:
        return logits, logits
    if call.out == "overlap" and logits.ndim:
        buffer = np.zeros((logits.shape[0] + 1, *logits.shape[1:]), native)
        buffer[1:] = logits
        return buffer[1:], buffer[:-1]
    return logits, np.full(logits.shape, 7, native)


def received(call, place, result):
    """The parts of a result as rows."""
    count = len(call.rows)
    if call.function in ("softmax", "log_softmax"):
        yield place.rows(checked(call, result, place.full), count)
    elif call.function == "logsumexp":
        shape = place.kept_shape(call.options.get("keepdims", False))
        for part in result if call.options.get("return_sign") else (result,):
            yield checked(call, part, shape).reshape(count)
    else:
        loss, *gradient = result if isinstance(result, tuple) else (result,)
        each = call.options.get("reduction", "mean") == "none"
        yield checked(call, loss, place.kept_shape() if each else ()).reshape(-1)
        for part in gradient:
            yield place.rows(checked(call, part, place.full), count)


def checked(call, result, shape):
    if getattr(result, "dtype", None) != call.fmt.dtype:
        raise Broken(f"dtype {getattr(result, 'dtype', type(result))}, not {call.fmt.dtype}")
    if np.shape(result) != shape:
        raise Broken(f"shape {np.shape(result)}, not {shape}")
    return np.asarray(result)


def compare(call, outputs):
    """Every output against its truth and its tolerance."""
    for name, computed, (right, tolerance) in zip(
        ("value", "second value"), outputs, PROMISES[call.function](call), strict=False
    ):
        with np.errstate(all="ignore"):
            distance = np.abs(computed.astype(WIDE) - right)
            off = truth.ulps(computed, right, call.fmt)
            wrong = (off > 0) & ~(distance <= tolerance) & ~np.isnan(tolerance)
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            worst = off[wrong].max()
            raise Broken(
                f"{name}{list(at)} = {float(computed[at])!r}, truth {float(right[at])!r}: {worst:.3g} ulps, "
                f"allowed {float(tolerance[at] / truth.spacing(right[at], call.fmt)):.3g}"
            )


def bars(call, kept):
    """The bar of each row in ulps."""
    if call.fmt.name not in BARS:
        return np.full(len(kept), NARROW)
    most = np.array([np.unique(row[np.isfinite(row)], return_counts=True)[1].max(initial=0) for row in kept])
    return np.where(most >= EQUAL, EQUAL_TERMS, BARS[call.fmt.name]).astype(WIDE)


def unit(call):
    """u of the arithmetic inside: the narrow formats are computed in float32."""
    return (call.fmt.eps if call.fmt.name in BARS else 2.0**-23) / 2


def kept_rows(call):
    """The rows as the functions are to see them: -inf where `where` leaves something out."""
    return np.where(call.parts["where"], call.rows, -np.inf) if "where" in call.parts else call.rows


def exactly(call) -> bool:
    return call.rows.size <= MPMATH_BELOW or not truth.EXACT_ENOUGH


def wide(values):
    """mpmath numbers in the widest floats, as two float64."""
    values = np.asarray(values, dtype=object)
    with np.errstate(all="ignore"), mpmath.workdps(60):
        high = values.astype(np.float64)
        low = np.array(
            [t - h if np.isfinite(h) else 0 for t, h in zip(values.flat, high.flat, strict=True)], object
        )
        return high.astype(WIDE) + low.reshape(values.shape).astype(np.float64)


def _probabilities(call):
    z = kept_rows(call)
    name = call.function
    right = wide(getattr(reference, name)(z, dtype=object)) if exactly(call) else getattr(truth, name)(z)
    if call.options.get("masked") == "zeros":
        right[np.isneginf(z).all(axis=1)] = 0 if name == "softmax" else -np.inf
    tolerance = bars(call, z)[:, None] * truth.spacing(right, call.fmt)
    if "where" in call.parts:  # what is left out of a row without distribution may be either
        tolerance[np.isnan(right) & ~call.parts["where"]] = np.nan
    return [(right, tolerance)]


def _logsumexps(call):
    z = kept_rows(call)
    b = np.broadcast_to(np.asarray(call.parts.get("b", 1.0)).astype(np.float64), z.shape)
    if "where" in call.parts:
        b = np.where(call.parts["where"], b, 0)
    if "b" not in call.parts and not exactly(call):
        right, sign = truth.logsumexp(z), np.sign(1 - np.isneginf(z).all(axis=1).astype(WIDE))
        sign[np.isnan(right)] = np.nan
    else:
        right, sign = _signed(call, z, b)
    tolerance = bars(call, z) * truth.spacing(right, call.fmt) + _near_zero(call, z, b, right)
    tolerance[tolerance > 0.5 * np.maximum(1, np.abs(right))] = np.nan  # nothing can be promised here
    exact_sign = np.where(np.isnan(tolerance), np.nan, 0)
    if not call.options.get("return_sign"):
        right = np.where(sign < 0, np.nan, right)
    return [(right, tolerance), (sign, exact_sign)]


def _signed(call, z, b):
    """(log of the size, sign) of each row's sum; mpmath takes what is small or cancels."""
    right, sign, trusted = truth.weighted_logsumexp(z, b)
    if exactly(call):
        trusted[:] = False
    for row in np.flatnonzero(~trusted):
        value, its_sign = reference.logsumexp(z[row], dtype=object, b=b[row], return_sign=True)
        right[row], sign[row] = wide(value), wide(its_sign)
    return right, sign


def _near_zero(call, z, b, right):
    """8 u max|z| over what counts, and what cancellation among signed terms takes."""
    with np.errstate(all="ignore"):
        weight = np.log(np.abs(b.astype(WIDE)))
        sizes = np.where(b == 0, -np.inf, z.astype(WIDE) + weight)
        top = sizes.max(axis=1, keepdims=True)
        counts = np.isfinite(sizes) & (sizes >= top + np.log(unit(call)))
        largest = np.where(counts, np.maximum(np.abs(z), np.abs(weight)), 0).max(axis=1)
    signed = np.flatnonzero((b < 0).any(axis=1) & np.isfinite(right) & (largest < np.inf))
    lost = np.zeros(len(z), WIDE)
    lost[signed] = [_condition(z[row], b[row], right[row]) for row in signed]
    return 8 * unit(call) * (np.nan_to_num(largest, posinf=0) + lost)


def _condition(z, b, right):
    """How much larger than the sum are the terms that make it: of equal logits only what their weights leave.

    Beside the terms themselves, w (1 + expm1(gap)) is allowed, which keeps what almost equal ones leave.
    """
    scale, weights = Fraction(float(np.abs(b).max())), defaultdict(Fraction)
    for logit, weight in zip(z.tolist(), b.tolist(), strict=True):
        if weight and logit > -np.inf:
            weights[logit] += Fraction(weight) / scale
    left = np.array([logit for logit, weight in weights.items() if weight], WIDE)
    w = np.array([float(weight) for weight in weights.values() if weight], WIDE)
    with np.errstate(all="ignore"):
        gaps, total = left - left.max(), np.exp(right - left.max() - np.log(WIDE(float(scale))))
        plain = (np.abs(w) * np.exp(gaps)).sum()
        close = abs(float(sum(weights.values()))) + np.abs(w * np.expm1(gaps)).sum()
        return min(plain, close) / total


def _losses(call):
    options = {name: value for name, value in call.options.items() if name != "check_sum"}
    goals, shares = _goals(call, options)
    reduction, smoothing = options.get("reduction", "mean"), options.get("label_smoothing", 0)
    divisor = shares.sum() if reduction == "mean" else WIDE(1)
    if exactly(call):
        targets = call.parts.get("targets", call.parts.get("soft"))
        loss, gradient = map(wide, reference.cross_entropy_with_grad(call.rows, targets, object, **options))
        loss = loss.reshape(-1)
    else:
        loss, gradient = _reduced(*truth.cross_entropy_with_grad(call.rows, goals), goals, divisor, options)
    bar = bars(call, call.rows)
    loss_bar = bar if reduction == "none" else bar.max(initial=NARROW)
    slack = coarse = 0
    with np.errstate(all="ignore"):
        if "soft" in call.parts or smoothing:  # p - t cancels
            p = np.nan_to_num(truth.softmax(call.rows))
            slack = 8 * unit(call) * (p * goals.sum(axis=1, keepdims=True) + goals) / (divisor or 1)
        if "soft" in call.parts or "weight" in options:  # a weight multiplies the few digits of a subnormal
            largest = goals.max(axis=1, keepdims=True, initial=0)
            whole = goals.sum(axis=1, keepdims=True)  # what multiplies p, which may be half a subnormal off
            coarse = SUBNORMAL * np.maximum(16 * np.maximum(1, largest), whole) / (divisor or 1)
            slack = slack + coarse
        tolerance = bar[:, None] * truth.spacing(gradient, call.fmt) + slack
    return [(loss, loss_bar * truth.spacing(loss, call.fmt) + np.max(coarse)), (gradient, tolerance)]


def _goals(call, options):
    """(the weight of every class in each row's loss, what each row adds to the divisor)."""
    count, size = call.rows.shape
    weight = np.asarray(options.get("weight", np.ones(size))).astype(WIDE)
    smoothing = WIDE(options.get("label_smoothing", 0))
    if "soft" in call.parts:
        goals, shares = call.parts["soft"].astype(np.float64).astype(WIDE), np.ones(count, WIDE)
    else:
        targets = call.parts["targets"].astype(int)
        ignored = targets == options.get("ignore_index", size)
        goals = (np.arange(size) == targets[:, None]).astype(WIDE)
        shares = np.where(ignored, 0, weight[np.where(ignored, 0, targets)])
    goals = ((1 - smoothing) * goals + smoothing / size) * weight
    if "soft" not in call.parts:
        goals[ignored] = 0
    return goals, shares


def _reduced(losses, gradient, goals, divisor, options):
    reduction = options.get("reduction", "mean")
    if reduction == "none":
        return losses, gradient
    if reduction == "mean" and divisor == 0:
        value = 0 if options.get("empty") == "zero" else np.nan
        counts = goals.any(axis=1, keepdims=True)
        return np.array([value], WIDE), np.where(counts, value, 0) * np.ones_like(goals)
    with np.errstate(all="ignore"):
        return np.array([losses.sum() / divisor]), gradient / divisor


PROMISES = {
    "softmax": _probabilities,
    "log_softmax": _probabilities,
    "logsumexp": _logsumexps,
    "cross_entropy": _losses,
    "cross_entropy_with_grad": _losses,
}


def alone(call):
    """A row alone gives the same bits as in its batch."""
    count = len(call.rows)
    if count == 1 or call.dtype not in floats.FORMATS:
        return
    options = {**call.options, **({"reduction": "none"} if "cross" in call.function else {})}
    for shape in ("last", "first"):
        batch = Call(call.function, call.dtype, call.rows, shape, "plain", call.parts, options)
        together = evaluate(batch)
        for row in sorted({0, 1, count // 2, count - 1}):
            parts = {name: values[row : row + 1] for name, values in call.parts.items()}
            single = Call(call.function, call.dtype, call.rows[row : row + 1], shape, "plain", parts, options)
            for all_rows, mine in zip(together, evaluate(single), strict=True):
                if not same_bits(all_rows[row : row + 1], mine):
                    raise Broken(f"row {row} alone is not what it is in its batch ({shape} axis)")


def same_bits(a, b):
    """The same values to the last bit, the sign of 0 included; one NaN is as good as another."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    return np.array_equal(a, b, equal_nan=True) and np.array_equal(
        np.signbit(a) & ~np.isnan(a), np.signbit(b) & ~np.isnan(b)
    )
