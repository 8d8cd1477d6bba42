"""A row of scores read tile by tile: what is remembered after each tile, rightly and with a step left out."""

from dataclasses import dataclass

import numpy as np

from course_utils import reference
from course_utils.explorers.core import choice, number

SCORES = np.array([1.0, 3, 2, 5, 4, 0, 7, 6])
VALUES = np.arange(8.0)
ORDERS = ("given", "ascending", "descending", "first tile masked")
CODES = ("right", "old total", "old output", "both old", "no guard")


def _whole_tiles(state):
    """Every step of the slider reads one tile."""
    return 0, 8, state["tile"]


CONTROLS = {
    "read": number("scores read", 4.0, 0, 8, 2, _whole_tiles),
    "tile": choice("scores a tile", (1, 2, 4, 8), 2),
    "order": choice("order", ORDERS, "given"),
    "code": choice("code", CODES, "right"),
}


@dataclass(frozen=True)
class Frame:
    """What is remembered after one more tile."""

    before: float  # the maximum before this tile
    largest: float
    alpha: float  # what the old sums were multiplied by; 1 where nothing had to shrink
    total: float
    output: float  # sum(weight * value) / total
    weights: np.ndarray  # how much each score counts in the total, NaN before it is read


@dataclass(frozen=True)
class Observation:
    scores: np.ndarray
    tile: int
    code: str
    frames: tuple[Frame, ...]
    true_weights: np.ndarray
    true_total: float
    true_output: float

    @property
    def tiles(self) -> int:
        return len(SCORES) // self.tile

    @property
    def last(self) -> Frame:
        return self.frames[-1] if self.frames else START

    @property
    def current(self) -> slice:
        """The tile that was read last."""
        return slice((len(self.frames) - 1) * self.tile, len(self.frames) * self.tile)

    @property
    def right(self) -> bool:
        return bool(
            np.allclose(
                [self.last.total, self.last.output],
                [self.true_total, self.true_output],
                rtol=1e-9,
                equal_nan=True,
            )
        )


START = Frame(-np.inf, -np.inf, 1.0, 0.0, 0.0, np.full(8, np.nan))


def observe(state) -> Observation:
    tile, code = state["tile"], state["code"]
    scores = _ordered(state["order"], tile)
    frames = [START]
    for count in range(int(np.clip(state["read"], 0, 8)) // tile):
        frames.append(_next(frames[-1], scores, slice(count * tile, (count + 1) * tile), code))
    read = scores[: (len(frames) - 1) * tile]
    return Observation(scores, tile, code, tuple(frames[1:]), *_two_passes(read))


def _ordered(order, tile):
    scores = {"ascending": np.sort(SCORES), "descending": np.sort(SCORES)[::-1]}.get(order, SCORES).copy()
    if order == "first tile masked":
        scores[:tile] = -np.inf
    return scores


def _next(old, scores, some, code) -> Frame:
    """One step of the online softmax; `code` says which of its multiplications is left out."""
    largest = max(old.largest, float(scores[some].max()))
    shift = 0.0 if largest == -np.inf and code != "no guard" else largest
    with np.errstate(all="ignore"):
        alpha = float(np.exp(old.largest - shift))
        new = np.exp(scores[some] - shift)
        in_total = 1.0 if code in ("old total", "both old") else alpha
        in_output = 1.0 if code in ("old output", "both old") else alpha
        weights = old.weights * in_total
        weights[some] = new
        total = old.total * in_total + float(new.sum())
        summed = old.output * old.total * in_output + float(new @ VALUES[some])
        output = float(np.divide(summed, total)) if total != 0 else 0.0
    seen_nothing = old.largest == -np.inf and np.isfinite(alpha)
    return Frame(old.largest, largest, 1.0 if seen_nothing else alpha, total, output, weights)


def _two_passes(read):
    """(weights, total, output) of what has been read, from 60-digit arithmetic; nothing but -inf weighs 0."""
    weights = np.full(8, np.nan)
    if not np.any(np.isfinite(read)):
        weights[: len(read)] = 0
        return weights, 0.0, 0.0
    top = read.max()
    weights[: len(read)] = reference.exp(read - top)
    total = float(np.exp(reference.logsumexp(read) - top))
    return weights, total, float(reference.softmax(read) @ VALUES[: len(read)])


def describe(seen) -> str:
    count, last = len(seen.frames), seen.last
    if not count:
        return f"Nothing is read yet: the maximum is −inf, the total 0. There are {seen.tiles} tiles to come."
    told = (
        f"Tile {count} of {seen.tiles}: {_step(last)} The total is {digits(last.total)}, the output "
        f"{digits(last.output)}"
    )
    if seen.right:
        return f"{told}, as two passes give."
    return f"{told}; two passes give {digits(seen.true_total)} and {digits(seen.true_output)}."


def _step(frame) -> str:
    if frame.largest == -np.inf:
        return "all scores so far are −inf."
    if frame.before == -np.inf:
        return f"the maximum is {digits(frame.largest)}."
    if frame.alpha == 1:
        return f"the maximum stays {digits(frame.largest)}, nothing shrinks."
    grown = f"the maximum grows from {digits(frame.before)} to {digits(frame.largest)}"
    return f"{grown}, so old terms must shrink by α = {digits(frame.alpha)}."


def table(seen) -> list[dict]:
    rows = []
    for place, frame in enumerate((START, *seen.frames)):
        tile = seen.scores[(place - 1) * seen.tile : place * seen.tile] if place else ()
        rows.append(
            {
                "tiles read": place,
                "scores": " ".join(map(digits, tile)) or "none",
                "m": digits(frame.largest),
                "α": digits(frame.alpha) if place else "none",
                "total": digits(frame.total),
                "output": digits(frame.output),
            }
        )
    truth = {"tiles read": "two passes", "scores": "the same", "m": digits(seen.last.largest), "α": "none"}
    return [*rows, truth | {"total": digits(seen.true_total), "output": digits(seen.true_output)}]


def digits(value) -> str:
    return f"{value:.5g}".replace("nan", "NaN").replace("-", "−")
