"""The frame that every explorer stands in: controls, one live sentence, one figure, its numbers.

An explorer file holds no widget code. It holds CONTROLS, PRESETS, four functions and `explore`:

    CONTROLS = {
        "z": number("logit z", 10.0, -120, 120, 0.25, spans={"float64": (-760, 720, 1)}),
        "format": choice("number format", FORMATS, "float32"),
    }
    PRESETS = {                                   # a button each: new values, or a function of the state
        "z = 88.72": {"z": 88.72, "format": "float32"},
        "+1 ulp": lambda state: {"z": neighbour(state["z"], state["format"])},
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
            controls=CONTROLS, presets=PRESETS, preset=preset, size=(8, 4),
            observe=observe, describe=describe, table=table, draw=draw,
            strip={"before": {"z": 88.5}, "at": {"z": 88.72}, "after": {"z": 89}},
            reached=lambda seen: seen.state == "NaN",
        )

Speed. An artist made with `animated=True` is drawn alone, over a kept background: 10 ms. Touching anything
else (limits, ticks, titles, artists added or removed) redraws the whole figure, which is right too, but
takes 40 to 90 ms. So make every artist that a number moves animated. What depends on choices may be still:
each combination of choices has a figure of its own, which is kept.

A slider named "z" may have another span for each value of the control "format" (`spans`). An error in any
of these functions is shown in the explorer as "Explorer error: ..." and raised, so a notebook build and a
test see it too. No widget state is ever needed: without a kernel a reader sees `strip`, its sentences
and its numbers.
"""

import asyncio
import struct
import time
import zlib
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import anywidget
import ipywidgets
import numpy as np
import traitlets
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from course_utils import figures, plots

HERE = Path(__file__).parent
KEPT = 8  # figures of one explorer: the six formats, and two of another method
IDLE = 0.5  # seconds without a change, after which the kernel has time to spare


@dataclass(frozen=True)
class Number:
    """A slider with a box for the exact value beside it."""

    label: str
    value: float
    low: float
    high: float
    step: float
    spans: dict = field(default_factory=dict)

    def span(self, state) -> tuple[float, float, float]:
        """(low, high, step) of the slider in this state."""
        if callable(self.spans):
            return self.spans(state)
        return self.spans.get(state.get("format"), (self.low, self.high, self.step))

    def build(self):
        return _NumberBox(self)


@dataclass(frozen=True)
class Choice:
    """A slider over named options: unlike a menu, it keeps its keys inside JupyterLab."""

    label: str
    options: tuple
    value: object

    def build(self):
        return _CHOICE(
            options=self.options,
            value=self.value,
            description=self.label,
            tooltip=self.label,
            style=_WIDE,
            layout=_ROW,
        )


def number(label, value, low, high, step, spans=None) -> Number:
    """A control for a real number. `spans` maps a format's name, or is a function that maps the state,
    to another (low, high, step).
    """
    return Number(label, value, low, high, step, spans or {})


def choice(label, options, value) -> Choice:
    """A control for one of a few names."""
    return Choice(label, tuple(options), value)


_WIDE = {"description_width": "9em"}
_ROW = {"width": "34em", "max_width": "100%"}
_CHOICE = ipywidgets.SelectionSlider


class _Slider(ipywidgets.FloatSlider):
    """The page applies what it is sent in order: a value before its range would be cut to the old one."""

    def send_state(self, key=None):
        super().send_state(sorted(key) if isinstance(key, set) else key)  # max, min, step, value


class _NumberBox(ipywidgets.HBox):
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
            style=_WIDE,
            layout=_ROW,
        )
        self.exact = ipywidgets.FloatText(
            value=control.value, tooltip=f"{control.label}, exact value", layout={"width": "12em"}
        )
        super().__init__([self.slider, self.exact], value=control.value)
        self.add_class("explorer-number")
        self.layout.flex_flow = "row wrap"
        self.slider.observe(self._from_slider, "value")
        traitlets.link((self.exact, "value"), (self, "value"))
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

    def _to_slider(self, change):
        parked = self._on_slider(self.value)
        if parked != self._on_slider(self.slider.value):
            self.slider.value = parked

    def _on_slider(self, value) -> float:
        """The step of the slider nearest to a value, an end for a value beyond it."""
        low, high, step = self.slider.min, self.slider.max, self.slider.step
        nearest = low + step * round((min(max(value, low), high) - low) / step)
        return round(nearest, 9)  # the page adds up steps: 10.250000000000028


class _Part(anywidget.AnyWidget):
    """The part of an explorer that lives in the page: sentence, figure, numbers, names of the handles."""

    _esm = HERE / "core.js"
    _css = HERE / "core.css"
    png = traitlets.Bytes().tag(sync=True)
    sentence = traitlets.Unicode().tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    rows = traitlets.List().tag(sync=True)
    spoken = traitlets.Dict().tag(sync=True)
    error = traitlets.Unicode().tag(sync=True)
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
        preset=None,
        hide=(),
    ):
        plots.style()
        self._observe_state, self._describe, self._table, self._draw = observe, describe, table, draw
        self._texts = {"question": question, "goal": goal, "caption": caption, "why": why, "note": note}
        self.presets = dict(presets)
        self.size, self._strip, self._reached, self._won = size, strip, reached, False
        self._controls = {name: control.build() for name, control in controls.items()}
        self._defaults = {name: control.value for name, control in controls.items()}
        self._labels = {name: control.label for name, control in controls.items()}
        # The default state decides the layout, so a picture doesn't depend on where an explorer started.
        self._pictures = {self._scene(self._defaults): _Picture(draw, size, observe(self._defaults))}
        self._touched = time.monotonic()
        self._part = _Part(caption=caption, width=round(100 * size[0]))
        self._goal = ipywidgets.HTML()
        self._quiet = False
        super().__init__(self._parts(hide))
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
                if isinstance(widget, _NumberBox):
                    quiet.enter_context(widget.slider.hold_sync())
            # Choices first: the format decides how far a number may go.
            for name in sorted(state, key=lambda name: isinstance(self._controls[name], _NumberBox)):
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
            seen = self._observe_state(self.state())
            sentence = self._describe(seen)
            frame = {
                "png": self._picture(self.state()).png(seen),
                "sentence": sentence,
                "rows": _texts(self._table(seen)),
            }
            self._show_goal(seen)
        except Exception as error:
            self._part.error = f"Explorer error: {type(error).__name__}: {error}"
            raise
        # One message to the page, whatever changed.
        with self._part.hold_sync():
            for name, value in {**frame, "error": "", "spoken": self._spoken()}.items():
                setattr(self._part, name, value)

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        bundle["text/plain"] = f"{self._texts['question']} {self.sentence}"
        bundle["text/html"] = self.static_html()
        self._prepare_later()
        return bundle

    def draw_still(self, figure, **state) -> None:
        """Draw the picture of a state, the present one but for what is named, on a figure of your own."""
        self._draw(figure)(self._observe_state({**self.state(), **state}))

    def static_html(self) -> str:
        """The explorer for a reader without a kernel: the most telling states, one above the other."""
        seen = {name: self._observe_state({**self._defaults, **state}) for name, state in self._strip.items()}
        sentences = {name: self._describe(one) for name, one in seen.items()}
        rows = [{"case": name, **row} for name, one in seen.items() for row in self._table(one)]
        cases = "\n\n".join(f"**{name}**: {sentence}" for name, sentence in sentences.items())
        figure = figures.html(
            _strip(self._draw, self.size, seen),
            alt=list(sentences.values())[len(seen) // 2],
            caption=f"**{self._texts['question']}** {self._texts['caption']}\n\n{cases}",
            table=_texts(rows),
        )
        return figure + self._closing()

    def _scene(self, state) -> tuple:
        """The choices: a figure is kept for each combination of them."""
        return tuple(state[name] for name, box in self._controls.items() if isinstance(box, _CHOICE))

    def _picture(self, state):
        scene = self._scene(state)
        picture = self._pictures.pop(scene, None) or self._new_picture()
        self._pictures[scene] = picture  # the latest stands last
        for old in list(self._pictures)[:-KEPT]:
            del self._pictures[old]
        return picture

    def _new_picture(self):
        other = next(iter(self._pictures.values()))
        return _Picture(self._draw, self.size, like=other)

    def _prepare_later(self):
        """Where a kernel waits for the learner, draw the other formats meanwhile."""
        with suppress(RuntimeError):  # nobody to wait for
            asyncio.get_running_loop().call_later(IDLE, self._prepare_one)

    def _prepare_one(self):
        if time.monotonic() - self._touched < IDLE:
            return self._prepare_later()
        for name in getattr(self._controls.get("format"), "options", ()):
            state = {**self.state(), "format": name}
            if self._scene(state) not in self._pictures:
                with suppress(Exception):  # whoever chooses it will see the error
                    self._picture(state).png(self._observe_state(state))
                    return self._prepare_later()
        return None

    def _parts(self, hide):
        buttons = [self._button(name, values) for name, values in self.presets.items()]
        row = ipywidgets.HBox(buttons, layout={"flex_flow": "row wrap"})
        shown = [widget for name, widget in self._controls.items() if name not in hide]
        return [self._goal, *shown, row, self._part, ipywidgets.HTML(self._closing())]

    def _button(self, name, values):
        button = ipywidgets.Button(description=name, tooltip=f"Go to: {name}", layout={"width": "auto"})
        button.on_click(lambda _: self.from_state(values(self.state()) if callable(values) else values))
        return button

    def _closing(self) -> str:
        return figures.details("Why?", figures.prose(self._texts["why"])) + figures.prose(self._texts["note"])

    def _show_goal(self, seen):
        self._won = self._won or bool(self._reached and self._reached(seen))
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
                if isinstance(widget, _NumberBox):
                    widget.set_span(*widget.control.span(self.state()))

    def _changed(self, change):
        if not self._quiet:
            self.refresh()

    def _sharpen(self, change):
        for picture in self._pictures.values():
            picture.sharpen(change["new"])
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


class _Picture:
    """One figure for the life of an explorer. The still part is drawn when it changes, the rest each time."""

    def __init__(self, draw, size, first=None, like=None):
        """The layout is found with the first observation, or is that of another picture."""
        self._figure = Figure(size, dpi=100, layout="none" if like else "constrained")
        self._canvas = FigureCanvasAgg(self._figure)
        self._update = draw(self._figure)
        self._background = None
        if like:
            for mine, other in zip(self._figure.axes, like._figure.axes, strict=True):
                mine.set_position(other.get_position())
            self._figure.set_dpi(like._figure.dpi)
            return
        self._update(first)
        self._canvas.draw()
        self._figure.set_layout_engine("none")  # found once: axes that wander confuse

    def sharpen(self, ratio) -> None:
        """As many pixels as the screen shows: any other number would blur, a larger one would cost time."""
        self._figure.set_dpi(100 * min(max(ratio, 0.5), 2))
        self._background = None

    def png(self, seen) -> bytes:
        self._update(seen)
        # Matplotlib marks a figure stale when an artist changes, unless that artist is animated.
        if self._background is None or self._figure.stale:
            self._draw_background()
        changed = next((i for i, artist in enumerate(self._moving) if artist.stale), len(self._moving))
        start = self._layers if self._layers <= changed else 0
        self._canvas.restore_region(self._kept if start else self._background)
        if changed != self._layers:
            self._draw(self._moving[start:changed])
            self._layers, self._kept = changed, self._copy()
        self._draw(self._moving[changed:])
        return _png(np.asarray(self._canvas.buffer_rgba()))

    def _draw_background(self):
        """All that is still; over it the lowest moving artists are kept as well, as long as they don't change."""
        self._canvas.draw()
        self._background = self._copy()
        moving = self._figure.findobj(lambda artist: artist.get_animated())
        self._moving = sorted(moving, key=lambda artist: artist.get_zorder())
        self._layers, self._kept = 0, None

    def _copy(self):
        return self._canvas.copy_from_bbox(self._figure.bbox)

    def _draw(self, artists):
        for artist in artists:
            self._figure.draw_artist(artist)


def _strip(draw, size, seen):
    """All observations in one figure, each under its name."""
    width, height = size
    figure = Figure((width, height * len(seen)), layout="constrained")
    FigureCanvasAgg(figure)
    rows = np.atleast_1d(figure.subfigures(len(seen), 1))
    for row, (name, one) in zip(rows, seen.items(), strict=True):
        if len(seen) > 1:
            row.suptitle(name, x=0.01, ha="left", fontweight="bold", fontsize=12)
        draw(row)(one)
    for axes in figure.axes:
        axes.set_animated(
            False
        )  # a figure that is saved draws what is animated in its axes, but no such axes
    return figure


def _png(rgba) -> bytes:
    """Encode as PNG in a third of the usual time: no filter, light compression."""
    height, width, depth = rgba.shape
    lines = np.zeros((height, 1 + depth * width), np.uint8)
    lines[:, 1:] = rgba.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _short(value) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_short, value))
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _texts(rows) -> list[dict]:
    return [{key: _short(value) for key, value in row.items()} for row in rows]
