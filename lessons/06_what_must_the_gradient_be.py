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
# **You need** lesson 05. **Time:** 45 minutes. A good place for a break is after exercise 1.
#
# **Warm up.** The next cell loads the rooms of this lesson and asks three questions from lesson 04.

# %% tags=["nbval-ignore-output"]
import numpy as np

from course_utils import elsewhere, figures, naive, plots
from course_utils import quiz, reference, shifted, stable
from course_utils.exercises import lesson_06
from course_utils.explorers import loss

np.set_printoptions(precision=4)

quiz.review(6)

# %% [markdown]
# ## Two ways to the same formula
#
# **The short way.** Start from the loss of lesson 05, for one row whose target is class $t$:
#
# $$L = \log \sum_j e^{z_j} - z_t$$
#
# Move one logit $z_i$ and keep the others. The slope of $\log S$ is the slope of $S$ divided by $S$. Of the sum
# $S = \sum_j e^{z_j}$ only one term moves, with slope $e^{z_i}$. So the slope of the first part is
# $e^{z_i} / \sum_j e^{z_j}$, which is $p_i$. The slope of $z_t$ is 1 if $i = t$, and 0 otherwise: call
# that $y_i$. The numbers $y$ are the one-hot row of lesson 05. Together:
#
# $$\frac{\partial L}{\partial z_i} = p_i - y_i$$
#
# Each entry lies between -1 and 1, and they sum to 0: what the target gains, the others pay. The loss of a batch of
# $N$ rows is a mean, so its gradient is divided by $N$.
#
# **The long way.** A framework that sees "softmax, then log" goes backwards step by step. The slope of $-\log p_t$
# in $p_t$ is $-1/p_t$; in all other probabilities it is 0. Then come the slopes of softmax: the table of how
# each probability changes with each logit, called its **Jacobian**. Its row for $p_t = e^{z_t} / S$ follows from the
# rule for fractions. When $z_i$ moves, the numerator has slope $y_i \, e^{z_t}$, for it moves with its own logit only.
# The denominator has slope $e^{z_i}$. So
#
# $$\frac{\partial p_t}{\partial z_i} = \frac{y_i \, e^{z_t} \cdot S - e^{z_t} \cdot e^{z_i}}{S^2} = p_t \, (y_i - p_i)$$
#
# Multiply the two slopes. On paper $p_t$ cancels, and both ways meet:
#
# $$-\frac{1}{p_t} \cdot p_t \, (y_i - p_i) = p_i - y_i$$

# %% jupyter={"source_hidden": true}
# Computes the gradient of [2, 1, 0] both ways, and draws the Jacobian.
z, y = np.array([2.0, 1.0, 0.0]), np.array([1, 0, 0])  # the target is class 0
p = shifted.softmax(z)
jacobian = np.diag(p) - np.outer(p, p)  # all slopes: row = probability, column = logit
print("long way,  (-y / p) times the Jacobian:", (-y / p) @ jacobian)
print("short way, p - y                      :", p - y)

fig, ax = plots.figure(5.4, 2.6)
classes = ["class 0", "class 1", "class 2"]
rows, columns = [f"p of {name}" for name in classes], [f"z of {name}" for name in classes]
plots.draw_matrix(ax, jacobian, rows=rows, columns=columns)
figures.show(
    fig,
    alt="A 3 by 3 table, the slope of each probability in each logit for logits 2, 1, 0. The "
    "diagonal is positive, 0.223 the largest; all else is negative, and each row sums to 0.",
    caption="The Jacobian of softmax at `[2, 1, 0]`. Read down a column: push this logit up, and its own class gains (+) "
    "what the others lose (-). Each column sums to 0, and so does each row.",
    table=[
        {"slope": name} | {column: f"{entry:+.4f}" for column, entry in zip(columns, slopes, strict=True)}
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
target_0 = np.zeros(20, dtype=int)
truth = stable.cross_entropy_with_grad(rows, target_0, reduction="sum")[1][:, 0]


def worst_error(losses, kind, k):
    estimate = slope(losses, rows.astype(kind), 0, kind(2.0**-k))
    return max(float(abs(error)) for error in estimate / truth - 1)


print("digits of the slope that are right, in float32:")
for k in (1, 7, 14, 27):
    error = worst_error(lambda z: -shifted.log_softmax(z)[:, 0], np.float32, k)
    print(f"   h = {2.0**-k:5.0e}: {max(0, int(-np.log10(error)))}")

# %% jupyter={"source_hidden": true} tags=["folded"]
# Draws the error of the finite difference against the step, in three arithmetics.
ks = np.arange(1, 41)  # the steps are h = 2^-k
errors = {
    kind.__name__: [worst_error(lambda z: -shifted.log_softmax(z)[:, 0], kind, k) for k in ks]
    for kind in (np.float32, np.float64)
}
exact = [
    worst_error(lambda z: reference.cross_entropy(z, target_0, dtype=object, reduction="none"), np.float64, k)
    for k in ks[::3]
]
errors["60 digits"] = np.interp(ks, ks[::3], np.log10(exact))
errors["60 digits"] = 10.0 ** errors["60 digits"]
print("how far the slope is from the truth, step by step:")
fig, ax = plots.figure(7.5, 3.6)
plots.draw_errors(ax, ks * np.log10(2), errors, floor=1e-15, mark_best=True)
ax.set_xticks(range(2, 13, 2), [f"$10^{{-{n}}}$" for n in range(2, 13, 2)])
ax.set_xlabel("step h: the further right, the smaller")
ax.set_ylabel("relative error of the slope")
figures.show(
    fig,
    alt="Three lines: error of a finite difference against the step. In float32 it falls to "
    "about 1e-5 near h = 0.01, then climbs to 1. In float64 the turn is near 1e-5. With 60 "
    "digits it falls until it leaves the picture at 1e-15.",
    caption="Two errors make a V. With a large step the formula is too coarse. With a small one the two losses agree in so "
    "many digits that few are left of their difference. A ring marks each best step; the bottom line means 1e-15 or less.",
    table=[
        {"h": f"2^-{k}"}
        | {name: f"below {10 ** np.ceil(np.log10(found[k - 1])):.0e}" for name, found in errors.items()}
        for k in (1, 7, 14, 25, 37)
    ],
)

# %% [markdown]
# In $L(z+h) - L(z-h)$ the leading digits are equal and vanish. What is left is mostly rounding: this is called **cancellation**. Dividing by $2h$ magnifies it.
# In float32 the best you can get is four digits, at a step near 0.01; with $h = 10^{-8}$ no digit is left.
# **Check gradients in a wider format than the one you train in.** Here it is `reference`, with 60 digits.
#
# One more doubt to settle. The code subtracts the row's maximum $m$. When a logit moves, $m$ may move too. Must its slope
# appear in the gradient? In $m + \log \sum_j e^{z_j - m}$ there are two of it, one outside the log and one inside.


# %%
def lse(z, outside, inside):
    return outside + np.log(np.sum(np.exp(z - inside)))


def slopes(function, z, h=1e-5):
    return np.array([(function(z + step) - function(z - step)) / (2 * h) for step in h * np.eye(3)])


z, m = np.array([2.0, 1.0, 0.0]), 2.0
print("both move          :", slopes(lambda z: lse(z, z.max(), z.max()), z))
print("both are held      :", slopes(lambda z: lse(z, m, m), z))
print("softmax            :", shifted.softmax(z))
print("only outside held  :", slopes(lambda z: lse(z, m, z.max()), z))
print("only inside held   :", slopes(lambda z: lse(z, z.max(), m), z))
tied = np.array([2.0, 2.0, 0.0])
print("a tie, both held   :", slopes(lambda z: lse(z, m, m), tied), "softmax:", shifted.softmax(tied))

# %% [markdown]
# No: a change of $m$ adds once and takes away once. Hold both, and the gradient is softmax, ties included, where $m$ has no
# single slope. But hold *both or none*. This is the **detach trap**: stop the gradient of one $m$ (`detach`,
# `stop_gradient`) and forget the other, and the gradient is off by a whole one-hot row. The loss looks right.
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


# %% tags=["code-is-the-point"]
def the_long_way(p, y):
    """Backwards through -sum(y * log p), then through softmax."""
    back = -y / p
    return back, p * (back - np.sum(p * back))  # back @ Jacobian, without building the table


CASES = {
    "1. exp overflows": (naive, [1000, 0], 0),
    "2. 1/p overflows": (shifted, [0, 90], 0),
    "3. a masked class, 0 / 0": (shifted, [1, 2, -np.inf], 1),
    "4. p - 1 cancels": (shifted, [20, 0], 0),
}
print("backwards from the loss to p, and from p to z:")
for name, (room, logits, target) in CASES.items():
    z, y = np.float32(logits), np.eye(len(logits), dtype=np.float32)[target]
    with np.errstate(all="ignore"):
        p = room.softmax(z)
        to_p, to_z = the_long_way(p, y)
    print(f"{name}: {logits}, target {target}\n   p     {p}\n   dL/dp {to_p}\n   dL/dz {to_z}")
    print("   truth", reference.cross_entropy_with_grad(z[None], [target])[1][0])

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
# Where is the fault? In taking the log *after* softmax: that is where $1/p$ comes from. Take the slopes of log-softmax
# itself, $\log p_i = z_i - \log \sum_j e^{z_j}$. In $z_k$ it is 1 if $i = k$, minus $p_k$. So if the step behind it sends
# back one number $g_i$ a class, log-softmax sends back
#
# $$g_k - p_k \sum_i g_i$$
#
# and nothing is divided by $p$. For the loss $g = -y$, and this is $p - y$ again. A **fused loss** goes straight there: one
# function computes the loss and $p - y$. The next cell builds it, and sends the same four cases through it. Then it asks for an
# **empty row**, in which every class is masked, and asks once more with -100 as the target of that row: the number
# that PyTorch's losses skip unless told otherwise, here with `ignore_index=-100`.

# %% tags=["same-as:shifted.cross_entropy_with_grad"]
log_softmax = shifted.log_softmax  # the one you built in lesson 04


def cross_entropy_with_grad(logits, targets):
    log_probabilities = log_softmax(logits)
    rows = np.arange(len(targets))
    loss = -np.mean(log_probabilities[rows, targets])
    gradient = np.exp(log_probabilities)
    gradient[rows, targets] -= 1
    return loss, gradient / len(targets)


for name, (_, logits, target) in CASES.items():
    print(f"{name:27s}", cross_entropy_with_grad(np.float32([logits]), [target])[1][0])
batch, targets = np.float32([[-np.inf, -np.inf], [1, 2]]), np.array([0, 1])
elsewhere.show("gradient")
elsewhere.show("gradient, log after softmax")
print("\nan empty row, and a good one\n", stable.cross_entropy_with_grad(batch, targets)[1])
print("the same, empty row ignored\n", stable.cross_entropy_with_grad(batch, [-100, 1], ignore_index=-100)[1])

# %% [markdown]
# Cases 1 to 3 are right now. (The lines in the middle are case 2 in PyTorch and JAX: -1 with their losses from logits, NaN
# with a log after softmax.) The empty row is NaN, and only that row; but its NaN goes on to every weight. A row without an
# answer must not count: give it the target that is ignored, and its gradient is 0.
#
# ## The model that believes it is finished
#
# Case 4 is left. The target's entry is 0, the other one is not, so the row no longer sums to 0: the target is not pushed up
# any more. Agreement within $10^{-6}$ says nothing about a gradient of $10^{-9}$. A row's **margin** is how far its target is
# ahead. Explore it: **find a state with a true gradient near -1 and a computed gradient of exactly 0.** Then switch the target
# to "ahead", choose `log_softmax`, and look for the gap at which the gradient vanishes from there.

# %% tags=["nbval-ignore-output"]
loss.explore(view="gradient")

# %%
print("margin         p - 1   minus the others   Adam's step / rate")
for margin in (10, 16, 17, 20, 25):
    z = np.float32([[margin, 0]])
    cancelled = shifted.cross_entropy_with_grad(z, [0])[1][0, 0]
    kept = stable.cross_entropy_with_grad(z, [0])[1][0, 0]
    print(f"{margin:6d} {cancelled:13.2g} {kept:18.2g} {abs(kept) / (abs(kept) + 1e-8):20.2g}")

p = shifted.softmax(np.array([40.0, 0.0]))
print("\nthe Jacobian at [40, 0], as diag(p) - outer(p, p)\n", np.diag(p) - np.outer(p, p))
differences = np.array([[p[k] * np.sum(p * (g[k] - g)) for k in (0, 1)] for g in np.eye(2)])
print("row by row, as p_k * sum of p_j (g_k - g_j)\n", differences)

# %% [markdown]
# The gradient of a row sums to 0. So $p_t - 1$ is minus the sum of the *other* probabilities,
# $-\sum_{j \ne t} p_j$: the same number, and nothing cancels. `stable.cross_entropy_with_grad` computes it that way.
# The Jacobian has the same weakness, $p_0 - p_0^2$ at the winner. Take the differences first, and it is kept.
#
# Is $10^{-9}$ worth keeping? For plain gradient descent, hardly. The optimizer Adam divides each gradient by its usual size
# plus an epsilon, $10^{-8}$ unless you change it. A steady gradient $g$ then moves a weight by $|g| / (|g| + 10^{-8})$ of
# the rate: 0.17 at a margin of 20, 0.0014 at 25. So it matters for a while, and longer with a smaller epsilon. An exact 0
# ends it at 17. Prieto et al. (2025) found networks that stop learning because of this rounding.
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
# - The gradient is $p - y$. A log after softmax divides by $p$ on the way back; log-softmax, $g - p \sum g$, does not.
# - Check a gradient in a wider format, at the step where the V is lowest. Small steps in float32 lie.
# - The target's entry is minus the sum of the others. Written so, it stays alive when $p$ is stored as 1.
#
# **You made it.** Take the loss of your own project and ask it what you asked here. Which logit overflows it?
# Which class vanishes? Is there a ceiling? What comes back when the model is wrong by 90, and when it is right by 20?
# For each you now know the smallest input to try, and the repair.
#
# **Next:** [lesson 07](07_who_dies_first.ipynb) asks why a run that learned for hours dies in one step.
#
# **References.** Prieto et al. 2025, *Grokking at the edge of numerical stability*,
# [arXiv 2501.04697](https://arxiv.org/abs/2501.04697). Why each format has its best step: Higham 2002, *Accuracy and
# stability of numerical algorithms*, [doi 10.1137/1.9780898718027](https://doi.org/10.1137/1.9780898718027).
#
# **Look it up.** The [glossary](../docs/glossary.md) has every term of the course, the
# [cheat sheet](../docs/cheat_sheet.pdf) all of it on one page.
