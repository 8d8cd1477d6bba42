"""The way into a lesson from any host: one first cell, one place for the repository's name, one set of links."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest

from tools import address, environment, notebooks

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name[:2])
FIRST = NOTEBOOKS[0].stem


def code_cells(path):
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


@each_notebook
def test_every_notebook_begins_with_the_same_cell_and_says_it_once(path):
    first, *others = code_cells(path)
    assert first.startswith(notebooks.FETCH)
    assert not [source for source in others if "pip install -q" in source]


def run_first_cell(tmp_path, *paths):
    """What the first cell prints and asks of pip, in an IPython that sees these folders and no site-packages."""
    code = f"""
import json, sys
from IPython.core.interactiveshell import InteractiveShell
sys.path[:] = {[str(path) for path in paths]!r} + [p for p in sys.path if not p.endswith({ROOT.name!r})]
sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in str(finder)]
shell = InteractiveShell.instance()
asked = []
shell.register_magic_function(lambda line: asked.append(line), magic_name="pip")
result = shell.run_cell({notebooks.FETCH!r})
result.raise_error()
print(json.dumps({{"asked": asked, "modules": [m for m in sys.modules if m.startswith(("course_utils", "numpy"))]}}))
"""
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    *printed, seen = answer.stdout.splitlines()
    assert not printed
    assert not answer.stderr
    return json.loads(seen)


def test_where_the_course_is_installed_the_cell_is_silent_and_loads_next_to_nothing(tmp_path):
    seen = run_first_cell(tmp_path, ROOT)
    assert seen == {"asked": [], "modules": ["course_utils"]}


def test_where_it_is_not_the_cell_fetches_one_wheel_from_the_site_and_nothing_by_name(tmp_path):
    assert run_first_cell(tmp_path)["asked"] == [f"install -q {address.wheel()}"]
    assert re.fullmatch(r"https://\S+/pypi/course_utils-[\d.]+-py3-none-any\.whl", address.wheel())


def test_the_readme_leads_where_the_project_says_it_lives():
    readme = (ROOT / "README.md").read_text("utf-8")
    for link in (
        address.repository(),
        *(host(FIRST) for host in (address.binder, address.lite, address.colab)),
    ):
        assert f": {link}\n" in readme, link
    assert readme.count(address.name()) == len(re.findall(rf"^\[[\w ]+\]: .*{address.name()}", readme, re.M))


def test_a_link_names_a_notebook_that_exists():
    for path in NOTEBOOKS:
        assert (ROOT / address.lesson(path.stem)).exists()
    assert address.binder("00_x").endswith("/main?urlpath=lab%2Ftree%2Fnotebooks%2F00_x.ipynb")
    assert address.lite("00_x", "../") == "../lite/lab/index.html?path=notebooks%2F00_x.ipynb"


def test_moving_the_repository_moves_every_address_and_nothing_else():
    text = "https://github.com/ORG/REPO https://ORG.github.io/REPO/ ORGANIC/REPORT a/ORG/REPO.ipynb"
    moved = address.moved(text, "ORG/REPO", "me/softmax")
    assert moved == text.replace("ORG/REPO", "me/softmax").replace(
        "ORG.github.io/REPO", "me.github.io/softmax"
    )
    assert address.moved(moved, "me/softmax", "ORG/REPO") == text
    with pytest.raises(SystemExit, match="no OWNER/NAME"):
        address.move("https://github.com/me/softmax")


# --- Codespaces and VS Code -----------------------------------------------------------------------------


def container():
    return json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))


def test_the_container_prepares_what_make_lab_prepares_and_opens_lesson_00():
    made, editor = container(), container()["customizations"]
    python, tool, kind = made["postCreateCommand"].split()
    assert python == "python"
    assert ROOT / tool == Path(environment.__file__)
    assert kind in environment.KINDS
    assert all((ROOT / path).exists() for path in editor["codespaces"]["openFiles"])
    chosen = editor["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert chosen == "${containerWorkspaceFolder}/.venv/bin/python"


def test_the_container_has_a_python_that_the_lock_was_made_for():
    version = re.search(r"python:(\d+\.\d+)$", container()["image"])[1]
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
    assert asked == ">=3.11"
    assert version in ("3.11", "3.12", "3.13")
