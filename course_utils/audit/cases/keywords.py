"""where=, out=, keepdims=, b= and return_sign=: asked of the functions that have them."""

from __future__ import annotations

import numpy as np

from course_utils import floats
from course_utils.audit.cases.case import ARGUMENTS, INF, NAN, Case


def cases(kind):
    yield from _masked(kind)
    if kind == "logsumexp":
        yield from _keepdims()
        yield from _weighted()
        yield from _signed()
    else:
        yield from _outputs()


def _masked(kind):
    """What is left out has probability 0, whatever it holds."""
    for name, logits, keep in (
        ("hides a huge logit", [1.0, 2, 1e4], [True, True, False]),
        ("hides a NaN", [1.0, NAN, 2], [True, False, True]),
        ("hides +inf", [INF, 1.0, 2], [False, True, True]),
        ("keeps logits below -1e9", [-3e9, -3e9 + 1, 5], [True, True, False]),
        ("hides in one row what it keeps in another", [[1.0, 2, 900], [900, 2, 1]], [[1, 1, 0], [1, 0, 1]]),
        ("of one row holds for all", [[1.0, 2, 900], [0, 3, -900]], [True, True, False]),
    ):
        keep = np.array(keep, bool)
        yield Case(f"where= {name}", ARGUMENTS, np.array(logits), options={"where": keep})
    yield Case(
        "where= along axis 0",
        ARGUMENTS,
        np.array([[900.0, 1], [1, 2], [NAN, 3]]),
        axis=0,
        options={"where": np.array([[True, True], [True, False], [False, True]])},
    )
    for fmt in ("float64", "float32", "float16"):
        low = floats.FORMATS[fmt].max * -1.0
        name = f"where= keeps the lowest numbers of the format, {fmt}"
        keep = np.array([True, True, False])
        yield Case(name, ARGUMENTS, floats.store([low, low, 5], fmt), options={"where": keep})
        none = np.array([False, False])
        declared = _nothing_kept(kind)
        name = f"where= keeps nothing, {fmt}"
        yield Case(name, ARGUMENTS, floats.store([3, 5], fmt), options={"where": none}, declared=declared)


def _nothing_kept(kind):
    empty = {"softmax": 0.0, "log_softmax": -INF}.get(kind)
    return () if empty is None else ((f"a row without any class gets {empty}", np.full(2, empty)),)


def _outputs():
    """The result has to be in the array that was handed over, whatever else is returned."""
    logits = np.array([[3.0, 1, -2, 0], [1000, 1001, 2, 1e4]])
    for name, out in {
        "out= an array of its own": lambda z: np.full_like(z, NAN),
        "out= the input itself": lambda z: z,
        "out= every other column (strided)": lambda z: np.full((len(z), 2 * z.shape[1]), NAN)[:, ::2],
        "out= Fortran order": lambda z: np.full(z.shape, NAN, order="F"),
    }.items():
        yield Case(name, ARGUMENTS, logits, out=out)
    yield Case("out=, float16", ARGUMENTS, floats.store(logits[:1], "float16"), out=np.empty_like)
    yield Case("out=, along axis 0", ARGUMENTS, logits, axis=0, out=np.empty_like)
    yield Case("out= of another shape", ARGUMENTS, logits, out=lambda z: np.empty(3), refused=True)


def _keepdims():
    batch = np.array([[3.0, 1, -2], [0, 1000, 1000]])
    for axis in (-1, 0):
        for keep in (True, False):
            name = f"keepdims={keep}, axis={axis}"
            yield Case(name, ARGUMENTS, batch, axis=axis, options={"keepdims": keep})
    lenient = "has no axis=None"
    yield Case(
        "keepdims=True, axis=None", ARGUMENTS, batch, axis=None, options={"keepdims": True}, lenient=lenient
    )


def _weighted():
    for name, logits, b in (
        ("weight 0 at the maximum", [1.0, 2, 1e4], [1.0, 1, 0]),
        ("weight 0 on a NaN", [1.0, NAN], [1.0, 0]),
        ("weight 0 on +inf", [1.0, INF], [1.0, 0]),
        ("positive weights", [1.0, 2, 3], [0.5, 2, 4]),
        ("weights that matter at the cliff", [709.0, 709], [10.0, 10]),
        ("a large weight far below", [0.0, -800], [1.0, 1e300]),
        ("tiny weights", [800.0, 799], [1e-300, 1e-300]),
        ("+inf with weights", [INF, 1.0], [2.0, 1]),
        ("equal terms that cancel", [800.0, 800, 1], [1.0, -1, 1]),
        ("a negative weight at the maximum", [3.0, 0, 4], [2.0, 3, -0.5]),
        ("terms that cancel all but", [0.0, -1e-17], [1.0, -1]),
        ("a negative sum has no logarithm", [1.0, 2], [1.0, -1]),
        ("all weights 0", [1.0, 2], [0.0, 0]),
        ("one weight for each class", [[1.0, 2], [1000, 999]], [3.0, 1]),
        ("one weight for each row", [[1.0, 2], [1000, 999]], [[3.0], [0.5]]),
    ):
        yield Case(f"b=: {name}", ARGUMENTS, np.array(logits), options={"b": np.array(b)})
    batch, b = np.array([[1.0, 900], [2, 901], [3, 1]]), np.array([[1.0, 2], [0, 1], [0.5, 3]])
    yield Case("b= along axis 0", ARGUMENTS, batch, axis=0, options={"b": b})
    yield Case("b= and keepdims=True", ARGUMENTS, batch, options={"b": b, "keepdims": True})
    both = {"b": b, "where": np.array([[True, True], [False, True], [True, False]])}
    yield Case("b= and where=", ARGUMENTS, batch, options=both)


def _signed():
    yield Case("return_sign=True", ARGUMENTS, np.array([1.0, 2, 1000]), options={"return_sign": True})
    for name, logits, b in (
        ("a positive sum", [1.0, 2, 1000], [1.0, -1, 2]),
        ("a negative sum", [1.0, 2, 1000], [1.0, 1, -2]),
        ("the largest term has not the sign of the sum", [1.0, 1, 1], [1.0, -1, -1]),
        ("nothing is left", [1.0, 1], [1.0, -1]),
        ("of each row its own", [[1.0, 2], [1, 2]], [[1.0, -1], [-1, 1]]),
    ):
        options = {"b": np.array(b), "return_sign": True}
        yield Case(f"return_sign=: {name}", ARGUMENTS, np.array(logits), options=options)
