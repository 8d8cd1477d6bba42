# %% [markdown]
# # How do you audit a softmax you did not write?
#
# You know now what can go wrong, and where. Most of the code that you will depend on was written by somebody else: a library, a
# colleague, an assistant, yourself a year ago. This lesson is about asking such code the right questions, reading its
# answers, and keeping it right after you have gone home.
#
# **After this lesson you can**
#
# 1. **predict** what an audit refuses, and what it calls a declared difference;
# 2. **show** with two numbers where a function that you did not write goes wrong;
# 3. **repair** losses that you did not write, until the audit accepts them.
#
# **You need** lessons 05, 06 and 08; three questions look back at 10. **Time:** 50 minutes.
#
# **Warm up.** The next cell loads the rooms of this lesson and asks three questions from lesson 10.

# %% tags=["nbval-ignore-output"]
import numpy as np

from course_utils import audit, elsewhere, museum, naive, quiz, shifted, stable
from course_utils.exercises import lesson_12

np.set_printoptions(precision=6)

quiz.review(12)

# %% [markdown]
# ## A museum of real bugs
#
# PyTorch, TensorFlow, JAX, SciPy, NumPy, Keras, scikit-learn, FlashAttention, TensorRT-LLM, transformers, Stan: they have all
# had a softmax, a log-sum-exp or a loss that was wrong, and said so in public. The room `museum` holds 32 of these bugs. Each
# is rebuilt in a few lines of NumPy, with a link to the thread in which people found it. Place your bet.

# %% tags=["nbval-ignore-output"]
quiz.bet("12-no-shift")

# %%
print("the wings of the museum, and what they hold")
for wing, exhibits in museum.WINGS.items():
    print(f"{wing}, {len(exhibits)}:")
    for one in exhibits.values():
        print(f"    {one.key:30s} {one.thread}")

# %% [markdown]
# Look at one of them closely. It has a shift, the axis is right, and it passed its tests for years. The *smallest input
# found* was not written by anybody: the audit took a failing row and made it smaller for as long as it kept failing.

# %%
museum.label("maximum_from_zero")

# %% [markdown]
# Now one wing as a whole, put to the audit. The last two columns say what the audit thinks of the bug, in the one case
# that is named, and of its cure. (A *declared difference* is not the course's answer, and somebody may defend it: the next
# section says more.) `museum.visit()` shows all 32. As you read, cover the column *why*, and say it yourself first.

# %%
museum.visit("masks")

# %% [markdown]
# ## What an audit asks, and what it answers
#
# `audit.audit(function)` calls a softmax or a loss some 300 to 500 times. (It knows nine quantities from lesson 11 too.) Each call
# is a *case* with a name. The truth of every case comes from mpmath, and each gets one of three verdicts:
#
# - **pass**: within 6 ulps of the truth, or the right refusal;
# - **declared difference**: another answer that somebody may defend. Zeros for a row in which everything is masked are a policy; so
#   is NaN. A few more ulps are the price of a classic shift;
# - **fail**: wrong. The report shows the smallest input found, what came out, the truth, and the known mistake that answers
#   in the same way, where there is one.
#
# What does it say of the softmax that you built in lesson 03?

# %% tags=["nbval-ignore-output"]
quiz.bet("12-classic")

# %%
print("what the audit refuses in shifted.softmax")
report = audit.audit(shifted.softmax)
refused = {}
for finding in report.of("fail"):
    if finding.group != "behaviour":
        refused.setdefault(finding.group, []).append(finding.case)
for group, cases in refused.items():
    print(f"{group}, {len(cases)}: {'; '.join(cases)}")

# %% [markdown]
# ## Exercise 1: be the audit
#
# Four softmaxes, five questions of the audit. How many of the five does each of them **fail**? A declared difference is
# no failure, and neither is a refusal where the audit leaves that open.
#
# | question | the row |
# |---|---|
# | one large logit among zeros, float32 | about `[124, 0, 0, 0]` |
# | two equal logits far below 0, float64 | `[-1000, -1000]` |
# | 1100 equal logits, bfloat16 | 1100 zeros |
# | uint8 | `[200, 0, 3]` |
# | nothing but -inf, float32 | `[-inf, -inf]` |
#
# ```python
# # A: exps = np.exp(z - z.max()),          then exps / exps.sum()
# # B: z = np.asarray(z, np.float64),       then as A
# # C: as A,                                then np.nan_to_num of the result
# # D: exps = np.exp(np.minimum(z, 80)),    then exps / exps.sum()
# ```

# %% tags=["nbval-ignore-output"]
my_counts = None  # [of A, of B, of C, of D]

lesson_12.reading.check(my_counts)  # stuck? lesson_12.reading.hint()

# %% [markdown]
# ## What it says of the libraries
#
# SciPy, PyTorch and JAX are not needed here: their audits are recorded with the version they were made with. Where they are
# installed, the calls below the table are made again. *fail* counts the cases refused; the five columns after it sort the same
# cases by number format. Read a row, and ask which of its failures would ever reach you.

# %%
elsewhere.audits()
for question in ("log_softmax", "softmax without an axis", "softmax with an axis", "mean over nothing"):
    given = elsewhere.QUESTIONS[question][0]
    print(f"\n{question}, for", ", ".join(f"{name} = {array.tolist()}" for name, array in given.items()))
    elsewhere.show(question)
print("\nexhibits whose case the recorded PyTorch fails as well")
for key in ("ignored_times_zero", "zero_times_infinity"):
    case = museum.WINGS["losses"][key].caught_by
    for one in elsewhere.recorded():
        if one.library == "PyTorch" and any(case in failed for failed in one.failed.values()):
            print(f"{key:20s} {one.kind:24s} {case}")

# %% [markdown]
# None of these libraries is careless. In float32 and float64 a softmax fails in one case or two, or in none. log_softmax fails in 18
# cases of float32 in all three, and for one reason: the log of a total close to 1, so that a class that is sure costs exactly 0 from
# a margin of 17 on (lesson 04). Long sums in 16 and 8 bits come next, and integers that wrap around in SciPy and JAX.
#
# Two exhibits are alive in this PyTorch: the last lines name them, and the case that shows each. (JAX keeps no float64 unless it is
# told to, so those cases were not put to it.)
#
# How to call them right:
#
# | library | write | because |
# |---|---|---|
# | SciPy | `softmax(z, axis=-1)` | without `axis` it normalises the whole array, all rows together |
# | PyTorch | `F.cross_entropy(logits, targets)` | it takes logits; a softmax before it is one too many. A mean over ignored rows alone is NaN |
# | JAX | `jax.nn.softmax(z, where=keep)` | masked logits stay out of the sum. float64 needs `jax_enable_x64` |
# | Keras | `from_logits=True` | without it probabilities are clipped at 1e-7, and no row costs more than 16.1 |
# | Optax | `softmax_cross_entropy_with_integer_labels` | its sister takes one row of probabilities for each target |
# | scikit-learn | `log_loss` on float64 | it takes probabilities and clips them by the epsilon of their format |
#
# ## Your own functions
#
# Put in what you built in lessons 01 to 06, or anything else that you have at hand. Here the course's rooms stand in. A short audit
# is enough: `only` names the cases, and `*` stands for any letters. The last column is the known mistake that fits.

# %% tags=["nbval-ignore-output"]
mine = {
    "lesson 01, softmax": naive.softmax,
    "lesson 03, softmax": shifted.softmax,
    "lesson 04, logsumexp": shifted.logsumexp,
    "lesson 04, log_softmax": shifted.log_softmax,
    "lesson 05, cross_entropy": shifted.cross_entropy,
    "lesson 06, cross_entropy_with_grad": shifted.cross_entropy_with_grad,
    "the room stable, softmax": stable.softmax,
}
for name, function in mine.items():
    kind = name.split()[-1]
    report = audit.audit(function, kind, name=name, only=("*float32", "special values", "types"))
    print(report.summary.split(" (")[0].rjust(60), "|", name, "|", ", ".join(report.mistakes[:2]))

# %% [markdown]
# Read the last column. Small losses are absorbed by a total close to 1, unsigned integers wrap around in the shift, and a row of
# nothing but -inf becomes -inf minus -inf. The room `stable` fails nothing here.
#
# ## Exercise 2: two numbers
#
# This log-sum-exp takes a short cut where there is a clear winner. Its author tested it in float32. Find **two logits**
# between -100 and 100, in float64, for which nearly all digits of the answer are lost. You may ask the audit:
# `audit.audit(quick_logsumexp, only=("*float64",))`.


# %% tags=["nbval-ignore-output"]
def quick_logsumexp(logits):
    ordered = np.sort(logits, axis=-1)
    high, rest = ordered[..., -1], ordered[..., :-1]
    gap = high - np.max(rest, axis=-1, initial=-np.inf)
    total = np.sum(np.exp(rest - high[..., None]), axis=-1)
    return np.where(gap > 20, high, high + np.log1p(total))


my_two_logits = None  # np.array([..., ...])

lesson_12.cut_off.check(my_two_logits)  # stuck? lesson_12.cut_off.hint()

# %% [markdown]
# ## A checklist for a review
#
# An audit calls code. Before you call it, read it, and ask in this order:
#
# 1. What goes in: logits, log-probabilities or probabilities? What comes out of the layer before?
# 2. Which axis has the classes? Is it named in every maximum and in every sum?
# 3. Is the shift the maximum of the same set that is summed, masked entries left out?
# 4. Which step can leave the format: exp, a sum, a product, a division? For which row?
# 5. Where are nearly equal numbers subtracted? Is a logarithm taken of something close to 1?
# 6. What is -inf minus -inf here, and 0 times NaN? What does a row of nothing give, and is that written down?
# 7. In which format is each sum? Can integers get in?
# 8. By what is a mean divided: by rows, by rows that count, by weights?
# 9. Does anything look at the targets?
# 10. Was the gradient derived, or does it come from a forward pass that was patched?
#
# ## The audit in your team's CI
#
# What you found once must not come back. `audit.assert_stable` is a test like any other. Failures that your team accepts are
# listed with a reason, and an entry that nothing needs any more fails the test as well. Here is one test with three lists.

# %%
short = {"*, bfloat16": "no row of ours is longer than 200"}
for title, allow in (
    ("nothing is allowed", {}),
    ("bfloat16 is allowed", short),
    ("float32 too, which passes", {**short, "*, float32": "an old excuse"}),
):
    print(f"\n=== {title}")
    try:
        only = ("1100 equal logits, *16", "three ordinary logits, float32")
        audit.assert_stable(shifted.softmax, only=only, allow=allow)
        print("The test passes.")
    except AssertionError as said:
        print(said)

# %% [markdown]
# On the command line it is `python -m course_utils.audit module:function`, which exits with 0, 1 or 2.
# [The audit in your team's CI](../docs/audit_in_ci.md) shows the test, the options and a step for a workflow.
#
# ## Exercise 3, the capstone: five losses
#
# Five losses from five repositories. Each has **one** fault, and each is right on ordinary numbers. Find the faults, with the
# audit or by reading, and repair each with the smallest change in its cell. Go one by one: you may check after each.
#
# - A to D return a loss, and E a loss and its gradient. B also takes `ignore_index`, and C a weight for each class.
# - D must hold in float16 and bfloat16 too.
# - Digits that a classic shift loses are not asked for, so a full audit refuses more than the judge does, in a right repair
#   too. To ask what the judge asks, and no more, name the loss:
#
# ```python
# audit.audit(my_a, "cross_entropy", only=lesson_12.judging.asked("A"))
# audit.audit(my_e, "cross_entropy_with_grad", only=lesson_12.judging.asked("E"))
# ```


# %% tags=["nbval-ignore-output", "code-is-the-point"]
def my_a(logits, targets):
    shifted = logits - np.max(logits)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.mean(log_p[np.arange(len(targets)), targets])


def my_b(logits, targets, ignore_index=-100):
    counts = targets != ignore_index
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    own = log_p[np.arange(len(targets)), np.where(counts, targets, 0)]
    return -np.sum(own * counts) / np.sum(counts)


def my_c(logits, targets, weight=None):
    weight = np.ones(logits.shape[1]) if weight is None else weight
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    own = log_p[np.arange(len(targets)), targets]
    return -np.mean(weight[targets] * own)


def my_d(logits, targets):
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.mean(log_p[np.arange(len(targets)), targets])


def my_e(logits, targets):
    rows, row_max = np.arange(len(targets)), np.max(logits, axis=1, keepdims=True)
    log_total = np.log(np.sum(np.exp(logits - row_max), axis=1, keepdims=True))
    loss = -np.mean((logits - row_max - log_total)[rows, targets])
    gradient = np.exp(logits - (row_max + log_total))
    gradient[rows, targets] -= 1
    return loss, gradient / len(targets)


lesson_12.five_losses.check(
    {"A": my_a, "B": my_b, "C": my_c, "D": my_d, "E": my_e}
)  # lesson_12.five_losses.hint()

# %% [markdown]
# ## Key points
#
# - The shift is rarely what is missing. Masks, logarithms, options, formats and targets are where libraries fail.
# - An audit needs the truth, the edges and a policy. What is a policy belongs on paper, not in an accident.
# - A list of allowed failures, each with a reason, says what your code promises. Keep it in CI, and keep it short.
#
# **Next:** [lesson 90](90_can_you_find_the_fault.ipynb) hands you tasks from all over the course, in mixed order, on code
# you have not seen.
#
# **References.** The threads are linked from every label of the museum. On the accuracy that a library can promise: Blanchard, Higham &
# Higham 2021, *Accurately computing the log-sum-exp and softmax functions*, [doi 10.1093/imanum/draa038](https://doi.org/10.1093/imanum/draa038).
# On rows in which everything is masked, and why it is a policy: [PyTorch pull request 131060](https://github.com/pytorch/pytorch/pull/131060).
#
# **Look it up.** The [glossary](../docs/glossary.md) has every term of the course, the
# [cheat sheet](../docs/cheat_sheet.pdf) all of it on one page.
