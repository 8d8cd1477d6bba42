"""Slides of a lesson: cut by the rule, shown by a browser that has no network."""

import re
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("nbgrader", reason="runs in .venv-classroom: make classroom-tests")
from playwright.sync_api import sync_playwright

from classroom import slides
from course_utils import quiz
from tools import lab

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def kinds(cells):
    return [(cell.metadata.slideshow.slide_type, cell.source) for cell in cells]


@pytest.fixture(scope="module", params=LESSONS, ids=lambda path: path.name[:2])
def lesson(request):
    return nbformat.read(request.param, as_version=4)


def test_every_heading_begins_a_slide_and_no_slide_is_all_heading(lesson):
    headings = [
        line
        for cell in lesson.cells
        if cell.cell_type == "markdown"
        for line in re.sub(r"```.*?```", "", cell.source, flags=re.S).splitlines()
        if re.match("##? ", line)
    ]
    cut = kinds(slides.cut(lesson.cells))
    begun = [source.splitlines()[0] for kind, source in cut if kind == "slide"]
    assert [re.sub("<math.*", "", line) for line in begun] == [re.sub(r"\$.*", "", line) for line in headings]


def test_folded_code_is_left_out_and_its_figure_is_not(lesson):
    folded = [cell for cell in lesson.cells if cell.metadata.get("jupyter", {}).get("source_hidden")]
    cut = slides.cut(lesson.cells)
    shown = "\n".join(source for _, source in kinds(cut))
    figures = [output for cell in cut for output in cell.get("outputs", []) if "<figure" in str(output)]
    assert [cell.source for cell in folded if cell.source in shown] == []
    assert len(figures) >= sum("figures.show" in cell.source for cell in folded)


def test_a_bet_comes_before_its_answer_which_waits_for_a_key(lesson):
    asked = [
        key for cell in lesson.cells for key in re.findall(r'^quiz\.bet\("([^"]+)"\)', cell.source, re.M)
    ]
    cut = kinds(slides.cut(lesson.cells))
    for key in asked:
        question = next(q for q in quiz.questions(int(key[:2])) if q.key == key)
        posed, told = slides.posed(question), slides.answered(question)
        at, after = cut.index(("subslide", posed)), cut.index(("fragment", told))
        assert at < after
        assert question.explanation not in posed


def test_formulas_are_drawn_by_the_browser_itself(lesson):
    text = "\n".join(source for _, source in kinds(slides.cut(lesson.cells)) if "<math" in source)
    outside_code = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.S)
    assert "$" not in outside_code


@pytest.fixture(scope="module")
def shown(tmp_path_factory, chromium):
    """Lesson 03 in a page without a network, and every request that it made."""
    folder = tmp_path_factory.mktemp("slides")
    (path,) = slides.build_all(["03"], folder)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=lab.BROWSER_ARGUMENTS)
        page = browser.new_context(offline=True, viewport={"width": 1280, "height": 800}).new_page()
        page.asked, page.failed = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("requestfailed", lambda request: page.failed.append(request.url))
        page.on("pageerror", lambda error: page.failed.append(str(error)))
        page.goto(path.as_uri())
        page.wait_for_function("() => window.Reveal && Reveal.isReady()")
        yield page
        browser.close()


def test_slides_ask_for_nothing_from_elsewhere_and_nothing_is_missing(shown):
    assert shown.failed == []
    assert [url for url in shown.asked if not url.startswith(("file:", "data:"))] == []


def test_slides_show_a_figure_with_its_alternative(shown):
    figure = shown.locator("figure img").first
    assert figure.evaluate("image => image.naturalWidth") > 300
    assert len(figure.get_attribute("alt")) > 40


def test_every_slide_fits_the_screen(shown):
    too_tall = shown.evaluate("""() => Reveal.getSlides().filter(slide => {
        const at = Reveal.getIndices(slide);
        Reveal.slide(at.h, at.v, 99);
        return slide.getBoundingClientRect().bottom > window.innerHeight + 1;
    }).map(slide => slide.innerText.slice(0, 80))""")
    assert too_tall == []


def test_a_key_reveals_what_a_bet_hid(shown):
    state = "getComputedStyle(document.querySelector('section.present section.present .fragment')).visibility"
    shown.evaluate("""() => {
        const hidden = Reveal.getSlides().find(slide => slide.querySelector('.fragment'));
        const at = Reveal.getIndices(hidden);
        Reveal.slide(at.h, at.v, -1);
    }""")
    shown.wait_for_function(f"() => {state} === 'hidden'")
    shown.keyboard.press("Space")
    shown.wait_for_function(f"() => {state} === 'visible'")
