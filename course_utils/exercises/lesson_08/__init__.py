"""Exercises of lesson 08: what changes with 16 or 8 bits? In the order in which the lesson asks."""

from course_utils.exercises.lesson_08 import codes, formats, steps

what_is_left = formats.what_is_left
both_diseases = steps.both_diseases
lost_order = codes.lost_order
