"""A softmax in 8-bit integers, as microcontrollers run it: a table of exps, one sum, no float at run time.

A code is an int8. On the way in, `scale * code` is the logit. On the way out a probability is
`(code + 128) / 256`: 256 steps from 0 to 255/256, and no code for 1. Runtimes for small devices (TensorFlow
Lite, CMSIS-NN, XNNPACK, ONNX Runtime) agree on that output; the table is the way the last two take.

Reference: Jacob et al. 2018, Quantization and training of neural networks, arXiv 1712.05877.
"""

from __future__ import annotations

import numpy as np


def quantize(logits, scale) -> np.ndarray:
    """The int8 codes of logits: `logits / scale`, rounded and held between -128 and 127."""
    return np.clip(np.rint(np.asarray(logits) / scale), -128, 127).astype(np.int8)


def dequantize(codes) -> np.ndarray:
    """The probabilities that output codes stand for, as float64. It widens first: int8 has no 128 to add."""
    return (np.asarray(codes).astype(np.int64) + 128) / 256


def exp_table(scale, size) -> np.ndarray:
    """exp(-scale * d) for the 256 differences d of two codes, as integers: made before the device is.

    The largest entry leaves room for `size` of them in 32 bits.
    """
    largest = min((2**32 - 1) // size, 2**23 - 1)
    return np.rint(largest * np.exp(-scale * np.arange(256))).astype(np.int64)


def softmax(codes, scale) -> np.ndarray:
    """The int8 output codes of a softmax over the last axis of int8 codes.

    Shape: that of `codes`.
    Special values: the top is held at 127, which says 255/256; from 513 equal codes on every output says 0.
    Error: half a step, 1/512, of a probability, and one step, 1/256, where the top is held.
    """
    codes = np.asarray(codes).astype(np.int64)  # widen first: a difference of two int8 needs 9 bits
    terms = exp_table(scale, codes.shape[-1])[np.max(codes, axis=-1, keepdims=True) - codes]
    total = np.sum(terms, axis=-1, keepdims=True)
    steps = (256 * terms + total // 2) // total  # rounded to the nearest of 256 steps
    return (np.minimum(steps, 255) - 128).astype(np.int8)
