"""A course under nbgrader: one command for each step of a teacher, all in one process.

    python -m classroom.course [--course FOLDER] STEP [...]

    create [--exchange DIR]      the folder: settings, private seed, gradebook, the four problem sets
    roster students.csv          id,first_name,last_name,email into the gradebook
    release SET                  students can fetch it
    collect SET                  hand-ins out of the exchange; what is refused is named
    zip SET upload.zip           hand-ins out of what Moodle or Canvas made; [--roster lms.csv]
    grade SET                    points into the gradebook; goes on where it stopped
    feedback SET                 a page for each hand-in, handed back through the exchange
    export                       FOLDER/grades.csv
    forget STUDENT               deletes everything that is kept about a student
    demo                         all of it, for a class of three that exists nowhere

The folder is an nbgrader course: its own commands work in it, and read the same settings (nbgrader_config.py).
"""

from __future__ import annotations

import argparse
import csv
import logging
import os
import shutil
import sys
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps import NbGraderAPI
from nbgrader.auth import Authenticator
from nbgrader.plugins import CsvExportPlugin
from nbgrader.utils import notebook_hash
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from classroom import zip_collect
from classroom.collection import SECRET, OwnedCollect

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "build" / "classroom"
COURSE_ID = "softmax"
CONFIG = '''"""Settings of this course for nbgrader, and so for `nbgrader` on the command line and for the formgrader."""

import os
import sys

sys.path.insert(0, {checkout!r})  # the course's own parts: collection and grading

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = {course_id!r}
c.CourseDirectory.root = os.path.dirname(os.path.abspath(__file__))
c.Exchange.root = {exchange!r}
c.ExchangeFactory.collect = "classroom.collection.OwnedCollect"  # the owner of a folder has handed it in
'''


class StepError(Exception):
    """A step that could not be taken; the message says why."""


class Course:
    """A course in its folder."""

    def __init__(self, folder: Path):
        self.folder = Path(folder).resolve()
        if not (self.folder / "nbgrader_config.py").exists():
            raise StepError(f"{self.folder} is no course yet: run the step create")
        self.config: Config = PyFileConfigLoader("nbgrader_config.py", path=str(self.folder)).load_config()
        self.api = NbGraderAPI(config=self.config)
        self.api.log.setLevel(logging.WARNING)

    @property
    def exchange(self) -> Path:
        return Path(self.config.Exchange.root) / COURSE_ID

    def gradebook(self) -> Gradebook:
        return Gradebook(self.api.coursedir.db_url, COURSE_ID)

    # --- steps ---------------------------------------------------------------------------------------------

    def release(self, name: str) -> str:
        _require(self.api.generate_assignment(name), f"{name} could not be generated")
        _require(self.api.release_assignment(name), f"{name} could not be released")
        (self.exchange / "inbound").chmod(0o1733)  # write, do not list, and delete only what is one's own
        return f"{name}: students can fetch it"

    def collect(self, name: str) -> OwnedCollect:
        coursedir = self.api.coursedir
        coursedir.assignment_id = name
        step = OwnedCollect(
            coursedir=coursedir, authenticator=Authenticator(config=self.config), config=self.config, update=True
        )
        step.start()
        return step

    def export(self) -> Path:
        table = self.folder / "grades.csv"
        plugin = CsvExportPlugin(config=self.config)
        plugin.to = str(table)
        with self.gradebook() as gradebook:
            plugin.export(gradebook)
        table.chmod(0o600)
        return table


def _require(result: dict, told: str) -> None:
    if not result["success"]:
        raise StepError(f"{told}: {(result.get('error') or result.get('log') or '').strip()[-2000:]}")
