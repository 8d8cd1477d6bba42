"""Calls of other libraries: each says what the package says, live where the library is, else as recorded."""

import numpy as np
import pytest

from course_utils import elsewhere, shifted

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


OURS = {
    "logsumexp": lambda z: shifted.logsumexp(z),
    "log_softmax": lambda z: shifted.log_softmax(z)[0],
    "cross_entropy": lambda z, y: shifted.cross_entropy(z, y),
    "gradient": lambda z, y: shifted.cross_entropy_with_grad(z, y)[1][0, 0],
    "gradient, log after softmax": lambda z, y: through_the_probability(z)[0],
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
