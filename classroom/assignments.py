"""The notebooks of a problem set, made from the lessons and the exercises.

    python -m classroom.assignments FOLDER [--student NAME]     writes FOLDER/<set>/<set>.ipynb for every set

source_notebook(s)      the teacher's: what nbgrader's `generate_assignment` takes
released_notebook(s)    the student's: no solution in it, and no graded input but those a prediction is asked for
solved_notebook(s)      the student's, with every model answer filled in: for a demo, and for tests
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
from pathlib import Path

import numpy as np

from classroom import seeds
from classroom.grading import draws
from classroom.problem_sets import Problem, ProblemSet, Prose, problem_sets

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
_REGION = re.compile(rf"\n*^{BEGIN}$.*?^{END}$\n?", re.MULTILINE | re.DOTALL)
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
_INTRODUCTION = """# {title}

{points} points, about {minutes} minutes.

Fill in the cells that say so, run the check below each, and hand in this notebook under its own name. The check shows
you where you stand. Your points come from other inputs of the same kind, drawn for this class, on a machine of its own:
add cells, split them or copy them as you like; the last cell that gives an answer counts, as it does here.

An answer may use NumPy and {rooms} of the course, and nothing else when it is graded."""

_STEPS = "Your reason has {} steps; each earns a point."
NO_ANSWER = "Your answer."  # what stands where a solution in words was

_HANDED_IN = """# These inputs were drawn for you, and the lesson's check does not know them: they are graded later.
print("Handed in:", {name})"""


def source_notebook(problem_set: ProblemSet, seed: str = "", student: str = "") -> dict:
    """The notebook that `nbgrader generate_assignment` takes: solutions in regions, locked checks, prose to be read."""
    cells = [_cell("introduction", "markdown", _introduction(problem_set), locked=True)]
    cells.append(_cell("imports", "code", imports(problem_set), locked=True))
    for number, problem in enumerate(problem_set.problems, 1):
        cells += _problem_cells(number, problem, seeds.seed_of(seed, student))
    for number, prose in enumerate(problem_set.prose, len(problem_set.problems) + 1):
        cells += _prose_cells(number, prose)
    return {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}


def released_notebook(problem_set, seed="", student="") -> dict:
    """The notebook that a student gets."""
    notebook = source_notebook(problem_set, seed, student)
    for cell in notebook["cells"]:
        left = _REGION.sub("\n", cell["source"]).strip()
        cell["source"] = left or NO_ANSWER
    return notebook


def solved_notebook(problem_set, seed="", student="") -> dict:
    """The student's notebook with the model answers in it, as this course would hand it in."""
    notebook = released_notebook(problem_set, seed, student)
    for problem in problem_set.problems:
        graded = draws.asked(problem, seeds.seed_of(seed, student))
        cell = cell_of(notebook, f"{problem.grade_id}-answer")
        cell["source"] = f"{cell['source']}\n\n\n{model_source(problem, graded)}"
    return notebook


def cell_of(notebook, grade_id) -> dict:
    return next(cell for cell in notebook["cells"] if cell["id"] == grade_id)


def imports(problem_set, grading=False) -> str:
    """The first code cell; `grading` leaves out what is not there when an answer is graded."""
    lines = ["import numpy as np", "", f"from course_utils import {', '.join(problem_set.rooms)}"]
    if not grading:
        lessons = sorted({f"lesson_{problem.key[:2]}" for problem in problem_set.problems})
        lines.append(f"from course_utils.exercises import {', '.join(lessons)}")
        code = "\n".join(text for problem in problem_set.problems for text in problem.cells.explore)
        if explorers := sorted(set(re.findall(r"\b(\w+)\.explore\(", code))):
            lines.append(f"from course_utils.explorers import {', '.join(explorers)}")
    return "\n".join(lines)


def starter(problem, seed) -> str:
    """The code that is handed out: the lesson's own, or for fresh inputs one line each."""
    return draws.starter(problem, seed) if problem.fresh else problem.cells.starter


def model_source(problem, exercise) -> str:
    """The model answer as text: a function's own source under the name that is asked for, or its numbers."""
    name = problem.cells.answer
    if not problem.is_function:
        numbers = draws.right_numbers(exercise) if problem.fresh else exercise.model_answer()
        return f"{name} = {_literal(numbers)}"
    text = inspect.getsource(exercise.model_answer).strip()
    own = exercise.model_answer.__name__
    return text if own == name else f"{text}\n\n\n{name} = {own}"


def _literal(value):
    """Numbers, and lists and tuples of them, as somebody would type them."""
    if isinstance(value, (np.ndarray, np.generic)):
        return _literal(value.astype(np.float64).tolist())
    if isinstance(value, (tuple, list)):
        inner = ", ".join(map(_literal, value))
        return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
    return (
        repr(value).replace("nan", "np.nan").replace("inf", "np.inf")
        if isinstance(value, float)
        else repr(value)
    )


def _problem_cells(number, problem: Problem, seed):
    own = problem.cells
    heading = f"## {number}. {own.title[0].upper()}{own.title[1:]} ({_points(problem.points)})"
    cells = [_cell(f"{problem.grade_id}-prompt", "markdown", f"{heading}\n\n{own.prompt}", locked=True)]
    for index, code in enumerate(filter(None, [own.given, *own.explore]), 1):
        cells.append(_cell(f"{problem.grade_id}-given-{index}", "code", code, locked=True))
    answer = f"{starter(problem, seed)}\n\n{BEGIN}\n{_solution(problem)}\n{END}\n"
    cells.append(_cell(f"{problem.grade_id}-answer", "code", answer, solution=True))
    check = _HANDED_IN.format(name=own.answer) if problem.fresh else own.check
    cells.append(_cell(problem.grade_id, "code", check, locked=True, points=problem.points))
    cells[-1]["metadata"]["tags"] = ["raises-exception"]  # a missing name must not stop Run All
    return cells


def _solution(problem):
    if problem.fresh:
        return f"{problem.cells.answer} = ...  # graded by what comes out for the inputs above"
    where = f"lesson_{problem.key[:2]}.{problem.key[3:]}.model_answer"
    return f"{problem.cells.answer} = {where}" + ("" if problem.is_function else "()")


def _prose_cells(number, prose: Prose):
    text = f"## {number}. In words ({_points(prose.points)})\n\n{prose.question.strip()}\n\n{_STEPS}"
    yield _cell(f"{prose.grade_id}-prompt", "markdown", text.format(prose.points), locked=True)
    rubric = "\n".join(f"- {line}" for line in prose.rubric)
    yield _cell(prose.grade_id, "markdown", f"{BEGIN}\n{rubric}\n{END}\n", solution=True, points=prose.points)


def _cell(grade_id, kind, source, *, solution=False, locked=False, points=None):
    nbgrader = {
        "schema_version": 3,
        "grade_id": grade_id,
        "solution": solution,
        "locked": locked,
        "task": False,
    }
    nbgrader |= {"grade": points is not None, "cell_type": kind} | (
        {} if points is None else {"points": points}
    )
    cell = {"cell_type": kind, "id": grade_id, "metadata": {"nbgrader": nbgrader}, "source": source}
    return cell if kind == "markdown" else cell | {"execution_count": None, "outputs": []}


def _introduction(problem_set):
    points = problem_set.points + sum(prose.points for prose in problem_set.prose)
    rooms = ", ".join(f"`{room}`" for room in problem_set.rooms)
    return _INTRODUCTION.format(
        title=problem_set.title, points=points, minutes=problem_set.minutes, rooms=rooms
    )


def _points(count):
    return f"{count} point" + "s" * (count != 1)


def write(folder, seed="", student="") -> list[Path]:
    """Write the source notebook of every set; returns their paths."""
    paths = []
    for problem_set in problem_sets().values():
        path = Path(folder) / problem_set.name / problem_set.file
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(source_notebook(problem_set, seed, student), indent=1, ensure_ascii=False)
        path.write_text(text + "\n", "utf-8", newline="\n")
        paths.append(path)
    return paths


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Write the source notebooks of the problem sets.")
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--student", default="", help="logits of this student's own, where predictions are asked for"
    )
    asked = parser.parse_args(arguments)
    for path in write(asked.folder, seeds.private_seed(), asked.student):
        print(path)


if __name__ == "__main__":
    main()
