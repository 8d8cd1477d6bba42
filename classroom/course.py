"""A course under nbgrader: the folder, and every step of a teacher, in one process.

    course = Course.create(folder)
    course.release("overflow"); course.collect("overflow"); course.grade("overflow")
    course.feedback("overflow"); course.export()

The folder is an nbgrader course: nbgrader's own commands work in it and read the same settings, nbgrader_config.py.
`python -m classroom.steps` takes the same steps from the command line.
"""

from __future__ import annotations

import csv
import io
import logging
import os
import shutil
import sys
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps import NbGraderAPI
from nbgrader.auth import Authenticator
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange.default import ExchangeReleaseAssignment as ReleaseAssignment
from nbgrader.exchange.default import ExchangeReleaseFeedback as ReleaseFeedback
from nbgrader.plugins import CsvExportPlugin
from nbgrader.utils import notebook_hash
from traitlets.config.loader import PyFileConfigLoader

from classroom import assignments, pages, seeds, zip_collect
from classroom.collection import SECRET, TIMESTAMP, OwnedCollect
from classroom.entries import Entries
from classroom.grading.batch import Bar, batch
from classroom.plugins import GradedOutside, result_of
from classroom.problem_sets import problem_sets

ROOT = Path(__file__).resolve().parents[1]
COURSE_ID = "softmax"
CONFIG = '''"""Settings of this course: for its own steps, for `nbgrader` on the command line, for the formgrader."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, {checkout!r})  # the course's own parts: collection and grading

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = {course_id!r}
c.CourseDirectory.root = HERE
c.Exchange.root = {exchange!r}
c.ClearSolutions.code_stub = {{"python": ""}}  # the lesson's own starter stays
c.ClearSolutions.text_stub = {no_answer!r}
c.ExchangeFactory.collect = "classroom.collection.OwnedCollect"  # the owner of a folder has handed it in
c.GradedOutside.seed_file = os.path.join(HERE, "seed")
# What a student wrote never runs in nbgrader's own process, whoever presses the button.
c.Autograde.sanitize_preprocessors = ["classroom.plugins.GradedOutside"]
c.Autograde.autograde_preprocessors = [
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
]
'''


_FORMULA = {"=", "+", "-", "@", "\t", "\r"}


class StepError(Exception):
    """A step that could not be taken; the message says why."""


class Course:
    """A course in its folder."""

    def __init__(self, folder):
        self.folder = Path(folder).resolve()
        if not (self.folder / "nbgrader_config.py").exists():
            raise StepError(f"{self.folder} is no course yet: begin with the step create")
        self.config = PyFileConfigLoader("nbgrader_config.py", path=str(self.folder)).load_config()
        _find_alembic()
        self.api = NbGraderAPI(config=self.config)
        self.api.log.setLevel(logging.ERROR)

    @classmethod
    def create(cls, folder, exchange=None) -> Course:
        """Make the folder, closed to others; with the settings, a private seed and the problem sets.

        Raises: StepError when there is a course already.
        """
        folder = Path(folder).resolve()
        exchange = Path(exchange).resolve() if exchange else folder.with_name(f"{folder.name}-exchange")
        if (folder / "nbgrader_config.py").exists():
            raise StepError(f"{folder} is a course already")
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        exchange.mkdir(parents=True, exist_ok=True)
        exchange.chmod(0o1777)  # as nbgrader wants it, but nobody may move or remove what another has made
        text = CONFIG.format(
            checkout=str(ROOT),
            course_id=COURSE_ID,
            exchange=str(exchange),
            no_answer=assignments.NO_ANSWER,
        )
        (folder / "nbgrader_config.py").write_text(text)
        assignments.write(folder / "source", seeds.private_seed(folder / "seed"))
        return cls(folder)

    @property
    def exchange(self) -> Path:
        return Path(self.config.Exchange.root) / COURSE_ID

    @property
    def submitted(self) -> Path:
        return self.folder / "submitted"

    def gradebook(self) -> Gradebook:
        return Gradebook(self.api.coursedir.db_url, COURSE_ID)

    def students(self, name: str) -> list[str]:
        """Who has handed in this set."""
        return sorted(path.parent.name for path in self.submitted.glob(f"*/{name}"))

    # --- one method a step ---------------------------------------------------------------------------------

    def release(self, name: str) -> None:
        _known(name)
        _require(self.api.generate_assignment(name), f"{name} could not be generated")
        step = self._step(ReleaseAssignment, name)
        step.force = True  # released again: who fetches from now on gets the new one
        step.start()
        (self.exchange / "inbound").chmod(0o3733)  # write, do not list, and remove only what is one's own

    def collect(self, name: str, check_owner: bool = True) -> OwnedCollect:
        """Hand-ins out of the exchange; `.refused` and `.remarks` of what is returned say what was found."""
        _known(name)
        step = self._step(OwnedCollect, name)
        step.update, step.check_owner = True, check_owner
        step.start()
        return step

    def collect_zip(self, name: str, archive, roster=None) -> zip_collect.Collected:
        """Hand-ins out of what Moodle or Canvas made."""
        _known(name)
        found = zip_collect.collect(Path(archive), name, self.submitted, roster)
        with self.gradebook() as gradebook:
            for student, told in found.students.items():
                gradebook.update_or_create_student(student, last_name=told)
        return found

    def grade(self, name: str, workers: int = 0, scheduler: str = "") -> list[tuple[str, float, float, str]]:
        """Grade what was not graded yet; (student, points, of, what a teacher should know) of every hand-in."""
        _known(name)
        if not self.students(name):
            return []
        settings, seed = self.settings, seeds.private_seed(self.folder / "seed")
        options = {"unsafe": settings.unsafe, "show": Bar()}
        options |= {"processes": workers or os.cpu_count() or 1, "scheduler": scheduler}
        found = batch(self.submitted, problem_sets()[name], seed, self.folder / "graded" / name, **options)
        rows = {student: found[student] for student in self.students(name)}
        with self.gradebook() as gradebook:
            entries = Entries(self.folder, name, gradebook, self.api.coursedir, self.config)
            for student, graded in rows.items():
                entries.enter(student, graded)
        return [(who, g.total, g.maximum, " ".join([g.reason, *g.notes]).strip()) for who, g in rows.items()]

    def feedback(self, name: str) -> list[str]:
        """Write a page for each graded hand-in and hand it back; returns whose."""
        _known(name)
        done = [(who, result_of(self.folder, name, who, self.settings)) for who in self.students(name)]
        with self.gradebook() as gradebook:
            for student, graded in done:
                place = self.folder / "feedback" / student / name
                place.mkdir(parents=True, exist_ok=True)
                marks = pages.marks(gradebook, name, student)
                (place / f"{name}.html").write_text(pages.page(graded, marks), "utf-8")
                if _carried(self.submitted / student / name, place):
                    self._step(ReleaseFeedback, name, student).start()
        return [student for student, _ in done]

    def export(self) -> Path:
        """All grades as a table that opens anywhere, readable by you alone."""
        table = self.folder / "grades.csv"
        plugin = CsvExportPlugin(config=self.config)
        plugin.to = str(table)
        with self.gradebook() as gradebook:
            plugin.export(gradebook)
        table.write_text(_harmless(table.read_text("utf-8")), "utf-8")
        table.chmod(0o600)
        return table

    def forget(self, student: str) -> list[str]:
        """Delete everything that is kept about a student; returns what was deleted.

        Raises: StepError for a name that could be a folder of something else.
        """
        if "/" in student or student.strip(". ") == "":
            raise StepError(f"{student!r} is no student's name")
        gone = [path for path in self._released_feedback(student) if path.exists()]
        gone += [
            path
            for part in ("submitted", "autograded", "feedback")
            for path in [self.folder / part / student]
        ]
        gone += sorted((self.folder / "graded").glob(f"*/{_literal(student)}.json"))
        gone += sorted((self.exchange / "inbound").glob(f"{_literal(student)}+*"))
        told = [str(path) for path in gone if path.exists()]
        for path in gone:
            _remove(path)
        with self.gradebook() as gradebook:
            try:
                gradebook.remove_student(student)
                told.append(f"{student} in the gradebook")
            except MissingEntry:
                pass
        (self.folder / "grades.csv").unlink(missing_ok=True)  # it names the student; export makes it again
        return told

    # --- parts ---------------------------------------------------------------------------------------------

    def _step(self, kind, name: str, student: str = "*"):
        """One of nbgrader's steps through the exchange. What it found is told by who asked for it, not by its log."""
        coursedir = CourseDirectory(config=self.config, assignment_id=name, student_id=student)
        step = kind(coursedir=coursedir, authenticator=Authenticator(config=self.config), config=self.config)
        step.log.setLevel(logging.CRITICAL)
        return step

    @property
    def settings(self) -> GradedOutside:
        return GradedOutside(config=self.config)

    def _released_feedback(self, student: str):
        """The copies that the exchange holds: their names are made from the secret of each hand-in."""
        for secret in (self.folder / "feedback" / student).glob(f"*/{SECRET}"):
            name = secret.parent.name
            yield (
                self.exchange
                / "feedback"
                / f"{notebook_hash(secret=secret.read_text(), notebook_id=name)}.html"
            )


def _harmless(table: str) -> str:
    """A name that begins like a formula is written as text: a spreadsheet would compute it."""
    rows = csv.reader(io.StringIO(table))
    safe = io.StringIO()
    csv.writer(safe).writerows([f"'{cell}" if cell[:1] in _FORMULA else cell for cell in row] for row in rows)
    return safe.getvalue()


def _find_alembic() -> None:
    """nbgrader starts `alembic` by its name when it makes a gradebook; it lies beside this Python."""
    here = str(Path(sys.executable).parent)
    if here not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([here, os.environ.get("PATH", "")])


def _carried(source: Path, place: Path) -> bool:
    """Copies what nbgrader needs to hand a page back; False for an upload, which has no way back here."""
    if not (source / SECRET).exists():
        return False
    for part in (TIMESTAMP, SECRET):
        shutil.copy(source / part, place)
    return True


def _known(name: str) -> None:
    if name not in problem_sets():
        raise StepError(f"there is no problem set {name!r}; there are {', '.join(problem_sets())}")


def _require(result: dict, told: str) -> None:
    if not result["success"]:
        raise StepError(f"{told}: {(result.get('log') or result.get('error') or '').strip()[-2000:]}")


def _literal(name: str) -> str:
    """A name as a pattern that finds this name alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        _open_up(path)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _open_up(folder: Path) -> None:
    """nbgrader writes without the right to write; who deletes needs it."""
    for place, _, _ in os.walk(folder):
        Path(place).chmod(0o700)
