"""The notebook that a teacher reads: the released cells, with what the student wrote and what grading found.

What a student wrote is shown and never run or drawn: code stands in code cells without outputs, words stand in a fenced
block, where HTML, pictures and formulas are letters.
"""

from __future__ import annotations

import re
from copy import deepcopy

import nbformat

from classroom.grading import Graded, feedback, handin

NOWHERE = "# no cell of the hand-in carries this cell's name; see the other cells below"


def marked(released, cells: list[handin.Cell], graded: Graded):
    """The released notebook, answered and marked. nbgrader reads the points from the outputs of the checks."""
    notebook = deepcopy(released)
    keys = {key.replace(".", "-"): key for key in graded.worth}
    known = {_grade_id(cell) for cell in notebook.cells}
    for cell in notebook.cells:
        name = _grade_id(cell)
        if name in keys:
            cell.outputs = outputs(graded, keys[name])
        elif name.removesuffix("-answer") in keys and name.endswith("-answer"):
            cell.source = _written(name, cells)
        elif graded.prose.get(name):
            cell.source = fenced(graded.prose[name])
    notebook.cells += _others(cells, known, {_plain(cell.source) for cell in released.cells})
    return notebook


def outputs(graded: Graded, key: str) -> list:
    """The words, then the points as a result: nbgrader takes a result for partial credit."""
    lines = [graded.reason] if graded.reason else graded.feedback.get(key, [])
    told = "".join(f"{feedback.plain(line)}\n" for line in lines)
    points = nbformat.v4.new_output(
        "execute_result", {"text/plain": f"{graded.points[key]:g}"}, execution_count=1
    )
    return [nbformat.v4.new_output("stream", name="stdout", text=told), points] if told else [points]


def fenced(words: str) -> str:
    """Words in a block of code whose fence is longer than any in them."""
    longest = max((len(run) for run in re.findall(r"`+", words)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{words}\n{fence}"


def _grade_id(cell) -> str:
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def _plain(source: str) -> str:
    return "".join(source.split())


def _written(name: str, cells) -> str:
    found = [cell.source for cell in cells if name in cell.ids and cell.kind == "code"]
    return "\n\n# ---- another cell of this name ----\n\n".join(found) or NOWHERE


def _others(cells, known: set[str], released: set[str]) -> list:
    """Code of the student's own that stands in none of the released cells."""
    own = [c for c in cells if c.kind == "code" and c.source.strip() and not known & set(c.ids)]
    own = [cell for cell in own if _plain(cell.source) not in released]
    heading = [nbformat.v4.new_markdown_cell("## Other cells of the hand-in")] if own else []
    return heading + [nbformat.v4.new_code_cell(cell.source) for cell in own]
