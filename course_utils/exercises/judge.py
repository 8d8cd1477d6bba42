"""The verdict on a function: run it, compare with the truth, name the mistake, shrink what fails.

The judges of inputs and of numbers stand in `evidence` and `predictions`. Each takes an `Exercise` and an
answer and returns a `CheckResult`.
"""

from __future__ import annotations

import dis
import time
from dataclasses import replace
from functools import partial

import numpy as np

from course_utils import guard
from course_utils.exercises import picture
from course_utils.exercises.faults import fault_of
from course_utils.exercises.recognise import recognise
from course_utils.exercises.result import CORRECT, INCORRECT, NOT_ATTEMPTED, CheckResult
from course_utils.exercises.telling import most_telling, notes_on, refusal, size_of_error
from course_utils.shrink import smallest

_HAND_OVER = "Hand over the function itself, without calling it: check(my_function)."
_NOT_YET = "The starter still raises NotImplementedError. Replace that line with your code."
_STILL_BROKEN = "This is still the code as it was handed out. Change the line that breaks it."
_JUMPS = {*dis.hasjrel, *dis.hasjabs}
_LARGE = 0.1  # a shrunk input keeps an error of this size, or half of what the case had


def judge_function(exercise, function) -> CheckResult:
    """Run a function on every case; a wrong one is told about the smallest input that shows its error."""
    if not callable(function):
        return CheckResult(exercise.key, INCORRECT, _HAND_OVER)
    if exercise.kind == "repair" and same_code(function, exercise.subject):
        return CheckResult(exercise.key, NOT_ATTEMPTED, _STILL_BROKEN)
    left = partial(_left, time.monotonic() + guard.SECONDS)
    runs = []
    for one in exercise.cases:
        run = guard.call(function, one.args, left())
        if isinstance(run.error, NotImplementedError):
            return CheckResult(exercise.key, NOT_ATTEMPTED, _NOT_YET)
        runs.append(run)
        if isinstance(run.error, guard.TimeLimit):
            break
    faults = [fault_of(exercise, one, run) for one, run in zip(exercise.cases, runs, strict=False)]
    if any(faults):
        return _refused(exercise, function, runs, faults, left)
    fault = exercise.also and guard.call(exercise.also, (function,), left()).value
    if fault:
        details = (("what happened", fault.verdict), ("the step", fault.step), ("the change", fault.change))
        return CheckResult(
            exercise.key, INCORRECT, f"All {len(runs)} cases agree. One thing is left.", details
        )
    verdict = f"All {len(runs)} cases agree with the reference. {exercise.objective_done}"
    result = CheckResult(exercise.key, CORRECT, verdict, tuple(notes_on(runs, exercise.cases)))
    widest = max(exercise.cases, key=picture.width)
    return _pictured(result, exercise, widest, function, widest.args)


def _refused(exercise, function, runs, faults, left):
    found = recognise(exercise, function, runs, faults, left)
    failed = [i for i, fault in enumerate(faults) if fault]
    explained = [i for i in failed if found and found.explains(exercise, exercise.cases[i], runs[i])]
    i = most_telling(exercise, runs, faults, explained or failed)
    run = _shrunk(exercise, function, exercise.cases[i], runs[i], found, left)
    summary = _summary(exercise, failed, faults, i, run is runs[i])
    result = refusal(exercise, exercise.cases[i], run, found, summary, tuple(notes_on(runs, exercise.cases)))
    return _pictured(result, exercise, exercise.cases[i], function, run.args)


def _summary(exercise, failed, faults, i, whole):
    if faults[-1] and faults[-1].kind == "time":
        return f"It did not finish on case {len(faults)} of {len(exercise.cases)}, so the rest was not tried."
    told = f"{len(failed)} of {len(exercise.cases)} cases fail; below, the case “{exercise.cases[i].label}”"
    return told + ("." if whole else ", shrunk to a small input that still fails.")


def _pictured(result, exercise, one, function, args):
    if not exercise.curve:
        return result
    return replace(result, picture=partial(picture.errors, exercise, one, function, args))


def _shrunk(exercise, function, one, run, found, left) -> guard.Run:
    """The run on the smallest input of the task that fails in the same way, as clearly, by the same mistake."""
    fault, best = fault_of(exercise, one, run), [run]
    clear = min(_LARGE, size_of_error(exercise, run) / 2)

    def fails(*args):
        try:
            inside = not exercise.limits or not exercise.limits(*args)
            exercise.true_value(args)
        except Exception:  # outside the legal inputs
            return False
        if not inside:
            return False
        run = guard.call(function, args, left())
        now = fault_of(exercise, one, run)
        if (
            now is None
            or (now.kind, now.word) != (fault.kind, fault.word)
            or size_of_error(exercise, run) < clear
        ):
            return False
        if found is not None and not found.explains(exercise, one, run):
            return False
        best[0] = run
        return True

    if fault.kind != "time" and isinstance(one.args[0], np.ndarray):
        smallest(one.args, fails)
    return best[0]


def same_code(function, other) -> bool:
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


def _left(clock):
    return max(0.05, clock - time.monotonic())
