"""One line of a room corrupted: does the audit refuse what it refused not before?

    COURSE_PROGRESS=off .venv/bin/python -m tests.room_mutation course_utils.stable 200 3600

tries 200 corruptions drawn by chance, for at most 3600 seconds, and prints what was refused, what changes no
result and what was missed.
"""

import ast
import importlib
import importlib.abc
import importlib.util
import random
import sys
import time
from pathlib import Path

import numpy as np

from course_utils import floats, guard
from course_utils.audit import ROOM_KINDS
from course_utils.audit.cases import cases
from course_utils.audit.subject import met
from course_utils.audit.trials import trials
from course_utils.audit.verdict import FAIL
from tests import mutation

ALIAS = "corrupted_room"
SECONDS = 30.0


def corruptions(room: str, count: int, seed: int = 0) -> list:
    """(module, function, description, the mutated function's tree), drawn by chance from all of the room's."""
    found = [one for module, tree in _modules(room).items() for one in _of_module(module, tree)]
    return random.Random(seed).sample(found, min(count, len(found)))


def _modules(room):
    """{name: tree} of the files of a room."""
    path = Path(importlib.import_module(room).__file__)
    if path.name != "__init__.py":
        return {room: ast.parse(path.read_text("utf-8"))}
    names = {
        file: room if file == path else f"{room}.{file.stem}" for file in sorted(path.parent.glob("*.py"))
    }
    return {name: ast.parse(file.read_text("utf-8")) for file, name in names.items()}


def _of_module(module, tree):
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            for description, mutated in mutation._mutated(ast.Module([node], [])):
                yield module, node.name, description, mutated.body[0]


class _Corrupted(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports a copy of a room under another name, with one function replaced."""

    def __init__(self, room, module, function, node):
        self.room, self.module, self.function, self.node = room, module, function, node
        self.trees = _modules(room)

    def find_spec(self, name, path=None, target=None):
        own = name.replace(ALIAS, self.room, 1) if name.startswith(ALIAS) else ""
        if own not in self.trees:
            return None
        return importlib.util.spec_from_loader(
            name, self, is_package=own == self.room and len(self.trees) > 1
        )

    def exec_module(self, module):
        name = module.__name__.replace(ALIAS, self.room, 1)
        tree = self.trees[name]
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(self.room):
                node.module = node.module.replace(self.room, ALIAS, 1)
        if name == self.module:
            places = [getattr(node, "name", "") for node in tree.body]
            tree.body[places.index(self.function)] = self.node
        exec(compile(ast.fix_missing_locations(tree), name, "exec"), module.__dict__)


def corrupted(room, module, function, node):
    """The room with the function replaced. Raises: whatever its code raises when it is imported."""
    finder = _Corrupted(room, module, function, node)
    sys.meta_path.insert(0, finder)
    try:
        return importlib.import_module(ALIAS)
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.startswith(ALIAS)]:
            del sys.modules[name]


def failing(function, kind, known=frozenset()):
    """The names of the cases that fail; with `known`, the first one that is not known ends it."""
    found = set()
    for case, run, said in trials(met(function, kind), cases(kind), SECONDS, 1.0):
        written = run is not None and run.mutated and case.out is None
        if said.status == FAIL or written:
            found.add(case.name)
            if known and case.name not in known:
                break
    return found


def refused(room, known) -> str:
    """The first case that a corrupted room fails and the right one does not, or ""."""
    for kind in ROOM_KINDS:
        new = failing(getattr(room, kind), kind, known[kind]) - known[kind]
        if new:
            return f"{kind}: {new.pop()}"
    return ""


def known_failures(room) -> dict:
    """{kind: what the room fails as it stands}, and a word that no case bears."""
    return {kind: failing(getattr(room, kind), kind) | {"-"} for kind in ROOM_KINDS}


def probes():
    """Calls that tell rooms apart: (kind, arguments, options)."""
    draw = np.random.default_rng(3)
    for fmt in floats.FORMATS.values():
        for scale, width in ((1, 7), (30, 40), (300, 5), (3, 700)):
            z = floats.store(np.clip(draw.normal(0, scale, (6, width)), -fmt.max, fmt.max), fmt)
            z[1] = z[1, 0]
            z[2, : width // 2] = -np.inf if fmt.has_inf else z[2, 0]
            targets = draw.integers(0, width, 6)
            for kind in ROOM_KINDS[:3]:
                yield kind, (z,), {}
                yield kind, (z,), {"axis": 0}
                yield kind, (z,), {"where": z.astype(float) > 0}
            yield "softmax", (z,), {"masked": "zeros"}
            yield "log_softmax", (z,), {"masked": "zeros"}
            yield "logsumexp", (z,), {"b": draw.normal(0, 1, z.shape), "return_sign": True}
            yield "logsumexp", (z,), {"keepdims": True}
            weight = draw.uniform(0.5, 2, width)
            soft = draw.dirichlet(np.ones(width), 6)
            for options in (
                {},
                {"weight": weight},
                {"ignore_index": int(targets[0])},
                {"label_smoothing": 0.1, "weight": weight},
                {"reduction": "sum"},
                {"reduction": "none"},
            ):
                yield "cross_entropy_with_grad", (z, targets), options
            yield "cross_entropy_with_grad", (z, soft), {}
    for odd in ([1000, 0], [[np.nan, 1], [0, 1]], [np.inf, 1], [], [[1.5]], np.uint8([200, 0]), [True]):
        for kind in ROOM_KINDS[:3]:
            yield kind, (odd,), {}


def answers(room):
    return [_answer(room, *probe) for probe in probes()]


def _answer(room, kind, args, options):
    run = guard.call(lambda *given: getattr(room, kind)(*given, **options), args, 5.0)
    if run.error is not None:
        return type(run.error)
    try:
        return [np.asarray(part) for part in (run.value if isinstance(run.value, tuple) else (run.value,))]
    except ValueError:
        return type(run.value)


def changed(before, after) -> bool:
    """Whether a result differs by more than 16 ulps, in its shape, type or kind of error."""
    return any(_differ(a, b) for a, b in zip(before, after, strict=True))


def _differ(a, b):
    if isinstance(a, type) or isinstance(b, type):
        return a is not b
    return len(a) != len(b) or any(_parts_differ(*pair) for pair in zip(a, b, strict=True))


def _parts_differ(a, b):
    if a.shape != b.shape or a.dtype != b.dtype:
        return True
    if a.dtype.name not in floats.FORMATS:
        return not np.array_equal(a, b)
    with np.errstate(all="ignore"):
        x, y = a.astype(np.float64), b.astype(np.float64)
        near = np.abs(x - y) <= 16 * floats.spacing(np.fmax(np.abs(x), np.abs(y)), floats.format_of(a.dtype))
    return not np.all(near | (x == y) | (np.isnan(x) & np.isnan(y)))


def score(room: str, count: int, seed: int = 0, seconds: float = np.inf):
    """(refused, missed, harmless) corruptions, in words; those that change no result are harmless."""
    right = importlib.import_module(room)
    known, before, end = known_failures(right), answers(right), time.monotonic() + seconds
    found = {"refused": [], "missed": [], "harmless": []}
    for module, function, description, node in corruptions(room, count, seed):
        words = f"{module}.{function}, {description}"
        if time.monotonic() > end:
            break
        try:
            wrong = corrupted(room, module, function, node)
            why = refused(wrong, known)
        except Exception as error:
            why = f"it cannot be imported: {error!r}"
        if why:
            found["refused"].append(f"{words} [{why}]")
        else:
            found["missed" if changed(before, answers(wrong)) else "harmless"].append(words)
    return found["refused"], found["missed"], found["harmless"]


if __name__ == "__main__":
    refusals, missed, harmless = score(sys.argv[1], int(sys.argv[2]), seconds=float(sys.argv[3]))
    print(
        f"{sys.argv[1]}: {len(refusals)} of {len(refusals) + len(missed)} corruptions that change a result refused, "
        f"{len(harmless)} change none"
    )
    print("\n".join(f"missed: {words}" for words in missed))
    print("\n".join(f"harmless: {words}" for words in harmless))
