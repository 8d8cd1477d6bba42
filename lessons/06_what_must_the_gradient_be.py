# %% [markdown]
# # What must the gradient be, and what does it become?
#
# A network never sees the loss. It sees the gradient. A loss can be right to the last digit while its gradient
# is NaN, or 0 where there is still something to learn. This lesson derives the gradient, checks it, breaks it in
# four ways, and repairs it.
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

from course_utils import accuracy, figures, floats, naive, plots, quiz, reference, shifted, stable
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
# Move one logit $z_i$. The slope of the first part is $e^{z_i} / \sum_j e^{z_j}$, which is $p_i$.
# The slope of $z_y$ is 1 if $i$ is the target, and 0 otherwise: call that $y_i$. Together:
#
# $$\frac{\partial L}{\partial z_i} = p_i - y_i$$
#
# Each entry lies between -1 and 1, and they sum to 0: what the target gains, the others pay. A batch of $N$ rows
# divides by $N$.
#
# **The long way.** A framework that sees "softmax, then log" goes backwards step by step. The log sends back
# $-1/p_y$ for the target. Softmax multiplies by its Jacobian, the table of all slopes
#
# $$\frac{\partial p_i}{\partial z_j} = p_i \, (\delta_{ij} - p_j), \qquad \delta_{ij} = 1 \text{ if } i = j, \text{ else } 0$$
#
# On paper the $p$ of the Jacobian cancels the $1/p$ of the log, and both ways meet.

# %%
z, y = np.array([2.0, 1.0, 0.0]), np.array([1, 0, 0])  # the target is class 0
p = shifted.softmax(z)
jacobian = np.diag(p) - np.outer(p, p)
print("long way,  (-y / p) times the Jacobian:", (-y / p) @ jacobian)
print("short way, p - y                      :", p - y)
print("rows of the Jacobian sum to 0         :", np.all(np.abs(jacobian.sum(axis=1)) < 1e-15))

fig, ax = plots.figure(5, 2.6)
classes = ["class 0", "class 1", "class 2"]
plots.draw_matrix(
    ax, jacobian, rows=[f"p of {name}" for name in classes], columns=[f"z of {name}" for name in classes]
)
figures.show(
    fig,
    alt="A 3 by 3 table, the slope of each probability in each logit for logits 2, 1, 0. The diagonal is positive, "
    "0.223 the largest; all else is negative, and each row sums to 0.",
    caption="The Jacobian of softmax at `[2, 1, 0]`. Push one logit up: its class gains what the others lose.",
    table=[
        {"": f"p of {name}", **dict(zip(classes, (f"{entry:.4f}" for entry in row), strict=True))}
        for name, row in zip(classes, jacobian, strict=True)
    ],
)  # fmt: skip

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


TARGETS = np.zeros(20, dtype=int)
WAYS = {
    "float32": (lambda z: -shifted.log_softmax(z)[:, 0], np.float32),
    "float64": (lambda z: -shifted.log_softmax(z)[:, 0], np.float64),
    "60 digits": (lambda z: reference.cross_entropy(z, TARGETS, dtype=object, reduction="none"), np.float64),
}
rows = np.random.default_rng(0).integers(-16, 17, (20, 3)) / 8  # eighths: adding a power of 2 is exact
truth = stable.cross_entropy_with_grad(rows, TARGETS, reduction="sum")[1][:, 0]


def worst_error(loss_of, dtype, h):
    estimate = slope(loss_of, rows.astype(dtype), 0, dtype(h))
    return max(float(abs(error)) for error in estimate / truth - 1)


steps = np.arange(1, 41)
errors = {name: [worst_error(*way, 2.0**-k) for k in steps] for name, way in WAYS.items()}


def bound(error):
    return f"{10 ** np.ceil(np.log10(max(error, 1e-15))):.0e}"


SHOWN = (2, 7, 14, 26, 38)
print("error below    " + "".join(f"{name:>11s}" for name in WAYS))
for k in SHOWN:
    print(f"h = {2.0**-k:7.1g}    " + "".join(f"{bound(errors[name][k - 1]):>11s}" for name in WAYS))

fig, ax = plots.figure(7.5, 3.6)
plots.draw_errors(ax, steps, errors, floor=1e-15)
ax.set_xlabel("k, for a step of h = 2^-k: the larger k, the smaller the step")
ax.set_ylabel("relative error of the slope")
figures.show(
    fig,
    alt="Three lines: error of a finite difference against the step. In float32 it falls to about 1e-5 near h = 0.01, "
    "then climbs to 1. In float64 the turn is near 1e-5. With 60 digits it falls all the way.",
    caption="Two errors make a V: with a large step the formula is too coarse, with a small one the two losses agree in "
    "so many digits that few are left of their difference.",
    table=[{"k": int(k), **{name: bound(errors[name][k - 1]) for name in WAYS}} for k in SHOWN],
)

# %% [markdown]
# The subtraction $L(z+h) - L(z-h)$ cancels: both losses are rounded, and dividing by $2h$ magnifies what was rounded.
# In float32 the best you can get is about five digits, and with $h = 10^{-6}$ not even the first one is safe.
# **Check gradients in a wider format than the one you train in.** Here it is `reference`, with 60 digits.
#
# One more doubt to settle. The code subtracts the row's maximum, and a maximum has a kink where two logits tie.
# Must its slope appear in the gradient?

# %%
tied = np.array([[2.0, 2.0, 0.0]])
differences = [slope(lambda z: reference.logsumexp(z, dtype=object), tied, i, 2.0**-30)[0] for i in range(3)]
print("slopes of log-sum-exp at a tie, 60 digits:", np.array(differences, dtype=float))
print("softmax                                  :", shifted.softmax(tied)[0])

# %% [markdown]
# No. In $m + \log \sum e^{z_j - m}$ a change of $m$ adds once outside and takes away once inside: the two cancel,
# whatever $m$ is. So treat the maximum as a constant, ties included.
#
# ## Exercise 1: derive a gradient
#
# With a temperature $T$ the loss of a row is the cross-entropy of the logits $z / T$. Derive its gradient in $z$ on
# paper first. Then write `my_gradient(logits, targets, temperature)` for the mean over the batch.


# %% tags=["nbval-ignore-output"]
def my_gradient(logits, targets, temperature):
    raise NotImplementedError


lesson_06.tempered.check(my_gradient)  # stuck? lesson_06.tempered.hint()

# %% [markdown]
# ## What becomes of it
#
# On paper both ways meet. In floats, the long way passes through $1/p$. Place your bet.

# %% tags=["nbval-ignore-output"]
quiz.bet("06-backward")


# %%
def the_long_way(p, y):
    """Backwards through -sum(y * log p), then through softmax."""
    slope_of_log = -y / p
    return slope_of_log, p * (slope_of_log - np.sum(p * slope_of_log))


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
# Four failures, one a line:
#
# 1. The forward pass is NaN already; everything behind it is too.
# 2. The loss is 90, and right. But $1/p$ is past the end of float32: inf, then inf - inf. That begins past a gap of 88.7.
# 3. The masked class has $y = 0$ and $p = 0$. Its slope is $-0/0$, and one NaN reaches every class through the sum.
# 4. Nothing overflows. $p$ is stored as 1, so $p - 1$ is 0, and the truth is $-2 \cdot 10^{-9}$.
#
# And lesson 05 had two more: through an epsilon the gradient gets a factor $p / (p + \varepsilon)$,
# and through a clip it is exactly 0 wherever the clip acts.
#
# ## Exercise 2: predict what comes back
#
# All in float32, with the shifted softmax except where it says naive. What reaches the **target's** logit?
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

lesson_06.what_comes_back.check(my_predictions)

# %% [markdown]
# ## Build it: loss and gradient, fused
#
# The cure is to let the algebra cancel before any float is involved: never go back through the log, return $p - y$.
# That is what "fused" means, and why every framework has one function for softmax and cross-entropy together.
#
# The batch below holds a logit of 1000 and a masked class. The result is compared with PyTorch, whose autograd has
# been used on more networks than any other: the cell asks PyTorch if you have it, and otherwise takes the values
# that version 2.13 returned.

# %% tags=["same-as:shifted.cross_entropy_with_grad"]
log_softmax = shifted.log_softmax  # the one you built in lesson 04


def cross_entropy_with_grad(logits, targets):
    log_probabilities = log_softmax(logits)
    rows = np.arange(len(targets))
    loss = -np.mean(log_probabilities[rows, targets])
    gradient = np.exp(log_probabilities)
    gradient[rows, targets] -= 1
    return loss, gradient / len(targets)


logits = np.array([[2, 1, 0.1], [1000, 1, -1000], [1, 2, -np.inf], [-3, 0.5, 4]], dtype=np.float32)
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
# The fused gradient still has weakness number 4. Agreement within $10^{-6}$ says nothing about a gradient of $10^{-9}$.
# Follow the target's gradient as the target pulls ahead.

# %%
margins = np.arange(1, 86)
confident = np.stack([margins, 0 * margins], axis=-1).astype(np.float32)
at_target = {"truth": reference.cross_entropy_with_grad(confident, 0 * margins)[1][:, 0] * len(margins)}
for name, room in {"p - 1": shifted, "target left out": stable}.items():
    at_target[name] = np.array([room.cross_entropy_with_grad(z[None], [0])[1][0, 0] for z in confident])

print("margin       truth       p - 1   target left out")
for margin in (5, 10, 17, 20, 60, 80):
    numbers = [f"{at_target[name][margin - 1] + 0.0:.2g}" for name in at_target]
    print(f"{margin:6d} {numbers[0]:>11s} {numbers[1]:>11s} {numbers[2]:>17s}")

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
    alt="Two lines: relative error of the target's gradient against the margin, float32. With p - 1 it climbs to 1, "
    "nothing left, at a margin of 17; with the target left out it stays below 1e-6 throughout.",
    caption="From a margin of 17 on, `p - 1` is exactly 0. Left out of the sum, the target keeps learning.",
    table=[
        {"margin": margin} | {name: f"{values[margin - 1] + 0.0:.2g}" for name, values in at_target.items()}
        for margin in (5, 10, 17, 20, 60, 80)
    ],
)

# %% [markdown]
# The gradient of a row sums to 0. So $p_y - 1$ is minus the sum of the *other* probabilities,
# $-\sum_{j \ne y} p_j$: the same number, and nothing cancels. `stable.cross_entropy_with_grad` computes it that way.
#
# Is $10^{-9}$ worth keeping? For plain gradient descent, hardly. But optimizers such as Adam divide each gradient by
# its usual size, down to a small constant of their own, so a tiny gradient can still make a full step.
# Prieto et al. (2025) trace networks that stop learning back to this one rounding.
#
# ## Exercise 3: keep learning
#
# The starter is the gradient above. It returns 0 for the target of `[20, 0]`. Repair it, in float32, for any batch.


# %% tags=["nbval-ignore-output"]
def my_live_gradient(logits, targets):
    rows = np.arange(len(targets))
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    gradient = exps / np.sum(exps, axis=-1, keepdims=True)
    gradient[rows, targets] -= 1
    return gradient / len(targets)


lesson_06.keep_learning.check(my_live_gradient)

# %% [markdown]
# ## Key points
#
# - The gradient is $p - y$. Going back through the log divides by $p$ first, and floats do not wait for it to cancel.
# - Check a gradient in a wider format, at the step where the V is lowest. Small steps in float32 lie.
# - The target's entry is minus the sum of the others. Written so, it stays alive when $p$ is stored as 1.
#
# **You made it.** Take the loss of your own project and ask it what you asked here. Which logit overflows it?
# Which class vanishes? Is there a ceiling? What comes back when the model is wrong by 90, and when it is right by 20?
# For each you now know the smallest input to try, and the repair.
#
# **Next:** [lesson 90](90_can_you_find_the_fault.ipynb) hands you fourteen faults in mixed order, in code you have not seen.
#
# **References.** Prieto et al. 2025, *Grokking at the edge of numerical stability*,
# [arXiv 2501.04697](https://arxiv.org/abs/2501.04697). Why each format has its best step: Higham 2002, *Accuracy and
# stability of numerical algorithms*, [doi 10.1137/1.9780898718027](https://doi.org/10.1137/1.9780898718027).
#
# **Look it up.** The [glossary](../docs/glossary.md) has every term of the course, the
# [cheat sheet](../docs/cheat_sheet.pdf) all of it on one page.
