"""The log of 1 - sigmoid."""

from functools import partial

import numpy as np

from course_utils.exercises.core import Exercise, case
from course_utils.exercises.habits import PATCHES, named, patched
from course_utils.exercises.lesson_90.goals import REPAIR, truth_of
from course_utils.mistakes import MISTAKES, mistake


def handed_out_log_not(z):
    p = 1 / (1 + np.exp(-z))
    return np.log(1 - p)


def my_log_not(z):
    tail = np.log1p(np.exp(-np.abs(z)))
    return -(np.maximum(z, 0) + tail)


def _log_not_by_logaddexp(z):
    return -np.logaddexp(0, z)


def _log_not_in_two_parts(z):
    result = np.empty_like(z)
    result[z > 0] = -z[z > 0] - np.log1p(np.exp(-z[z > 0]))
    result[~(z > 0)] = -np.log1p(np.exp(z[~(z > 0)]))
    return result


def _log_not_with_where(z):
    return np.where(z > 0, -z, 0) - np.log1p(np.exp(-np.abs(z)))


def _log_not_by_the_tail(z):
    return np.where(z > 0, -z - np.log1p(np.exp(-np.abs(z))), -np.log1p(np.exp(-np.abs(z))))


def _log_not_in_float64(z):
    return -np.logaddexp(0, z.astype(np.float64))


def _log_not_of_two_classes(z):
    return -np.logaddexp.reduce(np.stack([z, np.zeros_like(z)]), axis=0)


@mistake(
    quantity="log_not_sigmoid",
    fails_on=(np.float32([17]),),
    widget="loss",
    belief="log1p repairs a log near 1.",
    diagnosis="You used log1p(-p). But p has already been rounded to 1, or to a number with few digits "
    "beside it: log1p cannot bring back what the sigmoid lost.",
    step="`1 / (1 + np.exp(-z))`: for z = 17 in float32 this is 1.",
    change="Leave p out: log(1 - sigmoid(z)) is -log(1 + e^z).",
)
def log1p_of_a_rounded_p(z):
    return np.log1p(-1 / (1 + np.exp(-z)))


@mistake(
    quantity="log_not_sigmoid",
    fails_on=(np.float32([100]),),
    widget="loss",
    belief="-log1p(exp(z)) is the stable form.",
    diagnosis="Your algebra is right: -log(1 + e^z). For a large z the exp overflows, and the answer, close "
    "to -z, becomes -inf.",
    step="`np.exp(z)`: inf from 88.73 on in float32.",
    change="Take the large part out: max(z, 0) + log1p(exp(-|z|)).",
)
def exp_of_a_large_z(z):
    return -np.log1p(np.exp(z))


@mistake(
    quantity="log_not_sigmoid",
    fails_on=(np.float32([17]),),
    widget="loss",
    belief="A small constant keeps the log away from 0.",
    diagnosis="You put a small constant under the log. The result can never go below the log of that "
    "constant, where the truth goes on falling.",
    step="`np.log(1 - p + epsilon)`, or a clip: a floor, chosen by you.",
    change="Leave p out: log(1 - sigmoid(z)) is -log(1 + e^z).",
    family=("patch", PATCHES),
)
def epsilon_under_the_log(z, *, patch=PATCHES[2]):
    return np.log(patched(1 - 1 / (1 + np.exp(-z)), patch))


@mistake(
    quantity="log_not_sigmoid",
    fails_on=(np.float32([0.5]),),
    widget="loss",
    belief="The log of the sigmoid is what the filter needs.",
    diagnosis="You returned the log of sigmoid(z), the probability of *yes*. The task asks for the log of 1 "
    "- sigmoid(z).",
    step="The sign of z: the probability of no is sigmoid(-z).",
    change="Turn the sign of z.",
)
def log_of_yes(z):
    return -np.logaddexp(0, -z)


@mistake(
    quantity="log_not_sigmoid",
    fails_on=(np.float32([0.5]),),
    widget="loss",
    belief="For a large z it is -z, and for a small one 0.",
    diagnosis="You kept the two straight ends and left out the bend between them: near 0, and for negative "
    "scores, the tail log(1 + e^-|z|) is all there is.",
    step="`-np.maximum(z, 0)`.",
    change="Subtract `np.log1p(np.exp(-np.abs(z)))`.",
)
def forget_the_tail(z):
    return -np.maximum(z, 0)


@mistake(
    quantity="log_not_sigmoid",
    fails_on=(np.float32([100]),),
    widget="loss",
    belief="1 - sigmoid(z) is 1 / (1 + e^z), so take its log.",
    diagnosis="Your algebra avoids the difference. But e^z overflows for a large z, and next to 1 a tiny "
    "e^z is rounded away: both ends are lost.",
    step="`1 + np.exp(z)` inside the log.",
    change="Take the large part out: max(z, 0) + log1p(exp(-|z|)), with a minus in front.",
    family=(
        "way",
        (
            lambda z: -np.log(1 + np.exp(z)),
            lambda z: np.log(1 / (1 + np.exp(z))),
            lambda z: np.log(np.exp(-z) / (1 + np.exp(-z))),
        ),
    ),
)
def lose_both_ends(z, *, way=lambda z: -np.log(1 + np.exp(z))):
    return way(z)


@mistake(
    quantity="log_not_sigmoid",
    fails_on=(np.float32([-50]),),
    widget="loss",
    belief="With |z| no exp overflows, so log will do.",
    diagnosis="Your formula has no large exp any more. But you took log(1 + tail): next to 1 a tiny tail is "
    "rounded away, and where the answer is the tail alone, it is 0.",
    step="`np.log(1 + np.exp(-np.abs(z)))`.",
    change="Use `np.log1p(np.exp(-np.abs(z)))`.",
)
def log_for_log1p(z):
    return -(np.maximum(z, 0) + np.log(1 + np.exp(-np.abs(z))))


# --- answers that must fail ------------------------------------------------------------------------------


def _in_float64(z):
    return handed_out_log_not(z.astype(np.float64)).astype(z.dtype)


def _other_way_in_float64(z):
    return lose_both_ends.function(z.astype(np.float64)).astype(z.dtype)


def _in_longdouble(z):
    return handed_out_log_not(z.astype(np.longdouble)).astype(z.dtype)


def _clipped(z):
    return my_log_not(np.clip(z, -30, 30))


def _lowest_number(z):
    return np.maximum(handed_out_log_not(z), np.finfo(z.dtype).min)


def _minus_z_for_infinity(z):
    result = handed_out_log_not(z)
    return np.where(np.isinf(result), -z, result)


def _minus_z_from_10_on(z):
    return np.where(z > 10, -z, handed_out_log_not(np.minimum(z, 10)))


def _minus_z_or_log1p(z):
    return np.where(z > 5, -z, -np.log1p(np.exp(np.minimum(z, 5))))


def _nan_to_num(z):
    return np.nan_to_num(handed_out_log_not(z))


def _probability_of_no(z):
    return 1 / (1 + np.exp(z))


def _other_sign(z):
    return np.logaddexp(0, z)


def _base_2(z):
    return -np.logaddexp2(0, z)


def _in_float16(z):
    return my_log_not(z).astype(np.float16)


def _nan_hidden(z):
    return np.nan_to_num(my_log_not(z), nan=0.0, posinf=np.inf, neginf=-np.inf)


MUST_FAIL = (
    *(
        (named(f"patch {i}", partial(epsilon_under_the_log.function, patch=p)), None)
        for i, p in enumerate(PATCHES)
    ),
    _in_float64,
    _other_way_in_float64,
    _in_longdouble,
    _clipped,
    _lowest_number,
    _minus_z_for_infinity,
    _minus_z_from_10_on,
    _minus_z_or_log1p,
    _nan_to_num,
    _probability_of_no,
    _other_sign,
    _base_2,
    _in_float16,
    _nan_hidden,
)


log_not = Exercise(
    key="90.log_not",
    kind="repair",
    objective=REPAIR,
    minutes=6,
    difficulty=2,
    truth=truth_of("log_not_sigmoid"),
    subject=handed_out_log_not,
    cases=(
        case("ordinary scores", [0.5, -0.5, 2], dtype="float32", ulps=8),
        case("sure", [15, 17], dtype="float32", ulps=8),
        case("very sure", [100, 1000], dtype="float32", ulps=8),
        case("sure of the opposite", [-17, -50], dtype="float32", ulps=8),
        case("at the fence", [0, 1, -1], dtype="float32", ulps=8),
        case("around the cliff", [88, 89, -88, -89], dtype="float32", ulps=16),
        case("between", [6, 9, 12, -6, -9, -12], dtype="float32", ulps=8),
        case("a score that is NaN", [np.nan, 1], dtype="float32", ulps=8),
        case("a batch", [[3, -3], [60, -60]], dtype="float32", ulps=8),
        case("float64", [40, -40, 750, -700, 20000], ulps=8),
    ),
    mistakes=(
        MISTAKES["log_of_one_minus_sigmoid"],
        log1p_of_a_rounded_p,
        exp_of_a_large_z,
        epsilon_under_the_log,
        log_of_yes,
        forget_the_tail,
        lose_both_ends,
        log_for_log1p,
    ),
    hints=(
        "What is p for z = 17 in float32? And 1 - p?",
        "Do the algebra before the floats: 1 - sigmoid(z) = 1 / (1 + e^z). So the log is -log(1 + e^z).",
        "That overflows for a large z. Take z out: `np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))`, with a "
        "minus in front.",
    ),
    model_answer=my_log_not,
    why="1 - p cancels as soon as p is close to 1. The formula -log(1 + e^z) has no difference in it, and "
    "with max(z, 0) taken out no exp of a positive number either. NumPy has it as -np.logaddexp(0, z).",
    variants=(
        _log_not_by_logaddexp,
        _log_not_in_two_parts,
        _log_not_with_where,
        _log_not_by_the_tail,
        _log_not_in_float64,
        _log_not_of_two_classes,
    ),
    must_fail=MUST_FAIL,
)
