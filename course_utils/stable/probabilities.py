"""Softmax, its logarithm, and the logarithm of the sum that both divide by."""

from __future__ import annotations

import numpy as np

from course_utils.stable.arguments import as_axes, as_logits, as_mask, as_out, as_rows, kept_shape, one_of
from course_utils.stable.rows import Blocks, exponentials, leave_out_max, total, weak
from course_utils.stable.weighted import weighted_logsumexp


def softmax(logits, axis=-1, *, where=None, out=None, masked="nan"):
    with np.errstate(all="ignore"):
        return _map_rows(_softmax_block, logits, axis, where, out, masked)


def log_softmax(logits, axis=-1, *, where=None, out=None, masked="nan"):
    with np.errstate(all="ignore"):
        return _map_rows(_log_softmax_block, logits, axis, where, out, masked)


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
    terms, shift = exponentials(logits, out, row_max)
    sums = total(terms)
    if zeros:
        sums[sums == 0] = 1
    np.divide(terms, sums[:, None], out=out)
    return weak(sums, shift)


def _log_softmax_block(logits, out, index, row_max, zeros):
    row_max, largest, rest = leave_out_max(logits, np.empty_like(logits))
    log_sum = np.log1p(rest / largest)
    if zeros:
        empty = row_max == -np.inf
        row_max[empty] = log_sum[empty] = 0
    np.subtract(logits, row_max[:, None], out=out)
    np.subtract(out, log_sum[:, None], out=out)


def _logsumexp_rows(rows, mask):
    values = np.full(len(rows), -np.inf)

    def block(logits, out, index, row_max):
        row_max, largest, rest = leave_out_max(logits, out)
        log_sum = row_max.astype(np.float64) + np.log1p(rest.astype(np.float64) / largest)
        values[index] = np.where(np.isinf(row_max), row_max, log_sum)

    if rows.size:
        Blocks(rows, mask).run(block)
    return values


def _map_rows(block, logits, axis, where, out, masked):
    logits = as_logits(logits)
    axes = as_axes(axis, logits.ndim)
    mask = as_mask(where, logits.shape)
    result = as_out(out, logits)
    zeros = one_of(masked, ("nan", "zeros"), "masked") == "zeros"
    if logits.size:
        if np.may_share_memory(logits, result) and logits.__array_interface__ != result.__array_interface__:
            logits = logits.copy()
        rows, into = as_rows(logits, axes), as_rows(result, axes)
        mask = None if mask is None else as_rows(mask, axes)
        Blocks(rows, mask).run(lambda *parts: block(*parts, zeros), into)
        if not np.may_share_memory(into, result):  # these axes can't be seen as rows without a copy
            moved = np.moveaxis(result, axes, range(-len(axes), 0))
            moved[...] = into.reshape(moved.shape)
    return result[()] if out is None else out
