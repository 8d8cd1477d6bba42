"""Grade one hand-in: read it, put it back on the teacher's cells, run it outside, judge it here."""

from __future__ import annotations

import time
from functools import lru_cache

from classroom import assignments, seeds
from classroom.grading import handin, judging, rebuild
from classroom.grading.grades import Graded
from classroom.grading.proxy import Student


def grade(path, problem_set, seed, student="", *, own_inputs=False, limits=None, unsafe=False) -> Graded:
    """Grade the notebook at `path`, or the one in that folder. Raises only `NoSandbox`, never for what it reads.

    With `own_inputs` the graded inputs are this student's own; a prediction may be about those of the class as well,
    for that is what a notebook shows that everybody got.
    """
    try:
        file, notes = handin.find(path, problem_set.file)
        data = handin.read(file)
    except handin.Unreadable as error:
        return Graded.nothing(problem_set, student, str(error))
    graded = grade_bytes(
        data, problem_set, seed, student, own_inputs=own_inputs, limits=limits, unsafe=unsafe
    )
    graded.notes[:0] = notes
    return graded


def grade_bytes(
    data, problem_set, seed, student="", *, own_inputs=False, limits=None, unsafe=False
) -> Graded:
    """Grade a notebook that was read already."""
    begin, graded = time.monotonic(), Graded.nothing(problem_set, student)
    own = student if own_inputs else ""
    try:
        cells, graded.notes = handin.cells_of(data)
    except handin.Unreadable as error:
        graded.reason = str(error)
        return graded
    program = rebuild.program(problem_set, cells, _released(problem_set, seed, own))
    graded.prose = program.prose
    with Student(program, problem_set.rooms, limits, unsafe) as work:
        _judge(graded, problem_set.problems, seed, own, work)
        graded.notes += work.notes
    if work.lost:
        _judge_alone(graded, problem_set, program, seed, own, limits, unsafe)
    graded.seconds = time.monotonic() - begin
    return graded


def _judge_alone(graded, problem_set, program, seed, own, limits, unsafe):
    """One cell has spoiled others: each exercise that lost points is asked again with nothing but its own cells."""
    for problem in problem_set.problems:
        if graded.points[problem.key] < problem.points:
            again = Graded.nothing(problem_set, graded.student)
            with Student(rebuild.alone(program, problem), problem_set.rooms, limits, unsafe) as work:
                _judge(again, [problem], seed, own, work)
            if again.points[problem.key] > graded.points[problem.key]:
                graded.points[problem.key] = again.points[problem.key]
                graded.feedback[problem.key] = again.feedback[problem.key]
                graded.notes.append(f"{problem.key} was graded apart from the other cells.")


def _judge(graded, problems, seed, own, work):
    for key, judged in _judged(problems, seed, own, work):
        graded.points[key], graded.feedback[key] = judged.points, judged.feedback


@lru_cache(maxsize=64)
def _released(problem_set, seed, student):
    return assignments.released_notebook(problem_set, seed, student)


def _judged(problems, seed, student, work):
    """Every exercise with its judgement.

    All own cases are asked before the first private one: a function that remembers has nothing to tell, for what is
    shown of an answer to a private input is no more than its kind of fault.
    """
    functions, own_seed = {}, seeds.seed_of(seed, student)
    for problem in problems:
        name, there, called, value = _found(problem, work)
        if not there:
            yield problem.key, judging.missing(problem, _errors(problem, work))
        elif not problem.is_function:
            # Of fresh inputs the student may have got the notebook of the class, or one of their own.
            both = [judging.judged_answer(problem, s, value) for s in dict.fromkeys((own_seed, seed))]
            yield problem.key, max(both, key=lambda judged: judged.points)
        elif not called:
            yield problem.key, judging.Judged(0.0, [judging.NO_FUNCTION.format(name=name)])
        else:
            functions[problem] = name
    own = {
        p: judging.own_faults(p, lambda args, name=name: work.run(name, args))
        for p, name in functions.items()
    }
    work.again()
    for problem, name in functions.items():
        private = judging.private_faults(problem, own_seed, lambda args, name=name: work.run(name, args))
        yield problem.key, judging.judged_function(problem, own_seed, own[problem], private)


def _found(problem, work):
    """The answer's name and what is known of it; a renamed function is found in the cell that carries the id."""
    name = problem.cells.answer
    there, called, value = work.value(name)
    if there or not problem.is_function:
        return name, there, called, value
    made = [n for i in work.program.answers[problem.key] for n in work.made.get(i, ())]
    if not made or name in made:
        return name, False, False, None
    work.notes.append(f"{problem.key}: the answer is called {made[-1]!r}, not {name!r}.")
    return made[-1], *work.value(made[-1])


def _errors(problem, work):
    """What went wrong in the cells that carry the answer's id; where there are none, in any cell."""
    numbers = work.program.answers[problem.key] or work.errors
    return [error for i in numbers for error in work.errors.get(i, ())]
