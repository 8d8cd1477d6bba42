"""Drawing from logits: no masked class is ever drawn, and no class that has a probability is lost.

Noise and cumulated sums are float64, whatever the logits are: float32 noise ends at 16.64, and a class further
behind could never win.
"""

import math

import numpy as np

from course_utils.stable import softmax
from course_utils.stable.arguments import as_logits


def gumbel_argmax(logits, rng, axis=-1):
    """One draw a row: argmax(z + noise), the noise Gumbel's, -log(-log u).

    Shape: that of `logits` without `axis`; `rng` is a `numpy.random.Generator`.
    Special values: a class at -inf is never drawn; equal logits are drawn equally often.
    Error: the noise lies between -3.6 and 36.7, so a class 40.3 behind is never drawn, which 1 draw in 1e17 would.
    Raises: ValueError for a row without a distribution: nothing but -inf, +inf, NaN, or no class.
    Reference: Gumbel's maximum trick; jax PR 26974 and vllm PR 34854 for what float32 noise cannot draw.
    """
    z = _distribution(logits, axis)
    return np.argmax(z + rng.gumbel(size=z.shape), axis=axis)


def draw(logits, u):
    """The class at height u of the cumulated probabilities, for one row of logits.

    Shape: `logits` (classes,); `u` a number or an array in [0, 1), one draw each: `draw(z, rng.random(1000))`.
    Special values: a class of probability 0 is never drawn, not at u = 0 either.
    Error: each class is drawn with its probability to within classes * 1e-16.
    Raises: ValueError for a row without a distribution, and for u outside [0, 1).
    Reference: numpy.random's `choice`, which scales by the total too and looks up with side="right".
    """
    z, u = _distribution(logits), np.asarray(u, np.float64)
    if z.ndim != 1:
        raise ValueError(f"draw takes one row of logits; got the shape {z.shape}")
    if not np.all((u >= 0) & (u < 1)):
        raise ValueError("u must lie in [0, 1)")
    steps = np.cumsum(np.exp(z - z.max()))
    # u * total, for steps end at the total, not at 1; "right" passes over classes that add nothing.
    return np.searchsorted(steps, u * steps[-1], side="right")


def tempered(logits, temperature, axis=-1):
    """(z - max z) / T: logits at a temperature, whose limit at T = 0 shares the probability among the largest.

    Shape: that of `logits`, in float64.
    Special values: T = 0 gives 0 for each largest logit and -inf for the others. -inf stays.
    Raises: ValueError for T below 0, infinite or NaN, and for a row without a distribution.
    """
    z = _distribution(logits, axis)
    if not 0 <= temperature < math.inf:
        raise ValueError(f"temperature must be 0 or above, and finite; got {temperature!r}")
    gap = z - z.max(axis=axis, keepdims=True)
    with np.errstate(all="ignore"):
        return np.where(gap == 0, 0.0, gap / temperature if temperature else -math.inf)


def top_p(logits, mass):
    """The logits with -inf for every class outside the smallest set that holds `mass` of the probability.

    Shape: (classes,) or (..., classes), in float64.
    Special values: mass 1 keeps every class; the most probable class always stays. Of ties, earlier ones are kept.
    Error: the sums are float64: the set is right to within classes * 1e-16 of the mass.
    Raises: ValueError for a mass outside (0, 1], and for a row without a distribution.
    """
    if not 0 < mass <= 1:
        raise ValueError(f"mass must lie in (0, 1]; got {mass!r}")
    z = _distribution(logits)
    order = np.argsort(-z, axis=-1, kind="stable")
    p = np.take_along_axis(softmax(z), order, -1)
    # What the classes before this one hold: below the mass, this one is still needed.
    before = np.cumsum(p, axis=-1) - p
    keep = np.empty(z.shape, bool)
    np.put_along_axis(keep, order, (before < mass) | (mass == 1), -1)
    return np.where(keep, z, -np.inf)


def _distribution(logits, axis=-1):
    z = as_logits(logits).astype(np.float64)
    with np.errstate(all="ignore"):
        if not z.size or not np.all(np.isfinite(z.max(axis=axis))) or np.isnan(z).any():
            raise ValueError("no distribution: a row needs a finite logit, and neither +inf nor NaN")
    return z
