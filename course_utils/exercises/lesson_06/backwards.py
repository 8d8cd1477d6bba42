"""What a loss sends backwards, step by step."""

import math
from functools import partial

import numpy as np

from course_utils import naive, pipeline, reference
from course_utils.exercises.core import Exercise, case
from course_utils.mistakes import mistake

slip = partial(mistake, quantity="gradient", widget="loss")


def _at_target(logits, path):
    """What reaches the logit of the target, class 0."""
    if path == "naive":
        with np.errstate(all="ignore"):
            return float(naive.cross_entropy_with_grad(logits[None], np.array([0]))[1][0, 0])
    return float(pipeline.loss_path(path, logits[None], np.array([0]), eps=1e-7)[1][0, 0])


def _what_comes_back():
    return [np.nan, -1, np.nan, 0, -1, 0]


@slip(
    fails_on=(np.float32([0, 95]), "log(softmax)"),
    belief="What is right on paper comes back.",
    diagnosis="You wrote the true gradients. They are what should come back; each way of writing the loss "
    "has its own step that can fail.",
    step="`exp`, `1/p`, the clip and `p - 1`: each of them lies on some line's way.",
    change="Go backwards one step at a time: log, then clip, then softmax.",
)
def expect_the_truth(logits, path):
    truth = float(reference.cross_entropy_with_grad(logits[None], np.array([0]))[1][0, 0])
    return truth if abs(truth) > 1e-30 else 0.0  # on paper people write 0 for -2e-39


@slip(
    fails_on=(np.float32([0, 95]), "log(softmax)"),
    belief="As long as p is not 0, its log and its slope are fine.",
    diagnosis="At a gap of 95 p is 6e-42: not 0, and its log is an ordinary number. But 1/p is 2e41, past "
    "the end of float32. The way back fails before the way forward does.",
    step="`-1 / p` overflows once p is below 2.9e-39.",
    change="Compare 1/p with float32's largest number, 3.4e38.",
)
def expect_the_log_to_hold(logits, path):
    return -1.0 if path == "log(softmax)" else _at_target(logits, path)


@slip(
    fails_on=(np.float32([0, 50]), "clip p"),
    belief="A clip changes the loss and lets the gradient pass.",
    diagnosis="You let the gradient pass through the clip. Where the clip acts the loss is flat, and the "
    "slope of something flat is 0.",
    step="`np.clip(p, 1e-7, 1)`: p is 2e-22 here, so the clip returns 1e-7 whatever p does.",
    change="Ask whether the loss would change if p changed a little. If not, the gradient is 0.",
)
def expect_the_clip_to_pass(logits, path):
    return -1.0 if path == "clip p" else _at_target(logits, path)


@slip(
    fails_on=(np.float32([20, 0]), "log_softmax"),
    belief="p - 1 has as many digits as p.",
    diagnosis="You gave the true gradient of a confident row. p = 1 - 2e-9 is stored as 1 in float32, and 1 "
    "- 1 is 0.",
    step="`p - 1`: the difference of two equal stored numbers.",
    change="Store p first, then subtract.",
)
def expect_the_last_digits(logits, path):
    ahead = path == "log_softmax" and logits[0] > logits[1]
    return expect_the_truth(logits, path) if ahead else _at_target(logits, path)


@slip(
    fails_on=(np.float32([0, 50]), "log(softmax)"),
    belief="Where p is lost, nothing comes back.",
    diagnosis="You let nothing come back. Where the model is confidently wrong the loss is steep, and on "
    "paper the gradient is close to -1; a 0 comes only where a clip is flat or p is stored as 1.",
    step="A tiny p is no tiny gradient: 1/p is huge, and the product of the two is 1.",
    change="Go backwards one step at a time, and ask for each factor.",
)
def expect_nothing(logits, path):
    return 0.0


@slip(
    fails_on=(np.float32([89, 0]), "naive"),
    belief="The target is far ahead, so p is 1 and p - 1 is 0.",
    diagnosis="On paper p is 1 there. But e^89 is past float32's end, 3.4e38: exp gives inf, and inf / inf "
    "is NaN.",
    step="`np.exp(89)` in float32.",
    change="Compare each logit with 88.7 before you ask for p.",
)
def expect_exp_to_hold(logits, path):
    return 0.0 if path == "naive" else _at_target(logits, path)


@slip(
    fails_on=(np.float32([0, 95]), "log_softmax"),
    belief="A gap of 95 breaks each way.",
    diagnosis="You let log-softmax fail as well. It never takes 1/p: its gradient is softmax minus one-hot, "
    "and a p of 6e-42 minus 1 is -1.",
    step="There is no `1 / p` on this way.",
    change="Write its gradient down: p - 1 at the target.",
)
def expect_log_softmax_to_fail(logits, path):
    return np.nan if path == "log_softmax" and logits[1] > logits[0] else _at_target(logits, path)


@slip(
    fails_on=(np.float32([20, 0]), "log_softmax"),
    belief="Log-softmax always sends -1 to the target.",
    diagnosis="You sent a full -1 back although the target is ahead by 20. The gradient is p - 1, and here "
    "p is stored as 1.",
    step="`p - 1` with p = 1.",
    change="Ask who is ahead first: -1 comes back only where p vanishes.",
)
def expect_a_full_step(logits, path):
    return -1.0 if path == "log_softmax" else _at_target(logits, path)


@slip(
    fails_on=(np.float32([0, 50]), "log(softmax)"),
    belief="1/p overflows wherever p is tiny.",
    diagnosis="You ended the gap of 50 in NaN. There p is 2e-22 and 1/p is 5e21: a large number, and far "
    "from float32's end of 3.4e38.",
    step="`-1 / p` is finite for any gap below 88.",
    change="Compare 1/p, about e^gap, with 3.4e38.",
)
def expect_the_log_to_fail_early(logits, path):
    return np.nan if path == "log(softmax)" else _at_target(logits, path)


@slip(
    fails_on=(np.float32([0, 50]), "log(softmax)"),
    belief="Minus the gradient is what moves the logit.",
    diagnosis="Your signs are turned: you wrote how the logit moves. The gradient points to where the loss "
    "rises, and at the target that is down: -1.",
    step="`y - p` instead of `p - y`.",
    change="Turn the signs.",
)
def expect_the_step_itself(logits, path):
    return -_at_target(logits, path)


what_comes_back = Exercise(
    key="06.what_comes_back",
    kind="predict",
    objective="predict what a loss sends backwards, step by step",
    minutes=6,
    difficulty=2,
    truth=_at_target,
    cases=(
        case("naive softmax, overflow", [89, 0], "naive", dtype="float32"),
        case("-log(p), gap 50", [0, 50], "log(softmax)", dtype="float32"),
        case("-log(p), gap 95", [0, 95], "log(softmax)", dtype="float32"),
        case("clip, gap 50", [0, 50], "clip p", dtype="float32"),
        case("log-softmax, gap 95", [0, 95], "log_softmax", dtype="float32"),
        case("log-softmax, target ahead by 20", [20, 0], "log_softmax", dtype="float32"),
    ),
    mistakes=(
        expect_the_truth,
        expect_the_log_to_hold,
        expect_the_clip_to_pass,
        expect_the_last_digits,
        expect_exp_to_hold,
        expect_log_softmax_to_fail,
        expect_a_full_step,
        expect_the_log_to_fail_early,
        expect_the_step_itself,
        expect_nothing,
    ),
    digits=2,
    hints=(
        "For each line ask: is p a number? is 1/p a number? does a clip act? is p stored as 1?",
        "float32 ends at 3.4e38, which is e^88.7. e^50 fits, e^95 does not. Past the clip the slope is 0.",
        "NaN where exp or 1/p overflows; 0 where a clip acts or p is stored as 1; otherwise p - 1.",
    ),
    model_answer=_what_comes_back,
    why="Follow one line at a time. An overflow, in exp or in 1/p, ends in NaN. A clip that acts is flat, "
    "and a p stored as 1 leaves nothing: 0. Where neither happens, p - 1 comes back, and a vanishing p "
    "makes that -1.",
    variants=(
        lambda: np.array([np.nan, -1, np.nan, 0, -1, 0]),
        lambda: (float("nan"), -1.0, math.nan, 0.0, -1.0, -0.0),
        lambda: ["nan", "-1", "nan", "0", "-1", "0"],
        lambda: np.float32([np.nan, -1, np.nan, 0, -1, 0]),
        lambda: [np.nan, -0.999, -np.nan, 0, -1.001, 0],
    ),
    must_fail=(
        (lambda: [0, 0, 0, 0, 0, 0], "expect_nothing"),
        lambda: [-1, -1, -1, -1, -1, -1],
        (lambda: [0, -1, np.nan, 0, -1, 0], "expect_exp_to_hold"),
        (lambda: [np.nan, -1, -1, 0, -1, 0], "expect_the_log_to_hold"),
        (lambda: [np.nan, -1, np.nan, -1, -1, 0], "expect_the_clip_to_pass"),
        (lambda: [np.nan, np.nan, np.nan, 0, -1, 0], "expect_the_log_to_fail_early"),
        (lambda: [np.nan, -1, np.nan, 0, np.nan, 0], "expect_log_softmax_to_fail"),
        (lambda: [np.nan, -1, np.nan, 0, -1, -1], "expect_a_full_step"),
        (lambda: [np.nan, 1, np.nan, 0, 1, 0], "expect_the_step_itself"),
        (lambda: [np.nan, -1, np.nan, 0, -1, -2.06e-9], "expect_the_last_digits"),
        lambda: [np.nan] * 6,
        lambda: [np.inf, -1, np.inf, 0, -1, 0],
        lambda: [np.nan, -1, np.nan, 1e-7, -1, 0],
        lambda: [np.nan, -1, np.nan, 0, -1],
        lambda: [[np.nan, -1, np.nan, 0, -1, 0]],
        lambda: 0,
        lambda: "nan -1 nan 0 -1 0",
    ),
)
