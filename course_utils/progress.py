"""What you have done so far: one JSON file on your own machine, readable, exportable, deletable.

The file's place is `path()`: the environment variable COURSE_PROGRESS when it is set ("off" records
nothing), otherwise the system's folder for application data, or the browser's own storage where Python runs in a
page. Nothing leaves this machine.

A write goes to a temporary file that replaces the old one in a single step, so a crash leaves the old
or the new file, never half of one; what a killed write left behind is cleared away by a later one. Two
notebooks at once take turns at a lock. A file that cannot be read is moved aside under a new name, never
overwritten, and only by who holds the lock and has read it again: another notebook may have repaired it.
COURSE_PROGRESS must name a file, or nothing yet: a folder or a device is refused.

Review is spaced: a solved exercise comes back after 1, 3, 7, 21 and 60 days; each time it is solved when
due, the interval grows; a wrong answer starts again at one day.
"""

from __future__ import annotations

import glob
import json
import os
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from pathlib import Path

VERSION = 1
INTERVALS_DAYS = (1, 3, 7, 21, 60)
LOCK_SECONDS = 5.0
OUTCOMES = ("correct", "incorrect")
RUBBISH_SECONDS = 60.0  # a temporary file of this age belongs to no write that is still going on


def path() -> Path | None:
    """Where the results are kept, or None when COURSE_PROGRESS is "off"."""
    chosen = os.environ.get("COURSE_PROGRESS", "")
    if chosen.lower() == "off":
        return None
    if chosen:
        return Path(chosen).expanduser()
    return _data_folder() / "stable-softmax-course" / "progress.json"


def load() -> dict:
    """All results: {"version": 1, "exercises": {key: {"solved": ..., "attempts": ..., "due": ...}}}."""
    file = path()
    if file is None:
        return _empty()
    _refuse_what_is_no_file(file)
    try:
        return _parsed(file)
    except _UnreadableError:
        with _locked(file):
            return _read(file)


def record(key: str, outcome: str, today: date | None = None) -> dict:
    """Add one outcome, "correct" or "incorrect", and return the exercise's entry.

    Raises: OSError when the file cannot be written or is no file; ValueError when a newer course wrote it, and
        for another outcome; TypeError for a key that is no text.
    """
    if not isinstance(key, str):
        raise TypeError(f"key must be the text that names an exercise; got {type(key).__name__}")
    if outcome not in OUTCOMES:
        raise ValueError(f"outcome must be one of {', '.join(OUTCOMES)}; got {outcome!r}")
    file, today = path(), today or date.today()
    if file is None:
        return {}
    _refuse_what_is_no_file(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    with _locked(file):
        results = _read(file)
        entry = _updated(results["exercises"].get(key, {}), outcome == "correct", today)
        results["exercises"][key] = entry
        _write(file, results)
    return entry


def note(key: str, outcome: str) -> bool:
    """As `record`, for a check: False instead of an error, since a full disk must not stop a lesson."""
    try:
        record(key, outcome)
    except (OSError, ValueError, TypeError):
        return False
    return True


def attempts(key: str) -> int:
    """How often this exercise was tried on this machine; 0 also where the file cannot be read."""
    try:
        return load()["exercises"].get(key, {}).get("attempts", 0)
    except (OSError, ValueError):
        return 0


def due(today: date | None = None) -> list[str]:
    """The solved exercises whose review is due, the longest overdue first."""
    today = (today or date.today()).isoformat()
    entries = load()["exercises"].items()
    return [key for day, key in sorted((e["due"], key) for key, e in entries if e.get("due")) if day <= today]


def lesson_rows(keys, today: date | None = None) -> list[dict[str, str]]:
    """The course at a glance, one row a lesson: solved, due for review today, and what comes next.

    `keys` are the exercises in the order of the course, "03.max_shift" belongs to lesson 03.
    """
    entries, due_today = load()["exercises"], set(due(today))
    unsolved = [key for key in keys if not entries.get(key, {}).get("solved")]
    rows = []
    for lesson in dict.fromkeys(key[:2] for key in keys):
        own = [key for key in keys if key[:2] == lesson]
        rows.append(
            {
                "lesson": lesson,
                "solved": f"{len(set(own) - set(unsolved))} of {len(own)}",
                "to review today": ", ".join(_name(key) for key in own if key in due_today) or "-",
                "next": ", ".join(_name(key) for key in unsolved[:1] if key in own) or "-",
            }
        )
    return rows


def export(to, overwrite: bool = False) -> Path:
    """Copy the results to another file and return its path.

    Raises: FileExistsError when there is a file already and `overwrite` is not True; IsADirectoryError for a
        folder; FileNotFoundError when the folder does not exist.
    """
    to = Path(to).expanduser()
    if to.is_dir():
        raise IsADirectoryError(f"{to} is a folder; name a file in it, such as {to / 'my_results.json'}")
    if not to.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {to.parent}; make it first, or choose another")
    _refuse_what_is_no_file(to)
    if to.exists() and not overwrite:
        raise FileExistsError(f"{to} exists already; export(..., overwrite=True) replaces it")
    _write(to, load())
    return to


def delete() -> bool:
    """Delete the results; True if there were any."""
    file = path()
    if file is None or not file.exists():
        return False
    _refuse_what_is_no_file(file)
    with _locked(file):
        file.unlink(missing_ok=True)
    return True


def _name(key) -> str:
    return key.partition(".")[2]


def _empty() -> dict:
    return {"version": VERSION, "exercises": {}}


def _updated(entry, correct, today) -> dict:
    """One exercise's entry after one more answer; `box` is the place of its interval in INTERVALS_DAYS."""
    box, due_day = entry.get("box"), entry.get("due")
    moves = due_day is None or due_day <= today.isoformat()
    if correct and moves:
        box = 0 if box is None else min(box + 1, len(INTERVALS_DAYS) - 1)
    if not correct and box is not None:
        box, moves = 0, True
    if box is not None and moves:
        due_day = (today + timedelta(days=INTERVALS_DAYS[box])).isoformat()
    return {
        "attempts": entry.get("attempts", 0) + 1,
        "solved": entry.get("solved") or (today.isoformat() if correct else None),
        "last": today.isoformat(),
        "box": box,
        "due": due_day,
    }


class _UnreadableError(Exception):
    """The file is there, and does not hold what this version writes."""


def _refuse_what_is_no_file(file: Path) -> None:
    """A replacement in one step would put a file in the place of a device or of a link to one."""
    if file.exists() and not file.is_file():
        what = "a folder" if file.is_dir() else "no regular file"
        raise OSError(f"{file} is {what}. COURSE_PROGRESS must name a file, or be off.")


def _read(file: Path) -> dict:
    """The results, by who holds the lock: a file that cannot be read is moved aside."""
    try:
        return _parsed(file)
    except _UnreadableError:
        _move_aside(file)
        return _empty()


def _parsed(file: Path) -> dict:
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return _empty()
    try:
        results = json.loads(content.decode())
        sound = _is_sound(results)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise _UnreadableError
    if results["version"] > VERSION:
        raise ValueError(f"{file} was written by a newer version of the course; it is left as it is")
    return results


def _is_sound(results) -> bool:
    """Does the file say what this version reads? A newer version's file is left to `_read`."""
    if results["version"] > VERSION:
        return True
    return all(
        isinstance(entry["attempts"], int)
        and (entry["box"] is None or 0 <= entry["box"] < len(INTERVALS_DAYS))
        and all(entry[day] is None or date.fromisoformat(entry[day]) for day in ("solved", "last", "due"))
        for entry in results["exercises"].values()
    )


def _move_aside(file: Path) -> Path:
    """Keep an unreadable file under a name that says when it was found."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S-%f")
    aside = file.with_name(f"{file.stem}.unreadable-{stamp}{file.suffix}")
    with suppress(FileNotFoundError):
        os.replace(file, aside)
    return aside


def _write(file: Path, results: dict) -> None:
    text = json.dumps(results, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.", suffix=".new")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        _replace(name, file)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    _clear_away(file)


def _clear_away(file: Path) -> None:
    """Delete the temporary files of writes that were killed."""
    oldest = time.time() - RUBBISH_SECONDS
    for left in file.parent.glob(f".{glob.escape(file.name)}.*.new"):
        with suppress(OSError):
            if left.stat().st_mtime < oldest:
                left.unlink()


def _replace(name, file) -> None:
    """os.replace; on Windows another program (a virus scanner) may hold the file for a moment."""
    for pause in (0.02, 0.1, 0.5):
        try:
            return os.replace(name, file)
        except PermissionError:
            time.sleep(pause)
    return os.replace(name, file)


@contextmanager
def _locked(file: Path):
    """Hold the lock beside the file; the system releases it when the process dies."""
    with open(file.with_name(file.name + ".lock"), "a+b") as lock:
        deadline = time.monotonic() + LOCK_SECONDS
        while not _taken(lock):
            if time.monotonic() > deadline:
                raise TimeoutError(f"another program has held {lock.name} for {LOCK_SECONDS:g} s")
            time.sleep(0.02)
        try:
            yield
        finally:
            _release(lock)


if sys.platform == "win32":
    import msvcrt

    def _taken(lock) -> bool:
        lock.seek(0)
        try:
            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _release(lock) -> None:
        lock.seek(0)
        msvcrt.locking(lock.fileno(), msvcrt.LK_UNLCK, 1)

    def _data_folder() -> Path:
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")

elif sys.platform == "emscripten":  # Python in a page: one process, and no lock to take

    def _taken(lock) -> bool:
        return True

    def _release(lock) -> None:
        pass

    def _data_folder() -> Path:
        kept = Path("/drive")  # JupyterLite's: all other files are gone with the page
        return kept if kept.is_dir() else Path.home()

else:
    import fcntl

    def _taken(lock) -> bool:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _release(lock) -> None:
        fcntl.flock(lock, fcntl.LOCK_UN)

    def _data_folder() -> Path:
        return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
