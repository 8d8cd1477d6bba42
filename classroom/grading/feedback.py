"""Feedback as a page and as text: what a student wrote is escaped, and no graded input is in it to begin with."""

from __future__ import annotations

from html import escape

_STYLE = "body { font: 1rem/1.5 sans-serif; max-width: 46rem; margin: 2rem auto; } pre { overflow-x: auto; }"
# Nothing may run and nothing may be fetched, whatever slips through.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def html(graded) -> str:
    """A page of its own for one student."""
    name = escape(f"{graded.problem_set}: {graded.student}" if graded.student else graded.problem_set)
    parts = [f"<h1>{name}</h1>", f"<p>{_number(graded.total)} of {_number(graded.maximum)} points.</p>"]
    if graded.reason:
        parts.append(f"<p>Nothing could be graded. {_text(graded.reason)}</p>")
    parts += [_exercise(graded, key) for key in graded.worth]
    parts += [_prose(name, written) for name, written in graded.prose.items() if written]
    return _PAGE.format(title=name, policy=_POLICY, style=_STYLE, body="\n".join(parts))


def text(graded) -> str:
    """The same in plain text, without what would move a terminal's cursor."""
    lines = [
        f"{graded.student or graded.problem_set}: {_number(graded.total)} of {_number(graded.maximum)} points"
    ]
    lines += [f"  {graded.reason}"] if graded.reason else []
    for key, worth in graded.worth.items():
        lines.append(f"  {key}: {_number(graded.points[key])} of {_number(worth)}")
        lines += [f"    {sentence}" for sentence in graded.feedback.get(key, ())]
    return "\n".join(map(plain, lines))


def plain(line) -> str:
    """A line with its control characters and its direction marks shown instead of sent."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)


def _exercise(graded, key):
    head = f"<h2>{escape(key)}: {_number(graded.points[key])} of {_number(graded.worth[key])}</h2>"
    sentences = "".join(f"<li>{_text(sentence)}</li>" for sentence in graded.feedback.get(key, ()))
    return f"{head}\n<ul>{sentences}</ul>"


def _prose(name, written):
    lines = "\n".join(_text(line) for line in written.split("\n"))
    return f"<h2>{escape(name)}</h2>\n<pre>{lines}</pre>"


def _text(line):
    return escape(plain(line))


def _number(points):
    return f"{points:g}"


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
