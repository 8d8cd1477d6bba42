"""The audit is judged: wrong functions are refused with the right diagnosis, right ones are accepted."""

import functools
import json
import math
import subprocess
import sys
import threading
import time
from html.parser import HTMLParser

import numpy as np
import pytest

from course_utils import floats, naive, shifted, stable
from course_utils.audit import ROOM_KINDS, audit, subject
from course_utils.audit.__main__ import main
from course_utils.audit.cases import cases
from course_utils.audit.verdict import DECLARED, FAIL, NOT_RUN, STATUSES
from course_utils.mistakes import MISTAKES

pytestmark = pytest.mark.usefixtures("first_input_will_do")

WRONG = [m for m in MISTAKES.values() if m.quantity in ROOM_KINDS]


@functools.cache
def judged(function, kind=None):
    return audit(function, kind)


def failed(report):
    return {finding.case for finding in report.of(FAIL)}


# Wrong, and known: every mistake of the catalogue that claims to be one of the four quantities.


def test_there_are_many_known_mistakes():
    assert len(WRONG) >= 30


@pytest.mark.parametrize("mistake", WRONG, ids=lambda m: m.key)
def test_a_known_mistake_is_refused_with_its_own_diagnosis(mistake):
    report = judged(mistake.function, mistake.quantity)
    assert not report
    assert mistake.key in report.mistakes
    assert mistake.diagnosis in repr(report)


@pytest.mark.parametrize(
    ("function", "kind", "key"),
    [
        (naive.softmax, "softmax", "exponentiate_unshifted"),
        (naive.logsumexp, "logsumexp", "logsumexp_unshifted"),
        (shifted.softmax, "softmax", "sum_in_narrow_format"),
        (shifted.log_softmax, "log_softmax", "absorb_small_loss"),
        (shifted.cross_entropy, "cross_entropy", "absorb_small_loss"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_the_first_rooms_are_recognised(function, kind, key):
    assert key in judged(function, kind).mistakes


# Wrong in its manners: each is reported, none is fatal.


def crashes(logits, axis=-1):
    raise ZeroDivisionError("by zero")


def hangs(logits, axis=-1):
    while True:
        pass


def returns_nothing(logits, axis=-1):
    stable.softmax(logits, axis)


def returns_text(logits, axis=-1):
    return "0.5, 0.5"


def returns_a_list_of_objects(logits, axis=-1):
    return np.array([object()])


def keeps_dimensions(logits, axis=-1):
    return stable.logsumexp(logits, axis, keepdims=True)


def writes_into_its_input(logits, axis=-1):
    if isinstance(logits, np.ndarray) and logits.dtype == np.float64 and logits.flags.writeable:
        logits -= np.max(logits, axis=axis, keepdims=True, initial=-1e300) * 0
        logits *= 0.5
        logits *= 2
        logits += 1
    return stable.softmax(logits, axis)


def always_float32(logits, axis=-1):
    return stable.softmax(logits, axis).astype(np.float32)


def leaves_errors_off(logits, axis=-1):
    np.seterr(all="ignore")
    return stable.softmax(logits, axis)


def uniform(logits, axis=-1):
    logits = np.asarray(logits)
    return np.ones_like(logits) / logits.shape[axis]


def wrong_beyond_a_thousand(logits, axis=-1):
    p = stable.softmax(logits, axis)
    return np.zeros_like(p) if p.shape[axis] > 1000 else p


def exits(logits, axis=-1):
    raise SystemExit(3)


MANNERS = {
    crashes: "It raised ZeroDivisionError",
    hangs: "did not come back",
    returns_nothing: "It returned None",
    returns_text: "not numbers",
    returns_a_list_of_objects: "not numbers",
    writes_into_its_input: "It changed its input",
    always_float32: "The numbers are wrong",
    leaves_errors_off: "np.seterr",
    uniform: "The numbers are wrong",
    wrong_beyond_a_thousand: "lost to 0",
    exits: "It raised SystemExit",
}


@pytest.mark.parametrize("function", MANNERS, ids=lambda f: f.__name__)
def test_bad_manners_are_reported_and_never_fatal(function):
    report = judged(function, "softmax")
    assert not report
    assert any(MANNERS[function] in finding.why for finding in report.of(FAIL)), repr(report)[:3000]


def test_a_wrong_shape_is_reported():
    assert "It returned the shape" in repr(judged(keeps_dimensions, "logsumexp"))


def test_a_function_that_hangs_is_asked_twice_only():
    assert len(judged(hangs, "softmax").of(NOT_RUN)) >= len(cases("softmax")) - 2


def chatty(logits, axis=-1):
    print("looking at", logits)
    return stable.softmax(logits, axis)


def test_a_function_that_prints_is_heard_and_not_refused(capsys):
    report = judged(chatty, "softmax")
    assert report
    assert "looking at" in report.of(DECLARED)[0].why
    assert capsys.readouterr().out == ""


# Right, and written differently.


def polite(body):
    """What all of them owe to their callers, so that the bodies differ in their arithmetic alone."""

    @functools.wraps(body)
    def function(logits, *rest, **options):
        if isinstance(logits, np.ma.MaskedArray):
            raise TypeError("logits must not be masked")
        given = np.asarray(logits)
        if given.dtype.kind not in "iuf" and given.dtype.name not in floats.FORMATS:
            raise TypeError(f"logits must be numbers, not {given.dtype}")
        with np.errstate(all="ignore"):
            value = body(given.astype(np.float64), *rest, **options)
            native = given.dtype.newbyteorder("=")
            return np.asarray(value).astype(native if native.name in floats.FORMATS else np.float64)

    return function


def peak(z, axis):
    return np.max(z, axis=axis, keepdims=True, initial=-np.inf)


@polite
def textbook_shift_in_float64(z, axis=-1):
    e = np.exp(z - peak(z, axis))
    return e / e.sum(axis=axis, keepdims=True)


@polite
def squared_half_exponentials(z, axis=-1):
    e = np.square(np.exp((z - peak(z, axis)) / 2))
    return e / e.sum(axis=axis, keepdims=True)


@polite
def extended_precision(z, axis=-1):
    z = z.astype(np.longdouble)
    e = np.exp(z - peak(z, axis))
    return e / e.sum(axis=axis, keepdims=True)


@polite
def without_an_axis(z):
    e = np.exp(z.T - z.max(axis=-1, initial=-np.inf).T) if z.ndim else np.exp(z - z)
    return (e / e.sum(axis=0)).T


@polite
def row_by_row_with_fsum(z):
    if not z.size:
        return z
    rows = []
    for row in z.reshape(-1, z.shape[-1] if z.ndim else 1):
        e = np.exp(row - max(row)).tolist()
        total = math.nan if np.isnan(row).any() else math.fsum(e)
        rows.append([x / total for x in e])
    return np.reshape(rows, z.shape)


@polite
def zeros_for_a_masked_row(z, axis=-1):
    e = np.exp(z - peak(z, axis))
    return np.where(np.all(z == -np.inf, axis=axis, keepdims=True), 0, e / e.sum(axis=axis, keepdims=True))


def _largest_left_out(z, axis):
    """(largest, the log of the sum over the largest), for one axis."""
    ordered = np.sort(z, axis=axis)
    top = np.take(ordered, [-1], axis=axis)
    rest = np.delete(ordered, -1, axis=axis)
    return top, np.log1p(np.exp(rest - top).sum(axis=axis, keepdims=True))


def _on_the_last_axis(body):
    """None and tuples, by way of one axis; an empty axis by its declared answer."""

    def function(z, axis=-1):
        axes = tuple(range(z.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        axes = tuple(np.lib.array_utils.normalize_axis_index(a, z.ndim) for a in axes) if z.ndim else ()
        moved = np.moveaxis(z, axes, range(-len(axes), 0))
        kept = moved.shape[: z.ndim - len(axes)]
        rows = moved.reshape(*kept, math.prod(moved.shape[len(kept) :]))
        return body(z, rows, moved.shape, axes)

    return function


@polite
@_on_the_last_axis
def sorted_log_softmax(z, rows, shape, axes):
    if not z.size:
        return z
    top, log_rest = _largest_left_out(rows, -1)
    bad = np.isposinf(top) | np.isnan(top)
    values = np.where(bad, np.nan, (rows - top) - log_rest).reshape(shape)
    return np.moveaxis(values, range(-len(axes), 0), axes)


@polite
@_on_the_last_axis
def sorted_logsumexp(z, rows, shape, axes):
    if not rows.shape[-1]:
        return np.full(rows.shape[:-1], -np.inf)
    top, log_rest = _largest_left_out(rows, -1)
    return np.where(np.isinf(top), top, top + log_rest)[..., 0]


@polite
@_on_the_last_axis
def pairwise_logaddexp(z, rows, shape, axes):
    rows = np.concatenate([rows, np.full((*rows.shape[:-1], 1), -np.inf)], axis=-1)
    while rows.shape[-1] > 1:
        half = rows.shape[-1] // 2
        odd = rows[..., 2 * half :]
        rows = np.concatenate([np.logaddexp(rows[..., :half], rows[..., half : 2 * half]), odd], axis=-1)
    return rows[..., 0]


def _checked(z, targets):
    targets = np.asarray(targets)
    if targets.dtype.kind not in "iu" or targets.shape != z.shape[:-1]:
        raise TypeError("targets must be one class index a row")
    if targets.size and (targets.min() < 0 or targets.max() >= z.shape[-1]):
        raise IndexError("targets holds an index that is no class")
    return np.arange(len(targets)), targets


@polite
def losses_without_the_target(z, targets):
    at = _checked(z, targets)
    margins = z - z[at][:, None]
    margins[at] = -np.inf
    top = np.maximum(peak(margins, -1), 0)
    top = np.where(np.isinf(top), 0, top)
    rest = np.exp(margins - top).sum(axis=-1)
    top = top[:, 0]
    losses = np.where(top > 0, top + np.log(np.exp(-top) + rest), np.log1p(rest))
    return losses  # one a row: the mean is the caller's


@polite
def mean_of_logaddexp(z, targets):
    at = _checked(z, targets)
    margins = z - z[at][:, None]
    margins[at] = 0
    if not margins.size:
        return np.float64(np.nan)
    others = np.array([np.delete(row, t) for row, t in zip(margins, targets, strict=True)])
    rest = np.logaddexp.reduce(others, axis=-1) if others.shape[-1] else np.full(len(z), -np.inf)
    losses = np.logaddexp(0, rest)
    return np.nan if np.isnan(z).any() else losses.mean()


RIGHT = {
    stable.softmax: "softmax",
    stable.log_softmax: "log_softmax",
    stable.logsumexp: "logsumexp",
    stable.cross_entropy: "cross_entropy",
    textbook_shift_in_float64: "softmax",
    squared_half_exponentials: "softmax",
    extended_precision: "softmax",
    without_an_axis: "softmax",
    row_by_row_with_fsum: "softmax",
    zeros_for_a_masked_row: "softmax",
    sorted_log_softmax: "log_softmax",
    sorted_logsumexp: "logsumexp",
    pairwise_logaddexp: "logsumexp",
    losses_without_the_target: "cross_entropy",
}


def test_logarithms_added_one_by_one_lose_digits_beside_many_classes():
    report = judged(mean_of_logaddexp, "cross_entropy")
    assert [found.case for found in report.of("fail")] == ["a large logit, then 20000 small ones, float64"]


@pytest.mark.parametrize("function", RIGHT, ids=lambda f: f.__name__)
def test_a_right_function_is_accepted(function):
    report = judged(function, RIGHT[function])
    assert report, repr(report)
    assert not report.mistakes


@pytest.mark.parametrize("kind", ROOM_KINDS)
def test_stable_passes_everything_without_a_declared_difference(kind):
    report = judged(getattr(stable, kind), kind)
    assert not report.of(DECLARED)
    assert not report.of(NOT_RUN)


def test_a_policy_is_a_declared_difference():
    declared = judged(zeros_for_a_masked_row, "softmax").of(DECLARED)
    assert "A row without any class gets 0.0." in {finding.why for finding in declared}


# Today's libraries.


def test_scipy_softmax_today():
    special = pytest.importorskip("scipy.special")
    report = judged(special.softmax)
    assert {"uint8", "no class at all", "a masked array", "70000 equal logits, float16"} <= failed(report)
    assert {"5000 rows along axis 0, float16", "int8 at both ends"} <= failed(report)
    assert {"subtract_in_uint8", "sum_in_narrow_format"} <= set(report.mistakes)


def test_scipy_log_softmax_loses_small_losses_today():
    special = pytest.importorskip("scipy.special")
    report = judged(special.log_softmax)
    assert {"[0, -40], float64", "[0, -18], float32"} <= failed(report)
    assert report.mistakes[0] == "absorb_small_loss"


def test_scipy_logsumexp_cannot_cancel_equal_terms_today():
    special = pytest.importorskip("scipy.special")
    report = judged(special.logsumexp)
    assert "b=: equal terms that cancel" in failed(report)
    assert "[0, -40], float64" not in failed(report)  # repaired in SciPy 1.15


def test_torch_softmax_is_accepted_and_its_logarithms_lose_small_losses():
    torch = pytest.importorskip("torch")
    assert judged(torch.softmax, "softmax")
    for function, kind in ((torch.log_softmax, "log_softmax"), (torch.logsumexp, "logsumexp")):
        assert {"[0, -40], float64", "[0, -18], float32"} <= failed(judged(function, kind))
    assert judged(torch.log_softmax, "log_softmax").mistakes[0] == "absorb_small_loss"


def test_torch_cross_entropy_is_zero_from_margin_17_on():
    torch = pytest.importorskip("torch")
    report = judged(torch.nn.functional.cross_entropy)
    assert {"right by 17, float32", "right by 37, float64"} <= failed(report)
    assert "right by 1, float32" not in failed(report)
    assert report.mistakes[0] == "absorb_small_loss"


def test_jax_integers_wrap_today():
    jax = pytest.importorskip("jax")
    report = judged(jax.nn.softmax)
    assert report.library == "jax"
    assert "uint8" in failed(report)


# What it says.


class _Table(HTMLParser):
    def __init__(self):
        super().__init__()
        self.captions, self.scopes, self.open = 0, [], []

    def handle_starttag(self, tag, attributes):
        self.captions += tag == "caption"
        if tag == "th":
            self.scopes.append(dict(attributes).get("scope"))
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_html_is_an_accessible_table():
    parser = _Table()
    parser.feed(judged(naive.softmax, "softmax")._repr_html_())
    assert not parser.open
    assert parser.captions == 2
    assert set(parser.scopes) == {"col", "row"}


def test_the_html_escapes_what_a_function_says():
    def softmax(logits):
        raise ValueError("<script>alert(1)</script>")

    assert "<script>" not in audit(softmax, seconds=3)._repr_html_()


def test_the_json_can_be_read_back(monkeypatch):
    monkeypatch.setattr("course_utils.audit.runner._SHRINK_SECONDS", 3)
    report = audit(naive.softmax, "softmax", seconds=60)
    read = json.loads(report.json(), parse_constant=lambda name: pytest.fail(name))
    assert read["passed"] is False
    assert sum(read["counts"].values()) == len(report.findings) == len(read["findings"])
    assert list(read["counts"]) == list(STATUSES)
    worst = next(f for f in read["findings"] if f["case"] == "two huge equal logits, float64")
    assert worst["came_out"] == "[0, NaN]"
    assert worst["truth"] == "[4.47629e-309, 1]"


def test_the_failing_input_is_shrunk(monkeypatch):
    monkeypatch.setattr("course_utils.audit.runner._SHRINK_SECONDS", 3)
    first = audit(uniform, "softmax", seconds=60).of(FAIL)[0]
    assert first.input == "[0, -1]  (float64)"
    assert first.came_out == "[0.5, 0.5]"
    assert first.truth == "[0.731059, 0.268941]"


# How it is called.


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("my_softmax", "softmax"),
        ("LogSoftmax", "log_softmax"),
        ("log_softmax_v3", "log_softmax"),
        ("log_sum_exp", "logsumexp"),
        ("softmax_cross_entropy", "cross_entropy"),
        ("CrossEntropyLoss", "cross_entropy"),
    ],
)
def test_the_kind_is_told_by_the_name(name, kind):
    def function():
        pass

    function.__name__ = name
    assert subject.kind_of(function) == kind


def test_what_cannot_be_audited_is_said_clearly():
    with pytest.raises(ValueError, match="kind cannot be told"):
        audit(lambda logits: logits)
    with pytest.raises(ValueError, match="kind must be one of"):
        audit(naive.softmax, "sofmax")
    with pytest.raises(TypeError, match="function must be callable"):
        audit(np.ones(3), "softmax")


def test_a_partial_and_an_object_are_functions_too():
    assert subject.kind_of(functools.partial(naive.softmax, axis=-1)) == "softmax"
    torch = pytest.importorskip("torch")
    assert audit(torch.nn.Softmax(dim=-1)).library == "torch"


def test_time_is_kept():
    def softmax(logits, axis=-1):
        time.sleep(0.05)
        return stable.softmax(logits, axis)

    report = audit(softmax, seconds=1)
    assert report.seconds < 20
    assert len(report.of(NOT_RUN)) > 100
    assert [finding.case for finding in report.of(FAIL)] == ["every case is answered in time"]


@pytest.mark.parametrize("kind", ROOM_KINDS)
def test_a_full_audit_takes_less_than_ten_seconds(kind, monkeypatch):
    """Of the processor's time, for a busy machine is no fault of the audit."""
    monkeypatch.setattr("course_utils.audit.runner._SHRINK_SECONDS", 0.5)  # as it is outside the tests
    start = time.process_time()
    audit(getattr(shifted, kind), kind)
    assert time.process_time() - start < 10


def test_the_command_line_in_a_process_of_its_own(tmp_path):
    target = tmp_path / "report.json"
    call = [sys.executable, "-m", "course_utils.audit", "course_utils.stable:softmax", "--json", str(target)]
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout.splitlines()[-1]
    assert json.loads(target.read_text("utf-8"))["kind"] == "softmax"


def test_the_command_line_fails_when_something_fails(capsys):
    assert main(["course_utils.naive:softmax"]) == 1
    assert "exponentiate_unshifted" in capsys.readouterr().out


def test_the_last_resort_of_the_command_line_ends_with_the_audit(capsys):
    """A timer left running would end the process minutes later, whatever it does then."""
    main(["course_utils.naive:softmax"])
    timers = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    assert all(timer.finished.is_set() for timer in timers)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["course_utils.stable"],
        ["course_utils.stable:"],
        ["no_such_module:softmax"],
        ["course_utils.stable:no_such_function"],
        ["course_utils.stable:__name__", "--kind", "softmax"],
        ["course_utils.stable:softmax", "--kind", "sofmax"],
        ["numpy:exp"],
        ["course_utils.stable:softmax", "--json", "/no/such/folder/report.json"],
    ],
)
def test_a_command_line_that_cannot_be_used_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "error" in capsys.readouterr().err
