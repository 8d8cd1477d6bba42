"""Each notebook in a real JupyterLab in a real Chromium: run it, work it by keyboard, listen to it."""

import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tools import lab

OUTPUTS = {"include": [[".jp-OutputArea-output"]]}
CONTROLS = "[role=slider], input, button, summary"


def explorers(page):
    return page.locator(".softmax-explorer").all()


def sources(page):
    return [(cell["cell_type"], "".join(cell["source"])) for cell in lab.cells(page)]


def nudge(slider):
    """One step to the side that has room."""
    at_end = slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")
    slider.press("ArrowLeft" if at_end else "ArrowRight")


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


def seen_and_heard(explorer, slider):
    image = explorer.locator("figure img").get_attribute("src")
    return image, explorer.get_by_role("status").text_content(), slider.get_attribute("aria-valuetext")


def moves(page, explorer, slider):
    """Does a key press on the slider change picture, sentence and what the slider says?"""
    before = seen_and_heard(explorer, slider)
    at_end = slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")
    slider.press("Home" if at_end else "End")
    for _ in range(20):
        page.wait_for_timeout(50)
        if all(new != old for new, old in zip(seen_and_heard(explorer, slider), before, strict=True)):
            expect(slider).to_be_focused()
            return True
    return False


def test_each_slider_moves_by_keyboard_and_changes_sentence_and_picture(notebook):
    for explorer in explorers(notebook):
        for slider in explorer.get_by_role("slider").all():
            # A control may matter in some states only, as an epsilon does: then a preset leads there.
            places = [None, *explorer.get_by_role("button").all()]
            name = slider.get_attribute("aria-label")
            assert any(reached(notebook, place) and moves(notebook, explorer, slider) for place in places), (
                name
            )


def reached(page, button):
    if button is not None:
        button.press("Enter")
        lab.settle(page)
    return True


def test_every_preset_button_works(notebook):
    for explorer in explorers(notebook):
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


def test_letters_pressed_on_a_control_leave_the_notebook_alone(notebook):
    before = sources(notebook)
    for part in [*explorers(notebook), *notebook.locator(".course-quiz").all()]:
        for control in [*part.get_by_role("slider").all()[:1], *part.get_by_role("button").all()[:1]]:
            control.focus()
            for key in "bmddaxyzc":
                notebook.keyboard.press(key)
    assert sources(notebook) == before


def test_tab_reaches_every_control_of_an_explorer_and_leaves(notebook):
    for explorer in explorers(notebook):
        controls = explorer.locator(CONTROLS)
        names = controls.evaluate_all("all => all.forEach((one, i) => (one.dataset.walk = i)) ?? all.length")
        controls.first.focus()
        reached = set()
        for _ in range(names + 3):
            reached.add(notebook.evaluate("() => document.activeElement.dataset.walk ?? 'outside'"))
            notebook.keyboard.press("Tab")
        assert {str(i) for i in range(names)} - reached == set()
        assert not explorer.evaluate("root => root.contains(document.activeElement)")


def test_handles_and_buttons_are_24_pixels(notebook):
    for part in [*explorers(notebook), *notebook.locator(".course-quiz").all()]:
        for control in [*part.get_by_role("slider").all(), *part.get_by_role("button").all()]:
            box = control.bounding_box()
            assert min(box["width"], box["height"]) >= 24


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
    found = Axe().run(notebook, context=OUTPUTS)
    assert not found.response["violations"], found.generate_report()


def test_explorers_work_in_forced_colors_at_twice_the_size(notebook):
    size = notebook.viewport_size
    notebook.emulate_media(forced_colors="active", reduced_motion="reduce")
    notebook.set_viewport_size({"width": size["width"] // 2, "height": size["height"] // 2})
    for explorer in explorers(notebook):
        image = explorer.locator("figure img")
        source = image.get_attribute("src")
        nudge(explorer.get_by_role("slider").first)
        expect(image).not_to_have_attribute("src", source)
        fits = "root => root.scrollWidth <= root.parentElement.clientWidth + 1"
        notebook.wait_for_function(
            fits, arg=explorer.element_handle()
        )  # the new width arrives with the next frame
    notebook.emulate_media(forced_colors="none", reduced_motion="no-preference")
    notebook.set_viewport_size(size)


def test_a_preset_keeps_every_digit(server, page):
    """A slider in the page rounds what it shows to its steps; the number that was asked for must survive that."""
    lab.open_notebook(page, server, "showcase.ipynb")
    lab.run_all(page)
    edge = page.locator(".softmax-explorer", has_text="Where is the edge?")
    edge.get_by_role("button", name="Show me").click()
    for name, exact, said in [
        ("first bad", "88.72283935546875", "exp(88.7228394) in float32 is inf"),
        ("−1 ulp", "88.72283172607422", "exp(88.7228317) in float32 is 3.4028e+38"),
        ("88.7 in bfloat16", "88.7", "You asked 88.7; bfloat16 stored 88.5"),
    ]:
        edge.get_by_role("button", name=name).click()
        expect(edge.get_by_role("status")).to_contain_text(said)
        page.wait_for_timeout(300)
        expect(edge.get_by_role("status")).to_contain_text(said)
        expect(edge.get_by_role("spinbutton", name="logit z, exact value")).to_have_value(exact)
        expect(edge.get_by_role("slider", name="logit z")).to_have_attribute("aria-valuetext", exact)
    edge.get_by_role("spinbutton").fill("-104")
    edge.get_by_role("spinbutton").press("Enter")
    expect(edge.get_by_role("status")).to_contain_text("exp(-104)")


def test_a_failing_callback_is_shown(server, page):
    """In a plain notebook it would show nothing."""
    lab.open_notebook(page, server, "broken.ipynb")
    lab.run_all(page)
    explorer = page.locator(".softmax-explorer")
    expect(explorer.locator("figure img")).to_have_attribute("alt", re.compile("exp"))
    nudge(explorer.get_by_role("slider").first)
    expect(explorer.get_by_role("alert")).to_have_text("Explorer error: ValueError: this callback is broken")
    page.locator(".jp-OutputArea-output").last.evaluate("output => output.append(new Image())")
    found = Axe().run(page, context=OUTPUTS).response["violations"]
    assert [rule["id"] for rule in found] == ["image-alt"], "axe must see a picture without a text"
