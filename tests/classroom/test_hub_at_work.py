"""The hub on loopback: students log in, fetch, work, submit and get feedback, through JupyterLab in a browser.

One student in `make test`; five, with memory measured and an idle server stopped, in `make hub-test` (HUB_USERS=5).
What the pages looked like is in artifacts/hub/.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

pytest.importorskip("jupyterhub", reason="runs in .venv-classroom: make classroom-tests")

from playwright.sync_api import expect, sync_playwright
from sqlalchemy.exc import SAWarning

from classroom import assignments, node, seeds
from classroom.course import Course
from classroom.problem_sets import problem_sets
from tests.classroom.accounts import accounts, end_processes, memory, open_folder, processes, run_as
from tools import lab

pytestmark = [  # nbgrader's own: about its gradebook, and files that it leaves to be closed
    pytest.mark.filterwarnings(f"ignore::{SAWarning.__module__}.{SAWarning.__name__}"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "artifacts" / "hub"
ALL = int(os.environ.get("HUB_USERS", "1"))
STUDENTS = [f"{name}-{os.getpid()}" for name in ("ada", "ben", "cleo", "dan", "eve")][:ALL]
SET = "shift"
PASSWORD = secrets.token_hex(8)
IDLE = 30  # seconds; a server tells its hub every few minutes that it is in use, so a real hub needs more
CONFIG = """
load_subconfig({real!r})
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = {password!r}
c.Authenticator.allow_all = True
c.JupyterHub.hub_port = {hub_port}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api_port}"
c.Spawner.args += ["--LabApp.expose_app_in_browser=True"]
c.JupyterHub.log_level = "WARN"
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running_hub(folder, idle):
    """The hub as it stands in classroom/hub, but for who may log in and which ports it takes."""
    node.package("configurable-http-proxy")
    config, url = folder / "config.py", f"http://127.0.0.1:{free_port()}"
    real = str(ROOT / "classroom" / "hub" / "jupyterhub_config.py")
    config.write_text(CONFIG.format(real=real, password=PASSWORD, hub_port=free_port(), api_port=free_port()))
    settings = {"HUB_PLACE": str(folder / "hub"), "HUB_URL": url, "HUB_IDLE": str(idle)}
    with (folder / "hub.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "--config", str(config)],
            env={**os.environ, **settings}, stdout=log, stderr=log, cwd=folder,
        )  # fmt: skip
    try:
        await_hub(url, process, folder / "hub.log")
        yield url
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()


def await_hub(url, process, log):
    end = time.monotonic() + 90
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError):
            urllib.request.urlopen(f"{url}/hub/health", timeout=2).close()
            return
        time.sleep(0.2)
    pytest.fail(f"the hub did not start:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="module")
def classroom(chromium):
    """Accounts, a released course, a hub, a browser."""
    with accounts(*STUDENTS) as homes, open_folder() as folder:
        course = Course.create(folder / "course", exchange=folder / "hub" / "exchange")
        course.release(SET)
        with running_hub(folder, 3600) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=lab.BROWSER_ARGUMENTS)
            yield {"homes": homes, "course": course, "url": url, "browser": browser, "folder": folder}
            browser.close()


def photograph(page, student, step):
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{student.split('-')[0]}-{step}.png")


def log_in(classroom, student):
    page = classroom["browser"].new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(90_000)
    page.goto(f"{classroom['url']}/hub/login")
    page.get_by_label("Username").fill(student)
    page.get_by_label("Password").fill(PASSWORD)
    photograph(page, student, "1-log-in")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**/user/{student}/lab**")
    page.wait_for_function("() => window.jupyterapp?.restored")
    page.evaluate("() => window.jupyterapp.restored")
    return page


def open_list(page):
    """The assignment list, through the menu, with what is in it now."""
    page.get_by_role("menuitem", name="Nbgrader", exact=True).click()
    page.get_by_role("menuitem", name="Assignment List").click()
    page.locator("#refresh_assignments_list").click()
    return page.locator("#assignments")


def fetch(page, student):
    released = open_list(page).locator("#released_assignments_list")
    expect(released).to_contain_text(SET, timeout=60_000)
    photograph(page, student, "2-released")
    released.get_by_role("button", name="fetch").click()
    expect(page.locator("#fetched_assignments_list")).to_contain_text(SET, timeout=60_000)


def work(page, student, answers):
    """Answers into the cells, run, save."""
    path = f"{SET}/{SET}.ipynb"
    page.evaluate("path => window.jupyterapp.commands.execute('docmanager:open', {path})", path)
    page.wait_for_function(f"() => {lab._KERNEL}?.status === 'idle'")
    page.evaluate(
        """answers => { for (const cell of window.jupyterapp.shell.currentWidget.content.model.cells)
               if (cell.id in answers) cell.sharedModel.setSource(answers[cell.id]); }""",
        answers,
    )
    lab.run_all(page) if ALL > 1 else lab.run_cell(page, 1)  # all checks, or the imports alone
    lab.settle(page)
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    photograph(page, student, "3-worked")


def submit(page, student):
    fetched = open_list(page).locator("#fetched_assignments_list")
    fetched.get_by_role("button", name="Submit").click()
    expect(page.locator("#submitted_assignments_list")).to_contain_text(SET, timeout=60_000)
    photograph(page, student, "4-submitted")


def get_feedback(page, student):
    submitted = open_list(page).locator("#submitted_assignments_list")
    expect(submitted).to_contain_text("feedback available", timeout=60_000)
    submitted.get_by_role("button", name="Fetch Feedback").click()
    expect(submitted).to_contain_text("view feedback", timeout=60_000)
    photograph(page, student, "5-feedback")


@pytest.fixture(scope="module")
def told(classroom):
    """Everybody does everything; what was seen, and how long each step took."""
    seed = seeds.private_seed(classroom["course"].folder / "seed")
    solved = assignments.solved_notebook(problem_sets()[SET], seed)
    answers = {cell["id"]: cell["source"] for cell in solved["cells"] if cell["id"].endswith("-answer")}
    times, pages, begun = {}, {}, time.monotonic()

    def step(name, student, call, *rest):
        start = time.monotonic()
        result = call(*rest)
        times.setdefault(name, {})[student] = round(time.monotonic() - start, 1)
        return result

    for student in STUDENTS:
        pages[student] = step("log in", student, log_in, classroom, student)
        step("fetch", student, fetch, pages[student], student)
        step("work", student, work, pages[student], student, answers)
        step("submit", student, submit, pages[student], student)
    used = {student: memory(student) for student in STUDENTS}
    page = pages[STUDENTS[0]]
    page.get_by_role("menuitem", name="Nbgrader", exact=True).click()
    menu = list(filter(None, page.locator(".lm-Menu .lm-Menu-itemLabel").all_inner_texts()))
    page.keyboard.press("Escape")
    formgrader = page.request.get(f"{classroom['url']}/user/{STUDENTS[0]}/formgrader").status
    collected = classroom["course"].collect(SET)
    graded = classroom["course"].grade(SET)
    classroom["course"].feedback(SET)
    for student in STUDENTS:
        step("feedback", student, get_feedback, pages[student], student)
    report = {"seconds": times, "all": round(time.monotonic() - begun, 1),
              "memory, MB": {s: {k: round(b / 1e6) for k, b in used[s].items()} for s in STUDENTS}}  # fmt: skip
    (PICTURES / "report.json").write_text(json.dumps(report, indent=1))
    for page in pages.values():
        page.context.close()
    seen = {"menu": menu, "formgrader": formgrader}
    return {"collected": collected, "graded": graded, "memory": used, **seen, **report}


def test_who_has_no_password_does_not_get_in(classroom):
    page = classroom["browser"].new_page()
    page.goto(f"{classroom['url']}/hub/login")
    page.get_by_label("Username").fill(STUDENTS[0])
    page.get_by_label("Password").fill("guess")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Invalid username or password")).to_be_visible(timeout=30_000)
    page.close()


def test_everybody_hands_in_through_the_browser_and_owns_what_they_handed_in(classroom, told):
    assert told["collected"].refused == []
    assert classroom["course"].students(SET) == sorted(STUDENTS)


def test_what_was_worked_in_the_browser_earns_the_points(told):
    assert [(student, points) for student, points, worth, _ in told["graded"] if points < worth - 1] == []


def test_feedback_is_in_the_students_own_home(classroom, told):
    for student in STUDENTS:
        (page,) = (classroom["homes"][student] / SET / "feedback").rglob("*.html")
        assert student in page.read_text()
        assert page.owner() == student


def test_homes_are_closed_and_the_lessons_are_there(classroom, told):
    for home in classroom["homes"].values():
        assert home.stat().st_mode & 0o077 == 0
        assert len(list((home / "softmax" / "notebooks").glob("*.ipynb"))) >= 15


def test_a_student_sees_no_tool_of_a_teacher(told):
    assert set(told["menu"]) <= {"Assignment List", "Validate"}
    assert told["formgrader"] == 404


def test_a_student_reads_nothing_of_the_hub_but_the_settings(classroom, told):
    hub = classroom["folder"] / "hub"
    for part in ("jupyterhub.sqlite", "cookie_secret", "exchange/softmax/inbound"):
        assert (hub / part).exists()
        assert (
            run_as(STUDENTS[0], ["ls" if part.endswith("inbound") else "cat", hub / part]).returncode != 0
        ), part
    assert run_as(STUDENTS[0], ["cat", hub / "students" / "nbgrader_config.py"]).returncode == 0


def test_memory_of_a_user_stays_within_the_plan(told):
    assert max(sum(used.values()) for used in told["memory"].values()) < 400_000_000, told["memory, MB"]


@pytest.mark.skipif(ALL == 1, reason="make hub-test: takes as long as a server may be idle")
def test_an_idle_server_is_stopped(classroom, told):
    student, folder = STUDENTS[-1], classroom["folder"] / "second"
    end_processes(student)
    folder.mkdir(mode=0o711)
    with running_hub(folder, IDLE) as url:
        log_in({**classroom, "url": url}, student).context.close()
        assert processes(student)
        end = time.monotonic() + 10 * IDLE
        while processes(student) and time.monotonic() < end:
            time.sleep(1)
        assert processes(student) == []
