"""Between the 16- and 8-bit formats and float32: wide inside, rounded once.

NumPy converts float16 one number at a time, and up to 80 ns for a subnormal one; probabilities below 6e-5
are that. Here float16 is taken apart in a few steps over whole arrays of integers.
"""

from __future__ import annotations

import numpy as np

_TOP = np.uint32(0x4800_0000)  # 2**17, above everything that float16 holds
_LOW = np.uint32(0x3880_0000)  # 2**-14, the smallest normal float16
_INF = np.uint32(0x7C00)


def widened(values: np.ndarray, out: np.ndarray) -> np.ndarray:
    """The same values in the wider format of `out`."""
    if values.dtype != np.float16:
        np.copyto(out, values, casting="unsafe")
        return out
    bits = out.view(np.int32)
    np.copyto(bits, values.view(np.int16))
    bits <<= 13
    bits &= np.int32(-0x7000_0001)  # keep the sign, drop its copies from the exponent's top bits
    out *= np.float32(2.0**112)  # from the bias of float32 to that of float16; subnormals come out right
    if not np.abs(out).max(initial=0) < 65536:  # inf and NaN look like numbers from there on
        np.copyto(out, values, where=np.abs(out) >= 65536)
    return out


def narrowed(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The values rounded once, to nearest even, to the narrower format."""
    if dtype != np.float16 or values.dtype != np.float32:
        return values.astype(dtype, copy=False)
    bits = values.view(np.uint32)
    size = np.minimum(bits & np.uint32(0x7FFF_FFFF), _TOP)
    # Adding a power of two 2**13 larger leaves float16's digits, rounded, at the end of the sum.
    power = np.maximum(size & np.uint32(0x7F80_0000), _LOW)
    anchor = power + np.uint32(13 << 23)
    digits = (size.view(np.float32) + anchor.view(np.float32)).view(np.uint32)
    digits -= anchor
    power -= _LOW
    power >>= 13
    digits += power
    half = np.minimum(digits, _INF, out=digits).astype(np.uint16)
    half |= (bits >> 16).astype(np.uint16) & np.uint16(0x8000)
    half = half.view(np.float16)
    nan = np.isnan(values)
    if nan.any():
        half[nan] = np.nan
    return half
