"""The steps of a teacher, from the command line.

python -m classroom.steps [--course FOLDER] STEP [...]

create [--exchange DIR]      the folder: settings, private seed, gradebook, the four problem sets
roster students.csv          id,first_name,last_name,email into the gradebook
release SET                  students can fetch it
collect SET                  hand-ins out of the exchange; what is refused is named
zip SET upload.zip           hand-ins out of what Moodle or Canvas made; [--roster lms.csv]
grade SET                    points into the gradebook; what was graded before is not graded again;
                             [--workers N] processes, [--scheduler ADDRESS] of a Dask cluster
feedback SET                 a page for each hand-in, handed back through the exchange
export                       FOLDER/grades.csv
forget STUDENT               deletes everything that is kept about a student
demo                         all of it, for a class of three that exists nowhere
"""

from __future__ import annotations

import argparse
import csv
import sys
import warnings
from pathlib import Path

from nbgrader.exchange import ExchangeError
from sqlalchemy.exc import SAWarning

from classroom import demo, zip_collect
from classroom.course import ROOT, Course, StepError
from classroom.grading import NoSandbox
from classroom.grading.feedback import plain

DEMO = ROOT / "build" / "classroom"


def create(asked):
    course = Course.create(asked.course, asked.exchange)
    return [f"{course.folder}: a course with the problem sets {', '.join(sorted(_sets(course)))}"]


def roster(asked):
    with (
        open(asked.file, newline="", encoding="utf-8-sig") as stream,
        Course(asked.course).gradebook() as gradebook,
    ):
        rows = [row for row in csv.DictReader(stream) if row.get("id")]
        for row in rows:
            known = {key: row[key] for key in ("first_name", "last_name", "email") if row.get(key)}
            gradebook.update_or_create_student(row["id"].strip(), **known)
    return [f"{len(rows)} students in the gradebook"]


def release(asked):
    Course(asked.course).release(asked.set)
    return [f"{asked.set}: students can fetch it"]


def collect(asked):
    course = Course(asked.course)
    step = course.collect(asked.set)
    lines = [f"{len(course.students(asked.set))} hand-ins of {asked.set}"]
    lines += [f"REFUSED {folder}: {reason}" for folder, reason in step.refused]
    return lines + [f"{student}: {remark}" for student, remark in step.remarks]


def zip_(asked):
    known = zip_collect.read_roster(Path(asked.roster)) if asked.roster else None
    return str(Course(asked.course).collect_zip(asked.set, asked.file, known)).splitlines()


def grade(asked):
    rows = Course(asked.course).grade(asked.set, int(asked.workers or 0), asked.scheduler or "")
    width = max((len(student) for student, *_ in rows), default=0)
    return [f"{student:{width}}  {points:5g} of {worth:g}  {told}" for student, points, worth, told in rows]


def feedback(asked):
    course = Course(asked.course)
    return [f"{len(course.feedback(asked.set))} pages, in {course.folder / 'feedback'}"]


def export(asked):
    return [str(Course(asked.course).export())]


def forget(asked):
    return Course(asked.course).forget(asked.student) or [f"nothing is kept about {asked.student}"]


def show(asked):
    return demo.run(asked.course)


STEPS = {
    "create": create, "roster": roster, "release": release, "collect": collect, "zip": zip_, "grade": grade,
    "feedback": feedback, "export": export, "forget": forget, "demo": show,
}  # fmt: skip
ARGUMENTS = {
    "create": ["--exchange"], "roster": ["file"], "release": ["set"], "collect": ["set"],
    "zip": ["set", "file", "--roster"], "grade": ["set", "--workers", "--scheduler"],
    "feedback": ["set"], "forget": ["student"],
}  # fmt: skip


def _sets(course):
    return [path.name for path in (course.folder / "source").iterdir()]


def parse(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--course", type=Path, default=DEMO, help="its folder; build/classroom when left out")
    steps = parser.add_subparsers(dest="step", required=True)
    for name in STEPS:
        step = steps.add_parser(name)
        for argument in ARGUMENTS.get(name, ()):
            step.add_argument(argument)
    return parser.parse_args(arguments)


def main(arguments=None):
    asked = parse(arguments)
    warnings.filterwarnings("ignore", category=SAWarning)  # nbgrader's own, about its gradebook
    try:
        for line in STEPS[asked.step](asked):
            print(plain(line))
    except (StepError, zip_collect.RefusedError, NoSandbox, ExchangeError, OSError) as error:
        sys.exit(plain(str(error)))


if __name__ == "__main__":
    main()
