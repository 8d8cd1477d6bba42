"""What can be wrong with an answer before any work is done with it: said in a sentence, without much work."""

from __future__ import annotations

import numpy as np

LARGEST_WHOLE = 2**63
_EMPTY = "This is empty: there is no number in it."


def complaint_about(answer, largest) -> str:
    """Why these typed numbers cannot be used, or "". Looks at no more than `largest` of them."""
    seen, waiting = 0, [(answer, ())]
    while waiting:
        value, inside = waiting.pop()
        if isinstance(value, np.ndarray):
            seen += value.size
        elif isinstance(value, (list, tuple)):
            if any(value is outer for outer in inside):
                return "This list holds itself, so it has no end. Write the numbers out."
            seen += len(value)
            if seen <= largest:
                waiting += [(part, (*inside, value)) for part in value]
        elif isinstance(value, int) and abs(value) >= LARGEST_WHOLE:
            digits = round(value.bit_length() * np.log10(2))
            return f"One of these whole numbers has about {digits} digits. Write it as a float, such as 1e30."
        if seen > largest:
            return f"This answer has more than {largest} numbers. A small one is enough."
    return "" if seen or not isinstance(answer, (list, tuple, np.ndarray)) else _EMPTY


def has_gap(answer) -> bool:
    """Is this the untouched starter: None, ..., or a list in which one of them is left?"""
    return bool(gaps(answer))


def gaps(answer, largest=1000) -> list[str]:
    """Where None or ... is left: "" for the answer itself, "number 3" in a list of several."""
    if answer is None or answer is ...:
        return [""]
    if isinstance(answer, np.ndarray):
        answer = answer.tolist() if answer.dtype == object and answer.size <= largest else ()
    if not isinstance(answer, (list, tuple)):
        return []
    return [f"number {i}" for i, part in enumerate(answer[:largest], 1) if _has_one(part, largest)]


def _has_one(value, largest):
    waiting, steps = [value], 0
    while waiting and steps < largest:
        steps += 1
        value = waiting.pop()
        if value is None or value is ...:
            return True
        if isinstance(value, np.ndarray) and value.dtype == object:
            value = value.ravel()[:largest].tolist()
        if isinstance(value, (list, tuple)):
            waiting += value[:largest]
    return False
