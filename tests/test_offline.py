"""The archive for a room without internet. `make offline-test` builds it, and installs from it where no network is."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools import offline

ROOT = Path(__file__).resolve().parents[1]
DEAD = "http://127.0.0.1:9"  # nobody listens there


def without_network(command):
    """The command where no network exists, loopback aside; where the system can't do that, with a dead proxy alone."""
    alone = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "alone"]
    able = shutil.which("unshare") and shutil.which("ip")
    able = able and subprocess.run([*alone, "true"], capture_output=True).returncode == 0
    return [*(alone if able else []), *map(str, command)]


def run(command, **options):
    proxies = {name: DEAD for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")}
    hidden = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_CACHE_DIR": "1",
        "COURSE_PROGRESS": "off",
        "no_proxy": "127.0.0.1",
    }
    answer = subprocess.run(
        without_network(command),
        env={**os.environ, **proxies, **hidden},
        capture_output=True,
        text=True,
        **options,
    )
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-3000:]
    return answer.stdout


def commands(folder):
    """The lines that INSTALL.txt asks the reader to type, as lists."""
    text = (folder / "INSTALL.txt").read_text("utf-8")
    return [line.split() for line in re.findall(r"^ {4}(\S.*)$", text, re.M)]


def test_the_archive_has_what_its_instructions_and_its_pages_speak_of(tmp_path):
    offline.collect(tmp_path)
    make, install, start = commands(tmp_path)
    assert make == [f"python{offline.VERSION}", "-m", "venv", ".venv"]
    assert "--no-index" in install
    assert (tmp_path / install[install.index("-r") + 1]).exists()
    assert (tmp_path / start[-1].removeprefix("--config=")).exists()
    assert sorted(p.name for p in (tmp_path / "notebooks").glob("*.ipynb")) == sorted(
        p.name for p in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")
    )
    for page in ("README.md", "CONTRIBUTING.md"):
        links = re.findall(r"\]\((?!https?:)([^)#]+)", (tmp_path / page).read_text("utf-8"))
        missing = [link for link in links if not (tmp_path / link).exists()]
        assert not missing, f"{page} leads to {missing}"


@pytest.mark.slow
def test_the_wheel_of_the_course_installs_without_a_network_and_holds_its_data(tmp_path):
    wheel = offline.build_wheel(tmp_path / "wheels")
    run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-index",
            "--no-deps",
            "--target",
            tmp_path / "to",
            wheel,
        ]
    )
    installed = {str(p.relative_to(tmp_path / "to")) for p in (tmp_path / "to" / "course_utils").rglob("*")}
    kept = {
        str(p.relative_to(ROOT)) for p in (ROOT / "course_utils").rglob("*") if "__pycache__" not in str(p)
    }
    assert {name for name in kept if Path(name).suffix} <= installed


@pytest.mark.weekly
def test_a_room_without_internet_installs_from_it_and_runs_a_lesson(tmp_path):
    archive = Path(offline.main([tmp_path / "built"]))
    zipfile.ZipFile(archive).extractall(tmp_path / "room")
    folder = tmp_path / "room" / archive.stem
    make, install, _ = commands(folder)
    run([sys.executable, *make[1:]], cwd=folder)
    run(install, cwd=folder)
    assert run([".venv/bin/python", "-m", "jupyterlab", "--version"], cwd=folder).strip() == pinned(
        "jupyterlab"
    )
    first = min((folder / "notebooks").glob("*.ipynb"))
    tested = [
        ".venv/bin/python",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--nbval",
        f"notebooks/{first.name}",
    ]
    options = [
        "--nbval-cell-timeout",
        "120",
        "--nbval-sanitize-with",
        str(ROOT / "tests" / "nbval_sanitize.cfg"),
    ]
    assert " passed" in run([*tested, *options], cwd=folder)
    assert archive.stat().st_size < 400 * 2**20


def pinned(name):
    return re.search(rf"^{name}==(\S+)", (ROOT / "requirements.txt").read_text("utf-8"), re.M)[1]
