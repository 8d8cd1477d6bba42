"""The capstone of lesson 12: each of the five faults is the only one, and the audit sees through every patch."""

import numpy as np
import pytest

from course_utils.audit import cases
from course_utils.exercises import lesson_12
from course_utils.exercises.lesson_12 import judging, repairs
from course_utils.exercises.lesson_12.broken import KINDS, LOSSES
from course_utils.mistakes import MISTAKES

five = lesson_12.five_losses
REPAIRED = repairs.repaired()
each_loss = pytest.mark.parametrize("name", LOSSES)


@pytest.fixture(autouse=True)
def no_progress(monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", "off")


@each_loss
def test_a_broken_loss_looks_right_on_ordinary_numbers(name):
    """Nobody finds these faults by trying three ordinary rows."""
    logits, targets = np.array([[2.0, 1, 0.1], [0, 3, 1], [1, 1, 2]]), np.array([0, 2, 1])
    parts = np.atleast_1d(np.hstack([np.ravel(part) for part in _parts(LOSSES[name](logits, targets))]))
    right = np.hstack([np.ravel(part) for part in _parts(REPAIRED[name](logits, targets))])
    np.testing.assert_allclose(parts, right, rtol=1e-14, atol=1e-15)


def _parts(answer):
    return answer if isinstance(answer, tuple) else (answer,)


@each_loss
def test_the_audit_refuses_the_broken_loss_and_accepts_the_repair(name):
    assert judging.by_audit(name, LOSSES[name]) is not None
    assert judging.by_audit(name, REPAIRED[name]) is None


@pytest.mark.parametrize(
    ("name", "wrong"),
    [(name, wrong) for name, several in repairs.WRONG.items() for wrong in several],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_patch_is_no_repair(name, wrong):
    said = judging.by_audit(name, wrong)
    assert said is not None
    assert [label for label, _ in said.details][:2] == ["the case", "the input"]


@pytest.mark.parametrize(
    ("name", "key"), [(name, key) for name, keys in judging.LIKELY.items() for key in keys]
)
def test_a_known_mistake_is_named(name, key):
    wrong = MISTAKES[key].function
    if name == "E":  # the catalogue's gradients come without their loss
        said = judging.by_audit(name, lambda z, t: (REPAIRED["A"](z, t), wrong(z, t)))
    else:
        said = judging.by_audit(name, wrong)
    assert said.mistake == key, said
    assert ("looks like", MISTAKES[key].diagnosis) in said.details


def test_no_mistake_is_guessed_where_none_explains_the_failures():
    assert judging.by_audit("D", repairs.WRONG["D"][0]).mistake == ""


def test_every_state_is_told():
    answer = {**LOSSES, "B": REPAIRED["B"], "C": repairs.WRONG["C"][0]}
    result = five.check(answer)
    assert "1 of 5 are repaired. More about C below." in result.verdict
    states = dict(result.details)
    assert states["A"] == states["D"] == states["E"] == "as it was handed out"
    assert (states["B"], states["C"]) == ("repaired", "refused")


def test_an_answer_in_another_form_is_told_the_form():
    for answer in (REPAIRED["A"], {"A": REPAIRED["A"]}, {**REPAIRED, "B": 3}, list(REPAIRED.values())):
        result = five.check(answer)
        assert result.outcome == "incorrect"
        assert '"E": my_e' in repr(result)


def test_the_solution_shows_all_five():
    five.check({**REPAIRED, "A": repairs.WRONG["A"][0]})
    assert five.solution().code.count("def ") == 5


def test_a_repair_that_raises_is_told_too():
    def raises(logits, targets, weight=None):
        raise ZeroDivisionError("by zero")

    assert "ZeroDivisionError" in repr(judging.by_audit("C", raises).details)


@each_loss
def test_every_case_that_is_asked_exists(name):
    assert len(cases.only(KINDS[name], judging.asked(name))) >= 30
