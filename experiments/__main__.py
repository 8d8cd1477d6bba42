"""Run experiments by name, or all: `python -m experiments [name ...]`."""

import importlib
import json
import pkgutil
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
DATA = HERE.parent / "course_utils" / "data"
NAMES = sorted(found.name for found in pkgutil.iter_modules([HERE]) if found.name[:1] != "_")


def write(name):
    """Run one experiment and store what it found as `course_utils/data/NAME.json`."""
    begun = time.monotonic()
    found = importlib.import_module(f"experiments.{name}").run()
    text = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in found.items())
    (DATA / f"{name}.json").write_text(f"{{\n{text}\n}}\n", "utf-8")
    print(f"{name}: {time.monotonic() - begun:.0f} s")


for name in sys.argv[1:] or NAMES:
    write(name)
