"""Hand-ins out of the exchange: who owns a folder has handed it in, whatever its name says.

Any student may write into the exchange's inbound folder, so everything in it is input to be doubted: a folder named
after somebody else, a name that is no hand-in, a link to a file that only the teacher can read, a file without an end.
`OwnedCollect` takes what is sound, refuses the rest with a reason, and goes on. nbgrader uses it through

    c.ExchangeFactory.collect = OwnedCollect

The newest hand-in of each student counts. It is chosen among those that the student owns: one that somebody else has
put there later does not hide it.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.exchange.default.collect import ExchangeCollect
from nbgrader.utils import check_mode, parse_utc
from traitlets import Integer

TIMESTAMP, SECRET = "timestamp.txt", "submission_secret.txt"
APART_SECONDS = 600  # a claimed time this far from when the folder last changed is told


class RefusedError(Exception):
    """A hand-in that is not taken; the message says why."""


@dataclass(frozen=True)
class Arrival:
    """One folder of the inbound folder, as its name tells it."""

    folder: str
    student: str
    assignment: str
    told: str
    time: datetime


def arrival(folder: str) -> Arrival:
    """student+assignment+time+random, the form that nbgrader's submit gives; a student's name may hold a +.

    Raises: RefusedError for any other name.
    """
    parts = folder.rsplit("+", 3)
    if len(parts) != 4 or not parts[0]:
        raise RefusedError("the name of the folder is not that of a hand-in")
    try:
        time = parse_utc(parts[2])
    except (ValueError, OverflowError):
        raise RefusedError(f"{parts[2]!r} is no time") from None
    return Arrival(folder, parts[0], parts[1], parts[2], time)


@contextmanager
def opened(path, folder: int | None = None):
    """A file descriptor of a folder or file that is no link; a pipe is not waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError as error:
        raise RefusedError(f"{Path(path).name} is a link, or cannot be read ({error.strerror})") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def contents(folder: int, name: str, owner: int, limit: int) -> bytes:
    """A regular file of this owner, as it is now, of at most `limit` bytes. Everything is asked of what was opened."""
    with opened(name, folder) as file:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise RefusedError(f"{name} is no file")
        if status.st_uid != owner:
            raise RefusedError(f"{name} belongs to {name_of(status.st_uid)}")
        with os.fdopen(os.dup(file), "rb") as stream:
            data = stream.read(limit + 1)
    if len(data) > limit:
        raise RefusedError(f"{name} is larger than {limit // 1_000_000} MB")
    return data


def name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"account {uid}, which has no name here"


def is_secret(data: bytes) -> bool:
    """Whether this is what nbgrader's submit writes: it becomes part of a file's name when feedback is released."""
    return len(data) == 128 and all(byte in b"0123456789abcdef" for byte in data)


class OwnedCollect(ExchangeCollect):
    """nbgrader's collect, for an exchange that students may attack. `refused` and `remarks` say what was found."""

    largest_file = Integer(20_000_000, help="bytes of the largest file that is taken").tag(config=True)
    most_files = Integer(20, help="the most notebooks that one hand-in may hold").tag(config=True)

    def init_src(self):
        self.inbound_path = os.path.join(self.root, self.coursedir.course_id, "inbound")
        if not self.coursedir.course_id or not check_mode(self.inbound_path, read=True, execute=True):
            self.fail(f"There is no inbound folder that you may read: {self.inbound_path}")
        self.refused, self.remarks = [], []
        due, newest = self._due(), {}
        for folder in sorted(os.listdir(self.inbound_path)):
            found = self._asked(folder)
            rank = found and (due is None or found.time <= due, found.time)
            if found and (found.student not in newest or rank >= newest[found.student][0]):
                files = self._read(found)
                if files is not None:
                    newest[found.student] = rank, found, files
        self.src_records = [(found, files) for _, found, files in newest.values()]

    def _due(self) -> datetime | None:
        """The due date, where nbgrader is asked for the last hand-in before it (`before_duedate`)."""
        if not self.before_duedate:
            return None
        with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook:
            try:
                return gradebook.find_assignment(self.coursedir.assignment_id).duedate
            except MissingEntry:
                return None

    def _asked(self, folder: str) -> Arrival | None:
        """The hand-in, if it is one of this assignment, and of the student that is collected."""
        try:
            found = arrival(folder)
        except RefusedError as reason:
            return self._refuse(folder, reason)
        wanted = self.coursedir.student_id
        asked = found.assignment == self.coursedir.assignment_id and wanted in ("*", "", found.student)
        return found if asked else None

    def _read(self, found: Arrival) -> dict[str, bytes] | None:
        """The files of a hand-in by name, or None when it is refused."""
        try:
            with opened(os.path.join(self.inbound_path, found.folder)) as folder:
                status = os.fstat(folder)
                if not stat.S_ISDIR(status.st_mode):
                    raise RefusedError("it is no folder")
                self._compare_owner(found, status.st_uid)
                self._compare_time(found, status.st_ctime)
                return self._files(found, folder, status.st_uid)
        except RefusedError as reason:
            return self._refuse(found.folder, reason)

    def _compare_owner(self, found: Arrival, uid: int) -> None:
        owner = name_of(uid)
        if self.check_owner and owner != found.student:
            raise RefusedError(f"handed in by {owner} under the name of {found.student}")

    def _compare_time(self, found: Arrival, changed: float) -> None:
        """A student writes the time; when a folder last changed, the system does."""
        told = found.time.replace(tzinfo=None)
        late = (datetime.fromtimestamp(changed, UTC).replace(tzinfo=None) - told).total_seconds()
        if abs(late) > APART_SECONDS:
            when = f"{abs(late) / 60:.0f} minutes {'later' if late > 0 else 'earlier'}"
            self.remarks.append((found.student, f"says {told:%Y-%m-%d %H:%M}, and last changed {when}"))

    def _files(self, found: Arrival, folder: int, owner: int) -> dict[str, bytes]:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".ipynb"))
        if not names:
            raise RefusedError("there is no notebook in it")
        if len(names) > self.most_files:
            raise RefusedError(f"it holds {len(names)} notebooks")
        files = {name: contents(folder, name, owner, self.largest_file) for name in names}
        files[TIMESTAMP] = found.told.encode()
        try:
            secret = contents(folder, SECRET, owner, 1000)
        except RefusedError:
            secret = b""
        if not is_secret(secret):
            self.remarks.append((found.student, "no usable secret: this student cannot fetch feedback alone"))
            secret = secrets.token_hex(64).encode()
        return files | {SECRET: secret}

    def _refuse(self, folder: str, reason) -> None:
        self.refused.append((folder, str(reason)))
        self.log.error("Refused %r: %s", folder, reason)

    def copy_files(self):
        for found, files in self.src_records:
            place = Path(
                self.coursedir.format_path(
                    self.coursedir.submitted_directory, found.student, self.coursedir.assignment_id
                )
            )
            if self._is_news(place, found):
                self.log.info("Collecting %s of %s", found.assignment, found.student)
                store(place, files)
        for student, remark in self.remarks:
            self.log.warning("%s: %s", student, remark)

    def _is_news(self, place: Path, found: Arrival) -> bool:
        if not place.is_dir():
            return True
        known = self.coursedir.get_existing_timestamp(str(place))
        return self.update and (known is None or found.time > known)


def store(place: Path, files: dict[str, bytes]) -> None:
    """Write a hand-in, whole or not at all; what was there before is replaced."""
    fresh = place.with_name(f".{place.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for name, data in files.items():
        (fresh / name).write_bytes(data)
    shutil.rmtree(place, ignore_errors=True)
    fresh.rename(place)
