"""What is left of probabilities that are stored in 8 bits, or in 4.

Each way takes probabilities and returns those that a reader of the stored bits gets back, as float64.

Reference: Rouhani et al. 2023, Microscaling data formats for deep learning, arXiv 2310.10537.
"""

from __future__ import annotations

import numpy as np

from course_utils import floats

FLOAT4 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])  # every number of float4_e2m1, with a + sign
BLOCK = 32


def steps_of_256(p) -> np.ndarray:
    """The nearest of 255 steps of 1/256, as an int8 output of a softmax. Error: 1/512; 1/256 near 1."""
    return np.minimum(np.rint(256 * np.asarray(p)), 255) / 256


def float8(p) -> np.ndarray:
    """The nearest float8_e4m3fn. Error: 6.3 %, and everything below 1/1024 is 0."""
    return floats.store(p, "float8_e4m3fn").astype(np.float64)


def float8_of_256_p(p) -> np.ndarray:
    """The nearest float8_e4m3fn of 256 p, divided again: its range ends at 448, so 256 times 1 fits."""
    return float8(256 * np.asarray(p)) / 256


def steps_of_log_p(p) -> np.ndarray:
    """log p in steps of 1/16, from 0 down to -255/16. Error: 3.2 % wherever p is above 1.2e-7."""
    with np.errstate(divide="ignore"):
        steps = np.rint(-16 * np.log(np.asarray(p)))
    return np.exp(-np.minimum(steps, 255) / 16)


def float4(p) -> np.ndarray:
    """The nearest float4_e2m1. From 0 to 1 it has three numbers: 0, 1/2 and 1; everything up to 1/4 is 0."""
    return _nearest_float4(np.asarray(p, dtype=np.float64))


def blocks_of_float4(p) -> np.ndarray:
    """MX: 32 numbers of 4 bits share a power of 2, here one under which the largest of them fits.

    Raises: ValueError when the last axis is no multiple of 32.
    """
    p = np.asarray(p, dtype=np.float64)
    if p.shape[-1] % BLOCK:
        raise ValueError(f"the last axis must be a multiple of {BLOCK}; it has {p.shape[-1]} numbers")
    blocks = p.reshape(-1, BLOCK)
    largest = np.maximum(blocks.max(axis=1, keepdims=True), 2.0**-126)
    share = 2.0 ** np.ceil(np.log2(largest / FLOAT4[-1]))
    return (_nearest_float4(blocks / share) * share).reshape(p.shape)


def _nearest_float4(values):
    places = np.interp(values, FLOAT4, np.arange(len(FLOAT4)))
    return FLOAT4[np.rint(places).astype(int)]  # halfway, rint takes the even place: the even pattern of bits


WAYS = {
    "int8, steps of 1/256": steps_of_256,
    "float8_e4m3fn": float8,
    "float8_e4m3fn of 256 p": float8_of_256_p,
    "int8 of log p, steps of 1/16": steps_of_log_p,
    "float4: 0, 1/2 or 1": float4,
    "float4, a power of 2 for each 32": blocks_of_float4,
}
