"""How often three codes touch memory."""

import math

import numpy as np

from course_utils import costs
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import mistake

EXPLORER = "bill"


def store_the_terms(z, p):
    total = 0.0
    for i in range(len(z)):
        p[i] = math.exp(z[i])
        total += p[i]
    for i in range(len(z)):
        p[i] = p[i] / total


def one_operation_at_a_time(z, p):
    largest = max(z[i] for i in range(len(z)))
    for i in range(len(z)):
        p[i] = z[i] - largest
    for i in range(len(z)):
        p[i] = math.exp(p[i])
    total = sum(p[i] for i in range(len(z)))
    for i in range(len(z)):
        p[i] = p[i] / total


def only_the_log_sum(z, p):
    largest, total = -math.inf, 0.0
    for i in range(len(z)):
        x = z[i]
        if x > largest:
            largest, total = x, total * math.exp(largest - x)
        total += math.exp(x - largest)


CODES = {"A": store_the_terms, "B": one_operation_at_a_time, "C": only_the_log_sum}


def _counted(logits, code):
    return costs.count(CODES[code], logits)[1]


def _mistake(**words):
    words = {"quantity": "softmax", "fails_on": (np.zeros(8), "A"), "widget": EXPLORER} | words
    return mistake(**words)


@_mistake(
    belief="Each loop over the row is one access a number.",
    diagnosis="You counted the loops. A loop that reads a number and writes another touches memory twice.",
    step="`p[i] = f(z[i])`: one read and one write.",
    change="Count every `z[i]` and every `p[i]`, on either side of the `=`.",
)
def count_the_loops(logits, code):
    return {"A": 2, "B": 5, "C": 1}[code]


@_mistake(
    belief="Only reading costs.",
    diagnosis="You counted the reads alone. A number that is written travels to memory as well.",
    step="`p[i] = ...`: a write.",
    change="Add one for every `p[i]` on the left of an `=`.",
)
def count_the_reads(logits, code):
    return {"A": 3, "B": 5, "C": 1}[code]


@_mistake(
    belief="What was written a moment ago costs nothing to read.",
    diagnosis="In code A you left out the read of `p[i]` in `total += p[i]`. It may hit a cache, but it is an access.",
    step="`total += p[i]`: a read.",
    change="Count it, or keep the term in a local: then the code needs 4.",
)
def forget_to_read_back(logits, code):
    return {"A": 4, "B": 8, "C": 1}[code]


@_mistake(
    belief="Every softmax is one of the three.",
    diagnosis="You gave the counts of the three forms above. These codes are written otherwise: A stores its terms and "
    "reads them again, B makes a pass for every operation, C writes nothing.",
    step="The numbers 3, 4 and 3.",
    change="Count every `z[i]` and every `p[i]` in these three.",
)
def repeat_the_three_above(logits, code):
    return {"A": 3, "B": 4, "C": 3}[code]


@_mistake(
    belief="A is the textbook form and B the safe one.",
    diagnosis="You gave codes A and B the counts of the textbook form, 3, and of the safe one, 4. Those compute each "
    "exp twice and store no term. A stores its terms and reads them again; B makes a pass for every operation.",
    step="The numbers 3 and 4.",
    change="Count every `z[i]` and every `p[i]`, on either side of the `=`.",
)
def take_them_for_the_forms_above(logits, code):
    return {"A": 3, "B": 4, "C": 1}[code]


@_mistake(
    belief="A plain softmax makes 3 accesses.",
    diagnosis="You took code A for the textbook form, which needs 3. That one computes each exp twice. A stores it, "
    "reads it back for the sum, then reads and writes it once more.",
    step="`p[i] = exp(z[i])`, `total += p[i]`, `p[i] = p[i] / total`: 2, 1 and 2.",
    change="Count every `z[i]` and every `p[i]`, on either side of the `=`.",
)
def take_a_for_the_textbook(logits, code):
    return {"A": 3, "B": 8, "C": 1}[code]


@_mistake(
    fails_on=(np.zeros(8), "B"),
    belief="max and sum are one operation each, so they cost nothing.",
    diagnosis="In code B you left out a pass that only reads. `max` and `sum` are loops: each reads every number once.",
    step="`max(z[i] for i ...)` and `sum(p[i] for i ...)`.",
    change="Add one access for each of them.",
)
def forget_a_pass_of_reads(logits, code):
    return {"A": 5, "B": 7, "C": 1}[code]


@_mistake(
    fails_on=(np.zeros(8), "C"),
    belief="Online needs 3.",
    diagnosis="You gave code C the count of the whole online softmax. C stops after the first pass: it wants one "
    "number and writes no probability.",
    step="The second loop of the online form is not there.",
    change="Count what is left: one read a number.",
)
def count_an_output_pass(logits, code):
    return {"A": 5, "B": 8, "C": 3}[code]


@_mistake(
    fails_on=(np.zeros(8), "C"),
    belief="x is used twice, so it is read twice.",
    diagnosis="You counted the local of code C, or its two updates. `x`, `largest` and `total` are locals: they live "
    "in registers. Memory is touched by `x = z[i]` alone.",
    step="`largest` and `total`: no `z[i]`, no `p[i]`.",
    change="Count `z[i]` and `p[i]` only.",
)
def count_the_locals(logits, code):
    return {"A": 5, "B": 8, "C": 2}[code]


accesses = Exercise(
    key="09.accesses",
    kind="predict",
    objective="predict how often a softmax touches memory, and count it",
    minutes=5,
    difficulty=1,
    truth=_counted,
    cases=tuple(case(f"code {name}", np.zeros(8), name) for name in CODES),
    mistakes=(
        count_the_loops,
        count_the_reads,
        forget_to_read_back,
        repeat_the_three_above,
        take_them_for_the_forms_above,
        take_a_for_the_textbook,
        forget_a_pass_of_reads,
        count_an_output_pass,
        count_the_locals,
    ),
    must_fail=((lambda: [5, 9, 1], ""), (lambda: [6, 8, 1], ""), (lambda: [40, 64, 8], "")),
    hints=(
        "Go line by line. How many `z[i]` and `p[i]` stand in each loop?",
        "`p[i] = p[i] / total` reads once and writes once: 2. A local such as `x` or `total` costs nothing.",
        "A: 3 in the first loop, 2 in the second. B: five loops, of 1, 2, 2, 1 and 2. C: one loop, and x is a local.",
    ),
    model_answer=lambda: [costs.count(code, np.zeros(8))[1] for code in CODES.values()],
    why="A touches memory 5 times a number, B 8 times, C once. B is what NumPy does: every operation is a pass of its "
    "own. C is what a fused loss does: it never writes a probability.",
    variants=(lambda: [5, 8, 1], lambda: (5.0, 8.0, 1.0), lambda: np.array([5, 8, 1])),
)
