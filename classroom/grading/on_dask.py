"""The same grading on a Dask cluster: one task a hand-in, at the scheduler's address.

A worker that dies gives its hand-ins back to the scheduler, and another takes them; each is recorded once. The workers
need this course and bubblewrap, and no shared disk: a hand-in travels with its task.
"""

from __future__ import annotations

from itertools import islice
from threading import Lock

from classroom.grading.grading import grade_bytes
from classroom.grading.sandbox import NoSandbox
from classroom.grading.workers import Failed

AT_ONCE = 4  # hand-ins on their way for each thread of the cluster
MISSING = "Grading on a cluster needs Dask: pip install 'dask==2026.8.0' 'distributed==2026.8.0'."
_alone = Lock()  # the judges put NumPy's state back, which belongs to the whole process


def run(jobs, address, limits=None, unsafe=False):
    """Grade every (task, data) of an iterator on the cluster; yields (task, Graded or Failed) as they are done."""
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise SystemExit(MISSING) from error
    with Client(address) as client:
        window = AT_ONCE * max(1, sum(client.nthreads().values()))
        jobs, waiting = iter(jobs), {}

        def send(job):
            task, data = job
            given = (data, task.problem_set, task.seed, task.student, task.own_inputs, limits, unsafe)
            key = f"grade-{task.key(data)}-{len(task.student)}-{task.student}"
            future = client.submit(_grade, *given, key=key, pure=True)
            waiting[future.key] = task
            return future

        done = as_completed([send(job) for job in islice(jobs, window)])
        for future in done:
            yield waiting.pop(future.key), _result(future)
            if (job := next(jobs, None)) is not None:
                done.add(send(job))


def _result(future):
    error = future.exception()
    if isinstance(error, NoSandbox):
        return Failed(str(error))
    return (
        future.result()
        if error is None
        else Failed(f"The cluster failed: {type(error).__name__}: {error}"[:200])
    )


def _grade(data, problem_set, seed, student, own_inputs, limits, unsafe):
    with _alone:
        return grade_bytes(
            data, problem_set, seed, student, own_inputs=own_inputs, limits=limits, unsafe=unsafe
        )
