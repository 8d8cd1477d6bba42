"""Starting the process that runs a student's code, shut off from everything that is not its own.

With bubblewrap: no network, other processes out of sight, a read-only view of Python, NumPy and the rooms that a
problem set gives, an empty /tmp of its own, limits on everything that can grow, and a user that is nobody. No file of
the course beyond these rooms is mounted: no exercises, no reference, no gradebook, no other submission.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from classroom.grading import bytecode, wire

CHILD = Path(__file__).with_name("child.py")
ROOMS = Path(find_spec("course_utils").origin).parent
START_SECONDS = 60
INSTALL = (
    "Grading runs what students wrote inside bubblewrap, and the command `bwrap` is not there. On Debian and Ubuntu: "
    "sudo apt install bubblewrap. To grade without a sandbox all the same, for answers that you trust: --unsafe."
)
REFUSED = (
    "Grading runs what students wrote inside bubblewrap, and bubblewrap cannot start here: {said} "
    "In a container it needs the right to make namespaces; on Ubuntu 24.04 AppArmor may have to allow it."
)


class NoSandbox(RuntimeError):
    """Grading cannot be done safely here; nothing was run."""


@dataclass(frozen=True)
class Limits:
    """What a hand-in may use: seconds for one call, for one cell and for all of it; bytes; processes."""

    call: float = 2.5
    cell: float = 10.0
    total: float = 90.0
    memory: int = 1 << 30
    processes: int = 8
    files: int = 1 << 20
    scratch: int = 16 << 20

    @property
    def of_the_kernel(self):
        seconds = int(self.total) + 1
        return {
            "RLIMIT_AS": self.memory,
            "RLIMIT_CPU": seconds,
            "RLIMIT_NPROC": self.processes,
            "RLIMIT_FSIZE": self.files,
            "RLIMIT_NOFILE": 64,
            "RLIMIT_CORE": 0,
        }


class Process:
    """A child that has said it is ready, and the channel to it."""

    def __init__(self, rooms, limits, unsafe=False):
        read_request, write_request = os.pipe()
        read_reply, write_reply = os.pipe()
        theirs = (read_request, write_reply)
        self.folder = tempfile.mkdtemp(prefix="unsafe-") if unsafe else None
        try:
            self._process = subprocess.Popen(
                _command(rooms, limits, self.folder, theirs),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=theirs,
                env=_ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        finally:
            os.close(read_request)
            os.close(write_reply)
        self.channel = wire.Channel(write_request, read_reply)
        self._await_ready()

    def _await_ready(self):
        """No line of a student's has run yet, so what goes wrong here is the machine's fault."""
        try:
            ready, _ = self.channel.receive(until=time.monotonic() + START_SECONDS)
        except (wire.Gone, wire.Late, wire.Forged):
            ready = {}
        if not ready.get("ready"):
            self._process.kill()
            said = self._process.communicate()[1].decode("utf-8", "replace").strip().splitlines()
            self.end()
            raise NoSandbox(REFUSED.format(said=said[-1] if said else "it says nothing."))
        self._process.stderr.close()

    def end(self):
        """Kill it with everything that it has started."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
        self.channel.close()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


def check_sandbox():
    """Raise NoSandbox where hand-ins cannot be shut in."""
    if not shutil.which("bwrap"):
        raise NoSandbox(INSTALL)
    Process(("floats",), Limits()).end()


_ISOLATED = ["-I", "-S", "-B"]
_ENVIRONMENT = {
    **dict.fromkeys(["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"], "1"),
    "PYTHONHASHSEED": "0",
    "LANG": "C.UTF-8",
    "LD_LIBRARY_PATH": "/python/lib",
}


def _command(rooms, limits, folder, descriptors):
    if folder:
        return [sys.executable, *_ISOLATED, str(CHILD), *_asked(limits, _own_path(), folder, descriptors)]
    if not shutil.which("bwrap"):
        raise NoSandbox(INSTALL)
    compiled = ["-X", f"pycache_prefix={bytecode.INSIDE}"]
    asked = _asked(limits, ["/sandbox/site"], "/tmp", descriptors)
    return [*_bubblewrap(tuple(rooms)), *compiled, *_ISOLATED, "/sandbox/child.py", *asked]


@cache
def _bubblewrap(rooms):
    """The command up to Python: walls, mounts, and what was compiled for these rooms."""
    mounts = _mounts(rooms)
    folder = bytecode.folder_for(["bwrap", *_walls(), *mounts, "--", _inside()], rooms)
    mounts += _read_only(folder, bytecode.INSIDE) if folder else []
    # Both could be filled, and they are memory.
    return ["bwrap", *_walls(), *mounts, "--remount-ro", "/dev", "--remount-ro", "/", "--", _inside()]


def user_of(pid):
    """The user that the hand-ins of this grader run as: its own, so that their processes are counted apart.

    Debian leaves the numbers above 61183 to services that come and go.
    """
    return 61184 + pid % 4000


def _asked(limits, path, folder, descriptors):
    # Users above 61183 belong to nobody on Debian; one for each grader, so that their processes are counted apart.
    uid = 61184 + os.getpid() % 4000
    settings = {
        "uid": 0 if folder != "/tmp" else uid,
        "limits": limits.of_the_kernel,
        "path": path,
        "folder": folder,
    }
    return [*map(str, descriptors), json.dumps(settings)]


def _walls():
    alone = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    alone += ["--die-with-parent", "--new-session", "--hostname", "sandbox"]
    if (
        os.geteuid() == 0
    ):  # root inside until the child has chosen its user; nothing of the student's has run by then
        return [*alone, "--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return [*alone, "--unshare-user", "--uid", "65534", "--gid", "65534"]


def _mounts(rooms):
    """Libraries, Python, NumPy, the rooms; everything read-only but /tmp."""
    mounts = []
    for path in ("/usr", "/sandbox", "/sandbox/site", "/sandbox/site/course_utils", bytecode.INSIDE):
        mounts += ["--perms", "0755", "--dir", path]  # those that bwrap makes by itself are root's alone
    for path in ("/lib", "/lib64", "/usr/lib", "/usr/lib64"):
        if os.path.islink(path):
            mounts += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            mounts += _read_only(path)
    if not sys.base_prefix.startswith("/usr"):
        mounts += _read_only(sys.base_prefix, "/python")
    elif sys.base_prefix != "/usr":
        mounts += _read_only(sys.base_prefix)
    else:
        mounts += _read_only(_inside())
    for name in ("numpy", "ml_dtypes"):
        origin = Path(find_spec(name).origin).parent
        mounts += _read_only(origin, f"/sandbox/site/{name}")
        if (libraries := origin.with_name(f"{name}.libs")).exists():
            mounts += _read_only(libraries, f"/sandbox/site/{name}.libs")
    for path in (ROOMS / "__init__.py", *(_room(name) for name in rooms)):
        mounts += _read_only(path, f"/sandbox/site/course_utils/{path.name}")
    mounts += _read_only(CHILD, "/sandbox/child.py")
    mounts += [
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--perms",
        "1777",
        "--size",
        str(Limits.scratch),
        "--tmpfs",
        "/tmp",
    ]
    return [*mounts, "--remount-ro", "/dev", "--remount-ro", "/"]  # both could be filled, and they are memory


def _read_only(source, target=None):
    return ["--ro-bind", str(source), str(target or source)]


def _room(name):
    return next(path for path in (ROOMS / f"{name}.py", ROOMS / name) if path.exists())


def _inside():
    """Python's own executable as it is called in the sandbox."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    home = sys.base_prefix if sys.base_prefix.startswith("/usr") else "/python"
    return f"{home}/bin/{name}"


def _own_path():
    return [str(Path(find_spec("numpy").origin).parents[1]), str(ROOMS.parent)]
