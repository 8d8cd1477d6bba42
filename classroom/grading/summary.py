"""What a teacher reads after a run: a table of the exercises, the hand-ins to look at, and a CSV of all points."""

from __future__ import annotations

import csv
import io
import statistics

from classroom.grading.feedback import plain


def table(found) -> str:
    """Each exercise with its mean, how many have it all and how many have none of it; then what needs a look."""
    graded = [g for g in found.values() if not g.reason]
    lines = [f"{len(graded)} of {len(found)} hand-ins graded."]
    if graded:
        lines.append(f"{'exercise':22s} {'worth':>6s} {'mean':>6s} {'all':>5s} {'none':>5s}")
        lines += [_row(key, [g.points[key] for g in graded], worth) for key, worth in graded[0].worth.items()]
        lines.append(_row("together", [g.total for g in graded], graded[0].maximum))
    looks = [
        (student, said) for student, g in found.items() for said in ([g.reason] if g.reason else g.notes)
    ]
    lines += ["", "To look at:"] * bool(looks) + [f"  {student}: {said}" for student, said in looks]
    return "\n".join(map(plain, lines))


def _row(name, points, worth):
    full, none = sum(p == worth for p in points), sum(p == 0 for p in points)
    return f"{name:22s} {worth:6g} {statistics.mean(points):6.2f} {full:5d} {none:5d}"


def as_csv(found) -> str:
    """A line for each student: points by exercise, their sum, and the reason where there are none."""
    keys = list(next(iter(found.values())).worth) if found else []
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["student", *keys, "total", "maximum", "reason"])
    for student, g in found.items():
        points = [f"{g.points[key]:g}" for key in keys]
        rows.writerow([_cell(student), *points, f"{g.total:g}", f"{g.maximum:g}", _cell(g.reason)])
    return text.getvalue()


def _cell(written):
    """Text that no spreadsheet takes for a formula."""
    return "'" + plain(written) if written[:1] in ("=", "+", "-", "@") else plain(written)
