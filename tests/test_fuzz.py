"""A short run of the fuzz of `stable`, and the proof that it sees what it is meant to see.

`python -m tests.fuzz --minutes 60` is the long one.
"""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import truth
from course_utils import floats, reference, shifted, stable
from tests.fuzz import judge
from tests.fuzz.__main__ import calls
from tests.fuzz.inputs import Call, rows
from tests.fuzz.layouts import DRESSES, SHAPES, dressed, layout
from tests.fuzz.shrink import shrunk, snippet

SEED, CHUNKS, CALLS = 12, 8, 300


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_call_comes_out_as_promised(chunk):
    for number, call in calls(SEED, range(chunk * CALLS, (chunk + 1) * CALLS)):
        if judge.judge(call):
            smaller, message = shrunk(call)
            pytest.fail(f"call {number} of seed {SEED}: {message}\n{snippet(smaller)}")


def test_the_same_seed_makes_the_same_calls():
    for (_, one), (_, other) in zip(calls(3, range(20)), calls(3, range(20)), strict=True):
        assert snippet(one) == snippet(other)


def test_the_calls_reach_everything():
    """Every function, format, layout and option is drawn within a thousand calls."""
    made = [call for _, call in calls(0, range(1000))]
    seen = {(call.function, call.dtype) for call in made}
    assert {name for _, name in seen} >= {*floats.FORMATS, "int8", "uint64"}
    assert len({name for name, _ in seen}) == 5
    assert {call.shape for call in made} == set(SHAPES)
    assert {call.dress for call in made} == set(DRESSES)
    assert {call.out for call in made} == {"", "fresh", "alias", "overlap"}
    assert {name for call in made for name in call.parts} == {"where", "b", "targets", "soft"}
    assert {name for call in made for name in call.options} == {
        *("masked", "keepdims", "return_sign", "weight", "ignore_index"),
        *("label_smoothing", "reduction", "empty", "check_sum"),
    }
    assert max(call.rows.shape[1] for call in made) > 600
    assert max(call.rows.shape[0] for call in made) > 100


@pytest.mark.skipif(not truth.EXACT_ENOUGH, reason="longdouble is float64 here: mpmath judges every call")
def test_the_fast_oracle_agrees_with_mpmath():
    random = np.random.default_rng(5)
    for fmt in map(floats.format_of, ("float64", "float32")):
        for _ in range(30):
            z = rows(random, fmt, 3, int(random.integers(1, 30)))
            for name in ("softmax", "log_softmax", "logsumexp"):
                exact = judge.wide(getattr(reference, name)(z, dtype=object))
                with np.errstate(invalid="ignore"):
                    off = np.abs(getattr(truth, name)(z) - exact)
                near_zero = (
                    2 * np.abs(np.nan_to_num(z, posinf=0, neginf=0)).max() if name == "logsumexp" else 0
                )
                fine = 1e-17 * np.maximum(np.abs(exact), near_zero) + 5e-324
                assert np.all((off <= fine) | np.isnan(exact) | np.isinf(exact))
                assert np.array_equal(np.isnan(exact), np.isnan(getattr(truth, name)(z)))


def test_layouts_come_back():
    values = np.arange(24.0).reshape(4, 6)
    for name in SHAPES:
        for count in (1, 4):
            place = layout(name, count, 6)
            for dress in DRESSES:
                array = np.asarray(dressed(place.place(values[:count]), dress)).astype(float)
                assert np.array_equal(place.rows(array, count), values[:count])
            if count == 1 or name != "number":
                sums = array.sum(axis=place.axis)
                assert np.array_equal(sums.reshape(-1), values[:count].sum(axis=1))
                assert np.array_equal(sums, place.place_kept(values[:count].sum(axis=1)))


def _room(**changed):
    names = ("softmax", "log_softmax", "logsumexp", "cross_entropy", "cross_entropy_with_grad")
    return SimpleNamespace(**{name: getattr(stable, name) for name in names} | changed)


def _writes(logits, **options):
    result = stable.softmax(logits, **options)
    logits[...] = 0
    return result


def _warns(logits, **options):
    return stable.softmax(logits, **options) + 0 * (np.zeros(1) / np.zeros(1))[0]


def _knows_its_neighbours(logits, axis=-1):
    return shifted.softmax(logits) * (1 + np.finfo(float).eps * (len(logits) > 1))


BATCH = Call("softmax", "float64", np.array([[0.3, 0.1], [900.0, 899.0], [0.5, -700.0]]))
BROKEN = {
    "an argument was written to": (BATCH, {"softmax": _writes}),
    "RuntimeWarning": (BATCH, {"softmax": _warns}),
    "alone": (BATCH, {"softmax": _knows_its_neighbours}),
    "ulps": (BATCH, {"softmax": lambda z, axis=-1: stable.softmax(z, axis) * (1 + 2e-15)}),
    "dtype": (BATCH, {"softmax": lambda z, axis=-1: stable.softmax(z, axis).astype(np.float32)}),
    "shape": (BATCH, {"softmax": lambda z, axis=-1: stable.softmax(z, axis)[0]}),
    "TypeError": (replace(BATCH, options={"masked": "zeros"}), {"softmax": shifted.softmax}),
    "truth -39.1": (
        Call("logsumexp", "float64", np.array([[0, -1e-17]]), parts={"b": np.array([[1.0, -1.0]])}),
        {"logsumexp": lambda z, axis=-1, b=None: np.float64([-np.inf])},
    ),
    "truth 1.0": (
        Call("logsumexp", "float64", np.array([[800.0, 800, 1]]), parts={"b": np.array([[1.0, -1.0, 1.0]])}),
        {"logsumexp": lambda z, axis=-1, b=None: np.float64([np.nan])},
    ),
    "truth -6.8": (
        Call("log_softmax", "float32", np.array([[0.0] + [-104.0] * 1000])),
        {"log_softmax": lambda z, axis=-1: shifted.log_softmax(z).astype(np.float32)},
    ),
    "truth nan": (
        Call(
            "cross_entropy",
            "float64",
            np.zeros((1, 2)),
            parts={"targets": np.array([0])},
            options={"weight": np.array([0.0, 1.0]), "label_smoothing": 0.1},
        ),
        {"cross_entropy": lambda z, **options: np.float64(np.inf)},
    ),
}


@pytest.mark.parametrize("seen", BROKEN)
def test_the_fuzz_can_fail(seen, monkeypatch):
    """What it looks for, it sees; and with the room as it is, it is content."""
    call, changed = BROKEN[seen]
    monkeypatch.setattr(judge, "stable", _room(**changed))
    assert seen in judge.judge(call)
    smaller, message = shrunk(call, 1)
    assert seen in message or "ulps" in message
    assert smaller.rows.size <= call.rows.size
    assert "stable." in snippet(smaller)
