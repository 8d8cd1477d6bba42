# %% [markdown]
# # Why take logarithms at all?
#
# Your softmax from lesson 03 never fails. Each probability it returns is as good as the format allows.
# And yet lesson 03 ended with a loss that was infinite. The trouble begins with the next step, the logarithm.
# This lesson moves that step to a better place.
#
# **After this lesson you can**
#
# 1. **build** a log-sum-exp that is finite for all finite logits;
# 2. **choose** between orders of operations that agree on paper, and refute the wrong one with an input;
# 3. **repair** a log-softmax that loses its most confident class.
#
# **You need** lesson 03. **Time:** 40 minutes.
#
# **Warm up.** The next cell loads the rooms of this lesson and asks three questions from lesson 02.

# %% tags=["nbval-ignore-output"]
import numpy as np

from course_utils import accuracy, figures, floats, naive, plots
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
for name, gap in {"float16": 18, "float32": 104, "float64": 746}.items():
    logits = floats.store([0, -gap], name)
    p = shifted.softmax(logits)
    with floats.events():
        log_p = np.log(p)
    truth = reference.log_softmax(logits)[1]
    print(f"{name}  [0, -{gap}]:  p = {p}   log p = {log_p}   truth = {truth:.6g}")

# %% [markdown]
# The probability underflowed to 0: it is so small that 0 is the nearest number that the format has.
# The log of 0 is -inf. (NumPy reports that event as a division by zero.) No step was careless.
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
# The slider sets the gap; one menu sets the format, another the way to the loss. (Ways with `eps`, `clip` or
# `one-hot` belong to lesson 05, the gradient to lesson 06.) **Find the smallest gap at which `log(softmax)` is -inf,
# first in float32, then in float16. Then find a way that goes on from there.**

# %% tags=["nbval-ignore-output"]
loss.explore(view="log")

# %% [markdown]
# ## Exercise 1: log-sum-exp along any axis
#
# Write `my_logsumexp(logits, axis=-1)`. A logit of `-inf` adds $e^{-\infty} = 0$ to the sum. In a row of nothing
# but `-inf`, the sum is 0, so the answer is `log 0 = -inf`. The code above gives NaN there.


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
# Near $10^8$ the neighbours of float32 are 8 apart, so $m + \log s$ is rounded back to $m$. The log-probability
# becomes 0, and so does the loss. In a short format the same happens with small logits: near 300 the neighbours of
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
# In float32, $s = 1 + e^{-20}$ is stored as 1, and $\log 1 = 0$: the class looks perfect.
#
# The cure is to leave the largest term out of the sum. Its value is exactly 1, so
# $\log s = \log(1 + r)$ with $r$ the sum of the *others*. NumPy's `log1p(r)` computes $\log(1 + r)$ without
# ever storing $1 + r$.
#
# The next cell measures both ways in float64, where the same thing happens further out. The *relative error* is
# the error divided by the truth: 1e-6 leaves about six digits, 1 leaves none.

# %%
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


print("relative error, at most  " + "".join(f"{name:>10s}" for name in errors))
for gap in (10, 20, 30, 37):
    i = int(np.argmin(np.abs(gaps - gap)))
    found = "".join(f"{bound(values[i]):>10s}" for values in errors.values())
    print(f"gap {gap}, truth {truth[i]:.2e}  {found}")

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
        {"gap": f"{gap:g}"} | {name: f"{values[i]:.0e}" for name, values in errors.items()}
        for i, gap in enumerate(gaps)
        if i % 11 == 0
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
# There is a softmax without a division: take log-softmax, and then its exp, $p_i = e^{z_i - \text{lse}}$, where
# lse is the log-sum-exp. It looks tempting. Blanchard, Higham and Higham (2021) analysed both forms. Two of their
# results, reproduced: the shifted softmax with its division stays accurate wherever the row lies. The
# division-free form has an error that grows with the size of the logits, because lse is rounded next to them.

# %%
offsets = [0, 10, 100, 1000, 10000]
z = np.random.default_rng(0).normal(size=(20, 100)).astype(np.float32)
worst = {"divide": [], "division-free": []}
for offset in offsets:
    rows = z + np.float32(offset)
    truth = reference.softmax(rows)
    free = np.exp(rows - shifted.logsumexp(rows)[:, None])
    worst["divide"].append(accuracy.relative_error(shifted.softmax(rows), truth).max())
    worst["division-free"].append(accuracy.relative_error(free, truth).max())

fig, ax = plots.figure(7.5, 3)
plots.draw_errors(ax, np.log10(np.maximum(offsets, 1)), worst, floor=1e-8)
ax.set_xticks(range(5), [f"{offset:,}" for offset in offsets])
ax.set_xlabel("offset added to every logit, float32")
ax.set_ylabel("largest relative error of p")
figures.show(
    fig,
    alt="Two lines: largest relative error of softmax against an offset of the logits, "
    "float32. Dividing stays below 1e-6; exp(z - lse) grows with the offset to about "
    "1e-3 at 10,000.",
    caption="Dividing by the sum does not care where the row lies. Without the division, "
    "the rounding of `lse` shows in every p.",
    table=[
        {"offset": offset} | {name: f"at most {bound(values[i])}" for name, values in worst.items()}
        for i, offset in enumerate(offsets)
    ],
)

# %% [markdown]
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
