"""What a check, a hint or a solution shows: text first, and the same words as HTML for a screen reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape

NOT_ATTEMPTED, INCORRECT, CORRECT = "not attempted", "incorrect", "correct"
# Right and wrong differ in the mark, the word and the kind of line; the colours are readable on white and on black.
_BAR = {NOT_ATTEMPTED: "4px dotted #808080", INCORRECT: "6px double #c8553d", CORRECT: "6px solid #2e8b57"}
_NUMBERS = (
    "the input",
    "your input",
    "your answer",
    "the truth",
    "the code gives",
    "you predicted",
    "it gives",
)
_MARK = {NOT_ATTEMPTED: "○", INCORRECT: "✗", CORRECT: "✓"}


@dataclass(frozen=True)
class CheckResult:
    """The answer of `Exercise.check`, made to be displayed.

    outcome   "not attempted", "incorrect" or "correct"
    verdict   one or two sentences
    details   (label, text) pairs in the order in which they are read
    mistake   the key of the known mistake that it was recognised as, or ""
    args      the smallest input that still fails, or None
    picture   draws the error curve as HTML; called only when a page shows the result
    """

    exercise: str
    outcome: str
    verdict: str
    details: tuple[tuple[str, str], ...] = ()
    mistake: str = ""
    args: tuple | None = None
    picture: Callable[[], str] = field(default=str, repr=False, compare=False)

    def __bool__(self):
        return self.outcome == CORRECT

    @property
    def _headline(self):
        return f"{_MARK[self.outcome]} {self.outcome.capitalize()}: {self.exercise}."

    def __repr__(self):
        head = f"{self._headline} {self.verdict}"
        width = max((len(label) for label, _ in self.details), default=0)
        indent = "\n" + " " * (width + 4)
        return "\n".join(
            [head, *(f"  {label:<{width}}  {text.replace(chr(10), indent)}" for label, text in self.details)]
        )

    def _repr_html_(self):
        rows = "".join(
            f"<dt><b>{escape(label)}</b></dt><dd>{_html(text, label in _NUMBERS)}</dd>"
            for label, text in self.details
        )
        head = f"<p><b>{escape(self._headline)}</b> {_html(self.verdict)}</p>"
        return _boxed(
            f"Check of {self.exercise}: {self.outcome}",
            head + (f"<dl>{rows}</dl>" if rows else "") + self.picture(),
            _BAR[self.outcome],
        )


@dataclass(frozen=True)
class Note:
    """A titled text, and code below it when there is some: a hint, a request, a solution."""

    title: str
    text: str
    code: str = ""

    def __repr__(self):
        return f"{self.title}: {self.text}" + (f"\n\n{self.code}" if self.code else "")

    def _repr_html_(self):
        body = f"<p><b>{escape(self.title)}.</b> {_html(self.text)}</p>"
        code = f'<pre tabindex="0">{escape(self.code)}</pre>' if self.code else ""
        return _boxed(self.title, body + code)


def _boxed(name, body, bar="4px solid currentColor"):
    style = f"border-left: {bar}; padding-left: 0.8em; max-width: 46em"
    return f'<div role="group" aria-label="{escape(name)}" style="{style}">{body}</div>'


def _html(text, numbers=False):
    """Escaped text in which `backticks` mark code; numbers keep their columns."""
    if numbers:
        return f'<code style="white-space: pre-wrap">{escape(text)}</code>'
    parts = escape(text).split("`")
    marked = (f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))
    return "".join(marked).replace("\n", "<br>")
