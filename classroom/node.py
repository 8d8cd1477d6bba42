"""What the classroom takes from npm, at the versions that node_env/package-lock.json pins, in build/node.

`package(name)` installs all of it the first time, and again when the lock changes; never for the whole machine.
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PINNED = Path(__file__).parent / "node_env"
PLACE = ROOT / "build" / "node"


def package(name: str) -> Path:
    """The folder of an installed package."""
    if not _is_current():
        _install()
    return PLACE / "node_modules" / name


def _is_current() -> bool:
    stamp = PLACE / "installed.json"
    return stamp.exists() and stamp.read_bytes() == (PINNED / "package-lock.json").read_bytes()


def _install() -> None:
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is missing: it comes with Node.js (on Debian and Ubuntu: sudo apt install npm)")
    PLACE.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PINNED / name, PLACE)
    print("+ npm ci", file=sys.stderr, flush=True)
    command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", PLACE]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    shutil.copy(PINNED / "package-lock.json", PLACE / "installed.json")
