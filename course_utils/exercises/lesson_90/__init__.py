"""Exercises of lesson 90: can you find the fault? Mixed practice, in the order in which the lesson asks.

The parts: `rows`, `losses`, `formats`, `limits`, by what the faulty code works on.
"""

from course_utils.exercises.lesson_90 import formats, limits, losses, rows

prediction = rows.prediction
attention_mask = rows.attention_mask
double_softmax = losses.double_softmax
pixels = formats.pixels
sampler = rows.sampler
storage = formats.storage
log_not = losses.log_not
patched_loss = losses.patched_loss
accumulator = formats.accumulator
slope = formats.slope
gradients = losses.gradients
guarded = limits.guarded
streaming = limits.streaming
edges = limits.edges
