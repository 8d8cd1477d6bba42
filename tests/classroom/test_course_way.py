"""A course from release to grades, with accounts of their own: what honest students need, and what others try."""

import csv
import json
import os
import pwd
import shutil
import sys

import nbformat
import pytest

pytest.importorskip("nbgrader", reason="runs in .venv-classroom: make classroom-tests")

from sqlalchemy.exc import SAWarning

from classroom import assignments, seeds, steps
from classroom.course import Course
from classroom.hub import place
from classroom.problem_sets import problem_sets
from tests.classroom.accounts import accounts, open_folder, run_as

pytestmark = [  # nbgrader's own: about its gradebook, and files that it leaves to be closed
    pytest.mark.filterwarnings(f"ignore::{SAWarning.__module__}.{SAWarning.__name__}"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ADA, BEN, MALLORY = (f"{name}-{os.getpid()}" for name in ("ada", "ben", "mallory"))
SET = "overflow"
PROSE = "<script>alert(1)</script> [0, -104] in float32: exp rounds to 0 before the division."


@pytest.fixture(scope="module")
def people():
    with accounts(ADA, BEN, MALLORY) as homes:
        yield homes


@pytest.fixture(scope="module")
def course(people):
    """A released course, with a place that students can read the settings of."""
    with open_folder() as folder:
        place.prepare(folder / "hub")
        made = Course.create(folder / "course", exchange=folder / "hub" / "exchange")
        made.release(SET)
        made.students_settings = folder / "hub" / "students"
        yield made


def nbgrader(course, name, *command):
    """One of nbgrader's own commands, as this account."""
    done = run_as(
        name, [sys.executable, "-m", "nbgrader", *command], JUPYTER_CONFIG_PATH=str(course.students_settings)
    )
    return done.returncode, done.stdout + done.stderr


def work(course, home, **prose):
    """The model answers, and words, in the notebook that was fetched."""
    notebook = home / SET / f"{SET}.ipynb"
    solved = assignments.solved_notebook(problem_sets()[SET], seeds.private_seed(course.folder / "seed"))
    for cell in solved["cells"]:
        if cell["id"] in prose:
            cell["source"] = prose[cell["id"]]
    notebook.write_text(json.dumps(solved))


def inbound(course, owner, name, notebook=None, link=None):
    """A folder put into the exchange by hand, as any account may."""
    folder = course.exchange / "inbound" / name
    folder.mkdir()
    if link:
        (folder / f"{SET}.ipynb").symlink_to(link)
    elif notebook is not None:
        (folder / f"{SET}.ipynb").write_bytes(notebook)
    for path in (folder, *folder.iterdir()):
        shutil.chown(path, owner, owner) if not path.is_symlink() else os.lchown(path, *_ids(owner))
    return folder


def _ids(owner):
    entry = pwd.getpwnam(owner)
    return entry.pw_uid, entry.pw_gid


@pytest.fixture(scope="module")
def handed_in(course, people):
    """Ada works honestly, with nbgrader's commands. Mallory submits as Ada, later; and more."""
    told = {"fetch": nbgrader(course, ADA, "fetch_assignment", SET)}
    work(course, people[ADA], **{"prose-quiet": PROSE})
    told["submit"] = nbgrader(course, ADA, "submit", SET)
    shutil.copytree(course.exchange / "outbound" / SET, people[MALLORY] / SET)
    for path in (people[MALLORY] / SET, people[MALLORY] / SET / f"{SET}.ipynb"):
        shutil.chown(path, MALLORY, MALLORY)
    told["impersonate"] = nbgrader(course, MALLORY, "submit", SET, "--student", ADA)
    return told


@pytest.fixture(scope="module")
def collected(course, handed_in, people):
    teacher = people[ADA].parent / "teacher-only.ipynb"
    late = "2099-01-01 00:00:00 UTC"
    inbound(
        course, MALLORY, f"{MALLORY}+{SET}+{late}+link", link=course.folder / "source" / SET / f"{SET}.ipynb"
    )
    inbound(course, MALLORY, f"nonsense+{SET}+no-time+x", b"{}")
    inbound(course, MALLORY, "not-a-hand-in")
    inbound(course, BEN, f"{BEN}+{SET}+2020-01-01 00:00:00 UTC+x", b"no notebook at all")
    stolen = course.exchange / "inbound" / f"{ADA}+{SET}+{late}+stolen"
    stolen.symlink_to(people[ADA] / SET)  # a link whose target is Ada's own: owned by her, for who follows it
    os.lchown(stolen, *_ids(MALLORY))
    assert not teacher.exists()
    return course.collect(SET)


@pytest.fixture(scope="module")
def graded(course, collected):
    return {student: (points, worth, told) for student, points, worth, told in course.grade(SET)}


@pytest.fixture(scope="module")
def returned(course, graded):
    pages = course.feedback(SET)
    return pages, nbgrader(course, ADA, "fetch_feedback", SET)


def reasons(collected, start):
    return [reason for folder, reason in collected.refused if folder.startswith(start)]


def test_students_fetch_and_submit_with_nbgraders_own_commands(handed_in):
    assert handed_in["fetch"][0] == 0, handed_in["fetch"][1]
    assert handed_in["submit"][0] == 0, handed_in["submit"][1]


def test_the_released_notebook_is_the_engines_and_holds_no_solution(course):
    released = nbformat.read(course.exchange / "outbound" / SET / f"{SET}.ipynb", as_version=4)
    ours = assignments.released_notebook(problem_sets()[SET], seeds.private_seed(course.folder / "seed"))
    assert [cell.source.strip() for cell in released.cells] == [
        cell["source"].strip() for cell in ours["cells"]
    ]
    assert "BEGIN SOLUTION" not in str(released)


def test_who_submits_under_anothers_name_is_refused_by_the_owner_of_the_folder(handed_in, collected):
    assert handed_in["impersonate"][0] == 0, "nbgrader lets it through; the collection must not"
    assert f"handed in by {MALLORY} under the name of {ADA}" in reasons(collected, ADA)


def test_the_victims_own_hand_in_is_what_is_graded(graded):
    points, worth, _ = graded[ADA]
    assert points == worth


def test_a_link_is_not_followed_whoever_owns_what_it_points_at(course, collected):
    assert [reason for reason in reasons(collected, MALLORY) if "is a link" in reason]
    assert [reason for reason in reasons(collected, ADA) if "is a link" in reason]
    assert not (course.submitted / MALLORY).exists()


def test_a_time_that_cannot_be_is_told(collected):
    assert [student for student, remark in collected.remarks if "says 2020-01-01" in remark] == [BEN]


def test_an_odd_name_is_refused_and_stops_nothing(collected):
    assert reasons(collected, "nonsense") == ["'no-time' is no time"]
    assert reasons(collected, "not-a-hand-in") == ["the name of the folder is not that of a hand-in"]


def test_what_is_no_notebook_gets_no_points_and_a_reason(graded):
    points, _, told = graded[BEN]
    assert points == 0
    assert "no valid JSON" in told


def test_nobody_lists_the_inbound_folder_or_removes_what_is_not_theirs(course, handed_in):
    folder = course.exchange / "inbound"
    uid, _ = _ids(ADA)
    theirs = next(path for path in folder.iterdir() if path.lstat().st_uid == uid)
    assert run_as(MALLORY, ["ls", folder]).returncode != 0
    assert run_as(MALLORY, ["mv", theirs, f"{theirs}.gone"]).returncode != 0
    assert run_as(MALLORY, ["mv", course.exchange, f"{course.exchange}.gone"]).returncode != 0
    assert theirs.exists()


def test_students_cannot_read_the_course(course, graded):
    for part in (".", "seed", "gradebook.db", f"source/{SET}/{SET}.ipynb", f"submitted/{ADA}"):
        assert run_as(MALLORY, ["ls", course.folder / part]).returncode != 0, part


def test_feedback_comes_back_to_who_handed_in_and_runs_nothing(people, returned):
    pages, (code, told) = returned
    assert code == 0, told
    (page,) = (people[ADA] / SET / "feedback").rglob("*.html")
    text = page.read_text()
    assert "All" in text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
    assert ADA in pages


def test_nobody_lists_the_feedback_of_others(course, returned):
    assert run_as(MALLORY, ["ls", course.exchange / "feedback"]).returncode != 0


def test_words_wait_for_a_person_and_their_mark_counts(course, returned):
    with course.gradebook() as gradebook:
        grade = gradebook.find_grade("prose-quiet", SET, SET, ADA)
        assert grade.needs_manual_grade
        grade.manual_score, grade.needs_manual_grade = 3, False
        gradebook.find_comment("prose-quiet", SET, SET, ADA).manual_comment = "Which <b>input</b>?"
        gradebook.db.commit()
    course.feedback(SET)
    text = (course.folder / "feedback" / ADA / SET / f"{SET}.html").read_text()
    assert "prose-quiet: 3 of 4" in text
    assert "Which &lt;b&gt;input&lt;/b&gt;?" in text


def test_grades_are_a_table_that_only_the_teacher_reads(course, graded):
    table = course.export()
    rows = {
        (row["assignment"], row["student_id"]): row for row in csv.DictReader(table.read_text().splitlines())
    }
    assert float(rows[SET, ADA]["raw_score"]) >= graded[ADA][0] > 0
    assert float(rows[SET, BEN]["raw_score"]) == 0
    assert table.stat().st_mode & 0o077 == 0


def test_a_name_that_is_a_formula_is_text_in_the_table(course, graded):
    with course.gradebook() as gradebook:
        gradebook.update_or_create_student(BEN, last_name='=HYPERLINK("http://127.0.0.1")')
    row = next(
        row for row in csv.DictReader(course.export().read_text().splitlines()) if row["student_id"] == BEN
    )
    assert row["last_name"].startswith("'=")


def test_nbgraders_own_autograde_runs_nothing_a_student_wrote(course, graded, tmp_path):
    """The command, and so the button of the formgrader, goes through the engine as well."""
    trace = course.folder.parent / "trace"
    notebook = course.submitted / BEN / SET / f"{SET}.ipynb"
    code = f"open({str(trace)!r}, 'w').write('ran')"
    hostile = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    notebook.write_text(nbformat.writes(hostile))
    done = course.api.autograde(SET, BEN)
    assert done["success"], done["log"]
    assert not trace.exists()


def test_a_student_who_is_forgotten_leaves_nothing_behind(course, returned):
    steps.main(["--course", str(course.folder), "forget", ADA])
    left = [path for path in (*course.folder.rglob("*"), *course.exchange.rglob("*")) if ADA in path.name]
    assert left == []
    assert ADA.encode() not in (course.folder / "gradebook.db").read_bytes()
