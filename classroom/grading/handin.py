"""Reading what was handed in: one notebook, found and opened with care.

A link, a pipe or a device is never followed; a file that is too large or no notebook is an `Unreadable`, with the
reason.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

LARGEST = 100 << 20
LARGEST_CELL, MOST_CELLS, LARGEST_CODE = 200_000, 500, 2_000_000


class Unreadable(Exception):
    """Why this hand-in cannot be graded."""


@dataclass(frozen=True)
class Cell:
    """A cell of a hand-in: its kind, its source, and the ids by which a teacher's cell is known."""

    kind: str
    source: str
    ids: tuple[str, ...]


def find(path, expected) -> tuple[Path, list[str]]:
    """The notebook at this path or in this folder, and what is worth noting about its name."""
    path = Path(path)
    if path.is_symlink():
        raise Unreadable("It is a link, and links are not followed.")
    if not path.is_dir():
        return path, []
    found = sorted(
        Path(entry.path)
        for entry in os.scandir(path)
        if entry.name.endswith(".ipynb") and not entry.is_dir(follow_symlinks=False)
    )
    if path / expected in found:
        return path / expected, []
    if len(found) == 1:
        return found[0], [f"The file is called {found[0].name!r}, not {expected!r}."]
    raise Unreadable(
        f"{len(found)} notebooks, and none is called {expected}." if found else "There is no notebook."
    )


def read(path) -> bytes:
    """The bytes of a regular file of bounded size."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise Unreadable(_SAID.get(type(error), "It is a link, or it cannot be opened.")) from error
    with os.fdopen(descriptor, "rb") as file:
        known = os.fstat(descriptor)
        if not stat.S_ISREG(known.st_mode):
            raise Unreadable("It is no regular file.")
        if known.st_size > LARGEST:
            raise Unreadable(
                f"It has {known.st_size >> 20} MiB; the largest that is read has {LARGEST >> 20}."
            )
        return file.read(LARGEST + 1)


_SAID = {FileNotFoundError: "There is no such file.", PermissionError: "It may not be read."}


def cells_of(data) -> tuple[list[Cell], list[str]]:
    """The cells of a notebook, and notes about those that are left out."""
    notebook = _parsed(data)
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise Unreadable("It is JSON, and no notebook: it has no list of cells.")
    found = [_cell(raw) for raw in notebook["cells"][:MOST_CELLS] if isinstance(raw, dict)]
    notes = [f"Only the first {MOST_CELLS} cells were read."] if len(notebook["cells"]) > MOST_CELLS else []
    kept, code = [], 0
    for number, cell in enumerate(found, 1):
        code += len(cell.source)
        if len(cell.source) > LARGEST_CELL or code > LARGEST_CODE:
            notes.append(f"Cell {number} is too long to be read.")
        else:
            kept.append(cell)
    return kept, notes


def _parsed(data):
    if len(data) > LARGEST:
        raise Unreadable("It is too large.")
    try:
        return json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Unreadable("It is no text in UTF-8.") from error
    except RecursionError as error:
        raise Unreadable("Its JSON is nested too deeply.") from error
    except MemoryError as error:
        raise Unreadable("It is too large to be read.") from error
    except ValueError as error:
        raise Unreadable(f"It is no valid JSON: {str(error)[:120]}.") from error


def _cell(raw):
    source = raw.get("source", "")
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    metadata = raw.get("metadata") if isinstance(raw.get("metadata"), dict) else {}
    nbgrader = metadata.get("nbgrader") if isinstance(metadata.get("nbgrader"), dict) else {}
    ids = [value for value in (nbgrader.get("grade_id"), raw.get("id")) if isinstance(value, str)]
    return Cell(str(raw.get("cell_type")), source if isinstance(source, str) else "", tuple(ids))
