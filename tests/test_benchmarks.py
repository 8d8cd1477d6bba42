"""The benchmarks run, say what they compare and keep their promises. No test looks at a time."""

import csv
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import accuracy, measure, memory, report, speed
from course_utils import figures

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
    assert all(float(row[name]) > 0 for row in rows for name in ("stable", "shifted"))
    bars = table(results, "speed_bars")
    assert {row["bar"] for row in bars} >= {"stability tax, in cache", "rows that need the fallback"}
    assert all(0 < float(row["ratio"]) < math.inf and row["met"] in ("True", "False") for row in bars)


def test_every_class_is_judged_and_stable_passes(results):
    rows = table(results, "accuracy")
    assert {row["class"] for row in rows} == {*accuracy.QUICK, *accuracy.IN_NARROW}
    assert {row["quantity"] for row in rows} == set(accuracy.QUANTITIES)
    assert [row for row in rows if row["met"] != "True"] == []
    assert max(float(row["shifted"]) for row in rows) > 100  # the same measure finds what is inaccurate


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
        report.refresh(page, None, "results")
    assert page.read_text() == "no markers"


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
    assert speed.middle([slow, fast, fair]) is fair
    assert speed.middle([slow, slow, fair]) is slow


def test_every_bar_is_tried_by_some_input_and_can_be_missed():
    times = dict.fromkeys(("stable", "naive", "shifted", "SciPy", "torch", speed.OUT, "copy"), 1.0)
    rows = [case.facts() | times for case in speed.cases()]
    assert {row["bar"] for row in speed.ratios(rows)} == {bar.name for bar in speed.BARS}
    for bar in speed.BARS:
        assert not bar.met(bar.limit + (0.01 if bar.at_most else -0.01))
        assert bar.met(bar.limit)


def test_every_missed_bar_is_listed_with_what_the_textbook_formula_reaches_there():
    case = speed.Case("softmax", (32, 1000), "float64").facts()
    times = {"stable": 2.0, "naive": 1.0, "shifted": 2.0, "SciPy": 2.2}
    assert [
        (line["bar"], line["ratio"], line.get("with naive instead")) for line in speed.missed([case | times])
    ] == [
        ("softmax, middle sizes", 1.1, 2.2),
        ("stability tax, in cache", 2.0, None),
    ]
    assert speed.missed([case | times | {"stable": 1.0}]) == []


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
