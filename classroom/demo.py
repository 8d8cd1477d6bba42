"""A class of three that exists nowhere: every step of a course, to be looked at before there are students.

All three are you: hand-ins travel through the exchange under three names, so owners are not compared here.
tests/classroom does the same with accounts of their own, where it is.
"""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

from nbgrader.auth import Authenticator
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange import ExchangeFactory

from classroom import assignments, seeds
from classroom.course import COURSE_ID, Course, StepError
from classroom.problem_sets import problem_sets

SET = "shift"
MARK = "this folder is a demo: the next demo replaces it"


def solved(notebook):
    return notebook


def half(notebook):
    """The first half of the answers is given, and one is wrong."""
    answers = [cell for cell in notebook["cells"] if cell["id"].endswith("-answer")]
    for cell in answers[len(answers) // 2 :]:
        cell["source"] = "# I have run out of time"
    return notebook


def untouched(notebook):
    return None


CLASS = {"ada": solved, "ben": half, "eve": untouched}


def run(folder: Path) -> list[str]:
    """Every step, in order; what each said."""
    _clear(Path(folder))
    course = Course.create(folder)
    (course.folder / "DEMO").write_text(MARK)
    said = [f"create    {course.folder}"]
    for name in problem_sets():
        course.release(name)
    said.append(f"release   {', '.join(problem_sets())}")
    for student, answered in CLASS.items():
        _hand_in(course, student, answered)
        said.append(f"hand in   {SET}, as {student}")
    step = course.collect(SET, check_owner=False)
    said.append(f"collect   {len(course.students(SET))} hand-ins, {len(step.refused)} refused")
    said += [f"grade     {who}: {points:g} of {worth:g}" for who, points, worth, _ in course.grade(SET)]
    said.append(f"feedback  {', '.join(course.feedback(SET))}: {course.folder / 'feedback'}")
    return [*said, f"export    {course.export()}"]


def _clear(folder: Path) -> None:
    """An earlier demo goes; a course with students stays."""
    if (folder / "nbgrader_config.py").exists():
        if not (folder / "DEMO").exists():
            raise StepError(f"{folder} is a course, and no demo: name another folder with --course")
        shutil.rmtree(folder)
        shutil.rmtree(folder.with_name(f"{folder.name}-exchange"), ignore_errors=True)


def _hand_in(course: Course, student: str, answered) -> None:
    """Fetch, work, submit: nbgrader's own steps, in a home of the student's own."""
    home = course.folder / "homes" / student
    home.mkdir(parents=True)
    config = course.config.copy()
    config.Exchange.assignment_dir, config.Exchange.cache = str(home), str(home / ".cache")
    steps = ExchangeFactory(config=config)
    for step in (steps.FetchAssignment, steps.Submit):
        here = CourseDirectory(config=config, course_id=COURSE_ID, assignment_id=SET, student_id=student)
        taken = step(coursedir=here, authenticator=Authenticator(config=config), config=config)
        taken.log.setLevel(logging.ERROR)
        taken.start()
        _work(home / SET / f"{SET}.ipynb", course, answered)


def _work(notebook: Path, course: Course, answered) -> None:
    done = answered(
        assignments.solved_notebook(problem_sets()[SET], seeds.private_seed(course.folder / "seed"))
    )
    if done:
        notebook.write_text(json.dumps(done), "utf-8")
