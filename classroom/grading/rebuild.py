"""A hand-in put back on the teacher's cells.

The teacher's own code comes from the problem set, never from the hand-in. Of the student's code everything runs, in its
order, but the teacher's cells and the starters that nobody touched; then the answers are looked up by name, so the last
cell that gives one counts, as it does in a notebook. Split, copied or deleted cells and lost metadata change nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from classroom import assignments
from classroom.grading.handin import Cell

LARGEST_PROSE = 20_000


@dataclass(frozen=True)
class Program:
    """What the sandbox runs: the teacher's code, then the student's cells.

    answers   for each exercise the numbers of the cells that carry its id: where an answer of another name is sought
    prose     the answers in words by grade id
    """

    given: str
    cells: tuple[str, ...]
    answers: dict[str, tuple[int, ...]]
    prose: dict[str, str]


def program(problem_set, cells: list[Cell], notebook) -> Program:
    """The program of a hand-in; `notebook` is the one that was released."""
    released = {_plain(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"}
    kept = [c for c in cells if c.kind == "code" and c.source.strip() and _plain(c.source) not in released]
    answers = {
        problem.key: tuple(i for i, c in enumerate(kept) if f"{problem.grade_id}-answer" in c.ids)
        for problem in problem_set.problems
    }
    given = [assignments.imports(problem_set, grading=True)]
    given += [problem.cells.given for problem in problem_set.problems if problem.cells.given]
    words = {p.grade_id: _words(p.grade_id, cells) for p in problem_set.prose}
    return Program("\n\n".join(given), tuple(c.source for c in kept), answers, words)


def alone(whole: Program, problem) -> Program:
    """The program of one exercise: its own cells, or where the ids are lost those that name its answer."""
    named = re.compile(rf"\b{problem.cells.answer}\b")
    numbers = whole.answers[problem.key]
    numbers = numbers or [i for i, source in enumerate(whole.cells) if named.search(source)]
    cells = tuple(whole.cells[i] for i in numbers)
    return Program(whole.given, cells, {problem.key: tuple(range(len(cells)))}, {})


def _plain(source):
    """A source without the spaces that editors add and take away."""
    return "\n".join(line.rstrip() for line in source.strip().splitlines() if line.strip())


def _words(grade_id, cells):
    found = [
        cell.source for cell in cells if grade_id in cell.ids and cell.source.strip() != assignments.NO_ANSWER
    ]
    return "\n\n".join(found)[:LARGEST_PROSE]
