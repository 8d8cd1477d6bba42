"""The verdict on several broken functions: each is judged by the exercise's own judge, and the first wrong one told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from course_utils.exercises.judge import same_code
from course_utils.exercises.result import CORRECT, INCORRECT, NOT_ATTEMPTED, CheckResult

_FORM = "Hand over one function for each name: check({form})."
_UNTOUCHED = "All {count} are still as they were handed out. Repair one, and check again."


@dataclass(frozen=True)
class Refused:
    """Why a function is not right yet: (label, text) pairs, and the key of the mistake that it looks like, or ""."""

    details: tuple[tuple[str, str], ...]
    mistake: str = ""


def judge_overhaul(exercise, answer) -> CheckResult:
    """Judge each function that is no longer the broken one; right when none is left."""
    names = list(exercise.subject)
    if not _is_complete(answer, names):
        form = "{" + ", ".join(f'"{name}": my_{name.lower()}' for name in names) + "}"
        return CheckResult(exercise.key, INCORRECT, _FORM.format(form=form))
    touched = [name for name in names if not same_code(answer[name], exercise.subject[name])]
    if not touched:
        return CheckResult(exercise.key, NOT_ATTEMPTED, _UNTOUCHED.format(count=len(names)))
    refused = {name: said for name in touched if (said := exercise.judge(name, answer[name])) is not None}
    states = tuple((name, _state(name, touched, refused)) for name in names)
    right = sum(state == "repaired" for _, state in states)
    if right == len(names):
        verdict = f"All {right} are repaired. {exercise.objective_done}"
        return CheckResult(exercise.key, CORRECT, verdict, states)
    first = next(iter(refused), "")
    verdict = f"{right} of {len(names)} are repaired." + (f" More about {first} below." if first else "")
    told = refused[first] if first else Refused(())
    return CheckResult(exercise.key, INCORRECT, verdict, states + told.details, told.mistake)


def _is_complete(answer, names):
    return isinstance(answer, Mapping) and set(answer) == set(names) and all(map(callable, answer.values()))


def _state(name, touched, refused):
    if name not in touched:
        return "as it was handed out"
    return "refused" if name in refused else "repaired"
