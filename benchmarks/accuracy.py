"""The largest error of each contender, in ulps against mpmath, class of inputs by class of inputs.

    python -m benchmarks.accuracy [--quick]

A logsumexp near 0 is ill-conditioned for everybody: rounding the logits moves it by u max|z|. So its error is
taken in ulps or in units of u max|z|, whichever is smaller.
"""

import functools
import sys
import zlib

import numpy as np

from benchmarks import rivals
from course_utils import accuracy, floats, reference

QUANTITIES = ("softmax", "log_softmax", "logsumexp", "loss", "gradient")
WIDE = ("float64", "float32")
NARROW = ("float16", "bfloat16", "float8_e5m2", "float8_e4m3fn")
SUBJECTS = ("stable", "naive", "shifted", "SciPy", "torch", "JAX")
BARS = {"float64": 6, "float32": 8}
EQUAL_TERMS = 16  # the bar of many equal small terms, whose roundings all go one way
LOGSUMEXP = 8
HALF = 0.51  # what one rounding leaves in the narrow formats


def normal(scale, rows, classes, offset=0.0):
    return lambda rng: rng.normal(size=(rows, classes)) * scale + offset


def spread(width):
    """100 logits over an interval of this width around 0, its ends included."""

    def logits(rng):
        values = rng.uniform(-width / 2, width / 2, (4, 100))
        values[:, :2] = -width / 2, width / 2
        return values

    return logits


def margin(low, high):
    """One logit leads the others, which are close together, by so much."""

    def logits(rng):
        values = rng.normal(size=(24, 10)) * 0.1
        values[:, 3] += np.geomspace(low, high, 24)
        return values

    return logits


def pairs(largest):
    """[0, -k]: nothing but the margin."""
    return lambda rng: np.stack([np.zeros(40), -np.linspace(1, largest, 40)], axis=1)


def beside(rows, classes):
    """Equal small terms beside a large one, which may stand anywhere: their roundings all go one way."""

    def logits(rng):
        values = np.repeat(-rng.uniform(0, 40, (rows, 1)), classes, axis=1)
        values[np.arange(rows), rng.integers(0, classes, rows)] = 0
        return values

    return logits


CLASSES = {
    "N(0, 1), 1000 classes": normal(1, 4, 1000),
    "N(0, 10²), 100 classes": normal(10, 8, 100),
    **{f"spread {width}": spread(width) for width in (0, 1, 10, 60, 100, 170, 300, 600, 700)},
    **{f"offset {sign}1e{digits}": normal(1, 8, 50, float(f"{sign}1e{digits}"))
       for digits in (2, 4, 8, 15) for sign in "+-"},
    "[0, -k], k to 60": pairs(60),
    "[0, -k], k to 700": pairs(700),
    "margin 1 to 5": margin(1, 5),
    "margin 5 to 15": margin(5, 15),
    "margin 15 to 40": margin(15, 40),
    "margin 40 to 700": margin(40, 700),
    "ties of four": lambda rng: np.repeat(rng.normal(size=(8, 10)) * 3, 4, axis=1),
    "ties at the maximum": lambda rng: np.concatenate([rng.normal(size=(8, 20)), np.full((8, 3), 5.0)], axis=1),
    **{f"{classes - 1} equal terms beside a large one": beside(rows, classes)
       for rows, classes in ((40, 100), (9, 1000))},
    "all equal": lambda rng: np.repeat(rng.normal(size=(8, 1)) * 100, 1000, axis=1),
    "20,000 classes": normal(3, 1, 20_000),
}  # fmt: skip
ALONG_0 = {
    "axis 0, N(0, 10²), 100 classes": lambda rng: rng.normal(size=(100, 8)) * 10,
    "axis 0, N(0, 1), 20,000 classes": lambda rng: rng.normal(size=(20_000, 2)),
}
IN_NARROW = {f"N(0, {scale}²), 100 classes": normal(scale, 6, 100) for scale in (1, 10, 40)}
QUICK = ("N(0, 10²), 100 classes", "spread 600", "[0, -k], k to 60")


def run(quick=False) -> list[dict]:
    """One row for each class, format and quantity: the largest error of each contender."""
    rows = []
    for name, make in CLASSES.items():
        for dtype in WIDE if not quick or name in QUICK else ():
            rows += _measured(name, dtype, _stored(name, make, dtype)[-2 if quick else None :])
    for name, make in {} if quick else ALONG_0.items():
        for dtype in WIDE:
            rows += _measured(name, dtype, _stored(name, make, dtype), axis=0)
    for name, make in IN_NARROW.items():
        for dtype in NARROW if not quick else NARROW[:1]:
            rows += _measured(name, dtype, _stored(name, make, dtype)[-2 if quick else None :])
    return rows


def bar(row) -> float:
    """The largest error that the course allows `stable` here."""
    if row["dtype"] in NARROW:
        return HALF
    if row["quantity"] == "logsumexp":
        return LOGSUMEXP
    return EQUAL_TERMS if "equal" in row["class"] else BARS[row["dtype"]]


def judge(row) -> dict:
    """Whether the row passes its bar, and which library comes closer to the truth, if one does."""
    closer = [name for name in ("SciPy", "torch") if row.get(name, np.inf) < row["stable"]]
    return {"bar": bar(row), "met": row["stable"] <= bar(row), "closer": ", ".join(closer)}


def bars(rows) -> list[dict]:
    """One row a bar: on how many rows it holds, the largest error, and where that was."""
    lines = []
    for name, mine in _by_bar(rows).items():
        worst = max(mine, key=lambda row: row["stable"])
        held = sum(judge(row)["met"] for row in mine)
        lines.append(
            {
                "bar": name,
                "limit": f"≤ {bar(worst)}",
                "held": f"{held} of {len(mine)}",
                "worst": worst["stable"],
            }
            | {"worst at": f"{worst['quantity']}, {worst['dtype']}, {worst['class']}"}
        )
    return lines


def _by_bar(rows):
    names = {"logsumexp": lambda row: row["quantity"] == "logsumexp" and row["dtype"] in WIDE}
    names |= {"16- and 8-bit formats, in ulps": lambda row: row["dtype"] in NARROW}
    names |= {"many equal terms": lambda row: "equal" in row["class"]}
    names |= {f"{dtype}, everything else": lambda row, dtype=dtype: row["dtype"] == dtype for dtype in WIDE}
    found = {}
    for row in rows:
        found.setdefault(next(name for name, holds in names.items() if holds(row)), []).append(row)
    return {name: found[name] for name in names if name in found}


def summary(rows) -> list[dict]:
    """For each quantity and format the largest error of each contender over all classes of inputs."""
    lines = []
    for quantity in QUANTITIES:
        for dtype in (*WIDE, *NARROW):
            mine = [row for row in rows if (row["quantity"], row["dtype"]) == (quantity, dtype)]
            named = [name for name in SUBJECTS if any(row.get(name) is not None for row in mine)]
            if mine:
                errors = {name: max(row[name] for row in mine if row.get(name) is not None) for name in named}
                worst = max(mine, key=lambda row: row["stable"])
                lines.append(
                    {"quantity": quantity, "dtype": dtype} | errors | {"worst of stable": worst["class"]}
                )
    return lines


def margins(quick=False) -> list[dict]:
    """The error of a loss in float64 over the margin of the right class, for the picture."""
    rows = []
    for lead in np.geomspace(1, 700, 5 if quick else 50):
        rows.append({"margin": float(lead), **_errors("loss", np.array([[0.0, -lead]]), -1)})
    return rows


def _stored(name, make, dtype):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return floats.store(make(rng), dtype)


def _measured(name, dtype, logits, axis=-1):
    """A row for each quantity. The loss takes its targets row by row, so classes lie along the last axis."""
    quantities = QUANTITIES if axis == -1 else QUANTITIES[:3]
    return [
        {"class": name, "dtype": dtype, "quantity": quantity, **_errors(quantity, logits, axis)}
        for quantity in quantities
    ]


def _errors(quantity, logits, axis) -> dict:
    """The largest error of each contender that has the function; inf where no number, or nothing, comes out."""
    if quantity in ("loss", "gradient"):
        inputs = [(row[None], -1, np.array([t])) for row in logits for t in _targets(row)]
    else:
        inputs = [(logits, axis, None)]
    truths = [_truth(quantity, *given) for given in inputs]
    found = {}
    for name, rival in rivals.installed().items():
        errors = [_error(rival, quantity, given, truth) for given, truth in zip(inputs, truths, strict=True)]
        if None not in errors:
            found[name] = max(errors)
    return found


def _targets(row):
    """The largest logit, where a loss is smallest and most easily lost, and the smallest."""
    values = row.astype(np.float64)
    return int(values.argmax()), int(values.argmin())


def _truth(quantity, logits, axis, targets):
    if targets is None:
        return getattr(reference, quantity)(logits, axis, dtype=object)
    return _both(logits.tobytes(), logits.dtype, int(targets[0]))[quantity == "gradient"]


@functools.lru_cache(64)
def _both(stored, dtype, target):
    """The loss of one row and its gradient: the same truth serves two quantities."""
    return reference.cross_entropy_with_grad(np.frombuffer(stored, dtype)[None], [target], object)


def _error(rival, quantity, given, truth) -> float | None:
    logits, axis, targets = given
    function = quantity if targets is None else "cross_entropy_with_grad"
    try:
        with np.errstate(all="ignore"):
            call = rival.prepare(function, logits.copy(), axis, targets)
            if call is None:
                return None
            computed = call() if targets is None else call()[quantity == "gradient"]
    except (TypeError, ValueError, RuntimeError):  # a format that it doesn't take
        return None
    return _distance(quantity, rival.array(computed), truth, logits, axis)


def _distance(quantity, computed, truth, logits, axis):
    errors = accuracy.ulps(np.asarray(computed, logits.dtype), truth)
    if quantity == "logsumexp" and logits.dtype.name in WIDE:
        unit = floats.format_of(logits).eps / 2 * np.abs(logits).max(axis=axis)
        gaps = [float(abs(t - float(c))) for t, c in zip(truth, computed, strict=True)]
        with np.errstate(all="ignore"):
            errors = np.fmin(errors, gaps / unit)
    return float(np.max(errors, initial=0))


if __name__ == "__main__":
    for line in summary(run("--quick" in sys.argv)):
        print(*(f"{value:.3g}" if isinstance(value, float) else value for value in line.values()), sep="\t")
