"""Puts exhibits to the audit: is the bug refused in the case that is named, and the cure accepted?"""

from __future__ import annotations

from dataclasses import dataclass

from course_utils import figures
from course_utils.audit import Finding, audit
from course_utils.museum.exhibit import Exhibit


def judged(one: Exhibit, function) -> Finding:
    """What the audit finds in the exhibit's case, of its broken function or of its cure."""
    report = audit(function, one.kind, only=one.asked)
    return next(finding for finding in report.findings if finding.case == one.caught_by)


@dataclass(frozen=True)
class Tour:
    """A table of exhibits: as text and as HTML."""

    rows: tuple[dict[str, str], ...]

    @classmethod
    def of(cls, exhibits) -> Tour:
        return cls(tuple(_row(one) for one in exhibits))

    def __repr__(self):
        return "\n\n".join(
            f"{row['thread']}: {row['symptom']}\n    {row['case of the audit']}: {row['the bug']}; {row['the cure']}"
            for row in self.rows
        )

    def _repr_html_(self):
        return figures.html_table(self.rows)


def _row(one):
    return {
        "thread": one.thread,
        "symptom": one.symptom,
        "why": one.why,
        "case of the audit": f"{one.kind}: {one.caught_by}",
        "the bug": f"{judged(one, one.broken).status}",
        "the cure": f"{judged(one, one.cured).status}",
    }
