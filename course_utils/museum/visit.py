"""Puts exhibits to the audit: is the bug refused in the case that is named, and the cure accepted?"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from html import escape

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


@dataclass(frozen=True)
class Label:
    """One exhibit in full: its thread, its code, the smallest input that the audit found, what came out, the cure."""

    one: Exhibit

    @property
    def lines(self) -> tuple[tuple[str, str], ...]:
        found = judged(self.one, self.one.broken)
        return (
            ("what people saw", self.one.symptom),
            ("smallest input found", found.input),
            ("came out", found.came_out),
            ("the truth", found.truth),
            ("why", self.one.why),
            ("the change", self.one.change),
            ("caught by", self.one.caught_by),
        )

    @property
    def code(self) -> str:
        """The broken function without the label that is pinned to it."""
        return "def " + inspect.getsource(self.one.broken).partition("\ndef ")[2].strip()

    def __repr__(self):
        told = (f"{name:<20}  " + text.replace("\n", "\n" + " " * 22) for name, text in self.lines)
        return "\n".join((f"{self.one.thread}: {self.one.title}", "", self.code, "", *told))

    def _repr_html_(self):
        rows = "".join(f"<dt><b>{escape(name)}</b></dt><dd>{escape(text)}</dd>" for name, text in self.lines)
        link = f'<a href="{escape(self.one.url)}">{escape(self.one.thread)}: {escape(self.one.title)}</a>'
        return f'<p>{link}</p><pre tabindex="0">{escape(self.code)}</pre><dl>{rows}</dl>'
