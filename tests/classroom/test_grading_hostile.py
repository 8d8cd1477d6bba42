"""Every hand-in gets what it honestly earns: those that go wrong, and those that attack. None touches another."""

import contextlib
import hashlib
import json
import multiprocessing
import socket
from pathlib import Path

import pytest

from classroom.grading import sandbox
from classroom.grading.batch import batch
from classroom.grading.sandbox import Limits
from tests.classroom.handins import ALL, FILES, NOTEBOOKS, SEED, SET

LIMITS = Limits(call=1.5, cell=2.0, total=40.0)


def contents(folder):
    """Every file of a folder, by a hash of what is in it."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def left_over(workers):
    """Processes of the users that the hand-ins of these workers ran as."""
    users = {sandbox.user_of(pid) for pid in workers}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if path.stat().st_uid in users:
                yield path.name


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """All hand-ins in one folder, graded in one run beside a gradebook and a listening port."""
    root = tmp_path_factory.mktemp("class")
    (root / "gradebook.db").write_text("grades")
    folder = root / "submitted"
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = str(server.getsockname()[1])
        for name, handin in NOTEBOOKS.items():
            (folder / name).mkdir(parents=True)
            (folder / name / SET.file).write_text(json.dumps(handin.make()).replace("PORT", port))
        for name, handin in FILES.items():
            (folder / name).mkdir()
            handin.make(folder / name)
        before = contents(root)
        workers = set()

        def watch(*_):
            workers.update(child.pid for child in multiprocessing.active_children())

        found = batch(folder, SET, SEED, root / "results", limits=LIMITS, show=watch)
        after = {path: digest for path, digest in contents(root).items() if "/results/" not in path}
        with pytest.raises(BlockingIOError):
            server.accept()
    assert after == before
    assert workers
    assert not list(left_over(workers))
    return found


@pytest.mark.parametrize("name", [*NOTEBOOKS, *FILES])
def test_a_hand_in_gets_what_it_honestly_earns(graded, name):
    handin, result = (NOTEBOOKS | FILES)[name], graded[name]
    if handin.honest == "less":
        assert result.total < ALL, result
    else:
        assert result.total == handin.honest, (result.feedback, result.notes, result.reason)
    assert handin.says in " ".join([result.reason, *result.notes])


def test_every_hand_in_has_a_result(graded):
    assert set(graded) == set(NOTEBOOKS | FILES)
