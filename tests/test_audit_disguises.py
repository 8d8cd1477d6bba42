"""The audit knows the formulas of lesson 11: the form that survives passes, the form people write is named."""

import functools
import time

import numpy as np
import pytest

from course_utils import family, stable
from course_utils.audit import audit, subject
from course_utils.audit.cases.disguises import DISGUISES
from course_utils.audit.verdict import DECLARED, FAIL, NOT_RUN
from course_utils.mistakes import DISGUISED

pytestmark = pytest.mark.usefixtures("first_input_will_do")


@pytest.mark.parametrize("kind", DISGUISES)
def test_the_family_passes_everything_without_a_declared_difference(kind):
    start = time.process_time()
    report = audit(getattr(family, kind))
    assert report, repr(report)
    assert not report.of(DECLARED)
    assert not report.of(NOT_RUN)
    assert report.kind == kind
    assert time.process_time() - start < 10


@pytest.mark.parametrize("mistake", DISGUISED.values(), ids=lambda m: m.key)
def test_the_form_people_write_is_refused_with_its_own_diagnosis(mistake):
    report = audit(mistake.function, mistake.quantity)
    assert report.of(FAIL)
    assert report.mistakes[0] == mistake.key
    assert mistake.diagnosis in repr(report)


@pytest.mark.parametrize("mistake", DISGUISED.values(), ids=lambda m: m.key)
def test_a_mistake_fails_on_its_own_input(mistake):
    from course_utils import reference

    truth = getattr(reference.family, mistake.quantity)(*mistake.fails_on)
    gives = np.asarray(mistake.gives(), np.float64)
    assert not np.allclose(gives, truth, rtol=1e-12, atol=0)
    words = " ".join((mistake.belief, mistake.diagnosis, mistake.step, mistake.change))
    assert not {"just", "simply", "obviously"} & set(words.lower().split())


# Honest code, in the format that came in


def softplus(z):
    return np.logaddexp(z.dtype.type(0), z)


def sigmoid(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


def log1mexp(x):
    return np.where(x > -np.log(2), np.log(-np.expm1(x)), np.log1p(-np.exp(x)))


def binary_cross_entropy(z, y):
    yes, no = np.where(y > 0, y * softplus(-z), 0), np.where(y < 1, (1 - y) * softplus(z), 0)
    return yes + no


def mean_binary_cross_entropy(z, y):
    return np.mean(family.binary_cross_entropy(z, y)) if z.size else family.binary_cross_entropy(z, y)


def entropy(z, axis=-1):
    p, log_p = stable.softmax(z, axis), stable.log_softmax(z, axis)
    return np.sum(p * np.where(p > 0, -log_p, 0), axis=axis)


def kl_divergence(row, other, axis=-1):
    log_p, log_q = stable.log_softmax(row, axis), stable.log_softmax(other, axis)
    p, q = np.exp(log_p), np.exp(log_q)
    d = np.where(p == 0, 0, log_p - log_q)
    far = np.abs(d)
    g = np.expm1(-far)
    terms = np.where(d >= 0, p * (far + g), -q * (far * (g + 1) + g))
    return np.sum(np.where(p == 0, q, terms), axis=axis)


HONEST = [
    softplus,
    sigmoid,
    log1mexp,
    binary_cross_entropy,
    mean_binary_cross_entropy,
    entropy,
    kl_divergence,
]


@pytest.mark.parametrize("function", HONEST, ids=lambda f: f.__name__)
def test_honest_code_in_the_format_itself_is_accepted(function):
    quiet = functools.wraps(function)(np.errstate(all="ignore")(function))
    report = audit(quiet, function.__name__.removeprefix("mean_"))
    assert not [f for f in report.of(FAIL) if "float16" not in f.case], repr(report)
    assert not report.mistakes


# Wrong in a way that nobody has named


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("sigmoid", lambda z: family.sigmoid(np.clip(z, -30, 30))),
        ("softplus", lambda z: np.maximum(z, 0)),
        ("log_sigmoid", lambda z: np.maximum(family.log_sigmoid(z), -100)),
        ("log1mexp", lambda x: np.nan_to_num(family.log1mexp(x))),
        ("binary_cross_entropy", lambda z, y: family.binary_cross_entropy(z, np.round(y))),
        ("entropy", lambda z: family.entropy(z) + 1e-7),
        ("kl_divergence", lambda row, other: np.abs(DISGUISED["divergence_of_logarithms"](row, other))),
        ("softmax_backward", lambda z, g: stable.softmax(z) * g),
        ("log_softmax_backward", lambda z, g: g - stable.softmax(z)),
    ],
)
def test_an_unknown_wrong_form_is_refused_too(kind, wrong):
    assert audit(wrong, kind).of(FAIL)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("expit", "sigmoid"),
        ("log_expit", "log_sigmoid"),
        ("logsigmoid", "log_sigmoid"),
        ("my_binary_cross_entropy_with_logits", "binary_cross_entropy"),
        ("kl_div", "kl_divergence"),
        ("entropy", "entropy"),
        ("log1mexp", "log1mexp"),
        ("_log_softmax_backward_data", "log_softmax_backward"),
        ("cross_entropy", "cross_entropy"),
    ],
)
def test_the_kind_is_told_by_the_name(name, kind):
    def function():
        pass

    function.__name__ = name
    assert subject.kind_of(function) == kind


def test_scipy_expit_is_0_below_its_cliff_today():
    special = pytest.importorskip("scipy.special", reason="SciPy is not installed")
    report = audit(special.expit)
    assert {finding.case.split(",")[0] for finding in report.of(FAIL)} == {"between the two ends of exp"}
    assert report.mistakes == ("sigmoid_overflows",)
    assert audit(special.log_expit)
