"""Figures as output: the text is there, the numbers are there, the bytes are the same again."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from course_utils import figures, plots

ALT = "Bars: the second class has probability 0.8, the first 0.2."


def picture():
    fig, ax = plots.figure(5, 2)
    plots.draw_bars(ax, [0.2, 0.8])
    return fig


class Tags(HTMLParser):
    """Every opened tag with its attributes, and that every tag is closed in order."""

    def __init__(self, text):
        super().__init__()
        self.found, self.open = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def named(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def test_a_figure_carries_alt_caption_and_numbers():
    rows = [{"class": 0, "p": 0.2}, {"class": 1, "p": 0.8}]
    text = figures.html(picture(), alt=ALT, caption="Two `bars`.", table=rows)
    tags = Tags(text)
    assert tags.open == []
    assert tags.named("img")[0]["alt"] == ALT
    assert "<figcaption><p>Two <code>bars</code>.</p></figcaption>" in text
    assert tags.named("th") == [{"scope": "col"}, {"scope": "col"}, {"scope": "row"}, {"scope": "row"}]
    assert "<td>0.8</td>" in text


def test_nothing_in_it_needs_what_a_sanitiser_drops():
    """GitHub and an untrusted JupyterLab remove roles, aria, scripts, ids and inline drawings."""
    text = figures.html(picture(), alt=ALT, caption="Two bars.", table=[{"class": 0, "p": 0.2}])
    tags = Tags(text)
    assert {tag for tag, _ in tags.found}.isdisjoint({"svg", "script", "style", "input"})
    assert not [
        name for _, attributes in tags.found for name in attributes if re.match("aria|role|id|on", name)
    ]


def test_the_same_figure_gives_the_same_bytes():
    first, second = (figures.png(picture()) for _ in range(2))
    assert first == second
    assert first.startswith(b"\x89PNG")
    assert b"Matplotlib" not in first


def test_64_colours_change_no_flat_area_and_no_edge_that_an_eye_could_see():
    fig, axes = plots.figure(5, 2)
    plots.draw_bars(axes, [0.2, 0.8])
    fig.savefig(drawn := io.BytesIO(), format="png", dpi=figures.DPI)
    before = np.asarray(Image.open(drawn).convert("RGB")).astype(int)
    after = np.asarray(Image.open(io.BytesIO(figures.png(fig))).convert("RGB")).astype(int)
    assert before.shape == after.shape
    off = np.abs(before - after).max(axis=-1)
    assert (off == 0).mean() > 0.99
    assert off.mean() < 0.1


def test_a_figure_of_one_colour_and_one_of_more_than_64_are_drawn():
    fig, axes = plots.figure(2, 1)
    axes.set_axis_off()
    assert len(Image.open(io.BytesIO(figures.png(fig))).convert("RGB").getcolors()) == 1
    axes.imshow(np.linspace(0, 1, 5000).reshape(50, 100), aspect="auto", cmap="gray")
    shades = Image.open(io.BytesIO(figures.png(fig))).convert("RGB").getcolors()
    assert len(shades) == figures.COLOURS


def test_the_picture_is_in_the_html():
    text = figures.html(picture(), alt=ALT, caption="Two bars.")
    assert base64.b64decode(re.search('base64,([^"]+)', text)[1]) == figures.png(picture())
    assert "<table" not in text


@pytest.mark.parametrize(
    ("alt", "complaint"),
    [
        ("Too short: 1.", "has 13"),
        ("x" * 250 + "1", "has 251"),
        ("A bar chart of probabilities, with no digit at all", "no digit"),
    ],
)
def test_a_poor_alt_text_is_refused(alt, complaint):
    with pytest.raises(ValueError, match=complaint):
        figures.html(picture(), alt=alt, caption="Two bars.")


def test_text_is_escaped():
    text = figures.html(picture(), alt=f'{ALT} "<b>"', caption="1 < 2", table=[{"<i>": "a & b"}])
    assert "<b>" not in text
    assert "<i>" not in text
    assert "1 &lt; 2" in text
    assert "a &amp; b" in text


def test_prose_knows_code_strong_and_paragraphs():
    assert figures.prose("**A** `b<c`\n\nd") == "<p><strong>A</strong> <code>b&lt;c</code></p><p>d</p>"


def test_show_displays_html_and_lets_go_of_the_figure(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    fig = picture()
    figures.show(fig, alt=ALT, caption="Two bars.")
    assert ALT in shown[0].data
    assert fig.axes == []


def test_a_column_without_a_name_is_refused():
    with pytest.raises(ValueError, match="column of table needs a name"):
        figures.html_table([{"": "p of class 0", "z": 1}])
