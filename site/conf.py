"""Sphinx's settings for the reading site; site/build.py lays out what is read here."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
from routes import LESSONS  # noqa: E402

from tools import address  # noqa: E402

LAID_OUT = Path(os.environ["SITE_LAID_OUT"])  # by site/build.py

project = "Stable softmax"
copyright = "text and figures: CC BY 4.0, code: BSD 3-Clause"
language = "en"
root_doc = "contents"
extensions = ["myst_nb", "bets", "formulas"]
templates_path = [str(HERE / "templates")]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_merge_streams = True
html_math_renderer = "mathml"

html_theme = "furo"
html_title = "Stable softmax"
html_favicon = str(HERE / "static" / "icon.svg")
html_static_path = [str(HERE / "static"), str(LAID_OUT / "static")]
html_extra_path = [str(LAID_OUT / "extra")]
html_additional_pages = {"index": "front.html"}
html_css_files = ["fonts.css", "quiz.css", "reading.css"]
unfold = "document.documentElement.classList.remove('folds')"
html_js_files = [("reading.js", {"type": "module", "onerror": unfold})]
html_copy_source = False
html_show_sourcelink = False
html_permalinks = False
html_use_index = False
html_context = {
    "repository": address.repository(),
    "lessons": LESSONS,
    "without_script": (LAID_OUT / "without_script.txt").read_text("utf-8").splitlines(),
}
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
FONT = '"Course Sans", system-ui, sans-serif'
CODE = '"Course Code", ui-monospace, monospace'
LIGHT = {"color-brand-primary": "#005f96", "color-brand-content": "#005f96", "color-brand-visited": "#005f96"}
DARK = {"color-brand-primary": "#7cc3ee", "color-brand-content": "#7cc3ee", "color-brand-visited": "#7cc3ee"}
html_theme_options = {
    "light_css_variables": {
        "font-stack": FONT,
        "font-stack--headings": '"Course Serif", Georgia, serif',
        "font-stack--monospace": CODE,
        **LIGHT,
    },
    "dark_css_variables": DARK,
}
