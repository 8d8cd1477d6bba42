"""A JupyterLab on loopback with folders of its own, and a Chromium page that runs notebooks in it.

Used by tests/browser and benchmarks/latency.py. Nothing of your own settings, kernels or history is touched.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 60
RUN_MS = 180_000
BROWSER_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True)
class Lab:
    """A running server: where it listens, what opens it, the folder that it shows."""

    url: str
    token: str
    folder: Path

    def address(self, name: str) -> str:
        """The page of one notebook; `reset` forgets the tabs of an earlier page."""
        return f"{self.url}/lab/tree/{name}?token={self.token}&reset"


@contextmanager
def server(notebooks, python=sys.executable):
    """Serve copies of these notebook files, one JupyterLab for all of them: that of `python`."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        home, folder = Path(place), Path(place) / "notebooks"
        folder.mkdir()
        for notebook in notebooks:
            shutil.copy(notebook, folder)
        lab = Lab(f"http://127.0.0.1:{_free_port()}", secrets.token_hex(16), folder)
        with (home / "log").open("w") as log:
            process = subprocess.Popen(_command(lab, python), env=_environment(home), stdout=log, stderr=log)
        try:
            _wait(lab, process, home / "log")
            yield lab
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


def open_notebook(page, lab: Lab, name: str) -> None:
    """Open a notebook and wait until its kernel is idle."""
    page.goto(lab.address(name))
    wait_idle(page)


def wait_idle(page) -> None:
    """Wait until the notebook in the page has a kernel, and the kernel nothing to do."""
    page.wait_for_function(f"() => {_KERNEL}?.status === 'idle'", timeout=RUN_MS)


def run_all(page) -> None:
    """Run every cell, also after an error, and wait until the kernel is idle again."""
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    wait_idle(page)


def run_cell(page, index) -> None:
    """Run one cell and go to the next."""
    page.evaluate(
        "index => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = index; }", index
    )
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-cell-and-select-next')")
    settle(page)


def settle(page) -> None:
    """Wait until the kernel has answered everything the page has sent so far."""
    page.evaluate(f"() => {_KERNEL}.requestKernelInfo()")
    wait_idle(page)


def ask(page, code) -> list[dict]:
    """Execute code in the notebook's kernel, beside its cells; what it sends, as outputs of a cell."""
    return page.evaluate(
        f"""async code => {{
            const sent = [], asked = {_KERNEL}.requestExecute({{code}});
            asked.onIOPub = message => sent.push({{output_type: message.header.msg_type, ...message.content}});
            await asked.done;
            return sent.filter(one => !["status", "execute_input"].includes(one.output_type));
        }}""",
        code,
    )


def cells(page) -> list[dict]:
    """The notebook's cells as they are in the page now, outputs included."""
    return page.evaluate(f"() => {_PANEL}.context.model.toJSON().cells")


_PANEL = "window.jupyterapp?.shell?.currentWidget"
_KERNEL = f"{_PANEL}?.context?.sessionContext?.session?.kernel"


def _command(lab, python):
    return [
        *(str(python), "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser", "--allow-root"),
        f"--ServerApp.port={lab.url.rsplit(':', 1)[1]}",
        "--ServerApp.ip=127.0.0.1",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={lab.token}",
        f"--ServerApp.root_dir={lab.folder}",
    ]


def _environment(home):
    """Every folder that Jupyter or IPython writes to lies under `home`."""
    shutil.copytree(Path(__file__).parent / "labconfig", home / "config" / "labconfig")
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    places = {name: str(home / folder) for name, folder in folders.items()}
    return {**os.environ, **places, "COURSE_PROGRESS": "off", "JUPYTER_PREFER_ENV_PATH": "1"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait(lab, process, log):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(f"{lab.url}/api?token={lab.token}", timeout=2).close()
            return
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")
