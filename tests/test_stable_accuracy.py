"""How many ulps from the truth, class of inputs by class of inputs, and never further than SciPy or PyTorch."""

import functools
import zlib

import numpy as np
import pytest

from course_utils import accuracy, floats, reference, stable

BAR = {"float32": 8, "float64": 7}  # what the docstrings promise
ADVERSARIAL = 16  # many equal small terms beside a large one: their roundings all go one way
NARROW = ["float16", "bfloat16", "float8_e5m2", "float8_e4m3fn"]


def normal(scale, classes, offset=0.0):
    return lambda rng: rng.normal(size=(4, classes)) * scale + offset


def uniform(low, high):
    return lambda rng: rng.uniform(low, high, (3, 100))


def confident(rng):
    logits = rng.normal(size=(12, 10))
    logits[np.arange(12), rng.integers(0, 10, 12)] += np.geomspace(1, 700, 12)
    return logits


def margins(rng):
    return np.stack([np.zeros(24), -np.geomspace(1, 700, 24)], axis=1)


def maximum_at(top, span):
    """One large logit above others at which exp underflows, around the bottom of the normal range."""
    return lambda rng: np.concatenate([np.full((2, 1), top), top - rng.uniform(span - 10, span, (2, 150))], 1)


def beside(classes, at=0):
    """Equal small terms, from many ulps of the sum down to less than half of one, beside a single large one."""
    logits = np.repeat(-np.concatenate([np.linspace(low, low + 1.5, 8) for low in (10, 16, 36)]), classes)
    logits = logits.reshape(24, classes)
    logits[:, at] = 0
    return lambda rng: logits


CLASSES = {
    **{f"normal, {classes} classes": normal(1, classes) for classes in (2, 3, 10, 16, 17, 100, 130, 1000)},
    **{f"normal times {scale}": normal(scale, 100) for scale in (10, 100, 1000)},
    **{f"offset {offset:g}": normal(1, 50, offset) for offset in (1e2, -1e2, 1e4, -1e4, 1e8, -1e15, 1e15)},
    **{f"spread {spread}": uniform(0, spread) for spread in (1, 60, 90, 150, 300, 600, 700)},
    **{f"spread {spread} below 0": uniform(-spread, 0) for spread in (60, 100, 700)},
    **{f"spread {spread} around 0": uniform(-spread / 2, spread / 2) for spread in (80, 150, 1400)},
    **{
        f"a maximum of {top} over the cliff of float32": maximum_at(top, 90)
        for top in (80, 87.5, 89, 120, 200)
    },
    **{f"a maximum of {top} over the cliff": maximum_at(top, 710) for top in (690, 709, 712, 800, 1400)},
    "ties": lambda rng: np.repeat(rng.normal(size=(4, 5)), 4, axis=1),
    "confident": confident,
    "margins": margins,
    **{
        f"{classes - 1} equal small terms beside a large one": beside(classes)
        for classes in (32, 64, 129, 300)
    },
    **{
        f"{classes - 1} equal small terms before a large one": beside(classes, -1)
        for classes in (47, 65, 257)
    },
    "10,000 classes": lambda rng: rng.normal(size=(1, 10_000)) * 3,
}
CASES = [(name, dtype) for name in CLASSES for dtype in BAR]
by_class = pytest.mark.parametrize(
    ("name", "dtype"), CASES, ids=[f"{dtype}: {name}" for name, dtype in CASES]
)


@functools.cache
def logits_of(name, dtype):
    return CLASSES[name](np.random.default_rng(zlib.crc32(name.encode()))).astype(dtype)


@functools.cache
def truth(quantity, name, dtype, axis=-1):
    return getattr(reference, quantity)(logits_of(name, dtype), axis, dtype=object)


def bar(name, dtype):
    return ADVERSARIAL if "equal small terms" in name else BAR[dtype]


@by_class
def test_softmax(name, dtype):
    logits, wanted = logits_of(name, dtype), truth("softmax", name, dtype)
    assert accuracy.worst_ulps(stable.softmax(logits), wanted) <= bar(name, dtype)
    assert accuracy.worst_ulps(stable.softmax(logits.T.copy(), axis=0).T, wanted) <= bar(name, dtype)


@by_class
def test_log_softmax(name, dtype):
    logits, wanted = logits_of(name, dtype), truth("log_softmax", name, dtype)
    assert accuracy.worst_ulps(stable.log_softmax(logits), wanted) <= bar(name, dtype)
    assert accuracy.worst_ulps(stable.log_softmax(logits.T.copy(), axis=0).T, wanted) <= bar(name, dtype)


def absolute_units(computed, wanted, logits):
    """Distance in units of u max|z|: what one rounding of the largest logit alone can move."""
    unit = floats.format_of(logits).eps / 2 * np.abs(logits.astype(float)).max(axis=-1)
    return np.array([float(abs(t - float(c))) for c, t in zip(computed, wanted, strict=True)]) / unit


@by_class
def test_logsumexp_in_ulps_or_where_it_is_near_0_in_units_of_its_input(name, dtype):
    logits, wanted = logits_of(name, dtype), truth("logsumexp", name, dtype)
    for computed in (stable.logsumexp(logits), stable.logsumexp(logits.T.copy(), axis=0)):
        units = absolute_units(computed, wanted, logits) if logits.any(axis=1).all() else np.inf
        assert np.all(np.minimum(accuracy.ulps(computed, wanted), units) <= 3)


@by_class
@pytest.mark.parametrize("target", ["largest", "smallest"])
def test_loss_and_every_entry_of_the_gradient(name, dtype, target):
    logits = logits_of(name, dtype)
    targets = logits.argmax(axis=1) if target == "largest" else logits.argmin(axis=1)
    for reduction in ("none", "mean"):
        computed = stable.cross_entropy_with_grad(logits, targets, reduction=reduction)
        wanted = reference.cross_entropy_with_grad(logits, targets, dtype=object, reduction=reduction)
        assert accuracy.worst_ulps(computed[0], wanted[0]) <= bar(name, dtype)
        assert accuracy.worst_ulps(computed[1], wanted[1]) <= bar(name, dtype)
    assert stable.cross_entropy(logits, targets) == computed[0]


@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize("scale", [1, 10, 40])
def test_narrow_formats_are_rounded_once(dtype, scale):
    logits = floats.store(np.random.default_rng(scale).normal(size=(6, 100)) * scale, dtype)
    for quantity in ("softmax", "log_softmax", "logsumexp"):
        computed = getattr(stable, quantity)(logits)
        assert accuracy.worst_ulps(computed, getattr(reference, quantity)(logits, dtype=object)) <= 0.51
    targets = logits.astype(float).argmax(axis=1)
    computed = stable.cross_entropy_with_grad(logits, targets)
    wanted = reference.cross_entropy_with_grad(logits, targets, dtype=object)
    assert accuracy.worst_ulps(computed[0], wanted[0]) <= 0.51
    assert accuracy.worst_ulps(computed[1], wanted[1]) <= 0.51


@pytest.mark.parametrize("dtype", BAR)
@pytest.mark.parametrize(
    "options",
    [
        {"weight": [0.5, 1e-30, 2.0, 1.0]},
        {"label_smoothing": 0.1},
        {"label_smoothing": 1.0, "reduction": "sum"},
        {"label_smoothing": 0.2, "weight": [0.5, 3.0, 2.0, 1.0]},
        {"ignore_index": 2},
        {"ignore_index": 0, "weight": [0.5, 3.0, 2.0, 1.0], "reduction": "none"},
    ],
    ids=str,
)
def test_every_option_means_what_the_reference_says(dtype, options):
    logits = (np.random.default_rng(3).normal(size=(9, 4)) * 20).astype(dtype)
    targets = np.arange(9) % 4
    loss, gradient = stable.cross_entropy_with_grad(logits, targets, **options)
    wanted = reference.cross_entropy_with_grad(logits, targets, dtype=object, **options)
    assert accuracy.worst_ulps(loss, wanted[0]) <= BAR[dtype]
    # With smoothing p - t cancels where both agree, so the gradient is held to a few u of p + t.
    unit = floats.format_of(dtype).eps * np.max(options.get("weight", [1.0]))
    if "label_smoothing" in options:
        assert np.abs(gradient - wanted[1].astype(float)).max() <= 2 * unit
    else:
        assert accuracy.worst_ulps(gradient, wanted[1]) <= BAR[dtype]


@pytest.mark.parametrize("dtype", BAR)
def test_soft_targets(dtype):
    rng = np.random.default_rng(4)
    logits = (rng.normal(size=(20, 7)) * 10).astype(dtype)
    targets = rng.dirichlet(np.full(7, 0.3), 20)
    loss, gradient = stable.cross_entropy_with_grad(logits, targets)
    wanted = reference.cross_entropy_with_grad(logits, targets, dtype=object)
    assert accuracy.worst_ulps(loss, wanted[0]) <= BAR[dtype]
    assert np.abs(gradient - wanted[1].astype(float)).max() <= 4 * floats.format_of(dtype).eps / 20


def test_one_hundred_thousand_classes():
    logits = np.random.default_rng(5).normal(size=100_000).astype(np.float32)
    terms = np.exp(logits.astype(np.longdouble))
    wanted = terms / terms.sum()
    error = np.abs(stable.softmax(logits) - wanted) / np.spacing(wanted.astype(np.float32))
    assert error.max() <= BAR["float32"]


@pytest.mark.parametrize("b", [[1.0, 2.0, 0.5], [1.0, -1.0, 1.0], [-1.0, -2.0, 3.0], [1.0, 0.0, -1e-3]])
def test_weighted_logsumexp(b):
    logits = np.random.default_rng(6).normal(size=(30, 3)) * 50
    value, sign = stable.logsumexp(logits, b=b, return_sign=True)
    wanted, wanted_sign = reference.logsumexp(logits, b=b, dtype=object, return_sign=True)
    assert accuracy.worst_ulps(value, wanted) <= BAR["float64"]
    assert np.all(sign == wanted_sign)


@by_class
def test_never_further_from_the_truth_than_scipy(name, dtype):
    scipy = pytest.importorskip("scipy.special", reason="SciPy is compared with where it is installed")
    logits, slack = logits_of(name, dtype), bar(name, dtype)  # below a few ulps the order is luck
    for quantity in ("softmax", "log_softmax"):
        ours, theirs, wanted = (
            getattr(stable, quantity)(logits),
            getattr(scipy, quantity)(logits, axis=-1),
            truth(quantity, name, dtype),
        )
        assert accuracy.worst_ulps(ours, wanted) <= max(accuracy.worst_ulps(theirs, wanted), slack)


@by_class
def test_never_further_from_the_truth_than_pytorch(name, dtype):
    torch = pytest.importorskip("torch", reason="PyTorch is compared with where it is installed")
    logits = logits_of(name, dtype)
    targets = logits.argmax(axis=1)
    tensor = torch.tensor(logits, requires_grad=True)
    theirs = torch.nn.functional.cross_entropy(tensor, torch.tensor(targets))
    theirs.backward()
    ours = stable.cross_entropy_with_grad(logits, targets)
    wanted = reference.cross_entropy_with_grad(logits, targets, dtype=object)
    for mine, other, exact in zip(ours, (theirs.detach(), tensor.grad), wanted, strict=True):
        assert accuracy.worst_ulps(mine, exact) <= max(
            accuracy.worst_ulps(other.numpy(), exact), bar(name, dtype)
        )


@pytest.mark.parametrize("dtype", BAR)
@pytest.mark.parametrize("rows", [1, 2, 7, 300])
@pytest.mark.parametrize(
    "classes", [3, 5, 7, 10, 16, 17, 21, 32, 46, 62, 100, 128, 257, 300, 500, 1000, 2500, 4096]
)
def test_many_small_terms_beside_a_large_one(dtype, rows, classes):
    """The small terms are equal, so their roundings go one way: added one by one they add up.

    The large one may stand anywhere, and any row may be the last one of a product.
    """
    for margin in np.linspace(*{"float32": (10, 17.5), "float64": (30, 37.5)}[dtype], 16):
        small = reference.exp(np.array(-margin, dtype), dtype=object)[()]
        large = 1 / (1 + (classes - 1) * small)
        for at in (0, classes // 2, classes - 1):
            logits = np.full((rows, classes), -margin, dtype)
            logits[:, at] = 0
            wanted = np.array([large, small * large], dtype=object)
            for axis, p in (-1, stable.softmax(logits)), (0, stable.softmax(logits.T.copy(), axis=0).T):
                found = np.unique(p[:, [at, 0 if at else 1]], axis=0)
                assert accuracy.worst_ulps(found, np.broadcast_to(wanted, found.shape)) <= ADVERSARIAL, axis


@pytest.mark.parametrize("dtype", BAR)
@pytest.mark.parametrize("classes", [100, 500, 1000, 2000, 5000])
def test_equal_logits_but_one(dtype, classes):
    """Added one by one, a thousand equal terms all round the same way. SciPy is 12 ulps off."""
    rng = np.random.default_rng(3)
    for common, other in rng.uniform(-5, 5, (40, 2)).astype(dtype):
        logits = np.full((2, classes), common, dtype)
        logits[:, 0] = other
        equal, odd = reference.exp(np.array([common, other], dtype), dtype=object)
        wanted = np.array([odd, equal], dtype=object) / (odd + (classes - 1) * equal)
        for p in stable.softmax(logits), stable.softmax(logits[:1]):
            assert accuracy.worst_ulps(p[-1, :2], wanted) <= ADVERSARIAL


def test_the_loss_that_others_round_to_zero():
    """Margin 17 in float32: PyTorch's loss and target gradient are exactly 0, the truth is 4.14e-8."""
    torch = pytest.importorskip("torch", reason="PyTorch is compared with where it is installed")
    logits = np.array([[17, 0]], np.float32)
    tensor = torch.tensor(logits, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(tensor, torch.tensor([0]))
    loss.backward()
    assert (loss.item(), tensor.grad[0, 0].item()) == (0, 0)
    loss, gradient = stable.cross_entropy_with_grad(logits, [0])
    assert loss == pytest.approx(4.1399375e-8, rel=1e-6)
    assert gradient[0, 0] == pytest.approx(-4.1399375e-8, rel=1e-6)
