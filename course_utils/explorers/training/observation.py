"""What is seen of a run at one step: the arithmetic, the sentence and the forensic table. No drawing."""

from dataclasses import dataclass

import numpy as np

from course_utils import floats
from course_utils.explorers.core import choice, number, scale
from course_utils.explorers.training.run import PATHS, STEPS, TENSORS, Run, train
from course_utils.floats import FORMATS, Format
from course_utils.plots import STATE_STYLE

CONTROLS = {
    "step": number("step", 1, 1, STEPS, 1),
    "format": scale("number format", ("float16", "bfloat16", "float32", "float64"), "float32"),
    "path": choice("way to the loss", PATHS, PATHS[0]),
    "lr": scale("learning rate", (0.1, 0.5, 2.0, 8.0, 10.0), 8.0),
    "scale": scale("data times", (1, 2, 4, 10), 2),
    "seed": number("seed of the data", 1, 0, 9, 1),
}
GRID = 48


@dataclass(frozen=True)
class Observation:
    """One step of one run: its tensors, and the class that the weights before it give each place of the plane."""

    run: Run
    step: int
    format: Format
    path: str
    settings: tuple

    @property
    def tensors(self):
        return self.run.tensors[self.step - 1]

    @property
    def largest(self):
        """The largest |logit| of this step."""
        return float(self.run.largest[self.step - 1])

    @property
    def last(self):
        return len(self.run.tensors)

    @property
    def dead(self):
        """Did this step lose the weights?"""
        return self.run.died == self.step

    @property
    def odd_loss(self):
        """Was a loss no number while the weights lived to the last step?"""
        return self.run.died is None and not np.isfinite(self.run.losses[: self.step]).all()


def observe(state) -> Observation:
    settings = state["path"], state["format"], state["lr"], state["scale"], int(state["seed"])
    run = train(*settings)
    step = min(max(int(state["step"]), 1), len(run.tensors))
    return Observation(run, step, FORMATS[state["format"]], state["path"], settings)


def regions(seen) -> np.ndarray:
    """The class with the largest logit at each place of a grid over the data; -1 where a weight is no number."""
    weights = seen.run.weights[seen.step].astype(np.float64)
    reach = span(seen)
    side = np.linspace(-reach, reach, GRID)
    across, up = np.meshgrid(side, side)
    if not np.isfinite(weights).all():
        return np.full(across.shape, -1)
    return (np.stack([across, up, np.ones_like(up)], axis=-1) @ weights).argmax(axis=-1)


def span(seen) -> float:
    """How far the picture of the data goes."""
    return float(1.1 * np.abs(seen.run.x[:, :2].astype(np.float64)).max())


def describe(seen) -> str:
    loss = float(seen.tensors["loss"])
    told = f"{seen.format.name}, step {seen.step}: the largest |z| is {_digits(seen.largest)}, the loss {_digits(loss)}"
    return f"{told}. {_verdict(seen)}"


def _verdict(seen) -> str:
    first, died = seen.run.first_bad, seen.run.died
    if died == seen.step:
        return f"{_first(first)} This step lost the weights: the run is over."
    if first and first[0] <= seen.step:
        return f"{_first(first)} The weights are still numbers."
    return "Every number of every step so far is finite."


def _first(first) -> str:
    step, tensor = first
    return f"The first bad number was in {tensor}, at step {step}."


def table(seen) -> list[dict]:
    """The forensic table: each tensor of this step, in the order of the computation."""
    return [_row(seen, name) for name in TENSORS]


def _row(seen, name):
    values = seen.tensors[name]
    wide = np.abs(values.astype(np.float64))
    finite = np.isfinite(wide)
    here = seen.run.first_bad == (seen.step, name)
    return {
        "tensor": name,
        "numbers": values.size,
        "not finite": int(np.sum(~finite)),
        "largest size": _digits(wide[finite].max()) if finite.any() else "none",
        "state": said(worst(values)),
        "first bad": "← here" if here else "",
    }


def worst(values) -> str:
    """The worst state of a tensor's numbers: NaN, inf, or ok. A 0 is an ordinary number here."""
    states = set(np.ravel(floats.states(values)))
    return next((state for state in ("NaN", "inf") if state in states), "ok")


def said(state) -> str:
    return f"{STATE_STYLE[state].glyph} {STATE_STYLE[state].word}"


def _digits(value) -> str:
    return "NaN" if np.isnan(value) else f"{value:.4g}".replace("-", "−")
