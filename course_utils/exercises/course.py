"""All exercises of the course in order, and the map that shows how far you have come.

course.progress_map()      the last line of a cell in lesson 00
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from pathlib import Path

from course_utils import figures, progress
from course_utils.exercises.core import Exercise


def exercises() -> dict[str, Exercise]:
    """Every exercise by key, lesson by lesson, in the order in which a lesson's module holds them."""
    names = sorted(
        found.name for found in pkgutil.iter_modules([Path(__file__).parent]) if found.name[:7] == "lesson_"
    )
    modules = [importlib.import_module(f"course_utils.exercises.{name}") for name in names]
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Exercise)]
    return {exercise.key: exercise for exercise in found}


@dataclass(frozen=True)
class ProgressMap:
    """What is done, what is due today, what comes next: as text and as an HTML table."""

    rows: list[dict[str, str]]
    told: str

    def __repr__(self):
        table = [list(self.rows[0]), *(list(row.values()) for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ("  ".join(f"{text:<{w}}" for text, w in zip(row, widths, strict=True)) for row in table)
        return "\n".join([self.told, *(line.rstrip() for line in lines)])

    def _repr_html_(self):
        return figures.prose(self.told) + figures.html_table(self.rows)


def progress_map() -> ProgressMap:
    """The map of this machine's learner. A file that a newer course wrote is told, never touched."""
    keys = list(exercises())
    try:
        rows, waiting = progress.lesson_rows(keys), progress.due()
    except (OSError, ValueError) as error:
        return ProgressMap([{"lesson": "-"}], f"Your results cannot be read: {error}")
    solved = sum(int(row["solved"].split()[0]) for row in rows)
    following = [f"{row['lesson']}.{row['next']}" for row in rows if row["next"] != "-"]
    told = f"{solved} of {len(keys)} exercises solved; {len(waiting)} to review today; next: "
    told += f"{following[0]}." if following else "nothing, you have solved them all."
    file = progress.path()
    return ProgressMap(
        rows, f"{told}\n\n" + (f"The file: `{file}`" if file else "No file: recording is off.")
    )
