"""Steps out of order, twice, or with nothing to do: a sentence, never a traceback, and nothing is lost."""

import pytest

pytest.importorskip("nbgrader", reason="runs in .venv-classroom: make classroom-tests")

from sqlalchemy.exc import SAWarning

from classroom import steps

pytestmark = [  # nbgrader's own: about its gradebook, and files that it leaves to be closed
    pytest.mark.filterwarnings(f"ignore::{SAWarning.__module__}.{SAWarning.__name__}"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A course of which nothing is released."""
    made = tmp_path_factory.mktemp("class") / "course"
    steps.main(["--course", str(made), "create"])
    return made


def take(folder, *step):
    steps.main(["--course", str(folder), *step])


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (["create"], "is a course already"),
        (["release", "softmax"], "there is no problem set 'softmax'; there are overflow"),
        (["collect", "overflow"], "no inbound folder"),
        (["zip", "overflow", "/nowhere.zip"], "cannot be read as a zip"),
        (["roster", "/nowhere.csv"], "No such file"),
        (["forget", ""], "is no student's name"),
        (["forget", ".."], "is no student's name"),
        (["forget", "../seed"], "is no student's name"),
        (["demo"], "is a course, and no demo"),
    ],
)
def test_a_step_that_cannot_be_taken_says_why(folder, step, told):
    with pytest.raises(SystemExit) as ended:
        take(folder, *step)
    assert told in str(ended.value)
    assert (folder / "seed").exists()


def test_a_folder_that_is_no_course_says_how_to_begin(tmp_path):
    with pytest.raises(SystemExit, match="begin with the step create"):
        take(tmp_path, "export")


def test_steps_with_nobody_in_the_class_do_nothing(folder, capsys):
    for step in (
        ["release", "overflow"],
        ["release", "overflow"],
        ["collect", "overflow"],
        ["grade", "overflow"],
        ["feedback", "overflow"],
        ["export"],
        ["forget", "nobody"],
    ):
        take(folder, *step)
    said = capsys.readouterr().out
    assert "0 hand-ins of overflow" in said
    assert "0 pages" in said
    assert "nothing is kept about nobody" in said


def test_a_roster_goes_into_the_gradebook_and_twice_is_once(folder, tmp_path, capsys):
    file = tmp_path / "students.csv"
    file.write_text("id,first_name,last_name,email\nada,Ada,L,\n,nobody,,\n")
    take(folder, "roster", str(file))
    take(folder, "roster", str(file))
    take(folder, "export")
    rows = (folder / "grades.csv").read_text().splitlines()
    assert sum("ada" in row for row in rows) == 1
    assert "1 students in the gradebook" in capsys.readouterr().out
