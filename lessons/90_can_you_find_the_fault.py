# %% [markdown]
# # Can you find the fault?
#
# Fourteen tasks on short code that looks right and runs without an error. The lessons took its faults one at a
# time, and told you where to look. In real code they come mixed, and nobody tells. So it is here.
#
# **After this lesson you can**
#
# 1. **find** the input, or predict the number, that gives a hidden fault away;
# 2. **repair** the step that is at fault, and nothing else;
# 3. **derive** and write a quantity that holds at every edge.
#
# **You need** lessons 00 to 06. **Time:** 100 minutes, in four rounds of about 25. Take a day or more between two rounds:
# what you have to recall from further back stays longer.
#
# **Warm up.** The next cell loads the rooms and asks three questions from all over the course.

# %% tags=["nbval-ignore-output"]
import numpy as np

from course_utils import floats, quiz, shifted
from course_utils.exercises import lesson_90

np.set_printoptions(precision=6)

quiz.review(90)

# %% [markdown]
# ## Four questions for any code
#
# 1. **Range.** Which step can leave the format: an exp, a division, a sum? For which input?
# 2. **Difference.** Where are two nearly equal numbers subtracted, or a small one added to a large one?
# 3. **Format.** In which format is each number stored, and in which is it added up?
# 4. **Edges.** Along which axis is each maximum and each sum? What about an empty row, an infinity, a NaN?
#
# Try them on this. Attention scores are masked by adding -1e9 to what must not be seen. In the row below nothing
# may be seen. Place your bet.

# %% tags=["nbval-ignore-output"]
quiz.bet("90-empty-row")

# %%
scores = np.array([3, 5], dtype=np.float32)
masked = scores + np.float32(-1e9)

print("[3, 5], both masked with -1e9:")
print("after the mask :", masked, "  spacing there:", floats.spacing(masked[0], "float32"))
print("after the shift:", masked - masked.max())
print("softmax        :", shifted.softmax(masked))

# %% [markdown]
# Question 2 finds the first fault: next to 1e9 the scores are absorbed. Question 4 finds the second: the maximum of
# the row is a mask, so the shift brings the masked entries back. No number is inf or NaN at any step.
#
# ## Round 1
#
# ### 1. The quiet winner
#
# A service returns the predicted class like this, in float32. Nobody has ever seen it fail.
#
# ```python
# exps = np.exp(logits)
# return np.argmax(exps / np.sum(exps))
# ```
#
# Find two logits between -100 and 100 for which it names the wrong class.

# %% tags=["nbval-ignore-output"]
my_logits = None  # np.array([..., ...], dtype=np.float32)

lesson_90.prediction.check(my_logits)  # stuck? lesson_90.prediction.hint()

# %% [markdown]
# ### 2. The mask that leaks
#
# `keep` is True where an entry may be seen. Masked entries must get exactly 0. A row in which nothing may be seen
# has no distribution: return 0 for all of it. A NaN in a score that may be seen must not disappear.


# %% tags=["nbval-ignore-output"]
def my_masked_softmax(scores, keep):
    scores = scores + np.where(keep, 0, -1e9).astype(scores.dtype)
    exps = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return exps / np.sum(exps, axis=-1, keepdims=True)


lesson_90.attention_mask.check(my_masked_softmax)

# %% [markdown]
# ### 3. The loss with a floor
#
# A network ends with a softmax. Its loss function takes logits, and applies a softmax of its own. The training
# log shows this loss, in float64:
#
# ```python
# def logged(logits, target):
#     return -np.log(softmax(softmax(logits))[target])
# ```
#
# Predict it, to three digits, for these rows; the target is class 0. A calculator is allowed, the function is not.
#
# | row | logits |
# |---|---|
# | as right as can be | `[20, 0, 0]` |
# | as right as can be, 10 classes | `[20, 0, 0, 0, 0, 0, 0, 0, 0, 0]` |
# | as wrong as can be | `[0, 20, 0]` |

# %% tags=["nbval-ignore-output"]
my_losses = [None, None, None]

lesson_90.double_softmax.check(my_losses)

# %% [markdown]
# ### 4. Softmax of pixels
#
# Somebody weights the pixels of a picture by their brightness. The shift is there, the axis is right, and a
# dark pixel gets all the weight. Repair it for every integer type of up to 32 bits, with a sign and without.


# %% tags=["nbval-ignore-output"]
def my_softmax_of_pixels(pixels):
    exps = np.exp(pixels - np.max(pixels, axis=-1, keepdims=True))
    return exps / np.sum(exps, axis=-1, keepdims=True)


lesson_90.pixels.check(my_softmax_of_pixels)

# %% [markdown]
# ## Round 2
#
# ### 5. The sampler that freezes
#
# A text generator draws its next word with this. At a very low temperature it crashes, in float16 more often
# than in float32.


# %% tags=["nbval-ignore-output"]
def my_tempered_softmax(logits, temperature):
    logits = logits / temperature
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return exps / np.sum(exps, axis=-1, keepdims=True)


lesson_90.sampler.check(my_tempered_softmax)

# %% [markdown]
# ### 6. Three ways to save memory
#
# Each stores something in fewer bits, and computes in float32. Eight percent of error is accepted.
#
# | code | what it stores |
# |---|---|
# | A | the probabilities, in `float8_e4m3fn` |
# | B | the logits, in `bfloat16` |
# | C | the differences to the row's maximum, in `float16` |
#
# Name the one you would ship, and give a row of at most 8 logits on which another one is wrong.

# %% tags=["nbval-ignore-output"]
my_choice = None  # ("A", [..., ...])

lesson_90.storage.check(my_choice)

# %% [markdown]
# ### 7. The probability of "no"
#
# A spam filter needs $\log(1 - \sigma(z))$ with $\sigma(z) = 1 / (1 + e^{-z})$. For mails that it is sure about, this
# returns `-inf`.


# %% tags=["nbval-ignore-output"]
def my_log_not(z):
    p = 1 / (1 + np.exp(-z))
    return np.log(1 - p)


lesson_90.log_not.check(my_log_not)

# %% [markdown]
# ## Round 3
#
# ### 8. The patient loss
#
# This loss never crashes; a review praised it for that. It fails at both ends. Return the mean loss, right to
# float32's last digits, for a row that is wrong by 1000 and for a row that is right by 80.


# %% tags=["nbval-ignore-output"]
def my_patient_loss(logits, targets):
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    p = exps / np.sum(exps, axis=-1, keepdims=True)
    p_target = p[np.arange(len(targets)), targets]
    return -np.mean(np.log(p_target + 1e-8))


lesson_90.patched_loss.check(my_patient_loss)

# %% [markdown]
# ### 9. A vocabulary of 400
#
# The same softmax as in lesson 03, word for word, and it is wrong for 400 equal logits in bfloat16. Why does
# nothing happen at 200?


# %% tags=["nbval-ignore-output"]
def my_softmax_of_many(logits):
    exps = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return exps / np.sum(exps, axis=-1, keepdims=True)


lesson_90.accumulator.check(my_softmax_of_many)

# %% [markdown]
# ### 10. The slope of a smooth maximum
#
# A library returned a slope of 1 for each of two equal logits of $10^8$, where the slopes must add up to 1. Derive
# the slope of $\log \sum_j e^{z_j}$ in every $z_i$, on paper. Then write it for any batch, classes on the last axis.


# %% tags=["nbval-ignore-output"]
def my_slope(logits):
    raise NotImplementedError


lesson_90.slope.check(my_slope)

# %% [markdown]
# ## Round 4
#
# A question about a repair that comes too late, before the next exercise.

# %% tags=["nbval-ignore-output"]
quiz.bet("90-clip-nan")

# %%
gradient = np.array([np.nan, 5, 0.5], dtype=np.float32)

print("[nan, 5, 0.5], clipped to at most 1:")
print("by value:", np.clip(gradient, -1, 1))
print("by norm :", gradient / np.maximum(1, np.linalg.norm(gradient)))

# %% [markdown]
# ### 11. Four gradients
#
# All four return the gradient of the mean cross-entropy. Name the one you would ship, and give a batch
# `(logits, targets)` on which another one is wrong.
#
# ```python
# factor = p_target / (p_target + 1e-8)         # p_target: the target's probability, one a row
# inside = (p_target > 1e-7) & (p_target < 1 - 1e-7)
#
# factor * (p - onehot) / rows                  # A: what differentiating log(p + 1e-8) gives
# inside * (p - onehot) / rows                  # B: what differentiating log(clip(p)) gives
# np.clip((naive_p - onehot) / rows, -1, 1)     # C: textbook softmax, and the gradient clipped
# (p - onehot) / rows                           # D: p from a shifted softmax, as in A and B
# ```

# %% tags=["nbval-ignore-output"]
my_gradient_choice = None  # ("A", ([[..., ...]], [0]))

lesson_90.gradients.check(my_gradient_choice)

# %% [markdown]
# ### 12. The guard that does not guard
#
# The slope of $\log(1 + e^z)$ is $e^z / (1 + e^z)$, and 1 for a large $z$. So the author takes one branch up to 80 and
# the other from there on, by multiplying with True and False, as a backward pass does. For 200 it returns NaN.
# Repair it so that no step on the way overflows or makes a NaN, not even one whose result is thrown away.


# %% tags=["nbval-ignore-output"]
def my_guarded_slope(z):
    small = z < 80
    exps = np.exp(z)
    return small * (exps / (1 + exps)) + ~small * np.ones_like(z)


lesson_90.guarded.check(my_guarded_slope)

# %% [markdown]
# ### 13. A row too long to keep
#
# The row comes in tiles of two. One pass collects the maximum and the total, so that the row need not be stored
# twice. Short rows are right. A first tile of nothing but `-inf` is legal, as long as something finite follows;
# no NaN may arise on the way.


# %% tags=["nbval-ignore-output"]
def my_streamed_softmax(logits):
    row_max, total = -np.inf, 0.0
    for start in range(0, len(logits), 2):
        tile = logits[start : start + 2]
        row_max = max(row_max, tile.max())
        total = total + np.exp(tile - row_max).sum()
    return np.exp(logits - row_max) / total


lesson_90.streaming.check(my_streamed_softmax)

# %% [markdown]
# ### 14. A blank page
#
# Write the log-sum-exp along the last axis, for any batch and any input: large, small, `-inf`, `inf`, NaN.
# Before you write, say for each of the three special inputs what the right answer is, and why.


# %% tags=["nbval-ignore-output"]
def my_logsumexp(logits):
    raise NotImplementedError


lesson_90.edges.check(my_logsumexp)

# %% [markdown]
# ## Key points
#
# - Four questions find most faults: range, difference, format, edges.
# - A finite answer is no alarm. The worst faults here return probabilities that sum to 1.
# - A patch after the fault hides it. Repair the first step that loses the number.
#
# **What next?** [Lesson 91](91_can_you_find_it_at_scale.ipynb) has four more tasks, on lessons 07 to 12. Run the four
# questions over a loss of your own. Lesson 00's map shows which exercises are due for review.
#
# **References.** Faults like these have been shipped. Masks: [PyTorch issue 41508](https://github.com/pytorch/pytorch/issues/41508)
# and [transformers pull request 17306](https://github.com/huggingface/transformers/pull/17306). Order of operations:
# [PyTorch issue 11752](https://github.com/pytorch/pytorch/issues/11752). The slope of the log-sum-exp:
# [Stan Math issue 1679](https://github.com/stan-dev/math/issues/1679). Guards that do not guard:
# [TensorFlow issue 2540](https://github.com/tensorflow/tensorflow/issues/2540). Integers that wrap around:
# [CuPy pull request 6823](https://github.com/cupy/cupy/pull/6823).
