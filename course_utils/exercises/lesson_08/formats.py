"""Exercise 1 of lesson 08: what a narrow sum, mask or store leaves."""

from functools import partial

import numpy as np

from course_utils import accumulators, floats, shifted
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import mistake

slip = partial(mistake, quantity="softmax", widget="accumulator")

STEPS = ("add one by one", "np.sum", "a p in bfloat16", "all p stored", "mask with -10,000")


def _comes_out(step, fmt, n):
    """What each step really gives."""
    ones = floats.store(np.ones(n), fmt)
    if step == "add one by one":
        return float(accumulators.running(ones)[-1])
    if step == "np.sum":
        with np.errstate(over="ignore"):
            return float(np.sum(ones))
    if step == "a p in bfloat16":
        return float(shifted.softmax(0 * ones)[0])
    if step == "all p stored":
        return float(floats.store(np.full(n, 1 / n), fmt).astype(np.float64).sum())
    masked = floats.store([3, 5], fmt) + floats.store(-10_000, fmt)
    return float(shifted.softmax(masked)[0])


def _on_paper(step, fmt, n):
    if step in ("add one by one", "np.sum"):
        return n
    return {"a p in bfloat16": 1 / n, "all p stored": 1, "mask with -10,000": shifted.softmax([3.0, 5.0])[0]}[
        step
    ]


def _what_is_left():
    return [256, np.inf, 1 / 256, 1000 / 512, 0, 0.5]


@slip(
    fails_on=("add one by one", "bfloat16", 1000),
    belief="A sum of ones counts them.",
    diagnosis="You wrote what is right on paper. Each step rounds to its format, and a rounding can take all of "
    "what a step adds.",
    step="Every line: a total, a probability, a masked score is stored before it is used.",
    change="Ask for each line: what is the spacing of the format at this number, and is the term below half of it?",
)
def trust_the_paper(step, fmt, n):
    return _on_paper(step, fmt, n)


@slip(
    fails_on=("add one by one", "bfloat16", 1000),
    belief="bfloat16 has 7 bits of fraction, so it counts to 2^7.",
    diagnosis="You counted the stored bits. In front of the fraction stands a 1 that is not stored: a number has "
    "one bit more, and whole numbers are exact to 2^8 = 256.",
    step="2^7, the bits of the fraction.",
    change="Count to 2^(fraction bits + 1): 256 in bfloat16, 2,048 in float16.",
)
def forget_the_hidden_bit(step, fmt, n):
    return {"add one by one": 128, "a p in bfloat16": 1 / 128}.get(step, _comes_out(step, fmt, n))


@slip(
    fails_on=("np.sum", "float16", 70_000),
    belief="Every float16 sum stalls at 2,048.",
    diagnosis="You let `np.sum` stall. For float16 NumPy adds up in float32, so the total arrives whole. "
    "Then it is stored in float16, whose largest number is 65,504.",
    step="The total of 70,000 on its way back into float16.",
    change="Ask whether the total itself fits the format.",
)
def stall_inside_numpy(step, fmt, n):
    return 2048 if step == "np.sum" else _comes_out(step, fmt, n)


@slip(
    fails_on=("np.sum", "float16", 70_000),
    belief="A number that is too large is held at the largest number.",
    diagnosis="You held the total at 65,504. Rounding to a float does not stop there: from 65,520 on the nearest "
    "float16 is inf.",
    step="70,000 stored in float16.",
    change="Too large for a float is inf; codes of integers are what is held at the end.",
)
def hold_at_the_largest(step, fmt, n):
    return 65504 if step == "np.sum" else _comes_out(step, fmt, n)


@slip(
    fails_on=("all p stored", "float8_e4m3fn", 1000),
    belief="A p below the smallest number is stored as 0.",
    diagnosis="You stored 1/1000 as 0. The smallest number of float8_e4m3fn is 1/512, and storing rounds to the "
    "nearest: above half of it, 1/1024, a p becomes 1/512.",
    step="1/1000 lies above 1/1024.",
    change="A number is lost below half of the smallest one. Above, it is rounded up.",
)
def cut_instead_of_round(step, fmt, n):
    return 0 if step == "all p stored" else _comes_out(step, fmt, n)


@slip(
    fails_on=("np.sum", "float16", 70_000),
    belief="np.sum adds up in float32, so its answer is right.",
    diagnosis="You left the total in float32. NumPy adds up there and then stores the answer in the format of the "
    "input: 70,000 is beyond 65,504, the largest float16.",
    step="The total of 70,000 on its way back into float16.",
    change="Ask whether the total itself fits the format.",
)
def leave_the_total_wide(step, fmt, n):
    return n if step == "np.sum" else _comes_out(step, fmt, n)


@slip(
    fails_on=("a p in bfloat16", "bfloat16", 1000),
    belief="The shift makes a softmax right.",
    diagnosis="You divided by the true total, 1,000. In bfloat16 the total of 1,000 ones stalls at 256, and each p is "
    "1/256.",
    step="The sum of the exps: it is the sum of your first line.",
    change="Divide by the total that comes out there.",
)
def divide_by_the_true_total(step, fmt, n):
    return 1 / n if step == "a p in bfloat16" else _comes_out(step, fmt, n)


@slip(
    fails_on=("all p stored", "float8_e4m3fn", 1000),
    belief="Probabilities add up to 1, stored or not.",
    diagnosis="You kept the sum at 1. Each p is rounded by itself, all of them in the same direction: 1/1000 up to "
    "1/512, 1/1100 down to 0. Nothing brings the sum back.",
    step="The store: equal numbers are rounded equally.",
    change="Round one p, then multiply by their number.",
)
def keep_the_sum_at_one(step, fmt, n):
    return 1 if step == "all p stored" else _comes_out(step, fmt, n)


@slip(
    fails_on=("all p stored", "float8_e4m3fn", 1100),
    belief="A p below the smallest number is stored as the smallest number.",
    diagnosis="You stored 1/1100 as 1/512. It lies below half of the smallest number, 1/1024, so 0 is nearer.",
    step="1/1100 lies below 1/1024.",
    change="Above half of the smallest number a p is rounded up, below it to 0.",
)
def round_up_at_any_size(step, fmt, n):
    return n / 512 if step == "all p stored" else _comes_out(step, fmt, n)


@slip(
    fails_on=("mask with -10,000", "bfloat16", 2),
    belief="Adding the same number to every score changes nothing.",
    diagnosis="You used the shift that cancels on paper. Near 10,000 the neighbours of bfloat16 are 64 apart: 3 and 5 "
    "are rounded away before softmax sees them.",
    step="`scores + -10,000`, stored in bfloat16.",
    change="Look at the spacing at the mask, not at the scores.",
)
def shift_by_the_mask(step, fmt, n):
    return _on_paper(step, fmt, n) if step == "mask with -10,000" else _comes_out(step, fmt, n)


@slip(
    fails_on=("mask with -10,000", "bfloat16", 2),
    belief="What is masked has probability 0.",
    diagnosis="You gave a masked score the p of 0. Here *both* are masked, by a finite number. Softmax compares them "
    "with each other and with nothing else, so they share 1.",
    step="The maximum is -10,000 as well, and is subtracted.",
    change="Only -inf and a rule for rows without a class give 0.",
)
def expect_masked_rows_to_be_empty(step, fmt, n):
    return 0 if step == "mask with -10,000" else _comes_out(step, fmt, n)


@slip(
    fails_on=("mask with -10,000", "bfloat16", 2),
    belief="-10,000 is minus infinity to a narrow format.",
    diagnosis="You took -10,000 for -inf, and -inf - (-inf) is NaN. bfloat16 reaches as far as float32: -10,000 is an "
    "ordinary number to it. Only its digits are few.",
    step="-10,000 stored in bfloat16 is -9,984.",
    change="Compare the mask with the format's range, then with its spacing.",
)
def take_the_mask_for_infinite(step, fmt, n):
    return np.nan if step == "mask with -10,000" else _comes_out(step, fmt, n)


what_is_left = Exercise(
    key="08.what_is_left",
    kind="predict",
    objective="predict what a narrow sum, mask or store leaves of a softmax that has its shift",
    minutes=6,
    difficulty=2,
    truth=_comes_out,
    cases=(
        case("1,000 ones, added one by one in bfloat16", "add one by one", "bfloat16", 1000, dtype=None),
        case("np.sum of 70,000 ones in float16", "np.sum", "float16", 70_000, dtype=None),
        case("one p of 1,000 equal logits, all in bfloat16", "a p in bfloat16", "bfloat16", 1000, dtype=None),
        case("1,000 times 1/1000, stored in e4m3", "all p stored", "float8_e4m3fn", 1000, dtype=None),
        case("1,100 times 1/1100, stored in e4m3", "all p stored", "float8_e4m3fn", 1100, dtype=None),
        case("two scores and a mask in bfloat16", "mask with -10,000", "bfloat16", 2, dtype=None),
    ),
    mistakes=(
        trust_the_paper,
        forget_the_hidden_bit,
        stall_inside_numpy,
        hold_at_the_largest,
        cut_instead_of_round,
        leave_the_total_wide,
        divide_by_the_true_total,
        keep_the_sum_at_one,
        round_up_at_any_size,
        shift_by_the_mask,
        expect_masked_rows_to_be_empty,
        take_the_mask_for_infinite,
    ),
    hints=(
        "Three things can happen to a number that is stored: it is rounded, it is too small, it is too large. Which "
        "of them happens on this line?",
        "A total stalls at 2^(fraction bits + 1), where its neighbours are 2 apart. A p is lost below half of the "
        "smallest number. A sum of scores is rounded to the spacing at the mask.",
        "bfloat16 has 7 fraction bits and is spaced 64 near 10,000; float16 ends at 65,504; the smallest "
        "float8_e4m3fn is 1/512.",
    ),
    model_answer=_what_is_left,
    why="Each line stores a number: ask for the spacing there, the smallest number and the largest one.",
    variants=(
        lambda: [256.0, float("inf"), 0.0039, 1.95, 0.0, 0.5],
        lambda: np.array([256, np.inf, 0.00391, 1.953, 0, 0.5]),
        lambda: (2**8, np.inf, 2.0**-8, 1000 * 2.0**-9, 0, 1 / 2),
    ),
    must_fail=(
        lambda: [256, 70_000, 1 / 256, 1.95, 0, 0.5],
        (lambda: [256, 2048, 1 / 256, 1.95, 0, 0.5], "stall_inside_numpy"),
        lambda: [256, np.inf, 1 / 256, 1.95, 0, np.nan],
        lambda: [2048, np.inf, 1 / 2048, 1.95, 0, 0.5],
    ),
)
