"""What runs inside the sandbox: a student's cells, and calls of what they defined. Nothing that it says is believed.

Started as `python -I -S -B child.py REQUESTS REPLIES SETTINGS`: two file descriptors and a JSON object. A request and a
reply are frames (see `wire`). This file imports nothing of the course: it is mounted alone.
"""

import ast
import contextlib
import json
import os
import resource
import struct
import sys
import warnings

HEAD = struct.Struct(">II")
DEPTH, ITEMS, TEXT = 12, 2000, 400
NUMERIC = "biufc"


class Channel:
    """Frames in and out: a JSON head, and the bytes of the arrays that it names."""

    def __init__(self, requests, replies):
        self._requests, self._replies = os.fdopen(requests, "rb"), os.fdopen(replies, "wb", 0)

    def receive(self):
        lengths = self._requests.read(HEAD.size)
        if len(lengths) < HEAD.size:
            os._exit(0)
        head, body = HEAD.unpack(lengths)
        return json.loads(self._requests.read(head)), self._requests.read(body)

    def send(self, head, body=b""):
        text = json.dumps(head).encode()
        data = memoryview(HEAD.pack(len(text), len(body)) + text + body)
        while data:
            data = data[self._replies.write(data) :]


class Packer:
    """Values as JSON, their arrays beside it as raw bytes. What is neither a number nor text is named by its type."""

    def __init__(self, numpy):
        self.numpy, self.body = numpy, bytearray()

    def tree(self, value, depth=0):
        if value is None or value is ... or isinstance(value, str):
            kind = "none" if value is None else "gap" if value is ... else "text"
            return [kind, str.__str__(value)[:TEXT]] if kind == "text" else [kind]
        if type(value) in (tuple, list) and depth < DEPTH and len(value) <= ITEMS:
            return [type(value).__name__, [self.tree(part, depth + 1) for part in value]]
        if type(value) is dict and depth < DEPTH and len(value) <= ITEMS:
            return ["dict", [[str(key)[:TEXT], self.tree(part, depth + 1)] for key, part in value.items()]]
        return self._number(value)

    def _number(self, value):
        if type(value) in (bool, int, float) and abs(value) < 2**63:
            return [type(value).__name__, repr(value)]
        numpy = self.numpy
        odd = ["object", type(value).__name__[:80]]
        if not isinstance(value, (numpy.ndarray, numpy.generic, int, float)):
            return odd
        try:
            array = numpy.array(value, subok=False, order="C")
            array = array.astype(array.dtype.newbyteorder("="))
        except Exception:
            return odd
        if array.dtype.kind not in NUMERIC and not array.dtype.name.startswith(("bfloat16", "float8")):
            return odd
        begin = len(self.body)
        self.body += array.tobytes()
        return ["array", array.dtype.name, list(array.shape), begin, len(self.body) - begin]


def unpacked(tree, body, numpy, ml_dtypes):
    """A value that the grader sent."""
    kind, *rest = tree
    if kind in ("tuple", "list"):
        return {"tuple": tuple, "list": list}[kind](
            unpacked(part, body, numpy, ml_dtypes) for part in rest[0]
        )
    if kind == "array":
        name, shape, begin, size = rest
        dtype = numpy.dtype(getattr(ml_dtypes, name, name))
        array = numpy.frombuffer(body[begin : begin + size], dtype).reshape(shape).copy()
        return array if shape else array[()]
    return {"none": lambda: None, "text": lambda: rest[0]}.get(kind, lambda: ast.literal_eval(rest[0]))()


def told(error, cells):
    """An exception as its name, its text and the line of the student's code where it arose."""
    line, trace = "", error.__traceback__
    while trace is not None:
        source = cells.get(trace.tb_frame.f_code.co_filename)
        if source:
            lines = source.splitlines()
            line = lines[trace.tb_lineno - 1].strip() if trace.tb_lineno <= len(lines) else ""
        trace = trace.tb_next
    try:
        text = str(error)
    except BaseException:
        text = ""
    return [type(error).__name__[:80], text[:TEXT], line[:TEXT]]


def parsed(source, name):
    """The statements of a cell; where IPython's own lines stop Python, these are left out."""
    try:
        return ast.parse(source, name).body
    except SyntaxError:
        lines = ["pass" if line.startswith(("%", "!", "?")) else line for line in source.split("\n")]
        return ast.parse("\n".join(lines), name).body


def run_cell(source, name, space, cells):
    """Run a cell statement by statement; one that fails is noted, and the next one runs."""
    cells[name] = source
    before = dict(space)
    errors = []
    try:
        statements = parsed(source, name)
    except BaseException as error:
        return {"errors": [told(error, cells)], "made": []}
    for statement in statements:
        try:
            exec(compile(ast.Module([statement], []), name, "exec"), space)
        except BaseException as error:
            errors.append(told(error, cells))
    made = [n for n, value in space.items() if callable(value) and before.get(n) is not value]
    return {"errors": errors[:5], "made": [n[:80] for n in made if isinstance(n, str)][-20:]}


class Server:
    """Answers requests until the other side is gone."""

    def __init__(self, channel, numpy, ml_dtypes):
        self.channel, self.numpy, self.ml_dtypes = channel, numpy, ml_dtypes
        self.space, self.cells, self.main = {"__name__": "__main__"}, {}, os.getpid()

    def serve(self):
        self.reply({"ready": True})
        while True:
            head, body = self.channel.receive()
            answer = getattr(self, head["do"])
            answer(head, body)

    def reply(self, head, body=b""):
        if os.getpid() != self.main:  # a copy that the student's code forked
            os._exit(0)
        self.channel.send(head, body)

    def cell(self, head, body):
        with self.numpy.errstate(all="ignore"):
            self.reply({"of": head["of"], **run_cell(head["source"], head["name"], self.space, self.cells)})

    def value(self, head, body):
        name, packer = head["name"], Packer(self.numpy)
        there = name in self.space
        tree = packer.tree(self.space.get(name)) if there else ["none"]
        called = callable(self.space.get(name))
        self.reply({"of": head["of"], "there": there, "callable": called, "value": tree}, bytes(packer.body))

    def call(self, head, body):
        args = unpacked(head["args"], body, self.numpy, self.ml_dtypes)
        events, value, error = [], None, None
        with self.numpy.errstate(all="call", under="ignore", call=lambda kind, flag: events.append(kind)):
            try:
                value = self.space[head["name"]](*args)
            except BaseException as raised:
                error = raised
        packer = Packer(self.numpy)
        try:
            tree = packer.tree(value)
        except BaseException as raised:  # a value that will not be read
            tree, error = ["none"], raised
        after = packer.tree(args)
        said = told(error, self.cells) if error is not None else None
        events = list(dict.fromkeys(map(str, events)))[:10]
        head = {"of": head["of"], "value": tree, "args": after, "error": said, "events": events}
        self.reply(head, bytes(packer.body))


def bounded(settings):
    """Give up root, then set the limits that hold for everything from here on."""
    if os.getuid() == 0 and settings["uid"]:
        os.setgroups([])
        os.setresgid(*[settings["uid"]] * 3)
        os.setresuid(*[settings["uid"]] * 3)
    for name, value in settings["limits"].items():
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(getattr(resource, name), (value, value))


def main():
    requests, replies, settings = int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
    sys.path[:0] = settings["path"]
    bounded(settings)
    os.chdir(settings["folder"])
    warnings.simplefilter("ignore")
    import ml_dtypes
    import numpy

    sys.argv[1:] = []
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # until here it says why it cannot start
    Server(Channel(requests, replies), numpy, ml_dtypes).serve()


if __name__ == "__main__":
    main()
