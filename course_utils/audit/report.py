"""What an audit says: as text, as an accessible table, as JSON."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from html import escape

import numpy as np

from course_utils.audit.verdict import DECLARED, FAIL, NOT_RUN, PASS, STATUSES

_MARK = {PASS: "✓", DECLARED: "≈", FAIL: "✗", NOT_RUN: "○"}
_COLUMNS = ("case", "verdict", "smallest input found", "came out", "the truth", "why", "looks like")


@dataclass(frozen=True)
class Finding:
    """One case: its verdict and, unless it passed, the input, what came out and the truth."""

    case: str
    group: str
    status: str
    why: str = ""
    ulps: float | None = None
    input: str = ""
    came_out: str = ""
    truth: str = ""
    mistake: str = ""
    diagnosis: str = ""


@dataclass(frozen=True)
class Report:
    """The result of an audit. True when nothing failed; declared differences are no failures."""

    name: str
    kind: str
    library: str
    findings: tuple[Finding, ...]
    seconds: float

    def __bool__(self):
        return not self.of(FAIL)

    def of(self, status: str) -> tuple[Finding, ...]:
        """The findings with this status."""
        return tuple(finding for finding in self.findings if finding.status == status)

    @property
    def mistakes(self) -> tuple[str, ...]:
        """The keys of the known mistakes that it looks like, the most frequent first."""
        counts = Counter(finding.mistake for finding in self.findings if finding.mistake)
        return tuple(key for key, _ in counts.most_common())

    @property
    def summary(self) -> str:
        counts = ", ".join(f"{len(self.of(status))} {status}" for status in STATUSES)
        return f"{'passed' if self else 'failed'}: {counts} (kind {self.kind}, arrays of {self.library})"

    def json(self) -> str:
        """The report as JSON; inputs and values as text, for JSON knows neither NaN nor inf."""
        head = {"name": self.name, "kind": self.kind, "library": self.library, "passed": bool(self)}
        counts = {status: len(self.of(status)) for status in STATUSES}
        findings = [{**asdict(f), "ulps": None if f.ulps is None else f"{f.ulps:.4g}"} for f in self.findings]
        body = {"seconds": round(self.seconds, 2), "counts": counts, "findings": findings}
        return json.dumps({**head, **body}, indent=1, ensure_ascii=False)

    def __repr__(self):
        declared = [_line(why, self.of(DECLARED)) for why in dict.fromkeys(f.why for f in self.of(DECLARED))]
        quiet = Counter(finding.why for finding in self.of(NOT_RUN))
        not_run = [f"{_MARK[NOT_RUN]} {count} not run: {why}" for why, count in quiet.items()]
        sorts = {}
        for finding in self.of(FAIL):
            sorts.setdefault((finding.mistake, finding.why.partition(",")[0]), []).append(finding)
        failed = [line for alike in sorts.values() for line in _lines(alike)]
        head = f"Audit of {self.name}"
        return "\n".join([head, "", *declared, *not_run, *failed, "", f"{self.name} {self.summary}"])

    def _repr_html_(self):
        told = [finding for status in (FAIL, DECLARED) for finding in self.of(status)]
        rest = [finding for status in (PASS, NOT_RUN) for finding in self.of(status)]
        table = _table(f"Audit of {self.name}", told, _COLUMNS) if told else ""
        folded = _table(f"Passed and not run: {self.name}", rest, ("case", "verdict", "why"))
        return (
            f"<p><b>{escape(self.name)}</b> {escape(self.summary)}</p>{table}"
            f"<details><summary>{len(rest)} cases passed or were not run</summary>{folded}</details>"
        )


def _line(why, findings):
    """All declared differences of one sort in one line, by the largest of them."""
    same = [finding for finding in findings if finding.why == why]
    worst = max(same, key=lambda finding: finding.ulps or 0)
    far = f", {worst.ulps:.3g} ulps" if worst.ulps and np.isfinite(worst.ulps) else ""
    others = f" and {len(same) - 1} more" if len(same) > 1 else ""
    return f"{_MARK[DECLARED]} {worst.case}{far}{others}: {why}"


def _lines(findings):
    """Failures of one sort: the one with the shortest input in full, the others by name."""
    first = min(findings, key=lambda finding: len(finding.input))
    yield ""
    yield f"{_MARK[FAIL]} {FAIL}: {first.case}"
    for label, text in zip(_COLUMNS[2:], _cells(first)[2:], strict=True):
        if text:
            yield f"    {label:<20} " + text.replace("\n", "\n" + " " * 25)
    others = [finding.case for finding in findings if finding is not first]
    if others:
        more = f" and {len(others) - 6} more" if len(others) > 6 else ""
        yield f"    {'the same in':<20} {'; '.join(others[:6])}{more}"


def _cells(f):
    looks = f"{f.mistake}: {f.diagnosis}".removesuffix(": ") if f.mistake else ""
    return f.case, f"{_MARK[f.status]} {f.status}", f.input, f.came_out, f.truth, f.why, looks


def _table(caption, findings, columns):
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    rows = "".join(_row(dict(zip(_COLUMNS, _cells(f), strict=True)), columns) for f in findings)
    return (
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _row(cells, columns):
    first, *others = (escape(cells[column]).replace("\n", "<br>") for column in columns)
    return f'<tr><th scope="row">{first}</th>' + "".join(f"<td>{text}</td>" for text in others) + "</tr>"
