"""Unix accounts for a test: made, used, and removed with everything that ran under them."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def accounts(*names):
    """Home folders by name. Skips, with a reason, where accounts cannot be made or could not use this checkout."""
    if os.geteuid() != 0 or shutil.which("useradd") is None:
        pytest.skip("makes accounts with useradd, and so needs root")
    made = {}
    try:
        for name in names:
            subprocess.run(
                ["useradd", "--create-home", "--shell", "/bin/bash", name], check=True, capture_output=True
            )
            made[name] = Path(pwd.getpwnam(name).pw_dir)
        if run_as(names[0], [sys.executable, "-c", "import traitlets"]).returncode:
            pytest.skip("another account cannot read this checkout: one of its folders is closed")
        yield made
    finally:
        for name in made:
            end_processes(name)
            subprocess.run(["userdel", "--remove", name], check=False, capture_output=True)


def environment(name, **more):
    home = pwd.getpwnam(name).pw_dir
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    return {"HOME": home, "USER": name, "LOGNAME": name, "PATH": path, "LANG": "C.UTF-8", **more}


def run_as(name, command, cwd=None, **more):
    """Run a command as this account; output is text."""
    home = pwd.getpwnam(name).pw_dir
    return subprocess.run(
        [str(part) for part in command],
        user=name,
        group=pwd.getpwnam(name).pw_gid,
        extra_groups=[],
        cwd=cwd or home,
        env=environment(name, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def processes(name):
    """The process ids of an account."""
    uid, found = pwd.getpwnam(name).pw_uid, []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if place.stat().st_uid == uid:
                found.append(int(place.name))
    return found


def end_processes(name):
    for _ in range(20):
        running = processes(name)
        for pid in running:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not running:
            return
        time.sleep(0.1)


def memory(name):
    """Bytes that the server and the kernels of an account use; what processes share is counted in parts."""
    used = {"server": 0, "kernel": 0}
    for pid in processes(name):
        with suppress(OSError, StopIteration):
            kind = "kernel" if b"ipykernel" in Path(f"/proc/{pid}/cmdline").read_bytes() else "server"
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            used[kind] += int(next(line for line in lines if line.startswith("Pss:")).split()[1]) * 1024
    return used


@contextmanager
def open_folder():
    """A temporary folder that other accounts can pass through; pytest's own are closed to them."""
    folder = Path(tempfile.mkdtemp(prefix="softmax-class-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
