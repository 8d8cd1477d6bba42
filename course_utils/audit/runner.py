"""Runs all cases on one function, shrinks what fails, names the mistake and writes the report."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace

import numpy as np

from course_utils import floats, guard
from course_utils.audit import cases, diagnosis, verdict
from course_utils.audit.cases import BEHAVIOUR
from course_utils.audit.report import Finding, Report
from course_utils.audit.subject import KINDS, kind_of, met, name_of
from course_utils.audit.trials import LATE, trials
from course_utils.audit.truths import parts, truth
from course_utils.audit.verdict import DECLARED, FAIL, PASS
from course_utils.shrink import smallest

SECONDS = 8.0
_SHRINK_SECONDS = 0.5
_PATIENCE = {"jax": 16.0, "torch": 3.0}  # every call of theirs costs; JAX compiles every new shape


def audit(
    function,
    kind: str | None = None,
    *,
    name: str | None = None,
    seconds: float = SECONDS,
    only: tuple[str, ...] = (),
) -> Report:
    """Ask a function every question of its kind and report the answers; the function can do no harm.

    What it raises, prints or changes is caught, and Python code that does not end is stopped; a single call
    into C that never returns is waited for (the command line ends the process after two minutes).

    kind     one of KINDS; left out, the function's name tells. "cross_entropy_with_grad" is a function that
             returns a loss and its gradient, or a loss of PyTorch's or JAX's that autograd can differentiate
    name     what the report calls it
    seconds  the limit for all calls of the function together; what was not asked by then is reported as not
             run, and as a failure; PyTorch gets three times as long, JAX, which compiles every new shape, sixteen
    only     ask these cases alone: names, in which * stands for any letters, or groups

    Raises: TypeError when `function` is none, ValueError for an unknown kind, or a case that the kind has not.
    """
    if not callable(function):
        raise TypeError(f"function must be callable; got {type(function).__name__}: hand it over uncalled")
    kind = kind_of(function) if kind is None else kind
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}")
    chosen, start = cases.only(kind, tuple(only)), time.monotonic()
    subject = met(function, kind)
    seconds *= _PATIENCE.get(subject.library, 1)
    asked = [*trials(subject, chosen, 0.6 * seconds, _PATIENCE.get(subject.library, 1.0))]
    hung = any(run is not None and isinstance(run.error, guard.TimeLimit) for _, run, _ in asked)
    named = diagnosis.name_mistakes(kind, asked, _no_answer if hung else subject.ask)
    findings, shrunk, end = [], set(), time.monotonic() + 0.4 * seconds
    for case, run, said in asked:
        suspect = named.get(case)
        sort = said.failure, said.part, suspect, case.seen().dtype
        if said.status == FAIL and case.shrinkable and sort not in shrunk:  # once for each sort of failure
            shrunk.add(sort)
            case, run, said = _shrunk(subject, case, run, said, suspect, end)
        findings.append(_finding(subject.kind, case, run, said, suspect))
    findings += _behaviour(kind, asked)
    return Report(name or name_of(function), kind, subject.library, tuple(findings), time.monotonic() - start)


def _no_answer(*args):
    """What a function that may not come back is not asked any more."""
    return np.array(np.nan)


class _Enough(Exception):
    """Time is up: the smallest input found so far has to do."""


def _finding(kind, case, run, said, suspect):
    if run is None or said.status == PASS:
        return Finding(case.name, case.group, said.status, said.why, said.ulps)
    return Finding(
        case.name,
        case.group,
        said.status,
        said.why,
        said.ulps,
        _named_input(case),
        guard.named_error(run.error)[:300] if run.error is not None else _shown(kind, case, run.value),
        "an error" if case.refused else _shown(kind, case, truth(kind, case)),
        suspect.mistake.key if suspect else "",
        suspect.mistake.diagnosis if suspect else "",
    )


def _shown(kind, case, value):
    """A value in words; of several parts each with its name."""
    names = parts(kind, case)
    if not isinstance(value, tuple):
        return guard.shown(value)
    if len(names) != len(value):
        return f"{len(value)} values: " + "; ".join(guard.shown(part) for part in value)
    return "\n".join(f"{name} {guard.shown(part)}".strip() for name, part in zip(names, value, strict=True))


def _shrunk(subject, case, run, said, suspect, end):
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
        same = (verdict_now.status, verdict_now.failure, verdict_now.part) == (FAIL, said.failure, said.part)
        if same and (suspect is None or diagnosis.alike(suspect, smaller, diagnosis.Said(smaller, run))):
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


def _behaviour(kind, asked):
    """What the function did beside answering, over all cases at once."""
    late = [case.name for case, _, said in asked if said.why == LATE]
    unasked = f"It was too slow: {len(late)} cases could not be asked." if late else ""
    yield Finding("every case is answered in time", BEHAVIOUR, FAIL if late else PASS, unasked)
    runs = [(case, run, said) for case, run, said in asked if run is not None and run.error is None]
    warned = [(c, r) for c, r, s in runs if r.events and s.status == PASS and _legal(kind, c)]
    yield _aside("no warning on legal input", FAIL, warned, lambda c, r: f"It warned: {', '.join(r.events)}.")
    written = [(c, r) for c, r, _ in runs if r.mutated and c.out is None]
    yield _aside("the input is never written", FAIL, written, lambda c, r: "It changed its input.")
    changed = [(c, r) for c, r, _ in runs if r.changed]
    yield _aside("global state is put back", FAIL, changed, lambda c, r: f"It set {', '.join(r.changed)}.")
    printed = [(c, r) for c, r, _ in runs if r.printed]
    yield _aside("prints nothing", DECLARED, printed, lambda c, r: f"It printed {r.printed.strip()[:200]!r}.")
    other = [(c, r) for c, r, s in runs if s.status != FAIL and _other_format(c, r.value)]
    yield _aside(
        "the same dtype", DECLARED, other, lambda c, r: f"{c.seen().dtype} in, {_first(r.value).dtype} out."
    )


def _aside(name, status, guilty, why):
    if not guilty:
        return Finding(name, BEHAVIOUR, PASS)
    case, run = guilty[0]
    words = f"{why(case, run)} In {len(guilty)} cases; the first: {case.name}."
    return Finding(name, BEHAVIOUR, status, words, None, _named_input(case), guard.shown(run.value))


def _legal(kind, case):
    """An answer without NaN: nothing to warn about."""
    return not case.refused and all(bool(np.all(part == part)) for part in truth(kind, case))


def _first(value):
    return value[0] if isinstance(value, tuple) else value


def _other_format(case, value):
    given = [
        case.seen().dtype,
        *(np.asarray(case.options[name]).dtype for name in ("b",) if name in case.options),
    ]
    if given[0].name not in floats.FORMATS or "return_sign" in case.options:
        return False
    dtype = given[0].newbyteorder("=") if len(given) == 1 else np.result_type(*given)
    return getattr(_first(value), "dtype", dtype) != dtype
