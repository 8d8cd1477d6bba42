"""A class is graded once: what is known is kept, what is missing is graded; no hand-in or worker stops the others."""

import json
import multiprocessing
import os
import signal

import pytest

from classroom import assignments, seeds
from classroom.grading import NoSandbox, __main__, grade
from classroom.grading.batch import batch
from classroom.grading.submissions import Results
from classroom.problem_sets import problem_sets

SET, SEED = problem_sets()["overflow"], "the seed of these tests"
STUDENTS = ["ada", "björn", "chen", "=dora", "emil.k"]


@pytest.fixture
def folder(tmp_path):
    """Five hand-ins in the three layouts; the last one is empty of answers."""
    solved, released = (
        json.dumps(make(SET, SEED)) for make in (assignments.solved_notebook, assignments.released_notebook)
    )
    root = tmp_path / "submitted"
    for student in STUDENTS[:3]:
        (root / student / SET.name).mkdir(parents=True)
        (root / student / SET.name / SET.file).write_text(solved)
    (root / STUDENTS[3]).mkdir()
    (root / STUDENTS[3] / SET.file).write_text(solved)
    (root / f"{STUDENTS[4]}.ipynb").write_text(released)
    return root


def totals(found):
    return {student: graded.total for student, graded in found.items()}


def expected():
    return dict(sorted((student, SET.points * (student != "emil.k")) for student in STUDENTS))


def stamps(results):
    return {path.name: path.stat().st_mtime_ns for path in results.glob("*.json")}


def test_a_second_run_grades_only_what_is_new_or_has_changed(folder, tmp_path):
    results = tmp_path / "results"
    assert totals(batch(folder, SET, SEED, results)) == expected()
    before = stamps(results)
    assert totals(batch(folder, SET, SEED, results)) == expected()
    assert stamps(results) == before
    (folder / "emil.k.ipynb").write_text(json.dumps(assignments.solved_notebook(SET, SEED)))
    assert batch(folder, SET, SEED, results)["emil.k"].total == SET.points
    changed = {name for name, stamp in stamps(results).items() if before[name] != stamp}
    assert changed == {"emil.k.json"}


def test_a_run_that_is_stopped_goes_on_where_it_was(folder, tmp_path):
    results = tmp_path / "results"

    def stop(done, *_):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        batch(folder, SET, SEED, results, processes=1, show=stop)
    kept = stamps(results)
    assert len(kept) == 2
    assert totals(batch(folder, SET, SEED, results)) == expected()
    assert {name: stamp for name, stamp in stamps(results).items() if name in kept} == kept


def test_a_worker_that_is_killed_costs_no_hand_in(folder, tmp_path):
    killed = []

    def kill(done, *_):
        if not killed:
            killed.extend(multiprocessing.active_children()[:1])
            os.kill(killed[0].pid, signal.SIGKILL)

    assert totals(batch(folder, SET, SEED, tmp_path / "results", show=kill)) == expected()
    assert killed


def test_another_seed_grades_everything_again(folder, tmp_path):
    results = Results(tmp_path / "results")
    graded = grade(folder / "emil.k.ipynb", SET, SEED, "emil.k")
    results.store("emil.k", "key", graded)
    assert results.known("emil.k", "key") == graded
    assert results.known("emil.k", "another key") is None
    results.path("emil.k").write_text("{")
    assert results.known("emil.k", "key") is None


def test_a_student_may_be_asked_for_inputs_of_their_own(folder, tmp_path):
    own = tmp_path / "ada.ipynb"
    own.write_text(json.dumps(assignments.solved_notebook(SET, SEED, "ada")))
    assert grade(own, SET, SEED, "ada", own_inputs=True).total == SET.points
    assert grade(own, SET, SEED, "bob", own_inputs=True).total < SET.points
    assert grade(folder / "ada", SET, SEED, "ada", own_inputs=True).reason
    assert grade(folder / "ada" / SET.name, SET, SEED, "ada", own_inputs=True).total == SET.points


def test_the_command_writes_points_pages_and_a_table(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(seeds.VARIABLE, str(tmp_path / "seed"))
    (tmp_path / "seed").write_text(SEED)
    __main__.main([str(folder), "--set", SET.name, "--workers", "2"])
    told = capsys.readouterr()
    assert "5 of 5 hand-ins graded." in told.out
    assert "5 of 5, 0 not graded" in told.err
    written = tmp_path / "submitted-graded" / SET.name
    rows = (written / "grades.csv").read_text("utf-8").splitlines()
    assert rows[0].split(",")[0] == "student"
    assert len(rows) == 6
    assert (written / "ada.html").read_text("utf-8").startswith("<!doctype html>")
    assert SEED not in "".join(path.read_text("utf-8") for path in written.iterdir())


def test_without_bubblewrap_nothing_is_graded_and_the_way_out_is_named(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoSandbox, match=r"sudo apt install bubblewrap.*--unsafe"):
        batch(folder, SET, SEED, tmp_path / "results")
    with pytest.raises(NoSandbox):
        grade(folder / "emil.k.ipynb", SET, SEED)
    assert not list((tmp_path / "results").glob("*.json"))


def test_a_teacher_may_accept_the_risk(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert grade(folder / "ada", SET, SEED, unsafe=True).reason == "There is no notebook."
    assert grade(folder / "ada" / SET.name, SET, SEED, unsafe=True).total == SET.points


@pytest.mark.weekly
def test_a_dask_worker_that_is_killed_loses_no_hand_in_and_none_is_graded_twice(folder, tmp_path):
    distributed = pytest.importorskip(
        "distributed", reason="Dask is not installed: grading on a cluster is skipped"
    )
    for number in range(8):
        (folder / f"more{number}.ipynb").write_text(json.dumps(assignments.solved_notebook(SET, SEED)))
    told, killed = [], []
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:

        def kill(done, *_):
            told.append(done)
            if not killed:
                killed.append(next(iter(cluster.workers.values())).pid)
                os.kill(killed[0], signal.SIGKILL)

        found = batch(folder, SET, SEED, tmp_path / "results", scheduler=cluster.scheduler_address, show=kill)
    assert told == list(range(1, 14))
    assert len(stamps(tmp_path / "results")) == 13
    assert totals(found) == dict(sorted((expected() | {f"more{n}": SET.points for n in range(8)}).items()))
