# %% [markdown]
# # Which shift makes it safe?
#
# Lesson 02 ended with a dead network. This lesson brings it back to life with one subtraction.
# The hard part is not the subtraction. It is knowing *what* to subtract, and from which numbers.
#
# **After this lesson you can**
#
# 1. **build** a softmax that no finite row of float32 can break;
# 2. **predict** which wrong shifts fail on a batch, and show it with the smallest input.
#
# **You need** lesson 02. **Time:** 40 minutes.
#
# **Warm up.** The next cell loads the rooms of this lesson and asks three questions from lesson 01.

# %% tags=["nbval-ignore-output"]
import numpy as np

from course_utils import accuracy, datasets, figures, floats, naive, plots
from course_utils import quiz, reference, stable, training
from course_utils.exercises import lesson_03
from course_utils.explorers import axis, shift

np.set_printoptions(precision=6)

quiz.review(3)

# %% [markdown]
# ## A constant that changes nothing
#
# Subtract the same number $c$ from every score. On paper, softmax does not notice:
#
# $$\frac{e^{z_i - c}}{\sum_j e^{z_j - c}} = \frac{e^{-c}\, e^{z_i}}{e^{-c} \sum_j e^{z_j}} = \frac{e^{z_i}}{\sum_j e^{z_j}}$$
#
# So you are free to choose $c$. The mean is a natural choice: it centres the row at 0.
# Before you run the next cell, place a bet.

# %% tags=["nbval-ignore-output"]
quiz.bet("03-mean-shift")

# %%
logits = np.array([120, 0, 0, 0], dtype=np.float32)

print("[120, 0, 0, 0], shifted by its mean:")
with floats.events():
    p = naive.softmax(logits - logits.mean())

print("logits - mean:", logits - logits.mean())
print("softmax      :", p)
print("truth        :", reference.softmax(logits))

# %% [markdown]
# The mean is 30, so the largest exponent is 90. That is past 88.72, where float32 ends.
# The algebra was right. The floats still broke.
#
# A shift $c$ is safe for a row when two things hold:
#
# - **nothing overflows**: the largest exponent, $\max z - c$, stays below the cliff, with room for the sum;
# - **something survives**: at least one term must not underflow, or you divide 0 by 0.
#
# Now try six popular shifts on 400 random rows, some mild, some wild. How close must an answer be to count as right?
# The yardstick is the **ulp**, "unit in the last place": the spacing of the format at the true answer (lesson 02).
# A result that is the nearest number to the truth is **correctly rounded**: off by half an ulp at most. Here 100 ulps are allowed: about five digits of float32's seven.

# %%
SHIFTS = {
    "none": lambda z: np.zeros_like(z[:, :1]),
    "a constant, 88": lambda z: np.full_like(z[:, :1], 88),
    "the mean": lambda z: z.mean(axis=1, keepdims=True),
    "the min": lambda z: z.min(axis=1, keepdims=True),
    "the max of |z|": lambda z: np.abs(z).max(axis=1, keepdims=True),
    "the max": lambda z: z.max(axis=1, keepdims=True),
}
rng = np.random.default_rng(0)
spread, offset = rng.uniform(1, 300, (400, 1)), rng.uniform(-200, 200, (400, 1))
rows = (rng.uniform(-0.5, 0.5, (400, 4)) * spread + offset).astype(np.float32)
with np.errstate(all="ignore"):
    answers = {name: naive.softmax(rows - choose(rows)) for name, choose in SHIFTS.items()}

# %% jupyter={"source_hidden": true}
# Draws what became of the 400 rows under each shift.
truths = reference.softmax(rows, dtype=object)
outcomes = {
    name: [accuracy.failure(p, truth, tolerance_ulps=100) for p, truth in zip(computed, truths, strict=True)]
    for name, computed in answers.items()
}
fig, ax = plots.figure(7.5, 3.2)
plots.draw_outcomes(ax, outcomes)
ax.set_xlabel("rows, of 400")
figures.show(
    fig,
    alt="Stacked bars: what six shifts make of 400 float32 rows. Only the max is right in "
    "all 400; every other shift leaves rows with NaN, zeros or lost digits.",
    caption="Six shifts, 400 float32 rows. Only the max is right in every row, to within 100 ulps.",
    table=[
        {"shift": name, **{kind: found.count(kind) for kind in accuracy.KINDS}}
        for name, found in outcomes.items()
    ],
)

# %% [markdown]
# ## Why the max
#
# Subtract the largest logit, and the largest exponent is exactly 0. From that, everything follows:
#
# - every exponent is at most 0, so every term is at most 1: **no overflow**;
# - the term of the maximum is $e^0 = 1$, exactly: **something survives**;
# - the sum lies between 1 and $n$: **the division is safe**.
#
# You need to know nothing about the row. That guarantee is what makes the max special.
#
# ## Build it
#
# One line more than the textbook, for one row.


# %%
def softmax_of_row(row):
    row_max = np.max(row)
    unnormalized = np.exp(row - row_max)
    return unnormalized / np.sum(unnormalized)


for row in ([120, 0, 0, 0], [1000, 1, -1000], [-1000, -1001], [3e38, 3e38]):
    z = np.array(row, dtype=np.float32)
    p = softmax_of_row(z)
    print(f"{row!s:20s} -> {p}   {accuracy.failure(p, reference.softmax(z, dtype=object))}")

# %% [markdown]
# ## Explore: is the max the only good shift?
#
# For the row `[100, 99, 0]` the slider moves the shift, m. **Find the smallest and the largest m that lose no digits
# of the answer.** Then go below the lower edge and look for the place where every probability is 0 and no NaN warns you.

# %% tags=["nbval-ignore-output"]
shift.explore()

# %% [markdown]
# ## Exercise 1: build the shift
#
# `softmax_of_row` knows one row. Write `my_softmax(logits, axis=-1)` for an array of any shape, many rows at once:
# `axis` says along which axis the classes lie. Which numbers share a maximum, and what shape must the maxima have?


# %% tags=["nbval-ignore-output"]
def my_softmax(logits, axis=-1):
    raise NotImplementedError


lesson_03.max_shift.check(my_softmax)  # stuck? lesson_03.max_shift.hint()

# %% [markdown]
# ## One row, one maximum
#
# A batch is a stack of rows. Each row is its own softmax, so each row needs its own shift.
# Three slips are common: the maximum over the wrong axis, one maximum for the whole batch,
# and a forgotten `keepdims`. Place your bet on the first.

# %% tags=["nbval-ignore-output"]
quiz.bet("03-wrong-axis")

# %%
batch = np.array([[1000, 1, 0], [0, 2, 1], [0, 0, 0]], dtype=np.float32)
SLIPS = {
    "each row's own max": lambda z: z - z.max(axis=1, keepdims=True),
    "max over the wrong axis": lambda z: z - z.max(axis=0),
    "keepdims forgotten": lambda z: z - z.max(axis=1),
    "one max for the batch": lambda z: z - z.max(),
}
with np.errstate(all="ignore"):
    results = {name: naive.softmax(shifted_by(batch)) for name, shifted_by in SLIPS.items()}
print("three rows, shifted in four ways:")
for name, p in results.items():
    print(f"{name:24s} any NaN? {np.isnan(p).any()!s:6s} row sums: {p.sum(axis=1)}")

# %% [markdown]
# Look at the wrong axis and at the forgotten `keepdims`: finite numbers, rows that sum to 1, and wrong. No error was
# raised, and no check for NaN or of the sums would find it. A shift must be *constant inside a row*. (In a batch that is
# not square the forgotten `keepdims` is found at once: three maxima don't line up with four columns, and NumPy raises.)
#
# ## Explore: the axis lab
#
# Six codes, four batches, four formats. On the left you see which number is subtracted from which. **Find a code and a batch
# where a probability is wrong, although every row sums to 1 and no NaN shows.** There is one that is right in float32 and
# wrong in float16; can you say why?
#
# ## Exercise 2: the smallest batch that refutes
#
# The cell below the explorer is yours.
# A colleague subtracts one maximum from the whole batch: `z - z.max()`. "It is a maximum, so it is safe."
# Find a batch of two rows, in float32, on which `colleague` is wrong. Use at most 8 logits, all between -60 and 60.
# Wrong means NaN, or a probability that is more than about 100 ulps from the truth.

# %% tags=["nbval-ignore-output"]
axis.explore()


# %% tags=["nbval-ignore-output"]
def colleague(z):
    return naive.softmax(z - z.max())


my_batch = None  # np.array([[..., ...], [..., ...]], dtype=np.float32)

lesson_03.refute_global_max.check(my_batch)  # stuck? lesson_03.refute_global_max.hint()

# %% [markdown]
# ## Back to the dying network
#
# In lesson 02, softmax regression on the raw digits lost its weights within a dozen steps, with every seed.
# Same data, same learning rate, same seeds. The room `training` holds the loop; you hand it a softmax. The one below is
# `softmax_of_row` for a batch, as the room `shifted` keeps it.


# %% tags=["same-as:shifted.softmax"]
def softmax(logits, axis=-1):
    row_max = np.max(logits, axis=axis, keepdims=True)
    unnormalized = np.exp(logits - row_max)
    return unnormalized / np.sum(unnormalized, axis=axis, keepdims=True)


data = datasets.digits()
train = training.softmax_regression
for name, candidate in {"textbook": naive.softmax, "max-shift": softmax}.items():
    runs = [train(data, softmax=candidate, lr=0.1, seed=seed) for seed in range(20)]
    alive = [run for run in runs if run.died is None]
    print(f"{name:9s}: {len(alive):2d} of {len(runs)} networks survive")

worst = min(run.test_accuracy for run in alive)
print(f"the worst of them reads more than {np.floor(20 * worst) * 5:.0f} % of new digits")
bad = alive[0].first_bad
print(f"yet in the first: step {bad.step}, {bad.tensor} = {bad.value} ({bad.operation})")

# %% [markdown]
# All twenty networks live and learn. But look at the last line: one *loss* was still infinite.
# The probability of a target had underflowed to 0, correctly, and the loss took its logarithm.
# The gradient is made from the probabilities alone. It stayed finite, so training went on.
# Lesson 04 begins with that line.
#
# ## What *stable* means
#
# Every answer has two kinds of error. Keep them apart.
#
# - **What nobody can repair.** The logits were rounded when they were stored. If one is off by $d$, the true probability
#   changes by a factor of up to $e^d$. How much the answer moves when the input does is called the **conditioning** of
#   the problem. Logits near $10^8$ in float32 are 8 apart: gaps of 1 are gone before softmax begins.
# - **What the code adds.** The distance from the result to the true softmax *of the stored logits*, in ulps. This is the
#   **forward error**, and the only one you can blame on the code. The course calls code **stable** when it is a few
#   ulps, whatever finite logits come in.
#
# So how good is the shift? The next cell takes rows whose logits spread over 2, 40 and 80, and compares three errors:
# moving each logit by half a spacing, which storing it may have done; your softmax; the room `stable`.

# %%
print("float32, worst of 2000 probabilities: error in ulps, at most")
print("spread   half a spacing in z   your softmax   stable.softmax")
for span in (2, 40, 80):
    z = -np.random.default_rng(0).uniform(0, span, (20, 100)).astype(np.float32)
    truth = reference.softmax(z, dtype=object)
    half_a_spacing = floats.spacing(z, "float32").max() / 2
    an_ulp = floats.spacing(1, "float32") / 2  # of any number, relative to it: this at least
    found = [np.expm1(half_a_spacing) / an_ulp]
    found += [accuracy.worst_ulps(room(z), truth) for room in (softmax, stable.softmax)]
    bounds = [min(b for b in (1, 2, 5, 10, 20, 50, 100) if b >= error) for error in found]
    print(f"{span:6d}   {bounds[0]:19d}   {bounds[1]:12d}   {bounds[2]:14d}")

print("\nstored as [1e8, 1e8, 1e8]:", softmax(np.float32([1, 2, 3]) + np.float32(1e8)))
with np.errstate(over="ignore"):
    print("65,520 equal logits, float16 :", softmax(np.zeros(65520, np.float16))[0], f"truth {1 / 65520:.3g}")
print("1,000 equal logits, bfloat16 :", softmax(floats.store(np.zeros(1000), "bfloat16"))[0], "truth 0.001")

# %% [markdown]
# In float32 and float64 the max-shift never fails, and it costs digits: $z - m$ is rounded, and exp magnifies that. Its error is about as large as
# storing the logits once more would cause. `stable` stays at a few ulps; lesson 04 shows one of its ideas.
#
# The last two lines are another matter. In 16 bits the *sum* fails: it passes 65504, or it stalls where adding 1 changes
# nothing. So the promise of your softmax reads: **no finite row of float32 or float64 gives NaN, or zeros throughout**.
# In shorter formats, take the sum in float32.
#
# ## Key points
#
# - Stable code is a few ulps from the truth of the stored logits. What storage lost, nobody can repair.
# - The row's maximum needs no knowledge of the row: the largest term is exactly 1.
# - One shift a row. A shift that varies inside a row can be wrong without any alarm.
#
# **Next:** [lesson 04](04_why_take_logarithms.ipynb) asks what happens to the classes that this softmax rounds to 0.
#
# **References.** Blanchard, Higham & Higham 2021, *Accurately computing the log-sum-exp and softmax functions*,
# IMA J. Numer. Anal. 41(4), [doi 10.1093/imanum/draa038](https://doi.org/10.1093/imanum/draa038).
#
# **Look it up.** The [glossary](../docs/glossary.md) has every term of the course, the
# [cheat sheet](../docs/cheat_sheet.pdf) all of it on one page.
