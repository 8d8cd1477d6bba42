"""How many hand-ins a minute: this course's grading beside nbgrader's own, on this machine, in one run.

    python -m classroom.throughput [--counts 100 300] [--workers 1 2] [--stock 20]

The class is made up: every answer is the model's or, one time in four, the untouched starter.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from classroom import assignments
from classroom.grading.batch import Bar, batch
from classroom.problem_sets import problem_sets

SEED = "throughput"
_CONFIG = """
c = get_config()
c.CourseDirectory.course_id = "stock"
c.CourseDirectory.root = {root!r}
c.ClearSolutions.code_stub = {{"python": ""}}
"""


def hand_ins(folder, problem_set, count):
    """Write a class of this size."""
    solved = assignments.solved_notebook(problem_set, SEED)
    released = assignments.released_notebook(problem_set, SEED)
    dice = random.Random(0)
    for number in range(count):
        notebook = copy.deepcopy(solved)
        for problem in problem_set.problems:
            if dice.random() < 0.25:
                name = f"{problem.grade_id}-answer"
                assignments.cell_of(notebook, name)["source"] = assignments.cell_of(released, name)["source"]
        path = folder / f"student{number:03d}" / problem_set.name / problem_set.file
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(notebook), "utf-8")


def ours(problem_set, count, workers):
    """Seconds for a class of this size, and what was not graded."""
    with tempfile.TemporaryDirectory() as place:
        hand_ins(Path(place) / "submitted", problem_set, count)
        begin = time.monotonic()
        results = Path(place) / "results"
        found = batch(Path(place) / "submitted", problem_set, SEED, results, processes=workers, show=Bar())
        return time.monotonic() - begin, sum(bool(graded.reason) for graded in found.values())


def stock(problem_set, count):
    """Seconds of `nbgrader autograde` for a class of this size, and what it lost; None without nbgrader."""
    command = shutil.which("nbgrader", path=str(Path(sys.executable).parent))
    if command is None:
        return None
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        (root / "nbgrader_config.py").write_text(_CONFIG.format(root=place))
        assignments.write(root / "source", SEED)
        _nbgrader(command, root, "generate_assignment", problem_set.name, "--force")
        hand_ins(root / "submitted", problem_set, count)
        begin = time.monotonic()
        _nbgrader(command, root, "autograde", problem_set.name)
        taken = time.monotonic() - begin
        return taken, count - len(list((root / "autograded").glob(f"*/{problem_set.name}/*.ipynb")))


def _nbgrader(command, root, *arguments):
    here, tools = str(Path(__file__).resolve().parents[1]), str(Path(command).parent)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"  # nbgrader calls alembic by name
    subprocess.run(
        [command, *arguments],
        cwd=root,
        env=os.environ | {"PATH": path, "PYTHONPATH": here, "COURSE_PROGRESS": "off", "HOME": str(root)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )


def row(name, count, workers, measured):
    taken, lost = measured
    load = os.getloadavg()[0]
    return f"| {name} | {count} | {workers} | {taken:.0f} s | {taken / count:.2f} s | {lost} | {load:.1f} |"


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Measure the grading of a class.")
    parser.add_argument("--counts", type=int, nargs="+", default=[100, 300])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument(
        "--stock", type=int, default=20, help="hand-ins for nbgrader's own grading; 0 leaves it out"
    )
    parser.add_argument("--set", default="fault", choices=list(problem_sets()), dest="name")
    asked = parser.parse_args(arguments)
    problem_set = problem_sets()[asked.name]
    print("| grading | hand-ins | workers | time | each | lost | load |\n|---|---|---|---|---|---|---|")
    if asked.stock and (measured := stock(problem_set, asked.stock)):
        print(row("nbgrader's own", asked.stock, 1, measured), flush=True)
    for count in asked.counts:
        for workers in asked.workers:
            print(row("this course", count, workers, ours(problem_set, count, workers)), flush=True)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\nLargest memory of the grader's main process: {memory:.0f} MiB")


if __name__ == "__main__":
    main()
