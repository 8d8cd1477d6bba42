"""Every recipe with every repair, 20 seeds each: who dies, when, and what do the others learn?"""

from dataclasses import asdict

from course_utils.training import repairs, survival


def run():
    """The results by recipe and repair."""
    return {
        recipe: {repair: asdict(survival.measure(recipe, repair)) for repair in repairs.REPAIRS}
        for recipe in repairs.RECIPES
    }
