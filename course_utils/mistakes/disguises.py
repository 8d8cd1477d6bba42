"""What people write for a sigmoid, a binary loss, an entropy, a divergence, a backward pass: lesson 11.

They stand beside the catalogue, in `DISGUISED`: the audit names them for functions of their own kind.
"""

from functools import partial

import numpy as np

from course_utils.mistakes.core import Mistake, mistake

_disguised = partial(mistake, widget="")
_SURE, _SURE_NOT = (np.float32([17]),), (np.float32([-17]),)
_NO = "`np.logaddexp(0, z)` is the loss of a no, `np.logaddexp(0, -z)` that of a yes: add what the target asks for."


def _p(z):
    return 1 / (1 + np.exp(-z))


def _log_softmax(z):
    gap = z - np.max(z, axis=-1, keepdims=True)
    return gap - np.log(np.sum(np.exp(gap), axis=-1, keepdims=True))


def _softmax(z):
    terms = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return terms / np.sum(terms, axis=-1, keepdims=True)


@_disguised(
    quantity="sigmoid",
    fails_on=(np.float32([-89]),),
    belief="The formula is the code.",
    diagnosis="exp(-z) overflows for a very negative z, and 1 / inf is 0, where the format can hold the truth.",
    step="`np.exp(-z)` for a negative z.",
    change="With `e = np.exp(-np.abs(z))` nothing overflows: e / (1 + e) below 0, 1 / (1 + e) above.",
)
def sigmoid_overflows(z):
    return _p(z)


@_disguised(
    quantity="sigmoid",
    fails_on=_SURE_NOT,
    belief="tanh is safe, so this is.",
    diagnosis="You took the sigmoid from tanh. For a very negative z, tanh is -1 plus something tiny, and 1 is "
    "added to that.",
    step="`1 + np.tanh(z / 2)`: they cancel.",
    change="With `e = np.exp(-np.abs(z))`: e / (1 + e) below 0, 1 / (1 + e) above.",
)
def sigmoid_by_tanh(z):
    return (1 + np.tanh(z / 2)) / 2


@_disguised(
    quantity="log_sigmoid",
    fails_on=(np.float32([-89]),),
    belief="The logarithm of a sigmoid is log(sigmoid).",
    diagnosis="You took the logarithm of a stored probability: -inf where p is 0, and 0 where p is 1.",
    step="`np.log(1 / (1 + np.exp(-z)))`.",
    change="`-np.logaddexp(0, -z)` never forms p.",
)
def log_of_sigmoid(z):
    return np.log(_p(z))


@_disguised(
    quantity="softplus",
    fails_on=(np.float32([89]),),
    belief="The formula is the code.",
    diagnosis="exp(z) overflows above the cliff, and below -17 in float32 it is lost beside the 1.",
    step="`np.log(1 + np.exp(z))`.",
    change="`np.logaddexp(0, z)`: the log-sum-exp of [0, z].",
)
def softplus_as_written(z):
    return np.log(1 + np.exp(z))


@_disguised(
    quantity="softplus",
    fails_on=(np.float32([89]),),
    belief="log1p takes care of it.",
    diagnosis="log1p saves what is lost beside the 1. exp(z) still overflows above the cliff.",
    step="`np.log1p(np.exp(z))` for a large z.",
    change="`np.logaddexp(0, z)`, or `max(z, 0) + log1p(exp(-|z|))`.",
)
def softplus_by_log1p(z):
    return np.log1p(np.exp(z))


@_disguised(
    quantity="softplus",
    fails_on=(np.float64([20.5]),),
    belief="Past 20, softplus(z) is z.",
    diagnosis="You return z itself past 20. That suits float32; in float64 the remainder exp(-z) is still there.",
    step="`np.where(z > 20, z, ...)`.",
    change="`np.logaddexp(0, z)` needs no cut-off, in no format.",
)
def softplus_with_a_cut_off(z):
    return np.where(z > 20, z, np.log1p(np.exp(np.minimum(z, 20))))


@_disguised(
    quantity="log1mexp",
    fails_on=(np.float32([-1e-8]),),
    belief="log1p cures log(1 - e^x).",
    diagnosis="log1p is right for a very negative x. Near 0, exp(x) is stored as 1, and the logarithm is -inf.",
    step="`np.log1p(-np.exp(x))` near 0.",
    change="Switch at -log 2: above it `np.log(-np.expm1(x))`.",
)
def log1mexp_by_log1p(x):
    return np.log1p(-np.exp(x))


@_disguised(
    quantity="log1mexp",
    fails_on=(np.float32([-17]),),
    belief="expm1 cures log(1 - e^x).",
    diagnosis="expm1 is right near 0. For a very negative x it is stored as -1, and the logarithm is 0.",
    step="`np.log(-np.expm1(x))` for a very negative x.",
    change="Switch at -log 2: below it `np.log1p(-np.exp(x))`.",
)
def log1mexp_by_expm1(x):
    return np.log(-np.expm1(x))


@_disguised(
    quantity="log1mexp",
    fails_on=(np.float32([-17]),),
    belief="The formula is the code.",
    diagnosis="1 - exp(x) cancels near 0 and forgets exp(x) far below: wrong at both ends.",
    step="`np.log(1 - np.exp(x))`.",
    change="Above -log 2 `np.log(-np.expm1(x))`, below it `np.log1p(-np.exp(x))`.",
)
def log1mexp_as_written(x):
    return np.log(1 - np.exp(x))


@_disguised(
    quantity="binary_cross_entropy",
    fails_on=(np.float32([17]), np.float32([0])),
    belief="The formula of the textbook is the code.",
    diagnosis="You went through p. Past 16.64 in float32, p is stored as 1, and the logarithm of 1 - p is -inf.",
    step="`np.log(1 - p)`.",
    change=_NO,
)
def binary_loss_through_p(z, y):
    return -(y * np.log(_p(z)) + (1 - y) * np.log(1 - _p(z)))


@_disguised(
    quantity="binary_cross_entropy",
    fails_on=(np.float32([17]), np.float32([0])),
    belief="Clip p, and the logarithm is safe.",
    diagnosis="You clipped p. Every loss beyond 16 becomes the same number, and its gradient is 0.",
    step="`np.clip(p, eps, 1 - eps)`.",
    change=_NO,
    family=("epsilon", (1e-7, 1e-6, 1e-8, 1e-12, 1e-15)),
)
def binary_loss_clipped(z, y, epsilon=1e-7):
    p = np.clip(_p(z), z.dtype.type(epsilon), z.dtype.type(1 - epsilon))
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


@_disguised(
    quantity="binary_cross_entropy",
    fails_on=(np.float32([17]), np.float32([0])),
    belief="Clamp the logarithm at -100: clamped is safe.",
    diagnosis="You clamped the logarithms at -100. Where p is stored as 1 the loss jumps from 16 to 100, with "
    "gradient 0.",
    step="`np.maximum(np.log(1 - p), -100)`.",
    change=_NO,
)
def binary_loss_clamped(z, y):
    yes, no = np.maximum(np.log(_p(z)), -100), np.maximum(np.log(1 - _p(z)), -100)
    return -(y * yes + (1 - y) * no)


@_disguised(
    quantity="binary_cross_entropy",
    fails_on=(np.float32([17]), np.float32([1])),
    belief="log(1 + e^z) - y z is the same on paper.",
    diagnosis="At y = 1 and a large z both terms are nearly z: they cancel, and the small loss of a right answer "
    "is 0.",
    step="`np.logaddexp(0, z) - y * z`.",
    change=_NO,
)
def binary_loss_minus_y_z(z, y):
    return np.logaddexp(0, z) - y * z


@_disguised(
    quantity="binary_cross_entropy",
    fails_on=(np.float32([-17]), np.float32([0])),
    belief="(1 - y) z - log_sigmoid(z) starts from logits, so it is safe.",
    diagnosis="At y = 0 and a very negative z both terms are nearly |z|: they cancel. PyTorch's loss with logits "
    "is written so.",
    step="`(1 - y) * z - log_sigmoid(z)`.",
    change=_NO,
)
def binary_loss_no_side_cancels(z, y):
    return (1 - y) * z + np.logaddexp(0, -z)


@_disguised(
    quantity="entropy",
    fails_on=(np.float32([0, -110]),),
    belief="The formula is the code.",
    diagnosis="Where a probability is 0, its logarithm is -inf, and 0 * -inf is NaN.",
    step="`p * np.log(p)`.",
    change="Take log p from the logits, and leave a p of 0 out: `np.where(p > 0, p * log_p, 0)`.",
)
def entropy_of_zero(z):
    p = _softmax(z)
    return -np.sum(p * np.log(p), axis=-1)


@_disguised(
    quantity="entropy",
    fails_on=(np.float32([20, 0]),),
    belief="A small number inside the logarithm hurts nobody.",
    diagnosis="You added an epsilon inside the logarithm. With p = 1 that is log of a number above 1: the "
    "entropy is negative.",
    step="`np.log(p + 1e-7)`.",
    change="Take log p from the logits, and leave a p of 0 out.",
    family=("epsilon", (1e-7, 1e-6, 1e-8, 1e-12, 1e-10)),
)
def entropy_with_epsilon(z, epsilon=1e-7):
    p = _softmax(z)
    return -np.sum(p * np.log(p + z.dtype.type(epsilon)), axis=-1)


@_disguised(
    quantity="entropy",
    fails_on=(np.float32([20, 0]),),
    belief="lse - sum(p z) is the entropy without a logarithm of p.",
    diagnosis="You subtracted two numbers as large as the logits. What is left has their rounding error.",
    step="`logsumexp(z) - np.sum(p * z)`.",
    change="Add terms that are at least 0: `np.sum(p * -log_p)`.",
)
def entropy_as_a_difference(z):
    top = np.max(z, axis=-1, keepdims=True)
    lse = np.log(np.sum(np.exp(z - top), axis=-1)) + top[..., 0]
    return lse - np.sum(_softmax(z) * z, axis=-1)


@_disguised(
    quantity="kl_divergence",
    fails_on=(np.float32([2, 0]), np.float32([2.0009766, 0])),
    belief="A sum that is never negative on paper is never negative.",
    diagnosis="p (log p - log q) of rows that nearly agree: the rounding of the logarithms is larger than the "
    "divergence, which comes out negative.",
    step="`np.sum(p * (log_p - log_q))`.",
    change="Add `p * d - p + q` with d = log p - log q: no term is negative. Near 0 use `np.expm1`.",
)
def divergence_of_logarithms(row, other):
    log_p, log_q = _log_softmax(row), _log_softmax(other)
    return np.sum(np.exp(log_p) * (log_p - log_q), axis=-1)


@_disguised(
    quantity="kl_divergence",
    fails_on=(np.float32([2, 0]), np.float32([2.0009766, 0])),
    belief="Cut off what is negative.",
    diagnosis="You cut the divergence off at 0. The negative ones are 0 now, and the positive ones as wrong as "
    "before.",
    step="`np.maximum(kl, 0)`.",
    change="Add `p * d - p + q` with d = log p - log q: no term is negative.",
)
def divergence_cut_off(row, other):
    return np.maximum(divergence_of_logarithms(row, other), 0)


@_disguised(
    quantity="kl_divergence",
    fails_on=(np.float32([0, -110]), np.float32([0, 0])),
    belief="log(p / q) is log p - log q.",
    diagnosis="You divided probabilities. Where p is 0 the term is 0 * -inf, and where q is 0 it is inf.",
    step="`p * np.log(p / q)`.",
    change="Take both logarithms from the logits, and leave out what p lacks.",
)
def divergence_of_a_quotient(row, other):
    p, q = _softmax(row), _softmax(other)
    return np.sum(p * np.log(p / q), axis=-1)


@_disguised(
    quantity="kl_divergence",
    fails_on=(np.float32([2, 0]), np.float32([0, 0])),
    belief="A divergence is the same both ways.",
    diagnosis="You computed KL(q, p). The first row has to be the one whose probabilities weigh the terms.",
    step="The weights: q instead of p.",
    change="`np.sum(p * (log_p - log_q))` has p of the *first* row.",
)
def divergence_the_other_way(row, other):
    return divergence_of_logarithms(other, row)


@_disguised(
    quantity="softmax_backward",
    fails_on=(np.float32([25, 0]), np.float32([-1, 0])),
    belief="p (g - sum(p g)) is the code.",
    diagnosis="Where a class has nearly all of the probability, sum(p g) is nearly its own g: they cancel, and "
    "its gradient is 0.",
    step="`g - np.sum(p * g)` at the most probable class.",
    change="Measure g from its value there: `h = g - g[top]`, then `p * (h - np.sum(p * h))`.",
)
def backward_cancels(z, g):
    p = _softmax(z)
    return p * (g - np.sum(p * g, axis=-1, keepdims=True))


@_disguised(
    quantity="softmax_backward",
    fails_on=(np.float32([1, 0]), np.float32([1, 0])),
    belief="The slope of softmax is p (1 - p).",
    diagnosis="You kept the diagonal of the Jacobian only. Each probability depends on every logit.",
    step="`p * (1 - p) * g`.",
    change="Subtract the mean of g under p: `p * (g - np.sum(p * g))`.",
)
def backward_of_the_diagonal(z, g):
    p = _softmax(z)
    return p * (1 - p) * g


@_disguised(
    quantity="log_softmax_backward",
    fails_on=(np.float32([25, 0]), np.float32([-1, 0])),
    belief="g - p sum(g) is the code.",
    diagnosis="Where a class has nearly all of the probability, this is p - 1: it cancels, and its gradient is 0.",
    step="`g - p * np.sum(g)` at the most probable class.",
    change="There: (1 - p) g - p (sum of the other g), with 1 - p summed from the other classes.",
)
def log_backward_cancels(z, g):
    return g - _softmax(z) * np.sum(g, axis=-1, keepdims=True)


DISGUISED = {value.key: value for value in vars().copy().values() if isinstance(value, Mistake)}
