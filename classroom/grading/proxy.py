"""A student's functions and numbers, asked for from outside.

`Student` keeps the sandbox going: a cell that ends it or never ends is left out when it starts again, and a function
that does so is asked no more until `again`. Nothing here raises for what a student wrote.
"""

from __future__ import annotations

import builtins
import time

import numpy as np

from classroom.grading import wire
from classroom.grading.sandbox import Limits, Process
from course_utils import guard

MOST_STARTS, MOST_LEFT_OUT = 16, 3


class Ended(Exception):
    """The student's process ended itself or sent something that is no reply."""

    def __str__(self):
        return "it ended its process, or gave back something that cannot be read"


class Student:
    """The program of one hand-in in a sandbox of its own. Use it in a `with`."""

    def __init__(self, program, rooms, limits=None, unsafe=False):
        self.program, self.rooms, self.limits, self.unsafe = program, rooms, limits or Limits(), unsafe
        self.notes, self.made, self.errors = [], {}, {}
        self.lost = False  # whether a cell spoiled what others gave
        self._left_out, self._failed = set(), {}
        self._process, self._starts, self._number = None, 0, 0
        self._end = time.monotonic() + self.limits.total

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stop()

    def again(self):
        """Ask functions that have failed once more."""
        self._failed.clear()

    def run(self, name, args) -> guard.Run:
        """Call the student's function of this name."""
        run = guard.Run(args)
        if name in self._failed:
            run.error = self._failed[name]
            return run
        tree, body = wire.packed(args)
        try:
            told, out = self._ask(self.limits.call, body, do="call", name=name, args=tree)
            run.value = wire.unpacked(told["value"], out)
            after = wire.unpacked(told["args"], out)
            run.mutated = not _same(args, after)
            run.events = tuple(str(event)[:40] for event in told.get("events", ())[:10])
            run.error, run.line = _error(told.get("error"))
        except (wire.Gone, wire.Forged, wire.Late, KeyError, TypeError, ValueError) as error:
            run.error = self._failed[name] = _what_it_means(error)
            self._stop()
        return run

    def value(self, name) -> tuple[bool, bool, object]:
        """Is there something of this name, can it be called, and what is it as plain numbers?"""
        try:
            told, body = self._ask(self.limits.call, do="value", name=name)
            return told["there"] is True, told["callable"] is True, wire.unpacked(told["value"], body)
        except (wire.Gone, wire.Forged, wire.Late, KeyError, TypeError, ValueError):
            self.lost = True
            self._stop()
            return False, False, None

    # --- the process ------------------------------------------------------------------------------------

    def _ask(self, seconds, body=b"", **head):
        self._start()
        return self._exchange(seconds, body, **head)

    def _exchange(self, seconds, body=b"", **head):
        self._number += 1
        until = min(time.monotonic() + seconds, self._end)
        self._process.channel.send({"of": self._number, **head}, body, until=until)
        told, out = self._process.channel.receive(until=until)
        if told.get("of") != self._number:
            raise wire.Forged("an answer to another question")
        return told, out

    def _start(self):
        """A process that has run every cell which lets it live."""
        while self._process is None:
            self._starts += 1
            too_often = self._starts > MOST_STARTS or len(self._left_out) > MOST_LEFT_OUT
            if too_often or time.monotonic() > self._end:
                raise wire.Late
            self._process = Process(self.rooms, self.limits, self.unsafe)
            self._exchange(self.limits.cell, do="cell", name="<given>", source=self.program.given)
            for i, source in enumerate(self.program.cells):
                if i not in self._left_out and not self._run_cell(i, source):
                    break

    def _run_cell(self, i, source):
        try:
            told, _ = self._exchange(self.limits.cell, do="cell", name=f"<cell {i + 1}>", source=source)
            self.made[i] = [name[:80] for name in told["made"][:20] if isinstance(name, str)]
            self.errors[i] = [error for each in told["errors"] if (error := _error(each)[0]) is not None]
            return True
        except (wire.Gone, wire.Forged, wire.Late, KeyError, TypeError, ValueError) as error:
            self._left_out.add(i)
            self.lost = True
            late = isinstance(error, wire.Late)
            self.notes.append(
                f"Code cell {i + 1} {'did not end' if late else 'ended its process'} and was left out."
            )
            self._stop()
            return False

    def _stop(self):
        if self._process is not None:
            self._process.end()
            self._process = None


def _same(args, after):
    """Are these the arguments that were sent, bit for bit?"""
    return (
        isinstance(after, tuple)
        and len(after) == len(args)
        and all(np.asarray(a).tobytes() == _bytes(b) for a, b in zip(args, after, strict=True))
    )


def _bytes(value):
    return b"" if isinstance(value, wire.Unknown) else np.asarray(value).tobytes()


def _error(told):
    """The exception that was told, as one of the same name, and the student's line."""
    if not isinstance(told, list) or len(told) != 3 or not all(isinstance(part, str) for part in told):
        return None, ""
    name, text, line = told
    known = getattr(builtins, name, None)
    if name == "NotImplementedError":
        return NotImplementedError(text[:400]), line[:400]
    kind = name if isinstance(known, type) and issubclass(known, BaseException) else "Error"
    return type(kind, (Exception,), {})(text[:400]), line[:400]


def _what_it_means(error):
    return guard.TimeLimit() if isinstance(error, wire.Late) else Ended()
