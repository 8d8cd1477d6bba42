"""What will the audit say? Five of its questions, four softmaxes."""

from functools import cache, partial

import numpy as np

from course_utils.audit import audit
from course_utils.audit.verdict import FAIL
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import mistake

QUESTIONS = (
    "one large logit among zeros, float32",
    "two equal logits far below 0, float64",
    "1100 equal logits, bfloat16",
    "uint8",
    "nothing but -inf, float32",
)


def classic(logits, axis=-1):
    exps = np.exp(logits - np.max(logits, axis=axis, keepdims=True))
    return exps / np.sum(exps, axis=axis, keepdims=True)


def wide(logits, axis=-1):
    return classic(np.asarray(logits, np.float64), axis=axis)


def patched(logits, axis=-1):
    return np.nan_to_num(classic(logits, axis=axis))


def limited(logits, axis=-1):
    exps = np.exp(np.minimum(logits, 80))
    return exps / np.sum(exps, axis=axis, keepdims=True)


CODES = {"A": classic, "B": wide, "C": patched, "D": limited}


@cache
def failures(code: str) -> tuple[str, ...]:
    """The questions that this code fails, asked one by one."""
    failed = audit(CODES[code], "softmax", only=QUESTIONS).of(FAIL)
    return tuple(one.case for one in failed if one.case in QUESTIONS)


def _counted(logits, code):
    return len(failures(code))


slip = partial(mistake, quantity="softmax", fails_on=(np.zeros(1), "A"), widget="")


@slip(
    belief="NaN is always a failure.",
    diagnosis="You counted the row of nothing but -inf as a failure. It has no distribution, so NaN says the truth.",
    step="`[-inf, -inf]`: the truth is NaN, and zeros are a declared policy.",
    change="Take it off the counts of A, B and D.",
)
def nan_is_a_failure(logits, code):
    return {"A": 3, "B": 1, "C": 2, "D": 5}[code]


@slip(
    belief="What differs from the truth fails.",
    diagnosis="You counted a declared difference as a failure. Zeros for a row of nothing are a policy that many "
    "libraries choose: the report says so and does not refuse.",
    step="`nan_to_num`: NaN becomes 0, in a row where 0 is a policy.",
    change="Take it off the count of C.",
)
def declared_is_a_failure(logits, code):
    return {"A": 2, "B": 0, "C": 3, "D": 4}[code]


@slip(
    belief="A softmax with a shift is safe.",
    diagnosis="You trusted the shift with everything. It protects exp. It helps neither a sum in bfloat16, which stops "
    "at 256, nor a difference of unsigned integers, which wraps around.",
    step="`np.sum(exps)` in the format of the logits; `logits - max` in uint8.",
    change="Count both for A and for C.",
)
def the_shift_is_enough(logits, code):
    return {"A": 0, "B": 0, "C": 0, "D": 4}[code]


@slip(
    belief="Integers are numbers like any other.",
    diagnosis="You let uint8 pass. 0 - 200 is 56 in uint8, so the shift itself wraps around. B is saved by float64.",
    step="`logits - np.max(logits)` in uint8; `np.exp` of uint8 is float16.",
    change="Count uint8 for A, C and D.",
)
def integers_are_harmless(logits, code):
    return {"A": 1, "B": 0, "C": 1, "D": 3}[code]


@slip(
    belief="A limit replaces the shift.",
    diagnosis="You let the limit at 80 pass. It makes another row of one large logit, and does nothing for a row far "
    "below 0.",
    step="`np.minimum(logits, 80)`: moves one number instead of shifting the row.",
    change="Count the large logit and the row far below 0 for D.",
)
def a_limit_is_a_shift(logits, code):
    return {"A": 2, "B": 0, "C": 2, "D": 2}[code]


reading = Exercise(
    key="12.reading",
    kind="predict",
    objective="predict what an audit refuses, and what it calls a declared difference",
    minutes=5,
    difficulty=2,
    truth=_counted,
    cases=tuple(case(f"code {name}", np.zeros(1), name) for name in CODES),
    mistakes=(
        nan_is_a_failure,
        declared_is_a_failure,
        the_shift_is_enough,
        integers_are_harmless,
        a_limit_is_a_shift,
    ),
    must_fail=(
        lambda: [2, 0, 2, 3],
        lambda: [5, 5, 5, 5],
        lambda: [0, 0, 0, 0],
        lambda: [2, 0, 2, 4.5],
        lambda: [2, 0, 2],
    ),
    hints=(
        "Take the questions one by one. Which of them can a shift answer, and which has nothing to do with exp?",
        "A sum of 1100 ones in bfloat16 stops at 256. 0 - 200 in uint8 is 56. A row of nothing may give NaN or zeros.",
        "A and C fail the same two. B fails none: float64 comes first. D gets one right, the row of nothing.",
    ),
    model_answer=lambda: [len(failures(code)) for code in CODES],
    why="A and C fail at the sum in bfloat16 and at uint8; nan_to_num helps with neither. B converts first and fails "
    "none. D has a limit and no shift, and only the row of nothing survives that.",
    variants=(lambda: [2, 0, 2, 4], lambda: (2.0, 0, 2, 4), lambda: np.array([2, 0, 2, 4])),
)
