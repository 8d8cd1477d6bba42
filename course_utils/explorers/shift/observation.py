"""What a row gives when any m is subtracted from it, and in which words to say so."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from course_utils import pipeline, reference
from course_utils.explorers.core import number, scale
from course_utils.explorers.shift.row import Row
from course_utils.floats import FORMATS, Format, store
from course_utils.plots import STATE_STYLE

MOST = 5  # classes in a row
CONSTANT = 88.0  # just under ln(max) of float32: the shift that people pick who have met the overflow


def marks_of(logits) -> dict[str, float]:
    """The shifts that people try, by name."""
    return {
        "mean": float(np.mean(logits)),
        "min": float(np.min(logits)),
        "max": float(np.max(logits)),
        "max |z|": float(np.max(np.abs(logits))),
        "88": CONSTANT,
    }


def _span(state) -> tuple[float, float, float]:
    """From well below the first shift that works to well above the last, with every mark inside."""
    fmt, marks = FORMATS[state["format"]], marks_of(state["z"])
    low = min(marks["max"] - 1.35 * fmt.exp_first_bad, *marks.values())
    high = max(marks["max"] - 1.25 * fmt.exp_first_zero, *marks.values())
    step = 0.25 if high - low < 600 else 1.0
    return float(np.floor(low)), float(np.ceil(high)), step


CONTROLS = {
    "z": Row("logits z", (100.0, 99.0, 0.0), limit=2000, most=MOST),
    "m": number("shift m", 0.0, -20, 230, 0.25, spans=_span),
    "format": scale("number format", FORMATS, "float32"),
}


@lru_cache(maxsize=32)
def sweep_of(logits, name) -> pipeline.Sweep:
    low, high, step = _span({"z": logits, "format": name})
    return pipeline.sweep_shift(logits, name, np.arange(low, high + step / 2, step))


@dataclass(frozen=True)
class Observation:
    """One row with one shift: what it gives, and what every other shift would have given."""

    format: Format
    typed: float
    m: float
    z: pipeline.Step
    exponents: pipeline.Step
    terms: pipeline.Step
    total: pipeline.Step
    p: pipeline.Step
    truth: np.ndarray
    regime: str
    marks: dict[str, tuple[float, str]]
    sweep: pipeline.Sweep
    told: bool  # may the ends of the good shifts be named?

    @property
    def error(self) -> float:
        """The largest distance of a probability from the truth; NaN when a probability is NaN."""
        return float(np.max(np.abs(self.p.values.astype(np.float64) - self.truth)))

    @property
    def largest(self) -> float:
        """The largest exponent, z - m."""
        return float(self.exponents.values.astype(np.float64).max())

    @property
    def window(self) -> tuple[float, float]:
        """The first and the last shift that leave the largest term all its digits."""
        return next((first, last) for state, first, last in self.sweep.edges if state == "ok")


def observe(state) -> Observation:
    logits, name, marks = state["z"], state["format"], marks_of(state["z"])
    steps = pipeline.run(logits, name, state["m"])
    shifts = np.array(list(marks.values()))
    tried = pipeline.regimes(pipeline.run([logits] * len(shifts), name, shifts[:, None]))
    return Observation(
        FORMATS[name],
        state["m"],
        float(store(state["m"], name)),
        *steps,
        truth=reference.softmax(steps[0].values),
        regime=str(pipeline.regimes(steps)),
        marks={mark: (marks[mark], str(regime)) for mark, regime in zip(marks, tried, strict=True)},
        sweep=sweep_of(logits, name),
        told=state.get("told", True),
    )


def describe(seen) -> str:
    stored = "" if seen.m == seen.typed else f" (stored as {seen.m:.6g})"
    return minus(f"m = {seen.typed:.7g}{stored} leaves {seen.largest:.6g} as largest exponent: {_why(seen)}")


def _why(seen) -> str:
    low = seen.largest < 0
    match seen.regime:
        case "ok":
            first, last = seen.window
            right = f"p is right to within {max(seen.error, seen.format.eps / 2):.1g}."
            return f"{right} So it is for every m from {first:g} to {last:g}." if seen.told else right
        case "subnormal":
            lucky = seen.error <= seen.format.eps
            end = f"here p is still within {seen.error:.1g}" if lucky else f"p is off by {seen.error:.1g}"
            return f"every exp has lost digits; {end}, without a warning."
        case "zero":
            return "each exp is finite, their sum is inf, so every p is 0 and no NaN warns you."
    overflow = "exp overflows to inf, and inf/inf is NaN." if seen.format.has_inf else "exp overflows to NaN."
    return "every exp is 0, and 0/0 is NaN." if low else overflow


def table(seen) -> list[dict]:
    classes = [
        {
            "row": f"class {i + 1}",
            "z or m": float(z),
            "exponent, or the largest": float(d),
            "exp": e,
            "p": p,
            "true p": t,
        }
        for i, (z, d, e, p, t) in enumerate(
            zip(
                seen.z.values,
                seen.exponents.values,
                words(seen.terms),
                words(seen.p),
                seen.truth,
                strict=True,
            )
        )
    ]
    shifts = [
        {"row": f"m = {name}", "z or m": m, "exponent, or the largest": float(seen.z.values.max()) - m,
         "exp": "", "p": f"{STATE_STYLE[regime].glyph} {OUTCOME[regime]}", "true p": ""}
        for name, (m, regime) in seen.marks.items()
    ]  # fmt: skip
    return classes + shifts


OUTCOME = {"ok": "right", "subnormal": "digits lost", "zero": "every p is 0", "NaN": "NaN"}


def words(step) -> list[str]:
    """Each value of a step; a state that isn't ok with its glyph."""
    return [_word(float(value), state) for value, state in zip(step.values, step.states, strict=True)]


def minus(text) -> str:
    return text.replace("-", "−")


def _word(value, state) -> str:
    look = STATE_STYLE[state]
    if state in ("inf", "NaN"):
        return f"{look.glyph} {look.word}"
    return f"{value:.4g}" if state == "ok" else f"{look.glyph} {value:.3g}"
