"""Every recipe with every repair, 20 seeds each: who dies, when, and what do the others learn?"""

from dataclasses import asdict

from course_utils.training import repairs, survival


def run():
    """The results by recipe and repair; a line for each as it comes."""
    found = {recipe: {} for recipe in repairs.RECIPES}
    for recipe in found:
        for repair in repairs.REPAIRS:
            one = survival.measure(recipe, repair)
            found[recipe][repair] = asdict(one)
            print(f"{recipe}, {repair}: {one.alive} alive, {one.median_accuracy:.3f}", flush=True)
    return found
