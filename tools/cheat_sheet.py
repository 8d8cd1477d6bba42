"""The cheat sheet: docs/cheat_sheet.html and docs/cheat_sheet.pdf, from one template and the package itself.

    python tools/cheat_sheet.py            build both

The code on the sheet is the package's own, read by `inspect`; every threshold comes from `course_utils.floats`,
every wrong answer from running the mistake, every truth from mpmath. The page carries its fonts, so it looks
the same everywhere; the PDF is that page printed by Chromium, and its metadata carries the page's hash.
"""

import ast
import base64
import decimal
import hashlib
import inspect
import math
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import jinja2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from course_utils import floats, reference, shifted  # noqa: E402
from course_utils.exercises import lesson_04  # noqa: E402
from course_utils.mistakes import MISTAKES, QUANTITIES  # noqa: E402
from tools import environment  # noqa: E402

DOCS = ROOT / "docs"
TEMPLATE, PAGE, PRINT = (DOCS / f"cheat_sheet{ending}" for ending in (".template.html", ".html", ".pdf"))
NODE = rb"node\d{8}"  # how Chromium names what a tagged PDF refers to
MANY = 128_256  # the classes of a well-known language model
FONTS = [
    ("Sheet Sans", "normal", 400, "source-sans-3-latin-400-normal"),
    ("Sheet Sans", "normal", 600, "source-sans-3-latin-600-normal"),
    ("Sheet Serif", "normal", 400, "source-serif-4-latin-400-normal"),
    ("Sheet Serif", "normal", 400, "source-serif-4-greek-400-normal"),
    ("Sheet Serif", "normal", 600, "source-serif-4-latin-600-normal"),
    ("Sheet Serif", "italic", 400, "source-serif-4-latin-400-italic"),
    ("Sheet Code", "normal", 400, "source-code-pro-latin-400-normal"),
]
CURES = [
    (shifted.softmax, "Softmax:", "subtract each row's maximum"),
    (shifted.logsumexp, "LogSumExp:", "and give it back after the log"),
    (shifted.log_softmax, "Log-softmax:", "stay in the log domain"),
    (
        lesson_04.last_digits.model_answer,
        "With log1p:",
        "leave the largest term out, and a sure win keeps its digits",
    ),
    (shifted.cross_entropy_with_grad, "Cross-entropy and gradient:", "straight from the logits, in one pass"),
]


def first_class(*row):
    """The arguments of a loss: one row, and its first class as the target."""
    return np.float32([row]), np.array([0])


# What is written, the mistake that runs it, and a family of inputs that grows with a whole number g.
PATCHES = [
    ("subtract the mean", "shift_by_mean", lambda g: (np.float32([g, 0, 0, 0]),)),
    ("subtract max |z|", "shift_by_max_abs", lambda g: (np.float32([-g, -g - 1]),)),
    ("use float64", "trust_float64", lambda g: (np.float64([g, 0]),)),
    ("clip z to ±50", "clip_logits", lambda g: (np.float32([50 + g, 50]),)),
    ("nan_to_num(p)", "replace_nan", lambda g: (np.float32([g, g - 1]),)),
    ("exp z / (sum + 1e−8)", "add_epsilon_to_sum", lambda g: (np.float32([-g, -g - 1]),)),
    ("logits in bfloat16", "store_logits_narrow", lambda g: (np.float32([g, g + 1]),)),
    ("log(softmax(z))", "log_of_softmax", lambda g: (np.float32([0, -g]),)),
    ("−log(p + 1e−8)", "epsilon_in_log", lambda g: first_class(0, g)),
    ("−log(clip(p, 1e−7))", "clip_probabilities", lambda g: first_class(0, g)),
    ("that clip's gradient", "gradient_through_clip", lambda g: first_class(0, g)),
    ("one_hot * log(p)", "onehot_times_log", lambda g: first_class(0, -g)),
    ("softmax twice", "softmax_twice", lambda g: first_class(g, 0, 0)),
    ("clip NaN gradients", "clip_nan_gradient", lambda g: first_class(0, g)),
]
TEXTBOOK = "exponentiate_unshifted"
QUIET = [
    ("float32, the sum", TEXTBOOK, lambda g: (np.float32([g, g, g]),)),
    ("float16, the sum", TEXTBOOK, lambda g: (np.float16([g, g]),)),
    ("float32, the staircase", TEXTBOOK, lambda g: (np.float32([-g, -g - 1]),)),
]


def up(x):
    """Three decimals, never less than x: at this logit an upper cliff has been passed."""
    return short(math.ceil(x * 1000) / 1000, 6)


def down(x):
    return short(math.floor(x * 1000) / 1000, 6)


def not_above(x):
    """At most five digits, cut off rather than rounded: 1.8e308 would already be inf."""
    digits = 5 if x < 1e5 else 3
    return short(decimal.Context(prec=digits, rounding=decimal.ROUND_DOWN).create_decimal(x), digits)


def first_absorbed(fmt):
    """The smallest stored gap whose exp(-gap) disappears next to 1, looked for around ln(1/u)."""
    one, gap = floats.store(1, fmt), floats.neighbour(fmt.absorption_margin, fmt, up=False)
    while one + np.exp(floats.store(-gap, fmt)) > one:
        gap = floats.neighbour(gap, fmt)
    return gap


def short(x, digits):
    """A number as a reader writes it: 3.4e38, 7.6e-6, −104, NaN."""
    text = re.sub(
        r"e([+-])0*", lambda found: "e" + found[1].strip("+"), f"{float(x) + 0.0:.{digits}g}"
    )  # -0 + 0 is 0
    return text.replace("nan", "NaN").replace("-", "−")


def cliffs():
    """One row a format: the first logit, gap or count at which something is lost."""
    for fmt in floats.FORMATS.values():
        yield {
            "name": fmt.name,
            "largest": not_above(fmt.max),
            "overflow": up(fmt.exp_first_bad),
            "becomes": "inf" if fmt.has_inf else "NaN",
            "subnormal": down(fmt.exp_first_subnormal),
            "zero": down(fmt.exp_first_zero),
            "sum": up(math.log(fmt.max / MANY)),
            "absorbed": up(first_absorbed(fmt)),
            "spacing": short(floats.spacing(100, fmt), 3),
        }


def lost(computed, truth):
    """Where an answer is not finite, or off by 0.1 and by 10 % of the truth."""
    computed, truth = (np.asarray(values, np.float64) for values in (computed, truth))
    return ~(np.abs(computed - truth) <= 0.1 * np.maximum(1, np.abs(truth)))


def answers(key, arguments):
    """What the mistake gives and what is true, for every entry of the answer."""
    mistake = MISTAKES[key]
    with np.errstate(all="ignore"):
        computed = np.ravel(np.asarray(mistake(*arguments), np.float64))
    return computed, np.ravel(np.asarray(QUANTITIES[mistake.quantity](reference, *arguments), np.float64))


def smallest(key, family):
    """The first g = 0, 1, 2, ... whose answer has a lost entry."""
    return next(g for g in range(2000) if lost(*answers(key, family(g))).any())


def refuted(claims):
    """One row a claim: its smallest input, and the first entry that is lost there."""
    for patch, key, family in claims:
        arguments = family(smallest(key, family))
        computed, truth = answers(key, arguments)
        at = np.argmax(lost(computed, truth))
        yield {
            "patch": patch,
            "logits": written(np.ravel(arguments[0])),
            "gives": short(computed[at], 3),
            "truth": short(truth[at], 3),
        }


def written(row):
    return f"[{', '.join(short(x, 6) for x in row)}]"


def code(function):
    """The function's source without its docstring: what a reader would type."""
    source = inspect.getsource(function)
    node = ast.parse(source).body[0]
    lines = source.splitlines()
    if ast.get_docstring(node):
        del lines[node.body[0].lineno - 1 : node.body[0].end_lineno]
    return "\n".join(lines)


def embedded(font):
    data = base64.b64encode((DOCS / "fonts" / f"{font}.woff2").read_bytes()).decode()
    return f"data:font/woff2;base64,{data}"


def page():
    """The whole sheet as HTML: the same text on every machine."""
    template = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    return template.from_string(TEMPLATE.read_text("utf-8")).render(
        fonts=FONTS,
        embedded=embedded,
        cliffs=list(cliffs()),
        patches=list(refuted(PATCHES)),
        quiet=list(refuted(QUIET)),
        cures=[{"title": title, "why": why, "code": code(function)} for function, title, why in CURES],
        many=f"{MANY:,}",
    )


def mark(html):
    """What the PDF says about the page it was printed from."""
    return f"docs/cheat_sheet.html sha256 {hashlib.sha256(html.encode()).hexdigest()}"


def printed(html):
    """The page as PDF. Chromium writes its user agent as the PDF's creator: there the page's hash goes."""
    browser = environment.find_browser() or sys.exit("No Chromium: python tools/environment.py browser")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "sheet.html"), Path(folder, "sheet.pdf")
        source.write_text(html, "utf-8", newline="\n")
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
        options += [f"--user-data-dir={folder}/profile", f"--user-agent={mark(html)}"]
        command = [browser, *options, f"--print-to-pdf={target}", source.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        return settled(target.read_bytes())


def settled(pdf):
    """The same PDF without the moment of printing and with its nodes numbered from 1; no byte moves."""
    pdf = re.sub(rb"(/(?:Creation|Mod)Date \(D:)\d{14}", rb"\g<1>20000101000000", pdf)
    order = {name: b"node%08d" % rank for rank, name in enumerate(sorted(set(re.findall(NODE, pdf))), 1)}
    return re.sub(NODE, lambda found: order[found[0]], pdf)


def pages(pdf):
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def main():
    html = page()
    PAGE.write_text(html, "utf-8", newline="\n")
    pdf = printed(html)
    PRINT.write_bytes(pdf)
    print(f"{PAGE.relative_to(ROOT)}: {len(html)} characters; {PRINT.relative_to(ROOT)}: {pages(pdf)} page")


if __name__ == "__main__":
    main()
