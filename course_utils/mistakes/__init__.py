"""The catalogue of wrong softmaxes, losses and gradients: each one runs, and fails on an input it names.

`MISTAKES` holds them all by key. `MISTAKES["shift_by_mean"].gives()` is what it answers on its own
`fails_on`; `.truth(reference)` is the right answer there, computed when asked. `DISGUISED` holds those of lesson 11.
"""

from course_utils.mistakes import (
    formats,
    gradient,
    log_domain,
    loss,
    masks,
    options,
    shift,
    softmax,
    streaming,
)
from course_utils.mistakes.core import QUANTITIES, Mistake, mistake
from course_utils.mistakes.disguises import DISGUISED

__all__ = ["DISGUISED", "MISTAKES", "QUANTITIES", "Mistake", "mistake"]

MISTAKES = {
    value.key: value
    for module in (softmax, shift, formats, log_domain, loss, gradient, streaming, masks, options)
    for value in vars(module).values()
    if isinstance(value, Mistake)
}
