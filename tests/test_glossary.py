"""The glossary: every number is run, every link leads somewhere, every term is in the list."""

import re
from pathlib import Path

import numpy as np
import pytest

from course_utils import family, floats, naive, online, reference, shifted, stable

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "glossary.md").read_text("utf-8")
ENTRIES = {
    part.split("\n", 1)[0]: part.split("\n", 1)[1] for part in re.split(r"^### ", TEXT, flags=re.M)[1:]
}
EXAMPLE = re.compile(r"^- `(.+)` → `(.+)`$", re.M)
EXAMPLES = [(term, *example) for term, entry in ENTRIES.items() for example in EXAMPLE.findall(entry)]
ROOMS = {
    "np": np,
    "family": family,
    "floats": floats,
    "naive": naive,
    "online": online,
    "reference": reference,
    "shifted": shifted,
    "stable": stable,
}


def shown(value):
    """A value with six significant digits; -0 is 0."""
    if isinstance(value, tuple):
        return f"({', '.join(map(shown, value))})"
    if isinstance(value, bool | np.bool_):
        return str(value)
    if np.ndim(value):
        return f"[{', '.join(map(shown, value))}]"
    return f"{float(value) + 0.0:.6g}".replace("nan", "NaN")


@pytest.mark.parametrize(("term", "code", "printed"), EXAMPLES, ids=[f"{e[0]}: {e[1]}" for e in EXAMPLES])
def test_the_code_gives_what_stands_behind_the_arrow(term, code, printed):
    with np.errstate(all="ignore"):
        assert shown(eval(code, dict(ROOMS))) == printed


def test_no_number_stands_outside_of_an_example():
    """Digits in prose are names (float32, exp(1 + x), lesson 04) or at most two digits long."""
    prose = re.sub(r"\(\S+\)|`[^`]*`|float\d+|bits?\b", "", EXAMPLE.sub("", TEXT))
    assert re.findall(r"\d{3,}|\d\.\d|\d+e[-+]?\d+", prose) == []


def test_each_term_links_to_a_lesson_that_is_there():
    for term, entry in ENTRIES.items():
        number, path = re.search(r"^\[Lesson (\d\d)\]\(\.\./notebooks/(\S+)\.ipynb\)$", entry, re.M).groups()
        assert path.startswith(number), term
        assert (ROOT / "lessons" / f"{path}.py").exists(), term


def test_each_term_is_taught_where_its_entry_leads():
    """A word nobody meets in the lesson is a word nobody looks up."""
    for term, entry in ENTRIES.items():
        path = re.search(r"^\[Lesson \d\d\]\(\.\./notebooks/(\S+)\.ipynb\)$", entry, re.M)[1]
        lesson = re.sub(r"\n# ", " ", (ROOT / "lessons" / f"{path}.py").read_text("utf-8")).casefold()
        for word in term.casefold().split(" and "):
            assert word in lesson or word.replace("logsumexp", "log-sum-exp") in lesson, f"{term}: {path}"


def anchor(heading):
    """How GitHub and JupyterLab name a heading's place."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_list_at_the_top_holds_every_term_in_order_and_leads_to_it():
    listed = re.findall(r"^\[(.+?)\]\(#(.+?)\)", TEXT.split("\n## ")[0], re.M)
    assert [term for term, _ in listed] == sorted(ENTRIES, key=str.casefold)
    assert all(target == anchor(term) for term, target in listed)
    assert len({target for _, target in listed}) == len(ENTRIES)


def test_definitions_are_short():
    for term, entry in ENTRIES.items():
        definition = entry.split("[Lesson")[0].split()
        assert 8 <= len(definition) <= 60, term
