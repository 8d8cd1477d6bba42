"""Where the course lives on the web. pyproject.toml says it, the README repeats it for who reads; all else asks here.

    python tools/address.py                  print the addresses
    python tools/address.py OWNER/NAME       move: write the repository's name into pyproject.toml and README.md

After a move, build the notebooks anew: the first cell of each names the wheel that Colab and Kaggle fetch.
"""

import re
import sys
import tomllib
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[1]
NAMED_IN = ("pyproject.toml", "README.md")
BRANCH = "main"


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def repository():
    """https://github.com/OWNER/NAME"""
    return project()["urls"]["Repository"]


def name():
    """OWNER/NAME"""
    return "/".join(repository().split("/")[-2:])


def site():
    """Where GitHub publishes build/site, with a slash at its end."""
    return project()["urls"]["Homepage"]


def wheel_name():
    return f"course_utils-{project()['version']}-py3-none-any.whl"


def wheel():
    """The package, for a host that has none."""
    return f"{site()}pypi/{wheel_name()}"


def lesson(notebook):
    """The path of a notebook in the repository: "00_slug" is notebooks/00_slug.ipynb."""
    return f"notebooks/{notebook}.ipynb"


def binder(notebook):
    return f"https://mybinder.org/v2/gh/{name()}/{BRANCH}?urlpath={quote('lab/tree/' + lesson(notebook), '')}"


def lite(notebook, home=None):
    """In the browser; `home` is another place of the site than the published one, such as ".."."""
    return f"{site() if home is None else home}lite/lab/index.html?path={quote(lesson(notebook), '')}"


def colab(notebook):
    return f"https://colab.research.google.com/github/{name()}/blob/{BRANCH}/{lesson(notebook)}"


def kaggle(notebook):
    return f"https://kaggle.com/kernels/welcome?src={repository()}/blob/{BRANCH}/{lesson(notebook)}"


def codespaces():
    return f"https://codespaces.new/{name()}"


def move(new):
    """Write OWNER/NAME into the files that name the repository."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", new):
        sys.exit(f"{new} is no OWNER/NAME")
    old = name()
    for file in NAMED_IN:
        path = ROOT / file
        path.write_text(moved(path.read_text("utf-8"), old, new), "utf-8", newline="\n")
    print(f"{old} is {new} now in {' and '.join(NAMED_IN)}; then: make notebooks")


def moved(text, old, new):
    """The text with one repository's addresses in place of another's."""
    pages = [f"{owner}.github.io/{repo}" for owner, repo in (old.split("/"), new.split("/"))]
    return text.replace(pages[0], pages[1]).replace(old, new)


def main(arguments):
    if arguments:
        return move(arguments[0])
    first = "00_can_four_numbers_break_a_classifier"
    for address in (repository(), site(), wheel(), *(host(first) for host in (binder, lite, colab, kaggle))):
        print(address)


if __name__ == "__main__":
    main(sys.argv[1:])
