"""Softmax, its logarithm, and the logarithm of the sum that both divide by."""

from __future__ import annotations

import numpy as np

from course_utils.stable.arguments import (
    FLOATS,
    as_axes,
    as_logits,
    as_mask,
    as_out,
    as_rows,
    broadcast,
    from_rows,
    kept_shape,
    last,
    one_of,
    overlap,
)
from course_utils.stable.narrow import narrowed, widened
from course_utils.stable.rows import (
    COMPUTED,
    Blocks,
    exponentials,
    leave_out_max,
    plain,
    quietly,
    row_maxima,
    share_ties,
    small_beside,
    weak,
    within,
)
from course_utils.stable.small import little_log_softmax, little_softmax, shortly
from course_utils.stable.sums import total_and_peak
from course_utils.stable.weighted import weighted_logsumexp


def softmax(logits, axis=-1, *, where=None, out=None, masked="nan"):
    """Probabilities from logits: exp(z - c) / sum(exp(z - c)), c the smallest whole number that makes it safe.

    Shape: any; the result has the shape of `logits`. `axis` is an int, a tuple or None, as in NumPy reductions;
        `where` broadcasts to the shape of `logits`; `out` has exactly that shape and dtype, and may be `logits`.
    Special values: -inf gives 0, and so does an entry that `where` leaves out, whatever it holds. A slice with
        nothing but these gives NaN, or 0 with masked="zeros". A slice that holds +inf or NaN gives NaN, and
        leaves the others alone. Equal logits give 1/n, correctly rounded. Integers are promoted to float64; an
        empty axis gives an empty result.
    Error: 5.7 ulps at most as measured (float32: 5.0), at any spread and offset, and no more where many equal
        small terms stand beside a large one, wherever it stands: pieces of a row are summed first. The last digit
        may depend on the rows computed together with a row. The 16- and 8-bit formats are computed in float32
        and rounded once, to 0.51 ulp.
    Raises: TypeError for logits that are no real numbers (bool, complex, object, masked arrays), for a `where`
        that isn't boolean and an `out` of another dtype; AxisError; ValueError for shapes that don't fit.
    Reference: Blanchard, Higham & Higham 2021, doi 10.1093/imanum/draa038, for the unshifted and the shifted form.
    """
    if where is None and masked == "nan":
        if (result := shortly(little_softmax, logits, axis)) is not None:
            return result if out is None else _given(out, logits, result)
        if out is None and last(axis) and plain(logits, FLOATS):
            return quietly(_map_plain, _softmax_block, logits)
    zeros = one_of(masked, ("nan", "zeros"), "masked") == "zeros"
    return quietly(_map_rows, _softmax_block, logits, axis, where, out, zeros, False)


def log_softmax(logits, axis=-1, *, where=None, out=None, masked="nan"):
    """Log-probabilities without probabilities: (z - max z) - log1p(rest), rest the sum without the largest term.

    Shape: as `softmax`.
    Special values: -inf and what `where` leaves out give -inf; a slice with nothing else gives NaN, or -inf with
        masked="zeros"; +inf or NaN make their slice NaN. Below the format's range the result is -inf (NaN in
        float8_e4m3fn, which has no infinity).
    Error: 4.1 ulps at most as measured, also where a probability is close to 1 and the logarithm close to 0.
        The last digit as in `softmax`.
    Raises: as `softmax`.
    Reference: scipy #19521 and pytorch #113708, where log(1 + tiny) loses every digit.
    """
    if where is None and masked == "nan":
        if (result := shortly(little_log_softmax, logits, axis)) is not None:
            return result if out is None else _given(out, logits, result)
        if out is None and last(axis) and plain(logits, FLOATS):
            return quietly(_map_plain, _log_softmax_block, logits)
    zeros = one_of(masked, ("nan", "zeros"), "masked") == "zeros"
    return quietly(_map_rows, _log_softmax_block, logits, axis, where, out, zeros, True)


def logsumexp(logits, axis=-1, *, b=None, where=None, keepdims=False, return_sign=False):
    """LogSumExp, log(sum(b exp z)): max z + log1p(rest), rest the sum without the largest term.

    Shape: that of `logits` without `axis`, or with ones there (keepdims). `b` and `where` broadcast to `logits`.
    Special values: an empty slice, or one of -inf only, gives -inf; +inf gives +inf; NaN gives NaN. Entries with
        b = 0, or left out by `where`, count for nothing, NaN and inf included. A negative sum gives NaN, or
        with return_sign=True the logarithm of its size and the sign -1; a sum of 0 gives -inf and the sign 0.
    Error: 1 ulp as measured where the result isn't near 0; there 2.1 u max|z|, which the rounding of z itself
        outweighs. With signed `b` equal logits cancel exactly; a UserWarning tells when half the digits are lost.
    Raises: as `softmax`.
    Reference: scipy #18295 (the largest term left out), #22903 (signed weights).
    """
    if b is None and where is None and last(axis) and not (keepdims or return_sign) and plain(logits):
        rows = logits.reshape(-1, logits.shape[-1])
        values = quietly(_logsumexp_block, rows, np.empty_like(rows))
        if logits.dtype != values.dtype:
            values = quietly(values.astype, logits.dtype)
        return values.reshape(logits.shape[:-1])[()]
    return quietly(_logsumexp, logits, axis, b, where, keepdims, return_sign)


def _logsumexp(logits, axis, b, where, keepdims, return_sign):
    logits = as_logits(logits)
    axes = as_axes(axis, logits.ndim)
    values, sign = _logsumexp_rows(logits, axes, b, as_mask(where, logits.shape))
    if not return_sign:
        values = np.where(sign < 0, np.nan, values)
    shape = kept_shape(logits.shape, axes, keepdims)
    values, sign = (part.astype(logits.dtype).reshape(shape)[()] for part in (values, sign))
    return (values, sign) if return_sign else values


def _given(out, logits, result):
    """`out` with the result in it."""
    as_out(out, logits)[...] = result
    return out


def _softmax_block(logits, out, index, row_max, zeros):
    """Fill `out`; return the rows to repeat with their own maximum."""
    sums, peak = total_and_peak(exponentials(logits, out, row_max)[0])
    again = weak(sums, row_max)
    if zeros:
        sums[sums == 0] = 1
    if peak < np.inf and small_beside(peak, sums.item(sums.argmin())):
        np.multiply(out, (1 / sums)[:, None], out=out)
    else:
        np.divide(out, sums[:, None], out=out)
    share_ties(logits, out)
    return again


def _log_softmax_block(logits, out, index, row_max, zeros):
    row_max, log_rest = _log_sum(logits, out)
    if zeros:
        empty = row_max == -np.inf
        row_max[empty] = log_rest[empty] = 0
    # |log p| is log_rest or more: where the log-sum is not much larger, rounding it first costs little.
    if within(row_max / log_rest, -2, 2):
        np.subtract(logits, (row_max + log_rest).astype(logits.dtype, copy=False)[:, None], out=out)
    else:
        np.subtract(logits, row_max.astype(logits.dtype, copy=False)[:, None], out=out)
        np.subtract(out, log_rest.astype(logits.dtype, copy=False)[:, None], out=out)


def _log_sum(logits, out):
    """(max z, log1p of the other terms over the largest) in float64: one number a row, so digits cost little."""
    row_max, largest, rest = leave_out_max(logits, out)
    return row_max.astype(np.float64), np.log1p(np.divide(rest, largest, dtype=np.float64))


def _logsumexp_block(logits, scratch):
    row_max, log_rest = _log_sum(logits, scratch)
    values = row_max + log_rest
    infinite = np.isinf(row_max)  # inf - inf has made NaN of these
    values[infinite] = row_max[infinite]
    return values


def _logsumexp_rows(logits, axes, b, mask):
    """(log of the sum's size, sign of the sum) of each row, in float64."""
    rows = as_rows(logits, axes)
    mask = None if mask is None else as_rows(mask, axes)
    if b is not None:
        weights = broadcast(as_logits(b, "b"), logits.shape, "b")
        return weighted_logsumexp(rows, as_rows(weights, axes), mask)
    values = np.full(len(rows), -np.inf)

    def kernel(block, out, index, row_max):
        values[index] = _logsumexp_block(block, out)

    if rows.size:
        Blocks(rows, mask, by_class=True).run(kernel)
    return values, np.where(np.isnan(values), values, values > -np.inf)


def _map_plain(kernel, logits):
    """The rows of a plain array as one block."""
    if logits.dtype not in COMPUTED:
        wide = widened(logits, np.empty(logits.shape, np.float32))
        return narrowed(_map_plain(kernel, wide), logits.dtype)
    rows = logits if logits.ndim == 2 else logits.reshape(-1, logits.shape[-1])
    result = np.empty_like(rows)
    again = kernel(rows, result, None, None, False)
    if again is not None and again.size:
        block = rows[again]
        kernel(block, out := np.empty_like(block), None, row_maxima(block), False)
        result[again] = out
    return result if logits.ndim == 2 else result.reshape(logits.shape)


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
