"""How long from a fresh clone to an open JupyterLab: python tools/times.py

Clones this repository into a folder that is thrown away, runs `make lab` there, and waits until JupyterLab answers:
with uv and with pip, with the package cache that this machine has and with none. The last needs a network.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMITS = {"warm": 60, "cold": 180}  # seconds
CACHES = {"PIP_CACHE_DIR": "pip", "UV_CACHE_DIR": "uv"}


@contextmanager
def clone():
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        subprocess.run(["git", "clone", "--quiet", str(ROOT), f"{place}/course"], check=True)
        yield Path(place)


def environment(installer, cache, place, port):
    """Of a `make lab` with this installer and this cache; no setting of the person who runs it is read or written."""
    kept = {**os.environ, "PORT": str(port), "BROWSER": "none", "JUPYTER_CONFIG_DIR": f"{place}/config"}
    if cache == "cold":
        kept |= {name: f"{place}/{folder}" for name, folder in CACHES.items()}
    if installer == "pip":
        folders = kept["PATH"].split(os.pathsep)
        kept["PATH"] = os.pathsep.join(f for f in folders if not shutil.which("uv", path=f))
    return kept


def seconds(installer, cache, limit=600):
    """From `make lab` in a fresh clone to the first answer of JupyterLab."""
    with clone() as place, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        begin = time.monotonic()
        with (place / "log").open("w") as log:
            process = subprocess.Popen(
                ["make", "lab", f"PYTHON={sys.executable}"],
                cwd=place / "course",
                env=environment(installer, cache, place, port),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            wait(process, port, begin + limit)
            return time.monotonic() - begin
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{(place / 'log').read_text()[-3000:]}") from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)


def wait(process, port, end):
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=2).close()
            return
        time.sleep(0.1)
    raise RuntimeError("JupyterLab did not answer")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # and what was started ends as well
    slow = 0
    for installer in ("uv", "pip"):
        if installer == "uv" and not shutil.which("uv"):
            print("uv: not installed")
            continue
        for cache, limit in LIMITS.items():
            took = seconds(installer, cache)
            slow += took > limit
            print(f"make lab, {installer:3s}, {cache} cache: {took:5.1f} s, limit {limit} s", flush=True)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
