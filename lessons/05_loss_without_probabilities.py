# %% [markdown]
# # How do you get a loss without probabilities?
#
# Softmax is safe, log-softmax is safe. Yet most losses that fail in practice are still written as
# "softmax, then log, then a patch". This lesson breaks five such patches, replaces them by a loss that starts
# from the logits, and shows on the digits what a harmless-looking patch costs.
#
# **After this lesson you can**
#
# 1. **refute** a loss that patches probabilities, with logits of ordinary size;
# 2. **build** a batched cross-entropy from the logits that skips the rows it is told to skip;
# 3. **repair** a loss on soft targets that turns a weight of 0 into NaN.
#
# **You need** lesson 04. **Time:** 40 minutes.
#
# **Warm up.** The next cell loads the rooms of this lesson and asks three questions from lesson 03.

# %% tags=["nbval-ignore-output"]
import numpy as np

from course_utils import datasets, figures, plots, quiz, reference, shifted, stable
from course_utils.exercises import lesson_05
from course_utils.explorers import loss

np.set_printoptions(precision=4)

quiz.review(5)

# %% [markdown]
# ## Five patches
#
# The cross-entropy of one row is $-\log p_y$, where $y$ is the target class. If $p_y$ underflows, the log is -inf.
# So people patch: add a small number inside the log, or clip the probability first.
# The loss is then finite for every input. Is it also right? Place your bet.

# %% tags=["nbval-ignore-output"]
quiz.bet("05-epsilon")

# %% [markdown]
# Here are five ways that are in use, with the row of logits that is bad for each. The target is class 0.
# In `[0, g]` the model is confidently wrong, by a gap of $g$; in `[g, 0]` it is confidently right;
# in `[g, 0, -inf]` there is a third class, **masked**: a logit of -inf forbids it.
# A search finds the smallest whole $g$ at which the loss is NaN or off by more than 1.

# %%
softmax = shifted.softmax  # the safe one of lesson 03: none of this is its fault


def one_hot(z):
    return np.eye(len(z), dtype=z.dtype)[0]


PATCHES = {
    "log(p + 1e-8)": (lambda z: -np.log(softmax(z)[0] + np.float32(1e-8)), lambda g: [0, g]),
    "log(clip(p, 1e-7, 1))": (lambda z: -np.log(np.clip(softmax(z)[0], 1e-7, 1)), lambda g: [0, g]),
    "softmax twice": (lambda z: -np.log(softmax(softmax(z))[0]), lambda g: [0, g]),
    "one_hot * log(p)": (lambda z: -np.sum(one_hot(z) * np.log(softmax(z))), lambda g: [g, 0]),
    "one_hot * log_softmax": (
        lambda z: -np.sum(one_hot(z) * shifted.log_softmax(z)),
        lambda g: [g, 0, -np.inf],
    ),
}
print("loss                   smallest input     gives      truth")
for name, (patched, row_of) in PATCHES.items():
    for gap in range(200):
        z = np.array(row_of(gap), dtype=np.float32)
        with np.errstate(all="ignore"):
            value, truth = patched(z), reference.cross_entropy(z[None], [0])
        if not abs(value - truth) < 1:
            print(f"{name:22s} {row_of(gap)!s:15s} {value:8.5g} {truth:10.5g}")
            break

# %% [markdown]
# Three different diseases, and none is the fault of softmax:
#
# - **A ceiling.** $-\log(p + \varepsilon)$ can never exceed $-\log \varepsilon$: 18.42 for $10^{-8}$, 16.12 for $10^{-7}$.
#   A row that is wrong by 50 costs as much as a row that is wrong by 20. The same holds for a clip.
# - **The wrong input.** Softmax twice sees probabilities as logits. They lie between 0 and 1, so the loss hardly moves:
#   with two classes it stays between 0.313 and 1.313, whatever the model does. Many frameworks' losses take *logits*;
#   handing them probabilities is this bug.
# - **0 times infinity.** Multiplying by 0 does not remove an infinity: $0 \cdot (-\infty)$ is NaN.
#   It strikes when the model is *right*, and with every masked class.
#
# ## Explore: the loss as the gap grows
#
# The true loss is a straight line. **Find a loss that is wrong by more than 20, while no number is inf or NaN.**

# %% tags=["nbval-ignore-output"]
loss.explore(view="loss")

# %% [markdown]
# ## Exercise 1: "our logits are small"
#
# A colleague answers: "Gaps of 20 never happen here, our logits stay between -9 and 9." The loss is
#
# ```python
# def colleague(logits):                                  # the target is class 0
#     return -np.log(np.clip(softmax(logits)[0], 1e-7, 1))
# ```
#
# Find two float32 logits between -9 and 9 on which this loss is off by more than 1.

# %% tags=["nbval-ignore-output"]
my_logits = None  # np.array([..., ...], dtype=np.float32)

lesson_05.refute_clip.check(my_logits)  # stuck? lesson_05.refute_clip.hint()

# %% [markdown]
# ## Build it: from the logits, for a batch
#
# Lesson 04 did the work: the target's log-probability *is* the loss, with a minus. Pick it by index.
# An index never touches the other classes, so no 0 meets an infinity. No probability is ever formed.

# %% tags=["same-as:shifted.cross_entropy"]
log_softmax = shifted.log_softmax  # the one you built in lesson 04


def cross_entropy(logits, targets):
    log_probabilities = log_softmax(logits)
    rows = np.arange(len(targets))
    return -np.mean(log_probabilities[rows, targets])


print("logits                     loss       truth")
for row in ([0, 19], [0, 18], [0, 3], [104, 0], [0, 0, -np.inf], [0, 1000]):
    z = np.array([row], dtype=np.float32)
    print(f"{row!s:20s} {cross_entropy(z, [0]):10.6g} {reference.cross_entropy(z, [0]):11.6g}")

# %% [markdown]
# One line differs: for `[104, 0]` the truth is tiny and the result is 0, printed as -0. You know why from lesson 04: the winner's last
# digits. `stable.cross_entropy` keeps them by leaving the target out of the sum. Lesson 06 shows when that matters.
#
# ## Three options, and what each means
#
# Real losses take options. Each is a weighted average of row losses, and each hides a choice of *denominator*.
#
# - `ignore_index`: rows with this target (padding in a text, an unknown label) do not count, above or below the line.
# - `weight`: a row counts as much as its target class weighs. The divisor is the sum of these weights, not the row count.
# - `label_smoothing` $s$: the target gets $1 - s$, and all $K$ classes share $s$ equally. A model that is
#   infinitely sure then has an infinite loss, so the logits stay finite.

# %%
logits = np.array([[2, 1, 0], [0, 3, 1], [5, 0, -5]], dtype=np.float32)
targets = np.array([0, 2, 1])
log_p = shifted.log_softmax(logits)
row_losses = -log_p[np.arange(3), targets]
print("row losses:", row_losses, "  mean:", f"{row_losses.mean():.5g}\n")

weight, s = np.array([1.0, 1.0, 4.0]), 0.1
counts = weight[targets]
by_hand = {
    "ignore_index": row_losses[:2].mean(),
    "weight": np.sum(counts * row_losses) / counts.sum(),
    "label_smoothing": np.mean((1 - s) * row_losses + s * np.mean(-log_p, axis=-1)),
}
by_option = {
    "ignore_index": stable.cross_entropy(logits, np.array([0, 2, -1]), ignore_index=-1),
    "weight": stable.cross_entropy(logits, targets, weight=weight),
    "label_smoothing": stable.cross_entropy(logits, targets, label_smoothing=s),
}
for name, value in by_hand.items():
    print(f"{name:16s} by hand {value:.5g}   stable.cross_entropy {by_option[name]:.5g}")

# %% [markdown]
# ## Exercise 2: skip a row
#
# Write `my_cross_entropy(logits, targets)`: the mean loss of the rows whose target is not -1.
# A skipped row may hold anything, infinities included. At least one row remains.
# Beware: in NumPy, -1 is a legal index.


# %% tags=["nbval-ignore-output"]
def my_cross_entropy(logits, targets):
    raise NotImplementedError


lesson_05.skip_rows.check(my_cross_entropy)

# %% [markdown]
# ## Exercise 3: a weight of 0
#
# With soft targets a row has a weight for each class, and an index is no longer enough. The starter sums
# `goals * log_p`, and for `[1, 2, -inf]` with goals `[0, 1, 0]` it gives NaN; the truth is 0.313262. Repair it.
#
# Two rules: a class with weight 0 costs nothing, masked or not. A masked class with weight above 0 costs inf,
# because the model has ruled out what you want. And a NaN logit must stay visible.


# %% tags=["nbval-ignore-output"]
def my_soft_loss(logits, goals):
    shifted_logits = logits - np.max(logits, axis=-1, keepdims=True)
    log_p = shifted_logits - np.log(np.sum(np.exp(shifted_logits), axis=-1, keepdims=True))
    return -np.mean(np.sum(goals * log_p, axis=-1))


lesson_05.zero_weight.check(my_soft_loss)

# %% [markdown]
# ## Does a ceiling on the loss matter?
#
# Nothing crashes with an epsilon. So train with it. The raw digits, the loop of lesson 02, and random first weights:
# the network starts out confidently wrong on many digits, as a network does after one step that was too long.
#
# The gradient feels the epsilon too. The slope of $-\log p$ is $-1/p$; with the patch it is $-1/(p + \varepsilon)$. So
#
# $$\text{patched gradient} = \frac{p}{p + \varepsilon} \times \text{true gradient}$$
#
# At $p = 10^{-3}$ the factor is 0.9999. At $p = 10^{-20}$ it is $10^{-13}$. The same seeds, the same learning rate: place your bet.

# %% tags=["nbval-ignore-output"]
quiz.bet("05-training")


# %%
def patched_with_grad(logits, targets):
    eps = np.float32(1e-7)
    p = shifted.softmax(logits)
    p_target = p[np.arange(len(targets)), targets]
    _, gradient = shifted.cross_entropy_with_grad(logits, targets)
    return -np.mean(np.log(p_target + eps)), gradient * (p_target / (p_target + eps))[:, None]


def train(loss_with_grad, seed, lr=0.1, epochs=30, batch_size=64):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(64, 10)).astype(np.float32)
    bias = np.zeros(10, np.float32)
    losses, accuracies = [], []
    for _ in range(epochs):
        order, epoch = rng.permutation(len(data.train_x)), []
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            value, gradient = loss_with_grad(data.train_x[rows] @ weights + bias, data.train_y[rows])
            weights -= np.float32(lr) * (data.train_x[rows].T @ gradient)
            bias -= np.float32(lr) * gradient.sum(axis=0)
            epoch.append(float(value))
        losses.append(np.mean(epoch))
        accuracies.append(np.mean((data.test_x @ weights + bias).argmax(axis=1) == data.test_y))
    p = softmax(data.train_x @ weights + bias)[np.arange(len(data.train_y)), data.train_y]
    return losses, accuracies, np.mean(p < 1e-9)  # there the patch leaves less than 1 % of the gradient


data = datasets.digits()
LOSSES = {"log(p + 1e-7)": patched_with_grad, "from the logits": shifted.cross_entropy_with_grad}
runs = {name: [train(loss_with_grad, seed) for seed in range(5)] for name, loss_with_grad in LOSSES.items()}
for name, found in runs.items():
    curves, accuracies, lost = zip(*found, strict=True)
    final = np.array(accuracies)[:, -1]
    print(f"{name}: every loss is finite: {np.isfinite(curves).all()}")
    print(
        f"   accuracy above 0.9 in {np.sum(final > 0.9)} of 5 runs, below 0.7 in {np.sum(final < 0.7)} of 5 runs"
    )
    print(f"   more than a quarter of the rows at p < 1e-9 in {np.sum(np.array(lost) > 1 / 4)} of 5 runs")

# %%
fig, axes = plots.figure(10, 3.4, columns=2)
for i, (ax, quantity) in enumerate(zip(axes, ("loss", "accuracy on new digits"), strict=True)):
    plots.draw_training(ax, {name: found[0][i] for name, found in runs.items()}, limits=[(0, 32), (0, 1)][i])
    ax.set(xlabel="epoch", ylabel=quantity)
figures.show(
    fig,
    alt="Two charts over 30 epochs, seed 0. The loss from the logits falls from 31 to about 0.2 and accuracy reaches "
    "0.95; with log(p + 1e-7) the loss stays near 10 and accuracy near 0.35.",
    caption="The epsilon's loss even starts lower, 14 against 31. It is a ceiling, not a success: accuracy stalls.",
    table=[
        {"run": name, "epoch": epoch, "loss": f"below {np.ceil(found[0][0][epoch - 1]):.0f}",
         "accuracy": f"above {np.floor(10 * found[0][1][epoch - 1]) / 10:.1f}"}
        for name, found in runs.items() for epoch in (2, 10, 30)
    ],
)  # fmt: skip

# %% [markdown]
# Same data, same steps, same start. The naive loss died in lesson 02; the shift saved it in lesson 03.
# The epsilon neither dies nor lives: more than a quarter of the rows sit where no gradient is
# left, so nobody corrects them. A run that crashes gets repaired. A run that stalls gets another learning rate.
#
# ## Key points
#
# - A patch on a probability is a ceiling on the loss, and it removes the gradient where you need it most.
# - Pick the target's log-probability by index. A product with 0 does not remove an infinity.
# - Options are weighted averages: check what is divided by what, and that skipped rows cannot leak.
#
# **Next:** [lesson 06](06_what_must_the_gradient_be.ipynb) derives the gradient, and keeps it alive where p is 1.
#
# **References.** Szegedy et al. 2016, *Rethinking the Inception architecture*, section 7 (label smoothing),
# [arXiv 1512.00567](https://arxiv.org/abs/1512.00567). A ceiling found in the wild:
# [Keras issue 17634](https://github.com/keras-team/keras/issues/17634).
#
# **Look it up.** The [glossary](../docs/glossary.md) has every term of the course, the
# [cheat sheet](../docs/cheat_sheet.pdf) all of it on one page.
