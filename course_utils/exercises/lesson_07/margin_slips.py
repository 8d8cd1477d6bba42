"""What goes wrong when somebody computes the margin at which a format stops a run: the mistakes of 07.margin."""

from functools import partial

import numpy as np

from course_utils.mistakes import mistake

slip = partial(mistake, quantity="margin", widget="loss")
_ONE = (np.array([2.0**-24]), 9)


@slip(
    fails_on=_ONE,
    belief="Only the best rival counts.",
    diagnosis="You found the margin for one rival. The sum holds all of them: nine rivals of e^-m each add nine "
    "times as "
    "much, so they are rounded away later.",
    step="`np.log(1 / roundoff)`: the number of rivals is missing.",
    change="Ask when rivals * e^-m falls to the roundoff.",
)
def forget_the_rivals(roundoff, rivals):
    return np.log(1 / roundoff)


@slip(
    fails_on=_ONE,
    belief="More rivals end it sooner.",
    diagnosis="You divided by the number of rivals. More rivals make the rest of the sum larger, and it takes a larger "
    "margin to lose it.",
    step="`1 / (rivals * roundoff)`.",
    change="Multiply: rivals / roundoff.",
)
def divide_by_the_rivals(roundoff, rivals):
    return np.log(1 / (rivals * roundoff))


@slip(
    fails_on=_ONE,
    belief="The format has 24 bits, so the margin is 24.",
    diagnosis="You counted in powers of 2. A logit counts in powers of e: e^-m, not 2^-m.",
    step="`np.log2`.",
    change="Use the natural logarithm.",
)
def count_in_bits(roundoff, rivals):
    return np.log2(rivals / roundoff)


@slip(
    fails_on=_ONE,
    belief="Seven digits make a margin of 7.",
    diagnosis="You counted in powers of 10. A logit counts in powers of e.",
    step="`np.log10`.",
    change="Use the natural logarithm.",
)
def count_in_digits(roundoff, rivals):
    return np.log10(rivals / roundoff)


@slip(
    fails_on=_ONE,
    belief="The log of the roundoff is the margin.",
    diagnosis="Your margin is negative: the target would be behind. e^-m = u gives m = -ln u.",
    step="The sign of the logarithm.",
    change="Turn the fraction round: ln(rivals / roundoff).",
)
def forget_the_sign(roundoff, rivals):
    return np.log(roundoff / rivals)


@slip(
    fails_on=_ONE,
    belief="The margin ends where exp becomes 0.",
    diagnosis="You found the margin at which e^-m itself underflows. It is rounded away much earlier, when it "
    "is *added* to "
    "1: near 1 the format's steps are as wide as the roundoff.",
    step="The smallest number of the format instead of its roundoff.",
    change="Compare rivals * e^-m with the roundoff.",
)
def wait_for_underflow(roundoff, rivals):
    return np.full(np.shape(roundoff), 103.972)


@slip(
    fails_on=_ONE,
    belief="Each rival adds to the margin.",
    diagnosis="You multiplied the margin by the number of rivals. They multiply the *sum* of the terms, e^-m each, and "
    "a factor inside a logarithm is added.",
    step="`rivals * np.log(1 / roundoff)`.",
    change="Take the rivals into the logarithm: ln(rivals / roundoff).",
)
def multiply_the_margin(roundoff, rivals):
    return rivals * np.log(1 / roundoff)


@slip(
    fails_on=_ONE,
    belief="The spacing at 1 is what a term must reach.",
    diagnosis="Your margins are too small by ln 2, 0.69. The roundoff is already half of the spacing at 1, and a term "
    "that is no larger than that is rounded away.",
    step="`2 * roundoff`.",
    change="Compare rivals * e^-m with the roundoff itself.",
)
def compare_with_the_spacing(roundoff, rivals):
    return np.log(rivals / (2 * roundoff))


@slip(
    fails_on=_ONE,
    belief="Half of the roundoff is the threshold.",
    diagnosis="Your margins are too large by ln 2, 0.69. The roundoff is half of the spacing at 1; you halved it "
    "again.",
    step="`roundoff / 2`.",
    change="Compare rivals * e^-m with the roundoff itself.",
)
def halve_the_roundoff(roundoff, rivals):
    return np.log(2 * rivals / roundoff)
