"""The museum is honest: each bug is refused by the audit where the label says so, and its cure is accepted."""

import inspect
import re

import numpy as np
import pytest

from course_utils import museum
from course_utils.audit import KINDS
from course_utils.audit.cases import cases
from course_utils.audit.verdict import DECLARED, FAIL, PASS

EXHIBITS = tuple(museum.EXHIBITS.values())
each_exhibit = pytest.mark.parametrize("one", EXHIBITS, ids=lambda one: one.key)
BANNED = re.compile(r"\b(just|simply|obviously|trivially)\b", re.I)


def test_the_museum_holds_bugs_of_many_libraries():
    assert len(EXHIBITS) >= 20
    assert len({one.repository.split("/")[0] for one in EXHIBITS}) >= 15
    assert len({one.thread for one in EXHIBITS}) == len(EXHIBITS)
    assert {one.kind for one in EXHIBITS} == {
        "softmax",
        "log_softmax",
        "logsumexp",
        "cross_entropy",
        "cross_entropy_with_grad",
    }


@each_exhibit
def test_the_audit_refuses_the_bug_in_the_case_that_is_named(one):
    assert museum.judged(one, one.broken).status == FAIL


@each_exhibit
def test_the_audit_accepts_the_cure_in_that_case(one):
    assert museum.judged(one, one.cured).status in (PASS, DECLARED)


@each_exhibit
def test_a_label_says_everything(one):
    assert re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", one.thread)
    assert one.url.endswith(f"/{'pull' if one.pull else 'issues'}/{one.number}")
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", thread) for thread in one.also)
    assert one.kind in KINDS
    assert one.asked[0] in {case.name for case in cases(one.kind)}
    for words in (one.symptom, one.why, one.change):
        assert 12 <= len(words) <= 240, words
        assert words.endswith((".", ":")), words
        assert not BANNED.search(words)


@each_exhibit
def test_a_bug_fits_on_a_label(one):
    body = inspect.getsource(one.broken).partition("\ndef ")[2]
    assert len([line for line in body.splitlines() if line.strip()]) <= 8


def test_a_visit_shows_the_thread_the_case_and_both_verdicts():
    tour = museum.visit("formats")
    assert [row["thread"] for row in tour.rows] == [one.thread for one in museum.WINGS["formats"].values()]
    assert {row["the bug"] for row in tour.rows} == {FAIL}
    assert "softmax: 1100 equal logits, bfloat16" in repr(tour)
    assert tour._repr_html_().count("<tr>") == 1 + len(tour.rows)


def test_bugs_and_cures_can_be_run_by_hand():
    one = museum.EXHIBITS["maximum_from_zero"]
    logits = np.array([-1e4, -1e4])
    with np.errstate(all="ignore"):
        assert np.isnan(one.broken(logits)).all()
    np.testing.assert_array_equal(one.cured(logits), [0.5, 0.5])


def test_a_label_shows_the_code_the_input_and_the_cure():
    label = museum.label("maximum_from_zero")
    assert label.code.startswith("def maximum_from_zero(")
    assert "initial=0" in label.code
    assert "exhibit(" not in label.code
    told = dict(label.lines)
    assert (told["came out"], told["the truth"]) == ("[NaN, NaN]", "[0.5, 0.5]")
    assert 'href="https://github.com/FluxML/NNlib.jl/pull/43"' in label._repr_html_()
    assert label.code in repr(label)


def test_an_exhibit_that_is_not_there_is_told_the_others():
    with pytest.raises(KeyError, match="maximum_from_zero"):
        museum.label("no_such_bug")
