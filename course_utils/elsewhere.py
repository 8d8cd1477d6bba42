"""The same quantity in other libraries: the call, run where the library is installed, and what it gave us.

    elsewhere.show("logsumexp")     one line a library
    elsewhere.audits()              what the audit has said of each library, as recorded
    elsewhere.functions("softmax")  {library: its function}, of those that are installed

Each call carries the value and the version that it was recorded with. A library that is installed is asked
again, and its own answer is shown; so the lines look the same on every machine, until a library changes.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Call:
    """A call as you would write it, the modules it needs, and what it gave with one version."""

    library: str
    modules: tuple[str, ...]
    code: str
    recorded: float
    version: str

    def value(self, arguments) -> float:
        """What the installed library gives, or what was recorded; asking never fails."""
        scope = {"np": np, **arguments}
        try:
            for module in self.modules:
                scope[module.split(".")[0]] = importlib.import_module(module.split(".")[0])
                importlib.import_module(module)
        except Exception:  # absent, or present without a backend it needs
            return self.recorded
        return float(eval(self.code, scope))


TWO_LARGE = {"z": np.array([1000, 999], np.float32)}
A_WINNER = {"z": np.array([20, 0], np.float32)}
A_BATCH = {"z": np.array([[2, 1, 0], [0, 3, 1], [5, 0, -5]], np.float32), "y": np.array([0, 2, 1])}

WRONG_BY_90 = {"z": np.array([[0, 90]], np.float32), "y": np.array([0])}

TWO_ROWS = {"z": np.array([[1, 2], [3, 4]], np.float32)}
ALL_IGNORED = {"z": np.array([[1, 2], [3, 4]], np.float32), "y": np.array([-100, -100])}

QUESTIONS = {
    "logsumexp": (
        TWO_LARGE,
        [
            Call("SciPy", ("scipy.special",), "scipy.special.logsumexp(z)", 1000.31323, "1.17.1"),
            Call("NumPy", (), "np.logaddexp.reduce(z)", 1000.31323, "2.4.6"),
            Call("PyTorch", ("torch",), "torch.logsumexp(torch.tensor(z), dim=-1)", 1000.31323, "2.14.1"),
            Call("JAX", ("jax",), "jax.nn.logsumexp(z)", 1000.31323, "0.10.2"),
        ],
    ),
    "log_softmax": (
        A_WINNER,
        [
            Call("SciPy", ("scipy.special",), "scipy.special.log_softmax(z)[0]", 0, "1.17.1"),
            Call("PyTorch", ("torch",), "torch.log_softmax(torch.tensor(z), dim=-1)[0]", 0, "2.14.1"),
            Call("JAX", ("jax",), "jax.nn.log_softmax(z)[0]", 0, "0.10.2"),
        ],
    ),
    "cross_entropy": (
        A_BATCH,
        [
            Call(
                "PyTorch",
                ("torch",),
                "torch.nn.functional.cross_entropy(torch.tensor(z), torch.tensor(y))",
                2.52807093,
                "2.14.1",
            ),
            Call(
                "Keras",
                ("keras",),
                "keras.losses.SparseCategoricalCrossentropy(from_logits=True)(y, z)",
                2.52807069,
                "3.15.1",
            ),
            Call("JAX", ("jax",), "-jax.nn.log_softmax(z)[np.arange(3), y].mean()", 2.528071, "0.10.2"),
            Call(
                "SciPy",
                ("scipy.special",),
                "-scipy.special.log_softmax(z, axis=-1)[np.arange(3), y].mean()",
                2.528071,
                "1.17.1",
            ),
        ],
    ),
    "gradient": (
        WRONG_BY_90,
        [
            Call(
                "PyTorch",
                ("torch.func",),
                "torch.func.grad(torch.nn.functional.cross_entropy)(torch.tensor(z), torch.tensor(y))[0, 0]",
                -1,
                "2.14.1",
            ),
            Call("JAX", ("jax",), "jax.grad(lambda z: -jax.nn.log_softmax(z)[0, 0])(z)[0, 0]", -1, "0.10.2"),
        ],
    ),
    "softmax without an axis": (
        TWO_ROWS,
        [Call("SciPy", ("scipy.special",), "scipy.special.softmax(z).sum(axis=1)[0]", 0.11920292, "1.17.1")],
    ),
    "softmax with an axis": (
        TWO_ROWS,
        [
            Call(
                "SciPy", ("scipy.special",), "scipy.special.softmax(z, axis=-1).sum(axis=1)[0]", 1, "1.17.1"
            ),
            Call("PyTorch", ("torch",), "torch.softmax(torch.tensor(z), dim=-1).sum(dim=1)[0]", 1, "2.14.1"),
            Call("JAX", ("jax",), "jax.nn.softmax(z).sum(axis=1)[0]", 1, "0.10.2"),
        ],
    ),
    "mean over nothing": (
        ALL_IGNORED,
        [
            Call(
                "PyTorch",
                ("torch",),
                "torch.nn.functional.cross_entropy(torch.tensor(z), torch.tensor(y))",
                np.nan,
                "2.14.1",
            ),
        ],
    ),
    "gradient, log after softmax": (
        WRONG_BY_90,
        [
            Call(
                "PyTorch",
                ("torch.func",),
                "torch.func.grad(lambda z: -torch.softmax(z, dim=-1)[0, 0].log())(torch.tensor(z))[0, 0]",
                np.nan,
                "2.14.1",
            ),
            Call(
                "JAX",
                ("jax",),
                "jax.grad(lambda z: -jax.numpy.log(jax.nn.softmax(z)[0, 0]))(z)[0, 0]",
                np.nan,
                "0.10.2",
            ),
        ],
    ),
}


def show(quantity: str) -> None:
    """Print one line a library: the call, what it gives in six digits, and the version it was recorded with."""
    arguments, calls = QUESTIONS[quantity]
    width = max(len(call.code) for call in calls)
    for call in calls:
        value = call.value(arguments) + 0.0  # -0 is 0
        print(f"{call.library:8s} {call.version:7s} {call.code:{width}s}  {value:.6g}")


def softmaxes() -> dict:
    """Other libraries' softmax along the last axis, by name, of those that are installed; each takes a NumPy array."""
    found = {}
    if _installed("scipy.special"):
        scipy_softmax = importlib.import_module("scipy.special").softmax
        found["SciPy"] = lambda logits: scipy_softmax(logits, axis=-1)
    if _installed("torch"):
        torch = importlib.import_module("torch")
        found["PyTorch"] = lambda logits: torch.softmax(torch.from_numpy(logits), dim=-1)
    return found


MODULES = {"SciPy": "scipy.special", "PyTorch": "torch", "JAX": "jax"}


def functions(kind: str) -> dict:
    """The libraries' own functions of this kind, by library, of those that are installed; each takes its own arrays."""
    found = {library: _functions(library) for library, module in MODULES.items() if _installed(module)}
    return {library: known[kind] for library, known in found.items() if kind in known}


def _functions(library):
    module = importlib.import_module(MODULES[library])
    home = module.nn if library == "JAX" else module
    named = {kind: getattr(home, kind) for kind in ("softmax", "log_softmax", "logsumexp")}
    if library == "SciPy":
        return named
    loss = module.nn.functional.cross_entropy if library == "PyTorch" else _jax_loss
    return {**named, "cross_entropy": loss, "cross_entropy_with_grad": loss}


def _jax_loss(logits, targets):
    jax = importlib.import_module("jax")
    return -jax.nn.log_softmax(logits)[jax.numpy.arange(len(targets)), targets].mean()


_jax_loss.__module__ = "jax"  # the audit hands JAX arrays to what comes from JAX


@dataclass(frozen=True)
class Audited:
    """What the audit said of one library's function: how many cases of each status, and which failed, by group."""

    kind: str
    library: str
    version: str
    counts: dict[str, int]
    failed: dict[str, list[str]]

    def by_format(self) -> dict[str, int]:
        """How many cases fail in each format; the rest are integers, shapes, options and manners."""
        formats = [case.rpartition(", ")[2] for cases in self.failed.values() for case in cases]
        found = {name: sum(one in members for one in formats) for name, members in _BY_FORMAT.items()}
        return {**found, "the rest": len(formats) - sum(found.values())}


def recorded() -> list[Audited]:
    """The audits of the libraries, as `experiments/libraries.py` has stored them."""
    text = Path(__file__).parent.joinpath("data", "libraries.json").read_text("utf-8")
    return [Audited(**row) for row in json.loads(text)["audits"]]


def audits() -> None:
    """Print the recorded audits: a line a function, its failures by number format."""
    print(" " * 42 + "pass  declared  fail   in " + "  ".join(_BY_FORMAT))
    for one in recorded():
        counts = [one.counts[status] for status in ("pass", "declared difference", "fail")]
        found = one.by_format().values()
        head = f"{one.kind:24s}{one.library:8s}{one.version:10s}{counts[0]:4d}{counts[1]:10d}{counts[2]:6d}"
        print(
            head
            + " " * 5
            + "".join(f"{n:>{len(name) + 2}}" for n, name in zip(found, _BY_FORMAT, strict=True))
        )


_BY_FORMAT = {
    "float64": ("float64",),
    "float32": ("float32",),
    "16 bits": ("float16", "bfloat16"),
    "8 bits": ("float8_e5m2", "float8_e4m3fn"),
    "the rest": (),
}


def _installed(module) -> bool:
    try:
        importlib.import_module(module)
    except Exception:  # absent, or present without something it needs
        return False
    return True
