"""Attention that never holds a whole row of scores."""

import math

import numpy as np


def attention(queries, keys, values, tile=64, keep=None):
    """softmax(queries @ keys.T / sqrt(d)) @ values, a tile of keys at a time.

    The output is an average that is rescaled whenever a larger score turns up, as its weights' total is.

    Shape: queries (..., m, d), keys (..., n, d), values (..., n, v); `keep` (..., m, n) is False where a query must
        not look. The result is (..., m, v).
    Special values: a query that may look nowhere gets zeros.
    Error: that of the same attention with all scores at hand, but for the order of its additions.
    Reference: Dao et al. 2022, arXiv 2205.14135.
    """
    kind = np.result_type(queries, np.float32)  # a sum of 16-bit numbers stalls
    largest = np.full((*queries.shape[:-1], 1), -np.inf, kind)
    total = output = np.zeros_like(largest)
    for start in range(0, keys.shape[-2], tile):
        some = slice(start, start + tile)
        scores = queries.astype(kind) @ np.swapaxes(keys[..., some, :], -1, -2) / math.sqrt(queries.shape[-1])
        if keep is not None:
            scores = np.where(keep[..., some], scores, -np.inf)
        new = np.maximum(largest, scores.max(axis=-1, keepdims=True))
        shift = np.where(new == -np.inf, 0, new)  # nothing but masked scores so far: -inf - -inf is NaN
        shrink, weights = np.exp(largest - shift), np.exp(scores - shift)
        total = total * shrink + weights.sum(axis=-1, keepdims=True)
        output = output * shrink + weights @ values[..., some, :]
        largest = new
    return output / np.where(total == 0, 1, total)
