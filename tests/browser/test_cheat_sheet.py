"""The cheat sheet in a real browser: printed on one page, readable by everybody, usable on a phone."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tools import cheat_sheet


@pytest.fixture
def sheet(page):
    page.goto(cheat_sheet.PAGE.as_uri())
    return page


def test_a_fresh_print_is_one_page():
    assert cheat_sheet.pages(cheat_sheet.printed(cheat_sheet.page())) == 1


def test_axe_finds_nothing(sheet):
    assert [rule["id"] for rule in Axe().run(sheet).response["violations"]] == []


def test_every_font_travels_with_the_page(sheet):
    faces = sheet.evaluate("document.fonts.ready.then(() => [...document.fonts].map(face => face.status))")
    assert faces == ["loaded"] * len(cheat_sheet.FONTS)


def test_a_narrow_window_scrolls_in_one_direction(sheet):
    sheet.set_viewport_size({"width": 320, "height": 800})
    assert sheet.evaluate("document.documentElement.scrollWidth") <= 320
