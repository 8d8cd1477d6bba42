"""Formulas as MathML, made while the site is built: no page needs a script for them, and screen readers know them."""

from docutils import nodes
from latex2mathml import converter


def inline(writer, node):
    writer.body.append(converter.convert(node.astext()))
    raise nodes.SkipNode


def block(writer, node):
    writer.body.append(f'<div class="math">{converter.convert(node.astext(), display="block")}</div>')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True}
