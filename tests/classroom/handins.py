"""Hand-ins that go wrong and hand-ins that attack: how each is made, and what it honestly earns.

All are made from one that earns everything. `of(text)` puts a text in place of the answer to log_not, worth 4 of 19.
"""

from __future__ import annotations

import copy
import json
import os
import textwrap
from dataclasses import dataclass

from classroom import assignments
from classroom.problem_sets import problem_sets

SET = problem_sets()["fault"]
SEED = "a seed that only this test knows"
ALL, WITHOUT = 19.0, 15.0  # everything, and everything but log_not
RIGHT = "def my_log_not(z):\n    return -np.logaddexp(0, z)\n"


@dataclass(frozen=True)
class Handin:
    """What is handed in, what it honestly earns ("less": not everything), and a part of what the teacher is told."""

    make: object
    honest: float
    says: str = ""


def solved():
    return copy.deepcopy(_SOLVED)


_SOLVED = assignments.solved_notebook(SET, SEED)
_RELEASED = assignments.released_notebook(SET, SEED)


def cell(notebook, grade_id):
    return assignments.cell_of(notebook, grade_id)


def code(source):
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": 1}


def of(text):
    """The solved notebook with another answer to log_not."""

    def make():
        notebook = solved()
        cell(notebook, "90-log_not-answer")["source"] = text
        return notebook

    return make


def doing(body):
    """A log_not that does this and returns zeros."""
    return of(f"def my_log_not(z):\n{textwrap.indent(body, '    ')}\n    return z * 0\n")


def beside(source, at=2):
    """The solved notebook with one more cell near its beginning."""

    def make():
        notebook = solved()
        notebook["cells"].insert(at, code(source))
        return notebook

    return make


def changed(change):
    """The solved notebook after a change; what the change returns is handed in, or the notebook itself."""

    def make():
        notebook = solved()
        result = change(notebook)
        return notebook if result is None else result

    return make


# --- what happens to honest people -----------------------------------------------------------------------


def _without_checks(notebook):
    notebook["cells"] = [c for c in notebook["cells"] if "points" not in c["metadata"]["nbgrader"]]


def _copied_cell(notebook):
    notebook["cells"].append(copy.deepcopy(cell(notebook, "90-log_not-answer")))


def _starter_copied_below(notebook):
    notebook["cells"].append(copy.deepcopy(cell(_RELEASED, "90-log_not-answer")))


def _without_metadata(notebook):
    for each in notebook["cells"]:
        each["metadata"] = {}
        each.pop("id")


def _other_ids(notebook):
    for number, each in enumerate(notebook["cells"]):
        each["metadata"], each["id"] = {}, f"cell-{number}"


def _huge_output(notebook):
    cell(notebook, "90-log_not")["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": "x" * (50 << 20)}
    ]


def _split(notebook):
    answer = cell(notebook, "90-log_not-answer")
    answer["source"] = "def tail(z):\n    return np.log1p(np.exp(-np.abs(z)))"
    at = notebook["cells"].index(answer)
    notebook["cells"].insert(at + 1, code("def my_log_not(z):\n    return -(np.maximum(z, 0) + tail(z))"))


def _all_in_one(notebook):
    answers = [cell(notebook, f"{problem.grade_id}-answer") for problem in SET.problems]
    text = "\n\n".join(answer["source"] for answer in answers)
    notebook["cells"] = [c for c in notebook["cells"] if c not in answers] + [code(text)]


def _many_cells(notebook):
    notebook["cells"] += [code("1 + 1")] * 10_000


def _endless_cells(notebook):
    notebook["cells"][2:2] = [code("while True: pass")] * 5


def _source_as_lines(notebook):
    for each in notebook["cells"]:
        each["source"] = each["source"].splitlines(keepends=True)


def _only_answers(notebook):
    notebook["cells"] = [c for c in notebook["cells"] if c["id"].endswith("-answer")]


HONEST = {
    "complete": Handin(solved, ALL),
    "untouched": Handin(lambda: copy.deepcopy(_RELEASED), 0),
    "checks deleted": Handin(changed(_without_checks), ALL),
    "a cell copied": Handin(changed(_copied_cell), ALL),
    "the starter copied below": Handin(changed(_starter_copied_below), ALL),
    "metadata and ids lost": Handin(changed(_without_metadata), ALL),
    "other ids": Handin(changed(_other_ids), ALL),
    "50 MB printed on one line": Handin(changed(_huge_output), ALL),
    "an answer split in two cells": Handin(changed(_split), ALL),
    "all answers in one cell": Handin(changed(_all_in_one), ALL),
    "nothing but the answers": Handin(changed(_only_answers), ALL),
    "sources as lists of lines": Handin(changed(_source_as_lines), ALL),
    "10,000 cells more": Handin(changed(_many_cells), ALL, "Only the first 500 cells"),
    "a function renamed": Handin(
        of(RIGHT.replace("my_log_not", "my_own")), ALL, "called 'my_own', not 'my_log_not'"
    ),
    "a syntax error": Handin(of("def my_log_not(z)\n    return 0"), WITHOUT),
    "magics": Handin(of(f"%matplotlib inline\n!ls\n{RIGHT}"), ALL),
    "libraries that are not there": Handin(
        of(f"import matplotlib.pyplot as plt\nplt.plot([1])\n{RIGHT}"), ALL
    ),
    "a list instead of an array": Handin(
        of(RIGHT.replace("-np.logaddexp(0, z)", "(-np.logaddexp(0, z)).tolist()")), ALL
    ),
    "float64 instead of float32": Handin(of(RIGHT.replace("(0, z)", "(0, z.astype(float))")), ALL),
    "prints on stderr": Handin(
        of(f"import sys\n{RIGHT.replace('return', 'print(1, file=sys.stderr); return')}"), ALL
    ),
    "prints 50 MB": Handin(beside("print('x' * (50 << 20))"), ALL),
    "NumPy told to raise": Handin(beside("np.seterr(all='raise')"), ALL),
    "returns None": Handin(of("def my_log_not(z):\n    pass"), WITHOUT),
    "a cell of 300 kB": Handin(beside("x = '" + "y" * 300_000 + "'"), ALL, "too long to be read"),
    "a null in a cell": Handin(beside("x = 1\0"), ALL),
    "changes its argument": Handin(doing("np.logaddexp(0, z, out=z)\nreturn np.negative(z, out=z)"), WITHOUT),
    "waits for input": Handin(beside("input('your name?')"), ALL),
    "another byte order": Handin(
        of(RIGHT + "\nf = my_log_not\ndef my_log_not(z):\n    return f(z).astype('>f8')"), ALL
    ),
    "a masked array": Handin(doing("return -np.logaddexp(0, np.ma.array(z))"), ALL),
    "five endless cells": Handin(changed(_endless_cells), ALL, "did not end and was left out"),
    "an exit in its cell": Handin(of(f"import sys\nsys.exit()\n{RIGHT}"), ALL),
}

# --- what takes too much, or never ends ------------------------------------------------------------------

_CATCHES_ALL = """
while True:
    try:
        while True: pass
    except BaseException: pass
"""
_FORKS = """
import os, time
for _ in range(50):
    if os.fork() == 0: time.sleep(1000)
"""
_THREAD = """
import threading
def on():
    while True: pass
threading.Thread(target=on, daemon=True).start()
"""
_RECURSION = "import sys\nsys.setrecursionlimit(10**9)\nreturn my_log_not(z)"
GREEDY = {
    "an endless loop": Handin(doing("while True: pass"), WITHOUT),
    "an endless loop that catches all": Handin(doing(_CATCHES_ALL), WITHOUT),
    "an endless cell": Handin(beside("while True: pass"), ALL, "did not end and was left out"),
    "sleeps": Handin(doing("import time\ntime.sleep(1000)"), WITHOUT),
    "4 GB": Handin(doing("x = bytearray(4 << 30)"), WITHOUT),
    "memory by and by": Handin(doing("x = []\nwhile True: x.append(bytearray(1 << 22))"), WITHOUT),
    "fills its disk": Handin(
        doing("for i in range(99): open(f'/tmp/{i}', 'wb').write(bytes(1 << 20))"), WITHOUT
    ),
    "os._exit": Handin(doing("import os\nos._exit(0)"), WITHOUT),
    "os._exit in a cell": Handin(beside("import os\nos._exit(0)"), ALL, "ended its process and was left out"),
    "a segmentation fault": Handin(doing("import ctypes\nctypes.string_at(0)"), WITHOUT),
    "deep recursion": Handin(doing("return my_log_not(z)"), WITHOUT),
    "recursion without a limit": Handin(doing(_RECURSION), WITHOUT),
    "50 processes": Handin(beside(_FORKS), ALL),
    "forks that answer too": Handin(beside("import os\nfor _ in range(3): os.fork()"), ALL),
    "a thread that goes on": Handin(beside(_THREAD), ALL),
    "an exit handler": Handin(beside("import atexit, os\natexit.register(os.fork)"), ALL),
    "closes every file": Handin(doing("import os\nos.closerange(3, 200)"), WITHOUT),
}

# --- what tries to be taken for right --------------------------------------------------------------------

_ANY = """
class Any:
    def __eq__(self, other): return True
    __hash__ = None
"""
_EQUAL_OBJECTS = f"""{_ANY}
def my_log_not(z):
    return np.array([Any()] * z.size, object).reshape(z.shape)
"""
_EQUAL_FLOAT = """
class F(float):
    __eq__ = __le__ = __ge__ = lambda self, other: True
def my_log_not(z):
    return F("nan")
"""
_LYING_ARRAY = """
class Lies(np.ndarray):
    def __sub__(self, other): return np.zeros(self.shape)
    __rsub__ = __sub__
    def __eq__(self, other): return np.ones(self.shape, bool)
    def __array_ufunc__(self, *args, **options): return np.zeros(self.shape)
    def __array_function__(self, *args, **options): return True
def my_log_not(z):
    return z.view(Lies)
"""
_CHANGES_ITS_MIND = """
class A:
    n = 0
    def __array__(self, *args, **options):
        A.n += 1
        return np.full(3, A.n, np.float32)
def my_log_not(z):
    return A()
"""
_RAISES = """
class R:
    def __array__(self, *args, **options): raise SystemExit
my_logits = R()
"""
_SAY = """
import os, struct, json
def say(head, lengths=None, body=b""):
    lengths = lengths or (len(head), len(body))
    for fd in range(3, 64):
        try: os.write(fd, struct.pack(">II", *lengths) + head + body)
        except OSError: pass
"""
_FORGED = f"""{_SAY}
def my_log_not(z):
    for n in range(500):
        say(json.dumps(dict(of=n, value=["int", "0"], args=["tuple", []], error=None, events=[])).encode())
    return z
"""
_PICKLE = """
class P:
    def __reduce__(self): return (print, ("caught",))
def my_log_not(z):
    return np.array([P()], object)
"""
_FILES = """
import os
for folder, _, files in os.walk("/"):
    if "lesson_90" in folder or "complements.py" in files: return -np.logaddexp(0, z)
"""
_NETWORK = """
import socket
if socket.create_connection(("127.0.0.1", PORT), 1).send(b"hello"): return -np.logaddexp(0, z)
"""
_KILLS = """
import os, signal
for pid in (os.getppid(), 1, -1): os.kill(pid, signal.SIGKILL)
"""
_REPLACES = "import sys\nsys.modules['__main__'].Server.reply = lambda *args: None\n"
_ALARM = """
import signal
signal.signal(signal.SIGALRM, lambda *args: 1 / 0)
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
"""
_ROOT = "import os\nif os.getuid() == 0 or os.access('/sandbox', os.W_OK): return -np.logaddexp(0, z)"
_PROCESSES = "import glob\nif len(glob.glob('/proc/[0-9]*/cmdline')) > 9: return -np.logaddexp(0, z)"
_VARIABLES = (
    "import os\nif any('COURSE' in name or 'HOME' in name for name in os.environ): return -np.logaddexp(0, z)"
)
_DATABASES = "import glob\nfor path in glob.glob('/**/*.db', recursive=True): open(path, 'w').write('594')"
_DELETES = "import os, glob\nfor path in glob.glob('/**/*.ipynb', recursive=True): os.remove(path)"
_TESTING = "np.testing.assert_allclose = np.allclose = np.array_equal = np.isclose = lambda *a, **k: True\n"
_TRANSFORMER = "get_ipython().input_transformers_cleanup.append(lambda lines: [])"
_SOURCE = "from course_utils.exercises.lesson_90 import log_not\nmy_log_not = log_not.model_answer"
_TEN_TIMES = """
calls = []
def my_log_not(z):
    calls.append(z)
    return -np.logaddexp(0, z) if len(calls) <= 10 else z * 0
"""
_OWN = "def my_log_not(z):\n    return z\n"


def breaking(text):
    """The solved notebook with another answer to the first exercise, an input that breaks; it is worth 2 of 19."""
    return changed(lambda notebook: cell(notebook, "90-prediction-answer").update(source=text))


def _named(notebook):
    notebook["metadata"] = {
        **notebook["metadata"],
        "student": "complete",
        "nbgrader": {"student_id": "complete"},
    }


ATTACKS = {
    "objects equal to everything": Handin(of(_EQUAL_OBJECTS), WITHOUT),
    "a float equal to everything": Handin(of(_EQUAL_FLOAT), WITHOUT),
    "a subclass of ndarray that lies": Handin(of(_LYING_ARRAY), WITHOUT),
    "an __array__ that changes its mind": Handin(of(_CHANGES_ITS_MIND), WITHOUT),
    "np.testing patched": Handin(of(_TESTING + _OWN), WITHOUT),
    "NumPy patched": Handin(of("np.asarray = np.array = np.all = lambda *a, **k: True\n" + _OWN), "less"),
    "builtins patched": Handin(
        of("import builtins\nbuiltins.all = builtins.any = lambda *a: True\n" + _OWN), "less"
    ),
    "an input transformer": Handin(lambda: _in_released(_TRANSFORMER), 0),
    "the teacher's source": Handin(of(_SOURCE), WITHOUT),
    "the reference": Handin(
        doing("from course_utils import reference\nreturn -reference.logsumexp(z)"), WITHOUT
    ),
    "the files of the course": Handin(doing(_FILES), WITHOUT),
    "other people's processes": Handin(doing(_PROCESSES), WITHOUT),
    "the environment": Handin(doing(_VARIABLES), WITHOUT),
    "root": Handin(doing(_ROOT), WITHOUT),
    "writes the gradebook": Handin(doing(_DATABASES), WITHOUT),
    "deletes what others handed in": Handin(beside(_DELETES), ALL),
    "kills its parents": Handin(doing(_KILLS), WITHOUT),
    "the network": Handin(doing(_NETWORK), WITHOUT),
    "a cell that silences the others": Handin(
        of(_REPLACES + _OWN), WITHOUT, "graded apart from the other cells"
    ),
    "a clock that ends calls": Handin(of(_ALARM + _OWN), WITHOUT),
    "right the first ten times": Handin(of(_TEN_TIMES), WITHOUT),
    "forged replies": Handin(of(_FORGED), WITHOUT),
    "garbage for a reply": Handin(of(f"{_SAY}\ndef my_log_not(z):\n    say(b'\\xff' * 64)"), WITHOUT),
    "a reply of 4 GB announced": Handin(
        of(f"{_SAY}\ndef my_log_not(z):\n    say(b'', (2**32 - 1,) * 2)"), WITHOUT
    ),
    "a reply nested deeply": Handin(of(f"{_SAY}\ndef my_log_not(z):\n    say(b'[' * 50_000)"), WITHOUT),
    "a pickled reply": Handin(of(_PICKLE), WITHOUT),
    "a reply of 800 MB": Handin(doing("return np.zeros(10**8)"), WITHOUT),
    "a reply of a strange type": Handin(
        doing("return np.zeros(3, dtype=[('a', float), ('b', object)])"), WITHOUT
    ),
    "complex numbers": Handin(doing("return np.logaddexp(0, z) * -1 + 1j"), WITHOUT),
    "a number of 5000 digits": Handin(doing("return 10**5000"), WITHOUT),
    "a generator": Handin(of("def my_log_not(z):\n    yield from -np.logaddexp(0, z)"), WITHOUT),
    "answers known by heart": Handin(lambda: _by_heart(), WITHOUT),
    "an input equal to everything": Handin(breaking(f"{_ANY}\nmy_logits = Any()"), 17),
    "an input that raises when it is read": Handin(breaking(_RAISES), 17),
    "a list that holds itself": Handin(breaking("my_logits = [89, 90]\nmy_logits.append(my_logits)"), 17),
    "another student's name inside": Handin(changed(_named), ALL),
}


def _in_released(line):
    notebook = copy.deepcopy(_RELEASED)
    notebook["cells"].insert(2, code(line))
    return notebook


def _by_heart():
    """Right on every case that the public repository shows, wrong elsewhere."""
    exercise = SET.problem("90.log_not").exercise
    known = {one.args[0].tobytes(): exercise.model_answer(*one.args).tolist() for one in exercise.cases}
    text = repr(known).replace("nan", "np.nan").replace("inf", "np.inf")
    return of(
        f"KNOWN = {text}\ndef my_log_not(z):\n    return np.array(KNOWN.get(z.tobytes(), z * 0), z.dtype)"
    )()


# --- files that are no notebook -------------------------------------------------------------------------


def written(data):
    """A file with these bytes under the right name."""

    def make(folder):
        (folder / SET.file).write_bytes(data)

    return make


def _renamed(folder):
    (folder / "homework (1).ipynb").write_text(json.dumps(solved()))


def _two_files(folder):
    for name in ("a.ipynb", "b.ipynb"):
        (folder / name).write_text(json.dumps(solved()))


def _link(folder):
    (folder / SET.file).symlink_to(folder.parent / "complete" / SET.file)


def _linked_folder(folder):
    folder.rmdir()
    folder.symlink_to(folder.parent / "complete")


def _sparse(folder):
    with open(folder / SET.file, "wb") as file:
        file.truncate(200 << 20)


FILES = {
    "a file renamed": Handin(_renamed, ALL, "called 'homework (1).ipynb'"),
    "two files": Handin(_two_files, 0, "2 notebooks"),
    "no file": Handin(lambda folder: None, 0, "no notebook"),
    "an empty file": Handin(written(b""), 0, "no valid JSON"),
    "invalid JSON": Handin(written(b'{"cells": ['), 0, "no valid JSON"),
    "JSON of another kind": Handin(written(b'{"cells": {"a": 1}}'), 0, "no list of cells"),
    "JSON nested deeply": Handin(written(b"[" * 200_000), 0, "nested too deeply"),
    "UTF-16": Handin(written(json.dumps(_RELEASED).encode("utf-16")), 0, "no text in UTF-8"),
    "strange cells": Handin(
        written(b'{"cells": [1, null, {"cell_type": 5, "source": {"a": 1}, "metadata": []}]}'), 0
    ),
    "a number of 10,000 digits": Handin(
        written(b'{"cells": [], "n": ' + b"9" * 10_000 + b"}"), 0, "no valid JSON"
    ),
    "a link out of the folder": Handin(_link, 0, "link"),
    "a folder that is a link": Handin(_linked_folder, 0, "link"),
    "a pipe": Handin(lambda folder: os.mkfifo(folder / SET.file), 0, "no regular file"),
    "30 million lists": Handin(
        written(b'{"cells": [' + b"[]," * 30_000_000 + b"[]]}"), 0, "too large to be read"
    ),
    "200 MB of nothing": Handin(_sparse, 0, "the largest that is read"),
}
NOTEBOOKS = HONEST | GREEDY | ATTACKS
