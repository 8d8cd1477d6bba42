"""What goes wrong when somebody looks for the first bad row of a table: the mistakes of exercise 02.first_bad."""

from functools import partial

import numpy as np

from course_utils.mistakes import mistake

_slip = partial(mistake, quantity="predicted_class", widget="")


def _first_true(bad):
    return int(np.argmax(bad)) if bad.any() else -1


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
