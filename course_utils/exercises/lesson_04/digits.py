"""A log-softmax that keeps the last digits of its most confident class."""

from functools import partial

import numpy as np

from course_utils import reference, stable
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.habits import PATCHES, SHIFTS, named, patched
from course_utils.mistakes import MISTAKES, mistake

slip = partial(mistake, quantity="log_softmax")


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


def _each_winner_deleted(logits):
    def of_row(row):
        rest = np.delete(row - row.max(), row.argmax())
        return row - row.max() - np.log1p(np.exp(rest).sum())

    return np.apply_along_axis(of_row, -1, logits)


def _each_class_against_the_others(logits):
    z = logits.astype(np.float64)
    others = [np.logaddexp.reduce(np.delete(z, j, axis=-1), axis=-1) - z[..., j] for j in range(z.shape[-1])]
    return -np.logaddexp(0, np.stack(others, axis=-1))


def _from_the_largest_down(logits):
    order = np.argsort(-logits, axis=-1, kind="stable")
    below = np.take_along_axis(logits, order, -1) - np.max(logits, axis=-1, keepdims=True)
    return (logits - np.max(logits, axis=-1, keepdims=True)) - np.log1p(
        np.exp(below[..., 1:]).sum(-1, keepdims=True)
    )


@slip(
    fails_on=(np.float32([20, 0]),),
    widget="loss",
    belief="log1p is more accurate, so calling it is enough.",
    diagnosis="You called log1p(s - 1). But s was 1 + tiny, and was stored as 1 already: subtracting 1 does "
    "not bring the tiny part back.",
    step="`total - 1`: the digits were lost when the 1 was added.",
    change="Never add the largest term: sum the others only, then `log1p` of that sum.",
)
def subtract_one_again(logits):
    shifted_logits = logits - np.max(logits, axis=-1, keepdims=True)
    return shifted_logits - np.log1p(np.sum(np.exp(shifted_logits), axis=-1, keepdims=True) - 1)


@slip(
    fails_on=(np.float32([1, 1]),),
    widget="loss",
    belief="Leave out every term that equals the maximum.",
    diagnosis="You left out all terms that equal the maximum. With two equal winners both are gone, and the "
    "sum has lost a 1. Leave out one of them.",
    step="The mask `logits < row_max` drops every tie.",
    change="Drop one position, that of `np.argmax(logits, axis=-1)`.",
)
def drop_all_ties(logits):
    row_max = np.max(logits, axis=-1, keepdims=True)
    terms = np.where(logits < row_max, np.exp(logits - row_max), 0)
    return (logits - row_max) - np.log1p(np.sum(terms, axis=-1, keepdims=True))


@slip(
    fails_on=(np.float32([[0, 20], [20, 0]]),),
    widget="",
    belief="An index takes one entry from each row.",
    diagnosis="You took the winners' positions of all rows as columns, and emptied these columns in every "
    "row. Where two rows have different winners, terms are missing that should be in the sum.",
    step="`terms[..., winners] = 0`: one list of columns for all rows.",
    change="Pair each row with its own winner: `np.put_along_axis(terms, winners[..., None], 0, axis=-1)`.",
)
def empty_the_winners_columns(logits):
    shifted_logits = logits - np.max(logits, axis=-1, keepdims=True)
    terms = np.exp(shifted_logits)
    terms[..., np.argmax(logits, axis=-1)] = 0
    return shifted_logits - np.log1p(np.sum(terms, axis=-1, keepdims=True))


@slip(
    fails_on=(np.float64([0, -60]),),
    widget="loss",
    belief="float64 has enough digits.",
    diagnosis="You computed in float64 and kept log(s). That moves the end from a gap of 17 to one of 37, "
    "and there 1 + e^-gap is stored as 1 again.",
    step="`np.log(total)`: the largest term is still in the total.",
    change="Leave the largest term out and use `np.log1p`; that works in any format.",
    family=("dtype", (np.float64, np.longdouble)),
)
def widen_to_float64(logits, *, dtype=np.float64):
    return handed_out(np.asarray(logits, dtype)).astype(logits.dtype)


@slip(
    fails_on=(np.float32([2, 1]),),
    widget="loss",
    belief="log1p takes the sum.",
    diagnosis="You gave the whole sum to log1p, which adds 1 to it. The largest term is that 1, so it is "
    "now counted twice.",
    step="`np.log1p(total)` with the largest term still in `total`.",
    change="Take the largest term out of the sum before log1p.",
)
def count_the_max_twice(logits):
    shifted_logits = logits - np.max(logits, axis=-1, keepdims=True)
    return shifted_logits - np.log1p(np.sum(np.exp(shifted_logits), axis=-1, keepdims=True))


@slip(
    fails_on=(np.float32([20, 0]),),
    widget="loss",
    belief="log1p(x) is log(1 + x), so log p is log1p(p - 1).",
    diagnosis="You called log1p(p - 1). For a confident class p was stored as 1, and p - 1 is 0; for a "
    "class that vanishes p is 0, and log1p(-1) is -inf.",
    step="`p - 1`: a probability has lost the digits that you ask for.",
    change="Leave p out: sum the terms other than the largest, then `log1p` of that sum.",
)
def log1p_of_p_minus_one(logits):
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return np.log1p(exps / np.sum(exps, axis=-1, keepdims=True) - 1)


@slip(
    fails_on=(np.float32([0, -30]),),
    widget="loss",
    belief="A small constant keeps log p finite.",
    diagnosis="You took the log of p + a small constant. No log-probability can then fall below the log of "
    "that constant, and the digits of a confident class are lost all the same.",
    step="`np.log(p + epsilon)`.",
    change="Leave p out: start from the shifted logits.",
    family=("patch", PATCHES),
)
def epsilon_beside_p(logits, *, patch=PATCHES[3]):
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return np.log(patched(exps / np.sum(exps, axis=-1, keepdims=True), patch))


@slip(
    fails_on=(np.float32([[0, 20]]),),
    widget="",
    belief="The winner stands in the same place in every row.",
    diagnosis="You left out one fixed class, whoever wins. Where another class is the largest, its 1 is "
    "still in the sum, and a loser is missing.",
    step="`terms[..., 0] = 0`: the place is written into the code.",
    change="Ask each row for its winner: `np.argmax(logits, axis=-1)`.",
    family=("place", (0, -1)),
)
def empty_a_fixed_column(logits, *, place=0):
    shifted_logits = logits - np.max(logits, axis=-1, keepdims=True)
    terms = np.exp(shifted_logits)
    terms[..., place] = 0
    return shifted_logits - np.log1p(np.sum(terms, axis=-1, keepdims=True))


@slip(
    fails_on=(np.float32([1000, 980, 1000]),),
    widget="loss",
    belief="z - (m + log s) and (z - m) - log s are the same.",
    diagnosis="You kept the largest term out of the sum, and then added the small logarithm to the large "
    "maximum. There it is rounded to the spacing of the maximum.",
    step="`logits - (row_max + np.log1p(rest))`.",
    change="Subtract the large numbers first: `(logits - row_max) - np.log1p(rest)`.",
)
def add_log1p_to_the_max(logits):
    return logits - (np.max(logits, axis=-1, keepdims=True) + _log1p_of_the_others(logits))


@slip(
    fails_on=(np.float32([1000, 980]),),
    widget="loss",
    belief="With log1p the shift is not needed.",
    diagnosis="You kept the largest term out of the sum and left out the shift: exp of a large logit "
    "overflows, exp of a very low one is 0.",
    step="`np.exp(logits)` without a shift.",
    change="Shift by the row's maximum first.",
)
def leave_out_without_a_shift(logits):
    top = np.max(logits, axis=-1, keepdims=True)
    terms = np.exp(logits)
    rest = np.sum(terms, axis=-1, keepdims=True) - np.exp(top)
    return (logits - top) - np.log1p(rest / np.exp(top))


def _log1p_of_the_others(logits):
    shifted_logits = logits - np.max(logits, axis=-1, keepdims=True)
    terms = np.exp(shifted_logits)
    np.put_along_axis(terms, np.argmax(logits, axis=-1)[..., None], 0, axis=-1)
    return np.log1p(np.sum(terms, axis=-1, keepdims=True))


# --- answers that must fail ------------------------------------------------------------------------------


def _by_expm1(logits):
    shifted_logits = logits - np.max(logits, axis=-1, keepdims=True)
    return shifted_logits - np.log1p(np.sum(np.expm1(shifted_logits), axis=-1, keepdims=True))


def _longdouble(logits):
    return handed_out(logits.astype(np.longdouble)).astype(logits.dtype)


def _never_quite_zero(logits):
    result = handed_out(logits)
    return np.where(result == 0, -np.finfo(logits.dtype).eps, result)


def _never_quite_one(logits):
    return np.minimum(handed_out(logits), -np.finfo(logits.dtype).tiny)


def _only_two_classes(logits):
    return -np.logaddexp(0, logits[..., ::-1] - logits)


def _gap_to_the_second(logits):
    ordered = np.sort(logits, axis=-1)
    gap = ordered[..., -2:-1] - ordered[..., -1:]
    return (logits - ordered[..., -1:]) - np.log1p(np.exp(gap))


def _log_sum_as_the_sum(logits):
    shifted_logits = logits - np.max(logits, axis=-1, keepdims=True)
    terms = np.exp(shifted_logits)
    np.put_along_axis(terms, np.argmax(logits, axis=-1)[..., None], 0, axis=-1)
    return shifted_logits - np.sum(terms, axis=-1, keepdims=True)


def _winner_of_the_batch(logits):
    shifted_logits = logits - np.max(logits, axis=-1, keepdims=True)
    terms = np.exp(shifted_logits)
    terms.ravel()[np.argmax(logits)] = 0
    return shifted_logits - np.log1p(np.sum(terms, axis=-1, keepdims=True))


def _shifted_by(name):
    def wrong(logits):
        shift = SHIFTS[name](logits, -1)
        terms = np.exp(logits - shift)
        np.put_along_axis(terms, np.argmax(logits, axis=-1)[..., None], 0, axis=-1)
        return (logits - shift) - np.log1p(np.sum(terms, axis=-1, keepdims=True))

    return named(f"shifted by {name}", wrong)


MUST_FAIL = (
    *(_shifted_by(name) for name in SHIFTS),
    (_longdouble, "widen_to_float64"),
    _by_expm1,
    _never_quite_zero,
    _never_quite_one,
    _only_two_classes,
    _gap_to_the_second,
    _log_sum_as_the_sum,
    _winner_of_the_batch,
)

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
        case("a row of close losers", [[12, -1, -1.5, -1, -2], [0, 3, 11, 0, 1]], dtype="float32", ulps=8),
        case("huge logits", [[1000, 980, 1000], [-1000, -1030, -1031]], dtype="float32", ulps=8),
    ),
    mistakes=(
        subtract_one_again,
        drop_all_ties,
        count_the_max_twice,
        empty_the_winners_columns,
        empty_a_fixed_column,
        widen_to_float64,
        add_log1p_to_the_max,
        leave_out_without_a_shift,
        log1p_of_p_minus_one,
        epsilon_beside_p,
        MISTAKES["add_log_to_max"],
        MISTAKES["log_of_softmax"],
    ),
    hints=(
        "Which term of the sum is exactly 1, in every row? It is the one that hides the others.",
        "Sum all terms except that one, and use np.log1p on the result. Mind two equal winners: leave out one.",
        "`np.put_along_axis(terms, np.argmax(logits, axis=-1)[..., None], 0, axis=-1)` takes one winner out.",
    ),
    model_answer=my_log_softmax,
    why="1 + e^-20 is stored as 1 in float32. With the 1 left out, the sum is e^-20 with all its digits, "
    "and log1p adds the 1 inside the logarithm without ever storing it.",
    variants=(
        _sorted_first,
        _with_where,
        _best_log_softmax,
        _each_winner_deleted,
        _each_class_against_the_others,
        _from_the_largest_down,
    ),
    must_fail=MUST_FAIL,
)
