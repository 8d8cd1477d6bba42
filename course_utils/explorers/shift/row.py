"""A control of its own: a box for a row of numbers."""

from dataclasses import dataclass

import ipywidgets
import traitlets


@dataclass(frozen=True)
class Row:
    """A box for a row of numbers, such as "100, 99, 0"; its value is a tuple."""

    label: str
    value: tuple
    limit: float
    most: int

    def build(self):
        return _Box(self)

    def read(self, text) -> tuple:
        """The numbers in the text. Raises ValueError that says what to type."""
        try:
            numbers = tuple(float(part) for part in text.replace(",", " ").split())
        except ValueError:
            raise ValueError("Type numbers with commas between them.") from None
        if not 2 <= len(numbers) <= self.most:
            raise ValueError(f"Type 2 to {self.most} numbers.")
        if not all(abs(number) <= self.limit for number in numbers):
            raise ValueError(f"Every number must lie between −{self.limit:g} and {self.limit:g}.")
        return numbers


class _Box(ipywidgets.HBox):
    """A text box that keeps the last good row and says in words what is wrong with a bad one."""

    value = traitlets.Tuple()

    def __init__(self, control):
        self.control = control
        self.text = ipywidgets.Text(
            description=control.label,
            tooltip=control.label,
            continuous_update=False,
            layout={"width": "auto"},
        )
        self.wrong = ipywidgets.HTML()
        super().__init__([self.text, self.wrong], value=control.value)
        self.add_class("explorer-row")
        self._write()
        self.text.observe(self._read, "value")
        self.observe(self._write, "value")

    def _read(self, change):
        try:
            if change["new"] != self._said():
                self.value = self.control.read(change["new"])
            self.wrong.value = ""
        except ValueError as error:
            self.wrong.value = f'<p role="alert">{error}</p>'

    def _write(self, change=None):
        self.text.value = self._said()

    def _said(self):
        return ", ".join(f"{number:.10g}" for number in self.value)
