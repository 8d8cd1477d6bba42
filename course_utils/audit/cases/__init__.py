"""What every function is asked. A case says what is put in and which other answers are declared policies;
the truth comes from `truths`.

room        holds
case        one question
rows        cliffs, accuracy, special values, shapes, types: for softmax, log_softmax and logsumexp
long_rows   many classes or many rows, with few different numbers
keywords    where=, out=, keepdims=, b=, return_sign=
losses      cross-entropy: margins, targets, special values
options     weight=, ignore_index=, label_smoothing=, reduction=, axis=, soft targets
gradients   what a loss alone cannot show
disguises   sigmoids, binary losses, entropies, divergences, backward passes
"""

import re
from functools import cache

from course_utils.audit.cases import disguises, gradients, keywords, long_rows, losses, options, rows
from course_utils.audit.cases.case import ACCURACY, ARGUMENTS, BEHAVIOUR, GROUPS, OPTIONS, RANGE, Case

__all__ = [
    "ACCURACY",
    "ARGUMENTS",
    "BEHAVIOUR",
    "GROUPS",
    "OPTIONS",
    "RANGE",
    "Case",
    "cases",
    "matches",
    "only",
]


@cache
def cases(kind: str) -> tuple[Case, ...]:
    """All cases of a kind, the cheapest and most telling first."""
    return tuple(sorted(_all(kind), key=lambda case: GROUPS.index(case.group)))


@cache
def only(kind: str, patterns: tuple[str, ...]) -> tuple[Case, ...]:
    """The cases of a kind that one of the patterns means; all of them where there is no pattern.

    Raises: ValueError for a pattern that means no case.
    """
    for pattern in patterns:
        if not any(matches(pattern, case.name, case.group) for case in cases(kind)):
            raise ValueError(f"no case of kind {kind} is called {pattern!r}")
    return tuple(
        case
        for case in cases(kind)
        if not patterns or any(matches(p, case.name, case.group) for p in patterns)
    )


def matches(pattern: str, name: str, group: str) -> bool:
    """Whether a pattern means this case: its group, or its name, where * stands for any letters."""
    return pattern == group or re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is not None


def _all(kind):
    if kind in disguises.DISGUISES:
        return [*disguises.cases(kind)]
    if not kind.startswith("cross_entropy"):
        return [*rows.cases(kind), *long_rows.cases(), *keywords.cases(kind)]
    own = gradients.cases() if kind == "cross_entropy_with_grad" else ()
    return [*losses.cases(), *long_rows.with_targets(), *options.cases(), *own]
