"""Hand-ins from the zip that Moodle or Canvas makes of an assignment.

Nothing is ever unpacked to a path that the archive names: each notebook is read into memory, up to a limit, and
written to a place that this module names. So a path out of the folder can do no harm, and is refused all the same,
for it shows that somebody tried; so are links, locked files, archives in the archive and what would grow too large.
Each refusal has a reason, and the other hand-ins are taken.

How the two systems name a file (`jane`, `1234567` and `1` are theirs; the rest is what the student called it):

    Moodle  Jane Doe_1234567_assignsubmission_file_/softmax.ipynb     one folder a student
            Jane Doe_1234567_assignsubmission_file_softmax.ipynb      or none
    Canvas  doejane_1234567_7654321_softmax-1.ipynb                   with LATE_ after the name when it is late

The number is the student's id here too, unless a roster tells it: a CSV with the columns `lms` (that number) and `id`.
"""

from __future__ import annotations

import csv
import re
import stat
import zipfile
import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath

from classroom.collection import TIMESTAMP, store

MOST_ENTRIES = 20_000
LARGEST_NOTEBOOK = 20_000_000
LARGEST_IN_ALL = 2_000_000_000
MOST_GROWTH = 200  # a notebook of text shrinks 5 to 20 times; one that grows more than this was made to
GROWTH_ALLOWED = 1_000_000  # below this size nothing can be gained by growing

MOODLE = re.compile(r"(?P<name>[^/]*?)_(?P<lms>\d+)_assignsubmission_file_/?(?P<file>.*)")
CANVAS = re.compile(r"(?P<name>[^/_]+)_(?:LATE_)?(?P<lms>\d+)_\d+_(?P<file>[^/]*)")
ARCHIVES = {".zip", ".gz", ".tar", ".tgz", ".7z", ".rar", ".bz2", ".xz"}


class RefusedError(Exception):
    """A file of the archive that is not taken; the message says why."""


@dataclass(frozen=True)
class Upload:
    """One notebook of one student."""

    lms: str
    name: str
    file: str
    time: datetime
    data: bytes


@dataclass
class Collected:
    """What an archive held: students whose hand-in is stored, what was refused, what the teacher should know."""

    students: dict[str, str] = field(default_factory=dict)  # id: the name that the system writes
    refused: list[tuple[str, str]] = field(default_factory=list)
    remarks: list[tuple[str, str]] = field(default_factory=list)

    def __str__(self):
        lines = [f"{len(self.students)} hand-ins stored"]
        lines += [f"refused {name!r}: {reason}" for name, reason in self.refused]
        lines += [f"{student}: {remark}" for student, remark in self.remarks]
        return "\n".join(lines)


def collect(
    archive: Path, assignment: str, submitted: Path, roster: dict[str, str] | None = None
) -> Collected:
    """Store the hand-ins of an archive as submitted/STUDENT/ASSIGNMENT/ASSIGNMENT.ipynb.

    Raises: RefusedError when the file is no zip, or holds more entries than a class hands in.
    """
    found, uploads = Collected(), defaultdict(list)
    for upload in _uploads(archive, found):
        uploads[upload.lms].append(upload)
    for lms, own in sorted(uploads.items()):
        if len({upload.name for upload in own}) > 1:
            names = ", ".join(sorted({upload.name for upload in own}))
            found.refused.append((lms, f"handed in under several names, {names}: look at them yourself"))
            continue
        chosen = _chosen(own, assignment, found)
        student = (roster or {}).get(lms, lms)
        if roster is not None and lms not in roster:
            found.remarks.append((lms, f"{chosen.name} is not on the roster"))
        files = {
            f"{assignment}.ipynb": chosen.data,
            TIMESTAMP: f"{chosen.time:%Y-%m-%d %H:%M:%S} UTC".encode(),
        }
        store(submitted / student / assignment, files)
        found.students[student] = chosen.name
    return found


def read_roster(file: Path) -> dict[str, str]:
    """The number that the LMS has for a student, and the student's id here.

    Raises: RefusedError for an id that could not be a folder's name.
    """
    with file.open(newline="", encoding="utf-8-sig") as stream:
        rows = {row["lms"].strip(): row["id"].strip() for row in csv.DictReader(stream) if row.get("lms")}
    for student in rows.values():
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@-]*", student):
            raise RefusedError(f"{student!r} on the roster cannot be an id: letters, digits and . _ @ - only")
    if len(set(rows.values())) < len(rows):
        raise RefusedError("the roster gives one id to two numbers")
    return rows


def _uploads(archive: Path, found: Collected):
    """Every notebook that is sound; the others are noted as refused."""
    try:
        opened = zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise RefusedError(f"{archive} cannot be read as a zip: {error}") from None
    with opened as zipped:
        entries = [entry for entry in zipped.infolist() if not entry.is_dir()]
        if len(entries) > MOST_ENTRIES:
            raise RefusedError(
                f"{archive} holds {len(entries)} files; a class hands in fewer than {MOST_ENTRIES}"
            )
        room = LARGEST_IN_ALL
        for entry in entries:
            try:
                upload = _upload(zipped, entry, room)
            except RefusedError as reason:
                found.refused.append((entry.filename, str(reason)))
                continue
            room -= len(upload.data)
            yield upload


def _upload(zipped, entry, room: int) -> Upload:
    parts = _named(entry)
    limit = min(LARGEST_NOTEBOOK, room)
    if entry.file_size > limit:
        raise RefusedError(f"it would unpack to {entry.file_size:,} bytes")
    if entry.file_size > max(GROWTH_ALLOWED, MOST_GROWTH * entry.compress_size):
        raise RefusedError(f"it would grow from {entry.compress_size:,} to {entry.file_size:,} bytes")
    return Upload(parts["lms"], parts["name"], parts["file"], _time(entry), _data(zipped, entry, limit))


def _named(entry) -> dict[str, str]:
    """What the system tells by a file's name. Refuses what is no notebook, and what tries to be elsewhere."""
    name = entry.filename
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise RefusedError("it is a link")
    if (
        name.startswith("/")
        or "\\" in name
        or ".." in PurePosixPath(name).parts
        or re.match(r"[A-Za-z]:", name)
    ):
        raise RefusedError("its path leads out of the folder")
    if any(not letter.isprintable() for letter in name):
        raise RefusedError("its name holds characters that cannot be seen")
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in ARCHIVES:
        raise RefusedError("an archive in the archive: ask for the notebook itself")
    if suffix != ".ipynb":
        raise RefusedError("no notebook")
    if len(re.findall(r"_\d+_assignsubmission_file_", name)) > 1:
        raise RefusedError("its name names two students")
    parts = MOODLE.fullmatch(name) or CANVAS.fullmatch(name)
    if not parts:
        raise RefusedError("not named as Moodle or Canvas name a hand-in")
    return parts.groupdict()


def _data(zipped, entry, limit: int) -> bytes:
    """The bytes of one entry. The size that an archive states may be a lie, so reading stops by itself."""
    if entry.flag_bits & 1:
        raise RefusedError("it is locked with a password")
    try:
        with zipped.open(entry) as stream:
            data = stream.read(limit + 1)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, ValueError) as error:
        raise RefusedError(f"it is damaged: {error}") from None
    if len(data) > limit:
        raise RefusedError("it unpacks to more than it states")
    return data


def _time(entry) -> datetime:
    try:
        return datetime(*entry.date_time)
    except ValueError:
        return datetime(1980, 1, 1)


def _attempt(file: str) -> int:
    """Canvas counts a student's hand-ins: softmax.ipynb, softmax-1.ipynb, ... softmax-10.ipynb."""
    counted = re.search(r"-(\d{1,4})\.ipynb$", file)
    return int(counted[1]) if counted else 0


def _chosen(own: list[Upload], assignment: str, found: Collected) -> Upload:
    """The notebook that counts: named after the assignment if one is, and of those the latest."""
    named = [upload for upload in own if assignment in upload.file] or own
    chosen = max(named, key=lambda upload: (upload.time, _attempt(upload.file)))
    if len(own) > 1:
        found.remarks.append((chosen.lms, f"{len(own)} notebooks; counted: {chosen.file!r} of {chosen.time}"))
    return chosen
