"""What grading found, kept in the course's folder: one file for each hand-in, and used again while it is still true.

graded/SET/STUDENT.json     points, feedback and notes, with what they were found from
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from classroom import seeds
from classroom.grading import Graded


@dataclass(frozen=True)
class Records:
    """The results of one problem set in one course; `given` is all else that a grade depends on."""

    folder: Path
    given: str

    @classmethod
    def of(cls, course: Path, name: str, seed: str, own_inputs: bool = False) -> Records:
        return cls(Path(course) / "graded" / name, f"{seeds.fingerprint(seed)} {own_inputs}")

    def file(self, student: str) -> Path:
        return self.folder / f"{student}.json"

    def load(self, student: str, data: bytes) -> Graded | None:
        """The result for exactly this hand-in; None when there is none, or it was another hand-in or another seed."""
        kept = self.last(student)
        return kept[0] if kept and kept[1] == self._mark(data) else None

    def last(self, student: str) -> tuple[Graded, str] | None:
        """The last result, and the mark of what it was found from."""
        try:
            kept = json.loads(self.file(student).read_text("utf-8"))
            return Graded.from_dict(kept["graded"]), kept["from"]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, student: str, data: bytes, graded: Graded) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self.file(student).with_suffix(".new")
        fresh.write_text(
            json.dumps({"from": self._mark(data), "graded": graded.as_dict()}, indent=1), "utf-8"
        )
        os.replace(fresh, self.file(student))

    def _mark(self, data: bytes) -> str:
        return hashlib.sha256(self.given.encode() + b"\0" + data).hexdigest()
