"""The problem sets of a class, read from `problem_sets.toml`.

problem_sets()["overflow"].problems     its exercises, each with points, answer's name and grade id
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from classroom import lesson_cells
from course_utils.exercises import course
from course_utils.exercises.core import FUNCTION_KINDS, Exercise

FILE = Path(__file__).with_name("problem_sets.toml")


@dataclass(frozen=True)
class Problem:
    """An exercise in a problem set."""

    exercise: Exercise
    points: int
    fresh: bool = False
    given: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return self.exercise.key

    @property
    def grade_id(self) -> str:
        """What nbgrader calls the cell that earns the points; the answer's cell adds `-answer`."""
        return self.key.replace(".", "-")

    @property
    def is_function(self) -> bool:
        return self.exercise.kind in FUNCTION_KINDS

    @cached_property
    def cells(self) -> lesson_cells.Cells:
        return lesson_cells.of(self.key, self.given)


@dataclass(frozen=True)
class Prose:
    """A question that is answered in words and read by a person."""

    name: str
    points: int
    minutes: int
    question: str
    rubric: tuple[str, ...]

    @property
    def grade_id(self) -> str:
        return f"prose-{self.name}"


@dataclass(frozen=True)
class ProblemSet:
    """Exercises and questions that are handed in together, in one notebook called `<name>.ipynb`."""

    name: str
    title: str
    rooms: tuple[str, ...]
    problems: tuple[Problem, ...]
    prose: tuple[Prose, ...]

    @property
    def minutes(self) -> int:
        return sum(p.exercise.minutes for p in self.problems) + sum(p.minutes for p in self.prose)

    @property
    def points(self) -> int:
        """What the exercises are worth together; prose comes on top, see `prose`."""
        return sum(problem.points for problem in self.problems)

    @property
    def file(self) -> str:
        return f"{self.name}.ipynb"

    def __reduce__(self):
        """Between processes a set travels by its name: exercises hold functions that have none."""
        return _named, (self.name,)

    def problem(self, key) -> Problem:
        return next(problem for problem in self.problems if problem.key == key)


@lru_cache(maxsize=1)
def problem_sets() -> dict[str, ProblemSet]:
    """All problem sets by name, in the order of the file."""
    known = course.exercises()
    return {name: _set(name, table, known) for name, table in tomllib.loads(FILE.read_text("utf-8")).items()}


def _named(name):
    return problem_sets()[name]


def _set(name, table, known):
    problems = tuple(
        Problem(known[e["key"]], e["points"], e.get("fresh", False), tuple(e.get("given", ())))
        for e in table["exercise"]
    )
    prose = tuple(Prose(**{**p, "rubric": tuple(p["rubric"])}) for p in table["prose"])
    return ProblemSet(name, table["title"], tuple(table["rooms"]), problems, prose)
