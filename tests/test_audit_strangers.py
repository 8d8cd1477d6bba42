"""Functions that nobody had in mind: whatever they return, raise or do, the audit ends and says it in words."""

import functools
import time

import numpy as np
import pytest

from course_utils import stable
from course_utils.audit import audit
from course_utils.audit.verdict import FAIL, NOT_RUN

pytestmark = pytest.mark.usefixtures("first_input_will_do")

# Strange and wrong.


def in_place(logits, axis=-1):
    if (
        isinstance(logits, np.ndarray)
        and logits.dtype == np.float64
        and logits.flags.writeable
        and logits.size
    ):
        logits[...] = stable.softmax(logits, axis)
        return logits
    return stable.softmax(logits, axis)


def the_input_itself(logits, axis=-1):
    return logits


def three_values(logits, axis=-1):
    return stable.softmax(logits, axis), 1, "done"


def ragged(logits, axis=-1):
    return [[0.5], [0.25, 0.25]]


def a_generator(logits, axis=-1):
    yield from stable.softmax(logits, axis)


def complex_numbers(logits, axis=-1):
    return stable.softmax(logits, axis) + 0j


def truth_values(logits, axis=-1):
    return stable.softmax(logits, axis) > 0.5


def dates(logits, axis=-1):
    return np.full(np.shape(logits), "2001-01-01", "datetime64[D]")


def one_axis_more(logits, axis=-1):
    return stable.softmax(logits, axis)[..., None]


def astronomically_large(logits, axis=-1):
    return np.broadcast_to(0.5, (10**6, 10**6))


class Stop(BaseException):
    pass


def raises_no_exception(logits, axis=-1):
    raise Stop("enough")


class Liar:
    """Says that it is an array, and breaks when it is looked at."""

    dtype = np.dtype(float)
    shape = property(lambda self: 1 / 0)

    def __array__(self, *args, **options):
        raise RuntimeError("no array")


def a_liar(logits, axis=-1):
    return Liar()


def swallows_keywords(logits, axis=-1, **ignored):
    return stable.softmax(logits, axis)


STRANGE = {
    in_place: "It changed its input",
    the_input_itself: "The numbers are wrong",
    three_values: "It returned a tuple of 3, where one array is right.",
    ragged: "It returned list, not numbers",
    a_generator: "It returned generator, not numbers",
    complex_numbers: "It returned complex128, not real numbers.",
    truth_values: "It returned bool, not real numbers.",
    dates: "not numbers",
    one_axis_more: "It returned the shape",
    astronomically_large: "It returned an array of the shape (1000000, 1000000), not numbers",
    raises_no_exception: "It raised Stop: enough",
    a_liar: "It returned Liar, not numbers",
    swallows_keywords: "The numbers are wrong",
}


@pytest.mark.parametrize("function", STRANGE, ids=lambda f: f.__name__)
def test_a_strange_answer_is_named(function):
    report = audit(function, "softmax")
    assert any(STRANGE[function] in f.why for f in report.of(FAIL)), repr(report)[:3000]
    assert report.json()
    assert report._repr_html_()


def test_a_function_that_is_slow_for_many_classes_is_stopped_there():
    def softmax(logits, axis=-1):
        if np.size(logits) > 10_000:
            time.sleep(0.05)
            while True:
                pass
        return stable.softmax(logits, axis)

    report = audit(softmax)
    assert any("did not come back" in f.why for f in report.of(FAIL))
    assert report.of(NOT_RUN)


# Strange and right.


class Softmax:
    def __call__(self, logits, axis=-1):
        return stable.softmax(logits, axis)


class Methods:
    def softmax(self, logits, axis=-1):
        return stable.softmax(logits, axis)


def decorated(function):
    def wrapper(*args, **options):
        return function(*args, **options)

    return wrapper


_buffers = {}


def softmax_in_one_buffer(logits, axis=-1):
    """The same memory for every answer of a shape."""
    p = np.asarray(stable.softmax(logits, axis))
    buffer = _buffers.setdefault((p.shape, p.dtype), np.empty_like(p))
    buffer[...] = p
    return buffer


def softmax_as_lists(logits, axis=-1):
    p = stable.softmax(logits, axis)
    return p.tolist() if p.dtype == np.float64 and p.size else p


RIGHT = {
    "an object": Softmax(),
    "a method": Methods().softmax,
    "a partial": functools.partial(stable.softmax, axis=-1),
    "a partial with a keyword": functools.partial(stable.softmax, masked="nan"),
    "a decorated function": decorated(stable.softmax),
    "one buffer": softmax_in_one_buffer,
    "lists of numbers": softmax_as_lists,
    "a lambda": lambda z, axis=-1: stable.softmax(z, axis),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_strange_callable_is_accepted_when_it_is_right(name):
    report = audit(RIGHT[name], "softmax")
    assert report, repr(report)


def test_a_decorator_hides_no_option():
    """`**options` may stand for any keyword: each is tried."""
    wrong = decorated(lambda logits, axis=-1, where=None: stable.softmax(logits, axis))
    assert "mask_not_used" in audit(wrong, "softmax").mistakes
    not_run = {f.why for f in audit(decorated(stable.log_softmax), "log_softmax").of(NOT_RUN)}
    assert not any("where" in why or "out" in why for why in not_run), not_run
