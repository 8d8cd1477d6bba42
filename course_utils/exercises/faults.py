"""A case of an exercise, and what can be wrong with one run of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from course_utils import accuracy, floats, guard

MARGIN = 4.0


@dataclass(frozen=True, eq=False)
class Case:
    """One input: its label, the arguments, and how many ulps the answer may be away from the truth."""

    label: str
    args: tuple
    ulps: float | None = None

    @cached_property
    def format(self) -> floats.Format:
        dtype = np.asarray(self.args[0]).dtype
        return floats.format_of(dtype if dtype.name in floats.FORMATS else np.float64)

    def allowed(self, args) -> float:
        """The tolerance: the stated one, or what an honest max-shift may lose on these arguments."""
        if self.ulps is not None:
            return self.ulps
        values = np.asarray(args[0]).astype(np.float64).ravel()
        finite = values[np.isfinite(values)]
        spread = float(np.ptp(finite)) if finite.size else 0.0
        return MARGIN + min(spread, -self.format.exp_first_zero)


def case(label, *args, dtype="float64", ulps=None) -> Case:
    """A case whose first argument is stored in `dtype`; other lists become arrays as they are.

    With `dtype=None` the first argument stays what it is: a list, integers, a scalar.
    """
    first = args[0] if dtype is None else floats.store(args[0], dtype)
    return Case(label, (first, *(np.asarray(a) if isinstance(a, list) else a for a in args[1:])), ulps)


@dataclass(frozen=True)
class Fault:
    """What is wrong with one run, in words for when no known mistake explains it.

    `step` and `change` are empty where the numbers alone do not tell them; `word` is the kind of wrong number.
    """

    kind: str
    verdict: str
    step: str = ""
    change: str = ""
    word: str = ""


def fault_of(exercise, one: Case, run: guard.Run) -> Fault | None:
    """What is wrong with this run, or None."""
    if run.error is not None:
        return _error_fault(run)
    if run.value is None:
        return Fault("none", "Your function returned None.", "The end of the function.", _RETURN)
    value = as_array(run.value)
    if not is_numeric(value):
        return _type_fault(exercise, run.value, value)
    truth = np.asarray(exercise.true_value(run.args))
    if value.shape != truth.shape:
        verdict = f"Your result has shape {value.shape}; it should have shape {truth.shape}."
        return Fault("shape", verdict, "A reduction or an index that changed the shape.", _KEEPDIMS)
    return _value_fault(exercise, one, run, value, truth)


def distance_of(exercise, one: Case, args, value, truth) -> np.ndarray:
    """How many ulps each number of an answer is away from the truth, in the exercise's unit."""
    distance = accuracy.ulps(floats.store(value, one.format), truth)
    return (
        distance if exercise.unit == "truth" else distance * _rescale(exercise.unit, truth, args, one.format)
    )


def as_array(value) -> np.ndarray:
    """The value as an array; an empty array of objects where NumPy makes none of it."""
    try:
        return np.asarray(value)
    except Exception:  # a ragged list, a list that holds itself, an object with an `__array__` of its own
        return np.empty(0, object)


def is_numeric(array) -> bool:
    """Real numbers: integers or one of the six formats; no objects, strings, truth values or complex numbers."""
    return array.dtype.kind in "iuf" or array.dtype.name in floats.FORMATS


def _error_fault(run):
    if isinstance(run.error, guard.TimeLimit):
        return Fault(
            "time", f"Your function ran for {guard.SECONDS:g} s and was stopped.", _ENDLESS, _END_LOOP
        )
    step = f"`{run.line}`" if run.line else "The call itself: does the function take these arguments?"
    return Fault(
        "error",
        f"Your function raised {guard.named_error(run.error)}",
        step,
        "Repair the line that the error names.",
    )


def _value_fault(exercise, one, run, value, truth):
    allowed = one.allowed(run.args)
    stored = floats.store(value, one.format)
    distance = distance_of(exercise, one, run.args, value, truth)
    if not np.all(distance <= allowed):
        kind = accuracy.failure(stored, truth, allowed)
        worst = float(np.max(accuracy.relative_error(stored, truth)))
        said = _WORDS[kind].format(what=_NAMES.get(exercise.quantity, "A number"), far=_far(worst, distance))
        return Fault("values", said, word=kind)
    if run.mutated:
        return Fault("mutated", _MUTATED, "An in-place step such as `-=` or `out=`.", _COPY)
    if exercise.quiet and run.events:
        return Fault("loud", _LOUD.format(events=", ".join(run.events)), *_LOUD_STEP)
    return None


def _far(relative, distance) -> str:
    if 1e-3 < relative < 10:
        return f", by up to {100 * relative:.1f} %"
    if 10 <= relative < np.inf:
        return f", by up to a factor of {relative:.3g}"
    worst = np.max(distance, where=np.isfinite(distance), initial=0)
    return (
        f", by up to {worst:.3g} ulps" if worst else ""
    )  # where the truth is 0 every other number is far off


def _type_fault(exercise, value, array):
    """A value that is no array of numbers, by what it is."""
    if isinstance(value, (tuple, list)):
        one = _NAMES.get(exercise.quantity, "one result").lower()
        several = (
            f"Your function returned {len(value)} things in a {type(value).__name__}; {one} is asked for."
        )
        return Fault("type", several, "The line with `return`.", "Return one array, or one number.")
    name = type(value).__name__ if array.dtype.kind in "OUS" else array.dtype.name
    step, change = _ODD_TYPES.get(name, ("The end of the function.", _RETURN))
    return Fault("type", f"Your function returned {name}, not floating-point numbers.", step, change)


def _rescale(unit, truth, args, fmt):
    """From ulps of the truth to ulps of the largest |logit|, or of 1, where that is larger."""
    truth = np.abs(truth.astype(np.float64))
    logits = np.abs(np.asarray(args[0]).astype(np.float64))
    least = 1.0 if unit == "one" else np.max(logits, where=np.isfinite(logits), initial=0.0)
    scale = floats.spacing(truth, fmt) / floats.spacing(np.maximum(truth, least), fmt)
    return np.where(np.isfinite(scale), scale, 1.0)


_RETURN = "End the function with `return` and the array that you computed."
_KEEPDIMS = "Compare the shape of each intermediate with the shape you want; `keepdims=True` keeps an axis."
_ENDLESS = "A loop whose condition never becomes false."
_END_LOOP = "Follow the loop by hand on this input: what should end it?"
_MUTATED = "Your numbers are right, and your function changed the array that it was given."
_COPY = "Work on a new array: `logits = logits - row_max` makes one, `logits -= row_max` does not."
_LOUD = "Your numbers are right. On the way to them a number was lost: {events}."
_LOUD_STEP = (
    "A step whose result is thrown away or replaced afterwards.",
    "Give that step an input on which nothing is lost; then there is nothing to replace.",
)
_ODD_TYPES = {
    "coroutine": ("`async def`: calling it makes a coroutine, and runs nothing.", "Write `def`."),
    "generator": ("`yield`: calling the function makes a generator, and runs nothing.", "Write `return`."),
}
_NAMES = {
    "cross_entropy": "The loss",
    "gradient": "The gradient",
    "softplus_gradient": "The gradient",
    "predicted_class": "The index",
    "record": "A number of the record",
    "margin": "The margin",
    "weights": "A weight",
    "log_softmax": "A logarithm",
    "logsumexp": "The logarithm",
    "log_not_sigmoid": "The logarithm",
    "softmax": "A probability",
    "masked_softmax": "A probability",
    "tempered_softmax": "A probability",
}
_WORDS = {
    "NaN": "{what} is NaN where the truth is not.",
    "inf": "{what} is infinite where the truth is a finite number.",
    "zero": "{what} is 0 where the truth is not, and the format can hold the truth.",
    "inaccurate": "{what} is wrong{far}.",
    "right": "{what} is wrong{far}.",
}
