# %% [markdown]
# # Who dies first, and what was the first bad number?
#
# Lesson 02 killed a model in a dozen steps. Most real runs die late: they learn well for hours, and then every
# weight is NaN. This lesson keeps a record that names the first bad number. It then tries, on the same seeds, the
# repairs that people reach for, and looks at what happens to a run that never dies.
#
# **After this lesson you can**
#
# 1. **record** the first bad number of a run, and tell it from the number that kills;
# 2. **predict** what a repair does to a dying run, and to what it learns;
# 3. **compute** the margin at which a format stops a run from learning.
#
# **You need** lesson 06. **Time:** 45 minutes.
#
# **Warm up.** The next cell loads the rooms of this lesson and asks three questions from lesson 05.

# %% tags=["nbval-ignore-output"]
import numpy as np

from course_utils import datasets, figures, floats, plots, quiz, shifted, stable, training
from course_utils.exercises import lesson_07
from course_utils.explorers import training as explorer
from course_utils.training import addition, repairs, survival

quiz.review(7)

# %% [markdown]
# ## One run, every tensor
#
# The model has one hidden layer: 64 pixels, 64 hidden numbers, 10 digits. `training.forward` gives the numbers of
# each layer, `training.backward` the gradient of each weight. `training.adam` takes the step: **Adam** divides each
# gradient by its usual size, so that all weights move at a similar pace.
#
# The pixels go from 0 to 1, as is good practice. The loss is the naive one of lesson 01.
#
# ### Build it: the record
#
# A record needs no framework. Keep each tensor of a step in a dictionary, in the order in which it is computed.
# Then ask for the first one that is not finite. Before the next cell does that, place your bet.

# %% tags=["nbval-ignore-output"]
quiz.bet("07-first")


# %% tags=["same-as:training.trace", "same-as:training.first_bad", "code-is-the-point"]
def trace(logits, targets):
    exps = np.exp(logits)
    total = np.sum(exps, axis=-1, keepdims=True)
    p = exps / total
    p_target = p[np.arange(len(targets)), targets]
    loss = -np.mean(np.log(p_target))
    one_hot = np.eye(logits.shape[-1], dtype=logits.dtype)[targets]
    gradient = (p - one_hot) / len(targets)
    return {"logits": logits, "exp": exps, "sum": total, "p": p, "loss": loss, "gradient": gradient}


def first_bad(tensors):
    for name, tensor in tensors.items():
        bad = np.ravel(tensor)[~np.isfinite(np.ravel(tensor))]
        if bad.size:
            return name, float(bad[0])
    return None


def train(data, seed):
    """Train until a number is bad: the step and its tensors, or None after 60 epochs."""
    rng = np.random.default_rng(seed)
    parameters = training.first_parameters((64, 64, 10), rng)
    update = training.adam(0.1)
    batches = training.batches(len(data.train_x), 60, 64, rng)
    for step, rows in enumerate(batches, start=1):
        layers = training.forward(parameters, data.train_x[rows])
        tensors = trace(layers[-1], data.train_y[rows])
        gradients = training.backward(parameters, layers, tensors["gradient"])
        update(parameters, gradients)
        tensors["weights"] = parameters[2]
        if first_bad(tensors):
            return step, tensors
    return None


data = datasets.digits(scale=1 / 16)
with np.errstate(all="ignore"):
    runs = (train(data, seed) for seed in range(20))
    step, tensors = next(run for run in runs if run)  # the first seed that dies

name, value = first_bad(tensors)
print("the first of 20 seeds that dies:")
print(f"the first bad number is {value} in {name!r}, after more than 100 steps: {step > 100}")
for name, tensor in tensors.items():
    share = np.mean(~np.isfinite(tensor))
    print(f"   {name:9s}", {0: "finite", 1: "not finite"}.get(share, "some numbers are not finite"))
print("the largest logit, above 88.72 and below 120:", 88.72 < np.max(tensors["logits"]) < 120)

# %% [markdown]
# Nothing dramatic happened before. The logits grew a little with every step, for hundreds of steps. Then one of
# them passed the cliff of `exp`, and the same step ended in NaN weights.
#
# ## The first bad number is not always the killer
#
# Here is the run of lesson 02 again: raw pixels from 0 to 16, one layer, SGD. `training` keeps the same record for
# every run: `first_bad`, and `died`, the step that left a NaN in the weights.

# %%
raw = datasets.digits()
dead = [training.softmax_regression(raw, seed=seed) for seed in range(20)]
print("dead:", sum(not run.survived for run in dead), "of 20")
print("the first bad number is in the", *{run.first_bad.tensor for run in dead}, "in all of them")
print(
    "the weights lived on after it in more than half:",
    sum(run.died > run.first_bad.step for run in dead) > 10,
)
late = next(run for run in dead if run.died > run.first_bad.step)
print("an example:", late.first_bad.tensor, "=", late.first_bad.value, "by", late.first_bad.operation)

# %% [markdown]
# A loss of inf is a report, not a cause of death. The weights feel the gradient alone. For $p = 0$ that is
# $p - 1 = -1$: finite, and right. The number that kills is a NaN in the gradient, and it comes from an overflow.
#
# So ask a record two questions. *Where did it begin?* and *what reached the weights?*
#
# ### Exercise 1: read a record
#
# `history` has the shape (steps, tensors, numbers): every number of a run. The tensors stand in the order of the
# computation, and the weights come last. Return three numbers: the step and the tensor of the first bad number, and
# the step at which the weights are first bad. Where there is none, write -1. All of them count from 0.


# %% tags=["nbval-ignore-output"]
def my_record(history):
    raise NotImplementedError


lesson_07.record.check(my_record)  # stuck? lesson_07.record.hint()

# %% [markdown]
# ## Who survives?
#
# One seed proves little. The cell trains three seeds now, with the naive and with the stable loss. The figure shows
# 20 seeds of each, for two settings that die late: Adam on pixels from 0 to 1, and SGD with momentum on raw pixels
# (each step keeps nine tenths of the one before).
# They were recorded before: all of it takes several minutes (`make experiments` does it again).

# %% jupyter={"source_hidden": true}
# Trains three seeds of each loss now, and draws how many of the 20 recorded runs live.
naive_now = survival.measure("Adam", "no repair", seeds=range(3))
stable_now = survival.measure("Adam", "stable loss", seeds=range(3))
print("naive,  three seeds now: at most one lives:", naive_now.alive <= 1)
print("stable, three seeds now: all live, accuracy above .9:", min(stable_now.accuracy) > 0.9)

recorded, steps = survival.stored(), {"Adam": 1380, "momentum": 920}
fig, axes = plots.figure(9, 3.4, columns=2)
rows = []
for ax, recipe in zip(axes, steps, strict=True):
    found = {"naive": recorded[recipe]["no repair"], "stable": recorded[recipe]["stable loss"]}
    alive = {name: one.curve(steps[recipe]) for name, one in found.items()}
    plots.draw_training(ax, alive, limits=(0, 20))
    ax.set(title=recipe, ylabel="runs alive, of 20")
    for name, one in found.items():
        row = {"setting": recipe, "loss": name, "alive": f"{one.alive} of 20"}
        rows.append(row | {"deaths at steps": one.deaths, "median accuracy": one.median_accuracy})
figures.show(
    fig,
    alt="Two panels, runs alive against the step. With Adam the naive runs die between step 373 "
    "and 1215, and 2 of 20 are left; with momentum between 171 and 492, and 1 is left. All 20 "
    "stable runs live.",
    caption="The same seeds, the same batches. Nothing differs but the loss. Median step of a death: "
    + " and ".join(f"{np.median(recorded[name]['no repair'].deaths):.0f} with {name}" for name in steps)
    + ", of the naive loss.",
    table=rows,
)

# %% [markdown]
# ## What people do instead
#
# The weights are NaN, and the deadline is near. Clip the gradients? Add an epsilon? Skip the bad step? Place your bet
# on the most popular of them.

# %% tags=["nbval-ignore-output"]
quiz.bet("07-clip")

# %% jupyter={"source_hidden": true}
# Prints the recorded runs of three settings with each repair: who lives, and what they learn.
print("Of 20 seeds: alive, median test accuracy, lowest test accuracy. A run that died has 0.\n")
print(f"{'':31s}" + "".join(f"{recipe:^21s}" for recipe in recorded))
print(f"{'':31s}" + "alive median lowest  " * len(recorded))
for repair in repairs.REPAIRS:
    row = (recorded[recipe][repair] for recipe in recorded)
    cells = (f"{one.alive:5d} {one.median_accuracy:6.3f} {min(one.accuracy):6.2f}  " for one in row)
    print(f"{repair:31s}" + "".join(cells).rstrip())

# %% [markdown]
# `SGD` is the run that lesson 02 killed in a dozen steps. Read the table for two things: who lives, and what they learn.
# A living run that learned little is harder to notice than a dead one.
#
# - **Clip each gradient** and **log(p + 1e-7)** save next to nobody. NaN passes through both. Where a few epsilon
#   runs do live, they have learned little: lesson 05 said why.
# - **Clip the norm** acts while the numbers are still good. It shortens SGD's steps, and there it helps. Adam
#   divides by the gradient's size again, and the runs die as before.
# - **Skip bad steps** and **nan_to_num** keep everybody alive. They have no idea what the lost numbers were. A row
#   past the cliff teaches nothing, or half of the truth. In the two late settings such rows are rare and the price
#   is small. On raw pixels they are common, and skipping ends near .33.
# - **Clipped logits** are safe, and the rows that most need a push get none: .71 on raw pixels.
# - **float64** moves the cliff to 709.78 for twice the memory. Here the logits stay below it. That is luck, not a proof.
# - **A smaller learning rate** is no patch at all, and its accuracy is the best here or close to it. Do it. It also hides the
#   fault: at half the rate, one Adam run of 20 died at step 976.
# - **A soft cap**, $c \tanh(z/c)$, keeps every logit below $c = 30$, so nothing can overflow. The model is another one
#   then: near the cap, the slope of tanh fades.
# - **z-loss** adds $10^{-4} (\log\sum_j e^{z_j})^2$. It pulls the log-sum-exp back towards 0, so logits drift less. It saves
#   the two slow runs. In the fast one it overflows together with the rest.
# - **The stable loss** lives on all 60 seeds, whatever the rate. It does not make a bad rate good: other
#   rows of this table learn more. It removes one cause of death, and leaves the others to you.
#
# ### Exercise 2: predict what arrives
#
# The logits of one row, and the target is class **1**: class 0 is wrongly ahead, and its true gradient is 1. What
# arrives at class 0? Replace each `None` by a number; `np.nan` is allowed. The loss is the naive one but for the last line.

# %% tags=["nbval-ignore-output"]
my_predictions = [
    None,  # float32  [100, 0]  no repair
    None,  # float32  [100, 0]  the gradient clipped to -1 ... 1
    None,  # float32  [100, 0]  the gradient through nan_to_num
    None,  # float32  [100, 0]  the logits clipped to -50 ... 50
    None,  # float64  [100, 0]  no repair
    None,  # float64  [800, 0]  no repair
    None,  # float32  [100, 0]  the shift
]

lesson_07.what_arrives.check(my_predictions)  # stuck? lesson_07.what_arrives.hint()

# %% [markdown]
# ## Explore: train to NaN
#
# Here is a whole run under your hand: thirty points, three classes, every number of every step. Drag the step, go one at a
# time, or press Play, and watch which tensor goes first. **Find a run whose loss is no number for a while although its weights live
# to the last step.**

# %% tags=["nbval-ignore-output"]
explorer.explore()

# %% [markdown]
# ## Never fully satisfied
#
# Why do logits grow at all? Take a model that is done: every point is on the right side, far from the border. The
# **margin** of a row is how far its target's logit is ahead of the best other one. Guess before you run the cell: what do
# the margins do from step 1,000 to step 10,000?

# %% tags=["code-is-the-point"]
rng = np.random.default_rng(0)
angles = np.pi / 2 + 2 * np.pi * np.arange(3) / 3
corners = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
x = (corners[:, None] + 0.3 * rng.normal(size=(3, 10, 2))).reshape(-1, 2).astype(np.float32)
y = np.repeat(np.arange(3), 10)
parameters, update = training.first_parameters((2, 3), rng), training.sgd(1.0)
for step in range(1, 10_001):
    layers = training.forward(parameters, x)
    gradient = stable.cross_entropy_with_grad(layers[-1], y)[1]
    update(parameters, training.backward(parameters, layers, gradient))
    if step in (10, 100, 1000, 10_000):
        print(f"step {step:6d}: the smallest margin is {addition.margins(layers[-1], y).min():.1f}")

print("\nThe first margin at which p of the target is stored as 1, so that p - 1 is 0:")
for fmt in floats.FORMATS.values():
    ahead = np.unique(floats.store(np.arange(0, 40, 1 / 256), fmt))
    p = shifted.softmax(np.stack([ahead, np.zeros_like(ahead)], axis=-1))[:, 0]
    first = float(ahead[np.argmax(p == 1)])
    print(f"   {fmt.name:14s} {first:7.2f}   ln(1/u) = {np.log(2 / fmt.eps):5.2f}")

# %% [markdown]
# The loss is never 0, so it never says *enough*. Ten times as many steps add about 2 to the margin. In a deep model, or
# with an optimizer that divides small gradients by their size, the growth is faster.
#
# And there is an end. With the target's term 1 and the rest $e^{-m}$, the sum $1 + e^{-m}$ is stored as 1 once $e^{-m}$ is no larger than
# $u$, half of the spacing at 1. That is the margin $m = \ln(1/u)$. From there on `p - 1` is exactly 0, and the row falls
# silent. Prieto et al. (2025) call it **softmax collapse**. The coarse formats can't store every margin, so they stop at a
# neighbour of it.
#
# Does a training run feel it? They add whole numbers modulo 113 with a network; here is a small copy, modulo 31, on three
# seeds. Adam's epsilon is $10^{-30}$ instead of $10^{-8}$, so that a small gradient still makes a full step.

# %% jupyter={"source_hidden": true}
# Draws the median margins of the recorded runs, and prints where they end.
runs = addition.stored()
steps = np.arange(1, 61) * addition.EVERY
margin = {way: np.median([one.margin for one in runs[way]], axis=0) for way in addition.WAYS}
for way in runs:
    accuracy = [one.accuracy[-1] for one in runs[way]]
    print(f"{way:35s} margin {np.median([one.margin[-1] for one in runs[way]]):5.1f}", end="   ")
    print(f"test accuracy {min(accuracy):.2f} to {max(accuracy):.2f}")

fig, ax = plots.figure(8, 3.6)
plots.draw_training(ax, margin, limits=(0, 70))
ax.set(xlabel=f"step, in {addition.EVERY}s", ylabel="median margin")
for name in ("float32", "float64"):
    end = np.log(2 / floats.FORMATS[name].eps)
    ax.axhline(end, color=plots.PALETTE["faint"], lw=1, ls=":")
    ax.text(60, end + 1, f"ln(1/u) of {name}: {end:.1f}", ha="right", va="bottom")
figures.show(
    fig,
    alt="Three lines, median margin against the step. With p - 1 the margin stops near 16.6 in float32 and near 36.7 in "
    "float64, at ln(1/u) of each format. With the target left out of the sum it grows past 60.",
    caption="Three seeds, the middle one. Each format stops where its roundoff says; the gradient that keeps the target out "
    "of the sum (lesson 06) goes on in float32.",
    table=[
        {"step": int(steps[i])} | {way: f"{values[i]:.1f}" for way, values in margin.items()}
        for i in (4, 9, 19, 39, 59)
    ],
)

# %% [markdown]
# What this shows, and what it does not. The margin stops at $\ln(1/u)$ in both formats, as the paper says, and the same float32 run
# goes on when the gradient keeps its digits. Test accuracy is then higher. But it is far from the perfect score that the paper
# reaches with larger networks and other cures. And with Adam's usual epsilon, the last three lines (one seed), the gain is gone: $10^{-8}$ is larger
# than the gradients that were saved.
#
# Logits that drift are also what z-loss and soft caps are for. PaLM (2022) was trained with z-loss, and Gemma 2 (2024) with soft caps
# of 50 in attention and 30 at the end. Wortsman et al. (2023) found that z-loss stops the drift of the output logits in small
# models too. Stollenwerk et al. (2026) found learning rates at which it fails, as our fastest setting does. Neither replaces the shift.
#
# ### Exercise 3: where does it stop?
#
# The target leads by the same margin $m$ over each of `rivals` other classes. Derive the margin from which the sum of softmax is stored
# as 1. `roundoff` is an array with the $u$ of one or more formats; return an array of the same shape.


# %% tags=["nbval-ignore-output"]
def my_margin(roundoff, rivals):
    raise NotImplementedError


lesson_07.margin.check(my_margin)  # stuck? lesson_07.margin.hint()

# %% [markdown]
# ## Key points
#
# - Record each tensor in the order of the computation. The first bad number tells where it began; a NaN in the gradient is what kills.
# - A patch after the overflow lets NaN through or makes a number up. A smaller rate helps and hides the fault; the shift removes it.
# - Margins grow without end. At $\ln(1/u)$, 16.6 in float32, `p - 1` is 0 and the row stops teaching.
#
# **Next:** [lesson 08](08_what_changes_with_16_or_8_bits.ipynb) asks what changes when a number has 16 bits, or 8.
#
# **References.** Prieto et al. 2025, *Grokking at the edge of numerical stability*,
# [arXiv 2501.04697](https://arxiv.org/abs/2501.04697). Soudry et al. 2018, *The implicit bias of gradient descent on separable
# data*, [arXiv 1710.10345](https://arxiv.org/abs/1710.10345). Kingma and Ba 2015, *Adam*,
# [arXiv 1412.6980](https://arxiv.org/abs/1412.6980). Chowdhery et al. 2022, *PaLM*, [arXiv 2204.02311](https://arxiv.org/abs/2204.02311).
# Wortsman et al. 2023, *Small-scale proxies for large-scale Transformer training instabilities*,
# [arXiv 2309.14322](https://arxiv.org/abs/2309.14322). Stollenwerk et al. 2026, *Output embedding centering for stable LLM pretraining*,
# [arXiv 2601.02031](https://arxiv.org/abs/2601.02031). Gemma Team 2024, *Gemma 2*, [arXiv 2408.00118](https://arxiv.org/abs/2408.00118).
#
# **Look it up.** The [glossary](../docs/glossary.md) has every term of the course, the
# [cheat sheet](../docs/cheat_sheet.pdf) all of it on one page.
