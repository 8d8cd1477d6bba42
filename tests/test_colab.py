"""Lessons on Colab and Kaggle, as far as a machine that is neither can tell.

`make colab-test` runs every lesson with the versions that Colab has. What Google's and Kaggle's own pages alone can
show, a slider that moves there, is not tested.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from IPython.core.formatters import DisplayFormatter

from course_utils import figures, quiz
from course_utils.explorers import breaker
from tests.test_binder import python_312, run
from tools import environment

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
MANAGER = "https://ssl.gstatic.com/colaboratory-static/widgets/manager.min.js"


def parts():
    return [quiz.bet("00-thousand"), breaker.explore()]


@pytest.fixture
def colab(monkeypatch):
    """The part of Colab's own module that widgets speak to; counts who asks for widgets of other makers."""
    module = ModuleType("google.colab.output")
    module.asked = 0
    module._widgets = SimpleNamespace(_installed_url=MANAGER)

    def enable_custom_widget_manager():
        module.asked += 1

    module.enable_custom_widget_manager = enable_custom_widget_manager
    monkeypatch.setitem(sys.modules, "google.colab.output", module)
    return module


@pytest.mark.parametrize("number", [0, 1])
def test_colab_is_told_where_the_manager_of_other_makers_widgets_lies(colab, number):
    widget = parts()[number]
    data, metadata = widget._repr_mimebundle_()
    assert data[figures.VIEW]["model_id"] == widget.model_id
    assert metadata == {figures.VIEW: {"colab": {"custom_widget_manager": {"url": MANAGER}}}}


@pytest.mark.parametrize("number", [0, 1])
def test_kaggle_gets_a_picture_and_a_sentence_where_it_would_show_an_error(monkeypatch, number):
    with monkeypatch.context() as kaggle:
        kaggle.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
        data, metadata = DisplayFormatter().format(parts()[number])
    assert set(data) == {"text/plain", "text/html"}
    assert not metadata
    assert data["text/html"].startswith(f"<p>{figures.NO_WIDGETS}</p>")
    data, _ = DisplayFormatter().format(parts()[number])
    assert figures.VIEW in data
    assert figures.NO_WIDGETS not in data["text/html"]


# --- the versions that Colab has ------------------------------------------------------------------------


def pins():
    text = (ROOT / "requirements" / "colab.txt").read_text("utf-8")
    return dict(re.findall(r"^([\w-]+)==([\d.]+)$", text, re.M))


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A Python 3.12 with Colab's versions, on which the course was installed as its first cell does it."""
    folder = tmp_path_factory.mktemp("colab")
    python = folder / "environment" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    uv = environment.uv()
    run(*([*uv, "venv", "--python", python_312()] if uv else [python_312(), "-m", "venv"]), python.parents[1])
    install = [*uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
    run(*install, "--quiet", "-r", ROOT / "requirements" / "colab.txt", "pytest", "nbval")
    source = folder / "source"
    ignored = shutil.ignore_patterns(".git", ".venv*", "artifacts", "build", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, source, ignore=ignored)
    run(*install, "--quiet", source)
    return python


@pytest.mark.weekly
def test_installing_the_course_changes_nothing_that_colab_brings(host):
    code = f"from importlib.metadata import version; print(*map(version, {list(pins())!r}))"
    assert run(host, "-c", code).stdout.split() == list(pins().values())


@pytest.mark.weekly
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name[:2])
def test_every_lesson_runs_with_colabs_versions(host, path, tmp_path):
    """Without a comparison of outputs: an older NumPy may write a number in another way."""
    shutil.copy(path, tmp_path)
    command = [
        host,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--nbval-lax",
        "--nbval-cell-timeout",
        "240",
    ]
    environ = {**os.environ, "COURSE_PROGRESS": "off"}
    assert " passed" in run(*command, path.name, cwd=tmp_path, env=environ).stdout


@pytest.mark.weekly
@pytest.mark.parametrize("make", ["quiz.bet('00-thousand')", "breaker.explore()"])
def test_the_widgets_of_2022_show_the_view_and_the_picture(host, make, tmp_path):
    code = f"""
from IPython.core.formatters import DisplayFormatter
from course_utils import figures, quiz
from course_utils.explorers import breaker
widget = {make}
data, _ = DisplayFormatter().format(widget)
print(data[figures.VIEW]["model_id"] == widget.model_id, "<" in data["text/html"])"""
    assert subprocess.run(
        [str(host), "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.split() == ["True", "True"]
