# %% [markdown]
# # Can you find it at scale?
#
# Four tasks on what lessons 07 to 12 were about: training, narrow formats, streams, formulas in disguise, and other people's
# code. As in lesson 90 nobody tells you which fault it is.
#
# **After this lesson you can**
#
# 1. **predict** the number, or find the input, that gives a fault at scale away;
# 2. **repair** the one step at fault in code that trains or serves.
#
# **You need** lessons 07 to 12. **Time:** 25 minutes. Leave a day between this lesson and the last one you took.
#
# **Warm up.** The next cell loads the rooms and asks three questions from lessons 09, 11 and 12.

# %% tags=["nbval-ignore-output"]
import numpy as np

from course_utils import quiz, shifted
from course_utils.exercises import lesson_91

np.set_printoptions(precision=6)

quiz.review(91)

# %% [markdown]
# ## 1. A weight that learns in one direction
#
# A number is moved in many small steps, three times over. After each step it is rounded to its format. Predict where each walk
# ends, in the order of the table.
#
# | walk | format | start | step | how often |
# |---|---|---|---|---|
# | up | float16 | 1 | $+2^{-11}$ | 1024 |
# | down | float16 | 1 | $-2^{-11}$ | 1024 |
# | count | bfloat16 | 0 | 1 | 1000 |

# %% tags=["nbval-ignore-output"]
my_ends = [None, None, None]  # [up, down, count]

lesson_91.updates.check(my_ends)  # stuck? lesson_91.updates.hint()

# %% [markdown]
# ## 2. One too many left out
#
# A review asked for more digits near 0, so somebody left the largest term out of the sum and used log1p, as lesson 04
# taught. Find a row of at most eight logits on which it is wrong. (`log1p(x)` is log(1 + x), with all its digits for a small x.)
#
# ```python
# largest = np.max(logits)
# others = logits[logits < largest]
# return largest + np.log1p(np.sum(np.exp(others - largest)))
# ```

# %% tags=["nbval-ignore-output"]
my_row = None  # np.array([..., ...])

lesson_91.ties.check(my_row)  # stuck? lesson_91.ties.hint()

# %% [markdown]
# ## 3. The sink
#
# Some attention layers add one more logit to every row, a 0. Nobody gets its share: it is a *sink* (lesson 11), and a row may put
# its weight there when it has nothing to attend to. Place your bet first.

# %% tags=["nbval-ignore-output"]
quiz.bet("91-sink")


# %%
def my_softmax_with_sink(logits):
    row_max = np.max(logits, axis=-1, keepdims=True)
    exps = np.exp(logits - row_max)
    return exps / (1 + np.sum(exps, axis=-1, keepdims=True))


print("logit  softmax with a sink     truth")
for z in (10.0, 0.0, -10.0):
    print(f"{z:5g}{my_softmax_with_sink(np.array([z]))[0]:21g}{1 / (1 + np.exp(-z)):10.6f}")

# %% [markdown]
# Repair it, for any batch. The sink's logit is 0. A row of nothing but `-inf` attends to nothing: it gets zeros, without a NaN on
# the way. Change the function above or write it anew here.

# %% tags=["nbval-ignore-output"]
lesson_91.sink.check(my_softmax_with_sink)  # stuck? lesson_91.sink.hint()

# %% [markdown]
# ## 4. The mean of many likelihoods
#
# An evaluation needs the logarithm of the *mean* of many likelihoods, and has their logarithms. It takes them in chunks of four. The
# numbers look right until the day the test set grows by one. Repair it, and keep the chunks.


# %% tags=["nbval-ignore-output"]
def my_log_mean(logs):
    means = []
    for start in range(0, len(logs), 4):
        chunk = logs[start : start + 4]
        means.append(shifted.logsumexp(chunk) - np.log(len(chunk)))
    return shifted.logsumexp(np.array(means)) - np.log(len(means))


lesson_91.log_mean.check(my_log_mean)  # stuck? lesson_91.log_mean.hint()

# %% [markdown]
# ## Key points
#
# - Compare every small step with the spacing where it lands. It may differ above and below.
# - What a shift moves is the whole row: the sink, the mask and the 1 in log1p belong to it.
# - Sums can be merged. Means cannot, unless their weights come along.
#
# **What next?** Put the audit of [lesson 12](12_how_do_you_audit.ipynb) to a loss of your own, and keep it in your team's CI.
#
# **References.** Sinks and the 1 in the sum: Xiao et al. 2023, *Efficient streaming language models with attention sinks*,
# [arXiv 2309.17453](https://arxiv.org/abs/2309.17453). Updates that are lost: Micikevicius et al. 2018, *Mixed precision training*,
# [arXiv 1710.03740](https://arxiv.org/abs/1710.03740).
