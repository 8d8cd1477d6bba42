# %% [markdown]
# # What else is a softmax in disguise?
#
# Sigmoids, entropies, mixtures, samplers, attention with a sink: each is a softmax or a log-sum-exp of a row. Each is
# also written, every day, in a form that forgets it. This lesson finds the row, shows the smallest input that breaks the
# usual form, and gives you the form to write.
#
# **After this lesson you can**
#
# 1. **build** a binary loss that keeps its digits for every logit and every target;
# 2. **rewrite** a formula in probabilities as the softmax of a row that you name;
# 3. **repair** a sampler that draws a masked class and loses others.
#
# **You need** lessons 04 to 06; three questions look back at 09. **Time:** 50 minutes. A good place for a break is after
# exercise 1.
#
# **Warm up.** The next cell loads the rooms of this lesson and asks three questions from lesson 09.

# %% tags=["nbval-ignore-output"]
import numpy as np

from course_utils import accuracy, datasets, family, figures, floats, plots, quiz
from course_utils import reference, sampling, shifted, stable
from course_utils.exercises import lesson_11

np.set_printoptions(precision=6)
truth = reference.family

quiz.review(11)

# %% [markdown]
# ## Find the row
#
# | disguise | the row | what you take of it |
# |---|---|---|
# | sigmoid, log sigmoid | $[z, 0]$ | its softmax, its log-softmax; first entry |
# | softplus, $\log(1 + e^z)$ | $[z, 0]$ | its log-sum-exp |
# | the loss of a yes or no, $y$ = 1 or 0 | $[0, (1 - 2y) z]$ | its log-sum-exp |
# | attention with a sink (it may look at nothing) | $[z_1, \dots, z_n, 0]$ | its softmax without the last entry |
# | the share of a part in a mixture | log weight + log density | its softmax |
# | the mean of many weights | log weights | log-sum-exp $- \log n$ |
# | the contrastive loss, also called InfoNCE: find the partner | cosines / $T$, the item itself masked | $-\log p$ of the partner |
# | a draw | $z$ + random noise | argmax |
#
# You need not know all of them: each is introduced where its turn comes. A row has a shift, a log-softmax and a mask; a formula in probabilities has none of them. Start with the smallest row,
# $[z, 0]$. Place your bet.

# %% tags=["nbval-ignore-output"]
quiz.bet("11-binary")


# %% tags=["code-is-the-point"]
def usual_p(z):
    return 1 / (1 + np.exp(-z))


PEOPLE_WRITE = {  # the form, the direction in which inputs are tried, the truth
    "1 / (1 + exp(-z))": (-1, usual_p, truth.sigmoid),
    "(1 + tanh(z / 2)) / 2": (-1, lambda z: (1 + np.tanh(z / 2)) / 2, truth.sigmoid),
    "log(1 + exp(z))": (+1, lambda z: np.log(1 + np.exp(z)), truth.softplus),
    "log(1 + exp(z)), z < 0": (-1, lambda z: np.log(1 + np.exp(z)), truth.softplus),
    "log(1 - p)": (+1, lambda z: np.log(1 - usual_p(z)), lambda z: -truth.softplus(z)),
    "no: max(log(1 - p), -100)": (+1, lambda z: -max(np.log(1 - usual_p(z)), -100), truth.softplus),
    "no: z - log_sigmoid(z)": (-1, lambda z: z + np.logaddexp(0, -z), truth.softplus),
    "yes: log(1 + exp(z)) - z": (+1, lambda z: np.logaddexp(0, z) - z, lambda z: truth.softplus(-z)),
}
print("form, float32               more than 5 % off at   gives          truth")
for name, (direction, form, right) in PEOPLE_WRITE.items():
    for size in range(300):
        z = np.float32(direction * size)
        with np.errstate(all="ignore"):
            value, wanted = form(z), right(z)
        if not abs(value - wanted) <= 0.05 * abs(wanted):  # NaN counts too
            print(f"{name:26s} {direction * size:8d}               {value:<13.6g}  {wanted:.6g}")
            break

# %% [markdown]
# Each form was tried at 0, 1, 2, ... or at 0, -1, -2, ... until it was more than 5 % off. Two diseases, and you know both.
# Some forms *overflow*: they lack the shift. The others *absorb*: next to 1, a number below $6 \cdot 10^{-8}$ is gone in
# float32. So $p$ is stored as 1 from $z = 16.64$ on, and has forgotten how sure it was.
#
# The clamp at -100 is PyTorch's `BCELoss`, which takes $p$: the loss of a wrong answer jumps from 16 to 100 and its
# gradient is 0. The last two forms do start from logits, and still subtract two numbers that are nearly equal. PyTorch's
# loss *with logits* is `z - log_sigmoid(z)` where the answer is no.
#
# **The form to write** takes each part from its own row: $\log p$ is $-\mathrm{softplus}(-z)$, and $\log(1 - p)$ is
# $-\mathrm{softplus}(z)$. Nothing is subtracted. Where all you have is $x = \log p$, `log1mexp` gives the log of $1 - p$.


# %% tags=["code-is-the-point"]
def softplus(z):
    return np.logaddexp(z.dtype.type(0), z)  # the log-sum-exp of [0, z]


def sigmoid(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def log1mexp(x):  # log(1 - exp(x)), the log of the other probability, from x = log p
    with np.errstate(all="ignore"):
        return np.where(x > -np.log(2), np.log(-np.expm1(x)), np.log1p(-np.exp(x)))


z = np.random.default_rng(0).uniform(-100, 100, 500).astype(np.float32)
for name, function, at in (
    ("softplus", softplus, z),
    ("sigmoid", sigmoid, z),
    ("log1mexp", log1mexp, -np.abs(z)),
):
    worst = accuracy.worst_ulps(function(at), getattr(truth, name)(at, object))
    print(f"{name:9s} float32, 500 numbers: below 4 ulps:", worst < 4)
for x in np.float32([-1e-8, -0.7, -17]):
    with np.errstate(all="ignore"):
        print(f"log(1 - exp({x:.2g})): log1p(-exp(x)) {np.log1p(-np.exp(x)):.6g}, log(-expm1(x)) {np.log(-np.expm1(x)):.6g}, "
              f"log1mexp {log1mexp(x):.6g}")  # fmt: skip
print(f"softplus(20.5) - 20.5 in float64: {np.logaddexp(0, 20.5) - 20.5:.3g}")

# %% [markdown]
# Of the two cures for $\log(1 - e^x)$ each is right in one half of its range; switch at $-\log 2$. And a cut-off such as
# "softplus(z) = z past 20" (PyTorch has it) suits float32 only: in float64 the remainder is still there.
#
# ## Exercise 1: the loss of a yes or no
#
# Write `my_binary_loss(logits, targets)`: one loss for each pair. A target is 0, 1 or *anything between* (a 0.9 pays for 0.9 of
# a yes and 0.1 of a no); a logit may be infinite.
# On paper the loss is $-y \log p - (1 - y) \log (1 - p)$, with $p$ the sigmoid of $z$.


# %% tags=["nbval-ignore-output"]
def my_binary_loss(logits, targets):
    raise NotImplementedError


lesson_11.binary_loss.check(my_binary_loss)  # stuck? lesson_11.binary_loss.hint()

# %% [markdown]
# ## Entropy and divergence: add only what is not negative
#
# Entropy is $-\sum p \log p$, and the Kullback-Leibler divergence (KL) $\sum p\,(\log p - \log q)$ says how far a student $q$ is
# from its teacher $p$ (distillation, policy gradients, variational bounds). Neither can be negative. On paper.


# %% tags=["code-is-the-point"]
def people_entropy(z):
    p = shifted.softmax(z)
    return -np.sum(p * np.log(p))


def patched_entropy(z):
    p = shifted.softmax(z)
    return -np.sum(p * np.log(p + np.float32(1e-7)))


def people_kl(a, b):
    log_p, log_q = shifted.log_softmax(a), shifted.log_softmax(b)
    return np.sum(np.exp(log_p) * (log_p - log_q))


def entropy(z):  # every term is at least 0; float64, for e**-104 does not fit in float32
    p, log_p = stable.softmax(z.astype(np.float64)), stable.log_softmax(z.astype(np.float64))
    return np.sum(p * np.where(p > 0, -log_p, 0))


with np.errstate(all="ignore"):
    for z in (np.float32([0, -104]), np.float32([20, 0])):
        print(f"entropy of {z}: p log p {people_entropy(z):.3g}, log(p + 1e-7) {patched_entropy(z):.2g}, "
              f"entropy {entropy(z):.3g}, truth {truth.entropy(z):.3g}")  # fmt: skip
a, b = np.float32([2, 0]), np.float32([2.0009766, 0])
print(f"KL of {a} and {b}: people {people_kl(a, b):.2g}, family {family.kl_divergence(a, b):.2g}")

rng = np.random.default_rng(0)
a = rng.normal(size=(400, 10)).astype(np.float32)
b = (a + rng.normal(0, 1e-4, a.shape)).astype(np.float32)
people = np.array([people_kl(*pair) for pair in zip(a, b, strict=True)])
off = np.abs(people / truth.kl_divergence(a, b) - 1)
print(
    f"400 rows, logits 1e-4 apart: {np.mean(people < 0):.0%} negative; the median is off by a factor of {np.median(off):.0f}"
)
ours = family.kl_divergence(a, b)
print(
    "family.kl_divergence: worst error below 1e-6:",
    bool(np.all(np.abs(ours / truth.kl_divergence(a, b) - 1) < 1e-6)),
)

# %% [markdown]
# A divergence of rows that nearly agree is tiny, and a sum of terms that nearly cancel: the rounding of each log is larger
# than the whole. `abs` or `max(0, ...)` hide the sign and keep the error. The form to write, with $d = \log p - \log q$, is
# $\sum (p\,d - p + q)$: the same sum, since $p$ and $q$ both add up to 1, and **no term is negative**. That is the idea;
# `family.kl_divergence` also takes care of $d$, of masks, and of huge gaps.
#
# ## A product of probabilities is a sum of logits
#
# A naive Bayes classifier multiplies, for each digit, the probabilities of all its pixels: about 312 numbers below 1 (one
# for each unit of ink). It picks the digit with the largest product. A *mixture* multiplies as well: each point was made by one of
# several parts, and the share of a part is its weight times its density at the point, divided by the sum over the parts.
# Classify 360 new digits in float64. Place your bet.

# %% tags=["nbval-ignore-output"]
quiz.bet("11-product")

# %% tags=["code-is-the-point"]
digits = datasets.digits()
ink = np.array([digits.train_x[digits.train_y == k].sum(axis=0) + 1 for k in range(10)], np.float64)
theta = ink / ink.sum(axis=1, keepdims=True)  # the probability of a unit of ink in each pixel, digit by digit

product = np.prod(theta[None] ** digits.test_x[:, None], axis=2)
logits = digits.test_x @ np.log(theta).T  # a product is a sum of logs
print("360 new digits:")
for name, scores in {"product, float64": product, "sum of logs": logits}.items():
    right = np.sum(scores.argmax(axis=1) == digits.test_y)
    print(
        f"{name:17s} {right:3d} of 360 right; all ten scores are 0 for {np.sum((scores == 0).all(axis=1))} digits"
    )

x, means = np.float32(15), np.float32([0, 1])
density = np.exp(-0.5 * (x - means) ** 2)
print("a mixture: a point at 15, two equal parts at 0 and 1, float32")
print("densities:          ", density)
print("shares, sum + 1e-8: ", density / (density.sum() + np.float32(1e-8)))
print("shares as a softmax:", stable.softmax(-0.5 * (x - means) ** 2))
weights = np.array([-750.0, -752, -751])
print(f"log of a mean: {family.log_mean_exp(weights):.6g}; forgetting log n: {stable.logsumexp(weights):.6g}")

# %% [markdown]
# No NaN, no warning: the classifier answers "0" and is right where the digit is a 0. In logarithms each score is a **logit**, and
# Bayes' rule, which divides by the sum, is its softmax. A density may also be above 1 and *overflow*: keep its log.
#
# ## Exercise 2: which part made this point?
#
# Write `my_responsibilities(points, log_weights, means, sigmas)`: the share of each part in each point, of shape (points, parts). `points`
# has the shape (points, d), `means` (parts, d), `log_weights` and `sigmas` (parts,). The density of part $k$ at $x$ is
# $(2 \pi \sigma_k^2)^{-d/2}\, e^{-|x - m_k|^2 / (2 \sigma_k^2)}$. Below your cell: what logarithms do in a product of 4,000 steps.


# %% tags=["nbval-ignore-output"]
def my_responsibilities(points, log_weights, means, sigmas):
    raise NotImplementedError


lesson_11.responsibilities.check(my_responsibilities)  # stuck? lesson_11.responsibilities.hint()

# %% jupyter={"source_hidden": true}
# Runs the forward algorithm of a hidden Markov model four ways in float32, and draws the error of the state's probabilities.
rng = np.random.default_rng(0)
steps, f32 = 4000, np.float32
A, E = rng.dirichlet(np.ones(3), 3).astype(f32), rng.uniform(0.05, 0.95, (steps, 3)).astype(f32)
log_A, log_E = np.log(A), np.log(E)
exact, linear, scaled = np.full(3, 1 / 3), np.full(3, 1 / 3, f32), np.full(3, 1 / 3, f32)
plain = kept = np.log(scaled)
WAYS = "probabilities", "logarithms", "scaled", "logs, max taken off"
errors = {name: [] for name in WAYS}
for t in range(steps):
    exact = exact @ A.astype(float) * E[t]
    exact /= exact.sum()
    linear, scaled = linear @ A * E[t], scaled @ A * E[t]
    scaled = scaled / scaled.sum()
    plain = np.logaddexp.reduce(plain[:, None] + log_A, axis=0) + log_E[t]
    kept = np.logaddexp.reduce(kept[:, None] + log_A, axis=0) + log_E[t]
    kept = kept - kept.max()
    if t % 20 == 9:
        with np.errstate(all="ignore"):
            found = (linear / linear.sum(), stable.softmax(plain), scaled, stable.softmax(kept))
        for name, p in zip(WAYS, found, strict=True):
            errors[name].append(np.max(np.abs(p / exact - 1)) * 2**23)
fig, ax = plots.figure(7.5, 3)
plots.draw_errors(ax, np.arange(9, steps, 20), errors)
ax.set(xlabel="step", ylabel="error, ulps of float32")
died = 20 * int(np.isnan(errors["probabilities"]).argmax()) + 9
level = 10 ** round(np.log10(np.median(errors["logarithms"][-20:])))
figures.show(
    fig,
    alt=f"Errors over {steps} steps. Probabilities give no number from step {died} on. Logarithms end at "
    f"about {level} ulps. Scaled, and logarithms with the maximum taken off, stay below 10.",
    caption="A hidden Markov model: a state you can't see changes from step to step, and you see a noisy sign of it. The "
    "probability of each state is a product over all steps so far. Four ways to compute it, in float32.",
    table=[
        {
            "way": name,
            f"ulps at step {steps - 11}": "no number"
            if np.isnan(e[-1])
            else "below 10"
            if e[-1] < 10
            else f"about {level}",
        }
        for name, e in errors.items()
    ],
)

# %% [markdown]
# **The log domain is not the end.** A hidden Markov model multiplies at every step. Probabilities underflow before step 150.
# Logarithms live, but their *level* grows with every step: the log of the product is near -3,000 at the end, where float32 numbers are 0.0002
# apart, and exp turns that into an error of the same size. Take the maximum off at each step and add it up in float64: that is the shift
# of lesson 03 once more, and `family.forward_step` does it.
#
# ## Attention and contrastive losses: who takes part?
#
# Attention takes a weighted mean of *values*; the weights are a softmax of scores. A *sink* is one more logit, 0, whose weight
# goes to no value. A *soft cap*, $c \tanh(z / c)$, keeps scores below $c$. A *contrastive loss* asks which of the other items is
# the partner of this one. Each has an order of steps that is wrong.


# %% tags=["code-is-the-point"]
def sink_after_shift(z):  # "softmax off by one", the 1 added after the shift
    e = np.exp(z - z.max())
    return e / (1 + e.sum())


for row in ([10.0], [-10.0], [-100.0, -100.0]):
    z = np.array(row)
    print(
        f"sink, {row}: 1 added after the shift {sink_after_shift(z)}, as one more logit {family.softmax_with_sink(z)}"
    )

weights, values = np.array([1.0, 0.0]), np.array([2.0, np.nan])
cleared = np.where(weights > 0, values, 0)
print("a masked key whose value is NaN:", weights @ values, "  value cleared:", weights @ cleared)
scores = np.array([1.0, -np.inf])
print(
    f"a cap of 30 over a mask: {30 * np.tanh(scores[1] / 30)}, soft_cap: {family.soft_cap(scores, 30.0)[1]}"
)
capped = floats.store(family.soft_cap([56.0, 57], 30), "bfloat16")
print("56 and 57 behind a cap of 30, stored in bfloat16:", capped)

for cosine in (0, -0.03, -0.04):  # three items, each cosine to another the same: the truth is log 2
    logits = (np.full((3, 3), cosine) + np.eye(3) * (1 - cosine)).astype(np.float32) / np.float32(0.01)
    with np.errstate(all="ignore"):
        shifted_logits = logits - logits.max(axis=1, keepdims=True)
        e = np.exp(shifted_logits) * (1 - np.eye(3))  # masked after the maximum
        late = np.log(e.sum(axis=1)) - shifted_logits[:, 1]
    print(f"contrastive, T = 0.01, cosine {cosine}: mask late {late[0]:.4g}, mask first "
          f"{family.contrastive_loss(logits, [1, 2, 0])[0]:.4g}")  # fmt: skip

# %% [markdown]
# - **A sink is a logit**, $[z, 0]$. Added after the shift, the 1 should have become $e^{-m}$: any single score gives 0.5.
# - **A weight of 0 does not remove a value**: $0 \cdot \mathrm{NaN}$ is NaN. Clear the value as well.
# - **A cap costs digits**: behind a cap of 30, the logits 56 and 57 are one and the same bfloat16 number.
# - **A mask comes last but one**: after the cap, which would lift -inf to -30, and *before* the maximum. A maximum over an item
#   that takes no part, here the item itself with its cosine of 1, pushes all others below the cliff: the loss is -inf.
#
# ## Draws
#
# *Gumbel's trick* draws a class without a sum: add the noise $-\log E$ to each logit, with a random number $E$ from the exponential
# distribution, and take the largest. The *exponential race* is the same without logs: the smallest $E / p$ wins.
# 131,072 words; one of them has all but $10^{-8}$ of the probability. A race in float32, 1,000 draws. Place your bet.

# %% tags=["nbval-ignore-output"]
quiz.bet("11-race")

# %% tags=["code-is-the-point"]
z = np.zeros(131_072, np.float32)
z[0] = np.log(131_071 / 1e-8)
p = stable.softmax(z)
print("the exponential race, 1,000 draws:")
for kind in (np.float32, np.float64):
    rng = np.random.default_rng(0)
    drawn = [np.argmin(rng.standard_exponential(len(p), dtype=kind) / p) for _ in range(1000)]
    print(f"{kind.__name__}: {np.count_nonzero(drawn)} draws are another word")

largest = np.float32(1 - 2**-24)  # the largest uniform number below 1
print(f"the largest Gumbel noise from a uniform float32 number: {-np.log(-np.log(largest)):.4g}")

cumulated = np.cumsum(np.full(100_000, 1e-5, np.float32))
print(
    f"100,000 equal words: cumsum ends at {cumulated[-1]:.5f}; out of reach: {np.sum(cumulated[:-1] >= 1)} words"
)
last = np.argmax(np.cumsum(np.full(12, 1 / 12)) > 1)  # top-p: keep words until their sum passes 1
print("top-p of 1 should keep all 12 equal words; it keeps:", last + 1)

p = stable.softmax(np.float32([0, 2]))
print("the sum of a softmax is 1:", sum(p.tolist()) == 1)
try:
    np.random.default_rng(0).choice(2, p=p.tolist())
except ValueError:
    wide = p.astype(float)
    drawn = np.random.default_rng(0).choice(2, p=wide / wide.sum())
    print("so choice refuses p.tolist(), and takes p / p.sum() in float64: it draws", drawn)

z = np.float16([2, 1, 2])
with np.errstate(all="ignore"):
    print("temperature 0, divided by 0:     ", shifted.softmax((z - 2) / 0))
    print("temperature 0, divided by 1e-9:  ", shifted.softmax(z / np.float16(1e-9)))
    print("temperature 0, taken as a limit: ", stable.softmax(sampling.tempered(z, 0)))

# %% [markdown]
# float32 noise has a floor and a ceiling. `standard_exponential` in float32 is exactly 0 once in 8 million numbers, and 0 / p wins the
# race whatever $p$ is. Gumbel noise from float32 ends at 16.64: classes far behind are out of reach. **Draw noise in float64.**
#
# A sum of probabilities is 1 only roughly; a *running* sum is worse, for it rounds at each step. *Top-p* keeps the likeliest words
# until their sum passes p; where no sum does, argmax finds no True, answers 0, and one word is left. Temperature 0 is a limit, not a
# divisor: it shares the probability among the largest logits. All this lives in `sampling`: `gumbel_argmax`, `draw`, `tempered`, `top_p`.
#
# ## Exercise 3: repair a sampler
#
# Stack the probabilities on each other, class 0 at the bottom: `my_draw(logits, u)` should return the class at height u of the stack,
# for a float64 number u with 0 <= u < 1. It can draw a class at -inf, it can point past the last class, and with many classes it
# draws the wrong one. Find all three faults.


# %% tags=["nbval-ignore-output"]
def my_draw(logits, u):
    p = shifted.softmax(logits)
    cumulated = np.cumsum(p)
    return int(np.searchsorted(cumulated, u))


lesson_11.sampler.check(my_draw)  # stuck? lesson_11.sampler.hint()

# %% [markdown]
# ## Key points
#
# - Before you patch a formula, name its row. Sigmoid, binary loss, sink, mixture share: softmax or log-sum-exp of a few logits.
# - Add only what is not negative. Entropy and divergence then have no sign to lose; differences of nearly equal logs have no digits left.
# - Mask before the maximum, take the level off before it grows, cumulate and draw noise in float64.
#
# **Next:** [lesson 12](12_how_do_you_audit.ipynb): you audit a softmax that you did not write.
#
# **References.** Maechler 2012, *Accurately computing log(1 - exp(-|a|))*, [vignette of Rmpfr](https://cran.r-project.org/web/packages/Rmpfr/vignettes/log1mexp-note.pdf).
# Rabiner 1989, *A tutorial on hidden Markov models*, [doi 10.1109/5.18626](https://doi.org/10.1109/5.18626).
# Khosla et al. 2020, *Supervised contrastive learning*, [arXiv 2004.11362](https://arxiv.org/abs/2004.11362).
# Xiao et al. 2023, *Efficient streaming language models with attention sinks*, [arXiv 2309.17453](https://arxiv.org/abs/2309.17453).
# Threads: [pytorch 103316](https://github.com/pytorch/pytorch/issues/103316) (a loss of 100 and a gradient of 0),
# [trl 925](https://github.com/huggingface/trl/issues/925) (a negative KL).
#
# **Look it up.** The [glossary](../docs/glossary.md) has every term of the course.
