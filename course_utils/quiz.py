"""Bets before a reveal, and questions that bring an earlier lesson back.

    quiz.bet("03-mean-shift")     one question; the answer is recorded, never forced
    quiz.review(3)                the retrieval questions that open lesson 03

Both stand as the last line of a cell. Without a kernel a reader sees the questions, the choices and,
folded away, the answers.

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

from course_utils import figures, floats, guard, naive, reference, shifted, stable

HERE = Path(__file__).parent
QUESTIONS = HERE / "questions"


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

    _esm = HERE / "quiz.js"
    _css = HERE / "quiz.css"
    questions = traitlets.List().tag(sync=True)
    chosen = traitlets.Dict().tag(sync=True)
    score = traitlets.Unicode().tag(sync=True)

    def __init__(self, asked):
        self._asked = asked
        super().__init__(questions=[_for_page(question) for question in asked])
        self.observe(self._record, "chosen")

    def _record(self, change):
        for question in self._asked:
            if question.key in self.chosen:
                # The first answer counts: later ones are for looking around.
                first = _FIRST_ANSWERS.setdefault(question.key, self.chosen[question.key])
                _SURPRISES[question.key] = first != question.answer
        self.score = score()

    def _repr_mimebundle_(self, **kwargs):
        data, metadata = super()._repr_mimebundle_(**kwargs)
        data["text/plain"] = "\n".join(question.prompt for question in self._asked)
        data["text/html"] = self.static_html()
        return data, metadata

    def static_html(self) -> str:
        """Questions and choices in the open, answers folded away; needs no kernel."""
        return "".join(_static(question) for question in self._asked)


def score() -> str:
    """How often you were surprised in this session, in words."""
    surprises, answered = sum(_SURPRISES.values()), len(_SURPRISES)
    return f"Surprises so far: {surprises} in {answered} answered."


_FIRST_ANSWERS: dict[str, int] = {}
_SURPRISES: dict[str, bool] = {}


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
