"""The reading site: build/site/ from the notebooks, docs/ and this folder. Nothing is executed, nothing fetched.

python site/build.py [FOLDER]          with the Python of .venv-site
"""

import json
import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(ROOT)]

import numpy as np  # noqa: E402
from notebook_pages import for_reading, links  # noqa: E402
from routes import LESSONS  # noqa: E402
from sphinx.cmd.build import main as sphinx  # noqa: E402

from course_utils import naive, quiz, shifted  # noqa: E402

PAGES = ["glossary.md", "audit_in_ci.md", "accessibility.md"]
FRONT = ["floats.js", "elements.js", "states.js"]
FONTS = ["source-sans-3-latin-400-normal", "source-sans-3-latin-600-normal"]
FONTS += ["source-serif-4-latin-600-normal", "source-code-pro-latin-400-normal"]
CONTENTS = """# All lessons

```{{toctree}}
:caption: Lessons

{lessons}
```

```{{toctree}}
:caption: Look it up

docs/glossary
docs/audit_in_ci
docs/accessibility
```

The [cheat sheet](docs/cheat_sheet.pdf) has all of it on one page.
"""


def lay_out(place: Path):
    """Everything that Sphinx reads, in one fresh folder."""
    shutil.rmtree(place, ignore_errors=True)
    pages, static, extra = (place / name for name in ("pages", "static", "extra"))
    for folder in (pages / "lessons", pages / "docs", static / "fonts", extra / "_figures", extra / "docs"):
        folder.mkdir(parents=True)
    for lesson in LESSONS:
        page = for_reading(lesson, extra / "_figures")
        (pages / "lessons" / lesson.notebook.name).write_text(json.dumps(page), "utf-8")
    for name in PAGES:
        text = (ROOT / "docs" / name).read_text("utf-8")
        (pages / "docs" / name).write_text(links(text), "utf-8")
    rows = "\n".join(f"{one.number} · {one.title} <lessons/{one.slug}>" for one in LESSONS)
    (pages / "contents.md").write_text(CONTENTS.format(lessons=rows), "utf-8")
    shutil.copy(ROOT / "docs" / "cheat_sheet.pdf", pages / "docs")
    shutil.copy(ROOT / "docs" / "cheat_sheet.html", extra / "docs")
    for font in FONTS:
        shutil.copy(ROOT / "docs" / "fonts" / f"{font}.woff2", static / "fonts")
    lay_out_scripts(static)
    (place / "without_script.txt").write_text(without_script(), "utf-8")


def lay_out_scripts(static: Path):
    """The front page's figure, and the questions as the notebooks ask them."""
    parts = [*(ROOT / "course_utils" / name for name in FRONT), HERE / "front" / "front.js"]
    (static / "front.js").write_text("".join(part.read_text("utf-8") for part in parts), "utf-8")
    shutil.copy(HERE / "front" / "front.css", static)
    (static / "quiz.js").write_text(quiz.FRONT_END, "utf-8")
    shutil.copy(ROOT / "course_utils" / "quiz.css", static)


def without_script() -> str:
    """What the live figure would show, computed by the rooms that it copies."""
    z = np.float32([100, 90, 0, -100])
    with np.errstate(all="ignore"), np.printoptions(precision=4, suppress=True):
        return f"logits   {z}\ntextbook {naive.softmax(z)}\ncured    {shifted.softmax(z)}"


def build(out: Path) -> int:
    """Sphinx's exit code: a warning, such as a link that leads nowhere, is an error."""
    place = out.with_name(f"{out.name}-laid-out")
    lay_out(place)
    os.environ["SITE_LAID_OUT"] = str(place)
    shutil.rmtree(out / "_figures", ignore_errors=True)  # those of an earlier build
    options = ["-b", "html", "-E", "-W", "--keep-going", "-q", "-c", str(HERE), "-d", str(place / "doctrees")]
    return sphinx([*options, str(place / "pages"), str(out)])


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "site").resolve()))
