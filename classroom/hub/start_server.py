"""Starts the server of one student, as that student: a private home, a limit on memory, the lessons to work in.

The hub runs this after it has become the student, so nothing here has more rights than the student has.
"""

import os
import resource
import shutil
import sys
from contextlib import suppress
from pathlib import Path

COURSE = Path(__file__).resolve().parents[2]
LESSONS = Path("softmax")


def limit_memory(size: int) -> None:
    """For each process of the student: one that asks for more gets a MemoryError, and the others go on."""
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


def bring_lessons(home: Path) -> None:
    """Copy what is missing; what the student has is never touched."""
    for folder, pattern in (("notebooks", "*.ipynb"), ("docs", "*")):
        for source in sorted((COURSE / folder).glob(pattern)):
            copy = home / LESSONS / folder / source.name
            if source.is_file() and not copy.exists():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, copy)


def main() -> None:
    home = Path.home()
    os.umask(0o077)
    with suppress(OSError):
        home.chmod(0o700)
    with suppress(OSError):  # a full disk must not keep a student out
        bring_lessons(home)
    limit_memory(int(os.environ.get("HUB_MEMORY", "4000000000")))
    os.chdir(home)
    os.execv(sys.executable, [sys.executable, "-m", "jupyterhub.singleuser", *sys.argv[1:]])


if __name__ == "__main__":
    main()
