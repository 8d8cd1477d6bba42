"""The notebooks of the problem sets: one source, and nothing in a student's that a student should not have."""

import ast
import inspect
import json
import re
import sys

import pytest

from classroom import assignments, seeds
from classroom.grading import draws
from classroom.problem_sets import FILE, problem_sets
from tests.test_layers import ROOT, imports, lines_of_code

SETS = list(problem_sets().values())
PROBLEMS = [(s, p) for s in SETS for p in s.problems]
named = pytest.mark.parametrize("problem_set", SETS, ids=lambda s: s.name)
each = pytest.mark.parametrize(("problem_set", "problem"), PROBLEMS, ids=[p.key for _, p in PROBLEMS])


def text_of(notebook):
    return "\n".join(cell["source"] for cell in notebook["cells"])


def lines_of(code):
    """The lines that say something: no blanks, no docstring's quotes, no def, no bare return of a name."""
    lines = {line.split("  #")[0].strip() for line in code.splitlines()}
    return {
        line
        for line in lines
        if len(line) > 24 and not line.startswith(("def ", "#", '"""', "return np.array"))
    }


def shown_in(problem_set):
    """What the lessons hand out themselves."""
    return lines_of(
        "\n".join("\n".join([p.cells.starter, p.cells.prompt, p.cells.given]) for p in problem_set.problems)
    )


@each
def test_a_students_notebook_holds_no_answer(problem_set, problem):
    """No line of a model answer, a variant or a hint that is not in the lesson's own prompt, given code or starter."""
    told = text_of(assignments.released_notebook(problem_set, "seed"))
    for function in (problem.exercise.model_answer, *problem.exercise.variants):
        secret = lines_of(inspect.getsource(function)) - shown_in(problem_set)
        assert not [line for line in secret if line in told], function
    assert not [hint for hint in problem.exercise.hints if hint in told]


@each
def test_a_students_notebook_holds_no_mistake(problem_set, problem):
    told = text_of(assignments.released_notebook(problem_set, "seed"))
    for mistake in problem.exercise.mistakes:
        secret = lines_of(inspect.getsource(mistake.function)) - shown_in(problem_set)
        assert not [line for line in secret if line in told], mistake.key


@named
def test_a_students_notebook_asks_for_reasons_and_gives_none(problem_set):
    told = text_of(assignments.released_notebook(problem_set, "seed"))
    kept = text_of(assignments.source_notebook(problem_set, "seed"))
    for prose in problem_set.prose:
        assert prose.question.strip() in told
        assert not [line for line in prose.rubric if line in told]
        assert all(line in kept for line in prose.rubric)


@named
def test_a_students_notebook_holds_no_graded_input_and_no_seed(problem_set):
    seed = "a seed that nobody may read"
    told = json.dumps(assignments.released_notebook(problem_set, seed))
    assert seed not in told
    assert assignments.BEGIN not in told
    assert "model_answer" not in told
    for problem in filter(lambda p: p.is_function, problem_set.problems):
        for one in draws.twins(problem, seed).cases:
            assert repr(one.args[0].tolist()) not in told


@named
def test_the_source_and_the_released_notebook_differ_in_solutions_alone(problem_set):
    source, released = (
        assignments.source_notebook(problem_set, "s"),
        assignments.released_notebook(problem_set, "s"),
    )
    for before, after in zip(source["cells"], released["cells"], strict=True):
        nbgrader = before["metadata"]["nbgrader"]
        answer = nbgrader["solution"]
        assert (assignments.BEGIN in before["source"]) == answer
        assert before["metadata"] == after["metadata"]
        assert answer or before["source"].strip() == after["source"]


@each
def test_a_starter_is_the_lessons_own(problem_set, problem):
    released = assignments.released_notebook(problem_set, "seed")
    cell = assignments.cell_of(released, f"{problem.grade_id}-answer")
    if problem.fresh:
        assert cell["source"].count("None,  #") == len(problem.exercise.cases)
    else:
        assert cell["source"] == problem.cells.starter
    assert problem.cells.prompt in assignments.cell_of(released, f"{problem.grade_id}-prompt")["source"]
    assert re.search(rf"\b{problem.cells.answer}\b", cell["source"])


@named
def test_a_notebook_is_one_that_nbgrader_reads(problem_set):
    cells = assignments.source_notebook(problem_set, "seed")["cells"]
    ids = [cell["metadata"]["nbgrader"]["grade_id"] for cell in cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in ids)
    points = sum(cell["metadata"]["nbgrader"].get("points", 0) for cell in cells)
    assert points == problem_set.points + sum(prose.points for prose in problem_set.prose)
    nbformat = pytest.importorskip("nbformat")
    nbformat.validate(
        nbformat.from_dict({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )


@named
def test_a_set_asks_for_each_name_once_and_takes_under_an_hour(problem_set):
    names = [problem.cells.answer for problem in problem_set.problems]
    assert len(set(names)) == len(names)
    assert 30 <= problem_set.minutes <= 60
    assert all(len(prose.rubric) == prose.points for prose in problem_set.prose)
    assert not any(problem.exercise.also or problem.exercise.quiet for problem in problem_set.problems)


def test_the_file_of_problem_sets_repeats_nothing():
    text = FILE.read_text("utf-8")
    for _, problem in PROBLEMS:
        assert not lines_of(problem.cells.prompt) & lines_of(text)
        assert problem.exercise.objective not in text


def test_fresh_inputs_are_a_students_own_when_asked_for():
    problem_set = problem_sets()["overflow"]
    texts = {
        name: text_of(assignments.released_notebook(problem_set, "seed", name)) for name in ("", "ada", "bob")
    }
    assert len(set(texts.values())) == 3
    assert texts["ada"] == text_of(assignments.released_notebook(problem_set, "seed", "ada"))


def test_the_seed_is_made_once_and_for_its_owner_alone(tmp_path, monkeypatch):
    monkeypatch.setenv(seeds.VARIABLE, str(tmp_path / "deep" / "seed"))
    first = seeds.private_seed()
    assert len(first) == 64
    assert seeds.private_seed() == first
    assert (tmp_path / "deep" / "seed").stat().st_mode & 0o077 == 0
    assert seeds.seed_of(first, "ada") != seeds.seed_of(first, "bob") != first
    assert first not in seeds.fingerprint(first)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["seed"]
    (tmp_path / "deep" / "seed").write_text("\n")
    with pytest.raises(ValueError, match="holds no seed"):
        seeds.private_seed()


def test_make_assignments_writes_every_set(tmp_path, monkeypatch):
    monkeypatch.setenv(seeds.VARIABLE, str(tmp_path / "seed"))
    assignments.main([str(tmp_path / "source")])
    for problem_set in SETS:
        written = json.loads((tmp_path / "source" / problem_set.name / problem_set.file).read_text("utf-8"))
        assert written == assignments.source_notebook(problem_set, seeds.private_seed())


def test_nothing_below_imports_the_classroom_and_it_imports_nothing_beside_it():
    """The classroom stands on the top floor; grading needs the standard library, NumPy and the course alone."""
    below = [
        path
        for folder in ("course_utils", "lessons", "tools")
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]
    assert not [
        path for path in below if re.search(r"^\s*(from|import) classroom", path.read_text("utf-8"), re.M)
    ]
    for path in (ROOT / "classroom" / "grading").glob("*.py"):
        outside = {name.split(".")[0] for name in imports(ast.parse(path.read_text("utf-8")))}
        allowed = set(sys.stdlib_module_names) | {"numpy", "course_utils", "classroom"}
        # Inside the sandbox there is no course; Dask is asked for where a cluster is.
        extra = {"child.py": {"ml_dtypes"}, "on_dask.py": {"distributed"}}.get(path.name, set())
        assert outside <= allowed | extra, path
        assert lines_of_code(path) <= 300


def test_the_sandboxed_file_imports_nothing_of_the_course():
    tree = ast.parse((ROOT / "classroom" / "grading" / "child.py").read_text("utf-8"))
    assert not [name for name in imports(tree) if name.startswith(("course_utils", "classroom"))]
