"""The anatomy of a lesson, read from its source, and what its built notebook may hold."""

import ast
import html
import importlib
import inspect
import re
import textwrap
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import jupytext
import nbformat
import pytest

from course_utils import quiz

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "lessons").glob("[0-9][0-9]_*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
QUANTITIES = {"softmax", "log_softmax", "logsumexp", "cross_entropy", "cross_entropy_with_grad"}
OPTIONAL = {"torch", "scipy", "jax", "dask"}
BANNED = re.compile(r"\b(just|simply|obviously|trivially)\b", re.I)
VAGUE_GOALS = re.compile(r"^(understand|know|learn|appreciate|be aware|see)\b", re.I)
VAGUE_LINKS = {"here", "click here", "link", "this", "this link", "read more", "more"}
COLOUR_ALONE = re.compile(
    r"\bthe (red|green|blue|orange|black|grey|gray) (bar|line|curve|dot|point|cell)s?\b", re.I
)
BARE_IMAGES = {"image/png", "image/jpeg", "image/svg+xml"}


@dataclass(frozen=True)
class Lesson:
    path: Path

    @property
    def number(self):
        return self.path.name[:2]

    @property
    def is_practice(self):
        """From 90 on: mixed exercises, to be done in several sittings."""
        return self.number >= "90"

    @cached_property
    def cells(self):
        return jupytext.read(self.path, fmt="py:percent").cells

    @cached_property
    def texts(self):
        return [cell.source for cell in self.cells if cell.cell_type == "markdown"]

    @cached_property
    def code(self):
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @cached_property
    def prose(self):
        """All Markdown without code and formulas."""
        text = "\n\n".join(self.texts)
        for code in (r"```.*?```", r"\$\$.*?\$\$", r"`[^`]*`", r"\$[^$]*\$"):
            text = re.sub(code, "", text, flags=re.S)
        return text

    @cached_property
    def headings(self):
        """(level, words) of each heading."""
        text = re.sub(r"```.*?```", "", "\n\n".join(self.texts), flags=re.S)
        return [(len(marks), words.strip()) for marks, words in re.findall(r"^(#+)(.*)$", text, re.M)]

    @cached_property
    def objectives(self):
        """The numbered list of the first cell, without bold marks and final punctuation."""
        items = re.findall(r"^\d\. (.*?)(?=^\d\. |^\s*$|\Z)", self.texts[0] + "\n", re.M | re.S)
        return [" ".join(item.replace("**", "").split()).rstrip(".;,") for item in items]

    @cached_property
    def visible(self):
        """The code cells that a reader sees, as lists of the lines that are not blank."""
        shown = [c for c in self.code if not c.metadata.get("jupyter", {}).get("source_hidden")]
        return [(cell, [line for line in cell.source.splitlines() if line.strip()]) for cell in shown]

    @cached_property
    def exercises(self):
        """Name and exercise of each exercise in the lesson's room."""
        from course_utils.exercises.core import Exercise

        room = importlib.import_module(f"course_utils.exercises.lesson_{self.number}")
        return {name: value for name, value in vars(room).items() if isinstance(value, Exercise)}

    @property
    def minutes_told(self):
        told = re.search(r"\*\*Time:\*\* (\d+) minutes", self.texts[0])
        return int(told[1]) if told else None

    @property
    def minutes_needed(self):
        """Words at 180 a minute, 5 s a line of code, 30 s a question, 5 min an explorer, exercises as they say."""
        questions = len(quiz.questions(int(self.number)))
        explorers = sum(cell.source.count(".explore(") for cell in self.code)
        reading = len(self.prose.split()) / 180 + sum(len(lines) for _, lines in self.visible) / 12
        return reading + questions / 2 + 5 * explorers + sum(e.minutes for e in self.exercises.values())

    def calls(self, function):
        """The first arguments of every call of a dotted name; None for what is no constant."""
        for cell in self.code:
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == function:
                    yield getattr(node.args[0], "value", None) if node.args else None


LESSONS = [Lesson(path) for path in SOURCES]
each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.number)
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name[:2])


def test_there_are_lessons_and_each_has_its_notebook():
    assert LESSONS
    assert [path.stem for path in SOURCES] == [path.stem for path in NOTEBOOKS]


# --- the first cell -------------------------------------------------------------------------------------


@each_lesson
def test_the_title_is_a_question_and_the_readme_has_it(lesson):
    level, title = lesson.headings[0]
    assert lesson.cells[0].source.startswith("# ")
    assert level == 1
    assert title.endswith("?")
    row = f"| [{lesson.number}](notebooks/{lesson.path.stem}.ipynb) | {title} |"
    assert row in (ROOT / "README.md").read_text("utf-8")


@each_lesson
def test_two_or_three_objectives_that_can_be_measured(lesson):
    assert 2 <= len(lesson.objectives) <= 3
    assert not [goal for goal in lesson.objectives if VAGUE_GOALS.match(goal)]


@each_lesson
def test_the_minutes_told_are_the_minutes_needed_to_the_next_five(lesson):
    assert lesson.minutes_told
    assert abs(lesson.minutes_told - lesson.minutes_needed) <= 3, f"{lesson.minutes_needed:.0f} minutes"
    assert lesson.minutes_told % 5 == 0
    assert lesson.minutes_told <= (120 if lesson.is_practice else 60)
    assert "**You need**" in lesson.texts[0]


@each_lesson
def test_a_cell_shows_at_most_sixteen_lines_unless_its_code_is_the_point(lesson):
    """Code that draws is folded away, `# %% jupyter={"source_hidden": true}`, and its first line says what."""
    for cell, lines in lesson.visible:
        is_the_point = "code-is-the-point" in cell.metadata.get("tags", [])
        assert len(lines) <= 16 or is_the_point, f"{len(lines)} lines: {lines[0]}"


@each_lesson
def test_a_folded_cell_says_in_its_first_line_what_it_draws(lesson):
    for cell in lesson.code:
        if cell.metadata.get("jupyter", {}).get("source_hidden"):
            assert cell.source.startswith("# "), cell.source[:60]


@each_lesson
def test_imports_stand_in_the_first_code_cell_alone(lesson):
    for cell in lesson.code[1:]:
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                name = getattr(node, "module", None) or node.names[0].name
                assert name.split(".")[0] in OPTIONAL, f"{name}: move it to the first code cell"


# --- the way through ------------------------------------------------------------------------------------


@each_lesson
def test_at_most_25_cells(lesson):
    assert len(lesson.cells) <= (40 if lesson.is_practice else 25)


@each_lesson
def test_three_questions_look_back_two_lessons(lesson):
    if int(lesson.number) >= 2:
        assert list(lesson.calls("quiz.review")) == [int(lesson.number)]


@each_lesson
def test_there_is_a_bet_and_it_is_this_lessons_own(lesson):
    bets = list(lesson.calls("quiz.bet"))
    assert bets
    assert all(bet.startswith(f"{lesson.number}-") for bet in bets)


@each_lesson
def test_at_most_three_exercises_and_each_objective_is_the_goal_of_one(lesson):
    exercises = lesson.exercises
    assert 1 <= len(exercises) <= (15 if lesson.is_practice else 3)
    assert sum(exercise.minutes for exercise in exercises.values()) <= (90 if lesson.is_practice else 30)
    assert {exercise.objective for exercise in exercises.values()} == set(lesson.objectives)
    for name in exercises:
        calls = list(lesson.calls(f"lesson_{lesson.number}.{name}.check"))
        assert len(calls) == 1, f"{name} is checked {len(calls)} times"


def functions(source):
    return {node.name: node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)}


def body(function):
    """What a function computes: its arguments and statements, without docstring and comments."""
    statements = function.body[1:] if ast.get_docstring(function) else function.body
    return ast.dump(function.args), [ast.dump(statement) for statement in statements]


@each_lesson
def test_what_a_lesson_builds_is_what_the_package_runs(lesson):
    for cell in lesson.code:
        built = functions(cell.source)
        pairs = [
            tag.removeprefix("same-as:")
            for tag in cell.metadata.get("tags", [])
            if tag.startswith("same-as:")
        ]
        for pair in pairs:
            room, name = pair.rsplit(".", 1)
            ours = getattr(importlib.import_module(f"course_utils.{room}"), name)
            theirs = functions(textwrap.dedent(inspect.getsource(ours)))[name]
            assert body(built[name]) == body(theirs), f"{name} differs from course_utils.{pair}"
        untagged = set(built) & QUANTITIES - {pair.rsplit(".", 1)[1] for pair in pairs}
        assert not untagged, f"tag the cell that builds {untagged}: same-as:room.function"


@each_lesson
def test_the_end_has_three_key_points_the_next_lesson_and_references(lesson):
    last = lesson.texts[-1]
    points = re.search(r"^## Key points\s+(.*?)(?=^\*\*|^#|\Z)", last, re.M | re.S)
    assert points
    assert len(re.findall(r"^- ", points[1], re.M)) == 3
    assert "References" in last
    assert lesson is LESSONS[-1] or f"({LESSONS[LESSONS.index(lesson) + 1].path.stem}.ipynb)" in last


# --- the words ------------------------------------------------------------------------------------------


@each_lesson
def test_no_word_makes_a_reader_feel_slow(lesson):
    assert not BANNED.findall(lesson.prose)


@each_lesson
def test_nothing_is_told_by_colour_alone(lesson):
    assert not COLOUR_ALONE.findall(lesson.prose)


@each_lesson
def test_headings_have_one_top_and_skip_no_level(lesson):
    levels = [level for level, _ in lesson.headings]
    words = [text.casefold() for level, text in lesson.headings if level <= 2]
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))
    assert all(text for _, text in lesson.headings)
    assert len(words) == len(set(words)), "two sections have the same name"


@each_lesson
def test_links_say_where_they_lead_and_lead_there(lesson):
    for bang, words, target in re.findall(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)", lesson.prose):
        assert not bang, "a picture in a lesson is made by its code: figures.show"
        assert words.strip().casefold() not in VAGUE_LINKS, f"name the target of {target}"
        if not re.match(r"https?:|#", target):
            assert (ROOT / "notebooks" / target.split("#")[0]).exists(), target


# --- the built notebooks --------------------------------------------------------------------------------


class Pictures(HTMLParser):
    """Collects the alt of each img, and every tag."""

    def __init__(self, page):
        super().__init__()
        self.alts, self.tags = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "img":
            self.alts.append(dict(attrs).get("alt") or "")


def outputs(path):
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            yield cell, output


@each_notebook
def test_every_picture_has_words_with_the_number_that_matters(path):
    for cell, output in outputs(path):
        data = output.get("data", {})
        assert not BARE_IMAGES & set(data), f"use figures.show in: {cell.source[:60]}"
        for alt in Pictures("".join(data.get("text/html", ""))).alts:
            assert 40 <= len(alt) <= 250, alt
            assert re.search(r"\d", alt), alt


@each_notebook
def test_no_figure_weighs_more_than_60_kB(path):
    for _, output in outputs(path):
        for picture in re.findall(
            r"base64,([A-Za-z0-9+/=]+)", "".join(output.get("data", {}).get("text/html", ""))
        ):
            assert len(picture) * 3 / 4 < 60_000


@each_notebook
def test_a_reader_without_a_kernel_sees_each_explorers_picture(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code" and ".explore(" in cell.source:
            pages = [output.get("data", {}).get("text/html", "") for output in cell.outputs]
            assert any("figure" in Pictures(page).tags for page in pages), cell.source


def plain(text):
    """Words without marks, for comparing what a page and a lesson say."""
    words = html.unescape(re.sub(r"<[^>]+>|[`*]", "", text)).replace("−", "-")
    return " ".join(words.casefold().split())


@each_notebook
def test_the_text_beside_an_explorer_sets_its_task_word_for_word(path):
    text = ""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            text = cell.source
        elif ".explore(" in cell.source:
            page = plain(cell.outputs[0].data["text/html"])
            tasks = [plain(bold) for bold in re.findall(r"\*\*(.+?)\*\*", text, re.S)]
            assert any(task in page for task in tasks if len(task.split()) > 5), tasks


@each_notebook
def test_nothing_of_a_kernel_and_no_failure_is_stored(path):
    notebook = nbformat.read(path, as_version=4)
    assert "widgets" not in notebook.metadata
    for cell, output in outputs(path):
        assert output.output_type != "error", cell.source
        assert output.get("name") != "stderr", cell.source
        assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {})


@each_notebook
def test_a_notebook_stays_small_enough_to_be_shown_on_the_web(path):
    assert path.stat().st_size < 1_000_000


def test_the_readers_see_what_they_are_meant_to_see(tmp_path):
    """Each rule above stands on one of these."""
    path = tmp_path / "09_probe.py"
    path.write_text(
        "# %% [markdown]\n# # Why so?\n#\n# 1. **build** a\n#    b;\n# 2. see it.\n#\n# It is `just` just so.\n"
    )
    lesson = Lesson(path)
    assert lesson.objectives == ["build a b", "see it"]
    assert lesson.headings == [(1, "Why so?")]
    assert BANNED.findall(lesson.prose) == ["just"]
    assert VAGUE_GOALS.match(lesson.objectives[1])
    assert Pictures('<figure><img alt="x"><img></figure>').alts == ["x", ""]
    assert body(functions("def f(x):\n    '''doc'''\n    return x")["f"]) == body(
        functions("def f(x):\n    return x  # why")["f"]
    )
    assert body(functions("def f(x): return x")["f"]) != body(functions("def f(x): return -x")["f"])
