"""WCAG 2.2 AA on the site's pages, as far as a machine can judge it."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser import tree
from tests.site.conftest import LESSONS

BETS = f"lessons/{LESSONS[0]}.html"
RULES = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }
}
EYES = {
    "wide": {},
    "phone": {"width": 320, "height": 640},
    "dark, still": {"color_scheme": "dark", "reduced_motion": "reduce"},
    "forced colours": {"forced_colors": "active"},
    "200 %": {"width": 640, "height": 400, "device_scale_factor": 2},
}
PAGES = ("index.html", BETS, "search.html?q=underflow", "docs/glossary.html", "docs/accessibility.html")


def violations(page):
    found = Axe().run(page, options=RULES).response["violations"]
    return [(rule["id"], [node["html"][:150] for node in rule["nodes"]]) for rule in found]


@pytest.mark.parametrize("how", EYES)
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(visit, path, how):
    page = visit(path, **EYES[how])
    if path == "index.html":
        page.get_by_role("button", name="Break it").click()
    page.evaluate("document.querySelectorAll('.fold button').forEach((button) => button.click())")
    assert violations(page) == []


def test_the_accessibility_tree_tells_what_the_front_page_shows(visit):
    page = visit("index.html")
    for key in ("End", "ArrowLeft"):
        page.get_by_role("slider", name="number format").press(key)
        assert tree.differences(page.locator("[data-live]")) == []


def test_the_accessibility_tree_tells_what_a_bet_shows(visit):
    page = visit(BETS)
    bet = page.locator(".quiz-here", has_text="the float32 scores 1000, 1 and -1000")
    bet.get_by_role("button").first.press("Enter")
    assert tree.differences(bet) == []


def test_a_narrow_pages_menu_opens_and_closes_by_keyboard(visit):
    page = visit(BETS, width=320, height=640)
    menu = page.get_by_role("button", name="All pages")
    lesson = page.get_by_role("complementary", name="All pages").get_by_role("link", name="04 ·")
    expect(lesson).to_be_hidden()
    menu.press("Enter")
    expect(menu).to_have_attribute("aria-expanded", "true")
    expect(lesson).to_be_visible()
    page.keyboard.press("Escape")
    expect(lesson).to_be_hidden()
    expect(menu).to_be_focused()


def test_a_narrow_pages_tab_key_goes_to_nothing_that_is_out_of_sight(visit):
    page = visit(BETS, width=320, height=640)
    for _ in range(12):
        page.keyboard.press("Tab")
        box = page.evaluate(
            "(({ left, right, width }) => [left, right, width])(document.activeElement.getBoundingClientRect())"
        )
        assert 0 <= box[0] < box[1] <= 320, page.evaluate("document.activeElement.outerHTML.slice(0, 120)")


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (x / 255 for x in colour)]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


# Chromium resolves light-dark() and tells the colour that is painted.
COLOUR = """name => {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = `var(--${name})`;
  const colour = getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map(Number);
  probe.remove();
  return colour;
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_front_pages_colours_stand_apart(visit, theme):
    page = visit("index.html", color_scheme=theme)
    names = ["ink", "quiet", "accent", "bad", "paper", "raised", "bad-paper", "line", "on-accent", "tint"]
    colours = {name: page.evaluate(COLOUR, name) for name in names}
    for text in ("ink", "quiet", "accent", "bad"):
        for paper in ("paper", "raised", "bad-paper"):
            assert contrast(colours[text], colours[paper]) >= 4.5, (text, paper)
    assert contrast(colours["on-accent"], colours["accent"]) >= 4.5
    for line in ("line", "accent", "bad"):
        for paper in ("paper", "raised"):
            assert contrast(colours[line], colours[paper]) >= 3, (line, paper)
