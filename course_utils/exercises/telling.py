"""What a refused answer is told: the input that tells most, the numbers apart, and the mistake if it is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from course_utils import guard
from course_utils.exercises.faults import as_array, fault_of, is_numeric
from course_utils.exercises.result import INCORRECT, CheckResult
from course_utils.guard import named_error, shown

UNKNOWN = (
    "The check does not recognise what you did here, so it does not guess. `.hint()` says where to look."
)
IN_PART = "Part of this is a known mistake; there is more. "
VISIBLE = 0.01  # of the largest number in the truth: an error that one sees in the printed numbers
DIGITS = (6, 9, 12, 17)


def size_of_error(exercise, run) -> float:
    """How far off the answer looks: the largest error beside the largest number of the truth; NaN counts as inf."""
    value, truth = as_array(run.value), np.asarray(exercise.true_value(run.args)).astype(np.float64)
    if run.error is not None or not is_numeric(value) or value.shape != truth.shape:
        return np.inf
    value = value.astype(np.float64)
    with np.errstate(all="ignore"):
        off = np.where((value == truth) | (np.isnan(value) & np.isnan(truth)), 0, np.abs(value - truth))
    scale = np.max(np.abs(truth), where=np.isfinite(truth), initial=0.0) or 1.0
    with np.errstate(all="ignore"):
        return float(np.max(np.where(np.isnan(off), np.inf, off), initial=0.0) / scale)


def most_telling(exercise, runs, faults, candidates) -> int:
    """The case to show: no error raised, an ordinary input, and an error that one can see."""

    def rank(i):
        ordinary = all(
            map(_is_finite, (*exercise.cases[i].args, exercise.true_value(exercise.cases[i].args)))
        )
        hidden = size_of_error(exercise, runs[i]) < VISIBLE
        return faults[i].kind == "error", not ordinary, hidden, i

    return min(candidates, key=rank)


def refusal(exercise, one, run, found, summary, notes=()) -> CheckResult:
    """The result for a wrong run: input, answer, truth; then the known mistake, or what can be seen."""
    fault, truth = fault_of(exercise, one, run), exercise.true_value(run.args)
    yours, true = apart(run, truth)
    details = [("the input", named_input(run.args)), ("your answer", yours), ("the truth", true)]
    if found is not None:
        details += [("your line", f"`{run.line}`")] if run.line else []
        details += told(found.mistake, "" if found.sure else IN_PART)
    else:
        details.append(("what happened", fault.verdict))
        seen = [("the step", fault.step), ("the change", fault.change)]
        details += [pair for pair in seen if pair[1]] or [("the cause", UNKNOWN)]
    if run.events:
        details.append(("NumPy warned", ", ".join(run.events)))
    key = found.mistake.key if found else ""
    return CheckResult(exercise.key, INCORRECT, summary, (*details, *notes), key, run.args)


_VIEWS = dict.fromkeys(("log_softmax", "logsumexp"), 'view="log"') | {"gradient": 'view="gradient"'}


def told(mistake, opening="") -> tuple:
    """A known mistake's own words; the explorer is named when the course has it."""
    said = [
        ("what happened", opening + mistake.diagnosis),
        ("the step", mistake.step),
        ("the change", mistake.change),
    ]
    if mistake.widget in _explorers():
        view = _VIEWS.get(mistake.quantity, "") if mistake.widget == "loss" else ""
        # under a name that no lesson gives to anything else: some rooms are called as their explorer is
        imported = f"`from course_utils.explorers import {mistake.widget} as explorer`"
        said.append(("see it", f"{imported}, then `explorer.explore({view})`"))
    return tuple(said)


def apart(run, truth) -> tuple[str, str]:
    """The answer and the truth, with as many digits as it takes to tell them apart."""
    for digits in DIGITS:
        yours, true = outcome(run, digits), shown(truth, digits)
        if yours != true:
            break
    return yours, true


def outcome(run, digits=6) -> str:
    """What came out of a run: its value, its error, or that it was stopped."""
    if isinstance(run.error, guard.TimeLimit):
        return f"none; stopped after {guard.SECONDS:g} s"
    return named_error(run.error) if run.error is not None else shown(run.value, digits)


def named_input(args) -> str:
    """The arguments, and the format of the first."""
    dtype = getattr(args[0], "dtype", None)
    return shown(args) + (f"  ({dtype})" if dtype is not None else f"  ({type(args[0]).__name__})")


def notes_on(runs, cases):
    """What is worth saying and does not make an answer wrong."""
    printed = next((run.printed for run in runs if run.printed), "")
    if printed:
        yield "note", f"Your function printed: {printed.strip()[:200]}"
    for name in dict.fromkeys(name for run in runs for name in run.changed):
        yield "note", f"Your function changed {name}; the check has put it back."
    for name in dict.fromkeys(run.still_running for run in runs if run.still_running):
        yield (
            "note",
            f"Still running: {name}. Python cannot stop it; it ends by itself, or when you restart the kernel.",
        )
    wider = [r for r, c in zip(runs, cases, strict=False) if _wider(r.value, c)]
    if wider:
        given, got = np.asarray(wider[0].args[0]).dtype, wider[0].value.dtype
        yield "note", f"Your function returned {got} for {given}: twice the memory for the caller."


def _is_finite(value) -> bool:
    array = as_array(value)
    return not is_numeric(array) or bool(np.all(np.isfinite(array.astype(np.float64))))


def _explorers():
    """The explorers that this course has: files, or folders of files."""
    return {path.stem for path in (Path(__file__).parents[1] / "explorers").iterdir()} - {"core", "__init__"}


def _wider(value, one):
    return (
        isinstance(value, (np.ndarray, np.generic))
        and isinstance(one.args[0], np.ndarray)
        and one.args[0].dtype == one.format.dtype
        and value.dtype.kind == "f"
        and value.dtype.itemsize > one.format.dtype.itemsize
    )
