"""Points for the answers of one hand-in, judged on the teacher's side by the exercises themselves.

A function is asked for the exercise's own cases, and then for a private twin of each; a case counts when both are
right. Half of the cases, or those that the broken starter gets right where that is more, earn nothing; from there on
each earns its part, in half points, and only all of them earn everything. Whatever the lesson's check refuses gets
less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

from classroom.grading import draws
from classroom.problem_sets import problem_sets
from course_utils import guard
from course_utils.exercises.evidence import judge_choice, judge_input
from course_utils.exercises.faults import fault_of
from course_utils.exercises.predictions import judge_numbers
from course_utils.exercises.typed import gaps, has_gap

MISSING = "There is no {name} in what was handed in."
NOT_ATTEMPTED = "Not attempted."
NO_FUNCTION = "{name} is no function."
_KINDS = {
    "error": "raises an error",
    "none": "returns nothing",
    "type": "returns something that is no array of numbers",
    "shape": "returns another shape",
    "time": "does not end in time",
    "mutated": "gives the right numbers and changes the array that it was given",
    "loud": "gives the right numbers and loses one on the way",
}
_WORDS = {"NaN": "gives NaN", "inf": "gives an infinity", "zero": "gives 0", "inaccurate": "is wrong"}
_TOLD = ("what happened", "the step", "the change")


@dataclass(frozen=True)
class Judged:
    """Points for one exercise, and the sentences that explain them. No private input stands in any of them."""

    points: float
    feedback: list[str]


def missing(problem, errors) -> Judged:
    """No answer: was none written, or did its cell fail before it came to be?"""
    told = [f"{guard.named_error(error)}, when its cell ran." for error in errors[:2]]
    return Judged(0.0, [MISSING.format(name=problem.cells.answer), *told])


# --- functions -------------------------------------------------------------------------------------------


def own_faults(problem, call):
    """What is wrong on the exercise's own cases: a list with a fault or None for each, shorter where it stopped."""
    return _faults(problem.exercise, call)


def private_faults(problem, seed, call):
    """The same on the private twins."""
    return _faults(_twins(problem.key, seed), call)


def _faults(exercise, call):
    faults = []
    for one in exercise.cases:
        run = call(one.args)
        faults.append((run.error, fault_of(exercise, one, run)))
        if not isinstance(run.error, (Exception, type(None))) or type(run.error).__name__ == "Ended":
            break
    return faults


@lru_cache(maxsize=256)
def _twins(key, seed):
    problem = next(p for s in problem_sets().values() for p in s.problems if p.key == key)
    return draws.twins(problem, seed)


@lru_cache(maxsize=256)
def _free(key, seed):
    """How many cases earn nothing."""
    twins = _twins(key, seed)
    broken = 0
    if twins.kind == "repair":
        runs = [guard.call(twins.subject, one.args) for one in twins.cases]
        broken = sum(fault_of(twins, one, run) is None for one, run in zip(twins.cases, runs, strict=True))
    return min(max(len(twins.cases) // 2, broken), len(twins.cases) - 1)


def judged_function(problem, seed, own, private) -> Judged:
    """The points for a function, from its faults on both kinds of input."""
    exercise, count = problem.exercise, len(problem.exercise.cases)
    if own and isinstance(own[0][0], NotImplementedError):
        return Judged(0.0, [NOT_ATTEMPTED])
    both = [(a[1], b[1]) for a, b in zip(own, private, strict=False)]
    right = sum(a is None and b is None for a, b in both)
    if right == count:
        return Judged(float(problem.points), [f"All {count} kinds of input are right."])
    told = [f"{right} of {count} kinds of input are right."]
    wrong = [(i, pair) for i, pair in enumerate(both) if pair != (None, None)]
    told += [_sentence(exercise.cases[i].label, *pair) for i, pair in wrong[:4]]
    if len(both) < count:
        told.append("The rest was not tried.")
    return Judged(_part(problem.points, right, count, _free(problem.key, seed)), told)


def _part(points, right, count, free):
    """Half points for what goes beyond the free cases."""
    return math.floor(2 * points * max(0, right - free) / (count - free)) / 2


def _sentence(label, own, private):
    """What is wrong with a kind of input; of a private one only the kind of fault is told."""
    if own is not None:
        return f"“{label}”: {own.verdict}"
    happens = _WORDS.get(private.word) or _KINDS.get(private.kind, "is wrong")
    return f"“{label}”: right on the lesson's input; on another of this kind it {happens}."


# --- inputs, choices, predictions ------------------------------------------------------------------------


def judged_answer(problem, seed, answer) -> Judged:
    """The points for numbers: an input that breaks, a choice with its evidence, a prediction."""
    missing = gaps(answer)
    if missing == [""]:
        return Judged(0.0, [NOT_ATTEMPTED])
    if problem.exercise.kind == "predict":
        return _prediction(problem, draws.asked(problem, seed), answer)
    if missing:
        return Judged(0.0, [f"Not filled in: {', '.join(missing)}."])
    judge = {"break": judge_input, "choose": judge_choice}[problem.exercise.kind]
    result = judge(problem.exercise, answer)
    return Judged(float(problem.points) if result else 0.0, [result.verdict, *_explained(result)])


def _explained(result):
    return [text for label, text in result.details if label in _TOLD and not result]


def _prediction(problem, exercise, answer):
    if not has_gap(answer):
        result = judge_numbers(exercise, answer)
        if result:
            return Judged(float(problem.points), ["All numbers are right."])
    count = len(exercise.cases)
    given = list(answer) if isinstance(answer, (list, tuple)) or getattr(answer, "ndim", 0) == 1 else []
    if len(given) != count:
        return Judged(0.0, [f"{count} numbers are asked for, one for each line."])
    right = [_is_right(exercise, one, number) for one, number in zip(exercise.cases, given, strict=True)]
    told = [f"{sum(right)} of {count} numbers are right."]
    told += [f"Not right: {one.label}" for one, good in zip(exercise.cases, right, strict=True) if not good]
    return Judged(_part(problem.points, sum(right), count, count // 2), told)


def _is_right(exercise, one, number):
    return not has_gap(number) and bool(judge_numbers(replace(exercise, cases=(one,)), number))
