"""Exercise 2 of lesson 08: a training step that loses updates and gradients."""

from functools import partial

import numpy as np

from course_utils import floats
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import mistake

slip = partial(mistake, quantity="weights", widget="")


def _true_step(weights, gradient, lr, loss_scale):
    wide = gradient.astype(np.float64)
    if not np.isfinite(wide).all():
        return weights.astype(np.float64)
    return weights.astype(np.float64) - lr * wide / loss_scale


def _as_handed_out(weights, gradient, lr, loss_scale):
    gradient = gradient / np.float16(loss_scale)
    return weights.astype(np.float16) - np.float16(lr) * gradient


def my_step(weights, gradient, lr, loss_scale):
    if not np.all(np.isfinite(gradient)):
        return weights
    return weights - lr * gradient.astype(np.float32) / loss_scale


def _in_two_names(weights, gradient, lr, loss_scale):
    wide = np.asarray(gradient, dtype=np.float32) * np.float32(1 / loss_scale)
    healthy = np.isfinite(wide).all()
    return weights - np.float32(lr) * wide if healthy else weights.copy()


def _fold_the_factors(weights, gradient, lr, loss_scale):
    if np.isinf(gradient).any() or np.isnan(gradient).any():
        return weights
    return weights + np.float32(-lr / loss_scale) * gradient.astype(np.float32)


def _in_float64(weights, gradient, lr, loss_scale):
    if not np.isfinite(np.sum(np.abs(gradient.astype(np.float64)))):
        return weights
    return (weights - lr * (gradient.astype(np.float64) / loss_scale)).astype(weights.dtype)


_LOST = (np.float32([0.0]), np.float16([0.25]), 0.5, 2.0**24)
_STALLS = (np.float32([1.0]), np.float16([0.25]), 2.0**-10, 1.0)
_INF = (np.float32([1.0, 1.0]), np.float16([np.inf, 1.0]), 0.5, 1.0)


@slip(
    fails_on=_LOST,
    belief="The scale protects the gradient, wherever it is taken off again.",
    diagnosis="You took the scale off in float16. The gradient arrives safe, and the division puts it back where "
    "float16 ends: below 3e-8 it is 0, below 6e-5 it loses digits.",
    step="`gradient / loss_scale` while the gradient is float16.",
    change="Widen first: `gradient.astype(np.float32) / loss_scale`.",
)
def unscale_in_float16(weights, gradient, lr, loss_scale):
    if not np.all(np.isfinite(gradient)):
        return weights
    return weights - lr * (gradient / np.float16(loss_scale)).astype(np.float32)


@slip(
    fails_on=_STALLS,
    belief="float16 keeps three digits, and a weight needs no more.",
    diagnosis="You keep the weights in float16. An update below half the spacing at its weight is lost, and it is "
    "lost again in the next step: 1 - 0.0002 stays 1, however often.",
    step="`weights.astype(np.float16)`: the subtraction is rounded to the spacing of float16.",
    change="Leave the weights in float32. Only the copy that the network computes with is float16.",
)
def keep_weights_in_float16(weights, gradient, lr, loss_scale):
    if not np.all(np.isfinite(gradient)):
        return weights
    return (weights - lr * gradient.astype(np.float32) / loss_scale).astype(np.float16).astype(np.float32)


@slip(
    fails_on=(np.float32([1.0]), np.float16([0.5]), 0.5, 4.0),
    belief="The optimizer gets the gradient as it comes.",
    diagnosis="You left the loss scale in: each step is too long by that factor.",
    step="The division by `loss_scale` is missing.",
    change="Divide the widened gradient by `loss_scale`.",
)
def forget_to_unscale(weights, gradient, lr, loss_scale):
    if not np.all(np.isfinite(gradient)):
        return weights
    return weights - lr * gradient.astype(np.float32)


@slip(
    fails_on=(np.float32([1.0]), np.float16([0.5]), 0.5, 4.0),
    belief="The gradient is scaled here.",
    diagnosis="You multiplied by the loss scale once more. The gradient arrives scaled; here the scale comes off.",
    step="`* loss_scale`.",
    change="Divide by it.",
)
def scale_twice(weights, gradient, lr, loss_scale):
    if not np.all(np.isfinite(gradient)):
        return weights
    return weights - lr * gradient.astype(np.float32) * loss_scale


@slip(
    fails_on=_INF,
    belief="A scaled gradient that overflows takes care of itself.",
    diagnosis="You used a gradient that is not finite. inf says that the scale was too large for this step, nothing "
    "about the slope; it takes the weight with it.",
    step="The subtraction, without a look at the gradient.",
    change="If any number of the gradient is inf or NaN, return the weights as they came.",
)
def step_over_the_cliff(weights, gradient, lr, loss_scale):
    return weights - lr * gradient.astype(np.float32) / loss_scale


@slip(
    fails_on=_INF,
    belief="Only the number that overflowed is useless.",
    diagnosis="You moved the weights whose gradients are finite and left the others. Then the step points in "
    "another direction than the loss asked for. The whole step is left out.",
    step="A mask for single numbers, such as `np.where(np.isfinite(gradient), ...)`.",
    change="One question for the whole gradient: `np.all(np.isfinite(gradient))`.",
)
def skip_single_numbers(weights, gradient, lr, loss_scale):
    wide = np.where(np.isfinite(gradient), gradient, 0).astype(np.float32)
    return weights - lr * wide / loss_scale


@slip(
    fails_on=_INF,
    belief="inf stands for a very large gradient.",
    diagnosis="You replaced inf by the largest number and took that step. It is as invented as any other number.",
    step="`np.nan_to_num`, or a clip: both turn inf into a number.",
    change="Return the weights as they came.",
)
def replace_and_step(weights, gradient, lr, loss_scale):
    return weights - lr * np.nan_to_num(gradient).astype(np.float32) / loss_scale


@slip(
    fails_on=(np.float32([0.3]), np.float16([8.0]), 0.1, 1.0),
    belief="A learning rate needs few digits.",
    diagnosis="You left the learning rate in float16. 0.1 is stored there as 0.09998, and every step is too short by "
    "that factor. It costs nothing to keep it wide.",
    step="`np.float16(lr)`.",
    change="Use `lr` as it comes.",
)
def keep_the_rate_in_float16(weights, gradient, lr, loss_scale):
    return my_step(weights, gradient, float(np.float16(lr)), loss_scale)


@slip(
    fails_on=(np.float32([0.1]), np.float16([1.0]), 2.0**-12, 1.0),
    belief="The update is wide, so nothing is lost.",
    diagnosis="You rounded the weights to float16 before you moved them. What earlier steps had added below the "
    "spacing of float16 is gone each time.",
    step="`weights.astype(np.float16)` on the way in.",
    change="Leave the weights in float32.",
)
def round_the_weights_first(weights, gradient, lr, loss_scale):
    narrow = weights.astype(np.float16).astype(np.float32)
    moved = my_step(narrow, gradient, lr, loss_scale)
    return weights if moved is narrow else moved


@slip(
    fails_on=_INF,
    belief="The bad number of a gradient is NaN.",
    diagnosis="You left out steps with NaN and took those with inf. A scale that is too large gives inf first.",
    step="`np.isnan(gradient)`: inf is not NaN.",
    change="`np.all(np.isfinite(gradient))` asks for both.",
)
def skip_on_nan_alone(weights, gradient, lr, loss_scale):
    return weights if np.isnan(gradient).any() else step_over_the_cliff(weights, gradient, lr, loss_scale)


@slip(
    fails_on=(np.float32([1.0, 2.0]), np.float16([np.nan, 1.0]), 0.5, 1.0),
    belief="A gradient that is too large is inf.",
    diagnosis="You left out steps with inf and took those with NaN. inf - inf on the way back is NaN, and NaN takes "
    "its weight for good.",
    step="`np.isinf(gradient)`: NaN is not inf.",
    change="`np.all(np.isfinite(gradient))` asks for both.",
)
def skip_on_inf_alone(weights, gradient, lr, loss_scale):
    return weights if np.isinf(gradient).any() else step_over_the_cliff(weights, gradient, lr, loss_scale)


@slip(
    fails_on=(np.float32([1.0, 1.0]), np.float16([60_000, 60_000]), 0.5, 1024.0),
    belief="A sum tells whether all numbers are finite.",
    diagnosis="You asked the sum of the gradient, in float16. Two large numbers overflow together though each of them "
    "is finite, and a good step is left out.",
    step="`np.isfinite(np.sum(gradient))`.",
    change="Ask each number: `np.all(np.isfinite(gradient))`.",
)
def ask_the_sum(weights, gradient, lr, loss_scale):
    finite = np.isfinite(np.sum(gradient))
    return step_over_the_cliff(weights, gradient, lr, loss_scale) if finite else weights


@slip(
    fails_on=_INF,
    belief="A step that is left out leaves nothing.",
    diagnosis="You returned zeros for a step that is left out. The weights are what the training has learned so far: "
    "they stay.",
    step="What you return where the gradient is not finite.",
    change="`return weights`.",
)
def skip_to_zero(weights, gradient, lr, loss_scale):
    good = np.all(np.isfinite(gradient))
    return my_step(weights, gradient, lr, loss_scale) if good else np.zeros_like(weights)


@slip(
    fails_on=(np.float32([1.0]), np.float16([0.5]), 0.5, 4.0),
    belief="The gradient shows the way.",
    diagnosis="You added the step. The gradient points uphill, to a larger loss.",
    step="`weights + ...`.",
    change="Subtract.",
)
def step_uphill(weights, gradient, lr, loss_scale):
    return my_step(weights, gradient, -lr, loss_scale)


@slip(
    fails_on=_INF,
    belief="Clipping keeps a step in bounds.",
    diagnosis="You clipped inf to the largest float16 and took that step. 65,504 is as invented as any other number, "
    "and NaN passes a clip.",
    step="`np.clip(gradient, ...)`.",
    change="Return the weights as they came.",
)
def clip_and_step(weights, gradient, lr, loss_scale):
    wide = np.clip(gradient.astype(np.float32), -65504, 65504)
    return weights - lr * wide / loss_scale


@slip(
    fails_on=_INF,
    belief="Once the gradient is float32, inf becomes a number.",
    diagnosis="You replaced inf in float32: it became 3e38, and that step was taken.",
    step="`np.nan_to_num` after `astype(np.float32)`.",
    change="Return the weights as they came.",
)
def replace_wide_and_step(weights, gradient, lr, loss_scale):
    return weights - lr * np.nan_to_num(gradient.astype(np.float32)) / loss_scale


def _subtract_in_float16(weights, gradient, lr, loss_scale):
    if not np.all(np.isfinite(gradient)):
        return weights
    move = (lr * gradient.astype(np.float32) / loss_scale).astype(np.float16)
    return weights - move.astype(np.float32)


def _in_bfloat16(weights, gradient, lr, loss_scale):
    return floats.store(my_step(weights, gradient, lr, loss_scale), "bfloat16").astype(np.float32)


def _scaled_by_hand(one_case, weights, gradient, lr, scale):
    return case(one_case, weights, np.float16(gradient), lr, scale, dtype="float32")


both_diseases = Exercise(
    key="08.both_diseases",
    kind="repair",
    objective="repair a training step that loses its updates and its gradients",
    minutes=8,
    difficulty=2,
    truth=_true_step,
    subject=_as_handed_out,
    cases=(
        _scaled_by_hand("an ordinary step", [0.5, -0.25], [0.25, 0.5], 0.5, 1.0),
        _scaled_by_hand("a scaled gradient", [1, -2], [1, 2], 0.25, 8.0),
        _scaled_by_hand(
            "an update 10,000 times smaller than its weight", [1, -3], [0.5, 0.25], 2.0**-12, 1.0
        ),
        _scaled_by_hand("a gradient that float16 alone could not hold", [0, 0], [0.25, -0.5], 0.5, 2.0**24),
        _scaled_by_hand("a layer of weights", [[0.3, -0.2], [0.1, 0.7]], [[8, -4], [2, 1]], 0.1, 1024.0),
        _scaled_by_hand("large, and finite", [1, -1], [60_000, 40_000], 2.0**-6, 1024.0),
        _scaled_by_hand("one number of the gradient is inf", [1, 1], [np.inf, 1], 0.5, 1024.0),
        _scaled_by_hand("one number of the gradient is -inf", [1, 1], [1, -np.inf], 0.5, 1024.0),
        _scaled_by_hand("one number of the gradient is NaN", [1, 2], [1, np.nan], 0.5, 1.0),
    ),
    mistakes=(
        unscale_in_float16,
        keep_weights_in_float16,
        forget_to_unscale,
        scale_twice,
        step_over_the_cliff,
        skip_single_numbers,
        replace_and_step,
        replace_wide_and_step,
        clip_and_step,
        skip_on_nan_alone,
        skip_on_inf_alone,
        ask_the_sum,
        skip_to_zero,
        keep_the_rate_in_float16,
        round_the_weights_first,
        step_uphill,
    ),
    hints=(
        "Three numbers are narrow in the starter: the gradient, the weights and the learning rate. Which of them "
        "arrives in float16, and which does the starter make so?",
        "Widen the gradient before the scale comes off, and leave the weights in float32. Then ask what a gradient "
        "of inf should do to them.",
        "`if not np.all(np.isfinite(gradient)): return weights`, else subtract "
        "`lr * gradient.astype(np.float32) / loss_scale`.",
    ),
    model_answer=my_step,
    why="The gradient is float16 only on the way here. The scale comes off in float32, the weights take the update in "
    "float32, and a step with inf or NaN is left out: its scale was too large.",
    variants=(_in_two_names, _fold_the_factors, _in_float64),
    must_fail=(
        _subtract_in_float16,
        _in_bfloat16,
    ),
)
