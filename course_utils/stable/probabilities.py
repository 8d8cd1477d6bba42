"""Softmax, its logarithm, and the logarithm of the sum that both divide by."""

import numpy as np

from course_utils.stable import arguments
from course_utils.stable.rows import each_block, exponentials, largest, leave_one_out, smallest_shift, total
from course_utils.stable.weights import signed_logsumexp


def softmax(logits, axis=-1, *, where=None, out=None, masked="nan"):
    """Probabilities from logits: exp(z - c) / sum(exp(z - c)), c the smallest whole number that makes it safe.

    Shape: any; the result has the shape of `logits`. `axis` is an int, a tuple or None, as in NumPy reductions;
        `where` broadcasts to the shape of `logits`; `out` has exactly that shape and dtype, and may be `logits`.
    Special values: -inf gives 0, and so does an entry that `where` leaves out, whatever it holds. A slice with
        nothing but these gives NaN, or 0 with masked="zeros". A slice that holds +inf or NaN gives NaN, and
        leaves the others alone. Equal logits give 1/n, correctly rounded. Integers are promoted to float64; an
        empty axis gives an empty result.
    Error: 8 ulps in float32, 7 in float64, at any spread and offset, as measured over millions of rows; 16 where
        hundreds of terms are equal, for their roundings all go one way. The 16- and 8-bit formats are rounded
        once, to 0.51 ulp. A row gets the same digits alone and in any batch of its dtype and memory order.
    Raises: TypeError for logits that are no real numbers (bool, complex, object, masked arrays), for a `where`
        that isn't boolean and an `out` of another dtype; AxisError; ValueError for shapes that don't fit.
    Reference: Blanchard, Higham & Higham 2021, doi 10.1093/imanum/draa038, for the unshifted and the shifted form.
    """
    return _map_rows(_softmax_block, logits, axis, where, out, masked, 0)


def log_softmax(logits, axis=-1, *, where=None, out=None, masked="nan"):
    """Log-probabilities without probabilities: (z - max z) - log1p(rest), rest the sum without the largest term.

    Shape: as `softmax`.
    Special values: -inf and what `where` leaves out give -inf; a slice with nothing else gives NaN, or -inf with
        masked="zeros"; +inf or NaN make their slice NaN. Below the format's range the result is -inf (NaN in
        float8_e4m3fn, which has no infinity).
    Error: as `softmax`, also where a probability is close to 1 and the logarithm close to 0.
    Raises: as `softmax`.
    Reference: scipy #19521 and pytorch #113708, where log(1 + tiny) loses every digit.
    """
    return _map_rows(_log_softmax_block, logits, axis, where, out, masked, -np.inf)


def logsumexp(logits, axis=-1, *, b=None, where=None, keepdims=False, return_sign=False):
    """LogSumExp, log(sum(b exp z)): max z + log1p(rest), rest the sum without the largest term.

    Shape: that of `logits` without `axis`, or with ones there (keepdims). `b` and `logits` broadcast each other,
        and the result has NumPy's result type of both; `where` broadcasts to their shape.
    Special values: an empty slice, or one of -inf only, gives -inf; +inf gives +inf; NaN gives NaN. Entries with
        b = 0, or left out by `where`, count for nothing, NaN and inf included. A negative sum gives NaN, or
        with return_sign=True the logarithm of its size and the sign -1; a sum of 0 gives -inf and the sign 0.
    Error: as `softmax`; where the result is near 0, 8 u max|z|, which the rounding of z itself outweighs. Signed
        weights that cancel cost no digits, but time: such a row is summed in decimals, as many as it takes.
    Raises: as `softmax`.
    Reference: scipy #18295 (the largest term left out), #22903 (signed weights).
    """
    logits, b, dtype = arguments.weighted(arguments.as_logits(logits), b)
    axes = arguments.as_axes(axis, logits.ndim)
    rows = arguments.as_rows(logits, axes)
    mask = arguments.as_mask(where, logits.shape)
    mask = None if mask is None else arguments.as_rows(mask, axes)
    with np.errstate(all="ignore"):
        if b is None:
            values = _logsumexp_rows(rows, mask)
            sign = np.where(np.isnan(values), values, values > -np.inf)
        else:
            values, sign = signed_logsumexp(rows, arguments.as_rows(b, axes), mask)
        if not return_sign:
            values = np.where(sign < 0, np.nan, values)
        shape = arguments.kept_shape(logits.shape, axes, keepdims)
        values, sign = (part.astype(dtype).reshape(shape)[()] for part in (values, sign))
    return (values, sign) if return_sign else values


def _softmax_block(block, out):
    shift = smallest_shift(block, np.maximum.reduce(block, axis=1))
    terms = exponentials(block, shift, out)
    np.divide(terms, total(terms)[:, None], out=out)


def _log_softmax_block(block, out):
    row_max, log_rest = _log_sum(block)
    np.subtract(block, row_max[:, None], out=out)
    np.subtract(out, log_rest.astype(out.dtype)[:, None], out=out)


def _log_sum(block):
    """(max z, log1p of the other terms over the largest), the latter in float64: digits cost little there."""
    row_max, at = largest(block)
    own, rest = leave_one_out(block, smallest_shift(block, row_max), at)
    return row_max, np.log1p(rest / own)


def _logsumexp_rows(rows, mask):
    values = np.full(len(rows), -np.inf)

    def kernel(block, out, index):
        row_max, log_rest = _log_sum(block)
        values[index] = np.where(np.isinf(row_max), row_max, row_max + log_rest)

    each_block(kernel, rows, rows.dtype, mask=mask)
    return values


@np.errstate(all="ignore")
def _map_rows(fill, logits, axis, where, out, masked, nothing):
    """Let `fill` make every row; `nothing` is the value of a row without any class under masked="zeros"."""
    arguments.check_choice(masked, ("nan", "zeros"), "masked")
    logits = arguments.as_logits(logits)
    axes = arguments.as_axes(axis, logits.ndim)
    mask = arguments.as_mask(where, logits.shape)
    result, logits = arguments.as_out(out, logits)
    rows, into = arguments.as_rows(logits, axes), arguments.as_rows(result, axes)

    def kernel(block, out, index):
        empty = (block == -np.inf).all(axis=1) if masked == "zeros" else False
        fill(block, out)
        out[empty] = nothing

    each_block(kernel, rows, rows.dtype, into, None if mask is None else arguments.as_rows(mask, axes))
    arguments.from_rows(into, result, axes)
    return result[()] if out is None else out
