"""A branch that is not taken and still spoils the result."""

from functools import partial

import numpy as np

from course_utils.exercises.core import Exercise, case
from course_utils.exercises.lesson_90.goals import REPAIR, truth_of
from course_utils.mistakes import MISTAKES, mistake


def handed_out_guard(z):
    small = z < 80
    exps = np.exp(z)
    return small * (exps / (1 + exps)) + ~small * np.ones_like(z)


def my_guarded_slope(z):
    small = z < 80
    exps = np.exp(np.where(small, z, 0))
    return np.where(small, exps / (1 + exps), 1)


def _guarded_by_sign(z):
    tail = np.exp(-np.abs(z))
    return np.where(z > 0, 1 / (1 + tail), tail / (1 + tail))


def _guarded_by_logaddexp(z):
    return np.exp(-np.logaddexp(0, -z))


def _guarded_by_parts(z):
    result = np.ones_like(z)
    exps = np.exp(z[z < 50])
    result[z < 50] = exps / (1 + exps)
    return result


def _guarded_by_a_minimum(z):
    exps = np.exp(np.minimum(z, 40))
    return np.where(z > 40, 1, exps / (1 + exps))


def _guarded_by_exp_of_minus_z(z):
    low = z < 0
    tail = np.exp(np.where(low, z, -z))
    return np.where(low, tail, 1) / (1 + tail)


@mistake(
    quantity="softplus_gradient",
    fails_on=(np.float32([200]),),
    widget="loss",
    belief="The NaN stands where nothing matters, so 0 will do.",
    diagnosis="You replaced the NaN by 0. The slope there is 1: the largest scores would stop learning.",
    step="`np.nan_to_num(...)`: a NaN became a number, and the wrong one.",
    change="Make the input of exp safe before exp sees it: `np.exp(np.where(small, z, 0))`.",
)
def slope_without_nan(z):
    exps = np.exp(z)
    return np.nan_to_num(exps / (1 + exps))


def _only_the_output_is_chosen(z):
    exps = np.exp(z)
    return np.where(z < 80, exps / (1 + exps), 1)


slip = partial(mistake, quantity="softplus_gradient", widget="loss")


@slip(
    fails_on=(np.float32([200]),),
    belief="A NaN that is thrown away does no harm.",
    diagnosis="Your numbers are right. On the way e^200 is inf and inf/inf is NaN, and you threw that NaN "
    "away afterwards, with a where or another repair. A backward pass multiplies the unused branch by 0, "
    "and 0 times NaN is NaN.",
    step="`exps / (1 + exps)` with an exp that has overflowed.",
    change="Choose the input, so that no NaN is born: `np.exp(np.where(small, z, 0))`.",
)
def choose_the_output(z):
    return _only_the_output_is_chosen(z)


@slip(
    fails_on=(np.float32([200]),),
    belief="Beyond the guard the slope does not matter.",
    diagnosis="You made the input safe and returned 0 for the large scores. Their slope is 1: they would "
    "stop learning.",
    step="The value of the other branch.",
    change="Return 1 where z is large.",
)
def zero_for_the_large(z):
    small = z < 80
    exps = np.exp(np.where(small, z, 0))
    return np.where(small, exps / (1 + exps), 0)


@slip(
    fails_on=(np.float32([200]),),
    belief="A harmless input is all that is needed.",
    diagnosis="You made the input safe and did not choose the output: where z is large you return the slope "
    "at the harmless number, not at z.",
    step="The last line: it lacks the 1 for the large scores.",
    change="`np.where(small, exps / (1 + exps), 1)` at the end.",
)
def slope_at_the_harmless_number(z):
    exps = np.exp(np.where(z < 80, z, 0))
    return exps / (1 + exps)


@slip(
    fails_on=(np.float32([1]),),
    belief="The sigmoid of -z is the same slope.",
    diagnosis="You returned 1 / (1 + e^z), the sigmoid of -z. The slope of log(1 + e^z) is e^z / (1 + e^z): "
    "it rises with z.",
    step="The sign of z in the exp.",
    change="Keep e^z above the line.",
)
def slope_of_the_other_sign(z):
    return 1 / (1 + np.exp(z))


@slip(
    fails_on=(np.float32([1]),),
    belief="The derivative of a sigmoid is p (1 - p).",
    diagnosis="You took one derivative too many: e^z / (1 + e^z) is the slope already, and p (1 - p) is the "
    "slope of that.",
    step="`p * (1 - p)`.",
    change="Return p.",
    family=("p", (my_guarded_slope, lambda z: np.exp(z) / (1 + np.exp(z)), lambda z: 1 / (1 + np.exp(-z)))),
)
def one_slope_too_many(z, *, p=my_guarded_slope):
    return p(z) * (1 - p(z))


@mistake(
    quantity="softplus_gradient",
    fails_on=(np.float32([-90]),),
    widget="loss",
    belief="Clip the scores to a safe range.",
    diagnosis="You clipped the scores on both sides. Above, the slope is 1 anyway; below the lower limit it "
    "goes on shrinking, and yours stays where it is.",
    step="`np.clip(z, -50, 50)`: the lower limit changes right answers.",
    family=("limit", (15, 20, 30, 40, 50, 60, 70, 80, 85, 87, 88)),
    change="Guard the side that overflows, and leave the other alone.",
)
def slope_of_clipped_scores(z, *, limit=50):
    exps = np.exp(np.clip(z, -limit, limit))
    return exps / (1 + exps)


@mistake(
    quantity="softplus_gradient",
    fails_on=(np.float32([-20]),),
    widget="loss",
    belief="1 - 1 / (1 + e^z) is the same.",
    diagnosis="Your form survives large scores, since 1 / inf is 0. For low ones it subtracts two nearly "
    "equal numbers, and from -17 on the slope is exactly 0.",
    step="`1 - 1 / (1 + exps)`: cancellation.",
    change="Keep `exps / (1 + exps)` there, and guard its input.",
)
def slope_by_difference(z):
    return 1 - 1 / (1 + np.exp(z))


# --- answers that must fail ------------------------------------------------------------------------------


def _one_for_nan(z):
    exps = np.exp(z)
    return np.nan_to_num(exps / (1 + exps), nan=1.0)


def _guard_after_the_fact(z):
    exps = np.exp(z)
    slope = exps / (1 + exps)
    slope[np.isnan(slope)] = 1
    return slope


def _lower_threshold(z):
    small = z < 20
    exps = np.exp(z)
    return small * (exps / (1 + exps)) + ~small * np.ones_like(z)


def _hard_step(z):
    return (z > 0).astype(z.dtype)


def _threshold_at_10(z):
    exps = np.exp(np.minimum(z, 10))
    return np.where(z > 10, 1, exps / (1 + exps))


def _zero_below_minus_20(z):
    return np.where(z < -20, 0, my_guarded_slope(z))


def _tanh(z):
    return (1 + np.tanh(z / 2)) / 2


def _in_float64(z):
    exps = np.exp(z.astype(np.float64))
    return (exps / (1 + exps)).astype(z.dtype)


def _largest_number_for_infinity(z):
    exps = np.nan_to_num(np.exp(z))
    return exps / (1 + exps)


def _epsilon(z):
    exps = np.exp(np.minimum(z, 80))
    return exps / (1 + exps + 1e-6)


def _in_float16(z):
    return my_guarded_slope(z).astype(np.float16)


def _clipped_to_half(z):
    return np.clip(my_guarded_slope(z), 0, 0.5)


MUST_FAIL = (
    (_only_the_output_is_chosen, "choose_the_output"),
    _one_for_nan,
    _guard_after_the_fact,
    _lower_threshold,
    _hard_step,
    _threshold_at_10,
    _zero_below_minus_20,
    _tanh,
    _in_float64,
    _largest_number_for_infinity,
    _epsilon,
    _in_float16,
    _clipped_to_half,
)

guarded = Exercise(
    key="90.guarded",
    kind="repair",
    objective=REPAIR,
    minutes=7,
    difficulty=3,
    truth=truth_of("softplus_gradient"),
    subject=handed_out_guard,
    cases=(
        case("ordinary scores", [1, -1, 0], dtype="float32", ulps=8),
        case("one large score", [200], dtype="float32", ulps=8),
        case("both sides of the guard", [79, 81, 100], dtype="float32", ulps=8),
        case("low scores", [-20, -50, -90], dtype="float32", ulps=8),
        case("around the guard of an eager author", [9, 11, 14, 17], dtype="float32", ulps=8),
        case("as large as float32 goes", [3e38, -3e38], dtype="float32", ulps=8),
        case("far in between", [20, 45, 60, 88, 89], dtype="float32", ulps=8),
        case("a batch", [[300, 2], [-3, 1000]], dtype="float32", ulps=8),
        case("float64", [800, 30, -700, 720, 5, -2], ulps=8),
    ),
    mistakes=(
        MISTAKES["where_guards_gradient"],
        slope_without_nan,
        slope_of_clipped_scores,
        slope_by_difference,
        choose_the_output,
        zero_for_the_large,
        slope_at_the_harmless_number,
        slope_of_the_other_sign,
        one_slope_too_many,
    ),
    hints=(
        "Both branches are computed, whichever is chosen. What is `0 * (inf / inf)`?",
        "Choosing the output is too late. Choose the input: give exp a harmless number where the branch is "
        "not used.",
        "`exps = np.exp(np.where(small, z, 0))`, and `np.where(small, exps / (1 + exps), 1)` at the end.",
    ),
    model_answer=my_guarded_slope,
    why="A branch that is not taken is still computed, and going backwards it is multiplied by 0: 0 times "
    "NaN is NaN. With a safe input the unused branch is an ordinary number, and 0 times it is 0.",
    variants=(
        _guarded_by_sign,
        _guarded_by_logaddexp,
        _guarded_by_parts,
        _guarded_by_a_minimum,
        _guarded_by_exp_of_minus_z,
    ),
    must_fail=MUST_FAIL,
    quiet=True,
)
