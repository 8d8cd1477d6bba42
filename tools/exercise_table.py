"""What the exercises cover and how well they judge.

python tools/exercise_table.py            the table: kinds, minutes, mistakes, mutation score, check times
python tools/exercise_table.py write      bring the map of objectives in CONTRIBUTING.md up to date
"""

import os
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ["COURSE_PROGRESS"] = "off"

from course_utils.exercises import course  # noqa: E402
from course_utils.exercises.core import FUNCTION_KINDS  # noqa: E402
from course_utils.mistakes import MISTAKES  # noqa: E402
from tests import mutation  # noqa: E402

PAGE = ROOT / "CONTRIBUTING.md"
BEGIN, END = "<!-- exercises: written by tools/exercise_table.py -->", "<!-- end of exercises -->"
HEADER = ("exercise", "kind", "min", "level", "cases", "mistakes", "mutants refused", "median s", "worst s")


def answers(exercise):
    """What a learner may hand in: the solution, the valid variants, the known mistakes."""
    written = [exercise.model_answer, *exercise.variants]
    if exercise.kind in FUNCTION_KINDS:
        return [*written, *(mistake.function for mistake in exercise.mistakes)]
    right = [function() for function in written]
    if exercise.kind == "break":
        return [*right, *(mistake.fails_on for mistake in exercise.mistakes)]
    if exercise.kind == "choose":
        return [*right, *((name, *right[0][1:]) for name in exercise.subject)]
    return right


def seconds(exercise):
    """The time of a check for each of these answers; the first one in a session also computes the truths."""
    taken = []
    for answer in answers(exercise):
        start = time.perf_counter()
        exercise.check(answer)
        taken.append(time.perf_counter() - start)
    return taken


def row(exercise, taken):
    numbers = {MISTAKES[key].number for key in exercise.covers & set(MISTAKES)}
    score = "-"
    if exercise.kind in FUNCTION_KINDS:
        refused, missed, _ = mutation.score(exercise)
        score = f"{refused} of {refused + len(missed)}"
    mistakes = (
        f"{len(exercise.covers)} ({len(numbers)} of the catalogue)" if numbers else str(len(exercise.covers))
    )
    times = (f"{statistics.median(taken):.3f}", f"{max(taken):.3f}")
    return (
        exercise.key,
        exercise.kind,
        exercise.minutes,
        exercise.difficulty,
        len(exercise.cases),
        mistakes,
        score,
        *times,
    )


def told(found, times):
    """The sentences below the table."""
    covered = set().union(*(exercise.covers for exercise in found))
    kinds = {exercise.kind: sum(other.kind == exercise.kind for other in found) for exercise in found}
    scores = [mutation.score(exercise)[:2] for exercise in found if exercise.kind in FUNCTION_KINDS]
    refused, missed = sum(r for r, _ in scores), sum(len(m) for _, m in scores)
    yield f"{len(found)} exercises, {sum(e.minutes for e in found)} minutes: " + ", ".join(
        f"{n} {k}" for k, n in kinds.items()
    )
    numbered = {key for key, mistake in MISTAKES.items() if mistake.number}
    catalogue = f"{len(covered & numbered)} of {len(numbered)}"
    yield f"known mistakes: {catalogue} of the catalogue; with the lessons' own, {len(covered)}"
    yield f"mutants: {refused} of {refused + missed} refused ({100 * refused / (refused + missed):.1f} %)"
    yield f"a check: median {statistics.median(times):.3f} s, worst {max(times):.3f} s, of {len(times)}"
    start = time.perf_counter()
    course.exercises()["03.max_shift"].check(endless)
    yield f"a check of an endless loop: {time.perf_counter() - start:.1f} s"


def endless(logits):
    while True:
        pass


def show():
    found = list(course.exercises().values())
    times = [seconds(exercise) for exercise in found]
    rows = [HEADER, *(tuple(map(str, row(e, taken))) for e, taken in zip(found, times, strict=True))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for line in rows:
        print("  ".join(f"{text:<{width}}" for text, width in zip(line, widths, strict=True)).rstrip())
    print(*told(found, [one for taken in times for one in taken]), sep="\n")


def objectives():
    """The map that CONTRIBUTING.md prints: every objective and the exercises that ask for it."""
    goals = {}
    for exercise in course.exercises().values():
        goals.setdefault((exercise.key[:2], exercise.objective), []).append(exercise)
    lines = ["| lesson | objective | exercises |", "|---|---|---|"]
    for (lesson, objective), asked in goals.items():
        names = ", ".join(f"`{e.key[3:]}` ({e.kind}, {e.minutes} min)" for e in asked)
        lines.append(f"| {lesson} | {objective} | {names} |")
    return "\n".join(lines)


def with_map(text):
    """A page's text with the map between the two markers brought up to date."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{objectives()}\n\n{END}{rest.split(END)[1]}"


def main(arguments):
    if arguments == ["write"]:
        PAGE.write_text(with_map(PAGE.read_text("utf-8")), "utf-8", newline="\n")
    else:
        show()


if __name__ == "__main__":
    main(sys.argv[1:])
