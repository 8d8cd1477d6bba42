"""Preparing .venv: what stands in the way is named before anything is tried."""

import pytest

from tools import environment


def test_a_checkout_that_may_not_be_written_is_told_apart_from_a_python_without_venv(monkeypatch):
    monkeypatch.setattr(environment, "ready", lambda kind: False)
    monkeypatch.setattr(environment, "run", lambda *command: pytest.fail(f"ran {command}"))
    monkeypatch.setattr(environment.os, "access", lambda path, mode: False)
    with pytest.raises(SystemExit, match=r"cannot be written.*Copy the course"):
        environment.prepare("learner")


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """The same kinds in an empty folder, each with a Python that nobody has to install."""
    moved = {}
    for name, kind in environment.KINDS.items():
        requirements, lock = tmp_path / f"{name}.txt", tmp_path / kind.lock.name
        moved[name] = kind._replace(folder=tmp_path / kind.folder.name, requirements=requirements, lock=lock)
        moved[name].python.parent.mkdir(parents=True, exist_ok=True)
        for file in (requirements, lock, moved[name].python):
            file.write_text("")
    monkeypatch.setattr(environment, "KINDS", moved)
    return moved


def mark(name):
    environment.stamp(name).write_text(environment.fingerprint(environment.KINDS[name]))


def test_what_the_tests_need_serves_a_learner_and_not_the_other_way_round(elsewhere):
    mark("learner")
    assert environment.ready("learner")
    assert not environment.ready("development")
    environment.stamp("learner").unlink()
    mark("development")
    assert environment.ready("learner")
    assert environment.ready("development")


def test_a_teachers_packages_change_nothing_for_a_learner(elsewhere):
    mark("development")
    mark("classroom")
    elsewhere["classroom"].requirements.write_text("nbgrader")
    assert environment.ready("learner")
    assert not environment.ready("classroom")


def test_a_new_lock_prepares_the_environment_again(elsewhere):
    mark("development")
    elsewhere["development"].lock.write_text("numpy==1")
    assert not environment.ready("development")
