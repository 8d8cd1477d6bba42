"""Which known mistake does an answer make? Told by what it does, never by how it is written.

A mistake is named as a fact only where it explains every case: it is wrong where the answer is wrong, in
the same way, and right where the answer is right. It is named with care where all its own errors are found again,
no other mistake fits as well, and the answer has further errors. In every other case nothing is named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from course_utils import floats, guard
from course_utils.exercises.common_slips import SLIPS
from course_utils.exercises.faults import as_array, distance_of, fault_of, is_numeric
from course_utils.mistakes import Mistake

SAME_ERROR = 0.02  # two answers are alike when they agree to this part of what each of them is wrong by


@dataclass(frozen=True)
class Found:
    """A recognised mistake, whether it explains all runs, and `explains(exercise, one, run)` for a single one."""

    mistake: Mistake
    sure: bool
    explains: Callable


def recognise(exercise, function, runs, faults, left) -> Found | None:
    """The mistake that explains these runs of every case, or None. `left` says how many seconds are left."""
    if len(runs) < len(exercise.cases) or any(f and f.kind in ("time", "mutated", "none") for f in faults):
        return None
    forms = [(known, known.function, exercise.runs_of(known)) for known in exercise.mistakes]
    explained = _explains_all(exercise, runs, faults, forms)
    if explained is None:
        explained = _explains_all(exercise, runs, faults, _relatives(exercise, function, left))
    if explained is None:
        slips = (slip for slip in SLIPS if slip.fits(exercise, runs))
        explained = next((Found(slip.told(exercise), True, slip.explains) for slip in slips), None)
    return explained or _explains_a_part(exercise, runs, faults, forms)


def alike(exercise, one, run, known) -> bool:
    """Do two runs answer the same: the same kind of error, or the same numbers, NaN for NaN?"""
    if run.error is not None or known.error is not None:
        return type(run.error) is type(known.error)
    a, b = as_array(run.value), as_array(known.value)
    if a.shape != b.shape or not (is_numeric(a) and is_numeric(b)):
        return False
    a, b = (floats.store(v, one.format).astype(np.float64) for v in (a, b))
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    near = distance_of(exercise, one, run.args, a, b) <= 2 * one.allowed(run.args)
    with np.errstate(all="ignore"):
        near |= np.isfinite(a) & np.isfinite(b) & (np.abs(a - b) <= SAME_ERROR * _error(exercise, run, a))
    return bool(np.all(same | near))


def _error(exercise, run, value):
    truth = np.asarray(exercise.true_value(run.args)).astype(np.float64)
    if truth.shape != value.shape:
        return np.zeros(value.shape)
    with np.errstate(all="ignore"):
        error = np.abs(value - truth)
    return np.where(np.isfinite(error), error, 0)


def _explains_all(exercise, runs, faults, forms):
    for mistake, function, known in forms:
        pairs = zip(exercise.cases, runs, faults, known, strict=True)
        if all(_explained(exercise, *pair) for pair in pairs):
            return Found(mistake, True, _as_by(function))
    return None


def _explained(exercise, one, run, fault, known):
    both_right = fault is None and fault_of(exercise, one, known) is None
    return both_right or alike(exercise, one, run, known)


def _relatives(exercise, function, left):
    """Each known mistake with other constants, run on every case when it is its turn."""

    def ask(*args):
        value = as_array(guard.call(function, args, left()).value)
        return value.astype(np.float64) if is_numeric(value) else np.full((), np.nan)

    for mistake in exercise.mistakes:
        for relative in mistake.relatives(ask):
            yield mistake, relative, _runs_as_asked(relative, exercise.cases, left)


def _runs_as_asked(relative, cases, left):
    """One run at a time: most relatives differ on the first case, and the others need not run."""
    for one in cases:
        yield guard.call(relative, one.args, left())


def _as_by(function):
    return lambda exercise, one, run: alike(exercise, one, run, guard.call(function, run.args))


def _explains_a_part(exercise, runs, faults, forms):
    """The mistake all of whose own errors are found again, most of what failed, one of them told from its rivals'.

    One of them must be a wrong number: NaN and 0 come out of too many mistakes to tell them apart.
    """
    fitting, failed = [], sum(map(bool, faults))
    for mistake, function, known in forms:
        own = exercise.wrong_cases(mistake)
        enough = len(own) > 1 and len(own) > failed / 2
        enough = enough and any(_is_telling(exercise, i, known[i]) for i in own)
        if enough and all(faults[i] and alike(exercise, exercise.cases[i], runs[i], known[i]) for i in own):
            fitting.append((Found(mistake, False, _as_by(function)), known, own))
    for found, known, own in fitting:
        rivals = [others for other, others, _ in fitting if other is not found]
        if any(
            not any(alike(exercise, exercise.cases[i], known[i], other[i]) for other in rivals) for i in own
        ):
            return found
    return None


def _is_telling(exercise, i, run):
    """Does this wrong run hold a wrong number that is neither 0, NaN nor infinite?"""
    value, truth = (
        as_array(run.value),
        np.asarray(exercise.true_value(exercise.cases[i].args)).astype(np.float64),
    )
    if run.error is not None or not is_numeric(value) or value.shape != truth.shape:
        return False
    value = value.astype(np.float64)
    return bool(np.any(np.isfinite(value) & (value != 0) & ~np.isclose(value, truth, rtol=1e-3)))
