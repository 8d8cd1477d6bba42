"""Exercises of lesson 90: can you find the fault? Mixed practice, in the order in which the lesson asks.

Each part holds one exercise, and is named after what its faulty code works on.
"""

from course_utils.exercises.lesson_90 import (
    accumulators,
    argmax,
    candidates,
    complements,
    guards,
    infinities,
    integers,
    masks,
    patches,
    slopes,
    storing,
    temperatures,
    tiles,
    twice,
)

prediction = argmax.prediction
attention_mask = masks.attention_mask
double_softmax = twice.double_softmax
pixels = integers.pixels
sampler = temperatures.sampler
storage = storing.storage
log_not = complements.log_not
patched_loss = patches.patched_loss
accumulator = accumulators.accumulator
slope = slopes.slope
gradients = candidates.gradients
guarded = guards.guarded
streaming = tiles.streaming
edges = infinities.edges
