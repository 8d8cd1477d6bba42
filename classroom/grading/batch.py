"""Grade the hand-ins of a class: only those that are missing, each stored as soon as it is known."""

from __future__ import annotations

import sys
import time

from classroom.grading import handin, on_dask, workers
from classroom.grading.grades import Graded
from classroom.grading.sandbox import check_sandbox
from classroom.grading.submissions import Results, tasks


def batch(folder, problem_set, seed, results, *, processes=2, scheduler="", **options) -> dict[str, Graded]:
    """Grade every hand-in in the folder; returns the results by student, old and new.

    `options`: own_inputs, limits, unsafe (see `grade`), and show, a function that is told (done, all, failed).
    """
    show, own_inputs = options.pop("show", lambda *_: None), options.pop("own_inputs", False)
    if not scheduler and not options.get("unsafe"):
        check_sandbox()
    todo = tasks(folder, problem_set, seed, own_inputs)
    run = _Run(Results(results), len(todo), show)
    jobs = run.missing(todo)
    answers = (
        on_dask.run(jobs, scheduler, **options) if scheduler else workers.run(jobs, processes, **options)
    )
    for task, result in answers:
        run.answered(task, result)
    return dict(sorted(run.found.items()))


class _Run:
    """What is known so far."""

    def __init__(self, results, count, show):
        self.results, self.count, self.show = results, count, show
        self.found, self._keys = {}, {}

    def missing(self, todo):
        """The hand-ins that must be graded, read one at a time; what is known or cannot be read is noted at once."""
        for task in todo:
            try:
                data, notes = task.read()
            except handin.Unreadable as error:
                self._note(task.student, Graded.nothing(task.problem_set, task.student, str(error)))
                continue
            key = task.key(data)
            if (known := self.results.known(task.student, key)) is not None:
                self._note(task.student, known)
                continue
            self._keys[task.student] = key, notes
            yield task, data

    def answered(self, task, result):
        key, notes = self._keys.pop(task.student)
        if isinstance(result, Graded):
            result.notes[:0] = notes
            self.results.store(task.student, key, result)
        else:  # nothing is stored, so the next run tries again
            result = Graded.nothing(task.problem_set, task.student, str(result))
        self._note(task.student, result)

    def _note(self, student, graded):
        self.found[student] = graded
        self.show(len(self.found), self.count, sum(bool(g.reason) for g in self.found.values()))


class Bar:
    """A progress bar on stderr; where that is no terminal, a line now and then."""

    def __init__(self):
        self._begin, self._told = time.monotonic(), 0.0

    def __call__(self, done, count, failed):
        passed = time.monotonic() - self._begin
        left = f"{passed / done * (count - done):.0f} s left" if done < count else f"{passed:.0f} s"
        filled = 30 * done // count
        line = f"[{'#' * filled}{'.' * (30 - filled)}] {done} of {count}, {failed} not graded, {left}"
        if sys.stderr.isatty():
            print(f"\r{line:<79}", end="" if done < count else "\n", file=sys.stderr, flush=True)
        elif done == count or time.monotonic() - self._told > 10:
            self._told = time.monotonic()
            print(line, file=sys.stderr, flush=True)
