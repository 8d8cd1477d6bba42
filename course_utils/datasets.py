"""Real data that comes with the course: 1797 handwritten digits, small enough to ship.

The optical digits of E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, doi 10.24432/C50P49,
CC BY 4.0. `data/digits.txt` tells the story, `tools/make_digits.py` makes the file.
"""

from __future__ import annotations

from importlib import resources
from typing import NamedTuple

import numpy as np


class Digits(NamedTuple):
    """Pictures (rows, 64) as float32 and their digits (rows,) as integers, for training and for testing."""

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


def digits(seed=0, scale=1.0) -> Digits:
    """The digits, shuffled by `seed` and split 80 to 20. Pixels go from 0 to 16, times `scale`.

    Shape: 1437 pictures to train on, 360 to test on, 64 pixels each.
    Raises: ValueError when `scale` is not a finite number above 0.
    """
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"scale must be a finite number above 0; got {scale!r}")
    with resources.files("course_utils").joinpath("data", "digits.npz").open("rb") as file:
        stored = np.load(file, allow_pickle=False)
        images, labels = stored["images"], stored["labels"]
    order = np.random.default_rng(seed).permutation(len(labels))
    x = images[order].astype(np.float32) * np.float32(scale)
    y = labels[order].astype(np.int64)
    split = int(0.8 * len(y))
    return Digits(x[:split], y[:split], x[split:], y[split:])
