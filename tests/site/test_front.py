"""The first page that a visitor sees: one live figure, worked by mouse, touch and keyboard, without a kernel."""

import re
import time

import pytest
from playwright.sync_api import expect

from course_utils import pipeline

FRONT = "index.html"


def verdict(page, panel):
    return page.get_by_role("region", name=panel).locator(".verdict")


def arrive(visit, **how):
    start = time.monotonic()
    page = visit(FRONT, **how)
    page.locator("[data-live][data-ready]").wait_for()
    return page, start


def broken_within_five_seconds(page, start):
    expect(verdict(page, "Textbook")).to_contain_text("broken")
    expect(verdict(page, "Cured")).to_contain_text("right")
    expect(page.get_by_role("status")).to_contain_text("The textbook broke")
    assert time.monotonic() - start < 5


def test_a_keyboard_breaks_a_softmax_within_five_seconds(visit):
    page, start = arrive(visit)
    magnitude = page.get_by_role("slider", name="magnitude M")
    for _ in range(12):
        page.keyboard.press("Tab")
        if magnitude.evaluate("slider => slider === document.activeElement"):
            break
    page.keyboard.press("End")
    broken_within_five_seconds(page, start)
    expect(magnitude).to_be_focused()
    page.keyboard.press("Home")
    expect(verdict(page, "Textbook")).to_contain_text("right")


def test_a_mouse_breaks_a_softmax_within_five_seconds(visit):
    page, start = arrive(visit)
    box = page.get_by_role("slider", name="magnitude M").bounding_box()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2, steps=8)
    page.mouse.up()
    broken_within_five_seconds(page, start)


def test_a_finger_breaks_a_softmax_within_five_seconds(visit):
    page, start = arrive(visit, width=320, height=640, has_touch=True, is_mobile=True)
    page.get_by_role("button", name="Break it").tap()
    broken_within_five_seconds(page, start)
    page.get_by_role("button", name="Back to safety").tap()
    expect(verdict(page, "Textbook")).to_contain_text("right")


def test_a_format_breaks_what_another_holds(visit):
    page, _ = arrive(visit)
    kind = page.get_by_role("slider", name="number format")
    expect(kind).to_have_attribute("aria-valuetext", "float32")
    expect(verdict(page, "Textbook")).to_contain_text("right")
    kind.press("ArrowRight")
    expect(kind).to_have_attribute("aria-valuetext", "float16")
    expect(verdict(page, "Textbook")).to_contain_text("broken: NaN")
    expect(page.locator(".strip-words")).to_contain_text(
        "every p is 0 at 11"
    )  # 10.81 to 11.08, and nothing warns
    kind.press("Home")
    expect(verdict(page, "Textbook")).to_contain_text("right")


def test_states_have_a_word_and_a_pattern(visit):
    page, _ = arrive(visit)
    page.get_by_role("button", name="Break it").click()
    textbook = page.get_by_role("region", name="Textbook")
    expect(textbook.get_by_role("cell", name="✕ NaN")).to_have_count(3)  # A, B, and the sum
    assert textbook.locator("rect.NaN").first.get_attribute("fill") == "url(#hatch-NaN)"
    expect(textbook.get_by_role("cell", name="∞ inf").first).to_be_visible()


EVERYWHERE = """() => {
    const [size, format] = ["magnitude", "format"].map((id) => document.getElementById(id));
    const seen = new Set();
    for (format.value = 0; ; format.value++) {
        for (size.value = 0; ; size.value = Number(size.value) + 4) {
            size.dispatchEvent(new Event("input"));
            const verdicts = [...document.querySelectorAll(".verdict")].map((verdict) => verdict.textContent);
            seen.add([format.ariaValueText, ...verdicts].join(": "));
            if (size.value === size.max) break;
        }
        if (format.value === format.max) break;
    }
    return [...seen];
}"""


def test_wherever_the_sliders_go_the_textbook_breaks_and_the_cure_does_not(visit):
    page, _ = arrive(visit)
    told = {tuple(line.split(": ", 1)) for line in page.evaluate(EVERYWHERE)}
    everywhere = {"✓ right: ✓ right", "✕ broken: NaN: ✓ right"}
    for name in ("float64", "float32", "bfloat16"):
        assert {verdicts for kind, verdicts in told if kind == name} == everywhere
    assert {verdicts for kind, verdicts in told if kind == "float16"} == everywhere | {
        "○ broken: all zero: ✓ right"
    }


def test_the_row_is_the_spread_of_the_explorers(visit):
    page, _ = arrive(visit)
    assert (
        page.evaluate("async () => (await (await fetch('_static/front.js')).text())").count(
            f"PATTERN = [{', '.join(f'{x:g}' for x in pipeline.PATTERNS['spread'])}]"
        )
        == 1
    )


def test_what_is_announced_changes_with_what_happens_and_not_with_every_step(visit):
    page, _ = arrive(visit)
    page.evaluate(
        """() => {
            window.said = 0;
            const count = new MutationObserver(() => window.said++);
            count.observe(document.querySelector("[role=status]"), { childList: true });
        }"""
    )
    magnitude = page.get_by_role("slider", name="magnitude M")
    for _ in range(20):
        magnitude.press("ArrowRight")
    assert page.evaluate("window.said") == 1


def test_without_a_script_the_figure_is_told_in_numbers(visit):
    page = visit(FRONT, java_script_enabled=False)
    expect(page.locator("noscript pre, .live pre").first).to_contain_text(
        re.compile(r"textbook \[nan nan +0")
    )


@pytest.mark.parametrize("width", [320, 1280])
def test_every_control_is_24_pixels_and_nothing_scrolls_sideways(visit, width):
    page, _ = arrive(visit, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for control in page.locator(".live :is(button, input), .bar :is(a, button)").all():
        box = control.bounding_box()
        assert min(box["width"], box["height"]) >= 24
