"""The audit as a test of yours: an assertion for pytest, and what a team has agreed to live with."""

from __future__ import annotations

from dataclasses import replace

from course_utils.audit.cases import BEHAVIOUR, matches
from course_utils.audit.report import Report
from course_utils.audit.runner import audit
from course_utils.audit.verdict import FAIL, NOT_RUN


def assert_stable(
    function, kind: str | None = None, *, allow: dict[str, str] | None = None, **options
) -> Report:
    """Fail, with the report as the message, where the audit refuses a case that nobody has allowed.

        def test_our_loss_is_stable():
            assert_stable(our_loss, "cross_entropy", allow={"float8*": "we never train in 8 bits"})

    allow    {cases: reason}: failures that you know and accept, by name, in which * stands for any letters, or by
             group. One that no failure needs is refused as well: it would hide the next one
    options  as for `audit`: `name`, `seconds`, `only`

    Raises: AssertionError; otherwise the report comes back. ValueError for an allowance without a reason.
    """
    __tracebackhide__ = True  # pytest shows the report, not these lines
    report = audit(function, kind, **options)
    said = complaint(report, allow or {})
    if said:
        raise AssertionError(said)
    return report


def complaint(report: Report, allow: dict[str, str]) -> str:
    """What has to be looked at: failures that nobody allowed, and allowances that no failure needs; else ""."""
    for pattern, reason in allow.items():
        if not reason.strip():
            raise ValueError(f"say why {pattern!r} is allowed to fail")
    failed = report.of(FAIL)
    needed = {p for p in allow if any(matches(p, one.case, one.group) for one in failed)}
    new = [one for one in failed if not any(matches(p, one.case, one.group) for p in needed)]
    lines = [f"Take {p!r} off the list: no failure needs it any more." for p in allow if p not in needed]
    if all(one.status == NOT_RUN for one in report.findings if one.group != BEHAVIOUR):
        lines.append("No case was asked, so nothing is known: the function has none of their keywords.")
    if new:
        rest = [one for one in report.findings if one not in failed]
        allowed = f"({len(failed) - len(new)} more failures are allowed.)" if len(new) < len(failed) else ""
        lines = [repr(replace(report, findings=(*rest, *new))), allowed, *lines]
    return "\n".join(line for line in lines if line)
