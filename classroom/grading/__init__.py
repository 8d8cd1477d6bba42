"""Points for what was handed in, whatever it is.

    grade(path, problem_set, seed, student="") -> Graded

What a student wrote runs in a sandbox, in a process of its own; it is judged here, from the arrays that come back.
"""

from classroom.grading.grades import Graded
from classroom.grading.grading import grade, grade_bytes
from classroom.grading.sandbox import NoSandbox

__all__ = ["Graded", "NoSandbox", "grade", "grade_bytes"]
