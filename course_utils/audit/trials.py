"""Puts the cases to a function, one after the other, and says of those that cannot be put to it why."""

from __future__ import annotations

import time

from course_utils import floats, guard
from course_utils.audit import verdict
from course_utils.audit.cases import cases
from course_utils.audit.verdict import NOT_RUN, Verdict

LATE = "no time was left"
_SAMPLES = "a batch of 2 x 3", "probabilities as targets"


def trials(subject, asked, seconds: float, limit: float):
    """(case, run, verdict) of every case in `asked`. After the second one that does not end, no more are asked.

    `seconds` are the function's own, for all calls: what its judge needs does not count. `limit` is for one call.
    """
    unfit, hung = _Unfit(subject, limit), 0
    for case in asked:
        reason = "two cases did not end" if hung == 2 else unfit.reason(case)
        if not reason and seconds <= 0:
            reason = LATE
        if reason:
            yield case, None, Verdict(NOT_RUN, reason)
            continue
        clock = _Clock()
        run = subject.run(case, min(limit, max(0.1, seconds)))
        seconds -= clock.spent()
        hung += isinstance(run.error, guard.TimeLimit)
        if subject.refuses_keyword(case, run.error):
            yield case, None, Verdict(NOT_RUN, f"it takes no {'=, '.join(case.keywords)}=")
        else:
            yield case, run, verdict.judge(subject.kind, case, run)


class _Clock:
    """The processor's time, so that a busy machine is no fault of the function; of a function that waits, some."""

    def __init__(self):
        self.wall, self.own = time.monotonic(), time.thread_time()

    def spent(self) -> float:
        return max(time.thread_time() - self.own, (time.monotonic() - self.wall) / 5)


class _Unfit:
    """Why a case cannot be put to a function; what has to be tried is tried once."""

    def __init__(self, subject, limit):
        self.subject, self.limit, self.refused = subject, limit, {}

    def reason(self, case) -> str:
        """In words, or "" where the case can be put."""
        subject = self.subject
        if case.axis != -1 and not subject.keyword:
            return "it takes no axis"
        if not subject.takes(case):
            missing = next(name for name in case.keywords if name not in subject.options)
            return f"it takes no {missing}="
        if subject.library != "numpy" and case.numpy:
            return f"{subject.library} has no such input"
        dtype = case.seen().dtype
        if dtype.kind in "USO":
            return ""
        return self._once(dtype.name, self._of_dtype, dtype) or (
            self._once("soft", self._of_probabilities) if case.soft else ""
        )

    def _once(self, key, find, *args):
        if key not in self.refused:
            self.refused[key] = find(*args)
        return self.refused[key]

    def _of_dtype(self, dtype):
        if not self.subject.holds(dtype):
            return f"{self.subject.library} does not keep {dtype.name}"
        if dtype.name not in floats.FORMATS or dtype.itemsize >= 4:
            return ""
        error = self._error(lambda case: case.name.startswith(_SAMPLES[0]) and case.logits.dtype == dtype)
        return f"it does not take {dtype.name}: {guard.named_error(error)[:100]}" if error else ""

    def _of_probabilities(self):
        error = self._error(lambda case: case.name.startswith(_SAMPLES[1]) and not case.options)
        return f"it takes class indices only: {guard.named_error(error)[:100]}" if error else ""

    def _error(self, fits):
        """How the function refuses the first case that fits; running out of time is no refusal."""
        sample = next(
            case for case in cases(self.subject.kind) if fits(case) and self.subject.holds(case.seen().dtype)
        )
        error = self.subject.run(sample, self.limit).error
        return error if isinstance(error, Exception) else None
