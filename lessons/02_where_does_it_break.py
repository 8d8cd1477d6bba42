# %% [markdown]
# # Where does it break, and what comes out?
#
# Softmax calls `exp`, and `exp` grows fast. Every number format ends somewhere.
# This lesson finds the exact logit where each format gives up, and what you get instead of an answer.
# Sometimes it is NaN. Sometimes it is a number that looks fine.
#
# **After this lesson you can**
#
# 1. **predict** at which logit naive softmax breaks in a format, and what comes out;
# 2. **find** inputs whose answer is finite, sums to 1 and is wrong;
# 3. **trace** a NaN from the step where it is born to the weights it destroys.
#
# **You need** lesson 01. **Time:** 45 minutes. There is a good place for a break after exercise 1.
#
# **Warm up.** The next cell loads the rooms of this lesson and asks three questions from lesson 00.
# Answer from memory: looking things up helps less than you think.

# %% tags=["nbval-ignore-output"]
import numpy as np

from course_utils import datasets, figures, floats, naive, pipeline, plots, quiz, reference, training
from course_utils.exercises import lesson_02
from course_utils.explorers import edge, offset

np.set_printoptions(precision=6)

quiz.review(2)

# %% [markdown]
# ## One step at a time
#
# Here is softmax with the lid off: every intermediate number, for one row that is too high and one that is too low.

# %%
for logits in ([89, 0, 0], [-104, -105, -106]):
    print("float32 logits", logits)
    steps = pipeline.run(logits, "float32")
    for step in steps:
        print(f"   {step.name:4s}", step.values)
    print("   the first bad number is born in:", pipeline.born(steps))
    print("   truth", reference.softmax(np.float32(logits)))

# %% [markdown]
# Four rules of float arithmetic explain all of it:
#
# - too large to store becomes **inf**; too small to store becomes **0**;
# - `inf / inf` and `0 / 0` are **NaN**, "not a number";
# - any finite number divided by inf is **0**, without complaint;
# - `log(0)` is **-inf**, and a loss of `-log(0)` is inf.
#
# What is too large, and what is too small? That depends on how a number is stored.
#
# ## How a number is stored
#
# A floating-point number has three parts: a sign, a **fraction** such as 1.10, written in binary, and an
# **exponent**, the power of 2 that multiplies it. 6 is $1.10_2 \times 2^2$: one and a half, times four.
# Each part has a fixed number of bits, and the 1 before the point is not stored.
# `float8_e5m2` says it in its name: 5 bits of exponent, 2 of fraction. (The exponent is stored with 15 added.)
#
# Two bits of fraction leave four numbers between one power of 2 and the next. The next stretch is twice as long, and it
# holds four numbers as well. So the **spacing**, the distance from one number to the next, doubles at each power of 2.
# Whatever you type in between is stored as the nearest number: **rounding**.
# The next cell prints the bits of five numbers and draws two stretches of the number line: one around 1, and one next to 0.

# %% jupyter={"source_hidden": true}
# Draws the numbers of float8_e5m2 near 1 and near 0, and prints the bits of five of them.
print("float8_e5m2   sign exponent fraction")
for x in (1.0, 1.25, 6.0, 57344.0, 2.0**-16):
    print(f"{x:11.5g}      {'        '.join(floats.bit_fields(x, 'float8_e5m2'))}")


def numbers_of(kind, low, high):
    found = [low]
    while found[-1] < high:
        found.append(floats.neighbour(found[-1], kind))
    return np.array(found)


near_one, near_zero = numbers_of("float8_e5m2", 1, 8), numbers_of("float8_e5m2", 0, 16 * 2.0**-16)
fig, axes = plots.figure(8, 2.9, rows=2)
plots.draw_number_lines(
    axes[0], {"1 to 8": near_one}, {"1 to 8": [("1/4 apart", 1, 2), ("1/2 apart", 2, 4), ("1 apart", 4, 8)]}
)
axes[0].set_xticks([1, 2, 4, 8], ["1", "2", "4", "8"])
plots.draw_number_lines(axes[1], {"next to 0": near_zero}, {"next to 0": [("subnormal", 0, 4 * 2.0**-16)]})
axes[1].set_xticks([k * 2.0**-16 for k in (0, 1, 4, 8, 16)], ["0", "1.5e-5", "6.1e-5", "1.2e-4", "2.4e-4"])
for ax in axes:
    ax.set_ylim(-0.35, 0.75)
figures.show(
    fig,
    alt="Two number lines of float8_e5m2. From 1 to 8 the numbers are 1/4 apart, then 1/2, then 1. Next to 0 the last "
    "three numbers before 0, from 1.5e-5 on, are evenly spaced and called subnormal.",
    caption="Every tick is a number that the format has; between two ticks there is nothing. Above 57344 it ends. "
    "Next to 0 the exponent can get no smaller: the spacing stays, and digits are lost.",
    table=[{"number": f"{x:g}", "bits": " ".join(floats.bit_fields(x, "float8_e5m2"))} for x in near_one],
)

# %% [markdown]
# Look at the lower line. The exponent has reached its smallest value, so the spacing can shrink no further. The numbers
# there are called **subnormal**. The closer to 0, the fewer digits they have: the last one before 0 has a single bit.
#
# ## Build it: the limits of six formats
#
# A term $e^z$ is stored as inf above the largest number. It is stored as 0 below *half* of the smallest: from there 0 is
# the nearest number. The natural logarithm $\ln$ undoes exp, so the two limits for the logit are logarithms.
# Naive softmax needs its largest logit to lie between them:
#
# $$\ln(\tfrac{1}{2}\,\text{smallest number}) \;<\; \max z \;<\; \ln(\text{largest number})$$
#
# NumPy knows each format's largest and smallest number. `ml_dtypes` adds the short formats that accelerators use.


# %%
def cliffs(fmt):
    """The logits at which exp overflows, starts to lose digits, and rounds to 0."""
    zero = np.log(fmt.smallest_subnormal) - np.log(2)  # half of the smallest number
    return np.log(fmt.max), np.log(fmt.smallest_normal), zero


print("format          largest   ln(max)  digits go  all gone   spacing at 1")
for fmt in floats.FORMATS.values():
    overflow, subnormal, zero = cliffs(fmt)
    logits = f"{overflow:8.2f} {subnormal:10.2f} {zero:9.2f}"
    print(f"{fmt.name:14s} {fmt.max:9.3g} {logits}   {fmt.eps:.3g}")

# %% [markdown]
# *Digits go*: below this logit, `exp` is subnormal. *All gone*: below this one, it is rounded to 0.
# *Spacing at 1*, also called the **machine epsilon**: from 1 to the next number that the format has.
#
# A cliff lies between two numbers that the format can store. bfloat16 has nothing between 88.5 and 89,
# so you cannot even type 88.7 into it. float8_e4m3fn has no inf: it overflows straight to NaN.
# (Hardware has habits of its own: some chips store 0 for every subnormal, and many let a float8 stop at its largest
# number. NumPy does neither.)
#
# ## Explore: where is the edge?
#
# Move the logit over each cliff. **Find the smallest logit z that breaks `float8_e4m3fn`.**
# Watch the stored value: it is not always the one you asked for.
#
# ## Exercise 1: predict what comes out
#
# In the cell below the explorer: what does `naive.softmax` give for the **first** class of each row?
# Replace each `None` by a number; `np.nan` is allowed. The check runs the real thing.

# %% tags=["nbval-ignore-output"]
edge.explore()

# %% tags=["nbval-ignore-output"]
my_predictions = [
    None,  # float32  [89, 0]
    None,  # float32  [0, 89]
    None,  # float32  [-103.5, -103.5]
    None,  # float32  [-104, -104]
    None,  # float64  [89, 0]
    None,  # bfloat16 [88.7, 0]
]

lesson_02.predict_output.check(my_predictions)  # stuck? lesson_02.predict_output.hint()

# %% [markdown]
# ## Wrong, and no alarm
#
# NaN is the honest failure. The next two are quiet.
#
# **The sum falls first.** Each `exp` can be finite while their sum is not. With $n$ equal logits, that happens
# above $\ln(\text{largest number}/n)$, before any `exp` overflows. A language model has more than 100,000 classes.
#
# Before you see what that does in float16, place your bet.

# %% tags=["nbval-ignore-output"]
quiz.bet("02-float16-zone")

# %%
print("float32, n equal logits:")
for n in (10, 1000, 128_256):
    limit = np.log(floats.FORMATS["float32"].max / n)
    with np.errstate(over="ignore"):
        p = naive.softmax(np.full(n, limit + 0.05, dtype=np.float32))
    print(f"n = {n:6d}: the sum overflows above {limit:.2f}", end="; ")
    print(f"0.05 past it p = {p[0]:g}, truth {1 / n:.6g}")

print("\nfloat16:")
for magnitude in (10.7, 10.9, 11.1):
    with np.errstate(all="ignore"):
        p = naive.softmax(floats.store(np.array([1, 0.9, 0, -1]) * magnitude, "float16"))
    print(f"   [1, .9, 0, -1] * {magnitude}: p = {p}   any NaN? {np.isnan(p).any()}")

# %% [markdown]
# The middle row is the **all-zeros zone**: the sum is inf but no term is, and finite / inf = 0. `isnan` sees nothing.
#
# **The staircase.** The other quiet failure is at the low end, where `exp` is subnormal: digits disappear one by one
# before the value does. You will find it yourself.
#
# ## Exercise 2: wrong without an alarm
#
# In the explorer the logits are `[c, c - 1]`. Both move by the same offset $c$, so the truth never changes.
# **Slide c down. Find the worst first p that is still a number: off by more than a third.**
#
# Then put what you found to use, in the cell below the explorer. Give the check two float32 logits for which
# `naive.softmax` returns finite numbers that sum to 1 (to three digits), and yet a probability is off by more
# than 0.1: it reads 1, say, where the truth is below 0.9.

# %% tags=["nbval-ignore-output"]
offset.explore(short=True)

# %% tags=["nbval-ignore-output"]
my_logits = None  # np.array([..., ...], dtype=np.float32)

lesson_02.silent_error.check(my_logits)  # stuck? lesson_02.silent_error.hint()

# %% jupyter={"source_hidden": true}
# Draws the first probability of [c, c - 1] in float32 against c.
offsets = np.linspace(-105, -97, 401)
swept = pipeline.sweep_offset(1.0, "float32", "naive", offsets)
truth, computed = swept.truth[:, 0], swept.p[:, 0]
fig, ax = plots.figure(7.5, 3.4)
plots.draw_lanes(ax, offsets, truth, computed, swept.states)
ax.set_xlabel("c, for the logits [c, c - 1] in float32")
ax.set_ylabel("first probability")
figures.show(
    fig,
    alt="Line: the first probability of [c, c-1] in float32 against c. The truth is flat "
    "at 0.731; naive softmax follows it down to about -99, then jumps in steps between "
    "0.5 and 1 and ends in NaN near -104.",
    caption="The whole staircase, to be read from right to left. At each step one of the two terms moves to the "
    "next multiple of the smallest number. Finite, sums to 1, wrong; the truth is 0.731059.",
    table=[
        {"c": f"{offsets[i]:g}", "truth": f"{truth[i]:.6g}", "naive": f"{computed[i]:.6g}"}
        for i in range(25, 401, 25)
    ],
)

# %% [markdown]
# ## From one NaN to all of them
#
# A linear layer with 64 inputs and 10 classes has 640 weights. Four examples, one of them with a logit of 1000.
# The gradient of the weights adds up over the batch, and NaN plus anything is NaN.

# %%
x = np.random.default_rng(0).uniform(0.1, 1, (4, 64)).astype(np.float32)
logits = np.zeros((4, 10), dtype=np.float32)
logits[2, 7] = 1000

with floats.events():
    loss, gradient = naive.cross_entropy_with_grad(logits, np.array([3, 1, 7, 0]))
weights = np.zeros((64, 10), dtype=np.float32) - 0.1 * (x.T @ gradient)
with np.errstate(invalid="ignore"):
    next_p = naive.softmax(x @ weights)
print("logits above 88.72 :", np.sum(logits > 88.72), "of", logits.size)
print("NaN in the gradient:", np.isnan(gradient).sum(), "of", gradient.size)
print("NaN in the weights :", np.isnan(weights).sum(), "of", weights.size, "after one step")
print("NaN in the next p  :", np.isnan(next_p).sum(), "of", next_p.size)

# %% [markdown]
# One bad entry poisons a whole column of weights. In the next batch every row has one NaN logit,
# and the sum in softmax hands it to all ten classes. Nothing recovers from there.
#
# Does that happen without a planted 1000? Take the classifier of lesson 01, and feed it the digits as they come:
# pixels from 0 to 16 instead of 0 to 1. The room `training` holds the loop. It stops when a weight is lost, and it
# notes the first number that was not finite. Each setting runs with 20 seeds.

# %%
print("pixels    rate  networks lost  first bad number      first weight lost")
for pixels, scale, lr in (("0 to 1 ", 1 / 16, 0.1), ("0 to 16", 1, 0.1), ("0 to 16", 1, 0.05)):
    data = datasets.digits(scale=scale)
    runs = [training.softmax_regression(data, naive, lr=lr, epochs=5, seed=seed) for seed in range(20)]
    lost = [run for run in runs if not run.survived]
    told = f"{pixels}  {lr:5g}  {len(lost):2d} of {len(runs)}"
    if lost:
        first, dead = {run.first_bad.step for run in lost}, {run.died for run in lost}
        names = ", ".join({run.first_bad.tensor for run in lost})
        told += f"       {names}, step {min(first)} to {max(first)}     step {min(dead)} to {max(dead)}"
    print(told)

# %% [markdown]
# In the second line no network survives. In each of them a *loss* is the first to go: a target got exactly 0, and
# $-\ln 0$ is inf. The gradient needs no logarithm and is still finite. A few steps later a logit passes 88.72, and NaN
# takes the weights.
#
# Half the learning rate, and all of them live: the logits stay below the cliff. So a smaller rate hides the fault; with
# the next data set it is back. Lesson 03 keeps the rate and removes the fault.
#
# ## Exercise 3: find the culprit
#
# `my_first_bad(history)` gets an array with one row for each training step: all the numbers of that step.
# Return the index of the first row with a number that is not finite, or -1 if there is none.
# For `[[1, 2], [3, np.inf], [np.nan, 1]]` that is 1.


# %% tags=["nbval-ignore-output"]
def my_first_bad(history):
    finite = np.isfinite(history)  # one truth value a number: False for NaN, inf and -inf
    raise NotImplementedError  # which rows are bad? where is the first of them, if there is one?


lesson_02.first_bad.check(my_first_bad)  # stuck? lesson_02.first_bad.hint()

# %% [markdown]
# ## Key points
#
# - Naive softmax breaks above a cliff, 88.72 in float32 and 11.09 in float16, and again when every logit is very low.
# - NaN is the loud failure. The all-zeros zone, where the sum falls first, and the staircase are the quiet ones.
# - One bad logit is enough: NaN reaches every prediction one step later.
#
# **Next:** [lesson 03](03_which_shift_makes_it_safe.ipynb) repairs it with one subtraction.
#
# **References.** Goldberg 1991, *What every computer scientist should know about floating-point arithmetic*,
# [doi 10.1145/103162.103163](https://doi.org/10.1145/103162.103163). The digits: UCI *Optical Recognition of Handwritten Digits*,
# [doi 10.24432/C50P49](https://doi.org/10.24432/C50P49), as carried by scikit-learn.
#
# **Look it up.** The [glossary](../docs/glossary.md) has every term of the course, the
# [cheat sheet](../docs/cheat_sheet.pdf) all of it on one page.
