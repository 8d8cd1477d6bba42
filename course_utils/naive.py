"""The textbook formulas, exactly as first taught. They break, and that is why they are here."""

from __future__ import annotations

import numpy as np


def softmax(logits, axis=-1):
    """Exponentiate and normalise: exp(z) / sum(exp(z)).

    Shape: any; the result has the shape of `logits`, each slice along `axis` meant to sum to 1.
    Special values: a logit above the format's ln(max) gives NaN (inf/inf), a slice far below 0 too (0/0).
    Error: a few ulps while every exp and the sum are finite and normal; unbounded below ln(smallest normal).
    Reference: any textbook; for its limits Blanchard, Higham & Higham 2021, doi 10.1093/imanum/draa038.
    """
    exps = np.exp(logits)
    return exps / np.sum(exps, axis=axis, keepdims=True)


def log_softmax(logits, axis=-1):
    """The logarithm of the naive softmax: log(softmax(z)). A probability of 0 gives -inf.

    Shape: as `softmax`.
    """
    return np.log(softmax(logits, axis=axis))


def logsumexp(logits, axis=-1):
    """The logarithm of the sum of exponentials, in that order: inf above ln(max), -inf far below 0.

    Shape: that of `logits` without `axis`.
    """
    return np.log(np.sum(np.exp(logits), axis=axis))


def cross_entropy(logits, targets):
    """Mean of -log(p of the target), through the probabilities.

    Shape: logits (rows, classes), integer targets (rows,); a scalar.
    Special values: inf when the target's probability underflows to 0, NaN when a row's softmax is NaN.
    """
    probabilities = softmax(logits)
    rows = np.arange(len(targets))
    return -np.mean(np.log(probabilities[rows, targets]))


def cross_entropy_with_grad(logits, targets):
    """The naive loss and its gradient with respect to the logits, (p - one_hot) / rows.

    Shape: a scalar and an array of the shape of `logits`.
    """
    gradient = softmax(logits)
    rows = np.arange(len(targets))
    loss = -np.mean(np.log(gradient[rows, targets]))
    gradient[rows, targets] -= 1
    return loss, gradient / len(targets)
