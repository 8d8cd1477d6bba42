# %% [markdown]
# # What must the gradient be, and what does it become?
#
# Training never uses the loss itself. It uses the gradient: the slope of the loss in each logit. A loss can be right
# to the last digit while its gradient is NaN, or 0 where there is still something to learn. This lesson derives the
# gradient, checks it, breaks it in four ways, and repairs it.
#
# **After this lesson you can**
#
# 1. **derive** the gradient of a cross-entropy in its logits, temperature included;
# 2. **predict** what a loss sends backwards, step by step;
# 3. **repair** a gradient that is 0 although the model still has something to learn.
#
# **You need** lesson 05. **Time:** 40 minutes.
#
# **Warm up.** The next cell loads the rooms of this lesson and asks three questions from lesson 04.

# %% tags=["nbval-ignore-output"]
import numpy as np

from course_utils import accuracy, figures, floats, naive, plots
from course_utils import quiz, reference, shifted, stable
from course_utils.exercises import lesson_06
from course_utils.explorers import loss

np.set_printoptions(precision=4)

quiz.review(6)

# %% [markdown]
# ## Two ways to the same formula
#
# **The short way.** Start from the loss of lesson 05, for one row with target $y$:
#
# $$L = \log \sum_j e^{z_j} - z_y$$
#
# Move one logit $z_i$ and keep the others. The slope of $\log S$ is the slope of $S$ divided by $S$. Of the sum
# $S = \sum_j e^{z_j}$ only one term moves, with slope $e^{z_i}$. So the slope of the first part is
# $e^{z_i} / \sum_j e^{z_j}$, which is $p_i$. The slope of $z_y$ is 1 if $i$ is the target, and 0 otherwise: call
# that $y_i$ (the one-hot row of lesson 05). Together:
#
# $$\frac{\partial L}{\partial z_i} = p_i - y_i$$
#
# Each entry lies between -1 and 1, and they sum to 0: what the target gains, the others pay. The loss of a batch of
# $N$ rows is a mean, so its gradient is divided by $N$.
#
# **The long way.** A framework that sees "softmax, then log" goes backwards step by step. The slope of $-\log p_y$
# is $-1/p_y$ for the target's probability, and 0 for all others. Then come the slopes of softmax: the table of how
# each probability changes with each logit, called its **Jacobian**. For the target's probability they are
#
# $$\frac{\partial p_y}{\partial z_i} = p_y \, (y_i - p_i)$$
#
# Multiply the two slopes. On paper $p_y$ cancels, and both ways meet:
#
# $$-\frac{1}{p_y} \cdot p_y \, (y_i - p_i) = p_i - y_i$$

# %%
z, y = np.array([2.0, 1.0, 0.0]), np.array([1, 0, 0])  # the target is class 0
p = shifted.softmax(z)
jacobian = np.diag(p) - np.outer(p, p)  # all slopes: row = probability, column = logit
print("long way,  (-y / p) times the Jacobian:", (-y / p) @ jacobian)
print("short way, p - y                      :", p - y)
print("rows of the Jacobian sum to 0         :", np.all(np.abs(jacobian.sum(axis=1)) < 1e-15))

fig, ax = plots.figure(5, 2.6)
classes = ["class 0", "class 1", "class 2"]
rows, columns = [f"p of {name}" for name in classes], [f"z of {name}" for name in classes]
plots.draw_matrix(ax, jacobian, rows=rows, columns=columns)
figures.show(
    fig,
    alt="A 3 by 3 table, the slope of each probability in each logit for logits 2, 1, 0. The "
    "diagonal is positive, 0.223 the largest; all else is negative, and each row sums to 0.",
    caption="The Jacobian of softmax at `[2, 1, 0]`. Push one logit up: its class gains what "
    "the others lose. Read down a column.",
    table=[
        {"slope": name} | {column: f"{entry:.4f}" for column, entry in zip(columns, slopes, strict=True)}
        for name, slopes in zip(rows, jacobian, strict=True)
    ],
)

# %% [markdown]
# ## Check it, and do not be fooled
#
# Never trust a derivation you have not tested, your own included. The usual test moves one logit by $\pm h$:
#
# $$\frac{\partial L}{\partial z_i} \approx \frac{L(z_i + h) - L(z_i - h)}{2h}$$
#
# On paper the error shrinks with $h^2$, so a smaller $h$ is better. Place your bet.

# %% tags=["nbval-ignore-output"]
quiz.bet("06-step")


# %%
def slope(function, z, i, h):
    """How fast function(z), one number a row, changes with logit i: a central difference."""
    up, down = z.copy(), z.copy()
    up[:, i] += h
    down[:, i] -= h
    return (function(up) - function(down)) / (2 * h)


rows = np.random.default_rng(0).integers(-16, 17, (20, 3)) / 8  # eighths: z + 2^-k is exact
targets = np.zeros(20, dtype=int)
truth = stable.cross_entropy_with_grad(rows, targets, reduction="sum")[1][:, 0]


def row_losses(z):
    return -shifted.log_softmax(z)[:, 0]


def exact_losses(z):
    return reference.cross_entropy(z, targets, dtype=object, reduction="none")


def worst_error(losses, dtype, h):
    estimate = slope(losses, rows.astype(dtype), 0, dtype(h))
    return max(float(abs(error)) for error in estimate / truth - 1)


def bound(error):
    return f"{10 ** np.ceil(np.log10(max(error, 1e-15))):.0e}"


WAYS = {
    "float32": (row_losses, np.float32),
    "float64": (row_losses, np.float64),
    "60 digits": (exact_losses, np.float64),
}
ks = np.arange(1, 41)  # the steps are h = 2^-k
errors = {name: [worst_error(*way, 2.0**-k) for k in ks] for name, way in WAYS.items()}

SHOWN = (2, 7, 14, 26, 38)
print("error at most  " + "".join(f"{name:>11s}" for name in WAYS))
for k in SHOWN:
    found = "".join(f"{bound(errors[name][k - 1]):>11s}" for name in WAYS)
    print(f"h = {2.0**-k:7.0e}    {found}")

fig, ax = plots.figure(7.5, 3.6)
plots.draw_errors(ax, ks, errors, floor=1e-15)
ax.set_xticks(SHOWN, [f"{2.0**-k:.0e}" for k in SHOWN])
ax.set_xlabel("step h: the further right, the smaller")
ax.set_ylabel("relative error of the slope")
figures.show(
    fig,
    alt="Three lines: error of a finite difference against the step. In float32 it falls to "
    "about 1e-5 near h = 0.01, then climbs to 1. In float64 the turn is near 1e-5. With 60 "
    "digits it falls all the way.",
    caption="Two errors make a V. With a large step the formula is too coarse. With a small "
    "one the two losses agree in so many digits that few are left of their difference.",
    table=[
        {"h": f"2^-{k}"} | {name: f"at most {bound(errors[name][k - 1])}" for name in WAYS}
        for k in SHOWN
    ],
)  # fmt: skip

# %% [markdown]
# In $L(z+h) - L(z-h)$ the leading digits cancel. What is left is mostly rounding, and dividing by $2h$ magnifies it.
# In float32 the best you can get is about five digits. With $h = 6 \cdot 10^{-5}$ two are left, with $h = 10^{-8}$ none.
# **Check gradients in a wider format than the one you train in.** Here it is `reference`, with 60 digits.
#
# One more doubt to settle. The code subtracts the row's maximum $m$. When a logit moves, $m$ may move too, and where
# two logits tie it has no single slope. Must the slope of $m$ appear in the gradient?

# %%
tied = np.array([[2.0, 2.0, 0.0]])


def exact_logsumexp(z):
    return reference.logsumexp(z, dtype=object)


slopes = [float(slope(exact_logsumexp, tied, i, 2.0**-30)[0]) for i in range(3)]
print("slopes of log-sum-exp at a tie, 60 digits:", np.array(slopes))
print("softmax                                  :", shifted.softmax(tied)[0])

# %% [markdown]
# No. In $m + \log \sum_j e^{z_j - m}$ the second part is $\log \sum_j e^{z_j} - m$. A change of $m$ adds once and takes
# away once, whatever $m$ is. So treat the maximum as a constant, ties included.
#
# ## Exercise 1: derive a gradient
#
# With a temperature $T$ (lesson 01) the loss of a row is the cross-entropy of the logits $z / T$. Derive its gradient
# in $z$ on paper first. Then write `my_gradient(logits, targets, temperature)`: the gradient of the mean loss over the
# batch, an array with the shape of `logits`. You may call `shifted.softmax`.


# %% tags=["nbval-ignore-output"]
def my_gradient(logits, targets, temperature):
    raise NotImplementedError


lesson_06.tempered.check(my_gradient)  # stuck? lesson_06.tempered.hint()

# %% [markdown]
# ## What becomes of it
#
# On paper both ways meet. In floats, the long way passes through $1/p$ first. Place your bet.

# %% tags=["nbval-ignore-output"]
quiz.bet("06-backward")


# %%
def the_long_way(p, y):
    """Backwards through -sum(y * log p), then through softmax."""
    back = -y / p
    return back, p * (back - np.sum(p * back))  # back @ Jacobian, without building the table


CASES = {
    "1. exp overflows": (naive, [1000, 0], 0),
    "2. 1/p overflows": (shifted, [0, 90], 0),
    "3. a masked class, 0 * inf": (shifted, [1, 2, -np.inf], 1),
    "4. p - 1 cancels": (shifted, [20, 0], 0),
}
for name, (room, logits, target) in CASES.items():
    z = np.array(logits, dtype=np.float32)
    with np.errstate(all="ignore"):
        p = room.softmax(z)
        back_to_p, back_to_z = the_long_way(p, np.eye(len(z), dtype=np.float32)[target])
    print(f"{name}: logits {logits}, target {target}")
    for step, value in {"p": p, "dL/dp": back_to_p, "dL/dz": back_to_z}.items():
        print(f"   {step:6s}", np.array2string(value, precision=3))
    truth = reference.cross_entropy_with_grad(z[None], [target])[1][0]
    print("   truth ", np.array2string(truth, precision=3))

# %% [markdown]
# Four failures, one for each case:
#
# 1. $p$ is NaN already, and so is everything computed from it.
# 2. The loss is 90, and right. But $1/p$ is past the end of float32, from a gap of 88.72 on: it becomes inf, and
#    then inf - inf is NaN.
# 3. The masked class has $y = 0$ and $p = 0$. Its slope is $-0/0$, and one NaN reaches every class through the sum.
# 4. Nothing overflows. $p$ is stored as 1, so $p - 1$ is 0, and the truth is $-2 \cdot 10^{-9}$.
#
# The patches of lesson 05 add two more. Through an epsilon the gradient gets a factor $p / (p + \varepsilon)$. Through
# a clip it is exactly 0 wherever the clip acts: there the loss is flat.
#
# ## Exercise 2: predict what comes back
#
# What is `dL/dz` of the **target**? All lines are in float32, with the shifted softmax except where it says naive.
# Replace each `None` by a number; `np.nan` is allowed.

# %% tags=["nbval-ignore-output"]
my_predictions = [
    None,  # naive softmax, then -log(p)       [89, 0]    target 0
    None,  # softmax, then -log(p)             [0, 50]    target 0
    None,  # softmax, then -log(p)             [0, 95]    target 0
    None,  # softmax, clip to 1e-7, -log(p)    [0, 50]    target 0
    None,  # log-softmax, gradient p - y       [0, 95]    target 0
    None,  # log-softmax, gradient p - y       [20, 0]    target 0
]

lesson_06.what_comes_back.check(my_predictions)  # stuck? lesson_06.what_comes_back.hint()

# %% [markdown]
# ## Build it: loss and gradient, fused
#
# The cure is to let the algebra cancel before any float is involved: never go back through the log, return $p - y$.
# **Fused** means that one function computes the loss and this gradient together. That is why frameworks have one
# function for softmax and cross-entropy.
#
# The batch below holds a logit of 1000 and a masked class. The result is compared with the gradient that PyTorch
# computes. If you have PyTorch, the cell asks it; if not, it takes the values that version 2.13 returned.

# %% tags=["same-as:shifted.cross_entropy_with_grad"]
log_softmax = shifted.log_softmax  # the one you built in lesson 04


def cross_entropy_with_grad(logits, targets):
    log_probabilities = log_softmax(logits)
    rows = np.arange(len(targets))
    loss = -np.mean(log_probabilities[rows, targets])
    gradient = np.exp(log_probabilities)
    gradient[rows, targets] -= 1
    return loss, gradient / len(targets)


logits = np.float32([[2, 1, 0.1], [1000, 1, -1000], [1, 2, -np.inf], [-3, 0.5, 4]])
targets = np.array([0, 2, 1, 0])
with floats.events():
    value, gradient = cross_entropy_with_grad(logits, targets)
print(f"loss {value:.6g}")
print(gradient)

pytorch = np.array(  # z.grad of the code below, with torch 2.13 on a CPU
    [
        [-0.085249707, 0.060608245, 0.024641475],
        [0.25, 0, -0.25],
        [0.067235358, -0.067235351, 0],
        [-0.24977891, 0.0073215775, 0.24245735],
    ],
    dtype=np.float32,
)
try:
    import torch
except ImportError:
    pass
else:
    z = torch.tensor(logits, requires_grad=True)
    torch.nn.functional.cross_entropy(z, torch.tensor(targets)).backward()
    pytorch = z.grad.numpy()

truth = reference.cross_entropy_with_grad(logits, targets)[1]
print("ours and PyTorch's differ by less than 1e-6:", np.abs(gradient - pytorch).max() < 1e-6)
print("ours and the truth differ by less than 1e-6:", np.abs(gradient - truth).max() < 1e-6)

# %% [markdown]
# No event, no NaN: the row with a logit of 1000 and the masked row are ordinary rows now.
#
# ## Explore: what the model learns from each loss
#
# **Find a state with a true gradient near -1 and a computed gradient of exactly 0.** Then switch the target to
# "ahead", choose `log_softmax`, and look for the gap at which the gradient vanishes from there.

# %% tags=["nbval-ignore-output"]
loss.explore(view="gradient")

# %% [markdown]
# ## The model that believes it is finished
#
# The fused gradient still has failure number 4. Agreement within $10^{-6}$ says nothing about a gradient of $10^{-9}$.
# Follow the target's gradient as the target pulls ahead. Its **margin** is how far it is ahead of the other class.

# %%
margins = np.arange(1, 86)
confident = np.stack([margins, 0 * margins], axis=-1).astype(np.float32)
always_0 = 0 * margins
truth = reference.cross_entropy_with_grad(confident, always_0, reduction="sum")[1][:, 0]
at_target = {"truth": truth}
for name, room in {"p - 1": shifted, "target left out": stable}.items():
    each = [room.cross_entropy_with_grad(z[None], [0])[1] for z in confident]
    at_target[name] = np.array([gradient[0, 0] for gradient in each]) + 0.0  # + 0.0: no -0

SHOWN = (5, 10, 17, 20, 60, 80)
print("margin" + "".join(f"{name:>17s}" for name in at_target))
for margin in SHOWN:
    found = "".join(f"{values[margin - 1]:17.2g}" for values in at_target.values())
    print(f"{margin:6d}{found}")

fig, ax = plots.figure(7.5, 3.4)
relative = {
    name: accuracy.relative_error(at_target[name], at_target["truth"])
    for name in ("p - 1", "target left out")
}
plots.draw_errors(ax, margins, relative, floor=1e-8)
ax.set_xlabel("margin: how far the target is ahead, float32")
ax.set_ylabel("relative error of its gradient")
figures.show(
    fig,
    alt="Two lines: relative error of the target's gradient against the margin, float32. With "
    "p - 1 it climbs to 1, nothing left, at a margin of 17; with the target left out it "
    "stays below 1e-6 throughout.",
    caption="From a margin of 17 on, `p - 1` is exactly 0. With the target left out of the sum, "
    "all digits stay.",
    table=[
        {"margin": margin} | {name: f"{v[margin - 1]:.2g}" for name, v in at_target.items()}
        for margin in SHOWN
    ],
)

# %% [markdown]
# The gradient of a row sums to 0. So $p_y - 1$ is minus the sum of the *other* probabilities,
# $-\sum_{j \ne y} p_j$: the same number, and nothing cancels. `stable.cross_entropy_with_grad` computes it that way.
#
# Is $10^{-9}$ worth keeping? For plain gradient descent, hardly. But other ways to train, such as the optimizer Adam,
# divide each gradient by its usual size, so a tiny gradient can still make a full step. An exact 0 cannot.
# Prieto et al. (2025) found networks that stop learning because of this rounding.
#
# ## Exercise 3: keep learning
#
# The starter returns $p - y$, divided by the number of rows. For the target of `[20, 0]` that is 0. Repair it for any
# batch, and stay in float32.


# %% tags=["nbval-ignore-output"]
def my_live_gradient(logits, targets):
    rows = np.arange(len(targets))
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    gradient = exps / np.sum(exps, axis=-1, keepdims=True)
    gradient[rows, targets] -= 1
    return gradient / len(targets)


lesson_06.keep_learning.check(my_live_gradient)  # stuck? lesson_06.keep_learning.hint()

# %% [markdown]
# ## Key points
#
# - The gradient is $p - y$. Going back through the log divides by $p$ first, and $1/p$ can overflow before it cancels.
# - Check a gradient in a wider format, at the step where the V is lowest. Small steps in float32 lie.
# - The target's entry is minus the sum of the others. Written so, it stays alive when $p$ is stored as 1.
#
# **You made it.** Take the loss of your own project and ask it what you asked here. Which logit overflows it?
# Which class vanishes? Is there a ceiling? What comes back when the model is wrong by 90, and when it is right by 20?
# For each you now know the smallest input to try, and the repair.
#
# **Next:** [lesson 90](90_can_you_find_the_fault.ipynb) hands you fourteen tasks in mixed order, on code you have not seen.
#
# **References.** Prieto et al. 2025, *Grokking at the edge of numerical stability*,
# [arXiv 2501.04697](https://arxiv.org/abs/2501.04697). Why each format has its best step: Higham 2002, *Accuracy and
# stability of numerical algorithms*, [doi 10.1137/1.9780898718027](https://doi.org/10.1137/1.9780898718027).
#
# **Look it up.** The [glossary](../docs/glossary.md) has every term of the course, the
# [cheat sheet](../docs/cheat_sheet.pdf) all of it on one page.
