"""The benchmarks run, say what they compare and keep their promises. No test looks at a time."""

import csv
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import accuracy, bounds, measure, memory, report, speed
from course_utils import figures, floats, stable

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    readme = shutil.copy(ROOT / "README.md", folder / "page.md")
    command = [sys.executable, "-W", "error::UserWarning", "-m", "benchmarks"]
    run = subprocess.run(
        [*command, "--quick", "--into", folder, "--readme", readme],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return folder


def table(folder, name):
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_input_is_timed_and_every_ratio_is_a_number(results):
    rows = table(results, "speed")
    wanted = [case.facts() for case in speed.cases(quick=True)]
    assert [{key: row[key] for key in wanted[0]} for row in rows] == [
        {key: str(value) for key, value in facts.items()} for facts in wanted
    ]
    assert all(float(row[name]) > 0 for row in rows for name in ("stable, µs", "naive / stable"))


def test_every_class_is_judged_and_stable_passes(results):
    rows = report.load(results, "accuracy")
    assert {row["class"] for row in rows} == {*accuracy.QUICK, *accuracy.IN_NARROW}
    assert {row["quantity"] for row in rows} == set(accuracy.QUANTITIES)
    assert [row for row in rows if not accuracy.judge(row)["met"]] == []
    assert max(row["shifted"] for row in rows) > 100  # the same measure finds what is inaccurate


def test_peaks_of_memory_are_counted(results):
    rows = table(results, "memory")
    assert {row["quantity"] for row in rows} == set(memory.QUANTITIES)
    assert all(math.isfinite(float(row[name])) for row in rows for name in ("stable", "naive", "shifted"))
    assert all(float(row["stable"]) >= 1 for row in rows if row["quantity"] == "softmax")


def test_an_array_of_known_size_is_counted_exactly():
    assert memory.peak(lambda: bytes(10**7)) == pytest.approx(10**7, rel=1e-3)


def test_the_machine_the_versions_and_the_date_are_told(results):
    told = {row["what"]: row["is"] for row in table(results, "machine")}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", told["date"])
    assert {"processor", "python", "numpy", "clock", "threads"} <= set(told)


@pytest.mark.parametrize("page", ["README.md", "page.md"])
def test_every_picture_has_a_text_and_a_file(results, page):
    pictures = re.findall(r"!\[(.*?)\]\((.*?)\)", (results / page).read_text("utf-8"))
    assert pictures
    for alt, target in pictures:
        figures.check_alt(alt)
        assert (results / Path(target).name).stat().st_size > 1000


def test_the_first_page_is_refreshed_between_its_markers_only(results):
    before, after = ((folder / name).read_text("utf-8")
                     for folder, name in ((ROOT, "README.md"), (results, "page.md")))  # fmt: skip
    outside = [re.sub(f"{report.BEGIN}.*{report.END}", "", text, flags=re.S) for text in (before, after)]
    assert outside[0] == outside[1]
    assert "| softmax | float32 | 1×1000 |" in after


def test_a_page_without_markers_is_left_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("no markers")
    with pytest.raises(ValueError, match="no lines"):
        report.refresh(page, tmp_path, "results")
    assert page.read_text() == "no markers"


def test_what_was_not_measured_is_not_on_the_page(results, tmp_path):
    for name in ("speed", "margins", "memory"):
        shutil.copy(results / f"{name}.csv", tmp_path)
    report.page(tmp_path)
    page = (tmp_path / "README.md").read_text("utf-8")
    assert "## Speed" in page
    assert "## Memory" in page
    assert "## Accuracy" not in page
    assert "## Bounds" not in page


def test_numbers_come_back_from_a_file(tmp_path):
    report.save(tmp_path, "some", [{"a": 1, "b": 0.1, "c": "x×y"}, {"a": None, "b": math.inf, "d": True}])
    assert report.load(tmp_path, "some") == [{"a": 1, "b": 0.1, "c": "x×y"}, {"b": math.inf, "d": "True"}]
    assert report.load(tmp_path, "none") == []


def test_calls_take_turns_and_each_round_has_an_order_of_its_own(monkeypatch):
    """A call that comes after one which has just given much memory back pays for it: so nobody always does."""
    monkeypatch.setattr(measure, "BATCH", 0)  # once a turn
    order = []
    calls = {name: lambda name=name: order.append(name) for name in "abc"}
    measure.interleaved(calls, seconds=0, least=30)
    rounds = ["".join(order[i : i + 3]) for i in range(len(order) - 90, len(order), 3)]
    assert all(sorted(one) == ["a", "b", "c"] for one in rounds)
    assert len(set(rounds)) == 6


def test_a_process_in_which_one_contender_was_unlucky_does_not_count():
    fair = {"stable": 1.0, "naive": 1.1, "SciPy": 1.5}
    slow = fair | {"stable": 1.8}
    fast = fair | {"naive": 2.0, "SciPy": 2.9}
    row = speed.summed([{"shape": "1×2", **times} for times in (slow, fast, fair)])
    assert row == {"shape": "1×2", "stable, µs": 1.0, "SciPy / stable": 1.5, "naive / stable": 1.1}


def test_every_bar_is_tried_by_some_input_and_can_be_missed():
    ratios = {f"{name} / stable": 100.0 for name in speed.OTHERS}
    rows = [case.facts() | ratios for case in speed.cases()]
    lines = speed.bars(rows)
    assert len(lines) == len(speed.BARS) + 1
    for line in lines:
        held, tried = line["held"].split(" of ")
        assert held == tried != "0"
    for bar in speed.BARS:
        assert bar.met(bar.limit / 1.09)
        assert not bar.met(bar.limit / 1.11)
    slow = [row | dict.fromkeys(ratios, 0.1) for row in rows]
    assert all(line["held"].startswith("0 of") for line in speed.bars(slow))


def test_an_older_room_is_taken_from_git_and_raced_under_another_name():
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("no repository here: this copy has no history")
    code = (
        "from benchmarks import rivals, speed\n"
        "import course_utils.stable, numpy as np\n"
        "with speed.older('HEAD') as folder:\n"
        "    call = rivals.older(folder).prepare('softmax', np.zeros(4))\n"
        "    assert call().tolist() == [0.25] * 4\n"
        "    assert call.func is not course_utils.stable.softmax\n"
        "    assert call.func.__module__.startswith('before.')"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_a_level_of_simd_is_left_out_by_telling_numpy():
    levels = bounds.levels()
    assert list(levels.values())[-1] == []
    assert [len(disabled) for disabled in levels.values()] == sorted(
        (len(disabled) for disabled in levels.values()), reverse=True
    )
    assert sum(count for _, count in bounds._sizes(False)) * len(bounds.CLASSES) >= 10**6


def test_the_bounds_see_an_error_where_it_is(monkeypatch):
    def broken(logits):
        p = stable.softmax(logits)
        return p * np.float32(1 + 2.0**-19) if logits.dtype == np.float32 else p

    room = {name: getattr(stable, name) for name in stable.__all__} | {"softmax": broken}
    monkeypatch.setattr(bounds, "stable", SimpleNamespace(**room))
    monkeypatch.setattr(bounds, "formats", lambda: [floats.format_of("float32"), floats.format_of("float16")])
    monkeypatch.setattr(bounds, "CLASSES", {"N(0, 1²)": bounds.normal(1)})
    monkeypatch.setattr(bounds, "ROWS", {3: 5000})
    monkeypatch.setattr(bounds, "LONG", (40,))
    found = {(row["quantity"], row["dtype"]): row["ulps"] for row in bounds.measured("here", quick=True)}
    assert found["softmax", "float32"] > 16
    assert all(error <= 8 for key, error in found.items() if key != ("softmax", "float32"))
    assert found["log_softmax", "float16"] <= 0.51


def test_a_missing_library_is_said_once_with_the_line_that_installs_it():
    code = (
        "import sys; sys.modules['scipy.special'] = sys.modules['torch'] = sys.modules['jax'] = None\n"
        "from benchmarks import rivals\n"
        "assert list(rivals.installed()) == list(rivals.installed()) == ['stable', 'naive', 'shifted']"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    lines = run.stderr.splitlines()
    assert [line.split()[0] for line in lines] == ["SciPy", "torch", "JAX"]
    assert all("pip install" in line for line in lines)
