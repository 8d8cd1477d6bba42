"""From lessons/NN_slug.py (text, edited) to notebooks/NN_slug.ipynb (executed, opened): one way.

    python tools/notebooks.py build [NN ...]     execute and write; all lessons when none is named
    python tools/notebooks.py check              is every notebook the build of its lesson? executes nothing
    python tools/notebooks.py adopt NOTEBOOK     bring an edit made in JupyterLab back into its lesson
    python tools/notebooks.py new NN slug        begin a lesson

Two builds give the same bytes: a cell's id is a hash of its source, and nothing that names a moment, a
machine or a running kernel is stored.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty
from time import monotonic

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from tools import address  # noqa: E402

LESSONS = ROOT / "lessons"
NOTEBOOKS = ROOT / "notebooks"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},  # JupyterLite opens a dialog without the name
}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
CALLBACK_FAILED = "Explorer error:"
CELL_SECONDS = 120
# Stands before the imports of every lesson: a notebook alone is enough, on a host that has no course.
FETCH = f"""\
# Colab and Kaggle fetch the course here, once; everywhere else it is there already.
try:
    import course_utils
except ModuleNotFoundError:
    %pip install -q {address.wheel()}

"""
POLL_SECONDS = 0.25


class LessonError(Exception):
    """A lesson that cannot be built, said in one line."""


# --- source to notebook ---------------------------------------------------------------------------------


def cell_id(cell, seen):
    """A hash of what the cell is; twins are counted, for ids must differ."""
    digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
    seen[digest] += 1
    return digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"


def kept_metadata(cell):
    """What a lesson says of a cell: no notes about blank lines, no folds and scrolls of one screen."""
    kept = {key: dict(cell.metadata).get(key) for key in ("tags", "jupyter", "nbgrader")}
    kept["jupyter"] = {
        key: value for key, value in (kept["jupyter"] or {}).items() if key != "outputs_hidden"
    }
    return {key: value for key, value in kept.items() if value}


def fold_answers(cells):
    """Fold the stored output of each cell after a bet, and of those tagged "folded".

    JupyterLab opens it when the cell runs; who only reads, elsewhere, still sees it.
    """
    after_a_bet = False
    for cell in cells:
        if cell.cell_type == "code":
            if after_a_bet or "folded" in cell.metadata.get("tags", ()):
                cell.metadata["jupyter"] = {**cell.metadata.get("jupyter", {}), "outputs_hidden": True}
            after_a_bet = "quiz.bet(" in cell.source


def convert(lesson):
    """The notebook of a lesson, not executed."""
    source = jupytext.reads(lesson.read_text("utf-8"), fmt="py:percent")
    notebook = nbformat.v4.new_notebook(metadata=METADATA)
    seen, fetch = Counter(), FETCH
    for cell in source.cells:
        make = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
        if cell.cell_type == "code":
            cell.source, fetch = fetch + cell.source, ""
        made = make(cell.source, metadata=kept_metadata(cell))
        made.id = cell_id(cell, seen)
        notebook.cells.append(made)
    fold_answers(notebook.cells)
    return notebook


def notebook_of(lesson):
    return NOTEBOOKS / f"{lesson.stem}.ipynb"


def lessons(numbers=()):
    """All lessons in order, or those whose numbers are named."""
    found = sorted(LESSONS.glob("[0-9][0-9]_*.py"))
    unknown = set(numbers) - {lesson.name[:2] for lesson in found}
    if unknown:
        raise LessonError(f"no lesson {', '.join(sorted(unknown))} in {LESSONS}")
    return [lesson for lesson in found if not numbers or lesson.name[:2] in numbers]


# --- build ----------------------------------------------------------------------------------------------


class PatientClient(NotebookClient):
    """Asks the shell channel again and again instead of waiting on it once without a limit.

    With widgets in a notebook the single long wait sometimes never wakes (jupyter/nbclient issue 312).
    """

    async def async_start_new_kernel_client(self):
        client = await super().async_start_new_kernel_client()
        receive = client.shell_channel.get_msg

        async def ask_again(timeout=None):
            end = None if timeout is None else monotonic() + timeout
            while True:
                try:
                    return await receive(timeout=POLL_SECONDS)
                except Empty:
                    if end is not None and monotonic() >= end:
                        raise

        client.shell_channel.get_msg = ask_again
        return client


def execute(notebook):
    """Run every cell, in the folder a reader runs it in, without this machine's settings or history."""
    client = PatientClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(NOTEBOOKS)}},
    )
    with tempfile.TemporaryDirectory() as settings:
        private = {"IPYTHONDIR": settings, "COURSE_PROGRESS": "off", "PYTHONHASHSEED": "0"}
        client.execute(env={**os.environ, **private})


def strip(notebook):
    """Remove what only the kernel that has just ended could use, and what only its machine could tell."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        if "not-stored" in cell.metadata.get("tags", ()):
            cell.outputs = []
        for output in cell.get("outputs", []):
            # A view names a random model; the figure and the text beside it stay for every reader.
            output.get("data", {}).pop(WIDGET_VIEW, None)
            output.get("metadata", {}).pop(WIDGET_VIEW, None)


def output_text(output):
    return "".join([output.get("text", ""), *map(str, output.get("data", {}).values())])


def captured_errors(notebook):
    """Tracebacks that an Output widget caught, as `interact` does: the cell itself shows nothing."""
    state = notebook.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {})
    for model in state.get("state", {}).values():
        for output in model["state"].get("outputs", []):
            if output["output_type"] == "error":
                yield f"a widget's callback raised {output['ename']}: {output['evalue']}"


def answers_early(cell):
    """Whether a folded output begins with a result: JupyterLab shows its first line beside the dots all the same.

    A line that stands in the source, as a printed heading does, tells no result.
    """
    return any(
        output_text(output).strip().split("\n")[0] not in cell.source
        for output in cell.get("outputs", [])[:1]
        if folded(cell)
    )


def complaints(notebook):
    """What an execution that raised nothing can still have gone wrong with."""
    yield from captured_errors(notebook)
    for number, cell in enumerate(notebook.cells, 1):
        if answers_early(cell):
            yield f"cell {number}: its output is folded, for it answers a bet; print a heading first, a plain string"
        for output in cell.get("outputs", []):
            if CALLBACK_FAILED in output_text(output):
                yield f"cell {number}: a widget's callback failed: {output_text(output).strip()[-600:]}"
            if output.get("name") == "stderr":
                yield f"cell {number}: wrote to stderr: {output.text.strip()[:600]}"


def build(lesson):
    """Execute one lesson and write its notebook; returns the seconds it took."""
    start = monotonic()
    NOTEBOOKS.mkdir(exist_ok=True)  # the kernel works there
    notebook = convert(lesson)
    try:
        execute(notebook)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))  # a traceback's colours
        raise LessonError(f"lessons/{lesson.name}: {plain}") from None
    if found := list(complaints(notebook)):
        raise LessonError("\n".join(f"lessons/{lesson.name}: {line}" for line in found))
    strip(notebook)
    notebook_of(lesson).write_text(nbformat.writes(notebook) + "\n", "utf-8", newline="\n")
    return monotonic() - start


def build_all(numbers):
    """One lesson here; several each in a process of its own, two at a time, which ends with its kernel."""
    chosen = lessons(numbers)
    if len(chosen) == 1:
        seconds = build(chosen[0])
        size = notebook_of(chosen[0]).stat().st_size / 1024
        print(f"notebooks/{chosen[0].stem}.ipynb  {seconds:.1f} s  {size:.0f} KiB")
        return []
    with ThreadPoolExecutor(2) as pool:
        return [error for error in pool.map(build_apart, chosen) if error]


def build_apart(lesson):
    """The error of a build in another process, or None."""
    command = [sys.executable, __file__, "build", lesson.name[:2]]
    answer = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    print(answer.stdout, end="", flush=True)
    return answer.stderr.strip() if answer.returncode else None


# --- check ----------------------------------------------------------------------------------------------


def essence(notebook):
    """What a build takes from the lesson: everything but outputs."""
    return [
        (cell.id, cell.cell_type, cell.source, kept_metadata(cell), folded(cell)) for cell in notebook.cells
    ]


def folded(cell):
    return bool(cell.metadata.get("jupyter", {}).get("outputs_hidden"))


def difference(lesson):
    """Why this notebook is not the build of its lesson, None where it is."""
    path = notebook_of(lesson)
    if not path.exists():
        return "was never built"
    stored, fresh = nbformat.read(path, as_version=4), convert(lesson)
    for number, (old, new) in enumerate(zip(essence(stored), essence(fresh), strict=False), 1):
        if old != new:
            return f"differs from its lesson at cell {number}"
    if len(stored.cells) != len(fresh.cells):
        return f"has {len(stored.cells)} cells, its lesson {len(fresh.cells)}"
    if stored.metadata != METADATA:
        return "stores more than a build does in its metadata"
    if any(cell.cell_type == "code" and not cell.execution_count for cell in stored.cells):
        return "holds cells that were not executed"
    return None


def check():
    """One line a notebook that is not the build of its lesson."""
    errors = []
    for lesson in lessons():
        if found := difference(lesson):
            advice = f"edit lessons/{lesson.name}, then run python tools/notebooks.py build {lesson.name[:2]}"
            errors.append(f"notebooks/{lesson.stem}.ipynb {found}: {advice}")
    built = {notebook_of(lesson).name for lesson in lessons()}
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        if path.name not in built:
            errors.append(f"notebooks/{path.name} has no lesson: delete it, or adopt it into lessons/")
    return errors


# --- adopt and new --------------------------------------------------------------------------------------


def lesson_for(path):
    """The lesson a notebook's name speaks of: 03_slug.ipynb and my_03.ipynb both belong to lesson 03."""
    number = re.search(r"\d\d", path.stem)
    if not number:
        raise LessonError(f"{path.name}: a name with the lesson's two digits tells where it belongs")
    return lessons([number.group()])[0]


def adopt(path):
    """Write the notebook's cells into its lesson; a cell that did not change keeps its exact text there."""
    lesson = lesson_for(path)
    text = lesson.read_text("utf-8")
    source = jupytext.reads(text, fmt="py:percent")
    known = {(c.cell_type, c.source, str(kept_metadata(c))): c for c in source.cells}
    cells = []
    for cell in nbformat.read(path, as_version=4).cells:
        cell.source = cell.source.removeprefix(FETCH)
        fresh = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
        key = (cell.cell_type, cell.source, str(kept_metadata(cell)))
        cells.append(known.get(key) or fresh(cell.source, metadata=kept_metadata(cell)))
    source.cells = cells
    lesson.write_text(jupytext.writes(source, fmt="py:percent"), "utf-8", newline="\n")
    number = lesson.name[:2]
    print(f"lessons/{lesson.name} holds the edit; now run python tools/notebooks.py build {number}")


BEGINNING = """# %% [markdown]
# # {title}?
#
# **Objectives.** After this lesson you can
#
# 1. predict ...
# 2. measure ...
#
# **Before you start:** lesson ... **Time:** 30 minutes.

# %%
from course_utils import naive, reference
"""


def new(number, slug):
    """Begin lessons/NN_slug.py; the slug is the title."""
    if not re.fullmatch(r"\d\d", number) or not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", slug):
        raise LessonError("two digits, then lower-case words joined by underscores: new 07 who_dies_first")
    taken = sorted(LESSONS.glob(f"{number}_*.py"))
    if taken:
        raise LessonError(f"lessons/{taken[0].name} has that number")
    path = LESSONS / f"{number}_{slug}.py"
    title = slug.replace("_", " ").capitalize()
    path.write_text(BEGINNING.format(title=title), "utf-8", newline="\n")
    print(f"lessons/{path.name} begun; exercises go to course_utils/exercises/lesson_{number}.py")


def parse(arguments):
    parser = argparse.ArgumentParser(description="Build the notebooks from the lessons.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="execute and write").add_argument("numbers", nargs="*", metavar="NN")
    commands.add_parser("check", help="compare without executing")
    commands.add_parser("adopt", help="bring an edit back").add_argument("notebook", type=Path)
    begin = commands.add_parser("new", help="begin a lesson")
    begin.add_argument("number", metavar="NN")
    begin.add_argument("slug")
    return parser.parse_args(arguments)


def main(arguments=None):
    asked = parse(arguments)
    errors = []
    try:
        if asked.command == "build":
            errors = build_all(asked.numbers)
        elif asked.command == "check":
            errors = check()
        elif asked.command == "adopt":
            adopt(asked.notebook)
        else:
            new(asked.number, asked.slug)
    except LessonError as error:
        errors = [str(error)]
    print(*errors, sep="\n", end="\n" if errors else "", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
