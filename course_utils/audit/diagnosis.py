"""Which known mistake a wrong function behaves like: it is compared with all of them, answer by answer."""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass, replace
from functools import cache, cached_property, wraps

import numpy as np

from course_utils import floats, shifted
from course_utils.audit.cases import OPTIONS
from course_utils.audit.cases.disguises import DISGUISES
from course_utils.audit.truths import parts
from course_utils.audit.verdict import FAIL, format_of, judge_part
from course_utils.mistakes import DISGUISED, MISTAKES, Mistake

# A mistake shows on small inputs too, and some take their time; so does a loss asked for each class in turn.
_LARGE, _LARGE_LOSS, _LARGE_IN_TURN = 100_000, 8_000, 200


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


def _masked_as_softmax(masked):
    return lambda logits, where: masked(logits, where)


def _logits_masked_before(function):
    """Logits that were masked wrongly, in a function that is right; in float64, for the mask is the matter."""

    def speak(mask):
        return lambda logits, where: function(mask(logits.astype(np.float64), where))

    return speak


_SPOKEN = {
    ("cross_entropy", "log_softmax"): _loss_as_log_softmax,
    ("cross_entropy", "logsumexp"): _loss_as_logsumexp,
    ("log_softmax", "cross_entropy"): _log_softmax_as_loss,
    ("masked_softmax", "softmax"): _masked_as_softmax,
    ("masked_logits", "softmax"): _logits_masked_before(shifted.softmax),
    ("masked_logits", "log_softmax"): _logits_masked_before(shifted.log_softmax),
    ("masked_logits", "logsumexp"): _logits_masked_before(shifted.logsumexp),
}
_PLAIN = "log_softmax", "cross_entropy"  # spoken for only without options
_QUANTITIES = {"cross_entropy_with_grad": ("cross_entropy", "gradient")}  # what each part of an answer is


@dataclass(frozen=True, eq=False)
class Suspect:
    """A known mistake, and how it answers where a certain part of an answer is asked for."""

    mistake: Mistake
    function: object
    part: int
    quantity: str

    @cached_property
    def memory(self) -> dict:
        """What it was asked already, and its answers."""
        return {}

    @cached_property
    def keywords(self) -> frozenset:
        """What it is about besides the plain quantity: where=, weight=, ..."""
        return frozenset(inspect.signature(self.function).parameters) & OPTIONS

    def comparable(self, case) -> bool:
        """Whether it can be asked this case, and has something to say about it, in reasonable time."""
        own = self.mistake.function is getattr(self.function, "func", self.function)
        soft = self.mistake.quantity == "cross_entropy" and np.ndim(self.mistake.fails_on[1]) > 1
        asked = set(case.options) == self.keywords and case.soft == soft
        large = _LARGE if case.targets is None else _LARGE_LOSS
        large = max(large, self.mistake.fails_on[0].size) if own else _LARGE_IN_TURN
        return asked and 0 < case.logits.size <= large

    def relatives(self, ask) -> list:
        """The same mistake with other constants, read off the answers of the function."""
        speak = _speak(self.mistake, self.quantity)
        return [replace(self, function=speak(other)) for other in self.mistake.relatives(ask)]


@cache
def suspects(kind: str) -> tuple[Suspect, ...]:
    """The known mistakes that can be compared with a function of this kind."""
    quantities = enumerate(_QUANTITIES.get(kind, (kind,)))
    asked = [(part, quantity, m) for part, quantity in quantities for m in _known(kind)]
    spoken = [(part, quantity, m, _speak(m, quantity)) for part, quantity, m in asked]
    return tuple(
        Suspect(m, speak(m.function), part, quantity) for part, quantity, m, speak in spoken if speak
    )


def _known(kind):
    return (DISGUISED if kind in DISGUISES else MISTAKES).values()


def _speak(mistake, quantity):
    """How a mistake is made to answer for this quantity: a function of its function; None if it cannot."""
    if mistake.quantity == quantity:
        return _as_it_is
    return (
        None if mistake.options and mistake.quantity in _PLAIN else _SPOKEN.get((mistake.quantity, quantity))
    )


def _as_it_is(function):
    return function


def _remembered(function):
    """Asked once for each case; kept by the suspect, so that a relative of one audit takes it along when it goes."""

    @wraps(function)
    def remember(suspect, case, *more):
        asked = function, case
        if asked not in suspect.memory:
            suspect.memory[asked] = function(suspect, case, *more)
        return suspect.memory[asked]

    return remember


@_remembered
def _answer(suspect, case):
    """What the known mistake says to a case; an exception class where it raises."""
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        try:
            args = (np.array(arg) for arg in case.args)
            return floats.store(suspect.function(*args, **case.options), format_of(case))
        except Exception as error:
            return type(error)


@_remembered
def _numbers(suspect, case):
    """The numbers of the known mistake, and how far away another's may be to count as the same."""
    fmt, known = format_of(case), _answer(suspect, case).astype(np.float64)
    with np.errstate(all="ignore"):
        return known, (64 if fmt.bits >= 32 else 2) * floats.spacing(known, fmt)


class Said:
    """The answer of a function to a case, made ready once to be compared with many."""

    def __init__(self, case, run):
        self.error = type(run.error) if run.error is not None else None
        values = run.value if isinstance(run.value, tuple) else (run.value,)
        self.parts = [self._numbers(value, format_of(case)) for value in values] if self.error is None else []

    @staticmethod
    def _numbers(value, fmt):
        dtype = getattr(value, "dtype", np.dtype(object))
        numbers = dtype.kind == "f" or dtype.name in floats.FORMATS  # JAX's float0 is of kind V too
        return floats.store(value, fmt).astype(np.float64) if numbers else None


def alike(suspect: Suspect, case, said: Said) -> bool:
    """Whether the function and the known mistake say the same: equal numbers, NaN for NaN, or the same error."""
    known = _answer(suspect, case)
    if said.error is not None or isinstance(known, type):
        return said.error is known
    value = said.parts[suspect.part] if suspect.part < len(said.parts) else None
    if value is None or value.shape != known.shape:
        return False
    known, tolerance = _numbers(suspect, case)
    with np.errstate(all="ignore"):
        near = np.abs(value - known) <= tolerance
    return bool(np.all(near | (value == known) | (np.isnan(value) & np.isnan(known))))


def name_mistakes(kind: str, trials, ask) -> dict:
    """{case: suspect} for the failing cases that one explains; `trials` are (case, run, verdict), and `ask(*args)`
    puts a question of a mistake's own to the function.

    The mistake that explains most failures, and agrees most with the rest, speaks first.
    """
    asked = [
        (case, Said(case, run), verdict) for case, run, verdict in trials if run is not None and case.plain
    ]
    failed = [case for case, _, verdict in asked if verdict.status == FAIL]
    heard = [_Heard(suspect, kind, asked) for suspect in _all_suspects(kind, ask)] if failed else []
    heard = [one for one in heard if one.fits and one.credible(best=True)]
    best = {one.suspect.keywords: one for one in sorted(heard, key=lambda one: one.score)}
    heard = [one for one in heard if one.credible(one is best[one.suspect.keywords])]
    named = {}
    for case in failed:
        ranked = sorted((one for one in heard if case in one.fits), key=lambda one: one.rank(case))
        others = [one for one in ranked if one.suspect.mistake is not ranked[-1].suspect.mistake]
        if ranked and not (others and others[-1].rank(case) == ranked[-1].rank(case)):  # not one of two alike
            named[case] = ranked[-1].suspect
    return named


def _all_suspects(kind, ask):
    for suspect in suspects(kind):
        yield suspect
        yield from suspect.relatives(ask)


class _Heard:
    """A suspect whose answers have been compared with the function's.

    fits     the failing cases that it explains
    differs  how many cases speak against it: the function fails in another way, or does not fail where it does
    """

    def __init__(self, suspect, kind, asked):
        self.suspect, self.own = suspect, suspect.mistake.quantity == suspect.quantity
        asked = [one for one in asked if suspect.comparable(one[0])]
        about = parts(kind, asked[0][0])[suspect.part] if asked else ""
        wrong = {
            case: said for case, said, verdict in asked if (verdict.status, verdict.part) == (FAIL, about)
        }
        explained = {case for case, said in wrong.items() if alike(suspect, case, said)}
        self.asked, self.fits = len(asked), {case for case in explained if _nameable(suspect, case)}
        self.differs = len(wrong) - len(explained)
        for case, said, _ in asked:
            if not self.fits or not self.credible(best=True):
                break  # nothing that is left could speak for it
            if case not in wrong and not alike(suspect, case, said):
                self.differs += _fails(suspect, case, kind)
        self.score = len(self.fits) - self.differs

    def credible(self, best):
        """One NaN in common proves little: what contradicts the function often does not explain it."""
        return self.differs <= (max(self.asked / 3, len(self.fits)) if best else self.asked / 20)

    def rank(self, case):
        nature = _nature(self.suspect.mistake.fails_on[0]) == _nature(case.logits)
        return self.score, self.own, nature


@_remembered
def _fails(suspect, case, kind):
    """Whether the known mistake itself fails this case."""
    known = _answer(suspect, case)
    return isinstance(known, type) or judge_part(kind, case, suspect.part, known).status == FAIL


def _nature(logits):
    """Integers, infinities, a narrow format or ordinary numbers: what a mistake may be about."""
    array = np.asarray(logits)
    if array.dtype.kind in "iu":
        return "integers"
    if not np.all(np.isfinite(array.astype(np.float64))):
        return "infinities"
    return "narrow" if array.dtype.itemsize < 4 else "ordinary"


def _nameable(suspect, case):
    """Words about integers or infinities do not fit an ordinary row, whatever the code has in common."""
    natures = {_nature(suspect.mistake.fails_on[0]), _nature(case.logits)}
    return len(natures) == 1 or natures == {"narrow", "ordinary"}
