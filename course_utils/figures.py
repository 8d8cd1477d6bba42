"""Turn a figure into output that everybody can read: a picture, its text, its caption and its numbers.

Jupyter's own image output has no place for a text alternative. So a figure leaves here as HTML:
`<figure><img alt><figcaption>`, with the numbers behind it in a `<details>` table. That form is kept by
JupyterLab (run or not), by nbconvert and by static viewers. The bytes are the same on every run.
"""

import base64
import html as markup
import io
import os
import re

import matplotlib
import numpy as np
from PIL import Image


def show(fig, *, alt, caption, table=None):
    """Display the figure with its text and let go of it. Arguments as for `html`."""
    from IPython.display import HTML, display

    display(HTML(html(fig, alt=alt, caption=caption, table=table)))
    fig.clear()


def html(fig, *, alt, caption, table=None) -> str:
    """The figure as an HTML string that needs no other file.

    alt:     what the picture shows, for someone who can't see it: 40 to 250 characters, with the number
             that matters
    caption: the sentence under the picture; `code` in backticks
    table:   the numbers behind the picture: a list of dicts, one a row, keyed by column

    Raises: ValueError when the alt text is too short, too long or has no digit.
    """
    check_alt(alt)
    width = round(fig.get_figwidth() * 100)
    return (
        f'<figure style="margin:0;max-width:{width}px">'
        f'<img alt="{markup.escape(alt)}" width="{width}" style="max-width:100%;height:auto"'
        f' src="data:image/png;base64,{base64.b64encode(png(fig)).decode()}">'
        f"<figcaption>{prose(caption)}</figcaption>"
        f"{details('The numbers in this figure', html_table(table)) if table else ''}"
        "</figure>"
    )


def check_alt(alt: str) -> None:
    """Raise ValueError unless `alt` says enough, briefly, and names a number."""
    if not 40 <= len(alt) <= 250:
        raise ValueError(f"alt text must have 40 to 250 characters; this one has {len(alt)}: {alt!r}")
    if not re.search(r"\d", alt):
        raise ValueError(f"alt text must name the number that matters; there is no digit in {alt!r}")


def png(fig) -> bytes:
    """PNG bytes that depend on the figure alone, a third of what matplotlib writes: 64 colours are enough for lines.

    The 64 are the figure's most frequent ones, exact; between them lie the soft edges of its lines and letters.
    """
    drawn, file = io.BytesIO(), io.BytesIO()
    with matplotlib.rc_context({"savefig.bbox": "standard"}):
        fig.savefig(drawn, format="rgba", dpi=DPI)
    pixels = np.frombuffer(drawn.getvalue(), np.uint8).reshape(-1, int(fig.get_figwidth() * DPI), 4)
    palette, places = _palette(pixels[..., :3])
    image = Image.fromarray(places)
    image.putpalette(palette.astype(np.uint8).tobytes())
    image.save(file, "PNG", compress_level=9)
    return file.getvalue()


def _palette(pixels):
    """(64 colours at most, the place in them for each pixel): the most frequent, and the nearest of these."""
    packed = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    found, places, counts = np.unique(packed, return_inverse=True, return_counts=True)
    colours = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=-1).astype(np.int64)
    kept = colours[np.sort(np.argsort(-counts, kind="stable")[:COLOURS])]
    distances = ((colours[:, None] - kept) ** 2).sum(axis=-1)
    return kept, distances.argmin(axis=1).astype(np.uint8)[places].reshape(packed.shape)


def html_table(rows) -> str:
    """A list of dicts as an HTML table: the keys are the header, the first column names the row.

    Raises: ValueError when a column has no name, since a screen reader could not say what its numbers are.
    """
    if not all(str(key).strip() for key in rows[0]):
        raise ValueError(f"every column of table needs a name; got {list(rows[0])}")
    head = "".join(f'<th scope="col">{markup.escape(str(key))}</th>' for key in rows[0])
    body = "".join(f"<tr>{''.join(_cells(row.values()))}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def details(summary: str, body: str) -> str:
    """A part that opens on demand, by mouse and by keyboard, without a kernel. `body` is HTML."""
    return f"<details><summary>{markup.escape(summary)}</summary>{body}</details>"


def prose(text: str) -> str:
    """Plain text as safe HTML paragraphs: a blank line between them, inside each as `inline`."""
    return "".join(f"<p>{inline(part)}</p>" for part in re.split(r"\n\s*\n", text.strip()))


def inline(text: str) -> str:
    """Plain text as safe HTML: `code` in backticks, **strong** in stars."""
    safe = markup.escape(text.strip(), quote=False)
    safe = re.sub(r"`([^`]+)`", r"<code>\1</code>", safe)
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", safe)


def for_every_host(bundle, plain: str, page: str) -> tuple[dict, dict]:
    """(data, metadata) of a widget's view, with words and a page for readers whose host shows no view.

    bundle: what anywidget says of the view, (data, metadata): it knows what Colab wants
    page:   the widget as HTML that needs no kernel

    Kaggle's pages hold nothing of anywidget and show an error in place of such a view; so they get the page alone.
    """
    data, metadata = bundle
    if "KAGGLE_KERNEL_RUN_TYPE" in os.environ:
        return {"text/plain": plain, "text/html": prose(NO_WIDGETS) + page}, {}
    return {**data, "text/plain": plain, "text/html": page}, metadata


NO_WIDGETS = (
    "Kaggle shows no controls here; this is where they start. Binder, Colab and your own machine have them."
)
VIEW = "application/vnd.jupyter.widget-view+json"
DPI = 120  # pixels for an inch of 100 CSS pixels: sharp on dense screens, still small
COLOURS = 64


def _cells(values):
    for position, value in enumerate(values):
        text = markup.escape(str(value))
        yield f'<th scope="row">{text}</th>' if position == 0 else f"<td>{text}</td>"
