"""One archive from which a room without internet installs the course: build/course-offline-SYSTEM-pyVERSION.zip

    python tools/offline.py [FOLDER]

Holds the notebooks, the package and a wheel of all that requirements.txt pins, for the system and the Python that
run this. Other systems need an archive of their own, made on one of them.
"""

import platform
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ["course_utils", "pyproject.toml", "README.md", "LICENSE"]
# What a learner opens, and what the pages they open lead to.
TAKEN = [
    *(*PACKAGE, "notebooks", "docs", "LICENSE-CONTENT", "CITATION.cff", "CONTRIBUTING.md"),
    *("requirements.txt", "requirements/lock.txt", "benchmarks/results", "classroom"),
    *("tools/environment.py", "tools/jupyter_lab_config.py", "tools/labconfig"),
]
LEFT = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "my_*", "*.egg-info")
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
SYSTEM = f"{platform.system()}-{platform.machine()}".lower()

HOW = """\
    Numerically stable softmax, the course, for {system} with Python {version}. Nothing here asks the internet.

    Install, in this folder (on Windows write .venv\\Scripts\\python for .venv/bin/python):

        python{version} -m venv .venv
        .venv/bin/python -m pip install --no-index --find-links wheels -r requirements.txt course_utils
        .venv/bin/python -m jupyterlab --config=tools/jupyter_lab_config.py

    The last line opens lesson 00, and opens it again every next time. Save your work under a name that starts with my_.
    """


def copy(names, folder):
    for name in names:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=LEFT)
        else:
            shutil.copy(source, target)


def collect(folder):
    """Everything but the wheels."""
    copy(TAKEN, folder)
    how = textwrap.dedent(HOW).format(system=SYSTEM, version=VERSION)
    (folder / "INSTALL.txt").write_text(how, "utf-8", newline="\n")


def pip(*arguments):
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    subprocess.run(command, check=True, cwd=ROOT)


def build_wheel(wheels):
    """The course as a wheel, by the setuptools that is here; from a copy, for a build leaves its traces behind."""
    with tempfile.TemporaryDirectory() as place:
        copy(PACKAGE, Path(place))
        pip(
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-index",
            "--no-build-isolation",
            "--wheel-dir",
            wheels,
            place,
        )
    return next(Path(wheels).glob("course_utils-*.whl"))


def download(wheels):
    """The pinned environment, as wheels for this system and this Python."""
    pip(
        *("download", "--quiet", "--only-binary", ":all:", "--dest", wheels),
        *("--requirement", "requirements.txt", "--constraint", "requirements/lock.txt"),
    )


def main(arguments):
    target = Path(*arguments) if arguments else ROOT / "build"
    name = f"course-offline-{SYSTEM}-py{VERSION}"
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / name
        collect(folder)
        build_wheel(folder / "wheels")
        download(folder / "wheels")
        target.mkdir(parents=True, exist_ok=True)
        archive = shutil.make_archive(str(target / name), "zip", place, name)
    print(f"{archive}  {Path(archive).stat().st_size / 2**20:.0f} MiB")
    return archive


if __name__ == "__main__":
    main(sys.argv[1:])
