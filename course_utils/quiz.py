"""Bets before a reveal, and questions that bring an earlier lesson back.

    quiz.bet("03-mean-shift")     one question; the answer is recorded, never forced
    quiz.review(3)                the retrieval questions that open lesson 03

Both stand as the last line of a cell. A review answers at once. A bet waits until the cell after it has run:
then it shows predicted against actual, and the output of that cell ends with both in a line. Without a kernel
a reader sees the questions, the choices and, folded away, the answers.

The questions are data: course_utils/questions/lesson_NN.toml holds those asked in lesson NN.

    [[question]]
    key = "03-mean-shift"         # starts with the lesson's number; unique
    kind = "bet"                  # or "review"
    prompt = "What does ... give?"
    answer = 1                    # which choice is right, counted from 0
    explanation = "Why it is so."
    actual = "NaN, NaN, 0"        # optional: what really happens; else the text of the right choice
    [[question.choices]]          # two or more
    text = "0.5, 0.5"
    feedback = "What is wrong with it, with a counterexample; for the right one, what makes it right."
    shows = "naive.softmax(np.float32([120, 0, 0, 0]))"     # computed when the question is shown, in 6 digits
    no_value = "about a word"     # for a wrong choice instead: why no computation can refute it

`shows` is one expression of np and the rooms in `ROOMS`; the reader sees it with its value. Texts take
`code` in backticks, **strong**, and a blank line between paragraphs.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import anywidget
import numpy as np
import traitlets
from IPython import get_ipython
from IPython.display import HTML, display

from course_utils import figures, floats, guard, naive, reference, shifted, stable

HERE = Path(__file__).parent
QUESTIONS = HERE / "questions"
FRONT_END = "".join((HERE / name).read_text("utf-8") for name in ("keys.js", "elements.js", "quiz.js"))


ROOMS = {
    "np": np, "floats": floats, "naive": naive, "shifted": shifted, "stable": stable, "reference": reference
}  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """One choice: its text, what to say to it, and the expression that shows it, or why there is none."""

    text: str
    feedback: str
    shows: str = ""
    no_value: str = ""

    def told(self) -> str:
        """The feedback and, below it, what the expression gives now."""
        return (
            f"{self.feedback} Computed: `{self.shows}` gives `{value_of(self.shows)}`."
            if self.shows
            else self.feedback
        )


@dataclass(frozen=True)
class Question:
    """One question with its choices."""

    key: str
    kind: str
    prompt: str
    choices: tuple[Choice, ...]
    answer: int
    explanation: str
    actual: str


def bet(key: str) -> "Quiz":
    """The bet with this key, to be answered before the cell that shows what happens.

    Raises: KeyError that lists the bets of the lesson when there is none with this key.
    """
    asked = {question.key: question for question in questions(int(key[:2])) if question.kind == "bet"}
    if key not in asked:
        raise KeyError(f"no bet {key!r}; lesson {key[:2]} has {', '.join(asked) or 'none'}")
    return Quiz([asked[key]])


def review(lesson: int) -> "Quiz":
    """The retrieval questions at the start of a lesson; they ask about an earlier one.

    Raises: KeyError when the lesson has none.
    """
    asked = [question for question in questions(lesson) if question.kind == "review"]
    if not asked:
        raise KeyError(f"lesson {lesson:02d} has no review questions")
    return Quiz(asked)


@cache
def questions(lesson: int) -> tuple[Question, ...]:
    """All questions asked in a lesson, in the order of its file.

    Raises: FileNotFoundError when the lesson asks nothing.
    """
    data = tomllib.loads((QUESTIONS / f"lesson_{lesson:02d}.toml").read_text("utf-8"))
    return tuple(_question(entry) for entry in data["question"])


@cache
def value_of(expression: str) -> str:
    """What an expression of the rooms gives, in at most 6 significant digits; no warning is let through."""
    with np.errstate(all="ignore"):
        return guard.shown(eval(expression, dict(ROOMS)))


class Quiz(anywidget.AnyWidget):
    """A few questions, each answered by pressing a button; the answer to one never waits for another."""

    _esm = FRONT_END
    _css = HERE / "quiz.css"
    questions = traitlets.List().tag(sync=True)
    chosen = traitlets.Dict().tag(sync=True)
    told = traitlets.Bool(False).tag(sync=True)  # may a bet say what happens?
    score = traitlets.Unicode().tag(sync=True)

    def __init__(self, asked):
        self._asked, self._next_has_run = asked, False
        super().__init__(questions=[_for_page(question) for question in asked])
        self.observe(self._record, ["chosen", "told"])
        _NEXT.wait_for(self)

    def next_has_run(self) -> str:
        """The cell after this one has run: from now on a bet is told. Returns a line to show there, or ""."""
        self._next_has_run = True
        self._record(None)
        return "".join(_told(question, self.chosen[question.key]) for question in self._bets())

    def _bets(self):
        return [one for one in self._asked if one.kind == "bet" and one.key in self.chosen]

    def _record(self, change):
        self.told = self.told or bool(self._next_has_run and self._bets())
        for question in self._asked:
            if question.key in self.chosen and (question.kind == "review" or self.told):
                # The first answer counts: later ones are for looking around.
                _FIRST_ANSWERS.setdefault(question.key, (question, self.chosen[question.key]))
        self.score = score(self._asked[0].kind)

    _ipython_display_ = None  # of ipywidgets 7, which Colab has: it would show the view and nothing else

    def _repr_mimebundle_(self, **kwargs):
        words = "\n".join(question.prompt for question in self._asked)
        return figures.for_every_host(super()._repr_mimebundle_(**kwargs), words, self.static_html())

    def static_html(self) -> str:
        """Questions and choices in the open, answers folded away; needs no kernel."""
        return "".join(_static(question) for question in self._asked)


def score(kind: str) -> str:
    """How often you were surprised by a bet, or right in a review, in this session; "" before the first."""
    right = [chosen == asked.answer for asked, chosen in _FIRST_ANSWERS.values() if asked.kind == kind]
    if not right:
        return ""
    if kind == "bet":
        return (
            f"Surprises so far: {right.count(False)} in {len(right)} {'bet' if len(right) == 1 else 'bets'}."
        )
    return f"Right at the first try: {right.count(True)} of {len(right)}."


_FIRST_ANSWERS: dict[str, tuple[Question, int]] = {}


class _NextCell:
    """Tells a quiz when the cell after its own has run without an error."""

    def __init__(self):
        self._waiting, self._running, self._shell = [], [], None

    def wait_for(self, asked):
        """When its own cell runs once more, a bet is asked anew: the older one waits for nothing."""
        self._watch(get_ipython())
        self._running = [one for one in self._running if one._asked != asked._asked]
        self._waiting.append(asked)

    def _watch(self, shell):
        if shell is not None and shell is not self._shell:
            self._shell = shell
            shell.events.register("pre_run_cell", self._begin)
            shell.events.register("post_run_cell", self._end)

    def _begin(self, info):
        self._running, self._waiting = self._running + self._waiting, []

    def _end(self, result):
        if result.success:
            done, self._running = self._running, []
            if lines := "".join(asked.next_has_run() for asked in done):
                display(HTML(f'<div class="quiz-told">{lines}</div>'))


_NEXT = _NextCell()


def _told(question, picked) -> str:
    """Predicted against actual, in a line."""
    said, actual = figures.inline(question.choices[picked].text), figures.inline(question.actual)
    if picked == question.answer:
        return f"<p><strong>✓ As you predicted:</strong> {actual}</p>"
    return f"<p><strong>✕ A surprise.</strong> You predicted: {said}. What happens: <strong>{actual}</strong></p>"


def _question(entry) -> Question:
    choices = tuple(Choice(**choice) for choice in entry.pop("choices"))
    answer = entry["answer"]
    if len(choices) < 2 or not 0 <= answer < len(choices) or entry["kind"] not in ("bet", "review"):
        raise ValueError(f"question {entry['key']!r}: kind, choices or answer do not fit together")
    return Question(choices=choices, **{"actual": choices[answer].text, **entry})


def _for_page(question) -> dict:
    """What the page needs: HTML made here, so that Python and the page escape in one place."""
    return {
        "key": question.key,
        "kind": question.kind,
        "prompt": figures.prose(question.prompt),
        "choices": [
            {"text": figures.inline(choice.text), "feedback": figures.inline(choice.told())}
            for choice in question.choices
        ],
        "answer": question.answer,
        "actual": figures.inline(question.actual),
        "explanation": figures.prose(question.explanation),
    }


def _static(question) -> str:
    items = "".join(f"<li>{figures.inline(choice.text)}</li>" for choice in question.choices)
    told = "".join(
        f"<li>{figures.inline(choice.text)}: {figures.inline(choice.told())}</li>"
        for choice in question.choices
    )
    right = f"<p><strong>{figures.inline(question.actual)}</strong></p>"
    answer = figures.details(
        "Answer", f"{right}{figures.prose(question.explanation)}<p>Choice by choice:</p><ul>{told}</ul>"
    )
    return f"{figures.prose(question.prompt)}<ul>{items}</ul>{answer}"
