"""The first page keeps its promises: its example runs, its links lead somewhere, its commands exist."""

import doctest
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["README.md", "CONTRIBUTING.md"]


def read(page):
    return (ROOT / page).read_text("utf-8")


def test_the_example_gives_what_the_page_shows():
    example = doctest.DocTestParser().get_doctest(
        re.search(r"```python\n(.*?)```", read("README.md"), re.S)[1], {}, "README", "README.md", 0
    )
    with np.errstate(all="ignore"):
        assert doctest.DocTestRunner().run(example) == (0, 3)


@pytest.mark.parametrize("page", PAGES)
def test_links_to_files_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", read(page))
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_make_has_every_target_that_is_named(page):
    named = set(
        re.findall(r"make ([a-z][a-z-]*)", "\n".join(re.findall(r"`[^`]+`|```.*?```", read(page), re.S)))
    )
    targets = {
        name for line in re.findall(r"^([a-z][a-z -]*):", read("Makefile"), re.M) for name in line.split()
    }
    assert named
    assert named <= targets


def test_the_repositorys_name_is_kept_in_one_place():
    where = [number for number, line in enumerate(read("README.md").splitlines()) if "ORG/REPO" in line]
    assert where == list(range(where[0], where[0] + len(where)))
