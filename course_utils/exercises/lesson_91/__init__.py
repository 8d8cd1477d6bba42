"""Exercises of lesson 91: can you find it at scale? Mixed practice on lessons 07 to 12.

room     holds
updates  what narrow formats keep of many small steps
ties     a log-sum-exp that leaves too much out
sinks    a softmax with a sink
chunks   a log of a mean, in chunks
"""

from course_utils.exercises.lesson_91.chunks import log_mean
from course_utils.exercises.lesson_91.sinks import sink
from course_utils.exercises.lesson_91.ties import ties
from course_utils.exercises.lesson_91.updates import updates

__all__ = ["log_mean", "sink", "ties", "updates"]
