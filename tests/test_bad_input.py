"""Bad input to the public functions of stable and floats: a result or a clear error, never anything else.

A clear error is a TypeError, a ValueError or an IndexError (AxisError is both) whose message names the
argument that is wrong. `python -m pytest tests/test_bad_input.py --fuzz-minutes 10` looks for ten minutes.
"""

import re
import time
import warnings

import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_utils import floats, stable

EXAMPLES = 150
CLEAR = (TypeError, ValueError, IndexError)
DTYPES = (
    [fmt.dtype for fmt in floats.FORMATS.values()]
    + [np.dtype(code) for code in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", "c8", "c16", "g")]
    + [np.dtype(code) for code in (">f8", ">f4", ">i2", "U3", "S2", "O", "M8[s]", "m8[D]", "V4")]
    + [np.dtype(ml_dtypes.float8_e4m3b11fnuz), np.dtype(ml_dtypes.int4), np.dtype([("a", "f4"), ("b", "i2")])]
)
FLOAT_DTYPES = DTYPES[:6]
EDGES = [0.0, -0.0, 1.0, -1.0, 88.7, -104.0, 709.8, 1e4, -1e9, 1e300, -1e308, 5e-324, 1e-40]
EDGES += [np.inf, -np.inf, np.nan, 65504.0, 448.0, 2.0**24, 0.1]

shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)
numbers = st.sampled_from(EDGES) | st.floats(width=64) | st.integers(-300, 300).map(float)
junk = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=4),
    st.binary(max_size=4),
    st.integers(-(10**400), 10**400),
    st.complex_numbers(),
    st.dictionaries(st.integers(0, 2), st.integers(0, 2), max_size=2),
    st.lists(st.lists(numbers, max_size=3) | numbers, max_size=3),
    st.lists(st.text(max_size=2) | st.none() | st.integers(), max_size=3),
    st.sampled_from([object(), len, np.float64, Ellipsis, slice(2), range(3), 10**400, {1, 2}]),
)


@st.composite
def arrays(draw, dtypes=DTYPES, shape=shapes):
    """An array of any dtype, shape and memory layout."""
    shape, dtype = draw(shape), draw(st.sampled_from(dtypes))
    size = int(np.prod(shape))
    values = np.array(draw(st.lists(numbers, min_size=size, max_size=size)), np.float64).reshape(shape)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        array = values.astype(dtype) if dtype.names is None and dtype.kind != "V" else _of(dtype, values)
    return draw(st.sampled_from(LAYOUTS))(array)


def _of(dtype, values):
    try:
        return values.astype(dtype)
    except (TypeError, ValueError):
        return np.zeros(values.shape, dtype)


def _read_only(array):
    array.flags.writeable = False
    return array


LAYOUTS = [
    lambda a: a,
    lambda a: a.T,
    lambda a: a[::-1] if a.ndim else a,
    lambda a: np.asfortranarray(a),
    lambda a: np.broadcast_to(a, (2, *a.shape)),
    lambda a: a.tolist() if a.dtype.kind in "biuf" else a,
    lambda a: np.ma.masked_array(a, False) if a.dtype.kind in "biuf" else a,
    lambda a: a[()],
    lambda a: a.view(np.matrix) if a.ndim == 2 and a.dtype.kind in "fiu" else a,
    _read_only,
]
axes = st.one_of(
    st.integers(-5, 5),
    st.none(),
    st.lists(st.integers(-3, 3), max_size=3).map(tuple),
    st.sampled_from([1.5, "0", [0], np.int64(0), np.array(0), np.array([0, 1]), True, 10**30, (None,)]),
)
masks = st.none() | arrays([np.dtype(bool), np.dtype("f8"), np.dtype("i8")]) | st.booleans() | junk


@st.composite
def options(draw, **choices):
    """Some of the keyword arguments, each from its own strategy."""
    chosen = draw(st.lists(st.sampled_from(sorted(choices)), unique=True, max_size=3)) if choices else []
    return {name: draw(choices[name]) for name in chosen}


def survives(function, *args, words, **keywords):
    """A result, or a clear error that speaks of one of the arguments; and the input stays as it was."""
    before = repr(args)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("ignore", DeprecationWarning)  # NumPy's word about "a" as the name of a dtype
        state = np.geterr()
        try:
            function(*args, **keywords)
        except CLEAR as error:
            if not re.search(rf"\b({'|'.join([*words, *keywords])})\b", str(error)):
                pytest.fail(f"{type(error).__name__} names no argument: {error}")
        finally:
            assert np.geterr() == state
    assert repr(args) == before or "out" in keywords


@pytest.fixture(scope="module")
def clock(request):
    return request.config.getoption("--fuzz-minutes")


FUZZED = []


def fuzz(*strategies):
    """Hypothesis with a short profile; `--fuzz-minutes` repeats it with new seeds until the time is over."""

    def wrap(body):
        def test(clock):
            quick = settings(
                max_examples=EXAMPLES if not clock else 2000,
                deadline=None,
                database=None,
                derandomize=not clock,
                suppress_health_check=list(HealthCheck),
            )
            end = time.monotonic() + 60 * clock / len(FUZZED)
            count = 0
            while not count or time.monotonic() < end:
                quick(given(*strategies)(body))()
                count += 1
            if clock:
                print(f"{body.__name__}: {count} rounds of 2000 examples")

        FUZZED.append(body.__name__)
        test.__name__ = body.__name__
        return test

    return wrap


LOGITS = ["logits", "axis", "axes"]


@fuzz(
    st.sampled_from([stable.softmax, stable.log_softmax]),
    arrays() | junk,
    axes,
    options(where=masks, out=arrays() | junk, masked=st.sampled_from(["nan", "zeros", "", None, 1])),
)
def test_probabilities(function, logits, axis, more):
    survives(function, logits, axis, words=LOGITS, **more)


@fuzz(
    arrays() | junk,
    axes,
    options(b=arrays() | junk, where=masks, keepdims=st.booleans(), return_sign=st.booleans()),
)
def test_logsumexps(logits, axis, more):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # cancellation is reported that way
        survives(stable.logsumexp, logits, axis, words=[*LOGITS, "b"], **more)


loss_options = options(
    axis=axes,
    weight=arrays() | junk,
    ignore_index=st.none() | st.integers(-101, 5) | junk,
    label_smoothing=st.floats() | junk,
    reduction=st.sampled_from(["mean", "sum", "none", "max", None, 3]),
    empty=st.sampled_from(["nan", "zero", "", 0]),
    check_sum=st.booleans(),
)
LOSSES = st.sampled_from([stable.cross_entropy, stable.cross_entropy_with_grad])


@fuzz(LOSSES, arrays() | junk, arrays() | junk, loss_options)
def test_losses(function, logits, targets, more):
    survives(function, logits, targets, words=[*LOGITS, "targets"], **more)


@st.composite
def nearly_right(draw):
    """Logits and targets whose shapes fit, with a few entries that don't."""
    rows, classes = draw(st.integers(0, 4)), draw(st.integers(0, 4))
    logits = draw(arrays(FLOAT_DTYPES, st.just((rows, classes))))
    soft = draw(st.booleans())
    entries = st.floats(0, 1) | st.sampled_from([np.nan, -0.5, 2.0]) if soft else st.integers(-2, 5)
    size = rows * (classes if soft else 1)
    shape = (rows, classes) if soft else (rows,)
    targets = np.array(draw(st.lists(entries, min_size=size, max_size=size)), float if soft else int)
    return logits, targets.reshape(shape)


@fuzz(LOSSES, nearly_right(), loss_options)
def test_nearly_right_losses(function, pair, more):
    survives(function, *pair, words=[*LOGITS, "targets"], **more)


kinds = st.sampled_from([*floats.FORMATS, *DTYPES, np.float32, np.longdouble, "f4", "float128", ""]) | junk


@fuzz(st.sampled_from([floats.format_of]), kinds | arrays())
def test_formats(function, kind):
    survives(function, kind, words=["kind", "dtype"])


@fuzz(
    st.sampled_from([floats.store, floats.spacing, floats.neighbour, floats.bit_fields]),
    arrays() | junk | numbers,
    kinds,
)
def test_format_functions(function, values, kind):
    survives(function, values, kind, words=["kind", "dtype", "values", "x"])


@fuzz(st.sampled_from([floats.widened, floats.states]), arrays() | junk)
def test_array_functions(function, values):
    survives(function, values, words=["values", "dtype", "kind"])


@pytest.mark.parametrize("dtype", FLOAT_DTYPES, ids=lambda dtype: dtype.name)
def test_a_nan_among_narrow_targets_is_named_without_a_warning(dtype):
    """Found by the long fuzz."""
    with pytest.raises(ValueError, match=r"targets\[0, 1\] = nan is no probability"):
        stable.cross_entropy(np.zeros((1, 2)), np.array([[1, np.nan]], dtype))


def test_the_fuzz_can_fail():
    """What it looks for, it sees."""

    def vague(logits):
        raise ValueError("something is wrong")

    def crash(logits):
        raise ZeroDivisionError("logits")

    def warn(logits):
        warnings.warn("overflow", RuntimeWarning, stacklevel=1)

    for function, seen in (
        (vague, pytest.fail.Exception),
        (crash, ZeroDivisionError),
        (warn, RuntimeWarning),
    ):
        with pytest.raises(seen):
            survives(function, [1.0], words=LOGITS)
