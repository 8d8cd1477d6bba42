"""The copy that runs in a browser: built, served on loopback, its kernel started from npm's Pyodide, not from the CDN.

NumPy exists for the browser on the CDN alone, so here runs what needs none of it. `make lite-test` runs every lesson
from the real CDN, where there is a network.
"""

import functools
import http.server
import json
import re
import shutil
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import cdn
from tools import environment, lab, lite, notebooks

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
FIRST = f"lab/index.html?path=notebooks%2F{LESSONS[0].name}"
SECONDS = 30  # from the click to the first output
# In place of NumPy: enough for `guard` to run a function.
STANDING_IN = """
import sys, types
from contextlib import nullcontext
numpy = types.ModuleType("numpy")
state = ("", memoryview(b""), 0)
numpy.random = types.SimpleNamespace(get_state=lambda: state, set_state=None)
numpy.errstate = lambda **kinds: nullcontext()
numpy.geterr = numpy.get_printoptions = dict
numpy.ndarray = type("ndarray", (), {})
sys.modules["numpy"] = numpy
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site's own files, as `make site` builds them."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed; Pyodide's core comes from there")
    environment.prepare("lite")
    folder = tmp_path_factory.mktemp("site")
    command = [str(environment.KINDS["lite"].python), "tools/lite.py", str(folder)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr[-4000:]
    return folder


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def address(site):
    """Where the copy is served: http://127.0.0.1:PORT/lite/"""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/lite/"
    server.shutdown()
    server.server_close()


def expose(route):
    """The tests speak to JupyterLab itself; readers' pages keep it to themselves."""
    settings = route.fetch().json()
    settings["jupyter-config-data"]["exposeAppInBrowser"] = True
    route.fulfill(json=settings)


@pytest.fixture(scope="module")
def stand(site, tmp_path_factory):
    names = [*lite.STARTS_WITH, "mpmath", "ipywidgets", "anywidget"]
    return cdn.Stand(site, tmp_path_factory.mktemp("wheels"), names)


@pytest.fixture(scope="module")
def opened(address, stand, browser, browser_context_args):
    """(page, seconds from the click to the first output of a cell) of lesson 00, without a network."""
    context = browser.new_context(**browser_context_args)
    context.route("**/lite/jupyter-lite.json*", expose)
    stand.install(context)
    page = context.new_page()
    begin = time.monotonic()
    page.goto(address + FIRST)
    lab.wait_idle(page)
    assert said(page, "1 + 1") == "2"
    seconds = time.monotonic() - begin
    yield page, seconds
    context.close()


@pytest.fixture
def page(opened):
    return opened[0]


def said(page, code):
    """What a cell prints or shows as text; an error fails the test."""
    sent = lab.ask(page, code)
    errors = ["\n".join(one["traceback"]) for one in sent if one["output_type"] == "error"]
    assert not errors, errors[0]
    texts = [one.get("text") or one.get("data", {}).get("text/plain", "") for one in sent]
    return "".join(texts).strip()


# --- what is built --------------------------------------------------------------------------------------


def test_the_pyodide_that_is_named_is_the_one_the_kernel_was_made_for(site):
    kernel = site / "lite" / "extensions" / lite.KERNEL / "static"
    named = set(
        re.findall(r"jsdelivr\.net/pyodide/v([\d.]+)/full", "".join(map(Path.read_text, kernel.glob("*.js"))))
    )
    assert named == {lite.PYODIDE}


def test_the_lock_has_all_that_the_course_needs_in_versions_that_it_allows(site):
    packages = json.loads((site / "lite" / "pyodide-lock.json").read_text("utf-8"))["packages"]
    asked = lite.address.project()["dependencies"]
    assert len(asked) == len(packages["course-utils"]["depends"])
    for line, name in zip(asked, packages["course-utils"]["depends"], strict=True):
        least = re.search(r">=([\d.]+)", line)[1]
        assert tuple(map(int, packages[name]["version"].split(".")[:2])) >= tuple(
            map(int, least.split("."))
        ), name
    ours = {name for name, package in packages.items() if not package["file_name"].startswith(lite.CDN)}
    assert ours == {"course-utils", *lite.ADDED, *lite.KERNEL_PARTS}
    for name in ours:
        assert (site / "lite" / packages[name]["file_name"]).exists(), name
        assert set(packages[name]["depends"]) <= set(packages), name


def test_every_page_of_the_course_is_there_and_a_notebook_says_its_language(site):
    for path in LESSONS:
        stored = json.loads((site / "lite" / "files" / "notebooks" / path.name).read_text("utf-8"))
        assert stored["metadata"]["language_info"]["name"] == "python"
    assert (site / "lite" / "files" / "docs" / "glossary.md").exists()


# --- what runs ------------------------------------------------------------------------------------------


def test_the_first_output_comes_in_time(opened, request):
    limit = (
        SECONDS if request.config.getoption("--weekly") else 3 * SECONDS
    )  # beside other tests, on two cores
    assert opened[1] < limit


def test_the_first_cell_installs_nothing_for_the_course_is_there(page, stand):
    assert said(page, notebooks.FETCH) == ""
    assert said(page, "course_utils.__file__").startswith("'/lib/python3")
    assert "numpy-" in " ".join(stand.refused)  # asked of the CDN, as a reader's page does


def test_every_file_of_the_course_is_fit_for_the_browsers_python(page):
    code = """
import pathlib, sys, warnings
warnings.simplefilter("error")
files = sorted(pathlib.Path(course_utils.__file__).parent.rglob("*.py"))
for file in files: compile(file.read_text(), str(file), "exec")
print(sys.version_info[:2], len(files))"""
    version, count = said(page, code).rsplit(" ", 1)
    assert version == "(3, 14)"
    assert int(count) == len(list((ROOT / "course_utils").rglob("*.py")))


def test_mpmath_tells_the_truth(page):
    assert said(page, "import mpmath; print(mpmath.nstr(mpmath.exp(1000), 6))") == "1.97007e+434"


def test_progress_is_kept_in_the_browsers_own_storage(page):
    code = """
from course_utils import progress
progress.record("00.smallest_score", "correct")
print(progress.path(), progress.load()["exercises"]["00.smallest_score"]["solved"] is not None)"""
    assert said(page, code) == "/drive/stable-softmax-course/progress.json True"


def test_an_endless_loop_ends_where_no_thread_can_watch_it(page):
    code = """
from course_utils import guard
def endless():
    while True:
        pass
run = guard.call(endless, (), 0.5)
print(type(run.error).__name__, guard.call(lambda: 42, ()).value, guard.call(lambda: 1 / 0, ()).error)"""
    assert said(page, STANDING_IN + code + "\ndel sys.modules['numpy']") == "TimeLimit 42 division by zero"


def test_a_slider_moves_by_keyboard(page):
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:insert-cell-below')")
    page.keyboard.press("Enter")
    page.keyboard.insert_text(
        "import ipywidgets\nslider = ipywidgets.IntSlider(3, description='logit')\nslider"
    )
    page.keyboard.press("Shift+Enter")
    handle = page.get_by_role("slider").first
    handle.press("ArrowRight")
    expect(page.locator(".widget-readout").first).to_have_text("4")
    assert said(page, "slider.value") == "4"


# --- from the CDN, where there is a network -------------------------------------------------------------


def reachable():
    try:
        urllib.request.urlopen(f"{lite.CDN}pyodide-lock.json", timeout=10).close()
    except OSError:
        return False
    return True


@pytest.mark.weekly
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.name[:2])
def test_every_lesson_runs_from_the_cdn(path, address, browser, browser_context_args):
    if not reachable():
        pytest.skip("no network to Pyodide's CDN")
    context = browser.new_context(**browser_context_args)
    context.route("**/lite/jupyter-lite.json*", expose)
    page = context.new_page()
    page.goto(f"{address}lab/index.html?path=notebooks%2F{path.name}")
    lab.wait_idle(page)
    lab.run_all(page)
    outputs = [output for cell in lab.cells(page) for output in cell.get("outputs", [])]
    assert outputs
    assert not [output["evalue"] for output in outputs if output["output_type"] == "error"]
    context.close()
