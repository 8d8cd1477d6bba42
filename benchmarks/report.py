"""What was measured, in files: a CSV a part, the page made of them, and the block in the README."""

from __future__ import annotations

import csv
from pathlib import Path

from benchmarks import accuracy, memory, pictures, speed
from course_utils import figures

BEGIN, END = "<!-- benchmarks: begin, written by `make bench` -->", "<!-- benchmarks: end -->"
# What the README shows, beside the inputs on which each library is ahead by most.
CHOSEN = (
    ("softmax", "float64", "1×10"),
    ("softmax", "float32", "1×1000"),
    ("softmax", "float32", "1000×1000"),
    ("softmax", "float32", "100000×10"),
    ("softmax", "float32", "1024×50257"),
    ("softmax", "float16", "1000×1000"),
    ("log_softmax", "float32", "1000×1000"),
    ("logsumexp", "float32", "1000×1000"),
    (speed.LOSS, "float32", "256×1000"),
)
SHOWN = 12  # of the lost inputs, on the page of results


def save(folder: Path, name: str, rows) -> None:
    """The rows of one part as a CSV file."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns(rows), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def load(folder: Path, name: str) -> list[dict]:
    """What `save` wrote, numbers as numbers; nothing where that part was never measured."""
    path = folder / f"{name}.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {key: _value(text) for key, text in row.items() if text != ""} for row in csv.DictReader(file)
        ]


def page(folder: Path) -> None:
    """`README.md` and the picture, from whatever parts the folder holds."""
    parts = [_machine(folder), _bars(folder), _speed(folder), _accuracy(folder), _bounds(folder)]
    parts += [_memory(folder), _latency(folder), _audits(folder)]
    blocks = [
        "# What was measured",
        "Written by `make bench`; not edited by hand. The numbers lie beside it as CSV.",
    ]
    text = "\n\n".join([*blocks, *(block for part in parts for block in part)])
    (folder / "README.md").write_text(text + "\n", "utf-8")


def refresh(readme: Path, folder: Path, shown_as: str) -> None:
    """Put the picture and the table between the README's markers. Raises: ValueError without markers."""
    text = readme.read_text("utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{readme} has no lines {BEGIN} and {END}")
    machine = {row["what"]: row["is"] for row in load(folder, "machine")}
    about = (
        f"One thread of {str(machine['processor']).split(',')[0]}, NumPy {machine['numpy']}, {machine['date']}. "
        f"Every input, bar and error: [all results]({shown_as}/README.md)."
    )
    block = f"![{_picture(folder)}]({shown_as}/overview.png)\n\n{markdown(_honest(load(folder, 'speed')))}\n\n{about}"
    readme.write_text(f"{before}{begin}\n{block}\n{end}{after}", "utf-8")


def markdown(rows) -> str:
    """A list of dicts as a Markdown table; the columns are all the keys, in the order they turn up."""
    names = columns(rows)
    lines = [names, ["---"] * len(names)]
    lines += [[_shown(row.get(name)) for name in names] for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def columns(rows) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))


def _machine(folder):
    rows = load(folder, "machine")
    return [markdown([{row["what"]: row["is"] for row in rows}])] if rows else []


def _bars(folder):
    rows = [*speed.bars(load(folder, "speed")), *accuracy.bars(load(folder, "accuracy"))]
    if not rows:
        return []
    return [
        "## The bars",
        "Of speed: the time of the other divided by that of `stable`, with 10 % forgiven to the noise. Of accuracy: "
        "the largest error in ulps; of logsumexp in ulps or in u max|z|, whichever is smaller.",
        markdown(rows),
    ]


def _speed(folder):
    rows = load(folder, "speed")
    if not rows:
        return []
    behind = speed.lost(rows)
    return [
        "## Speed",
        "Microseconds of `stable`, and the time of each other divided by it: above 1, `stable` is faster. All take "
        "turns in one process, on one thread; of three processes the middle ratio counts.",
        f"![{_picture(folder)}](overview.png)" if load(folder, "margins") else "",
        markdown([_without(row, "classes", "numbers", "bytes") for row in rows]),
        f"A compiled library pays less for each call and reads its input less often. {len(behind)} comparisons are "
        f"lost; here are the {min(SHOWN, len(behind))} worst.",
        *([markdown(behind[:SHOWN])] if behind else []),
    ]


def _accuracy(folder):
    rows = load(folder, "accuracy")
    if not rows:
        return []
    closer = [row for row in rows if accuracy.judge(row)["closer"]]
    missed = [row for row in rows if not accuracy.judge(row)["met"]]
    return [
        "## Accuracy",
        "The largest error against mpmath, in ulps, over classes of inputs: modest, spread, far from 0, tied, with "
        f"large margins, with many equal terms. Bars missed: {len(missed)} of {len(rows)}.",
        markdown(accuracy.summary(rows)),
        *([markdown(missed)] if missed else []),
        f"SciPy or PyTorch is closer to the truth than `stable` on {len(closer)} of {len(rows)} rows.",
    ]


def _bounds(folder):
    rows = load(folder, "bounds")
    if not rows:
        return []
    return [
        "## Bounds",
        "The largest error of `stable` in ulps over a million rows a function and format, of 1 to 5,000 classes, at "
        "each SIMD level that NumPy can be told to use here (`python -m benchmarks bounds`). logsumexp: in ulps or "
        "u max|z|, whichever is smaller; gradient of soft targets: in ulps or u (p + t). Many equal small terms have "
        "a column of their own.",
        markdown(rows),
    ]


def _memory(folder):
    rows = load(folder, "memory")
    judged = [_without(row, "bytes") | {"no more with out=": memory.judge(row)} for row in rows]
    return ["## Memory", "The peak beyond the input, in inputs.", markdown(judged)] if rows else []


def _latency(folder):
    rows = load(folder, "latency")
    said = "From a key press on a slider to new pixels in JupyterLab, in ms, beside `interact` with an inline figure."
    return ["## Latency", said, markdown(rows)] if rows else []


def _audits(folder):
    """The table of `benchmarks.audits`, where its rows were measured."""
    rows = load(folder, "audits")
    if not rows:
        return []
    from benchmarks import audits

    return ["## Audits", audits.table(rows)]


def _picture(folder) -> str:
    """Draw the picture; its text."""
    fig, alt = pictures.overview(load(folder, "speed"), load(folder, "margins"))
    figures.check_alt(alt)
    (folder / "overview.png").write_bytes(figures.png(fig))
    return alt


def _honest(rows) -> list[dict]:
    """The chosen inputs, then the two on which each library is ahead by most."""
    behind = speed.lost(rows)
    worst = [row for name in ("SciPy", "torch") for row in [r for r in behind if r["faster"] == name][:2]]
    wanted = dict.fromkeys([*CHOSEN, *map(_key, worst)])
    there = {_key(row): _without(row, "classes", "numbers", "bytes", "before / stable") for row in rows}
    return [there[key] for key in wanted if key in there]


def _key(row):
    return row["quantity"], row["dtype"], row["shape"]


def _without(row, *names):
    return {key: value for key, value in row.items() if key not in names}


def _value(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _shown(value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, float):
        if 1000 <= value < 1e7:
            return f"{value:,.0f}"
        return f"{value:.2f}" if 0.01 <= abs(value) < 1000 or value == 0 else f"{value:.2g}"
    return str(value)
