"""Runs all cases on one function, shrinks what fails, names the mistake and writes the report."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace

import numpy as np

from course_utils import floats, guard
from course_utils.audit import diagnosis, verdict
from course_utils.audit.cases import BEHAVIOUR, cases
from course_utils.audit.report import Finding, Report
from course_utils.audit.subject import KINDS, kind_of, met, name_of
from course_utils.audit.verdict import DECLARED, FAIL, NOT_RUN, PASS, Verdict
from course_utils.shrink import smallest

SECONDS = 8.0
_SHRINK_SECONDS = 0.5
_PATIENCE = {"jax": 8}  # JAX compiles every new shape before it computes
_LATE = "no time was left"


def audit(function, kind: str | None = None, *, name: str | None = None, seconds: float = SECONDS) -> Report:
    """Ask a function every question of its kind and report the answers; the function can do no harm.

    What it raises, prints or changes is caught, and Python code that does not end is stopped; a single call
    into C that never returns is waited for (the command line ends the process after two minutes).

    kind     "softmax", "log_softmax", "logsumexp" or "cross_entropy"; left out, the function's name tells
    name     what the report calls it
    seconds  the limit for everything; what was not asked by then is reported as not run,
             and as a failure; JAX, which compiles every new shape, gets eight times as long

    Raises: TypeError when `function` is none, ValueError for an unknown kind.
    """
    if not callable(function):
        raise TypeError(f"function must be callable; got {type(function).__name__}: hand it over uncalled")
    kind = kind_of(function) if kind is None else kind
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}")
    start = time.monotonic()
    subject = met(function, kind)
    seconds *= _PATIENCE.get(subject.library, 1)
    trials = [*_trials(subject, start + 0.6 * seconds)]
    named = diagnosis.name_mistakes(kind, trials)
    findings, shrunk = [], set()
    for case, run, said in trials:
        mistake = named.get(case)
        sort = said.failure, mistake, case.seen().dtype
        if said.status == FAIL and case.plain and sort not in shrunk:  # once for each sort of failure
            shrunk.add(sort)
            case, run, said = _shrunk(subject, case, run, said, mistake, start + seconds)
        findings.append(_finding(subject.kind, case, run, said, mistake))
    findings += _behaviour(kind, trials)
    return Report(name or name_of(function), kind, subject.library, tuple(findings), time.monotonic() - start)


def _trials(subject, end):
    """(case, run, verdict) of every case. After the second one that does not end, no more are asked."""
    refused, hung = {}, 0
    for case in cases(subject.kind):
        reason = "two cases did not end" if hung == 2 else _not_for(subject, case, refused)
        if not reason and time.monotonic() > end:
            reason = _LATE
        if reason:
            yield case, None, Verdict(NOT_RUN, reason)
            continue
        run = subject.run(case, min(_limit(subject), max(0.1, end - time.monotonic())))
        hung += isinstance(run.error, guard.TimeLimit)
        yield case, run, verdict.judge(subject.kind, case, run)


def _limit(subject):
    """Seconds for one call."""
    return _PATIENCE.get(subject.library, 1.0)


def _not_for(subject, case, refused):
    """Why this case cannot be put to this function, or ""."""
    if case.axis != -1 and not subject.keyword:
        return "it takes no axis"
    missing = [option for option in case.options if option not in subject.options]
    if missing:
        return f"it takes no {missing[0]}="
    if subject.library != "numpy" and case.numpy:
        return f"{subject.library} has no such input"
    dtype = case.seen().dtype
    if dtype.name in refused or dtype.kind in "USO":
        return refused.get(dtype.name, "")
    if not subject.holds(dtype):
        refused[dtype.name] = f"{subject.library} does not keep {dtype.name}"
    elif dtype.name in floats.FORMATS and dtype.itemsize < 4:
        refused[dtype.name] = _refusal(subject, dtype)
    else:
        refused[dtype.name] = ""
    return refused[dtype.name]


def _refusal(subject, dtype):
    """A narrow format is asked for where the function takes it at all."""
    samples = (case for case in cases(subject.kind) if case.name.startswith("a batch of 2 x 3"))
    sample = next(case for case in samples if case.logits.dtype == dtype)
    error = subject.run(sample, _limit(subject)).error
    refused = isinstance(error, Exception)  # running out of time is no refusal
    return f"it does not take {dtype.name}: {guard.named_error(error)[:100]}" if refused else ""


class _Enough(Exception):
    """Time is up: the smallest input found so far has to do."""


def _finding(kind, case, run, said, mistake):
    if run is None or said.status == PASS:
        return Finding(case.name, case.group, said.status, said.why, said.ulps)
    return Finding(
        case.name,
        case.group,
        said.status,
        said.why,
        said.ulps,
        _named_input(case),
        guard.named_error(run.error)[:300] if run.error is not None else guard.shown(run.value),
        "an error" if case.refused else guard.shown(verdict.truth(kind, case)),
        mistake.key if mistake else "",
        mistake.diagnosis if mistake else "",
    )


def _shrunk(subject, case, run, said, mistake, end):
    """The smallest input found that fails in the same way and is explained by the same mistake."""
    best = [(case, run, said)]
    end = min(end, time.monotonic() + _SHRINK_SECONDS)

    def fails(*args):
        left = end - time.monotonic()
        if left <= 0:
            raise _Enough
        smaller = replace(case, logits=args[0], targets=args[1] if len(args) == 2 else None)
        run = subject.run(smaller, left)
        verdict_now = verdict.judge(subject.kind, smaller, run)
        same = verdict_now.status == FAIL and verdict_now.failure == said.failure
        if same and (mistake is None or diagnosis.alike(subject.kind, mistake, smaller, run)):
            best[0] = (smaller, run, verdict_now)
            return True
        return False

    if said.failure != "time":
        with suppress(_Enough):
            smallest(case.args, fails)
    return best[0]


def _named_input(case):
    dtype = getattr(case.logits, "dtype", type(case.logits).__name__)
    options = {"axis": case.axis} if case.axis != -1 else {}
    options |= case.options
    words = "".join(f", {name}={guard.shown(value)}" for name, value in options.items())
    logits = case.logits if case.view is None else case.seen()
    text = repr(logits) if getattr(dtype, "kind", "") in "OUS" else guard.shown((logits, *case.args[1:]))
    return f"{text}{words}  ({dtype})"


def _behaviour(kind, trials):
    """What the function did beside answering, over all cases at once."""
    late = [case.name for case, _, said in trials if said.why == _LATE]
    unasked = f"It was too slow: {len(late)} cases could not be asked." if late else ""
    yield Finding("every case is answered in time", BEHAVIOUR, FAIL if late else PASS, unasked)
    runs = [(case, run, said) for case, run, said in trials if run is not None and run.error is None]
    warned = [(c, r) for c, r, s in runs if r.events and s.status == PASS and _legal(kind, c)]
    yield _aside("no warning on legal input", FAIL, warned, lambda c, r: f"It warned: {', '.join(r.events)}.")
    written = [(c, r) for c, r, _ in runs if r.mutated]
    yield _aside("the input is never written", FAIL, written, lambda c, r: "It changed its input.")
    changed = [(c, r) for c, r, _ in runs if r.changed]
    yield _aside("global state is put back", FAIL, changed, lambda c, r: f"It set {', '.join(r.changed)}.")
    printed = [(c, r) for c, r, _ in runs if r.printed]
    yield _aside("prints nothing", DECLARED, printed, lambda c, r: f"It printed {r.printed.strip()[:200]!r}.")
    other = [(c, r) for c, r, s in runs if s.status != FAIL and _other_format(c, r.value)]
    yield _aside("the same dtype", DECLARED, other, lambda c, r: f"{c.seen().dtype} in, {r.value.dtype} out.")


def _aside(name, status, guilty, why):
    if not guilty:
        return Finding(name, BEHAVIOUR, PASS)
    case, run = guilty[0]
    words = f"{why(case, run)} In {len(guilty)} cases; the first: {case.name}."
    return Finding(name, BEHAVIOUR, status, words, None, _named_input(case), guard.shown(run.value))


def _legal(kind, case):
    """An answer without NaN: nothing to warn about."""
    return not case.refused and bool(np.all(verdict.truth(kind, case) == verdict.truth(kind, case)))


def _other_format(case, value):
    dtype = case.seen().dtype
    return dtype.name in floats.FORMATS and getattr(value, "dtype", dtype) != dtype.newbyteorder("=")
