"""The tables and pictures in files: Markdown to read, CSV to compute with, and the block in the README."""

import csv
from dataclasses import dataclass
from pathlib import Path

from benchmarks import accuracy, memory, pictures, speed
from course_utils import figures

BEGIN, END = "<!-- benchmarks: begin, written by `make bench` -->", "<!-- benchmarks: end -->"
OTHERS = ("SciPy", "torch", "JAX", "naive")
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
    ("cross_entropy_with_grad", "float32", "256×1000"),
)
SHOWN = 20  # of the lost inputs, on the page of results


@dataclass(frozen=True)
class Measured:
    """Everything that one run found."""

    machine: dict
    speed: list
    accuracy: list
    sweeps: dict
    memory: list
    steps: list


def write(measured: Measured, folder: Path) -> None:
    """`README.md`, the CSV files and the pictures, into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        "machine": [{"what": key, "is": value} for key, value in measured.machine.items()],
        "speed": measured.speed,
        "speed_bars": speed.ratios(measured.speed),
        "accuracy": _judged(measured.accuracy),
        "memory": measured.memory,
        "steps": measured.steps,
    }
    for name, rows in tables.items():
        _write_csv(folder / f"{name}.csv", rows)
    alts = {name: _save(folder / f"{name}.png", *drawn) for name, drawn in _pictures(measured).items()}
    (folder / "README.md").write_text(_page(measured, alts), "utf-8")


def refresh(readme: Path, measured: Measured, folder: str) -> None:
    """Put the picture and the table between the README's markers. Raises: ValueError without markers."""
    text = readme.read_text("utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{readme} has no lines {BEGIN} and {END}")
    alt = pictures.overview(measured.speed, measured.sweeps)[1]
    table = markdown(_honest(measured.speed))
    about = (
        f"One thread of {measured.machine['processor'].split(',')[0]}, NumPy {measured.machine['numpy']}, "
        f"{measured.machine['date']}. Every input, bar and error: [all results]({folder}/README.md)."
    )
    block = f"![{alt}]({folder}/overview.png)\n\n{table}\n\n{about}"
    readme.write_text(f"{before}{begin}\n{block}\n{end}{after}", "utf-8")


def markdown(rows) -> str:
    """A list of dicts as a Markdown table; the columns are all the keys, in the order they turn up."""
    columns = _columns(rows)
    lines = [columns, ["---"] * len(columns)]
    lines += [[_shown(row.get(column)) for column in columns] for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def lost(rows) -> list[dict]:
    """Every input on which a library is faster than `stable`, the worst first."""
    compared = [
        (row, name, row[name] / row["stable"]) for row in rows for name in OTHERS[:3] if row.get(name)
    ]
    behind = sorted((c for c in compared if c[2] < 1), key=lambda c: c[2])
    return [
        {key: row[key] for key in ("quantity", "dtype", "shape")} | {"faster": name, "its time / ours": ratio}
        for row, name, ratio in behind
    ]


def _page(measured, alts) -> str:
    behind, missed_speed = lost(measured.speed), speed.missed(measured.speed)
    judged = _judged(measured.accuracy)
    closer = [row for row in judged if row["closer"]]
    clearly = [row for row in closer if _closest(row) < row["stable"] - 0.5]
    missed = [row for row in judged if not row["met"]]
    blocks = [
        "# What was measured",
        "Written by `make bench`; not edited by hand. The same numbers as CSV lie beside this page.",
        markdown([measured.machine]),
        "## Speed: the bars",
        "Ratios of median times: all contenders in turns, in one process, on one thread; of three processes the "
        "middle one counts. `held` counts the inputs that pass.",
        markdown(speed.summary(measured.speed)),
        f"![{alts['times']}](times.png)",
        "## Speed: every input",
        "Microseconds of `stable`, and the time of each other divided by it: above 1, `stable` is faster.",
        markdown([_relative(row) for row in measured.speed]),
        "## Speed: where a bar is missed",
        "`with naive instead` is what the textbook formula, with no safety at all, reaches in place of `stable`.",
        *([markdown(missed_speed)] if missed_speed else ["Nowhere."]),
        "## Speed: where we lose",
        f"A compiled library pays less for each call and reads its input less often. {len(behind)} comparisons are "
        f"lost; here are the {min(SHOWN, len(behind))} worst, the table above has them all.",
        *([markdown(behind[:SHOWN])] if behind else []),
        "## Speed: where the time goes",
        "The steps of `stable` in µs, on inputs that come close to a bar or miss it. `exp` and the division belong "
        "to every softmax in NumPy. The sum costs more than NumPy's: short pieces are summed, and their sums are "
        "added without rounding, or many equal small terms would be lost beside a large one. `verify` and "
        "`ties` are what an answer for every input costs: no overflow unseen, and 1/n for equal logits, correctly "
        "rounded. Where the maximum outweighs the rest of the log-sum, log_softmax subtracts it first and the rest "
        "`again`: in one go, the probabilities near 1 would lose their digits. A float16 is widened and narrowed "
        "by a few operations on whole arrays of integers; NumPy's own conversion takes longer. The remaining "
        "microseconds are calls of Python, and memory that a step finds cold.",
        markdown(measured.steps),
        "## The stability tax",
        f"![{alts['tax']}](tax.png)",
        "## Accuracy: the largest error over all classes of inputs, in ulps",
        markdown(accuracy.summary(measured.accuracy)),
        f"![{alts['errors']}](errors.png)",
        f"Bars missed: {len(missed)} of {len(measured.accuracy)}.",
        *([markdown(missed)] if missed else []),
        f"SciPy or PyTorch is closer to the truth than `stable` on {len(closer)} of {len(measured.accuracy)} rows, "
        f"by more than half an ulp on {len(clearly)}. accuracy.csv has them all.",
        *([markdown(clearly)] if clearly else []),
        "## Memory: peak beyond the input, in inputs",
        markdown([row | {"no more with out=": memory.judge(row)} for row in measured.memory]),
        f"![{alts['memory']}](memory.png)",
    ]
    return "\n\n".join(blocks) + "\n"


def _judged(rows) -> list[dict]:
    """The rows of accuracy with the verdicts, every contender in its column."""
    blank = dict.fromkeys(("class", "dtype", "quantity", *accuracy.SUBJECTS))
    return [blank | row | accuracy.judge(row) for row in rows]


def _closest(row) -> float:
    return min(row[name] for name in ("SciPy", "torch") if row[name] is not None)


def _honest(rows) -> list[dict]:
    """The chosen inputs, then the two on which each library is ahead by most."""
    there = {_key(row): row for row in rows if row["kind"] == "ordinary"}
    behind = [row for name in OTHERS[:3] for row in [r for r in lost(rows) if r["faster"] == name][:2]]
    wanted = dict.fromkeys([*CHOSEN, *map(_key, behind)])
    return [_relative(there[name]) for name in wanted if name in there]


def _key(row):
    return row["quantity"], row["dtype"], row["shape"]


def _relative(row) -> dict:
    named = {name: row[name] / row["stable"] for name in (*OTHERS, "shifted") if name in row}
    kind = {} if row["kind"] == "ordinary" else {"input": row["kind"]}
    label = {key: row[key] for key in ("quantity", "dtype", "shape")} | kind
    times = {"stable, µs": row["stable"]}
    if speed.OUT in row:
        times["with out=, µs"] = row[speed.OUT]
    return label | times | {f"{name} / stable": ratio for name, ratio in named.items()}


def _pictures(measured):
    return {
        "overview": pictures.overview(measured.speed, measured.sweeps),
        "times": pictures.times(measured.speed),
        "errors": pictures.errors(measured.sweeps),
        "tax": pictures.tax(measured.speed),
        "memory": pictures.memory(measured.memory),
    }


def _save(path, fig, alt) -> str:
    figures.check_alt(alt)
    path.write_bytes(figures.png(fig))
    return alt


def _columns(rows) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))


def _write_csv(path, rows) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, _columns(rows), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


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
