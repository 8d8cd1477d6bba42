"""The logarithm of a mean of exponentials, chunk by chunk."""

from functools import partial

import numpy as np

from course_utils import reference, shifted
from course_utils.exercises.core import Exercise, case
from course_utils.exercises.lesson_91.goals import REPAIR
from course_utils.mistakes import mistake

slip = partial(mistake, quantity="logsumexp", widget="")


def handed_out(logs):
    means = []
    for start in range(0, len(logs), 4):
        chunk = logs[start : start + 4]
        means.append(shifted.logsumexp(chunk) - np.log(len(chunk)))
    return shifted.logsumexp(np.array(means)) - np.log(len(means))


def _truth(logs):
    return reference.logsumexp(logs) - np.log(len(logs))


def my_log_mean(logs):
    sums = []
    for start in range(0, len(logs), 4):
        chunk = logs[start : start + 4]
        sums.append(shifted.logsumexp(chunk))
    return shifted.logsumexp(np.array(sums)) - np.log(len(logs))


def _weighted(logs):
    chunks = [logs[i : i + 4] for i in range(0, len(logs), 4)]
    means = np.array([shifted.logsumexp(chunk) - np.log(len(chunk)) for chunk in chunks])
    weights = np.log([len(chunk) / len(logs) for chunk in chunks])
    return shifted.logsumexp(means + weights)


def _one_after_the_other(logs):
    total = -np.inf
    for start in range(0, len(logs), 4):
        total = np.logaddexp(total, shifted.logsumexp(logs[start : start + 4]))
    return total - np.log(len(logs))


@slip(
    fails_on=(np.array([0.0, -800.0]),),
    belief="The mean of the logs is the log of the mean.",
    diagnosis="You averaged the logarithms. That is another mean: one very small number pulls it down.",
    step="`np.mean(logs)`.",
    change="Average the exponentials, in the log domain: logsumexp - log n.",
)
def mean_of_logs(logs):
    return np.mean(logs)


@slip(
    fails_on=(np.array([0.0, 0.0]),),
    belief="The log-sum-exp is the mean.",
    diagnosis="You never divided. A log-sum-exp is the logarithm of a sum.",
    step="`- np.log(...)` is missing.",
    change="Subtract `np.log(len(logs))` once, at the end.",
)
def never_divided(logs):
    return shifted.logsumexp(logs)


@slip(
    fails_on=(np.array([-800.0, -801.0]),),
    belief="A mean is safe without logarithms.",
    diagnosis="You left the log domain. Exponentials far below 0 are 0, and the log of their mean is -inf.",
    step="`np.log(np.mean(np.exp(logs)))`.",
    change="Stay in logarithms: logsumexp - log n.",
)
def out_of_the_log_domain(logs):
    return np.log(np.mean(np.exp(logs)))


@slip(
    fails_on=(np.array([0.0, 0, 0, 0, 0]),),
    belief="Every chunk has four.",
    diagnosis="You divided every chunk by 4. The last one may be shorter, and its sum is then divided too often.",
    step="`np.log(4)` for a chunk of one.",
    change="Add up the sums of all chunks, and divide once by `len(logs)`.",
)
def every_chunk_has_four(logs):
    means = [shifted.logsumexp(logs[i : i + 4]) - np.log(4) for i in range(0, len(logs), 4)]
    return shifted.logsumexp(np.array(means)) - np.log(len(means))


log_mean = Exercise(
    key="91.log_mean",
    kind="repair",
    objective=REPAIR,
    minutes=6,
    difficulty=2,
    truth=_truth,
    subject=handed_out,
    cases=(
        case("four, one full chunk", [0.0, -1.0, 2.0, 0.5]),
        case("five, the last chunk has one", [0.0, 0.0, 0.0, 0.0, 3.0]),
        case("nine, the last one rules", [*([-2.0] * 8), 5.0]),
        case("six equal", [1.5] * 6),
        case("seven, falling", [3.0, 2.0, 1.0, 0.0, -1.0, -2.0, -30.0]),
        case("far below 0", [-1000.0, -1001.0, -1002.0, -1000.5, -999.0]),
        case("large", [800.0, 790.0, 795.0, 801.0, 799.0, 780.0]),
        case("one", [7.0]),
        case("two chunks that lie far apart", [0.0, 1.0, 0.0, 1.0, -700.0, -701.0]),
        case("a weight of 0", [-np.inf, 0.0, 1.0, 2.0, 0.0]),
        case("float32", [2.0, 1.0, 0.0, -1.0, 4.0, 3.0], dtype="float32"),
    ),
    mistakes=(mean_of_logs, never_divided, out_of_the_log_domain, every_chunk_has_four),
    must_fail=(
        lambda logs: np.median(logs),
        lambda logs: np.max(logs) - np.log(len(logs)),
        lambda logs: shifted.logsumexp(logs) - np.log(4 * -(-len(logs) // 4)),
        lambda logs: handed_out(logs[: len(logs) // 4 * 4] if len(logs) >= 4 else logs),
        lambda logs: np.log(np.mean(np.exp(np.clip(logs, -700, 700)))),
    ),
    hints=(
        "Which numbers does the last line treat as equals? Are they?",
        "A mean of means is right for chunks of equal length only. What can be added up over chunks without a weight?",
        "Sums: append `shifted.logsumexp(chunk)`, one more logsumexp over them, and subtract `np.log(len(logs))`.",
    ),
    model_answer=my_log_mean,
    why="Sums can be added up over chunks, means cannot: a last chunk of one would count as much as four. So divide "
    "once, at the end, by the number of everything.",
    variants=(
        _weighted,
        _one_after_the_other,
        lambda logs: shifted.logsumexp(logs) - np.log(len(logs)),
    ),
    unit="logits",
)
