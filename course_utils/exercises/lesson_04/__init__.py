"""Exercises of lesson 04: why take logarithms at all?

The parts: `sums` (a log-sum-exp), `orders` (which order of operations), `digits` (a log-softmax near 0).
"""

from course_utils.exercises.lesson_04 import digits, orders, sums

safe_logsumexp = sums.safe_logsumexp
order = orders.order
last_digits = digits.last_digits
