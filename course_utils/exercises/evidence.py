"""The verdict on an input that should break a function, alone or beside the choice of a right one."""

from __future__ import annotations

from functools import partial

import numpy as np

from course_utils import floats, guard
from course_utils.exercises.faults import Case, fault_of, is_numeric
from course_utils.exercises.judge import judge_function
from course_utils.exercises.result import CORRECT, INCORRECT, CheckResult
from course_utils.exercises.telling import UNKNOWN, apart, named_input, told
from course_utils.exercises.typed import complaint_about
from course_utils.guard import named_error

_RIGHT_HERE = "The code is right on your input, so it does not show the fault."


def judge_input(exercise, answer) -> CheckResult:
    """Run the function to be broken on the learner's input: a legal one, on which it must be wrong."""
    args, refused = _read(exercise, answer)
    if refused is not None:
        return refused
    run = guard.call(exercise.subject, args)
    given = _compared(exercise, args, run, "the code gives")
    believed = next((m for m in exercise.mistakes if _holds(m, args)), None)
    known = told(believed) if believed else (("the cause", UNKNOWN),)
    key = believed.key if believed else ""
    missed = _missed(exercise, args)
    if missed:
        return CheckResult(exercise.key, INCORRECT, missed, given + (known if believed else ()), key, args)
    if not _is_wrong(exercise, args, run):
        return CheckResult(exercise.key, INCORRECT, _RIGHT_HERE, given + known, key, args)
    verdict = f"Your input breaks the code. {exercise.objective_done}"
    return CheckResult(exercise.key, CORRECT, verdict, given, args=args)


def judge_choice(exercise, answer) -> CheckResult:
    """A choice and its evidence: the chosen code is right, also on the input given, and another is wrong there."""
    name, *evidence = answer if isinstance(answer, (tuple, list)) and answer else (answer,)
    if not isinstance(name, str) or name not in exercise.subject:
        return _refuse(exercise, _which(exercise))
    chosen = judge_function(exercise, exercise.subject[name])
    if not chosen:
        named = {"your answer": f"code {name} gives"}
        details = tuple((named.get(label, label), text) for label, text in chosen.details)
        verdict = f"Code {name} is not the right one. {chosen.verdict}"
        return CheckResult(exercise.key, INCORRECT, verdict, details, chosen.mistake, chosen.args)
    if not evidence:
        return _refuse(
            exercise,
            f"Code {name} holds on all cases. Now show it: add an input on which another code is wrong.",
        )
    if len(evidence) > 1:
        return _refuse(
            exercise, f'Put what belongs to the input into one: check(("{name}", (first, second))).'
        )
    return _shown_wrong(exercise, name, evidence[0])


def _shown_wrong(exercise, name, evidence):
    args, refused = _read(exercise, evidence)
    if refused is not None:
        return refused
    runs = {option: guard.call(function, args) for option, function in exercise.subject.items()}
    wrong = [option for option, run in runs.items() if _is_wrong(exercise, args, run)]
    details = _compared(exercise, args, runs[name], f"code {name} gives")
    if name in wrong:
        verdict = (
            f"Code {name} is wrong on this input too. Find one on which it is right and another code is not."
        )
        return CheckResult(exercise.key, INCORRECT, verdict, details, args=args)
    missed = _missed(exercise, args)
    if missed:
        return CheckResult(exercise.key, INCORRECT, missed, details, args=args)
    if not wrong:
        verdict = "All codes are right on your input, so it does not tell them apart."
        return CheckResult(exercise.key, INCORRECT, verdict, (*details, ("the cause", UNKNOWN)), args=args)
    more = tuple((f"code {o} gives", _compared(exercise, args, runs[o], "")[1][1]) for o in wrong)
    codes = f"Code {wrong[0]} is" if len(wrong) == 1 else f"Codes {', '.join(wrong[:-1])} and {wrong[-1]} are"
    verdict = f"{codes} wrong on your input, code {name} is right. {exercise.objective_done}"
    return CheckResult(exercise.key, CORRECT, verdict, (details[0], *more, *details[1:]), args=args)


def _missed(exercise, args):
    with np.errstate(all="ignore"):
        return exercise.goal(*args) if exercise.goal else ""


def _read(exercise, answer):
    """The arguments that were typed, or the result that says why they cannot be used."""
    problem = complaint_about(answer, exercise.largest)
    if problem:
        return None, _refuse(exercise, problem)
    run = guard.call(partial(_arguments, exercise, answer), ())  # what was typed may hold code of its own
    if run.error is not None:
        return None, _refuse(exercise, _unusable(run.error))
    args, complaint = run.value
    if complaint:
        given = (("your input", named_input(args)),)
        return None, CheckResult(exercise.key, INCORRECT, complaint, given, args=args)
    return args, None


def _arguments(exercise, answer):
    args = _as_arguments(answer, exercise.cases[0])
    complaint = (exercise.limits or _small_and_finite)(*args)
    if not complaint:
        exercise.true_value(args)
    return args, complaint


def _unusable(error):
    if isinstance(error, guard.TimeLimit):
        return "This input cannot be used: reading it takes too long."
    return f"This input cannot be used: {error if isinstance(error, (ValueError, TypeError)) else named_error(error)}"


def _as_arguments(answer, one):
    several = isinstance(answer, tuple) and len(answer) == len(one.args)
    args = answer if several else (answer,)
    if len(args) != len(one.args):
        raise ValueError(f"it has {len(args)} arguments, and the function takes {len(one.args)}")
    if not is_numeric(np.asarray(args[0])):
        raise ValueError("it is not made of numbers")
    first = floats.store(args[0], one.format)
    return first, *(
        _like(a, example, n) for n, (a, example) in enumerate(zip(args[1:], one.args[1:], strict=True), 2)
    )


def _like(value, example, n):
    """A further argument, in the shape and the kind of number that the function takes."""
    array, wanted = np.asarray(value), np.asarray(example)
    if array.ndim != wanted.ndim or (array.dtype.kind != wanted.dtype.kind and not _fits(array, wanted)):
        kind = {"i": "whole numbers", "u": "whole numbers", "b": "truth values"}.get(
            wanted.dtype.kind, "numbers"
        )
        axes = {0: "one number", 1: f"a list of {kind}"}.get(
            wanted.ndim, f"an array of {kind}, {wanted.ndim} axes"
        )
        raise ValueError(f"argument {n} should be {axes}, such as {np.array2string(wanted, separator=', ')}")
    return array if isinstance(value, (list, tuple)) else value


def _fits(array, wanted):
    return (array.dtype.kind in "iuf" and wanted.dtype.kind == "f") or {
        array.dtype.kind,
        wanted.dtype.kind,
    } == {"i", "u"}


def _small_and_finite(first, *rest):
    if not first.ndim:
        return "Give a row of numbers: a list or an array."
    if first.size > 8:
        return f"This input has {first.size} numbers. Find one with at most 8."
    return "" if np.all(np.isfinite(first.astype(np.float64))) else "Use finite numbers only."


def _compared(exercise, args, run, label):
    gives, truth = apart(run, exercise.true_value(args))
    return ("your input", named_input(args)), (label, gives), ("the truth", truth)


def _is_wrong(exercise, args, run):
    return fault_of(exercise, Case("your input", args, exercise.cases[0].ulps), run) is not None


def _holds(mistake, args):
    value = guard.call(mistake.function, args).value
    return isinstance(value, bool | np.bool_) and bool(value)


def _which(exercise):
    names = " or ".join(f'"{option}"' for option in exercise.subject)
    first = next(iter(exercise.subject))
    sample = np.array2string(np.asarray(exercise.cases[0].args[0]), separator=", ").replace("\n", "")
    return f'Choose {names}, and add an input that shows it: check(("{first}", {sample})).'


def _refuse(exercise, sentence):
    return CheckResult(exercise.key, INCORRECT, sentence)
