"""Compiled modules for the sandbox, which cannot write any: without them each start would compile NumPy again.

They are made once for a Python, a NumPy and a choice of rooms, in a sandbox in which nothing of a student's runs, and
kept with this user's other caches.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

INSIDE = "/sandbox/bytecode"
SECONDS = 120
_WARM = """
import os, sys
os.umask(0o022)
sys.path[:0] = ["/sandbox/site"]
import ast, contextlib, json, resource, struct, warnings
import ml_dtypes, numpy
for room in sys.argv[1:]: __import__("course_utils." + room)
"""


def folder_for(command, rooms) -> Path | None:
    """The folder of these rooms' bytecode; `command` starts a sandbox. None where it cannot be made."""
    place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "softmax-course"
    named = hashlib.sha256(repr([sys.version, command, *map(_stamp, command)]).encode()).hexdigest()[:24]
    folder = place / f"bytecode-{named}"
    if not folder.is_dir():
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            place.mkdir(parents=True, exist_ok=True)
            _make(folder, command, rooms)
    return folder if folder.is_dir() else None


def _stamp(path):
    """When what is mounted was last changed."""
    with contextlib.suppress(OSError):
        return os.stat(path).st_mtime_ns if path.startswith("/") else None


def _make(folder, command, rooms):
    part = tempfile.mkdtemp(dir=folder.parent)
    os.chmod(part, 0o755)
    at = command.index("--")
    bound = [*command[:at], "--bind", part, INSIDE, *command[at:]]
    try:
        subprocess.run(
            [*bound, "-I", "-S", "-X", f"pycache_prefix={INSIDE}", "-c", _WARM, *rooms],
            env={"LD_LIBRARY_PATH": "/python/lib", "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=True,
        )
        os.rename(part, folder)
    except OSError:
        pass  # another grader was quicker
    finally:
        shutil.rmtree(part, ignore_errors=True)
