"""One question to the function, and the groups that the questions fall into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

RANGE, ACCURACY, SPECIAL, SHAPES, TYPES, ARGUMENTS, BEHAVIOUR = GROUPS = (
    "range",
    "accuracy",
    "special values",
    "shapes and layouts",
    "types",
    "arguments",
    "behaviour",
)
INF, NAN = np.inf, np.nan
OPTIONS = frozenset(
    [
        "where",
        "b",
        "keepdims",
        "return_sign",
        "weight",
        "ignore_index",
        "label_smoothing",
        "reduction",
        "check_sum",
    ]
)
MARGINS = (1, 5, 10, 16, 17, 18, 30, 36, 37, 40, 60, 100, 300, 700)


@dataclass(frozen=True, eq=False)
class Case:
    """One question to the function.

    axis      where the classes are, handed over as the keyword that the function has for it
    options   keywords that only some functions know (`where`, `b`, `weight`, ...); others are not asked
    out       makes the array for `out=` from the logits; functions without `out=` are not asked
    refused   an error is the right answer
    lenient   why an error is a declared difference, where the right answer is a value
    declared  (words, value) of other answers that are policies and not mistakes
    beside    the targets are a second array of numbers: another row, a gradient, targets of a yes or no
    view      makes what the function sees out of `logits`: a strided, reversed or read-only view
    numpy     only NumPy has such an input
    """

    name: str
    group: str
    logits: object
    targets: object = None
    axis: object = -1
    options: dict = field(default_factory=dict)
    out: Callable | None = None
    refused: bool = False
    lenient: str = ""
    declared: tuple = ()
    beside: bool = False
    view: Callable | None = None
    numpy: bool = False

    @property
    def args(self) -> tuple:
        return (self.logits,) if self.targets is None else (self.logits, self.targets)

    @property
    def soft(self) -> bool:
        """Whether the targets are probabilities, one for each class."""
        if self.beside or self.targets is None or np.shape(self.targets) != np.shape(self.logits):
            return False
        return np.asarray(self.targets).dtype.kind not in "iub"

    @property
    def keywords(self) -> tuple[str, ...]:
        """The optional keywords that the function must know."""
        return (*self.options, *(["out"] if self.out else []))

    @property
    def plain(self) -> bool:
        """Arrays as they come, classes last: can be asked of a known mistake."""
        usual = self.axis == -1 and not (self.view or self.out or self.refused or self.numpy)
        return usual and isinstance(self.logits, np.ndarray) and self.logits.ndim > 0

    @property
    def shrinkable(self) -> bool:
        """Nothing in it has to keep the shape of the logits."""
        return self.plain and not (self.options or self.soft or self.beside)

    def seen(self) -> np.ndarray:
        """The logits as the function sees them."""
        return np.asarray(self.logits if self.view is None else self.view(self.logits))
