"""The figure of an explorer: drawn once, then only where it changes, and encoded quickly."""

import struct
import zlib
from functools import partial

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

KEPT = 8  # figures of one explorer: the six formats, and two of another method


class Pictures:
    """The figures of one explorer: one for each scene, made when it is first seen and kept for a while."""

    def __init__(self, draw, size, scene, first):
        """The first observation decides the layout of all, so a picture doesn't depend on where it started."""
        self._new = partial(_Picture, draw, size)
        self._kept = {scene: self._new(first)}

    def __contains__(self, scene) -> bool:
        return scene in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    def png(self, scene, seen) -> bytes:
        """The observation, drawn in the figure of its scene."""
        picture = self._kept.pop(scene, None) or self._new(like=next(iter(self._kept.values())))
        self._kept[scene] = picture  # the latest stands last
        for old in list(self._kept)[:-KEPT]:
            del self._kept[old]
        return picture.png(seen)

    def sharpen(self, ratio) -> None:
        """As many pixels as the screen shows: any other number would blur, a larger one would cost time."""
        for picture in self._kept.values():
            picture.sharpen(ratio)


class _Picture:
    """One figure for the life of an explorer. The still part is drawn when it changes, the rest each time."""

    def __init__(self, draw, size, first=None, like=None):
        """The layout is found with the first observation, or is that of another picture."""
        self._figure = Figure(size, dpi=100, layout="none" if like else "constrained")
        self._canvas = FigureCanvasAgg(self._figure)
        self._update = draw(self._figure)
        self._background = None
        if like:
            for mine, other in zip(self._figure.axes, like._figure.axes, strict=True):
                mine.set_position(other.get_position())
            self._figure.set_dpi(like._figure.dpi)
            return
        self._update(first)
        self._canvas.draw()
        self._figure.set_layout_engine("none")  # found once: axes that wander confuse

    def sharpen(self, ratio) -> None:
        self._figure.set_dpi(100 * min(max(ratio, 0.5), 2))
        self._background = None

    def png(self, seen) -> bytes:
        self._update(seen)
        # Matplotlib marks a figure stale when an artist changes, unless that artist is animated.
        if self._background is None or self._figure.stale:
            self._draw_background()
        changed = next((i for i, artist in enumerate(self._moving) if artist.stale), len(self._moving))
        start = self._layers if self._layers <= changed else 0
        self._canvas.restore_region(self._kept if start else self._background)
        if changed != self._layers:
            self._draw(self._moving[start:changed])
            self._layers, self._kept = changed, self._copy()
        self._draw(self._moving[changed:])
        return png(np.asarray(self._canvas.buffer_rgba()))

    def _draw_background(self):
        """All that is still; over it the lowest moving artists are kept as well, as long as they don't change."""
        self._canvas.draw()
        self._background = self._copy()
        moving = self._figure.findobj(lambda artist: artist.get_animated())
        self._moving = sorted(moving, key=lambda artist: artist.get_zorder())
        self._layers, self._kept = 0, None

    def _copy(self):
        return self._canvas.copy_from_bbox(self._figure.bbox)

    def _draw(self, artists):
        for artist in artists:
            self._figure.draw_artist(artist)


def stacked(draw, size, seen):
    """All observations in one figure, each under its name."""
    width, height = size
    figure = Figure((width, height * len(seen)), layout="constrained")
    FigureCanvasAgg(figure)
    rows = np.atleast_1d(figure.subfigures(len(seen), 1))
    for row, (name, one) in zip(rows, seen.items(), strict=True):
        if len(seen) > 1:
            row.suptitle(name, x=0.01, ha="left", fontweight="bold", fontsize=12)
        draw(row)(one)
    for axes in figure.axes:
        # A figure that is saved draws what is animated in its axes, but no axes that are animated themselves.
        axes.set_animated(False)
    return figure


def png(rgba) -> bytes:
    """Encode as PNG in a third of the usual time: no filter, light compression."""
    height, width, depth = rgba.shape
    lines = np.zeros((height, 1 + depth * width), np.uint8)
    lines[:, 1:] = rgba.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
