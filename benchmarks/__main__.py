"""Measure, write `benchmarks/results/` and the block in the README.

python -m benchmarks                        all but the bounds; leave the machine alone meanwhile
python -m benchmarks speed accuracy memory  some parts: each renews its CSV, and the page is made of all of them
python -m benchmarks bounds                 a million rows a function and format, at every SIMD level: half an hour
python -m benchmarks page                   the page and the README alone, from the CSV files
python -m benchmarks --quick                half a minute, into artifacts/benchmarks/: shows that all of it runs
python -m benchmarks speed --against REV    with the `stable` of that revision of git as one more contender
"""

import argparse
import time
from importlib.util import find_spec
from pathlib import Path

from benchmarks import accuracy, bounds, measure, memory, report, speed

ROOT = Path(__file__).resolve().parents[1]
RESULTS = "benchmarks/results"
AUDITS = find_spec("benchmarks.audits") is not None


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = ("speed", "accuracy", "memory", "audits", "bounds", "page")
    parser.add_argument("parts", nargs="*", choices=[*parts, []], help="what to measure, or page")
    parser.add_argument("--quick", action="store_true", help="a smoke test; its times mean nothing")
    parser.add_argument("--against", metavar="REV", help="race the stable of this revision of git as well")
    parser.add_argument("--into", type=Path, help="the folder to write, instead of benchmarks/results")
    parser.add_argument("--readme", type=Path, help="the page whose block is written anew")
    chosen = parser.parse_args(arguments)
    folder = chosen.into or ROOT / ("artifacts/benchmarks" if chosen.quick else RESULTS)
    start = time.perf_counter()
    for part in chosen.parts or ("speed", "accuracy", "memory", "audits"):
        for name, rows in measured(part, chosen.quick, chosen.against).items():
            report.save(folder, name, rows)
        print(f"{part}: done after {time.perf_counter() - start:.0f} s", flush=True)
    report.page(folder)
    readme = chosen.readme or (ROOT / "README.md" if folder == ROOT / RESULTS else None)
    if readme:
        report.refresh(readme, folder, RESULTS)
    print(f"written to {folder}")


def measured(part, quick, against) -> dict:
    """The tables of one part, by name."""
    if part == "speed":
        rows = speed.run(quick, against)
        machine = [{"what": key, "is": value} for key, value in measure.machine().items()]
        return {"speed": rows, "machine": machine}
    if part == "accuracy":
        return {"accuracy": accuracy.run(quick), "margins": accuracy.margins(quick)}
    if part == "memory":
        return {"memory": memory.run(quick)}
    if part == "bounds":
        return {"bounds": bounds.summary(bounds.run(quick))}
    if part == "audits" and AUDITS and not quick:
        from benchmarks import audits

        return {"audits": audits.rows()}
    return {}


if __name__ == "__main__":
    main()
