"""What Binder will do with this repository, without Docker: its recipe, the pip steps in it, the lessons there.

`make binder-test` takes pip, as Binder does, and runs every notebook; `make test` takes uv where it is, and runs two.
"""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools import address, environment, lab

ROOT = Path(__file__).resolve().parents[1]
BINDER = ROOT / "binder"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
QUICK = ("05", "91")
# Of what the image holds before the course comes: all that a notebook, a widget or a page could notice.
IN_THE_IMAGE = (
    *("comm", "ipykernel", "ipython", "ipywidgets", "jupyter_client", "jupyter_server", "jupyterlab"),
    *("jupyterlab_server", "jupyterlab_widgets", "nbclient", "nbformat", "traitlets", "widgetsnbextension"),
)
REPLACED = {"ipykernel", "jupyter_client"}  # see binder/requirements.txt
posix = pytest.mark.skipif(find_spec("fcntl") is None, reason="repo2docker runs on POSIX systems")


def run(*command, **options):
    answer = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    assert answer.returncode == 0, answer.stdout[-4000:] + answer.stderr[-4000:]
    return answer


def pins(path):
    """name -> versions, of every pinned line; markers are left out."""
    found = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", path.read_text("utf-8"), re.M):
        found.setdefault(name, set()).add(version)
    return found


# --- the recipe -----------------------------------------------------------------------------------------


@posix
def test_the_recipe_is_python_312_and_installs_the_course():
    answer = run(sys.executable, "-m", "repo2docker", "--no-build", "--debug", ROOT, cwd=ROOT)
    recipe = (answer.stdout + answer.stderr).replace("\\", "")
    assert "Building conda environment for python=3.12" in recipe
    steps = ['pip install --no-cache-dir -r "binder/requirements.txt"', "binder/postBuild"]
    assert [step for step in steps if step in recipe] == steps
    assert recipe.index(steps[0]) < recipe.rindex(steps[1])


def test_binder_gets_the_versions_that_are_tested_here():
    lock = pins(ROOT / "requirements" / "lock.txt")
    for name, versions in pins(BINDER / "constraints.txt").items():
        assert versions <= lock[name], name


def test_the_badge_opens_a_notebook_that_exists():
    link = address.binder(NOTEBOOKS[0].stem)
    assert f"[binder]: {link}\n" in (ROOT / "README.md").read_text("utf-8")
    assert link.endswith(f"urlpath=lab%2Ftree%2Fnotebooks%2F{NOTEBOOKS[0].name}")


# --- the image, as far as pip makes it ------------------------------------------------------------------


def image_pins():
    """What the image holds, from repo2docker's own lock for Python 3.12: name -> version."""
    package = Path(find_spec("repo2docker").origin).parent
    lock = package / "buildpacks" / "conda" / "environment.py-3.12-linux-64.lock"
    found = dict(re.findall(r"/([a-z_]+)-(\d[\w.]*)-[^/]*$", lock.read_text("utf-8"), re.M))
    return {name: found[name] for name in IN_THE_IMAGE}


def is_312(path):
    """False for a pyenv shim, which stands on the path without a Python behind it."""
    code = "import sys; sys.exit(sys.version_info[:2] != (3, 12))"
    return subprocess.run([path, "-c", code], capture_output=True).returncode == 0


def python_312():
    """A Python 3.12, which is what Binder runs, where one is found; else the one that runs this test."""
    places = [shutil.which("python3.12"), *Path.home().glob(".pyenv/versions/3.12*/bin/python3.12")]
    return next((str(path) for path in places if path and is_312(path)), sys.executable)


@pytest.fixture(scope="module")
def image(tmp_path_factory, request):
    """A copy of the repository, and an environment made by Binder's own steps."""
    place = tmp_path_factory.mktemp("binder")
    source, made = place / "source", place / "environment"
    ignored = shutil.ignore_patterns(".git", ".venv*", "artifacts", "build", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, source, ignore=ignored)
    python = made / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    uv = [] if request.config.getoption("--weekly") else environment.uv()
    if uv:
        run(*uv, "venv", "--python", python_312(), made)
    else:
        run(python_312(), "-m", "venv", made)
    install = [*uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
    held = [f"{name}=={version}" for name, version in image_pins().items()]
    run(*install, "--quiet", *held, "pytest", "nbval")
    run(*install, "--quiet", "-r", "binder/requirements.txt", cwd=source)
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    run("sh", "binder/postBuild", cwd=source, env={**os.environ, "PATH": path})
    return SimpleNamespace(python=python, source=source, environment=made)


def nbval(image, notebooks):
    """Every cell runs there, and prints what is stored."""
    command = [image.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval"]
    options = ["--nbval-sanitize-with", "tests/nbval_sanitize.cfg", "--nbval-cell-timeout", "120"]
    names = [f"notebooks/{path.name}" for path in notebooks]
    return run(*command, *options, *names, cwd=image.source, env={**os.environ, "COURSE_PROGRESS": "off"})


@posix
@pytest.mark.slow
def test_the_course_comes_on_top_of_the_image_replaces_its_kernel_alone_and_runs_there(image):
    held = image_pins()
    code = f"from importlib.metadata import version; print(*map(version, {list(held)!r}))"
    found = dict(zip(held, run(image.python, "-c", code).stdout.split(), strict=True))
    assert {name for name in held if found[name] != held[name]} == REPLACED
    where = run(
        image.python, "-c", "import course_utils; print(course_utils.__file__)", cwd=image.environment
    )
    assert Path(where.stdout.strip()).is_relative_to(image.source)
    assert (image.environment / "etc" / "jupyter" / "labconfig" / "default_setting_overrides.json").exists()
    quick = [path for path in NOTEBOOKS if path.name.startswith(QUICK)]
    assert " passed" in nbval(image, quick).stdout


@posix
@pytest.mark.weekly
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name[:2])
def test_every_lesson_runs_in_the_image_and_prints_what_is_stored(image, path):
    assert " passed" in nbval(image, [path]).stdout


@posix
@pytest.mark.weekly
def test_every_lesson_runs_in_the_images_own_jupyterlab(image, chromium):
    from playwright.sync_api import sync_playwright

    with lab.server(NOTEBOOKS, image.python) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=lab.BROWSER_ARGUMENTS)
        for path in NOTEBOOKS:
            page = browser.new_page()
            lab.open_notebook(page, server, path.name)
            lab.run_all(page)
            outputs = [output for cell in lab.cells(page) for output in cell.get("outputs", [])]
            errors = [output["evalue"] for output in outputs if output["output_type"] == "error"]
            assert outputs, path.name
            assert not errors, path.name
            assert page.get_by_text("Error displaying widget").count() == 0, path.name
            page.close()
        browser.close()
