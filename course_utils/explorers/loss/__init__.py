"""W6. The log domain: what six ways of writing the loss make of it, and of its gradient."""

from dataclasses import dataclass

import numpy as np

from course_utils.explorers.core import Explorer, choice
from course_utils.explorers.loss.observation import (
    CONTROLS,
    LOG_WAYS,
    describe,
    describe_log,
    observe,
    table,
    table_log,
)
from course_utils.explorers.loss.picture import drawing
from course_utils.floats import FORMATS, neighbour


def _to(**values):
    return {"format": "float32"} | values


def _first_lost(state):
    return {"gap": -FORMATS[state["format"]].exp_first_zero, "target": "behind", "path": "log(softmax)"}


def _last_kept(state):
    fmt = FORMATS[state["format"]]
    return _first_lost(state) | {"gap": -neighbour(fmt.exp_first_zero, fmt)}


def _absorbed(state):
    return {"gap": FORMATS[state["format"]].absorption_margin, "target": "ahead", "path": "log_softmax"}


_AHEAD = {"gap": 20.0, "target": "ahead"}
_BEHIND = {"gap": 50.0, "target": "behind"}
_WRONG = {
    "log(p + 1e-8)": _to(path="log(p + eps)", eps="1e-8", **_BEHIND),
    "clip p": _to(path="clip p", eps="1e-7", **_BEHIND),
    "log_softmax": _to(path="log_softmax", **_BEHIND),
}


@dataclass(frozen=True)
class View:
    """What one lesson looks at: its question, its two quantities, its buttons, its strip."""

    question: str
    goal: str
    why: str
    panels: tuple[str, str]
    start: dict
    presets: dict
    later: tuple
    strip: dict
    reached: object


VIEWS = {
    "log": View(
        question="Why not take the log of a good softmax?",
        goal="Find the smallest gap at which log(softmax) is −inf. Then find a way that goes on from there.",
        why="p is rounded before the log is taken. Behind the winner p = e⁻ᵍ runs out of numbers, although "
        "log p = −g is an ordinary one. Ahead of it, p is so close to 1 that its distance from 1 is lost. "
        "`log_softmax` never forms p: it subtracts logits. It still adds e⁻ᵍ to 1, and a small e⁻ᵍ is lost there.",
        panels=("log p", "p"),
        start={"gap": 90.0},
        presets={
            "target ahead": {"1 + e⁻ᵍ = 1": _absorbed},
            "target behind": {
                "last p": _last_kept,
                "first p = 0": _first_lost,
                "log_softmax there": lambda state: _first_lost(state) | {"path": "log_softmax"},
            },
        },
        later=("target behind",),
        strip={
            "log(softmax), gap 103.96": {"gap": 103.96},
            "log(softmax), gap 103.98": {"gap": 103.98},
            "log_softmax, gap 103.98": {"gap": 103.98, "path": "log_softmax"},
        },
        reached=lambda seen: (
            seen.gap >= -seen.format.exp_first_zero
            and seen.target == "behind"
            and seen.numbers["log p"].right
        ),
    ),
    "loss": View(
        question="What does each way of writing the loss say when the model is confidently wrong?",
        goal="Find a loss that is wrong by more than 20, while no number is inf or NaN.",
        why="The true loss is the gap itself, so it must grow as long as the gap grows. An eps inside the log "
        "or a clip puts a ceiling of −ln(eps) on it. Weights of 0 and 1 times log p turn 0 · (−inf) into NaN. "
        "From the logits, the loss is a subtraction, and no way back is cut off.",
        panels=("loss", "gradient"),
        start={"path": "log(p + eps)", "gap": 10.0},
        presets={
            "right by 20": {
                "a loss below 0": _to(path="log(p + eps)", eps="1e-7", **_AHEAD),
                "a loss of 0": _to(path="log_softmax", **_AHEAD),
                "log1p": _to(path="log1p", **_AHEAD),
            },
            "no number": {
                "log 0": _first_lost,
                "0 · log 0": _to(path="one-hot * log p", gap=104.0, target="ahead"),
            },
            "wrong by 50": _WRONG,
        },
        later=("wrong by 50",),
        strip={
            "log(p + 1e-8), gap 50": {"path": "log(p + eps)", "eps": "1e-8"},
            "clip p, gap 50": {"path": "clip p"},
            "log_softmax, gap 50": {"path": "log_softmax"},
        },
        reached=lambda seen: (
            abs(seen.numbers["loss"].value - seen.numbers["loss"].truth) > 20
            and all(np.isfinite(number.value) for number in seen.numbers.values())
        ),
    ),
    "gradient": View(
        question="What does the model learn from each way of writing the loss?",
        goal="Find a state with a true gradient near −1 and a computed gradient of exactly 0.",
        why="A model that is confidently wrong should be pushed hardest: the true gradient at the target is "
        "p − 1, close to −1. The way back through an eps multiplies by p / (p + eps), which fades; through a "
        "clip it is 0; through 1/p it overflows. Ahead of the others, p − 1 itself cancels to 0 and learning "
        "stops early. Keeping the target out of the sum gives it back all its digits.",
        panels=("gradient", "loss"),
        start={"path": "clip p", "gap": 10.0},
        presets={
            "right by 20": {
                "p − 1 = 0": _to(path="log_softmax", **_AHEAD),
                "log1p": _to(path="log1p", **_AHEAD),
            },
            "no number": {"1/p overflows": _to(path="log(softmax)", gap=90.0, target="behind")},
            "wrong by 50": _WRONG,
        },
        later=("wrong by 50",),
        strip={
            "log(p + 1e-8), gap 50": {"path": "log(p + eps)", "eps": "1e-8"},
            "clip p, gap 50": {"path": "clip p"},
            "log_softmax, gap 50": {"path": "log_softmax"},
        },
        reached=lambda seen: seen.numbers["gradient"].value == 0 and seen.numbers["gradient"].truth < -0.9,
    ),
}


_LOG_PATH = choice("way to log p", LOG_WAYS, LOG_WAYS[0])


def explore(view="loss", **preset):
    """The explorer as lesson 04 ("log"), 05 ("loss") or 06 ("gradient") looks at it.

    Raises: KeyError for a view that is none of these.
    """
    chosen, log = (
        VIEWS[view],
        view == "log",
    )  # lesson 04 knows no loss and no gradient yet, lesson 05 brings eps
    return Explorer(
        question=chosen.question,
        goal=chosen.goal,
        caption="Two classes with logits [0, −g]; the target is ahead by g or behind by g. Solid: computed in "
        "the chosen format; dotted: the truth. Hatched: inf, NaN or exactly 0. The last rows are the numbers "
        "at this gap; ≠ marks a wrong one.",
        why=chosen.why,
        note="Every number is computed in the chosen format, from max-shifted logits; the "
        "truth at your gap comes from 60-digit arithmetic.",
        controls=CONTROLS | {"path": _LOG_PATH} if log else CONTROLS,
        presets=chosen.presets,
        preset=chosen.start | preset,
        observe=observe,
        describe=describe_log if log else describe,
        table=table_log if log else table,
        draw=drawing(*chosen.panels, told=("p", "log p")) if log else drawing(*chosen.panels),
        size=(9, 4.15),
        strip=chosen.strip,
        reached=chosen.reached,
        later=chosen.later,
        hide=("eps",) if log else (),
    )
