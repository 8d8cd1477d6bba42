"""Softmax in tiles, put together wrongly."""

import numpy as np

from course_utils.mistakes.core import mistake

TILE = 2


def _tiles(logits):
    return [logits[..., start : start + TILE] for start in range(0, logits.shape[-1], TILE)]


@mistake(
    "31",
    quantity="softmax",
    fails_on=(np.float32([0, 1, 10, 11]),),
    widget="tiles",
    belief="Once a term is in the running sum, it is done.",
    diagnosis="You did not rescale the running sum when the maximum grew. The old terms are still measured "
    "against the old maximum, so they count for too much.",
    step="`total += exp(tile - new_max).sum()`: the old total belongs to the old maximum.",
    change="Rescale first: `total *= np.exp(old_max - new_max)`.",
)
def keep_old_scale(logits):
    row_max = np.full((*logits.shape[:-1], 1), -np.inf, logits.dtype)
    total = np.zeros_like(row_max)
    for tile in _tiles(logits):
        row_max = np.maximum(row_max, np.max(tile, axis=-1, keepdims=True))
        total = total + np.sum(np.exp(tile - row_max), axis=-1, keepdims=True)
    return np.exp(logits - row_max) / total


@mistake(
    "32",
    quantity="softmax",
    fails_on=(np.float32([0, 1, 10, 11]),),
    widget="tiles",
    belief="The softmax of the whole is the average of the softmaxes of its parts.",
    diagnosis="You normalised each tile on its own and averaged. Every tile then gets the same share, "
    "whatever its logits are: the comparison between tiles is lost.",
    step="`softmax(tile) / number_of_tiles`: no step compares one tile with another.",
    change="Carry the maximum and the total over all tiles, and normalise once at the end.",
)
def average_tile_softmaxes(logits):
    tiles = _tiles(logits)
    exps = [np.exp(tile - np.max(tile, axis=-1, keepdims=True)) for tile in tiles]
    parts = [tile / np.sum(tile, axis=-1, keepdims=True) for tile in exps]
    return np.concatenate(parts, axis=-1) / len(tiles)
