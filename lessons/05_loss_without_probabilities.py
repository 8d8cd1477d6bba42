# %% [markdown]
# # How do you get a loss without probabilities?
#
# Softmax is safe, log-softmax is safe. Yet many losses are still written as "softmax, then log, then a patch".
# This lesson breaks five of them. It replaces them by a loss that starts from the logits, and it measures on the
# digits what a patch costs, and when it costs nothing.
#
# **After this lesson you can**
#
# 1. **refute** a loss that patches probabilities, with logits of ordinary size;
# 2. **build** a batched cross-entropy from the logits that skips the rows it is told to skip;
# 3. **repair** a loss on soft targets that turns a weight of 0 into NaN.
#
# **You need** lesson 04. **Time:** 40 minutes. A good place for a break is after exercise 2.
#
# **Warm up.** The next cell loads the rooms of this lesson and asks three questions from lesson 03.

# %% tags=["nbval-ignore-output"]
import numpy as np

from course_utils import datasets, elsewhere, figures, plots, quiz
from course_utils import reference, shifted, stable, training
from course_utils.exercises import lesson_05
from course_utils.explorers import loss

np.set_printoptions(precision=4)

quiz.review(5)

# %% [markdown]
# ## Five losses in use
#
# The cross-entropy of one row is $-\log p_t$, where $t$ is the target class. If $p_t$ underflows, the log is -inf.
# So people patch: they add a small number $\varepsilon$ (epsilon) inside the log, or they clip the probability, which
# lifts everything below a limit up to it. The loss is then finite for every input. Is it also right? Place your bet.

# %% tags=["nbval-ignore-output"]
quiz.bet("05-epsilon")

# %% [markdown]
# Here are five losses that people use. The target is class 0. Beside each stands the kind of row that is hard for it:
#
# - `[0, g]`: the model is confidently wrong, by a gap of $g$;
# - `[g, 0]`: it is confidently right;
# - `[g, 0, -inf]`: there is a third class, **masked**. A logit of -inf forbids it: its probability is exactly 0.
#
# A **one-hot** row has a 1 for the target and 0 for the other classes; two of the losses multiply by it.

# %%
softmax, log_softmax = (
    shifted.softmax,
    shifted.log_softmax,
)  # yours, of lessons 03 and 04: nothing is their fault
WRONG, RIGHT, MASKED = (lambda g: [0, g]), (lambda g: [g, 0]), (lambda g: [g, 0, -np.inf])


def one_hot(z):
    return np.eye(len(z), dtype=z.dtype)[0]


LOSSES = {
    "log(p + 1e-8)": (WRONG, lambda z: -np.log(softmax(z)[0] + np.float32(1e-8))),
    "log(clip(p, 1e-7, 1))": (WRONG, lambda z: -np.log(np.clip(softmax(z)[0], 1e-7, 1))),
    "softmax twice": (WRONG, lambda z: -np.log(softmax(softmax(z))[0])),
    "one_hot * log(p)": (RIGHT, lambda z: -np.sum(one_hot(z) * np.log(softmax(z)))),
    "one_hot * log_softmax": (MASKED, lambda z: -np.sum(one_hot(z) * log_softmax(z))),
}
print("the loss -log(p + 1e-8) of [0, 50], target 0:")
print(LOSSES["log(p + 1e-8)"][1](np.float32([0, 50])))

# %% jupyter={"source_hidden": true}
# Searches, for each loss, the smallest whole gap g at which it is NaN or off by more than 1.
print("loss                   smallest input     gives      truth")
for name, (row, patched) in LOSSES.items():
    for gap in range(200):
        z = np.array(row(gap), dtype=np.float32)
        with np.errstate(all="ignore"):
            value, truth = patched(z), reference.cross_entropy(z[None], [0])
        if not abs(value - truth) < 1:  # written so that NaN counts as well
            print(f"{name:22s} {row(gap)!s:15s} {value:8.5g} {truth:10.5g}")
            break

# %% [markdown]
# The last cell looked for the smallest gap $g$ at which each loss is NaN, or off by more than 1. It found three different
# diseases, and none is the fault of softmax:
#
# - **A ceiling.** $-\log(p + \varepsilon)$ can never exceed $-\log \varepsilon$: 18.42 for $10^{-8}$, 16.12 for $10^{-7}$.
#   A row that is wrong by 500 costs as much as a row that is wrong by 50. The same holds for a clip.
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
#
# ## Exercise 1: "our logits are small"
#
# A colleague answers: "Gaps of 20 never happen here, our logits stay between -9 and 9." The loss is
#
# ```python
# def colleague(logits):                                  # the target is class 0
#     return -np.log(np.clip(softmax(logits)[0], 1e-7, 1))
# ```
#
# In the cell below the explorer, find two float32 logits between -9 and 9 on which this loss is off by more than 1.

# %% tags=["nbval-ignore-output"]
loss.explore(view="loss")

# %% tags=["nbval-ignore-output"]
my_logits = None  # np.array([..., ...], dtype=np.float32)

lesson_05.refute_clip.check(my_logits)  # stuck? lesson_05.refute_clip.hint()

# %% [markdown]
# ## Build it: from the logits, for a batch
#
# Lesson 04 did the work: the target's log-probability *is* the loss, with a minus. Pick it by index.
# An index never touches the other classes, so no 0 meets an infinity. No probability is ever formed.


# %% tags=["same-as:shifted.cross_entropy"]
def cross_entropy(logits, targets):
    log_probabilities = log_softmax(logits)
    rows = np.arange(len(targets))
    return -np.mean(log_probabilities[rows, targets])


print("logits                     loss       truth")
for row in ([0, 19], [0, 18], [0, 3], [20, 0], [0, 0, -np.inf], [0, 1000]):
    z = np.array([row], dtype=np.float32)
    print(f"{row!s:20s} {cross_entropy(z, [0]):10.6g} {reference.cross_entropy(z, [0]):11.6g}")

# %% [markdown]
# One line differs. For `[20, 0]` the truth is tiny and the result is 0, with a minus. You know why from lesson 04:
# it is the winner, and its last digits are gone. `stable.cross_entropy` keeps them. Lesson 06 shows when that matters.
#
# One number is worth knowing by heart: a model that knows nothing gives each of $C$ classes the same probability, and its
# loss is $\ln C$. Print the loss before you train. For ten classes it should be near 2.3; if not, look for the fault now.
#
# ## Three options, and what each means
#
# Real losses take options. The first two change what you add up, and also what you divide by. What to divide by is a
# convention: those here are PyTorch's.
#
# - `ignore_index`: rows with this target (padding in a text, an unknown label) do not count, neither in the sum nor
#   in the number of rows. In PyTorch it is -100 unless you say otherwise: a target of -100 is skipped, unasked.
# - `weight`: each class has a weight, and a row counts as much as its target class weighs. You divide by the sum of
#   these weights, not by the number of rows.
# - `label_smoothing` $s$: the target class gets $1 - s$, and then all $K$ classes, the target too, share $s$ equally.
#   Now every class counts a little, so a model that gives any class a probability of 0 pays an infinite loss.

# %%
logits, targets = np.float32([[2, 1, 0], [0, 3, 1], [5, 0, -5]]), np.array([0, 2, 1])
each = -log_softmax(logits)[np.arange(3), targets]
print("row losses:", each, "  mean:", f"{each.mean():.5g}\n")

weight, s = np.array([1.0, 1.0, 4.0]), 0.1
by_hand = {
    "ignore_index": (1, each[:2].mean()),  # the last row has target 1
    "weight": (weight, np.average(each, weights=weight[targets])),
    "label_smoothing": (s, np.mean((1 - s) * each - s * log_softmax(logits).mean(axis=-1))),
}
for option, (setting, value) in by_hand.items():
    ours = stable.cross_entropy(logits, targets, **{option: setting})
    print(f"{option:16s} by hand {value:.5g}   stable.cross_entropy {ours:.5g}")
print(f"weight, divided by the rows instead, as Keras does: {np.mean(weight[targets] * each):.5g}\n")
elsewhere.show("cross_entropy")

# %% [markdown]
# The last lines are the phrase book: the plain mean of the same batch in four libraries. Beware of the defaults. Keras
# takes probabilities unless you say `from_logits=True`; PyTorch's `cross_entropy` wants logits, with no softmax before.
#
# ## Exercise 2: skip a row
#
# Write `my_cross_entropy(logits, targets)`: the mean loss of the rows whose target is not -1. You may call
# `log_softmax`. A skipped row may hold anything, infinities included. At least one row remains.
# Beware: in NumPy, -1 is a legal index. A kept row whose loss is NaN or inf must show in the mean.


# %% tags=["nbval-ignore-output"]
def my_cross_entropy(logits, targets):
    raise NotImplementedError


lesson_05.skip_rows.check(my_cross_entropy)  # stuck? lesson_05.skip_rows.hint()

# %% [markdown]
# ## Masks
#
# To **ignore a row** and to **forbid a class** are two things. With `ignore_index=2` the rows whose target is 2 cost
# nothing, yet class 2 keeps its place in the softmax of every other row. To forbid a class, set its logit to -inf.
#
# What if everything in a row is forbidden? Its maximum is -inf, and -inf minus -inf is NaN. There are two policies. **NaN**
# says that the question has no answer; it is what most libraries' softmax gives, and `stable`'s. **Zeros** say that nothing
# is chosen; attention layers often want that for padding. Ask for it, and never let it happen by accident.

# %%
print("rows with target 2 ignored:", stable.cross_entropy(logits, targets, ignore_index=2, reduction="none"))
forbidden = logits.copy()
forbidden[:, 2] = -np.inf
print("class 2 forbidden         :", stable.cross_entropy(forbidden, targets, reduction="none"))
print("p of row 0, before, after :", stable.softmax(logits[0]), stable.softmax(forbidden[0]))

nothing = np.full(3, -np.inf, dtype=np.float32)
print("all forbidden, by default :", stable.softmax(nothing))
print('with masked="zeros"       :', stable.softmax(nothing, masked="zeros"))

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
# The gradient feels the epsilon too. The slope of $-\log p$ is $-1/p$; with the patch it is $-1/(p + \varepsilon)$. So
#
# $$\text{patched gradient} = \frac{p}{p + \varepsilon} \times \text{true gradient}$$
#
# With $\varepsilon = 10^{-7}$, what is that factor at $p = 10^{-3}$? And at $p = 10^{-20}$?
#
# Take the training run that you saved in lesson 03: raw digits, a rate of 0.1, weights that start at 0. Then five other
# settings, among them scaled pixels, a tenth of the rate, and random first weights, which make the network start out
# confidently wrong. Each runs with three seeds, both with the patch and
# from the logits. The next cell writes that down. Then bet on the first setting, and run on.


# %%
def patched_with_grad(logits, targets):
    eps = np.float32(1e-7)
    p_target = softmax(logits)[np.arange(len(targets)), targets]
    _, gradient = shifted.cross_entropy_with_grad(logits, targets)
    factor = p_target / (p_target + eps)
    return -np.mean(np.log(p_target + eps)), gradient * factor[:, None]


SETTINGS = {  # first weights, rate, scale of the pixels
    "raw, from 0, rate 0.1": (0, 0.1, 1),
    "raw, from 0, rate 0.01": (0, 0.01, 1),
    "raw, random, rate 0.1": (1, 0.1, 1),
    "raw, random, rate 0.01": (1, 0.01, 1),
    "scaled, from 0, rate 0.1": (0, 0.1, 1 / 16),
    "scaled, random, rate 0.5": (1, 0.5, 1 / 16),
}
WAYS = {"log(p + 1e-7)": patched_with_grad, "from the logits": shifted}

# %% tags=["nbval-ignore-output"]
quiz.bet("05-training")

# %% jupyter={"source_hidden": true}
# Trains every setting both ways, three seeds each, and draws the accuracy on new digits.
runs = {
    setting: {
        name: [
            training.softmax_regression(
                datasets.digits(scale=scale), way, lr=lr, epochs=20, seed=k, init=init
            )
            for k in range(3)
        ]
        for name, way in WAYS.items()
    }
    for setting, (init, lr, scale) in SETTINGS.items()
}
found = {
    setting: {name: [run.test_accuracy for run in each] for name, each in ways.items()}
    for setting, ways in runs.items()
}
every = [run for ways in runs.values() for each in ways.values() for run in each]
print("six settings, two losses, three seeds:")
print(
    "runs with a number that is not finite:",
    sum(run.first_bad is not None for run in every),
    "of",
    len(every),
)
fig, ax = plots.figure(9, 3.6)
plots.draw_dots(ax, found, limits=(0, 1))
ax.set_xlabel("accuracy on new digits; each mark is one run of 20 epochs")
figures.show(
    fig,
    alt="Dot plot of accuracy in 6 settings. From the logits all runs reach 0.75 or more. With log(p + 1e-7) they stay "
    "between 0.2 and 0.6 in 3 settings with raw pixels, and equal the others in the remaining 3.",
    caption="Where the model is never very wrong, the epsilon costs nothing. Where it once was, it stays so: "
    "no number is inf or NaN, and nothing moves.",
    table=[
        {"setting": setting}
        | {
            name: f"{np.floor(10 * min(v)) / 10:.1f} or more, below {np.floor(10 * max(v)) / 10 + 0.1:.1f}"
            for name, v in ways.items()
        }
        for setting, ways in found.items()
    ],
)

# %% [markdown]
# At $p = 10^{-3}$ the factor is 0.9999: no harm. At $p = 10^{-20}$ it is $10^{-13}$: the row has next to no gradient left,
# so nobody corrects it. The naive loss of lesson 02 died loudly, and so it was repaired. This one stalls. A tenth of the
# rate cures it in one setting and not in another; to start from the logits cures it in all.
#
# ## Key points
#
# - A patch on a probability is a ceiling on the loss, and it removes the gradient where you need it most.
# - Pick the target's log-probability by index. A product with 0 does not remove an infinity.
# - With options, check what is divided by what. A row that is ignored and a class that is forbidden are two things.
#
# **Next:** [lesson 06](06_what_must_the_gradient_be.ipynb) derives the gradient, and keeps it alive where p is 1.
#
# **References.** Szegedy et al. 2016, *Rethinking the Inception architecture*, section 7 (label smoothing),
# [arXiv 1512.00567](https://arxiv.org/abs/1512.00567). A ceiling found in the wild:
# [Keras issue 17634](https://github.com/keras-team/keras/issues/17634).
#
# **Look it up.** The [glossary](../docs/glossary.md) has every term of the course, the
# [cheat sheet](../docs/cheat_sheet.pdf) all of it on one page.
