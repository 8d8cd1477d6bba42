"""The number formats: limits, spacing, bits, rounding and the thresholds of exp.

Every figure here is computed from the format itself, none is typed in: limits come from `finfo`,
and the four cliffs of exp are found by bisection over the values that the format can store.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import ml_dtypes
import numpy as np

STATES = ("ok", "subnormal", "zero", "inf", "NaN")

_UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


@dataclass(frozen=True)
class Format:
    """One floating-point format and the inputs at which exp changes its nature.

    `Format` objects come from `FORMATS` or `format_of`; two are equal when their names are.
    """

    name: str
    dtype: np.dtype

    @cached_property
    def _finfo(self):
        return ml_dtypes.finfo(self.dtype)

    @property
    def bits(self) -> int:
        """Storage in bits."""
        return 8 * self.dtype.itemsize

    @property
    def precision(self) -> int:
        """Significant bits, the hidden one included."""
        return self._finfo.nmant + 1

    @property
    def max(self) -> float:
        """The largest finite value."""
        return float(self._finfo.max)

    @property
    def smallest_normal(self) -> float:
        """The smallest positive value with full precision."""
        return float(self._finfo.smallest_normal)

    @property
    def smallest_subnormal(self) -> float:
        """The smallest positive value at all."""
        return float(self._finfo.smallest_subnormal)

    @property
    def eps(self) -> float:
        """The distance from 1 to the next larger value."""
        return float(self._finfo.eps)

    @cached_property
    def has_inf(self) -> bool:
        """False for float8_e4m3fn: what overflows there becomes NaN."""
        return bool(np.isinf(store(np.inf, self).astype(np.float64)))

    @cached_property
    def exp_first_bad(self) -> float:
        """The smallest input whose exp is no longer finite."""
        return self._cliff(lambda y: ~np.isfinite(y), sign=+1)

    @cached_property
    def exp_last_finite(self) -> float:
        """The largest input whose exp is still finite."""
        return neighbour(self.exp_first_bad, self, up=False)

    @cached_property
    def exp_first_subnormal(self) -> float:
        """Going down, the first input whose exp has lost digits."""
        return self._cliff(lambda y: y.astype(np.float64) < self.smallest_normal, sign=-1)

    @cached_property
    def exp_first_zero(self) -> float:
        """Going down, the first input whose exp is stored as 0."""
        return self._cliff(lambda y: y.astype(np.float64) == 0, sign=-1)

    @property
    def absorption_margin(self) -> float:
        """ln(1/u), u = eps/2: beyond this gap, 1 + exp(-gap) is stored as 1."""
        return float(np.log(2 / self.eps))

    def _cliff(self, fails, sign: int) -> float:
        """Bisect over stored values: their bit patterns, read as integers, are in order."""
        unsigned = _UNSIGNED[self.dtype.itemsize]
        low, high = 0, int(store(self.max, self).view(unsigned))
        while high - low > 1:
            middle = (low + high) // 2
            x = np.array([middle], unsigned).view(self.dtype)
            with np.errstate(all="ignore"):
                failed = bool(fails(np.exp(-x if sign < 0 else x))[0])
            low, high = (low, middle) if failed else (middle, high)
        return sign * float(np.array([high], unsigned).view(self.dtype)[0])


FORMATS = {
    name: Format(name, np.dtype(kind))
    for name, kind in {
        "float64": np.float64,
        "float32": np.float32,
        "float16": np.float16,
        "bfloat16": ml_dtypes.bfloat16,
        "float8_e5m2": ml_dtypes.float8_e5m2,
        "float8_e4m3fn": ml_dtypes.float8_e4m3fn,
    }.items()
}


def format_of(kind) -> Format:
    """The format of an array, a dtype, a scalar type, a `Format` or a name.

    Raises: TypeError when it is none of the six formats, naming what it was.
    """
    if isinstance(kind, Format):
        return kind
    if isinstance(kind, str) and kind in FORMATS:
        return FORMATS[kind]
    try:
        dtype = np.dtype(kind if isinstance(kind, type) else getattr(kind, "dtype", kind))
    except (TypeError, ValueError, SyntaxError):
        raise TypeError(f"kind must be one of {', '.join(FORMATS)}; got {kind!r}") from None
    if dtype.name not in FORMATS:
        raise TypeError(f"dtype {dtype.name} is none of {', '.join(FORMATS)}")
    return FORMATS[dtype.name]


def store(values, kind) -> np.ndarray:
    """What the format keeps of the values you typed: rounded once, silently.

    Shape: any; the result has the shape of `values` and the format's dtype.
    """
    with np.errstate(all="ignore"):
        return _as_float64(values).astype(format_of(kind).dtype)


def _as_array(values) -> np.ndarray:
    try:
        return np.asarray(values)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"values are no array: {error}") from None


def _as_float64(values) -> np.ndarray:
    array = _as_array(values)
    try:
        if array.dtype.kind != "c":
            return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        pass
    raise TypeError(f"values must be real numbers; got {str(values)[:60]!r}") from None


def _one(x, kind) -> np.ndarray:
    stored = store(x, kind)
    if stored.size != 1:
        raise ValueError(f"x must be one number; got shape {stored.shape}")
    return stored.reshape(1)


def neighbour(x, kind, up: bool = True) -> float:
    """The next value the format can store above (or below) the stored x. From -inf to inf; NaN stays."""
    stored = _one(x, kind)
    if np.isnan(stored[0].astype(np.float64)):
        return float("nan")
    unsigned = _UNSIGNED[stored.dtype.itemsize]
    if float(stored[0]) == 0:
        smallest = format_of(kind).smallest_subnormal
        return smallest if up else -smallest
    away_from_zero = (float(stored[0]) > 0) == up
    if away_from_zero and not np.isfinite(stored[0].astype(np.float64)):
        return float(stored[0])
    pattern = stored.view(unsigned) + unsigned(1) if away_from_zero else stored.view(unsigned) - unsigned(1)
    return float(pattern.view(stored.dtype)[0])


def spacing(x, kind) -> np.ndarray:
    """The distance between neighbours in the binade of |x|: one ulp, as a float64.

    Special values: below the smallest normal the spacing is the smallest subnormal; inf and NaN give NaN.
    """
    fmt = format_of(kind)
    size = np.abs(_as_float64(x))
    with np.errstate(all="ignore"):
        exponent = np.frexp(np.maximum(size, fmt.smallest_normal))[1]
        step = np.ldexp(1.0, exponent - fmt.precision)
    return np.where(np.isfinite(size), step, np.nan)


def bit_fields(x, kind) -> tuple[str, str, str]:
    """Sign, exponent and fraction of the stored x, as strings of 0 and 1."""
    fmt = format_of(kind)
    stored = _one(x, fmt)
    text = format(int(stored.view(_UNSIGNED[stored.dtype.itemsize])[0]), f"0{fmt.bits}b")
    split = fmt.bits - fmt.precision + 1
    return text[0], text[1:split], text[split:]


def widened(values) -> np.ndarray:
    """The same values in float32 when their format is narrower, untouched otherwise."""
    array = _as_array(values)
    return array.astype(np.float32) if array.dtype.itemsize < 4 and array.dtype.name in FORMATS else array


def states(values) -> np.ndarray:
    """Name the state of each value: ok, subnormal, zero, inf or NaN.

    Shape: any; an array of strings of the same shape.
    """
    array = _as_array(values)
    size = np.abs(_as_float64(array))
    tests = [np.isnan(size), np.isinf(size), size == 0, size < format_of(array).smallest_normal]
    return np.select(tests, ["NaN", "inf", "zero", "subnormal"], "ok")


@contextmanager
def events():
    """Print what the floating-point unit reported, once a kind and in a fixed order, instead of warnings.

    NumPy's own warning goes to stderr and names a temporary file, which changes from run to run.
    """
    seen = []
    with np.errstate(all="call", under="ignore", call=lambda kind, flag: seen.append(kind)):
        yield seen
    for kind in ("overflow", "divide by zero", "invalid value"):
        if kind in seen:
            print(f"floating-point event: {kind}")
