"""Measure everything, write `benchmarks/results/` and the block in the README.

python -m benchmarks              six to ten minutes; leave the machine alone meanwhile
python -m benchmarks --quick      half a minute, into artifacts/benchmarks/: shows that all of it runs
python -m benchmarks --into DIR   somewhere else; the README stays as it is
"""

import argparse
import time
from pathlib import Path

from benchmarks import accuracy, measure, memory, report, speed, steps

ROOT = Path(__file__).resolve().parents[1]
RESULTS = "benchmarks/results"


def main(arguments=None) -> report.Measured:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test; its times mean nothing")
    parser.add_argument("--into", type=Path, help="the folder to write, instead of benchmarks/results")
    parser.add_argument("--readme", type=Path, help="the page whose block is written anew")
    chosen = parser.parse_args(arguments)
    measured = measure_all(chosen.quick)
    folder = chosen.into or ROOT / ("artifacts/benchmarks" if chosen.quick else RESULTS)
    report.write(measured, folder)
    readme = chosen.readme or (ROOT / "README.md" if folder == ROOT / RESULTS else None)
    if readme:
        report.refresh(readme, measured, RESULTS)
    print(report.markdown(speed.summary(measured.speed)))
    print(f"written to {folder}")
    return measured


def measure_all(quick) -> report.Measured:
    start = time.perf_counter()
    found = {}
    for name, run in {
        "speed": speed.run,
        "accuracy": accuracy.run,
        "sweeps": accuracy.sweep,
        "memory": memory.run,
        "steps": steps.run,
    }.items():
        found[name] = run(quick)
        print(f"{name}: done after {time.perf_counter() - start:.0f} s", flush=True)
    return report.Measured(machine=measure.machine(), **found)


if __name__ == "__main__":
    main()
