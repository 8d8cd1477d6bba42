"""Exercises of lesson 04: why take logarithms at all?"""

import numpy as np

from course_utils import accuracy, reference, shifted, stable
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import MISTAKES, mistake

EXPLORER = "loss"


# --- safe_logsumexp ------------------------------------------------------------------------------------


def my_logsumexp(logits, axis=-1):
    row_max = np.max(logits, axis=axis, keepdims=True)
    shift = np.where(np.isfinite(row_max), row_max, 0)
    total = np.sum(np.exp(logits - shift), axis=axis, keepdims=True)
    return np.squeeze(shift + np.log(total), axis=axis)


def _row_by_row(logits, axis=-1):
    def of_row(row):
        return -np.inf if row.max() == -np.inf else row.max() + np.log(np.exp(row - row.max()).sum())

    return np.apply_along_axis(of_row, axis, logits)


def _pair_by_pair(logits, axis=-1):
    return np.logaddexp.reduce(np.asarray(logits), axis=axis)


def _best_we_know(logits, axis=-1):
    return stable.logsumexp(logits, axis=axis)


@mistake(
    quantity="logsumexp",
    fails_on=(np.float32([3, 1]),),
    widget=EXPLORER,
    belief="The shift cancels, as it does in softmax.",
    diagnosis="You subtracted the maximum and did not add it back. In softmax the shift cancels in the division; "
    "here nothing divides, so the result is too small by exactly the maximum.",
    step="`np.log(total)` is the log-sum-exp of the shifted row.",
    change="Return `row_max + np.log(total)`.",
)
def forget_to_add_the_max(logits, axis=-1):
    row_max = np.max(logits, axis=axis, keepdims=True)
    return np.log(np.sum(np.exp(logits - row_max), axis=axis))


@mistake(
    quantity="logsumexp",
    fails_on=(np.float32([5, 5]),),
    widget=EXPLORER,
    belief="Log-sum-exp is the maximum.",
    diagnosis="You returned the maximum. It is close when one logit towers over the rest; with n equal logits the "
    "answer is larger by log n.",
    step="The sum of the other terms is missing.",
    change="Add `np.log(np.sum(np.exp(logits - row_max), ...))` to the maximum.",
)
def return_the_max(logits, axis=-1):
    return np.max(logits, axis=axis)


@mistake(
    quantity="logsumexp",
    fails_on=(np.float32([[0, 1], [200, 201]]),),
    widget="shift",
    belief="One maximum serves the whole batch.",
    diagnosis="You shifted all rows by one maximum. In the row far below it every exp underflows to 0, and "
    "log 0 is -inf.",
    step="`np.max(logits)` without an axis.",
    change="Take the maximum along the axis: `np.max(logits, axis=axis, keepdims=True)`.",
)
def one_max_for_all(logits, axis=-1):
    top = np.max(logits)
    shift = top if np.isfinite(top) else 0
    return shift + np.log(np.sum(np.exp(logits - shift), axis=axis))


@mistake(
    quantity="logsumexp",
    fails_on=(np.float32([[0, 3], [1, 0]]), 0),
    widget="",
    belief="The classes always lie on the last axis.",
    diagnosis="Your function sums along the last axis, whatever `axis` says. Along axis 0, one number for each column "
    "must come out.",
    step="`axis=-1` inside the function, where the argument `axis` should stand.",
    change="Hand `axis` on to np.max, np.sum and np.squeeze.",
)
def ignore_the_axis(logits, axis=-1):
    return my_logsumexp(logits)


@mistake(
    quantity="logsumexp",
    fails_on=(np.float32([-np.inf, -np.inf]),),
    widget="",
    belief="A NaN stands for nothing, so 0 will do.",
    diagnosis="You turned the NaN into 0. But 0 is the log of 1: it claims a sum of 1. The sum of no terms is 0, and "
    "log 0 = -inf.",
    step="`np.nan_to_num(...)`: it repairs the result after the accident.",
    change="Avoid the NaN: where row_max is -inf, shift by 0.",
)
def zero_for_nan(logits, axis=-1):
    shifted_logits = logits - np.max(logits, axis=axis, keepdims=True)
    total = np.max(logits, axis=axis) + np.log(np.sum(np.exp(shifted_logits), axis=axis))
    return np.nan_to_num(total, nan=0.0)


safe_logsumexp = Exercise(
    key="04.safe_logsumexp",
    kind="write",
    objective="build a log-sum-exp that is finite for all finite logits",
    minutes=8,
    difficulty=2,
    truth=reference.logsumexp,
    cases=(
        case("ordinary logits", [3.0, 1.0, 0.2], dtype="float32"),
        case("equal logits", [5, 5, 5, 5], dtype="float32"),
        case("past the overflow cliff", [1000, 999], dtype="float32"),
        case("far below zero", [-104, -105], dtype="float32"),
        case("far below zero, float64", [-1000, -1001]),
        case("two rows that live far apart", [[0, 1], [200, 201]], dtype="float32"),
        case("a masked entry", [-np.inf, 2, 1], dtype="float32"),
        case("nothing but -inf", [-np.inf, -np.inf], dtype="float32"),
        case("one row of nothing but -inf", [[0, 3], [-np.inf, -np.inf]], dtype="float32"),
        case("along axis 0, three numbers a column", [[0, 3], [1, 200], [5, 201]], 0, dtype="float32"),
    ),
    mistakes=(
        MISTAKES["logsumexp_unshifted"],
        MISTAKES["shift_fully_masked_row"],
        forget_to_add_the_max,
        return_the_max,
        one_max_for_all,
        ignore_the_axis,
        zero_for_nan,
    ),
    hints=(
        "Shift as in softmax. What must you add back after the log? And what is -inf - -inf?",
        "`row_max + log(sum(exp(logits - row_max)))`; where row_max is -inf, shift by 0 instead.",
        "`shift = np.where(np.isfinite(row_max), row_max, 0)`, use `shift` twice, and `np.squeeze(..., axis=axis)`.",
    ),
    model_answer=my_logsumexp,
    why="The shift leaves the exp and comes back after the log. Where the maximum is -inf there is nothing to shift: "
    "the sum is 0, and log 0 = -inf is the right answer for a sum of no terms.",
    variants=(_row_by_row, _pair_by_pair, _best_we_know),
    unit="logits",
)


# --- order ---------------------------------------------------------------------------------------------

FAR = 2**6  # ulps: enough to show in six digits


def _where_shift_first_is_right(logits):
    """The truth; no input counts as evidence on which code B is wrong as well."""
    truth = reference.log_softmax(logits)
    if np.any(accuracy.ulps(shifted.log_softmax(logits), truth) > FAR):
        raise ValueError(
            "on it, B loses the winner's last digits too (the next section repairs that). "
            "Find a row on which B is right."
        )
    return truth


@mistake(
    quantity="log_softmax",
    fails_on=(np.float32([100, 0]),),
    widget=EXPLORER,
    belief="In the log domain no shift is needed.",
    diagnosis="You took the sum of exp(z) without a shift. It is inf or 0 at the cliffs, and its log is lost with it.",
    step="`np.exp(logits)`: out of range before the log can bring it back.",
    change="Subtract the row's maximum first, and use the result twice.",
)
def log_softmax_unshifted(logits):
    return logits - np.log(np.sum(np.exp(logits), axis=-1, keepdims=True))


order = Exercise(
    key="04.order",
    kind="choose",
    objective="choose between orders of operations that agree on paper, and refute the wrong one with an input",
    minutes=6,
    difficulty=1,
    truth=_where_shift_first_is_right,
    subject={
        "A": MISTAKES["add_log_to_max"].function,
        "B": shifted.log_softmax,
        "C": MISTAKES["log_of_softmax"].function,
        "D": log_softmax_unshifted.function,
    },
    cases=(
        case("ordinary logits", [2, 1, 0.1], dtype="float32", ulps=FAR),
        case("two equal logits of ten thousand", [1e4, 1e4], dtype="float32", ulps=FAR),
        case("a class that vanishes", [0, -104], dtype="float32", ulps=FAR),
        case("two equal logits in float16", [1000, 1000], dtype="float16", ulps=FAR),
    ),
    mistakes=(MISTAKES["add_log_to_max"], MISTAKES["log_of_softmax"], log_softmax_unshifted),
    hints=(
        "Try both ends: two huge equal logits, and one logit far below the other.",
        "Which code rounds a small number against a large one? Which one takes the log of a probability?",
        "A adds log(total) to the maximum: try [1e4, 1e4]. C takes the log of p: try [0, -104]. D: [100, 0].",
    ),
    model_answer=lambda: ("B", [1e4, 1e4]),
    why="B subtracts the large numbers first. A rounds log(total) away next to a large maximum, C has lost a tiny "
    "probability before it takes the log, and D sums exps that may be inf or 0.",
    variants=(
        lambda: ("B", [0, -104]),
        lambda: ("B", np.float32([1e8, 1e8])),
        lambda: ["B", [3000.0, 3000.0, 3000.0]],
    ),
)


# --- last_digits ---------------------------------------------------------------------------------------


def handed_out(logits):
    row_max = np.max(logits, axis=-1, keepdims=True)
    shifted = logits - row_max
    return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))


def my_log_softmax(logits):
    row_max = np.max(logits, axis=-1, keepdims=True)
    shifted_logits = logits - row_max
    terms = np.exp(shifted_logits)
    np.put_along_axis(terms, np.argmax(logits, axis=-1)[..., None], 0, axis=-1)
    return shifted_logits - np.log1p(np.sum(terms, axis=-1, keepdims=True))


def _sorted_first(logits):
    top = np.sort(logits, axis=-1)
    rest = np.exp(top[..., :-1] - top[..., -1:]).sum(axis=-1, keepdims=True)
    return (logits - top[..., -1:]) - np.log1p(rest)


def _with_where(logits):
    shifted_logits = logits - logits.max(axis=-1, keepdims=True)
    winner = np.arange(logits.shape[-1]) == logits.argmax(axis=-1)[..., None]
    return shifted_logits - np.log1p(np.exp(shifted_logits).sum(axis=-1, keepdims=True, where=~winner))


def _best_log_softmax(logits):
    return stable.log_softmax(logits)


@mistake(
    quantity="log_softmax",
    fails_on=(np.float32([20, 0]),),
    widget=EXPLORER,
    belief="log1p is more accurate, so calling it is enough.",
    diagnosis="You called log1p(s - 1). But s was 1 + tiny, and was stored as 1 already: subtracting 1 does not bring "
    "the tiny part back.",
    step="`total - 1`: the digits were lost when the 1 was added.",
    change="Never add the largest term: sum the others only, then `log1p` of that sum.",
)
def subtract_one_again(logits):
    shifted_logits = logits - np.max(logits, axis=-1, keepdims=True)
    return shifted_logits - np.log1p(np.sum(np.exp(shifted_logits), axis=-1, keepdims=True) - 1)


@mistake(
    quantity="log_softmax",
    fails_on=(np.float32([1, 1]),),
    widget=EXPLORER,
    belief="Leave out every term that equals the maximum.",
    diagnosis="You left out all terms that equal the maximum. With two equal winners both are gone, and the sum has "
    "lost a 1. Leave out one of them.",
    step="The mask `logits < row_max` drops every tie.",
    change="Drop one position, that of `np.argmax(logits, axis=-1)`.",
)
def drop_all_ties(logits):
    row_max = np.max(logits, axis=-1, keepdims=True)
    terms = np.where(logits < row_max, np.exp(logits - row_max), 0)
    return (logits - row_max) - np.log1p(np.sum(terms, axis=-1, keepdims=True))


@mistake(
    quantity="log_softmax",
    fails_on=(np.float32([[0, 20], [20, 0]]),),
    widget="",
    belief="An index takes one entry from each row.",
    diagnosis="You took the winners' positions of all rows as columns, and emptied these columns in every row. Where "
    "two rows have different winners, terms are missing that should be in the sum.",
    step="`terms[..., winners] = 0`: one list of columns for all rows.",
    change="Pair each row with its own winner: `np.put_along_axis(terms, winners[..., None], 0, axis=-1)`.",
)
def empty_the_winners_columns(logits):
    shifted_logits = logits - np.max(logits, axis=-1, keepdims=True)
    terms = np.exp(shifted_logits)
    terms[..., np.argmax(logits, axis=-1)] = 0
    return shifted_logits - np.log1p(np.sum(terms, axis=-1, keepdims=True))


@mistake(
    quantity="log_softmax",
    fails_on=(np.float64([0, -60]),),
    widget=EXPLORER,
    belief="float64 has enough digits.",
    diagnosis="You computed in float64 and kept log(s). That moves the end from a gap of 17 to one of 37, and there "
    "1 + e^-gap is stored as 1 again.",
    step="`np.log(total)`: the largest term is still in the total.",
    change="Leave the largest term out and use `np.log1p`; that works in any format.",
)
def widen_to_float64(logits):
    return handed_out(np.asarray(logits, np.float64)).astype(logits.dtype)


@mistake(
    quantity="log_softmax",
    fails_on=(np.float32([2, 1]),),
    widget=EXPLORER,
    belief="log1p takes the sum.",
    diagnosis="You gave the whole sum to log1p, which adds 1 to it. The largest term is that 1, so it is now counted "
    "twice.",
    step="`np.log1p(total)` with the largest term still in `total`.",
    change="Take the largest term out of the sum before log1p.",
)
def count_the_max_twice(logits):
    shifted_logits = logits - np.max(logits, axis=-1, keepdims=True)
    return shifted_logits - np.log1p(np.sum(np.exp(shifted_logits), axis=-1, keepdims=True))


last_digits = Exercise(
    key="04.last_digits",
    kind="repair",
    objective="repair a log-softmax that loses its most confident class",
    minutes=10,
    difficulty=3,
    truth=reference.log_softmax,
    subject=handed_out,
    cases=(
        case("a confident row", [20, 0], dtype="float32", ulps=8),
        case("an ordinary row", [2, 1, 0.1], dtype="float32", ulps=8),
        case("two equal winners", [1, 1], dtype="float32", ulps=8),
        case("two equal winners and a loser", [7, 7, 0], dtype="float32", ulps=8),
        case("very confident, float64", [0, -60], ulps=2**46),  # about 1 %, so that the error shows
        case("the winner is last", [[-30, 0], [0, -30]], dtype="float32", ulps=8),
        case("a class that vanishes", [0, -104], dtype="float32", ulps=8),
        case("huge logits", [[1000, 980, 1000], [-1000, -1030, -1031]], dtype="float32", ulps=8),
    ),
    mistakes=(
        subtract_one_again,
        drop_all_ties,
        count_the_max_twice,
        empty_the_winners_columns,
        widen_to_float64,
        MISTAKES["log_of_softmax"],
    ),
    hints=(
        "Which term of the sum is exactly 1, in every row? It is the one that hides the others.",
        "Sum all terms except that one, and use np.log1p on the result. Mind two equal winners: leave out one.",
        "`np.put_along_axis(terms, np.argmax(logits, axis=-1)[..., None], 0, axis=-1)` takes one winner out.",
    ),
    model_answer=my_log_softmax,
    why="1 + e^-20 is stored as 1 in float32. With the 1 left out, the sum is e^-20 with all its digits, and log1p "
    "adds the 1 inside the logarithm without ever storing it.",
    variants=(_sorted_first, _with_where, _best_log_softmax),
)
