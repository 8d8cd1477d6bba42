"""What a student reads and what a teacher opens: no graded input in the one, nothing that runs in the other."""

import json
import re

import pytest

from classroom.grading import draws, feedback, grade_bytes, summary, wire
from classroom.grading.grades import Graded
from classroom.grading.sandbox import Limits
from tests.classroom.handins import SEED, SET, cell, of, solved

LIMITS = Limits(call=1.5, cell=3.0, total=40.0)
_TELLS = """
SEEN = []
def my_log_not(z):
    SEEN.append(repr(z.tolist()))
    raise ValueError(" ".join(SEEN))
"""
_NAMES = """
def my_log_not(z):
    raise type("E" + repr(z.tolist()), (ValueError,), {})("told")
"""
_SHAPES = """
def my_log_not(z):
    return np.zeros((int(abs(z.ravel()[0]) * 1000) % 4096, 2))
"""
_MARKUP = "<script>alert('</pre>')</script><img src=x onerror=alert(1)>"


def graded(source):
    return grade_bytes(json.dumps(of(source)()).encode(), SET, SEED, "ada", limits=LIMITS)


def private_numbers():
    """The graded inputs of log_not as a student's code would print them, but for whole numbers and halves."""
    for one in draws.twins(SET.problem("90.log_not"), SEED).cases:
        yield from (repr(number) for number in one.args[0].ravel().tolist() if len(repr(number)) > 5)


@pytest.mark.parametrize("source", [_TELLS, _NAMES, _SHAPES], ids=["in words", "in a name", "in a shape"])
def test_a_function_cannot_carry_a_graded_input_into_its_feedback(source):
    result = graded(source)
    told = json.dumps(result.as_dict()) + feedback.html(result)
    assert result.points["90.log_not"] == 0
    numbers = list(private_numbers())
    assert len(numbers) > 5
    assert not [number for number in numbers if number in told]


def test_the_feedback_of_a_private_input_is_its_kind_of_fault():
    """Right on all public inputs, telling on the private ones: only then would there be something to read."""
    known = [one.args[0].tobytes() for one in SET.problem("90.log_not").exercise.cases]
    result = graded(
        f"KNOWN = {known!r}\ndef my_log_not(z):\n"
        "    if z.tobytes() in KNOWN: return -np.logaddexp(0, z)\n    raise ValueError(repr(z.tolist()))"
    )
    sentences = result.feedback["90.log_not"]
    assert "on another of this kind it raises an error" in sentences[1]
    assert "ValueError" not in " ".join(sentences)


def test_markup_that_a_student_wrote_is_shown_and_not_run():
    notebook = of(f"def my_log_not(z):\n    raise ValueError({_MARKUP!r})")()
    cell(notebook, "prose-audit")["source"] = _MARKUP
    page = feedback.html(grade_bytes(json.dumps(notebook).encode(), SET, SEED, _MARKUP, limits=LIMITS))
    assert page.count("&lt;script&gt;") >= 3
    assert not re.search(r"<(script|img)", page)
    assert "default-src 'none'" in page


def test_text_for_a_terminal_moves_no_cursor():
    result = Graded.nothing(SET, "ada\x1b[2J", "bad\u202ename")
    shown = feedback.text(result) + summary.table({"\x1b]0;x\x07": result})
    assert shown.isprintable() or set(shown) - set("\n") <= set(filter(str.isprintable, shown))


def test_a_prose_answer_goes_to_its_reader_and_earns_nothing_by_itself():
    notebook = solved()
    cell(notebook, "prose-audit")["source"] = "The exp overflows.\n\nIt should not."
    result = grade_bytes(json.dumps(notebook).encode(), SET, SEED, limits=LIMITS)
    assert result.prose == {"prose-audit": "The exp overflows.\n\nIt should not."}
    assert result.total == result.maximum


def test_a_spreadsheet_finds_no_formula_in_the_csv():
    rows = summary.as_csv({"=1+1": Graded.nothing(SET, "=1+1", "@SUM(A1)")}).splitlines()
    assert rows[1].startswith("'=1+1,")
    assert rows[1].endswith(",'@SUM(A1)")


@pytest.mark.parametrize(
    "tree",
    [
        None,
        [],
        ["array"],
        ["array", "object", [1], 0, 8],
        ["array", "float64", [2**40], 0, 8],
        ["array", "float64", [-1], 0, 8],
        ["array", "float64", [True], 0, 8],
        ["array", "float64", [1] * 9, 0, 8],
        ["array", "float64", [1], 4, 8],
        ["array", "float64", [1], 0, 16],
        ["array", "V8", [1], 0, 8],
        ["int", "9" * 5000],
        ["float", "one"],
        ["bool", 1],
        ["list", [["list", "x"]]],
        ["list", [["int", "1"]] * 5000],
        ["eval", "1"],
        [["int"], "1"],
    ],
    ids=repr,
)
def test_a_forged_value_is_refused_before_anything_is_made_of_it(tree):
    with pytest.raises(wire.Forged):
        wire.unpacked(tree, b"\0" * 8)


def test_a_value_nested_without_end_is_refused():
    tree = ["int", "1"]
    for _ in range(40):
        tree = ["list", [tree]]
    with pytest.raises(wire.Forged):
        wire.unpacked(tree, b"")
