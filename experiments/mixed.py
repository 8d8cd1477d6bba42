"""Two diseases of float16, every remedy, 10 seeds each; after Micikevicius et al. 2018, arXiv 1710.03740."""

import numpy as np

from course_utils import mixed

SEEDS = range(10)
SCALES = (1, 8, 128, 1024)
NUMBERS = ("test_accuracy", "lost_updates", "lost_gradients")


def run():
    """The results by disease and remedy, then by loss scale, and the sizes of the gradients by exponent."""
    found = {
        disease: {remedy: numbers(disease, remedy) for remedy in mixed.REMEDIES} for disease in mixed.DISEASES
    }
    scaled = {str(scale): numbers("lost gradients", "float16, both", loss_scale=scale) for scale in SCALES}
    sizes = mixed.measure("lost gradients", "float32").gradients
    return {**found, "loss scales": scaled, "gradients by exponent": np.trim_zeros(sizes, "b").tolist()}


def numbers(disease, remedy, seeds=SEEDS, **options):
    """Each number as a list over the seeds."""
    runs = [mixed.measure(disease, remedy, seed, **options) for seed in seeds]
    return {name: [round(getattr(run, name), 4) for run in runs] for name in NUMBERS}
