"""Nothing on the screen answers a bet or a task before its time, in a real JupyterLab."""

import nbformat
import pytest
from playwright.sync_api import expect

from tools import lab, notebooks

LESSON = """# %%
from course_utils import naive, quiz

# %%
quiz.bet("00-thousand")

# %%
import numpy as np
print("the scores 1000, 1 and -1000:")
with np.errstate(all="ignore"):
    print(naive.softmax(np.float32([1000, 1, -1000])))

# %%
print("not folded")
"""


@pytest.fixture(scope="module")
def built(server, tmp_path_factory):
    """A lesson, built into the folder that the server shows."""
    folder = tmp_path_factory.mktemp("lessons")
    lesson, notebook = folder / "00_bet.py", server.folder / "00_bet.ipynb"
    lesson.write_text(LESSON)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notebooks, "NOTEBOOKS", folder)
        patch.setattr(notebooks, "notebook_of", lambda lesson: notebook)
        notebooks.build(lesson)
    return notebook


@pytest.fixture
def page(built, server, browser, browser_context_args):
    """The lesson as it is opened for the first time: nothing has run."""
    context = browser.new_context(**browser_context_args)
    page = context.new_page()
    lab.open_notebook(page, server, built.name)
    yield page
    context.close()


def test_the_stored_output_after_a_bet_stays_folded_until_the_cell_runs(page):
    shown = page.locator(".jp-OutputArea-output")
    expect(shown.get_by_text("not folded")).to_be_visible()
    lab.run_cell(page, 0)
    lab.run_cell(page, 1)
    expect(page.locator(".course-quiz")).to_be_visible()
    expect(page.locator(".jp-OutputPlaceholder")).to_be_visible()
    # Beside the dots of a folded output JupyterLab prints its first line: a heading.
    expect(page.locator(".jp-OutputPlaceholder")).to_have_text("the scores 1000, 1 and -1000:")
    expect(page.get_by_text("[nan")).to_have_count(0)
    lab.run_cell(page, 2)
    expect(page.get_by_text("[nan  0.  0.]")).to_be_visible()
    lab.run_cell(page, 2)
    expect(page.get_by_text("[nan  0.  0.]")).to_be_visible()  # and it stays open when it runs again


def test_a_bet_is_told_after_the_next_cell_and_not_on_the_click(page):
    lab.run_cell(page, 0)
    lab.run_cell(page, 1)
    bet = page.locator(".course-quiz")
    bet.get_by_role("button", name="1, 0, 0", exact=True).click()
    status = bet.locator(".quiz-status")
    expect(status).to_contain_text("Recorded")
    expect(status).not_to_contain_text("What happens")
    page.keyboard.press("Shift+Enter")  # runs the bet's own cell: asked anew, still not told
    lab.settle(page)
    bet.get_by_role("button", name="1, 0, 0", exact=True).click()
    expect(status).to_contain_text("Recorded")
    lab.run_cell(page, 2)
    expect(status).to_contain_text("You predicted")
    expect(status).to_contain_text("NaN, 0, 0")
    expect(page.locator(".quiz-told")).to_contain_text("A surprise. You predicted: 1, 0, 0")
    expect(bet.locator(".quiz-score")).to_have_text("Surprises so far: 1 in 1 bet.")


def test_tell_me_now_forces_nobody_to_wait(page):
    lab.run_cell(page, 0)
    lab.run_cell(page, 1)
    bet = page.locator(".course-quiz")
    bet.get_by_role("button", name="1, 0, 0", exact=True).click()
    bet.get_by_role("button", name="Tell me now").press("Enter")
    expect(bet.locator(".quiz-status")).to_contain_text("What happens")


def test_a_forge_shows_what_jupyterlab_folds(built):
    stored = nbformat.read(built, as_version=4)
    assert "nan" in stored.cells[2].outputs[0].text
    assert stored.cells[2].metadata.jupyter.outputs_hidden
