# %% [markdown]
# # What does stability cost?
#
# "The safe softmax is slower. Is it worth it on a small device, or at scale?" You will not have to believe anybody.
# You count what each form asks of memory, time it on your own machine, and build one that pays only where it must.
#
# **After this lesson you can**
#
# 1. **predict** how often a softmax touches memory, and count it;
# 2. **build** a softmax that tries first, verifies, and shifts only the rows that need it;
# 3. **build** a loss over many rows that never holds a copy of all logits.
#
# **You need** lessons 04 and 05; three questions look back at 07. **Time:** 50 minutes.
#
# **Warm up.** The next cell loads the rooms of this lesson and asks three questions from lesson 07.

# %% tags=["nbval-ignore-output"]
import math

import numpy as np

from course_utils import accuracy, costs, elsewhere, figures, naive, plots, quiz
from course_utils import reference, shifted, stable
from course_utils.exercises import lesson_09
from course_utils.explorers import bill

np.set_printoptions(precision=6)

quiz.review(9)

# %% [markdown]
# ## Count before you time
#
# Arithmetic is cheap; moving numbers is not. So count **memory accesses**: each time a logit is read, each time a
# probability is read or written. Local variables count for nothing: they live in registers.
#
# Three forms of softmax, as a small device or a GPU would run them, in plain loops. *Online* is new: it finds the maximum
# and the sum in one pass, and rescales the sum whenever a larger logit turns up. Place your bet.

# %% tags=["nbval-ignore-output"]
quiz.bet("09-accesses")


# %% tags=["code-is-the-point"]
def textbook(z, p):
    total = sum(math.exp(z[i]) for i in range(len(z)))
    for i in range(len(z)):
        p[i] = math.exp(z[i]) / total


def safe(z, p):
    largest = max(z[i] for i in range(len(z)))
    total = sum(math.exp(z[i] - largest) for i in range(len(z)))
    for i in range(len(z)):
        p[i] = math.exp(z[i] - largest) / total


def online(z, p):
    largest, total = -math.inf, 0.0
    for x in (z[i] for i in range(len(z))):
        new = max(largest, x)
        largest, total = new, total * math.exp(largest - new) + math.exp(x - new)
    for i in range(len(z)):
        p[i] = math.exp(z[i] - largest) / total


row = np.random.default_rng(0).normal(size=1000)
print("1,000 numbers, and every access counted:")
for algorithm in (textbook, safe, online):
    p, accesses = costs.count(algorithm, row)
    right = np.allclose(p, reference.softmax(row), rtol=1e-12, atol=0)
    print(f"{algorithm.__name__:9s} {accesses:g} accesses a number, right: {right}")

# %% [markdown]
# Safety costs one access in four, and the online form gets it back: 3, 4 and 3, as Milakov and Gimelshein counted in 2018.
# Their GPU kernels were up to 1.3 times faster for it, because softmax there waits for memory.
#
# ## Exercise 1: count three more
#
# Codes A and B fill `p` from `z`; code C wants the log-sum-exp only and writes nothing. How many accesses does each make, for
# every number of the row?
#
# ```python
# # A                              # B                                 # C
# for i in all_of_z:               largest = max(z[i] for i ...)       for i in all_of_z:
#     p[i] = exp(z[i])             for i: p[i] = z[i] - largest            x = z[i]
#     total += p[i]                for i: p[i] = exp(p[i])                 # update largest and
# for i in all_of_z:               total = sum(p[i] for i ...)             # total, as online does
#     p[i] = p[i] / total          for i: p[i] = p[i] / total
# ```

# %% tags=["nbval-ignore-output"]
my_accesses = None  # [of A, of B, of C]

lesson_09.accesses.check(my_accesses)  # stuck? lesson_09.accesses.hint()

# %% [markdown]
# NumPy is code B: each operation is a pass of its own over the row.
#
# ## Explore: when is safety free?
#
# Two numbers describe a machine here: how many bytes a second its memory moves, and how many exps a nanosecond it computes.
# **Find a machine on which the safe form costs nothing more than the naive one.**

# %% tags=["nbval-ignore-output"]
bill.explore()

# %% [markdown]
# ## Most rows need no shift
#
# A row whose *largest* logit lies between -0.5 and 70 breaks nothing in float32, however small the others are. Shifting it
# costs time, and lesson 03 showed that it costs digits too. So turn it round: **try** the textbook formula, **verify**
# what came out, and **repair** the rows that fail. By which number do you verify? Place your bet.

# %% tags=["nbval-ignore-output"]
quiz.bet("09-witness")

# %%
rows = np.float32([[2, 1, 0.1], [88.5, 88.5, 0], [1000, 1, -1000], [-102, -103, -104], [-0.3, -40, -79.7]])
with np.errstate(all="ignore"):
    sums = np.exp(rows).sum(axis=1)
    p = naive.softmax(rows)
print("float32, without a shift:")
for row, total, computed in zip(rows, sums, p, strict=True):
    kind = accuracy.failure(computed, reference.softmax(row, dtype=object), tolerance_ulps=16)
    print(f"{row!s:24s} sum {total:8.2g}   naive is: {kind}")

# %% [markdown]
# The sum tells. It is inf where something overflowed and tiny where everything shrank. Between about 0.5 and a
# quarter of the largest number, nothing overflowed, and what underflowed is too small to be seen beside the rest.
#
# Two more tricks make up the idea of `stable`. Shift by a **whole number**: `np.rint(row_max)`, not `row_max`. For the logits
# next to the maximum, which carry the sum, that subtraction rounds nothing, so exp has nothing to magnify there. And for a
# logarithm, **leave one term out** of the sum, the largest: it is 1 after the shift, and `log1p` knows of it (lesson 04).


# %% tags=["code-is-the-point"]
def verified_softmax(logits):
    limit = np.finfo(logits.dtype).max / 4
    with np.errstate(all="ignore"):
        terms = np.exp(logits)  # try
        total = terms.sum(axis=-1, keepdims=True)
        weak = ~((total >= 0.5) & (total <= limit))[..., 0]  # verify; NaN fails as well
        if weak.any():  # repair
            shift = np.rint(logits[weak].max(axis=-1, keepdims=True))
            terms[weak] = np.exp(logits[weak] - shift)
            total[weak] = terms[weak].sum(axis=-1, keepdims=True)
        return terms / total


def one_left_out(logits):
    row_max = logits.max(axis=-1, keepdims=True)
    rest = np.exp(logits - row_max)
    np.put_along_axis(rest, logits.argmax(axis=-1, keepdims=True), 0, axis=-1)
    return row_max[..., 0] + np.log1p(rest.sum(axis=-1))


z = np.random.default_rng(0).uniform(-80, 0, (50, 100)).astype(np.float32)
z[:, 0], z[::10] = -0.3, z[::10] + 1000
truth = reference.softmax(z, dtype=object)
print("float32, spread 80, every tenth row at 1000: worst error in ulps, at most")
for name, room in {
    "shifted": shifted.softmax,
    "verified": verified_softmax,
    "stable": stable.softmax,
}.items():
    worst = accuracy.worst_ulps(room(z), truth)
    print(f"{name:8s} {min(b for b in (8, 16, 32, 64, 128) if b >= worst):4d}")

sure = np.float32([0, -20])
for name, logsumexp in {
    "shifted": shifted.logsumexp,
    "one left out": one_left_out,
    "stable": stable.logsumexp,
}.items():
    print(f"log-sum-exp of [0, -20], {name:12s} {logsumexp(sure):.5g}")

# %% [markdown]
# It is as safe as the max-shift, closer to the truth, and shifts only where it must. The room `stable` decides by
# the maximum instead of the sum, subtracts the smallest whole number that is enough, and treats formats, axes and masks.
#
# ## Exercise 2: try, verify, repair
#
# Write it from memory: `my_softmax(logits)`, for a float32 batch of shape (rows, classes). The check also holds a row that a
# plain max-shift gets wrong by tens of ulps, beside one that needs the shift.


# %% tags=["nbval-ignore-output"]
def my_softmax(logits):
    raise NotImplementedError


lesson_09.verified.check(my_softmax)  # stuck? lesson_09.verified.hint()

# %% [markdown]
# ## Now time it
#
# What does the max-shift cost in NumPy, where each operation is a pass of its own? Measure it on your machine: time at three
# sizes, all contenders in turns; how fast the bytes of those passes move, beside a plain copy; and how many copies of the
# logits each form holds. SciPy and PyTorch join where they are installed. This takes a few seconds.

# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
# Races all contenders at three sizes; draws the ratios, prints how fast the bytes moved, the copies held, and a verdict.
contenders = {"naive": naive.softmax, "shifted": shifted.softmax, "stable": stable.softmax}
contenders |= {"verified": verified_softmax, **elsewhere.softmaxes()}
times = {}
for rows, classes in [(1000, 10), (1000, 1000), (100, 50_000)]:
    z = np.random.default_rng(0).normal(size=(rows, classes)).astype(np.float32)
    times[f"{rows} x {classes}"] = costs.race(contenders, z, seconds=1.5, words=f"{rows} x {classes}")

fig, ax = plots.figure(7.5, 3)
table = plots.draw_ratios(ax, times, "naive")
price = {row["contender"]: row["1000 x 1000"] for row in table}
said = f"At 1000 x 1000 in float32 the max-shift takes {price['shifted']} times as long as the textbook formula, "
said += f"the verified form {price['verified']} times, stable {price['stable']} times."
figures.show(
    fig, alt=f"Lines, one a softmax. {said}", caption="The price of safety on this machine.", table=table
)

large = times["100 x 50000"] | costs.race({"a copy": np.ndarray.copy}, z, seconds=0.3)
speed = {
    name: n * z.nbytes / large[name] / 1e9 for name, n in {"a copy": 2, "naive": 5, "shifted": 8}.items()
}
print("Memory traffic at 100 x 50000:", ", ".join(f"{name} {gb:.1f} GB/s" for name, gb in speed.items()))
for name in ("naive", "shifted", "verified", "stable"):
    copies = costs.peak_bytes(contenders[name], z) / z.nbytes
    print(f"{name:8s} holds {copies:.1f} copies of the logits, its result among them")
waits = "memory" if speed["shifted"] > 0.8 * speed["a copy"] else "exp more than for memory"
print(f"\nVerdict. {said} Here NumPy waits for {waits}.")

# %% [markdown]
# By accesses alone, 8 against 5, the max-shift would take 1.6 times as long. On rows of 1,000 logits and more it is usually
# 1.2 to 1.7 times, since exp takes time as well. On rows of 10 it is 2 to 3.5 times: NumPy searches each of them on its own.
# The [benchmarks](../benchmarks/results/README.md), measured in processor time, agree. Where no row needs the shift, trying
# first costs about what the textbook formula costs. Code that does all steps in one loop (a *fused kernel*) hides the
# maximum behind exp or behind memory. No GPU was measured for this lesson.
#
# ## How good must exp be, and is there a way without a maximum?
#
# Small devices have no exp; they use tables or straight lines. Does the division heal a bad exp? Half of it:
# a factor that all terms share cancels. What differs from term to term stays.
#
# And there is a form that never looks for the maximum and cannot overflow (Dukhan and Ablavatski 2020): keep each
# exponential as a pair, a mantissa and a whole exponent, $e^z = m \cdot 2^n$, and line the pairs up by their exponents.


# %% tags=["code-is-the-point"]
def one_percent_more(x):
    return 1.01 * np.exp(x)


def straight_lines(x):
    power = x / np.log(2)
    whole = np.floor(power)
    return np.exp2(whole) * (1 + power - whole)  # 2**f is replaced by 1 + f


z = np.random.default_rng(0).normal(size=(200, 50))
truth = reference.softmax(z)
x = np.linspace(-10, 0, 1001)
for name, cheap_exp in {"1 % too large": one_percent_more, "straight lines": straight_lines}.items():
    terms = cheap_exp(z - z.max(axis=1, keepdims=True))
    p = terms / terms.sum(axis=1, keepdims=True)
    off, left = abs(cheap_exp(x) / np.exp(x) - 1).max(), abs(p / truth - 1).max()
    print(
        f"{name:15s} exp off by {100 * off:4.1f} %   softmax off by {'0' if left < 1e-9 else f'{100 * left:.1f}'} %"
    )


def without_a_maximum(z, p):
    mantissa, exponent = 0.0, -math.inf
    for x in (z[i] for i in range(len(z))):
        n = round(x / math.log(2))
        m, top = math.exp(x - n * math.log(2)), max(exponent, n)
        mantissa = mantissa * 2.0 ** (exponent - top) + m * 2.0 ** (n - top)
        exponent = top
    for i in range(len(z)):
        n = round(z[i] / math.log(2))
        p[i] = math.exp(z[i] - n * math.log(2)) / mantissa * 2.0 ** (n - exponent)


for row in ([2.0, 1.0, 0.1], [1000.0, 999.0, -1000.0]):
    p, accesses = costs.count(without_a_maximum, row)
    print(np.array(p), f"{accesses:g} accesses as written, {accesses - 1:g} with z[i] in a local")

# %% [markdown]
# ## Bytes, joules and last digits
#
# On a small device energy decides. A float32 fetched from main memory (DRAM) costs about 640 picojoules, a multiplication
# about 4 (Horowitz 2014, for 45 nm). So the fourth access is 640 picojoules a number, as much as 160 multiplications. In on-chip memory, at
# about 5, it is lost in the noise. Keep the row on the chip, and safety is free.
#
# At scale the *bytes* decide. A language model with 8192 tokens a batch and 256,000 classes: how much is one copy?
#
# Fast code also adds in whatever order suits the batch, and floats do not forgive that. The same row then gets
# other last digits in another batch, which makes a run hard to repeat. What can a library promise?

# %% tags=["code-is-the-point"]
tokens, classes = 8192, 256_000
print(f"one float32 copy of the logits: {tokens * classes * 4 / 2**30:.1f} GiB")

rng = np.random.default_rng(0)
z, targets = rng.normal(size=(256, 8000)).astype(np.float32), rng.integers(0, 8000, 256)


def chunked(z, targets, rows=8):
    parts = [
        stable.cross_entropy(z[i : i + rows], targets[i : i + rows], reduction="sum")
        for i in range(0, len(z), rows)
    ]
    return sum(parts) / len(z)


for name, loss in {"shifted.cross_entropy": shifted.cross_entropy, "in chunks of 8 rows": chunked}.items():
    copies = costs.peak_bytes(loss, z, targets) / z.nbytes
    print(
        f"{name:22s} loss {loss(z, targets):.4f}, extra memory: {'less than 0.2' if copies < 0.2 else f'about {copies:.0f}'} copies"
    )

row = np.random.default_rng(1).normal(size=1000).astype(np.float32)
forward, backward = (np.add.accumulate(r)[-1] for r in (np.exp(row), np.exp(row[::-1])))
print("one sum, added from the front and from the back, equal:", forward == backward)

batch = np.random.default_rng(2).normal(0, 50, (64, 1000)).astype(np.float32)
batch[7] = row
alone, among = stable.softmax(row[None])[0], stable.softmax(batch)[7]
print("stable, a row alone and among 63 wild ones, same bits:", bool(np.all(alone == among)))

# %% [markdown]
# `stable` decides row by row and adds each row in an order of its own, so it can promise the same bits alone and in any batch
# of the same format and memory order. A matrix product promises no such thing: its order depends on the shape.
#
# In chunks the loss is the same, and the extra memory is gone. *Cut your losses* (Wijmans et al. 2024) goes one step further: it never
# stores the logits either, and brings the loss of such a model from 24 GB to 1 MB.
#
# ## Exercise 3: a loss in chunks
#
# Write `my_chunked_loss(logits, targets, rows=4)`: the mean cross-entropy, looking at no more than `rows` rows at a time.
# `shifted.logsumexp` is at hand. Mind the last chunk. The check also looks at how much memory your loss takes.


# %% tags=["nbval-ignore-output"]
def my_chunked_loss(logits, targets, rows=4):
    raise NotImplementedError


lesson_09.chunked_loss.check(my_chunked_loss)  # stuck? lesson_09.chunked_loss.hint()

# %% [markdown]
# ## Key points
#
# - Naive touches memory 3 times a number, safe 4, online 3. Where memory decides, that is the price; elsewhere it hides.
# - Try, verify, repair: rows that need no shift pay nothing, and keep the digits that a shift would cost.
# - The largest bill is memory. A loss needs one row at a time, never a copy of all logits.
#
# **Next:** [lesson 10](10_before_you_have_seen_the_maximum.ipynb): the online form at scale, where no machine sees the whole row.
#
# **References.** Milakov & Gimelshein 2018, *Online normalizer calculation for softmax*, [arXiv 1805.02867](https://arxiv.org/abs/1805.02867).
# Dukhan & Ablavatski 2020, *The two-pass softmax algorithm*, [arXiv 2001.04438](https://arxiv.org/abs/2001.04438).
# Wijmans et al. 2024, *Cut your losses in large-vocabulary language models*, [arXiv 2411.09009](https://arxiv.org/abs/2411.09009).
# Horowitz 2014, *Computing's energy problem*, [doi 10.1109/ISSCC.2014.6757323](https://doi.org/10.1109/ISSCC.2014.6757323).
#
# **Look it up.** The [glossary](../docs/glossary.md) has every term of the course, the
# [cheat sheet](../docs/cheat_sheet.pdf) all of it on one page.
