"""Between the 16- and 8-bit formats and float32: wide inside, rounded once.

NumPy converts float16 one number at a time, and up to 80 ns for a subnormal one; probabilities below 6e-5
are that. Here float16 is taken apart in a few steps over whole arrays of integers.
"""

from __future__ import annotations

import numpy as np

_FEW = 512  # NumPy's own conversion wins up to here
_TOP = np.float32(65536.0).view(np.uint32)  # rounds to inf, as everything above it does
_LOW = np.float32(2.0**-14).view(np.uint32)  # the smallest normal float16
_EXPONENT = np.uint32(0x7F80_0000)
_STEPS = np.uint32(13 << 23)  # float32 has 13 digits more than float16
_BIAS = np.uint16(int(_LOW) >> 13 & 0xFFFF)


def widened(values: np.ndarray, out: np.ndarray) -> np.ndarray:
    """The same values in the wider format of `out`."""
    if values.dtype != np.float16 or values.size <= _FEW:
        np.copyto(out, values, casting="unsafe")
        return out
    bits = out.view(np.int32)
    np.copyto(bits, values.view(np.int16))
    bits <<= 13
    bits &= np.int32(-0x7000_0001)  # keep the sign, drop its copies from the exponent's top bits
    out *= np.float32(2.0**112)  # from the bias of float32 to that of float16; subnormals come out right
    if not -65536 < out.item(out.argmin()) <= out.item(out.argmax()) < 65536:
        # inf and NaN look like numbers from there on
        np.copyto(out, values, where=np.abs(out) >= 65536)
    return out


def narrowed(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The values rounded once, to nearest even, to the narrower format."""
    if dtype != np.float16 or values.dtype != np.float32 or values.size <= _FEW:
        return values.astype(dtype, copy=False)
    bits = values.view(np.uint32)
    if 0 <= values.item(values.argmin()) <= values.item(values.argmax()) <= 1:  # probabilities
        return _rounded(bits).view(np.float16)
    half = _rounded(np.minimum(bits & np.uint32(0x7FFF_FFFF), _TOP))
    half |= (bits >> 16).astype(np.uint16) & np.uint16(0x8000)
    result = half.view(np.float16)
    np.copyto(result, np.float16(np.nan), where=np.isnan(values))
    return result


def _rounded(bits: np.ndarray) -> np.ndarray:
    """The float16 patterns nearest to float32 patterns of numbers from 0 to 65536.

    Adding a power of two that is 2**13 times larger leaves float16's digits, rounded, at the end of the sum.
    """
    power = bits & _EXPONENT
    np.maximum(power, _LOW, out=power)
    total = power + _STEPS
    np.add(bits.view(np.float32), total.view(np.float32), out=total.view(np.float32))
    half = total.astype(np.uint16)  # the digits; the exponent is above them
    power >>= 13
    half += power.astype(np.uint16)
    half -= _BIAS
    return half
