"""Exercises of lesson 03: which shift makes it safe?"""

import numpy as np

from course_utils import naive, reference, shifted
from course_utils.exercises import shift_slips
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import MISTAKES, Mistake, mistake


def _with_lists(logits, axis=-1):
    def of_one_row(row):
        exps = [np.exp(z - max(row)) for z in row.tolist()]
        return np.array([e / sum(exps) for e in exps])

    return np.apply_along_axis(of_one_row, axis, logits)


def _classes_first(logits, axis=-1):
    columns = np.moveaxis(np.asarray(logits), axis, 0)
    exps = np.exp(columns - columns.max(axis=0))
    return np.moveaxis(exps / exps.sum(axis=0), 0, axis)


def _in_place_on_a_copy(logits, axis=-1):
    work = np.array(logits)
    work -= work.max(axis=axis, keepdims=True)
    np.exp(work, out=work)
    work /= work.sum(axis=axis, keepdims=True)
    return work


def _through_the_logarithm(logits, axis=-1):
    shifted_logits = logits - np.max(logits, axis=axis, keepdims=True)
    return np.exp(shifted_logits - np.log(np.sum(np.exp(shifted_logits), axis=axis, keepdims=True)))


def _in_float64(logits, axis=-1):
    return shifted.softmax(np.asarray(logits, dtype=np.float64), axis=axis)


def _shifted_to_minus_one(logits, axis=-1):
    exps = np.exp(logits - np.max(logits, axis=axis, keepdims=True) - 1)
    return exps / np.sum(exps, axis=axis, keepdims=True)


def _row_by_row(logits, axis=-1):
    rows = np.moveaxis(logits, axis, -1)
    p = np.empty_like(rows)
    for index in np.ndindex(rows.shape[:-1]):
        p[index] = np.exp(rows[index] - rows[index].max())
        p[index] /= p[index].sum()
    return np.moveaxis(p, -1, axis)


def _shifted_by(choose):
    def softmax(logits, axis=-1):
        return naive.softmax(logits - choose(logits, axis), axis=axis)

    return softmax


max_shift = Exercise(
    key="03.max_shift",
    kind="write",
    objective="build a softmax that no finite row of float32 can break",
    minutes=8,
    difficulty=2,
    truth=reference.softmax,
    cases=(
        case("small logits, where no shift is needed", [2.0, 1.0, 0.1], dtype="float32"),
        case("a logit past the overflow cliff of float32", [100, 60, 0], dtype="float32"),
        case("one large logit among zeros", [120, 0, 0, 0], dtype="float32"),
        case("one large logit, the last of three", [0, 0, 95], dtype="float32"),
        case("one large logit, the first of three", [95, 0, 0], dtype="float32"),
        case("a row far below zero", [-120, -121], dtype="float32"),
        case("where exp has lost its digits", [-102, -103], dtype="float32"),
        case("where only the sum overflows", [88.5, 88.5], dtype="float32"),
        case("a large maximum and a larger distance below", [30, -90], dtype="float32"),
        case("a wide spread, maximum 0", [0, -100], dtype="float32"),
        case("past the cliff of float64", [1000, 999], dtype="float64"),
        case("a little past the cliff of float64", [0, 0, 0, 711], dtype="float64"),
        case("far past the cliff of float64", [12000, 0], dtype="float64"),
        case("as large as the format allows", [3e38, 3e38], dtype="float32"),
        case("two rows that live far apart", [[0, 1, 2], [200, 201, 202]], dtype="float32"),
        case("two rows whose columns differ", [[1000, 1], [0, 2]], dtype="float32"),
        case("a square batch", [[1, 2, 3], [10, 20, 30], [0, 0, 0]], dtype="float32"),
        case("classes along axis 0", [[2, 0], [1, 0]], 0, dtype="float32"),
    ),
    mistakes=(
        *(
            MISTAKES[key]
            for key in (
                "exponentiate_unshifted",
                "shift_by_mean",
                "shift_by_min",
                "shift_by_constant",
                "shift_by_max_abs",
                "shift_by_global_max",
                "shift_along_wrong_axis",
                "max_without_keepdims",
                "sum_without_keepdims",
                "normalise_whole_batch",
                "clip_logits",
                "trust_float64",
                "replace_nan",
                "replace_inf",
                "standardise",
                "divide_logits",
                "add_epsilon_to_sum",
            )
        ),
        *(slip for slip in vars(shift_slips).values() if isinstance(slip, Mistake)),
    ),
    hints=(
        "exp breaks only when its argument is large. Which number can you subtract from a whole row so that "
        "no argument is above 0?",
        "Take the maximum of each row, with `axis=axis`, and keep that axis so that it lines up with the rows.",
        "`shifted = logits - np.max(logits, axis=axis, keepdims=True)`, then exp, then divide by the row's "
        "sum, again with `axis=axis, keepdims=True`.",
    ),
    must_fail=(
        (_shifted_by(lambda z, axis: np.median(z, axis=axis, keepdims=True)), "shift_by_median"),
        (_shifted_by(lambda z, axis: np.take(z, [0], axis=axis)), "shift_by_one_position"),
        (_shifted_by(lambda z, axis: np.take(z, [-1], axis=axis)), "shift_by_one_position"),
        (_shifted_by(lambda z, axis: (np.max(z) + np.min(z)) / 2), None),
        (_shifted_by(lambda z, axis: 100), "shift_by_constant"),
        (_shifted_by(lambda z, axis: np.sort(z, axis=axis).take([-2], axis=axis)), None),
        (_shifted_by(lambda z, axis: np.linalg.norm(z, axis=axis, keepdims=True)), None),
        (_shifted_by(lambda z, axis: np.quantile(z, 0.9, axis=axis, keepdims=True)), None),
        (_shifted_by(lambda z, axis: np.maximum(np.max(z, axis=axis, keepdims=True), 0)), None),
        (_shifted_by(lambda z, axis: np.max(np.float16(z), axis=axis, keepdims=True)), None),
        (lambda z, axis=-1: np.nan_to_num(naive.softmax(z, axis)), "replace_nan"),
        (lambda z, axis=-1: naive.softmax(np.clip(z, -88, 88), axis), "clip_logits"),
        (lambda z, axis=-1: naive.softmax(np.clip(z, -500, 500).astype(np.float64), axis), None),
        (lambda z, axis=-1: naive.softmax(z.astype(np.longdouble), axis).astype(z.dtype), "trust_longdouble"),
        (lambda z, axis=-1: shift_slips.fall_back_on_nan(z, axis, whole=False), "fall_back_on_nan"),
        (lambda z, axis=-1: shifted.softmax(z.astype(np.float16), axis), None),
        (lambda z, axis=-1: np.maximum(shifted.softmax(z, axis), 1e-7), None),
        (lambda z, axis=-1: shifted.softmax(z, axis) + z.dtype.type(1e-6), None),
        (lambda z, axis=-1: shifted.softmax(z.ravel()).reshape(z.shape), "normalise_whole_batch"),
        (lambda z, axis=-1: (shifted.softmax(z, axis), z), "returned_several"),
        (lambda z, axis=-1: np.log(shifted.softmax(z, axis)), "return_the_logarithm"),
    ),
    model_answer=shifted.softmax,
    why="Subtracting the same number from a whole row leaves softmax unchanged. With the row's maximum the "
    "largest exponent is exactly 0, so one term is 1: nothing overflows, and the sum is at least 1.",
    variants=(
        _with_lists,
        _classes_first,
        _in_place_on_a_copy,
        _through_the_logarithm,
        _in_float64,
        _shifted_to_minus_one,
        _row_by_row,
        reference.softmax,
    ),
)


# --- refute_global_max ---------------------------------------------------------------------------------


def _two_tame_rows(batch):
    if batch.ndim != 2 or len(batch) != 2:
        return f"Give a batch of two rows; this input has shape {batch.shape}."
    if batch.size > 8:
        return f"This batch has {batch.size} numbers. Find one with at most 8."
    if batch.size == 0 or not np.all(np.isfinite(batch)) or np.max(np.abs(batch)) > 60:
        return "Use finite logits between -60 and 60."
    return ""


@mistake(
    quantity="softmax",
    fails_on=(np.float32([[60, 59], [0, 1]]),),
    widget="shift",
    belief="A gap of 60 is wide enough.",
    diagnosis="Your rows are apart, and not far enough. After the common shift the low row sits as far below 0 as "
    "the maxima are apart. exp loses digits below -87, and is 0 only below -103.97.",
    step="`z - z.max()`: the low row moves down, and exp still handles it.",
    change="Use both ends of what is allowed: one row near 60, the other near -60.",
)
def rows_too_close(batch):
    return np.max(batch) - np.max(batch, axis=1).min() > 20


@mistake(
    quantity="softmax",
    fails_on=(np.float32([[60, 0], [60, -60]]),),
    widget="shift",
    belief="A wide spread inside one row breaks it.",
    diagnosis="Both rows have nearly the same maximum, so one maximum serves both. A small term inside a row may "
    "vanish; it is small in truth too.",
    step="`z.max()`: here it equals each row's own maximum.",
    change="Make one row low as a whole: all of its logits near -60.",
)
def rows_share_a_maximum(batch):
    return np.ptp(np.max(batch, axis=1)) <= 20 and np.ptp(batch) > 20


@mistake(
    quantity="softmax",
    fails_on=(np.float32([[1, 2], [3, 4]]),),
    widget="shift",
    belief="Any two rows will show it.",
    diagnosis="Your logits are small. With any shift, or none at all, they are safe.",
    step="`np.exp(z - z.max())`: every exponent stays between -20 and 0.",
    change="Think of the row with the smaller maximum. What must happen to all of its exps?",
)
def rows_all_small(batch):
    return np.ptp(batch) <= 20


refute_global_max = Exercise(
    key="03.refute_global_max",
    kind="break",
    objective="predict which wrong shifts fail on a batch, and show it with the smallest input",
    minutes=6,
    difficulty=2,
    truth=reference.softmax,
    subject=MISTAKES["shift_by_global_max"].function,
    limits=_two_tame_rows,
    cases=(case("two rows of ordinary size", [[1, 0], [0, 1]], dtype="float32"),),
    mistakes=(rows_too_close, rows_share_a_maximum, rows_all_small),
    hints=(
        "Your colleague's row with the largest logit is fine. Look at the other row.",
        "The other row loses the global maximum from each of its logits. How far down must they go to underflow?",
        "exp loses digits below -87 and is 0 below -103.97. With logits up to 60, how low must the other row be?",
    ),
    model_answer=lambda: np.float32([[60, 0], [-60, -59]]),
    must_fail=(
        (lambda: [[61, 0], [-60, -60]], ""),
        (lambda: [[1000, 0], [0, 0]], ""),
        (lambda: [[60, 0], [-60, -60], [0, 0]], ""),
        (lambda: [[60] * 5, [-60] * 5], ""),
        (lambda: [[60, -60], [-60, 60]], "rows_share_a_maximum"),
        (lambda: [[10, 0], [-60, -60]], "rows_too_close"),
        (lambda: [60, -60], ""),
        (lambda: [[60, 0], [-60, np.nan]], ""),
        (lambda: [[60, 0], [-60]], ""),
        (lambda: [[], []], ""),
    ),
    why="After subtracting 60 the second row is [-120, -119]. Both exps are 0, and 0/0 is NaN. Its own maximum, "
    "-59, would have left [-1, 0].",
    variants=(
        lambda: [[60, 60], [-60, -60]],
        lambda: np.array([[-59.0, -60.0, -60.0], [58.0, 0.0, 1.0]]),
        lambda: np.float32([[50], [-60]]),
    ),
)
