"""Frames between the grader and the sandbox: plain values and plain arrays, and every size looked at before it is used.

A frame is two lengths, a JSON head and a body of raw bytes. An array is named in the head by its dtype, its shape and
its place in the body, so nothing is ever unpickled, and no header of NumPy's is parsed. What comes from the sandbox
may be anything: a `Forged` says that it is no frame of ours.
"""

from __future__ import annotations

import json
import math
import os
import select
import struct
import time

import numpy as np

from course_utils import floats

LENGTHS = struct.Struct(">II")
LARGEST_HEAD, LARGEST_BODY = 1 << 20, 16 << 20
DEPTH = 16
_BUILT_IN = [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
_BUILT_IN += [
    "bool",
    "float16",
    "float32",
    "float64",
    "complex64",
    "complex128",
    np.dtype(np.longdouble).name,
]
DTYPES = {name: np.dtype(name) for name in _BUILT_IN} | {
    name: fmt.dtype for name, fmt in floats.FORMATS.items()
}


class Forged(Exception):
    """What came back is no reply."""


class Late(Exception):
    """Nothing came back in time."""


class Gone(Exception):
    """The other side has ended."""


class Unknown:
    """Something that is no number and no text; only the name of its type came back, as the name of this one's type."""


def _unknown(kind):
    return type(kind[:80] if kind.isidentifier() else "object", (Unknown,), {})()


# --- values ----------------------------------------------------------------------------------------------


def packed(args) -> tuple[list, bytes]:
    """Arguments of a call, as the head's tree and the body."""
    body = bytearray()
    return _tree(tuple(args), body), bytes(body)


def _tree(value, body):
    if isinstance(value, (tuple, list)):
        return [type(value).__name__, [_tree(part, body) for part in value]]
    if isinstance(value, (np.ndarray, np.generic)):
        begin = len(body)
        body += np.ascontiguousarray(value).tobytes()
        return ["array", value.dtype.name, list(value.shape), begin, len(body) - begin]
    if isinstance(value, str):
        return ["text", value]
    return [type(value).__name__, repr(value)]


def unpacked(tree, body, depth=0):
    """The value of a tree that came out of the sandbox."""
    if not isinstance(tree, list) or not tree or not isinstance(tree[0], str) or depth > DEPTH:
        raise Forged("a value that is none")
    kind, *rest = tree
    if kind in ("none", "gap") and not rest:
        return None if kind == "none" else ...
    if kind == "array" and len(rest) == 4:
        return _array(*rest, body)
    if len(rest) != 1:
        raise Forged("a value that is none")
    if kind in ("tuple", "list", "dict"):
        return _several(kind, rest[0], body, depth)
    return _single(kind, rest[0])


def _several(kind, parts, body, depth):
    if not isinstance(parts, list) or len(parts) > 4000:
        raise Forged("a list that is none")
    if kind == "dict":
        return _unknown("dict")
    return {"tuple": tuple, "list": list}[kind](unpacked(part, body, depth + 1) for part in parts)


def _single(kind, text):
    if not isinstance(text, str) or len(text) > 4000:
        raise Forged("a text that is none")
    read = {
        "text": str,
        "object": _unknown,
        "int": int,
        "float": float,
        "bool": {"True": True, "False": False}.get,
    }
    try:
        return read[kind](text)
    except (KeyError, ValueError) as error:
        raise Forged("a number that is none") from error


def _array(name, shape, begin, size, body):
    counts = [name in DTYPES if isinstance(name, str) else False, isinstance(shape, list) and len(shape) <= 8]
    counts += [
        type(n) is int and 0 <= n <= LARGEST_BODY for n in (begin, size, *(shape if counts[1] else ()))
    ]
    if not all(counts):
        raise Forged("an array that is none")
    if math.prod(shape) * DTYPES[name].itemsize != size or begin + size > len(body):
        raise Forged("an array whose size is wrong")
    array = np.frombuffer(body[begin : begin + size], DTYPES[name]).reshape(shape).copy()
    return array if shape else array[()]


# --- frames ----------------------------------------------------------------------------------------------


class Channel:
    """The grader's end of two pipes. Neither reading nor writing waits longer than it is told to."""

    def __init__(self, requests, replies):
        self.requests, self.replies = requests, replies
        os.set_blocking(requests, False)
        os.set_blocking(replies, False)

    def close(self):
        os.close(self.requests)
        os.close(self.replies)

    def send(self, head, body=b"", *, until):
        text = json.dumps(head).encode()
        data = memoryview(LENGTHS.pack(len(text), len(body)) + text + body)
        while data:
            self._wait(self.requests, select.POLLOUT, until)
            try:
                data = data[os.write(self.requests, data) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise Gone from error

    def receive(self, *, until):
        head, body = LENGTHS.unpack(self._exactly(LENGTHS.size, until))
        if head > LARGEST_HEAD or body > LARGEST_BODY:
            raise Forged("a reply that is too large")
        text = self._exactly(head, until)
        try:
            told = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Forged("a reply that is no JSON") from error
        if not isinstance(told, dict):
            raise Forged("a reply that is no reply")
        return told, self._exactly(body, until)

    def _exactly(self, count, until):
        data = bytearray()
        while len(data) < count:
            self._wait(self.replies, select.POLLIN, until)
            try:
                part = os.read(self.replies, min(count - len(data), 1 << 16))
            except BlockingIOError:
                continue
            if not part:
                raise Gone
            data += part
        return bytes(data)

    @staticmethod
    def _wait(descriptor, event, until):
        left = until - time.monotonic()
        poll = select.poll()
        poll.register(descriptor, event)
        if left <= 0 or not poll.poll(1000 * left):
            raise Late
