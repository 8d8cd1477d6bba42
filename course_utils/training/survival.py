"""Which runs died, when, and what the others learned: measured for a recipe and a repair, and stored for all.

`python -m experiments survival` measures everything anew and writes `data/survival.json`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources

import numpy as np

from course_utils import datasets
from course_utils.training.repairs import REPAIRS

SEEDS = 20
STEPS = {"SGD": 20 * 23, "Adam": 60 * 23, "momentum": 40 * 23}


@dataclass(frozen=True)
class Survival:
    """`died`: for each seed the step at which a parameter was lost, or None. `accuracy`: on the test digits."""

    died: list[int | None]
    accuracy: list[float]

    @property
    def alive(self) -> int:
        """How many of the runs came through."""
        return self.died.count(None)

    @property
    def deaths(self) -> list[int]:
        """The steps at which the others died, in order."""
        return sorted(step for step in self.died if step is not None)

    def curve(self, steps) -> np.ndarray:
        """How many runs are alive after step 1, 2, ..., `steps`."""
        return len(self.died) - np.searchsorted(self.deaths, np.arange(1, steps + 1), side="right")

    @property
    def median_accuracy(self) -> float:
        """The middle of the test accuracies. A run that died has 0."""
        return float(np.median(self.accuracy))


def measure(recipe, repair="no repair", seeds=range(SEEDS)) -> Survival:
    """Train the recipe with this repair once for each seed."""
    data = datasets.digits()
    runs = [REPAIRS[repair].train(recipe, data, seed) for seed in seeds]
    return Survival([run.died for run in runs], [round(run.test_accuracy, 4) for run in runs])


def stored() -> dict[str, dict[str, Survival]]:
    """The recorded experiment, 20 seeds each: `stored()["Adam"]["float64"]`."""
    text = resources.files("course_utils").joinpath("data", "survival.json").read_text("utf-8")
    return {
        recipe: {repair: Survival(**one) for repair, one in found.items()}
        for recipe, found in json.loads(text).items()
    }
