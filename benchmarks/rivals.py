"""The other rooms and libraries, all called alike: `prepare(quantity, logits, ...)` gives a call without arguments.

Whatever isn't the quantity itself, such as wrapping the array in a library's own type, is done beforehand and
is not timed. What is absent is said once, with the line that installs it.
"""

import functools
import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from course_utils import naive, shifted, stable

INSTALL = {
    "SciPy": ".venv/bin/python -m pip install -r requirements/benchmarks.txt",
    "torch": ".venv/bin/python -m pip install torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu",
    "JAX": ".venv/bin/python -m pip install -r requirements/benchmarks.txt",
}


@dataclass(frozen=True)
class Rival:
    """`prepare(quantity, logits, axis=-1, targets=None)` returns a call, or None where there is no such function;
    `array` turns what the call returns into NumPy's own."""

    name: str
    prepare: Callable
    array: Callable = np.asarray


@functools.cache
def installed(*libraries) -> dict:
    """The rooms, and each of these libraries (of all of them) that can be imported, by name; `stable` first."""
    found = {room.__name__.split(".")[-1]: _room(room) for room in (stable, naive, shifted)}
    for name in libraries or INSTALL:
        try:
            found[name] = {"SciPy": _scipy, "torch": _torch, "JAX": _jax}[name]()
        except ImportError:
            print(f"{name} is not installed, its columns stay empty: {INSTALL[name]}", file=sys.stderr)
    return found


@functools.cache
def older(folder) -> Rival:
    """The `stable` of the package `before` in this folder: what `benchmarks.speed.older` has put there."""
    sys.path.insert(0, str(folder))
    return _room(importlib.import_module("before.stable"))


def _numpy_like(module):
    def prepare(quantity, logits, axis=-1, targets=None):
        function = getattr(module, quantity, None)
        if function is None:
            return None
        if targets is not None:
            return functools.partial(function, logits, targets)
        return functools.partial(function, logits, axis=axis)

    return prepare


def _room(module) -> Rival:
    return Rival(module.__name__.split(".")[-1], _numpy_like(module))


def _scipy() -> Rival:
    import scipy.special

    return Rival("SciPy", _numpy_like(scipy.special))


def _torch() -> Rival:
    import torch

    torch.set_num_threads(1)
    functional = torch.nn.functional

    def tensor(array):
        if array.dtype.kind == "f":
            return torch.from_numpy(array)
        return torch.from_numpy(array.view(f"i{array.itemsize}")).view(getattr(torch, array.dtype.name))

    def prepare(quantity, logits, axis=-1, targets=None):
        values = tensor(logits)
        if targets is None:
            return functools.partial(getattr(torch, quantity), values, axis)
        values.requires_grad_()
        wanted = torch.from_numpy(targets)

        def backward():
            values.grad = None
            loss = functional.cross_entropy(values, wanted)
            loss.backward()
            return loss.detach(), values.grad

        return backward

    def array(result):
        if result.dtype == torch.bfloat16:
            return result.view(torch.int16).numpy().view("bfloat16")
        return result.numpy()

    return Rival("torch", prepare, array)


def _jax() -> Rival:
    import jax

    jax.config.update("jax_enable_x64", True)

    def loss(logits, targets):
        rows = jax.numpy.arange(len(targets))
        return -jax.nn.log_softmax(logits)[rows, targets].mean()

    functions = {
        "softmax": jax.nn.softmax,
        "log_softmax": jax.nn.log_softmax,
        "logsumexp": jax.nn.logsumexp,
    }

    @functools.cache  # a new function would be compiled anew
    def compiled(quantity, axis):
        if quantity == "cross_entropy_with_grad":
            return jax.jit(jax.value_and_grad(loss))
        return jax.jit(functools.partial(functions[quantity], axis=axis))

    def prepare(quantity, logits, axis=-1, targets=None):
        given = [jax.numpy.asarray(array) for array in (logits, targets) if array is not None]
        function = compiled(quantity, axis)
        return lambda: jax.block_until_ready(function(*given))

    return Rival("JAX", prepare)
