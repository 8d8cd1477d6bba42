"""What else is a softmax in disguise? The formulas of lesson 11, each in the form that survives.

Sigmoids, binary losses, entropies, divergences, mixtures, masks and their gradients: each is the softmax or the
log-sum-exp of a row that you can name, and each breaks where people write it by way of stored probabilities.
Everything is computed in float64 and rounded once to the format that came in. It is the form that makes float64
right: the textbook's fails there too, a little later.

room          holds
pairs         rows of two, [z, 0]: sigmoid, log_sigmoid, softplus, log1mexp, binary cross-entropy
divergences   entropy, kl_divergence, distillation_loss
backward      what softmax and log_softmax send back
mixtures      log_mean_exp, responsibilities, forward_step of a hidden Markov model
attention     softmax_with_sink, soft_cap, contrastive_loss
wide          float64 in, the caller's format out
"""

from course_utils.family.attention import contrastive_loss, soft_cap, softmax_with_sink
from course_utils.family.backward import log_softmax_backward, softmax_backward
from course_utils.family.divergences import distillation_loss, entropy, kl_divergence
from course_utils.family.mixtures import forward_step, log_mean_exp, responsibilities
from course_utils.family.pairs import (
    binary_cross_entropy,
    binary_cross_entropy_with_grad,
    log1mexp,
    log_sigmoid,
    sigmoid,
    softplus,
)

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_grad",
    "contrastive_loss",
    "distillation_loss",
    "entropy",
    "forward_step",
    "kl_divergence",
    "log1mexp",
    "log_mean_exp",
    "log_sigmoid",
    "log_softmax_backward",
    "responsibilities",
    "sigmoid",
    "soft_cap",
    "softmax_backward",
    "softmax_with_sink",
    "softplus",
]
