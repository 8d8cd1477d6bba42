"""Exercise 2 of lesson 11: which part of a mixture made a point, in the log domain."""

from functools import partial

import numpy as np

from course_utils import family, reference, shifted, stable
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import mistake

slip = partial(mistake, quantity="softmax", widget="")
INF = np.inf


def my_responsibilities(points, log_weights, means, sigmas):
    distances = np.sum((points[:, None, :] - means) ** 2, axis=-1)
    dimension = points.shape[1]
    logits = log_weights - dimension * np.log(sigmas) - distances / (2 * sigmas**2)
    row_max = np.max(logits, axis=1, keepdims=True)
    terms = np.exp(logits - row_max)
    return terms / np.sum(terms, axis=1, keepdims=True)


def _joint(points, log_weights, means, sigmas):
    distances = np.sum(((points[:, None, :] - means) / sigmas[:, None]) ** 2, axis=-1)
    return log_weights - points.shape[1] * np.log(sigmas) - distances / 2


def _with_the_constant(points, log_weights, means, sigmas):
    densities = _joint(points, 0, means, sigmas) - points.shape[1] * np.log(2 * np.pi) / 2
    return family.responsibilities(log_weights, densities)[0]


def _point_by_point(points, log_weights, means, sigmas):
    rows = []
    for x in points:
        logits = np.array([
            w - len(x) * np.log(s) - np.dot(x - m, x - m) / (2 * s * s)
            for w, m, s in zip(log_weights, means, sigmas, strict=True)
        ])  # fmt: skip
        rows.append(np.exp(logits - stable.logsumexp(logits)))
    return np.array(rows)


def _by_log_softmax(points, log_weights, means, sigmas):
    return np.exp(shifted.log_softmax(_joint(points, log_weights, means, sigmas)))


_FAR = (np.float32([[40]]), np.float32([-0.69, -0.69]), np.float32([[0], [1]]), np.float32([1, 1]))
_NARROW = (np.zeros((1, 25), np.float32), np.float32([-0.69, -0.69]),
           np.float32(np.arange(2)[:, None] * np.ones(25) / 500), np.float32([0.01, 0.01]))  # fmt: skip
_WIDTHS = (np.float32([[0.5]]), np.float32([-0.69, -0.69]), np.float32([[0], [0]]), np.float32([1, 10]))
_WEIGHTS = (np.float32([[0.5]]), np.float32([-0.1, -2.4]), np.float32([[0], [1]]), np.float32([1, 1]))
_APART = (np.float32([[0], [40]]), *_FAR[1:])


def _densities(points, log_weights, means, sigmas):
    joint = np.exp(_joint(points, np.zeros_like(log_weights), means, sigmas))
    return np.exp(log_weights) * joint


@slip(
    fails_on=_FAR,
    belief="Bayes' rule is the code: weight times density, divided by the sum.",
    diagnosis="You multiplied densities. Far from every part each of them is 0, and 0 / 0 is NaN; near a narrow "
    "part in many dimensions they overflow.",
    step="`np.exp(log_density)` before the shift.",
    change="Stay in logarithms: the row is log weight + log density. Subtract its maximum, then exp.",
)
def multiply_densities(points, log_weights, means, sigmas):
    joint = _densities(points, log_weights, means, sigmas)
    return joint / joint.sum(axis=1, keepdims=True)


@slip(
    fails_on=_FAR,
    belief="A small number in the divisor keeps the NaN away.",
    diagnosis="You added 1e-8 to the divisor. A point far from every part then belongs to none: its shares are 0.",
    step="`joint / (joint.sum() + 1e-8)`.",
    change="Subtract the maximum of each row of logarithms: one term is then 1, and the sum is never 0.",
)
def epsilon_in_the_divisor(points, log_weights, means, sigmas):
    joint = _densities(points, log_weights, means, sigmas)
    return joint / (joint.sum(axis=1, keepdims=True) + np.float32(1e-8))


@slip(
    fails_on=_FAR,
    belief="Large logarithms are scaled down first.",
    diagnosis="You divided the logarithms before exp. That is a temperature: every point becomes undecided.",
    step="`logits / 1000`, or another divisor.",
    change="Subtract the maximum of the row. A difference changes nothing, a factor does.",
    family=("divisor", (10, 100, 1000)),
)
def scale_the_logarithms(points, log_weights, means, sigmas, divisor=1000):
    return shifted.softmax(_joint(points, log_weights, means, sigmas) / divisor)


@slip(
    fails_on=_APART,
    belief="One maximum for all points is enough.",
    diagnosis="You subtracted one maximum from all rows. A point whose logarithms lie far below it gets 0 / 0.",
    step="`np.max(logits)` without an axis.",
    change="`np.max(logits, axis=1, keepdims=True)`: each point has its own.",
)
def one_maximum_for_all(points, log_weights, means, sigmas):
    logits = _joint(points, log_weights, means, sigmas)
    terms = np.exp(logits - logits.max())
    return terms / terms.sum(axis=1, keepdims=True)


@slip(
    fails_on=_WIDTHS,
    belief="The width cancels.",
    diagnosis="You left out the factor 1 / sigma of each density. It cancels only where all parts are equally wide.",
    step="No `log(sigma)` in the row.",
    change="Add `- dimension * np.log(sigmas)`.",
)
def forget_the_width(points, log_weights, means, sigmas):
    return shifted.softmax(_joint(points, log_weights, means, sigmas) + points.shape[1] * np.log(sigmas))


@slip(
    fails_on=(np.zeros((1, 3), np.float32), *_WIDTHS[1:2], np.zeros((2, 3), np.float32), _WIDTHS[3]),
    belief="One logarithm of sigma a density.",
    diagnosis="You counted log(sigma) once. A density in d dimensions has the factor 1 / sigma d times.",
    step="`- np.log(sigmas)` for points with several coordinates.",
    change="`- dimension * np.log(sigmas)`, with `dimension = points.shape[1]`.",
)
def count_the_width_once(points, log_weights, means, sigmas):
    spare = (points.shape[1] - 1) * np.log(sigmas)
    return shifted.softmax(_joint(points, log_weights, means, sigmas) + spare)


@slip(
    fails_on=_WEIGHTS,
    belief="All parts are equally likely.",
    diagnosis="You left out the weights of the parts.",
    step="No `log_weights` in the row.",
    change="Add `log_weights` to the logarithms of the densities.",
)
def forget_the_weights(points, log_weights, means, sigmas):
    return shifted.softmax(_joint(points, np.zeros_like(log_weights), means, sigmas))


@slip(
    fails_on=_WEIGHTS,
    belief="The weights multiply.",
    diagnosis="You multiplied with the logarithms of the weights. A product of probabilities is a *sum* of "
    "logarithms.",
    step="`log_weights * log_density`.",
    change="`log_weights + log_density`.",
)
def multiply_by_log_weights(points, log_weights, means, sigmas):
    return shifted.softmax(log_weights * _joint(points, np.zeros_like(log_weights), means, sigmas))


@slip(
    fails_on=_APART,
    belief="Shares add up to 1 along the points.",
    diagnosis="You normalised over the points. Each point's shares must add up to 1 over the parts.",
    step="`axis=0`.",
    change="`axis=1`: the parts lie along the last axis.",
)
def normalise_over_the_points(points, log_weights, means, sigmas):
    return shifted.softmax(_joint(points, log_weights, means, sigmas), axis=0)


def _batch(seed, count, dimension, parts, scale):
    rng = np.random.default_rng(seed)
    points, means = rng.normal(0, scale, (count, dimension)), rng.normal(0, scale, (parts, dimension))
    weights, sigmas = np.log(rng.dirichlet(np.ones(parts))), rng.uniform(0.5, 2, parts)
    return points, weights.astype(np.float32), means.astype(np.float32), sigmas.astype(np.float32)


def _case(label, points, *rest):
    return case(label, points, *rest, dtype="float32", ulps=2e4)


responsibilities = Exercise(
    key="11.responsibilities",
    kind="write",
    objective="rewrite a formula in probabilities as the softmax of a row that you name",
    minutes=9,
    difficulty=2,
    truth=reference.family.gaussian_shares,
    cases=(
        _case("three points on a line", *_batch(1, 3, 1, 2, 1)),
        _case("four points in the plane", *_batch(2, 4, 2, 3, 1)),
        _case("a point far from every part", *_FAR),
        _case("a point near, and one far away", *_APART),
        _case("narrow parts in 25 dimensions", *_NARROW),
        _case("one centre, two widths", *_WIDTHS),
        _case("64 pixels", *_batch(3, 2, 64, 2, 0.3)),
        _case(
            "a part of weight 0",
            [[0.5], [3]],
            np.float32([0, -INF]),
            np.float32([[0], [3]]),
            np.float32([1, 1]),
        ),
    ),
    mistakes=(
        multiply_densities,
        epsilon_in_the_divisor,
        scale_the_logarithms,
        one_maximum_for_all,
        forget_the_width,
        count_the_width_once,
        forget_the_weights,
        multiply_by_log_weights,
        normalise_over_the_points,
    ),
    must_fail=(
        lambda x, w, m, s: np.nan_to_num(multiply_densities(x, w, m, s)),
        lambda x, w, m, s: multiply_densities(x, np.log(np.exp(w) + 1e-8), m, s),
        lambda x, w, m, s: multiply_densities(x.astype(np.float64), w, m, s),
        lambda x, w, m, s: shifted.softmax(np.clip(_joint(x, w, m, s), -80, 80)),
        lambda x, w, m, s: shifted.softmax(np.maximum(_joint(x, w, m, s), -100)),
        lambda x, w, m, s: shifted.log_softmax(_joint(x, w, m, s)),
        lambda x, w, m, s: shifted.softmax(_joint(x, np.log(np.exp(w) + 0.001), m, s)),
        lambda x, w, m, s: shifted.softmax(-_joint(x, w, m, s)),
    ),
    hints=(
        "Bayes: the share of part k is weight times density, divided by the sum over the parts. What is the "
        "logarithm of weight times density? Write it down term by term, with its signs, before you code it.",
        "The row is log weight + log density, and the share is its softmax. The log density is -d log sigma "
        "- distance**2 / (2 sigma**2); what all parts share cancels.",
        "`distances = np.sum((points[:, None, :] - means) ** 2, axis=-1)` has the shape (points, parts). Then "
        "`logits = log_weights - d * np.log(sigmas) - distances / (2 * sigmas**2)`, and a softmax along axis 1.",
    ),
    model_answer=my_responsibilities,
    why="A product of probabilities is a sum of logarithms, and dividing by the sum of all parts is a softmax. "
    "Its shift makes the largest term 1, however far away the point is.",
    variants=(_with_the_constant, _point_by_point, _by_log_softmax),
    curve=False,
)
