"""What the audit says of SciPy, PyTorch, JAX and the course's own rooms, kind by kind.

`rows()` audits whatever is installed and returns one dict for each kind and library; `table(rows)` is Markdown.
`python -m benchmarks.audits` writes the rows to benchmarks/results/audits.csv and prints the table.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from pathlib import Path

from benchmarks import rivals
from course_utils import naive, shifted, stable
from course_utils.audit import KINDS, audit
from course_utils.audit.verdict import STATUSES

TARGET = Path(__file__).parent / "results" / "audits.csv"
_SECONDS = 120.0  # the function's own, for all cases together: JAX compiles every shape


def rows() -> list[dict]:
    """One row for each kind and library that is installed: how many cases passed, and what failed most."""
    return [_row(kind, *subject) for kind in KINDS for subject in _subjects(kind)]


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
    for room in (stable, shifted, naive):
        yield room.__name__.removeprefix("course_utils."), getattr(room, kind)
    installed = rivals.installed()
    for library, functions in {"SciPy": _scipy, "torch": _torch, "JAX": _jax}.items():
        if library in installed and kind in (found := functions()):
            yield library, found[kind]


def _scipy():
    special = sys.modules["scipy.special"]
    return {"softmax": special.softmax, "log_softmax": special.log_softmax, "logsumexp": special.logsumexp}


def _torch():
    torch = sys.modules["torch"]
    loss = torch.nn.functional.cross_entropy
    named = {kind: getattr(torch, kind) for kind in ("softmax", "log_softmax", "logsumexp")}
    return {**named, "cross_entropy": loss, "cross_entropy_with_grad": loss}


def _jax():
    jax = sys.modules["jax"]

    def loss(logits, targets):
        return -jax.nn.log_softmax(logits)[jax.numpy.arange(len(targets)), targets].mean()

    named = {kind: getattr(jax.nn, kind) for kind in ("softmax", "log_softmax", "logsumexp")}
    return {**named, "cross_entropy": loss, "cross_entropy_with_grad": loss}


if __name__ == "__main__":
    measured = rows()
    write(measured)
    print(table(measured))
