# %% [markdown]
# # Can four numbers break a classifier?
#
# Yes: three scores and one label. You will run them on this page. A classifier that was fine
# answers `nan`, *not a number*. No error stops it, and everything it learns next is `nan` too.
#
# The rest of the course takes that failure apart and repairs it. This lesson is the tour:
# you see the failure once, and you try every tool that you will use later.
#
# **After this lesson you can**
#
# 1. **predict** which probabilities of a row become NaN;
# 2. **find** the smallest score that breaks the textbook softmax.
#
# **You need** some Python and NumPy, and to have met softmax once. Nothing about floating-point numbers.
# **Time:** 30 minutes.
#
# Press `Shift+Enter` to run a cell, from top to bottom. To keep your work, choose *File*, *Save Notebook As...*, and a name
# that starts with `my_`, such as `my_00.ipynb`. (A line of "..." is a cell that draws a figure; click it to see its code.) A word is new to you? The [glossary](../docs/glossary.md) has it.

# %%
import importlib.metadata as installed

import numpy as np

from course_utils import figures, floats, naive, plots, quiz, reference, stable
from course_utils.exercises import course, lesson_00
from course_utils.explorers import breaker

np.set_printoptions(precision=4, suppress=True)

# %% [markdown]
# ## Is everything here?
#
# If the cell above ended in an error, this notebook runs in an environment without the course.
# Close it, type `make lab` in the course's folder and open it again, or follow the lines in the README.
#
# The next cell lists what the course uses. The last two packages are optional: some lessons compare their own
# results with them, and leave the comparison out where they are missing.

# %% tags=["nbval-ignore-output"]
NEEDED = ["numpy", "ml_dtypes", "mpmath", "matplotlib", "ipywidgets", "anywidget"]
OPTIONAL = ["scipy", "torch"]

for package in NEEDED + OPTIONAL:
    try:
        print(f"{package:11s} {installed.version(package)}")
    except installed.PackageNotFoundError:
        print(f"{package:11s} missing; to install it, run:  %pip install {package}")

# %% [markdown]
# ## A bet before every surprise
#
# Three questions to start with, about things you may or may not know. A guess counts:
# people who guess before they read remember more of what they read.

# %% tags=["nbval-ignore-output"]
quiz.review(0)

# %% [markdown]
# Before a cell that may surprise you, there is a **bet**. Pick what you expect, then run on.
# You can skip a bet; nothing is locked. But a surprise that you bet against is one you keep.
# By keyboard: `Escape`, then `Tab` to the choices, `Enter` to pick one; `Shift+Enter` runs on.
#
# Softmax turns scores, called *logits*, into probabilities: take $e$ to the power of each score,
# then divide by the total.
#
# $$p_i = \frac{e^{z_i}}{\sum_j e^{z_j}}$$
#
# The course keeps each way to compute it in a module of its own, a *room*. `naive` holds this formula as it stands
# in textbooks. `reference` holds the truth, computed with as many digits as it takes.
#
# The scores are 1000, 1 and -1000. On paper, the first class wins: its probability is 1, to hundreds of digits.

# %% tags=["nbval-ignore-output"]
quiz.bet("00-thousand")

# %%
scores = np.array([1000, 1, -1000], dtype=np.float32)

print("the scores 1000, 1 and -1000, in float32:")
with floats.events():
    p = naive.softmax(scores)

print("textbook:", p)
print("truth   :", reference.softmax(scores))

# %% [markdown]
# The class that should win is the one that turned into NaN.
#
# The numbers are `float32`, PyTorch's format unless you choose another. It ends near $3.4 \cdot 10^{38}$.
# What is larger is stored as `inf`, what is too close to 0 is stored as 0. Then the division meets three cases:
#
# | division | result | the thought behind it |
# |---|---|---|
# | `inf / inf` | NaN | no answer would be right for every pair of huge numbers |
# | `5 / inf` | 0 | anything finite is nothing next to something endless |
# | `0 / 0` | NaN | no answer would be right for every pair of tiny numbers |
#
# $e^{1000}$ is `inf`, and so is the total: the first class gets `inf / inf`. The other two are divided by `inf` as well.
# NumPy warns, at most, and goes on: NaN is a value like any other. (The lessons print what NumPy notices
# as a *floating-point event*, so that it stands beside the result.)
#
# ## Exercise 1: count the NaNs
#
# Exercises look like this: a task, a starter to complete, and a check. The check tells you what your answer gives and
# what is true; if yours is a **known mistake**, it also names the step that went wrong. Run it as often as you like.
#
# How many NaNs does the textbook softmax give for each of these four float32 rows? You have seen row A.
# Work out the others with the table above, without running softmax. Then replace `None` by a list of
# four whole numbers.
#
# | row | logits |
# |---|---|
# | A | `[1000, 1, -1000]` |
# | B | `[1000, 1000, 1]` |
# | C | `[-1000, 1, 2]` |
# | D | `[-1000, -1000, -1000]` |

# %% tags=["nbval-ignore-output"]
my_counts = None  # for example [1, 1, 1, 1]

lesson_00.count_nans.check(my_counts)

# %% [markdown]
# Stuck? In a new cell, run `lesson_00.count_nans.hint()`, then `.hint(2)` and `.hint(3)`. When you have tried,
# `lesson_00.count_nans.solution()` shows the answer and why it is one. Every exercise has all three.
#
# ## One slider, one NaN
#
# An **explorer** is a picture that you can push. Its arithmetic is real: it runs in the number format that you
# choose. Here the scores are 1, 0.9, 0 and -1, all multiplied by a magnitude M. It starts in `float16`, a format
# for fast hardware that ends at 65504. Where you read *subnormal*, a number is so small that it has lost digits.
# The column *z - m* stays empty here: it belongs to the repair in lesson 03.
#
# Move M with the mouse or, once the slider has the focus, with the arrow keys; Page Up and Page Down leap, and the
# number box takes an exact value.
# **Find a magnitude M at which every p is 0 and no NaN tells you.**

# %% tags=["nbval-ignore-output"]
breaker.explore(short=True)

# %% [markdown]
# ## Exercise 2: the smallest number that breaks it
#
# A bug report is worth most when its example is as small as it can be. You will hunt for such examples in
# every lesson. Here is the first: find the **smallest whole number** `x` for which this is not a pair of finite
# numbers: `naive.softmax(np.array([x, 0], dtype=np.float32))`.
#
# Use a loop, the explorer (set it to float32), or trial and error.

# %% tags=["nbval-ignore-output"]
my_score = None

lesson_00.smallest_score.check(my_score)

# %% [markdown]
# ## The batch that breaks a classifier
#
# Here are the four numbers in their natural place: a batch of three examples. Rows and classes are counted from 0.
# In row 1 the scores are 1000, 1 and -1000, and the true class is 2, the one with -1000. The classifier is
# certain, and wrong. That happens in training, above all after a step that was too long.
#
# The *loss* says how wrong the batch is: for each row minus the logarithm of what the true class got, then the mean.
# Its *gradient* says, score by score, how the loss would change; training moves the other way. Both should be
# ordinary numbers. `naive` is the textbook, `stable` is where this course is going.

# %% tags=["nbval-ignore-output"]
quiz.bet("00-one-bad-row")

# %%
batch = np.array([[2, 1, 0.1], [1000, 1, -1000], [3, 2, 1]], dtype=np.float32)
targets = np.array([0, 2, 1])

print("one batch, two rooms:")
gradients = {}
for name, room in {"naive": naive, "stable": stable}.items():
    with floats.events():
        p = room.softmax(batch)
        loss, gradients[name] = room.cross_entropy_with_grad(batch, targets)
    print(f"{name} probabilities\n{p}\n{name} loss: {loss:.6g}\n")

print(f"true loss: {reference.cross_entropy(batch, targets):.6g}")

# %% jupyter={"source_hidden": true} tags=["folded"]
# Draws both gradients, and counts the finite entries.
ROWS, CLASSES = ["row 0", "row 1", "row 2"], ["class 0", "class 1", "class 2"]
fig, axes = plots.figure(9, 2.6, columns=2)
table = []
print("entries of each gradient that are finite:")
for ax, (name, gradient) in zip(axes, gradients.items(), strict=True):
    plots.draw_matrix(ax, gradient, rows=ROWS, columns=CLASSES, wrong=~np.isfinite(gradient))
    ax.set_title(f"gradient, {name}")
    print(f"{name:6s} {np.isfinite(gradient).sum()} of {gradient.size}")
    for row, entries in zip(ROWS, gradient, strict=True):
        numbers = {f"class {j}": f"{entry:.4g}" for j, entry in enumerate(entries)}
        table.append({"gradient": f"{name}, {row}", **numbers})
figures.show(
    fig,
    alt="Two 3 by 3 grids of gradients of one batch. Naive: row 1, class 0 is NaN. "
    "Stable: all 9 are finite, and that entry is +0.333.",
    caption="The same batch, the same formula on paper. A logit whose gradient is positive (+) goes down. The textbook loses "
    "the entry that matters most: the wrong class, which has to go down.",
    table=table,
)

# %% [markdown]
# The two good rows do not help. The loss is a mean, so one `inf` is enough to lose it. And every weight that
# the NaN reaches becomes NaN, and the next prediction is made with those weights.
#
# Look at the textbook loss again. The true class of row 1 got 0, and $-\ln 0$ is `inf`. On paper that row costs 2000,
# the gap from 1000 down to -1000. With the two good rows the mean is 667.275, an ordinary number.
# The answer was never too large. Only a step on the way to it was. That is why a repair exists.
#
# ## The map
#
# | lesson | question | you build |
# |---|---|---|
# | 00 | Can four numbers break a classifier? | you are here |
# | [01](01_how_do_scores_become_probabilities.ipynb) | How do scores become probabilities? | softmax, cross-entropy, a classifier that reads digits |
# | [02](02_where_does_it_break.ipynb) | Where does it break, and what comes out? | a table of the formats' limits |
# | [03](03_which_shift_makes_it_safe.ipynb) | Which shift makes it safe? | a softmax that no row of float32 breaks |
# | [04](04_why_take_logarithms.ipynb) | Why take logarithms at all? | log-sum-exp and log-softmax |
# | [05](05_loss_without_probabilities.ipynb) | How do you get a loss without probabilities? | cross-entropy straight from scores |
# | [06](06_what_must_the_gradient_be.ipynb) | What must the gradient be, and what does it become? | loss and gradient in one pass |
# | [07](07_who_dies_first.ipynb) | Who dies first, and what was the first bad number? | the record of a run that fails late |
# | [08](08_what_changes_with_16_or_8_bits.ipynb) | What changes with 16 or 8 bits? | a softmax of 8-bit integers, a training step in 16 bits |
# | [09](09_what_does_stability_cost.ipynb) | What does stability cost? | a softmax that tries, verifies and repairs |
# | [90](90_can_you_find_the_fault.ipynb) | Can you find the fault? | mixed practice, when the others are done |
#
# Every lesson goes the same way: bet, break it with the smallest input, explain, repair, measure.
# Your results stay on this machine, in one file that you can read, copy or delete. An exercise that you have solved
# comes back for review after 1, 3, 7, 21 and 60 days. The next cell shows what is solved, what is due today, what
# comes next and where the file is. Come back to it whenever you begin.

# %% tags=["nbval-ignore-output", "not-stored"]
course.progress_map()

# %% [markdown]
# ## Key points
#
# - The textbook softmax answers NaN for scores that are ordinary numbers, and raises no error.
# - `inf / inf` and `0 / 0` are NaN; a finite number over `inf` is 0.
# - The true loss of the failing batch is 667.275: the answer fits, only a step on the way does not.
#
# **Next:** [lesson 01](01_how_do_scores_become_probabilities.ipynb) builds softmax and cross-entropy from nothing,
# and trains a classifier with them that works.
#
# **References.** Goodfellow, Bengio & Courville 2016, *Deep Learning*, section 4.1, "Overflow and Underflow",
# [deeplearningbook.org](https://www.deeplearningbook.org/contents/numerical.html).
# Goldberg 1991, *What every computer scientist should know about floating-point arithmetic*,
# ACM Computing Surveys 23(1), [doi 10.1145/103162.103163](https://doi.org/10.1145/103162.103163).
#
# **Look it up.** The [glossary](../docs/glossary.md) has every term of the course, the
# [cheat sheet](../docs/cheat_sheet.pdf) all of it on one page.
