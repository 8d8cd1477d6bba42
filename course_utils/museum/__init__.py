"""Real bugs of public libraries, each with its thread, its cure, and the question of the audit that finds it.

    museum.EXHIBITS["maximum_from_zero"].broken([-1e4, -1e4])
    museum.visit()              every exhibit put to the audit: a table

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
from course_utils.museum.visit import Tour, judged

__all__ = ["EXHIBITS", "WINGS", "Exhibit", "judged", "visit"]

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
