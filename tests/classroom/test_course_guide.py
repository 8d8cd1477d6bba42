"""The teacher's guide says what is so: lessons, minutes, exercises, numbers, commands."""

import re
from pathlib import Path

import numpy as np
import pytest

from course_utils import guard, quiz
from course_utils.exercises import course

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "classroom" / "guide"
PAGES = sorted([*GUIDE.glob("*.md"), ROOT / "classroom" / "hub" / "README.md"])
LESSONS = {path.name[:2]: path.read_text("utf-8") for path in (ROOT / "lessons").glob("[0-9][0-9]_*.py")}
BANNED = re.compile(r"\b(just|simply|obviously|trivially)\b", re.I)


def read(sheet):
    return sheet.read_text("utf-8")


def sections(sheet, level="## "):
    """Heading and text of each section."""
    parts = re.split(rf"^{level}(.*)$", read(sheet), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def title(number):
    return re.search(r"^# # (.*)$", LESSONS[number], re.M)[1]


def minutes(number):
    return int(re.search(r"\*\*Time:\*\* (\d+) minutes", LESSONS[number])[1])


def headings(number):
    return re.findall(r"^# ##+ (.*)$", LESSONS[number], re.M)


def anchors(sheet):
    return {
        re.sub(r"[^\w -]", "", words).strip().lower().replace(" ", "-")
        for words in re.findall(r"^#+ (.*)$", read(sheet), re.M)
    }


SESSIONS = sections(GUIDE / "sessions.md")
FOUR = [f"Session {number}" for number in (1, 2, 3, 4)]


def rows(text):
    return [
        [cell.strip() for cell in row.split("|")[1:-1]] for row in re.findall(r"^\| \d+ \|.*\|$", text, re.M)
    ]


@pytest.mark.parametrize("session", [*FOUR, "The workshop"])
def test_a_session_fills_90_minutes(session):
    assert sum(int(row[0]) for row in rows(SESSIONS[session])) == 90


@pytest.mark.parametrize("session", FOUR)
def test_a_lesson_in_a_session_has_its_title_and_about_its_minutes(session):
    taught = re.findall(r"^\| (\d+) \| \[(\d\d)\]\(([^)]*)\) ([^|]*?) \|", SESSIONS[session], re.M)
    assert taught
    for told, number, link, name in taught:
        assert name == title(number)
        assert link.endswith(f"{number}_{Path(link).name[3:]}")
        if number < "90":
            assert minutes(number) - 5 <= int(told) <= minutes(number), f"lesson {number}"


def test_the_sessions_teach_lessons_00_to_06_in_order():
    taught = re.findall(r"^\| \d+ \| \[(\d\d)\]", "".join(SESSIONS[name] for name in FOUR), re.M)
    assert taught == ["00", "01", "02", "03", "04", "05", "06", "90"]


def test_every_section_of_the_workshop_is_a_heading_of_its_lesson():
    named = [(row[1], row[2]) for row in rows(SESSIONS["The workshop"]) if row[1]]
    assert named
    assert [(number, name) for number, name in named if name not in headings(number)] == []


@pytest.mark.parametrize("session", FOUR)
def test_students_get_stuck_in_every_exercise_of_the_sessions_own_lessons(session):
    stuck = re.findall(r"^\| `(\d\d\.\w+)` \|", SESSIONS[session], re.M)
    lessons = set(re.findall(r"^\| \d+ \| \[(\d\d)\]", SESSIONS[session], re.M)) - {"90"}
    assert stuck == [key for key in course.exercises() if key[:2] in lessons]


@pytest.mark.parametrize("sheet", PAGES, ids=lambda sheet: f"{sheet.parent.name}-{sheet.stem}")
def test_every_exercise_and_bet_that_is_named_exists(sheet):
    keys = set(re.findall(r"`(\d\d\.[a-z_]+)`", read(sheet)))
    assert keys <= set(course.exercises())
    bets = set(re.findall(r'"(\d\d-[a-z-]+)"', read(sheet)))
    assert bets <= {asked.key for number in LESSONS for asked in quiz.questions(int(number))}


@pytest.mark.parametrize("sheet", PAGES, ids=lambda sheet: f"{sheet.parent.name}-{sheet.stem}")
def test_links_lead_to_a_file_and_a_heading(sheet):
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", read(sheet)):
        file, _, anchor = link.partition("#")
        target = (sheet.parent / file).resolve() if file else sheet
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


CLAIMS = re.findall(r"`([^`]+)` gives `([^`]+)`", read(GUIDE / "questions.md"))


@pytest.mark.parametrize(("code", "told"), CLAIMS, ids=[code for code, _ in CLAIMS])
def test_every_number_told_is_what_the_code_gives(code, told):
    with np.errstate(all="ignore"):
        assert guard.shown(eval(code, dict(quiz.ROOMS))) == told


def test_the_page_of_questions_holds_numbers_to_check():
    assert len(CLAIMS) >= 15


@pytest.mark.parametrize("sheet", PAGES, ids=lambda sheet: f"{sheet.parent.name}-{sheet.stem}")
def test_plain_words(sheet):
    assert BANNED.findall(re.sub(r"```.*?```|`[^`]*`", "", read(sheet), flags=re.S)) == []


@pytest.mark.parametrize("sheet", PAGES, ids=lambda sheet: f"{sheet.parent.name}-{sheet.stem}")
def test_every_command_exists(sheet):
    targets = set(re.findall(r"^([a-z-]+)(?: [a-z-]+)*:", read(ROOT / "Makefile"), re.M))
    assert (
        set(re.findall(r"`make ([a-z-]+)", read(sheet)) + re.findall(r"^make ([a-z-]+)", read(sheet), re.M))
        <= targets
    )
    for module in re.findall(r"-m (classroom[\w.]*)", read(sheet)):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists() or (
            ROOT / module.replace(".", "/") / "__main__.py"
        ).exists()


def test_every_step_of_the_course_is_told_and_every_step_told_exists():
    pytest.importorskip("nbgrader", reason="runs in .venv-classroom: make classroom-tests")
    from classroom.problem_sets import problem_sets
    from classroom.steps import STEPS

    told = set(re.findall(r"^\$run (\w+)", read(GUIDE / "running.md"), re.M))
    assert told | {"zip", "demo"} == set(STEPS)
    homework = re.findall(
        r"`(\w+)`", "".join(re.findall(r"^Homework: .*$", read(GUIDE / "sessions.md"), re.M))
    )
    assert homework == list(problem_sets())
