"""Counts and times of the test runs whose JUnit files lie in a folder: python tools/summary.py artifacts"""

import sys
from pathlib import Path
from xml.etree import ElementTree

COLUMNS = ("tests", "failures", "errors", "skipped")


def rows(folder):
    for path in sorted(Path(folder).glob("*.xml")):
        for suite in ElementTree.parse(path).getroot().iter("testsuite"):
            yield path.stem, [int(suite.get(name, 0)) for name in COLUMNS], float(suite.get("time", 0))


def main(folder):
    found = list(rows(folder))
    if not found:
        sys.exit(f"no test run left its results in {folder}")
    print(f"{'':12}" + "".join(f"{name:>10}" for name in COLUMNS) + f"{'seconds':>10}")
    total = [sum(column) for column in zip(*(counts for _, counts, _ in found), strict=True)]
    for name, counts, seconds in [*found, ("all", total, sum(row[2] for row in found))]:
        print(f"{name:12}" + "".join(f"{count:10d}" for count in counts) + f"{seconds:10.1f}")


if __name__ == "__main__":
    main(sys.argv[1])
