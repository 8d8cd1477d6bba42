"""Exercises of lesson 06: what must the gradient be, and what does it become?

The parts: `chain` (derive it), `backwards` (predict what comes back), `margins` (keep it alive).
"""

from course_utils.exercises.lesson_06 import backwards, chain, margins

tempered = chain.tempered
what_comes_back = backwards.what_comes_back
keep_learning = margins.keep_learning
