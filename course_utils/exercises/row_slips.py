"""What goes wrong when somebody looks for the first bad row of a table: the mistakes of exercise 02.first_bad."""

from functools import partial

import numpy as np

from course_utils.mistakes import mistake

_slip = partial(mistake, quantity="predicted_class", widget="")


def _first_true(bad):
    return int(np.argmax(bad)) if bad.any() else -1


@_slip(
    fails_on=(np.array([[1.0, np.nan], [1.0, 1.0]]),),
    family=("sees", ("inf", "nothing")),
    belief="NaN can be looked up like any other value.",
    diagnosis="Your code never sees a NaN. Either it looks for inf only, or it compares with NaN: nothing is equal to "
    "NaN, not even NaN itself, so `== np.nan` and `np.nan in row` are always False.",
    step="`np.isinf(...)`, `row == np.nan` or `np.nan in row`.",
    change="Use `~np.isfinite(...)`: it is True for NaN, inf and -inf.",
)
def miss_every_nan(history, *, sees="both infinities"):
    seen = {
        "both infinities": np.isinf(history),
        "inf": history == np.inf,
        "nothing": np.zeros(np.shape(history), bool),
    }
    return _first_true((seen[sees] & ~np.isnan(history)).any(axis=1))


@_slip(
    fails_on=(np.float32([[3e38, 3e38], [1, 1]]),),
    family=("power", (2,)),
    belief="One bad number makes the sum of its row bad.",
    diagnosis="You looked at the sum, the mean or the norm of each row. A bad number does spoil it; but the sum of "
    "honest, huge numbers can overflow too, and then a healthy row is called bad.",
    step="`np.isfinite(history.sum(axis=1))`.",
    change="Ask each number first, then the row: `np.isfinite(history).all(axis=1)`.",
)
def sum_the_row(history, *, power=1):
    return _first_true(~np.isfinite((history**power).sum(axis=1)))


@_slip(
    fails_on=(np.float32([[3e38, 1], [1, 1]]),),
    family=("limit", (1e3, 1e6, 1e9, 1e10, 1e12, 1e15, 1e20, 1e30, 1e35, 1e37, 1e38)),
    belief="A number that large cannot be right.",
    diagnosis="You called every large number bad. A number below the format's largest is finite: it may be a warning, "
    "and it is not yet inf.",
    step="`np.abs(history) > limit`, or `< limit` turned round.",
    change="Use `~np.isfinite(...)`: it knows the format's own limit.",
)
def use_a_threshold(history, *, limit=1e5):
    return _first_true(~(np.abs(history) < limit).all(axis=1))


@_slip(
    fails_on=(np.array([[1.0, 2.0], [3.0, 4.0]]),),
    family=("length", (True,)),
    belief="A loop that finds nothing ends at the end.",
    diagnosis="You find the first bad row, and give another answer than -1 where there is none: the run seems to die "
    "at its last step.",
    step="What is returned after the loop.",
    change="Return -1 there.",
)
def other_answer_when_healthy(history, *, length=False):
    found = _first_true(~np.isfinite(history).all(axis=1))
    return found if found >= 0 else len(history) - (not length)


@_slip(
    fails_on=(np.array([[1.0, np.nan], [1.0, np.inf]]),),
    belief="The question is how many.",
    diagnosis="You counted the bad rows. The question is where the first of them is.",
    step="`.sum()` of the bad rows.",
    change="Take the place of the first True: `np.argmax(bad)`, if there is one.",
)
def count_the_bad_rows(history):
    return int((~np.isfinite(history).all(axis=1)).sum())


@_slip(
    fails_on=(np.array([[1.0, np.inf], [np.nan, 1.0]]),),
    belief="Bad means NaN.",
    diagnosis="You looked for NaN only. The NaN you find is often the child of an inf one step earlier, and the "
    "inf is where the trouble began.",
    step="`np.isnan(...)`: inf is not NaN.",
    change="Use `~np.isfinite(...)`: it is True for NaN, inf and -inf.",
)
def look_for_nan_only(history):
    return _first_true(np.isnan(history).any(axis=1))


@_slip(
    fails_on=(np.array([[1.0, 2.0], [3.0, 4.0]]),),
    belief="argmax finds the first True.",
    diagnosis="You used argmax without asking whether there is a bad row at all. argmax of all False is 0, so a "
    "healthy run is reported as dead at step 0.",
    step="`np.argmax(bad)` when `bad` is False everywhere.",
    change="Return -1 when `bad.any()` is False.",
)
def argmax_without_any(history):
    return int(np.argmax(~np.isfinite(history).all(axis=1)))


@_slip(
    fails_on=(np.array([[1.0, np.nan], [1.0, 1.0], [np.nan, np.nan]]),),
    belief="A row is bad when all of it is bad.",
    diagnosis="You waited until every number of a row was bad. By then the NaN has spread; it was born earlier, in "
    "one number.",
    step="`.all(axis=1)` of the bad numbers.",
    change="One is enough: `.any(axis=1)` of the bad ones, or not `.all(axis=1)` of the finite ones.",
)
def wait_for_the_whole_row(history):
    return _first_true((~np.isfinite(history)).all(axis=1))


@_slip(
    fails_on=(np.array([[1.0, 2.0], [np.nan, 1.0], [1.0, np.inf]]),),
    belief="The last bad step is the one that matters.",
    diagnosis="You returned the last bad row. After the first one, everything is bad; only the first is a cause.",
    step="The end of the list of bad rows instead of its start.",
    change="Take the first index, `np.flatnonzero(bad)[0]`.",
)
def take_the_last(history):
    bad = np.flatnonzero(~np.isfinite(history).all(axis=1))
    return int(bad[-1]) if len(bad) else -1


@_slip(
    fails_on=(np.array([[1.0, 2.0], [np.nan, 2.0]]),),
    belief="axis=0 goes along the steps.",
    diagnosis="You asked each column instead of each row, and returned the number of a column. A row is a step.",
    step="`.any(axis=0)` or `.all(axis=0)`: the axis that you name disappears, and that was the rows.",
    change="Let the columns disappear: `axis=1`.",
)
def look_along_the_columns(history):
    return _first_true(~np.isfinite(history).all(axis=0))


@_slip(
    fails_on=(np.array([[1.0, 2.0], [np.nan, 2.0]]),),
    belief="argmax of a table gives the row.",
    diagnosis="You counted single numbers instead of rows: without an axis, NumPy numbers them one after the other, "
    "row by row.",
    step="`np.argmax(bad)` of a table: for the first number of row 1 of two columns it is 2.",
    change="Make one answer for each row first: `.any(axis=1)`.",
)
def count_single_numbers(history):
    return _first_true(~np.isfinite(history))


@_slip(
    fails_on=(np.array([[np.nan, 0.0], [0.0, 0.0]]),),
    belief="The first step is number 1.",
    diagnosis="You counted from 1. An index counts from 0: the first row is row 0.",
    step="The number that you return.",
    change="Return the index itself; only the answer -1 is special.",
)
def count_from_one(history):
    return _first_true(~np.isfinite(history).all(axis=1)) + 1 or -1


@_slip(
    fails_on=(np.array([[1.0, 2.0], [np.nan, 2.0]]),),
    belief="isfinite marks what is bad.",
    diagnosis="You returned the first healthy row. `np.isfinite` is True for the good numbers.",
    step="`np.isfinite(...)` without a `~` in front.",
    change="Turn it round: `~np.isfinite(history).all(axis=1)`.",
)
def find_the_first_good_row(history):
    return _first_true(np.isfinite(history).all(axis=1))
