"""Run a function that nobody has vouched for, so that nothing it does can stop the notebook or change it.

`call` never raises (a KeyboardInterrupt is the user's and passes). It stops a function that does not
end, keeps what it prints, and puts back NumPy's error state, print options and random state.
"""

from __future__ import annotations

import copy
import ctypes
import io
import linecache
import threading
import traceback
import warnings
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial

import numpy as np

SECONDS = 2.5


class TimeLimit(BaseException):
    """Raised inside a function that ran too long. Not an Exception, so `except Exception` lets it pass."""


@dataclass
class Run:
    """What one call did: its value or its error, and everything it left behind."""

    args: tuple
    value: object = None
    error: BaseException | None = None
    line: str = ""
    printed: str = ""
    events: tuple[str, ...] = ()
    mutated: bool = False
    changed: tuple[str, ...] = ()
    still_running: str = ""


def call(function, args, seconds: float = SECONDS) -> Run:
    """Call `function` on its own copy of `args`, for at most `seconds`."""
    own = copy.deepcopy(args)
    run, tape, events = Run(args), _Tape(), []
    with redirect_stdout(tape), redirect_stderr(tape), _state_put_back(run, events):
        try:
            run.value = _within(seconds, function, own)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            run.error, run.line = error, _line_of(error, function)
    run.printed, run.events = tape.getvalue(), tuple(dict.fromkeys(events))
    run.mutated = not all(_identical(a, b) for a, b in zip(args, own, strict=True))
    return run


def named_error(error) -> str:
    """An error as Python would announce it."""
    said = _safe(str, error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _safe(text, value) -> str:
    """The text of a value that may have been written to make trouble."""
    try:
        return str(text(value))
    except Exception:
        return f"{type(value).__name__} that cannot be shown"


def shown(value, digits: int = 6) -> str:
    """A value in at most 6 significant digits, long arrays shortened: the same text on every machine."""
    if isinstance(value, tuple):
        return ", ".join(shown(part, digits) for part in value)
    if value is None:
        return "None"
    number = partial(_number, digits=digits)
    try:
        array = np.asarray(value)
        array = array if array.dtype.kind in "biuUc" else array.astype(np.float64)
    except Exception:  # ragged, holds itself, an object with code of its own
        return _safe(repr, value)[:200]
    if array.ndim == 0:
        return number(array[()])
    return np.array2string(
        array, separator=", ", threshold=24, edgeitems=3, max_line_width=88, formatter={"all": number}
    )


def _number(x, digits) -> str:
    if isinstance(x, (np.floating, float)):
        return "NaN" if np.isnan(x) else f"{x:.{digits}g}"
    return str(x)


class _Tape(io.StringIO):
    """Keeps the first 2000 characters: a print in an endless loop must not fill the memory."""

    def write(self, text):
        return super().write(text[: max(0, 2000 - self.tell())])


@contextmanager
def _state_put_back(run, events):
    random_state = np.random.get_state()
    errors = np.errstate(all="call", under="ignore", call=lambda kind, flag: events.append(kind))
    with errors, np.printoptions(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = np.geterr(), np.get_printoptions()
        yield
        after = np.geterr(), np.get_printoptions()
    random_now = np.random.get_state()
    same_random = all(np.array_equal(a, b) for a, b in zip(random_state, random_now, strict=True))
    np.random.set_state(random_state)
    names = ("np.seterr", "np.set_printoptions", "the state of np.random")
    kept = (before[0] == after[0], before[1] == after[1], same_random)
    run.changed = tuple(name for name, same in zip(names, kept, strict=True) if not same)


def _within(seconds, function, args):
    """Call the function while a second thread watches the clock."""
    watch = _Watch(seconds)
    try:
        try:
            watch.start()
            return function(*args)
        finally:
            watch.stop()
    except TimeLimit:
        watch.stop()
        raise


class _Watch:
    """Raises `TimeLimit` in the thread that made it, again every 50 ms until `stop`.

    This works in a notebook's main thread on every system, where signals do not; it stops Python code,
    a loop above all, and waits for a single call into C to return. Where no thread can be started
    (Python in a browser) there is no limit.
    """

    def __init__(self, seconds):
        self._seconds, self._target = seconds, threading.get_ident()
        self._over, self._lock = threading.Event(), threading.Lock()

    def start(self):
        try:
            threading.Thread(target=self._watch, daemon=True).start()
        except RuntimeError:
            self._over.set()

    def stop(self):
        """Send no more, and take delivery of what is under way: it must not arrive after the call."""
        while True:
            try:
                self._over.set()
                with self._lock:
                    pass
                for _ in range(10):  # Python looks for an exception from another thread when it jumps back
                    pass
                return
            except TimeLimit:
                continue

    def _watch(self):
        pause = self._seconds
        while not self._over.wait(pause):
            pause = 0.05
            with self._lock:
                if not self._over.is_set():
                    self._send(TimeLimit)

    def _send(self, exception):
        # Never NULL, which means "take it back": Python 3.11 then hangs under a profiler or a debugger.
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._target), ctypes.py_object(exception))


def _line_of(error, function) -> str:
    """The line in which the error arose, from the innermost frame of the function's own file."""
    code = getattr(function, "__code__", None)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if code and f.filename == code.co_filename]
    return linecache.getline(frames[-1].filename, frames[-1].lineno).strip() if frames else ""


def _identical(a, b) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.tobytes() == b.tobytes()
    return a is b or repr(a) == repr(b)
