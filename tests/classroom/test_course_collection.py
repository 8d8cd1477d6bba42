"""What lies in the exchange may be anything: it is taken or refused with a reason, and nothing stops the collection."""

import os
import pwd
import time

import pytest

pytest.importorskip("nbgrader", reason="runs in .venv-classroom: make classroom-tests")

from nbgrader.auth import Authenticator
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from classroom.collection import OwnedCollect, RefusedError, arrival

ME = pwd.getpwuid(os.getuid()).pw_name
SET = "overflow"
SECRET = "0123456789abcdef" * 8


@pytest.fixture
def collect(tmp_path):
    """Runs a collection of what `fill` put into the inbound folder."""

    def collected(fill, **limits):
        inbound = tmp_path / "exchange" / "softmax" / "inbound"
        inbound.mkdir(parents=True, exist_ok=True)
        (tmp_path / "exchange").chmod(0o777)
        fill(inbound)
        config = Config()
        config.CourseDirectory.course_id, config.CourseDirectory.root = "softmax", str(tmp_path / "course")
        config.Exchange.root = str(tmp_path / "exchange")
        config.OwnedCollect.update(limits)
        step = OwnedCollect(
            coursedir=CourseDirectory(config=config, assignment_id=SET),
            authenticator=Authenticator(config=config),
            config=config,
            update=True,
        )
        step.start()
        return step, tmp_path / "course" / "submitted"

    return collected


def hand_in(inbound, told="2026-11-28 12:00:00.000000 UTC", student=ME, **files):
    folder = inbound / f"{student}+{SET}+{told}+x"
    folder.mkdir()
    files = {"notebook": b"{}", "secret": SECRET.encode()} | files
    names = {"notebook": f"{SET}.ipynb", "secret": "submission_secret.txt", "timestamp": "timestamp.txt"}
    for kind, data in files.items():
        if data is not None:
            (folder / names[kind]).write_bytes(data)
    return folder


def test_a_hand_in_is_taken_with_the_time_of_its_name(collect):
    step, submitted = collect(lambda inbound: hand_in(inbound, timestamp=b"not a time\xff"))
    place = submitted / ME / SET
    assert step.refused == []
    assert (place / f"{SET}.ipynb").read_bytes() == b"{}"
    assert (place / "timestamp.txt").read_text() == "2026-11-28 12:00:00.000000 UTC"
    assert (place / "submission_secret.txt").read_text() == SECRET


def test_the_later_of_two_counts_and_an_older_one_never_comes_back(collect):
    collect(lambda inbound: hand_in(inbound, "2026-11-28 12:00:00 UTC", notebook=b"first"))
    collect(lambda inbound: hand_in(inbound, "2026-11-28 13:00:00 UTC", notebook=b"second"))
    _, submitted = collect(lambda inbound: hand_in(inbound, "2026-11-28 11:00:00 UTC", notebook=b"older"))
    assert (submitted / ME / SET / f"{SET}.ipynb").read_bytes() == b"second"


def test_a_name_with_a_plus_in_it_is_one_name():
    found = arrival("anna+berta+overflow+2026-11-28 12:00:00 UTC+abc")
    assert (found.student, found.assignment) == ("anna+berta", "overflow")


@pytest.mark.parametrize("name", ["", "x", "+++", "a+b+c", f"{ME}+{SET}+9999999999+x", f"{ME}+{SET}+\n+x"])
def test_a_name_that_is_no_hand_in_is_refused(name):
    with pytest.raises(RefusedError):
        arrival(name)


def pipe(inbound):
    os.mkfifo(hand_in(inbound, notebook=None) / f"{SET}.ipynb")


def sparse(inbound):
    with (hand_in(inbound, notebook=None) / f"{SET}.ipynb").open("wb") as file:
        file.truncate(50_000_000_000)


def endless(inbound):
    (hand_in(inbound, notebook=None) / f"{SET}.ipynb").symlink_to("/dev/zero")


def link(inbound):
    (hand_in(inbound, notebook=None) / f"{SET}.ipynb").symlink_to("/etc/passwd")


def linked_folder(inbound):
    (inbound / "elsewhere").mkdir()
    (inbound / f"{ME}+{SET}+2026-11-28 12:00:00 UTC+x").symlink_to(inbound / "elsewhere")


def folder_for_a_file(inbound):
    (hand_in(inbound, notebook=None) / f"{SET}.ipynb").mkdir()


def file_for_a_folder(inbound):
    (inbound / f"{ME}+{SET}+2026-11-28 12:00:00 UTC+x").write_bytes(b"{}")


def many(inbound):
    folder = hand_in(inbound)
    for number in range(21):
        (folder / f"{number}.ipynb").write_bytes(b"{}")


def nothing(inbound):
    hand_in(inbound, notebook=None)


def another(inbound):
    hand_in(inbound, student="somebody-else")


REASONS = {
    pipe: "is no file", sparse: "is larger than", endless: "is a link", link: "is a link", linked_folder: "is a link",
    folder_for_a_file: "is no file", file_for_a_folder: "is no folder", many: "22 notebooks",
    nothing: "no notebook in it", another: "under the name of somebody-else",
}  # fmt: skip


@pytest.mark.parametrize("fill", REASONS, ids=lambda fill: fill.__name__)
def test_what_is_unsound_is_refused_at_once_with_its_reason(collect, fill):
    begun = time.monotonic()
    step, submitted = collect(fill)
    assert [REASONS[fill] in reason for _, reason in step.refused if not _.startswith("elsewhere")] == [True]
    assert not submitted.exists()
    assert time.monotonic() - begun < 20


def test_a_secret_that_is_none_is_replaced_so_that_feedback_can_be_released(collect):
    step, submitted = collect(lambda inbound: hand_in(inbound, secret=b"../../../grades\n"))
    kept = (submitted / ME / SET / "submission_secret.txt").read_text()
    assert len(kept) == 128
    assert int(kept, 16) >= 0
    assert [remark for _, remark in step.remarks if "no usable secret" in remark]
