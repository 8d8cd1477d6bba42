"""W1. Where is the edge? How big may z get before exp(z) gives up, in each of the six formats."""

from dataclasses import dataclass

import numpy as np

from course_utils import reference
from course_utils.explorers.core import Explorer, number, scale
from course_utils.floats import FORMATS, Format, bit_fields, neighbour, states, store
from course_utils.plots import PALETTE, STATE_STYLE

CONTROLS = {
    "z": number("logit z", 10.0, -120, 120, 0.25, spans={"float64": (-760, 720, 1)}),
    "format": scale("number format", FORMATS, "float32"),
}

ASKED = "float8_e4m3fn"  # the format whose edge is to be found


def _at(edge):
    return lambda state: {"z": edge(FORMATS[state["format"]])}


def _step(up):
    return lambda state: {"z": neighbour(state["z"], state["format"], up=up)}


PRESETS = {
    "one step": {"−1 ulp": _step(up=False), "+1 ulp": _step(up=True)},
    "typed and stored": {"88.7 in bfloat16": {"z": 88.7, "format": "bfloat16"}},
    "edges of this format": {
        "last good": _at(lambda fmt: fmt.exp_last_finite),
        "first bad": _at(lambda fmt: fmt.exp_first_bad),
        "losing digits": _at(lambda fmt: fmt.exp_first_subnormal),
        "zero": _at(lambda fmt: fmt.exp_first_zero),
    },
}


@dataclass(frozen=True)
class Result:
    """exp of one stored input in one format."""

    format: Format
    stored: float
    value: float
    state: str
    truth: object  # mpf: float64 can't hold every exp(z)


@dataclass(frozen=True)
class Observation:
    typed: float
    chosen: Result
    results: tuple[Result, ...]
    bits: tuple[str, str, str]
    told: bool  # may the edge that is asked for be named?

    def edge_of(self, fmt) -> float | None:
        """The first bad z of a format, None while it is to be found."""
        return fmt.exp_first_bad if self.told or fmt.name != ASKED else None


def observe(state) -> Observation:
    results = {name: _result(state["z"], fmt) for name, fmt in FORMATS.items()}
    chosen = results[state["format"]]
    bits = bit_fields(chosen.value, chosen.format)
    return Observation(state["z"], chosen, tuple(results.values()), bits, state.get("told", True))


def _result(typed, fmt) -> Result:
    stored = store(typed, fmt)
    with np.errstate(all="ignore"):
        value = np.exp(stored)
    return Result(fmt, float(stored), float(value), str(states(value)), reference.exp(stored, dtype=object))


def describe(seen) -> str:
    one = seen.chosen
    asked, kept = _input(seen.typed, one.format), _input(one.stored, one.format)
    typed = "" if asked == kept else f"You asked {asked}; {one.format.name} stored {kept}. "
    why = _why(one, seen.edge_of(one.format) is not None)
    return f"{typed}exp({kept}) in {one.format.name} is {_number(one.value)}: {why}"


def _why(one, named) -> str:
    fmt = one.format
    match one.state:
        case "ok" if named:
            return f"ok. The last z that works here is {_input(fmt.exp_last_finite, fmt)}."
        case "ok":
            return f"ok. The largest number here is {_number(fmt.max)}."
        case "subnormal":
            left = int(np.log2(one.value / fmt.smallest_subnormal)) + 1
            return f"subnormal, {left} of {fmt.precision} bits left. The true value is {_number(one.truth)}."
        case "zero":
            return (
                f"underflow. The true value {_number(one.truth)} is too small to store. No error is raised."
            )
        case "inf":
            return f"overflow. {_above(one)}. No error is raised."
    return f"{_above(one)}, and this format has no inf. No error is raised."


def _above(one) -> str:
    largest = f"the largest number, {_number(one.format.max)}"
    if not np.isfinite(one.stored):
        return f"z itself is above {largest}"
    just = one.truth < 1.00001 * one.format.max
    return f"The true value {'is a hair' if just else _number(one.truth) + ' is'} above {largest}"


def table(seen) -> list[dict]:
    return [
        {
            "format": one.format.name,
            "stored z": _input(one.stored, one.format),
            "computed exp(z)": _number(one.value),
            "true exp(z)": _number(one.truth),
            "state": f"{STATE_STYLE[one.state].glyph} {STATE_STYLE[one.state].word}",
            "first bad z": "?"
            if seen.edge_of(one.format) is None
            else _input(one.format.exp_first_bad, one.format),
            "first zero at z": _input(one.format.exp_first_zero, one.format),
        }
        for one in seen.results
    ]


def _input(z, fmt) -> str:
    """As many digits as tell an input from its neighbours."""
    return "NaN" if np.isnan(z) else f"{z:.16g}" if fmt.name == "float64" else f"{z:.9g}"


def _number(value) -> str:
    """Six digits of a float or of an mpmath number, which may lie far outside float64's range."""
    if isinstance(value, float) and not np.isfinite(value):
        return "NaN" if np.isnan(value) else "inf"
    return f"{value:.6g}" if isinstance(value, float) else _number_of_mpf(value)


def _number_of_mpf(value) -> str:
    mantissa, _, exponent = str(value).partition("e")
    return f"{float(mantissa):.6g}e{exponent}" if exponent else f"{float(mantissa):.6g}"


def draw(figure):
    """Six bands over z, one a format; beside each what it stored and computed; below, the chosen bits."""
    axes = figure.subplot_mosaic([["bands", "said"], ["bits", "bits"]], **_GRID)
    bands, said, bits = axes["bands"], axes["said"], axes["bits"]
    over = bands.twinx()  # what moves; the bands below are drawn once for each span of z
    over.set_ylim(len(FORMATS), -0.1)
    said.set(ylim=over.get_ylim(), title="stored z → exp(z)")
    bits.set(xlim=(0, 82), ylim=(0, 2))
    for ax in (over, said, bits):
        ax.set_axis_off()
    rows = range(len(FORMATS))
    # Across the bands only: the numbers between them stay readable.
    heights = np.ravel([(row + 0.36, row + 0.9, np.nan) for row in rows])
    (asked,) = over.plot(0 * heights, heights, color=PALETTE["truth"], ls=":", lw=2, animated=True)
    dots = [over.plot([], [], zorder=4, **_DOT)[0] for _ in rows]
    outcomes = [said.text(0, row + 0.63, "", **_TEXT) for row in rows]
    here = over.axhspan(0, 1, **_CHOSEN)
    fields = [bits.text(0, 0.5, "", family="DejaVu Sans Mono", **_TEXT) for _ in range(3)]
    names = [bits.text(0, 1.5, "", **_TEXT) for _ in range(3)]
    bits.text(-1.5, 0.5, "its bits", ha="right", va="center", in_layout=False)

    def update(seen):
        _fit_span(bands, seen)
        asked.set_xdata(np.full(len(heights), seen.typed))
        for row, (one, dot, outcome) in enumerate(zip(seen.results, dots, outcomes, strict=True)):
            dot.set_data([one.stored], [row + 0.63])
            outcome.set_text(f"{_number(one.stored)} → {STATE_STYLE[one.state].glyph} {_number(one.value)}")
            outcome.set_fontweight("bold" if one is seen.chosen else "normal")
        here.set_y(seen.results.index(seen.chosen))
        _show_bits(seen, fields, names)

    return update


_GRID = {"height_ratios": [6, 1], "width_ratios": [5, 2]}
_DOT = {"animated": True, "marker": "D", "ms": 9, "mfc": "white", "mec": PALETTE["truth"], "mew": 2}
_TEXT = {"animated": True, "va": "center", "clip_on": False, "in_layout": False}
_CHOSEN = {"animated": True, "fill": False, "edgecolor": PALETTE["truth"], "lw": 2, "clip_on": False}


def _fit_span(axes, seen):
    """Draw the bands for the span in view; float64 needs a wider one than the others."""
    wide = seen.chosen.format.name == "float64" or abs(seen.typed) > 120
    span = (-900.0, 900.0) if wide else (-125.0, 125.0)
    if axes.get_xlim() == span:
        return
    axes.clear()
    # Near 0 there is more room: the small formats end there.
    axes.set_xscale("asinh", linear_width=10)
    axes.set(
        xlim=span, ylim=(len(FORMATS), -0.1), xlabel="logit z, as each format stores it; stretched around 0"
    )
    ticks = [-700, -100, -20, 0, 20, 100, 700] if wide else [-100, -50, -20, -10, -5, 0, 5, 10, 20, 50, 100]
    axes.set_xticks(ticks, [f"{tick}".replace("-", "−") for tick in ticks])
    axes.minorticks_off()
    axes.set_yticks([row + 0.63 for row in range(len(FORMATS))], FORMATS, color=PALETTE["text"])
    axes.tick_params(axis="y", length=0)
    for row, fmt in enumerate(FORMATS.values()):
        _draw_band(axes, row, fmt, seen.edge_of(fmt))
    looks = [axes.fill_between([], [], **_look(state)) for state in ("zero", "subnormal", "ok", "inf", "NaN")]
    axes.legend(handles=looks, loc="lower left", bbox_to_anchor=(-0.21, 1), ncols=5, frameon=False)


def _draw_band(axes, row, fmt, first_bad):
    """zero | subnormal | ok | inf or NaN, with the z at the two outer edges."""
    low, high = axes.get_xlim()
    edges = [low, fmt.exp_first_zero, fmt.exp_first_subnormal, fmt.exp_first_bad, high]
    edges = np.clip(edges, low, high)
    names = ("zero", "subnormal", "ok", "inf" if fmt.has_inf else "NaN")
    for state, left, right in zip(names, edges[:-1], edges[1:], strict=True):
        axes.barh(row + 0.63, right - left, 0.5, left, **_look(state))
    for x, named, side in (
        (fmt.exp_first_zero, True, "right"),
        (fmt.exp_first_bad, first_bad is not None, "left"),
    ):
        if low < x < high:
            text = f"{x:.4g}".replace("-", "−") if named else "?"
            inside = {"right": "left", "left": "right"}[side] if abs(x) > 0.6 * high else side
            axes.text(x, row + 0.2, text, ha=inside, va="center")


def _look(state):
    style = STATE_STYLE[state]
    face = (style.colour, 0.4) if state == "ok" else "white"
    label = f"{style.glyph} {style.word}"
    return {"facecolor": face, "edgecolor": style.colour, "hatch": style.hatch, "label": label}


def _show_bits(seen, fields, names):
    """Sign, exponent and fraction of the computed exp(z), each under its name."""
    column = 0
    for name, word, digits, field in zip(
        names, ("sign", "exponent", "fraction"), seen.bits, fields, strict=True
    ):
        field.set(text=digits, x=column)
        name.set(text=word, x=column)
        column += max(len(digits), len(word)) + 2


def explore(**preset):
    return Explorer(
        question="Where is the edge?",
        goal=f"Find the smallest logit z that breaks {ASKED}.",
        caption="Each band is one number format. From left to right exp(z) is stored as zero, with digits "
        "missing (subnormal), in full, and then no longer at all. The dotted line is the z you asked for; "
        "a diamond is the z that the format stored. Below: the bits of exp(z) in the chosen format.",
        why="exp(z) grows by a factor of 10 for every 2.3 steps of z, and a format ends at its largest "
        "number. So the edge is near ln(max): 88.72 for float32. bfloat16 has float32's range, but it stores "
        "z itself in steps of 0.5 there: 88.7 becomes 88.5 before exp sees it.\n\n"
        "Nothing stops when the edge is passed. The result is inf or NaN, and the program goes on with it.",
        note="Every number is computed in the format itself; the true values come from 60-digit arithmetic.",
        controls=CONTROLS,
        presets=PRESETS,
        preset=preset,
        observe=observe,
        describe=describe,
        table=table,
        draw=draw,
        size=(9, 4.5),
        strip={"float32, first bad z": {"z": FORMATS["float32"].exp_first_bad}},
        reached=_solved,
        later=("edges of this format",),
    )


def _solved(seen) -> bool:
    one = seen.chosen
    return one.format.name == ASKED and one.stored == one.format.exp_first_bad
