"""The small picture under a verdict: the error of an answer beside the solution's, as the input grows.

It is drawn when a page shows the result, never for its text; the same answer gives the same picture.
"""

from __future__ import annotations

import numpy as np

from course_utils import figures, floats, guard, plots
from course_utils.exercises.faults import Case, distance_of, is_numeric

OCTAVES = np.arange(-5, 3.5, 0.5)
SECONDS = 0.15  # of the calls, in the processor's time: a busy machine draws the same
CALL_SECONDS = 0.1
LARGEST = 64  # numbers in an input: the truth of more takes too long


def width(one: Case) -> float:
    """How far out the logits of a case reach; -1 where a curve would say nothing."""
    first = one.args[0]
    can_grow = isinstance(first, np.ndarray) and first.dtype == one.format.dtype and 0 < first.size <= LARGEST
    if not can_grow or one.ulps == 0:  # an exact answer is right or wrong, there is no curve
        return -1.0
    values = np.abs(first.astype(np.float64))
    return float(np.max(values, where=np.isfinite(values), initial=0.0)) or -1.0


def errors(exercise, one: Case, function, args) -> str:
    """The picture as HTML for these arguments, a shrunk form of the case; "" where it would say nothing."""
    name = "the input"
    if args is one.args or width(Case(one.label, args, one.ulps)) < 0:  # shrunk to zeros: nothing grows
        args, name = one.args, f"the case “{one.label}”"
    if width(one) < 0:
        return ""
    inputs = [(octave, grown) for octave in OCTAVES if (grown := _times(args, 2.0**octave, one.format))]
    lines = {"yours": [], "solution": [], "allowed": []}
    worked = 0.0
    for _, grown in inputs:
        runs = [_call(f, grown) for f in (function, exercise.model_answer)]
        worked += sum(run.seconds for run in runs)
        if worked > SECONDS or any(isinstance(run.error, guard.TimeLimit) for run in runs):
            return ""
        numbers = (*(_error(exercise, one, run) for run in runs), one.allowed(grown))
        for line, number in zip(lines.values(), numbers, strict=True):
            line.append(number)
    lines = {key: np.array(line) for key, line in lines.items()}
    octaves = np.array([octave for octave, _ in inputs])
    return _drawn(octaves, lines, name) if np.isfinite(lines["yours"]).any() else ""


def _call(function, args) -> guard.Run:
    """A call; once more where it met the limit: the clock runs on while a busy machine does something else."""
    run = guard.call(function, args, CALL_SECONDS)
    return guard.call(function, args, CALL_SECONDS) if isinstance(run.error, guard.TimeLimit) else run


def _times(args, factor, fmt):
    """The arguments with the first multiplied; None where that leaves the format."""
    first = args[0].astype(np.float64)
    grown = floats.store(first * factor, fmt)
    same = np.array_equal(np.isfinite(first), np.isfinite(grown.astype(np.float64)))
    return (grown, *args[1:]) if same else None


def _error(exercise, one, run) -> float:
    """The largest distance from the truth in ulps; NaN where no numbers came out."""
    truth = np.asarray(exercise.true_value(run.args))
    value = np.empty(0) if run.error is not None or run.value is None else np.asarray(run.value)
    if not is_numeric(value) or value.shape != truth.shape:
        return np.nan
    return float(np.max(distance_of(exercise, one, run.args, value, truth), initial=0.0))


def _drawn(octaves, lines, name) -> str:
    fig, ax = plots.figure(6.2, 2.4)
    plots.draw_errors(ax, octaves, lines)
    ax.minorticks_off()  # half of the drawing time
    whole = octaves[octaves % 2 == 1]
    ax.set_xticks(whole, [_factor(octave) for octave in whole])
    ax.set(xlabel=f"{name}, times", ylabel="error in ulps")
    alt = (
        f"Error in ulps as the input grows from {_factor(octaves[0])} to {_factor(octaves[-1])} times its size. "
        f"{_said('Your function', lines['yours'])}; {_said('the solution', lines['solution'])}."
    )
    caption = (
        "Your error and the solution's when every logit is multiplied. Up to `allowed` an answer is right."
    )
    table = [
        {"times": _factor(octave), **{key: f"{line[i]:.3g}" for key, line in lines.items()}}
        for i, octave in enumerate(octaves)
        if octave % 1 == 0
    ]
    return figures.html(fig, alt=alt, caption=caption, table=table)


def _factor(octave) -> str:
    return f"{2**octave:g}" if octave >= 0 else f"1/{2**-octave:g}"


def _said(who, line) -> str:
    lost = np.count_nonzero(~np.isfinite(line))
    if lost:
        return f"{who}: no number at {lost} of {len(line)} sizes"
    return f"{who}: at most {np.max(line):.2g} ulps"
