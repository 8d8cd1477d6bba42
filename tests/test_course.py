"""The course as a whole: its exercises in order, and the map of a learner."""

from datetime import date, timedelta

import pytest

from course_utils import progress
from course_utils.exercises import course


@pytest.fixture(autouse=True)
def file(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    return tmp_path / "progress.json"


def test_the_exercises_come_in_the_order_of_the_lessons():
    lessons = [key[:2] for key in course.exercises()]
    assert lessons == sorted(lessons)
    assert lessons[0] == "00"


def test_the_map_says_what_is_done_due_and_next():
    first, second, *_ = course.exercises()
    count = len(course.exercises())
    assert repr(course.progress_map()).startswith(
        f"0 of {count} exercises solved; 0 to review today; next: {first}."
    )
    progress.record(first, "correct", date.today() - timedelta(days=1))
    shown = repr(course.progress_map())
    assert shown.startswith(f"1 of {count} exercises solved; 1 to review today; next: {second}.")
    assert shown.splitlines()[4].split() == ["00", "1", "of", "2", first[3:], second[3:]]


def test_the_map_says_where_the_file_is(file, monkeypatch):
    assert f"The file: `{file}`" in repr(course.progress_map())
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    assert "recording is off" in repr(course.progress_map())


def test_all_solved():
    for key in course.exercises():
        progress.record(key, "correct")
    assert "you have solved them all" in repr(course.progress_map())


def test_the_map_is_a_table_with_headers():
    page = course.progress_map()._repr_html_()
    assert '<th scope="col">to review today</th>' in page
    assert '<th scope="row">00</th>' in page


def test_a_newer_courses_file_is_told_and_left_alone(file):
    file.write_text('{"version": 2, "exercises": {}}', encoding="utf-8")
    assert "newer version" in repr(course.progress_map())
    assert "newer version" in course.progress_map()._repr_html_()
    assert file.read_text("utf-8") == '{"version": 2, "exercises": {}}'
