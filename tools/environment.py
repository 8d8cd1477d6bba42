"""Prepare .venv for this course; needs nothing but Python.

    python tools/environment.py learner        what a learner's machine gets
    python tools/environment.py development    the same, and what the tests need
    python tools/environment.py browser        find or install a Chromium, print where it is

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

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
LOCK = ROOT / "requirements" / "lock.txt"
LAB_SETTINGS = sorted((ROOT / "tools" / "labconfig").glob("*.json"))
REQUIREMENTS = {
    "learner": ROOT / "requirements.txt",
    "development": ROOT / "requirements" / "development.txt",
}
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


def fingerprint():
    """Everything that decides what is in .venv."""
    files = [*REQUIREMENTS.values(), LOCK, ROOT / "pyproject.toml", *LAB_SETTINGS]
    parts = [str(ROOT).encode(), repr(sys.version_info[:2]).encode(), *(file.read_bytes() for file in files)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def ready(kind):
    """True when .venv holds this kind, or the larger one, at this fingerprint."""
    kinds = {"learner": ["learner", "development"], "development": ["development"]}[kind]
    stamps = [VENV / f"{name}.stamp" for name in kinds]
    return PYTHON.exists() and any(s.exists() and s.read_text() == fingerprint() for s in stamps)


def same_python():
    """True when .venv was made by this minor version of Python, in this folder."""
    config = VENV / "pyvenv.cfg"
    version = f"{sys.version_info.major}.{sys.version_info.minor}."
    return PYTHON.exists() and config.exists() and f"= {version}" in config.read_text()


def create():
    if same_python():
        return
    shutil.rmtree(VENV, ignore_errors=True)
    if uv():
        run(*uv(), "venv", "--quiet", "--seed", "--python", sys.executable, VENV)
        return
    try:
        run(sys.executable, "-m", "venv", VENV)
    except subprocess.CalledProcessError:
        sys.exit("Python could not make .venv. On Debian and Ubuntu: sudo apt install python3-venv")


def settle_lab():
    """JupyterLab asks for no news, and opens the glossary as a page."""
    place = VENV / "etc" / "jupyter" / "labconfig"
    place.mkdir(parents=True, exist_ok=True)
    for file in LAB_SETTINGS:
        shutil.copy(str(file), str(place))


def prepare(kind):
    if ready(kind):
        return
    if not os.access(str(ROOT), os.W_OK):
        sys.exit(
            f"{ROOT} cannot be written, so .venv cannot be made in it. Copy the course to a folder of your own."
        )
    create()
    installer = [*uv(), "pip", "install", "--python", PYTHON] if uv() else [PYTHON, "-m", "pip", "install"]
    run(*installer, "--quiet", "-r", REQUIREMENTS[kind], "-c", LOCK, "-e", ".")
    settle_lab()
    (VENV / f"{kind}.stamp").write_text(fingerprint())


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


def install_browser():
    """Debian's package first, for it brings its libraries; then the copy that playwright fetches."""
    prefix = administrator()
    if prefix is not None:
        print("+ apt-get install chromium", file=sys.stderr, flush=True)
        succeeds(*prefix, "apt-get", "-qq", "update")
        succeeds(*prefix, "apt-get", "-qq", "-y", "--no-install-recommends", "install", "chromium")
    if not find_browser():
        run(PYTHON, "-m", "playwright", "install", "chromium")


def browser():
    prepare("development")
    if not find_browser():
        install_browser()
    print(find_browser() or sys.exit("No Chromium found or installed; set CHROMIUM=/path/to/a/chromium"))


def main(arguments):
    commands = {**{kind: lambda kind=kind: prepare(kind) for kind in REQUIREMENTS}, "browser": browser}
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
