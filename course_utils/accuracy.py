"""How far a computed array is from the truth: in ulps, relatively, and in one word."""

from __future__ import annotations

import numpy as np

from course_utils import floats

KINDS = ("right", "inaccurate", "zero", "inf", "NaN")


def ulps(computed, truth) -> np.ndarray:
    """Distance from the truth in units of the computed format's spacing at the truth.

    Formula: |computed - truth| / spacing(truth). A correctly rounded value is at most 0.5 away.
    Shape: that of `computed`; `truth` holds mpmath numbers (`reference.*(..., dtype=object)`) or floats.
    Special values: the same NaN or infinity on both sides is 0 ulps away; any other non-finite pair is inf.
        A truth beyond the format's largest value is matched by the value the format rounds it to.
    Error: exact to about 1e-15 relative when `truth` holds mpmath numbers.
    Raises: ValueError when the shapes differ.
    """
    exact = np.asarray(truth).dtype == object
    computed, truth = _paired(computed, truth)
    fmt = floats.format_of(computed)
    values, nearest = computed.astype(np.float64), truth.astype(np.float64)
    rounded = floats.store(nearest, fmt).astype(np.float64)
    same = (values == rounded) | (np.isnan(values) & np.isnan(rounded))
    distance = np.asarray(np.where(same, 0.0, np.inf))
    finite = np.isfinite(values) & (np.abs(nearest) <= fmt.max)
    gaps = np.abs(nearest[finite] - values[finite])
    if exact:  # the difference is taken in the truth's own arithmetic: in floats it would cancel to 0
        gaps = [float(abs(t - v)) for t, v in zip(truth[finite], values[finite].tolist(), strict=True)]
    with np.errstate(over="ignore"):
        distance[finite] = np.array(gaps) / floats.spacing(nearest[finite], fmt)
    return distance


def worst_ulps(computed, truth) -> float:
    """The largest distance in ulps; 0 for empty arrays."""
    return float(np.max(ulps(computed, truth), initial=0.0))


def relative_error(computed, truth) -> np.ndarray:
    """|computed - truth| / |truth|, as float64; 0 where both are equal, NaN where either is NaN."""
    computed, truth = _paired(computed, truth)
    values = np.array([float(t) for t in truth.reshape(-1)]).reshape(truth.shape)
    with np.errstate(all="ignore"):
        error = np.abs(computed.astype(np.float64) - values) / np.abs(values)
    return np.where(computed.astype(np.float64) == values, 0.0, error)


def failure(computed, truth, tolerance_ulps=64.0) -> str:
    """The worst thing that happened, in one word: right, inaccurate, zero, inf or NaN.

    "zero" means that a value was lost to 0 although the truth, in this format, is not 0.
    """
    computed, truth = _paired(computed, truth)
    values = computed.astype(np.float64)
    wrong = ulps(computed, truth) > tolerance_ulps
    for kind, seen in (("NaN", np.isnan(values)), ("inf", np.isinf(values)), ("zero", values == 0)):
        if np.any(wrong & seen):
            return kind
    return "inaccurate" if np.any(wrong) else "right"


def _paired(computed, truth):
    computed, truth = np.asarray(computed), np.asarray(truth, dtype=object)
    if computed.shape != truth.shape:
        raise ValueError(f"computed has shape {computed.shape}, truth has shape {truth.shape}")
    return computed, truth
