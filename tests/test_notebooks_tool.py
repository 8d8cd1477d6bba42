"""tools/notebooks.py: one way from lesson to notebook, the same bytes each time, and no silent failure."""

import subprocess
import sys

import nbformat
import pytest

LESSON = """# %% [markdown]
# # Is one and one two?
#
# Text.

# %%
import math

# %%
1 + 1

# %% tags=["same-as:shifted.softmax"]
1 + 1
"""
WIDGET = """# %%
import ipywidgets

# %% tags=["nbval-ignore-output"]
ipywidgets.interact(lambda x: print(x), x=(0, 3));

# %%
class Box(ipywidgets.VBox):
    def _repr_mimebundle_(self, **kwargs):
        return {**super()._repr_mimebundle_(**kwargs), "text/html": "<figure>a picture</figure>"}


Box()
"""


def write(workshop, text, name="03_probe.py"):
    lesson = workshop.LESSONS / name
    lesson.write_text(text, "utf-8")
    return lesson


def read(workshop, lesson):
    return nbformat.read(workshop.notebook_of(lesson), as_version=4)


def test_two_builds_of_a_widget_notebook_give_the_same_bytes(workshop):
    lesson = write(workshop, WIDGET)
    builds = []
    for _ in range(2):
        workshop.build(lesson)
        builds.append(workshop.notebook_of(lesson).read_bytes())
    assert builds[0] == builds[1]


def test_a_widget_leaves_its_picture_and_no_state(workshop):
    lesson = write(workshop, WIDGET)
    workshop.build(lesson)
    notebook = read(workshop, lesson)
    assert notebook.metadata == workshop.METADATA
    assert set(notebook.cells[-1].outputs[0].data) == {"text/plain", "text/html"}


def test_a_built_widget_notebook_passes_strict_nbval(workshop, tmp_path):
    lesson = write(workshop, WIDGET)
    workshop.build(lesson)
    command = [sys.executable, "-m", "pytest", "-q", "--nbval", "-p", "no:cacheprovider"]
    command += ["--nbval-sanitize-with", str(tmp_path / "nbval_sanitize.cfg")]
    answer = subprocess.run([*command, str(workshop.notebook_of(lesson))], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout
    assert "3 passed" in answer.stdout


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import sys; print('careful', file=sys.stderr)", "wrote to stderr: careful"),
        ("import warnings; warnings.warn('overflow')", "overflow"),
        ("print('Explorer error: no such format')", "callback failed: Explorer error: no such format"),
        ("import ipywidgets; ipywidgets.interact(lambda x: 1 / x, x=(0, 1, 1));", "raised ZeroDivisionError"),
    ],
)
def test_what_goes_wrong_in_a_cell_fails_the_build(workshop, cell, message):
    cell = cell.replace("x=(0, 1, 1)", "x=ipywidgets.IntSlider(0)")
    lesson = write(workshop, f"# %%\n{cell}\n")
    with pytest.raises(workshop.LessonError, match=message):
        workshop.build(lesson)
    assert not workshop.notebook_of(lesson).exists()


def test_a_folded_output_begins_with_a_heading_and_not_with_the_answer(workshop):
    """JupyterLab prints its first line beside the dots, before anything has run."""
    cells = "# %%\ndef bet():\n    quiz.bet(1)\n\n# %%\nHEADINGprint(2 * 21)\n"
    with pytest.raises(workshop.LessonError, match="cell 2: its output is folded"):
        workshop.build(write(workshop, cells.replace("HEADING", "")))
    lesson = write(workshop, cells.replace("HEADING", "print('twice 21:')\n"))
    workshop.build(lesson)
    assert read(workshop, lesson).cells[1].outputs[0].text == "twice 21:\n42\n"


def test_a_cell_that_never_ends_fails_the_build(workshop, monkeypatch):
    monkeypatch.setattr(workshop, "CELL_SECONDS", 1)
    lesson = write(workshop, "# %%\nwhile True:\n    pass\n")
    with pytest.raises(workshop.LessonError, match="timed out"):
        workshop.build(lesson)


def test_tags_reach_the_notebook_and_twins_get_ids_of_their_own(workshop):
    cells = workshop.convert(write(workshop, LESSON)).cells
    assert cells[3].metadata.tags == ["same-as:shifted.softmax"]
    assert cells[3].id == f"{cells[2].id}-2"


def test_check_accepts_a_build_and_names_the_way_out_of_everything_else(workshop):
    lesson = write(workshop, LESSON)
    assert "was never built" in workshop.check()[0]
    workshop.build(lesson)
    assert workshop.check() == []

    write(workshop, LESSON.replace("Text", "Other text"))
    assert "differs from its lesson at cell 1" in workshop.check()[0]
    assert "edit lessons/03_probe.py, then run python tools/notebooks.py build 03" in workshop.check()[0]

    write(workshop, LESSON + "\n# %%\n3\n")
    assert "has 4 cells, its lesson 5" in workshop.check()[0]


def test_check_sees_a_changed_tag_stored_state_and_a_notebook_without_a_lesson(workshop):
    lesson = write(workshop, LESSON)
    workshop.build(lesson)
    write(workshop, LESSON.replace("shifted", "stable"))
    assert "differs from its lesson at cell 4" in workshop.check()[0]

    write(workshop, LESSON)
    notebook = read(workshop, lesson)
    notebook.metadata["widgets"] = {"state": {}}
    nbformat.write(notebook, workshop.notebook_of(lesson))
    assert "stores more than a build does" in workshop.check()[0]

    lesson.unlink()
    assert "has no lesson" in workshop.check()[0]


def test_adopt_brings_an_edit_back_and_leaves_the_rest_of_the_text_alone(workshop, tmp_path):
    lesson = write(workshop, LESSON)
    notebook = workshop.convert(lesson)
    edited = tmp_path / "my_03.ipynb"
    nbformat.write(notebook, edited)
    workshop.adopt(edited)
    assert lesson.read_text("utf-8") == LESSON

    notebook.cells[0].source = notebook.cells[0].source.replace("Text", "Better text")
    notebook.cells.append(nbformat.v4.new_code_cell("2 + 2"))
    nbformat.write(notebook, edited)
    workshop.adopt(edited)
    assert lesson.read_text("utf-8") == LESSON.replace("Text", "Better text") + "\n# %%\n2 + 2\n"


def test_new_begins_a_lesson_once_and_refuses_a_name_that_is_no_slug(workshop):
    workshop.new("07", "who_dies_first")
    assert "# # Who dies first?" in (workshop.LESSONS / "07_who_dies_first.py").read_text("utf-8")
    with pytest.raises(workshop.LessonError, match="has that number"):
        workshop.new("07", "another")
    with pytest.raises(workshop.LessonError, match="lower-case"):
        workshop.new("08", "Not A Slug")


def test_an_unknown_number_is_named(workshop, capsys):
    assert workshop.main(["build", "42"]) == 1
    assert "no lesson 42" in capsys.readouterr().err
