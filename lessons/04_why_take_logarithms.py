# %% [markdown]
# # Why take logarithms at all?
#
# Your softmax from lesson 03 does not fail on any finite row of float32. Its probabilities may be off by some ulps, no more.
# And yet a loss in lesson 03 was infinite. The trouble begins with the next step, the logarithm.
# This lesson moves that step to a better place.
#
# **After this lesson you can**
#
# 1. **build** a log-sum-exp that is finite for all finite logits of float32 or wider;
# 2. **choose** between orders of operations that agree on paper, and refute the wrong one with an input;
# 3. **repair** a log-softmax that loses its most confident class.
#
# **You need** lesson 03. **Time:** 40 minutes. A good place for a break is after exercise 2.
#
# **Warm up.** The next cell loads the rooms of this lesson and asks three questions from lesson 02.

# %% tags=["nbval-ignore-output"]
import numpy as np

from course_utils import accuracy, elsewhere, figures, floats, naive, plots
from course_utils import quiz, reference, shifted, stable
from course_utils.exercises import lesson_04
from course_utils.explorers import loss

np.set_printoptions(precision=6)

quiz.review(4)

# %% [markdown]
# ## A class that vanished
#
# Two logits, a gap between them. The losing class has probability $1/(1+e^{\text{gap}})$: tiny, never zero.
# A loss needs its logarithm (in this course always the natural one, `np.log`). You have a safe softmax,
# so take the log of what it returns. Place your bet.

# %% tags=["nbval-ignore-output"]
quiz.bet("04-log-of-softmax")

# %%
print("the log of a shifted softmax:")
for name, gap in {"float16": 18, "float32": 104, "float64": 746}.items():
    logits = floats.store([0, -gap], name)
    p = shifted.softmax(logits)
    with floats.events():
        log_p = np.log(p)
    truth = reference.log_softmax(logits)[1]
    print(f"{name}  [0, -{gap}]:  p = {p}   log p = {log_p}   truth = {truth:.6g}")

# %% [markdown]
# Look at $p$ first. It **underflowed**: it is so small that 0 is the nearest number that the format has. The rest follows,
# for the log of 0 is -inf. (NumPy reports that event as a division by zero.) No step was careless.
# The *order* was wrong: a number left the format on its way to an answer that fits easily.
#
# So take the logarithm on paper, before any float is involved:
#
# $$\log p_i = \log \frac{e^{z_i}}{\sum_j e^{z_j}} = z_i - \log \sum_j e^{z_j}$$
#
# The first part is the logit itself: nothing to compute. The second is the **log-sum-exp** of the row.
# It needs the shift too. Take $e^m$ out of every term, with $m = \max z$, and the logarithm turns it into $+\,m$:
#
# $$\log \sum_j e^{z_j} = \log \Big( e^{m} \sum_j e^{z_j - m} \Big) = m + \log \sum_j e^{z_j - m}$$
#
# ## Build it: log-sum-exp
#
# Without the shift it overflows at one end and underflows at the other. With the shift, the sum lies between 1
# and $n$, the number of logits.


# %% tags=["same-as:shifted.logsumexp"]
def logsumexp(logits, axis=-1):
    row_max = np.max(logits, axis=axis, keepdims=True)
    total = np.sum(np.exp(logits - row_max), axis=axis, keepdims=True)
    return np.squeeze(row_max + np.log(total), axis=axis)


print("logits             without the shift       with it         truth")
for row in ([1, 2, 3], [1000, 999], [-1000, -1001], [5, 5, 5, 5]):
    z = np.array(row, dtype=np.float64)
    with np.errstate(all="ignore"):
        textbook = naive.logsumexp(z)
    print(f"{row!s:16s} {textbook:19.6g} {logsumexp(z):13.6g} {reference.logsumexp(z):12.6g}")

# %% [markdown]
# Look at the last column: it is always a little above the largest logit, by at most $\log n$.
# That makes log-sum-exp a *smooth maximum*. (Its slope is softmax; lesson 06 shows why.)
#
# ## Build it: log-softmax
#
# Now the whole formula, logit minus log-sum-exp. Subtract the maximum once and use the result twice.


# %% tags=["same-as:shifted.log_softmax"]
def log_softmax(logits, axis=-1):
    row_max = np.max(logits, axis=axis, keepdims=True)
    shifted = logits - row_max
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


for name, gap in {"float16": 18, "float32": 104, "float64": 746, "bfloat16": 1e30}.items():
    logits = floats.store([0, -gap], name)
    print(f"{name:8s}  log p of [0, -{gap:g}]: {log_softmax(logits)}")

# %% [markdown]
# No -inf is left. The last row asked for a gap of $10^{30}$; bfloat16 stores that as 1.00026e+30, and the answer
# is exactly what it stored.
#
# ## Explore: the log domain
#
# The slider sets the gap; the buttons choose the number format and the way to the loss. (Ways with `eps`, `clip` or
# `one-hot` belong to lesson 05, the gradient to lesson 06.) **Find the smallest gap at which `log(softmax)` is -inf.
# Then find a way that goes on from there.** Where does float16 end?
#
# ## Exercise 1: log-sum-exp along any axis
#
# In the cell below the explorer, write `my_logsumexp(logits, axis=-1)`. A logit of `-inf` adds $e^{-\infty} = 0$ to the
# sum. In a row of nothing but `-inf`, the sum is 0, so the answer is `log 0 = -inf`. The code above gives NaN there.
# A logit that is NaN must not be hidden: its row is NaN. (In float16 the sum itself can be inf, with 65,520 classes or more.
# The check asks for float32 and float64.)

# %% tags=["nbval-ignore-output"]
loss.explore(view="log")


# %% tags=["nbval-ignore-output"]
def my_logsumexp(logits, axis=-1):
    raise NotImplementedError


lesson_04.safe_logsumexp.check(my_logsumexp)  # stuck? lesson_04.safe_logsumexp.hint()

# %% [markdown]
# ## Same algebra, other digits
#
# You now have the maximum $m$ and $\log s$, the log of the shifted sum. There are two ways to put them together:
#
# $$(z - m) - \log s \qquad\text{and}\qquad z - (m + \log s)$$
#
# On paper they are one formula. Two logits of $10^8$ are equal, so both log-probabilities are $-\log 2 = -0.693147$.

# %% tags=["nbval-ignore-output"]
quiz.bet("04-order")

# %%
print("two logits of        (z - m) - log s   z - (m + log s)        truth")
pairs = [(10_000, "float32"), (10**8, "float32"), (1000, "float16"), (300, "bfloat16")]
for value, name in pairs:
    z = floats.store([value, value], name)
    m, log_s = z.max(), np.log(np.exp(z - z.max()).sum())
    first, second = float(((z - m) - log_s)[0]), float((z - (m + log_s))[0])
    truth = reference.log_softmax(z)[0]
    print(f"{value:9d}, {name:9s} {first:15.6g} {second:17.6g} {truth:12.6g}")

# %% [markdown]
# The reason is the spacing. Near $10^8$ the neighbours of float32 are 8 apart, so $m + \log s$ is rounded back to $m$.
# The log-probability becomes 0, and so does the loss. In a short format the same happens with small logits: near 300 the neighbours of
# bfloat16 are 2 apart. **Subtract the large numbers from each other first.** Bring in the small one last.
#
# ## Exercise 2: which one would you ship?
#
# Four log-softmaxes. They share their first two lines:
#
# ```python
# row_max = np.max(logits, axis=-1, keepdims=True)
# total = np.sum(np.exp(logits - row_max), axis=-1, keepdims=True)
#
# logits - (row_max + np.log(total))                               # A
# (logits - row_max) - np.log(total)                               # B
# np.log(np.exp(logits - row_max) / total)                         # C
# logits - np.log(np.sum(np.exp(logits), axis=-1, keepdims=True))  # D
# ```
#
# Name the one you would ship, and give a row of float32 logits on which yours is right and another one is wrong.

# %% tags=["nbval-ignore-output"]
my_choice = None  # ("A", [..., ...])

lesson_04.order.check(my_choice)  # stuck? lesson_04.order.hint()

# %% [markdown]
# ## The last digits of a sure thing
#
# One end is still weak. When a class wins by 20, its log-probability is about $-2 \cdot 10^{-9}$.
# In float32, $s = 1 + e^{-20}$ is stored as 1, the small term is gone (**absorption**), and $\log 1 = 0$: the class looks
# perfect.
#
# The cure is to leave the largest term out of the sum. Its value is exactly 1, so
# $\log s = \log(1 + r)$ with $r$ the sum of the *others*. NumPy's `log1p(r)` computes $\log(1 + r)$ without
# ever storing $1 + r$.
#
# The figure compares both ways in float64, where the same thing happens further out. The **relative error** is
# the error divided by the truth: 1e-6 leaves about six digits, 1 leaves none.

# %% jupyter={"source_hidden": true}
# Draws the relative error of the winner's log-probability against its lead, for log(s) and for log1p(r).
gaps = np.linspace(1, 45, 89)
rows = np.stack([np.zeros_like(gaps), -gaps], axis=-1)
truth = reference.log_softmax(rows)[:, 0]
errors = {
    "log(s)": accuracy.relative_error(shifted.log_softmax(rows)[:, 0], truth),
    "log1p(r)": accuracy.relative_error(stable.log_softmax(rows)[:, 0], truth),
}


def bound(error):
    """The next power of ten: a bound that holds on every machine."""
    return f"{10 ** np.ceil(np.log10(max(error, 1e-15))):.0e}"


fig, ax = plots.figure(7.5, 3.4)
plots.draw_errors(ax, gaps, errors, floor=1e-17)
ax.set_xlabel("gap between the winner and the other class, float64")
ax.set_ylabel("relative error of log p")
figures.show(
    fig,
    alt="Two lines: relative error of the winner's log-probability against the gap. With "
    "log(s) it climbs to 1, all digits lost, at a gap of 37; with log1p(r) it stays "
    "below 1e-15.",
    caption="With `log(s)` each step of the gap costs digits, until at 37 none is left. "
    "Leaving one term out keeps all of them. (An error of 0 is drawn on the bottom line.)",
    table=[
        {"gap": f"{gap:g}", "truth": f"{truth[i]:.2e}"}
        | {name: f"at most {bound(values[i])}" for name, values in errors.items()}
        for i, gap in enumerate(gaps)
        if i % 8 == 2
    ],
)

# %% [markdown]
# ## Exercise 3: keep the last digits
#
# The starter is the log-softmax that you built above. It returns 0 for the winner of `[20, 0]` in float32.
# Repair it, for a single row and for a batch, with the classes on the last axis. Two equal winners are legal.


# %% tags=["nbval-ignore-output"]
def my_log_softmax(logits):
    row_max = np.max(logits, axis=-1, keepdims=True)
    shifted = logits - row_max
    return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))


lesson_04.last_digits.check(my_log_softmax)  # stuck? lesson_04.last_digits.hint()

# %% [markdown]
# ## What the literature proved
#
# Leaving the largest term out of a log-sum-exp, and `log1p`, are the advice of Blanchard, Higham and Higham (2021). They
# also proved how far each softmax can be from the truth. Write $u$, the **unit roundoff**, for half the spacing at 1: the largest
# relative error of one rounding. For $n$ logits the leading terms of their bounds are
#
# $$\text{unshifted: } (n + 3)\,u \qquad\qquad \text{shifted: } (n + 2 + 2\,(\max z - \min z))\,u$$
#
# So the shift that saves you from overflow can cost digits, in proportion to the **spread** of the row. Where the row
# lies, its **offset**, is in neither bound. It matters for a third form, the **division-free softmax**: $p_i = e^{z_i - \text{lse}}$,
# where lse is a log-sum-exp that was already rounded next to the large logits. The figure measures all of it.

# %% jupyter={"source_hidden": true}
# Draws the largest relative error of five softmaxes: against the spread of the row, and against its offset.
U = floats.FORMATS["float32"].eps / 2
spreads, offsets = [1, 2, 5, 10, 20, 40, 80], [1, 10, 100, 1000, 10000]


def worst(softmax, rows):
    return accuracy.relative_error(softmax(rows), reference.softmax(rows)).max() / U


def division_free(rows):
    return np.exp(rows - shifted.logsumexp(rows)[:, None])


def exp_log_softmax(rows):
    return np.exp(shifted.log_softmax(rows))


draw = -np.random.default_rng(0).uniform(0, 1, (20, 100))
spread_rows = [(span * draw).astype(np.float32) for span in spreads]
offset_rows = [(draw + offset).astype(np.float32) for offset in offsets]
by_spread = {
    name: [worst(room.softmax, rows) for rows in spread_rows]
    for name, room in {"unshifted": naive, "shifted": shifted, "stable": stable}.items()
}
by_offset = {
    "exp(z - lse)": [worst(division_free, rows) for rows in offset_rows],
    "exp(log_softmax)": [worst(exp_log_softmax, rows) for rows in offset_rows],
    "shifted": [worst(shifted.softmax, rows) for rows in offset_rows],
}
allowed = {"unshifted": [103] * 7, "shifted": [102 + 2 * span for span in spreads]}
print("every error is below its bound:", all(np.all(np.less(by_spread[k], allowed[k])) for k in allowed))
fig, (left, right) = plots.figure(11, 3.5, columns=2)
plots.draw_errors(left, np.log2(spreads), by_spread, floor=1)
left.set_xticks(np.log2(spreads), spreads)
left.set(xlabel="spread of the row, offset 0", ylabel="largest relative error of p, in u")
plots.draw_errors(right, np.log10(offsets), by_offset, floor=1)
right.set_xticks(range(5), [f"{offset:,}" for offset in offsets])
right.set(xlabel="offset added to every logit, spread 1")
figures.show(
    fig,
    alt="Two charts of softmax errors in float32. Against the spread: shifted grows from 4 to about 60 u at 80, unshifted "
    "and stable stay below 10. Against the offset: exp(z - lse) grows to thousands of u, the others stay near 10.",
    caption="Left: the shift costs digits as the row spreads; `stable` shifts only where it must. Right: only the form that "
    "subtracts a rounded `lse` feels the offset. `exp(log_softmax)` subtracts the maximum first, and stays good.",
    table=[
        {"row": f"spread {span}"}
        | {k: f"at most {min(b for b in (5, 10, 20, 50, 100) if b > v[i])} u" for k, v in by_spread.items()}
        for i, span in enumerate(spreads)
    ],
)

# %%
elsewhere.show("logsumexp")
print("and the log-probability of the winner of [20, 0], float32; truth -2.06e-09:")
elsewhere.show("log_softmax")

# %% [markdown]
# The last cell is the phrase book. On the first lines `z` is `[1000, 999]`; each call shifts for you, and so does a chain
# of `np.logaddexp`. The last lines use the plain $\log s$, as the version named there does: its winner looks perfect.
# (The calls are run where the library is installed; else the value is the one recorded.)
#
# ## Key points
#
# - Probabilities underflow; their logarithms are ordinary numbers. Take the log on paper, and compute that.
# - Log-sum-exp needs the shift. Subtract large numbers from each other first, and bring in the small log last.
# - Leave the largest term out and use `log1p`, and even a sure thing keeps its digits.
#
# **Next:** [lesson 05](05_loss_without_probabilities.ipynb) builds the loss from these parts, and never meets a probability.
#
# **References.** Blanchard, Higham & Higham 2021, *Accurately computing the log-sum-exp and softmax functions*,
# IMA J. Numer. Anal. 41(4), [doi 10.1093/imanum/draa038](https://doi.org/10.1093/imanum/draa038).
# Goldberg 1991 on computing ln(1 + x), [doi 10.1145/103162.103163](https://doi.org/10.1145/103162.103163).
#
# **Look it up.** The [glossary](../docs/glossary.md) has every term of the course, the
# [cheat sheet](../docs/cheat_sheet.pdf) all of it on one page.
