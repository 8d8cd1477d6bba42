"""What Binder will do with this repository, without Docker: the recipe it renders and the pip steps in it."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BINDER = ROOT / "binder"
LESSON = "notebooks/00_can_four_numbers_break_a_classifier.ipynb"


def run(*command, **options):
    answer = subprocess.run(command, capture_output=True, text=True, **options)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer


def pins(path):
    """name -> versions, of every pinned line; markers are left out."""
    found = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", path.read_text("utf-8"), re.M):
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.skipif(find_spec("fcntl") is None, reason="repo2docker runs on POSIX systems")
def test_the_recipe_is_python_312_and_installs_the_course():
    answer = run(sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(ROOT), cwd=ROOT)
    recipe = answer.stdout + answer.stderr
    assert "Building conda environment for python=3.12" in recipe
    assert 'pip install --no-cache-dir -r "binder/requirements.txt"' in recipe.replace("\\", "")


def test_binder_gets_the_versions_that_are_tested_here():
    lock = pins(ROOT / "requirements" / "lock.txt")
    for name, versions in pins(BINDER / "constraints.txt").items():
        assert versions <= lock[name], name


def test_the_badge_opens_a_notebook_that_exists():
    assert f"urlpath=lab%2Ftree%2F{LESSON.replace('/', '%2F')}" in (ROOT / "README.md").read_text("utf-8")
    assert (ROOT / LESSON).exists()


def is_312(path):
    """False for a pyenv shim, which stands on the path without a Python behind it."""
    code = "import sys; sys.exit(sys.version_info[:2] != (3, 12))"
    return subprocess.run([path, "-c", code], capture_output=True).returncode == 0


def python_312():
    """A Python 3.12, which is what Binder runs, where one is found; else the one that runs this test."""
    places = [shutil.which("python3.12"), *Path.home().glob(".pyenv/versions/3.12*/bin/python3.12")]
    return next((str(path) for path in places if path and is_312(path)), sys.executable)


@pytest.mark.slow
def test_the_same_steps_give_a_working_course(tmp_path):
    environment = tmp_path / "environment"
    run(python_312(), "-m", "venv", str(environment))
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns(".git", ".venv*", "artifacts", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, source, ignore=ignored)
    run(str(python), "-m", "pip", "install", "--quiet", "-r", "binder/requirements.txt", cwd=source)

    code = "import json, course_utils.stable as s; print(json.dumps([s.__file__, *s.softmax([1000., 1., -1000.])]))"
    path, *probabilities = json.loads(run(str(python), "-c", code, cwd=tmp_path).stdout)
    assert Path(path).is_relative_to(source)
    assert probabilities == [1, 0, 0]
    run(str(python), "-c", "import course_utils.explorers.core, course_utils.plots", cwd=tmp_path)

    if os.name != "nt":
        path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
        run("sh", "binder/postBuild", cwd=source, env={**os.environ, "PATH": path})
        assert (environment / "etc" / "jupyter" / "labconfig" / "default_setting_overrides.json").exists()
