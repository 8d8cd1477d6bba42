"""Grade a folder of hand-ins.

    python -m classroom.grading SUBMISSIONS --set overflow

Points, feedback pages and a CSV are written beside the folder. A second run grades only what is new or has changed.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from classroom import seeds
from classroom.grading import NoSandbox, feedback, summary
from classroom.grading.batch import Bar, batch
from classroom.grading.submissions import Results, write_whole
from classroom.problem_sets import problem_sets


def parsed(arguments):
    parser = argparse.ArgumentParser(
        description="Grade a folder of hand-ins.", prog="python -m classroom.grading"
    )
    parser.add_argument("submissions", type=Path)
    parser.add_argument("--set", required=True, choices=list(problem_sets()), dest="name")
    parser.add_argument("--results", type=Path, help="where to write (SUBMISSIONS-graded/SET)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (one a core)")
    parser.add_argument("--own-inputs", action="store_true", help="graded inputs of each student's own")
    parser.add_argument("--scheduler", default="", help="address of a Dask scheduler to grade on")
    parser.add_argument(
        "--unsafe", action="store_true", help="without a sandbox: only for answers that you trust"
    )
    return parser.parse_args(arguments)


def main(arguments=None):
    asked = parsed(arguments)
    problem_set = problem_sets()[asked.name]
    if not asked.submissions.is_dir():
        sys.exit(f"{asked.submissions} is no folder.")
    folder = asked.results or asked.submissions.resolve().with_name(
        f"{asked.submissions.resolve().name}-graded"
    )
    results = Results(folder / asked.name if not asked.results else folder)
    options = {"processes": max(1, asked.workers), "scheduler": asked.scheduler, "unsafe": asked.unsafe}
    options |= {"own_inputs": asked.own_inputs, "show": Bar()}
    try:
        found = batch(asked.submissions, problem_set, seeds.private_seed(), results.folder, **options)
    except NoSandbox as error:
        sys.exit(str(error))
    for student, graded in found.items():
        write_whole(results.path(student, ".html"), feedback.html(graded))
    write_whole(results.folder / "grades.csv", summary.as_csv(found))
    print(summary.table(found))
    print(f"\n{results.folder / 'grades.csv'}")


if __name__ == "__main__":
    main()
