"""The marks that pictures are made of: boxes with a state, words that never collide, labels at line ends."""

from functools import partial

import numpy as np
from matplotlib.patches import Rectangle

from course_utils.plots.palette import PALETTE, STATE_STYLE, TINT, TINT_BELOW, look


def clear(ax):
    """Remove the last picture but keep the axes: far cheaper than making new ones."""
    for artist in [*ax.lines, *ax.patches, *ax.texts, *ax.collections]:
        artist.remove()


def finite_range(*arrays, zero=True):
    """Lowest and highest finite number, 0 included; the top is 1 where everything is a probability."""
    numbers = np.concatenate([np.ravel(np.asarray(a, dtype=np.float64)) for a in arrays])
    numbers = numbers[np.isfinite(numbers)]
    low = float(numbers.min(initial=0.0 if zero else np.inf)) if zero or numbers.size else 0.0
    high = float(numbers.max(initial=0.0 if zero else -np.inf)) if zero or numbers.size else 1.0
    if zero and low == 0 and high <= 1:
        return 0.0, 1.0
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def number_text(number, state, signed=False):
    """Three digits, two after a glyph, with a short exponent: 4.45e4."""
    plus = "+" if signed else ""
    text = f"{number:{plus}.3g}" if state == "ok" else f"{STATE_STYLE[state].glyph} {number:.2g}"
    return text.replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")


def spoken(state, words=None):
    return f"{STATE_STYLE[state].glyph} {(words or {}).get(state, STATE_STYLE[state].word)}"


def box(ax, corner, width, height, state):
    """The box of a state."""
    ax.add_patch(Rectangle(corner, width, height, lw=1, **look(state)))


def word(ax, x, y, text, **how):
    """Text on paper white, so that no hatch runs through the letters."""
    plate = {"fc": PALETTE["paper"], "ec": "none", "pad": 1.5}
    return ax.text(x, y, text, color=PALETTE["text"], bbox=plate, clip_on=True, **how)


def band_words(ax, y, bands):
    """Each word inside its band where it fits, else above it."""
    tight = [band for band in bands if band[2] - band[1] < width(ax, band[0])]
    for text, left, right in bands:
        if (text, left, right) not in tight:
            word(ax, (left + right) / 2, y + 0.31, text, ha="center", va="center")
    texts, middles = [band[0] for band in tight], [(left + right) / 2 for _, left, right in tight]
    for text, middle in zip(texts, spread(ax, texts, middles), strict=True):
        ax.text(middle, y + 0.65, text, ha="center", va="bottom")


def width(ax, text):
    """About how much of the x axis a text takes, with room to spare: 10 pixels a character at 11 pt."""
    low, high = ax.get_xlim()
    return (len(text) + 1) * 10 * (high - low) / ax.get_window_extent().width


def spread(ax, texts, middles):
    """Move words that stand in a row apart, left to right and back, and keep them inside the axes."""
    low, high = ax.get_xlim()
    half = [width(ax, text) / 2 for text in texts]
    places = list(middles)
    for i in range(len(places)):
        wall = low if i == 0 else places[i - 1] + half[i - 1]
        places[i] = max(places[i], wall + half[i])
    for i in reversed(range(len(places))):
        wall = high if i == len(places) - 1 else places[i + 1] - half[i + 1]
        places[i] = min(places[i], wall - half[i])
    return places


def cell(ax, column, row, number, state, tint=0.0, signed=False, wrong=False):
    """One number of a table in its box; NaN, inf, zero and subnormal say so; a wrong one has a cross and a frame."""
    style = STATE_STYLE[state]
    plain = state == "ok"
    face = 1 - abs(tint) * (1 - (TINT if tint > 0 else TINT_BELOW)) if plain else PALETTE["paper"]
    ax.add_patch(
        Rectangle(
            (column - 0.42, row + 0.05), 0.84, 0.9, fc=face, ec=style.colour, hatch=style.hatch, lw=not plain
        )
    )
    if wrong:
        ax.add_patch(Rectangle((column - 0.42, row + 0.05), 0.84, 0.9, fill=False, ec=PALETTE["inf"], lw=2.5))
    text = spoken(state) if state in ("NaN", "zero") else number_text(number, state, signed)
    write = ax.text if plain else partial(word, ax)
    write(column, row + 0.5, f"✗ {text}" if wrong else text, ha="center", va="center")


def runs(x, states):
    """Stretches of equal state as (state, left, right), cut halfway between neighbouring points."""
    states = np.asarray(states)
    cuts = np.flatnonzero(states[1:] != states[:-1])
    ends = np.r_[x[0], (x[cuts] + x[cuts + 1]) / 2, x[-1]]
    firsts = states[np.r_[0, cuts + 1]]
    return [(str(s), float(a), float(b)) for s, a, b in zip(firsts, ends[:-1], ends[1:], strict=True)]


def end_labels(ax, lines, x):
    """Name each line beside its last finite point, at least a text's height from its neighbours."""
    x, placed = np.asarray(x), {}
    ends = [(y, np.flatnonzero(np.isfinite(y)), name, colour) for y, name, colour in lines]
    ends = [(y[i[-1]], x[i[-1]], name, colour) for y, i, name, colour in ends if i.size]
    for y, last, name, colour in sorted(ends):
        # a line that ends well before the edge is named where it ends, all others in the right margin
        at = last if last < x[0] + 0.9 * (x[-1] - x[0]) else x[-1]
        pixel = ax.transData.transform((at, y))[1]
        placed[at] = max(pixel, placed.get(at, -np.inf) + ax.figure.dpi * 14 / 72)
        lift = (placed[at] - pixel) * 72 / ax.figure.dpi
        ax.annotate(name, (at, y), (6, lift), textcoords="offset points", ha="left", va="center",
                    color=colour, annotation_clip=False)  # fmt: skip
