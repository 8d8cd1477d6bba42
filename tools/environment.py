"""Prepare an environment for this course; needs nothing but Python.

    python tools/environment.py learner        .venv: what a learner's machine gets
    python tools/environment.py development    .venv: the same, and what the tests need
    python tools/environment.py classroom      .venv-classroom: what a teacher's machine gets
    python tools/environment.py site           .venv-site: what builds the pages
    python tools/environment.py lite           .venv-lite: what builds the copy that runs in a browser
    python tools/environment.py browser        find or install a Chromium, print where it is
    python tools/environment.py sandbox        find or install bubblewrap, in which hand-ins are graded

A second run compares a hash and stops there. uv installs where it is found, pip where it is not.
The syntax is old enough for Python 3.6, so that an old Python can say what is wrong.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
LAB_SETTINGS = sorted((ROOT / "tools" / "labconfig").glob("*.json"))


class Kind(NamedTuple):
    """One environment. nbgrader and the page builders stay out of a learner's JupyterLab by their own folders."""

    folder: Path
    requirements: Path
    lock: Path
    serves: tuple  # the kinds that are content with this one

    @property
    def python(self):
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def kind_of(folder, requirements, lock, serves):
    return Kind(ROOT / folder, ROOT / requirements, ROOT / "requirements" / lock, serves)


KINDS = {
    "learner": kind_of(".venv", "requirements.txt", "lock.txt", ("learner",)),
    "development": kind_of(".venv", "requirements/development.txt", "lock.txt", ("learner", "development")),
    "classroom": kind_of(
        ".venv-classroom", "requirements/classroom.txt", "classroom.lock.txt", ("classroom",)
    ),
    "site": kind_of(".venv-site", "requirements/site.txt", "site.lock.txt", ("site",)),
    "lite": kind_of(".venv-lite", "requirements/lite.txt", "lite.lock.txt", ("lite",)),
}
PYTHON = KINDS["development"].python
BROWSER_NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge"]
BROWSER_PLACES = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
]


def run(*command):
    print("+", *command, file=sys.stderr, flush=True)
    subprocess.run([str(part) for part in command], check=True, cwd=ROOT)


def uv():
    """The uv command as a list, empty where there is none."""
    found = shutil.which("uv")
    if found:
        return [found]
    return [sys.executable, "-m", "uv"] if importlib.util.find_spec("uv") else []


def fingerprint(kind):
    """Everything that decides what is in this kind's folder."""
    here = [k for k in KINDS.values() if k.folder == kind.folder]
    files = [*(k.requirements for k in here), kind.lock, ROOT / "pyproject.toml", *LAB_SETTINGS]
    parts = [str(ROOT).encode(), repr(sys.version_info[:2]).encode(), *(file.read_bytes() for file in files)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def stamp(name):
    return KINDS[name].folder / f"{name}.stamp"


def ready(name):
    """True when the folder holds this kind, or one that serves it, at this fingerprint."""
    kind = KINDS[name]
    stamps = [stamp(other) for other, k in KINDS.items() if name in k.serves]
    return kind.python.exists() and any(s.exists() and s.read_text() == fingerprint(kind) for s in stamps)


def same_python(kind):
    """True when the folder was made by this minor version of Python, in this place."""
    config = kind.folder / "pyvenv.cfg"
    version = f"{sys.version_info.major}.{sys.version_info.minor}."
    return kind.python.exists() and config.exists() and f"= {version}" in config.read_text()


def open_to_others(path):
    """True when other accounts can run this file: none of the folders above it is closed to them."""
    return all(place.stat().st_mode & 0o001 for place in Path(path).resolve().parents)


def interpreter(kind):
    """This Python; for a class of several accounts, its twin in a place that all of them can read."""
    if kind.folder.name != ".venv-classroom" or os.name == "nt" or open_to_others(sys.executable):
        return sys.executable
    name = "python{}.{}".format(*sys.version_info[:2])
    twins = [path for path in (f"/usr/local/bin/{name}", f"/usr/bin/{name}") if Path(path).exists()]
    return twins[0] if twins and uv() else sys.executable


def create(kind):
    if same_python(kind):
        return
    shutil.rmtree(kind.folder, ignore_errors=True)
    if uv():
        run(*uv(), "venv", "--quiet", "--seed", "--python", interpreter(kind), kind.folder)
        return
    try:
        run(sys.executable, "-m", "venv", kind.folder)
    except subprocess.CalledProcessError:
        name = kind.folder.name
        sys.exit(f"Python could not make {name}. On Debian and Ubuntu: sudo apt install python3-venv")


def settle_lab(kind):
    """JupyterLab asks for no news, and opens the glossary as a page."""
    place = kind.folder / "etc" / "jupyter" / "labconfig"
    place.mkdir(parents=True, exist_ok=True)
    for file in LAB_SETTINGS:
        shutil.copy(str(file), str(place))


def compiled_now(kind):
    """True where nobody compiles at a first import: other accounts may not write here, or Python is told not to.

    Each start would then compile NumPy and all the rest again: seconds, for every kernel. (pip always compiles.)
    """
    return sys.dont_write_bytecode or kind.folder.name == ".venv-classroom"


def prepare(name):
    if ready(name):
        return
    kind = KINDS[name]
    if not os.access(str(ROOT), os.W_OK):
        sys.exit(
            f"{ROOT} cannot be written, so {kind.folder.name} cannot be made in it. "
            "Copy the course to a folder of your own."
        )
    create(kind)
    pip = (
        [*uv(), "pip", "install", "--python", kind.python] if uv() else [kind.python, "-m", "pip", "install"]
    )
    if uv() and compiled_now(kind):
        pip.append("--compile-bytecode")
    run(*pip, "--quiet", "-r", kind.requirements, "-c", kind.lock, "-e", ".")
    settle_lab(kind)
    stamp(name).write_text(fingerprint(kind))


ASK_PLAYWRIGHT = """
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)
"""


def playwright_browser():
    """Playwright's own Chromium, None where it has not been fetched."""
    answer = subprocess.run([str(PYTHON), "-c", ASK_PLAYWRIGHT], capture_output=True, text=True)
    path = answer.stdout.strip()
    return path if path and Path(path).exists() else None


def works(path):
    """True when the browser starts: Ubuntu's `chromium-browser` can be a note that points at a snap."""
    if os.name == "nt" or sys.platform == "darwin":
        return True
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def find_browser():
    """Path of a Chromium, Chrome or Edge on this machine, else None. CHROMIUM=path goes first."""
    named = [os.environ.get("CHROMIUM"), *map(shutil.which, BROWSER_NAMES), *BROWSER_PLACES]
    there = (path for path in named if path and Path(path).exists() and works(path))
    return next(there, None) or playwright_browser()


def succeeds(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def administrator():
    """The prefix that lets apt run: [] as root, ["sudo", "-n"] where no password is asked, None otherwise."""
    if not shutil.which("apt-get"):
        return None
    if os.geteuid() == 0:
        return []
    return ["sudo", "-n"] if shutil.which("sudo") and succeeds("sudo", "-n", "true") else None


def install_package(name):
    """Debian's or Ubuntu's package, where this user may install it."""
    prefix = administrator()
    if prefix is not None:
        print("+ apt-get install " + name, file=sys.stderr, flush=True)
        succeeds(*prefix, "apt-get", "-qq", "update")
        succeeds(*prefix, "apt-get", "-qq", "-y", "--no-install-recommends", "install", name)


def install_browser():
    """Debian's package first, for it brings its libraries; then the copy that playwright fetches."""
    install_package("chromium")
    if not find_browser():
        run(PYTHON, "-m", "playwright", "install", "chromium")


def browser():
    prepare("development")
    if not find_browser():
        install_browser()
    print(find_browser() or sys.exit("No Chromium found or installed; set CHROMIUM=/path/to/a/chromium"))


def sandbox():
    if not shutil.which("bwrap"):
        install_package("bubblewrap")
    print(shutil.which("bwrap") or sys.exit("No bubblewrap found or installed: sudo apt install bubblewrap"))


def main(arguments):
    commands = {**{name: lambda name=name: prepare(name) for name in KINDS}, "browser": browser}
    commands["sandbox"] = sandbox
    if len(arguments) != 1 or arguments[0] not in commands:
        sys.exit(__doc__)
    if sys.version_info < (3, 11):  # noqa: UP036 - this file runs before anything has checked
        sys.exit(f"This course needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}.")
    try:
        commands[arguments[0]]()
    except subprocess.CalledProcessError as error:
        sys.exit(f"This step failed: {' '.join(map(str, error.cmd))}")


if __name__ == "__main__":
    main(sys.argv[1:])
