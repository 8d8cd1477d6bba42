"""What an explorer can be set with: numbers on a slider with an exact box, names side by side or on a slider."""

from dataclasses import dataclass, field

import ipywidgets
import traitlets


@dataclass(frozen=True)
class Number:
    """A slider with a box for the exact value beside it."""

    label: str
    value: float
    low: float
    high: float
    step: float
    spans: dict = field(default_factory=dict)
    least: float = float("-inf")  # the box takes no smaller one

    def span(self, state) -> tuple[float, float, float]:
        """(low, high, step) of the slider in this state."""
        if callable(self.spans):
            return self.spans(state)
        return self.spans.get(state.get("format"), (self.low, self.high, self.step))

    def build(self):
        return NumberBox(self)


@dataclass(frozen=True)
class Choice:
    """One of a few names: buttons side by side, or a slider where the names have an order.

    Unlike a menu or radio buttons, both keep their keys inside JupyterLab.
    """

    label: str
    options: tuple
    value: object
    ordered: bool = False

    def build(self):
        if self.ordered:
            return ipywidgets.SelectionSlider(**self._named(), layout=_ROW)
        return ipywidgets.ToggleButtons(**self._named(), style={"button_width": "auto"}, layout=_ROW)

    def _named(self):
        return {
            "options": self.options,
            "value": self.value,
            "description": self.label,
            "tooltip": self.label,
        }


def number(label, value, low, high, step, spans=None, least=float("-inf")) -> Number:
    """A control for a real number. `spans` maps a format's name, or is a function that maps the state,
    to another (low, high, step). The box takes numbers beyond the slider's ends, but none below `least`.
    """
    return Number(label, value, low, high, step, spans or {}, least)


def choice(label, options, value) -> Choice:
    """A control for one of a few names that have no order: all are seen at once."""
    return Choice(label, tuple(options), value)


def scale(label, options, value) -> Choice:
    """A control for one of a few names that have an order, such as number formats: a slider."""
    return Choice(label, tuple(options), value, ordered=True)


_ROW = {"width": "auto"}


class _Slider(ipywidgets.FloatSlider):
    """The page applies what it is sent in order: a value before its range would be cut to the old one."""

    def send_state(self, key=None):
        super().send_state(sorted(key) if isinstance(key, set) else key)  # max, min, step, value


class NumberBox(ipywidgets.HBox):
    """The box holds the truth; the slider moves it in steps and can't say every number."""

    value = traitlets.Float()

    def __init__(self, control):
        low, high, step = control.low, control.high, control.step
        self.control = control
        self.slider = _Slider(
            value=control.value,
            min=low,
            max=high,
            step=step,
            description=control.label,
            tooltip=control.label,
            readout_format=".6g",
            layout=_ROW,
        )
        self.exact = ipywidgets.FloatText(
            value=control.value, tooltip=f"{control.label}, exact value", layout=_ROW
        )
        super().__init__([self.slider, self.exact], value=control.value)
        self.add_class("explorer-number")
        self.slider.observe(self._from_slider, "value")
        self.exact.observe(self._from_box, "value")
        self.observe(self._to_box, "value")
        self.observe(self._to_slider, "value")

    def set_span(self, low, high, step):
        """Let the slider run from low to high; a value outside is moved to the nearer end."""
        slider = self.slider
        if (low, high, step) == (slider.min, slider.max, slider.step):
            return
        with slider.hold_sync(), slider.hold_trait_notifications():
            slider.min, slider.max, slider.step = low, high, step
            self.value = min(max(self.value, low), high)
            # Off its steps, the page would round it and send it back.
            slider.value = self._on_slider(self.value)

    def _from_slider(self, change):
        """The page sends the slider's own idea of a value, rounded to its steps, even when nobody moved it."""
        moved_to = self._on_slider(change["new"])
        if moved_to != self._on_slider(self.value):
            self.value = moved_to

    def _from_box(self, change):
        self.value = max(change["new"], self.control.least)
        self._to_box(change)

    def _to_box(self, change):
        self.exact.value = self.value

    def _to_slider(self, change):
        parked = self._on_slider(self.value)
        if parked != self._on_slider(self.slider.value):
            self.slider.value = parked

    def _on_slider(self, value) -> float:
        """The step of the slider nearest to a value, an end for a value beyond it."""
        low, high, step = self.slider.min, self.slider.max, self.slider.step
        nearest = low + step * round((min(max(value, low), high) - low) / step)
        return round(nearest, 9)  # the page adds up steps: 10.250000000000028
