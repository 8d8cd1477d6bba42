"""What a loss alone cannot show: gradients that cancel, vanish, or do not add up to 0."""

from __future__ import annotations

import numpy as np

from course_utils import floats
from course_utils.audit.cases.case import ACCURACY, ARGUMENTS, INF, SPECIAL, Case


def cases():
    for fmt in floats.FORMATS.values():
        for times in (0.5, 1.1, 1.5):
            margin = times * fmt.absorption_margin
            row = floats.store([[0, -margin, -margin - 1]], fmt)
            for target in (0, 2):
                name = f"three classes, {times} absorption margins apart, target {target}, {fmt.name}"
                yield Case(name, ACCURACY, row, np.array([target]))
        batch = floats.store([[2, -1, 0.5, 0], [0, 0, 0, 0], [-3, 4, 1, 1]], fmt)
        yield Case(f"three rows of four, {fmt.name}", ACCURACY, batch, np.array([1, 3, 0]))
    for name in ("float64", "float32"):
        margin = 1.2 * floats.FORMATS[name].absorption_margin
        sure = np.zeros((1, 1000))
        sure[0, 17] = margin + 7
        yield Case(f"sure among 1000 classes, {name}", ACCURACY, floats.store(sure, name), np.array([17]))
        apart = floats.store([[0, 50], [0, -50], [3, 1]], name)
        yield Case(f"one row sure, one wrong, one open, {name}", ACCURACY, apart, np.array([0, 0, 1]))
        masked = floats.store([[1, -INF, 2, -INF], [-INF, 5, 1, 1]], name)
        yield Case(f"classes at -inf, {name}", SPECIAL, masked, np.array([0, 1]))
        only = floats.store([[-INF, 3, -INF]], name)
        yield Case(f"one class that is not at -inf, {name}", SPECIAL, only, np.array([1]))
    yield from _sums()


def _sums():
    """Each row of a gradient adds up to 0, also where the weights of its classes do not add up to 1."""
    logits, targets = np.array([[0.5, -1, 2], [3, 0, 0]]), np.array([1, 0])
    options = {"weight": np.array([1.0, 10, 3]), "label_smoothing": 0.3}
    yield Case("a row of weights that do not add up to 1", ARGUMENTS, logits, targets, options=options)
    goal = np.array([[0.125, 0, 0.625], [1, 0.5, 0.25]])
    yield Case("targets that do not add up to 1", ARGUMENTS, logits, goal, options={"check_sum": False})
    options = {"weight": np.array([1.0, 0, 3])}
    goal = np.array([[0.25, 0.5, 0.25], [0, 1, 0]])
    yield Case("probabilities on a class of weight 0", ARGUMENTS, logits, goal, options=options)
