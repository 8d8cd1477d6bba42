"""Two pairs (maximum, sum) become one."""

import math

import numpy as np

from course_utils import reference
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.habits import named
from course_utils.mistakes import mistake

INF = np.inf


def my_merge(left, right):
    largest = max(left[0], right[0])
    if largest == -np.inf:
        return largest, 0.0
    return largest, left[1] * np.exp(left[0] - largest) + right[1] * np.exp(right[0] - largest)


def _true_merge(left, right):
    """The pair of both, through the exact logarithm of the sum."""
    pairs = np.stack([left, right]).astype(np.float64)
    largest = pairs[:, 0].max()
    if largest == -INF:
        return np.array([-INF, 0.0])
    total = reference.logsumexp(pairs[:, 0], b=pairs[:, 1], dtype=object)
    exact = np.empty((), object)
    exact[()] = total - float(largest)
    return np.array([largest, float(reference.exp(exact))])


def _empty_is_neutral(left, right):
    if left[0] == -np.inf:
        return right
    if right[0] == -np.inf:
        return left
    largest = np.maximum(left[0], right[0])
    scales = np.exp(np.array([left[0], right[0]]) - largest)
    return np.array([largest, scales @ np.array([left[1], right[1]])])


def _with_a_safe_reference(left, right):
    (a, s), (b, t) = left, right
    largest = max(a, b)
    safe = 0.0 if largest == -math.inf else largest
    return [largest, s * math.exp(a - safe) + t * math.exp(b - safe)]


def _larger_first(left, right):
    (a, s), (b, t) = (left, right) if left[0] >= right[0] else (right, left)
    return a, (s + t * np.exp(b - a) if b > -np.inf else s)


def _with_where(left, right):
    with np.errstate(all="ignore"):
        pairs = np.stack([left, right])
        largest = pairs[:, 0].max()
        return largest, np.where(pairs[:, 0] == -np.inf, 0, pairs[:, 1] * np.exp(pairs[:, 0] - largest)).sum()


RIGHT_GROWS = (np.array([0.0, 1.5]), np.array([10.0, 1.25]))
LEFT_GROWS = (np.array([10.0, 1.25]), np.array([0.0, 1.5]))
NOTHING = (np.array([-INF, 0.0]), np.array([-INF, 0.0]))


def _mistake(**words):
    return mistake(**({"quantity": "", "fails_on": RIGHT_GROWS, "widget": "tiles"} | words))


@_mistake(
    belief="Sums add up.",
    diagnosis="You added the two sums as they are. Each is measured against the maximum of its own part, so the part "
    "with the smaller maximum counts for too much.",
    step="`left[1] + right[1]`: two sums of different scales.",
    change="Rescale each to the common maximum first: `left[1] * np.exp(left[0] - largest)`.",
)
def add_two_scales(left, right):
    return max(left[0], right[0]), left[1] + right[1]


@_mistake(
    fails_on=LEFT_GROWS,
    belief="What comes later has the larger maximum.",
    diagnosis="You rescaled the left sum only. That is right while the maximum grows; here the larger maximum is on "
    "the left, and the right sum must shrink.",
    step="`left[1] * np.exp(left[0] - largest) + right[1]`.",
    change="Rescale both. For the part that holds the maximum the factor is 1.",
)
def rescale_the_left_only(left, right):
    largest = max(left[0], right[0])
    return largest, left[1] * np.exp(left[0] - largest) + right[1]


@_mistake(
    belief="The left part comes first, so it is the reference.",
    diagnosis="You rescaled the right sum only. Here the larger maximum is on the right, and the left sum must shrink.",
    step="`left[1] + right[1] * np.exp(right[0] - largest)`.",
    change="Rescale both. For the part that holds the maximum the factor is 1.",
)
def rescale_the_right_only(left, right):
    largest = max(left[0], right[0])
    return largest, left[1] + right[1] * np.exp(right[0] - largest)


@_mistake(
    fails_on=(np.array([2.0, 1.5]), np.array([2.0, 1.25])),
    belief="A part is as large as its maximum.",
    diagnosis="You added e to the power of the maxima and left out the sums. A part counts for its sum times "
    "that power: it may hold many terms.",
    step="`np.exp(left[0] - largest) + np.exp(right[0] - largest)`.",
    change="Multiply each by its sum: `left[1] * np.exp(left[0] - largest)`.",
)
def leave_out_the_sums(left, right):
    largest = max(left[0], right[0])
    with np.errstate(all="ignore"):
        return largest, np.exp(left[0] - largest) + np.exp(right[0] - largest)


@_mistake(
    fails_on=(np.array([900.0, 1.5]), np.array([2.0, 3.0])),
    belief="In the log domain nothing is lost.",
    diagnosis="You went through the logarithm, m + log s, and back by exp. Beside a large maximum the logarithm is "
    "rounded, and exp turns that into lost digits of the sum.",
    step="`np.exp(np.logaddexp(...) - largest)`.",
    change="Leave the sums as they are, and multiply each by `np.exp(its maximum - largest)`.",
)
def through_the_logarithm(left, right):
    largest = max(left[0], right[0])
    total = np.logaddexp(left[0] + np.log(left[1]), right[0] + np.log(right[1]))
    return largest, np.exp(total - largest)


@_mistake(
    fails_on=LEFT_GROWS,
    belief="The new part is the reference.",
    diagnosis="You measured everything against the right part's maximum. Where the left one is larger, its factor is "
    "larger than 1, and far above it overflows.",
    step="`np.exp(left[0] - right[0])` with a larger `left[0]`.",
    change="Take the larger of both maxima: then no factor is above 1.",
)
def measure_against_the_right(left, right):
    with np.errstate(all="ignore"):
        return right[0], left[1] * np.exp(left[0] - right[0]) + right[1]


@_mistake(
    belief="Old terms must grow with the maximum.",
    diagnosis="You rescaled the wrong way round: your factor is above 1, where the part with the smaller maximum must "
    "shrink.",
    step="`np.exp(largest - left[0])`: the sign of the exponent.",
    change="`np.exp(left[0] - largest)`: never above 1.",
)
def rescale_the_wrong_way(left, right):
    largest = max(left[0], right[0])
    with np.errstate(all="ignore"):
        return largest, left[1] * np.exp(largest - left[0]) + right[1] * np.exp(largest - right[0])


@_mistake(
    fails_on=NOTHING,
    belief="A part without numbers is a part like any other.",
    diagnosis="Your rescaling is right, and two parts that have seen nothing make it NaN: -inf - -inf. In a stream "
    "that NaN stays for good.",
    step="`left[0] - largest` when both are -inf.",
    change="Return (-inf, 0) when the common maximum is -inf.",
)
def merge_without_guard(left, right):
    largest = max(left[0], right[0])
    with np.errstate(all="ignore"):
        return largest, left[1] * np.exp(left[0] - largest) + right[1] * np.exp(right[0] - largest)


@_mistake(
    fails_on=NOTHING,
    belief="Nothing is 0.",
    diagnosis="Two parts that have seen nothing gave you a maximum of 0, as if they had seen a logit of 0. A "
    "part far below it would then be measured against that 0.",
    step="`return 0, 0` where both maxima are -inf.",
    change="Return (-inf, 0): the maximum of nothing is -inf.",
)
def nothing_is_zero(left, right):
    largest, total = my_merge(left, right)
    return (0.0, 0.0) if largest == -np.inf else (largest, total)


@_mistake(
    fails_on=(np.array([-1000.0, 1.5]), np.array([-1001.0, 1.0])),
    belief="A maximum is at least 0.",
    diagnosis="Your maximum never falls below 0. Far below it every sum is measured against 0 and underflows.",
    step="`max(left[0], right[0], 0)`, or a start at 0.",
    change="Leave the 0 out; what has seen nothing is -inf.",
    family=("start", (0.0, -100.0, -500.0)),
)
def start_at_zero(left, right, *, start=0.0):
    largest = max(left[0], right[0], start)
    return largest, left[1] * np.exp(left[0] - largest) + right[1] * np.exp(right[0] - largest)


@_mistake(
    belief="What must be kept is the logarithm.",
    diagnosis="Your second number is the logarithm of the sum. The pair asks for the sum itself, measured against "
    "the maximum.",
    step="`np.log(...)` at the end.",
    change="Leave the logarithm to whoever reads the pair: max + log(sum).",
)
def return_the_logarithm_of_the_sum(left, right):
    largest, total = my_merge(left, right)
    with np.errstate(all="ignore"):
        return largest, np.log(total)


@_mistake(
    fails_on=(np.array([1.0, 2.0]), np.array([1.0, 3.0])),
    belief="The part with the larger maximum has won.",
    diagnosis="You kept the part with the larger maximum and dropped the other. Its terms are smaller, and there may "
    "be many of them.",
    step="`return left if left[0] > right[0] else right`.",
    change="Rescale the other sum and add it.",
)
def keep_the_larger_part(left, right):
    return left if left[0] > right[0] else right


def _no_partial_sum(left, right):
    """The largest term counts 1 in its sum; what has seen nothing is (-inf, 0)."""
    for largest, total in (left, right):
        if not (total >= 1 and np.isfinite(largest)) and (largest, total) != (-INF, 0):
            return "A part has a sum of 1 at least, or it is [-inf, 0]."
    return ""


def _total(total):
    def wrong(left, right):
        largest = max(left[0], right[0])
        if largest == -np.inf:
            return largest, 0.0
        with np.errstate(all="ignore"):
            return largest, total(left[0], left[1], right[0], right[1], largest)

    return wrong


merge = Exercise(
    key="10.merge",
    kind="write",
    objective="build a merge of two partial sums that any order of parts leaves right",
    minutes=8,
    difficulty=2,
    truth=_true_merge,
    cases=(
        case("equal maxima", [2, 1.5], [2, 1.25], ulps=16),
        case("the right part holds the maximum", *map(list, RIGHT_GROWS), ulps=16),
        case("the left part holds the maximum", *map(list, LEFT_GROWS), ulps=16),
        case("the left part is far above", [900, 1.5], [2, 3], ulps=16),
        case("the right part is far above", [-3, 4], [800, 1], ulps=16),
        case("both far below 0", [-1000, 1.5], [-1001, 1], ulps=16),
        case("many small terms on one side", [1, 1e6], [3, 2], ulps=16),
        case("one number on each side", [5, 1], [4, 1], ulps=16),
        case("the left part has seen nothing", [-INF, 0], [3, 1.5], ulps=16),
        case("the right part has seen nothing", [-4, 2.5], [-INF, 0], ulps=16),
        case("neither has seen anything", *map(list, NOTHING), ulps=16),
    ),
    mistakes=(
        add_two_scales,
        rescale_the_left_only,
        rescale_the_right_only,
        leave_out_the_sums,
        through_the_logarithm,
        measure_against_the_right,
        rescale_the_wrong_way,
        merge_without_guard,
        nothing_is_zero,
        start_at_zero,
        return_the_logarithm_of_the_sum,
        keep_the_larger_part,
    ),
    must_fail=(
        named("NaN to 0", lambda a, b: np.nan_to_num(merge_without_guard(a, b))),
        named("the mean of both", _total(lambda a, s, b, t, m: (s * np.exp(a - m) + t * np.exp(b - m)) / 2)),
        named("in base 2", _total(lambda a, s, b, t, m: s * 2.0 ** (a - m) + t * 2.0 ** (b - m))),
        named("ratio of the maxima", _total(lambda a, s, b, t, m: s * a / m + t * b / m)),
        named("of the sums' exps", _total(lambda a, s, b, t, m: np.exp(s - m) + np.exp(t - m))),
        named("twice", _total(lambda a, s, b, t, m: s * np.exp(2 * (a - m)) + t * np.exp(2 * (b - m)))),
        named(
            "never below 1e-6",
            _total(lambda a, s, b, t, m: s * np.exp(max(a - m, -14)) + t * np.exp(max(b - m, -14))),
        ),
        named("a floor of -1e9", lambda a, b: my_merge(np.maximum(a, -1e9), np.maximum(b, -1e9))),
        named("unshifted", lambda a, b: (max(a[0], b[0]), a[1] * np.exp(a[0]) + b[1] * np.exp(b[0]))),
        named("the log of both", lambda a, b: (max(a[0], b[0]), np.logaddexp(a[0], b[0]))),
        named(
            "in float32",
            _total(lambda a, s, b, t, m: np.float32(s * np.exp(a - m)) + np.float32(t * np.exp(b - m))),
        ),
    ),
    hints=(
        "Each sum is measured against its own maximum. Against which one must both be measured before you may add?",
        "Multiply each sum by e to the power of (its maximum - the larger one). What if both maxima are -inf?",
        "`largest = max(left[0], right[0])`; where it is -inf return `largest, 0.0`; else "
        "`left[1] * np.exp(left[0] - largest)` plus the same of `right`.",
    ),
    model_answer=my_merge,
    why="A sum s with the maximum m stands for s times e^m. Both are written with the larger maximum and added: no "
    "factor is above 1, so nothing overflows, and what has seen nothing, (-inf, 0), changes nothing.",
    variants=(_empty_is_neutral, _with_a_safe_reference, _larger_first, _with_where),
    limits=_no_partial_sum,
    curve=False,
    quiet=True,
)
