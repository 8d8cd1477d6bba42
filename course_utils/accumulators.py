"""What a running sum keeps when its total is stored in a narrow format.

Terms are added in their own format and every total is rounded to it, as a register of that width would.
NumPy's own `np.sum` does not show this for float16: it adds up in float32 and rounds once at the end.

Reference: Higham 1993, The accuracy of floating point summation, doi 10.1137/0914050.
"""

from __future__ import annotations

import numpy as np

ORDERS = ("one by one", "in pairs")


def running(terms) -> np.ndarray:
    """All totals of the terms, added one by one in their own format.

    Shape: `terms` is one row; the result has its shape, and the last number is the sum.
    Error: up to (n - 1) u of the sum of magnitudes; a total stalls where a term is below half its spacing.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return np.add.accumulate(np.asarray(terms))


def pairs(terms):
    """The sum of the terms, added in pairs, the pairs in pairs, and so on, in their own format.

    Shape: `terms` is one row, not empty; the result is one number.
    Error: up to log2(n) u of the sum of magnitudes; a total stalls only against a total of its own size.
    """
    totals = np.asarray(terms)
    with np.errstate(over="ignore", invalid="ignore"):
        while totals.size > 1:
            odd = totals[totals.size - totals.size % 2 :]
            even = totals[: totals.size - odd.size]
            totals = np.concatenate([even[0::2] + even[1::2], odd])
    return totals[0]


def total(terms, order):
    """The sum of one row in its own format, in one of `ORDERS`.

    Raises: KeyError when `order` is none of them.
    """
    return {"one by one": lambda row: running(row)[-1], "in pairs": pairs}[order](terms)
