# %% [markdown]
# # What changes with 16 or 8 bits?
#
# The shift is in, the loss comes from the logits, the gradient keeps its digits: your code is safe in float32. Then
# someone changes one word, and it runs in 16 bits, or on a chip that has only 8. This lesson shows what breaks again,
# which numbers have to stay wide, and how a device without a floating-point unit computes a softmax.
#
# **After this lesson you can**
#
# 1. **predict** what a narrow sum, mask or store leaves of a softmax that has its shift;
# 2. **repair** a training step that loses its updates and its gradients;
# 3. **find** codes whose order an 8-bit softmax loses.
#
# **You need** lesson 06. **Time:** 40 minutes.
#
# **Warm up.** The next cell loads the rooms of this lesson and asks three questions from lesson 06.

# %% tags=["nbval-ignore-output"]
import numpy as np

from course_utils import accumulators, figures, floats, integers, mixed, plots
from course_utils import quiz, reference, shifted, stable, storage
from course_utils.exercises import lesson_08
from course_utils.explorers import accumulator

np.set_printoptions(precision=4, suppress=True)

quiz.review(8)

# %% [markdown]
# ## The shift is not enough
#
# Of each format you need three numbers: the largest, the smallest above 0, and the spacing at 1. The 16-bit formats share
# their bits out differently. float16 is fine and ends at 65,504; bfloat16 is coarse and reaches as far as float32.
#
# A language model has about 50,000 classes. Place your bet.

# %% tags=["nbval-ignore-output"]
quiz.bet("08-classes")

# %%
NARROW = ("float16", "bfloat16", "float8_e5m2", "float8_e4m3fn")
ones = np.ones(100_000)
print("format           largest   smallest   spacing at 1   100,000 ones, added one by one")
for name in ("float32", *NARROW):
    fmt, total = floats.FORMATS[name], accumulators.running(floats.store(ones, name))[-1]
    print(
        f"{name:14s} {fmt.max:9.3g}   {fmt.smallest_subnormal:8.1e}   {fmt.eps:12.1e}   {float(total):8,.0f}"
    )

logits = floats.store(np.random.default_rng(0).normal(size=50_000), "bfloat16")
exps = np.exp(logits - logits.max())
totals = {"bfloat16": accumulators.running(exps)[-1], "float32": np.sum(exps, dtype=np.float32)}
print()
for name, total in totals.items():
    p = (exps / total.astype(exps.dtype)).astype(float)
    print(f"added up in {name:8s}: total {float(total):5.0f}, all p add up to {p.sum():.2f}")

# %% [markdown]
# A total $s$ stalls as soon as the next term $t$ is smaller than half of the spacing at $s$:
#
# $$\mathrm{store}(s + t) = s \quad \text{if} \quad t < \tfrac{1}{2}\,\mathrm{spacing}(s)$$
#
# At 256 the neighbours of bfloat16 are 2 apart, so 256 + 1 rounds back to 256. No exp is wrong here, and the shift cannot
# help. The cure is a wide **accumulator**, the number that a sum is collected in: add up in float32, then round once.
# (`np.sum` does that for float16, and then has to store the result: from 65,520 on it is inf, and every $p$ is 0.)
#
# ## Explore: how many bits does a sum need?
#
# **At K = 131,072, make all p add up to 1 within 1 % with no format wider than 16 bits.** There is more than one way.

# %% tags=["nbval-ignore-output"]
accumulator.explore()

# %% [markdown]
# ## Masks
#
# Lesson 05 masks a class with -inf. Much code adds a large finite number instead: -10,000, or the lowest number that the
# format has. In 32 bits both look harmless.

# %%
SCORES = [3, 5]
print(f"truth for {SCORES}:", shifted.softmax(np.array(SCORES, float)))
print("format          lowest    lowest - 20   softmax under a mask of -10,000")
for name in ("float32", *NARROW):
    lowest = floats.store(-floats.FORMATS[name].max, name)
    with np.errstate(all="ignore"):
        below = float(lowest + floats.store(-20, name))
        masked = shifted.softmax(floats.store(SCORES, name) + floats.store(-10_000, name))
    print(f"{name:14s} {float(lowest):9.3g} {below:10.3g}      {masked.astype(float)}")

empty = np.full((1, 2), -np.inf)
print("a row with nothing but -inf:", stable.softmax(empty, masked="zeros")[0])

# %% [markdown]
# Lowest minus 20 is -inf in float16 and NaN in float8_e4m3fn: the mask that was to avoid -inf makes one.
# A mask of -10,000 is spaced so widely that the scores under it are rounded away, and e4m3 cannot store it at all. So a
# row that is masked as a whole comes out as something that looks like attention. **Mask with -inf, and decide what a row
# without a class should give**: here zeros, on request.
#
# ## Exercise 1: predict what is left
#
# Replace each `None` by a number; `np.inf` is allowed. Three digits are enough.

# %% tags=["nbval-ignore-output"]
my_predictions = [
    None,  # 1,000 ones, added one by one in bfloat16: the total
    None,  # np.sum(np.ones(70_000, np.float16))
    None,  # 1,000 equal logits, shifted softmax, every step in bfloat16: one p
    None,  # 1,000 times p = 1/1000, each stored in float8_e4m3fn: their sum
    None,  # 1,100 times p = 1/1100, each stored in float8_e4m3fn: their sum
    None,  # scores [3, 5] in bfloat16, mask -10,000 added to both, shifted softmax: the first p
]

lesson_08.what_is_left.check(my_predictions)  # stuck? lesson_08.what_is_left.hint()

# %% [markdown]
# ## Round after exp, not before
#
# Some numbers may be narrow, some must not. Everything below is computed in float64, and one thing at a time is stored
# in bfloat16.


# %%
def bf16(x):
    return floats.store(x, "bfloat16").astype(float)


for size in (8, 16, 32):
    z = np.random.default_rng(size).uniform(-size, size, (200, 50))
    p, lse = stable.softmax(z), stable.logsumexp(z)[:, None]
    kept = {"scores": stable.softmax(bf16(z)), "p": bf16(p), "log-sum-exp": np.exp(z - bf16(lse))}
    errors = [f"{name} {np.max(np.abs(found / p - 1)):.1%}" for name, found in kept.items()]
    print(f"scores up to {size:2d}; worst error of p after rounding", ", ".join(errors))

p, q = (stable.softmax(np.array(z)) for z in ([2, 1, 0], [2, 1.02, 0]))  # a student close to its teacher
print("p - q, then rounded:", bf16(p - q), "  rounded, then p - q:", bf16(p) - bf16(q))
print("losses in bfloat16 from 10 to 11:", len(np.unique(bf16(np.linspace(10, 11, 999)))), "different ones")
print(f"a float32 copy of 8,192 x 256,000 logits: {8192 * 256_000 * 4 / 2**20:,.0f} MiB")

# %% [markdown]
# bfloat16 rounds a number by up to 0.4 %. A score near 30 moves by up to 0.06, which exp turns into 6 % of $p$; a $p$
# itself moves by 0.4 %. So mixed precision keeps **in float32: scores until exp, maximum and log-sum-exp, sums, the difference $p - q$, the
# loss**. Narrow may be: inputs of a product, stored $p$, the class you report. Keeping scores in float32 does not take a
# copy of all of them, 8 GB here: widen a few rows at a time, where they are used.
#
# ## Training: two diseases
#
# A weight in float16 has three digits. A small step may be lost beside it: a **lost update**. A gradient below $3 \cdot
# 10^{-8}$ is stored as 0: a **lost gradient**. Two remedies go round. **Master weights**: keep a float32 copy of the weights,
# update that, and compute with its float16 image. **Loss scaling**: multiply the loss by 1,024 before the way back,
# divide the gradient by it afterwards. Place your bet.

# %% tags=["nbval-ignore-output"]
quiz.bet("08-remedy")

# %%
print("two trainings, each with three remedies:")
for disease, epochs in {"lost updates": 15, "lost gradients": 3}.items():
    for remedy in ("float16", "float16, loss scale", "float16, master weights"):
        run = mixed.measure(disease, remedy, epochs=epochs)
        lost = f"updates lost {run.lost_updates:4.0%}   gradients lost {run.lost_gradients:4.0%}"
        print(f"{disease:14s}  {remedy:24s} {lost}")

# ten seeds of each, trained to the end and recorded: `make experiments` trains them again
fig, axes = plots.figure(10, 3.3, columns=3, width_ratios=[1.2, 1, 1])
plots.draw_diseases(axes, mixed.stored(), smallest=2.0**-25, scale=1024)
figures.show(
    fig, table=mixed.medians(),
    alt="Left: most gradients lie below 2^-25, where float16 stores 0. Right, test accuracy: lost updates 0.25 "
    "instead of 0.45, cured by master weights; lost gradients 0.73 instead of 0.94, cured by a loss scale.",
    caption="Left, gradients of the second disease, and where a loss scale of 1,024 takes them. Right, ten seeds of "
    "each training on the digits; dotted: float32. Each remedy cures one disease and not the other.",
)  # fmt: skip

# %% [markdown]
# The first training takes small steps, 0.001, as at the end of a schedule. The second averages its loss over $2^{24}$ rows,
# as a cluster does, so each gradient is tiny. This is the result of Micikevicius et al. (2018) in miniature: with
# float16 weights their speech model was 80 % worse, with a float32 copy it was not; their detection network needed a loss
# scale, and 8 was enough.
#
# The scale has a ceiling: a gradient times scale above 65,504 is inf. Then that step is left out, and the scale lowered.
#
# ## Exercise 2: cure both
#
# `my_step` gets float32 weights and the float16 gradient of a scaled loss, and returns the new weights. The starter has
# both diseases. Repair it. If any number of the gradient is inf or NaN, the step is left out: return the weights as
# they came.


# %% tags=["nbval-ignore-output"]
def my_step(weights, gradient, lr, loss_scale):
    gradient = gradient / np.float16(loss_scale)
    return weights.astype(np.float16) - np.float16(lr) * gradient


lesson_08.both_diseases.check(my_step)  # stuck? lesson_08.both_diseases.hint()

# %% [markdown]
# ## Build it: a softmax without a float
#
# A microcontroller may have no floating-point unit. There a logit is an int8 code, and `scale * code` is its value. The
# probability comes back as a code too: it stands for $(code + 128) / 256$. That is 256 steps, from 0 to 255/256.
#
# Two codes differ by 0 to 255. So all exps that can ever occur fit in a table of 256 whole numbers, made in advance.


# %% tags=["code-is-the-point", "same-as:integers.exp_table", "same-as:integers.softmax"]
def exp_table(scale, size):
    largest = min((2**32 - 1) // size, 2**23 - 1)  # the sum of `size` entries fits 32 bits
    return np.rint(largest * np.exp(-scale * np.arange(256))).astype(np.int64)


def softmax(codes, scale):
    codes = np.asarray(codes).astype(np.int64)  # widen first: 100 - (-60) is no int8
    terms = exp_table(scale, codes.shape[-1])[np.max(codes, axis=-1, keepdims=True) - codes]
    total = np.sum(terms, axis=-1, keepdims=True)
    steps = (256 * terms + total // 2) // total
    return (np.minimum(steps, 255) - 128).astype(np.int8)


codes = np.random.default_rng(2).integers(-128, 128, (20, 50))
for scale in (0.01, 0.1, 0.5):
    truth = reference.softmax(scale * codes)
    error = np.abs(integers.dequantize(softmax(codes, scale)) - truth)
    print(f"scale {scale:4}: worst error at most {np.ceil(512 * error.max()) / 512 * 256:.1f} steps of 1/256")

z = np.array([2.0, 1, 0])
print("base 2:", np.exp2(z) / np.exp2(z).sum(), " base e:", shifted.softmax(z))
print("base 2 of z * log2(e):", shifted.softmax(np.log(2) * (z * np.log2(np.e))))

# %% tags=["nbval-ignore-output"]
quiz.bet("08-equal")

# %%
print("a softmax that answers in 8-bit integers:")
for size in (10, 100, 171, 512, 513):
    total = integers.dequantize(softmax(np.zeros(size), 0.1)).sum()
    print(f"{size} equal codes: outputs add up to {total:.3f}")
for gap in (62, 63, 127):
    print(f"codes [{gap}, 0], scale 0.1: outputs {softmax([gap, 0], 0.1)}")

rows = np.random.default_rng(3).normal(size=(200, 1000))
codes = integers.quantize(rows, 4.5 / 127)
outputs = softmax(codes, 4.5 / 127)
for name, found in {"outputs": outputs, "codes": codes}.items():
    wrong = np.mean(found.argmax(axis=1) != rows.argmax(axis=1))
    print(f"largest of 1,000 {name:7s}: another class than the largest logit in {wrong:.0%} of 200 rows")

p = stable.softmax(rows[0, :992])
print("\n992 classes, stored as              probability in the wrong place")
for name, way in storage.WAYS.items():
    print(f"{name:34s}  {np.abs(way(p) - p).sum() / 2:.3f}")

# %% [markdown]
# The table is as exact as the output can show: half a step, or one where the top is held at 255/256. What is lost is lost
# by the **output**. So decide on the codes: the largest logit needs no softmax at all. And where 8 bits must hold
# probabilities, what they count matters: 8 bits of $\log p$ are forty times better than 8 bits of $p$. With 4 bits,
# float4 has three numbers from 0 to 1, and stores every $p$ of this row as 0. A shared power of 2 for each 32 numbers (the
# **MX** formats) leaves a tenth in the wrong place.
#
# Where 1 KiB for the table is too much, powers of 2 serve: whole ones are shifts of bits. Base 2 alone is another
# temperature; with $\log_2 e$ folded into the scale it is the same softmax.
#
# ## Exercise 3: lose the order
#
# A device reports the class with the largest **output**; of equal ones, the first. Its scale is 1/64. Give at most 8
# codes, whole numbers from -128 to 127, for which it reports another class than the one with the largest code.

# %% tags=["nbval-ignore-output"]
my_codes = None  # [..., ..., ...]

lesson_08.lost_order.check(my_codes)  # stuck? lesson_08.lost_order.hint()

# %% [markdown]
# ## Key points
#
# - The shift protects exp. A narrow sum, mask or store is lost afterwards: add up in float32, mask with -inf.
# - Round after exp. Keep in float32 what is subtracted or summed: scores, log-sum-exp, $p - q$, losses, weights.
# - Eight bits of output have 256 steps: no sum of 1, no order among small $p$. Decide on the logits, or store $\log p$.
#
# **Next:** [lesson 09](09_what_does_stability_cost.ipynb) asks what all this safety costs.
#
# **References.** Micikevicius et al. 2018, *Mixed precision training*, [arXiv 1710.03740](https://arxiv.org/abs/1710.03740).
# Jacob et al. 2018, *Quantization and training of neural networks for efficient integer-arithmetic-only inference*,
# [arXiv 1712.05877](https://arxiv.org/abs/1712.05877). *OCP Microscaling formats*:
# Rouhani et al. 2023, [arXiv 2310.10537](https://arxiv.org/abs/2310.10537).
#
# **Look it up.** The [glossary](../docs/glossary.md) has every term of the course, the
# [cheat sheet](../docs/cheat_sheet.pdf) all of it on one page.
