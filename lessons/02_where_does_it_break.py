# %% [markdown]
# # Where does it break, and what comes out?
#
# Softmax calls `exp`, and `exp` grows fast. Every number format ends somewhere.
# This lesson finds the exact logit where each format gives up, and what you get instead of an answer.
# Sometimes it is NaN. More often it is a number that looks fine.
#
# **After this lesson you can**
#
# 1. **predict** at which logit naive softmax breaks in a format, and what comes out;
# 2. **find** inputs whose answer is finite, sums to 1 and is wrong;
# 3. **trace** a NaN from the step where it is born to the weights it destroys.
#
# **You need** lesson 01. **Time:** 40 minutes.
#
# **Warm up.** The next cell loads the rooms of this lesson and asks three questions from lesson 00.
# Answer from memory: looking things up helps less than you think.

# %% tags=["nbval-ignore-output"]
import numpy as np

from course_utils import datasets, figures, floats, naive, pipeline, plots, quiz, reference
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
# So naive softmax needs every logit to stay below one limit, and at least one to stay above another:
#
# $$\max z < \ln(\text{largest number}), \qquad \max z > \ln(\text{smallest number})$$
#
# ## Build it: the limits of six formats
#
# A floating-point number is stored in three parts: a sign, a fraction such as 1.011 (in binary) and an exponent, the
# power of 2 that multiplies it. Each part has a fixed number of bits, so the exponent has a largest and a smallest
# value, and the format ends there. `float8_e5m2` says it in its name: 5 bits of exponent, 2 of fraction.
#
# NumPy knows each format's largest and smallest number. Their logarithms are the cliffs of `exp`.
# `ml_dtypes` adds the short formats that accelerators use.


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
# *Digits go*: below this logit, `exp` is **subnormal**. The exponent cannot get smaller, and the fraction loses digits
# instead. *All gone*: below this one, `exp` is less than half of the smallest number and rounded to 0.
# *Spacing at 1*: from 1 to the next number that the format has.
#
# A cliff lies between two numbers that the format can store. bfloat16 has nothing between 88.5 and 89,
# so you cannot even type 88.7 into it. float8_e4m3fn has no inf: it overflows straight to NaN.
#
# ## Explore: where is the edge?
#
# Move the logit over each cliff. **Find the smallest logit that breaks `float8_e4m3fn`.**
# Watch the stored value: it is not always the one you asked for.

# %% tags=["nbval-ignore-output"]
edge.explore()

# %% [markdown]
# ## Exercise 1: predict what comes out
#
# What does `naive.softmax` give for the **first** class of each row?
# Replace each `None` by a number; `np.nan` is allowed. The check runs the real thing.

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
# above $\ln(\text{largest number}/n)$, long before any `exp` overflows. A language model has about 50,000 classes.
#
# Before you see what that does in float16, place your bet.

# %% tags=["nbval-ignore-output"]
quiz.bet("02-float16-zone")

# %%
for n in (10, 1000, 50257):
    limit = np.log(floats.FORMATS["float32"].max / n)
    logits = np.full(n, limit + 0.05, dtype=np.float32)
    with np.errstate(over="ignore"):
        p = naive.softmax(logits)
    print(f"n = {n:6d}: the sum overflows above {limit:.2f}", end="; ")
    print(f"0.05 past it p = {p[0]:g}, truth {1 / n:.6g}")

print("\nThe all-zeros zone, float16:")
for magnitude in (10.7, 10.9, 11.1):
    with np.errstate(all="ignore"):
        p = naive.softmax(floats.store(np.array([1, 0.9, 0, -1]) * magnitude, "float16"))
    print(f"   [1, .9, 0, -1] * {magnitude}: p = {p}   any NaN? {np.isnan(p).any()}")

# %% [markdown]
# In the zone, the sum is inf but no term is: finite / inf = 0 for every class. `isnan` sees nothing.
#
# **The staircase.** At the low end, digits disappear one by one before the value does.
# The truth for `[c, c - 1]` is `[0.731059, 0.268941]`, whatever `c` is: only the gap counts.

# %%
offsets = np.linspace(-105, -97, 401)
swept = pipeline.sweep_offset(1.0, "float32", "naive", offsets)
truth, computed = swept.truth[:, 0], swept.p[:, 0]
for c in (-90, -100, -102, -103, -104):
    with np.errstate(all="ignore"):
        p = naive.softmax(np.float32([c, c - 1]))
    print(f"c = {c:5d}: p = {p}   sum = {p.sum():.6g}")

fig, ax = plots.figure(7.5, 3.4)
plots.draw_lanes(ax, offsets, truth, computed, swept.states)
ax.set_xlabel("c, for the logits [c, c - 1] in float32")
ax.set_ylabel("first probability")
figures.show(
    fig,
    alt="Line: the first probability of [c, c-1] in float32 against c. The truth is flat "
    "at 0.731; naive softmax follows it down to about -99, then jumps in steps between "
    "0.5 and 1 and ends in NaN near -104.",
    caption="Read it from right to left. Finite, sums to 1, wrong: at c = -102 the first "
    "probability is 0.8, at -103 it is 1. The truth is 0.731059.",
    table=[
        {"c": f"{offsets[i]:g}", "truth": f"{truth[i]:.6g}", "naive": f"{computed[i]:.6g}"}
        for i in range(25, 401, 25)
    ],
)

# %% [markdown]
# ## Exercise 2: wrong without an alarm
#
# First play. In the explorer both logits move by the same offset, so the truth never changes.
# **Find the worst answer that is finite and sums to 1.**
#
# Then put what you found to use, in the cell below the explorer. Give the check two float32 logits for which
# `naive.softmax` returns finite numbers that sum to 1 (to three digits), and yet a probability is off by more
# than 5 % of the truth.

# %% tags=["nbval-ignore-output"]
offset.explore()

# %% tags=["nbval-ignore-output"]
my_logits = None  # np.array([..., ...], dtype=np.float32)

lesson_02.silent_error.check(my_logits)  # stuck? lesson_02.silent_error.hint()

# %% [markdown]
# ## One NaN, one step, no network
#
# A classifier with 64 inputs and 10 classes has 640 weights. Four examples, one of them with a logit of 1000.
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
# Does that happen without a planted 1000? Take the loop of lesson 01, be kind to it with a learning rate
# five times smaller, and feed it the digits as they come: pixels from 0 to 16 instead of 0 to 1.


# %%
def first_bad(data, seed, lr=0.1, epochs=5):
    """Train until a weight is lost: (step, name) of the first bad number, and the last step."""
    rng, step, found = np.random.default_rng(seed), 0, None
    weights = np.zeros((64, 10), dtype=np.float32)
    for _ in range(epochs):
        order = rng.permutation(len(data.train_x))
        for start in range(0, len(order), 64):
            step, rows = step + 1, order[start : start + 64]
            x, y = data.train_x[rows], data.train_y[rows]
            logits = x @ weights
            loss, gradient = naive.cross_entropy_with_grad(logits, y)
            weights -= np.float32(lr) * (x.T @ gradient)
            numbers = {"logits": logits, "loss": loss, "gradient": gradient}
            for name, value in numbers.items():
                if found is None and not np.all(np.isfinite(value)):
                    found = step, name
            if not np.all(np.isfinite(weights)):
                return found, step
    return None


with np.errstate(all="ignore"):
    for scale, pixels in ((1 / 16, "0 to 1 "), (1, "0 to 16")):
        deaths = [first_bad(datasets.digits(scale=scale), seed) for seed in range(20)]
        print(f"pixels {pixels}: {sum(d is not None for d in deaths)} of 20 seeds die")
first = sorted(step for (step, _), _ in deaths)
ruined = sorted(step for _, step in deaths)
names = sorted({name for (_, name), _ in deaths})
print(f"first bad number at step {first[0]} to {first[-1]}, in:", *names)
print(f"first weight lost at step {ruined[0]} to {ruined[-1]}")

# %% [markdown]
# No seed survives. In nearly every run a loss is the first to go: a target got exactly 0, and $-\ln 0$ is inf. The
# gradient needs no logarithm and is still finite. A few steps later a logit passes 88.72, and NaN takes the weights.
# The learning rate is not to blame: lesson 03 keeps it, and repairs the softmax.
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
