"""nbgrader's autograde, with the course's engine in the place of a kernel.

    c.Autograde.sanitize_preprocessors = [GradedOutside]
    c.Autograde.autograde_preprocessors = ["nbgrader.preprocessors.SaveAutoGrades", "...AssignLatePenalties"]

So `nbgrader autograde` and the formgrader's button never run what a student wrote: the hand-in is graded in the
sandbox, and what nbgrader goes on with is the teacher's notebook, marked.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Bool, Unicode

from classroom import seeds
from classroom.grading import Graded, grade_bytes, handin
from classroom.grading.submissions import Results, Task
from classroom.marked import marked
from classroom.problem_sets import problem_sets


class GradedOutside(NbGraderPreprocessor):
    """Takes a hand-in and gives the marked notebook of its problem set."""

    seed_file = Unicode(help="the file with the course's private seed").tag(config=True)
    unsafe = Bool(False, help="grade without a sandbox: for answers that you trust").tag(config=True)

    def preprocess(self, nb, resources):
        told = resources["nbgrader"]
        course = Path(resources["metadata"]["path"]).parents[2]  # of COURSE/submitted/STUDENT/SET
        graded = result_of(course, told["assignment"], told["student"], self)
        return notebook_of(course, told["assignment"], told["student"], graded), resources


def result_of(course: Path, name: str, student: str, settings: GradedOutside) -> Graded:
    """What grading says of a hand-in: as it is on record, or found now and put there."""
    problem_set, seed = problem_sets()[name], seeds.private_seed(settings.seed_file or None)
    task = Task(student, course / "submitted" / student / name, problem_set, seed)
    results = Results(course / "graded" / name)
    try:
        data, notes = task.read()
    except handin.Unreadable as reason:
        return Graded.nothing(problem_set, student, str(reason))
    graded = results.known(student, task.key(data))
    if graded is None:
        graded = grade_bytes(data, problem_set, seed, student, unsafe=settings.unsafe)
        graded.notes[:0] = notes
        results.store(student, task.key(data), graded)
    return graded


def notebook_of(course: Path, name: str, student: str, graded: Graded):
    """The notebook that a teacher reads; where nothing could be read, it says so."""
    released = nbformat.read(course / "release" / name / f"{name}.ipynb", as_version=4)
    try:
        file, _ = handin.find(course / "submitted" / student / name, f"{name}.ipynb")
        cells, _ = handin.cells_of(handin.read(file))
    except handin.Unreadable:
        cells = []
    return marked(released, cells, graded)
