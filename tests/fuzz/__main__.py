"""The long fuzz: `python -m tests.fuzz --minutes 60`. Each failure is printed as a snippet, shrunk."""

from __future__ import annotations

import argparse
import time
from collections import Counter

import numpy as np

from tests.fuzz.inputs import call
from tests.fuzz.judge import judge
from tests.fuzz.shrink import kind_of, shrunk, snippet


def calls(seed: int, numbers):
    """Calls by number: the same seed and number make the same call."""
    for number in numbers:
        yield number, call(np.random.default_rng([seed, number]))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--of-a-kind", type=int, default=3, help="how many failures of one kind are shown")
    options = parser.parse_args()
    end, seen, tried = time.monotonic() + 60 * options.minutes, Counter(), 0
    print(f"seed {options.seed}", flush=True)
    for number, made in calls(options.seed, iter(range(10**12))):
        if time.monotonic() > end:
            break
        tried += 1
        message = judge(made)
        if message:
            kind = made.function, kind_of(message)
            seen[kind] += 1
            if seen[kind] <= options.of_a_kind:
                smaller, said = shrunk(made)
                print(f"\n# call {number}: {said}\n{snippet(smaller)}", flush=True)
    print(f"\n{tried} calls, {seen.total()} failures of {len(seen)} kinds in {options.minutes:g} minutes")
    for (function, kind), count in seen.most_common():
        print(f"{count:6}  {function}: {kind}")
    raise SystemExit(bool(seen))


if __name__ == "__main__":
    main()
