"""The classic cure as every framework ships it: subtract the row's maximum, stay in the log domain.

These are the functions that lessons 03 to 06 build; their bodies are the same, line by line.
"""

from __future__ import annotations

import numpy as np


def softmax(logits, axis=-1):
    """Softmax after the max-shift: exp(z - max z) / sum(exp(z - max z)).

    Shape: any; the result has the shape of `logits`, each slice along `axis` sums to 1.
    Special values: an entry of -inf gives 0; a slice of -inf only, or with +inf or NaN, gives NaN.
    Error: relative error up to about (spread of the logits + 2) u, since z - max z is rounded before exp.
    Reference: Blanchard, Higham & Higham 2021, doi 10.1093/imanum/draa038.
    """
    row_max = np.max(logits, axis=axis, keepdims=True)
    unnormalized = np.exp(logits - row_max)
    return unnormalized / np.sum(unnormalized, axis=axis, keepdims=True)


def logsumexp(logits, axis=-1):
    """LogSumExp after the max-shift: max z + log(sum(exp(z - max z))).

    Shape: that of `logits` without `axis`.
    Special values: finite for all finite logits; a slice of -inf only gives NaN (-inf - -inf).
    Error: about (spread + 3) u times the largest |logit|; terms far below the maximum are absorbed.
    """
    row_max = np.max(logits, axis=axis, keepdims=True)
    total = np.sum(np.exp(logits - row_max), axis=axis, keepdims=True)
    return np.squeeze(row_max + np.log(total), axis=axis)


def log_softmax(logits, axis=-1):
    """Log-probabilities without probabilities: (z - max z) - log(sum(exp(z - max z))).

    Shape: as `softmax`.
    Special values: finite for all finite logits; an entry of -inf gives -inf.
    Error: absolute error about (spread + 3) u; near 0 every digit can be lost (log of a total close to 1).
    """
    row_max = np.max(logits, axis=axis, keepdims=True)
    shifted = logits - row_max
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def cross_entropy(logits, targets):
    """Mean cross-entropy straight from the logits: the target's log-probability, not a probability's log.

    Shape: logits (rows, classes), integer targets (rows,); a scalar.
    Special values: finite for all finite logits.
    """
    log_probabilities = log_softmax(logits)
    rows = np.arange(len(targets))
    return -np.mean(log_probabilities[rows, targets])


def cross_entropy_with_grad(logits, targets):
    """Loss and gradient in one pass; the gradient with respect to the logits is (softmax - one_hot) / rows.

    Shape: a scalar and an array of the shape of `logits`.
    Error: p - 1 cancels for a confident target, so its entry is 0 once p rounds to 1.
    """
    log_probabilities = log_softmax(logits)
    rows = np.arange(len(targets))
    loss = -np.mean(log_probabilities[rows, targets])
    gradient = np.exp(log_probabilities)
    gradient[rows, targets] -= 1
    return loss, gradient / len(targets)
