"""From an executed notebook to one that Sphinx shows to readers: nothing runs, nothing is kept twice.

Bets become questions that the page can ask, pictures become files that load when they are met, code that draws is
folded away, and a line under the title says where the lesson can be run.
"""

import base64
import hashlib
import json
import re
import struct
from pathlib import Path

from course_utils import quiz
from tools import address

QUIZ = re.compile(r'^quiz\.(?:bet\("(?P<bet>[^"]+)"\)|review\((?P<review>\d+)\))', re.M)
PICTURE = re.compile(r'<img (?P<attributes>[^>]*?)\s*src="data:image/png;base64,(?P<data>[^"]+)"\s*/?>')
ON_THE_SITE = {"../notebooks/": "../lessons/", "../docs/": "../docs/"}
RUNS = "Run this lesson"


def for_reading(lesson, figures: Path) -> dict:
    """The notebook of a lesson as its page; its pictures are written to the folder `figures`."""
    page = json.loads(lesson.notebook.read_text("utf-8"))
    page["metadata"]["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    for cell in page["cells"]:
        cell["source"] = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            cell["source"] = links(cell["source"])
        else:
            show_code(cell, lesson, figures)
    title, _, rest = page["cells"][0]["source"].partition("\n")
    page["cells"][0]["source"] = f"{title}\n\n{runs(lesson)}\n\n{rest}"
    return page


def show_code(cell, lesson, figures):
    """What a reader sees of a code cell: its code, unless that draws or asks, and its outputs."""
    tags = cell["metadata"].setdefault("tags", [])
    if cell["metadata"].get("jupyter", {}).get("source_hidden"):
        tags.append("hide-input")
    asked = QUIZ.search(cell["source"])
    if asked:
        tags += ["remove-input", *(["bet"] if asked["bet"] else [])]
    for output in cell["outputs"]:
        if html := "".join(output.get("data", {}).get("text/html", "")):
            html = question(asked, html) if asked else PICTURE.sub(lambda img: picture(img, figures), html)
            moves = elsewhere(lesson) if ".explore(" in cell["source"] else ""
            output["data"] = {"text/html": html + moves}


def question(asked, written: str) -> str:
    """What the notebook shows without a kernel, and what the page needs to ask it with buttons."""
    here = quiz.bet(asked["bet"]) if asked["bet"] else quiz.review(int(asked["review"]))
    data = json.dumps(here.questions).replace("<", r"\u003c")
    return (
        f'<div class="quiz-here"><div class="quiz-written">{written}</div>'
        f'<script type="application/json">{data}</script></div>'
    )


def picture(img, figures: Path) -> str:
    """The picture as a file, with its size, so that the page does not move when it comes."""
    data = base64.b64decode(img["data"])
    name = f"{hashlib.sha256(data).hexdigest()[:16]}.png"
    (figures / name).write_bytes(data)
    width, height = struct.unpack(">II", data[16:24])
    attributes = re.sub(r'\b(?:width|height)="\d+"', "", img["attributes"]).strip()
    shown = re.search(r'\bwidth="(\d+)"', img["attributes"])
    shown = int(shown[1]) if shown else width
    size = f'width="{shown}" height="{round(height * shown / width)}"'
    return f'<img {attributes} {size} loading="lazy" decoding="async" src="../_figures/{name}">'


def runs(lesson) -> str:
    ways = ", ".join(f'<a href="{address}">{name}</a>' for name, address in lesson.ways("../").items())
    return f'<p class="runs">{RUNS}: {ways}</p>'


def elsewhere(lesson) -> str:
    return (
        '<p class="moves">In the notebook this picture has sliders. '
        f'<a href="{lesson.ways("../")["in this browser"]}">Open it in this browser</a>.</p>'
    )


def links(text: str) -> str:
    """Links inside the site stay; a file that only the repository has is read there."""

    def moved(link):
        target = link[1]
        for place, there in ON_THE_SITE.items():
            if target.startswith(place):
                return f"]({there}{target.removeprefix(place)})"
        return f"]({address.repository()}/blob/main/{target.removeprefix('../')})"

    return re.sub(r"\]\((\.\./[^)\s]+)\)", moved, text)
