"""What all tests share: where things are, and that a warning is an error."""

import os
import shutil
from pathlib import Path

import pytest

from tools import environment

ROOT = Path(__file__).resolve().parents[1]
BROWSER_TESTS = {ROOT / "tests" / "browser", ROOT / "tests" / "site"}

os.environ["COURSE_PROGRESS"] = "off"  # no test writes into the file of the person who runs it


def pytest_addoption(parser):
    parser.addoption(
        "--fuzz-minutes", type=float, default=0, help="how long tests/test_bad_input.py looks for trouble"
    )
    parser.addoption("--weekly", action="store_true", help="also what takes too long for every change")


def pytest_collection_modifyitems(config, items):
    """A warning fails a test: an unexpected overflow is what this course is about.

    The browser tests are left out, for the tools they stand on warn about themselves. What is marked `weekly` runs
    with --weekly alone.
    """
    late = (
        [] if config.getoption("--weekly") else [item for item in items if item.get_closest_marker("weekly")]
    )
    config.hook.pytest_deselected(items=late)
    items[:] = [item for item in items if item not in late]
    for item in items:
        if ROOT / "tests" in item.path.parents and not BROWSER_TESTS & set(item.path.parents):
            item.add_marker(pytest.mark.filterwarnings("error"), append=False)


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def chromium():
    """Path of a Chromium; `python tools/environment.py browser` finds or installs one."""
    path = environment.find_browser()
    if path is None:
        pytest.fail("no Chromium here: run python tools/environment.py browser")
    return path


@pytest.fixture
def first_input_will_do(monkeypatch):
    """An audit that hardly looks for smaller inputs: for tests that ask only what is refused, and why."""
    monkeypatch.setattr("course_utils.audit.runner._SHRINK_SECONDS", 0.02)


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    """tools/notebooks.py with empty lessons/ and notebooks/ of its own."""
    from tools import notebooks

    for name in ("LESSONS", "NOTEBOOKS"):
        folder = tmp_path / name.lower()
        folder.mkdir()
        monkeypatch.setattr(notebooks, name, folder)
    shutil.copy(ROOT / "tests" / "nbval_sanitize.cfg", tmp_path)
    return notebooks
