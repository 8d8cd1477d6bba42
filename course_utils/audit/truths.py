"""What is right: the parts of an answer and, for each, mpmath's numbers.

Most answers have one part, a loss with its gradient has two; so have `return_sign=True`, and `out=`, where
what is returned and what is written must both be right.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from course_utils import reference
from course_utils.audit.cases import Case
from course_utils.audit.cases.disguises import DISGUISES, ROWS

_FEW, _LONG = 8, 1000  # different numbers in a row; logits from which such rows are worth a way of their own


def parts(kind: str, case: Case) -> tuple[str, ...]:
    """What the answer consists of, in words for a report; "" where it is one array."""
    if kind == "cross_entropy_with_grad":
        return "loss", "gradient"
    if case.options.get("return_sign"):
        return "logarithm", "sign"
    return ("returned", "out") if case.out else ("",)


def quantity(kind: str, part: str) -> str:
    """What a part of an answer is."""
    return {"loss": "cross_entropy", "gradient": "gradient", "sign": "sign"}.get(part, kind)


@lru_cache(1024)
def each_row(case: Case) -> Case:
    """The same question for the losses one by one."""
    return replace(case, options={**case.options, "reduction": "none"})


@lru_cache(4096)
def truth(kind: str, case: Case) -> tuple:
    """What is right, part by part; long rows of few different numbers are rounded to float64."""
    found = _of_few(kind, case) if _has_few(case) else _of(kind, case)
    found = found if isinstance(found, tuple) else (found,)
    return tuple(np.asarray(part) for part in found * (2 if case.out else 1))


def _of_disguise(kind, case):
    second = () if case.targets is None else (case.targets,)
    along = {"axis": case.axis} if kind in ROWS else {}
    return getattr(reference.family, kind)(case.seen(), *second, dtype=object, **along)


def _of(kind, case):
    if kind in DISGUISES:
        return _of_disguise(kind, case)
    logits, options = case.seen(), dict(case.options)
    options.pop("check_sum", None)
    function = getattr(reference, kind)
    if case.targets is not None:
        return function(logits, case.targets, object, **options)
    keepdims = options.pop("keepdims", False)
    values = function(logits, axis=case.axis if logits.ndim else (), dtype=object, **options)
    if not keepdims:
        return values
    return np.expand_dims(values, tuple(range(logits.ndim)) if case.axis is None else case.axis)


def _has_few(case):
    rows = case.seen()
    one_axis = case.axis in (-1, 0) and set(case.options) <= {"label_smoothing", "reduction"}
    return one_axis and not case.soft and rows.size > _LONG and len(np.unique(rows.astype(float))) <= _FEW


def _of_few(kind, case):
    """A class against the rest of its row makes a row of two, and equal rows have equal answers."""
    logits = np.moveaxis(case.seen().astype(np.float64), case.axis, -1)
    rows = {row.tobytes(): row for row in np.atleast_2d(logits)}
    found = {key: _row_of_few(row) for key, row in rows.items()}
    each = [found[row.tobytes()] for row in np.atleast_2d(logits)]
    log_p, p, others, lse = (np.array(part) for part in zip(*each, strict=True))
    if case.targets is not None:
        loss, gradient = _loss_of_few(case, log_p, p, others)
        return (loss, gradient) if kind == "cross_entropy_with_grad" else loss
    values = {"softmax": p, "log_softmax": log_p, "logsumexp": lse}[kind].reshape(
        logits.shape[:-1] if kind == "logsumexp" else logits.shape
    )
    return values if kind == "logsumexp" else np.moveaxis(values, -1, case.axis)


def _row_of_few(row):
    """(log p, p, 1 - p, logsumexp) of a row, each rounded once."""
    values, place, counts = np.unique(row, return_inverse=True, return_counts=True)
    others = counts - np.eye(len(values))
    rest = reference.logsumexp(np.broadcast_to(values, others.shape), dtype=object, b=others)
    pairs = np.stack([reference.logsumexp(values[:, None], dtype=object), rest], axis=1)
    log_p, p = reference.log_softmax(pairs)[:, 0], reference.softmax(pairs)
    return log_p[place], p[place, 0], p[place, 1], reference.logsumexp(values, b=counts)


def _loss_of_few(case, log_p, p, others):
    smoothing = case.options.get("label_smoothing", 0)
    goal = np.full(p.shape, smoothing / p.shape[1])
    goal[np.arange(len(p)), case.targets] += 1 - smoothing
    # All weights of a row add up to 1.
    gradient = p * (1 - goal) - others * goal
    losses = np.sum(-goal * log_p, axis=1)
    if case.options.get("reduction", "mean") == "none":
        return losses, gradient
    return np.mean(losses), gradient / len(p)
