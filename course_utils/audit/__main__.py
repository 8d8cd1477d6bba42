"""`python -m course_utils.audit MODULE:FUNCTION`: exits with 0 when nothing fails but what is allowed, 1 when
something else does, 2 when the command line cannot be used."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import threading
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path

from course_utils.audit import KINDS, audit, cases
from course_utils.audit.assertion import complaint
from course_utils.audit.subject import kind_of

LAST_RESORT = 120.0


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(prog="python -m course_utils.audit", description=__doc__)
    parser.add_argument("function", metavar="MODULE:FUNCTION", help="for example scipy.special:softmax")
    parser.add_argument("--kind", choices=KINDS, help="what it computes; left out, its name tells")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report here as JSON too")
    parser.add_argument(
        "--only", action="append", default=[], metavar="CASES", help="a group, or names with *"
    )
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="CASES=REASON",
        help="failures that you accept, and why",
    )
    options = parser.parse_args(arguments)
    try:
        function = _found(options.function)
        kind = options.kind or kind_of(function)
        allow = dict(map(_allowance, options.allow))
        cases.only(kind, tuple(options.only))
    except (ImportError, AttributeError, ValueError) as error:
        parser.error(str(error))
    if not callable(function):
        parser.error(f"{options.function} is no function")
    with _stopped_without_mercy(options.function):
        report = audit(function, kind, name=options.function, only=tuple(options.only))
    if options.json:
        try:
            options.json.write_text(report.json() + "\n", encoding="utf-8")
        except OSError as error:
            parser.error(f"--json {options.json}: {error.strerror}")
    said = complaint(report, allow)
    print(said or report)
    if allow and not said:
        print("Every failure is allowed.")
    return 1 if said else 0


def _allowance(spelled):
    """`CASES=REASON`; a name may hold = itself, so the reason begins after the last one."""
    pattern, _, reason = spelled.rpartition("=")
    if not (pattern and reason.strip()):
        raise ValueError(
            f"write --allow CASES=REASON, for example --allow 'float8*=never used'; got {spelled!r}"
        )
    return pattern, reason


def _found(spelled):
    module, colon, name = spelled.partition(":")
    if not (module and colon and name):
        raise ValueError(f"write MODULE:FUNCTION, for example scipy.special:softmax; got {spelled!r}")
    return attrgetter(name)(importlib.import_module(module))


@contextmanager
def _stopped_without_mercy(name):
    """A call into C that never returns cannot be interrupted from Python; the process can be ended."""

    def give_up():
        print(
            f"{name} failed: a call did not return within {LAST_RESORT:g} s", file=sys.__stderr__, flush=True
        )
        os._exit(1)

    timer = threading.Timer(LAST_RESORT, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


if __name__ == "__main__":
    sys.exit(main())
