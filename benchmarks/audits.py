"""What the audit says of SciPy, PyTorch, JAX and the course's own rooms, kind by kind.

`rows()` audits whatever is installed and returns one dict for each kind and library; `table(rows)` is Markdown.
`python -m benchmarks.audits` writes the rows to benchmarks/results/audits.csv and prints the table.
"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

from course_utils import elsewhere, family, naive, shifted, stable
from course_utils.audit import ROOM_KINDS, audit
from course_utils.audit.verdict import STATUSES

TARGET = Path(__file__).parent / "results" / "audits.csv"
_SECONDS = 600.0  # the function's own, for all cases together: JAX compiles every shape


def rows() -> list[dict]:
    """One row for each kind and library that is installed: how many cases passed, and what failed most."""
    return [_row(kind, *subject) for kind in ROOM_KINDS for subject in _subjects(kind)]


def table(found: list[dict]) -> str:
    """The rows as a Markdown table."""
    columns = {"kind": "---", "function": "---", **dict.fromkeys(STATUSES, "---:"), "looks most like": "---"}
    lines = [list(columns), list(columns.values()), *([str(row[name]) for name in columns] for row in found)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def write(found: list[dict], path: Path = TARGET) -> None:
    """The rows as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(found[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)


def _row(kind, name, function):
    report = audit(function, kind, name=name, seconds=_SECONDS)
    counts = Counter(finding.status for finding in report.findings)
    named = Counter(finding.mistake for finding in report.findings if finding.mistake)
    return {
        "kind": kind,
        "function": name,
        **{status: counts[status] for status in STATUSES},
        "looks most like": ", ".join(key for key, _ in named.most_common(2)) or "-",
    }


def _subjects(kind):
    """(name, function) of every room and library that has this kind."""
    for room in (stable, shifted, naive, family):
        if hasattr(room, kind):
            yield room.__name__.removeprefix("course_utils."), getattr(room, kind)
    yield from elsewhere.functions(kind).items()


if __name__ == "__main__":
    measured = rows()
    write(measured)
    print(table(measured))
