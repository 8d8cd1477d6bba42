"""What a stranger's function may do, and what is left of it afterwards."""

import builtins
import math
import os
import sys
import threading
import time
import warnings

import numpy as np
import pytest

from course_utils import guard


def _raise(error):
    raise error


def test_a_call_into_c_that_does_not_come_back_is_left_behind_and_named():
    def sleeps():
        time.sleep(4)

    start = time.perf_counter()
    run = guard.call(sleeps, (), 0.2)
    assert time.perf_counter() - start < 2.5
    assert isinstance(run.error, guard.TimeLimit)
    assert run.still_running == "`time.sleep(4)`"


def test_what_ends_is_not_named_as_running():
    assert guard.call(lambda: 1, ()).still_running == ""
    assert guard.call(lambda: 1 / 0, ()).still_running == ""


def test_an_interrupt_raised_inside_is_the_functions_own():
    def interrupts():
        raise KeyboardInterrupt

    assert isinstance(guard.call(interrupts, ()).error, KeyboardInterrupt)


def test_the_users_interrupt_passes_and_ends_the_call(monkeypatch):
    ended = threading.Event()

    def endless():
        try:
            while True:
                pass
        finally:
            ended.set()

    worker = guard._Worker(endless, (), [])
    wait = worker._done.wait
    answers = iter([lambda: _raise(KeyboardInterrupt)])
    monkeypatch.setattr(worker._done, "wait", lambda timeout: next(answers, lambda: wait(timeout))())
    with pytest.raises(KeyboardInterrupt):
        worker.within(5)
    assert ended.wait(5)


def test_changed_modules_are_put_back_and_named():
    exp, maximum, pi = np.exp, builtins.max, math.pi

    def meddles():
        np.exp = np.log
        builtins.max = min
        del math.pi
        np.linalg.norm = None

    run = guard.call(meddles, ())
    assert np.exp is exp
    assert builtins.max is maximum
    assert math.pi == pi
    assert np.linalg.norm is not None
    assert set(run.changed) == {"np.exp", "builtins.max", "math.pi", "np.linalg.norm"}


def test_a_changed_room_of_the_course_is_put_back():
    from course_utils import reference

    softmax = reference.softmax

    def cheats():
        reference.softmax = lambda logits, axis=-1: logits

    run = guard.call(cheats, ())
    assert reference.softmax is softmax
    assert run.changed == ("course_utils.reference.softmax",)


def test_the_working_folder_is_put_back(tmp_path):
    here = os.getcwd()
    run = guard.call(os.chdir, (str(tmp_path),))
    assert os.getcwd() == here
    assert run.changed == ("the working folder",)


def test_what_a_function_imports_is_no_change():
    def imports():
        import xml.dom.minidom

        return xml.dom.minidom.parseString("<a/>").nodeType

    assert guard.call(imports, ()).changed == ()


def test_the_error_state_inside_is_seen_and_the_callers_is_kept():
    before = np.geterr(), np.get_printoptions()

    def careless():
        np.set_printoptions(precision=2)
        np.seterr(all="ignore")
        return np.float64(1) / 0

    run = guard.call(careless, ())
    assert (np.geterr(), np.get_printoptions()) == before
    assert set(run.changed) == {"np.seterr", "np.set_printoptions"}
    assert guard.call(lambda: np.exp(np.float32(100)), ()).events == ("overflow",)


def test_a_coroutine_is_closed_without_a_warning():
    async def later(x):
        return x

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = guard.call(later, (1,))
        assert type(run.value).__name__ == "coroutine"
        del run


def test_a_deep_recursion_ends():
    def deeper(n):
        return deeper(n + 1)

    assert isinstance(guard.call(deeper, (0,)).error, RecursionError)


def test_many_calls_leave_no_threads():
    before = threading.active_count()
    for _ in range(200):
        guard.call(lambda: 1, ())
    time.sleep(0.05)
    assert threading.active_count() <= before + 1


def test_a_call_costs_little():
    start = time.process_time()
    for _ in range(100):
        guard.call(np.exp, (np.zeros(3),))
    assert time.process_time() - start < 1


@pytest.fixture
def no_threads(monkeypatch):
    """As in Python that runs in a browser."""

    def refuses(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuses)


def test_without_threads_there_is_an_answer_and_the_readers_tracer_is_left_alone(no_threads):
    before = sys.gettrace()
    assert guard.call(lambda x: x + 1, (1,)).value == 2
    assert sys.gettrace() is before


@pytest.mark.parametrize("body", ["pass", "try:\n   1 / 0\n  except Exception:\n   pass", "print(1)"])
def test_without_threads_an_endless_loop_still_ends(no_threads, body):
    scope = {}
    exec(f"def endless():\n while True:\n  {body}", scope)
    start = time.perf_counter()
    run = guard.call(scope["endless"], (), 0.2)
    assert isinstance(run.error, guard.TimeLimit)
    assert run.still_running == ""
    assert time.perf_counter() - start < 2


def test_without_threads_a_function_that_returns_in_time_keeps_its_answer_and_its_error(no_threads):
    assert guard.call(lambda: np.exp(np.float64(1000)), (), 5).events == ("overflow",)
    assert isinstance(guard.call(lambda: 1 / 0, (), 5).error, ZeroDivisionError)


@pytest.mark.parametrize("value", [None, 1, "text", [1, [2]], object(), {1: 2}, np.float16(1)])
def test_any_value_can_be_shown(value):
    assert isinstance(guard.shown(value), str)


def test_values_that_make_trouble_can_be_shown():
    class Odd:
        def __repr__(self):
            raise RuntimeError("no")

        __array__ = __repr__

    endless = []
    endless.append(endless)
    assert "Odd" in guard.shown(Odd())
    assert guard.shown(endless)
    assert guard.named_error(type("Bad", (Exception,), {"__str__": lambda self: 1 / 0})()).startswith("Bad")
