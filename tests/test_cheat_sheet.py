"""The cheat sheet: the committed files are the build of their source, and what they say is so."""

import html
import math
import re
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

from course_utils import floats, naive, reference, shifted
from tools import cheat_sheet

PAGE = cheat_sheet.PAGE.read_text("utf-8")
ROWS = list(cheat_sheet.cliffs())
CLAIMS = cheat_sheet.PATCHES + cheat_sheet.QUIET
each_format = pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])


def number(text):
    return float(text.replace("−", "-"))


def exp(x, name):
    with np.errstate(all="ignore"):
        return float(np.exp(floats.store([x], name))[0])


def nearer_to_zero(x, name):
    """A stored value that is certainly on the near side of a cliff printed with three decimals."""
    return floats.neighbour(x - math.copysign(0.001, x), name, up=x < 0)


def test_both_files_are_the_build_of_their_source():
    assert cheat_sheet.page() == PAGE, "run: make cheatsheet"
    assert cheat_sheet.mark(PAGE).encode() in cheat_sheet.PRINT.read_bytes(), "run: make cheatsheet"


def test_the_print_is_one_page_and_carries_its_title():
    pdf = cheat_sheet.PRINT.read_bytes()
    assert cheat_sheet.pages(pdf) == 1
    assert b"/Title (Stable softmax on one page)" in pdf
    assert b"/MarkInfo" in pdf, "the PDF has lost its tags, which screen readers need"


def test_a_second_page_would_be_counted_and_a_date_would_be_removed():
    pdf = b"/Type /Pages /Type /Page\n/Type /Page /CreationDate (D:20250102030405+00'00') (node00000031) (node00000007)"
    assert cheat_sheet.pages(pdf) == 2
    settled = cheat_sheet.settled(pdf)
    assert len(settled) == len(pdf)
    assert b"(D:20000101000000+00'00') (node00000002) (node00000001)" in settled


@each_format
def test_exp_overflows_at_the_printed_logit_and_not_before(row):
    x = number(row["overflow"])
    assert {math.inf: "inf"}.get(exp(x, row["name"]), "NaN") == row["becomes"]
    assert math.isfinite(exp(nearer_to_zero(x, row["name"]), row["name"]))


@each_format
def test_exp_loses_its_digits_and_then_its_value_at_the_printed_logits(row):
    smallest_normal = floats.FORMATS[row["name"]].smallest_normal
    loses, gone = number(row["subnormal"]), number(row["zero"])
    assert exp(loses, row["name"]) < smallest_normal <= exp(nearer_to_zero(loses, row["name"]), row["name"])
    assert exp(gone, row["name"]) == 0 < exp(nearer_to_zero(gone, row["name"]), row["name"])


@each_format
def test_the_sum_of_equal_terms_passes_the_largest_number_at_the_printed_logit(row):
    largest, x = math.log(floats.FORMATS[row["name"]].max), number(row["sum"])
    assert x - 0.0011 + math.log(cheat_sheet.MANY) < largest < x + math.log(cheat_sheet.MANY)


def test_that_sum_falls_in_numpy_too():
    x = number(ROWS[1]["sum"])
    for logit, answer in ((x + 0.01, 0), (x - 0.01, 1 / cheat_sheet.MANY)):
        with np.errstate(over="ignore"):
            p = naive.softmax(np.full(cheat_sheet.MANY, logit, np.float32))
        assert p == pytest.approx(answer, rel=1e-4)


@each_format
def test_from_the_printed_gap_on_a_term_disappears_next_to_1(row):
    name, gap = row["name"], number(row["absorbed"])
    one = floats.store([1], name)
    assert one + np.exp(floats.store([-gap], name)) == one
    assert one + np.exp(floats.store([-nearer_to_zero(gap, name)], name)) > one


@each_format
def test_the_neighbours_near_100_are_as_far_apart_as_printed(row):
    stored = float(floats.store(100, row["name"]))
    apart = floats.neighbour(stored, row["name"]) - stored
    assert number(row["spacing"]) == pytest.approx(apart, rel=5e-3)


@each_format
def test_the_largest_number_is_not_made_larger_by_printing_it(row):
    largest = floats.FORMATS[row["name"]].max
    assert 0.99 * largest < number(row["largest"]) <= largest


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim[0])
def test_each_patch_fails_on_its_input_and_on_none_before(claim):
    _, key, family = claim
    first = cheat_sheet.smallest(key, family)
    assert first > 0
    assert not any(cheat_sheet.lost(*cheat_sheet.answers(key, family(g))).any() for g in range(first))


def test_what_a_few_patches_give_follows_from_a_formula():
    gives = {row["patch"]: number(row["gives"]) for row in cheat_sheet.refuted(cheat_sheet.PATCHES)}
    assert gives["−log(p + 1e−8)"] == pytest.approx(-math.log(1e-8 + math.exp(-21)), abs=0.06)
    assert gives["−log(clip(p, 1e−7))"] == pytest.approx(-math.log(1e-7), abs=0.05)
    q = math.e / (math.e + 2)
    assert gives["softmax twice"] == pytest.approx(
        math.log(math.exp(q) + 2 * math.exp((1 - q) / 2)) - q, abs=6e-4
    )


def test_quiet_failures_are_finite():
    for row in cheat_sheet.refuted(cheat_sheet.QUIET):
        assert math.isfinite(number(row["gives"]))


def test_the_code_on_the_sheet_runs_and_gives_what_the_package_gives():
    scope = {"np": np}
    for function, *_ in cheat_sheet.CURES:
        source = cheat_sheet.code(function)
        assert '"""' not in source
        assert html.escape(source, quote=False) in PAGE.replace("&#39;", "'").replace("&#34;", '"')
        exec(source, scope)
    z, targets = np.array([[3.0, 1, 0], [1000, 0, -1000]]), np.array([0, 1])
    for name in ("softmax", "log_softmax", "logsumexp"):
        assert np.array_equal(scope[name](z), getattr(shifted, name)(z))
    ours, theirs = (
        room(z, targets) for room in (scope["cross_entropy_with_grad"], shifted.cross_entropy_with_grad)
    )
    assert ours[0] == theirs[0]
    assert np.array_equal(ours[1], theirs[1])
    assert scope["my_log_softmax"](np.float32([20, 0]))[0] == pytest.approx(-math.exp(-20), rel=1e-6)


def test_every_input_of_the_last_question_breaks_the_textbook():
    question = re.findall(r"<li>(.*?)</li>", PAGE, re.S)[-1]
    inputs = re.findall(r"<code>\[(.*?)\]</code>", question)
    assert len(inputs) == 4
    for text in inputs:
        z = np.array([float(part) for part in text.split(",")], np.float32)
        with np.errstate(all="ignore"):
            computed = naive.log_softmax(z)
        assert cheat_sheet.lost(computed, reference.log_softmax(z)).any(), text


# --- everybody can read it ------------------------------------------------------------------------------


class Outline(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def test_headings_tables_and_language_are_marked():
    tags = Outline(PAGE).tags
    levels = [int(tag[1]) for tag, _ in tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in tags if tag == "th")
    assert ("html", {"lang": "en"}) in tags
    assert not re.search(r"(?:src|href)=.?https?:|url\(https?:", PAGE), "the page must work without a network"


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", ["ink", "soft", "blue"])
def test_text_stands_out_from_the_paper(name):
    colours = dict(re.findall(r"--(\w+): (#\w{6})", PAGE))
    assert (luminance(colours["paper"]) + 0.05) / (luminance(colours[name]) + 0.05) >= 4.5
