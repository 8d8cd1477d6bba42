"""Exercises of lesson 09: what does stability cost?

room       holds
counts     how often three codes touch memory
verifying  a softmax that tries, verifies and repairs
chunks     a loss that never holds a copy of all logits
"""

from course_utils.exercises.lesson_09.chunks import chunked_loss
from course_utils.exercises.lesson_09.counts import accesses
from course_utils.exercises.lesson_09.verifying import verified

__all__ = ["accesses", "chunked_loss", "verified"]
