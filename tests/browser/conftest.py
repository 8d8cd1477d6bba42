"""One JupyterLab and one Chromium for each process that tests; a page for each notebook, run once.

Two processes share the files: `pytest tests/browser -n 2 --dist loadfile`, as `make browser` does.
"""

import pkgutil
import re
from pathlib import Path

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from course_utils import explorers
from tools import lab

expect.set_options(timeout=15_000)  # a machine may have other work
ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "artifacts" / "screenshots"
LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
EXPLORERS = sorted({found.name for found in pkgutil.iter_modules(explorers.__path__)} - {"core"})
# Every explorer as it starts, and in every form that a lesson asks for.
CALLS = sorted(
    {f"{name}.explore()" for name in EXPLORERS}
    | {
        call
        for lesson in (ROOT / "lessons").glob("*.py")
        for call in re.findall(
            rf"^(?:{'|'.join(EXPLORERS)})\.explore\(.*\)$", lesson.read_text("utf-8"), re.M
        )
    }
)
# With a bet and a figure in one notebook: the frame is tested even where no lesson uses it.
SHOWCASE = [
    "from course_utils import figures, plots, quiz",
    'quiz.bet("00-thousand")',
    """fig, ax = plots.figure(7, 3)
plots.draw_bars(ax, [0.2, 0.8])
figures.show(
    fig,
    alt="Bars: the second class has probability 0.8, the first 0.2.",
    caption="Two bars.",
    table=[{"class": 0, "p": 0.2}, {"class": 1, "p": 0.8}],
)""",
    *(f"from course_utils.explorers import {call.split('.')[0]}\n{call}" for call in CALLS),
]
BROKEN = [
    "from course_utils.explorers import edge\nexplorer = edge.explore()\nexplorer",
    "def fail(state):\n    raise ValueError('this callback is broken')\nexplorer._observe_state = fail",
]


@pytest.fixture(scope="session", name="write_notebook")
def _write_notebook():
    return write_notebook


def write_notebook(path, sources):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)
    return path


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    showcase = write_notebook(folder / "showcase.ipynb", SHOWCASE)
    broken = write_notebook(folder / "broken.ipynb", BROKEN)
    with lab.server([*LESSONS, showcase, broken]) as running:
        yield running


@pytest.fixture(scope="session")
def browser_type_launch_args(chromium):
    """pytest-playwright asks here how to start the browser."""
    return {"executable_path": chromium, "args": lab.BROWSER_ARGUMENTS}


@pytest.fixture(scope="session")
def browser_context_args():
    return {"viewport": {"width": 1280, "height": 900}, "bypass_csp": True}


@pytest.fixture(scope="session", params=["showcase.ipynb", *(p.name for p in LESSONS)])
def notebook(request, server, browser, browser_context_args):
    """A page in which the whole notebook has run, as a learner would have run it."""
    context = browser.new_context(**browser_context_args)
    page = context.new_page()
    page.set_default_timeout(15_000)
    lab.open_notebook(page, server, request.param)
    page.evaluate("() => window.jupyterapp.shell.collapseLeft()")  # the width of the page is the notebook's
    lab.run_all(page)
    photograph(page, Path(request.param).stem)
    yield page
    context.close()


def violations(page):
    """What axe finds in the outputs, which are ours; the frame around them is JupyterLab's."""
    return Axe().run(page, context={"include": [[".jp-OutputArea-output"]]}).response["violations"]


def photograph(page, name):
    """Each explorer and bet, for people to look at: artifacts/screenshots/."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    size = page.viewport_size
    page.set_viewport_size({**size, "height": 2000})
    for number, part in enumerate(page.locator(".softmax-explorer, .course-quiz").all()):
        part.screenshot(path=SCREENSHOTS / f"{name}-{number}.png")
    page.set_viewport_size(size)
