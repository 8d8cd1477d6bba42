"""A learner's results survive crashes, two notebooks at once, and files that cannot be read."""

import json
import os
import subprocess
import sys
import time
from datetime import date, timedelta

import pytest

from course_utils import progress

DAY = date(2030, 1, 1)


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    chosen = tmp_path / "deep" / "progress.json"
    monkeypatch.setenv("COURSE_PROGRESS", str(chosen))
    return chosen


def python(code, file):
    environment = {**os.environ, "COURSE_PROGRESS": str(file)}
    return subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE)


def later(days):
    return DAY + timedelta(days=days)


def test_nothing_is_written_before_there_is_a_result(file):
    assert progress.path() == file
    assert progress.load() == {"version": 1, "exercises": {}}
    assert progress.due() == []
    assert not file.parent.exists()


def test_a_result_is_kept_in_readable_json(file):
    progress.record("03.max_shift", "incorrect", DAY)
    progress.record("03.max_shift", "correct", later(1))
    entry = json.loads(file.read_text("utf-8"))["exercises"]["03.max_shift"]
    assert entry == {
        "attempts": 2,
        "box": 0,
        "due": "2030-01-03",
        "last": "2030-01-02",
        "solved": "2030-01-02",
    }
    assert "\n" in file.read_text("utf-8")


def test_the_place_follows_the_system(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_PROGRESS")
    monkeypatch.setenv("APPDATA" if sys.platform == "win32" else "XDG_DATA_HOME", str(tmp_path))
    assert progress.path().parent.parent == tmp_path


def test_off_records_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    assert progress.path() is None
    assert progress.record("a", "correct") == {}
    assert progress.note("a", "correct")
    assert progress.load()["exercises"] == {}
    assert not progress.delete()
    assert list(tmp_path.iterdir()) == []


def test_reviews_come_back_at_growing_intervals():
    day, gaps = DAY, []
    for _ in range(7):
        entry = progress.record("a", "correct", day)
        gaps.append((date.fromisoformat(entry["due"]) - day).days)
        day = date.fromisoformat(entry["due"])
    assert gaps == [1, 3, 7, 21, 60, 60, 60]


def test_solving_again_before_the_day_moves_nothing():
    first = progress.record("a", "correct", DAY)
    again = progress.record("a", "correct", DAY)
    assert (again["due"], again["box"]) == (first["due"], first["box"])


def test_a_wrong_answer_starts_the_spacing_again():
    for day in (0, 1, 4):
        progress.record("a", "correct", later(day))
    entry = progress.record("a", "incorrect", later(5))
    assert entry["due"] == later(6).isoformat()
    assert entry["solved"] == DAY.isoformat()


def test_an_exercise_never_solved_is_not_due():
    progress.record("a", "incorrect", DAY)
    assert progress.due(later(99)) == []


def test_due_today_the_longest_overdue_first():
    progress.record("b", "correct", later(1))
    progress.record("a", "correct", later(2))
    progress.record("c", "correct", later(9))
    assert progress.due(later(1)) == []
    assert progress.due(later(3)) == ["b", "a"]


def test_export_and_delete(file, tmp_path):
    progress.record("a", "correct", DAY)
    copy = progress.export(tmp_path / "copy.json")
    assert json.loads(copy.read_text("utf-8")) == progress.load()
    assert progress.delete()
    assert not file.exists()
    assert not progress.delete()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "\x00\x00",
        '{"version": 1}',
        '{"version": "1", "exercises": {}}',
        '{"version": 1, "exercises": {"a": 3}}',
        '{"version": 1, "exercises": {"a": {"attempts": 1, "box": 9, "due": null, "last": null, "solved": null}}}',
        '{"version": 1, "exercises": {"a": {"attempts": 1, "box": 0, "due": "soon", "last": null, "solved": null}}}',
    ],
)
def test_an_unreadable_file_is_moved_aside_never_lost(file, text):
    file.parent.mkdir()
    file.write_text(text, encoding="utf-8")
    progress.record("a", "correct", DAY)
    assert list(progress.load()["exercises"]) == ["a"]
    aside = list(file.parent.glob("progress.unreadable-*.json"))
    assert [found.read_text("utf-8") for found in aside] == [text]


def test_bytes_that_are_no_text_are_moved_aside(file):
    file.parent.mkdir()
    file.write_bytes(b"\xff\xfe\x80")
    progress.record("a", "correct", DAY)
    assert len(list(file.parent.glob("progress.unreadable-*.json"))) == 1


def test_a_newer_versions_file_is_left_alone(file):
    file.parent.mkdir()
    text = '{"version": 2, "exercises": {"a": {"stars": 3}}}'
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="newer version"):
        progress.record("a", "correct")
    assert not progress.note("a", "correct")
    assert file.read_text("utf-8") == text


def test_a_check_goes_on_when_nothing_can_be_written(file):
    file.parent.write_text("a file where a folder should be")
    assert not progress.note("a", "correct")


def test_two_notebooks_at_once_lose_nothing(file):
    code = "from course_utils import progress\nfor _ in range(40): progress.record('a', 'incorrect')"
    workers = [python(code, file) for _ in range(3)]
    for worker in workers:
        worker.communicate(timeout=60)
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    assert progress.load()["exercises"]["a"]["attempts"] == 120


def test_a_process_killed_while_writing_leaves_a_whole_file(file):
    code = """
from course_utils import progress
for i in range(10**6):
    progress.record(f"exercise {i % 50}", "correct")
    print(flush=True)
"""
    for _ in range(4):
        worker = python(code, file)
        for _ in range(7):
            worker.stdout.readline()
        worker.kill()
        worker.wait(10)
        worker.stdout.close()
        assert json.loads(file.read_text("utf-8"))["version"] == 1
    assert progress.record("after", "correct")["attempts"] == 1
    assert not list(file.parent.glob("*.unreadable-*"))


def test_a_failed_write_keeps_the_old_file_and_leaves_no_rubbish(file, monkeypatch):
    progress.record("a", "correct", DAY)
    before = file.read_text("utf-8")

    def full(descriptor):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert not progress.note("b", "correct")
    assert file.read_text("utf-8") == before
    assert sorted(found.name for found in file.parent.iterdir()) == ["progress.json", "progress.json.lock"]


def test_a_lock_that_is_held_is_waited_for_and_then_given_up(file, monkeypatch):
    progress.record("a", "correct", DAY)
    monkeypatch.setattr(progress, "LOCK_SECONDS", 0.2)
    start = time.perf_counter()
    with progress._locked(file):
        assert not progress.note("a", "correct")
    assert 0.2 <= time.perf_counter() - start < 2
    assert progress.note("a", "correct")


def test_recording_is_fast():
    start = time.perf_counter()
    for _ in range(10):
        progress.record("a", "correct")
    assert time.perf_counter() - start < 1


def test_the_map_has_a_row_for_each_lesson(file):
    keys = ["00.a", "00.b", "01.c", "01.d"]
    assert [row["next"] for row in progress.lesson_rows(keys)] == ["a", "-"]
    progress.record("00.a", "correct", DAY)
    progress.record("00.b", "correct", later(1))
    progress.record("01.c", "incorrect", DAY)
    assert progress.lesson_rows(keys, later(1)) == [
        {"lesson": "00", "solved": "2 of 2", "to review today": "a", "next": "-"},
        {"lesson": "01", "solved": "0 of 2", "to review today": "-", "next": "c"},
    ]


def test_attempts_are_counted_and_an_unreadable_file_counts_none(file):
    assert progress.attempts("a") == 0
    progress.record("a", "incorrect", DAY)
    assert progress.attempts("a") == 1
    file.write_text('{"version": 2, "exercises": {}}', encoding="utf-8")
    assert progress.attempts("a") == 0


def test_a_file_that_was_repaired_in_between_is_not_moved_aside(file, monkeypatch):
    """Another notebook repairs the file after this one has found it broken and before it holds the lock."""
    file.parent.mkdir()
    file.write_text("{", encoding="utf-8")
    locked = progress._locked

    def repaired_first(lock):
        file.write_text('{"version": 1, "exercises": {}}', encoding="utf-8")
        return locked(lock)

    monkeypatch.setattr(progress, "_locked", repaired_first)
    assert progress.load() == {"version": 1, "exercises": {}}
    assert not list(file.parent.glob("*.unreadable-*"))


def test_readers_and_writers_of_a_file_that_breaks_move_no_good_one_aside(file):
    file.parent.mkdir()
    read = "from course_utils import progress\nfor _ in range(60): progress.load()"
    write = "from course_utils import progress\nfor _ in range(60): progress.record('a', 'incorrect')"
    workers = [python(code, file) for code in (read, read, write)]
    for _ in range(20):
        file.write_text("{", encoding="utf-8")
        time.sleep(0.01)
    for worker in workers:
        worker.communicate(timeout=120)
    assert {found.read_text("utf-8") for found in file.parent.glob("*.unreadable-*")} <= {"{", ""}


def test_deeply_nested_json_is_moved_aside(file):
    file.parent.mkdir()
    file.write_text("[" * 100_000, encoding="utf-8")
    assert progress.attempts("a") == 0
    assert progress.note("a", "correct")
    assert len(list(file.parent.glob("*.unreadable-*"))) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="devices are named otherwise")
@pytest.mark.parametrize("kind", ["folder", "device", "pipe", "link to a device"])
def test_what_is_no_file_is_refused_and_left_alone(kind, tmp_path, monkeypatch):
    place = tmp_path / "odd"
    if kind == "folder":
        place.mkdir()
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "link to a device":
        place.symlink_to("/dev/null")
    else:
        place = "/dev/null"
    monkeypatch.setenv("COURSE_PROGRESS", str(place))
    before = os.lstat(place).st_mode
    with pytest.raises(OSError, match="must name a file"):
        progress.record("a", "correct")
    with pytest.raises(OSError, match="must name a file"):
        progress.load()
    assert not progress.note("a", "correct")
    assert progress.attempts("a") == 0
    assert os.lstat(place).st_mode == before


def test_what_killed_writes_left_is_cleared_away_and_what_is_being_written_is_not(file):
    progress.record("a", "correct", DAY)
    old, new, other = (
        file.parent / name for name in (".progress.json.x.new", ".progress.json.y.new", "z.new")
    )
    for found in (old, new, other):
        found.write_text("half")
    os.utime(old, (1e9, 1e9))
    os.utime(other, (1e9, 1e9))
    progress.record("a", "correct", DAY)
    assert (old.exists(), new.exists(), other.exists()) == (False, True, True)


def test_export_says_what_it_needs(tmp_path):
    progress.record("a", "correct", DAY)
    copy = progress.export(tmp_path / "copy.json")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        progress.export(copy)
    progress.record("b", "correct", DAY)
    assert "b" in json.loads(progress.export(copy, overwrite=True).read_text("utf-8"))["exercises"]
    with pytest.raises(IsADirectoryError, match="name a file in it"):
        progress.export(tmp_path)
    with pytest.raises(FileNotFoundError, match="make it first"):
        progress.export(tmp_path / "missing" / "copy.json")


@pytest.mark.parametrize("outcome", ["solved", "", None, True, "not attempted"])
def test_another_outcome_is_refused(file, outcome):
    with pytest.raises(ValueError, match="outcome must be one of"):
        progress.record("a", outcome)
    assert not file.exists()


@pytest.mark.parametrize("key", [None, 3, ("a",), b"a"])
def test_a_key_is_text(file, key):
    with pytest.raises(TypeError, match="key must be"):
        progress.record(key, "correct")
    assert not progress.note(key, "correct")
    assert not file.exists()


@pytest.mark.parametrize("name", ["ünïcødé 数据", "with space", "[brackets]*", "a'b\"c"])
def test_any_name_of_a_folder_and_a_file_will_do(tmp_path, monkeypatch, name):
    if sys.platform == "win32" and set(name) & set('*"'):
        pytest.skip("not a name on this system")
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / name / f"{name}.json"))
    assert progress.record(name, "correct", DAY)["attempts"] == 1
    assert progress.record(name, "correct", DAY)["attempts"] == 2
    assert progress.delete()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_stops_nothing(tmp_path, monkeypatch):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    monkeypatch.setenv("COURSE_PROGRESS", str(closed / "progress.json"))
    assert not progress.note("a", "correct")
    assert progress.attempts("a") == 0
