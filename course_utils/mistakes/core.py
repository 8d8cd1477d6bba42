"""A mistake: a wrong function that really runs, and what to say to the person who wrote it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np


@dataclass(frozen=True, eq=False)
class Mistake:
    """One wrong answer. Calling it runs the wrong function: `shift_by_mean(logits)`.

    key        the name of the function
    number     its place in the course's catalogue ("4", "8b"); empty for a lesson's own mistake, and for one
               that only the audit tells
    quantity   what the function claims to compute: a key of `QUANTITIES`
    function   the wrong code itself
    belief     the thought behind it, in the words of the one who holds it
    diagnosis  what goes wrong, and why
    step       the one step of the code where it goes wrong
    change     the smallest change that repairs it
    fails_on   the arguments of the smallest input that refutes it
    widget     the explorer that shows it
    family     the constant that varies: a keyword of the function, and its values or a function that reads
               the values off somebody's answers (see `relatives`); empty where nothing varies
    options    the keywords that go with `fails_on`: what the mistake is about, if not the plain quantity
    """

    key: str
    number: str
    quantity: str
    function: Callable
    belief: str
    diagnosis: str
    step: str
    change: str
    fails_on: tuple
    widget: str
    family: tuple = ()
    options: dict = field(default_factory=dict)

    def __call__(self, *args, **options):
        return self.function(*args, **options)

    def relatives(self, ask):
        """The same mistake with other constants: the wrong function for each value of its family.

        `ask(*args)` runs the code that is being judged and returns its numbers, NaN where it has none.
        """
        keyword, values = self.family or ("", ())
        with np.errstate(all="ignore"):
            values = values(ask) if callable(values) else values
        return [partial(self.function, **{keyword: value}) for value in values]

    def gives(self):
        """What the wrong function answers on `fails_on`; its floating-point events stay silent."""
        with np.errstate(all="ignore"):
            return self.function(*self.fails_on, **self.options)

    def truth(self, room):
        """The right answer on `fails_on`, computed by a room: `mistake.truth(reference)`."""
        return QUANTITIES[self.quantity](room, *self.fails_on, **self.options)


def mistake(number="", *, quantity, **said):
    """Turn the wrong function below this line into a `Mistake` that carries its name."""

    def wrap(function):
        return Mistake(function.__name__, number, quantity, function, **said)

    return wrap


def _masked_softmax(room, scores, keep):
    return np.where(keep, room.softmax(np.where(keep, np.asarray(scores, np.float64), -np.inf)), 0)


def _tempered_softmax(room, logits, temperature):
    return room.softmax(np.asarray(logits, np.float64) / float(temperature))


def _against_zero(function, z):
    z = np.asarray(z, np.float64)
    return function(np.stack([z, np.zeros_like(z)], axis=-1))


QUANTITIES = {
    "softmax": lambda room, logits, axis=-1, **options: room.softmax(logits, axis=axis, **options),
    "log_softmax": lambda room, logits, axis=-1, **options: room.log_softmax(logits, axis=axis, **options),
    "logsumexp": lambda room, logits, axis=-1, **options: room.logsumexp(logits, axis=axis, **options),
    "cross_entropy": lambda room, logits, targets, **options: room.cross_entropy(logits, targets, **options),
    "gradient": lambda room, *args, **options: room.cross_entropy_with_grad(*args, **options)[1],
    "masked_logits": lambda room, logits, where: np.where(where, logits, -np.inf),
    "predicted_class": lambda room, logits: np.argmax(room.softmax(logits), axis=-1),
    "masked_softmax": _masked_softmax,
    "tempered_softmax": _tempered_softmax,
    "log_not_sigmoid": lambda room, z: _against_zero(room.log_softmax, z)[..., 1],
    "softplus_gradient": lambda room, z: _against_zero(room.softmax, z)[..., 0],
}
"""The quantities of the course by name: each takes a room and the arguments, and asks that room."""
