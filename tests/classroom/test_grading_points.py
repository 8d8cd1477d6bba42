"""Right answers earn everything whatever was drawn, wrong ones less, and what was drawn stays private."""

import copy
import warnings

import numpy as np
import pytest

from classroom.grading import draws, judging
from classroom.problem_sets import problem_sets
from course_utils import guard
from course_utils.exercises.predictions import as_predicted

PROBLEMS = {problem.key: problem for s in problem_sets().values() for problem in s.problems}
SEED = "seed"
FUNCTIONS = [key for key, problem in PROBLEMS.items() if problem.is_function]
FRESH = [key for key, problem in PROBLEMS.items() if problem.fresh]
TYPED = [key for key in PROBLEMS if key not in FUNCTIONS + FRESH]


@pytest.fixture
def drawn(request):
    """Seeds: one every day, twenty every week."""
    return [f"{SEED} {n}" for n in range(20)] if request.config.getoption("--weekly") else [SEED]


def asked(function):
    """Calls of a function here in this process: the runs that a sandbox would give."""

    def call(args):
        run, given = guard.Run(args), copy.deepcopy(args)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                run.value = function(*given)
            except Exception as error:
                run.error = error
        pairs = zip(args, given, strict=True)
        run.mutated = any(np.asarray(a).tobytes() != np.asarray(b).tobytes() for a, b in pairs)
        return run

    return call


def judged(problem, seed, function):
    """The judgement of a function that runs here."""
    call = asked(function)
    own = judging.own_faults(problem, call)
    wrong = any(fault is not None for _, fault in own)
    return judging.judged_function(
        problem, seed, own, [] if wrong else judging.private_faults(problem, seed, call)
    )


@pytest.mark.parametrize("key", FUNCTIONS)
def test_a_right_function_earns_everything(key, drawn):
    problem = PROBLEMS[key]
    for seed in drawn:
        for function in (problem.exercise.model_answer, *problem.exercise.variants):
            result = judged(problem, seed, function)
            assert result.points == problem.points, (function, seed, result.feedback)


@pytest.mark.parametrize("key", FUNCTIONS)
def test_a_wrong_function_earns_less(key):
    problem = PROBLEMS[key]
    wrong = [mistake.function for mistake in problem.exercise.mistakes]
    wrong += [function for function, _ in problem.exercise.wrong_answers]
    for function in wrong:
        assert judged(problem, SEED, function).points < problem.points, function


@pytest.mark.parametrize("key", TYPED)
def test_a_right_input_or_choice_earns_everything_and_a_wrong_one_nothing(key):
    problem = PROBLEMS[key]
    for answer in (problem.exercise.model_answer, *problem.exercise.variants):
        assert judging.judged_answer(problem, SEED, answer()).points == problem.points
    for answer, _ in problem.exercise.wrong_answers:
        assert judging.judged_answer(problem, SEED, answer()).points == 0


@pytest.mark.parametrize("key", FRESH)
def test_a_prediction_is_judged_by_what_comes_out_of_the_fresh_inputs(key, drawn):
    problem = PROBLEMS[key]
    for seed in drawn:
        exercise = draws.asked(problem, seed)
        numbers = draws.right_numbers(exercise)
        assert judging.judged_answer(problem, seed, numbers).points == problem.points
        assert judging.judged_answer(problem, seed, [*numbers[:-1], ...]).points < problem.points
        assert judging.judged_answer(problem, seed, [*numbers[:-1], 7]).points < problem.points
        for mistake in exercise.mistakes:
            believed = as_predicted(exercise, mistake).ravel().tolist()
            assert judging.judged_answer(problem, seed, believed).points < problem.points, mistake.key


@pytest.mark.parametrize("key", FRESH)
def test_the_lessons_own_numbers_are_no_answer_to_fresh_inputs(key, drawn):
    problem = PROBLEMS[key]
    lessons = problem.exercise.model_answer()
    assert any(judging.judged_answer(problem, seed, lessons).points < problem.points for seed in drawn)


@pytest.mark.parametrize("key", FUNCTIONS)
def test_private_inputs_differ_from_the_public_ones_and_depend_on_the_seed_alone(key):
    problem = PROBLEMS[key]
    public = {one.args[0].tobytes() for one in problem.exercise.cases}
    one, same, other = (draws.twins(problem, seed).cases for seed in ("a", "a", "b"))
    texts = [[str(case.args) for case in cases] for cases in (one, same, other)]
    assert texts[0] == texts[1] != texts[2]
    for own, twin in zip(problem.exercise.cases, one, strict=True):
        assert own.label == twin.label
        assert any(
            np.asarray(a).tobytes() != np.asarray(b).tobytes()
            for a, b in zip(own.args, twin.args, strict=True)
        )
    assert sum(case.args[0].tobytes() in public for case in one) <= 1


@pytest.mark.parametrize("key", FUNCTIONS)
def test_a_function_that_does_nothing_earns_nothing(key):
    problem = PROBLEMS[key]
    nothing = (lambda *args: None, lambda *args: np.zeros_like(args[0]), lambda *args: 0.0)
    broken = (problem.exercise.subject,) if problem.exercise.kind == "repair" else ()
    for function in (*nothing, *broken):
        call = asked(function)
        own, private = judging.own_faults(problem, call), judging.private_faults(problem, SEED, call)
        assert judging.judged_function(problem, SEED, own, private).points == 0


def test_half_of_the_cases_earn_nothing_and_all_but_one_not_everything():
    earned = [judging._part(4, right, 10, 5) for right in range(11)]
    assert earned == [0, 0, 0, 0, 0, 0, 0.5, 1.5, 2.0, 3.0, 4.0]
