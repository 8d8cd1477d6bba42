"""Every explorer, in every form that a lesson shows, in one page: worked by keyboard, and looked at closely."""

import pytest
from playwright.sync_api import expect

from tests.browser import tree
from tests.browser.conftest import CALLS, SHOWCASE, violations
from tools import lab

# The new width arrives with the next frame: to be waited for.
FITS = "root => root.scrollWidth <= root.parentElement.clientWidth + 1"
CONTROLS = "[role=slider], input, button, summary"
pytestmark = pytest.mark.parametrize("notebook", ["showcase.ipynb"], indirect=True, scope="session")


def cell_of(call):
    return next(i for i, source in enumerate(SHOWCASE) if source.endswith(call))


def found(notebook, call):
    explorer = notebook.locator(".jp-Cell").nth(cell_of(call)).locator(".softmax-explorer")
    explorer.scroll_into_view_if_needed()
    return explorer


@pytest.fixture(params=CALLS)
def explorer(request, notebook):
    return found(notebook, request.param)


@pytest.fixture
def explorers(notebook):
    """All of them, by the call that shows each: where the page changes its size once and all look at it."""
    return {call: found(notebook, call) for call in CALLS}


@pytest.fixture
def as_it_was(notebook):
    """The page gets its size and colours back, whatever happens to a test."""
    size = notebook.viewport_size
    yield size
    notebook.emulate_media(forced_colors="none", reduced_motion="no-preference")
    notebook.set_viewport_size(size)


def move(slider):
    """To the end that it doesn't stand on."""
    at_end = slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")
    slider.press("Home" if at_end else "End")


def seen_and_heard(explorer, slider):
    image = explorer.locator("figure img").get_attribute("src")
    return image, explorer.get_by_role("status").text_content(), slider.get_attribute("aria-valuetext")


def moves(page, explorer, slider):
    """Does a key press on the slider change picture, sentence and what the slider says?"""
    before = seen_and_heard(explorer, slider)
    move(slider)
    lab.settle(page)  # what the kernel says to it is here; the picture may still be on its way into the page
    for _ in range(6):
        page.wait_for_timeout(50)
        if all(new != old for new, old in zip(seen_and_heard(explorer, slider), before, strict=True)):
            expect(slider).to_be_focused()
            return True
    return False


def reached(page, button):
    if button is not None:
        button.press("Enter")
        lab.settle(page)
    return True


def test_each_slider_moves_by_keyboard_and_changes_sentence_and_picture(notebook, explorer):
    for slider in explorer.get_by_role("slider").all():
        # A control may matter in some states only, as an epsilon does: then a preset leads there.
        places = [None, *explorer.get_by_role("button").all()]
        name = slider.get_attribute("aria-label")
        assert any(reached(notebook, place) and moves(notebook, explorer, slider) for place in places), name


def test_every_preset_button_works(notebook, explorer):
    sentences = set()
    for show in explorer.get_by_role("button", name="Show me").all():
        show.press("Enter")  # the buttons that answer the task come with it
        lab.settle(notebook)
    for button in explorer.get_by_role("button").all():
        button.press("Enter")
        lab.settle(notebook)
        expect(explorer.get_by_role("alert")).to_have_count(0)
        sentences.add(explorer.get_by_role("status").text_content())
    assert len(sentences) > 1


def test_tab_reaches_every_control_and_leaves(notebook, explorer):
    controls = explorer.locator(CONTROLS)
    names = controls.evaluate_all("all => all.forEach((one, i) => (one.dataset.walk = i)) ?? all.length")
    controls.first.focus()
    met = set()
    for _ in range(names + 3):
        met.add(notebook.evaluate("() => document.activeElement.dataset.walk ?? 'outside'"))
        notebook.keyboard.press("Tab")
    assert {str(i) for i in range(names)} - met == set()
    assert not explorer.evaluate("root => root.contains(document.activeElement)")


def test_the_accessibility_tree_tells_what_the_screen_shows(explorer):
    assert tree.differences(explorer) == []


def test_a_phone_shows_every_control_whole(notebook, explorers, as_it_was):
    notebook.set_viewport_size({"width": 320, "height": 640})
    for call, explorer in explorers.items():
        explorer.scroll_into_view_if_needed()
        notebook.wait_for_function(FITS, arg=explorer.element_handle())
        for track in explorer.locator(".noUi-target").all():
            assert track.bounding_box()["width"] > 60, call
    assert violations(notebook) == []


def test_it_works_in_forced_colors_at_twice_the_size(notebook, explorers, as_it_was):
    size = as_it_was
    notebook.emulate_media(forced_colors="active", reduced_motion="reduce")
    notebook.set_viewport_size({"width": size["width"] // 2, "height": size["height"] // 2})
    for explorer in explorers.values():
        explorer.scroll_into_view_if_needed()
        image = explorer.locator("figure img")
        source = image.get_attribute("src")
        move(explorer.get_by_role("slider").first)
        expect(image).not_to_have_attribute("src", source)
        notebook.wait_for_function(FITS, arg=explorer.element_handle())
    assert violations(notebook) == []


def test_a_preset_keeps_every_digit(notebook):
    """A slider in the page rounds what it shows to its steps; the number that was asked for must survive that."""
    lab.run_cell(notebook, cell_of("edge.explore()"))  # as it starts
    edge = notebook.locator(".softmax-explorer", has_text="Where is the edge?")
    for show in edge.get_by_role("button", name="Show me").all():
        show.click()
    for name, exact, said in [
        ("first bad", "88.72283935546875", "exp(88.7228394) in float32 is inf"),
        ("−1 ulp", "88.72283172607422", "exp(88.7228317) in float32 is 3.4028e+38"),
        ("88.7 in bfloat16", "88.7", "You asked 88.7; bfloat16 stored 88.5"),
    ]:
        edge.get_by_role("button", name=name).click()
        expect(edge.get_by_role("status")).to_contain_text(said)
        notebook.wait_for_timeout(300)
        expect(edge.get_by_role("status")).to_contain_text(said)
        expect(edge.get_by_role("spinbutton", name="logit z, exact value")).to_have_value(exact)
        expect(edge.get_by_role("slider", name="logit z")).to_have_attribute("aria-valuetext", exact)
    edge.get_by_role("spinbutton").fill("-104")
    edge.get_by_role("spinbutton").press("Enter")
    expect(edge.get_by_role("status")).to_contain_text("exp(-104)")
