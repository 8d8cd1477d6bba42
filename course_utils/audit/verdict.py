"""The verdict on one answer: right, a declared difference, or wrong, and by how much.

An answer within `BAR` ulps passes. One that is further away, but no further than the rounding of the
classic shift explains (see `allowance`), is a declared difference. Everything beyond that is a failure.
An answer of several parts is judged by the worst of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from course_utils import accuracy, floats, guard
from course_utils.audit.allowance import allowed, maxima, size_of_gradient
from course_utils.audit.cases import ACCURACY, RANGE
from course_utils.audit.cases.disguises import DISGUISES
from course_utils.audit.conditioning import allowed_of_disguise, size_of_backward
from course_utils.audit.truths import each_row, parts, quantity, truth

PASS, DECLARED, FAIL, NOT_RUN = STATUSES = ("pass", "declared difference", "fail", "not run")
_WORST = (PASS, DECLARED, FAIL)
BAR, NARROW_BAR = 6.0, 0.51
_NO_DISTANCE = np.finfo(float).max  # an allowance beyond it would let everything pass
_CLASSIC = (
    "Further from the truth than need be, but no further than the rounding of the classic shift explains."
)
_DIFFERENCES = ("logsumexp", "gradient", "softmax_backward", "log_softmax_backward")
_REFUSALS = (TypeError, ValueError, IndexError)


@dataclass(frozen=True)
class Verdict:
    """A status, one sentence why, the distance from the truth where there is one, and which part it is about."""

    status: str
    why: str = ""
    ulps: float | None = None
    failure: str = ""
    part: str = ""


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
    return _judge_parts(kind, case, run.value)


def _judge_refusal(case, run):
    if isinstance(run.error, _REFUSALS):
        return Verdict(PASS, f"Refused with {guard.named_error(run.error)[:200]}")
    if run.error is not None:
        return Verdict(DECLARED, f"Refused, with an unusual error: {guard.named_error(run.error)[:200]}")
    for words, value in case.declared:
        if value is None or _same(value, run.value):
            return Verdict(DECLARED, f"It {words}.")
    return Verdict(FAIL, "It answered, where only an error is right.", failure="answered")


def _judge_parts(kind, case, value):
    """The verdict on the part that is furthest off."""
    names, several = parts(kind, case), isinstance(value, tuple)
    values = value if several else (value,)
    if several != (len(names) > 1) or len(values) != len(names):
        came = f"a tuple of {len(value)}" if several else "one value"
        due = f"({', '.join(names)})" if len(names) > 1 else "one array"
        return Verdict(FAIL, f"It returned {came}, where {due} is right.", failure="parts")
    expected = _expected(kind, case, values)
    found = [
        _judge_part(kind, case, name, *pair) for name, *pair in zip(names, values, expected, strict=True)
    ]
    return max(found, key=lambda said: (_WORST.index(said.status), said.ulps or 0))


def judge_part(kind: str, case, index: int, value) -> Verdict:
    """The verdict on one part of an answer."""
    return _judge_part(kind, case, parts(kind, case)[index], value, truth(kind, case)[index])


def _expected(kind, case, values):
    """The truth; that of one loss a row, where the function leaves the mean to its caller."""
    expected = truth(kind, case)
    shape = getattr(values[0], "shape", ())
    if case.beside:
        mean = kind == "binary_cross_entropy" and shape == () and np.size(expected[0])
        return (np.asarray(np.mean(expected[0])),) if mean else expected
    if case.targets is None or "reduction" in case.options or shape == () or shape == np.shape(expected[0]):
        return expected
    kept = tuple(np.delete(np.shape(case.logits), case.options.get("axis", -1)).tolist())
    if shape != kept:
        return expected
    return truth(kind, each_row(case))


def _judge_part(kind, case, name, value, expected):
    said = _not_numbers(value) or _judge_value(quantity(kind, name), case, value, expected)
    return replace(said, part=name, why=f"{name}: {said.why}" if name and said.why else said.why)


def _not_numbers(value):
    """A verdict on a value that cannot be compared with numbers; else None."""
    if value is None:
        return Verdict(FAIL, "It returned None.", failure="type")
    if not isinstance(value, np.ndarray):
        return Verdict(FAIL, f"It returned {value!r}, not numbers that can be compared.", failure="type")
    if value.dtype.kind in "OUSMm":
        return Verdict(FAIL, f"It returned an array of {value.dtype}, not numbers.", failure="type")
    if value.dtype.kind not in "iuf" and value.dtype.name not in floats.FORMATS:
        return Verdict(FAIL, f"It returned {value.dtype}, not real numbers.", failure="type")
    return None


def _judge_value(quantity, case, value, expected):
    own = value.dtype.name
    if case.seen().dtype.kind in "iu" and own in floats.FORMATS and own != "float64":
        said = _compared(quantity, case, value, expected, floats.FORMATS[own])
        right = said.status in (PASS, DECLARED)
        return Verdict(DECLARED, f"It answers integers in {own}.", said.ulps) if right else said
    return _compared(quantity, case, value, expected, format_of(case))


def _compared(quantity, case, value, expected, fmt):
    if value.shape != expected.shape:
        return Verdict(FAIL, f"It returned the shape {value.shape}, not {expected.shape}.", failure="shape")
    stored = floats.store(value, fmt)
    distance = measured(quantity, case, stored, expected, fmt)
    worst = float(np.max(distance, initial=0.0))
    if worst <= (NARROW_BAR if fmt.bits < 32 else BAR):
        return Verdict(PASS, ulps=worst)
    for words, declared in case.declared:
        if declared is not None and _same(declared, value):
            return Verdict(DECLARED, words[0].upper() + words[1:] + ".", worst)
    if quantity == "sign":
        return Verdict(FAIL, "The sign is wrong.", worst, "inaccurate")
    with np.errstate(all="ignore"):
        latitude = allowed_of_disguise if quantity in DISGUISES else allowed
        honest = distance <= np.minimum(latitude(quantity, case, expected, fmt), _NO_DISTANCE)
        if case.group not in (RANGE, ACCURACY):
            honest |= _roughly(stored.astype(np.float64), expected.astype(np.float64), fmt)
    if np.all(honest):
        return Verdict(DECLARED, _CLASSIC, worst)
    lost = _kind_of_loss(stored, ~honest)
    return Verdict(FAIL, _WORDS[lost].format(_far(stored, expected, worst)), worst, lost)


def _kind_of_loss(stored, wrong):
    """The worst thing that happened to the wrong entries, in one word."""
    values = stored.astype(np.float64)
    for kind, seen in (("NaN", np.isnan(values)), ("inf", np.isinf(values)), ("zero", values == 0)):
        if np.any(wrong & seen):
            return kind
    return "inaccurate"


def measured(quantity, case, stored, expected, fmt):
    """The distance in ulps. Where a difference is asked for, an ulp is that of its larger part: logsumexp
    near 0 is max z and a logarithm that cancel, a gradient is p and the target that cancel."""
    if expected.dtype != object:  # many equal logits
        with np.errstate(all="ignore"):
            gap = np.abs(stored.astype(np.float64) - expected) / floats.spacing(expected, fmt)
        same = (stored.astype(np.float64) == expected) | (np.isnan(expected) & np.isnan(gap))
        distance = np.where(same, 0.0, np.nan_to_num(gap, nan=np.inf, posinf=np.inf))
    else:
        distance = accuracy.ulps(stored, expected)
    if not distance.size or "b" in case.options or quantity not in _DIFFERENCES:
        return distance
    with np.errstate(all="ignore"):
        larger = _larger_part(quantity, case)
        size = np.abs(expected.astype(np.float64))
        scale = floats.spacing(size, fmt) / floats.spacing(np.fmax(size, larger), fmt)
    return np.where(np.isfinite(scale), distance * scale, distance)


def _larger_part(quantity, case):
    if quantity == "logsumexp":
        return np.abs(maxima(case))
    return size_of_gradient(case) if quantity == "gradient" else size_of_backward(quantity, case)


def _roughly(values, expected, fmt):
    """Where shapes, types or options are asked for, the last digits are not."""
    digits = 64 if fmt.bits >= 32 else 4
    near = np.abs(values - expected) <= digits * fmt.eps * np.maximum(1, np.abs(expected))
    return near & np.isfinite(expected)


def _same(declared, value):
    if isinstance(value, tuple) or np.shape(value) != np.shape(declared):
        return False
    value = np.asarray(value)
    if value.dtype.kind == "c":
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
