"""Exercises of lesson 11: what else is a softmax in disguise?

room      holds
yes_no    a binary loss for every logit and every target
parts     which part of a mixture made a point, in the log domain
drawing   a sampler that loses no class and draws no masked one
"""

from course_utils.exercises.lesson_11.drawing import sampler
from course_utils.exercises.lesson_11.parts import responsibilities
from course_utils.exercises.lesson_11.yes_no import binary_loss

__all__ = ["binary_loss", "responsibilities", "sampler"]
