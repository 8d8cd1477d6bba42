"""Slides of each lesson: Reveal.js through nbconvert, cut by a rule from the lesson's own cells.

    python -m classroom.slides [NN ...]     build/slides/index.html and one page a lesson, for no network

The rule, for nobody sets a slide by hand:

- a heading of level 1 or 2 begins a slide (right arrow); what follows it goes downwards (down arrow);
- text is cut between paragraphs, so that a slide holds about 500 letters;
- code that a lesson folds away is left out, its figure is shown; imports and questions for one reader are left out;
- a bet shows its question and its choices; what the next cell prints is hidden until a key is pressed, and so is the
  explanation after it;
- a visible cell shows its code, then its output at the next key; an exercise shows its starter alone.

Formulas become MathML, which browsers draw without help. Reveal.js comes from npm and is copied beside the pages.
"""

from __future__ import annotations

import argparse
import html
import re
import shutil
from pathlib import Path

import nbformat
from latex2mathml.converter import convert as mathml
from nbconvert import SlidesExporter
from traitlets.config import Config

from classroom import node
from course_utils import quiz

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
BUILD = ROOT / "build" / "slides"
TEMPLATES = Path(__file__).parent / "templates"
LETTERS = 500
CODE_LINES = 14  # a slide shows this much code, and no more: the rest is in the lesson
TOGETHER = 20  # lines of code and output that share a slide
PARTS = (
    "dist/reveal.js",
    "dist/reveal.css",
    "dist/theme/white.css",
    "dist/theme/fonts",
    "plugin/notes/notes.js",
)
ENDINGS = ("**References.**", "**Look it up.**", "**Next:**", "**Warm up.**")


# --- cutting --------------------------------------------------------------------------------------------


def cut(cells) -> list:
    """The cells of a lesson as cells of slides, each with its slide type."""
    slides, bet = [], None
    for cell in cells:
        if cell.cell_type == "markdown":
            slides += texts(cell.source)
            continue
        asked = re.search(r'quiz\.bet\("([^"]+)"\)', cell.source)
        if asked:
            bet = question(asked[1])
            slides.append(text(posed(bet), "subslide"))
        elif not skipped(cell):
            slides += shown(cell)
            slides += [text(answered(bet), "fragment")] if bet else []
            bet = None
    return slides


def text(source: str, kind: str):
    return nbformat.v4.new_markdown_cell(source, metadata={"slideshow": {"slide_type": kind}})


def code(cell, kind: str, outputs, source=""):
    made = nbformat.v4.new_code_cell(source, outputs=outputs, metadata={"slideshow": {"slide_type": kind}})
    made.metadata["no_source"] = not source
    return made


def texts(source: str) -> list:
    """Headings begin a slide; long text is cut between its blocks."""
    slides = []
    for part in parts(source):
        kind = "slide" if re.match("##? ", part) else "subslide"
        for piece in pieces(blocks(part)):
            slides.append(text(with_mathml(piece), kind))
            kind = "subslide"
    return slides


def parts(source: str) -> list[str]:
    """The text from heading to heading; a # inside fenced code is a comment there."""
    found, fenced = [[]], False
    for line in source.splitlines():
        fenced ^= line.startswith("```")
        if re.match("##? ", line) and not fenced:
            found.append([])
        found[-1].append(line)
    return ["\n".join(part) for part in found if part]


def blocks(source: str) -> list[str]:
    """Paragraphs, lists, tables, formulas and fenced code, each whole; the end matter of a lesson is left out."""
    fenced = re.split(r"(^```.*?^```$)", source, flags=re.M | re.S)
    found = []
    for number, part in enumerate(fenced):
        found += [part] if number % 2 else re.split(r"\n\s*\n", part)
    return [block.strip() for block in found if block.strip() and not block.strip().startswith(ENDINGS)]


def pieces(found: list[str]) -> list[str]:
    """Blocks put together until a slide is full. A heading never stands alone at the end of one."""
    slides, held = [], []
    for block in found:
        full = len("".join(held)) + len(block) > LETTERS
        if held and full and not is_heading(held[-1]) and not leads_in(held[-1]):
            slides.append("\n\n".join(held))
            held = []
        held.append(block)
    return [*slides, "\n\n".join(held)] if held else slides


def is_heading(block: str) -> bool:
    return block.startswith("#") and "\n" not in block


def leads_in(block: str) -> bool:
    return block.endswith(":")


def skipped(cell) -> bool:
    """Cells that are there for one reader at a keyboard, or for the kernel."""
    personal = r"quiz\.review\(|course\.progress_map\(|importlib\.metadata|installed\.version"
    silent_imports = re.search(r"^import |^from ", cell.source, re.M) and not cell.get("outputs")
    return bool(silent_imports or re.search(personal, cell.source))


def shown(cell) -> list:
    """A cell with code, then its output; folded code with its figure alone; an exercise with its starter alone."""
    outputs = [kept for output in cell.outputs if (kept := still(output))]
    exercise = re.search(r"^lesson_\d\d\.\w+\.check\(", cell.source, re.M)
    if cell.metadata.get("jupyter", {}).get("source_hidden"):
        return [code(cell, "subslide", outputs)] if outputs else []
    begun = [code(cell, "subslide", [], shortened(cell.source))]
    if exercise or not outputs:
        return begun
    together = min(cell.source.count("\n"), CODE_LINES) + sum(lines(output) for output in outputs) <= TOGETHER
    return [*begun, code(cell, "fragment" if together else "subslide", outputs)]


def shortened(source: str) -> str:
    lines = source.splitlines()
    return (
        source
        if len(lines) <= CODE_LINES
        else "\n".join([*lines[:CODE_LINES], "...  # the rest is in the lesson"])
    )


def lines(output) -> int:
    """How much of a slide an output takes; a picture takes all of it."""
    printed = output.get("text", output.get("data", {}).get("text/plain"))
    return TOGETHER if printed is None else printed.count("\n")


def still(output):
    """The output as it looks without a kernel: the figure of a widget, plain text, a picture."""
    if output.output_type == "stream":
        return output
    data = output.get("data", {})
    kept = {kind: data[kind] for kind in ("text/html", "image/png", "text/plain") if kind in data}
    return nbformat.v4.new_output("display_data", data=dict([next(iter(kept.items()))])) if kept else None


# --- bets -----------------------------------------------------------------------------------------------


def question(key: str):
    return next(asked for asked in quiz.questions(int(key[:2])) if asked.key == key)


def posed(asked) -> str:
    letters = "ABCDEFGH"
    choices = "\n".join(f"- **{letters[i]}** {choice.text}" for i, choice in enumerate(asked.choices))
    return with_mathml(f"### Place your bet\n\n{asked.prompt}\n\n{choices}")


def answered(asked) -> str:
    return with_mathml(
        f"**{'ABCDEFGH'[asked.answer]}**: {asked.choices[asked.answer].text}\n\n{asked.explanation}"
    )


# --- formulas -------------------------------------------------------------------------------------------

FORMULA = re.compile(r"(```.*?```|`[^`\n]*`)|\$\$(.+?)\$\$|\$([^$\n]+?)\$", re.S)


def with_mathml(source: str) -> str:
    """Markdown in which every formula outside code is MathML."""

    def replaced(found):
        if found[1]:
            return found[1]
        formula, display = (found[2], "block") if found[2] else (found[3], "inline")
        return mathml(" ".join(formula.split()), display=display).replace("\n", "")

    return FORMULA.sub(replaced, source)


# --- pages ----------------------------------------------------------------------------------------------


def exporter() -> SlidesExporter:
    settings = Config()
    settings.SlidesExporter.reveal_url_prefix = "reveal.js"
    settings.SlidesExporter.reveal_theme = "white"
    settings.SlidesExporter.exclude_input_prompt = True
    settings.SlidesExporter.exclude_output_prompt = True
    settings.SlidesExporter.extra_template_basedirs = [str(TEMPLATES)]
    settings.SlidesExporter.template_name = "slides"
    return SlidesExporter(config=settings)


def build(notebook: Path, folder: Path) -> Path:
    """The page of one lesson."""
    lesson = nbformat.read(notebook, as_version=4)
    title = lesson.cells[0].source.splitlines()[0].lstrip("# ")
    lesson.cells = cut(lesson.cells)
    lesson.metadata["title"] = f"{notebook.name[:2]} {title}"
    body, _ = exporter().from_notebook_node(lesson)
    page = folder / f"{notebook.stem}.html"
    page.write_text(body, "utf-8")
    return page


def vendor(folder: Path) -> None:
    """Reveal.js beside the pages: the parts that they load, and its licence."""
    package = node.package("reveal.js")
    for part in (*PARTS, "LICENSE"):
        place = folder / "reveal.js" / part
        place.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (package / part).is_dir() else shutil.copy
        copy(package / part, place, **({"dirs_exist_ok": True} if copy is shutil.copytree else {}))


def index(pages: list[Path], titles: list[str]) -> str:
    items = "\n".join(
        f'<li><a href="{page.name}">{html.escape(title)}</a></li>'
        for page, title in zip(pages, titles, strict=True)
    )
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Slides</title>
<style>body {{ font: 20px/1.6 sans-serif; max-width: 45em; margin: 2em auto; padding: 0 1em; }}</style></head>
<body><main><h1>Slides</h1>
<p>Right: the next part. Down: further into it. Space: one step on. F: full screen. ?: all keys.</p>
<ul>
{items}
</ul></main></body></html>
"""


def build_all(numbers=(), folder: Path = BUILD) -> list[Path]:
    notebooks = [
        path
        for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
        if not numbers or path.name[:2] in numbers
    ]
    folder.mkdir(parents=True, exist_ok=True)
    vendor(folder)
    pages = [build(notebook, folder) for notebook in notebooks]
    titles = [re.search(r"<title>(.*?)</title>", page.read_text("utf-8"))[1] for page in pages]
    (folder / "index.html").write_text(index(pages, [html.unescape(title) for title in titles]), "utf-8")
    return pages


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Build the slides of the lessons")
    parser.add_argument("numbers", nargs="*", metavar="NN")
    made = build_all(parser.parse_args().numbers)
    print(f"{len(made)} lessons: {BUILD.relative_to(ROOT)}/index.html")
