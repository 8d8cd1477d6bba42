"""Six ways of writing the loss: what each computes at one gap and over all gaps, and how to say it."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from course_utils import floats, pipeline, reference
from course_utils.explorers.core import choice, number, scale
from course_utils.floats import FORMATS, Format, store
from course_utils.pipeline import LOSS_PATHS
from course_utils.plots import STATE_STYLE

QUANTITIES = ("p", "log p", "loss", "gradient")
LOG_WAYS = ("log(softmax)", "log_softmax")
TARGETS = {"ahead": 0, "behind": 1}  # of the logits [0, -gap]

SPANS = {
    "float64": (0.0, 800.0, 1.0),
    "float16": (0.0, 24.0, 0.125),
    "float8_e5m2": (0.0, 20.0, 0.5),
    "float8_e4m3fn": (0.0, 12.0, 0.5),
}
CONTROLS = {
    "gap": number("gap g", 50.0, 0, 120, 0.5, spans=SPANS, least=0.0),
    "format": scale("number format", FORMATS, "float32"),
    "target": choice("the target is", TARGETS, "behind"),
    "eps": scale("eps", ("1e-4", "1e-7", "1e-8", "1e-12"), "1e-7"),
    "path": choice("way to the loss", LOSS_PATHS, "log(softmax)"),
}


@dataclass(frozen=True)
class Number:
    """One number of a way to the loss: as computed, its state, and what it should be."""

    value: float
    state: str
    truth: float
    format: Format

    @property
    def right(self) -> bool:
        """As near as a few roundings come, or as the smallest number of the format allows."""
        near = max(4 * self.format.eps * abs(self.truth), self.format.smallest_subnormal)
        return bool(abs(self.value - self.truth) <= near)


@dataclass(frozen=True)
class Curves:
    """Each quantity over the gap: what the way computes, and the truth."""

    gaps: np.ndarray
    computed: dict[str, np.ndarray]
    truth: dict[str, np.ndarray]


@dataclass(frozen=True)
class Observation:
    typed: float
    gap: float
    target: str
    path: str
    eps: float
    format: Format
    ways: dict[str, dict[str, Number]]
    curves: Curves

    @property
    def numbers(self) -> dict[str, Number]:
        """The numbers of the chosen way."""
        return self.ways[self.path]


def observe(state) -> Observation:
    fmt, eps, target = FORMATS[state["format"]], float(state["eps"]), state["target"]
    truth = _truth(store([[0, -state["gap"]]], fmt), TARGETS[target])
    return Observation(
        state["gap"],
        float(store(state["gap"], fmt)),
        target,
        state["path"],
        eps,
        fmt,
        {way: _numbers(_way(way, fmt.name, [state["gap"]], target, eps), truth, fmt) for way in LOSS_PATHS},
        _curves(state["path"], fmt.name, target, eps),
    )


def _truth(z, target) -> dict[str, float]:
    loss, gradient = reference.cross_entropy_with_grad(z, np.array([target]))
    p = reference.softmax(z)[0, target]
    return dict(zip(QUANTITIES, map(float, (p, -loss, loss, gradient[0, target])), strict=True))


def _way(path, name, gaps, target, eps) -> dict[str, np.ndarray]:
    """p, log p, loss and gradient at the target, for each gap, as one way to the loss computes them."""
    index = TARGETS[target]
    sweep = pipeline.sweep_loss(path, name, gaps, index, eps)
    z = np.stack([0 * np.asarray(gaps), -np.asarray(gaps)], axis=-1)
    p = pipeline.pick(pipeline.run(z, name, "shifted"), "p")[:, index]
    # One-hot weights come after the log: the target's own log p is that of log(softmax).
    log_path = "log(softmax)" if path == "one-hot * log p" else path
    log_p = -pipeline.sweep_loss(log_path, name, gaps, index, eps).loss
    return dict(zip(QUANTITIES, (p, log_p, sweep.loss, sweep.gradient[:, index]), strict=True))


def _numbers(computed, truth, fmt) -> dict[str, Number]:
    return {
        name: Number(float(values[0]) + 0.0, str(floats.states(values)[0]), truth[name], fmt)
        for name, values in computed.items()
    }


@lru_cache(maxsize=64)
def _curves(path, name, target, eps) -> Curves:
    low, high, step = CONTROLS["gap"].span({"format": name})
    gaps = np.arange(low, high + step / 4, step / 2)
    sweep = pipeline.sweep_loss(path, name, gaps, TARGETS[target], eps)
    loss = sweep.true_loss
    truth = (np.exp(-loss), -loss, loss, sweep.true_gradient[:, TARGETS[target]])
    return Curves(gaps, _way(path, name, gaps, target, eps), dict(zip(QUANTITIES, truth, strict=True)))


def describe(seen) -> str:
    loss, gradient = seen.numbers["loss"], seen.numbers["gradient"]
    typed, kept = digits_of(seen.typed), digits_of(seen.gap)
    stored = "" if typed == kept else f" (stored as {kept})"
    return (
        f"{seen.path}, target {seen.target} by {typed}{stored}: loss {_plain(loss)}, truth "
        f"{digits_of(loss.truth)}; gradient {_plain(gradient)}, truth {digits_of(gradient.truth)}. {_why(seen)}"
    )


def describe_log(seen) -> str:
    """Of p and its log alone, for a lesson that knows no loss yet."""
    p, log_p = seen.numbers["p"], seen.numbers["log p"]
    return (
        f"{seen.path}, target {seen.target} by {digits_of(seen.typed)}: p {_plain(p)}, truth {digits_of(p.truth)}; "
        f"log p {_plain(log_p)}, truth {digits_of(log_p.truth)}. {_why_log(log_p, seen)}"
    )


def _why_log(log_p, seen) -> str:
    if log_p.right:
        return f"log p is right to the digits of {log_p.format.name}."
    if log_p.state in ("NaN", "inf"):
        return _why_no_number(log_p, seen.path)
    if seen.target == "ahead":
        return "Beside 1, the small rest e⁻ᵍ is lost or rounded, and log p with it."
    return "p has few digits left, and so has its log."


def _why(seen) -> str:
    loss, gradient = seen.numbers["loss"], seen.numbers["gradient"]
    if loss.state in ("NaN", "inf"):
        return _why_no_number(loss, seen.path)
    if loss.right and gradient.right:
        return f"Both are right to the digits of {loss.format.name}."
    if loss.right:
        return "The loss is right; the way back divides by p, and breaks."
    return _why_ahead(loss, seen.path) if seen.target == "ahead" else _why_behind(loss, seen.path, seen.eps)


def _why_no_number(loss, path) -> str:
    if loss.format.has_inf and loss.state == "NaN":
        return "0 · log 0 is NaN."
    lost = "p and eps are" if path in ("log(p + eps)", "clip p") else "p is"
    log_of_0 = "log 0 is −inf" if loss.format.has_inf else "without inf, log 0 is NaN"
    return f"{lost} stored as 0, and {log_of_0}."


def _why_behind(loss, path, eps) -> str:
    ceiling = digits_of(-np.log(eps), 4)
    if path == "log(p + eps)" and loss.value > 0.99 * loss.truth:
        return "eps is no longer small beside p."
    if path == "log(p + eps)":
        return f"eps covers p: the loss ends at {ceiling} and the gradient fades."
    if path == "clip p":
        return f"The clip holds the loss at {ceiling}: no gradient comes back."
    return "p has few digits left, and so has its log."


def _why_ahead(loss, path) -> str:
    if loss.value < 0:
        return "A loss below 0: eps pushed p above 1."
    if loss.value == 0:
        return "1 + e⁻ᵍ is stored as 1: its log, the whole loss, is lost."
    if loss.value > 2 * loss.truth:
        return "The clip keeps p below 1, so the loss stays and no gradient comes back."
    if path == "log(p + eps)":
        return "eps is no longer small beside the loss."
    return "1 + e⁻ᵍ was rounded before the log: digits of the loss are lost."


def table_log(seen) -> list[dict]:
    """The part of the table for a lesson that knows no loss yet."""
    kept = ("way to the loss", "p", "log p")
    rows = [{name: row[name] for name in kept} for row in table(seen)]
    return [row for row in rows if row["way to the loss"] in ("truth", *LOG_WAYS)]


def table(seen) -> list[dict]:
    truth = {name: digits_of(number.truth) for name, number in seen.numbers.items()}
    ways = [
        {"way to the loss": path} | {name: said(number) for name, number in numbers.items()}
        for path, numbers in seen.ways.items()
    ]
    return [{"way to the loss": "truth"} | truth, *ways]


def digits_of(value, digits=6) -> str:
    return f"{value:.{digits}g}".replace("e-0", "e-").replace("-", "−")


def _plain(number) -> str:
    return (
        digits_of(number.value)
        if np.isfinite(number.value)
        else digits_of(number.value).replace("nan", "NaN")
    )


def said(number) -> str:
    return _plain(number) if number.state == "ok" else f"{STATE_STYLE[number.state].glyph} {_plain(number)}"
