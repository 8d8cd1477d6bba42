"""The exercise engine: one object a task, and a check that says what went wrong on which input.

How a `lesson_NN.py` is written (complete example: `lesson_03.py`):

    from course_utils import reference, shifted
    from course_utils.exercises.core import Exercise, case
    from course_utils.mistakes import MISTAKES

    max_shift = Exercise(
        key="03.max_shift",                    # lesson number, dot, the name of this variable
        kind="write",                          # one of KINDS, see below
        objective="build the shift ...",       # the lesson's objective, word for word
        minutes=8, difficulty=2,               # 1 to 3
        truth=reference.softmax,               # called with a case's arguments; always from `reference`
        cases=(case("two large logits", [1000, 999], dtype="float32"), ...),
        mistakes=(MISTAKES["shift_by_mean"], ...),
        hints=("where to look", "what to do", "almost the code"),
        model_answer=shifted.softmax,          # a real function; `solution()` shows its source
        why="One or two sentences that explain it.",
        variants=(another_softmax, ...),       # three or more right answers; the tests check that they pass
        must_fail=(                            # wrong answers that somebody would write; each must be refused
            shift_by_median,                   # whatever is said about it
            (shift_by_100, "shift_by_constant"),   # ... and recognised as this mistake
            (shift_by_random, ""),             # ... and no mistake is named
        ),
    )

In the notebook: `lesson_03.max_shift.check(my_softmax)`, `.hint()`, `.hint(2)`, `.solution()`.

kind      the answer handed to check                      subject                    model_answer
write     a function                                      -                          the right function
repair    a function (the starter is the broken code)     the broken function        the right function
derive    a function, a gradient for instance             -                          the right function
break     an input on which `subject` is wrong            the function to break      () -> such an input
choose    ("A", an input on which another is wrong)       {"A": function, "B": ...}  () -> such a pair
predict   numbers: one a case, or the one case's array    -                          () -> the numbers
overhaul  {"A": your function, ...}                       {"A": broken function}     () -> {"A": right function}

Tolerances count ulps of the case's format; left out, one is what an honest max-shift may lose. With
`unit="logits"` an ulp is that of the largest |logit|: use it for logarithms and losses, which may come
close to 0; with `unit="one"` it is that of 1 at least. With `quiet=True` an answer is refused that overflows or
makes a NaN on the way, whatever comes out. `also(function)` returns a `Fault` of a function whose numbers are all
right, or None: too much memory, for instance. A known mistake is recognised by what it does (see `recognise`): it
answers like the learner's function on every case, also when both raise, whatever its constant (see
`Mistake.family`); slips that are made everywhere need no entry (see `common_slips`). `curve=False` leaves out
the picture of the error.
For `break` a mistake's function gets the learner's legal input and says True if it shows that belief, and
its `fails_on` holds such an input (the first case states the format and a harmless input). `limits(*args)`
returns a complaint about an input that is not allowed, `goal(*args)` one about an allowed input that misses
what is asked, or ""; `largest` is the most numbers that are looked at. For a function `limits` keeps the
inputs to which a failing case is shrunk inside the task. For `predict` a mistake returns the wrong number
for a case. For `choose` the mistakes are those of the wrong options, and the cases tell the options apart.
Like the model answer, a variant or a must-fail of these three kinds, and of `overhaul`, is a function of no
argument that returns an answer. For `overhaul` the judge is the exercise's own: `judge(name, function)` returns
what is wrong with it as a `Refused`, or None; the cases are only what `truth` is about.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from course_utils import guard, progress
from course_utils.exercises.evidence import judge_choice, judge_input
from course_utils.exercises.faults import Case, Fault, case, fault_of
from course_utils.exercises.judge import judge_function
from course_utils.exercises.overhaul import Refused, judge_overhaul
from course_utils.exercises.predictions import judge_numbers
from course_utils.exercises.result import INCORRECT, NOT_ATTEMPTED, CheckResult, Note
from course_utils.exercises.typed import gaps
from course_utils.guard import named_error, shown
from course_utils.mistakes import MISTAKES, Mistake

__all__ = ["KINDS", "Case", "CheckResult", "Exercise", "Fault", "Refused", "case"]

_JUDGES = {
    "write": judge_function,
    "repair": judge_function,
    "derive": judge_function,
    "break": judge_input,
    "choose": judge_choice,
    "predict": judge_numbers,
    "overhaul": judge_overhaul,
}
KINDS = tuple(_JUDGES)
FUNCTION_KINDS = ("write", "repair", "derive")
_ONE_ANSWER = "check takes one answer, and got {n} things. {form}"
_FORMS = {
    **dict.fromkeys(FUNCTION_KINDS, "Hand over the function alone: check(my_function)."),
    "break": "Put the numbers into one list or array: check([...]).",
    "choose": 'Put the choice and its input into one pair: check(("A", [...])).',
    "predict": "Put the numbers into one list: check([...]).",
    "overhaul": 'Put the functions into one dict: check({"A": my_a, ...}).',
}
_GUESSES = {
    **dict.fromkeys(FUNCTION_KINDS, "Write down what should come out for {sample}"),
    "break": "Write down an input that you expect to break it, and why",
    "choose": "Write down which one you would choose, and why",
    "predict": "Write down your numbers, also if you are unsure",
    "overhaul": "Write down which step of each function you suspect",
}


@dataclass(eq=False)
class Exercise:
    """One task of one lesson, with everything that belongs to it. The module's docstring shows how."""

    key: str
    kind: str
    objective: str
    minutes: int
    difficulty: int
    truth: Callable
    cases: tuple[Case, ...]
    mistakes: tuple[Mistake, ...]
    hints: tuple[str, str, str]
    model_answer: Callable
    why: str
    variants: tuple = ()
    must_fail: tuple = ()
    subject: object = None
    limits: Callable | None = None
    goal: Callable | None = None
    also: Callable | None = None
    unit: str = "truth"
    digits: int = 3
    largest: int = 1000
    judge: Callable | None = None
    curve: bool = True
    quiet: bool = False

    def __post_init__(self):
        if self.kind not in _JUDGES:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {self.kind!r}")
        self._attempted = self._asked = False
        self._truths, self._known, self._wrong = {}, {}, {}

    def __repr__(self):
        stars = "★" * self.difficulty
        return f"Exercise {self.key} ({self.kind}, {self.minutes} minutes, {stars}): {self.objective}"

    def check(self, answer=None, *more) -> CheckResult:
        """Judge an answer. Never raises; what it returns is shown by the notebook."""
        try:
            result = self._judged(answer, more)
        except Exception as error:  # a check that fails must not stop Run All
            result = CheckResult(
                self.key, INCORRECT, f"The check could not judge this answer ({named_error(error)})."
            )
        if result.outcome != NOT_ATTEMPTED:
            self._attempted = True
            progress.note(self.key, result.outcome)
        return result

    def _judged(self, answer, more):
        if more:
            return CheckResult(
                self.key, INCORRECT, _ONE_ANSWER.format(n=1 + len(more), form=_FORMS[self.kind])
            )
        missing = gaps(answer)
        return self._not_attempted(missing) if missing else _JUDGES[self.kind](self, answer)

    def hint(self, step: int = 1) -> Note:
        """The hint of this step: 1 says where to look, 2 what to do, 3 is almost the code."""
        step = min(max(int(step), 1), len(self.hints))
        after = f" Next: .hint({step + 1})." if step < len(self.hints) else " Next: .solution()."
        return Note(f"Hint {step} of {len(self.hints)}", self.hints[step - 1] + after)

    def solution(self) -> Note:
        """The model answer from its real source. Before a first try it asks, once, for a prediction."""
        if not (self._attempted or self._asked or progress.attempts(self.key)):
            self._asked = True
            return Note("Before you look", self._request())
        answers = self.model_answer().values() if self.kind == "overhaul" else [self.model_answer]
        return Note(f"Solution of {self.key}", self.why, "\n\n".join(map(source, answers)))

    @property
    def covers(self) -> set[str]:
        """The keys of the known mistakes that this exercise diagnoses or hands out to be found."""
        given = self.subject.values() if isinstance(self.subject, dict) else [self.subject]
        handed_out = {m.key for m in MISTAKES.values() if m.function in given}
        return handed_out | {mistake.key for mistake in self.mistakes}

    @property
    def quantity(self) -> str:
        """What is computed, in the words of `course_utils.mistakes.QUANTITIES`: what its mistakes claim to be."""
        return self.mistakes[0].quantity if self.mistakes else ""

    @property
    def wrong_answers(self) -> list[tuple[Callable, str | None]]:
        """The must-fail answers in pairs: what is written, and the mistake it must be recognised as.

        "" means that no mistake may be named, None that only the refusal counts.
        """
        return [entry if isinstance(entry, tuple) else (entry, None) for entry in self.must_fail]

    @property
    def objective_done(self) -> str:
        """The objective, as the last words of a correct answer."""
        return f"You can {self.objective}." if self.objective else ""

    def true_value(self, args):
        """The truth for these arguments, computed once."""
        key = tuple(
            (a.dtype.str, a.shape, a.tobytes()) if isinstance(a, np.ndarray) else repr(a) for a in args
        )
        if key not in self._truths:
            with np.errstate(all="ignore"):
                self._truths[key] = self.truth(*args)
        return self._truths[key]

    def runs_of(self, mistake) -> list[guard.Run]:
        """What a known mistake answers on every case, computed once."""
        if mistake.key not in self._known:
            self._known[mistake.key] = [guard.call(mistake.function, one.args) for one in self.cases]
        return self._known[mistake.key]

    def wrong_cases(self, mistake) -> list[int]:
        """The numbers of the cases that a known mistake gets wrong, found once."""
        if mistake.key not in self._wrong:
            runs = enumerate(self.runs_of(mistake))
            self._wrong[mistake.key] = [i for i, run in runs if fault_of(self, self.cases[i], run)]
        return self._wrong[mistake.key]

    def _not_attempted(self, missing):
        where = "Your answer goes here." if missing == [""] else f"Still to fill in: {', '.join(missing)}."
        return CheckResult(self.key, NOT_ATTEMPTED, f"{where} {self.minutes} minutes; .hint() helps.")

    def _request(self):
        return (
            f"A guess first makes the solution stick. {_GUESSES[self.kind].format(sample=shown(self.cases[0].args))}, "
            "or hand a first try to .check(). Then call .solution() again and it opens."
        )


def source(function) -> str:
    """The function's own lines; of a lambda, the expression that it returns."""
    text = textwrap.dedent(inspect.getsource(function))
    if function.__name__ != "<lambda>":
        return text
    nodes = ast.walk(ast.parse(f"_({text.strip().rstrip(',')})"))
    return ast.unparse(next(node.body for node in nodes if isinstance(node, ast.Lambda)))
