"""The lessons, as the README lists them, and the ways to run one."""

import re
from dataclasses import dataclass
from pathlib import Path

from tools import address

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Lesson:
    """One row of the README's table."""

    number: str
    slug: str
    title: str
    builds: str

    @property
    def notebook(self) -> Path:
        return ROOT / "notebooks" / f"{self.slug}.ipynb"

    @property
    def minutes(self) -> str:
        return re.search(r"\*\*Time:\*\* (\d+) minutes", self.notebook.read_text("utf-8"))[1]

    def ways(self, to_root="") -> dict[str, str]:
        """Name and address of each way to run the lesson; `to_root` leads from a page to the site's root."""
        return {
            "in this browser": address.lite(self.slug, to_root),
            "Binder": address.binder(self.slug),
            "Colab": address.colab(self.slug),
        }


_ROW = re.compile(r"^\| \[(\d\d)\]\(notebooks/(\w+)\.ipynb\) \| (.*?) \| (.*?) \|$", re.M)
LESSONS = [Lesson(*row) for row in _ROW.findall((ROOT / "README.md").read_text("utf-8"))]
