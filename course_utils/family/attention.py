"""Rows of scores with something beside them: a sink, a cap, an item that takes no part."""

import math

import numpy as np

from course_utils.family.wide import rounded, widened
from course_utils.stable import cross_entropy, softmax


def softmax_with_sink(scores, sink=0.0, axis=-1):
    """exp(z_i) / (exp(sink) + sum(exp z)): softmax of the scores and one more, without that one's share.

    With sink 0 it is the "softmax off by one"; of a single score it is the sigmoid.
    Shape: that of `scores`; `sink` is one number, or one for each row.
    Special values: -inf gives 0; a row of nothing but -inf gives 0 everywhere, for the sink takes all. NaN and +inf
        give NaN.
    Error: 8 ulps in float64, 0.51 in narrower formats.
    Reference: kyegomez/AttentionIsOFFByOne #5: added after the shift, the 1 makes 0.5 of every single score.
    """
    z, dtype = widened(scores)
    z = np.moveaxis(z, axis, -1)
    sinks = np.broadcast_to(np.asarray(sink, np.float64), z.shape[:-1])[..., None]
    shares = softmax(np.concatenate([z, sinks], axis=-1))[..., :-1]
    return rounded(np.moveaxis(shares, -1, axis), dtype)


def soft_cap(scores, cap):
    """cap tanh(z / cap), and -inf stays -inf: a mask is a mask, also behind a cap.

    Shape: any. Special values: +inf gives cap, NaN gives NaN. Error: 2 ulps in float64.
    Raises: ValueError for a cap that is not above 0.
    """
    if not 0 < cap < math.inf:
        raise ValueError(f"cap must be above 0 and finite; got {cap!r}")
    z, dtype = widened(scores)
    with np.errstate(all="ignore"):
        return rounded(np.where(z == -np.inf, z, cap * np.tanh(z / cap)), dtype)


def contrastive_loss(similarities, partners, temperature=1.0):
    """-log p of each item's partner, p the softmax of similarities / T over all items but itself.

    Shape: (items, items) and (items,) of integers; one loss an item.
    Special values: what is masked is -inf *before* the maximum is taken; -inf at a partner costs +inf.
    Error: 8 ulps, on top of what the rounding of s / T costs: up to max|s| / T ulps. In float64 throughout, for 1 / T
        is past the cliff of float32 from T = 0.0112 on.
    Raises: ValueError for a matrix that is not square, an item that is its own partner, a temperature not above 0.
    Reference: HobbitLong/SupContrast #104: with the item itself in the maximum the loss is log 0 at T = 0.01.
    """
    s, dtype = widened(similarities)
    partners = np.asarray(partners)
    if s.ndim != 2 or s.shape != (len(partners),) * 2:
        raise ValueError(
            f"give (items, items) similarities and (items,) partners; got {s.shape}, {partners.shape}"
        )
    if np.any(partners == np.arange(len(s))):
        raise ValueError("an item cannot be its own partner: it takes no part in its own row")
    if not 0 < temperature < math.inf:
        raise ValueError(f"temperature must be above 0 and finite; got {temperature!r}")
    with np.errstate(all="ignore"):
        logits = np.where(np.eye(len(s), dtype=bool), -np.inf, s / temperature)
    return rounded(cross_entropy(logits, partners, reduction="none"), dtype)
