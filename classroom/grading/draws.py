"""The inputs that are graded: the exercise's own cases, and for each a private twin of the same kind.

A twin keeps what a case is about. Its finite numbers are stretched by a few percent and moved a little, so ties, signs,
infinities, NaN and the side of every cliff stay; its rows and classes change places, with the targets, the weights
and the masks that belong to them, and a row may come twice. A prediction is asked for fresh inputs, which its starter
shows.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from classroom import seeds
from course_utils import floats
from course_utils.exercises.core import Exercise, case

STRETCH, MOVE, GRID = 0.02, 0.4, 0.125


def asked(problem, seed) -> Exercise:
    """The exercise with its own cases, or with fresh ones where a prediction is asked for them."""
    if not problem.fresh:
        return problem.exercise
    draw = _FRESH[problem.key]
    cases = draw(seeds.generator(seed, "fresh", problem.key))
    return replace(problem.exercise, cases=tuple(cases))


def twins(problem, seed) -> Exercise:
    """The exercise with a private twin in place of each case."""
    random = seeds.generator(seed, "twins", problem.key)
    return replace(
        problem.exercise, cases=tuple(_twin(problem, one, random) for one in problem.exercise.cases)
    )


def _twin(problem, one, random):
    limits = problem.exercise.limits
    for attempt in range(50):
        change = _wider if attempt > 40 else _SPECIAL.get(problem.key, _changed)
        args = change(one.args, random)
        if _differ(args, one.args) and not (limits and limits(*args)):
            return replace(one, args=args)
    raise ValueError(f"{problem.key}, case “{one.label}”: no twin was found")


def _differ(some, others):
    return any(np.asarray(a).tobytes() != np.asarray(b).tobytes() for a, b in zip(some, others, strict=True))


# --- twins ----------------------------------------------------------------------------------------------


def _changed(args, random):
    """Numbers a little different, rows and classes in another order."""
    first, *rest = args
    numbers = _moved_integers(first, random) if first.dtype.kind in "iu" else _stretched(first, random)
    rows = _rows(len(numbers), random) if numbers.ndim > 1 else None
    return _reordered((numbers, *rest), rows, random.permutation(numbers.shape[-1]))


def _rows(count, random):
    """All rows in another order, and half of the time one of them twice."""
    order = random.permutation(count)
    return np.append(order, random.integers(count)) if random.random() < 0.5 else order


def _stretched(numbers, random):
    wide = numbers.astype(np.float64)
    top = floats.format_of(numbers).max
    stretch, move = 1 + random.uniform(-STRETCH, STRETCH), random.uniform(-MOVE, MOVE)
    finite = np.isfinite(wide)
    with np.errstate(all="ignore"):
        changed = wide * stretch + move
        if np.all(wide[finite] % GRID == 0):  # such numbers are subtracted without rounding, and stay so
            changed = np.rint(changed / GRID) * GRID
        changed = np.where(finite, np.clip(changed, -top, top), wide)
    return floats.store(changed, numbers.dtype.name)


def _moved_integers(numbers, random):
    """Integers moved together, as far as their type has room."""
    limits, wide = np.iinfo(numbers.dtype), numbers.astype(object)
    low, high = max(-20, limits.min - wide.min()), min(20, limits.max - wide.max())
    return (wide + int(random.integers(low, high + 1))).astype(numbers.dtype)


def _reordered(args, rows, classes):
    """All arguments with their rows and classes in this order."""
    first, *rest = args
    per_class = [np.asarray(a).ndim > 0 and np.shape(a) == first.shape for a in rest]
    changed = [first, *(np.asarray(a) if own else a for a, own in zip(rest, per_class, strict=True))]
    for i, own in enumerate([True, *per_class]):
        if own:
            changed[i] = changed[i][..., classes]
        elif np.ndim(changed[i]) == 1:
            changed[i] = _renumbered(changed[i], classes)
        if rows is not None and np.ndim(changed[i]):
            changed[i] = changed[i][rows]
    return tuple(np.ascontiguousarray(a) if isinstance(a, np.ndarray) else a for a in changed)


def _renumbered(targets, classes):
    """Targets that follow their classes; -1 stays what it is."""
    place = np.argsort(classes)
    return np.where(targets < 0, targets, place[targets]).astype(targets.dtype)


def _wider(args, random):
    """One class more, like the last: for a row that holds nothing that could change."""
    first, *rest = args
    shape = first.shape
    return tuple(np.concatenate([a, a[..., -1:]], -1) if np.shape(a) == shape else a for a in (first, *rest))


def _later_history(args, random):
    """A history with healthy steps before it, so that the first bad one comes later."""
    (history,) = args
    changed = _stretched(history, random)[:, random.permutation(history.shape[1])]
    healthy = random.uniform(-2, 2, (int(random.integers(1, 6)), history.shape[1]))
    return (np.concatenate([floats.store(healthy, history.dtype.name), changed]),)


_SPECIAL = {"02.first_bad": _later_history}


# --- fresh predictions -----------------------------------------------------------------------------------


def starter(problem, seed) -> str:
    """The starter of a prediction, one line for each of its fresh inputs."""
    width = max(len(one.label) for one in asked(problem, seed).cases)
    lines = [f"    None,  # {one.label:<{width}}".rstrip() for one in asked(problem, seed).cases]
    return "\n".join([f"{problem.cells.answer} = [", *lines, "]"])


def right_numbers(exercise):
    """What comes out for each case."""
    return [float(exercise.true_value(one.args)) for one in exercise.cases]


def _outputs(random):
    """Rows whose first probability is asked for: one of each kind, in any order."""
    high, low = (lambda: int(random.integers(90, 100))), (lambda: int(random.integers(105, 120)))
    rows = [
        ("float32", [high(), 0]),
        ("float32", [0, high()]),
        ("float32", [round(-103 - 0.1 * int(random.integers(2, 7)), 1)] * 2),
        ("float32", [-low()] * 2),
        ("float64", [high(), 0]),
        ("bfloat16", [round(88.5 + 0.01 * int(random.integers(2, 22)), 2), 0]),
    ]
    for i in random.permutation(len(rows)):
        name, row = rows[i]
        yield case(f"{name:8s} {row}", row, dtype=name)


def _backward(random):
    """Rows whose gradient is asked for, one of each kind of path, in any order."""
    near, far = (lambda: int(random.integers(40, 70))), (lambda: int(random.integers(91, 100)))
    rows = [
        ("naive softmax, then -log(p)", [far(), 0], "naive"),
        ("softmax, then -log(p)", [0, near()], "log(softmax)"),
        ("softmax, then -log(p)", [0, far()], "log(softmax)"),
        ("softmax, clip to 1e-7, -log(p)", [0, near()], "clip p"),
        ("log-softmax, gradient p - y", [0, far()], "log_softmax"),
        ("log-softmax, gradient p - y", [int(random.integers(18, 40)), 0], "log_softmax"),
    ]
    for i in random.permutation(len(rows)):
        words, row, path = rows[i]
        yield case(f"{words:31s} {row!s:8s} target 0", row, path, dtype="float32")


_FRESH = {"02.predict_output": _outputs, "06.what_comes_back": _backward}
