"""Where an exercise stands in its lesson: its prompt, the cells around it, its starter and the name it asks for.

Read from the built notebook, which the tests hold equal to its lesson: no second copy of a prompt or a starter.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
_HEADING = re.compile(r"^#{2,3} (?:Exercise \d+: |\d+\. )(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Cells:
    """An exercise as its lesson asks it.

    title     the heading, without its number
    prompt    the Markdown below the heading
    given     statements that the lesson ran before, and the answer may use
    explore   code between the prompt and the starter: the explorer of the exercise
    starter   the code that is handed out
    check     the line that checks the answer
    answer    the name that the line hands over
    """

    title: str
    prompt: str
    given: str
    explore: tuple[str, ...]
    starter: str
    check: str
    answer: str


@cache
def of(key, given=()) -> Cells:
    """The cells of the exercise of this key; `given` names earlier statements by how they begin."""
    cells = _lesson(key[:2])
    called = re.compile(rf"^lesson_{key[:2]}\.{key[3:]}\.check\((\w+)\)", re.MULTILINE)
    at = next(i for i, (_, text) in enumerate(cells) if called.search(text))
    begin = next(i for i in range(at, -1, -1) if cells[i][0] == "markdown" and _HEADING.search(cells[i][1]))
    text, found = cells[at][1], called.search(cells[at][1])
    heading = list(_HEADING.finditer(cells[begin][1]))[-1]
    return Cells(
        title=heading[1],
        prompt=cells[begin][1][heading.end() :].strip(),
        given="\n".join(_statement(cells[:begin], piece) for piece in given),
        explore=tuple(text for kind, text in cells[begin + 1 : at] if kind == "code"),
        starter=text[: found.start()].strip(),
        check=found[0],
        answer=found[1],
    )


@cache
def _lesson(number):
    """The kind and the source of each cell of a lesson."""
    (path,) = NOTEBOOKS.glob(f"{number}_*.ipynb")
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return [(cell["cell_type"], "".join(cell["source"])) for cell in cells]


def _statement(cells, beginning):
    """The last statement of the lesson so far that begins like this."""
    starts = re.compile(rf"^{re.escape(beginning)}", re.MULTILINE)
    code = next(text for kind, text in reversed(cells) if kind == "code" and starts.search(text))
    lines = code.splitlines()
    found = [node for node in ast.parse(code).body if lines[node.lineno - 1].startswith(beginning)]
    return "\n".join(lines[found[-1].lineno - 1 : found[-1].end_lineno])
