"""The reading site, built once by its own environment and served on loopback, and a Chromium that sees no more."""

import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tools import environment, lab

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
SCREENSHOTS = ROOT / "artifacts" / "screenshots" / "site"

expect.set_options(timeout=10_000)


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The folder that `make site` would write."""
    subprocess.run([sys.executable, ROOT / "tools" / "environment.py", "site"], check=True)
    out = tmp_path_factory.mktemp("built") / "site"
    command = [environment.KINDS["site"].python, ROOT / "site" / "build.py", out]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """No line for each request."""


@pytest.fixture(scope="session")
def address(built):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=built))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def browser_type_launch_args(chromium):
    """Every name but loopback's is unknown to this browser."""
    return {
        "executable_path": chromium,
        "args": [*lab.BROWSER_ARGUMENTS, "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
    }


@pytest.fixture(scope="session")
def browser_context_args():
    return {"viewport": {"width": 1280, "height": 800}, "bypass_csp": True}


@pytest.fixture
def visit(browser, browser_context_args, address):
    """Open a page: visit("index.html", width=320). It must ask nobody else and complain about nothing."""
    contexts, trouble = [], []

    def open_page(path, width=1280, height=800, **how):
        settings = {**browser_context_args, "viewport": {"width": width, "height": height}, **how}
        contexts.append(browser.new_context(**settings))
        page = contexts[-1].new_page()
        page.on("request", lambda asked: note(asked.url))
        page.on("requestfailed", lambda asked: trouble.append(f"failed: {asked.url}"))
        page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
        page.on("console", lambda said: said.type == "error" and trouble.append(f"console: {said.text}"))
        page.goto(f"{address}/{path}")
        return page

    def note(url):
        if not url.startswith((address, "data:", "blob:")):
            trouble.append(f"outside: {url}")

    yield open_page
    for context in contexts:
        context.close()
    assert trouble == []
