"""Softmax of integers that cannot be negative, or wrap around."""

from functools import partial

import numpy as np

from course_utils import reference
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.habits import named
from course_utils.exercises.lesson_90.goals import REPAIR, shifted_softmax
from course_utils.mistakes import MISTAKES, mistake


def handed_out_pixels(pixels):
    exps = np.exp(pixels - np.max(pixels, axis=-1, keepdims=True))
    return exps / np.sum(exps, axis=-1, keepdims=True)


def my_softmax_of_pixels(pixels):
    logits = np.asarray(pixels, dtype=np.float64)
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return exps / np.sum(exps, axis=-1, keepdims=True)


def _pixels_in_wide_integers(pixels):
    return shifted_softmax(pixels.astype(np.int64))


def _pixels_as_python_integers(pixels):
    rows = pixels.reshape(-1, pixels.shape[-1]).tolist()
    return np.array([shifted_softmax(np.array([float(x - max(row)) for x in row])) for row in rows]).reshape(
        pixels.shape
    )


def _pixels_as_unsigned_distances(pixels):
    below = np.max(pixels, axis=-1, keepdims=True) - pixels  # wraps around, to the right unsigned number
    exps = np.exp(-below.view(f"u{pixels.dtype.itemsize}").astype(np.float64))
    return exps / exps.sum(axis=-1, keepdims=True)


def _pixels_in_longdouble(pixels):
    return shifted_softmax(pixels.astype(np.longdouble)).astype(np.float64)


def _pixels_in_logs(pixels):
    logits = 1.0 * pixels
    return np.exp(logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True))


@mistake(
    quantity="softmax",
    fails_on=(np.array([200, 0], np.uint8),),
    widget="offset",
    belief="Converting before exp is early enough.",
    diagnosis="You converted after the subtraction. The difference had already wrapped around in the "
    "integer type: 0 - 200 became 56, and stays 56 as a float.",
    step="`(pixels - max).astype(...)`: the subtraction still runs in uint8.",
    change="Convert first, subtract after.",
)
def convert_after_subtracting(pixels):
    exps = np.exp((pixels - np.max(pixels, axis=-1, keepdims=True)).astype(np.float64))
    return exps / np.sum(exps, axis=-1, keepdims=True)


@mistake(
    quantity="softmax",
    fails_on=(np.array([200, 0], np.uint8),),
    widget="offset",
    belief="A signed integer is enough.",
    diagnosis="You converted to a signed integer that is too narrow. Some type of pixel does not fit into "
    "it, or its differences do not: they wrap around as before.",
    step="`pixels.astype(...)` to fewer than 64 bits.",
    change="Convert to float64, or to an integer type with room for all differences: int64.",
    family=("to", (np.int8, np.int16, np.int32)),
)
def narrow_integers(pixels, *, to=np.int8):
    return shifted_softmax(pixels.astype(to))


@mistake(
    quantity="softmax",
    fails_on=(np.array([2**24, 2**24 + 1], np.int32),),
    widget="offset",
    belief="A float is a float.",
    diagnosis="You converted to a format that cannot hold the numbers: float32 has every whole number up to "
    "16,777,216 only, float16 up to 2048. Beyond, neighbours become equal.",
    step="`pixels.astype(np.float32)`, or float16, before the subtraction.",
    change="Convert to float64: it holds every integer of 32 bits.",
    family=("to", (np.float32, np.float16)),
)
def narrow_floats(pixels, *, to=np.float32):
    return shifted_softmax(pixels.astype(to))


@mistake(
    quantity="softmax",
    fails_on=(np.array([200, 0], np.uint8),),
    widget="breaker",
    belief="Pixels should lie between 0 and 1.",
    diagnosis="You divided the pixels. That is a temperature: it answers another question, with flatter "
    "probabilities. The wrap-around is gone, and so is the answer.",
    step="`pixels / 255`, or by the largest pixel.",
    change="Convert without a factor.",
    family=("by", (lambda p: 255, lambda p: p.max(axis=-1, keepdims=True), lambda p: p.max(), lambda p: 256)),
)
def scale_the_pixels(pixels, *, by=lambda pixels: 255):
    return shifted_softmax(pixels / by(pixels))


@mistake(
    quantity="softmax",
    fails_on=(np.array([200, 0], np.uint8),),
    widget="offset",
    belief="A distance is never negative, so it cannot wrap around.",
    diagnosis="You took the distance from the brightest pixel without its sign. The darkest pixel is "
    "farthest away, and got the largest exponent.",
    step="`np.abs(pixels - max)`, or `max - pixels` as the exponent.",
    change="The exponent is minus the distance.",
    family=("shift", (1,)),
)
def distance_from_the_brightest(pixels, *, shift=0):
    wide = pixels.astype(np.int64)
    distance = wide.max(axis=-1, keepdims=True) - wide
    exps = np.exp((distance - shift * distance.max(axis=-1, keepdims=True)).astype(np.float64))
    return exps / exps.sum(axis=-1, keepdims=True)


# --- answers that must fail ------------------------------------------------------------------------------


def _unshifted_in_float64(pixels):
    exps = np.exp(pixels.astype(np.float64))
    return exps / exps.sum(axis=-1, keepdims=True)


def _from_below(pixels):
    below = (
        np.max(pixels, axis=-1, keepdims=True) - pixels
    )  # never negative, until a signed type wraps around
    exps = np.exp(-below.astype(np.float64))
    return exps / exps.sum(axis=-1, keepdims=True)


def _only_uint8(pixels):
    return my_softmax_of_pixels(pixels.astype(np.uint8))


def _only_unsigned(pixels):
    return my_softmax_of_pixels(pixels.astype(np.uint32))


def _nan_to_num(pixels):
    return np.nan_to_num(handed_out_pixels(pixels))


def _clipped(pixels):
    return my_softmax_of_pixels(np.clip(pixels, 0, 255))


def _one_maximum_for_all(pixels):
    exps = np.exp(pixels.astype(np.float64) - np.max(pixels))
    return exps / exps.sum(axis=-1, keepdims=True)


def _along_axis_0(pixels):
    exps = np.exp(pixels.astype(np.float64) - np.max(pixels, axis=0))
    return exps / exps.sum(axis=0)


def _shifted_by_the_mean(pixels):
    exps = np.exp(pixels - np.mean(pixels, axis=-1, keepdims=True))
    return exps / exps.sum(axis=-1, keepdims=True)


def _ints(pixels):
    return my_softmax_of_pixels(pixels).astype(int)


MUST_FAIL = (
    (_unshifted_in_float64, "trust_float64"),
    *(
        (named(f"as {t.__name__}", partial(narrow_integers, to=t)), None)
        for t in (np.int8, np.int16, np.int32)
    ),
    *((named(f"as {t.__name__}", partial(narrow_floats, to=t)), None) for t in (np.float16, np.float32)),
    _from_below,
    _only_uint8,
    _only_unsigned,
    _nan_to_num,
    _clipped,
    _one_maximum_for_all,
    _along_axis_0,
    _shifted_by_the_mean,
    _ints,
)


pixels = Exercise(
    key="90.pixels",
    kind="repair",
    objective=REPAIR,
    minutes=5,
    difficulty=1,
    truth=reference.softmax,
    subject=handed_out_pixels,
    cases=tuple(
        case(label, np.array(values, dtype), dtype=None, ulps=2.0**36)  # float32 is good enough
        for label, values, dtype in (
            ("a bright and a darker pixel", [150, 100], np.uint8),
            ("dark, and a bit brighter", [0, 1, 60], np.uint8),
            ("equal pixels", [7, 7], np.uint8),
            ("two rows", [[1, 2], [9, 5]], np.uint8),
            ("signed bytes", [40, -30], np.int8),
            ("long integers", [1000, 999], np.int32),
            ("sixteen bits", [40000, 39999, 40001], np.uint16),
            ("sixteen bits, end to end", [0, 65535], np.uint16),
            ("signed bytes, end to end", [-128, 127, 126], np.int8),
            ("neighbours beyond 16 million", [2**24, 2**24 + 1], np.int32),
            ("32 bits, end to end", [-(2**31), 2**31 - 1, 2**31 - 2], np.int32),
            ("32 bits without a sign", [[2**32 - 1, 2**32 - 2], [1, 0]], np.uint32),
            ("two rows far apart", [[2000, 1000], [1, 3]], np.int16),
            ("three rows, largest in each place", [[250, 1, 2], [1, 250, 2], [2, 1, 250]], np.uint8),
        )
    ),
    mistakes=(
        MISTAKES["subtract_in_uint8"],
        convert_after_subtracting,
        narrow_integers,
        narrow_floats,
        scale_the_pixels,
        distance_from_the_brightest,
        MISTAKES["trust_float64"],
    ),
    hints=(
        "Which type has `pixels - max`? Try `np.uint8(0) - np.uint8(200)` in a cell.",
        "The subtraction runs in the type of its inputs. An unsigned integer cannot be negative, so it wraps "
        "around.",
        "Convert in the first line: `logits = np.asarray(pixels, dtype=np.float64)`, and shift that.",
    ),
    model_answer=my_softmax_of_pixels,
    why="Below 0 an unsigned integer starts again at its top: 0 - 200 is 56 in uint8, and the smallest logit "
    "becomes the largest exponent. Once the numbers are floats the same two lines are right.",
    variants=(
        _pixels_in_wide_integers,
        _pixels_as_python_integers,
        _pixels_as_unsigned_distances,
        _pixels_in_longdouble,
        _pixels_in_logs,
    ),
    must_fail=MUST_FAIL,
)
