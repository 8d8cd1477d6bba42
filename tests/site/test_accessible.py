"""WCAG 2.2 AA on the site's pages, as far as a machine can judge it."""

import pytest
from axe_playwright_python.sync_playwright import Axe

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
VIEWS = [(path, how) for path in ("index.html", BETS) for how in EYES]
VIEWS += [(f"lessons/{LESSONS[3]}.html", "wide"), ("docs/glossary.html", "phone"), ("contents.html", "wide")]
VIEWS += [("search.html?q=underflow", how) for how in ("phone", "dark, still")]
VIEWS += [("docs/accessibility.html", how) for how in ("phone", "dark, still")]


def violations(page):
    found = Axe().run(page, options=RULES).response["violations"]
    return [(rule["id"], [node["html"][:150] for node in rule["nodes"]]) for rule in found]


@pytest.mark.parametrize(("path", "how"), VIEWS)
def test_axe_finds_nothing(visit, path, how):
    page = visit(path, **EYES[how])
    if path == "index.html":
        page.get_by_role("button", name="Break it").click()
    page.evaluate("document.querySelectorAll('.fold button').forEach((button) => button.click())")
    page.evaluate("document.querySelectorAll('article details').forEach((part) => (part.open = true))")
    assert violations(page) == []
