# %% [markdown]
# # How can you normalise before you have seen the maximum?
#
# Everything so far had the whole row at hand. At scale nobody has: logits come in a stream, from a file that memory can't
# hold, from several machines, or tile by tile out of a product that is never stored. The safe softmax
# begins with the maximum of the row. You will see how little it takes to do without.
#
# **After this lesson you can**
#
# 1. **build** a merge of two partial sums that any order of parts leaves right;
# 2. **repair** an attention that sees its keys tile by tile;
# 3. **build** a cross-entropy whose classes lie in several shards.
#
# **You need** lessons 04 to 06; three questions look back at 08. **Time:** 55 minutes.
#
# **Warm up.** The next cell loads the rooms of this lesson and asks three questions from lesson 08.

# %% tags=["nbval-ignore-output"]
import itertools
import math
import tempfile
from functools import partial, reduce
from pathlib import Path

import numpy as np

from course_utils import costs, figures, online, plots, quiz, reference, shifted, stable
from course_utils.exercises import lesson_10
from course_utils.explorers import tiles
from course_utils.online import on_dask

np.set_printoptions(precision=6)

quiz.review(10)

# %% [markdown]
# ## A row in two parts
#
# Take the row [0, 1, 10, 11], and read it as two parts of two. Each part knows its own maximum. Three ideas come to
# mind: average the softmaxes of the parts; shift each part by its own maximum and add up the sums; let the maximum
# start at 0. See what they give, and what a part gives that is masked throughout.

# %%
row = np.array([0.0, 1, 10, 11])
left, right = row[:2], row[2:]
print("truth                     ", reference.softmax(row))
print("average of two softmaxes  ", np.concatenate([shifted.softmax(left), shifted.softmax(right)]) / 2)

sums = np.exp(left - left.max()).sum() + np.exp(right - right.max()).sum()
print("the two sums added        ", np.exp(row - row.max()) / sums)

total = sum(np.exp(part - 0.0).sum() for part in (left - 1000, right - 1000))
print("maximum started at 0      ", total, "is the sum, for the same row 1000 lower")

masked = np.array([-np.inf, -np.inf])
with np.errstate(invalid="ignore"):
    print("a masked part, shifted    ", np.exp(masked - masked.max()))

# %% [markdown]
# ## Two numbers are enough
#
# A sum is worth nothing without the maximum it was measured against. So keep both: the largest logit so far, $m$,
# and $s = \sum e^{z - m}$ over what has been read. The pair $(m, s)$ stands for the number $s\,e^m$. When a larger logit $M$ turns up,
# all old terms shrink by the same factor, and one multiplication repairs them:
#
# $$s\,e^m = \left(s\,e^{m - M}\right) e^M, \qquad e^{m-M} \le 1$$
#
# This is the *online softmax* (Milakov and Gimelshein 2018). Its **invariant**: after every number, $m$ is the maximum of all that was
# read and $s$ the sum against it.
#
# Two pairs are merged in the same way: bring both sums to the larger maximum, and add. In the room `online`, `seen` reads a part
# and gives what is remembered of it, its **state**; `merge` makes one state of two. Now four parts lie on four machines. Place your bet.

# %% tags=["nbval-ignore-output"]
quiz.bet("10-order")


# %% tags=["code-is-the-point"]
def stream(logits):
    largest, total = -math.inf, 0.0
    for z in logits:
        new = max(largest, z)
        largest, total = new, total * math.exp(largest - new) + math.exp(z - new)
        yield largest, total


z = np.random.default_rng(0).normal(0, 10, 1000)
held = [
    math.isclose(total, np.exp(z[:n] - z[:n].max()).sum(), rel_tol=1e-12) and largest == z[:n].max()
    for n, (largest, total) in enumerate(stream(z), start=1)
]
print("a stream of 1,000 numbers:")
print(f"the invariant holds after {sum(held)} of {len(z)} numbers")

parts = [online.seen(part) for part in np.split(z, [100, 101, 700])]
found = [float(reduce(online.merge, order).logsumexp()) for order in itertools.permutations(parts)]
spread = max(found) - min(found)
print(f"{len(found)} orders of four parts: {found[0]:.6f}, within 1 ulp: {spread <= np.spacing(found[0])}")

# %% [markdown]
# The pairs form a **monoid**: merging is associative, and something changes nothing, namely what has seen nothing, $(-\infty, 0)$.
# That is all a cluster asks of a reduction. Parts may be merged in any order, as a chain or as a tree, by whoever is ready first.
#
# ## Explore: watch the old terms shrink
#
# A row of scores, read tile by tile, with the values 0 to 7: their weighted average is the **output**, as in attention.
# **Read a row in four tiles or more so that nothing is ever rescaled.** Then leave out a step and see what it costs.

# %% tags=["nbval-ignore-output"]
tiles.explore()

# %% [markdown]
# ## Exercise 1: merge
#
# Write `my_merge(left, right)`. Each argument is an array `[m, s]`, and so is what you return (a pair will do). A part may have
# seen nothing: it is `[-inf, 0]`. No NaN may turn up on the way.


# %% tags=["nbval-ignore-output"]
def my_merge(left, right):
    raise NotImplementedError


lesson_10.merge.check(my_merge)  # stuck? lesson_10.merge.hint()

# %% [markdown]
# ## Rescaling rounds, unless you rescale by powers of two
#
# Each $e^{m-M}$ is rounded, and so is the product. Once or twice that is nothing. The worst case is a stream in which *every*
# number is a new maximum.
#
# A factor of $2^k$ rounds nothing: it moves the exponent and leaves every digit. So write $e^z = v \cdot 2^n$ with a whole $n$,
# and measure the sum in powers of two. The room `online` does so. It also leaves the largest term out of the sum (lesson 04),
# adds in float64, and keeps what each addition rounds away. So it may read a file in any pieces.
#
# The cell below adds up the worst case in three ways, then reads a file. How far off is the first way? Place your bet.

# %% tags=["nbval-ignore-output"]
quiz.bet("10-rescale")

# %% tags=["code-is-the-point"]
z = np.linspace(0, 1, 200_000, dtype=np.float32)
truth = math.fsum(np.exp(z.astype(np.float64)))
largest, total = np.float32(-np.inf), np.float32(0)  # s, in units of e**largest
top, scaled = -1000, np.float32(0)  # s, in units of 2**top
for x in z:
    new = max(largest, x)
    largest, total = new, total * np.exp(largest - new) + np.exp(x - new)
    n = round(float(x) / math.log(2))
    v = np.float32(math.exp(float(x) - n * math.log(2)))
    new = max(top, n)
    top, scaled = new, np.ldexp(scaled, max(top - new, -200)) + np.ldexp(v, n - new)

u, bounds = 2.0**-24, (1, 100, 10_000, 70_000)
ours = online.logsumexp(online.pieces(z.astype(np.float64), size=1000))
print("how far is the sum off?")
for name, sum_found in {
    "rescaled by e**(m - M)": float(total) * math.exp(largest),
    "rescaled by powers of 2": float(scaled) * 2.0**top,
    "online, in float64": math.exp(ours),
}.items():
    off = abs(sum_found / truth - 1) / u
    print(f"{name:24s} off by at most {min(b for b in bounds if b >= off):6,d} u")

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "logits.npy"
    np.save(path, np.random.default_rng(1).normal(0, 5, 4_000_000).astype(np.float32))
    lse, size = online.logsumexp(online.File(path)), path.stat().st_size
    peak = costs.peak_bytes(online.logsumexp, online.File(path))
    same = lse == stable.logsumexp(np.load(path))
print(
    f"\na file of {size / 1e6:.0f} MB: log-sum-exp {lse:.4f}, memory below 5 MB: {peak < 5e6}, as stable: {same}"
)

record = costs.recorded("distribution")["file"]
seconds, megabytes = record["seconds"], record["memory"] / 1e6
print(
    f"recorded: {record['numbers']:,d} numbers in {record['bytes'] / 1e6:.0f} MB, memory {megabytes:.0f} MB over the start,"
)
for name, what in {
    "np.fromfile": "to load it whole with np.fromfile",
    "read": "only to read it, piece by piece",
}.items():
    print(f"  {seconds['logsumexp'] / seconds[name]:.1f} times as long as it takes {what}")

# %% [markdown]
# Powers of two round nothing, but float32 additions still do: that is what is left in the second line. The file took 8 MB of
# memory instead of 400. It is not free: twice the time of `np.fromfile`, and four times that of reading alone.
#
# Now every part of your row may lie elsewhere. Two places where it does: attention, and a large vocabulary.
#
# ## Attention without the scores
#
# Attention is a weighted average of values, its weights a softmax of scores. With $N$ keys and queries the scores
# are $N^2$ numbers, and the two-pass softmax wants them all. *FlashAttention* (Dao et al. 2022) never stores them: it carries a maximum, a total and an
# **output**, and rescales both sums when the maximum grows. In the cell, `keep` says which keys a query may see.


# %% tags=["code-is-the-point", "same-as:online.attention"]
def attention(queries, keys, values, tile=64, keep=None):
    kind = np.result_type(queries, np.float32)  # a sum of 16-bit numbers stalls
    largest = np.full((*queries.shape[:-1], 1), -np.inf, kind)
    total = output = np.zeros_like(largest)
    for start in range(0, keys.shape[-2], tile):
        some = slice(start, start + tile)
        scores = queries.astype(kind) @ np.swapaxes(keys[..., some, :], -1, -2) / math.sqrt(queries.shape[-1])
        if keep is not None:
            scores = np.where(keep[..., some], scores, -np.inf)
        new = np.maximum(largest, scores.max(axis=-1, keepdims=True))
        shift = np.where(new == -np.inf, 0, new)  # nothing but masked scores so far: -inf - -inf is NaN
        shrink, weights = np.exp(largest - shift), np.exp(scores - shift)
        total = total * shrink + weights.sum(axis=-1, keepdims=True)
        output = output * shrink + weights @ values[..., some, :]
        largest = new
    return output / np.where(total == 0, 1, total)


def two_passes(q, k, v, keep=True):
    return shifted.softmax(np.where(keep, q @ k.T / math.sqrt(q.shape[1]), -np.inf)) @ v


n, d = 1024, 32
q, k, v = np.random.default_rng(2).normal(size=(3, n, d))
keep = np.tril(np.ones((n, n), bool))[:, ::-1]  # only the last keys may be seen: first tiles are masked
apart = abs(attention(q, k, v, keep=keep) - two_passes(q, k, v, keep)).max()
print(f"in tiles and in two passes, apart by less than 1e-12: {apart < 1e-12}")
for name, function in {"two passes": two_passes, "in tiles": attention}.items():
    peak = costs.peak_bytes(partial(function, keep=keep), q, k, v) / (8 * n * n)
    print(
        f"{name:10s} memory at its peak: {'less than half a copy' if peak < 0.5 else 'more than 2 copies'} of the scores"
    )

# Two passes write the scores, read them, write the weights, read those: 4 * n * n.
far = [costs.CountedArray(part) for part in (q, k, v)]
for rows in range(0, n, 128):
    attention(far[0][rows : rows + 128], far[1], far[2])
tiled = sum(one.accesses for one in far) + n * d
print(
    f"accesses to far memory: {tiled:,d} in tiles, {4 * n * n + 4 * n * d:,d} with the scores written and read"
)

# %% [markdown]
# It is the same attention: nothing is approximated. With 128 queries at a time it touches far memory seven times less
# often, and that is what large machines wait for (lesson 09).
#
# ## Exercise 2: an attention to repair
#
# One query, tiles of two keys. The code below is right on some rows. Repair it, so that no NaN turns up on the way. At least
# one key may be seen.


# %% tags=["nbval-ignore-output"]
def my_attention(scores, values):
    largest, total, output = -np.inf, 0.0, np.zeros(values.shape[1])
    for start in range(0, len(scores), 2):
        tile, some = scores[start : start + 2], values[start : start + 2]
        new = max(largest, tile.max())
        weights = np.exp(tile - new)
        total = total * np.exp(largest - new) + weights.sum()
        output = output + weights @ some
        largest = new
    return output / total


lesson_10.tiled_attention.check(my_attention)  # stuck? lesson_10.tiled_attention.hint()

# %% [markdown]
# ## A vocabulary on several machines
#
# Take a language model with 256,000 classes and a batch of 8192 tokens. One float32 copy of its logits is 8,000 MiB. So the classes
# are cut into **shards**, each on a machine of its own. The loss of a row is $m + \log s - z_y$. So a shard hands over $m$, $s$, and the
# target's logit if it holds it: three numbers a row. The room `online` hands over five, since its state has four: it also keeps the
# largest term apart, and what additions round away. The gradient needs no more: every shard computes its own part of $p - y$.
# *Cut your losses* (Wijmans et al. 2024) makes each tile of logits when it is needed, and forgets it.
#
# **Dask** is an engine for such work: it cuts arrays into chunks, and a scheduler hands them to workers. The next cell counts the memory here; the one after it
# starts a cluster on your machine where Dask is installed, and ends it. With an address, `on_dask.cluster("tcp://...")`,
# the same lines run on machines elsewhere.

# %% tags=["code-is-the-point"]
tokens, classes = 8192, 256_000
row_bytes = 8 * 5  # four float64 of a state, and the target's logit
print(
    f"all logits: {tokens * classes * 4 / 2**20:,.0f} MiB, what a shard hands over: {tokens * row_bytes / 2**10:.0f} KiB"
)

rng = np.random.default_rng(3)
hidden, weights = rng.normal(size=(256, 16)), rng.normal(size=(16, 20_000))
targets = rng.integers(0, 20_000, 256)


def from_shards(hidden, weights, targets):
    shards = (hidden @ weights[:, first : first + 500] for first in range(0, 20_000, 500))
    return online.cross_entropy(shards, targets)


def at_once(hidden, weights, targets):
    return shifted.cross_entropy(hidden @ weights, targets)


for name, loss in {"logits at once": at_once, "shard by shard": from_shards}.items():
    copies = costs.peak_bytes(loss, hidden, weights, targets) / (8 * 256 * 20_000)
    print(
        f"{name}: loss {loss(hidden, weights, targets):.5f}, memory {'less than 0.2' if copies < 0.2 else 'more than 2'} copies of the logits"
    )

# %% tags=["nbval-ignore-output", "code-is-the-point"]
if reason := on_dask.missing():
    print("Skipped.", reason)
else:
    import dask.array as da

    logits, targets = np.random.default_rng(4).normal(0, 10, (200, 5000)), np.arange(200)
    alone, slope = stable.cross_entropy_with_grad(logits, targets)
    with on_dask.cluster(workers=2) as client:
        print(f"a cluster of {len(client.scheduler_info()['workers'])} workers")
        for chunks in ((200, 5000), (50, 1250), (200, 100)):
            lse = on_dask.logsumexp(da.from_array(logits, chunks=chunks)).compute()
            loss, gradient = on_dask.cross_entropy_with_grad(da.from_array(logits, chunks=chunks), targets)
            ulps = (abs(lse - stable.logsumexp(logits)) / np.spacing(lse)).max()
            right = np.allclose(gradient.compute(), slope, rtol=1e-13, atol=0)
            print(
                f"chunks of {chunks}: within {ulps:.0f} ulp, loss {loss.compute():.6f} ({alone:.6f}), gradient equal: {right}"
            )

# %% jupyter={"source_hidden": true}
# Draws the price of distribution, as it was recorded on one machine: time against the number of logits.
record = costs.recorded("distribution")
sizes = [int(size) for size in record["one process"]]
alone = [record["one process"][str(size)]["seconds"] for size in sizes]


def best(workers):
    rows = [row for row in record["dask"] if row["workers"] == workers]
    return [min(row["seconds"] for row in rows if row["size"] == size) for size in sizes]


names = {
    0: "Dask, threads of one process",
    1: "Dask, a cluster of 1 worker",
    2: "Dask, a cluster of 2 workers",
}
lines = {"online, one process": alone, **{name: best(workers) for workers, name in names.items()}}
fig, ax = plots.figure(7.5, 3.4)
plots.draw_times(ax, sizes, lines, "logits")
table = [
    {"logits": f"{size:,d}", **{name: f"{seconds[i]:.2g} s" for name, seconds in lines.items()}}
    for i, size in enumerate(sizes)
]
ratio = [two / one for two, one in zip(lines[names[2]], alone, strict=True)]
said = f"At {sizes[0]:,d} logits a cluster of two takes {ratio[0]:.0f} times as long as one process, at {sizes[-1]:,d} {ratio[-1]:.1f} times."
figures.show(
    fig,
    alt=f"Time against the number of logits, both on log scales. {said}",
    caption="The best of 2, 16 and 128 partitions for each. Recorded on a machine of "
    f"{record['machine']['cores']} cores; its load was {record['machine']['load']}.",
    table=table,
)
print("Said plainly.", said)

# %% [markdown]
# Every task costs milliseconds of messages, whatever its size. A log-sum-exp is little work for each number: on two cores a
# cluster is behind until a hundred million logits, and gains little there. It pays where the numbers lie on other machines
# already, or don't fit into one.
#
# ## Exercise 3: a loss over shards
#
# Write `my_sharded_loss(logits, targets, shards=3)`: the mean cross-entropy. Cut the classes with
# `np.array_split(logits, shards, axis=1)`, look at one shard at a time, and carry three numbers a row. Shards may differ in width,
# logits may lie far below 0, and a shard may be masked throughout.


# %% tags=["nbval-ignore-output"]
def my_sharded_loss(logits, targets, shards=3):
    raise NotImplementedError


lesson_10.sharded_loss.check(my_sharded_loss)  # stuck? lesson_10.sharded_loss.hint()

# %% [markdown]
# ## Key points
#
# - A maximum and a sum are all you need to remember. Rescale what is old when the maximum grows; (-inf, 0) has seen nothing.
# - Partial sums merge in any order. Rescaled by powers of two, they lose no digit by it.
# - Attention in tiles and losses over shards are exact. They save memory, and a cluster pays only for work that is large.
#
# **Next:** [lesson 11](11_what_else_is_a_softmax.ipynb) finds the softmax in twenty formulas that do not look like one.
#
# **References.** Milakov & Gimelshein 2018, *Online normalizer calculation for softmax*, [arXiv 1805.02867](https://arxiv.org/abs/1805.02867).
# Dao et al. 2022, *FlashAttention*, [arXiv 2205.14135](https://arxiv.org/abs/2205.14135).
# Wijmans et al. 2024, *Cut your losses in large-vocabulary language models*, [arXiv 2411.09009](https://arxiv.org/abs/2411.09009).
# Dukhan & Ablavatski 2020, *The two-pass softmax algorithm*, [arXiv 2001.04438](https://arxiv.org/abs/2001.04438), for sums in powers of two.
#
# **Look it up.** The [glossary](../docs/glossary.md) has every term of the course, the
# [cheat sheet](../docs/cheat_sheet.pdf) all of it on one page.
