"""W10. The bill: what the safe form costs, on a machine with this memory and this exp."""

from dataclasses import dataclass

from course_utils.explorers.core import Explorer, choice, number, scale
from course_utils.floats import FORMATS
from course_utils.plots import PALETTE

LOOPS, PASSES = "loops", "one operation a pass"
# (accesses, exps) a number. Loops read a logit again rather than store a term; a pass reads and writes an array.
BILL = {
    "naive": {LOOPS: (3, 2), PASSES: (5, 1)},
    "safe": {LOOPS: (4, 2), PASSES: (8, 1)},
    "online": {LOOPS: (3, 2), PASSES: (3, 2)},
    "try, verify": {LOOPS: (3, 2), PASSES: (5, 1)},
    "loss alone": {LOOPS: (1, 1), PASSES: (1, 1)},
}
CONTROLS = {
    "bandwidth": number("memory, GB/s", 10.0, 0.5, 200, 0.5),
    "rate": number("exps a nanosecond", 5.0, 0.05, 10, 0.05),
    "format": scale("number format", FORMATS, "float32"),
    "code": choice("written as", (LOOPS, PASSES), LOOPS),
}
PRESETS = {
    "the row": {"float16": {"format": "float16"}, "float64": {"format": "float64"}},
    "where it lies": {
        "memory, one core": {"bandwidth": 10.0, "rate": 1.0},
        "cache, one core": {"bandwidth": 60.0, "rate": 1.0},
        "memory, slow exp": {"bandwidth": 2.0, "rate": 0.05},
    },
}
MOST = 3.0  # bars longer than this many times the naive form leave the picture


@dataclass(frozen=True)
class Item:
    """One form: what it asks of memory and of exp, in nanoseconds a number."""

    name: str
    accesses: int
    memory: float
    exps: float

    @property
    def total(self) -> float:
        """Both run side by side, so the slower one decides."""
        return max(self.memory, self.exps)

    @property
    def waits_for(self) -> str:
        return "memory" if self.memory > self.exps else "exp"


@dataclass(frozen=True)
class Observation:
    items: tuple[Item, ...]
    code: str

    @property
    def tax(self) -> float:
        """What the safe form costs more than the naive one, as a share."""
        return self.items[1].total / self.items[0].total - 1


def observe(state) -> Observation:
    size = FORMATS[state["format"]].bits / 8
    items = []
    for name, bill in BILL.items():
        accesses, exps = bill[state["code"]]
        items.append(Item(name, accesses, accesses * size / state["bandwidth"], exps / state["rate"]))
    return Observation(tuple(items), state["code"])


def describe(seen) -> str:
    naive, safe = seen.items[:2]
    price = f"costs {100 * seen.tax:.0f} % more" if seen.tax > 0.005 else "costs nothing more"
    return (
        f"Safe needs {safe.accesses} accesses a number where naive needs {naive.accesses}, and {price}: "
        f"{safe.total:.3g} against {naive.total:.3g} ns a number. Naive waits for {naive.waits_for}, safe for "
        f"{safe.waits_for}."
    )


def table(seen) -> list[dict]:
    return [
        {
            "form": item.name,
            "accesses a number": item.accesses,
            "memory, ns": f"{item.memory:.3g}",
            "exp, ns": f"{item.exps:.3g}",
            "waits for": item.waits_for,
            "times naive": f"{item.total / seen.items[0].total:.2f}",
        }
        for item in seen.items
    ]


def draw(figure):
    """Two bars a form: what memory takes and what exp takes, both in units of the naive form."""
    ax = figure.subplots()
    ax.set(xlim=(0, MOST), ylim=(len(BILL) - 0.4, -0.6), xlabel="time, in units of the naive form")
    ax.set_yticks(range(len(BILL)), BILL)
    ax.axvline(1, color=PALETTE["truth"], linestyle=":", linewidth=2)
    memory = [_bar(ax, row - 0.36, PALETTE["computed"], None) for row in range(len(BILL))]
    exps = [_bar(ax, row + 0.02, "white", "///") for row in range(len(BILL))]
    texts = [ax.text(0, row, "", va="center", animated=True, bbox=_PAPER) for row in range(len(BILL))]
    ax.legend(handles=[memory[0], exps[0]], labels=["memory", "exp"], loc="lower right", frameon=False)

    def update(seen):
        unit = seen.items[0].total
        for item, one, other, text in zip(seen.items, memory, exps, texts, strict=True):
            one.set_width(item.memory / unit)
            other.set_width(item.exps / unit)
            text.set_x(min(item.total / unit, MOST - 0.9) + 0.05)
            text.set_text(f"{item.total / unit:.2f}, waits for {item.waits_for}")

    return update


_PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 1}


def _bar(ax, y, color, hatch):
    (bar,) = ax.barh([y], [0.5], 0.34, align="edge", color=color, edgecolor=PALETTE["text"], hatch=hatch)
    bar.set_animated(True)
    return bar


def explore(**preset):
    return Explorer(
        question="What does safety cost?",
        goal="Find a machine on which the safe form costs nothing more than the naive one.",
        caption="Solid: time that memory needs for the accesses; hatched: time that exp needs. Both run side by side, "
        "so the longer bar decides. Dotted: the naive form.",
        why="Memory and exp work side by side, and the slower one decides. Safe reads each logit once more, to find "
        "the maximum: 4 accesses against 3, or 8 against 5 when every operation is a pass of its own. Whether you pay "
        "for the access more depends on who waits for whom. Online and verified forms need none.",
        note="A model with two numbers a machine: bytes a second and exps a second. It leaves out caches, latency and "
        "the cost of a call. A timing on your machine has all of them.",
        controls=CONTROLS,
        presets=PRESETS,
        preset=preset,
        size=(9, 4.2),
        observe=observe,
        describe=describe,
        table=table,
        draw=draw,
        strip={
            "memory decides": {"bandwidth": 10.0, "rate": 5.0},
            "nearly even": {"bandwidth": 10.0, "rate": 1.5},
            "exp decides": {"bandwidth": 60.0, "rate": 1.0},
        },
        reached=lambda seen: seen.tax < 0.005,
        later=("where it lies",),
    )
