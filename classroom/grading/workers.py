"""Grading in several processes of this machine, with nothing but the standard library.

A worker that dies or never answers costs its hand-in one more try and nothing else; another takes its place.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from multiprocessing.connection import wait
from pathlib import Path

from classroom.grading.grading import grade_bytes
from classroom.grading.sandbox import Limits, NoSandbox

PATIENCE = 120  # seconds beyond a hand-in's own limit before its worker is given up
TRIES = 2
MEMORY = 3 << 29  # what a worker may take beyond what it begins with


class Failed(Exception):
    """The grader itself could not deal with a hand-in."""


def run(jobs, workers, limits=None, unsafe=False):
    """Grade every (task, data) of an iterator; yields (task, Graded or Failed) as they are done.

    No more than one hand-in a worker is held in memory.
    """
    jobs, pool = iter(jobs), [_Worker(limits, unsafe) for _ in range(workers)]
    try:
        for worker in pool:
            worker.take(next(jobs, None))
        while busy := [worker for worker in pool if worker.job]:
            for worker in _answered(busy):
                job, result = worker.job, worker.result()
                if isinstance(result, Failed) and worker.tries < TRIES:
                    worker.take(job, worker.tries + 1)
                    continue
                yield job[0], result
                worker.take(next(jobs, None))
    finally:
        for worker in pool:
            worker.end()


def _answered(busy):
    ready = wait([worker.pipe for worker in busy], timeout=1.0)
    return [worker for worker in busy if worker.pipe in ready or worker.is_late()]


class _Worker:
    """One process, the hand-in that it is at, and how often that was tried."""

    def __init__(self, limits, unsafe):
        self._limits, self._unsafe = limits or Limits(), unsafe
        self.job, self.tries, self._since = None, 0, 0.0
        self._begin()

    def _begin(self):
        context = _context()
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._limits, self._unsafe), daemon=True)
        self._process.start()
        theirs.close()

    def take(self, job, tries=1):
        self.job, self.tries, self._since = job, tries, time.monotonic()
        if job is not None:
            task, data = job
            try:
                self.pipe.send((data, task.problem_set, task.seed, task.student, task.own_inputs))
            except OSError:
                pass  # it is gone: `result` says so

    def is_late(self):
        return time.monotonic() - self._since > self._limits.total + PATIENCE

    def result(self):
        try:
            if self.pipe.poll():
                return self.pipe.recv()
            said = "it did not answer"
        except (EOFError, OSError):
            said = "it ended"
        self.end()
        self._begin()
        return Failed(f"The grader's process was given up: {said}.")

    def end(self):
        self._process.kill()
        self._process.join()
        self.pipe.close()


def _context():
    """Workers come from a server that has imported the course once; where there is none, each imports it."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["classroom.grading.grading"])
    return context


def _bound_memory():
    """A notebook that would fill the memory when it is read is refused instead."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY,) * 2)


def _serve(pipe, limits, unsafe):
    """The life of a worker: a hand-in comes, a result goes."""
    _bound_memory()
    while True:
        try:
            data, problem_set, seed, student, own_inputs = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            options = {"own_inputs": own_inputs, "limits": limits, "unsafe": unsafe}
            result = grade_bytes(data, problem_set, seed, student, **options)
        except NoSandbox as error:  # there was one when the run began
            result = Failed(str(error))
        except Exception as error:
            result = Failed(f"The grader failed: {type(error).__name__}: {str(error)[:200]}")
        pipe.send(result)
