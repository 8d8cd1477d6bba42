"""The audit as a team's tool: an assertion for pytest, failures that are allowed, exit codes, the workflow in docs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils import shifted, stable
from course_utils.audit import assert_stable, audit
from course_utils.audit.__main__ import main
from course_utils.audit.verdict import FAIL

pytest_plugins = ["pytester"]
ROOT = Path(__file__).resolve().parents[1]
FEW = ("three ordinary logits, *", "1100 equal logits, *")


def right(logits, axis=-1):
    return stable.softmax(logits, axis)


# Choosing cases.


def test_only_the_chosen_cases_are_asked():
    report = audit(right, "softmax", only=("[0, -40], float64",))
    assert [finding.case for finding in report.findings if finding.group != "behaviour"] == [
        "[0, -40], float64"
    ]


def test_a_star_stands_for_any_letters_and_a_bracket_for_itself():
    report = audit(right, "softmax", only=("[0, -*], float64", "special values"))
    asked = {finding.case for finding in report.findings}
    assert "[0, -700], float64" in asked
    assert "nothing but -inf, float32" in asked
    assert "[0, -700], float32" not in asked


def test_a_case_that_does_not_exist_is_no_silent_success():
    with pytest.raises(ValueError, match="no case of kind softmax is called 'ten logits'"):
        audit(right, "softmax", only=("ten logits",))


# The assertion.


def test_a_stable_function_passes_and_the_report_comes_back():
    assert assert_stable(right, "softmax", only=FEW).kind == "softmax"


def test_an_unstable_function_fails_with_the_report_as_the_message():
    with pytest.raises(AssertionError, match="1100 equal logits, bfloat16") as caught:
        assert_stable(shifted.softmax, only=FEW)
    assert "the truth" in str(caught.value)


def test_a_failure_may_be_allowed_with_a_reason():
    allow = {"*, bfloat16": "only float32 and float64 reach it", "*, float8*": "the same"}
    assert len(assert_stable(shifted.softmax, only=FEW, allow=allow).of(FAIL)) == 3


def test_what_is_not_allowed_still_fails_and_what_is_allowed_is_not_repeated():
    with pytest.raises(AssertionError) as caught:
        assert_stable(shifted.softmax, only=FEW, allow={"*, bfloat16": "only float32 and float64 reach it"})
    assert "float8_e5m2" in str(caught.value)
    assert "1100 equal logits, bfloat16" not in str(caught.value)
    assert "1 more failures are allowed" in str(caught.value)


def test_an_allowance_that_nothing_needs_would_hide_the_next_bug():
    with pytest.raises(AssertionError, match="Take 'range' off the list"):
        assert_stable(right, "softmax", only=FEW, allow={"range": "it used to fail"})


def test_an_allowance_needs_a_reason():
    with pytest.raises(ValueError, match="say why"):
        assert_stable(shifted.softmax, only=FEW, allow={"*": " "})


def test_a_function_of_which_nothing_is_asked_is_not_called_stable():
    with pytest.raises(AssertionError, match="nothing is known"):
        assert_stable(lambda logits: stable.softmax(logits), "softmax", only=("where= *",))


# In pytest, in a process of its own, as a step of a workflow: the page of docs/ is what is run.

ALONE = ("-p", "no:playwright")  # its hook cannot be nested
PAGE = (ROOT / "docs" / "audit_in_ci.md").read_text("utf-8")
LOSS = """
import numpy as np
from course_utils import stable

def cross_entropy(logits, targets):
    return -np.mean(stable.log_softmax(logits)[np.arange(len(targets)), targets])
"""
PATCHED = LOSS.replace(
    "np.mean(stable.log_softmax(logits)[", "np.mean(np.log(1e-8 + stable.softmax(logits)["
).replace("targets])", "targets]))")


def block(language):
    """The first block of the page in this language."""
    return re.search(rf"^```{language}\n(.*?)^```", PAGE, re.S | re.M)[1]


@pytest.fixture
def our_model(pytester):
    """A project with the package and the test of the page; `write` replaces its loss."""

    def write(loss):
        package = pytester.path / "our_model"
        package.mkdir(exist_ok=True)
        (package / "__init__.py").touch()
        (package / "losses.py").write_text(loss)

    pytester.makepyfile(test_numerics=block("python"))
    pytester.syspathinsert()
    write(LOSS)
    yield write
    for name in [name for name in sys.modules if name.startswith("our_model")]:
        del sys.modules[name]


def test_the_test_of_the_page_passes_as_it_stands(our_model, pytester):
    pytester.runpytest(*ALONE).assert_outcomes(passed=1)


def test_the_test_of_the_page_fails_when_somebody_patches_the_loss(our_model, pytester):
    our_model(PATCHED)
    fewer = (
        block("python")
        .replace('"*float32"', '"wrong by 700, float32"')
        .replace('"arguments"', '"a negative target"')
    )
    pytester.makepyfile(test_numerics=fewer)
    result = pytester.runpytest(*ALONE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*AssertionError: Audit of our_model.losses.cross_entropy*", "*looks like*"])
    result.stdout.no_fnmatch_line("*complaint(report*")


def test_the_steps_of_the_page_run_the_command_that_there_is(our_model, pytester):
    steps = re.findall(r"run: python -m (course_utils\.audit .*)", block("yaml"))
    assert len(steps) == 1
    call = [sys.executable, "-m", *steps[0].split(), "--only", "arguments"]
    done = subprocess.run(call, capture_output=True, text=True, cwd=pytester.path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "✗ fail: a negative target" in done.stdout
    assert (pytester.path / "audit.json").exists()


@pytest.mark.parametrize("extra", [["--allow", "range="], ["--allow", "range"], ["--only", "no such case"]])
def test_a_misspelled_list_is_told_before_anything_runs(extra, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["course_utils.stable:softmax", *extra])
    assert stopped.value.code == 2
    assert "error" in capsys.readouterr().err


def test_the_command_says_that_all_failures_are_allowed(capsys):
    call = ["course_utils.shifted:softmax", "--only", "1100 equal logits, *"]
    assert main(call) == 1
    assert main([*call, "--allow", "1100 equal logits, *=no narrow sums here"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("Every failure is allowed.")


def test_the_page_names_every_option_and_every_exit_code():
    options = set(re.findall(r"`(--\w+)", PAGE))
    assert options == {"--kind", "--only", "--allow", "--json"}
    assert re.findall(r"^\| (\d) \|", PAGE, re.M) == ["0", "1", "2"]
