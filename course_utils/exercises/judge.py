"""The verdict on one answer: run it, compare with the truth, shrink what fails, name the mistake.

Every judge takes an `Exercise` and an answer and returns a `CheckResult`.
"""

from __future__ import annotations

import dis
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from course_utils import accuracy, floats, guard
from course_utils.exercises import picture
from course_utils.exercises.faults import Case, fault_of, is_numeric
from course_utils.exercises.result import CORRECT, INCORRECT, NOT_ATTEMPTED, CheckResult
from course_utils.guard import named_error, shown
from course_utils.shrink import smallest

_HAND_OVER = "Hand over the function itself, without calling it: check(my_function)."
_NOT_YET = "The starter still raises NotImplementedError. Replace that line with your code."
_STILL_BROKEN = "This is still the code as it was handed out. Change the line that breaks it."
_JUMPS = {*dis.hasjrel, *dis.hasjabs}
_NOT_WHAT = "That is not what comes out."
_FIRST_WRONG = "{wrong} of {cases} predictions differ from what comes out. The first is the case “{label}”."
_SURVIVES = "Both agree on this input, so it does not break the code. Try a larger spread, or another sign."


def judge_function(exercise, function) -> CheckResult:
    """Run a function on every case; a wrong one is told about the smallest input that fails."""
    if not callable(function):
        return CheckResult(exercise.key, INCORRECT, _HAND_OVER)
    if exercise.kind == "repair" and _same_code(function, exercise.subject):
        return CheckResult(exercise.key, NOT_ATTEMPTED, _STILL_BROKEN)
    clock = time.monotonic() + guard.SECONDS
    runs = []
    for one in exercise.cases:
        run = guard.call(function, one.args, _left(clock))
        if isinstance(run.error, NotImplementedError):
            return CheckResult(exercise.key, NOT_ATTEMPTED, _NOT_YET)
        runs.append(run)
        if isinstance(run.error, guard.TimeLimit):
            break
    faults = [fault_of(exercise, one, run) for one, run in zip(exercise.cases, runs, strict=False)]
    failed = [i for i, fault in enumerate(faults) if fault]
    notes = tuple(_notes(runs, exercise.cases))
    if not failed:
        verdict = f"All {len(runs)} cases agree with the reference. {exercise.objective_done}"
        widest = max(exercise.cases, key=picture.width)
        seen = partial(picture.errors, exercise, widest, function, widest.args)
        return CheckResult(exercise.key, CORRECT, verdict, notes, picture=seen)
    mistake, shown_case, sure = _nearest(exercise, runs, faults)
    one = exercise.cases[shown_case]
    run = _shrunk(exercise, function, one, runs[shown_case], mistake, clock)
    if faults[-1] and faults[-1].kind == "time":
        summary = (
            f"It did not finish on case {len(runs)} of {len(exercise.cases)}, so the rest was not tried."
        )
    else:
        summary = f"{len(failed)} of {len(exercise.cases)} cases fail; below, the case “{one.label}”"
        summary += "." if run is runs[shown_case] else ", shrunk to the smallest input that still fails."
    result = _refusal(exercise, one, run, mistake, sure, summary, notes)
    return replace(result, picture=partial(picture.errors, exercise, one, function, run.args))


def judge_input(exercise, answer, subject=None) -> CheckResult:
    """Run the function to be broken on the learner's input: a legal one, on which it must be wrong."""
    subject = subject or exercise.subject
    one = exercise.cases[0]
    try:
        args = _as_arguments(answer, one)
        complaint = (exercise.limits or _small_and_finite)(*args)
        truth = exercise.true_value(args)
    except Exception as error:  # whatever was typed, the check answers in words
        return CheckResult(exercise.key, INCORRECT, f"This input cannot be used: {error}")
    given = (("your input", _named_input(args)),)
    beliefs = exercise.mistakes if exercise.kind == "break" else ()
    believed = next((m for m in beliefs if _holds(m, args)), None)
    key = believed.key if believed else ""
    if complaint:
        told = _told(believed) if believed else ()
        return CheckResult(exercise.key, INCORRECT, complaint, given + told, key, args)
    run = guard.call(subject, args)
    seen = Case("your input", args, one.ulps)
    details = (*given, ("the code gives", _outcome(run)), ("the truth", shown(truth)))
    if fault_of(exercise, seen, run):
        verdict = f"The code is wrong on your input. {exercise.objective_done}"
        return CheckResult(exercise.key, CORRECT, verdict, details, args=args)
    told = _told(believed) if believed else (("what happened", _SURVIVES),)
    return CheckResult(exercise.key, INCORRECT, "The code is right on your input.", details + told, key, args)


def judge_choice(exercise, answer) -> CheckResult:
    """A choice and its evidence: the chosen code must be right, and another one wrong on the input given."""
    name, *evidence = answer if isinstance(answer, (tuple, list)) else (answer,)
    if not isinstance(name, str) or name not in exercise.subject:
        names = " or ".join(f'"{option}"' for option in exercise.subject)
        return CheckResult(
            exercise.key,
            INCORRECT,
            f"Choose {names}, and add an input that shows it: check(({names[:3]}, [1, 2])).",
        )
    chosen = judge_function(exercise, exercise.subject[name])
    if not chosen:
        verdict = f"Code {name} is not the right one. {chosen.verdict}"
        named = {"your answer": f"code {name} gives"}
        details = tuple((named.get(label, label), text) for label, text in chosen.details)
        return CheckResult(exercise.key, INCORRECT, verdict, details, chosen.mistake, chosen.args)
    if not evidence:
        verdict = (
            f"Code {name} holds on all cases. Now show it: add an input on which the other code is wrong."
        )
        return CheckResult(exercise.key, INCORRECT, verdict)
    tried = [
        judge_input(exercise, evidence[0], f) for option, f in exercise.subject.items() if option != name
    ]
    return next((result for result in tried if result), tried[0])


def judge_numbers(exercise, answer) -> CheckResult:
    """Compare predicted numbers with what comes out, to the exercise's digits; the first wrong case is told."""
    truth = _for_every_case(exercise, exercise.true_value)
    try:
        predicted = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError):
        return CheckResult(exercise.key, INCORRECT, "Answer with numbers, for example check([0.5, 0.5]).")
    one_case = len(exercise.cases) == 1
    if predicted.shape != truth.shape[one_case:]:
        verdict = f"You gave {predicted.size} numbers; the answer has {truth.size}."
        return CheckResult(exercise.key, INCORRECT, verdict)
    predicted = predicted.reshape(truth.shape)
    wrong = np.flatnonzero(~_right_cases(exercise, predicted, truth))
    if not wrong.size:
        details = (("you predicted", shown(np.squeeze(predicted))), ("it gives", shown(np.squeeze(truth))))
        verdict = f"Predicted and actual agree. {exercise.objective_done}"
        return CheckResult(exercise.key, CORRECT, verdict, details)
    first = wrong[0]
    details = (("you predicted", shown(predicted[first])), ("it gives", shown(truth[first])))
    verdict = (
        _NOT_WHAT
        if one_case
        else _FIRST_WRONG.format(wrong=len(wrong), cases=len(truth), label=exercise.cases[first].label)
    )
    mistake = _believed(exercise, predicted, first)
    told = _told(mistake) if mistake else (("what happened", exercise.why),)
    return CheckResult(exercise.key, INCORRECT, verdict, details + told, mistake.key if mistake else "")


def _believed(exercise, predicted, first):
    """The mistake that predicts this number for this case; among several, the one that fits most cases."""
    fits = [(m, _right_cases(exercise, predicted, as_predicted(exercise, m))) for m in exercise.mistakes]
    fits = [(mistake, fit) for mistake, fit in fits if fit[first]]
    return max(fits, key=lambda pair: pair[1].sum(), default=(None, None))[0]


def _right_cases(exercise, predicted, truth) -> np.ndarray:
    """Which cases have the same numbers, to the exercise's significant digits."""
    close = np.isclose(predicted, truth, rtol=0.5 * 10.0 ** (1 - exercise.digits), atol=0, equal_nan=True)
    return close.reshape(len(close), -1).all(axis=1)


def _same_code(function, other) -> bool:
    """Is this still the code that the exercise handed out, names and docstrings aside?"""

    def parts(f):
        code = getattr(getattr(f, "function", f), "__code__", None)
        if code is None:
            return None
        # The compiler calls an imported module's functions in its own way; the learner's cell did not import it.
        found = [step for step in dis.get_instructions(code) if step.opname != "PUSH_NULL"]
        steps = [
            (step.opname.replace("METHOD", "ATTR"), step.opcode not in _JUMPS and step.argval)
            for step in found
        ]
        return steps, [constant for constant in code.co_consts if constant != f.__doc__]

    return function is other or parts(function) == parts(other) is not None


def _nearest(exercise, runs, faults):
    """The known mistake that answers most like the learner, the best case to show, and whether it explains all.

    It must agree on most failing cases, or on at least one of them and on two thirds of all cases.
    """
    failed = [i for i, fault in enumerate(faults) if fault]
    comparable = [i for i in failed if faults[i].kind in ("values", "error", "shape")]
    best, score, shown_case = None, (0, 0), failed[0]
    for mistake in exercise.mistakes:
        known = exercise.runs_of(mistake)
        alike = [_alike(one, *pair) for one, *pair in zip(exercise.cases, runs, known, strict=False)]
        matched = [i for i in comparable if alike[i]]
        near = len(matched) > len(failed) / 2 or sum(alike) >= 2 / 3 * len(exercise.cases)
        if matched and near and (len(matched), sum(alike)) > score:
            best, score = mistake, (len(matched), sum(alike))
            shown_case = min(matched, key=lambda i: (faults[i].kind == "error", _all_finite(runs[i].value)))
    return best, shown_case, score[1] == len(runs)


def _all_finite(value) -> bool:
    array = np.asarray(value)
    return array.dtype.kind != "f" or bool(np.all(np.isfinite(array)))


def _alike(one, run, known) -> bool:
    """Do two runs answer the same: the same kind of error, or the same numbers, NaN for NaN?"""
    if run.error is not None or known.error is not None:
        return type(run.error) is type(known.error)
    a, b = np.asarray(run.value), np.asarray(known.value)
    if a.shape != b.shape or not (is_numeric(a) and is_numeric(b)):
        return False
    a, b = floats.store(a, one.format), floats.store(b, one.format)
    return bool(np.all(accuracy.ulps(a, b) <= 2 * one.allowed(run.args)))


def _shrunk(exercise, function, one, run, mistake, clock) -> guard.Run:
    """The run on the smallest input that fails in the same way and is explained by the same mistake."""
    kind, best = fault_of(exercise, one, run).kind, [run]

    def fails(*args):
        try:
            exercise.true_value(args)
        except Exception:  # outside the legal inputs
            return False
        run = guard.call(function, args, _left(clock))
        fault = fault_of(exercise, one, run)
        if fault is None or fault.kind != kind:
            return False
        if mistake is not None and not _alike(one, run, guard.call(mistake.function, args)):
            return False
        best[0] = run
        return True

    if kind != "time" and isinstance(one.args[0], np.ndarray):
        smallest(one.args, fails)
    return best[0]


def _refusal(exercise, one, run, mistake, sure, summary, notes) -> CheckResult:
    fault, truth = fault_of(exercise, one, run), exercise.true_value(run.args)
    details = [
        ("the input", _named_input(run.args)),
        ("your answer", _outcome(run)),
        ("the truth", shown(truth)),
    ]
    if mistake is None:
        details += [("what happened", fault.verdict), ("the step", fault.step), ("the change", fault.change)]
    else:
        details += [("your line", f"`{run.line}`")] if run.line else []
        details += _told(mistake, "" if sure else "This looks like a known mistake. ")
    if run.events:
        details.append(("on the way", ", ".join(run.events)))
    key = mistake.key if mistake else ""
    return CheckResult(exercise.key, INCORRECT, summary, (*details, *notes), key, run.args)


def _told(mistake, opening=""):
    """A known mistake's own words; the explorer is named when the course has it."""
    told = [
        ("what happened", opening + mistake.diagnosis),
        ("the step", mistake.step),
        ("the change", mistake.change),
    ]
    if mistake.widget in _explorers():
        told.append(
            (
                "see it",
                f"`from course_utils.explorers import {mistake.widget}`, then `{mistake.widget}.explore()`",
            )
        )
    return tuple(told)


def _explorers():
    """The explorers that this course has: files, or folders of files."""
    return {path.stem for path in (Path(__file__).parents[1] / "explorers").iterdir()} - {"core", "__init__"}


def _notes(runs, cases):
    """What is worth saying and does not make an answer wrong."""
    printed = next((run.printed for run in runs if run.printed), "")
    if printed:
        yield "note", f"Your function printed: {printed.strip()[:200]}"
    for name in dict.fromkeys(name for run in runs for name in run.changed):
        yield "note", f"Your function changed {name}; the check has put it back."
    wider = [r for r, c in zip(runs, cases, strict=False) if _wider(r.value, c)]
    if wider:
        given, got = np.asarray(wider[0].args[0]).dtype, wider[0].value.dtype
        yield (
            "note",
            f"Your function returned {got} for {given}: right numbers, twice the memory for the caller.",
        )


def _wider(value, one):
    return (
        isinstance(value, (np.ndarray, np.generic))
        and isinstance(one.args[0], np.ndarray)
        and one.args[0].dtype == one.format.dtype
        and value.dtype.kind == "f"
        and value.dtype.itemsize > one.format.dtype.itemsize
    )


def _left(clock):
    return max(0.05, clock - time.monotonic())


def _as_arguments(answer, one):
    several = isinstance(answer, tuple) and len(answer) == len(one.args)
    args = answer if several else (answer,)
    if len(args) != len(one.args):
        raise ValueError(f"it has {len(args)} arguments, and the function takes {len(one.args)}")
    first = floats.store(args[0], one.format)
    return (first, *(np.asarray(a) if isinstance(a, (list, tuple)) else a for a in args[1:]))


def _small_and_finite(first, *rest):
    if first.size > 8:
        return f"This input has {first.size} numbers. Find one with at most 8."
    return "" if np.all(np.isfinite(first.astype(np.float64))) else "Use finite numbers only."


def _holds(mistake, args):
    value = guard.call(mistake.function, args).value  # in a "choose" exercise: an array, not a verdict
    return isinstance(value, bool | np.bool_) and bool(value)


def as_predicted(exercise, mistake) -> np.ndarray:
    """The numbers that somebody with this mistake predicts, one row a case."""
    with np.errstate(all="ignore"):
        return _for_every_case(exercise, lambda args: mistake(*args))


def _for_every_case(exercise, function):
    return np.stack([np.asarray(function(one.args)).astype(np.float64) for one in exercise.cases])


def _named_input(args):
    dtype = getattr(args[0], "dtype", None)
    return shown(args) + (f"  ({dtype})" if dtype is not None else f"  ({type(args[0]).__name__})")


def _outcome(run):
    if isinstance(run.error, guard.TimeLimit):
        return f"none; stopped after {guard.SECONDS:g} s"
    return named_error(run.error) if run.error is not None else shown(run.value)
