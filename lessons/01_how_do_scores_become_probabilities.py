# %% [markdown]
# # How do scores become probabilities?
#
# A classifier ends with one score for each class. A score can be anything: 3.2, or -17.
# This lesson turns scores into probabilities, probabilities into a loss, and the loss into a classifier
# that reads handwritten digits. Everything works here. Keep an eye on one number: how large the scores get.
#
# **After this lesson you can**
#
# 1. **predict** what a temperature does to the probabilities;
# 2. **choose** the axis and the shape with which each row of a batch becomes a softmax;
# 3. **compute** the cross-entropy of a batch from its logits.
#
# **You need** lesson 00. **Time:** 40 minutes.

# %%
import numpy as np

from course_utils import accuracy, datasets, figures, floats, naive, plots, quiz, reference
from course_utils.exercises import lesson_01
from course_utils.explorers import temperature

np.set_printoptions(precision=4, suppress=True)

# %% [markdown]
# ## Warm up
#
# Three questions about what this lesson builds on.

# %% tags=["nbval-ignore-output"]
quiz.review(1)

# %% [markdown]
# ## Positive, and adding up to 1
#
# The scores before softmax are called **logits**. Their order matters: the largest should get the largest
# probability. But probabilities must be positive and add up to 1, and logits need do neither.
#
# Adding up to 1 is easy: divide by the total. Does that do?

# %% tags=["nbval-ignore-output"]
quiz.bet("01-divide-by-total")

# %%
ROWS = [[2.0, 1.0, 0.1], [2.0, -1.0, 0.1], [1.0, -1.0, 0.0], [-2.0, -1.0, -0.1]]
print("scores, divided by their total:")
for scores in ROWS:
    z = np.array(scores, dtype=np.float32)
    with floats.events():
        shares = z / z.sum()
    print(f"{scores!s:18s} -> {shares}")

# %% [markdown]
# The first row looks fine. The second has a negative "probability" and one above 1. The third divides by 0.
# The last one gives the smallest score the largest share.
#
# The cure is to make every score positive first, without changing the order. The exponential does that:
# $e^z$ is positive for every $z$, and it grows with $z$. Then divide by the total.
#
# $$p_i = \frac{e^{z_i}}{\sum_j e^{z_j}}$$
#
# ## Build it
#
# Two lines. Until you reach the section on batches, read `axis` and `keepdims` as "this row".


# %% tags=["same-as:naive.softmax"]
def softmax(logits, axis=-1):
    exps = np.exp(logits)
    return exps / np.sum(exps, axis=axis, keepdims=True)


for scores in [*ROWS, [7.0, 6.0, 5.1]]:
    z = np.array(scores, dtype=np.float32)
    p = softmax(z)
    verdict = accuracy.failure(p, reference.softmax(z, dtype=object))
    print(f"{scores!s:18s} -> {p}   sum {p.sum():.4f}   {verdict}")

# %% [markdown]
# The last word of each line compares with `reference`, which computes with as many digits as it takes
# (`dtype=object` keeps them all). `right` means: right to five digits or more.
#
# Now compare the first line and the last: 5 was added to every score, and nothing changed.
# Only the **gaps** between scores count. The ratio of two probabilities, their *odds*, depends on one gap:
#
# $$\frac{p_i}{p_j} = \frac{e^{z_i}}{e^{z_j}} = e^{z_i - z_j}$$
#
# One more point of gap multiplies the odds by $e \approx 2.718$.
#
# ## Temperature: all gaps at once
#
# Divide all logits by a number $T$, and every gap is divided by $T$ as well. $T$ is called the **temperature**:
# above 1 it shrinks the gaps, below 1 it widens them.
# Language models offer it as a setting: a low one repeats the favourite word, a high one tries others.
#
# In the explorer five scores share one slider. Move T, and watch the order of the classes: does it ever change?
# **Find a temperature at which the first class gets between 0.89 and 0.91.** Then press "cold in float16": a small T
# makes the logits large, and there this softmax gives out. Lesson 02 asks where.

# %% tags=["nbval-ignore-output"]
temperature.explore()

# %% [markdown]
# ## Exercise 1: predict the winner's probability
#
# Two classes have the probabilities 0.9 and 0.1 at temperature 1. What does the first class get
#
# 1. at temperature 2?
# 2. at temperature 1/2?
# 3. at temperature 1, after 5 is added to both logits?
#
# Three significant digits are enough. Work with the odds: they are 9 to 1 here, and odds of 9 to 1 mean 9/10.

# %% tags=["nbval-ignore-output"]
my_winner = None  # [..., ..., ...]

lesson_01.temperature.check(my_winner)  # stuck? lesson_01.temperature.hint()

# %% [markdown]
# ## A batch: many rows, one axis
#
# Networks work on batches: one row for each example, one column for each class. Each row is a softmax of its own,
# so each row needs its own total, summed **along the classes**, the last axis. For a batch of shape `(3, 3)`:
#
# | code | the total | its shape |
# |---|---|---|
# | A | `np.sum(exps, axis=-1)` | `(3,)` |
# | B | `np.sum(exps, axis=0)` | `(3,)` |
# | C | `np.sum(exps, axis=-1, keepdims=True)` | `(3, 1)` |
# | D | `np.sum(exps)` | `()` |
#
# When you divide, NumPy **broadcasts**: it lines shapes up from the end. A total of shape `(3,)` meets the *columns* of a
# `(3, 3)` batch, whatever it was summed over; one of shape `(3, 1)` meets its *rows*.
#
# ## Exercise 2: choose the code that is right
#
# One of the four gives every row its own softmax. Which one? And give one square batch, with 2 or 3 rows,
# on which all the others are wrong. None of them raises an error there: only the numbers tell.
# To try code A on a batch, run `np.exp(batch) / TOTALS["A"](np.exp(batch))`.

# %% tags=["nbval-ignore-output"]
TOTALS = {
    "A": lambda exps: np.sum(exps, axis=-1),
    "B": lambda exps: np.sum(exps, axis=0),
    "C": lambda exps: np.sum(exps, axis=-1, keepdims=True),
    "D": lambda exps: np.sum(exps),
}
my_choice = None  # ("A", np.array([[..., ...], [..., ...]]))

lesson_01.keepdims.check(my_choice)  # stuck? lesson_01.keepdims.hint()

# %% [markdown]
# ## The loss: how surprised are you?
#
# An example comes with its true class, the **target**. A good classifier gave it a high probability.
# The **cross-entropy** of one example is minus the logarithm of that probability, and of nothing else:
#
# $$\text{loss} = -\ln p_{\text{target}}$$
#
# It is 0 when the target got everything, and it grows without limit as the target gets less. ($\ln$ is the natural
# logarithm, `np.log`.) Since $-\ln p = \ln(1/p)$, you can read it as surprise: a target that got one in a thousand surprises
# by $\ln 1000$.
#
# Why this loss and no other? If the examples are independent, the model's probability for all the targets together, the
# **likelihood**, is the *product* of what each target got. The best model is the one that makes this product largest. Its
# logarithm is a sum, so the largest product is the smallest sum of $-\ln p_{\text{target}}$: the cross-entropy.

# %%
for p_target in (1, 0.9, 0.5, 0.1, 0.001):
    print(f"the target got {p_target:5g}:  loss {np.log(1 / p_target):.4f}")

batch = np.array([[2, 1, 0.1], [1, 3, 0.2]], dtype=np.float32)
targets = np.array([0, 2])
p = softmax(batch)
p_of_targets = p[[0, 1], targets]
print(f"\nprobabilities\n{p}\nof the targets: {p_of_targets}")
print(f"their losses  : {-np.log(p_of_targets)}")

# %% [markdown]
# `p[[0, 1], targets]` takes row 0 with its target and row 1 with its target: one number for each row.
# The second example was given to the wrong class, and its loss is the larger one.
#
# ## Exercise 3: the loss of a batch
#
# The loss of a batch is the **mean** over its rows. Write it for any number of rows and classes: the cell above knows
# two rows only. The first lines are there.


# %% tags=["nbval-ignore-output"]
def my_cross_entropy(logits, targets):
    p = softmax(logits)
    rows = np.arange(len(targets))  # 0, 1, 2, ...: the number of each row
    raise NotImplementedError  # missing: the probability of each row's target, and the loss of the batch


lesson_01.batch_loss.check(my_cross_entropy)  # stuck? lesson_01.batch_loss.hint()

# %% [markdown]
# ## A classifier that reads digits
#
# 1,797 handwritten digits, each a picture of 8 × 8 pixels with values from 0 to 16. `scale=1 / 16` divides them,
# so that every input lies between 0 and 1. One matrix of weights turns the 64 pixels of a picture into 10 logits;
# softmax does the rest.
#
# Training repeats one step: take 64 pictures, compute the loss and its gradient, move the weights a little against
# the gradient. The gradient comes from `naive.cross_entropy_with_grad`, built on the same softmax;
# lesson 06 derives it. It is a gradient for the logits, and `x.T @ gradient` hands it on to the weights.
#
# The weights start at 0, so every logit starts at 0, and every class starts with a probability of 1/10. So the first loss
# must be $\ln 10$. That is a check worth making before every training run: for $C$ classes and a model that knows
# nothing, the loss is $\ln C$. How far will the logits go?

# %% tags=["nbval-ignore-output"]
quiz.bet("01-largest-logit")

# %% tags=["code-is-the-point"]
data = datasets.digits(scale=1 / 16)
rng = np.random.default_rng(0)
weights = np.zeros((64, 10), dtype=np.float32)
losses = []
for _ in range(20):
    order = rng.permutation(len(data.train_x))
    for start in range(0, len(order), 64):
        rows = order[start : start + 64]
        x, y = data.train_x[rows], data.train_y[rows]
        loss, gradient = naive.cross_entropy_with_grad(x @ weights, y)
        weights -= np.float32(0.5) * (x.T @ gradient)
        losses.append(float(loss))

test_logits = data.test_x @ weights
right = test_logits.argmax(axis=1) == data.test_y
print("after 20 passes through the data:")
print(f"loss of the first step       : {losses[0]:.3f}   (ln 10 is {np.log(10):.3f})")
print(f"mean loss of the last 20     : {np.mean(losses[-20:]):.2f}")
print(f"right on new digits          : {right.mean():.1%}")
print(f"largest logit, either sign   : {np.abs(test_logits).max():.1f}")

# %% jupyter={"source_hidden": true}
# Draws the training loss, and the new digit with the largest loss.
test_losses = -np.log(softmax(test_logits)[np.arange(len(data.test_y)), data.test_y])
worst = test_losses.argmax()
told = f"true: {data.test_y[worst]}, read: {test_logits[worst].argmax()}"
told += f", loss: {test_losses[worst]:.1f}"

fig, (curve, picture) = plots.figure(9.5, 3, columns=2, width_ratios=[3, 1])
plots.draw_training(curve, losses)
picture.imshow(data.test_x[worst].reshape(8, 8), cmap="gray_r")
picture.set(title=told, xticks=[], yticks=[])
figures.show(
    fig,
    alt="Line chart of the training loss over 460 steps: it falls from 2.3 to about 0.2, "
    f"steeply at first. Beside it the new digit with the largest loss ({told}).",
    caption="Softmax regression on the digits, scaled to 0..1. The loss starts at ln 10, "
    "the loss of a guess. Beside it, the new digit that surprised the classifier most: "
    f"{told}.",
    table=[{"step": n, "loss": f"{losses[n - 1]:.2f}"} for n in (1, 10, 50, 100, 200, 460)],
)

# %% [markdown]
# A matrix of 640 numbers and a two-line softmax read handwriting. Nothing went wrong.
#
# Look at why. The largest logit stayed near 10, and $e^{10}$ is about 22,000. In lesson 00 you found where
# float32 gives up: at 89. This training stayed far away from it, because the pixels were divided by 16 and the
# steps were modest. Nobody checked. In lesson 02, you take the division out.
#
# ## Key points
#
# - Softmax is exp, then a division by the total. Only gaps between logits count; a temperature scales all gaps.
# - One total for each row: sum along the classes and keep the axis, or the shapes line up with the columns.
# - The loss is minus the logarithm of what the target got, averaged. Here it worked because the logits stayed small.
#
# **Next:** [lesson 02](02_where_does_it_break.ipynb) finds the exact logit at which each number format gives up.
#
# **References.** Bridle 1990, *Training stochastic model recognition algorithms as networks can lead to maximum
# mutual information estimation of parameters*, NIPS 2, which named softmax.
# Hinton, Vinyals & Dean 2015, *Distilling the knowledge in a neural network*,
# [arXiv 1503.02531](https://arxiv.org/abs/1503.02531), for the temperature.
# Alpaydin & Kaynak 1998, *Optical Recognition of Handwritten Digits*, UCI Machine Learning Repository,
# [doi 10.24432/C50P49](https://doi.org/10.24432/C50P49).
#
# **Look it up.** The [glossary](../docs/glossary.md) has every term of the course, the
# [cheat sheet](../docs/cheat_sheet.pdf) all of it on one page.
