"""The floors of the house: a room imports only from below, and each outside library has its rooms."""

import ast
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "course_utils"

# Rooms on one floor do not import each other. A package is one room, but for explorers and exercises: there
# each file is a room on floor 5, and what they share (core and its parts) is one room on floor 4.
FLOORS = {
    "floats": 0,
    **dict.fromkeys(["naive", "shifted", "stable", "online", "reference", "mistakes"], 2),
    **dict.fromkeys(["accumulators", "integers", "storage"], 2),
    **dict.fromkeys(
        [
            "accuracy",
            "plots",
            "pipeline",
            "datasets",
            "elsewhere",
            "figures",
            "progress",
            "guard",
            "shrink",
            "costs",
            "family",
            "sampling",
        ],
        3,
    ),
    **dict.fromkeys(["audit", "training", "mixed", "explorers.core", "exercises.core"], 4),
    **dict.fromkeys(["explorers", "exercises", "quiz", "museum"], 5),
}
ONLY_IN = {
    "numpy": set(FLOORS),
    "ml_dtypes": {"floats"},
    "mpmath": {"reference"},
    "matplotlib": {"plots", "figures", "explorers.core"},
    "PIL": {"figures"},
    "IPython": {"figures", "explorers.core", "exercises.core", "quiz"},
    "ipywidgets": {"explorers", "explorers.core", "quiz"},
    "anywidget": {"explorers", "explorers.core", "quiz"},
    "traitlets": {"explorers", "explorers.core", "quiz"},
}
OPTIONAL = {"torch", "scipy", "jax", "dask", "distributed", "sklearn", "tensorflow", "keras"}
SOURCES = sorted(PACKAGE.rglob("*.py"))
LESSONS = sorted((ROOT / "lessons").glob("*.py"))


def name_of(path):
    return str(path.relative_to(ROOT)).replace("\\", "/")


def room_of(module):
    """`course_utils.stable.rows` belongs to stable, `course_utils.explorers.edge` to explorers.edge."""
    parts = module.split(".")[1:]
    if not parts or parts[0] not in ("explorers", "exercises"):
        return parts[0] if parts else ""
    if parts[0] == "exercises" and not "".join(parts[1:2]).startswith("lesson_"):
        return "exercises.core"
    return ".".join(parts[:2])


def floor(room):
    return FLOORS[room] if room in FLOORS else FLOORS[room.split(".")[0]]


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name):
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def imports(tree):
    """Every module these statements import; `from course_utils import naive` imports course_utils.naive."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write the import in full"
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if is_module(name) else node.module for name in full)


def outside(tree):
    """The top names of imported third-party libraries."""
    tops = {name.split(".")[0] for name in imports(tree)}
    return tops - set(sys.stdlib_module_names) - {"course_utils"}


def parsed(path):
    return ast.parse(path.read_text("utf-8"))


def at_import_time(tree):
    """The tree without function bodies."""
    kept = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return ast.Module(kept, [])


def used_rooms(path):
    return {room_of(name) for name in imports(parsed(path)) if name.split(".")[0] == "course_utils"} - {""}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_room_imports_only_from_lower_floors(path):
    room = room_of(module_of(path))
    if path == PACKAGE / "__init__.py":
        assert not list(imports(parsed(path)))
        return
    wrong = {other for other in used_rooms(path) - {room} if floor(other) >= floor(room)}
    assert not wrong, f"{room} is on floor {floor(room)} and imports {sorted(wrong)}"


def test_the_oracle_stands_alone():
    """`reference` may use floats; a shared mistake between oracle and code would be invisible."""
    files = [path for path in SOURCES if room_of(module_of(path)) == "reference"]
    assert files
    assert set().union(*map(used_rooms, files)) <= {"floats", "reference"}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_each_library_stays_in_its_rooms(path):
    room = room_of(module_of(path))
    for library in outside(parsed(path)) - OPTIONAL:
        allowed = ONLY_IN.get(library, set())
        assert allowed & {room, room.split(".")[0]}, f"{library} belongs to {sorted(allowed)}, not to {room}"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_an_optional_library_is_never_needed_to_import_a_room(path):
    assert not outside(at_import_time(parsed(path))) & OPTIONAL


@pytest.mark.parametrize("path", LESSONS, ids=name_of)
def test_a_lesson_imports_rooms_and_numpy(path):
    tree = parsed(path)
    assert outside(at_import_time(tree)) - OPTIONAL <= {"numpy"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("course_utils"):
            for alias in node.names:
                assert is_module(f"{node.module}.{alias.name}"), f"import the room, not {alias.name}"


def test_importing_stable_loads_nothing_heavier_than_numpy():
    code = "import sys, course_utils.stable; print(*{name.split('.')[0] for name in sys.modules})"
    bare = "import sys, numpy, ml_dtypes; print(*{name.split('.')[0] for name in sys.modules})"
    ours, theirs = (
        set(
            subprocess.run(
                [sys.executable, "-c", c], capture_output=True, text=True, check=True
            ).stdout.split()
        )
        for c in (code, bare)
    )
    assert ours - theirs - set(sys.stdlib_module_names) == {"course_utils"}


def lines_of_code(path):
    """How many lines hold code: no blanks, no comments, no docstrings."""
    spaces = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    with path.open("rb") as file:
        tokens = [token for token in tokenize.tokenize(file.readline) if token.type not in spaces]
    held = {line for token in tokens[1:] for line in range(token.start[0], token.end[0] + 1)}
    bodies = [node.body for node in ast.walk(parsed(path)) if isinstance(getattr(node, "body", None), list)]
    docs = [b[0] for b in bodies if b and isinstance(b[0], ast.Expr) and isinstance(b[0].value, ast.Constant)]
    return len(held - {line for doc in docs for line in range(doc.lineno, doc.end_lineno + 1)})


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_file_stays_readable_at_one_sitting(path):
    count = lines_of_code(path)
    assert count <= 300, f"{count} lines of code: split it by a name that says what it holds"
    assert path.stem not in ("utils", "helpers", "common", "misc")


def test_the_table_of_rooms_is_complete():
    text = ast.get_docstring(parsed(PACKAGE / "__init__.py"))
    listed = {
        line.split()[0] for line in text.splitlines() if line[:1].islower() and line.endswith((")", "?"))
    }
    files, packages = PACKAGE.glob("*.py"), PACKAGE.glob("*/*.py")
    rooms = {path.stem for path in files} | {path.parent.name for path in packages}
    assert listed == rooms - {"__init__"}


def test_the_package_docstring_is_all_there_is():
    assert len(parsed(PACKAGE / "__init__.py").body) == 1


def test_the_laws_can_fail():
    """The readers above see what they are meant to see."""
    assert floor("explorers.edge") == 5
    assert floor("explorers.core") == floor("exercises.core") == 4
    assert room_of("course_utils.exercises.judge") == "exercises.core"
    assert room_of("course_utils.exercises.lesson_90.masks") == "exercises.lesson_90"
    assert room_of("course_utils.stable.rows") == "stable"
    tree = ast.parse("from course_utils import naive\nimport matplotlib.pyplot\ndef f():\n    import torch")
    assert outside(tree) == {"matplotlib", "torch"}
    assert outside(at_import_time(tree)) == {"matplotlib"}
    assert "course_utils.naive" in set(imports(tree))
