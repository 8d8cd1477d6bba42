"""Real bugs of public libraries, each with its thread, its cure, and the question of the audit that finds it.

    museum.EXHIBITS["maximum_from_zero"].broken([-1e4, -1e4])
    museum.label("maximum_from_zero")       its thread, its code, the smallest input that shows it, the cure
    museum.visit("masks")                   the exhibits of a wing, or all, put to the audit: a table

wing        holds
shifts      what is subtracted before exp
masks       what is left out and comes back
logarithms  differences and logarithms that lose their digits
losses      probabilities on the way, rows that are skipped, targets that are trusted
formats     sums that stop growing, integers that wrap around

The titles are the threads' own. The code is ours: the same fault in a few lines of NumPy, nobody's source.
"""

from course_utils.museum import formats, logarithms, losses, masks, shifts
from course_utils.museum.exhibit import Exhibit
from course_utils.museum.visit import Label, Tour, judged

__all__ = ["EXHIBITS", "WINGS", "Exhibit", "judged", "label", "visit"]

WINGS = {
    module.__name__.rpartition(".")[2]: {
        value.key: value for value in vars(module).values() if isinstance(value, Exhibit)
    }
    for module in (shifts, masks, logarithms, losses, formats)
}
EXHIBITS = {key: one for wing in WINGS.values() for key, one in wing.items()}


def visit(wing: str | None = None) -> Tour:
    """The exhibits of a wing, or all of them, with what the audit says of each and of its cure."""
    return Tour.of((EXHIBITS if wing is None else WINGS[wing]).values())


def label(key: str) -> Label:
    """One exhibit in full. Raises: KeyError that lists the exhibits when there is none with this key."""
    if key not in EXHIBITS:
        raise KeyError(f"no exhibit {key!r}; the museum has {', '.join(EXHIBITS)}")
    return Label(EXHIBITS[key])
