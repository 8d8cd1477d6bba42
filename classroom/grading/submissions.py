"""The hand-ins of a class in one folder: who handed in what, and what is already graded.

    SUBMISSIONS/ada.ipynb                  a notebook for each student
    SUBMISSIONS/ada/overflow.ipynb         a folder for each student
    SUBMISSIONS/ada/overflow/overflow.ipynb    nbgrader's own layout, and its zip collection's

A result is one file, written whole or not at all; its key is a hash of everything that the points depend on.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from classroom import seeds
from classroom.grading import handin
from classroom.grading.grades import Graded

ROOT = Path(__file__).resolve().parents[2]
LONGEST_NAME = 120


@dataclass(frozen=True)
class Task:
    """One hand-in to be graded: whose it is, where it is, and the terms on which it is graded."""

    student: str
    path: Path
    problem_set: object
    seed: str
    own_inputs: bool = False

    def read(self) -> tuple[bytes, list[str]]:
        """The notebook's bytes and notes about its name; raises `handin.Unreadable`."""
        file, notes = handin.find(self.path, self.problem_set.file)
        return handin.read(file), notes

    def key(self, data) -> str:
        """A hash of the hand-in, of the private seed, and of the course that grades it."""
        parts = [
            version(),
            self.problem_set.name,
            seeds.fingerprint(self.seed),
            self.student * self.own_inputs,
        ]
        digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape"))
        digest.update(hashlib.sha256(data).digest())
        return digest.hexdigest()


def tasks(folder, problem_set, seed, own_inputs=False) -> list[Task]:
    """A task for each student in the folder, by name. Links are named, and not followed when their turn comes."""
    found = {}
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
            inner = path / problem_set.name
            found[entry.name] = inner if inner.is_dir() and not inner.is_symlink() else path
        elif entry.is_symlink() or entry.name.endswith(".ipynb"):
            found.setdefault(entry.name.removesuffix(".ipynb"), path)
    return [Task(student, path, problem_set, seed, own_inputs) for student, path in sorted(found.items())]


@cache
def version() -> str:
    """A hash of everything in the course that decides about points."""
    files = [
        *ROOT.glob("classroom/*.py"),
        *ROOT.glob("classroom/*.toml"),
        *ROOT.glob("classroom/grading/*.py"),
    ]
    files += [*ROOT.glob("course_utils/**/*.py"), *ROOT.glob("notebooks/[0-9][0-9]_*.ipynb")]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


class Results:
    """The folder of results, one file a student."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, student, ending=".json") -> Path:
        short = student if len(os.fsencode(student)) <= LONGEST_NAME else _hashed(student)
        return self.folder / f"{short}{ending}"

    def known(self, student, key) -> Graded | None:
        """The stored result of exactly this hand-in, or None."""
        try:
            stored = json.loads(self.path(student).read_text("utf-8"))
            return Graded.from_dict(stored["graded"]) if stored["key"] == key else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def store(self, student, key, graded):
        """Write a result whole: a run that is stopped leaves the old one or the new one."""
        write_whole(self.path(student), json.dumps({"key": key, "graded": graded.as_dict()}, indent=1))


def write_whole(path, text):
    """Write a file so that nobody ever sees a part of it."""
    part = path.with_name(f".{_hashed(path.name)}.part")
    part.write_text(text, "utf-8", errors="backslashreplace")
    os.replace(part, path)


def _hashed(name):
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:24]
