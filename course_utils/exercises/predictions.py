"""The verdict on numbers that were predicted: each is compared with what comes out, the first wrong one is told."""

from __future__ import annotations

from functools import partial

import numpy as np

from course_utils import guard
from course_utils.exercises.result import CORRECT, INCORRECT, CheckResult
from course_utils.exercises.telling import UNKNOWN, told
from course_utils.exercises.typed import complaint_about
from course_utils.guard import shown

LIKELY = "This looks like a known mistake. "
_NO_NUMBERS = "Answer with numbers, for example check({example})."
_TOO_FEW_DIGITS = (
    "You are close. The answer counts as right within {digits} significant digits, and yours has fewer."
)


def judge_numbers(exercise, answer) -> CheckResult:
    """Compare predicted numbers with what comes out, to the exercise's digits; only the first wrong one is told."""
    truth = _for_every_case(exercise, exercise.true_value)
    one_case = len(exercise.cases) == 1
    wanted = truth.shape[one_case:]
    problem = complaint_about(answer, exercise.largest)
    if problem:
        return CheckResult(exercise.key, INCORRECT, problem)
    run = guard.call(partial(np.asarray, answer, np.float64), ())
    if run.error is not None:
        return CheckResult(exercise.key, INCORRECT, _NO_NUMBERS.format(example=_example(wanted)))
    if run.value.shape != wanted:
        return CheckResult(exercise.key, INCORRECT, _shape_said(run.value.shape, wanted))
    predicted = run.value.reshape(truth.shape)
    right = _right_cases(exercise, predicted, truth)
    if right.all():
        details = (("you predicted", shown(np.squeeze(predicted))), ("it gives", shown(np.squeeze(truth))))
        verdict = f"Predicted and actual agree. {exercise.objective_done}"
        return CheckResult(exercise.key, CORRECT, verdict, details)
    return _refused(exercise, predicted, truth, right)


def as_predicted(exercise, mistake) -> np.ndarray:
    """The numbers that somebody with this mistake predicts, one row a case."""
    with np.errstate(all="ignore"):
        return _for_every_case(exercise, lambda args: mistake(*args))


def _refused(exercise, predicted, truth, right):
    first = int(np.flatnonzero(~right)[0])
    place, entry = _first_wrong_entry(exercise, predicted[first], truth[first])
    yours, true = predicted[first][entry], truth[first][entry]
    details = (("you predicted", f"{shown(yours)}{place}"), ("it gives", shown(true)))
    if len(truth) == 1:
        verdict = "That is not what comes out."
    else:
        verdict = (
            f"{np.count_nonzero(~right)} of {len(truth)} predictions differ from what comes out. "
            f"The first is the case “{exercise.cases[first].label}”."
        )
    mistake, sure = _believed(exercise, predicted, truth, right)
    if mistake:
        said = told(mistake, "" if sure else LIKELY)
    elif np.isclose(yours, true, rtol=0.02, atol=0):
        said = (("what happened", _TOO_FEW_DIGITS.format(digits=exercise.digits)),)
    else:
        said = (("the cause", UNKNOWN),)
    return CheckResult(exercise.key, INCORRECT, verdict, details + said, mistake.key if mistake else "")


def _believed(exercise, predicted, truth, right):
    """The mistake behind the wrong numbers, and whether it predicts all the others as well.

    One that does not must be alone in this: it predicts every wrong number and is found in more than half of the
    cases in which it goes wrong; or it is found in all of those, the first wrong number among them.
    """
    partly = []
    for mistake in exercise.mistakes:
        for believed in _forms(exercise, mistake):
            fits, own = (
                _right_cases(exercise, predicted, believed),
                ~_right_cases(exercise, believed, truth),
            )
            if fits.all():
                return mistake, True
            explains = fits[~right].all() and 2 * (fits & own).sum() > own.sum()
            if explains or (fits[own].all() and own[~right][0]):
                partly.append(mistake)
    return (partly[0], False) if len(set(partly)) == 1 else (None, False)


def _forms(exercise, mistake):
    yield as_predicted(exercise, mistake)
    for relative in mistake.relatives(lambda *args: np.full((), np.nan)):
        yield as_predicted(exercise, relative)


def _right_cases(exercise, predicted, truth) -> np.ndarray:
    """Which cases have the same numbers, to the exercise's significant digits."""
    return _close(exercise, predicted, truth).reshape(len(truth), -1).all(axis=1)


def _close(exercise, predicted, truth):
    return np.isclose(predicted, truth, rtol=0.5 * 10.0 ** (1 - exercise.digits), atol=0, equal_nan=True)


def _first_wrong_entry(exercise, predicted, truth):
    """Where a case of several numbers first goes wrong: in words, and as an index."""
    wrong = np.argwhere(~_close(exercise, predicted, truth))
    entry = tuple(int(i) for i in wrong[0])
    return (f"  (at {list(entry)})" if entry else ""), entry


def _shape_said(given, wanted):
    numbers = int(np.prod(wanted))
    if int(np.prod(given)) != numbers:
        return f"You gave {int(np.prod(given))} numbers; the answer has {numbers}."
    return f"The {numbers} numbers are there, nested as {given}. Nest them as {wanted}: {_example(wanted)}."


def _example(wanted):
    return np.array2string(np.zeros(wanted), separator=", ", formatter={"all": lambda x: "..."}).replace(
        "\n", ""
    )


def _for_every_case(exercise, function):
    return np.stack([np.asarray(function(one.args)).astype(np.float64) for one in exercise.cases])
