"""Softmax, its logarithm, and the logarithm of the sum that both divide by."""

from __future__ import annotations

import numpy as np

from course_utils.stable.arguments import (
    as_axes,
    as_logits,
    as_mask,
    as_out,
    as_rows,
    from_rows,
    kept_shape,
    one_of,
    overlap,
)
from course_utils.stable.rows import Blocks, exponentials, leave_out_max, plain, tame, total, weak, within
from course_utils.stable.weighted import weighted_logsumexp

MODEST = 1 << 15  # up to so many numbers a loop over blocks isn't worth its overhead


def softmax(logits, axis=-1, *, where=None, out=None, masked="nan"):
    zeros = one_of(masked, ("nan", "zeros"), "masked") == "zeros"
    if where is None and out is None and axis == -1 and plain(logits) and tame(logits):
        terms = np.exp(logits)
        terms /= total(terms)[..., None]
        return terms
    with np.errstate(all="ignore"):
        return _map_rows(_softmax_block, logits, axis, where, out, zeros, by_class=False)


def log_softmax(logits, axis=-1, *, where=None, out=None, masked="nan"):
    zeros = one_of(masked, ("nan", "zeros"), "masked") == "zeros"
    with np.errstate(all="ignore"):
        if where is None and out is None and axis == -1 and plain(logits, MODEST):
            rows = logits.reshape(-1, logits.shape[-1])
            result = np.empty_like(rows)
            _log_softmax_block(rows, result, None, None, zeros)
            return result.reshape(logits.shape)
        return _map_rows(_log_softmax_block, logits, axis, where, out, zeros, by_class=True)


def logsumexp(logits, axis=-1, *, b=None, where=None, keepdims=False, return_sign=False):
    logits = as_logits(logits)
    axes = as_axes(axis, logits.ndim)
    mask = as_mask(where, logits.shape)
    rows = as_rows(logits, axes)
    mask = None if mask is None else as_rows(mask, axes)
    with np.errstate(all="ignore"):
        if b is None:
            values = _logsumexp_rows(rows, mask)
            sign = np.where(np.isnan(values), values, values > -np.inf)
        else:
            weights = np.broadcast_to(as_logits(b, "b"), logits.shape)
            values, sign = weighted_logsumexp(rows, as_rows(weights, axes), mask)
            values = values if return_sign else np.where(sign < 0, np.nan, values)
        shape = kept_shape(logits.shape, axes)
        if keepdims:
            shape = tuple(1 if axis in axes else size for axis, size in enumerate(logits.shape))
        values, sign = (part.astype(logits.dtype).reshape(shape)[()] for part in (values, sign))
    return (values, sign) if return_sign else values


def _softmax_block(logits, out, index, row_max, zeros):
    terms, _ = exponentials(logits, out, row_max)
    sums = total(terms)
    if zeros:
        sums[sums == 0] = 1
    np.divide(terms, sums[:, None], out=out)
    return weak(sums, row_max)


def _log_softmax_block(logits, out, index, row_max, zeros):
    row_max, log_rest = _log_sum(logits, out)
    if zeros:
        empty = row_max == -np.inf
        row_max[empty] = log_rest[empty] = 0
    # |log p| is log_rest or more: where the log-sum is not much larger, rounding it first costs little.
    if within(row_max / log_rest, -2, 2):
        np.subtract(logits, (row_max + log_rest).astype(logits.dtype)[:, None], out=out)
    else:
        np.subtract(logits, row_max.astype(logits.dtype)[:, None], out=out)
        np.subtract(out, log_rest.astype(logits.dtype)[:, None], out=out)


def _log_sum(logits, out):
    """(max z, log1p of the other terms over the largest) in float64: one number a row, so digits cost little."""
    row_max, largest, rest = leave_out_max(logits, out)
    return row_max.astype(np.float64), np.log1p(rest.astype(np.float64) / largest)


def _logsumexp_rows(rows, mask):
    values = np.full(len(rows), -np.inf)

    def block(logits, out, index, row_max):
        row_max, log_rest = _log_sum(logits, out)
        values[index] = np.where(np.isinf(row_max), row_max, row_max + log_rest)

    if rows.size:
        Blocks(rows, mask, by_class=True).run(block)
    return values


def _map_rows(kernel, logits, axis, where, out, zeros, by_class):
    """Give every row to the kernel and return an array of the logits' shape and dtype."""
    logits = as_logits(logits)
    axes = as_axes(axis, logits.ndim)
    mask = as_mask(where, logits.shape)
    result = as_out(out, logits)
    if logits.size:
        if out is not None and overlap(logits, out):
            logits = logits.copy()
        rows, into = as_rows(logits, axes), as_rows(result, axes)
        mask = None if mask is None else as_rows(mask, axes)
        Blocks(rows, mask, by_class).run(lambda *parts: kernel(*parts, zeros), into)
        from_rows(into, result, axes)
    return result[()] if out is None else out
