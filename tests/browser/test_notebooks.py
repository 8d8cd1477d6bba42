"""Each notebook in a real JupyterLab in a real Chromium: run it, answer it by keyboard, listen to it."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import violations
from tools import lab


def explorers(page):
    return page.locator(".softmax-explorer").all()


def test_every_cell_runs_without_an_error(notebook):
    outputs = [output for cell in lab.cells(notebook) for output in cell.get("outputs", [])]
    assert outputs
    assert not [output["evalue"] for output in outputs if output["output_type"] == "error"]
    expect(notebook.get_by_text("Explorer error:")).to_have_count(0)
    expect(notebook.get_by_text("Error displaying widget")).to_have_count(0)


def test_every_explorer_shows_its_sentence_and_picture(notebook):
    for explorer in explorers(notebook):
        status, image = explorer.get_by_role("status"), explorer.locator("figure img")
        expect(status).to_have_text(re.compile(r"\d"))
        assert image.get_attribute("alt") == status.text_content()
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 400


def test_handles_and_buttons_are_24_pixels(notebook):
    for part in [*explorers(notebook), *notebook.locator(".course-quiz").all()]:
        for control in [*part.get_by_role("slider").all(), *part.get_by_role("button").all()]:
            box = control.bounding_box()
            assert min(box["width"], box["height"]) > 23.9  # 24, rounded


def test_a_bet_is_answered_by_keyboard(notebook):
    for quiz in notebook.locator(".course-quiz").all():
        for question in quiz.locator(".quiz-question").all():
            button = question.locator(".quiz-choices").get_by_role("button").last
            button.press("Enter")
            expect(button).to_have_attribute("aria-pressed", "true")
            expect(question.get_by_role("status")).to_contain_text(re.compile("What happens|The answer"))
        score = re.compile(r"Surprises so far: \d+ in \d+|Right at the first try: \d+ of \d+")
        expect(quiz.locator(".quiz-score")).to_have_text(score)


def test_axe_finds_nothing_in_the_outputs(notebook):
    notebook.locator("details").evaluate_all("all => all.forEach((one) => (one.open = true))")
    assert violations(notebook) == []


def test_a_failing_callback_is_shown(server, page):
    """In a plain notebook it would show nothing."""
    lab.open_notebook(page, server, "broken.ipynb")
    lab.run_all(page)
    explorer = page.locator(".softmax-explorer")
    expect(explorer.locator("figure img")).to_have_attribute("alt", re.compile("exp"))
    explorer.get_by_role("slider").first.press("ArrowRight")
    expect(explorer.get_by_role("alert")).to_have_text("Explorer error: ValueError: this callback is broken")
    page.locator(".jp-OutputArea-output").last.evaluate("output => output.append(new Image())")
    assert [rule["id"] for rule in violations(page)] == ["image-alt"], "axe must see a picture without a text"
