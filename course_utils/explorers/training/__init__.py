"""W7. Train to NaN: which number of a run was the first to be bad, and which one killed it?"""

from course_utils.explorers.core import Explorer, Film
from course_utils.explorers.training.observation import CONTROLS, describe, observe, table
from course_utils.explorers.training.picture import draw
from course_utils.explorers.training.run import PATHS, STEPS


def _start(kind, scale, lr):
    return {"format": kind, "scale": scale, "lr": lr, "path": PATHS[0], "seed": 1.0, "step": 1.0}


def _go(by):
    """So many steps on, or back."""
    return lambda state: {"step": float(min(max(observe(state).step + by, 1), observe(state).last))}


FRAMES, SLOWLY = 50, 10  # pictures of a film, and steps at its end that are shown one by one


def _film(state):
    """From this step to the last, or from the first where this is the last: the end of the run in single steps."""
    seen = observe(state)
    first = 1 if seen.step == seen.last else seen.step
    slow = max(first, seen.last - SLOWLY)
    yield from ({"step": float(step)} for step in range(first, slow, max(1, (slow - first) // FRAMES)))
    yield from ({"step": float(step)} for step in range(slow, seen.last + 1))


PRESETS = {
    "a run": {
        "float16, slowly": _start("float16", 1, 2.0),
        "float32, slowly": _start("float32", 2, 8.0),
        "float32, fast": _start("float32", 4, 10.0),
        "float64": _start("float64", 10, 10.0),
    },
    "step": {
        "−10": _go(-10),
        "−1": _go(-1),
        "+1": _go(1),
        "+10": _go(10),
        "last": lambda state: {"step": float(observe(state).last)},
        "Play": Film(_film),
    },
    "a bad loss, living weights": {
        "in float16": _start("float16", 1, 2.0) | {"path": PATHS[2], "step": float(STEPS)},
        "in float64": _start("float64", 10, 10.0) | {"path": PATHS[2], "step": float(STEPS)},
    },
}


def explore(**preset):
    return Explorer(
        question="Which number of a run was the first to be bad, and which one killed it?",
        goal="Find a run whose loss is no number for a while although its weights live to the last step.",
        caption="Softmax regression on thirty points, all of them in every step. The diamond is this step. Dashed: "
        "the largest logit whose exp the format can store. Below, the tensors of this step in the order in "
        "which they are "
        "computed; the arrow stands under the first bad number of the run.",
        why="The loss never asks the weights to stop: it keeps falling while the logits keep growing. "
        "The naive run dies at the step at which they pass the cliff of its format, after 44 steps or after "
        "600. A smaller "
        "learning rate or other data move that step. float64 moves the cliff. Clipping meets a gradient that is NaN "
        "already.\n\n"
        "A loss is a report: it is computed for you. The weights feel the gradient alone. Ask of each way which of its "
        "steps takes a logarithm, and whether the gradient, p − y, needs that step.",
        note=f"Every step is computed in the chosen format itself. A run ends when a weight is no number, or "
        f"after {STEPS} "
        "steps.",
        controls=CONTROLS,
        presets=PRESETS,
        later=("a bad loss, living weights",),
        preset=preset,
        observe=observe,
        describe=describe,
        table=table,
        draw=draw,
        hide=("seed",),  # a name in `explore(seed=3)`; the task needs no other data
        size=(9, 4.4),
        strip={
            "early": {"step": 100.0},
            "the last step": {"step": float(STEPS)},
            "the same data, log_softmax": {"step": float(STEPS), "path": "log_softmax"},
        },
        reached=lambda seen: seen.odd_loss and seen.step == seen.last,
    )
