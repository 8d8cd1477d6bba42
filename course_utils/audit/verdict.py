"""The verdict on one answer: right, a declared difference, or wrong, and by how much.

An answer within `BAR` ulps passes. One that is further away, but no further than the rounding of the
classic shift explains, is a declared difference: rounding z - max z moves each exponent by up to
|z - max z| u, and adding n terms up costs about sqrt(n) u. Everything beyond that is a failure.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from course_utils import accuracy, floats, guard, reference
from course_utils.audit.cases import ACCURACY, RANGE

PASS, DECLARED, FAIL, NOT_RUN = STATUSES = ("pass", "declared difference", "fail", "not run")
BAR, NARROW_BAR, MARGIN = 6.0, 0.51, 8.0
_CLASSIC = (
    "Further from the truth than need be, but no further than the rounding of the classic shift explains."
)
_REFUSALS = (TypeError, ValueError, IndexError)


@dataclass(frozen=True)
class Verdict:
    """A status, one sentence why, and the distance from the truth where there is one."""

    status: str
    why: str = ""
    ulps: float | None = None
    failure: str = ""


@lru_cache(4096)
def truth(kind: str, case):
    """What is right, as mpmath numbers; ordinary floats for many equal logits, where 1/n needs no oracle."""
    logits, options = case.seen(), dict(case.options)
    if logits.size > 2000 and case.axis == -1 and len(np.unique(logits)) == 1:
        return _of_equals(kind, logits)
    if kind == "cross_entropy":
        return reference.cross_entropy(logits, case.targets, object, **options)
    if "where" in options:
        logits = np.where(options.pop("where"), logits, -np.inf)
    axis = case.axis if logits.ndim else ()
    return getattr(reference, kind)(logits, axis=axis, dtype=object, **options)


def _of_equals(kind, logits):
    classes = logits.shape[-1]
    if kind == "softmax":
        return np.full(logits.shape, 1 / classes)
    if kind == "log_softmax":
        return np.full(logits.shape, -np.log(classes))
    return logits[..., 0].astype(np.float64) + np.log(classes)


def format_of(case) -> floats.Format:
    """The format that an answer is judged in: that of the logits, float64 for integers and lists."""
    dtype = case.seen().dtype.newbyteorder("=")
    return floats.format_of(dtype if dtype.name in floats.FORMATS else np.float64)


def judge(kind: str, case, run: guard.Run) -> Verdict:
    """What to say about one run of one case."""
    if isinstance(run.error, guard.TimeLimit):
        return Verdict(FAIL, "It did not come back and was stopped.", failure="time")
    if case.refused:
        return _judge_refusal(case, run)
    if run.error is not None:
        said = guard.named_error(run.error)[:300]
        if case.lenient:
            return Verdict(DECLARED, f"It {case.lenient}: {said}")
        return Verdict(FAIL, f"It raised {said}", failure="error")
    wrong = _not_an_array(run.value)
    return Verdict(FAIL, wrong, failure="type") if wrong else _judge_value(kind, case, run.value)


def _judge_refusal(case, run):
    if isinstance(run.error, _REFUSALS):
        return Verdict(PASS, f"Refused with {guard.named_error(run.error)[:200]}")
    if run.error is not None:
        return Verdict(DECLARED, f"Refused, with an unusual error: {guard.named_error(run.error)[:200]}")
    for words, value in case.declared:
        if value is None or _same(value, run.value):
            return Verdict(DECLARED, f"It {words}.")
    return Verdict(FAIL, "It answered, where only an error is right.", failure="answered")


def _not_an_array(value):
    """What is wrong with the type of a value, in a sentence, or ""."""
    if value is None:
        return "It returned None."
    dtype = getattr(value, "dtype", None)
    if not isinstance(value, (np.ndarray, np.generic)) or dtype.kind in "OUSMm":
        return f"It returned {type(value).__name__}{'' if dtype is None else f' of {dtype}'}, not numbers."
    numeric = dtype.kind in "iuf" or dtype.name in floats.FORMATS
    return "" if numeric else f"It returned {dtype}, not real numbers."


def _judge_value(kind, case, value):
    own = value.dtype.name
    if case.seen().dtype.kind in "iu" and own in floats.FORMATS and own != "float64":
        said = _compared(kind, case, value, floats.FORMATS[own])
        right = said.status in (PASS, DECLARED)
        return Verdict(DECLARED, f"It answers integers in {own}.", said.ulps) if right else said
    return _compared(kind, case, value, format_of(case))


def _compared(kind, case, value, fmt):
    expected = truth(kind, case)
    if kind == "cross_entropy" and value.shape != np.shape(expected) and _one_a_row(case, value):
        options = {**case.options, "reduction": "none"}
        expected = reference.cross_entropy(case.seen(), case.targets, object, **options)
    expected = np.asarray(expected)
    if value.shape != expected.shape:
        return Verdict(FAIL, f"It returned the shape {value.shape}, not {expected.shape}.", failure="shape")
    stored = floats.store(value, fmt)
    distance = measured(kind, case, stored, expected, fmt)
    worst = float(np.max(distance, initial=0.0))
    if worst <= (NARROW_BAR if fmt.bits < 32 else BAR):
        return Verdict(PASS, ulps=worst)
    for words, declared in case.declared:
        if _same(declared, value):
            return Verdict(DECLARED, words[0].upper() + words[1:] + ".", worst)
    with np.errstate(all="ignore"):
        slack = allowance(kind, case, expected, fmt)
        if case.group not in (RANGE, ACCURACY):
            slack = np.fmax(slack, _roughly(expected.astype(np.float64), fmt))
    if np.all(distance <= slack):
        return Verdict(DECLARED, _CLASSIC, worst)
    lost = _kind_of_loss(stored, distance > slack)
    return Verdict(FAIL, _WORDS[lost].format(_far(stored, expected, worst)), worst, lost)


def _kind_of_loss(stored, wrong):
    """The worst thing that happened to the wrong entries, in one word."""
    values = stored.astype(np.float64)
    for kind, seen in (("NaN", np.isnan(values)), ("inf", np.isinf(values)), ("zero", values == 0)):
        if np.any(wrong & seen):
            return kind
    return "inaccurate"


def _one_a_row(case, value):
    """A loss that leaves the mean to its caller answers with one loss a row."""
    return value.shape == np.shape(case.targets) and "reduction" not in case.options


def measured(kind, case, stored, expected, fmt):
    """The distance in ulps; logsumexp near 0, where max z and the log cancel, in ulps of max |z|."""
    if expected.dtype != object:  # many equal logits
        with np.errstate(all="ignore"):
            gap = np.abs(stored.astype(np.float64) - expected) / floats.spacing(expected, fmt)
        return np.nan_to_num(gap, nan=np.inf, posinf=np.inf)
    distance = accuracy.ulps(stored, expected)
    if kind != "logsumexp" or not distance.size or "b" in case.options:
        return distance
    size = np.abs(expected.astype(np.float64))
    top = np.abs(_maxima(case).astype(np.float64))
    scale = floats.spacing(size, fmt) / floats.spacing(np.maximum(size, top), fmt)
    return np.where(np.isfinite(scale), distance * scale, distance)


def _maxima(case, keepdims=False):
    logits = case.seen()
    axis = case.axis if logits.ndim else ()
    return np.max(logits.astype(np.float64), axis=axis, keepdims=keepdims, initial=-np.inf)


def allowance(kind, case, expected, fmt):
    """How many ulps an honest max-shift may lose, entry by entry: see the head of this file."""
    logits = case.seen().astype(np.float64)
    if not logits.size:
        return np.full(expected.shape, MARGIN)
    axis = case.axis if logits.ndim else ()
    # Past twice the distance at which exp is 0, nothing is left to lose.
    below = np.maximum(logits - _maxima(case, keepdims=True), 2 * fmt.exp_first_zero)
    below = np.where(np.isfinite(below), below, 0.0)
    p = np.exp(below)
    p /= np.sum(p, axis=axis, keepdims=True)
    classes = logits.size // max(1, np.prod(np.shape(_maxima(case)), dtype=int))
    least = MARGIN + (np.sqrt(classes) if fmt.bits >= 32 else 0)
    spread = np.sum(p * -below, axis=axis, keepdims=True)
    unit = fmt.eps / 2
    if kind == "softmax":
        return least - below + spread
    values = np.abs(expected.astype(np.float64))
    if kind == "log_softmax":
        lost = (1 - p) * -below + (spread + p * below)
    elif kind == "logsumexp":
        lost = np.squeeze(spread, axis=axis)
    else:
        lost = _loss_allowance(case, p, below, values)
    return least + np.nan_to_num(lost * unit / floats.spacing(values, fmt), posinf=np.inf)


def _roughly(values, fmt):
    """Where shapes, types or errors are asked for, the last digits are not."""
    return 64 * fmt.eps * np.maximum(1, np.abs(values)) / floats.spacing(values, fmt)


def _loss_allowance(case, p, below, values):
    """The same for a mean of losses: each row's target entry of log_softmax."""
    goal = np.zeros(p.shape)
    if np.ndim(case.targets) == 1:
        inside = np.clip(case.targets, 0, p.shape[1] - 1).astype(int)
        goal[np.arange(len(p)), inside] = 1
    lost = np.sum(np.abs(goal - p) * -below, axis=1)
    return lost if values.shape else np.mean(lost)


def _same(declared, value):
    value = np.asarray(value)
    if value.shape != np.shape(declared) or value.dtype.kind == "c":
        return False
    return bool(np.allclose(value.astype(np.float64), declared, rtol=1e-2, atol=0, equal_nan=True))


def _far(stored, expected, ulps):
    relative = float(np.max(accuracy.relative_error(stored.ravel()[:2000], expected.ravel()[:2000])))
    if relative <= 1e-3:
        return f"by {ulps:.3g} ulps"
    return f"by {100 * relative:.3g} %" if relative < 1e3 else "entirely"


_WORDS = {
    "NaN": "NaN came out where the truth is a number.",
    "inf": "An infinity came out where the truth is a finite number.",
    "zero": "A value was lost to 0, and the format can hold it.",
    "inaccurate": "The numbers are wrong, {}.",
}
