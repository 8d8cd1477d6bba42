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
from classroom.grading import grade_bytes, handin
from classroom.marked import marked
from classroom.problem_sets import problem_sets
from classroom.records import Records


class GradedOutside(NbGraderPreprocessor):
    """Takes a hand-in and gives the marked notebook of its problem set."""

    seed_file = Unicode(help="the file with the course's private seed").tag(config=True)
    own_inputs = Bool(False, help="whether each student has inputs of the own").tag(config=True)
    unsafe = Bool(False, help="grade without a sandbox: for answers that you trust").tag(config=True)

    def preprocess(self, nb, resources):
        told = resources["nbgrader"]
        course = Path(resources["metadata"]["path"]).parents[2]  # of COURSE/submitted/STUDENT/SET
        data = handin.read(Path(resources["metadata"]["path"]) / f"{told['notebook']}.ipynb")
        graded = graded_once(course, told["assignment"], told["student"], data, self)
        released = nbformat.read(
            course / "release" / told["assignment"] / f"{told['notebook']}.ipynb", as_version=4
        )
        try:
            cells, _ = handin.cells_of(data)
        except handin.Unreadable:
            cells = []
        return marked(released, cells, graded), resources


def graded_once(course: Path, name: str, student: str, data: bytes, settings):
    """The result for this hand-in: what is on record, or found now and put there."""
    seed = seeds.private_seed(settings.seed_file or None)
    records = Records.of(course, name, seed, settings.own_inputs)
    graded = records.load(student, data)
    if graded is None:
        graded = grade_bytes(
            data, problem_sets()[name], seed, student, own_inputs=settings.own_inputs, unsafe=settings.unsafe
        )
        records.save(student, data, graded)
    return graded
