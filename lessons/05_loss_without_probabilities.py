# %% [markdown]
# # How do you get a loss without probabilities?
#
# Softmax is safe, log-softmax is safe. Yet many losses are still written as "softmax, then log, then a patch".
# This lesson breaks five of them. It replaces them by a loss that starts from the logits, and it measures on the
# digits what a patch costs.
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
# So people patch: they add a small number $\varepsilon$ (epsilon) inside the log, or they clip the probability, which
# lifts everything below a limit up to it. The loss is then finite for every input. Is it also right? Place your bet.

# %% tags=["nbval-ignore-output"]
quiz.bet("05-epsilon")

# %% [markdown]
# Here are five losses that are in use. The target is class 0. For each loss a search goes through one kind of row:
#
# - `[0, g]`: the model is confidently wrong, by a gap of $g$;
# - `[g, 0]`: it is confidently right;
# - `[g, 0, -inf]`: there is a third class, **masked**. A logit of -inf forbids it: its probability is exactly 0.
#
# The search stops at the smallest whole $g$ at which the loss is NaN or off by more than 1.
# A **one-hot** row has a 1 for the target and 0 for the other classes; two of the losses multiply by it.

# %%
softmax = shifted.softmax  # the safe one of lesson 03: none of this is its fault


def one_hot(z):
    return np.eye(len(z), dtype=z.dtype)[0]


LOSSES = {
    "log(p + 1e-8)": lambda z: -np.log(softmax(z)[0] + np.float32(1e-8)),
    "log(clip(p, 1e-7, 1))": lambda z: -np.log(np.clip(softmax(z)[0], 1e-7, 1)),
    "softmax twice": lambda z: -np.log(softmax(softmax(z))[0]),
    "one_hot * log(p)": lambda z: -np.sum(one_hot(z) * np.log(softmax(z))),
    "one_hot * log_softmax": lambda z: -np.sum(one_hot(z) * shifted.log_softmax(z)),
}
ROWS = {name: lambda g: [0, g] for name in LOSSES}
ROWS |= {"one_hot * log(p)": lambda g: [g, 0]}
ROWS |= {"one_hot * log_softmax": lambda g: [g, 0, -np.inf]}

print("loss                   smallest input     gives      truth")
for name, patched in LOSSES.items():
    for gap in range(200):
        z = np.array(ROWS[name](gap), dtype=np.float32)
        with np.errstate(all="ignore"):
            value, truth = patched(z), reference.cross_entropy(z[None], [0])
        if not abs(value - truth) < 1:  # written so that NaN counts as well
            print(f"{name:22s} {ROWS[name](gap)!s:15s} {value:8.5g} {truth:10.5g}")
            break

# %% [markdown]
# Three different diseases, and none is the fault of softmax:
#
# - **A ceiling.** $-\log(p + \varepsilon)$ can never exceed $-\log \varepsilon$: 18.42 for $10^{-8}$, 16.12 for $10^{-7}$.
#   A row that is wrong by 50 costs as much as a row that is wrong by 20. The same holds for a clip.
# - **The wrong input.** Softmax twice takes probabilities for logits. They lie between 0 and 1, so the gap is never
#   larger than 1. With two classes the loss stays between $\log(1 + e^{-1}) = 0.313$ and $\log(1 + e) = 1.313$,
#   whatever the model does. Many frameworks' losses take *logits*; handing them probabilities is this bug.
# - **0 times infinity.** Multiplying by 0 does not remove an infinity: $0 \cdot (-\infty)$ is NaN.
#   It strikes when the model is so right that another class's $p$ is 0, and with every masked class.
#
# ## Explore: the loss as the gap grows
#
# On the left is the loss; the true one (dotted) is a straight line once the gap passes 5 or so. On the right is its
# slope, which training follows. **Find a loss that is wrong by more than 20, while no number is inf or NaN.**

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
# One line differs. For `[104, 0]` the truth is tiny and the result is 0, with a minus. You know why from lesson 04:
# it is the winner, and its last digits are gone. `stable.cross_entropy` keeps them. Lesson 06 shows when that matters.
#
# ## Three options, and what each means
#
# Real losses take options. The first two change what you add up, and also what you divide by.
#
# - `ignore_index`: rows with this target (padding in a text, an unknown label) do not count, neither in the sum nor
#   in the number of rows.
# - `weight`: each class has a weight, and a row counts as much as its target class weighs. You divide by the sum of
#   these weights, not by the number of rows.
# - `label_smoothing` $s$: the target class gets $1 - s$, and then all $K$ classes, the target too, share $s$ equally.
#   Now every class counts a little, so a model that gives any class a probability of 0 pays an infinite loss.

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
# Write `my_cross_entropy(logits, targets)`: the mean loss of the rows whose target is not -1. You may call
# `log_softmax`. A skipped row may hold anything, infinities included. At least one row remains.
# Beware: in NumPy, -1 is a legal index.


# %% tags=["nbval-ignore-output"]
def my_cross_entropy(logits, targets):
    raise NotImplementedError


lesson_05.skip_rows.check(my_cross_entropy)  # stuck? lesson_05.skip_rows.hint()

# %% [markdown]
# ## Exercise 3: a weight of 0
#
# A **soft target** spreads the target over several classes, for example `[0.25, 0.75, 0]`. Label smoothing makes such
# rows. Now each class has a weight, and an index is no longer enough. The starter sums `goals * log_p`. For the
# logits `[1, 2, -inf]` with the goals `[0, 1, 0]` it gives NaN; the truth is 0.313262. Repair it. Three rules:
#
# - a class with weight 0 costs nothing, masked or not;
# - a masked class with a weight above 0 costs inf, because the model has ruled out what you want;
# - a logit that is NaN must give a loss that is NaN.


# %% tags=["nbval-ignore-output"]
def my_soft_loss(logits, goals):
    shifted_logits = logits - np.max(logits, axis=-1, keepdims=True)
    log_p = shifted_logits - np.log(np.sum(np.exp(shifted_logits), axis=-1, keepdims=True))
    return -np.mean(np.sum(goals * log_p, axis=-1))


lesson_05.zero_weight.check(my_soft_loss)  # stuck? lesson_05.zero_weight.hint()

# %% [markdown]
# ## Does a ceiling on the loss matter?
#
# Train with it and see. You take the raw digits, the loop of lesson 02, and random first weights: the network starts
# out confidently wrong on many digits, as a network does after one step that was too long.
#
# The gradient feels the epsilon too. The slope of $-\log p$ is $-1/p$; with the patch it is $-1/(p + \varepsilon)$. So
#
# $$\text{patched gradient} = \frac{p}{p + \varepsilon} \times \text{true gradient}$$
#
# With $\varepsilon = 10^{-7}$, what is that factor at $p = 10^{-3}$? And at $p = 10^{-20}$? Then place your bet.

# %% tags=["nbval-ignore-output"]
quiz.bet("05-training")


# %%
def patched_with_grad(logits, targets):
    eps = np.float32(1e-7)
    p = shifted.softmax(logits)
    p_target = p[np.arange(len(targets)), targets]
    _, gradient = shifted.cross_entropy_with_grad(logits, targets)
    factor = p_target / (p_target + eps)
    return -np.mean(np.log(p_target + eps)), gradient * factor[:, None]


def train(data, loss_with_grad, seed, lr=0.1, epochs=30, batch_size=64):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(64, 10)).astype(np.float32)
    bias = np.zeros(10, np.float32)  # a number added to each class's logit
    losses, accuracies = [], []
    for _ in range(epochs):
        order, epoch = rng.permutation(len(data.train_x)), []
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            x, y = data.train_x[rows], data.train_y[rows]
            value, gradient = loss_with_grad(x @ weights + bias, y)
            weights -= np.float32(lr) * (x.T @ gradient)
            bias -= np.float32(lr) * gradient.sum(axis=0)
            epoch.append(float(value))
        losses.append(np.mean(epoch))
        guesses = (data.test_x @ weights + bias).argmax(axis=1)
        accuracies.append(np.mean(guesses == data.test_y))
    p = softmax(data.train_x @ weights + bias)[np.arange(len(data.train_y)), data.train_y]
    return losses, accuracies, np.mean(p < 1e-9)  # there the factor is below 1 %


digits = datasets.digits()
WAYS = {"log(p + 1e-7)": patched_with_grad, "from the logits": shifted.cross_entropy_with_grad}
runs = {name: [train(digits, way, seed) for seed in range(5)] for name, way in WAYS.items()}
print("of 5 runs                          " + "".join(f"{name:>17s}" for name in runs))
for question, holds in {
    "every loss was finite": lambda losses, accuracies, lost: np.isfinite(losses).all(),
    "accuracy above 0.9 at the end": lambda losses, accuracies, lost: accuracies[-1] > 0.9,
    "accuracy below 0.7 at the end": lambda losses, accuracies, lost: accuracies[-1] < 0.7,
    "over 1/4 of the rows at p < 1e-9": lambda losses, accuracies, lost: lost > 1 / 4,
}.items():
    counts = [sum(bool(holds(*run)) for run in found) for found in runs.values()]
    print(f"{question:35s}" + "".join(f"{count:17d}" for count in counts))

# %%
fig, axes = plots.figure(10, 3.4, columns=2)
LIMITS = [(0, 32), (0, 1)]
for i, quantity in enumerate(("loss", "accuracy on new digits")):
    curves = {name: found[0][i] for name, found in runs.items()}
    plots.draw_training(axes[i], curves, limits=LIMITS[i])
    axes[i].set(xlabel="epoch (one pass over the training digits)", ylabel=quantity)
figures.show(
    fig,
    alt="Two charts over 30 epochs, seed 0. The loss from the logits falls from 31 to about "
    "0.2 and accuracy reaches 0.95; with log(p + 1e-7) the loss stays near 10 and accuracy "
    "near 0.35.",
    caption="The epsilon's loss even starts lower, 14 against 31. It is a ceiling, not a "
    "success: accuracy stalls.",
    table=[
        {
            "run": name,
            "epoch": epoch,
            "loss": f"below {np.ceil(found[0][0][epoch - 1]):.0f}",
            "accuracy": f"above {np.floor(10 * found[0][1][epoch - 1]) / 10:.1f}",
        }
        for name, found in runs.items()
        for epoch in (2, 10, 30)
    ],
)

# %% [markdown]
# Same data, same steps, same start. At $p = 10^{-3}$ the factor is 0.9999: no harm. At $p = 10^{-20}$ it is $10^{-13}$.
# After 30 epochs more than a quarter of the rows still sit where next to no gradient is left, so nobody corrects them.
# The naive loss of lesson 02 died loudly, and so it was repaired. This one stalls. People then try another learning
# rate, and the epsilon stays.
#
# ## Key points
#
# - A patch on a probability is a ceiling on the loss, and it removes the gradient where you need it most.
# - Pick the target's log-probability by index. A product with 0 does not remove an infinity.
# - With options, check what is divided by what, and that nothing of a skipped row reaches the loss.
#
# **Next:** [lesson 06](06_what_must_the_gradient_be.ipynb) derives the gradient, and keeps it alive where p is 1.
#
# **References.** Szegedy et al. 2016, *Rethinking the Inception architecture*, section 7 (label smoothing),
# [arXiv 1512.00567](https://arxiv.org/abs/1512.00567). A ceiling found in the wild:
# [Keras issue 17634](https://github.com/keras-team/keras/issues/17634).
#
# **Look it up.** The [glossary](../docs/glossary.md) has every term of the course, the
# [cheat sheet](../docs/cheat_sheet.pdf) all of it on one page.
