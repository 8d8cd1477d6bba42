"""Exercises of lesson 08: what changes with 16 or 8 bits?"""

from functools import partial

import numpy as np

from course_utils import accumulators, floats, integers, shifted
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import mistake

slip = partial(mistake, quantity="softmax", widget="accumulator")


# --- what_is_left --------------------------------------------------------------------------------------

STEPS = ("add one by one", "np.sum", "a p in bfloat16", "all p stored", "mask with -10,000")


def _comes_out(step, fmt, n):
    """What each step really gives."""
    ones = floats.store(np.ones(n), fmt)
    if step == "add one by one":
        return float(accumulators.running(ones)[-1])
    if step == "np.sum":
        with np.errstate(over="ignore"):
            return float(np.sum(ones))
    if step == "a p in bfloat16":
        return float(shifted.softmax(0 * ones)[0])
    if step == "all p stored":
        return float(floats.store(np.full(n, 1 / n), fmt).astype(np.float64).sum())
    masked = floats.store([3, 5], fmt) + floats.store(-10_000, fmt)
    return float(shifted.softmax(masked)[0])


def _on_paper(step, fmt, n):
    if step in ("add one by one", "np.sum"):
        return n
    return {"a p in bfloat16": 1 / n, "all p stored": 1, "mask with -10,000": shifted.softmax([3.0, 5.0])[0]}[step]


def _what_is_left():
    return [256, np.inf, 1 / 256, 1000 / 512, 0, 0.5]


@slip(
    fails_on=("add one by one", "bfloat16", 1000),
    belief="A sum of ones counts them.",
    diagnosis="You wrote what is right on paper. Each step rounds to its format, and a rounding can take all of "
    "what a step adds.",
    step="Every line: a total, a probability, a masked score is stored before it is used.",
    change="Ask for each line: what is the spacing of the format at this number, and is the term below half of it?",
)
def trust_the_paper(step, fmt, n):
    return _on_paper(step, fmt, n)


@slip(
    fails_on=("add one by one", "bfloat16", 1000),
    belief="bfloat16 has 7 bits of fraction, so it counts to 2^7.",
    diagnosis="You counted the stored bits. In front of the fraction stands a 1 that is not stored: a number has "
    "one bit more, and whole numbers are exact to 2^8 = 256.",
    step="2^7, the bits of the fraction.",
    change="Count to 2^(fraction bits + 1): 256 in bfloat16, 2,048 in float16.",
)
def forget_the_hidden_bit(step, fmt, n):
    return {"add one by one": 128, "a p in bfloat16": 1 / 128}.get(step, _comes_out(step, fmt, n))


@slip(
    fails_on=("np.sum", "float16", 70_000),
    belief="Every float16 sum stalls at 2,048.",
    diagnosis="You let `np.sum` stall. For float16 NumPy adds up in float32, so the total arrives whole. "
    "Then it is stored in float16, whose largest number is 65,504.",
    step="The total of 70,000 on its way back into float16.",
    change="Ask whether the total itself fits the format.",
)
def stall_inside_numpy(step, fmt, n):
    return 2048 if step == "np.sum" else _comes_out(step, fmt, n)


@slip(
    fails_on=("np.sum", "float16", 70_000),
    belief="A number that is too large is held at the largest number.",
    diagnosis="You held the total at 65,504. Rounding to a float does not stop there: from 65,520 on the nearest "
    "float16 is inf.",
    step="70,000 stored in float16.",
    change="Too large for a float is inf; codes of integers are what is held at the end.",
)
def hold_at_the_largest(step, fmt, n):
    return 65504 if step == "np.sum" else _comes_out(step, fmt, n)


@slip(
    fails_on=("all p stored", "float8_e4m3fn", 1000),
    belief="A p below the smallest number is stored as 0.",
    diagnosis="You stored 1/1000 as 0. The smallest number of float8_e4m3fn is 1/512, and storing rounds to the "
    "nearest: above half of it, 1/1024, a p becomes 1/512.",
    step="1/1000 lies above 1/1024.",
    change="A number is lost below half of the smallest one. Above, it is rounded up.",
)
def cut_instead_of_round(step, fmt, n):
    return 0 if step == "all p stored" else _comes_out(step, fmt, n)


@slip(
    fails_on=("mask with -10,000", "bfloat16", 2),
    belief="Adding the same number to every score changes nothing.",
    diagnosis="You used the shift that cancels on paper. Near 10,000 the neighbours of bfloat16 are 64 apart: 3 and 5 "
    "are rounded away before softmax sees them.",
    step="`scores + -10,000`, stored in bfloat16.",
    change="Look at the spacing at the mask, not at the scores.",
)
def shift_by_the_mask(step, fmt, n):
    return _on_paper(step, fmt, n) if step == "mask with -10,000" else _comes_out(step, fmt, n)


what_is_left = Exercise(
    key="08.what_is_left",
    kind="predict",
    objective="predict what a narrow sum, mask or store leaves of a softmax that has its shift",
    minutes=6,
    difficulty=2,
    truth=_comes_out,
    cases=(
        case("1,000 ones, added one by one in bfloat16", "add one by one", "bfloat16", 1000, dtype=None),
        case("np.sum of 70,000 ones in float16", "np.sum", "float16", 70_000, dtype=None),
        case("one p of 1,000 equal logits, all in bfloat16", "a p in bfloat16", "bfloat16", 1000, dtype=None),
        case("1,000 times 1/1000, stored in e4m3", "all p stored", "float8_e4m3fn", 1000, dtype=None),
        case("1,100 times 1/1100, stored in e4m3", "all p stored", "float8_e4m3fn", 1100, dtype=None),
        case("two scores and a mask in bfloat16", "mask with -10,000", "bfloat16", 2, dtype=None),
    ),
    mistakes=(
        trust_the_paper,
        forget_the_hidden_bit,
        stall_inside_numpy,
        hold_at_the_largest,
        cut_instead_of_round,
        shift_by_the_mask,
    ),
    hints=(
        "Three things can happen to a number that is stored: it is rounded, it is too small, it is too large. Which "
        "of them happens on this line?",
        "A total stalls at 2^(fraction bits + 1), where its neighbours are 2 apart. A p is lost below half of the "
        "smallest number. A sum of scores is rounded to the spacing at the mask.",
        "bfloat16 has 7 fraction bits and is spaced 64 near 10,000; float16 ends at 65,504; the smallest "
        "float8_e4m3fn is 1/512.",
    ),
    model_answer=_what_is_left,
    why="Each line stores a number: ask for the spacing there, the smallest number and the largest one.",
    variants=(
        lambda: [256.0, float("inf"), 0.0039, 1.95, 0.0, 0.5],
        lambda: np.array([256, np.inf, 0.00391, 1.953, 0, 0.5]),
        lambda: (2**8, np.inf, 2.0**-8, 1000 * 2.0**-9, 0, 1 / 2),
    ),
    must_fail=(
        lambda: [256, 70_000, 1 / 256, 1.95, 0, 0.5],
        (lambda: [256, 2048, 1 / 256, 1.95, 0, 0.5], "stall_inside_numpy"),
        lambda: [256, np.inf, 1 / 256, 1.95, 0, np.nan],
        lambda: [2048, np.inf, 1 / 2048, 1.95, 0, 0.5],
    ),
)


# --- both_diseases -------------------------------------------------------------------------------------


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
    widget="",
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
    widget="",
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
    widget="",
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
    widget="",
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
    widget="",
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
    widget="",
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
    widget="",
    belief="inf stands for a very large gradient.",
    diagnosis="You replaced inf by the largest number and took that step. It is as invented as any other number.",
    step="`np.nan_to_num`, or a clip: both turn inf into a number.",
    change="Return the weights as they came.",
)
def replace_and_step(weights, gradient, lr, loss_scale):
    return weights - lr * np.nan_to_num(gradient).astype(np.float32) / loss_scale


def _subtract_in_float16(weights, gradient, lr, loss_scale):
    if not np.all(np.isfinite(gradient)):
        return weights
    move = (lr * gradient.astype(np.float32) / loss_scale).astype(np.float16)
    return weights - move.astype(np.float32)


def _skip_on_nan_alone(weights, gradient, lr, loss_scale):
    if np.isnan(gradient).any():
        return weights
    return weights - lr * gradient.astype(np.float32) / loss_scale


def _skip_to_zero(weights, gradient, lr, loss_scale):
    if not np.all(np.isfinite(gradient)):
        return np.zeros_like(weights)
    return my_step(weights, gradient, lr, loss_scale)


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
        _scaled_by_hand("an update 10,000 times smaller than its weight", [1, -3], [0.5, 0.25], 2.0**-12, 1.0),
        _scaled_by_hand("a gradient that float16 alone could not hold", [0, 0], [0.25, -0.5], 0.5, 2.0**24),
        _scaled_by_hand("a layer of weights", [[0.3, -0.2], [0.1, 0.7]], [[8, -4], [2, 1]], 0.1, 1024.0),
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
        (_skip_on_nan_alone, "step_over_the_cliff"),
        _skip_to_zero,
        _in_bfloat16,
    ),
)


# --- lost_order ----------------------------------------------------------------------------------------

SCALE = 1 / 64


def device_class(codes):
    """The class that a device reports: the first with the largest int8 probability."""
    return np.argmax(integers.softmax(codes, SCALE))


def _true_class(codes):
    return np.argmax(codes)


def _few_codes_with_a_winner(codes):
    if codes.ndim != 1 or not 2 <= codes.size <= 8:
        return f"Give one row of 2 to 8 codes; this input has shape {codes.shape}."
    if np.any(codes != np.rint(codes)) or np.any(np.abs(codes + 0.5) > 127.5):
        return "Codes are whole numbers from -128 to 127."
    if np.sum(codes == codes.max()) > 1:
        return "The largest code must stand alone, or there is no order to lose."
    return ""


def _tied(codes):
    p = integers.softmax(codes, SCALE)
    return np.sum(p == p.max()) > 1


@slip(
    fails_on=(np.array([0.0, 40]),),
    widget="",
    belief="A large gap overflows the integers.",
    diagnosis="Your winner is far ahead. An int8 softmax holds it at 255/256 and reports it rightly. It is close "
    "codes that it cannot tell apart.",
    step="The largest code is more than 3 above the next.",
    change="Bring the largest code next to the others.",
)
def far_ahead(codes):
    first, second = np.sort(codes)[[-1, -2]]
    return first - second > 3


@slip(
    fails_on=(np.array([1.0, 0, 0, 0, 0, 0]),),
    widget="",
    belief="Any tie shows it.",
    diagnosis="You found a tie, and the device was lucky: of equal outputs argmax takes the first, and your winner "
    "stands there.",
    step="The place of the largest code.",
    change="Move it to another place.",
)
def winner_stands_first(codes):
    return np.sum(codes == codes.max()) == 1 and np.argmax(codes) == 0 and _tied(codes)


@slip(
    fails_on=(np.array([0.0, 0, 1]),),
    widget="",
    belief="Two close codes are enough.",
    diagnosis="Your codes are close, and the outputs still differ. With few classes each p is large, and a step of "
    "the code moves it by more than half a step of the output.",
    step="One step of the code moves p by p / 64; a step of the output is 1/256.",
    change="Make p smaller: more classes that share it.",
)
def too_few_to_share(codes):
    return np.sum(codes == codes.max()) == 1 and not _tied(codes)


lost_order = Exercise(
    key="08.lost_order",
    kind="break",
    objective="find codes whose order an 8-bit softmax loses",
    minutes=5,
    difficulty=2,
    truth=_true_class,
    subject=device_class,
    limits=_few_codes_with_a_winner,
    cases=(case("two codes, far apart", [0, 40]),),
    mistakes=(far_ahead, winner_stands_first, too_few_to_share),
    hints=(
        "The output has steps of 1/256. How far apart may two probabilities be and still be stored as one?",
        "A step of one code changes p by about p / 64. For that to be lost p must be small, so many classes must "
        "share. And mind which of two equal outputs argmax takes.",
        "All codes 0 but the last one, which is 1. How many of them do you need?",
    ),
    model_answer=lambda: [0, 0, 0, 0, 0, 1],
    why="Six classes share: each p is near 1/6, and one step of the code moves it by 1/384, less than a step of the "
    "output. Both are stored as 43/256, and argmax takes the first.",
    variants=(
        lambda: [0, 0, 0, 0, 0, 0, 0, 1],
        lambda: np.int8([-100, -100, -100, -100, -99, -100]),
        lambda: np.array([126.0, 127, 126, 126, 126, 126]),
    ),
    must_fail=(
        (lambda: [0, 0, 0, 0, 0, 0], ""),
        lambda: [0, 0.5, 1],
        lambda: [127] + [126] * 5,
        lambda: [-200, 0],
        lambda: [-128, 127],
    ),
)
