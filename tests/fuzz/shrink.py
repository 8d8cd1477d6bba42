"""The smallest call that still fails, and how to make it again."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import numpy as np

from course_utils import floats
from tests.fuzz.judge import arguments, judge


def shrunk(call, seconds=10.0):
    """(a smaller call that fails in the same way, what is wrong with it)."""
    message, end = judge(call), time.monotonic() + seconds
    kind, found = kind_of(message), True
    while found and time.monotonic() < end:
        found = False
        for smaller in _smaller(call):
            said = judge(smaller)
            if said and kind_of(said) == kind:
                call, message, found = smaller, said, True
                break
            if time.monotonic() > end:
                break
    return call, message


def kind_of(message):
    """The message without its numbers: what makes two failures one."""
    return re.sub(r"[-+]?[\d.]+(e[-+]?\d+)?|\[.*?\]|nan|inf|-", "", message)[:40]


def _smaller(call):
    """Calls with less in them, the boldest first."""
    count, size = call.rows.shape
    yield from _plainer(call)
    for axis, length in ((0, count), (1, size)):
        step = length // 2
        while step:
            for start in range(0, length, step):
                kept = np.r_[0:start, start + step : length]
                if len(kept):
                    yield _only(call, axis, kept)
            step //= 2 if step > 8 or length <= 40 else 8
    yield from _rounder(call)


def _plainer(call):
    for name, plain in (("shape", "last"), ("dress", "plain"), ("out", "")):
        if getattr(call, name) != plain:
            yield replace(call, **{name: plain})
    for name in call.options:
        if name not in ("check_sum", "ignore_index"):
            yield replace(call, options={key: v for key, v in call.options.items() if key != name})
    for name in ("where", "b"):
        if name in call.parts:
            yield replace(call, parts={key: v for key, v in call.parts.items() if key != name})
    if call.function == "cross_entropy_with_grad":
        yield replace(call, function="cross_entropy")


def _only(call, axis, kept):
    """The call with these rows, or these classes."""
    parts = {}
    for name, values in call.parts.items():
        parts[name] = values.take(kept, axis=axis) if values.ndim > axis else values
    if axis and "targets" in parts:
        ignored = parts["targets"] == call.options.get("ignore_index", len(call.rows[0]))
        parts["targets"] = np.where(ignored, parts["targets"], parts["targets"] % len(kept))
    options = dict(call.options)
    if axis and "weight" in options:
        options["weight"] = options["weight"][kept]
    if axis and "soft" in parts:
        options["check_sum"] = False
    return replace(call, rows=call.rows.take(kept, axis=axis), parts=parts, options=options)


def _rounder(call):
    """The same call with fewer digits, or more equal values."""
    if call.dtype not in floats.FORMATS:
        return
    for digits in (0, 1, 3):
        yield from _changed(call, np.round(call.rows, digits))
    for row in range(min(len(call.rows), 3)):
        for value in {0.0, float(np.median(call.rows[row]))}:
            for at in range(min(call.rows.shape[1], 6)):
                rows = call.rows.copy()
                rows[row, at] = value
                yield from _changed(call, rows)


def _changed(call, rows):
    rows = floats.store(rows, call.dtype).astype(np.float64)
    if not np.array_equal(rows, call.rows, equal_nan=True):
        yield replace(call, rows=rows)


def snippet(call) -> str:
    """Python that makes the call, its numbers to the last bit."""
    _, logits, keywords = arguments(call)
    array = _array(np.asarray(logits))
    if call.dress != "plain":
        array += f"  # {call.dress}"
    lines = ["import ml_dtypes, numpy as np", "from numpy import inf, nan", "from course_utils import stable"]
    lines.append(f"logits = {array}")
    said = "".join(
        f", {name}={_array(value) if isinstance(value, np.ndarray) else repr(value)}"
        for name, value in keywords.items()
    )
    if call.out:
        said += f", out=...  # {call.out}"
    return "\n".join([*lines, f"stable.{call.function}(logits{said})"])


def _array(array) -> str:
    narrow = array.dtype.name in ("bfloat16", "float8_e5m2", "float8_e4m3fn")
    kind = f"ml_dtypes.{array.dtype.name}" if narrow else repr(array.dtype.str)
    wide = array.astype(np.float64) if narrow else array
    return f"np.array({_listed(wide)}, {kind})"


def _listed(array) -> str:
    """A nested list; equal neighbours are written once."""
    if array.ndim == 0:
        return repr(array.item())
    if array.ndim > 1:
        return "[" + ", ".join(_listed(row) for row in array) + "]"
    texts, parts, start = [repr(value) for value in array.tolist()], [], 0
    for i in range(1, len(texts) + 1):
        if i == len(texts) or texts[i] != texts[start]:
            if i - start > 4:
                parts.append(f"*[{texts[start]}] * {i - start}")
            else:
                parts += texts[start:i]
            start = i
    return "[" + ", ".join(parts) + "]"
