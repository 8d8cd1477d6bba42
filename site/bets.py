"""A bet stays a bet on the page: what follows it, up to the next heading, is one part that the page can fold away.

Without JavaScript nothing is folded. The folding itself is static/reading.js.
"""

from docutils import nodes


def fold(app, doctree):
    bets = [cell for cell in doctree.findall(nodes.container) if "tag_bet" in cell["classes"]]
    for cell in reversed(bets):  # an answer may hold the next bet
        section = cell.parent
        start = section.index(cell) + 1
        end = section.first_child_matching_class(nodes.section, start=start) or len(section)
        section[start:end] = [nodes.container("", *section[start:end], classes=["after-bet"], is_div=True)]


def setup(app):
    app.connect("doctree-read", fold)
    return {"parallel_read_safe": True}
