"""Preparing .venv: what stands in the way is named before anything is tried."""

import pytest

from tools import environment


def test_a_checkout_that_may_not_be_written_is_told_apart_from_a_python_without_venv(monkeypatch):
    monkeypatch.setattr(environment, "ready", lambda kind: False)
    monkeypatch.setattr(environment, "run", lambda *command: pytest.fail(f"ran {command}"))
    monkeypatch.setattr(environment.os, "access", lambda path, mode: False)
    with pytest.raises(SystemExit, match=r"cannot be written.*Copy the course"):
        environment.prepare("learner")
