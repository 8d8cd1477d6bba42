"""Run a function that nobody has vouched for, so that nothing it does can stop the notebook or change it.

`call` never raises, but for the user's own interrupt. The function runs in a thread of its own, so that the
check can go on without it: one that does not end is stopped, and where a single call into C does not come
back it is left behind and named. What it prints is kept; NumPy's error state, print options and random state,
the attributes of the modules that a check relies on, and the working folder are put back.
"""

from __future__ import annotations

import asyncio
import contextvars
import copy
import ctypes
import io
import linecache
import operator
import os
import sys
import threading
import time
import traceback
import warnings
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

SECONDS = 2.5
_CLOCK = getattr(time, "thread_time", time.process_time)  # Python in a browser has no time of a thread
GRACE = 0.5  # how long a call is told to stop before it is left behind
_RELIED_ON = ("numpy", "numpy.random", "numpy.linalg", "math", "builtins")
_SHORT = {"numpy": "np", "numpy.random": "np.random", "numpy.linalg": "np.linalg"}
_GONE = object()


class TimeLimit(SystemExit):
    """Raised inside a function that ran too long. Not an Exception, so `except Exception` lets it pass.

    A thread that ends by a SystemExit ends in silence.
    """


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
    seconds: float = 0.0


def call(function, args, seconds: float = SECONDS) -> Run:
    """Call `function` on its own copy of `args`, for at most `seconds`."""
    own = copy.deepcopy(args)
    run, tape, events = Run(args), _Tape(), []
    with redirect_stdout(tape), redirect_stderr(tape), _state_put_back(run):
        worker = _Worker(function, own, events)
        worker.within(seconds)
    run.value, run.error, run.seconds = worker.value, worker.error, worker.seconds
    run.changed = (*worker.changed, *run.changed)
    if run.error is not None:
        run.line = _line_of(run.error, function)
    if worker.is_left_behind:
        run.still_running = worker.where(function)
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
def _state_put_back(run):
    """Everything that belongs to the process: what changed is put back and named in `run.changed`."""
    random_state, folder, before = np.random.get_state(), _folder(), _modules()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    random_now = np.random.get_state()
    if random_state[1].tobytes() != random_now[1].tobytes() or random_state[2:] != random_now[2:]:
        run.changed += ("the state of np.random",)
        np.random.set_state(random_state)
    if folder and _folder() != folder:
        os.chdir(folder)
        run.changed += ("the working folder",)
    run.changed += tuple(_modules_put_back(before))


def _modules():
    """The attributes of the modules that checks and lessons rely on; names that were there before."""
    return [(module, dict(vars(module))) for module in _watched(len(sys.modules))]


@lru_cache(maxsize=1)
def _watched(loaded):
    """The modules to look after; asked again when more are loaded."""
    return [
        m
        for name, m in list(sys.modules.items())
        if name in _RELIED_ON or name.split(".")[0] == "course_utils"
    ]


def _modules_put_back(before):
    for module, attributes in before:
        now = vars(module)
        if len(now) == len(attributes) and all(map(operator.is_, now.values(), attributes.values())):
            continue
        for name, value in attributes.items():
            if now.get(name, _GONE) is not value:
                now[name] = value
                yield f"{_SHORT.get(module.__name__, module.__name__)}.{name}"


def _folder():
    try:
        return os.getcwd()
    except OSError:  # the folder itself is gone
        return None


class _Worker:
    """One call in a thread of its own. `within` waits for it, then stops it, then leaves it behind.

    The thread has a copy of the caller's context, so NumPy's error state and print options are its own. Where
    no thread can be started (Python in a browser) the call is made here, and a clock is read at each of its lines.
    """

    def __init__(self, function, args, events):
        self.value, self.error, self.seconds, self.changed = None, None, 0.0, ()
        self._function, self._args, self._events = function, args, events
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(contextvars.copy_context(),), daemon=True)

    def within(self, seconds):
        try:
            self._thread.start()
        except RuntimeError:
            return self._run_here(seconds)
        try:
            if not self._done.wait(seconds):
                self._stop()
        except BaseException:  # the user's own interrupt: end the call as well, and let it pass
            self._stop(grace=0.0)
            raise

    @property
    def is_left_behind(self):
        return not self._done.is_set()

    def where(self, function) -> str:
        """The line of the function in which the thread that was left behind still is."""
        frame = sys._current_frames().get(self._thread.ident)
        code = getattr(function, "__code__", None)
        while frame and code and frame.f_code.co_filename != code.co_filename:
            frame = frame.f_back
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip() if frame and code else ""
        return f"`{line}`" if line else getattr(function, "__name__", "your function")

    def _run_here(self, seconds):
        """Ends a loop, but no single call into C, and no function that catches everything."""
        end = time.monotonic() + seconds

        def clock(frame, event, arg):
            if frame.f_code.co_filename == __file__:
                return None
            if time.monotonic() > end:
                raise TimeLimit
            return clock

        before = sys.gettrace()
        sys.settrace(clock)
        try:
            self._run(contextvars.copy_context())
        finally:
            sys.settrace(before)

    def _run(self, context):
        try:
            context.run(self._call)
        except BaseException as error:  # a TimeLimit that arrived after the end of the call
            self.error = self.error or error
        self._done.set()

    def _call(self):
        begin = _CLOCK()
        with np.errstate(all="call", under="ignore", call=lambda kind, flag: self._events.append(kind)):
            before = np.geterr(), np.get_printoptions()
            try:
                self.value = self._function(*self._args)
            except BaseException as error:
                self.error = error
            after = np.geterr(), np.get_printoptions()
        self.seconds = _CLOCK() - begin
        if asyncio.iscoroutine(self.value):
            self.value.close()  # never awaited: Python would warn about it later, in another cell
        names = ("np.seterr", "np.set_printoptions")
        self.changed = tuple(n for n, a, b in zip(names, before, after, strict=True) if a != b)

    def _stop(self, grace=None):
        """Raise `TimeLimit` in the thread, again and again for a moment, since it may catch everything."""
        end = time.monotonic() + (GRACE if grace is None else grace)
        while True:
            _send(self._thread.ident, TimeLimit)
            if self._done.wait(0.05) or time.monotonic() > end:
                break
        if not isinstance(self.error, TimeLimit):
            self.value, self.error = None, TimeLimit()


def _send(thread, exception):
    # Never NULL, which means "take it back": Python 3.11 then hangs under a profiler or a debugger.
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(exception))


def _line_of(error, function) -> str:
    """The line in which the error arose, from the innermost frame of the function's own file."""
    code = getattr(function, "__code__", None)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if code and f.filename == code.co_filename]
    return linecache.getline(frames[-1].filename, frames[-1].lineno).strip() if frames else ""


def _identical(a, b) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.tobytes() == b.tobytes()
    return a is b or repr(a) == repr(b)
