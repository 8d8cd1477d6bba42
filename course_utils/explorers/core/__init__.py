"""The frame that every explorer stands in: goal, controls, one live sentence, one figure, its numbers.

An explorer file holds no widget code. It holds CONTROLS, PRESETS, four functions and `explore`:

    CONTROLS = {
        "z": number("logit z", 10.0, -120, 120, 0.25, spans={"float64": (-760, 720, 1)}),
        "format": scale("number format", FORMATS, "float32"),       # a slider: these names have an order
        "method": choice("method", ("naive", "shifted"), "naive"),  # buttons side by side: these have none
    }
    PRESETS = {                                   # groups of buttons, each with its label
        "at the cliff": {                         # a button: new values, or a function of the state
            "first bad": {"z": 88.72, "format": "float32"},
            "+1 ulp": lambda state: {"z": neighbour(state["z"], state["format"])},
            "play": Film(lambda state: ({"z": z} for z in range(80, 90))),  # one picture after the other
        },
    }

    def observe(state) -> Observation: ...        # all the arithmetic; pure; state is {"z": .., "format": ..}
    def describe(seen) -> str: ...                # one sentence, 40 to 250 characters, with a number;
                                                  # it is the live line, the alt text and the status message
    def table(seen) -> list[dict]: ...            # the numbers behind the figure, one dict a row
    def draw(figure):                             # called once, on a Figure or SubFigure
        axes = figure.subplots()
        curve, = axes.plot([], [], animated=True)
        def update(seen):                         # called for every new observation
            curve.set_data(seen.x, seen.y)
        return update

    def explore(**preset):
        return Explorer(
            question="...?", goal="...", caption="what the figure shows", why="...", note="...",
            controls=CONTROLS, presets=PRESETS, preset=preset, size=(9, 4.2),
            observe=observe, describe=describe, table=table, draw=draw,
            strip={"before": {"z": 88.5}, "at": {"z": 88.72}, "after": {"z": 89}},
            reached=lambda seen: seen.state == "NaN", later=("at the cliff",),
        )

Surprise. Nothing answers the goal before it is reached: the groups named in `later` appear with "Reached", or
when the learner asks for them ("Show me"). Until then `observe` gets `state["told"] == False`; what would
answer the goal in picture, sentence or table is left out there (`state.get("told", True)`). Without a kernel
the strip is folded.

Layout. A number shares its row with the choice or scale after it where there is room: put the main number
first and the format second. At 1280 x 800 two rows of controls, one of buttons and a picture of 9 x 4.3 inch
are seen together; on a wide screen the controls stand beside the picture. The dark theme inverts the
lightness of a picture and keeps its hues: draw with PALETTE, on paper.

Films. A button may be a `Film`. It reads "Pause" while it plays; any other button and any control stops it. The live
line is not read out meanwhile.

Speed. An artist made with `animated=True` is drawn alone, over a kept background: 10 ms. Touching anything
else (limits, ticks, titles, artists added or removed) redraws the whole figure, which is right too, but
takes 40 to 90 ms. So make every artist that a number moves animated. What depends on choices may be still:
each combination of choices has a figure of its own, which is kept.

A slider named "z" may have another span for each value of the control "format" (`spans`). An error in any
of these functions is shown in the explorer as "Explorer error: ..." and raised, so a notebook build and a
test see it too. No widget state is ever needed: without a kernel a reader sees a picture and `strip`.
"""

import asyncio
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import anywidget
import ipywidgets
import traitlets

from course_utils import figures, plots
from course_utils.explorers.core.controls import Choice, Number, NumberBox, choice, number, scale
from course_utils.explorers.core.film import Film, Projector
from course_utils.explorers.core.panel import Panel
from course_utils.explorers.core.picture import Pictures, stacked

__all__ = ["Choice", "Explorer", "Film", "Number", "choice", "number", "scale"]

HERE = Path(__file__).parent
FRONT_END = (HERE.parents[1] / "keys.js", HERE.parents[1] / "elements.js", HERE / "core.js")
IDLE = 0.5  # seconds without a change, after which the kernel has time to spare


class _Part(anywidget.AnyWidget):
    """The part of an explorer that lives in the page: sentence, figure, numbers, names of the handles."""

    _esm = "".join(path.read_text("utf-8") for path in FRONT_END)
    _css = HERE / "core.css"
    png = traitlets.Bytes().tag(sync=True)
    sentence = traitlets.Unicode().tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    rows = traitlets.List().tag(sync=True)
    spoken = traitlets.Dict().tag(sync=True)
    error = traitlets.Unicode().tag(sync=True)
    playing = traitlets.Bool().tag(sync=True)
    width = traitlets.Int().tag(sync=True)
    ratio = traitlets.Float(1.0).tag(sync=True)  # pixels on the screen for one of 100 to the inch


class Explorer(ipywidgets.VBox):
    """Goal, controls, live sentence, figure, numbers, why, note: see the top of this file."""

    def __init__(
        self,
        *,
        question,
        goal,
        caption,
        why,
        note,
        controls,
        presets,
        observe,
        describe,
        table,
        draw,
        strip,
        size=(8, 4),
        reached=None,
        later=(),
        preset=None,
        hide=(),
    ):
        plots.style()
        self._observe_state, self._describe, self._table, self._draw = observe, describe, table, draw
        self._texts = {"question": question, "goal": goal, "caption": caption, "why": why, "note": note}
        self.size, self._strip, self._reached, self._won = size, strip, reached, False
        self._told = reached is None
        self._controls = {name: control.build() for name, control in controls.items()}
        self._choices = tuple(name for name, control in controls.items() if isinstance(control, Choice))
        self._defaults = {name: control.value for name, control in controls.items()}
        self._labels = {name: control.label for name, control in controls.items()}
        self.presets = {name: values for group in presets.values() for name, values in group.items()}
        shown = [widget for name, widget in self._controls.items() if name not in hide]
        self._panel = Panel(shown, presets, later, go=self._go, tell=self.tell)
        first = {**self._defaults, "told": self._told}
        self._pictures = Pictures(draw, size, self._scene(first), observe(first))
        self._touched = time.monotonic()
        self._part = _Part(caption=caption, width=round(100 * size[0]))
        self._projector = Projector(self.from_state, self._tell_playing)
        self._goal = ipywidgets.HTML()
        self._goal.add_class("explorer-goal")
        self._quiet = False
        closing = ipywidgets.HTML(self._closing())
        closing.add_class("explorer-closing")
        frame = ipywidgets.Box([self._goal, self._panel, self._part, closing])
        frame.add_class("explorer-frame")
        super().__init__([frame])
        self.add_class("softmax-explorer")
        for widget in self._controls.values():
            widget.observe(self._changed, "value")
        self._part.observe(self._sharpen, "ratio")
        self.from_state(preset or {})

    def state(self) -> dict:
        """The values of all controls, by name: `explore(**explorer.state())` shows the same again."""
        return {name: widget.value for name, widget in self._controls.items()}

    def from_state(self, state) -> None:
        """Set the named controls and redraw once.

        Raises: TypeError for a name that is no control, traitlets.TraitError for a value it can't take.
        """
        unknown = sorted(set(state) - set(self._controls))
        if unknown:
            raise TypeError(f"no control named {', '.join(unknown)}; there are {', '.join(self._controls)}")
        with self._one_redraw(), ExitStack() as quiet:
            # One message a slider: the page answers a passing value with its own rounding of it, too late.
            for widget in self._controls.values():
                if isinstance(widget, NumberBox):
                    quiet.enter_context(widget.slider.hold_sync())
            # Choices first: the format decides how far a number may go.
            for name in sorted(state, key=lambda name: isinstance(self._controls[name], NumberBox)):
                self._fit_spans()
                self._controls[name].value = state[name]

    @property
    def sentence(self) -> str:
        """What the figure shows now, in words."""
        return self._part.sentence

    def refresh(self) -> None:
        """Look again and show what is seen. An error is shown too, and raised."""
        self._touched = time.monotonic()
        try:
            self._fit_spans()
            seen = self._look()
            frame = {
                "png": self._pictures.png(self._scene(self._told_state()), seen),
                "sentence": self._describe(seen),
                "rows": _texts(self._table(seen)),
            }
            self._show_goal()
        except Exception as error:
            self._part.error = f"Explorer error: {type(error).__name__}: {error}"
            raise
        # One message to the page, whatever changed.
        with self._part.hold_sync():
            for name, value in {**frame, "error": "", "spoken": self._spoken()}.items():
                setattr(self._part, name, value)

    def tell(self) -> None:
        """Show what answers the goal, reached or not."""
        self._told = True
        self._panel.tell()
        self.refresh()

    _ipython_display_ = None  # of ipywidgets 7, which Colab has: it would show the view and nothing else

    def _repr_mimebundle_(self, **kwargs):
        data, metadata = self._part._repr_mimebundle_(**kwargs)
        view = {**data[figures.VIEW], "model_id": self.model_id}
        self._prepare_later()
        words = f"{self._texts['question']} {self.sentence}"
        return figures.for_every_host(({figures.VIEW: view}, metadata), words, self.static_html())

    def draw_still(self, figure, **state) -> None:
        """Draw the picture of a state, the present one but for what is named, on a figure of your own."""
        self._draw(figure)(self._observe_state({**self.state(), **state}))

    def static_html(self) -> str:
        """The explorer for a reader without a kernel: where it starts; folded, the most telling states."""
        start = {**self._defaults, "told": self._told and self._reached is None}
        figure = self._still({"start": start}, f"**{self._texts['question']}** {self._texts['goal']}")
        strip = {name: {**self._defaults, **state} for name, state in self._strip.items()}
        if self._reached is None:
            return self._still(strip, f"**{self._texts['question']}**") + self._closing()
        answer = figures.details("What there is to find (try first)", self._still(strip, ""))
        return figure + answer + self._closing()

    def _still(self, states, above) -> str:
        """Pictures of these states, one above the other, with their sentences and numbers."""
        seen = {name: self._observe_state(state) for name, state in states.items()}
        sentences = {name: self._describe(one) for name, one in seen.items()}
        rows = [{"case": name, **row} for name, one in seen.items() for row in self._table(one)]
        cases = "\n\n".join(f"**{name}**: {sentence}" for name, sentence in sentences.items())
        return figures.html(
            stacked(self._draw, self.size, seen),
            alt=list(sentences.values())[len(seen) // 2],
            caption=f"{above} {self._texts['caption']}\n\n{cases}",
            table=_texts(rows),
        )

    def _scene(self, state) -> tuple:
        """The choices, and whether the answer may be seen: a figure is kept for each combination of them."""
        return (*(state[name] for name in self._choices), state["told"])

    def _told_state(self) -> dict:
        return {**self.state(), "told": self._told}

    def _look(self):
        """Observe; where that reaches the goal, once more with all that was kept back."""
        seen = self._observe_state(self._told_state())
        if not self._won and self._reached and self._reached(seen):
            self._won = True
            if not self._told:
                self._told = True
                self._panel.tell()
                return self._observe_state(self._told_state())
        return seen

    def _prepare_later(self):
        """Where a kernel waits for the learner, draw the other formats meanwhile."""
        with suppress(RuntimeError):  # nobody to wait for
            asyncio.get_running_loop().call_later(IDLE, self._prepare_one)

    def _prepare_one(self):
        if time.monotonic() - self._touched < IDLE:
            return self._prepare_later()
        for name in getattr(self._controls.get("format"), "options", ()):
            state = {**self._told_state(), "format": name}
            if self._scene(state) not in self._pictures:
                with suppress(Exception):  # whoever chooses it will see the error
                    self._pictures.png(self._scene(state), self._observe_state(state))
                    return self._prepare_later()
        return None

    def _go(self, values):
        if isinstance(values, Film):
            return self._projector.press(values, self.state())
        self._projector.stop()
        self.from_state(values(self.state()) if callable(values) else values)

    def _closing(self) -> str:
        return figures.details("Why?", figures.prose(self._texts["why"])) + figures.prose(self._texts["note"])

    def _show_goal(self):
        mark = " **✓ Reached.**" if self._won else ""
        self._goal.value = figures.prose(f"**{self._texts['question']}** {self._texts['goal']}{mark}")

    def _spoken(self) -> dict:
        # In full: where an explorer steps from one number to the next, ten digits would say the same twice.
        return {
            self._labels[name]: f"{value:.16g}" if isinstance(value, float) else _short(value)
            for name, value in self.state().items()
        }

    def _fit_spans(self):
        with self._silence():
            for widget in self._controls.values():
                if isinstance(widget, NumberBox):
                    widget.set_span(*widget.control.span(self.state()))

    def _changed(self, change):
        name = next(name for name, widget in self._controls.items() if widget is change["owner"])
        if not self._quiet and not self._projector.is_echo(name, change["new"]):
            self._projector.stop()
            self.refresh()

    def _tell_playing(self, playing):
        self._part.playing = playing
        self._panel.tell_playing(playing)

    def _sharpen(self, change):
        self._pictures.sharpen(change["new"])
        self.refresh()

    @contextmanager
    def _one_redraw(self):
        with self._silence():
            yield
        self.refresh()

    @contextmanager
    def _silence(self):
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before


def _short(value) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_short, value))
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _texts(rows) -> list[dict]:
    return [{key: _short(value) for key, value in row.items()} for row in rows]
