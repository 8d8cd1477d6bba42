"""Calls of other libraries: each says what the package says, live where the library is, else as recorded."""

import numpy as np
import pytest

from course_utils import elsewhere, shifted
from course_utils.audit import audit
from course_utils.audit.cases import cases
from course_utils.audit.verdict import FAIL

BEHAVIOURS = (
    "every case is answered in time",
    "no warning on legal input",
    "the input is never written",
    "global state is put back",
)

CALLS = [
    (quantity, arguments, call)
    for quantity, (arguments, calls) in elsewhere.QUESTIONS.items()
    for call in calls
]
each_call = pytest.mark.parametrize(
    ("quantity", "arguments", "call"), CALLS, ids=[f"{q}, {c.library}" for q, _, c in CALLS]
)


def through_the_probability(z):
    """The gradient of -log(softmax(z)[0]), step by step backwards."""
    with np.errstate(all="ignore"):
        p = shifted.softmax(z[0])
        back = np.array([-1, 0], z.dtype) / p
        return p * (back - np.sum(p * back))


def mean_of_kept(z, y):
    kept = y != -100
    with np.errstate(all="ignore"):
        return np.sum(-shifted.log_softmax(z[kept])) / np.float64(np.sum(kept))


OURS = {
    "logsumexp": lambda z: shifted.logsumexp(z),
    "log_softmax": lambda z: shifted.log_softmax(z)[0],
    "cross_entropy": lambda z, y: shifted.cross_entropy(z, y),
    "gradient": lambda z, y: shifted.cross_entropy_with_grad(z, y)[1][0, 0],
    "gradient, log after softmax": lambda z, y: through_the_probability(z)[0],
    "softmax without an axis": lambda z: shifted.softmax(z, axis=None).sum(axis=1)[0],
    "softmax with an axis": lambda z: shifted.softmax(z).sum(axis=1)[0],
    "mean over nothing": lambda z, y: mean_of_kept(z, y),
}


@each_call
def test_every_recorded_value_is_that_of_the_classic_form(quantity, arguments, call):
    assert call.recorded == pytest.approx(
        float(OURS[quantity](**arguments)), rel=1e-6, abs=1e-12, nan_ok=True
    )


@each_call
def test_an_installed_library_still_gives_what_was_recorded(quantity, arguments, call):
    for module in call.modules:
        pytest.importorskip(module)
    assert call.value(arguments) == pytest.approx(call.recorded, rel=1e-6, abs=1e-12, nan_ok=True)


def test_a_library_that_is_not_there_is_answered_from_the_record():
    absent = elsewhere.Call("Nowhere", ("no_such_library_at_all",), "1 / 0", 4.25, "1")
    assert absent.value({}) == 4.25


def test_the_lines_hold_the_call_the_value_and_the_version(capsys):
    elsewhere.show("log_softmax")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["SciPy", "1.17.1", "scipy.special.log_softmax(z)[0]", "0"]
    assert len({len(line) for line in lines}) == 1


def test_the_arguments_are_what_the_lessons_speak_of():
    assert np.array_equal(elsewhere.QUESTIONS["logsumexp"][0]["z"], np.float32([1000, 999]))
    assert elsewhere.QUESTIONS["cross_entropy"][0]["z"].shape == (3, 3)


# Audits, as recorded.

RECORDED = elsewhere.recorded()
each_record = pytest.mark.parametrize("one", RECORDED, ids=lambda one: f"{one.library} {one.kind}")


def test_every_library_is_recorded_with_every_kind_that_it_has():
    kinds = {
        library: {one.kind for one in RECORDED if one.library == library} for library in elsewhere.MODULES
    }
    rows = {"softmax", "log_softmax", "logsumexp"}
    losses = {"cross_entropy", "cross_entropy_with_grad"}
    assert kinds == {"SciPy": rows, "PyTorch": rows | losses, "JAX": rows | losses}


@each_record
def test_a_record_names_cases_that_the_audit_asks(one):
    asked = {case.name for case in cases(one.kind)} | set(BEHAVIOURS)
    assert set().union(*one.failed.values()) <= asked
    assert sum(map(len, one.failed.values())) == one.counts["fail"]


@pytest.mark.parametrize("one", [one for one in RECORDED if one.library == "SciPy"], ids=lambda one: one.kind)
def test_the_installed_scipy_still_fails_what_is_recorded_and_passes_the_rest(one):
    """A few cases of each group, since a whole audit takes seconds."""
    pytest.importorskip("scipy")
    few = [names[0] for group, names in one.failed.items() if group != "behaviour"]
    right = ("three ordinary logits, float64", "two huge equal logits, float32", "axis=0")
    report = audit(elsewhere.functions(one.kind)["SciPy"], one.kind, only=(*few, *right))
    failed = {finding.case for finding in report.findings if finding.status == FAIL}
    assert failed - set(BEHAVIOURS) == set(few)


def test_the_table_has_a_line_for_each_record(capsys):
    elsewhere.audits()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(RECORDED)
    assert lines[1].split()[:3] == ["softmax", "SciPy", RECORDED[0].version]
