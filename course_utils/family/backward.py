"""What softmax and log_softmax send back, from the logits: without p - 1, and without a NaN for what is masked."""

import numpy as np

from course_utils.family.wide import along_last, put_back, rounded, widened
from course_utils.stable import log_softmax, softmax


def softmax_backward(logits, upstream, axis=-1, *, masked="nan"):
    """The gradient in the logits, p (g - sum(p g)), for the gradient g in the probabilities.

    Formula: g is measured from its value at the most probable class; then no 1 - p is ever formed.
    Shape: `logits` and `upstream` broadcast, and so is the result.
    Special values: a class at -inf gets 0, and what `upstream` holds there counts for nothing, NaN included. A row
        without a distribution gives NaN; with masked="zeros" a row of nothing but -inf gives 0.
    Error: 12 ulps of the largest term in float64; narrower formats are rounded once.
    Raises: ValueError where there is no class; AxisError; TypeError for what is no real number.
    Reference: flash-attention #1745: `nan_to_num` after the softmax mends the forward pass alone.
    """
    z, g, dtype = widened(logits, upstream)
    shape = z.shape
    z, g = along_last(z, g, axis=axis)
    with np.errstate(all="ignore"):
        p, top = softmax(z, masked=masked), z.argmax(axis=-1, keepdims=True)
        gap = np.where(z == -np.inf, 0.0, g - np.take_along_axis(g, top, -1))
        result = p * (gap - np.sum(p * gap, axis=-1, keepdims=True))
    return rounded(put_back(result, axis, shape), dtype)


def log_softmax_backward(logits, upstream, axis=-1, *, masked="nan"):
    """The gradient in the logits, g - p sum(g), for the gradient g in the log-probabilities.

    Formula: at the most probable class (1 - p) g - p (sum of the other g), with 1 - p summed, not subtracted.
    Shape, error, raises: as `softmax_backward`.
    Special values: a row without a distribution gives NaN; with masked="zeros" a row of nothing but -inf gives 0.
    Reference: lesson 06: p - 1 is 0 from a margin of 17 on in float32, where the model still has to learn.
    """
    z, g, dtype = widened(logits, upstream)
    shape = z.shape
    z, g = along_last(z, g, axis=axis)
    with np.errstate(all="ignore"):
        p, top = softmax(z, masked=masked), z.argmax(axis=-1, keepdims=True)
        own, p_own = (np.take_along_axis(array, top, -1) for array in (g, p))
        others = g.copy()
        np.put_along_axis(others, top, 0, -1)
        others = others.sum(axis=-1, keepdims=True)
        result = g - p * (own + others)
        rest = -np.expm1(np.take_along_axis(log_softmax(z), top, -1))
        np.put_along_axis(result, top, rest * own - p_own * others, -1)
        if masked == "zeros":
            result[(z == -np.inf).all(axis=-1)] = 0
    return rounded(put_back(result, axis, shape), dtype)
