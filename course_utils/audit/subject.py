"""The function under audit: which library's arrays it takes, how it is told the axis, what it accepts."""

from __future__ import annotations

import functools
import inspect
import re
import sys
from dataclasses import dataclass, replace

import numpy as np

from course_utils import floats, guard
from course_utils.audit import autograd
from course_utils.audit.cases import Case
from course_utils.audit.cases.disguises import DISGUISES, OF_TWO, PAIRS
from course_utils.audit.truths import parts

ROOM_KINDS = ("softmax", "log_softmax", "logsumexp", "cross_entropy", "cross_entropy_with_grad")
KINDS = ROOM_KINDS + DISGUISES
_NAMES = {  # the longest name that occurs decides: log_softmax is not a softmax
    "binary_cross_entropy": ("binarycrossentropy", "bcewithlogits", "bceloss"),
    "log_softmax_backward": ("logsoftmaxbackward",),
    "softmax_backward": ("softmaxbackward",),
    "cross_entropy_with_grad": ("crossentropywithgrad", "lossandgrad", "losswithgrad", "valueandgrad"),
    "cross_entropy": ("crossentropy", "nllloss", "logloss"),
    "logsumexp": ("logsumexp", "lse"),
    "log_softmax": ("logsoftmax",),
    "softmax": ("softmax",),
    "log_sigmoid": ("logsigmoid", "logexpit"),
    "sigmoid": ("sigmoid", "expit"),
    "softplus": ("softplus",),
    "log1mexp": ("logmexp",),  # digits are left out
    "kl_divergence": ("kldiv", "klloss"),
    "entropy": ("entropy",),
}
_OF_TORCH_ITS_OWN = ("bfloat16", "float8_e5m2", "float8_e4m3fn")
_SECONDS = 4.0
_FIRST_SECONDS = {"jax": 30.0}  # it starts its compiler, which takes its time on a busy machine
_MOST = 10_000_000  # numbers in an answer
_PROBE = np.array([[1, 2, 3], [4, 2, 0]], np.float32)
_NO_TARGETS = object()


def name_of(function) -> str:
    """`module.function`, or the name of the class of a callable object."""
    function = function.func if isinstance(function, functools.partial) else function
    named = function if hasattr(function, "__name__") else type(function)
    module = getattr(named, "__module__", None)
    return named.__name__ if module in (None, "__main__", "builtins") else f"{module}.{named.__name__}"


def kind_of(function) -> str:
    """The kind that a function's name speaks of. Raises: ValueError when it speaks of none."""
    plain = re.sub("[^a-z]", "", name_of(function).rpartition(".")[2].lower())
    for kind, names in _NAMES.items():
        if any(name in plain for name in names):
            return kind
    raise ValueError(
        f"kind cannot be told from the name {name_of(function)!r}; give one of {', '.join(KINDS)}"
    )


@dataclass(frozen=True)
class Stranger:
    """Stands for a value that is no array of numbers."""

    words: str

    def __repr__(self):
        return self.words


@dataclass(frozen=True)
class Subject:
    """A function, and how to talk to it.

    library  makes its arrays
    keyword  its name for the axis
    options  the keywords that it takes; None when only trying can tell
    """

    function: object
    kind: str
    library: str = "numpy"
    keyword: str | None = None
    options: frozenset | None = frozenset()

    def run(self, case, seconds: float = _SECONDS) -> guard.Run:
        """Call the function on a case, with arrays of its library; what comes back is made NumPy's."""
        run = self.raw(case, seconds)
        if run.error is None:
            run.value = _as_answer(run.value, len(parts(self.kind, case)))
        return run

    def raw(self, case, seconds: float = _SECONDS) -> guard.Run:
        """The same, with the value as the function returned it."""
        return guard.call(functools.partial(self._ask, case), case.args, seconds)

    def ask(self, *args) -> np.ndarray:
        """The first part of the answer to these arguments; NaN where there is none."""
        value = self.run(Case("", "", *args)).value
        value = value[0] if isinstance(value, tuple) and value else value
        return value if isinstance(value, np.ndarray) and value.dtype.kind == "f" else np.array(np.nan)

    def takes(self, case) -> bool:
        """Whether the function may know the keywords of the case."""
        return self.options is None or set(case.keywords) <= self.options

    def refuses_keyword(self, case, error) -> bool:
        """Whether this error says that a keyword of the case is unknown; of a function that takes any."""
        return (
            self.options is None
            and isinstance(error, TypeError)
            and "keyword" in str(error)
            and case.keywords
        )

    def _ask(self, case, logits, targets=_NO_TARGETS):
        logits = logits if case.view is None else case.view(logits)
        options = {name: self.array(value) for name, value in case.options.items()}
        if self.keyword:
            options[self.keyword] = case.axis
        given = [self.array(logits)] + [self.array(targets)] * (targets is not _NO_TARGETS)
        if case.out is None:
            return self.function(*given, **options)
        out = case.out(logits)
        return self.function(*given, out=self.array(out), **options), out

    def array(self, values):
        """The values as an array of the function's library; what is no NumPy array stays what it is."""
        if not isinstance(values, np.ndarray) or self.library == "numpy":
            return values
        if self.library == "jax":
            return sys.modules["jax"].numpy.asarray(values)
        torch = sys.modules["torch"]
        if values.dtype.name in _OF_TORCH_ITS_OWN:
            return torch.from_numpy(values.astype(np.float32)).to(getattr(torch, values.dtype.name))
        return torch.from_numpy(values)

    def holds(self, dtype) -> bool:
        """Whether the library keeps this dtype: JAX makes float32 of float64 unless told otherwise."""
        try:
            return as_numpy(self.array(np.zeros(1, dtype))).dtype == dtype
        except Exception:
            return False


def _as_answer(value, count):
    """An array of NumPy's, or a tuple of them where several parts are due or a tuple came back."""
    several = isinstance(value, tuple) or (count > 1 and isinstance(value, list))
    if count == 1 and several and all(isinstance(part, (int, float, np.number)) for part in value):
        return _converted(value)  # a row as a tuple of numbers
    return tuple(_converted(part) for part in value) if several else _converted(value)


def _converted(value):
    """The value as NumPy's; what is no numbers becomes a `Stranger`, so that nobody touches it again."""
    if value is None:
        return None
    if isinstance(value, np.ndarray) and value.size > _MOST:
        return Stranger(f"an array of the shape {value.shape}")
    try:
        array = as_numpy(value)
        strange = array.dtype == object and not isinstance(value, np.ndarray)
    except Exception:
        strange = True
    return Stranger(type(value).__name__) if strange else array


def as_numpy(value) -> np.ndarray:
    """A NumPy array of any library's array; masked entries become 0."""
    if isinstance(value, np.ma.MaskedArray):
        return np.asarray(value.filled(0))
    if _home(type(value)) == "torch":
        value = value.detach().cpu()
        name = str(value.dtype).removeprefix("torch.")
        if name in _OF_TORCH_ITS_OWN:
            return floats.store(value.float().numpy(), name)
    return np.array(value)  # a copy: the function may use its array again


def met(function, kind: str) -> Subject:
    """The subject, after a first meeting: the first way of calling it that gives a value is kept.

    Where a gradient is asked for and a loss of PyTorch's or JAX's comes back, their autograd adds it.
    """
    options, keywords = _signature(function)
    keywords = (None,) if kind.startswith("cross_entropy") or kind in PAIRS else keywords
    libraries = _libraries(function)
    targets = np.array([0, 2]) if kind.startswith("cross_entropy") else None
    targets = (_PROBE > 1).astype(np.float32) if kind in OF_TWO else targets
    first = -_PROBE if kind == "log1mexp" else _PROBE
    probe = Case("a first meeting", "", first, targets, beside=kind in OF_TWO)
    for library in libraries:
        for keyword in keywords:
            subject = Subject(function, kind, library, keyword, options)
            run = subject.raw(probe, _FIRST_SECONDS.get(library, _SECONDS))
            if isinstance(run.error, guard.TimeLimit):
                return subject
            if run.error is None:
                home = _home(type(run.value[0] if isinstance(run.value, tuple) and run.value else run.value))
                subject = replace(subject, library=home) if home in libraries else subject
                alone = kind == "cross_entropy_with_grad" and not isinstance(run.value, (tuple, list))
                return autograd.with_gradient(subject) if alone else subject
    return Subject(function, kind, libraries[0], keywords[0], options)


def _libraries(function):
    """NumPy first, unless the function itself comes from another library that is loaded."""
    home = _home(function if getattr(function, "__module__", None) else type(function))
    loaded = [name for name in ("torch", "jax") if name in sys.modules]
    return tuple(sorted(["numpy", *loaded], key=lambda name: name != home))


def _home(thing):
    """The library that a function or a type comes from; jaxlib, optax and flax work on JAX arrays."""
    top = thing.__module__.partition(".")[0]
    return "jax" if top in ("jax", "jaxlib", "optax", "flax") else top


def _signature(function):
    """(the keywords that it takes, its names for the axis in the order to try)."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return frozenset(), ("axis", "dim", None)
    except Exception:  # an object that only looks like a function
        return frozenset(), (None,)
    names = tuple(name for name in ("axis", "dim") if name in parameters)
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return None if takes_any else frozenset(parameters), names or (("axis", None) if takes_any else (None,))
