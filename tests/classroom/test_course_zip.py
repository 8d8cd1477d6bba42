"""Hand-ins from an LMS: named as Moodle and Canvas name them, and every way to make an archive that does harm."""

import json
import stat
import struct
import zipfile

import pytest

pytest.importorskip("nbgrader", reason="runs in .venv-classroom: make classroom-tests")

from classroom import zip_collect

NOTEBOOK = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
MOODLE = "Jane Doe_1234567_assignsubmission_file_/softmax.ipynb"


@pytest.fixture
def collect(tmp_path):
    """Makes a zip of name: bytes (or of what a function does to it), collects it, tells what came of it."""

    def collected(entries, roster=None, change=lambda data: data):
        archive = tmp_path / "upload.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
            for name, data in entries.items() if isinstance(entries, dict) else entries:
                zipped.writestr(name, data)
        archive.write_bytes(change(archive.read_bytes()))
        found = zip_collect.collect(archive, "softmax", tmp_path / "submitted", roster)
        stored = {
            str(path.relative_to(tmp_path / "submitted")): path.read_bytes()
            for path in (tmp_path / "submitted").rglob("*.ipynb")
        }
        outside = sorted(path.name for path in tmp_path.iterdir())
        assert set(outside) <= {"upload.zip", "submitted"}, "something was written elsewhere"
        return found, stored

    return collected


@pytest.mark.parametrize(
    "name",
    [
        MOODLE,
        "Jane Doe_1234567_assignsubmission_file_softmax.ipynb",
        "Jane Doe_1234567_assignsubmission_file_/work/softmax.ipynb",
        "Zoë van der Berg-Óć_1234567_assignsubmission_file_/softmax.ipynb",
        "doejane_1234567_7654321_softmax.ipynb",
        "doejane_LATE_1234567_7654321_softmax-2.ipynb",
        "doejane_1234567_7654321_my_softmax_1_2_final.ipynb",
    ],
)
def test_a_hand_in_goes_to_the_number_in_its_name(collect, name):
    found, stored = collect({name: NOTEBOOK})
    assert found.refused == []
    assert stored == {"1234567/softmax/softmax.ipynb": NOTEBOOK}


def test_the_roster_tells_the_id_and_a_stranger_is_remarked(collect):
    found, stored = collect(
        {MOODLE: NOTEBOOK, MOODLE.replace("1234567", "99"): NOTEBOOK}, roster={"1234567": "jane"}
    )
    assert set(stored) == {"jane/softmax/softmax.ipynb", "99/softmax/softmax.ipynb"}
    assert [student for student, _ in found.remarks] == ["99"]


def test_a_roster_with_an_id_that_is_a_path_is_refused(tmp_path):
    file = tmp_path / "roster.csv"
    file.write_text("lms,id\n7,../../jane\n")
    with pytest.raises(zip_collect.RefusedError, match="cannot be an id"):
        zip_collect.read_roster(file)


def test_a_roster_that_gives_one_id_twice_is_refused(tmp_path):
    file = tmp_path / "roster.csv"
    file.write_text("lms,id\n7,jane\n8,jane\n")
    with pytest.raises(zip_collect.RefusedError, match="two numbers"):
        zip_collect.read_roster(file)


def test_of_two_attempts_the_later_counts_and_the_teacher_is_told(collect):
    attempts = {
        f"doejane_1234567_{number}_softmax-{number}.ipynb": NOTEBOOK + b" " * number for number in (2, 10, 9)
    }
    found, stored = collect(attempts)
    assert stored["1234567/softmax/softmax.ipynb"] == NOTEBOOK + b" " * 10
    assert "3 notebooks" in found.remarks[0][1]


def test_a_new_upload_replaces_the_old_one(collect):
    collect({MOODLE: NOTEBOOK})
    _, stored = collect({MOODLE: NOTEBOOK + b"\n"})
    assert stored == {"1234567/softmax/softmax.ipynb": NOTEBOOK + b"\n"}


def link():
    entry = zipfile.ZipInfo(MOODLE)
    entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return entry


HOSTILE = {
    "a path upwards": (f"../../{MOODLE}", NOTEBOOK, "out of the folder"),
    "a path upwards, inside": (MOODLE.replace("softmax", "../../../x"), NOTEBOOK, "out of the folder"),
    "an absolute path": (f"/etc/{MOODLE}", NOTEBOOK, "out of the folder"),
    "a Windows path": (f"C:{MOODLE}", NOTEBOOK, "out of the folder"),
    "backslashes": (f"..\\..\\{MOODLE}", NOTEBOOK, "out of the folder"),
    "a symbolic link": (link(), b"/etc/passwd", "a link"),
    "a bomb": (MOODLE, b"0" * 15_000_000, "would grow"),
    "a huge notebook": (MOODLE, b"0" * 21_000_000, "would unpack"),
    "an archive in the archive": (MOODLE.replace(".ipynb", ".zip"), b"PK", "ask for the notebook"),
    "another kind of file": (MOODLE.replace(".ipynb", ".exe"), b"MZ", "no notebook"),
    "letters that hide": (MOODLE.replace("softmax", "soft\u202emax"), NOTEBOOK, "cannot be seen"),
    "a line break": (MOODLE.replace("softmax", "soft\nmax"), NOTEBOOK, "cannot be seen"),
    "another's number in one's own name": (
        "Mallory_7_assignsubmission_file__1234567_assignsubmission_file_softmax.ipynb",
        NOTEBOOK,
        "two students",
    ),
    "an unknown form": ("softmax.ipynb", NOTEBOOK, "not named as"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_does_harm_is_refused_with_a_reason_and_the_others_are_taken(collect, kind):
    entry, data, reason = HOSTILE[kind]
    honest = "Ada_5_assignsubmission_file_/softmax.ipynb"
    found, stored = collect([(entry, data), (honest, NOTEBOOK)])
    assert stored == {"5/softmax/softmax.ipynb": NOTEBOOK}
    assert [reason in told for _, told in found.refused] == [True]


def test_an_archive_that_lies_about_a_size_is_read_no_further_than_the_limit(collect, monkeypatch):
    monkeypatch.setattr(zip_collect, "LARGEST_NOTEBOOK", 1000)
    honest_size, lie = struct.pack("<I", 5000), struct.pack("<I", 900)
    found, stored = collect({MOODLE: b"0" * 5000}, change=lambda data: data.replace(honest_size, lie))
    assert stored == {} or len(stored["1234567/softmax/softmax.ipynb"]) <= 1000
    assert len(found.refused) + len(stored) == 1


def test_many_large_notebooks_stop_at_the_limit_for_all(collect, monkeypatch):
    monkeypatch.setattr(zip_collect, "LARGEST_IN_ALL", 3 * len(NOTEBOOK))
    found, stored = collect({MOODLE.replace("1234567", str(n)): NOTEBOOK for n in range(1, 6)})
    assert len(stored) == 3
    assert len(found.refused) == 2


def test_too_many_entries_are_refused_as_a_whole(collect, monkeypatch):
    monkeypatch.setattr(zip_collect, "MOST_ENTRIES", 3)
    with pytest.raises(zip_collect.RefusedError, match="4 files"):
        collect({f"{n}": b"" for n in range(4)})


@pytest.mark.parametrize("change", [lambda data: data[:40], lambda data: b"", lambda data: b"no zip at all"])
def test_a_file_that_is_no_zip_gets_a_sentence(collect, change):
    with pytest.raises(zip_collect.RefusedError, match="cannot be read as a zip"):
        collect({MOODLE: NOTEBOOK}, change=change)


def test_a_damaged_entry_is_named_and_the_others_are_taken(collect):
    honest = "Ada_5_assignsubmission_file_/softmax.ipynb"
    data = bytes(range(256)) * 20

    def damaged(archive):
        at = archive.index(b"Jane") + len(MOODLE) + 40
        return archive[:at] + bytes(20) + archive[at + 20 :]

    found, stored = collect({MOODLE: data, honest: NOTEBOOK}, change=damaged)
    assert "damaged" in found.refused[0][1]
    assert set(stored) == {"5/softmax/softmax.ipynb"}


def test_a_locked_entry_is_named(collect):
    def locked(archive):
        at = archive.rindex(b"PK\x01\x02") + 8
        return archive[:at] + b"\x01" + archive[at + 1 :]

    found, stored = collect({MOODLE: NOTEBOOK}, change=locked)
    assert "password" in found.refused[0][1]
    assert stored == {}


def test_two_names_with_one_number_are_left_to_the_teacher(collect):
    found, stored = collect({"mallory_7_1_softmax.ipynb": NOTEBOOK, "doejane_7_2_softmax.ipynb": NOTEBOOK})
    assert stored == {}
    assert "several names" in found.refused[0][1]
