"""The page's arithmetic beside NumPy's: the same rounding, the same states, 1 ulp at most."""

import platform
from pathlib import Path

import numpy as np
import pytest

from course_utils import floats, naive, pipeline, plots, shifted

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["float64", "float32", "float16", "bfloat16"]
ROOMS = {"naive": naive, "shifted": shifted}
each_format = pytest.mark.parametrize("name", NAMES)
# The page has NumPy's own exp of a float32 on x86 processors, which is up to 2.5 ulps from the truth; elsewhere NumPy
# asks the C library. In float64 both ask a library, and softmax adds up what they differ by.
X86 = platform.machine() in ("x86_64", "AMD64")
EXP_ULPS = {"float64": 1, "float32": 1 if X86 else 3, "float16": 1, "bfloat16": 1}
P_ULPS = {**EXP_ULPS, "float64": 3, "float32": 1 if X86 else 8}


@pytest.fixture(scope="module")
def js(browser):
    """Call a function of floats.js or states.js: js("all => all.map((x) => store(x, 'float16'))", numbers)."""
    page = browser.new_page()
    sources = [(ROOT / "course_utils" / name).read_text("utf-8") for name in ("floats.js", "states.js")]
    page.evaluate(
        """async (source) => Object.assign(window,
            await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" }))))""",
        "\n".join(sources),
    )
    yield lambda code, *arguments: page.evaluate(code, *arguments)
    page.close()


def ordinals(values, name):
    """Whole numbers that count the stored values in order; neighbours differ by 1."""
    bits = floats.store(values, name)
    signed = bits.view(f"i{bits.dtype.itemsize}").astype(np.int64)
    return np.where(
        signed < 0, np.iinfo(np.int64).min >> 64 - 8 * bits.dtype.itemsize, 0
    ) - signed * np.where(signed < 0, 1, -1)


def assert_close(ours, theirs, name, ulps):
    """In the same state, and at most `ulps` apart."""
    ours, theirs = (floats.store(np.array(values, np.float64), name) for values in (ours, theirs))
    assert np.array_equal(floats.states(ours), floats.states(theirs))
    number = np.isfinite(theirs.astype(np.float64))
    apart = np.abs(ordinals(ours[number], name) - ordinals(theirs[number], name))
    assert apart.max(initial=0) <= ulps, theirs[number][np.argmax(apart)]


def assert_same(ours, theirs):
    np.testing.assert_array_equal(np.array(ours, np.float64), np.asarray(theirs).astype(np.float64))


def edges(name):
    """Numbers around everything that happens in a format: limits, cliffs of exp, ties, subnormals."""
    fmt = floats.FORMATS[name]
    marks = [fmt.max, fmt.smallest_normal, fmt.smallest_subnormal, 1.0, 3.0, 100.0]
    marks += [fmt.exp_last_finite, fmt.exp_first_bad, -fmt.exp_first_subnormal, -fmt.exp_first_zero]
    steps = np.array([-2, -1.5, -1, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1, 1.5, 2])
    with np.errstate(over="ignore"):
        near = np.ravel([mark + steps * float(floats.spacing(mark, fmt)) for mark in marks])
    spread = np.random.default_rng(0).uniform(-1, 1, 1500) * 10.0 ** np.random.default_rng(1).integers(
        -50, 42, 1500
    )
    return np.r_[near, -near, spread, 0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1e300]


@each_format
def test_the_formats_have_the_limits_of_floats(js, name):
    fmt = floats.FORMATS[name]
    said = js("name => FORMATS[name]", name)
    assert said["precision"] == fmt.precision
    assert said["max"] == fmt.max
    assert 2.0 ** said["lowest"] == fmt.smallest_normal


@each_format
def test_storing_rounds_as_numpy_rounds_every_bit(js, name):
    numbers = edges(name)
    ours = js("([all, name]) => all.map((x) => store(x, name))", [numbers.tolist(), name])
    theirs = floats.store(numbers, name).astype(np.float64)
    assert_same(ours, theirs)
    zero = theirs == 0
    assert np.array_equal(np.signbit(np.array(ours, np.float64)[zero]), np.signbit(theirs[zero]))


@each_format
def test_states_are_named_as_floats_names_them(js, name):
    stored = floats.store(edges(name), name)
    ours = js("([all, name]) => all.map((x) => stateOf(x, name))", [stored.astype(np.float64).tolist(), name])
    assert ours == floats.states(stored).tolist()


@each_format
def test_exp_is_within_an_ulp_of_numpys_and_in_its_state(js, name):
    fmt = floats.FORMATS[name]
    grid = np.r_[edges(name), np.linspace(fmt.exp_first_zero * 1.1, fmt.exp_first_bad * 1.1, 4000)]
    z = floats.store(grid, name)
    with np.errstate(all="ignore"):
        theirs = np.exp(z)
    ours = js("([all, name]) => all.map((x) => exp(x, name))", [z.astype(np.float64).tolist(), name])
    assert_close(ours, theirs, name, EXP_ULPS[name])


def rows():
    """Every magnitude of the front page's slider with every pattern of the course, and rows of other lengths."""
    for pattern in pipeline.PATTERNS.values():
        for step in range(0, 301, 3):
            yield [float(f"{10 ** (step / 100):.3g}") * share for share in pattern]
    for length in (1, 2, 3, 5, 7):
        yield from (np.random.default_rng(length).normal(0, 8, (40, length)) * 3).round(2).tolist()


@each_format
@pytest.mark.parametrize("room", ROOMS)
def test_every_step_of_softmax_is_numpys(js, name, room):
    """What is subtracted and what is summed, to the bit; exp and p to an ulp."""
    all_rows = list(rows())
    ours = js("([rows, name, room]) => rows.map((z) => softmax(z, name, room))", [all_rows, name, room])
    stepped = [{step.name: step.values for step in pipeline.run(row, name, room)} for row in all_rows]
    with np.errstate(all="ignore"):
        p = [ROOMS[room].softmax(floats.store(row, name)) for row in all_rows]
    exps = [steps["exp"].astype(np.float64).tolist() for steps in stepped]
    sums = js("([all, name]) => all.map((exps) => total(exps, name))", [exps, name])
    assert_same(joined(ours, "exponents"), np.concatenate([s.get("z - m", s["z"]) for s in stepped]))
    assert_close(joined(ours, "exps"), np.concatenate(exps), name, EXP_ULPS[name])
    assert_same(sums, np.concatenate([steps["sum"] for steps in stepped]))
    assert_close(joined(ours, "p"), np.concatenate(p), name, P_ULPS[name])


def joined(all_steps, part):
    return np.concatenate([np.array(steps[part], np.float64) for steps in all_steps])


def test_a_state_looks_the_same_in_page_and_picture(js):
    glyphs = {state: style.glyph for state, style in plots.STATE_STYLE.items()}
    assert js("() => GLYPHS") == glyphs
    assert js("() => [written(NaN, 'NaN'), written(Infinity, 'inf'), written(0, 'zero')]") == [
        "✕ NaN",
        "∞ inf",
        "○ zero",
    ]
    assert js("() => [digits(-1.5, 3), digits(3.4028e38, 3), digits(1e-45, 2)]") == [
        "−1.5",
        "3.40e38",
        "1.0e−45",
    ]
