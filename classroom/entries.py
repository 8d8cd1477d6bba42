"""A result entered into nbgrader: points in the gradebook, the marked notebook where the formgrader looks for it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbgrader.preprocessors import AssignLatePenalties

from classroom.collection import SECRET, TIMESTAMP
from classroom.grading import Graded
from classroom.plugins import notebook_of


@dataclass
class Entries:
    """Enters the results of one problem set, one student at a time, through one open gradebook."""

    course: Path
    name: str
    gradebook: object
    coursedir: object
    config: object

    def enter(self, student: str, graded: Graded) -> None:
        time = self.coursedir.get_existing_timestamp(str(self.course / "submitted" / student / self.name))
        self.gradebook.update_or_create_student(student)
        own = {} if time is None else {"timestamp": time}
        submission = self.gradebook.update_or_create_submission(self.name, student, **own)
        for notebook in submission.notebooks:
            self._points(notebook, graded)
        self.gradebook.db.commit()
        if submission.total_seconds_late > 0:
            self._late(student)
        self._write(student, graded)

    def _points(self, notebook, graded: Graded) -> None:
        """A mark that a person gave stays, and is to be looked at again; so are words that nobody has marked."""
        keys = {key.replace(".", "-"): key for key in graded.worth}
        for grade in notebook.grades:
            words = graded.prose.get(grade.name, "")
            grade.auto_score = graded.points[keys[grade.name]] if grade.name in keys else None if words else 0
            grade.needs_manual_grade = grade.manual_score is not None or grade.auto_score is None
        for comment in notebook.comments:
            wordless = comment.name.startswith("prose-") and not graded.prose.get(comment.name)
            comment.auto_comment = "No response." if wordless else None

    def _late(self, student: str) -> None:
        """As the course's own settings for late hand-ins say; without any, nothing is taken off."""
        told = {
            "notebook": self.name,
            "assignment": self.name,
            "student": student,
            "db_url": self.coursedir.db_url,
        }
        AssignLatePenalties(config=self.config).preprocess(nbformat.v4.new_notebook(), {"nbgrader": told})

    def _write(self, student: str, graded: Graded) -> None:
        source, place = (self.course / part / student / self.name for part in ("submitted", "autograded"))
        place.mkdir(parents=True, exist_ok=True)
        notebook = notebook_of(self.course, self.name, student, graded)
        (place / f"{self.name}.ipynb").write_text(nbformat.writes(notebook), "utf-8")
        for part in (TIMESTAMP, SECRET):
            if (source / part).exists():
                shutil.copy(source / part, place)
