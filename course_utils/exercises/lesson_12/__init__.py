"""Exercises of lesson 12: how do you audit a softmax you did not write?

room     holds
reading  what the audit will say of four softmaxes
cut_off  two numbers on which a short cut loses everything
broken   the five losses of the capstone, as they were found
repairs  the capstone
judging  which cases of the audit each of the five is asked
"""

from course_utils.exercises.lesson_12.cut_off import cut_off
from course_utils.exercises.lesson_12.reading import reading
from course_utils.exercises.lesson_12.repairs import five_losses

__all__ = ["cut_off", "five_losses", "reading"]
