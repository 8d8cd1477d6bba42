"""What the exercises of lesson 90 share: the lesson's objectives, and the truth by name."""

import numpy as np

from course_utils import reference
from course_utils.mistakes import QUANTITIES

FIND = "find the input, or predict the number, that gives a hidden fault away"
REPAIR = "repair the step that is at fault, and nothing else"
WRITE = "derive and write a quantity that holds at every edge"


def truth_of(quantity):
    """A quantity of the catalogue, asked of the reference."""
    return lambda *args: QUANTITIES[quantity](reference, *args)


def shifted_softmax(logits):
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return exps / np.sum(exps, axis=-1, keepdims=True)
