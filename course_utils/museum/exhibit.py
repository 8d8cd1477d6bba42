"""One exhibit: a bug that a public library had, small enough to be read at a glance, and its cure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Exhibit:
    """A bug, where it was reported, and the question of the audit that finds it.

    key         the name of the broken function
    repository  "owner/name" on GitHub, and `number` the thread in which the bug was reported or repaired
    title       the thread's own title; `pull` says whether it is a pull request
    also        "owner/name#number" of threads about the same bug elsewhere
    symptom     what people saw
    why         the step that loses the number
    change      the smallest change that repairs it
    kind        what it claims to compute: a kind of `audit`
    caught_by   the case of the audit that refuses it
    on          the case that is put to it, where `caught_by` is about its behaviour
    broken      the bug in a few lines of NumPy
    cured       the same after the change
    """

    key: str
    repository: str
    number: int
    title: str
    symptom: str
    why: str
    change: str
    kind: str
    caught_by: str
    broken: Callable
    cured: Callable
    on: str = ""
    also: tuple[str, ...] = ()
    pull: bool = False

    @property
    def thread(self) -> str:
        """`owner/name#number`, as GitHub writes it."""
        return f"{self.repository}#{self.number}"

    @property
    def url(self) -> str:
        return f"https://github.com/{self.repository}/{'pull' if self.pull else 'issues'}/{self.number}"

    @property
    def asked(self) -> tuple[str, ...]:
        """The cases to put to it: what `audit` takes as `only`."""
        return (self.on or self.caught_by,)


def exhibit(thread: str, title: str, **said):
    """Turn the broken function below this line into an `Exhibit` that carries its name."""

    def wrap(broken):
        repository, number = thread.split("#")
        return Exhibit(broken.__name__, repository, int(number), title, broken=broken, **said)

    return wrap
