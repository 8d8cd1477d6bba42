"""Exercises of lesson 07: who dies first, and what was the first bad number? In the order in which the lesson asks."""

from course_utils.exercises.lesson_07 import arrivals, margins, records

record = records.record
what_arrives = arrivals.what_arrives
margin = margins.margin
