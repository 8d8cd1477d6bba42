"""Which known mistake a wrong function behaves like: it is compared with all of them, answer by answer."""

from __future__ import annotations

import warnings
from functools import cache, lru_cache

import numpy as np

from course_utils import floats
from course_utils.audit.verdict import FAIL, format_of
from course_utils.mistakes import MISTAKES, Mistake

_LARGE = 200_000  # a mistake shows on small inputs too,
_LARGE_LOSS = 200  # and a loss asked for each class in turn takes its time


def _loss_as_log_softmax(loss):
    """-loss of every class in turn: what a wrong loss says about log-probabilities."""

    def log_softmax(logits):
        rows = logits.reshape(-1, logits.shape[-1])
        values = [[-loss(row[None], np.array([j])) for j in range(len(row))] for row in rows]
        return np.array(values).reshape(logits.shape)

    return log_softmax


def _loss_as_logsumexp(loss):
    """loss + z of the largest class."""

    def logsumexp(logits):
        rows = logits.reshape(-1, logits.shape[-1])
        values = [loss(row[None], np.array([row.argmax()])) + row.max() for row in rows]
        return np.array(values).reshape(logits.shape[:-1])

    return logsumexp


def _log_softmax_as_loss(log_softmax):
    return lambda logits, targets: -np.mean(log_softmax(logits)[np.arange(len(targets)), targets])


_SPOKEN = {
    ("cross_entropy", "log_softmax"): _loss_as_log_softmax,
    ("cross_entropy", "logsumexp"): _loss_as_logsumexp,
    ("log_softmax", "cross_entropy"): _log_softmax_as_loss,
}


@cache
def suspects(kind: str) -> dict[Mistake, object]:
    """The known mistakes that can be compared with a function of this kind, and how each answers."""
    found = {m: m.function for m in MISTAKES.values() if m.quantity == kind}
    for m in MISTAKES.values():
        if (m.quantity, kind) in _SPOKEN:
            found[m] = _SPOKEN[m.quantity, kind](m.function)
    return found


@lru_cache(1 << 14)
def _answer(kind, mistake, case):
    """What the known mistake says to a case; an exception class where it raises."""
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        try:
            args = (np.array(arg) for arg in case.args)
            return floats.store(suspects(kind)[mistake](*args), format_of(case))
        except Exception as error:
            return type(error)


def comparable(kind: str, mistake: Mistake, case) -> bool:
    """Whether this mistake can be asked this case in reasonable time."""
    return 0 < case.logits.size <= (_LARGE if mistake.quantity == kind else _LARGE_LOSS)


def alike(kind: str, mistake: Mistake, case, run) -> bool:
    """Whether the function and the known mistake say the same: equal numbers, NaN for NaN, or the same error."""
    known = _answer(kind, mistake, case)
    if run.error is not None or isinstance(known, type):
        return type(run.error) is known
    value = np.asarray(run.value)
    if value.shape != known.shape or value.dtype.kind not in "fV":
        return False
    fmt = format_of(case)
    a, b = (array.astype(np.float64) for array in (floats.store(value, fmt), known))
    with np.errstate(all="ignore"):
        near = np.abs(a - b) <= (64 if fmt.bits >= 32 else 2) * floats.spacing(b, fmt)
    return bool(np.all(near | (a == b) | (np.isnan(a) & np.isnan(b))))


def name_mistakes(kind: str, trials) -> dict:
    """{case: known mistake} for the failing cases that one explains; `trials` are (case, run, verdict).

    The mistake that explains most failures, and agrees most where nothing failed, speaks first.
    """
    asked = [(case, run, said) for case, run, said in trials if run is not None and case.plain]
    failed = [case for case, _, said in asked if said.status == FAIL]
    fits, differs = {}, {}
    for mistake in suspects(kind):
        both = {
            case: alike(kind, mistake, case, run) for case, run, _ in asked if comparable(kind, mistake, case)
        }
        fits[mistake] = {case for case in failed if both.get(case) and _nameable(mistake, case)}
        differs[mistake] = list(both.values()).count(False)

    best = max(fits, key=lambda mistake: len(fits[mistake]) - differs[mistake], default=None)

    def credible(mistake):
        """One NaN in common proves little: what contradicts the function often does not explain it."""
        return differs[mistake] <= len(asked) / (3 if mistake is best else 20)

    def rank(mistake, case):
        nature = _nature(mistake.fails_on[0]) == _nature(case.logits)
        return len(fits[mistake]) - differs[mistake], mistake.quantity == kind, nature

    named = {}
    for case in failed:
        fitting = [mistake for mistake in fits if case in fits[mistake] and credible(mistake)]
        ranked = sorted((rank(mistake, case), i) for i, mistake in enumerate(fitting))
        if ranked and (len(ranked) == 1 or ranked[-1][0] > ranked[-2][0]):  # not one of two that look alike
            named[case] = fitting[ranked[-1][1]]
    return named


def _nature(logits):
    """Integers, infinities, a narrow format or ordinary numbers: what a mistake may be about."""
    array = np.asarray(logits)
    if array.dtype.kind in "iu":
        return "integers"
    if not np.all(np.isfinite(array.astype(np.float64))):
        return "infinities"
    return "narrow" if array.dtype.itemsize < 4 else "ordinary"


def _nameable(mistake, case):
    """Words about integers or infinities do not fit an ordinary row, whatever the code has in common."""
    natures = {_nature(mistake.fails_on[0]), _nature(case.logits)}
    return len(natures) == 1 or natures == {"narrow", "ordinary"}
