"""A whole lesson with the keyboard alone, and what the browser tells a screen reader of its controls."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser import tree
from tests.browser.conftest import LESSONS
from tools import lab

LESSON = LESSONS[0]
ANSWER = "my_counts = [1, 2, 0, 3]"
CHECK = "lesson_00.count_nans.check(my_counts)"
# Counts what only a mouse, a pen or a finger sends: a click made by a key has no detail.
WATCH = """
window.pointed = [];
for (const kind of ["pointerdown", "mousedown", "touchstart", "wheel"])
  addEventListener(kind, (event) => event.isTrusted && window.pointed.push(event.type), true);
addEventListener("click", (event) => event.isTrusted && event.detail && window.pointed.push("click"), true);
"""


@pytest.fixture(scope="module")
def page(server, browser, browser_context_args):
    context = browser.new_context(**browser_context_args)
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.add_init_script(WATCH)
    lab.open_notebook(page, server, LESSON.name)
    yield page
    context.close()


def active(page):
    return page.evaluate("() => window.jupyterapp.shell.currentWidget.content.activeCellIndex")


def number_of(page, text):
    """The first cell whose source holds this text."""
    return next(i for i, cell in enumerate(lab.cells(page)) if text in "".join(cell["source"]))


def go_to(page, text):
    """From cell to cell with the arrows, as after Escape; a cell that has not run yet runs on the way."""
    page.keyboard.press("Escape")
    while active(page) != number_of(page, text):
        page.keyboard.press("ArrowDown" if active(page) < number_of(page, text) else "ArrowUp")


def run(page, text):
    """Go to a cell, run it, and come back to it."""
    go_to(page, text)
    page.keyboard.press("Shift+Enter")
    lab.settle(page)
    go_to(page, text)


def tab_to(page, control):
    for _ in range(25):
        if control.evaluate("node => node === document.activeElement"):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab does not reach {control}")


def output(page, text):
    return page.locator(".jp-Cell").nth(number_of(page, text)).locator(".jp-Cell-outputWrapper")


def write(page, text, source):
    """Write this into the cell in place of what is there, and run it."""
    go_to(page, text)
    page.keyboard.press("Enter")
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(source)
    page.keyboard.press("Shift+Enter")
    lab.settle(page)


def test_a_whole_lesson_is_done_without_a_mouse(page):
    run(page, "import numpy as np")
    run(page, "NEEDED = ")

    run(page, "quiz.review(0)")
    for question in output(page, "quiz.review(0)").locator(".quiz-question").all():
        button = question.get_by_role("button").last
        tab_to(page, button)
        page.keyboard.press("Enter")
        expect(question.get_by_role("status")).to_contain_text("The answer")

    run(page, '"00-thousand"')
    bet = output(page, '"00-thousand"')
    tab_to(page, bet.get_by_role("button", name="NaN for all three classes"))
    page.keyboard.press("Space")
    expect(bet.get_by_role("status").first).to_contain_text("Recorded")
    run(page, "scores = np.array")
    expect(bet.get_by_role("status").first).to_contain_text("A surprise")

    write(page, CHECK, f"{ANSWER}\n\n{CHECK}")
    expect(output(page, CHECK)).to_contain_text("Correct")
    go_to(page, CHECK)
    page.keyboard.press("b")  # a new cell below
    page.keyboard.press("Enter")
    page.keyboard.insert_text("lesson_00.count_nans.hint()")
    page.keyboard.press("Shift+Enter")
    lab.settle(page)
    expect(output(page, "count_nans.hint()")).to_contain_text(re.compile(r"\w{4}"))

    run(page, "breaker.explore")
    explorer = output(page, "breaker.explore")
    magnitude = explorer.get_by_role("slider", name="magnitude M")
    before = explorer.get_by_role("status").text_content()
    tab_to(page, magnitude)
    page.keyboard.press("End")
    expect(explorer.get_by_role("status")).not_to_have_text(before)
    expect(explorer.get_by_role("status")).to_contain_text("NaN")

    for text in ["lesson_00.smallest_score", '"00-one-bad-row"', "batch = np.array", "progress_map()"]:
        run(page, text)
    assert all(
        cell["execution_count"] for cell in lab.cells(page) if cell["source"] and "execution_count" in cell
    )
    assert page.evaluate("window.pointed") == []


def test_the_browser_tells_a_screen_reader_what_the_screen_shows(page):
    """Names, roles and values of a review, a bet and an explorer, from Chromium's own accessibility tree."""
    for part in page.locator(".course-quiz, .softmax-explorer").all():
        assert tree.differences(part) == []


def test_a_control_that_is_named_wrongly_would_be_found(page):
    quiz = page.locator(".course-quiz").first
    button = quiz.get_by_role("button").first
    button.evaluate("button => button.setAttribute('aria-label', 'something else')")
    assert len(tree.differences(quiz)) == 1
    button.evaluate("button => button.removeAttribute('aria-label')")
