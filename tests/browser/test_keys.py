"""Keys on bets and explorers in a real JupyterLab: what a control uses stays, everything else goes on its way."""

import pytest
from playwright.sync_api import expect

from tools import lab

BET = 'from course_utils import quiz\nquiz.bet("00-thousand")'
CELLS = [BET, "ran = 1", "from course_utils.explorers import breaker\nbreaker.explore()", "ran = 2"]
CONTROLS = {
    "a bet's choice": (".quiz-choices button", 0),
    "a slider": (".softmax-explorer .noUi-handle", 2),
    "a preset": (".softmax-explorer .explorer-group button", 2),
    "a toggle": (".softmax-explorer .widget-toggle-button", 2),
    "a number box": (".softmax-explorer input[type=number]", 2),
}


@pytest.fixture(scope="module")
def page(server, browser, browser_context_args, write_notebook):
    write_notebook(server.folder / "keys.ipynb", CELLS)
    context = browser.new_context(**browser_context_args)
    page = context.new_page()
    lab.open_notebook(page, server, "keys.ipynb")
    lab.run_all(page)
    yield page
    context.close()


@pytest.fixture(params=CONTROLS)
def control(request, page):
    """A control that has the focus as a mouse leaves it, and the number of its cell."""
    selector, cell = CONTROLS[request.param]
    found = page.locator(selector).first
    found.scroll_into_view_if_needed()
    found.click()
    lab.settle(page)
    return found, cell


def active_cell(page):
    return page.evaluate("() => window.jupyterapp.shell.currentWidget.content.activeCellIndex")


def counts(page):
    return [cell["execution_count"] for cell in lab.cells(page)]


def sources(page):
    return [(cell["cell_type"], "".join(cell["source"])) for cell in lab.cells(page)]


def test_shift_enter_runs_the_cell_and_goes_on(page, control):
    _, cell = control
    before = counts(page)[cell]
    page.keyboard.press("Shift+Enter")
    lab.settle(page)
    assert counts(page)[cell] > before
    assert active_cell(page) == cell + 1
    lab.run_all(page)


def test_control_enter_runs_the_cell_and_stays(page, control):
    _, cell = control
    before = counts(page)[cell]
    page.keyboard.press("Control+Enter")
    lab.settle(page)
    assert counts(page)[cell] > before
    assert active_cell(page) == cell
    lab.run_all(page)


def test_control_s_saves(page, control):
    page.evaluate("() => { window.jupyterapp.shell.currentWidget.context.model.dirty = true; }")
    page.keyboard.press("Control+s")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty", timeout=10_000)


def test_escape_leaves_and_then_the_arrows_move_between_cells(page, control):
    _, cell = control
    page.keyboard.press("Escape")
    inside = "() => !!document.activeElement.closest('.softmax-explorer, .course-quiz')"
    assert not page.evaluate(inside)
    page.keyboard.press("ArrowDown")
    assert active_cell(page) == cell + 1
    assert page.evaluate("() => window.jupyterapp.shell.currentWidget.content.mode") == "command"


def test_letters_are_no_commands(page, control):
    before = sources(page)
    for key in ["b", "a", "m", "d", "d", "x", "z", "1", "Shift+M"]:
        page.keyboard.press(key)
    assert sources(page) == before


def test_home_and_end_go_to_the_limits_of_the_present_format(page):
    """noUiSlider remembers those it was made with."""
    lab.run_all(page)  # as it starts, in float16
    explorer = page.locator(".softmax-explorer")
    magnitude = explorer.get_by_role("slider", name="magnitude M")
    explorer.get_by_role("slider", name="number format").press("ArrowLeft")  # float16 to float32
    lab.settle(page)
    magnitude.press("End")
    expect(magnitude).to_have_attribute("aria-valuetext", "120")
    magnitude.press("Home")
    expect(magnitude).to_have_attribute("aria-valuetext", "0")
    explorer.get_by_role("slider", name="number format").press("ArrowRight")
    lab.settle(page)
    magnitude.press("End")
    expect(magnitude).to_have_attribute("aria-valuetext", "13")


def test_page_keys_leap_a_twentieth_of_the_slider(page):
    magnitude = page.locator(".softmax-explorer").get_by_role("slider", name="magnitude M")
    magnitude.press("Home")
    for _ in range(4):
        magnitude.press("PageUp")
        lab.settle(page)
    expect(magnitude).to_have_attribute("aria-valuetext", "2.6")
    magnitude.press("PageDown")
    expect(magnitude).to_have_attribute("aria-valuetext", "1.95")
    expect(magnitude).to_be_focused()


def test_a_toggle_says_what_is_pressed_and_works_by_keyboard(page):
    explorer = page.locator(".softmax-explorer")
    group = explorer.get_by_role("group", name="method")
    shifted = group.get_by_role("button", name="shifted")
    shifted.press("Enter")
    expect(shifted).to_have_attribute("aria-pressed", "true")
    expect(group.get_by_role("button", name="naive")).to_have_attribute("aria-pressed", "false")
    expect(explorer.get_by_role("status")).to_contain_text("shifted")
